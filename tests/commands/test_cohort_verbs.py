"""train, evaluate and predict on a cohort folder and on a scan: what they answer, what they refuse."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hccsurv_core.__main__ import main
from hccsurv_core.cohort.folder import write_cohort
from hccsurv_core.errors import InputError
from hccsurv_core.simulate.cohort_writer import cohort_spec, draw_tables
from hccsurv_core.systems.muscle import cohort as cohorts
from hccsurv_core.systems.muscle.clinical_block import CLINICAL_NAMES
from hccsurv_core.systems.muscle.cohort_recipe import MEASURES

SEED = 5
N, N_DRAWN = 24, 4
SETTINGS = {
    "representation": "pca", "n_codes": 6, "head": "linear", "n_members": 2, "n_folds": 2,
    "n_repeats": 1, "fold_members": 1, "rivals": [],
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def no_radiomics(tmp_path_factory):
    """Everything but the 1343 features, which would take most of a minute."""
    patch = pytest.MonkeyPatch()
    patch.setattr(cohorts, "PRESET", None)
    patch.setenv("HCCSURV_DATA", str(tmp_path_factory.mktemp("data")))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """24 simulated patients who died; their images are four patients', in turn."""
    folder = tmp_path_factory.mktemp("verbs") / "study"
    spec = cohort_spec("muscle")
    table, truth = draw_tables(spec, 100, SEED)
    rows = np.flatnonzero(table["event"] == 1)[:N]
    assert len(rows) == N
    table, truth = table.iloc[rows].reset_index(drop=True), truth.iloc[rows]
    write_cohort(folder, table, spec.describe())
    truth.to_csv(folder / "truth.csv", index=False)
    ids = table["patient_id"].tolist()
    for k in range(N_DRAWN):
        spec.write_images(folder, SEED, int(rows[k]))
    for k, patient in enumerate(ids[N_DRAWN:]):
        for part in ("images", "rois"):
            shutil.copytree(folder / part / ids[k % N_DRAWN], folder / part / patient)
    return folder


def run(*arguments):
    return main([str(a) for a in arguments])


def ask(capsys, *arguments):
    assert run(*arguments, "--json", "-") == 0
    return json.loads(capsys.readouterr().out)


def refuse(capsys, *arguments):
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    line = captured.err.strip().splitlines()[-1]
    assert line.startswith("error: ")
    return line


@pytest.fixture(scope="module")
def trained(cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "settings.json").write_text(json.dumps(SETTINGS))
    assert (
        run(
            "train", "muscle", cohort, "--out", folder / "bundle", "--settings",
            folder / "settings.json", "--workers", 0, "--device", "cpu", "--json", folder / "a.json",
        )
        == 0
    )  # fmt: skip
    return folder


def test_train_says_whom_it_learned_from_and_how_they_were_scanned(trained):
    answer = json.loads((trained / "a.json").read_text())
    assert (answer["n"], answer["n_events"]) == (N, N)
    assert answer["simulated"] is True and answer["failures"] == []
    assert f"all {N} patients: split “train” has" in answer["learned_from"]
    described = json.loads((trained / "bundle" / "model.json").read_text())
    names = described["architecture"]["features"]
    assert set(names) == {*MEASURES, *CLINICAL_NAMES}
    low, high = described["scan"]["slice_mm"]
    assert 4.0 <= low <= high <= 5.0
    assert described["scan"]["n_slices"] == [5.0, 5.0]
    # The card names the study, not where it lay on this machine.
    assert described["training"]["source"] == "Simulated muscle cohort (study)"
    assert "Trained on simulated patients" in (trained / "bundle" / "card.md").read_text()


