"""Forest plots: estimates with their intervals in rows, and the numbers beside them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hccsurv_core.report.figures.chart import NEUTRAL
from hccsurv_core.report.figures.ct_print import RESEARCH_USE, WIDTH_INCHES
from hccsurv_core.report.figures.palette import BLUE, VERMILION
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.systems.explorer.regression import CoxRow, CoxTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure as PrintFigure
    from pandas import DataFrame
    from plotly.graph_objects import Figure

_ROW_PIXELS = 30
#: Largest by smallest ratio of an axis that has no room for all its ticks.
_WIDE_AXIS = 40.0
#: In print, inches: a character of eight points, between columns, and the axis at least.
_CHARACTER, _GAP, _AXIS_INCHES = 0.062, 0.14, 1.6
#: On the screen, shares of the width: where columns stand (names left, others right), and the axis.
_SCREEN = {"name": 0.0, "count": 0.40, "axis": (0.43, 0.70), "words": 0.90, "extra": 0.90, "p": 1.0}
_SCREEN_WITH_EXTRA = {
    "name": 0.0, "count": 0.32, "axis": (0.34, 0.56), "words": 0.73, "extra": 0.89, "p": 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class ForestRow:
    """One line: a name, a count, a ratio with its interval, a p-value, and its color.

    ``extra`` is one more text, before the p-value. A ``heading`` is a bold name and nothing else.
    """

    name: str
    count: str
    ratio: tuple[float, float, float]
    words: str
    p: str
    color: str
    extra: str = ""
    heading: bool = False


def forest_heading(name: str) -> ForestRow:
    """A line that names the group of the lines under it."""
    return ForestRow(name, "", (math.nan, math.nan, math.nan), "", "", NEUTRAL, heading=True)


@dataclass(frozen=True)
class ForestAxis:
    """What the estimates are.

    Args:
        title: under the axis; short: over the column of numbers in print.
        log: logarithmic (ratios); else linear.
        reference: where a line says "no effect".
        at_least: the axis reaches at least from here to there.
        widest: beyond these an interval is cut.
    """

    title: str = "Hazard ratio"
    short: str = "HR"
    log: bool = True
    reference: float = 1.0
    at_least: tuple[float, float] = (0.5, 2.0)
    widest: tuple[float, float] = (0.05, 20.0)


@dataclass(frozen=True)
class Forest:
    """What a forest plot shows; by default hazard ratios: above 1 means a higher hazard.

    Args:
        title, rows, caption: what is shown, in order, and what to conclude.
        axis: of the estimates.
        name_header, count_header, extra_header, p_header: over the columns; without an
            ``extra_header`` there is no such column.
    """

    title: str
    rows: tuple[ForestRow, ...]
    caption: str = ""
    axis: ForestAxis = ForestAxis()
    name_header: str = "Variable"
    count_header: str = "Events / n"
    extra_header: str = ""
    p_header: str = "p"

    def to_frame(self) -> DataFrame:
        """The rows as a table."""
        import pandas as pd

        rows, heading = [], ""
        for r in self.rows:
            if r.heading:
                heading = r.name
                continue
            rows.append(
                {
                    **({"group": heading} if heading else {}),
                    "name": r.name, "events / patients": r.count,
                    self.axis.title.lower().replace(" ", "_"): r.ratio[0],
                    "ci_low": r.ratio[1], "ci_high": r.ratio[2],
                    **({self.extra_header: r.extra} if self.extra_header else {}), "p": r.p,
                }
            )  # fmt: skip
        return pd.DataFrame(rows)


def cox_forest(table: CoxTable, *, multivariable: bool = True) -> Forest:
    """The forest plot of a Cox table."""
    rows = table.multivariable if multivariable else table.univariable
    kind = "Multivariable" if multivariable else "Univariable"
    counts = f" · {table.n} patients, {table.n_events} events" if multivariable else ""
    notes = ["Each variable alone, on all patients who have it."]
    if multivariable:
        notes = [f"Harrell's C {estimate_words(table.concordance, digits=3)}.", *table.notes]
    without = [r.name for r in rows if r.reason]
    if without:
        notes.append(
            f"No finite estimate for {', '.join(without)}: a level without events, or an effect "
            "that cannot be told from the others'."
        )
    caption = " ".join(notes)
    return Forest(f"{kind} Cox regression{counts}", tuple(_row(r) for r in rows), caption)


def _row(row: CoxRow) -> ForestRow:
    n, events = (row.n, row.n_events) if row.level_n is None else (row.level_n, row.level_events)
    ratio = row.hazard_ratio
    color = NEUTRAL
    if ratio.ci_low > 1:
        color = VERMILION
    elif ratio.ci_high < 1:
        color = BLUE
    words = "no finite estimate" if row.reason else estimate_words(ratio, digits=2)
    return ForestRow(
        row.name, f"{events} / {n}", (ratio.value, ratio.ci_low, ratio.ci_high), words,
        "" if math.isnan(row.p) else format_p(row.p), color,
    )  # fmt: skip


def _limits(forest: Forest) -> tuple[float, float]:
    axis = forest.axis
    bounds = [
        b for r in forest.rows for b in r.ratio if math.isfinite(b) and (b > 0 or not axis.log)
    ]
    low = max(axis.widest[0], min([axis.at_least[0], *bounds]))
    high = min(axis.widest[1], max([axis.at_least[1], *bounds]))
    if axis.log:
        return low / 1.15, high * 1.15
    return low - 0.04 * (high - low), high + 0.04 * (high - low)


def _ticks(forest: Forest, low: float, high: float) -> list[float]:
    if forest.axis.log:
        # On a wide axis the usual ticks would run into each other.
        wide = high / low > _WIDE_AXIS
        ticks = (0.05, 0.2, 1, 5, 20) if wide else (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 10, 20)
        return [t for t in ticks if low <= t <= high]
    steps = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    step = next((s for s in steps if (high - low) / s <= 5), steps[-1])
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 6) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def draw_forest_on_screen(forest: Forest, *, titled: bool = True, ink: str | None = None) -> Figure:
    """The forest on the page, text columns on both sides of the axis; ``ink`` colors the text."""
    import plotly.graph_objects as go

    rows, axis = forest.rows, forest.axis
    low, high = _limits(forest)
    place = _SCREEN_WITH_EXTRA if forest.extra_header else _SCREEN
    # All at once: Plotly checks everything again for each trace or text that is added.
    figure = go.Figure(_screen_traces(forest, low, high), {"annotations": _notes(forest, place)})
    ticks = _ticks(forest, low, high)
    scale = math.log10 if axis.log else float
    figure.update_xaxes(
        type="log" if axis.log else "linear", range=[scale(low), scale(high)],
        domain=place["axis"], tickvals=ticks, ticktext=[f"{t:g}" for t in ticks],
        zeroline=False, title={"text": axis.title, "standoff": 4},
    )  # fmt: skip
    figure.update_yaxes(visible=False, range=[-0.7, len(rows) + 0.4], fixedrange=True)
    if ink is not None:
        figure.update_annotations(font_color=ink)
    figure.update_layout(
        height=_ROW_PIXELS * (len(rows) + 1) + 96,
        margin={"l": 4, "r": 4, "t": 40 if titled else 8, "b": 46},
        title={
            "text": forest.title if titled else "",
            "x": 0,
            "xref": "paper",
            "font": {"size": 15},
        },
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
    )
    return figure


def _screen_traces(forest: Forest, low: float, high: float) -> list[Any]:
    """The line of no effect, and each row's interval and estimate."""
    import plotly.graph_objects as go

    rows, reference = forest.rows, forest.axis.reference
    plain: dict[str, Any] = {"mode": "lines", "hoverinfo": "skip", "showlegend": False}
    traces = [
        go.Scatter(
            x=[reference, reference], y=[-0.6, len(rows) - 0.4], **plain,
            line={"color": NEUTRAL, "width": 1, "dash": "dot"},
        )
    ]  # fmt: skip
    for place, row in zip(range(len(rows) - 1, -1, -1), rows, strict=True):
        value, a, b = row.ratio
        if not math.isfinite(value):
            continue
        traces.append(
            go.Scatter(
                x=[max(a, low), min(b, high)], y=[place, place], **plain,
                line={"color": row.color, "width": 2},
            )
        )  # fmt: skip
        traces.append(
            go.Scatter(
                x=[min(max(value, low), high)], y=[place], mode="markers", showlegend=False,
                marker={"symbol": "square", "size": 10, "color": row.color},
                hovertemplate=f"<b>{row.name}</b><br>{row.words}<br>p {row.p}<extra></extra>",
            )
        )  # fmt: skip
    return traces


