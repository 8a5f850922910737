"""What a nomogram shows, before it is drawn: one description, for screen and print.

From left to right 0 to 1 is the region of the axes; from top to bottom the unit is a line of
labels. The variables share the scale of points at the top, everything below that of total points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hccsurv_core.report.figures.nomogram_labels import AxisLabel

if TYPE_CHECKING:
    from pandas import DataFrame

#: Lengths in lines: of ticks, and of the line to a label that was moved sideways.
TICK, MINOR_TICK, LEADER = 0.42, 0.22, 0.5
#: Between a tick and its label.
_LABEL_GAP = 0.12

RowKind = Literal["points", "variable", "total", "linear_predictor", "survival"]


@dataclass(frozen=True)
class Band:
    """Where training patients are: the middle half of them, or nine of ten."""

    start: float
    end: float
    half: bool


@dataclass(frozen=True)
class NomogramAxis:
    """One straight line with its ticks.

    Args:
        y: lines from the top.
        start, end: of the line.
        labels: of the ticks that have one.
        minor: ticks without.
        bands: where training patients are.
        dots: places of levels and the share of training patients there.
        beyond: a dashed line from the axis to a patient outside it.
    """

    y: float
    start: float
    end: float
    labels: tuple[AxisLabel, ...]
    minor: tuple[float, ...] = ()
    bands: tuple[Band, ...] = ()
    dots: tuple[tuple[float, float], ...] = ()
    beyond: tuple[float, float] | None = None

    def has_leaders(self, above: bool) -> bool:
        """Whether labels on a side are tied to their ticks by lines."""
        return any(label.leader for label in self.labels if label.above == above)

    def label_middle(self, label: AxisLabel) -> float:
        """Height of a label's middle, lines from the top of the figure."""
        away = TICK + _LABEL_GAP + label.lines / 2
        if self.has_leaders(label.above):
            away += LEADER
        return self.y - away if label.above else self.y + away

    def reach(self, above: bool) -> float:
        """How far labels reach from the line on a side; 0 without any."""
        side = [label for label in self.labels if label.above == above]
        return max((abs(self.label_middle(t) - self.y) + t.lines / 2 for t in side), default=0.0)


@dataclass(frozen=True)
class NomogramMark:
    """Where the patient stands on an axis.

    Args:
        x, y: place.
        hover: in words.
        arrow: −1 or 1 where the place lies beyond the drawing on the left or right, else 0.
        interval: of a survival, places of its ends.
    """

    x: float
    y: float
    hover: str
    arrow: int = 0
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class NomogramRow:
    """One variable, or one scale.

    Args:
        kind: what it is.
        title: lines of its name; the note is its unit.
        y: middle of the row.
        axes: one, or more where the axis is folded.
        folds: x and both heights of the line between two parts of a folded axis.
        mark, value, points: the patient: place, value and points in words.
    """

    kind: RowKind
    title: tuple[str, ...]
    note: str
    y: float
    axes: tuple[NomogramAxis, ...]
    folds: tuple[tuple[float, float, float], ...] = ()
    mark: NomogramMark | None = None
    value: str = ""
    points: str = ""


@dataclass(frozen=True)
class NomogramWidths:
    """How much room there is, in characters: of the axes, titles, and the patient's values."""

    axis: int
    title: int
    value: int


#: A figure as wide as the page, and one that stands beside another.
WIDE = NomogramWidths(axis=70, title=22, value=13)
NARROW = NomogramWidths(axis=44, title=17, value=11)


@dataclass(frozen=True)
class NomogramChart:
    """A figure's content.

    Args:
        title: what is predicted, for whom, with n and events.
        rows: from top to bottom.
        height: lines.
        sentences: how to read it, whom it was trained on, what to be careful about.
        color: of the patient.
        widths: room that the labels were placed for.
        patient: whether a patient is shown.
        drop: x and both heights of the line from total points down to survival.
        grid: places and heights of faint lines from the points through the variables.
    """

    title: str
    rows: tuple[NomogramRow, ...]
    height: float
    sentences: tuple[str, ...]
    color: str
    widths: NomogramWidths
    patient: bool = False
    drop: tuple[float, float, float] | None = None
    grid: tuple[tuple[float, float, float], ...] = ()

    @property
    def caption(self) -> str:
        """All sentences."""
        return " ".join(self.sentences)

    def to_frame(self) -> DataFrame:
        """Every labeled tick, and the patient: axis, what, label, meaning."""
        import pandas as pd

        rows = []
        for row in self.rows:
            name = " ".join(row.title)
            for axis in row.axes:
                rows += [
                    {"axis": name, "unit": row.note, "what": "tick",
                     "label": " ".join(label.text.split()), "meaning": label.hover}
                    for label in axis.labels
                ]  # fmt: skip
            if row.mark is not None:
                rows.append(
                    {"axis": name, "unit": row.note, "what": "patient", "label": row.value,
                     "meaning": row.mark.hover}
                )  # fmt: skip
        return pd.DataFrame(rows)
