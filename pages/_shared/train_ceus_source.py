"""System 3: who to learn from, a cohort folder with outlined stills or without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hccsurv_core.errors import HccsurvError
from pages._shared import components
from pages._shared.train_folders import CEUS, choose_folder
from pages._shared.train_study_source import StudySource, read_kept

if TYPE_CHECKING:
    from hccsurv_core.systems.ceus.cohort import CeusCohort


@dataclass(frozen=True)
class CeusSource(StudySource["CeusCohort"]):
    """Patients with contrast-enhanced ultrasound before a resection."""


def choose_ceus_source() -> CeusSource | None:
    """Draw the choice; None where nothing is chosen yet, or it cannot be used (which is said)."""
    try:
        return choose_ceus_folder()
    except HccsurvError as error:
        components.show_error(error)
        return None


def choose_ceus_folder() -> CeusSource | None:
    """Draw the choice of a cohort folder, and the ways to bring one in.

    Raises:
        HccsurvError: the chosen one is damaged.
    """
    folder = choose_folder(CEUS)
    return None if folder is None else read_ceus_place(folder)


def read_ceus_place(place: Path) -> CeusSource:
    """A cohort folder's patients, kept for the session while its table stays the same.

    Raises:
        HccsurvError: it is gone or damaged.
    """
    return read_kept("ceus", place, lambda: _read_place(place))


def _read_place(place: Path) -> CeusSource:
    from hccsurv_core.systems.ceus.cohort import has_images, read_ceus_folder

    patients, folder = read_ceus_folder(place)
    return _source_of(place, patients, has_images(folder))


def _source_of(place: Path, patients: CeusCohort, has_images: bool) -> CeusSource:
    table = patients.features((), images=False)
    return CeusSource(
        place.name, table, place, patients.simulated, patients.endpoint, patients, has_images
    )
