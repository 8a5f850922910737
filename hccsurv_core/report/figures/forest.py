"""Forest plots: hazard ratios on a logarithmic axis, with their numbers beside them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
#: Beyond these an interval is cut and ends in an arrow.
_WIDEST = (0.05, 20.0)


@dataclass(frozen=True)
class ForestRow:
    """One line: a name, a count, a ratio with its interval, a p-value, and its color."""

    name: str
    count: str
    ratio: tuple[float, float, float]
    words: str
    p: str
    color: str


@dataclass(frozen=True)
class Forest:
    """What a forest plot shows; ratios above 1 mean a higher hazard."""

    title: str
    rows: tuple[ForestRow, ...]
    caption: str = ""
    axis_title: str = "Hazard ratio (95 % interval), logarithmic"

    def to_frame(self) -> DataFrame:
        """The rows as a table."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "name": r.name, "events / patients": r.count, "hazard_ratio": r.ratio[0],
                    "ci_low": r.ratio[1], "ci_high": r.ratio[2], "p": r.p,
                }
                for r in self.rows
            ]
        )  # fmt: skip


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


def _limits(rows: Sequence[ForestRow]) -> tuple[float, float]:
    bounds = [b for r in rows for b in r.ratio if math.isfinite(b) and b > 0]
    low = max(_WIDEST[0], min([0.5, *bounds]))
    high = min(_WIDEST[1], max([2.0, *bounds]))
    return low / 1.15, high * 1.15


def _ticks(low: float, high: float) -> list[float]:
    return [t for t in (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 10, 20) if low <= t <= high]


def draw_forest_on_screen(forest: Forest, *, titled: bool = True, ink: str | None = None) -> Figure:
    """The forest on the page, text columns on both sides of the axis; ``ink`` colors the text."""
    import plotly.graph_objects as go

    rows = forest.rows
    low, high = _limits(rows)
    figure = go.Figure()
    places = np.arange(len(rows))[::-1]
    figure.add_scatter(
        x=[1, 1], y=[-0.6, len(rows) - 0.4], mode="lines", hoverinfo="skip", showlegend=False,
        line={"color": NEUTRAL, "width": 1, "dash": "dot"},
    )  # fmt: skip
    for place, row in zip(places, rows, strict=True):
        value, a, b = row.ratio
        if math.isfinite(value):
            figure.add_scatter(
                x=[max(a, low), min(b, high)], y=[place, place], mode="lines", hoverinfo="skip",
                showlegend=False, line={"color": row.color, "width": 2},
            )  # fmt: skip
            figure.add_scatter(
                x=[min(max(value, low), high)], y=[place], mode="markers", showlegend=False,
                marker={"symbol": "square", "size": 10, "color": row.color},
                hovertemplate=f"<b>{row.name}</b><br>{row.words}<br>p {row.p}<extra></extra>",
            )  # fmt: skip
        for x, text, anchor in (
            (0.0, row.name, "left"), (0.40, row.count, "right"),
            (0.90, row.words, "right"), (1.0, row.p, "right"),
        ):  # fmt: skip
            _note(figure, x, float(place), text, anchor)
    for x, text, anchor in (
        (0.0, "Variable", "left"), (0.40, "Events / n", "right"),
        (0.90, "Hazard ratio (95 % CI)", "right"), (1.0, "p", "right"),
    ):  # fmt: skip
        _note(figure, x, len(rows) - 0.1, f"<b>{text}</b>", anchor)
    ticks = _ticks(low, high)
    figure.update_xaxes(
        type="log", range=[math.log10(low), math.log10(high)], domain=[0.43, 0.70],
        tickvals=ticks, ticktext=[f"{t:g}" for t in ticks], zeroline=False,
        title={"text": "Hazard ratio", "standoff": 4},
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


def _note(figure: Figure, x: float, y: float, text: str, anchor: str) -> None:
    figure.add_annotation(
        x=x, xref="paper", y=y, yref="y", text=text, showarrow=False, xanchor=anchor,
        font={"size": 13},
    )  # fmt: skip


def draw_forest_for_print(forest: Forest, *, captions: Sequence[str] = ()) -> PrintFigure:
    """The forest for print."""
    from matplotlib.figure import Figure

    rows = forest.rows
    low, high = _limits(rows)
    words = [w for text in (forest.caption, *captions, RESEARCH_USE) if text
             for w in textwrap.wrap(text, 112)]  # fmt: skip
    height = 0.24 * (len(rows) + 1) + 0.75 + 0.13 * len(words)
    figure = Figure(figsize=(WIDTH_INCHES + 1, height), facecolor="white")
    bottom = (0.42 + 0.13 * len(words)) / height
    axes = figure.add_axes((0.47, bottom, 0.22, 1 - bottom - 0.32 / height))
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(-0.7, len(rows) + 0.4)
    axes.axvline(1, color=NEUTRAL, linestyle=":", linewidth=0.8)
    beside = axes.get_yaxis_transform()
    for place, row in zip(range(len(rows) - 1, -1, -1), rows, strict=True):
        value, a, b = row.ratio
        if math.isfinite(value):
            axes.plot([max(a, low), min(b, high)], [place, place], color=row.color, linewidth=1.3)
            axes.plot(min(max(value, low), high), place, "s", color=row.color, markersize=4)
        texts = ((-2.1, row.name, "left"), (-0.06, row.count, "right"),
                 (1.14, row.words, "left"), (2.38, row.p, "right"))  # fmt: skip
        for x, text, side in texts:
            axes.text(x, place, text, fontsize=8, ha=side, va="center", transform=beside)
    heads = ((-2.1, "Variable", "left"), (-0.06, "Events / n", "right"),
             (1.14, "HR (95 % CI)", "left"), (2.38, "p", "right"))  # fmt: skip
    for x, text, side in heads:
        axes.text(
            x, len(rows), text, fontsize=8, ha=side, va="center", weight="bold", transform=beside
        )
    ticks = _ticks(low, high)
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.tick_params(labelsize=8)
    axes.get_yaxis().set_visible(False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.text(0.015, 1 - 0.16 / height, forest.title, fontsize=10, va="center")
    figure.text(0.015, 0.04 / height, "\n".join(words), fontsize=6.5, va="bottom")
    return figure
