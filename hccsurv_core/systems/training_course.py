"""The course of a training that has not ended, from a run's notes, for those who watch it.

What a finished bundle keeps of it is read by
:func:`hccsurv_core.systems.muscle.model_evaluation.training_histories`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hccsurv_core.models.checkpoint import COURSE
from hccsurv_core.systems.muscle.evaluation_input import Epoch
from hccsurv_core.systems.muscle.model_evaluation import AUTOENCODER, NETWORKS

#: What is noted, and what it is called in a figure, in the order of the training.
STEPS = {"autoencoder": AUTOENCODER, "networks": NETWORKS}


@dataclass(frozen=True)
class FoldResult:
    """How well a candidate ranked the patients of one fold, none of whom it had seen.

    Args:
        candidate: recipe or rival.
        repeat, fold: from 0.
        n, n_events: patients of the fold, and their events.
        c_index: Harrell's C; NaN where nobody could be compared.
    """

    candidate: str
    repeat: int
    fold: int
    n: int
    n_events: int
    c_index: float


@dataclass(frozen=True)
class CourseSoFar:
    """What is known of a training that has not ended.

    Args:
        folds: each fold of each candidate once, as they came.
        histories: losses by step; a step that has not begun is left out.
    """

    folds: tuple[FoldResult, ...] = ()
    histories: Mapping[str, Sequence[Epoch]] = field(default_factory=dict)


def read_course(work: Path) -> CourseSoFar:
    """What a training noted so far in its working folder; a line cut off by a kill is left out.

    A training that went on where it was stopped repeats itself: the last word on a fold or an
    epoch counts.
    """
    folds: dict[tuple[str, int, int], FoldResult] = {}
    losses: dict[tuple[str, int, int], Epoch] = {}
    for note in read_notes(work / COURSE):
        try:
            if note["what"] == "fold":
                c = note["c_index"]
                key = (str(note["name"]), int(note["repeat"]), int(note["fold"]))
                folds[key] = FoldResult(
                    *key, int(note["n"]), int(note["n_events"]), math.nan if c is None else float(c)
                )
            elif note["what"] in STEPS:
                for epoch in _epochs_of(note):
                    losses[note["what"], epoch[0], epoch[1]] = epoch
        except (KeyError, TypeError, ValueError):
            continue
    histories = {
        title: [epoch for (what, *_), epoch in losses.items() if what == step]
        for step, title in STEPS.items()
    }
    return CourseSoFar(tuple(folds.values()), {k: v for k, v in histories.items() if v})


def _epochs_of(note: Mapping[str, Any]) -> Iterator[Epoch]:
    for k, (train, stop) in enumerate(zip(note["train"], note["stop"], strict=True)):
        yield int(note["first"]) + k, int(note["epoch"]), _number(train), _number(stop)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def read_notes(path: Path) -> Iterator[dict[str, Any]]:
    """Notes of a course, one JSON object a line; what is no such line is left out."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            note = json.loads(line)
        except ValueError:
            continue
        if isinstance(note, dict):
            yield note
