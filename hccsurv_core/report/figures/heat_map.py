"""A square of numbers as colors: how often two verdicts disagree, on the screen and in print."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hccsurv_core.report.figures.chart_print import caption_lines
from hccsurv_core.report.figures.ct_print import RESEARCH_USE

if TYPE_CHECKING:
    from matplotlib.figure import Figure as PrintFigure
    from pandas import DataFrame
    from plotly.graph_objects import Figure

#: From nothing to much: one hue, so that it is read the same in gray and with any color vision.
_SCALE = ("#F4F8FB", "#9CC8E3", "#2F8AC4", "#0072B2", "#00456B")
_INK_ON_DARK, _INK_ON_LIGHT = "#FFFFFF", "#17212B"
_PRINT_WIDTH = 5.6


@dataclass(frozen=True, eq=False)
class HeatMap:
    """A square matrix.

    Args:
        title: what is shown, with n.
        names: (m,) of rows and columns.
        values: (m, m) numbers from 0 to ``top``; NaN is not known.
        texts: (m, m) in the cells; lines are separated by newlines.
        hover: (m, m) longer texts.
        value_title: of the color scale.
        caption: what to conclude.
        top: value of the darkest color.
        divide_after: a line is drawn after so many names (definitions, then models); 0 for none.
    """

    title: str
    names: tuple[str, ...]
    values: np.ndarray
    texts: tuple[tuple[str, ...], ...]
    hover: tuple[tuple[str, ...], ...]
    value_title: str
    caption: str = ""
    top: float = 1.0
    divide_after: int = 0

    def to_frame(self) -> DataFrame:
        """The numbers, rows and columns named."""
        import pandas as pd

        frame = pd.DataFrame(self.values, columns=list(self.names))
        frame.insert(0, self.value_title, list(self.names))
        return frame


def draw_heat_map_on_screen(heat: HeatMap, *, ink: str | None = None) -> Figure:
    """On the page; ``ink`` colors the names."""
    import plotly.graph_objects as go

    m = len(heat.names)
    scale = [[i / (len(_SCALE) - 1), color] for i, color in enumerate(_SCALE)]
    figure = go.Figure(
        go.Heatmap(
            z=heat.values, x=list(range(m)), y=list(range(m)), zmin=0, zmax=heat.top,
            colorscale=scale, xgap=2, ygap=2, hoverinfo="text", text=heat.hover,
            colorbar={"title": {"text": heat.value_title, "side": "right"}, "tickformat": ".0%",
                      "thickness": 12, "outlinewidth": 0},
        )
    )  # fmt: skip
    # All at once: Plotly checks every annotation again for each one that is added.
    figure.update_layout(
        annotations=[
            {
                "x": j, "y": i, "text": heat.texts[i][j].replace("\n", "<br>"), "showarrow": False,
                "font": {"size": 12, "color": _cell_ink(heat, i, j)},
            }
            for i in range(m)
            for j in range(m)
        ]
    )  # fmt: skip
    if heat.divide_after:
        at = heat.divide_after - 0.5
        line = {"color": "#8793A0", "width": 2}
        figure.add_shape(type="line", x0=at, x1=at, y0=-0.5, y1=m - 0.5, line=line)
        figure.add_shape(type="line", x0=-0.5, x1=m - 0.5, y0=at, y1=at, line=line)
    names = {"tickvals": list(range(m)), "ticktext": [_short(name, "<br>") for name in heat.names]}
    figure.update_yaxes(autorange="reversed", showgrid=False, zeroline=False, ticks="", **names)
    figure.update_xaxes(side="top", showgrid=False, zeroline=False, ticks="", **names)
    if ink is not None:
        figure.update_layout(font={"color": ink})
    figure.update_layout(
        height=110 + 56 * m,
        margin={"l": 90, "r": 14, "t": 78, "b": 14},
        title={"text": heat.title, "x": 0, "xref": "paper", "font": {"size": 15}},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
    )
    return figure


def draw_heat_map_for_print(heat: HeatMap, *, captions: Sequence[str] = ()) -> PrintFigure:
    """On white, with its caption under it."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    m = len(heat.names)
    words = caption_lines((heat.caption, *captions, RESEARCH_USE), _PRINT_WIDTH)
    figure = Figure(
        figsize=(_PRINT_WIDTH, 0.75 + 0.58 * m + 0.13 * len(words)), layout="constrained",
        facecolor="white",
    )  # fmt: skip
    axes = figure.add_subplot()
    colors = LinearSegmentedColormap.from_list("disagreement", _SCALE).with_extremes(bad="#E3E8EE")
    image = axes.imshow(heat.values, cmap=colors, vmin=0, vmax=heat.top)
    for i in range(m):
        for j in range(m):
            axes.text(
                j, i, heat.texts[i][j], ha="center", va="center", fontsize=7,
                color=_cell_ink(heat, i, j), linespacing=1.15,
            )  # fmt: skip
    edges = np.arange(m + 1) - 0.5
    axes.hlines(edges, -0.5, m - 0.5, color="white", linewidth=1.5)
    axes.vlines(edges, -0.5, m - 0.5, color="white", linewidth=1.5)
    if heat.divide_after:
        axes.axhline(heat.divide_after - 0.5, color="#5B6773", linewidth=1.2)
        axes.axvline(heat.divide_after - 0.5, color="#5B6773", linewidth=1.2)
    size = 8 if max(map(len, heat.names)) <= 8 else 7
    axes.set_xticks(range(m), [_short(name, "\n") for name in heat.names], fontsize=size)
    axes.set_yticks(range(m), [_short(name, "\n") for name in heat.names], fontsize=size)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.75, pad=0.02, format=PercentFormatter(1.0, 0))
    bar.set_label(heat.value_title, fontsize=8)
    bar.ax.tick_params(labelsize=7.5)
    bar.outline.set_visible(False)  # type: ignore[operator]
    figure.suptitle(heat.title, fontsize=10, x=0.015, ha="left")
    figure.supxlabel("\n".join(words), fontsize=6.5, x=0.015, ha="left")
    return figure


def _short(name: str, newline: str) -> str:
    """A name in at most three short lines."""
    lines = textwrap.wrap(name, 11, max_lines=3, placeholder=" …")
    return newline.join(lines)


def _cell_ink(heat: HeatMap, i: int, j: int) -> str:
    return _INK_ON_DARK if heat.values[i, j] > 0.42 * heat.top else _INK_ON_LIGHT
