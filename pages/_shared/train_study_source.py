"""Patients of a study as a source of training: records, whether there are images, who is held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from pages._shared.session import session
from pages._shared.train_source import TrainingSource

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.study_cohort import StudyCohort

SomeCohort = TypeVar("SomeCohort", bound="StudyCohort")
SomeSource = TypeVar("SomeSource", bound=TrainingSource)


@dataclass(frozen=True)
class StudySource(TrainingSource, Generic[SomeCohort]):
    """Patients of a study.

    Args:
        patients: with their records.
        has_images: what is measured on images is there to be measured.
    """

    patients: SomeCohort | None = None
    has_images: bool = False

    @property
    def cohort_of(self) -> SomeCohort:
        """The patients.

        Raises:
            ValueError: a source was made without them (a defect).
        """
        if self.patients is None:
            raise ValueError("a study's source holds its patients")
        return self.patients

    def as_the_cohort_says(self) -> FeatureTable:
        """The table with the split that will be learned from: a cut-short simulated cohort has none."""
        from hccsurv_core.systems.training_part import training_part

        whole = self.cohort_of
        if "split" in self.table.labels and len(training_part(whole).cohort) == len(whole):
            return self.without_split()
        return self.table

    def held_out_as(self, table: FeatureTable) -> SomeCohort:
        """The patients with the labels of a table that holds some of them out."""
        return replace(self.cohort_of, labels=table.labels)


def read_kept(system: str, place: Path, read: Callable[[], SomeSource]) -> SomeSource:
    """What lies at a place, kept for the session while its table stays the same.

    Args:
        system: of the source.
        place: a cohort folder, or a table.
        read: reads it.

    Raises:
        HccsurvError: it is gone or damaged.
    """
    from hccsurv_core.cohort.folder import TABLE_FILE

    state = session()
    path = place if place.is_file() else place / TABLE_FILE
    stamp = path.stat().st_mtime_ns if path.is_file() else None
    key = (f"{system} cohort", place, stamp)
    if key not in state.cache:
        state.remember(key, read())
    return state.cache[key]
