"""Lesion signs of patients as covariates: read both phases and their outlines, measure, name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hccsurv_core.cohort.folder import IMAGES, ROIS, Cohort
from hccsurv_core.cohort.patient_task import PatientTask
from hccsurv_core.errors import InputError
from hccsurv_core.features.lesion_signs import SIGNS, LesionSigns, measure_lesion_signs
from hccsurv_core.imaging.lesion_crops import LesionPhase
from hccsurv_core.io.nifti import read_nifti
from hccsurv_core.systems.muscle.case_images import read_series
from hccsurv_core.systems.study_cohort import ImageValues
from hccsurv_core.systems.treatment.cohort import LESION, LIVER, ROLES
from hccsurv_core.volume import Volume, check_same_geometry

#: Prefix of the covariates.
SIGN = "sign."
SIGN_NAMES: tuple[str, ...] = tuple(SIGN + sign.name for sign in SIGNS)


def sign_tasks(cohort: Cohort) -> tuple[PatientTask, ...]:
    """One task a patient, in the table's order."""
    return tuple(
        PatientTask(
            patient,
            {
                **{role: cohort.folder / IMAGES / patient / role for role in ROLES},
                **{
                    f"{role}_{part}": cohort.folder / ROIS / patient / f"{role}_{part}.nii.gz"
                    for role in ROLES
                    for part in (LESION, LIVER)
                },
            },
        )
        for patient in cohort.patient_ids
    )


def extract_signs(task: PatientTask) -> Mapping[str, float]:
    """The signs of one patient, by covariate; NaN where one could not be measured.

    Raises:
        InputError: a file is missing or cannot be read, or an outline does not fit.
    """
    return measure_signs(read_phases(task.files))[0]


def measure_signs(
    phases: tuple[LesionPhase, LesionPhase],
) -> tuple[dict[str, float], tuple[str, ...]]:
    """The signs by covariate, and what to check about them.

    Raises:
        InputError: an outline does not fit.
    """
    found = measure_lesion_signs(*phases)
    return sign_values(found), tuple(found.warnings)


def sign_values(signs: LesionSigns) -> dict[str, float]:
    """By covariate."""
    return {SIGN + sign.name: float(signs.values[sign.name]) for sign in SIGNS}


def read_phases(files: Mapping[str, Path]) -> tuple[LesionPhase, LesionPhase]:
    """Both phases with their outlines.

    Args:
        files: a folder of DICOM files for each of ``arterial`` and ``portal_venous``, and a NIfTI
            for ``<phase>_lesion`` and ``<phase>_liver``.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    arterial, portal = (read_phase(files, role) for role in ROLES)
    return arterial, portal


def read_phase(files: Mapping[str, Path], role: str) -> LesionPhase:
    """One phase with its outlines.

    Raises:
        InputError: as for :func:`read_phases`.
    """
    series = files[role]
    if not series.is_dir():
        raise InputError(
            f"there are no {role.replace('_', ' ')} images", source=str(series.name),
            remedy="give a folder with the series of each phase",
        )  # fmt: skip
    volume, _, _ = read_series(series)
    lesion, liver = (_outline(files[f"{role}_{part}"], volume) for part in (LESION, LIVER))
    return LesionPhase(volume, lesion, liver)


def image_values(patient_ids: tuple[str, ...], names: tuple[str, ...], values: np.ndarray) -> ImageValues:  # fmt: skip
    """What a batch gave, as covariates of a cohort."""
    chosen = [names.index(name) for name in SIGN_NAMES]
    return ImageValues(
        SIGN_NAMES,
        {patient: values[i, chosen] for i, patient in enumerate(patient_ids)},
        {SIGN + sign.name: sign.label for sign in SIGNS},
        {SIGN + sign.name: sign.unit for sign in SIGNS},
    )


def _outline(path: Path, volume: Volume) -> np.ndarray:
    if not path.is_file():
        raise InputError("is missing", source=path.name, remedy="outline lesion and liver")
    drawn, _ = read_nifti(path)
    try:
        check_same_geometry(volume, drawn)
    except InputError as error:
        raise error.with_source(path.name) from error
    return np.asarray(drawn.voxels > 0)
