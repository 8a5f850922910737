"""Ticks of a nomogram's axes: round values where their labels have room, finer ones without."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hccsurv_core.models.nomogram_curves import Line
from hccsurv_core.models.nomogram_values import (
    LOG_SETS,
    has_decades,
    log_values,
    multiples,
    nested_values,
    number_text,
)
from hccsurv_core.models.nomogram_variables import NumberVariable
from hccsurv_core.report.figures.nomogram_labels import (
    AxisLabel,
    all_fit,
    fitting,
    text_width,
)

#: At most so many labels on an evenly divided axis.
_LABELS = 11
#: Unlabeled ticks are at least so far apart, characters.
_MINOR_GAP = 0.75
#: Values of a finer step are labeled where this share of them has room.
_MOST = 0.6
#: Steps of an evenly divided axis within a decade, and the parts that unlabeled ticks make of each.
_STEPS: tuple[tuple[float, tuple[float, ...]], ...] = (
    (1.0, (10, 5, 2)),
    (2.0, (4, 2)),
    (2.5, (5,)),
    (5.0, (5,)),
)
#: Probabilities in percent of a survival axis, the first to be labeled first.
_PERCENT_RANKS: tuple[Sequence[float], ...] = (
    (50,),
    (10, 90),
    (30, 70),
    (20, 40, 60, 80),
    (5, 95),
    (1, 99),
    (15, 25, 35, 45, 55, 65, 75, 85),
)
#: Finer ones, where fewer than this many of the others are in reach.
_FEW = 4
_FINER = (2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)

Place = Callable[[float], float]


@dataclass(frozen=True)
class Ticks:
    """Labels, and places (0 to 1) of ticks without one."""

    labels: tuple[AxisLabel, ...]
    minor: tuple[float, ...] = ()


def even_ticks(
    low: float,
    high: float,
    place: Place,
    characters: float,
    *,
    whole: bool = False,
    above: bool = False,
    hover: Callable[[float], str] = number_text,
) -> Ticks:
    """Of a linear axis: the finest round step whose labels have room.

    Args:
        low, high: of the axis.
        place: value → 0 to 1.
        characters: length of the axis region.
        whole: no fractions.
        above: labels over the axis.
        hover: what a value means.
    """
    span = abs(place(high) - place(low)) * characters
    for step, parts in _steps(high - low):
        if whole and step != round(step):
            continue
        values = multiples(low, high, step)
        places = [place(v) for v in values]
        texts = [number_text(v) for v in values]
        if len(values) > _LABELS or not all_fit(places, texts, characters):
            continue
        labels = tuple(
            AxisLabel(t, x, x, above, hover(v))
            for v, x, t in zip(values, places, texts, strict=True)
        )
        minor: list[float] = []
        for part in parts:
            fine = step / part
            apart = span * fine / (high - low)
            if apart >= _MINOR_GAP and not (whole and fine != round(fine)):
                minor = [place(v) for v in multiples(low, high, fine)]
                break
        return Ticks(labels, _without(minor, places))
    return Ticks(())


def number_ticks(
    variable: NumberVariable,
    ends: tuple[float, float],
    place: Place,
    characters: float,
    *,
    above: bool,
    hover: Callable[[float], str],
) -> Ticks:
    """Of one stretch of a number's axis.

    Args:
        ends: values where the stretch begins and ends.
        place: value → 0 to 1, rising or falling within the stretch.
    """
    low, high = ends
    if variable.transform == "identity" and isinstance(variable.curve, Line):
        return even_ticks(
            low, high, place, characters, whole=variable.whole, above=above, hover=hover
        )

    def room(values: Sequence[float], taken: Sequence[float] = ()) -> list[float]:
        """Those whose labels touch neither each other nor those that are there."""
        entries = [(0, place(v), number_text(v)) for v in values]
        there = [(place(v) * characters, text_width(number_text(v))) for v in taken]
        return [values[i] for i in fitting(entries, characters, taken=there)]

    choose = _decades if variable.transform.startswith("log") else _nested
    labeled, fine = choose(low, high, room, variable.whole)
    labels = tuple(
        AxisLabel(number_text(v), place(v), place(v), above, hover(v)) for v in sorted(labeled)
    )
    rest = _without([place(v) for v in fine], [t.tick for t in labels])
    return Ticks(labels, _apart(rest, labels, characters))


Room = Callable[..., list[float]]


def _decades(low: float, high: float, room: Room, whole: bool) -> tuple[list[float], list[float]]:
    """Labeled and other values of a logarithmic axis: the finest set that has room as a whole."""
    zero = [0.0] if low <= 0 <= high else []
    first = low if low > 0 else min(1.0, high / 1000)
    if not has_decades(first, high):
        return _nested(low, high, room, whole)
    sets = [
        [*zero, *(v for v in log_values(first, high, f) if not whole or v == round(v))]
        for f in LOG_SETS
    ]
    powers = sets[-1]
    fewer = [powers[::every] for every in range(2, len(powers) + 1)]
    chosen = next((s for s in (*sets, *fewer) if len(room(s)) == len(s)), [])
    return chosen, sets[0]


def _nested(low: float, high: float, room: Room, whole: bool) -> tuple[list[float], list[float]]:
    """Of a bent axis: coarse steps first, finer ones while most of their labels have room."""
    labeled: list[float] = []
    fine: list[float] = []
    for values in nested_values(low, high):
        if whole:
            values = [v for v in values if v == round(v)]
        fit = room(values, labeled)
        fine += values
        if len(fit) < _MOST * len(values):
            break
        labeled += fit
    return labeled, fine


def survival_ticks(
    reach: tuple[float, float], place: Place, characters: float, hover: Callable[[float], str]
) -> Ticks:
    """Of a survival axis: round percentages that total points can reach.

    Args:
        reach: lowest and highest probability.
        place: probability → 0 to 1.
    """
    lowest, highest = (100 * p for p in reach)
    ranked = [
        (rank, p)
        for rank, group in enumerate(_PERCENT_RANKS)
        for p in group
        if lowest <= p <= highest
    ]
    for step in _FINER:
        if len(ranked) >= _FEW:
            break
        known = {p for _, p in ranked}
        rank = ranked[-1][0] + 1 if ranked else 0
        fine = multiples(max(lowest, step), min(highest, 100 - step), step)
        ranked += [(rank, p) for p in fine if p not in known]
    entries = [(rank, place(p / 100), number_text(p)) for rank, p in ranked]
    shown = fitting(entries, characters)
    labels = [
        AxisLabel(entries[i][2], entries[i][1], entries[i][1], False, hover(ranked[i][1] / 100))
        for i in sorted(shown, key=lambda i: entries[i][1])
    ]
    rest = _without([x for _, x, _ in entries], [t.tick for t in labels])
    return Ticks(tuple(labels), _apart(rest, labels, characters))


def _steps(span: float) -> list[tuple[float, tuple[float, ...]]]:
    """Round steps from a hundredth of the axis to all of it, fine before coarse."""
    power = math.floor(math.log10(span))
    return [(step * 10.0**p, parts) for p in range(power - 2, power + 1) for step, parts in _STEPS]


def _without(places: Sequence[float], taken: Sequence[float]) -> tuple[float, ...]:
    return tuple(x for x in places if all(abs(x - t) > 1e-9 for t in taken))


def _apart(
    places: Sequence[float], labels: Sequence[AxisLabel], characters: float
) -> tuple[float, ...]:
    """Those that touch neither a labeled tick nor each other."""
    kept = [label.tick for label in labels]
    found = []
    for x in sorted(places):
        if all(abs(x - k) * characters >= _MINOR_GAP for k in kept):
            kept.append(x)
            found.append(x)
    return tuple(found)
