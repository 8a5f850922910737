"""Panels for print: lettered, with one legend under them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hccsurv_core.report.figures.chart_print import caption_lines, fill_figure, table_inches
from hccsurv_core.report.figures.ct_print import RESEARCH_USE
from hccsurv_core.report.figures.panels import Panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Full width of a two-column page.
_WIDTH = 7.2
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def draw_panels_for_print(
    panels: Panels, *, captions: Sequence[str] = (), height_inches: float = 2.5
) -> Figure:
    """Draw all panels on white, with the caption under them.

    Args:
        captions: more lines (settings, versions, "Simulated patients").
        height_inches: of one panel, its risk table not counted.
    """
    from matplotlib.figure import Figure

    rows, columns = panels.rows, panels.columns
    words = caption_lines((panels.caption, *captions, RESEARCH_USE), _WIDTH)
    of_row = [
        max(height_inches * c.height + table_inches(c) for c in panels.charts[r * columns :][:columns])
        for r in range(rows)
    ]  # fmt: skip
    legend_rows = _legend_rows(panels)
    head = 0.3 + 0.19 * legend_rows
    foot = 0.06 + 0.117 * len(words)
    body = sum(of_row)
    figure = Figure(figsize=(_WIDTH, head + body + foot), layout="constrained", facecolor="white")
    strips: Any = figure.subfigures(3, 1, height_ratios=[head, body, foot])
    top, middle, bottom = strips
    top.text(0.015, 1 - 0.06 / head, panels.title, fontsize=10, va="top")
    bottom.text(0.015, 1 - 0.03 / foot, "\n".join(words), fontsize=6.5, va="top", linespacing=1.25)
    cells = middle.subfigures(rows, columns, squeeze=False, height_ratios=of_row).ravel()
    handles: dict[str, Any] = {}
    for letter, cell, chart in zip(_LETTERS, cells, panels.charts, strict=False):
        axes = fill_figure(cell, chart, height_inches * chart.height, legend=not panels.one_legend)
        wide = int(58 * 2 / columns)
        lines = [w for text in chart.title.split("\n") for w in textwrap.wrap(text, wide)]
        lettered = len(panels.charts) > 1
        title = (f"{letter}  " if lettered else "") + "\n".join(lines or [""])
        cell.suptitle(title, fontsize=8.5, x=0.02, ha="left")
        axes.xaxis.label.set_fontsize(8)
        axes.yaxis.label.set_fontsize(8)
        axes.tick_params(labelsize=7.5)
        handles |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    if panels.one_legend and handles:
        top.legend(
            handles.values(), handles.keys(), loc="lower left", bbox_to_anchor=(0.005, -0.02),
            fontsize=8, frameon=False, ncols=-(-len(handles) // max(1, legend_rows)),
            title=panels.charts[0].legend_title or None, title_fontsize=8, borderpad=0.1,
            handlelength=1.8, columnspacing=1.3,
        )  # fmt: skip
    return figure


def _legend_rows(panels: Panels) -> int:
    """Rows that one legend of all labels needs."""
    if not panels.one_legend:
        return 0
    labels = {s.label for c in panels.charts for s in c.series}
    labels |= {g.label for c in panels.charts for g in c.guides}
    return -(-sum(len(text) + 8 for text in labels - {""}) // 120)
