"""Nomograms to look at: which axis stands where, where a patient stands on each, and the caption.

``nomogram_chart`` describes one; ``nomogram_charts`` describes several on the same scale of points
(hepatectomy and chemoembolization), so that effects of the same length are equally strong.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.models.nomogram import MAX_POINTS, Nomogram, NomogramPoints, on_common_scale
from hccsurv_core.models.nomogram_curves import TRANSFORMS
from hccsurv_core.models.nomogram_values import number_text
from hccsurv_core.models.nomogram_variables import CategoryVariable, NumberVariable, Variable
from hccsurv_core.report.figures.chart import GROUP_COLORS
from hccsurv_core.report.figures.nomogram_axes import (
    Scales,
    linear_predictor_axis,
    points_axis,
    stretches_of,
    survival_axis,
    total_axis,
    variable_axes,
    widened,
)
from hccsurv_core.report.figures.nomogram_caption import nomogram_caption
from hccsurv_core.report.figures.nomogram_labels import text_width
from hccsurv_core.report.figures.nomogram_parts import (
    WIDE,
    NomogramAxis,
    NomogramChart,
    NomogramMark,
    NomogramRow,
    NomogramWidths,
    RowKind,
)
from hccsurv_core.wording import count_of

#: Lines: room for a mark over a line, between rows, and between variables and total points.
_MARK, _BETWEEN, _SECTION = 0.6, 0.45, 0.9
#: Of a title: lines of labels that one of its lines is high.
_TITLE_LINE = 1.15
#: What marks a value outside its axis, and a total that nobody had.
STAR, DAGGER = "*", "†"


@dataclass(frozen=True)
class NomogramPatient:
    """One patient on a nomogram.

    Args:
        values: of every variable, by name.
        whole: points are rounded to whole numbers before adding.
        survival_intervals: (h,) low and high of each survival probability; empty for none.
        interval_words: what the intervals are.
    """

    values: Mapping[str, Any]
    whole: bool = False
    survival_intervals: tuple[tuple[float, float], ...] = ()
    interval_words: str = "95 % interval"


@dataclass(frozen=True)
class _Marked:
    """A patient with what the nomogram makes of the values."""

    given: NomogramPatient
    scored: NomogramPoints


@dataclass(frozen=True)
class _Draft:
    """A row before it has a place: heights are from its first axis line."""

    kind: RowKind
    title: str
    note: str
    axes: tuple[NomogramAxis, ...]
    mark: NomogramMark | None = None
    value: str = ""
    points: str = ""
    folds: tuple[float, ...] = field(default=())


def nomogram_chart(
    nomogram: Nomogram,
    patient: NomogramPatient | None = None,
    *,
    widths: NomogramWidths = WIDE,
    color: str = GROUP_COLORS[1],
) -> NomogramChart:
    """Describe one nomogram.

    Args:
        patient: marked on every axis; None draws an empty one.
        widths: room for labels.
        color: of the patient.
    """
    return nomogram_charts([(nomogram, patient)], widths=widths, colors=[color])[0]


def nomogram_charts(
    pairs: Sequence[tuple[Nomogram, NomogramPatient | None]],
    *,
    widths: NomogramWidths = WIDE,
    colors: Sequence[str] = GROUP_COLORS,
) -> tuple[NomogramChart, ...]:
    """Describe nomograms that stand by each other: a point means the same log hazard in all.

    Raises:
        InputError: a patient's intervals are not as many as the horizons.
    """
    alike = on_common_scale([n for n, _ in pairs])
    patients = [_marked(n, p) for n, (_, p) in zip(alike, pairs, strict=True)]
    points = widened(
        MAX_POINTS, [x for p in patients if p is not None for x in p.scored.points.values()]
    )
    charts = []
    for n, p, color in zip(alike, patients, colors, strict=False):
        # Sums begin at each model's own most favorable patient: their scale is each one's own.
        total = widened(n.highest_total, [] if p is None else [p.scored.total])
        charts.append(_chart(n, p, Scales(points, total, widths.axis), widths, color))
    rows = [row for chart in charts for row in chart.rows]
    needed = NomogramWidths(
        widths.axis,
        _needed([line for r in rows for line in (*r.title, r.note)], widths.title),
        _needed([r.value for r in rows], widths.value),
    )
    return tuple(replace(chart, widths=needed) for chart in charts)


def _needed(texts: Sequence[str], most: int) -> int:
    """Characters of a column that holds these texts."""
    return max(6, min(most, math.ceil(max((text_width(t) for t in texts), default=0))))


def _marked(nomogram: Nomogram, patient: NomogramPatient | None) -> _Marked | None:
    if patient is None:
        return None
    if len(patient.survival_intervals) not in (0, len(nomogram.horizons)):
        raise InputError(
            f"{len(nomogram.horizons)} horizons need as many intervals, "
            f"got {len(patient.survival_intervals)}",
            source=nomogram.title,
        )
    return _Marked(patient, nomogram.points(patient.values, whole=patient.whole))


def _chart(
    nomogram: Nomogram,
    patient: _Marked | None,
    scales: Scales,
    widths: NomogramWidths,
    color: str,
) -> NomogramChart:
    drafts = [
        _points_draft(scales, patient),
        *(_variable_draft(nomogram, v, patient, scales) for v in nomogram.variables),
        _total_draft(nomogram, patient, scales),
        _linear_predictor_draft(nomogram, patient, scales),
        *(_survival_draft(nomogram, i, patient, scales) for i in range(len(nomogram.horizons))),
    ]
    rows, height = _stacked(drafts, widths)
    top, total, last = rows[0].axes[0], _row(rows, "total"), rows[-1]
    bottom = max(a.y for a in rows[len(nomogram.variables)].axes)
    drop = None
    if total.mark is not None:
        drop = (total.mark.x, total.mark.y, last.axes[0].y)
    training = nomogram.training
    return NomogramChart(
        title=f"{nomogram.title} · {count_of(training.n, 'patient')}, "
        f"{count_of(training.n_events, 'event')}",
        rows=rows,
        height=height,
        sentences=nomogram_caption(nomogram, *_for_caption(patient)),
        color=color,
        widths=widths,
        patient=patient is not None,
        drop=drop,
        grid=tuple((label.tick, top.y, bottom) for label in top.labels),
    )


def _for_caption(patient: _Marked | None) -> tuple[NomogramPoints | None, str]:
    """The points, and what the bars on the survival axes are, if there are any."""
    if patient is None:
        return None, ""
    bars = patient.given.survival_intervals
    return patient.scored, patient.given.interval_words if bars else ""


def _row(rows: Sequence[NomogramRow], kind: RowKind) -> NomogramRow:
    return next(r for r in rows if r.kind == kind)


def _points_draft(scales: Scales, patient: _Marked | None) -> _Draft:
    axis = points_axis(MAX_POINTS, scales)
    heads = ("", "") if patient is None else ("Patient", "Points")
    return _Draft("points", "Points", "", (axis,), None, *heads)


def _variable_draft(
    nomogram: Nomogram, variable: Variable, patient: _Marked | None, scales: Scales
) -> _Draft:
    axes = variable_axes(nomogram, variable, scales)
    draft = _Draft("variable", variable.label, _unit_note(variable), axes,
                   folds=_folds(nomogram, variable, scales))  # fmt: skip
    if patient is None:
        return draft
    value = patient.given.values[variable.name]
    points = patient.scored.points[variable.name]
    outside = variable.name in patient.scored.outside
    words = _value_words(variable, value)
    place = scales.of_points(points)
    line = _line_of(nomogram, variable, value)
    mark = _mark(place, axes[line].y, f"{variable.label} {words}: {points:.1f} points")
    if outside:
        axes = tuple(
            replace(a, beyond=_gap(a, mark.x)) if i == line else a for i, a in enumerate(axes)
        )
    return replace(
        draft, axes=axes, mark=mark, value=f"{words}{STAR if outside else ''}",
        points=_points_words(patient.scored, points),
    )  # fmt: skip


def _total_draft(nomogram: Nomogram, patient: _Marked | None, scales: Scales) -> _Draft:
    draft = _Draft("total", "Total points", "", (total_axis(nomogram, scales),))
    if patient is None:
        return draft
    star = DAGGER if patient.scored.total_outside else ""
    words = _points_words(patient.scored, patient.scored.total)
    return _with_total(
        draft, patient.scored.total, scales, f"{words} points in all", points=words + star
    )


def _linear_predictor_draft(nomogram: Nomogram, patient: _Marked | None, scales: Scales) -> _Draft:
    axis = linear_predictor_axis(nomogram, scales)
    draft = _Draft("linear_predictor", "Linear predictor", "log hazard", (axis,))
    if patient is None:
        return draft
    words = f"{patient.scored.linear_predictor:.2f}".replace("-", "−")
    return _with_total(draft, patient.scored.total, scales, f"log hazard {words}", points=words)


def _survival_draft(
    nomogram: Nomogram, index: int, patient: _Marked | None, scales: Scales
) -> _Draft:
    horizon = nomogram.horizons[index]
    name = f"{horizon.months:g}-month survival"
    draft = _Draft("survival", name, "% alive", (survival_axis(nomogram, index, scales),))
    if patient is None:
        return draft
    survival = patient.scored.survival[index]
    words, value, ends = _percent(survival), "", None
    if patient.given.survival_intervals:
        low, high = patient.given.survival_intervals[index]
        value = f"{100 * low:.0f}–{100 * high:.0f} %"
        ends = _interval_places(nomogram, index, (low, high), scales)
    hover = f"{name} {100 * survival:.1f} %" + (f" ({value})" if value else "")
    found = _with_total(draft, patient.scored.total, scales, hover, points=words)
    mark = None if found.mark is None else replace(found.mark, interval=ends)
    return replace(found, value=value, mark=mark)


def _interval_places(
    nomogram: Nomogram, index: int, interval: tuple[float, float], scales: Scales
) -> tuple[float, float]:
    """Places of both ends, kept on the page."""
    horizon = nomogram.horizons[index]
    inside = [min(max(p, 1e-12), 1 - 1e-12) for p in interval]
    found = [scales.of_total(nomogram.total_at(horizon.linear_predictor(p))) for p in inside]
    first, last = sorted(min(max(x, 0.0), 1.0) for x in found)
    return first, last


def _with_total(draft: _Draft, total: float, scales: Scales, hover: str, *, points: str) -> _Draft:
    """A draft of the lower part with the patient where the total stands."""
    mark = _mark(scales.of_total(total), 0.0, hover)
    axis = draft.axes[0]
    beyond = _gap(axis, mark.x)
    return replace(draft, mark=mark, points=points, axes=(replace(axis, beyond=beyond),))


def _mark(place: float, y: float, hover: str) -> NomogramMark:
    """Where a patient stands, at the edge with an arrow where the drawing ends before."""
    arrow = -1 if place < -1e-9 else 1 if place > 1 + 1e-9 else 0
    return NomogramMark(min(max(place, 0.0), 1.0), y, hover, arrow)


def _gap(axis: NomogramAxis, x: float) -> tuple[float, float] | None:
    """From the end of an axis to a place beyond it."""
    if x < axis.start - 1e-9:
        return x, axis.start
    return (axis.end, x) if x > axis.end + 1e-9 else None


def _folds(nomogram: Nomogram, variable: Variable, scales: Scales) -> tuple[float, ...]:
    """Places where the axis turns round."""
    if isinstance(variable, CategoryVariable):
        return ()
    turns = [b for _, b in stretches_of(nomogram, variable)[:-1]]
    return tuple(scales.of_points(nomogram.points_of(variable, v)) for v in turns)


def _line_of(nomogram: Nomogram, variable: Variable, value: Any) -> int:
    """On which part of a folded axis a value stands."""
    if isinstance(variable, CategoryVariable):
        return 0
    number = variable.number(value)
    ends = stretches_of(nomogram, variable)
    return next((i for i, (_, b) in enumerate(ends) if number <= b), len(ends) - 1)


def _unit_note(variable: Variable) -> str:
    """The unit, and how the axis is scaled."""
    if isinstance(variable, CategoryVariable):
        return ""
    scale = TRANSFORMS[variable.transform].words
    return ", ".join(part for part in (variable.unit, scale) if part)


def _value_words(variable: Variable, value: Any) -> str:
    if isinstance(variable, NumberVariable):
        text = number_text(float(f"{variable.number(value):.4g}"))
        times = "× " if variable.unit.startswith("10") else ""
        return f"{text} {times}{variable.unit}".rstrip()
    return variable.title_of(variable.level(value))


def _percent(survival: float) -> str:
    """Whole percent; never 0 or 100, which nobody can know."""
    if survival < 0.005:
        return "< 1 %"
    return "> 99 %" if survival > 0.995 else f"{100 * survival:.0f} %"


def _points_words(scored: NomogramPoints, points: float) -> str:
    return (f"{points:.0f}" if scored.whole else f"{points:.1f}").replace("-", "−")


def _stacked(
    drafts: Sequence[_Draft], widths: NomogramWidths
) -> tuple[tuple[NomogramRow, ...], float]:
    """Give every row its height, from top to bottom."""
    rows: list[NomogramRow] = []
    cursor = 0.0
    for draft in drafts:
        if draft.kind == "total":
            cursor += _SECTION
        title = tuple(textwrap.wrap(draft.title, widths.title)) or ("",)
        first, last = draft.axes[0], draft.axes[-1]
        middle = (first.y + last.y) / 2
        value = "\n".join(textwrap.wrap(draft.value, widths.value))
        words = max(len(title) + bool(draft.note), value.count("\n") + 1) * _TITLE_LINE / 2
        above = max(first.reach(above=True), _MARK, words - middle)
        below = max(last.reach(above=False), _MARK, words - (last.y - middle))
        y = cursor + above
        rows.append(
            NomogramRow(
                draft.kind, title, draft.note, y + middle,
                tuple(replace(a, y=y + a.y) for a in draft.axes),
                tuple(
                    (x, y + a.y, y + b.y)
                    for x, a, b in zip(draft.folds, draft.axes, draft.axes[1:], strict=False)
                ),
                None if draft.mark is None else replace(draft.mark, y=y + draft.mark.y),
                value, draft.points,
            )
        )  # fmt: skip
        cursor = y + last.y + below + _BETWEEN
    return tuple(rows), cursor
