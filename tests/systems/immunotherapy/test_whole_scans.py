"""A patient of one's own: two scans of chest and abdomen, tumors outlined, organs given or found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.io.export import write_nifti_labels
from hccsurv_core.patient import PatientFacts
from hccsurv_core.simulate.dicom_writer import write_dicom_series
from hccsurv_core.simulate.immunotherapy.causes import draw_causes
from hccsurv_core.simulate.immunotherapy.images import full_scan
from hccsurv_core.systems.immunotherapy.case import read_case
from hccsurv_core.systems.immunotherapy.lesion_organs import organ_of
from hccsurv_core.systems.immunotherapy.whole_scan import WholeScan, slices_of_scan, split_lesions
from hccsurv_core.volume import LabelMap, Volume

SEED, PATIENT = 4, 3


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both scans as DICOM, tumors and organs as NIfTI."""
    place = tmp_path_factory.mktemp("case")
    causes = draw_causes(SEED, PATIENT)
    for time, name in enumerate(("baseline", "followup")):
        scan = full_scan(SEED, PATIENT, time, rows=160)
        write_dicom_series(
            scan.volume, place / name, facts=PatientFacts(causes.sex, causes.age_years, None, None),
            patient_id="X", study_date="2020-01-01", description="Chest abdomen portal venous",
            shuffle_seed=1,
        )  # fmt: skip
        write_nifti_labels(place / f"{name}_lesions.nii.gz", scan.lesions)
        write_nifti_labels(place / f"{name}_organs.nii.gz", scan.organ)
    record = {"pvtt": int(causes.pvtt), "scan_interval_days": causes.interval_days}
    (place / "case.json").write_text(json.dumps(record))
    return place


def test_growth_of_the_whole_scans_is_the_true_one(case: Path) -> None:
    found = read_case(case)
    causes = draw_causes(SEED, PATIENT)
    assert found.scans is not None
    assert set(found.scans.slices) == {
        "baseline_liver", "baseline_lung", "followup_liver", "followup_lung",
    }  # fmt: skip
    signs = found.scans.signs()
    assert signs["sign.growth"] == pytest.approx(causes.growth_rate, abs=0.05)
    largest = max(one.baseline_mm for one in causes.of("liver"))
    assert 2 ** signs["sign.liver_diameter"] == pytest.approx(largest, rel=0.15)


def test_organs_are_found_where_nobody_outlined_them(case: Path) -> None:
    kept = {p: p.rename(p.with_suffix(".kept")) for p in case.glob("*_organs.nii.gz")}
    try:
        found = read_case(case)
    finally:
        for path, moved in kept.items():
            moved.rename(path)
    given = read_case(case)
    assert found.scans is not None
    assert given.scans is not None
    for role in ("baseline_liver", "followup_liver"):
        a, b = found.scans.slices[role], given.scans.slices[role]
        assert abs(np.mean(a.slice_index) - np.mean(b.slice_index)) <= 1
        assert a.organ_cm2.mean() == pytest.approx(b.organ_cm2.mean(), rel=0.25)


def test_a_follow_up_needs_its_interval(case: Path) -> None:
    record = case / "case.json"
    text = record.read_text()
    for given, message in (
        ({}, "scan_interval_days is missing"),
        ({"scan_interval_days": 0}, "days"),
    ):
        record.write_text(json.dumps(given))
        try:
            with pytest.raises(InputError, match=message):
                read_case(case)
        finally:
            record.write_text(text)


def test_tumors_that_are_not_outlined_are_asked_for(case: Path) -> None:
    path = case / "baseline_lesions.nii.gz"
    moved = path.rename(path.with_suffix(".kept"))
    try:
        with pytest.raises(InputError, match=r"baseline_lesions\.nii\.gz"):
            read_case(case)
    finally:
        moved.rename(path)


class TestOrganOfALesion:
    def masks(self) -> dict[str, np.ndarray]:
        liver, lung = np.zeros((4, 40, 40), bool), np.zeros((4, 40, 40), bool)
        liver[:, 5:20, 5:20], lung[:, 25:38, 5:20] = True, True
        return {"liver": liver, "lung": lung}

    @pytest.mark.parametrize(
        ("rows", "organ"),
        [((8, 12), "liver"), ((28, 32), "lung"), ((20, 22), "liver"), ((23, 25), "lung")],
    )
    def test_where_most_of_it_is_else_nearby(self, rows: tuple[int, int], organ: str) -> None:
        box = (slice(1, 2), slice(*rows), slice(8, 12))
        lesion = np.ones((1, rows[1] - rows[0], 4), bool)
        assert organ_of(lesion, box, self.masks(), (5.0, 2.0, 2.0)) == organ

    def test_far_from_both_it_is_left_out_and_said(self) -> None:
        affine = np.diag([2.0, 2.0, 5.0, 1.0])
        lesions = np.zeros((4, 40, 40), np.int32)
        lesions[1, 8:12, 8:12], lesions[1, 8:12, 34:38] = 1, 2
        scan = WholeScan(
            Volume(np.zeros((4, 40, 40), np.float32), affine), self.masks(),
            LabelMap(lesions, affine),
        )  # fmt: skip
        maps, nowhere = split_lesions(scan.lesions, scan.organs)
        assert nowhere == (2,)
        assert scan.notes == ("Tumor 2 lies in neither liver nor lungs: it is left out.",)
        assert set(np.unique(maps["liver"].voxels)) == {0, 1}
        assert slices_of_scan(scan)["liver"].tumor_cm2.max() == pytest.approx(0.64)
