"""From a cohort folder or a table to the patients of system 2: images measured in parallel, kept."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hccsurv_core.commands.cohort_source import MOST_FAILURES, kept_folder, tell_failures
from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress

if TYPE_CHECKING:
    import numpy as np

    from hccsurv_core.batch import Failure
    from hccsurv_core.imaging.lesion_crop_settings import CropSettings
    from hccsurv_core.systems.treatment.cohort import TreatmentCohort

_KEPT = "signs"
#: As many patients without crops are told of.
_TOLD = 10


def read_treatment_source(
    arguments: argparse.Namespace, *, images: bool, progress: Progress
) -> tuple[TreatmentCohort, tuple[Failure, ...]]:
    """The patients that a verb is given.

    Args:
        arguments: ``cohort`` (a folder or a table), and those of
            :func:`~hccsurv_core.commands.cohort_source.add_cohort_arguments`.
        images: whether to measure lesion signs where the folder has the images; patients whose
            images cannot be measured stay, without signs.

    Raises:
        InputError: the source cannot be read, or too many patients cannot be measured.
    """
    from hccsurv_core.cohort.folder_schema import SCHEMA_FILE

    if arguments.cohort is None or arguments.features_table is not None:
        raise InputError(
            "system treatment learns from a cohort folder or a clinical table",
            source="arguments",
            remedy="give the folder, or a CSV with treatment, time_months, event and clinical values",
        )
    place = Path(arguments.cohort)
    if place.is_file():
        from hccsurv_core.systems.treatment.clinical_file import read_clinical_file

        cohort = read_clinical_file(place)
        _tell_left_out(cohort)
        return cohort, ()
    if not (place / SCHEMA_FILE).is_file():
        raise InputError(
            "is no cohort folder and no table" if place.exists() else "is not there",
            source=str(place),
            remedy="check the path",
        )
    return _read_folder(arguments, place, images, progress)


def _read_folder(
    arguments: argparse.Namespace, place: Path, images: bool, progress: Progress
) -> tuple[TreatmentCohort, tuple[Failure, ...]]:
    from hccsurv_core.systems.treatment.cohort import has_images, read_treatment_folder

    cohort, folder = read_treatment_folder(place)
    _tell_left_out(cohort)
    if not images:
        return cohort, ()
    if not has_images(folder):
        print("note: no images with lesion and liver outlined in both phases", file=sys.stderr)
        return cohort, ()
    from hccsurv_core.batch import BatchSettings, extract_batch
    from hccsurv_core.systems.treatment.signs import extract_signs, image_values, sign_tasks

    kept = Path(arguments.work) if arguments.work else kept_folder(place)
    here = set(cohort.patient_ids)
    done = extract_batch(
        [task for task in sign_tasks(folder) if task.patient_id in here],
        extract_signs, kept / _KEPT,
        settings=BatchSettings(workers=arguments.workers, scheduler=arguments.scheduler),
        progress=progress,
    )  # fmt: skip
    tell_failures(done.failures, len(cohort), place)
    measured = image_values(tuple(done.patient_ids), tuple(done.names), done.values)
    return replace(cohort, images=measured), done.failures


def read_source_crops(
    cohort: TreatmentCohort, crop: CropSettings, progress: Progress
) -> dict[str, np.ndarray]:
    """Lesion crops of the patients of a cohort folder.

    Raises:
        InputError: the cohort has no images, or too many patients have no crops.
    """
    from hccsurv_core.cohort.folder import read_cohort
    from hccsurv_core.systems.treatment.cohort import has_images
    from hccsurv_core.systems.treatment.deep_images import read_crops

    folder = None if cohort.folder is None else read_cohort(cohort.folder)
    if folder is None or not has_images(folder):
        raise InputError(
            "networks need images with lesion and liver outlined in both phases",
            source=cohort.source, remedy="give a cohort folder with them, or leave cnn out",
        )  # fmt: skip
    crops, failures = read_crops(folder, cohort.patient_ids, crop, progress)
    for patient, why in list(failures.items())[:_TOLD]:
        print(f"note: {patient}: {why}", file=sys.stderr)
    if len(failures) > MOST_FAILURES * len(cohort):
        raise InputError(
            f"{len(failures)} of {len(cohort)} patients have no lesion crops",
            source=cohort.source, remedy="repair or remove those patients",
        )  # fmt: skip
    return crops


def _tell_left_out(cohort: TreatmentCohort) -> None:
    for why, n in cohort.left_out.items():
        print(f"note: {n} left out: {why}", file=sys.stderr)
