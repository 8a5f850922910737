"""How the networks of system 4 learned, epoch by epoch: from a bundle, and while they still learn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hccsurv_core.models.checkpoint import COURSE
from hccsurv_core.systems.immunotherapy.tables import NETWORKS
from hccsurv_core.systems.muscle.evaluation_input import Epoch
from hccsurv_core.systems.training_course import read_notes

#: Key of a phase in a network's description → what is learned in it, in the order of the training.
_PHASES = {"pretraining": "what is measured", "courses": "survival"}
#: Beginning of a note on a network → the same.
_NOTES = {"crnn pretraining": "what is measured", "crnn member": "survival"}


def network_histories(description: Mapping[str, Any]) -> dict[str, list[Epoch]]:
    """Losses of a bundle's networks by kind and phase; empty without networks.

    Returns:
        title → (member, epoch, training loss, validation loss); a loss that was not computed is NaN.
    """
    networks = description["networks"]
    if networks is None:
        return {}
    found = {
        f"{NETWORKS[kind]}: {what}": _epochs(told[phase])
        for kind, told in networks["kinds"].items()
        for phase, what in _PHASES.items()
    }
    return {title: rows for title, rows in found.items() if rows}


def read_network_course(work: Path) -> dict[str, list[Epoch]]:
    """Losses of the networks that a training has finished so far, those of folds among them.

    Args:
        work: the training's working folder. A line cut off by a kill is left out; a training that went
            on where it was stopped repeats itself, and the last word on a network counts.
    """
    courses: dict[str, dict[tuple[str, str], Mapping[str, Any]]] = {}
    for note in read_notes(work / COURSE):
        what = str(note.get("what"))
        phase = next((title for begin, title in _NOTES.items() if what.startswith(begin)), None)
        if phase is not None and {"train_loss", "validation_loss"} <= set(note):
            courses.setdefault(phase, {})[what, str(note.get("of"))] = note
    ordered = {
        title: list(courses[title].values()) for title in _NOTES.values() if title in courses
    }
    return {f"Networks so far: {title}": _epochs(found) for title, found in ordered.items()}


def _epochs(courses: Sequence[Mapping[str, Any]]) -> list[Epoch]:
    return [
        (member, epoch, _number(train), _number(stop))
        for member, course in enumerate(courses)
        for epoch, (train, stop) in enumerate(
            zip(course["train_loss"], course["validation_loss"], strict=True), start=1
        )
    ]


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
