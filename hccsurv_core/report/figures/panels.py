"""Several charts as one figure: the same question in every part of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hccsurv_core.report.figures.chart import Chart

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Panels:
    """Charts side by side.

    Args:
        title: of the whole figure, with n and events.
        charts: in reading order; each title stands over its panel.
        columns: panels in a row.
        caption: of the whole figure; the charts' own captions are for charts drawn alone.
        one_legend: one legend for all, of every label once; else each panel has its own.
    """

    title: str
    charts: tuple[Chart, ...]
    columns: int = 2
    caption: str = ""
    one_legend: bool = True

    @property
    def rows(self) -> int:
        """Rows of panels."""
        return -(-len(self.charts) // self.columns)

    def to_frame(self) -> DataFrame:
        """Every point drawn, with the panel it stands in."""
        import pandas as pd

        parts = [c.to_frame().assign(panel=c.title) for c in self.charts]
        frame = pd.concat(parts, ignore_index=True)
        return frame[["panel", *(c for c in frame.columns if c != "panel")]]
