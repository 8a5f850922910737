"""A drawn L3 slab reads through the real door, is what its causes say, and gives nothing away."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from hccsurv_core.cohort.folder import Cohort, read_cohort
from hccsurv_core.io.intake import read_scan
from hccsurv_core.io.nifti import read_nifti
from hccsurv_core.simulate.cohort_writer import write_simulated_cohort
from hccsurv_core.simulate.muscle.cohort import patient_id, spec
from hccsurv_core.simulate.muscle.scan import SCANNERS, Slab, measure_truth

SEED, N = 3, 4


@cache
def slab(i: int) -> Slab:
    return spec().draw_slab(SEED, i)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("muscle")
    write_simulated_cohort(folder, spec(), n=N, seed=SEED, workers=1)
    return read_cohort(folder)


def headers(cohort: Cohort, i: int) -> list[pydicom.Dataset]:
    folder = cohort.image_folder(patient_id(i), "l3_slab")
    return [pydicom.dcmread(p) for p in sorted(folder.iterdir())]


def test_the_real_reader_returns_the_drawn_slab_and_the_tables_facts(cohort: Cohort) -> None:
    scan = read_scan([cohort.image_folder(patient_id(0), "l3_slab")])
    drawn = slab(0).scan.volume
    assert scan.series.refusal is None and scan.warnings == ()
    assert np.array_equal(scan.volume.voxels, drawn.voxels)
    assert np.allclose(scan.volume.affine, drawn.affine, atol=1e-3)
    row = cohort.table.iloc[0]
    assert (scan.patient.sex, scan.patient.age_years) == (row["sex"], row["age_years"])
    assert scan.patient.height_m == (None if np.isnan(row["height_m"]) else row["height_m"])


def test_outline_lies_on_the_image_and_holds_muscle(cohort: Cohort) -> None:
    for i in range(N):
        labels, warnings = read_nifti(cohort.roi_file(patient_id(i), "l3_slab", "muscle"))
        scan = slab(i).scan
        assert warnings == () and np.allclose(labels.affine, scan.volume.affine, atol=1e-3)
        drawn, hu = labels.voxels, scan.volume.voxels
        assert set(np.unique(drawn)) == {0, 1, 2}
        assert hu[drawn > 0].min() >= -29 and hu[drawn > 0].max() <= 150
        inside = (hu >= -29) & (hu <= 150)
        for mine, true in (
            (drawn > 0, scan.muscle_mask() & inside),
            (drawn == 2, (scan.truth.mask("psoas_left") | scan.truth.mask("psoas_right")) & inside),
        ):
            dice = 2 * (mine & true).sum() / (mine.sum() + true.sum())
            # A reader's outline, not the truth's.
            assert 0.93 < dice < 1.0


def test_slab_shows_l3_in_its_middle(cohort: Cohort) -> None:
    for i in range(N):
        scan = slab(i).scan
        assert scan.volume.shape[0] == 5
        assert scan.l3_slice_index in (1, 2, 3)


def test_true_masks_measure_what_the_causes_say(cohort: Cohort) -> None:
    truth = pd.read_csv(cohort.folder / "truth.csv")
    for name, within in (("sma_cm2", 0.12), ("pma_cm2", 0.2), ("smi", 0.12), ("pmi", 0.2)):
        ratio = truth[f"measured_{name}"] / truth[f"expected_{name}"]
        assert np.abs(np.log(ratio)).max() < within, name
    for name in ("ma_hu", "pd_hu"):
        assert np.abs(truth[f"measured_{name}"] - truth[f"expected_{name}"]).max() < 4.5, name


def test_files_of_one_scanner_are_all_as_long_as_each_other(cohort: Cohort) -> None:
    sizes = {s.name: s.file_bytes for scanners in SCANNERS.values() for s in scanners}
    for i in range(N):
        for path in cohort.image_folder(patient_id(i), "l3_slab").iterdir():
            model = pydicom.dcmread(path, stop_before_pixels=True).ManufacturerModelName
            assert path.stat().st_size == sizes[model]


def test_names_do_not_tell_the_slices_order(cohort: Cohort) -> None:
    in_order = 0
    for i in range(N):
        heights = [float(h.ImagePositionPatient[2]) for h in headers(cohort, i)]
        in_order += heights == sorted(heights)
    assert in_order < N


def test_every_header_says_simulated_and_tells_no_cause(cohort: Cohort) -> None:
    truth = pd.read_csv(cohort.folder / "truth.csv")
    hidden = ("linear_predictor", "fat_streaks", "lean_hu", "streak_scale_mm", "death_months")
    for i in range(N):
        for header in headers(cohort, i):
            assert "SIMULATED" in str(header.PatientName) and "SIMULATED" in header.ImageComments
            assert header.PatientID == patient_id(i)
            text = str(header)
            assert not any(f"{truth[name][i]:.3f}" in text for name in hidden)


def test_the_same_patient_is_written_to_the_same_bytes(cohort: Cohort, tmp_path: Path) -> None:
    spec().write_images(tmp_path, SEED, 2)
    for part in ("images", "rois"):
        again = sorted((tmp_path / part / patient_id(2)).rglob("*.*"))
        first = sorted((cohort.folder / part / patient_id(2)).rglob("*.*"))
        assert [p.name for p in again] == [p.name for p in first]
        assert all(a.read_bytes() == b.read_bytes() for a, b in zip(again, first, strict=True))


def test_whole_abdomen_is_the_same_patients() -> None:
    whole = spec().full_scan(SEED, 1, rows=160)
    near = slab(1).scan
    assert whole.anatomy == near.anatomy and whole.facts == near.facts
    assert {"L1", "L3", "L5", "S1"} <= {v.name for v in whole.vertebrae}
    measured, expected = measure_truth(whole), measure_truth(near)
    assert measured["sma_cm2"] == pytest.approx(expected["sma_cm2"], rel=0.1)
    assert measured["ma_hu"] == pytest.approx(expected["ma_hu"], abs=3)
