"""How far each definition's value moves with outline and level, on one scale: percent from its cut-off."""

from __future__ import annotations

import numpy as np

from hccsurv_core.features.body import format_value
from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series
from hccsurv_core.report.figures.palette import BLUE, VERMILION
from hccsurv_core.systems.outline_uncertainty import (
    LEVEL_REACH_MM,
    OUTLINE_STEPS_MM,
    SHIFT_STEPS_MM,
)
from hccsurv_core.systems.uncertainty_results import DefinitionUncertainty, OutlineUncertainty

#: Shape and word of a verdict, as on the page.
_VERDICTS = {True: "▼ Low", False: "✓ Not low", None: "? Not known"}
_SIGNS = {"<": "<", "<=": "≤"}
#: The axis reaches at least this far to either side of the cut-off, percent.
_AT_LEAST_PERCENT = 10.0
STANDS, FLIPS = "stands whatever is moved", "would flip"


def uncertainty_chart(result: OutlineUncertainty, *, simulated: bool = False) -> Chart:
    """Lying intervals, one a definition: the range of its value, the measured value, the cut-off.

    Args:
        simulated: whether the patient was drawn by a computer.
    """
    rows = list(enumerate(reversed(result.definitions)))
    shown = [(place, d) for place, d in rows if d.stands is not None]
    series: list[Series] = []
    for label, stands, color in ((STANDS, True, BLUE), (FLIPS, False, VERMILION)):
        chosen = [(place, d) for place, d in shown if d.stands is stands]
        series += [
            _interval(place, d, color, label if i == 0 else "")
            for i, (place, d) in enumerate(chosen)
        ]
    series += [_measured(place, d, i == 0) for i, (place, d) in enumerate(shown)]
    bottom, top = -0.6, len(rows) - 0.4
    lead = "Simulated patient. " if simulated else ""
    return Chart(
        title="How sure are the verdicts?",
        x_title="Low  ←  value against the cut-off, %  →  not low",
        y_title="",
        series=tuple(series),
        caption=f"{lead}{result.sentence}. {moves_words()} A test of how much a verdict bears, not "
        "a confidence interval.",
        x_range=_reach([d for _, d in shown]),
        y_range=(bottom, top),
        guides=(Guide((0.0, 0.0), (bottom, top), "cut-off", "dash", NEUTRAL),),
        y_ticks=tuple(float(place) for place, _ in rows),
        y_tick_labels=tuple(_row_words(d) for _, d in rows),
        height=0.3 + 0.085 * len(rows),
        message="" if shown else "No verdict is known.",
    )


def moves_words() -> str:
    """What is moved, and how far, in a sentence or two."""
    return (
        f"Moved one at a time: the muscle's outline by up to {max(OUTLINE_STEPS_MM['muscle']):g} mm and "
        f"those of the psoas by up to {max(OUTLINE_STEPS_MM['psoas']):g} mm outwards and inwards, "
        f"each by up to {max(SHIFT_STEPS_MM):g} mm to eight sides, and the level by up to "
        f"{LEVEL_REACH_MM:g} mm or one slice."
    )


def _row_words(d: DefinitionUncertainty) -> str:
    """ "SMI  ▼ Low, would flip"."""
    end = {True: "", False: ", would flip", None: ""}[d.stands]
    return f"{d.name}  {_VERDICTS[d.positive]}{end}"


def _percent(value: float | None, d: DefinitionUncertainty) -> float:
    if value is None or not d.cutoff:
        return float("nan")
    return 100 * (value - d.cutoff) / abs(d.cutoff)


def _interval(place: int, d: DefinitionUncertainty, color: str, label: str) -> Series:
    ends = np.array([_percent(d.low, d), _percent(d.high, d)])
    hover = [_hover(d)] * 2
    return Series(label, ends, np.full(2, float(place)), color=color, wide=True, hover=hover)


def _measured(place: int, d: DefinitionUncertainty, first: bool) -> Series:
    return Series(
        "as measured" if first else "", np.array([_percent(d.value, d)]),
        np.array([float(place)]), color=BLUE if d.stands else VERMILION, kind="points",
        hover=[_hover(d)],
    )  # fmt: skip


def _hover(d: DefinitionUncertainty) -> str:
    if d.value is None or d.low is None or d.high is None:
        return f"<b>{d.name}</b>"
    low, value, high = (format_value(v, d.cutoff, digits_of(d)) for v in (d.low, d.value, d.high))
    told = f"<b>{d.name}</b> {value} {d.unit}, moved {low} to {high} {d.unit}"
    told += f"<br>low if {_SIGNS[d.operator]} {d.cutoff:g} {d.unit}"
    return told + (f"<br>would flip: {d.smallest.words}" if d.smallest else "")


def digits_of(d: DefinitionUncertainty) -> int:
    """Decimals that a definition's values are written with."""
    return 2 if d.measure in ("pma_cm2", "pmi") else 1


def _reach(shown: list[DefinitionUncertainty]) -> tuple[float, float]:
    ends = [_percent(v, d) for d in shown for v in (d.low, d.high)]
    low, high = min([-_AT_LEAST_PERCENT, *ends]), max([_AT_LEAST_PERCENT, *ends])
    pad = 0.04 * (high - low)
    return low - pad, high + pad
