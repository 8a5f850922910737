"""Nomograms on the screen (Plotly). Colors of text are left to the page's theme unless given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hccsurv_core.report.figures.chart import NEUTRAL
from hccsurv_core.report.figures.nomogram_labels import OVERHANG
from hccsurv_core.report.figures.nomogram_parts import (
    LEADER,
    MINOR_TICK,
    TICK,
    NomogramAxis,
    NomogramChart,
    NomogramRow,
)
from hccsurv_core.report.figures.palette import with_opacity

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Pixels: a line of labels, a character of titles and values, the figure's title.
_LINE, _TITLE_CHARACTER, _TOP = 15.0, 7.6, 34
_TICK_FONT, _TITLE_FONT, _NOTE_FONT = 11.5, 13, 11
#: Pixels between the axes and what stands beside them.
_BESIDE = 10

Segment = tuple[tuple[float, float], tuple[float, float]]


def draw_nomogram_on_screen(chart: NomogramChart, *, ink: str | None = None) -> Figure:
    """Draw one nomogram; it is as high as its rows need.

    Args:
        ink: color of texts; default the theme's.
    """
    import plotly.graph_objects as go

    # Plotly leaves out what lies beyond the range; labels at the ends reach over it.
    over = OVERHANG / chart.widths.axis
    left = round(chart.widths.title * _TITLE_CHARACTER) + _BESIDE
    right = round(chart.widths.value * _TITLE_CHARACTER) + 66 if chart.patient else _BESIDE
    axes = [a for row in chart.rows for a in row.axes]
    line = NEUTRAL if ink is None else with_opacity(ink, 0.75)
    # All at once: Plotly checks everything again for each trace or text that is added.
    traces = [
        *_background(chart, axes),
        _lines(_leaders(axes), line, 0.8),
        _lines(_axis_lines(chart), line, 1.3),
        _labels(axes, ink),
        *_patient(chart),
    ]
    notes = [n for row in chart.rows for n in (*_title(row, left, ink), *_values(row, right, ink))]
    figure = go.Figure([t for t in traces if t is not None], {"annotations": notes})
    figure.update_xaxes(visible=False, range=[-over, 1 + over], fixedrange=True)
    figure.update_yaxes(visible=False, range=[chart.height, 0], fixedrange=True)
    figure.update_layout(
        height=round(chart.height * _LINE) + _TOP + 6,
        margin={"l": left, "r": right, "t": _TOP, "b": 6},
        title={
            "text": chart.title, "x": 0, "xref": "container", "y": 1, "yref": "container",
            "yanchor": "top", "pad": {"t": 8, "l": 4}, "font": {"size": 15, "color": ink},
        },
        showlegend=False, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest", hoverlabel={"align": "left"}, dragmode=False,
    )  # fmt: skip
    return figure


def _background(chart: NomogramChart, axes: list[NomogramAxis]) -> list[Any]:
    """Grid, where training patients are, and the patient's line to survival."""
    import plotly.graph_objects as go

    grid: list[Segment] = [((x, y0), (x, y1)) for x, y0, y1 in chart.grid]
    most = [((b.start, a.y), (b.end, a.y)) for a in axes for b in a.bands if not b.half]
    half = [((b.start, a.y), (b.end, a.y)) for a in axes for b in a.bands if b.half]
    dots = [(x, a.y, share) for a in axes for x, share in a.dots]
    found = [
        _lines(grid, with_opacity(NEUTRAL, 0.16), 1),
        _lines(most, with_opacity(NEUTRAL, 0.28), 5),
        _lines(half, with_opacity(NEUTRAL, 0.38), 9),
    ]
    if dots:
        found.append(
            go.Scatter(
                x=[d[0] for d in dots], y=[d[1] for d in dots], mode="markers", hoverinfo="skip",
                cliponaxis=False,
                marker={"size": [20 * d[2] ** 0.5 for d in dots], "line": {"width": 0},
                        "color": with_opacity(NEUTRAL, 0.45)},
            )
        )  # fmt: skip
    return found


def _lines(segments: Iterable[Segment], color: str, width: float, dash: str = "solid") -> Any:
    """Many short lines as one trace; None where there are none."""
    import plotly.graph_objects as go

    x: list[float | None] = []
    y: list[float | None] = []
    for (x0, y0), (x1, y1) in segments:
        x += [x0, x1, None]
        y += [y0, y1, None]
    if not x:
        return None
    return go.Scatter(
        x=x, y=y, mode="lines", hoverinfo="skip", cliponaxis=False,
        line={"color": color, "width": width, "dash": dash},
    )  # fmt: skip


