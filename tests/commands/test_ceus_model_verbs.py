"""The verbs train, evaluate and predict of system 3, as a user calls them."""

from __future__ import annotations

import json

import pytest

from hccsurv_core.__main__ import main
from hccsurv_core.simulate.ceus.cohort import spec
from hccsurv_core.simulate.cohort_writer import write_simulated_cohort

RECORD = {
    "age_years": 61, "albumin_g_l": 38, "bilirubin_umol_l": 15, "afp_ng_ml": 250,
    "tumor_diameter_mm": 43, "tumor_number": 1, "cirrhosis": 1, "hbsag": 1, "alt_u_l": 40,
    "ast_u_l": 35, "microvascular_invasion": 0, "contrast_dynamic_range_db": 50,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Clinical values and outcomes of 500 patients, without pictures."""
    place = tmp_path_factory.mktemp("cohort") / "ceus"
    write_simulated_cohort(place, spec(), 500, seed=6, workers=1, images=False)
    return place


@pytest.fixture(scope="module")
def bundle(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("bundles") / "b"
    settings = place.with_name("settings.json")
    settings.write_text('{"n_rounds": 1}')
    answer = place.with_name("answer.json")
    arguments = ["train", "ceus", str(folder), "--out", str(place), "--seed", "2"]
    assert main([*arguments, "--settings", str(settings), "--json", str(answer)]) == 0
    found = json.loads(answer.read_text())
    assert found["simulated"] is True
    assert found["architecture"]["versions"] == ["clinical"]
    assert found["n_early"] < found["n_recurrences"]
    return place


def answered(capsys, *arguments):
    assert main([*arguments, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *arguments):
    assert main(list(arguments)) == 2
    (line,) = [t for t in capsys.readouterr().err.splitlines() if t.startswith("error: ")]
    return line


def test_a_case_is_answered_with_recurrence_survival_and_class(bundle, tmp_path, capsys):
    case = tmp_path / "patient-7"
    case.mkdir()
    (case / "case.json").write_text(json.dumps(RECORD))
    found = answered(capsys, "predict", str(bundle), str(case))
    assert found["patient_id"] == "patient-7"
    assert found["model"]["system"] == "ceus" and found["model"]["simulated"] is True
    early = found["early_recurrence_probability"]
    assert 0 < early["ci_low"] < early["value"] < early["ci_high"] < 1
    assert [s["horizon_months"] for s in found["survival"]] == [12, 36, 60]
    assert found["risk"]["class"] == found["class"]["number"] in (1, 2, 3, 4)
    assert found["risk"]["early_recurrence_probability"] == early["value"]
    assert sum(found["class"]["chances"].values()) == pytest.approx(1)
    assert {c["name"] for c in found["contributions"]} >= {"albi", "afp_ng_ml"}


def test_a_patient_of_a_cohort_folder(bundle, folder, capsys):
    found = answered(capsys, "predict", str(bundle), str(folder), "--patient", "CEUS-00003")
    assert found["patient_id"] == "CEUS-00003"
    assert "there is no patient 'nobody'" in refused(
        capsys, "predict", str(bundle), str(folder), "--patient", "nobody"
    )


def test_patients_not_learned_from_are_evaluated_with_event_counts(bundle, folder, capsys):
    found = answered(capsys, "evaluate", str(bundle), str(folder), "--unseen")
    assert found["system"] == "ceus" and found["version"] == "clinical"
    assert found["warnings"] == []
    area = found["metrics"]["early_recurrence_auc"]
    assert area["ci_low"] < area["value"] < area["ci_high"] and area["n_events"] > 10
    assert found["oracle"]["death"]["share_of_margin"]["clinical"] < 0.6
    assert sum(found["classes"]["counts"].values()) == found["n"]
    seen = answered(capsys, "evaluate", str(bundle), str(folder), "--split", "train")
    assert "have the names of training patients" in seen["warnings"][0]


def test_what_cannot_be_used_is_refused_by_name(bundle, folder, tmp_path, capsys):
    case = tmp_path / "case.json"
    case.write_text('{"contrast_dynamic_range_db": "high"}')
    assert "case.json: contrast_dynamic_range_db is 'high', not a number" in refused(
        capsys, "predict", str(bundle), str(case)
    )
    case.write_text('{"shoe_size": 43}')
    assert "case.json: clinical values: 'shoe_size' is no" in refused(
        capsys, "predict", str(bundle), str(case)
    )
    assert "--slice is not of system ceus" in refused(
        capsys, "predict", str(bundle), str(case), "--slice", "3"
    )
    assert "holds neither case.json nor cohort.json" in refused(
        capsys, "predict", str(bundle), str(tmp_path.parent)
    )
    assert "system ceus learns from a cohort folder" in refused(
        capsys, "train", "ceus", "--features-table", "t.csv", "--out", str(tmp_path / "o")
    )
