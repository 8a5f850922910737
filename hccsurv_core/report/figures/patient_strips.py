"""Patients side by side from low to high risk, and strips under them of what each risk is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hccsurv_core.report.figures.chart_print import caption_lines
from hccsurv_core.report.figures.ct_print import RESEARCH_USE, WIDTH_INCHES
from hccsurv_core.report.figures.palette import BLUE, VERMILION, with_opacity

if TYPE_CHECKING:
    from matplotlib.figure import Figure as PrintFigure
    from pandas import DataFrame
    from plotly.graph_objects import Figure

#: What lowers and what raises a risk; nothing is nearly the background, on either theme.
_SCALE = (BLUE, "#8793A0", VERMILION)
_MARK = "#8793A0"
_BARS_PIXELS, _STRIP_PIXELS, _MARK_PIXELS = 210, 30, 18
#: Quantile of the parts' sizes where colors are fullest: one wild value must not pale all others.
_FULL = 0.98


@dataclass(frozen=True, eq=False)
class PatientStrips:
    """n patients in order of a value, and r parts of it.

    Args:
        title: what is shown, with n and events.
        values: (n,) rising. value_title: what they are.
        cutoff: above it bars have the color of high risk. low_title, high_title: of both sides.
        marked: (n,) who is marked under the bars. mark_title: what that means.
        names: (r,) of the parts. parts: (r, n) what each adds to the value.
        caption: what to conclude.
    """

    title: str
    values: np.ndarray
    value_title: str
    cutoff: float
    low_title: str
    high_title: str
    marked: np.ndarray
    mark_title: str
    names: tuple[str, ...]
    parts: np.ndarray
    caption: str = ""

    @property
    def top(self) -> float:
        """Size of a part whose color is fullest."""
        return max(float(np.quantile(np.abs(self.parts), _FULL)), 1e-9)

    def to_frame(self) -> DataFrame:
        """A line a patient, in the order drawn; nobody is named."""
        import pandas as pd

        frame = pd.DataFrame(
            {
                "place": np.arange(1, len(self.values) + 1), self.value_title: self.values,
                "above_cutoff": self.values > self.cutoff, self.mark_title: self.marked,
            }
        )  # fmt: skip
        return frame.assign(**dict(zip(self.names, self.parts, strict=True)))


def draw_strips_on_screen(strips: PatientStrips, *, ink: str | None = None) -> Figure:
    """On the page; ``ink`` colors the names."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    r = len(strips.names)
    heights = [_BARS_PIXELS, _MARK_PIXELS, _STRIP_PIXELS * r]
    figure = make_subplots(
        rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.02, row_heights=heights
    )
    place = np.arange(1, len(strips.values) + 1)
    high = strips.values > strips.cutoff
    for rows, name, color in (
        (~high, strips.low_title, BLUE), (high, strips.high_title, VERMILION),
    ):  # fmt: skip
        figure.add_trace(
            go.Bar(
                x=place[rows], y=strips.values[rows], name=name, marker={"color": color, "line_width": 0},
                hovertemplate=f"patient %{{x}} of {place.size}: %{{y:.2f}}<extra>{name}</extra>",
            ),
            row=1, col=1,
        )  # fmt: skip
    figure.add_trace(
        go.Bar(
            x=place[strips.marked], y=np.ones(int(strips.marked.sum())), showlegend=False,
            marker={"color": ink or _MARK, "line_width": 0}, hoverinfo="skip",
        ),
        row=2, col=1,
    )  # fmt: skip
    low, middle, top = (with_opacity(c, o) for c, o in zip(_SCALE, (1, 0.12, 1), strict=True))
    figure.add_trace(
        go.Heatmap(
            z=strips.parts, x=place, y=list(strips.names), zmin=-strips.top, zmax=strips.top,
            colorscale=[[0, low], [0.5, middle], [1, top]],
            hovertemplate="%{y}: %{z:+.2f}<extra></extra>",
            colorbar={
                "title": {"text": "adds", "side": "top"}, "thickness": 10, "outlinewidth": 0,
                "len": 0.42, "y": 0.0, "yanchor": "bottom",
            },
        ),
        row=3, col=1,
    )  # fmt: skip
    _axes_on_screen(figure, strips)
    if ink is not None:
        figure.update_layout(font={"color": ink})
    figure.update_layout(
        height=sum(heights) + 120,
        bargap=0,
        margin={"l": 10, "r": 10, "t": 62, "b": 44},
        title={"text": strips.title, "x": 0, "xref": "paper", "font": {"size": 15}},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
    )
    return figure


