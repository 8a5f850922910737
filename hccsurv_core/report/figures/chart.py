"""What a statistical figure shows, before it is drawn: one description, for screen and print.

A builder (`survival_charts`, `performance_charts`) turns a result into a `Chart`; `chart_screen`
draws it with Plotly, `chart_print` with Matplotlib. So both show the same, and a test can look at
the description instead of at pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from hccsurv_core.report.figures.palette import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY_BLUE,
    VERMILION,
)

if TYPE_CHECKING:
    from pandas import DataFrame

#: Groups in order: told apart with the common color-vision deficiencies, on dark and on light.
GROUP_COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE)
NEUTRAL = "#8793A0"

Kind = Literal["step", "line", "points", "dots", "bars"]
Symbol = Literal["circle", "square", "triangle", "triangle-down"]
Dash = Literal["solid", "dash", "dot"]


@dataclass(frozen=True, eq=False)
class Series:
    """One curve or set of points.

    Args:
        label: in the legend; empty for none.
        x, y: (m,) coordinates.
        low, high: (m,) interval, drawn as a band (curves) or bars (points).
        color, dash: how it is drawn.
        kind: "step" (value holds until the next x), "line", "points" (with bars for the
            interval), "dots" (small, for many patients) or "bars" (lying, from 0 to x at y).
        ticks: (k, 2) x and y of small vertical marks (censored patients).
        faint_from: beyond this x the curve rests on few patients and is drawn faint and dotted.
        hover: (m,) texts; default x and y.
        texts: (m,) beside the ends of bars.
        symbol: of points and dots.
        wide: a line that stands out among others.
    """

    label: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    color: str = NEUTRAL
    dash: Dash = "solid"
    kind: Kind = "line"
    ticks: np.ndarray | None = None
    faint_from: float | None = None
    hover: Sequence[str] | None = None
    texts: Sequence[str] | None = None
    symbol: Symbol = "circle"
    wide: bool = False


@dataclass(frozen=True, eq=False)
class RiskTable:
    """Numbers at risk under a curve.

    Args:
        times: (t,) where they are counted.
        labels: (g,) of the rows.
        counts: (g, t) numbers; whole unless weighted.
        colors: (g,) of the rows.
        few: a smaller number is marked.
        title: above the rows.
    """

    times: np.ndarray
    labels: tuple[str, ...]
    counts: np.ndarray
    colors: tuple[str, ...]
    few: int = 5
    title: str = "Number at risk"


@dataclass(frozen=True)
class Guide:
    """A thin reference line from one point to another."""

    x: tuple[float, float]
    y: tuple[float, float]
    label: str = ""
    dash: Dash = "dot"
    color: str = NEUTRAL


@dataclass(frozen=True)
class Span:
    """A shaded part of the x axis, with its name at its top."""

    x: tuple[float, float]
    label: str
    color: str = NEUTRAL
    strength: float = 0.12


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure's content.

    Args:
        title: what is shown, with n and events.
        x_title, y_title: with units.
        series: in drawing order.
        caption: what to conclude, or what to be careful about; printed under the figure.
        x_range, y_range: shown; None fits.
        x_ticks, x_tick_labels: where and what; None is automatic.
        percent: y is a probability shown as a percentage.
        guides: reference lines.
        spans: shaded behind the curves.
        risk_table: under the figure.
        square: both axes have the same length (ROC, calibration).
        legend_title: what the groups are made by.
        y_ticks, y_tick_labels: where and what; None is automatic.
        hide_y: the y axis tells nothing (a strip).
        height: of the figure against an ordinary one.
        legend_aside: the legend stands to the right; for many curves.
        message: shown in place of curves: why there are none.
    """

    title: str
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    caption: str = ""
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    x_ticks: tuple[float, ...] | None = None
    x_tick_labels: tuple[str, ...] | None = None
    percent: bool = False
    guides: tuple[Guide, ...] = ()
    spans: tuple[Span, ...] = ()
    risk_table: RiskTable | None = None
    square: bool = False
    legend_title: str = ""
    y_ticks: tuple[float, ...] | None = None
    y_tick_labels: tuple[str, ...] | None = None
    hide_y: bool = False
    height: float = 1.0
    legend_aside: bool = False
    message: str = ""

    def to_frame(self) -> DataFrame:
        """Every point drawn, in long form: series, x, y, low, high."""
        import pandas as pd

        parts = []
        for i, s in enumerate(self.series):
            nothing = np.full(len(s.x), np.nan)
            parts.append(
                pd.DataFrame(
                    {
                        "series": s.label or f"series {i + 1}", self.x_title or "x": s.x,
                        self.y_title or "y": s.y, "low": nothing if s.low is None else s.low,
                        "high": nothing if s.high is None else s.high,
                    }
                )
            )  # fmt: skip
        if not parts:
            return pd.DataFrame({"message": [self.message]})
        return pd.concat(parts, ignore_index=True)


def month_ticks(last_months: float) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Ticks of a time axis in months, whole years marked as such.

    Returns:
        places, and labels of one or two lines ("12\\n1 y").
    """
    steps = (1, 2, 3, 6, 12, 24, 36, 48, 60, 120, 240, 600)
    step = next((s for s in steps if last_months / s <= 8), steps[-1])
    places = tuple(float(x) for x in np.arange(0, last_months + 1e-9, step))
    labels = tuple(f"{x:g}\n{x / 12:g} y" if x and x % 12 == 0 else f"{x:g}" for x in places)
    return places, labels


def thinned(x: np.ndarray, resolution: int = 1200) -> np.ndarray:
    """Indices to draw of rising x: the last of each pixel's worth; all when there are few."""
    if len(x) <= resolution:
        return np.arange(len(x))
    cell = np.floor((x - x[0]) / max(float(x[-1] - x[0]), 1e-12) * resolution)
    last = np.flatnonzero(np.append(cell[1:] != cell[:-1], True))
    return np.union1d([0], last)