def _axis_lines(chart: NomogramChart) -> list[Segment]:
    """Axes, their ticks, and the turns of folded ones."""
    found: list[Segment] = []
    for row in chart.rows:
        found += [((x, y0), (x, y1)) for x, y0, y1 in row.folds]
        for axis in row.axes:
            found.append(((axis.start, axis.y), (axis.end, axis.y)))
            for label in axis.labels:
                length = -TICK if label.above else TICK
                found.append(((label.tick, axis.y), (label.tick, axis.y + length)))
            side = -1 if axis.labels and axis.labels[0].above else 1
            found += [((x, axis.y), (x, axis.y + side * MINOR_TICK)) for x in axis.minor]
    return found


def _leaders(axes: list[NomogramAxis]) -> list[Segment]:
    """Slanted lines to labels that were moved sideways."""
    found: list[Segment] = []
    for axis in axes:
        for label in axis.labels:
            if axis.has_leaders(label.above):
                sign = -1 if label.above else 1
                start = axis.y + sign * TICK
                found.append(((label.tick, start), (label.x, start + sign * LEADER)))
    return found


def _labels(axes: list[NomogramAxis], ink: str | None) -> Any:
    import plotly.graph_objects as go

    every = [(axis, label) for axis in axes for label in axis.labels]
    return go.Scatter(
        x=[label.x for _, label in every],
        y=[axis.label_middle(label) for axis, label in every],
        mode="text", text=[label.text.replace("\n", "<br>") for _, label in every],
        textposition="middle center", textfont={"size": _TICK_FONT, "color": ink},
        hovertext=[label.hover for _, label in every], hoverinfo="text", cliponaxis=False,
    )  # fmt: skip


def _patient(chart: NomogramChart) -> list[Any]:
    """The line from total points to survival, dashed ways beyond axes, intervals, and marks."""
    import plotly.graph_objects as go

    rows = [r for r in chart.rows if r.mark is not None]
    if not rows:
        return []
    beyond: list[Segment] = [
        ((a.beyond[0], a.y), (a.beyond[1], a.y)) for r in rows for a in r.axes if a.beyond
    ]
    bars: list[Segment] = [
        ((r.mark.interval[0], r.mark.y), (r.mark.interval[1], r.mark.y))
        for r in rows if r.mark is not None and r.mark.interval is not None
    ]  # fmt: skip
    drop: list[Segment] = []
    if chart.drop is not None:
        x, y0, y1 = chart.drop
        drop = [((x, y0), (x, y1))]
    marks = [r.mark for r in rows if r.mark is not None]
    symbols = {-1: "triangle-left", 0: "circle", 1: "triangle-right"}
    return [
        _lines(drop, chart.color, 1.6, "dot"),
        _lines(beyond, with_opacity(chart.color, 0.8), 1.6, "5px,3px"),
        _lines(bars, with_opacity(chart.color, 0.55), 5),
        go.Scatter(
            x=[m.x for m in marks], y=[m.y for m in marks], mode="markers", cliponaxis=False,
            marker={"color": chart.color, "size": 11, "symbol": [symbols[m.arrow] for m in marks],
                    "line": {"color": "white", "width": 1.2}},
            hovertext=[m.hover for m in marks], hoverinfo="text", name="This patient",
        ),
    ]  # fmt: skip


def _title(row: NomogramRow, left: int, ink: str | None) -> list[dict[str, Any]]:
    text = "<br>".join(row.title)
    if row.kind in ("points", "total"):
        text = f"<b>{text}</b>"
    if row.note:
        note = f'<span style="font-size:{_NOTE_FONT}px;opacity:0.75">{row.note}</span>'
        text = f"{text}<br>{note}"
    return [_note(0, 4 - left, row.y, text, "left", _TITLE_FONT, ink)]


def _values(row: NomogramRow, right: int, ink: str | None) -> list[dict[str, Any]]:
    """The patient's value and points, right of the axes."""
    found = []
    head = row.kind == "points"
    if row.value:
        text = row.value.replace("\n", "<br>")
        text = f"<i>{text}</i>" if head else text
        found.append(_note(1, _BESIDE, row.y, text, "left", _TITLE_FONT, ink))
    if row.points:
        text = f"<i>{row.points}</i>" if head else f"<b>{row.points}</b>"
        found.append(_note(1, right - 6, row.y, text, "right", _TITLE_FONT, ink))
    return found


def _note(
    x: float, shift: float, y: float, text: str, anchor: str, size: float, ink: str | None
) -> dict[str, Any]:
    return {
        "x": x, "xref": "paper", "xshift": shift, "y": y, "yref": "y", "text": text,
        "showarrow": False, "xanchor": anchor, "yanchor": "middle", "align": "left",
        "font": {"size": size, "color": ink},
    }  # fmt: skip