def _notes(forest: Forest, place: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The texts of all rows, and over them the headers."""
    header = _header(forest, f"{forest.axis.title} (95 % CI)")
    notes = []
    for i, row in enumerate((header, *forest.rows)):
        y = len(forest.rows) - i - (0.1 if row is header else 0.0)
        for column in ("name", "count", "words", "extra", "p"):
            if text := getattr(row, column):
                shown = (
                    f"<b>{text}</b>"
                    if row is header or (row.heading and column == "name")
                    else text
                )
                anchor = "left" if column == "name" else "right"
                notes.append(_note(place[column], y, shown, anchor))
    return notes


def _header(forest: Forest, words: str) -> ForestRow:
    return ForestRow(
        forest.name_header, forest.count_header, (math.nan,) * 3, words, forest.p_header, NEUTRAL,
        forest.extra_header, heading=True,
    )  # fmt: skip


def _note(x: float, y: float, text: str, anchor: str) -> dict[str, Any]:
    return {
        "x": x, "xref": "paper", "y": y, "yref": "y", "text": text, "showarrow": False,
        "xanchor": anchor, "font": {"size": 13},
    }  # fmt: skip


def draw_forest_for_print(forest: Forest, *, captions: Sequence[str] = ()) -> PrintFigure:
    """The forest for print; it is as wide as its texts need."""
    from matplotlib.figure import Figure

    rows, axis = forest.rows, forest.axis
    low, high = _limits(forest)
    columns = _column_inches(forest)
    width = max(WIDTH_INCHES + 1, sum(columns.values()) + _AXIS_INCHES + 2 * _GAP)
    words = [w for text in (forest.caption, *captions, RESEARCH_USE) if text
             for w in textwrap.wrap(text, int(19.5 * width))]  # fmt: skip
    height = 0.24 * (len(rows) + 1) + 0.75 + 0.13 * len(words)
    figure = Figure(figsize=(width, height), facecolor="white")
    bottom = (0.42 + 0.13 * len(words)) / height
    start = _GAP + columns["name"] + columns["count"]
    axis_inches = width - sum(columns.values()) - 2 * _GAP
    axes = figure.add_axes((start / width, bottom, axis_inches / width, 1 - bottom - 0.32 / height))
    if axis.log:
        axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(-0.7, len(rows) + 0.4)
    axes.axvline(axis.reference, color=NEUTRAL, linestyle=":", linewidth=0.8)
    end = start + axis_inches
    places = {
        "name": (_GAP, "left"), "count": (start - 0.12, "right"),
        "words": (end + 0.12, "left"),
        "extra": (end + columns["words"] + columns["extra"], "right"),
        "p": (width - _GAP, "right"),
    }  # fmt: skip
    header = _header(forest, f"{axis.short} (95 % CI)")
    for place, row in zip(range(len(rows), -1, -1), (header, *rows), strict=True):
        value, a, b = row.ratio
        if math.isfinite(value):
            axes.plot([max(a, low), min(b, high)], [place, place], color=row.color, linewidth=1.3)
            axes.plot(min(max(value, low), high), place, "s", color=row.color, markersize=4)
        for column, (inches, side) in places.items():
            axes.text(
                (inches - start) / axis_inches, place, getattr(row, column), fontsize=8, ha=side,
                va="center", weight="bold" if row.heading else "normal",
                transform=axes.get_yaxis_transform(),
            )  # fmt: skip
    ticks = _ticks(forest, low, high)
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xlabel(axis.title, fontsize=8, labelpad=1)
    axes.minorticks_off()
    axes.tick_params(labelsize=8)
    axes.get_yaxis().set_visible(False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.text(0.015, 1 - 0.16 / height, forest.title, fontsize=10, va="center")
    figure.text(0.015, 0.04 / height, "\n".join(words), fontsize=6.5, va="bottom")
    return figure


def _column_inches(forest: Forest) -> dict[str, float]:
    """Widths of the text columns in print, from their longest texts."""
    headers = {
        "name": forest.name_header, "count": forest.count_header,
        "words": f"{forest.axis.short} (95 % CI)", "extra": forest.extra_header,
        "p": forest.p_header,
    }  # fmt: skip
    widths = {}
    for column, header in headers.items():
        longest = max([len(header) * 1.1, *(len(getattr(r, column)) for r in forest.rows)])
        widths[column] = longest * _CHARACTER + _GAP if longest else 0.0
    return widths