def test_evaluate_gives_parts_centers_the_oracle_and_a_report(trained, cohort, tmp_path, capsys):
    answer = ask(
        capsys, "evaluate", trained / "bundle", cohort, "--workers", 0, "--report", tmp_path / "r"
    )
    assert answer["metrics"]["c_index"]["n_events"] == N
    assert answer["metrics"]["c_index"]["ci_low"] < answer["metrics"]["c_index"]["ci_high"]
    by = answer["c_index_by"]
    assert sum(part["n"] for part in by["split"].values()) == N
    assert sum(part["n_trained_on"] for part in by["center"].values()) == N
    oracle, own = answer["oracle"], answer["metrics"]["c_index"]["value"]
    assert "simulated truth" in oracle["note"]
    assert oracle["share_of_margin"] == pytest.approx(
        (own - 0.5) / (oracle["c_index"]["value"] - 0.5)
    )
    assert answer["evaluation"]["simulated"] is True
    assert any("patients named like training patients" in w for w in answer["warnings"])
    assert (tmp_path / "r" / "evaluation.json").is_file()
    assert (tmp_path / "r" / "model_card.md").is_file()
    assert list((tmp_path / "r" / "figures").glob("*.png"))


def test_predict_one_patient_of_a_cohort_is_what_it_says_of_all(trained, cohort, capsys):
    one = ask(capsys, "predict", trained / "bundle", cohort, "--patient", first_id(cohort))
    assert one["model"]["simulated"] is True
    (patient,) = one["patients"]
    assert one["risk"]["risk_score"] == patient["risk_score"]
    assert one["survival"]["36"]["ci_low"] <= one["survival"]["36"]["value"]
    assert sum(c["log_hazard"] for c in patient["contributions"]) == pytest.approx(
        patient["risk_score"] - patient["baseline"]
    )
    whole = ask(capsys, "predict", trained / "bundle", cohort, "--workers", 0)
    assert len(whole["patients"]) == N
    assert whole["patients"][0]["risk_score"] == pytest.approx(patient["risk_score"], abs=1e-9)


def first_id(cohort: Path) -> str:
    return (cohort / "cohort.csv").read_text().splitlines()[1].split(",")[0]


def as_scan(cohort: Path, tmp_path: Path, record: dict | None) -> tuple[Path, Path]:
    patient = first_id(cohort)
    scan = tmp_path / "scan"
    shutil.copytree(cohort / "images" / patient / "l3_slab", scan)
    if record is not None:
        (scan / "case.json").write_text(json.dumps(record))
    return scan, cohort / "rois" / patient / "l3_slab_muscle.nii.gz"


def record_of(cohort: Path) -> dict:
    from hccsurv_core.cohort.clinical_values import BY_NAME
    from hccsurv_core.cohort.folder import read_cohort

    row = read_cohort(cohort).table.iloc[0].to_dict()
    known = {k: v for k, v in row.items() if v is not None and v == v}
    names = ("sex", "age_years", "height_m", "weight_kg", *BY_NAME)
    return {name: known[name] for name in names if name in known}


def test_a_scan_with_its_mask_and_record_is_the_same_patient(trained, cohort, tmp_path, capsys):
    scan, mask = as_scan(cohort, tmp_path, record_of(cohort))
    found = ask(capsys, "predict", trained / "bundle", scan, "--mask", mask)
    same = ask(capsys, "predict", trained / "bundle", cohort, "--patient", first_id(cohort))
    # The header's age and height are rounded; the record's are not, and they win.
    assert found["risk"]["risk_score"] == pytest.approx(same["risk"]["risk_score"], abs=1e-9)


def test_what_is_not_known_is_said(trained, cohort, tmp_path, capsys):
    scan, mask = as_scan(cohort, tmp_path, None)
    found = ask(capsys, "predict", trained / "bundle", scan, "--mask", mask)
    (patient,) = found["patients"]
    assert "AFP" in patient["missing"] and patient["n_missing"] > 3
    assert any("taken as in a typical training patient" in text for text in patient["warnings"])
    assert run("predict", trained / "bundle", scan, "--mask", mask) == 0
    shown = capsys.readouterr().out
    assert "simulated patients: this says nothing about a real one" in shown
    assert "Not a medical device" in shown


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"height_m": 172}, "case.json: height: 172 m is not between 0.5 and 2.6 m"),
        ({"afp": 12}, "case.json: 'afp' is no clinical value"),
        ({"age_years": "old"}, "case.json: age_years 'old' is not a number"),
        ([1], "case.json: holds no JSON object"),
    ],
)
def test_a_record_that_cannot_be_right_is_refused(trained, cohort, tmp_path, capsys, record, words):
    scan, mask = as_scan(cohort, tmp_path, record)
    assert words in refuse(capsys, "predict", trained / "bundle", scan, "--mask", mask)


