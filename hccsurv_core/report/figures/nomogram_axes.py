"""The axes of a nomogram: from the model's numbers to places on the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hccsurv_core.models.nomogram import Nomogram
from hccsurv_core.models.nomogram_values import number_text
from hccsurv_core.models.nomogram_variables import CategoryVariable, NumberVariable
from hccsurv_core.report.figures.nomogram_labels import place_levels
from hccsurv_core.report.figures.nomogram_parts import Band, NomogramAxis
from hccsurv_core.report.figures.nomogram_ticks import even_ticks, number_ticks, survival_ticks

#: A turn of a curve of fewer points than this is not drawn as a fold.
_SMALLEST_FOLD = 2.0
#: How far the drawing is widened for a patient beyond the axes, as a share of them.
_WIDENED = 0.2
#: A survival axis ends where survival comes this close to 0 and 1.
_CERTAIN = (0.01, 0.99)
#: Between the two lines of a folded axis.
_FOLD_LINES = 0.8
_FOLD_LINES_WITH_LABELS = 2.2


@dataclass(frozen=True)
class Scales:
    """What left and right of the drawing mean.

    Args:
        points: of a variable, at the left and right end.
        total: points in all, at both ends.
        characters: length of the axis region.
    """

    points: tuple[float, float]
    total: tuple[float, float]
    characters: float

    def of_points(self, points: float) -> float:
        """Place of a variable's points."""
        return (points - self.points[0]) / (self.points[1] - self.points[0])

    def of_total(self, total: float) -> float:
        """Place of a sum of points."""
        return (total - self.total[0]) / (self.total[1] - self.total[0])


def widened(high: float, patients: Sequence[float]) -> tuple[float, float]:
    """Ends of a scale from 0 to ``high``, with some room for patients beyond it."""
    room = _WIDENED * high
    low = max(min([0.0, *patients]), -room)
    return low, min(max([high, *patients]), high + room)


def points_axis(highest: float, scales: Scales) -> NomogramAxis:
    """The scale of points at the top, labels over it."""
    ticks = even_ticks(0.0, highest, scales.of_points, scales.characters, above=True,
                       hover=lambda p: f"{p:g} points")  # fmt: skip
    ends = scales.of_points(0.0), scales.of_points(highest)
    return NomogramAxis(0.0, *ends, ticks.labels, ticks.minor)


def variable_axes(
    nomogram: Nomogram, variable: NumberVariable | CategoryVariable, scales: Scales
) -> tuple[NomogramAxis, ...]:
    """The lines of a variable, the first at height 0; a curve that turns is folded."""
    if isinstance(variable, CategoryVariable):
        return (_category_axis(nomogram, variable, scales),)
    stretches = stretches_of(nomogram, variable)
    folded = len(stretches) == 2
    apart = _FOLD_LINES if folded else _FOLD_LINES_WITH_LABELS
    return tuple(
        replace(
            _number_axis(nomogram, variable, ends, scales, above=folded and i == 0), y=i * apart
        )
        for i, ends in enumerate(stretches)
    )


def stretches_of(nomogram: Nomogram, variable: NumberVariable) -> tuple[tuple[float, float], ...]:
    """The parts that the axis of a number is drawn in."""
    return variable.stretches(_SMALLEST_FOLD / nomogram.points_per_unit)


def _number_axis(
    nomogram: Nomogram,
    variable: NumberVariable,
    ends: tuple[float, float],
    scales: Scales,
    *,
    above: bool,
) -> NomogramAxis:
    def place(value: float) -> float:
        return scales.of_points(nomogram.points_of(variable, value))

    def hover(value: float) -> str:
        unit = f" {variable.unit}" if variable.unit else ""
        points = nomogram.points_of(variable, value)
        return f"{variable.label} {number_text(value)}{unit}: {points:.1f} points"

    ticks = number_ticks(variable, ends, place, scales.characters, above=above, hover=hover)
    start, end = sorted(place(v) for v in ends)
    return NomogramAxis(0.0, start, end, ticks.labels, ticks.minor,
                        _bands(variable.axis.middle, ends, place))  # fmt: skip


