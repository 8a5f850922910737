"""Models and definitions look the same in every figure of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Dash
from hccsurv_core.report.figures.palette import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY_BLUE,
    VERMILION,
)
from hccsurv_core.systems.muscle.evaluation import MuscleEvaluation, SetEvaluation

#: Said at the head of every caption where it is so.
SIMULATED_LEAD = "Simulated patients."
_MODEL_COLORS = (BLUE, VERMILION)
_DEFINITION_COLORS = {
    "SMI": GREEN, "PMA": ORANGE, "PMI": SKY_BLUE, "PD": PURPLE, "MA": NEUTRAL,
}  # fmt: skip
_OTHER_COLORS = (GREEN, ORANGE, PURPLE, SKY_BLUE)


def model_color(name: str, models: Sequence[tuple[str, str]]) -> str:
    """Judged models are blue and vermilion, rivals take the other colors, the oracle is gray.

    Args:
        models: (name, kind) of all models, in order.
    """
    kind = dict(models)[name]
    same = [other for other, its_kind in models if its_kind == kind]
    if kind == "oracle":
        return NEUTRAL
    colors = _MODEL_COLORS if kind == "model" else _OTHER_COLORS
    return colors[same.index(name) % len(colors)]


def definition_style(name: str) -> tuple[str, Dash]:
    """Color and dash of a definition: the color is its own, the dash says that it is no model."""
    return _DEFINITION_COLORS.get(name, NEUTRAL), "dash" if name != "MA" else "dot"


def led(evaluation: MuscleEvaluation, *sentences: str) -> str:
    """A caption; where patients are simulated it begins with that."""
    lead = (SIMULATED_LEAD,) if evaluation.simulated else ()
    return " ".join(x for x in (*lead, *sentences) if x)


def set_words(part: SetEvaluation) -> str:
    """ "Internal test: 147 patients, 55 events"."""
    return f"{part.title}: {part.n} patients, {part.n_events} events"


def study_words(evaluation: MuscleEvaluation) -> str:
    """ "826 patients, 312 events"."""
    n = sum(s.n for s in evaluation.sets)
    return f"{n} patients, {sum(s.n_events for s in evaluation.sets)} events"


def same_y(charts: tuple[Chart, ...]) -> tuple[Chart, ...]:
    """Panels that are compared share their y axis."""
    ranges = [c.y_range for c in charts if c.y_range is not None]
    if not ranges:
        return charts
    shared = (min(r[0] for r in ranges), max(r[1] for r in ranges))
    return tuple(replace(c, y_range=shared) for c in charts)
