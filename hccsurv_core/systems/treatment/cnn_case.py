"""A patient's lesion crops out of a cohort folder of system 2: both phases and their outlines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.folder import Cohort
from hccsurv_core.errors import InputError
from hccsurv_core.imaging.lesion_crops import CropSettings, LesionCrops, LesionPhase, crop_lesion
from hccsurv_core.io.nifti import read_nifti
from hccsurv_core.systems.muscle.case_images import read_series
from hccsurv_core.systems.treatment.cohort import LESION, LIVER, ROLES
from hccsurv_core.volume import Volume, check_same_geometry


def read_case_crops(
    cohort: Cohort, patient_id: str, settings: CropSettings | None = None
) -> LesionCrops:
    """Read a patient's phases and outlines, and crop the lesion.

    Args:
        cohort: a folder of system "treatment".
        patient_id: of its table.
        settings: default :class:`~hccsurv_core.imaging.lesion_crop_settings.CropSettings`.

    Raises:
        TableError: a series or an outline of the lesion is missing.
        InputError: it cannot be read or cropped; the message names the patient.
    """
    try:
        phases = [_read_phase(cohort, patient_id, role) for role in ROLES]
        return crop_lesion(phases[0], phases[1], settings)
    except InputError as error:
        error.source = f"patient {patient_id}, {error.source or 'lesion crops'}"
        raise


def _read_phase(cohort: Cohort, patient_id: str, role: str) -> LesionPhase:
    volume, _, _ = read_series(cohort.image_folder(patient_id, role))
    lesion = _read_outline(cohort, patient_id, role, LESION, volume)
    if f"{role}_{LIVER}" not in cohort.info.rois:
        return LesionPhase(volume, lesion)
    return LesionPhase(volume, lesion, _read_outline(cohort, patient_id, role, LIVER, volume))


def _read_outline(
    cohort: Cohort, patient_id: str, role: str, structure: str, volume: Volume
) -> NDArray[np.bool_]:
    path = cohort.roi_file(patient_id, role, structure)
    drawn, _ = read_nifti(path)
    try:
        check_same_geometry(volume, drawn)
    except InputError as error:
        raise error.with_source(path.name) from error
    return np.asarray(drawn.voxels > 0)
