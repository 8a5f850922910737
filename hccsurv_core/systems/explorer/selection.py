"""Which patients a question is about: filters, and a landmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.design import level_text
from hccsurv_core.outcome import SurvivalOutcome

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Filter:
    """Keep patients whose value is in a range, or one of some levels; a missing value is out.

    Args:
        column: of the table.
        low, high: bounds of a number, both included; None is open.
        levels: of a category; empty is no condition.
    """

    column: str
    low: float | None = None
    high: float | None = None
    levels: tuple[str, ...] = ()

    def describe(self, label: str | None = None) -> str:
        """For a caption: "Age 40 to 60", "BCLC: A or B"; ``label`` stands for the column."""
        name = self.column if label is None else label
        if self.levels:
            return f"{name}: {' or '.join(self.levels)}"
        if self.low is not None and self.high is not None:
            return f"{name} {self.low:g} to {self.high:g}"
        return f"{name} ≥ {self.low:g}" if self.low is not None else f"{name} ≤ {self.high:g}"

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        if self.levels:
            return {"column": self.column, "levels": list(self.levels)}
        return {"column": self.column, "low": self.low, "high": self.high}


def apply_filters(
    frame: DataFrame, filters: Sequence[Filter], *, labels: Mapping[str, str] | None = None
) -> np.ndarray:
    """(n,) mask of the patients that meet every filter.

    Args:
        labels: what columns are called in messages; default their names.

    Raises:
        InputError: a column is not there, or a range is asked of text.
        StatisticsError: nobody is left; the message names the filters.
    """
    shown = labels or {}
    kept = np.ones(len(frame), bool)
    for condition in filters:
        if condition.column not in frame.columns:
            raise InputError("the table has no such column", source=condition.column)
        kept &= _matches(frame[condition.column], condition)
    if not kept.any():
        raise StatisticsError(
            f"nobody is left with {'; '.join(f.describe(shown.get(f.column)) for f in filters)}",
            source="filters",
            remedy="widen or remove a filter",
        )
    return kept


def _matches(values, condition: Filter) -> np.ndarray:
    known = ~values.isna().to_numpy()
    if condition.levels:
        text = np.array([level_text(v) for v in values.to_numpy()], dtype=object)
        return known & np.isin(text, list(condition.levels))
    try:
        numbers = values.astype(float).to_numpy()
    except (TypeError, ValueError) as error:
        raise InputError("holds text, so it has no range", source=condition.column) from error
    low = -np.inf if condition.low is None else condition.low
    high = np.inf if condition.high is None else condition.high
    with np.errstate(invalid="ignore"):
        return known & (numbers >= low) & (numbers <= high)


def after_landmark(
    outcome: SurvivalOutcome, landmark_months: float
) -> tuple[SurvivalOutcome, np.ndarray]:
    """Those still followed after a landmark, time counted from there (Anderson et al., 1983).

    What happens before the landmark may define groups without favoring those who lived to see it.

    Raises:
        StatisticsError: nobody is followed that long.
    """
    if landmark_months < 0:
        raise InputError("a landmark cannot be negative", source="landmark")
    if landmark_months >= outcome.time_months.max():
        raise StatisticsError(
            f"nobody is followed beyond {landmark_months:g} months",
            source="landmark",
            remedy=f"choose one before {outcome.time_months.max():.4g} months",
        )
    if landmark_months == 0:
        return outcome, np.ones(len(outcome), bool)
    return outcome.landmark(landmark_months)
