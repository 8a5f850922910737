"""System 2: on whom a model is judged, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages._shared.evaluation_choice import Judged
from pages._shared.train_treatment_source import TreatmentSource, read_treatment_place

if TYPE_CHECKING:
    from hccsurv_core.systems.training_runs import TrainingRun

#: Ways to take a part of the patients, besides the parts of the study by name.
UNSEEN, ALL = "unseen", "all"
_WORDS = {UNSEEN: "Those the model has not learned from", ALL: "Everybody"}


@dataclass(frozen=True)
class TreatmentWish:
    """What was asked for on the page.

    Args:
        judged: which model.
        patients: on whom.
        own: they are those of the training run, the held-out ones among them.
        part: of these: :data:`UNSEEN`, :data:`ALL`, or a part of the study.
        hold_out: who was held out in the training, as options of the verb train.
        n_resamples: of the bootstrap that judges the recommendation.
        seed: of what is drawn.
    """

    judged: Judged
    patients: TreatmentSource
    own: bool
    part: str = ALL
    hold_out: Mapping[str, Any] = field(default_factory=dict)
    n_resamples: int = 500
    seed: int = 0


def own_treatment_patients(run: TrainingRun) -> TreatmentSource:
    """The cohort or table that a run learned from, those held out included.

    Raises:
        HccsurvError: it is gone or damaged.
    """
    from hccsurv_core.errors import NotFoundError

    place = run.request.cohort
    if place is None or not place.exists():
        raise NotFoundError(
            "the patients of this run are not here any more", source=run.request.name,
            remedy="choose other patients",
        )  # fmt: skip
    source = read_treatment_place(place)
    options = run.request.options
    simulated = bool(source.simulated or options.get("simulated"))
    endpoint = str(options.get("endpoint") or source.endpoint)
    patients = replace(source.cohort_of, simulated=simulated, endpoint=endpoint)
    return replace(source, simulated=simulated, endpoint=endpoint, patients=patients)


def ask_treatment_wish(judged: Judged, patients: TreatmentSource, own: bool) -> TreatmentWish:
    """Which of the patients, and what else can be chosen, folded away."""
    parts = sorted({p for p in patients.table.labels.get("split", ()) if p})
    ways = [UNSEEN, ALL, *parts] if own else [ALL, UNSEEN, *parts]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        part = st.selectbox(
            "Which of them", ways, key=f"evaluate_part_{judged.key}_{patients.key}_{own}",
            format_func=lambda p: _WORDS.get(p, f"Part “{p}” of the study"),
            help="Who was learned from is told by the patients' names. A model does better on them "
            "than on others.",
        )  # fmt: skip
        resamples = st.select_slider(
            "Bootstrap resamples", [100, 200, 500, 1000, 2000], 500, key="evaluation_resamples_2",
            help="Of the comparison of those treated as recommended with the others: the propensity "
            "is fitted again in each.",
        )  # fmt: skip
    hold_out = {} if judged.run is None or not own else judged.run.request.options
    return TreatmentWish(
        judged, patients, own, part,
        {k: v for k, v in hold_out.items() if k.startswith("hold-out") or k == "seed"},
        int(resamples),
    )  # fmt: skip
