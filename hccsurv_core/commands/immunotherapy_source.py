"""From a cohort folder to the patients of system 4: scans measured in parallel, kept."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hccsurv_core.commands.cohort_source import kept_folder, tell_failures
from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress, part_of

if TYPE_CHECKING:
    from hccsurv_core.batch import Failure
    from hccsurv_core.models.crnn.samples import ScanPictures
    from hccsurv_core.systems.immunotherapy.cohort import ImmunotherapyCohort

_KEPT = "immunotherapy_scans"


def read_immunotherapy_source(
    arguments: argparse.Namespace, *, images: bool, pixels: int | None, progress: Progress
) -> tuple[ImmunotherapyCohort, ScanPictures | None, tuple[Failure, ...]]:
    """The patients that a verb is given, with the signs of their scans.

    Args:
        arguments: ``cohort``, and those of
            :func:`~hccsurv_core.commands.cohort_source.add_cohort_arguments`.
        images: whether to measure scans where the folder has them.
        pixels: rows and columns of the pictures that a network is to see; None reads none.

    Returns:
        the cohort; pictures; who could not be measured: these patients stay, without.

    Raises:
        InputError: the folder cannot be read, or too many patients cannot be measured.
    """
    from hccsurv_core.batch import BatchSettings, extract_batch
    from hccsurv_core.systems.immunotherapy.cohort import has_images, read_immunotherapy_folder
    from hccsurv_core.systems.immunotherapy.pictures import (
        extract_signs,
        read_pictures,
        scan_tasks,
    )
    from hccsurv_core.systems.immunotherapy.signs import SIGN_NAMES, sign_values

    if arguments.cohort is None or arguments.features_table is not None:
        raise InputError(
            "system immunotherapy learns from a cohort folder", source="arguments",
            remedy="give the folder",
        )  # fmt: skip
    place = Path(arguments.cohort)
    patients, folder = read_immunotherapy_folder(place)
    if not images:
        return patients, None, ()
    if not has_images(folder) or not (place / "images").is_dir():
        print("note: no scans with liver and tumors outlined", file=sys.stderr)
        return patients, None, ()
    share = 0.5 if pixels else 1.0
    done = extract_batch(
        scan_tasks(folder), extract_signs,
        (Path(arguments.work) if arguments.work else kept_folder(place)) / _KEPT,
        settings=BatchSettings(workers=arguments.workers, scheduler=arguments.scheduler),
        progress=part_of(progress, 0.0, share),
    )  # fmt: skip
    tell_failures(done.failures, len(patients), place)
    at = [done.names.index(name) for name in SIGN_NAMES]
    signs = {
        patient: dict(zip(SIGN_NAMES, np.asarray(row)[at], strict=True))
        for patient, row in zip(done.patient_ids, done.values, strict=True)
    }
    measured = replace(patients, images=sign_values(signs))
    if not pixels:
        return measured, None, done.failures
    pictures = read_pictures(folder, tuple(done.patient_ids), pixels, part_of(progress, share, 1.0))
    return measured, pictures, done.failures
