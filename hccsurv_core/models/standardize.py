"""Bring features to one scale, by what the training patients show and nothing else.

Missing values become the training median. Then either z-scores, or normal scores: a feature's
place among the training patients, read off a normal distribution (van der Waerden's scores),
which tames skewed laboratory values and cannot leave the training range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError

SCALINGS = ("z-score", "normal-score")
#: Quantiles that a normal score is interpolated between.
_KNOTS = 64
#: Features with fewer distinct values (classes, counts) keep z-scores.
_FEW_VALUES = 12
#: z-scores end here: one wild value must not carry a patient away.
_BOUND = 5.0
#: A spread below this share of the values' size is rounding error.
_NEGLIGIBLE = 1e-9


@dataclass(frozen=True, eq=False)
class Standardizer:
    """Learned scales of p features.

    Args:
        names: (p,) features.
        median: (p,) fills missing values.
        mean, scale: (p,) of the training values after filling.
        low, high: (p,) smallest and largest training value.
        n_missing: (p,) training patients without a value.
        used: (p,) False for features that are the same in every training patient.
        knots: (q, p) training quantiles, or None for z-scores.
        ranked: (p,) features that get normal scores.
    """

    names: tuple[str, ...]
    median: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n_missing: np.ndarray
    used: np.ndarray
    ranked: np.ndarray
    knots: np.ndarray | None = None

    @property
    def used_names(self) -> tuple[str, ...]:
        """Features that vary in the training patients, in order: the columns of ``apply``."""
        return tuple(name for name, used in zip(self.names, self.used, strict=True) if used)

    def fill(self, values: ArrayLike) -> np.ndarray:
        """(n, p) values with the missing ones filled.

        Raises:
            InputError: another number of features.
        """
        matrix = np.asarray(values, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != len(self.names):
            raise InputError(
                f"the model takes {len(self.names)} features, got shape {matrix.shape}",
                source="features",
            )
        return np.where(np.isfinite(matrix), matrix, self.median)

    def apply(self, values: ArrayLike) -> np.ndarray:
        """(n, p) values, NaN where missing → (n, p_used) scaled, finite.

        Raises:
            InputError: another number of features.
        """
        filled = self.fill(values)
        scaled = np.clip((filled - self.mean) / self.scale, -_BOUND, _BOUND)
        if self.knots is not None:
            for column in np.flatnonzero(self.ranked & self.used):
                scaled[:, column] = _normal_scores(filled[:, column], self.knots[:, column])
        return scaled[:, self.used]

    def outside(self, values: ArrayLike) -> np.ndarray:
        """(n, p) True where a value lies outside what the training patients had."""
        matrix = np.asarray(values, dtype=np.float64)
        return (matrix < self.low) | (matrix > self.high)

    def tensors(self) -> dict[str, np.ndarray]:
        """For a bundle."""
        found = {name: getattr(self, name) for name in _ARRAYS}
        return found if self.knots is None else {**found, "knots": self.knots}

    @classmethod
    def from_tensors(cls, names: Sequence[str], tensors: Mapping[str, np.ndarray]) -> Standardizer:
        """Back from a bundle."""
        arrays = {name: tensors[name] for name in _ARRAYS}
        return cls(tuple(names), **arrays, knots=tensors.get("knots"))

    def describe(self) -> list[dict[str, Any]]:
        """One JSON object a feature: its training range, median, mean and missing values."""
        return [
            {
                "name": name,
                "low": float(self.low[i]),
                "median": float(self.median[i]),
                "high": float(self.high[i]),
                "mean": float(self.mean[i]),
                "sd": float(self.scale[i]) if self.used[i] else 0.0,
                "n_missing": int(self.n_missing[i]),
                "used": bool(self.used[i]),
            }
            for i, name in enumerate(self.names)
        ]


_ARRAYS = ("median", "mean", "scale", "low", "high", "n_missing", "used", "ranked")


def fit_standardizer(
    values: ArrayLike, names: Sequence[str], *, scaling: str = "z-score"
) -> Standardizer:
    """Learn the scales of training patients.

    Args:
        values: (n, p) float64, NaN is missing.
        names: (p,) features.
        scaling: "z-score" or "normal-score".

    Raises:
        InputError: shapes or scaling cannot be used.
        StatisticsError: no feature varies.
    """
    if scaling not in SCALINGS:
        raise InputError(
            f"no scaling is called {scaling!r}", source="scaling",
            remedy=f"use {' or '.join(SCALINGS)}",
        )  # fmt: skip
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] != len(names) or matrix.shape[0] < 2:
        raise InputError(
            f"{len(names)} features of 2 or more patients are needed, got shape {matrix.shape}",
            source="features",
        )
    missing = np.isnan(matrix)
    known = ~missing.all(0)
    median = np.zeros(len(names))
    median[known] = np.nanmedian(matrix[:, known], axis=0)
    filled = np.where(missing, median, matrix)
    low, high, mean, scale = filled.min(0), filled.max(0), filled.mean(0), filled.std(0)
    size = np.maximum(np.abs(low), np.abs(high))
    used = known & (scale > _NEGLIGIBLE * size) & (scale > 0)
    if not used.any():
        raise StatisticsError(
            "no feature differs between the training patients",
            source="features",
            remedy="check the table's columns",
        )
    ranked, knots = np.zeros(len(names), dtype=bool), None
    if scaling == "normal-score":
        ranked = used & _many_values(filled)
        knots = np.quantile(filled, np.linspace(0, 1, _KNOTS), axis=0)
    return Standardizer(
        tuple(names), median, mean, np.where(used, scale, 1.0), low, high,
        missing.sum(0).astype(np.int64), used, ranked, knots,
    )  # fmt: skip


def _many_values(filled: np.ndarray) -> np.ndarray:
    """(p,) which features have enough distinct values to be ranked."""
    ordered = np.sort(filled, axis=0)
    return (np.diff(ordered, axis=0) > 0).sum(0) + 1 >= _FEW_VALUES


def _normal_scores(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Scores of values by interpolation between the training quantiles."""
    from scipy.special import ndtri

    q = knots.size
    # Blom-like ends: the smallest training value is not minus infinity.
    scores = ndtri((np.arange(q) + 0.5) / q)
    # Values that fill several quantiles (zeros, say) get the mean score of those.
    distinct, start = np.unique(knots, return_index=True)
    ends = np.append(start[1:], q)
    middle = np.array([scores[a:b].mean() for a, b in zip(start, ends, strict=True)])
    return np.interp(values, distinct, middle)
