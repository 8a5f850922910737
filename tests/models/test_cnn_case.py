"""Crops of a patient of a cohort folder: both phases and their outlines, read as a hospital has them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from hccsurv_core.cohort.folder import read_cohort
from hccsurv_core.errors import InputError, TableError
from hccsurv_core.imaging.lesion_crops import CropSettings
from hccsurv_core.simulate.cohort_writer import cohort_spec, write_simulated_cohort
from hccsurv_core.systems.treatment.cnn_case import read_case_crops

SMALL = CropSettings(pixels=96, mm_per_pixel=1.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cohort") / "treatment"
    write_simulated_cohort(path, cohort_spec("treatment"), n=2, seed=2, workers=1)
    return path


def test_a_patients_lesion_is_cropped_out_of_both_phases(folder):
    cohort = read_cohort(folder)
    for patient in cohort.patient_ids:
        found = read_case_crops(cohort, patient, SMALL)
        assert found.images.shape == (1, 3, 96, 96)
        assert found.lesion.any()
        assert found.liver is not None
        assert (found.liver & found.lesion).sum() == found.lesion.sum()
        reported = float(cohort.table.set_index("patient_id").loc[patient, "tumor_diameter_mm"])
        across = 2 * np.sqrt(found.lesion[0].sum() / np.pi) * found.mm_per_pixel
        assert 0.5 * reported < across < 1.5 * reported


def test_a_missing_phase_and_an_outline_of_another_grid_are_named(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    patient = read_cohort(copy).patient_ids[0]
    shutil.rmtree(copy / "images" / patient / "portal_venous")
    with pytest.raises(TableError, match=f"patient {patient} has no portal_venous images"):
        read_case_crops(read_cohort(copy), patient, SMALL)
    other = read_cohort(copy).patient_ids[1]
    shutil.copy(
        folder / "rois" / patient / "arterial_lesion.nii.gz",
        copy / "rois" / other / "arterial_lesion.nii.gz",
    )
    with pytest.raises(
        InputError, match=rf"patient {other}, arterial_lesion.nii.gz: the two grids"
    ):
        read_case_crops(read_cohort(copy), other, SMALL)
