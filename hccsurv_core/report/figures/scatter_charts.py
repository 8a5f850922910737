"""Patients in three dimensions: turned by hand on the screen, three views in print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Series
from hccsurv_core.report.figures.palette import BLUE, VERMILION
from hccsurv_core.report.figures.panels import Panels
from hccsurv_core.report.figures.panels_print import draw_panels_for_print

if TYPE_CHECKING:
    from matplotlib.figure import Figure as PrintFigure
    from pandas import DataFrame
    from plotly.graph_objects import Figure


@dataclass(frozen=True, eq=False)
class CloudGroup:
    """Patients of one color: (n, 3) places, and (n,) hover texts."""

    label: str
    places: np.ndarray
    color: str
    hover: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Cloud:
    """A scatter in three dimensions.

    Args:
        title: what is shown, with n.
        axes: three titles.
        groups: in drawing order.
        caption: what to conclude.
        limits: (3, 2) shown of each axis; beyond lie few patients.
    """

    title: str
    axes: tuple[str, str, str]
    groups: tuple[CloudGroup, ...]
    caption: str
    limits: np.ndarray

    def to_frame(self) -> DataFrame:
        """Every patient's place and group."""
        import pandas as pd

        return pd.concat(
            [
                pd.DataFrame(g.places, columns=list(self.axes)).assign(group=g.label)
                for g in self.groups
            ],
            ignore_index=True,
        )

    def views(self) -> Panels:
        """The three views along the axes."""
        charts = []
        for i, j in combinations(range(3), 2):
            charts.append(
                Chart(
                    title="",
                    x_title=self.axes[i],
                    y_title=self.axes[j],
                    series=tuple(
                        Series(
                            g.label, g.places[:, i], g.places[:, j], color=g.color, kind="dots",
                        )
                        for g in self.groups
                    ),
                    x_range=(float(self.limits[i, 0]), float(self.limits[i, 1])),
                    y_range=(float(self.limits[j, 0]), float(self.limits[j, 1])),
                )
            )  # fmt: skip
        return Panels(self.title, tuple(charts), 3, self.caption)


def cloud_limits(places: np.ndarray) -> np.ndarray:
    """(3, 2) limits that hold all but a few far-off places.

    A single patient far away would press all others into a corner; those beyond six times the
    interquartile range from the quartiles are left outside.
    """
    low, high = np.quantile(places, [0.25, 0.75], axis=0)
    spread = np.maximum(high - low, 1e-9)
    inside = np.where(
        (places >= low - 6 * spread) & (places <= high + 6 * spread), places, np.nan
    )  # fmt: skip
    first, last = np.nanmin(inside, axis=0), np.nanmax(inside, axis=0)
    pad = 0.05 * np.maximum(last - first, 1e-9)
    return np.column_stack([first - pad, last + pad])


def two_color_cloud(
    title: str,
    axes: tuple[str, str, str],
    places: np.ndarray,
    verdict: np.ndarray,
    labels: tuple[str, str],
    *,
    hover: Sequence[str] = (),
    caption: str = "",
) -> Cloud:
    """Patients colored by a verdict; those without one are gray.

    Args:
        places: (n, 3).
        verdict: (n,) 1 has ``labels[1]``, 0 has ``labels[0]``, NaN is not known.
        hover: (n,) texts.
    """
    groups = []
    for value, label, color in (
        (np.nan, "not known", NEUTRAL), (0, labels[0], BLUE), (1, labels[1], VERMILION),
    ):  # fmt: skip
        rows = np.isnan(verdict) if np.isnan(value) else verdict == value
        if rows.any():
            texts = tuple(np.asarray(hover, dtype=object)[rows]) if len(hover) else ()
            groups.append(CloudGroup(f"{label} (n = {rows.sum()})", places[rows], color, texts))
    # The smallest group is drawn last, so that it is not buried.
    groups.sort(key=lambda g: -len(g.places))
    return Cloud(title, axes, tuple(groups), caption, cloud_limits(places))


def draw_cloud_on_screen(cloud: Cloud, *, height: int = 520, ink: str | None = None) -> Figure:
    """To be turned by hand."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for group in cloud.groups:
        figure.add_scatter3d(
            x=group.places[:, 0], y=group.places[:, 1], z=group.places[:, 2], mode="markers",
            name=group.label, text=list(group.hover) or None,
            hoverinfo="text+name" if group.hover else "name",
            marker={"size": 3.2, "color": group.color, "opacity": 0.8},
        )  # fmt: skip
    grid = {
        "gridcolor": "rgba(128, 142, 156, 0.35)", "backgroundcolor": "rgba(0,0,0,0)",
        "zerolinecolor": "rgba(128, 142, 156, 0.5)",
    }  # fmt: skip
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": 56, "b": 0},
        title={"text": cloud.title, "x": 0, "xref": "paper", "font": {"size": 15}},
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yanchor": "bottom",
            "itemsizing": "constant",
        },
        scene={
            f"{axis}axis": {"title": {"text": text}, "range": limits.tolist(), **grid}
            for axis, text, limits in zip("xyz", cloud.axes, cloud.limits, strict=True)
        }
        | {"aspectmode": "cube", "camera": {"eye": {"x": 1.55, "y": 1.45, "z": 0.8}}},
        paper_bgcolor="rgba(0,0,0,0)",
    )
    if ink is not None:
        figure.update_layout(font={"color": ink})
    return figure


def draw_cloud_for_print(cloud: Cloud, *, captions: Sequence[str] = ()) -> PrintFigure:
    """Three views along the axes, on white."""
    return draw_panels_for_print(cloud.views(), captions=captions, height_inches=2.2)
