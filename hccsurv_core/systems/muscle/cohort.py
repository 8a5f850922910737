"""From a muscle cohort's folder to a feature table: who, from which files, with which features.

A patient's features come from the slab at L3 and its outline (:func:`extract_case`, in a worker
process of its own) and from the table's row. Nothing here looks at ``truth.csv``.

Usage (the batch runs on the floor above)::

    cohort = read_muscle_cohort(folder)
    done = extract_batch(case_tasks(cohort), extract_case, work_folder)
    table = cohort_features(cohort, done.patient_ids, done.names, done.values)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.cohort.folder import IMAGES, ROIS, Cohort, read_cohort
from hccsurv_core.cohort.folder_schema import PATIENT_ID
from hccsurv_core.cohort.patient_task import PatientTask
from hccsurv_core.errors import InputError, TableError
from hccsurv_core.features.feature_table import LABELS, FeatureTable
from hccsurv_core.systems.muscle.case_features import image_features, measure_with_record
from hccsurv_core.systems.muscle.case_images import read_case_images

SYSTEM = "muscle"
#: Role of the series and name of the outline in a cohort folder.
SLAB, OUTLINE = "l3_slab", "l3_slab_muscle"
#: What the radiomics of the paper are extracted with; None leaves them out.
PRESET = "muscle-1343"


@dataclass(frozen=True)
class TrainingRows:
    """Who is learned from.

    Args:
        split: the split, or empty where the cohort has none that is large enough.
        words: the same for people.
    """

    split: str
    words: str


#: Fewer simulated patients in split "train" than this: the whole cohort is learned from.
FEWEST_IN_SPLIT = 200


def read_muscle_cohort(folder: Path) -> Cohort:
    """Read a cohort folder for system 1.

    Raises:
        TableError: it is none, or of another system, or lacks slab or outline.
    """
    cohort = read_cohort(folder)
    if cohort.info.system != SYSTEM:
        raise TableError(
            f"is a cohort of system {cohort.info.system}", source=str(folder),
            remedy="give a muscle cohort",
        )  # fmt: skip
    for what, name, known in (
        ("images", SLAB, cohort.info.images), ("outlines", OUTLINE, cohort.info.rois),
    ):  # fmt: skip
        if name not in known:
            raise TableError(
                f"has no {what} called {name}", source=str(folder),
                remedy="give a cohort with an outlined slab at L3 for each patient",
            )  # fmt: skip
    return cohort


def case_tasks(cohort: Cohort, preset: str | None = PRESET) -> tuple[PatientTask, ...]:
    """One task a patient, in the table's order."""
    labels = dict(cohort.info.rois[OUTLINE].labels)
    return tuple(
        PatientTask(
            patient,
            {
                "series": cohort.folder / IMAGES / patient / SLAB,
                "outline": cohort.folder / ROIS / patient / f"{OUTLINE}.nii.gz",
            },
            {"preset": preset, "labels": labels},
        )
        for patient in cohort.patient_ids
    )


def extract_case(task: PatientTask) -> Mapping[str, float]:
    """What the images alone tell of one patient.

    Raises:
        InputError: the files cannot be read or a feature has no value.
    """
    series = task.files["series"]
    if not series.is_dir():
        raise InputError(
            "the patient has no slab at L3", source=str(series.name),
            remedy="copy the whole cohort folder again",
        )  # fmt: skip
    images = read_case_images(series, task.files["outline"], task.settings["labels"])
    return image_features(images, task.settings["preset"])


def cohort_features(
    cohort: Cohort, patient_ids: Sequence[str], names: Sequence[str], values: np.ndarray
) -> FeatureTable:
    """The table that a model is trained on or judged with.

    Args:
        cohort: as read.
        patient_ids, names, values: what the images gave; patients without are left out.

    Returns:
        Features of images and record, outcome, and the labels "split" and "center", in the
        cohort's order.
    """
    at = {patient: i for i, patient in enumerate(patient_ids)}
    keep = np.array([patient in at for patient in cohort.patient_ids])
    if not keep.any():
        raise TableError("no patient gave features", source=str(cohort.folder))
    chosen = cohort.subset(keep)
    rows: list[Mapping[str, Any]] = chosen.table.to_dict("records")
    found = [
        measure_with_record(dict(zip(names, values[at[row[PATIENT_ID]]], strict=True)), row)
        for row in rows
    ]
    columns = tuple(found[0])
    return FeatureTable(
        tuple(chosen.patient_ids),
        columns,
        np.array([[f[c] for c in columns] for f in found], dtype=np.float64),
        chosen.outcome(),
        {
            label: tuple("" if v is None or v != v else str(v) for v in chosen.table[label])
            for label in LABELS
            if label in chosen.table
        },
        str(cohort.folder),
    )


def choose_training_rows(table: FeatureTable) -> TrainingRows:
    """Split "train" where there is one, else everybody.

    A simulated cohort cut short (the first few patients of a virtual study) has a split "train"
    too small to learn from; it is then taken as a cohort of its own, and it is said so. Real
    patients whom somebody held out are never learned from, however few are left.
    """
    n = int(table.where("split", "train").sum())
    if n >= FEWEST_IN_SPLIT or (n and not table.simulated):
        return TrainingRows("train", f"the {n} patients of split “train”")
    if n:
        why = f"split “train” has {n} patients, fewer than {FEWEST_IN_SPLIT}"
        return TrainingRows("", f"all {len(table)} patients: {why}")
    return TrainingRows("", f"all {len(table)} patients: there is no split “train”")