def _axes_on_screen(figure: Figure, strips: PatientStrips) -> None:
    plain = {"showgrid": False, "zeroline": False, "automargin": True}
    figure.update_xaxes(**plain, showticklabels=False)
    figure.update_xaxes(
        title_text="Patients, from low to high risk", showticklabels=True, row=3, col=1
    )
    figure.update_yaxes(**plain)
    figure.update_yaxes(title_text=strips.value_title, zeroline=True, zerolinewidth=1, row=1, col=1)
    figure.update_yaxes(
        tickvals=[0.5], ticktext=[strips.mark_title], range=[0, 1], ticks="", row=2, col=1
    )
    figure.update_yaxes(autorange="reversed", ticks="", row=3, col=1)


def draw_strips_for_print(strips: PatientStrips, *, captions: Sequence[str] = ()) -> PrintFigure:
    """On white, with its caption under it."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    r, n = len(strips.names), len(strips.values)
    words = caption_lines((strips.caption, *captions, RESEARCH_USE), WIDTH_INCHES)
    figure = Figure(
        figsize=(WIDTH_INCHES, 3.0 + 0.3 * r + 0.13 * len(words)), layout="constrained",
        facecolor="white",
    )  # fmt: skip
    bars, marks, parts = figure.subplots(
        3, 1, sharex=True, height_ratios=[2.1, 0.2, 0.3 * r], squeeze=True
    )
    place = np.arange(1, n + 1)
    high = strips.values > strips.cutoff
    for rows, name, color in (
        (~high, strips.low_title, BLUE), (high, strips.high_title, VERMILION),
    ):  # fmt: skip
        bars.bar(place[rows], strips.values[rows], width=1.0, color=color, label=name)
    bars.axhline(0, color="#5B6773", linewidth=0.6)
    bars.set_ylabel(strips.value_title, fontsize=8)
    bars.legend(fontsize=7.5, frameon=False, loc="upper left")
    marks.bar(place[strips.marked], 1.0, width=1.0, color="#17212B")
    marks.set_yticks([0.5], [strips.mark_title], fontsize=7.5)
    marks.set_ylim(0, 1)
    colors = LinearSegmentedColormap.from_list("parts", (BLUE, "#F4F6F8", VERMILION))
    image = parts.imshow(
        strips.parts, cmap=colors, vmin=-strips.top, vmax=strips.top, aspect="auto",
        interpolation="nearest", extent=(0.5, n + 0.5, r - 0.5, -0.5),
    )  # fmt: skip
    parts.set_yticks(range(r), list(strips.names), fontsize=7.5)
    parts.set_xlabel("Patients, from low to high risk", fontsize=8)
    for axes in (bars, marks, parts):
        axes.tick_params(length=0 if axes is not bars else 2, labelsize=7.5)
        axes.spines[:].set_visible(False)
    bars.spines["left"].set_visible(True)
    bar = figure.colorbar(image, ax=parts, pad=0.01, fraction=0.03)
    bar.ax.tick_params(labelsize=7)
    bar.set_label("adds", fontsize=7.5)
    bar.outline.set_visible(False)  # type: ignore[operator]
    figure.suptitle(strips.title, fontsize=10, x=0.015, ha="left")
    figure.supxlabel("\n".join(words), fontsize=6.5, x=0.015, ha="left")
    return figure
