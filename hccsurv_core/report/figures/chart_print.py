"""Charts for print: SVG with real text, PNG at 300 dpi (Matplotlib)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.report.figures.chart import NEUTRAL, Chart, RiskTable, Series
from hccsurv_core.report.figures.chart_screen import count_text
from hccsurv_core.report.figures.ct_print import RESEARCH_USE, WIDTH_INCHES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_DASHES = {"solid": "-", "dash": "--", "dot": ":"}
_SYMBOLS = {"circle": "o", "square": "s", "triangle": "^", "triangle-down": "v"}
#: Characters of a caption line, by the inch.
_CAPTION_WIDTH = 19.5


def draw_for_print(
    chart: Chart, *, captions: Sequence[str] = (), height_inches: float = 4.0
) -> Figure:
    """Draw a chart on white, with its caption, and who may use it, under it.

    Args:
        captions: more lines (filters, settings, versions, "Simulated patients").
        height_inches: of an ordinary chart.
    """
    from matplotlib.figure import Figure

    width = 4.8 if chart.square else WIDTH_INCHES
    height = height_inches * chart.height
    words = caption_lines((chart.caption, *captions, RESEARCH_USE), width)
    figure = Figure(
        figsize=(width, height + table_inches(chart) + 0.13 * len(words)),
        layout="constrained",
        facecolor="white",
    )
    fill_figure(figure, chart, height)
    figure.suptitle(chart.title, fontsize=10, x=0.015, ha="left")
    figure.supxlabel("\n".join(words), fontsize=6.5, x=0.015, ha="left")
    return figure


def caption_lines(texts: Sequence[str], width_inches: float) -> list[str]:
    """Texts broken into lines that fit under a figure of this width."""
    columns = int(_CAPTION_WIDTH * width_inches)
    return [line for text in texts if text for line in textwrap.wrap(text, columns)]


def table_inches(chart: Chart) -> float:
    """Height of the risk table; 0 without one."""
    table = chart.risk_table
    return 0.0 if table is None else 0.19 * (len(table.labels) + 1)


def fill_figure(
    figure: Figure | SubFigure, chart: Chart, height_inches: float, *, legend: bool = True
) -> Axes:
    """Draw a chart, with its risk table, into a figure or a part of one; returns the axes."""
    table = chart.risk_table
    ratios = [height_inches] if table is None else [height_inches, table_inches(chart)]
    axes = figure.subplots(len(ratios), 1, squeeze=False, height_ratios=ratios)[:, 0]
    for span in chart.spans:
        axes[0].axvspan(*span.x, color=span.color, alpha=span.strength, linewidth=0)
        axes[0].annotate(
            span.label, (span.x[0], 1.0), xycoords=("data", "axes fraction"), xytext=(3, -3),
            textcoords="offset points", va="top", fontsize=7, color="#4A5560",
        )  # fmt: skip
    for series in chart.series:
        _add(axes[0], series)
    for guide in chart.guides:
        axes[0].plot(
            guide.x, guide.y, color=guide.color, linestyle=_DASHES[guide.dash], linewidth=0.8,
            label=guide.label or None,
        )  # fmt: skip
    _style(axes[0], chart, legend=legend)
    if table is not None:
        _add_table(axes[1], axes[0], table)
    return axes[0]


def _add(axes: Axes, series: Series) -> None:
    label = series.label or None
    if series.kind == "points":
        bars: Any = None
        if series.low is not None and series.high is not None:
            bars = np.vstack([series.y - series.low, series.high - series.y])
        axes.errorbar(
            series.x, series.y, yerr=bars, fmt=_SYMBOLS[series.symbol], color=series.color,
            markersize=4 if series.low is not None else 6, elinewidth=0.9, capsize=2, label=label,
        )  # fmt: skip
        return
    if series.kind == "dots":
        axes.scatter(
            series.x, series.y, s=8, marker=_SYMBOLS[series.symbol], color=series.color,
            alpha=0.55, linewidths=0, label=label,
        )  # fmt: skip
        return
    if series.kind == "bars":
        _add_bars(axes, series, label)
        return
    style = "steps-post" if series.kind == "step" else "default"
    cut = len(series.x)
    if series.faint_from is not None:
        cut = max(1, int(np.searchsorted(series.x, series.faint_from, side="right")))
    axes.plot(
        series.x[:cut], series.y[:cut], drawstyle=style, color=series.color,
        linewidth=2.2 if series.wide else 1.5, linestyle=_DASHES[series.dash], label=label,
    )  # fmt: skip
    if cut < len(series.x):
        axes.plot(
            series.x[cut - 1 :], series.y[cut - 1 :], drawstyle=style, color=series.color,
            linewidth=1.1, linestyle=":", alpha=0.75,
        )  # fmt: skip
    if series.low is not None and series.high is not None:
        axes.fill_between(
            series.x, series.low, series.high, step="post" if series.kind == "step" else None,
            color=series.color, alpha=0.15, linewidth=0,
        )  # fmt: skip
    if series.ticks is not None and len(series.ticks):
        axes.plot(
            series.ticks[:, 0], series.ticks[:, 1], "|", color=series.color, markersize=4,
            markeredgewidth=0.8,
        )  # fmt: skip


def _add_bars(axes: Axes, series: Series, label: str | None) -> None:
    axes.barh(series.y, series.x, height=0.62, color=series.color, label=label)
    for x, y, text in zip(series.x, series.y, series.texts or (), strict=False):
        axes.annotate(
            text, (x, y), xytext=(4 if x >= 0 else -4, 0), textcoords="offset points",
            ha="left" if x >= 0 else "right", va="center", fontsize=8,
        )  # fmt: skip


def _style(axes: Axes, chart: Chart, *, legend: bool = True) -> None:
    axes.set_xlabel(chart.x_title, fontsize=9)
    axes.set_ylabel(chart.y_title, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if chart.x_range is not None:
        axes.set_xlim(*chart.x_range)
    if chart.y_range is not None:
        axes.set_ylim(*chart.y_range)
    if chart.x_ticks is not None:
        axes.set_xticks(chart.x_ticks, chart.x_tick_labels)
    if chart.y_ticks is not None:
        axes.set_yticks(chart.y_ticks, chart.y_tick_labels)
    if chart.hide_y:
        axes.get_yaxis().set_visible(False)
        axes.spines["left"].set_visible(False)
    if chart.percent:
        from matplotlib.ticker import PercentFormatter

        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        if chart.square:
            axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    if chart.square:
        axes.set_aspect("equal", adjustable="box")
    handles, labels = axes.get_legend_handles_labels()
    if labels and legend:
        aside: dict[str, Any] = (
            {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)} if chart.legend_aside else {}
        )
        axes.legend(
            handles, labels, fontsize=8, frameon=False, title=chart.legend_title or None,
            title_fontsize=8, **aside,
        )  # fmt: skip
    if chart.message:
        lines = textwrap.wrap(chart.message, 34)
        axes.text(
            0.5, 0.5, "\n".join(lines), transform=axes.transAxes, ha="center", va="center",
            fontsize=8, color=NEUTRAL,
        )  # fmt: skip


def _add_table(axes: Axes, above: Axes, table: RiskTable) -> None:
    axes.sharex(above)
    axes.set_ylim(-0.5, len(table.labels) + 0.4)
    axes.axis("off")
    # The numbers at time 0 reach half their width to the left of the axis.
    beside: Any = {
        "xycoords": axes.get_yaxis_transform(), "xytext": (-16, 0), "textcoords": "offset points",
        "ha": "right", "va": "center", "annotation_clip": False,
    }  # fmt: skip
    axes.annotate(table.title, (0, len(table.labels)), fontsize=7, **beside)
    for row, label, counts, color in zip(
        range(len(table.labels) - 1, -1, -1), table.labels, table.counts, table.colors, strict=True
    ):
        axes.annotate(label, (0, row), fontsize=8, color=color, **beside)
        for time, count in zip(table.times, counts, strict=True):
            axes.text(
                time, row, count_text(count, table.few), fontsize=8, ha="center", va="center",
                color=color, clip_on=False,
            )  # fmt: skip