def test_options_that_do_not_belong_are_refused(trained, cohort, tmp_path, capsys):
    scan, mask = as_scan(cohort, tmp_path, None)
    bundle = trained / "bundle"
    assert "there is no patient 'X1'" in refuse(
        capsys, "predict", bundle, cohort, "--patient", "X1"
    )
    assert "--mask is of a scan" in refuse(
        capsys, "predict", bundle, cohort, "--patient", first_id(cohort), "--mask", mask
    )
    assert "--patient is of a cohort" in refuse(
        capsys, "predict", bundle, scan, "--mask", mask, "--patient", "X"
    )
    assert "a cohort folder or --features-table is needed" in refuse(capsys, "predict", bundle)
    assert "there is no such file" in refuse(capsys, "predict", bundle, tmp_path / "nowhere")


def test_a_mask_whose_labels_nobody_names_is_refused(trained, cohort, tmp_path, capsys):
    import nibabel

    scan, mask = as_scan(cohort, tmp_path, None)
    image = nibabel.load(mask)
    voxels = np.asarray(image.dataobj).astype(np.uint8)
    voxels[voxels == 2] = 3
    wrong = tmp_path / "wrong.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels, image.affine), wrong)
    line = refuse(capsys, "predict", trained / "bundle", scan, "--mask", wrong)
    assert "wrong.nii.gz: has a label 3 that nothing names; label muscle without psoas 1" in line
    # As this package writes its own, the JSON beside it says what is what.
    names = {"labels": {"1": "muscle_without_psoas", "3": "psoas"}}
    (tmp_path / "wrong.json").write_text(json.dumps(names))
    found = ask(capsys, "predict", trained / "bundle", scan, "--mask", wrong)
    right = ask(capsys, "predict", trained / "bundle", scan, "--mask", mask)
    assert found["risk"] == right["risk"]


def test_patients_without_images_are_told_and_too_many_are_an_error(
    trained, cohort, tmp_path, capsys
):
    copy = tmp_path / "study"
    shutil.copytree(cohort, copy)
    (copy / "truth.csv").unlink()
    gone = sorted((copy / "images").iterdir())
    for folder in gone[:2]:
        shutil.rmtree(folder)
    assert run("evaluate", trained / "bundle", copy, "--workers", 0, "--json", "-") == 0
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert answer["n"] == N - 2
    assert "oracle" not in answer  # there is no truth to compare with
    assert [f["patient_id"] for f in answer["failures"]] == [f.name for f in gone[:2]]
    assert f"note: {gone[0].name}: " in captured.err
    shutil.rmtree(gone[2])
    line = refuse(capsys, "evaluate", trained / "bundle", copy, "--workers", 0)
    assert f"3 of {N} patients gave no features, more than 10 %" in line


def test_what_was_extracted_is_kept_and_found_again(trained, cohort, capsys, monkeypatch):
    def read(*_):
        raise InputError("was read again", source="images")

    bundle = trained / "bundle"
    first = ask(capsys, "predict", bundle, cohort, "--workers", 0)
    monkeypatch.setattr(cohorts, "read_case_images", read)
    again = ask(capsys, "predict", bundle, cohort, "--workers", 0)
    assert again["patients"] == first["patients"] and again["failures"] == []


def test_prediction_imports_no_torch(trained, cohort):
    code = (
        "import sys; from hccsurv_core.__main__ import main; "
        f"rc = main(['predict', {str(trained / 'bundle')!r}, {str(cohort)!r}, '--patient', "
        f"{first_id(cohort)!r}]); "
        "heavy = [m for m in ('torch', 'sklearn', 'sksurv', 'dask', 'distributed', 'matplotlib', "
        "'monai') if m in sys.modules]; sys.exit(rc or ', '.join(heavy) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    assert "risk score" in done.stdout
