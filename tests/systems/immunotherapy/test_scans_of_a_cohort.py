"""Scans of a cohort folder: what is read, what is carried forward, and a patient of one's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hccsurv_core.cohort.folder import read_cohort
from hccsurv_core.errors import InputError
from hccsurv_core.simulate.cohort_writer import cohort_spec, write_simulated_cohort
from hccsurv_core.systems.immunotherapy.case import read_case
from hccsurv_core.systems.immunotherapy.pictures import (
    extract_signs,
    read_patient,
    read_pictures,
    scan_tasks,
)
from hccsurv_core.systems.immunotherapy.signs import SIGN, SIGN_NAMES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("scans") / "cohort"
    write_simulated_cohort(place, cohort_spec("immunotherapy"), n=2, seed=21)
    return place


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_signs_of_a_patient_are_those_of_his_true_tumors(folder: Path) -> None:
    import pandas as pd

    truth = pd.read_csv(folder / "truth.csv")
    for task, (_, row) in zip(scan_tasks(read_cohort(folder)), truth.iterrows(), strict=True):
        found = extract_signs(task)
        assert set(found) == set(SIGN_NAMES)
        largest = max(
            float(one.split(":")[1]) for one in str(row["baseline_liver_diameters_mm"]).split()
        )
        assert 2 ** found[f"{SIGN}liver_diameter"] == pytest.approx(largest, rel=0.12)
        if np.isfinite(found[f"{SIGN}growth"]):
            assert found[f"{SIGN}growth"] == pytest.approx(row["growth_rate_per_month"], abs=0.06)


def test_a_chest_series_that_says_no_more_than_chest_is_read(copy: Path) -> None:
    """What is uploaded has no descriptions left: CHEST is all that its header says."""
    task = scan_tasks(read_cohort(copy))[0]
    for path in task.files["baseline_lung"].iterdir():
        dataset = pydicom.dcmread(path)
        for name in ("SeriesDescription", "StudyDescription", "ProtocolName"):
            if name in dataset:
                setattr(dataset, name, "")
        dataset.BodyPartExamined = "CHEST"
        dataset.save_as(path)
    assert "baseline_lung" in read_patient(task).slices


def test_a_follow_up_without_chest_carries_the_lungs_forward(copy: Path) -> None:
    task = scan_tasks(read_cohort(copy))[0]
    shutil.rmtree(task.files["followup_lung"], ignore_errors=True)
    patient = read_patient(task)
    pictures, known = patient.pictures(32)
    assert known.tolist() == [[True, True], [True, False]]
    np.testing.assert_array_equal(pictures[1, 1], pictures[0, 1])
    assert patient.notes == (
        "The chest was not scanned at follow-up: the baseline lungs are carried forward.",
    )


def test_a_patient_without_a_baseline_liver_is_left_out_by_name(copy: Path) -> None:
    cohort = read_cohort(copy)
    task = scan_tasks(cohort)[0]
    shutil.rmtree(task.files["baseline_liver"])
    with pytest.raises(InputError, match="the baseline liver is missing"):
        extract_signs(task)
    found = read_pictures(cohort, tuple(cohort.patient_ids), 32, lambda *_: None)
    assert found.patient_ids == (cohort.patient_ids[1],)


def test_an_outline_that_is_missing_is_named(copy: Path) -> None:
    task = scan_tasks(read_cohort(copy))[0]
    task.files["baseline_liver_lesions"].unlink()
    with pytest.raises(InputError, match=r"baseline_liver_lesions\.nii\.gz"):
        extract_signs(task)


class TestCase:
    def test_a_row_of_a_cohort(self, folder: Path) -> None:
        patient = read_cohort(folder).patient_ids[1]
        case = read_case(folder, patient)
        assert case.name == patient
        assert case.scans is not None
        assert "differentiation" in case.profile.record
        with pytest.raises(InputError, match="holds 2 patients"):
            read_case(folder)
        with pytest.raises(InputError, match="there is no patient 'nobody'"):
            read_case(folder, "nobody")

    def test_values_alone(self, tmp_path: Path) -> None:
        (tmp_path / "case.json").write_text(json.dumps({"differentiation": "low", "pvtt": 1}))
        case = read_case(tmp_path)
        assert case.scans is None
        assert case.profile.record["differentiation"] == "low"

    def test_what_cannot_be_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"holds neither case\.json nor"):
            read_case(tmp_path)
        (tmp_path / "case.json").write_text(json.dumps({"differentiation": "rather low"}))
        with pytest.raises(InputError, match=r"case\.json: Differentiation: 'rather low'"):
            read_case(tmp_path)
