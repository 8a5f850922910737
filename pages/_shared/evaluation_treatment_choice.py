"""System 2: on whom a model is judged, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from pages._shared.evaluation_choice import Judged
from pages._shared.evaluation_study_choice import (
    StudyWish,
    ask_part,
    hold_out_of,
    own_study_patients,
)
from pages._shared.train_treatment_source import TreatmentSource, read_treatment_place

if TYPE_CHECKING:
    from hccsurv_core.systems.training_runs import TrainingRun


@dataclass(frozen=True)
class TreatmentWish(StudyWish[TreatmentSource]):
    """What was asked for on the page.

    Args:
        n_resamples: of the bootstrap that judges the recommendation.
    """

    n_resamples: int = 500


def own_treatment_patients(run: TrainingRun) -> TreatmentSource:
    """The cohort or table that a run learned from, those held out included.

    Raises:
        HccsurvError: it is gone or damaged.
    """
    return own_study_patients(run, read_treatment_place)


def ask_treatment_wish(judged: Judged, patients: TreatmentSource, own: bool) -> TreatmentWish:
    """Which of the patients, and what else can be chosen, folded away."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        part = ask_part(judged, patients, own)
        resamples = st.select_slider(
            "Bootstrap resamples", [100, 200, 500, 1000, 2000], 500, key="evaluation_resamples_2",
            help="Of the comparison of those treated as recommended with the others: the propensity "
            "is fitted again in each.",
        )  # fmt: skip
    return TreatmentWish(
        judged, patients, own, part, hold_out_of(judged, own), n_resamples=int(resamples)
    )
