"""System 4: on whom a model is judged, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pages._shared.evaluation_choice import Judged
from pages._shared.evaluation_study_choice import (
    StudyWish,
    ask_part,
    hold_out_of,
    own_study_patients,
)
from pages._shared.train_immunotherapy_source import (
    ImmunotherapySource,
    read_immunotherapy_place,
)

if TYPE_CHECKING:
    from hccsurv_core.systems.training_runs import TrainingRun


@dataclass(frozen=True)
class ImmunotherapyWish(StudyWish[ImmunotherapySource]):
    """What was asked for on the page."""


def own_immunotherapy_patients(run: TrainingRun) -> ImmunotherapySource:
    """The cohort that a run learned from, those held out included.

    Raises:
        HccsurvError: it is gone or damaged.
    """
    return own_study_patients(run, read_immunotherapy_place)


def ask_immunotherapy_wish(
    judged: Judged, patients: ImmunotherapySource, own: bool
) -> ImmunotherapyWish:
    """Which of the patients."""
    return ImmunotherapyWish(
        judged, patients, own, ask_part(judged, patients, own), hold_out_of(judged, own)
    )
