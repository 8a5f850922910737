"""From a cohort folder to the patients of system 3: stills measured in parallel, kept."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress

if TYPE_CHECKING:
    from hccsurv_core.batch import Failure
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.ceus.cohort import CeusCohort
    from hccsurv_core.systems.ceus.image_features import ImageFeatureSettings


def read_ceus_source(
    arguments: argparse.Namespace, measured: ImageFeatureSettings | None, progress: Progress
) -> tuple[CeusCohort, FeatureTable | None, tuple[Failure, ...]]:
    """The patients that a verb is given, with the signs of their pictures.

    Args:
        arguments: ``cohort``, and those of
            :func:`~hccsurv_core.commands.cohort_source.add_cohort_arguments`.
        measured: what to measure where the folder has pictures; None measures none.

    Returns:
        the cohort; radiomics and deep features where any were asked for; who could not be measured:
        these patients stay, without.

    Raises:
        InputError: the folder cannot be read, or too many patients cannot be measured.
    """
    from hccsurv_core.batch import BatchSettings
    from hccsurv_core.commands.ceus_images import image_features
    from hccsurv_core.systems.ceus.cohort import has_images, read_ceus_folder
    from hccsurv_core.systems.ceus.signs import sign_values, without_signs

    if arguments.cohort is None or arguments.features_table is not None:
        raise InputError(
            "system ceus learns from a cohort folder", source="arguments", remedy="give the folder"
        )
    place = Path(arguments.cohort)
    patients, folder = read_ceus_folder(place)
    if measured is None:
        return patients, None, ()
    if not has_images(folder):
        print("note: no stills with lesion and parenchyma outlined", file=sys.stderr)
        return patients, None, ()
    done = image_features(
        place, measured, work=Path(arguments.work) if arguments.work else None,
        batch=BatchSettings(workers=arguments.workers, scheduler=arguments.scheduler),
        progress=progress,
    )  # fmt: skip
    return (
        replace(patients, images=sign_values(done.table)),
        without_signs(done.table),
        done.failures,
    )
