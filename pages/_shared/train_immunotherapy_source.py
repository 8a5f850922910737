"""System 4: who to learn from, a cohort folder with outlined scans or without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hccsurv_core.errors import HccsurvError
from pages._shared import components
from pages._shared.train_folders import IMMUNOTHERAPY, choose_folder
from pages._shared.train_study_source import StudySource, read_kept

if TYPE_CHECKING:
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.immunotherapy.cohort import (  # noqa: F401 (named in a string)
        ImmunotherapyCohort,
    )


@dataclass(frozen=True)
class ImmunotherapySource(StudySource["ImmunotherapyCohort"]):
    """Patients under immunotherapy with one scan or two."""

    def as_the_cohort_says(self) -> FeatureTable:
        """The table with the split that will be learned from: a cut-short simulated cohort has none."""
        from hccsurv_core.systems.immunotherapy.parts import training_part

        whole = self.cohort_of
        if "split" in self.table.labels and len(training_part(whole).cohort) == len(whole):
            return self.without_split()
        return self.table


def choose_immunotherapy_source() -> ImmunotherapySource | None:
    """Draw the choice; None where nothing is chosen yet, or it cannot be used (which is said)."""
    try:
        return choose_immunotherapy_folder()
    except HccsurvError as error:
        components.show_error(error)
        return None


def choose_immunotherapy_folder() -> ImmunotherapySource | None:
    """Draw the choice of a cohort folder, and the ways to bring one in.

    Raises:
        HccsurvError: the chosen one is damaged.
    """
    folder = choose_folder(IMMUNOTHERAPY)
    return None if folder is None else read_immunotherapy_place(folder)


def read_immunotherapy_place(place: Path) -> ImmunotherapySource:
    """A cohort folder's patients, kept for the session while its table stays the same.

    Raises:
        HccsurvError: it is gone or damaged.
    """
    return read_kept("immunotherapy", place, lambda: _read_place(place))


def _read_place(place: Path) -> ImmunotherapySource:
    from hccsurv_core.systems.immunotherapy.cohort import has_images, read_immunotherapy_folder

    patients, folder = read_immunotherapy_folder(place)
    table = patients.features((), images=False)
    return ImmunotherapySource(
        place.name, table, place, patients.simulated, patients.endpoint, patients,
        has_images(folder),
    )  # fmt: skip
