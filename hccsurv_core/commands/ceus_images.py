"""From a CEUS cohort folder to the features of its stills: measured in parallel, kept, reported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hccsurv_core.commands.cohort_source import kept_folder, tell_failures
from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress, silent

if TYPE_CHECKING:
    from hccsurv_core.batch import BatchSettings, Failure
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.ceus.image_features import ImageFeatureSettings

_KEPT, _KEPT_REPEATS = "ceus_stills", "ceus_stills_repeated"


@dataclass(frozen=True, eq=False)
class MeasuredStills:
    """What a cohort folder's stills gave.

    Args:
        table: a row for each patient whose stills could be measured, with outcome and labels.
        failures: everybody else, each with the reason.
        n_reused: how many were taken from an earlier run.
    """

    table: FeatureTable
    failures: tuple[Failure, ...]
    n_reused: int


def image_features(
    folder: Path,
    settings: ImageFeatureSettings | None = None,
    *,
    work: Path | None = None,
    batch: BatchSettings | None = None,
    progress: Progress = silent,
) -> MeasuredStills:
    """Measure the stills of a cohort folder; a run that was stopped goes on where it was.

    Args:
        folder: of system "ceus", with both stills, lesion and parenchyma outlined.
        settings: what is measured; default :class:`ImageFeatureSettings`.
        work: keeps what was measured; None is the data folder.
        batch: where it runs; by default on all cores.
        progress: may raise to cancel; what was done before is kept.

    Raises:
        InputError: it is no such folder, has no stills, or too many patients cannot be measured.
    """
    from hccsurv_core.batch import extract_batch
    from hccsurv_core.systems.ceus.cohort import has_images, read_ceus_folder
    from hccsurv_core.systems.ceus.image_features import (
        extract_image_features,
        image_table,
        image_tasks,
    )

    patients, cohort = read_ceus_folder(folder)
    if not has_images(cohort):
        raise InputError(
            "holds no stills with lesion and parenchyma outlined", source=str(folder),
            remedy="give the grayscale still and the frame of peak enhancement of each patient",
        )  # fmt: skip
    done = extract_batch(
        image_tasks(cohort, settings), extract_image_features,
        (work or kept_folder(folder)) / _KEPT, settings=batch, progress=progress,
    )  # fmt: skip
    tell_failures(done.failures, len(cohort), folder)
    table = image_table(patients, done.patient_ids, done.names, done.values)
    return MeasuredStills(table, done.failures, done.n_reused)


def repeated_features(
    folder: Path,
    features: FeatureTable,
    settings: ImageFeatureSettings | None = None,
    *,
    most: int,
    work: Path | None = None,
    batch: BatchSettings | None = None,
    progress: Progress = silent,
) -> FeatureTable | None:
    """The features of patients whose lesion is outlined twice, inside the second outline.

    Args:
        folder: as for :func:`image_features`.
        features: of the first outlines; patients are taken in its order.
        settings, work, batch, progress: as for :func:`image_features`.
        most: so many patients at most.

    Returns:
        None where too few are outlined twice to tell anything.

    Raises:
        InputError: it is no such folder.
    """
    from hccsurv_core.batch import extract_batch
    from hccsurv_core.cohort.folder import read_cohort
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.ceus.image_features import (
        ImageFeatureSettings,
        extract_image_features,
        repeat_tasks,
    )
    from hccsurv_core.systems.ceus.roi_agreement import FEWEST_PATIENTS

    tasks = repeat_tasks(
        read_cohort(folder), settings or ImageFeatureSettings(), features.patient_ids
    )
    if min(len(tasks), most) < FEWEST_PATIENTS:
        return None
    done = extract_batch(
        tasks[:most], extract_image_features, (work or kept_folder(folder)) / _KEPT_REPEATS,
        settings=batch, progress=progress,
    )  # fmt: skip
    if len(done.patient_ids) < FEWEST_PATIENTS:
        return None
    return FeatureTable(tuple(done.patient_ids), tuple(done.names), done.values)