def _category_axis(nomogram: Nomogram, variable: CategoryVariable, scales: Scales) -> NomogramAxis:
    points = [nomogram.points_of(variable, level) for level in variable.levels]
    places = [scales.of_points(p) for p in points]
    texts = [variable.title_of(level) for level in variable.levels]
    shares = variable.shares or (None,) * len(texts)
    labels = tuple(
        replace(label, hover=_level_words(variable.label, text, p, share))
        for label, text, p, share in zip(
            place_levels(places, texts, scales.characters), texts, points, shares, strict=True
        )
    )
    dots = tuple(zip(places, variable.shares, strict=True)) if variable.shares else ()
    return NomogramAxis(0.0, min(places), max(places), labels, dots=dots)


def _level_words(label: str, level: str, points: float, share: float | None) -> str:
    words = f"{label} {level}: {points:.1f} points"
    return words if share is None else f"{words}, {share:.0%} of training patients"


def total_axis(nomogram: Nomogram, scales: Scales) -> NomogramAxis:
    """The scale of the sum, as far as the variables' axes can reach."""

    def hover(total: float) -> str:
        told = zip(nomogram.horizons, nomogram.survival_at(total), strict=True)
        words = ", ".join(f"{h.months:g} months {s:.1%}" for h, s in told)
        return f"{total:g} points: survival at {words}"

    high = nomogram.highest_total
    ticks = even_ticks(0.0, high, scales.of_total, scales.characters, hover=hover)
    seen = tuple(nomogram.total_at(q) for q in nomogram.training.linear_predictor)
    bands = _bands(seen, (0.0, high), scales.of_total)
    return NomogramAxis(0.0, scales.of_total(0.0), scales.of_total(high), ticks.labels,
                        ticks.minor, bands)  # fmt: skip


def linear_predictor_axis(nomogram: Nomogram, scales: Scales) -> NomogramAxis:
    """The log hazard of the model."""

    def place(value: float) -> float:
        return scales.of_total(nomogram.total_at(value))

    low = nomogram.linear_predictor_at(0.0)
    high = nomogram.linear_predictor_at(nomogram.highest_total)
    ticks = even_ticks(low, high, place, scales.characters,
                       hover=lambda v: f"log hazard {number_text(v)}")  # fmt: skip
    return NomogramAxis(0.0, place(low), place(high), ticks.labels, ticks.minor)


def survival_axis(nomogram: Nomogram, index: int, scales: Scales) -> NomogramAxis:
    """Survival at one horizon, between the lowest and the highest total."""
    horizon = nomogram.horizons[index]

    def place(survival: float) -> float:
        return scales.of_total(nomogram.total_at(horizon.linear_predictor(survival)))

    def hover(survival: float) -> str:
        total = nomogram.total_at(horizon.linear_predictor(survival))
        return f"{survival:.4g} alive at {horizon.months:g} months: {total:.1f} points"

    lowest, highest = (nomogram.survival_at(t)[index] for t in (nomogram.highest_total, 0.0))
    ticks = survival_ticks((lowest, highest), place, scales.characters, hover)
    start, end = scales.of_total(0.0), scales.of_total(nomogram.highest_total)
    if highest > _CERTAIN[1] > lowest:  # farther out nothing is left to read
        start = place(_CERTAIN[1])
    if lowest < _CERTAIN[0] < highest:
        end = place(_CERTAIN[0])
    return NomogramAxis(0.0, start, end, ticks.labels, ticks.minor)


def _bands(
    middle: Sequence[float], ends: tuple[float, float], place: Callable[[float], float]
) -> tuple[Band, ...]:
    """Nine tenths and the middle half of the training patients, as far as they lie within."""
    if not middle:
        return ()
    found = []
    for low, high, half in ((middle[0], middle[4], False), (middle[1], middle[3], True)):
        low, high = max(low, ends[0]), min(high, ends[1])
        if low < high:
            a, b = sorted((place(low), place(high)))
            found.append(Band(a, b, half))
    return tuple(found)
