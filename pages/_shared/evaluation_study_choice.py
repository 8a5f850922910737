"""On whom a study's model is judged, for any system whose patients are a study's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import streamlit as st

from pages._shared.evaluation_choice import Judged
from pages._shared.train_study_source import StudySource

if TYPE_CHECKING:
    from hccsurv_core.systems.training_runs import TrainingRun

#: Ways to take a part of the patients, besides the parts of the study by name.
UNSEEN, ALL = "unseen", "all"
_WORDS = {UNSEEN: "Those the model has not learned from", ALL: "Everybody"}

SomeSource = TypeVar("SomeSource", bound=StudySource)


@dataclass(frozen=True)
class StudyWish(Generic[SomeSource]):
    """What was asked for on the page.

    Args:
        judged: which model.
        patients: on whom.
        own: they are those of the training run, the held-out ones among them.
        part: of these: :data:`UNSEEN`, :data:`ALL`, or a part of the study.
        hold_out: who was held out in the training, as options of the verb train.
        seed: of what is drawn.
    """

    judged: Judged
    patients: SomeSource
    own: bool
    part: str = ALL
    hold_out: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0


def own_study_patients(run: TrainingRun, read: Callable[[Path], SomeSource]) -> SomeSource:
    """The cohort or table that a run learned from, those held out included.

    Args:
        read: a place's patients.

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
    source = read(place)
    options = run.request.options
    simulated = bool(source.simulated or options.get("simulated"))
    endpoint = str(options.get("endpoint") or source.endpoint)
    patients = replace(source.cohort_of, simulated=simulated, endpoint=endpoint)
    return replace(source, simulated=simulated, endpoint=endpoint, patients=patients)


def ask_part(judged: Judged, patients: StudySource, own: bool) -> str:
    """Draw which of the patients."""
    parts = sorted({p for p in patients.table.labels.get("split", ()) if p})
    ways = [UNSEEN, ALL, *parts] if own else [ALL, UNSEEN, *parts]
    return st.selectbox(
        "Which of them", ways, key=f"evaluate_part_{judged.key}_{patients.key}_{own}",
        format_func=lambda p: _WORDS.get(p, f"Part “{p}” of the study"),
        help="Who was learned from is told by the patients' names. A model does better on them "
        "than on others.",
    )  # fmt: skip


def hold_out_of(judged: Judged, own: bool) -> dict[str, Any]:
    """Who was held out in the training that made a model, as options of the verb train."""
    asked = {} if judged.run is None or not own else judged.run.request.options
    return {k: v for k, v in asked.items() if k.startswith("hold-out") or k == "seed"}
