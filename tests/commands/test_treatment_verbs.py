"""The verbs train, evaluate and treatment of system 2, as a user calls them."""

from __future__ import annotations

import json

import pytest
from treatment_folders import write_clinical_folder

from hccsurv_core.__main__ import main

RECORD = {
    "age_years": 61, "albumin_g_l": 38, "bilirubin_umol_l": 15, "inr": 1.1, "ascites": "none",
    "encephalopathy": "none", "platelets_10e9_l": 140, "afp_ng_ml": 250, "tumor_diameter_mm": 43,
    "tumor_number": 1, "tumor_location": "central", "macrovascular_invasion": 0, "cirrhosis": 1,
    "extrahepatic_spread": 0, "ecog": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_clinical_folder(tmp_path_factory.mktemp("cohort") / "treatment", 300, 7)


@pytest.fixture(scope="module")
def bundle(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("bundles") / "b"
    settings = place.with_name("settings.json")
    settings.write_text('{"n_rounds": 1}')
    answer = place.with_name("answer.json")
    arguments = ["train", "treatment", str(folder), "--out", str(place), "--seed", "2"]
    assert main([*arguments, "--settings", str(settings), "--json", str(answer)]) == 0
    found = json.loads(answer.read_text())
    assert found["simulated"] is True
    assert found["n"] == sum(arm["n"] for arm in found["arms"].values())
    return place


def answered(capsys, *arguments):
    """The JSON object that a verb prints."""
    assert main([*arguments, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *arguments):
    """The one line that a verb refuses with."""
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    (line,) = [t for t in captured.err.splitlines() if t.startswith("error: ")]
    return line


def test_a_case_is_answered_with_curves_difference_overlap_and_reasons(bundle, tmp_path, capsys):
    case = tmp_path / "case.json"
    case.write_text(json.dumps(RECORD))
    found = answered(capsys, "treatment", str(bundle), str(case))
    assert found["recommendation"] in ("hepatectomy", "tace", "none")
    assert found["reasons"]
    assert found["reasons"][0]["text"]
    assert set(found["arms"]) == {"hepatectomy", "tace"}
    assert found["overlap"]["sentence"]
    assert (
        found["difference"]["rmst_months"]["ci_low"] < found["difference"]["rmst_months"]["ci_high"]
    )
    assert found["model"]["simulated"] is True
    assert found["scores"]["bclc"]["code"] == "A"
    in_folder = answered(capsys, "treatment", str(bundle), str(tmp_path))
    assert in_folder["difference"] == found["difference"]


def test_a_patient_of_a_cohort_is_answered_as_in_words(bundle, folder, capsys):
    found = answered(capsys, "treatment", str(bundle), str(folder), "--patient", "T00009")
    assert main(["treatment", str(bundle), str(folder), "--patient", "T00009"]) == 0
    text = capsys.readouterr().out
    expected = {"none": "no recommendation", "tace": "TACE"}.get(
        found["recommendation"], found["recommendation"]
    )
    assert text.startswith(f"T00009: {expected}")
    assert "simulated patients" in text
    assert "not randomized" in text


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"albumin_gl": 38}, "'albumin_gl' is no clinical value"),
        ({"albumin_g_l": 3.8}, "Albumin: 3.8 g/L is not possible"),
        ({"sex": "x"}, "case.json: sex"),
        ([1], "holds no JSON object"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_with_its_name(
    bundle, tmp_path, capsys, record, message
):
    (tmp_path / "case.json").write_text(json.dumps(record))
    line = refused(capsys, "treatment", str(bundle), str(tmp_path))
    assert message in line
    assert "case.json" in line


def test_a_folder_without_a_patient_says_what_to_put_there(bundle, tmp_path, capsys):
    assert "write what is known into case.json" in refused(
        capsys, "treatment", str(bundle), str(tmp_path)
    )
    assert "is not there" in refused(capsys, "treatment", str(bundle), str(tmp_path / "no"))


def test_a_cohort_of_several_asks_for_the_patient(bundle, folder, capsys):
    assert "give --patient, for example T00001" in refused(
        capsys, "treatment", str(bundle), str(folder)
    )
    assert "no patient 'X'" in refused(
        capsys, "treatment", str(bundle), str(folder), "--patient", "X"
    )


def test_evaluate_tells_metrics_events_and_the_truth(bundle, folder, capsys):
    found = answered(capsys, "evaluate", str(bundle), str(folder), "--split", "test")
    assert found["metrics"]["c_index"]["ci_low"] < found["metrics"]["c_index"]["value"]
    assert found["n_events"] > 0
    assert set(found["truth"]["share_of_margin"]) == {"hepatectomy", "tace"}
    assert found["warnings"] == []


def test_patients_who_were_learned_from_are_told_of_and_can_be_left_out(bundle, folder, capsys):
    found = answered(capsys, "evaluate", str(bundle), str(folder))
    assert "have the names of training patients" in found["warnings"][0]
    unseen = answered(capsys, "evaluate", str(bundle), str(folder), "--unseen")
    assert unseen["n"] < found["n"]
    assert unseen["warnings"] == []


def test_what_cannot_be_trained_on_is_refused(folder, tmp_path, capsys):
    out = ("--out", str(tmp_path / "b"))
    assert "is not there" in refused(capsys, "train", "treatment", str(tmp_path / "x"), *out)
    table = tmp_path / "t.csv"
    table.write_text("a,b\n1,2\n")
    assert "there is no column treatment" in refused(capsys, "train", "treatment", str(table), *out)
    assert "learns from a cohort folder or a clinical table" in refused(
        capsys, "train", "treatment", "--features-table", str(table), *out
    )
    settings = tmp_path / "s.json"
    settings.write_text('{"n_fold": 3}')
    assert "no setting is called 'n_fold'" in refused(
        capsys, "train", "treatment", str(folder), *out, "--settings", str(settings)
    )


def test_a_muscle_bundle_gives_no_treatment_answer(tmp_path, capsys):
    from hccsurv_core.models.store import write_bundle

    write_bundle(tmp_path / "m", system="muscle", description={}, tensors={}, card="x")
    line = refused(capsys, "treatment", str(tmp_path / "m"), str(tmp_path))
    assert "holds a model of system muscle, not treatment" in line


def test_predict_points_to_the_verb_treatment(bundle, tmp_path, capsys):
    line = refused(capsys, "predict", str(bundle), str(tmp_path))
    assert "ask it with the verb treatment" in line
