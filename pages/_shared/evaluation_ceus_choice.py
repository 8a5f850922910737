"""System 3: on whom a model is judged, and how."""

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
from pages._shared.train_ceus_source import CeusSource, read_ceus_place

if TYPE_CHECKING:
    from hccsurv_core.systems.training_runs import TrainingRun


@dataclass(frozen=True)
class CeusWish(StudyWish[CeusSource]):
    """What was asked for on the page."""


def own_ceus_patients(run: TrainingRun) -> CeusSource:
    """The cohort that a run learned from, those held out included.

    Raises:
        HccsurvError: it is gone or damaged.
    """
    return own_study_patients(run, read_ceus_place)


def ask_ceus_wish(judged: Judged, patients: CeusSource, own: bool) -> CeusWish:
    """Which of the patients."""
    return CeusWish(
        judged, patients, own, ask_part(judged, patients, own), hold_out_of(judged, own)
    )
