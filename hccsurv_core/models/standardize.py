"""Bring features to one scale, by what the training patients show and nothing else.

Missing values become the training median. Then, feature by feature, one of

* ``z-score``: distance from the mean in standard deviations;
* ``normal-score``: a value's place among the training patients, read off a normal distribution
  (van der Waerden's scores), which tames skewed values and cannot leave the training range;
* ``piecewise``: a column for each of up to eight intervals between training quantiles, 0 below it,
  1 above it, rising inside (piecewise linear encoding, Gorishniy et al., NeurIPS 2022). A linear
  model of these columns is a curve with bends at the quantiles, so a network need not learn that
  a blood pressure can be too low and too high. Outside the training range it is flat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError

SCALINGS = ("z-score", "normal-score", "piecewise")
_Z, _NORMAL, _PIECEWISE = range(3)
#: Quantiles that a normal score is interpolated between.
_KNOTS = 64
#: Their places, half a step inside: the smallest training value is not minus infinity.
_PLACES = (np.arange(_KNOTS) + 0.5) / _KNOTS
#: Features with fewer distinct values (classes, counts) keep z-scores instead of normal scores.
_FEW_VALUES = 12
#: Intervals of a piecewise feature.
_INTERVALS = 8
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
        kind: (p,) place in :data:`SCALINGS`.
        knots: (64, p) training quantiles of normal scores; columns of others are not looked at.
        edges: (9, p) ends of the intervals of piecewise features, the last repeated.
        offset: (8, p) training means of the piecewise columns.
    """

    names: tuple[str, ...]
    median: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n_missing: np.ndarray
    used: np.ndarray
    kind: np.ndarray
    knots: np.ndarray
    edges: np.ndarray
    offset: np.ndarray

    @property
    def owner(self) -> np.ndarray:
        """(q,) the feature that each column of :meth:`apply` is made of."""
        counts = np.where(self.kind == _PIECEWISE, (np.diff(self.edges, axis=0) > 0).sum(axis=0), 1)
        return np.repeat(np.arange(len(self.names)), np.where(self.used, counts, 0))

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
        """(n, p) values, NaN where missing → (n, q) scaled columns, finite.

        Features that do not vary are left out; a piecewise feature has a column an interval.

        Raises:
            InputError: another number of features.
        """
        filled = self.fill(values)
        scaled = np.clip((filled - self.mean) / self.scale, -_BOUND, _BOUND)
        for column in np.flatnonzero(self.used & (self.kind == _NORMAL)):
            scaled[:, column] = _normal_scores(filled[:, column], self.knots[:, column])
        if not (self.used & (self.kind == _PIECEWISE)).any():
            return scaled[:, self.used]
        parts = []
        for column in np.flatnonzero(self.used):
            if self.kind[column] != _PIECEWISE:
                parts.append(scaled[:, [column]])
                continue
            coded = _piecewise(filled[:, column], self.edges[:, column])
            parts.append(coded - self.offset[: coded.shape[1], column])
        return np.concatenate(parts, axis=1)

    def subset(self, rows: ArrayLike) -> Standardizer:
        """The scales of some features, by position."""
        chosen = np.asarray(rows, dtype=np.int64)
        by_feature = ("median", "mean", "scale", "low", "high", "n_missing", "used", "kind")
        by_column = ("knots", "edges", "offset")
        return replace(
            self,
            names=tuple(self.names[k] for k in chosen),
            **{name: getattr(self, name)[chosen] for name in by_feature},
            **{name: getattr(self, name)[:, chosen] for name in by_column},
        )

    def outside(self, values: ArrayLike) -> np.ndarray:
        """(n, p) True where a value lies outside what the training patients had."""
        matrix = np.asarray(values, dtype=np.float64)
        return (matrix < self.low) | (matrix > self.high)

    def tensors(self) -> dict[str, np.ndarray]:
        """For a bundle."""
        return {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def from_tensors(cls, names: Sequence[str], tensors: Mapping[str, np.ndarray]) -> Standardizer:
        """Back from a bundle."""
        return cls(tuple(names), **{name: tensors[name] for name in _ARRAYS})

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
                "scaling": SCALINGS[int(self.kind[i])],
            }
            for i, name in enumerate(self.names)
        ]


_ARRAYS = (
    "median", "mean", "scale", "low", "high", "n_missing", "used", "kind", "knots", "edges",
    "offset",
)  # fmt: skip


def fit_standardizer(
    values: ArrayLike, names: Sequence[str], *, scaling: str | Sequence[str] = "z-score"
) -> Standardizer:
    """Learn the scales of training patients.

    Args:
        values: (n, p) float64, NaN is missing.
        names: (p,) features.
        scaling: of all features, or of each.

    Raises:
        InputError: shapes or scaling cannot be used.
        StatisticsError: no feature varies.
    """
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] != len(names) or matrix.shape[0] < 2:
        raise InputError(
            f"{len(names)} features of 2 or more patients are needed, got shape {matrix.shape}",
            source="features",
        )
    kind = _kinds(scaling, len(names))
    missing = np.isnan(matrix)
    known = ~missing.all(axis=0)
    median = np.zeros(len(names))
    median[known] = np.nanmedian(matrix[:, known], axis=0)
    filled = np.where(missing, median, matrix)
    low, high, mean, scale = (f(axis=0) for f in (filled.min, filled.max, filled.mean, filled.std))
    size = np.maximum(np.abs(low), np.abs(high))
    used = known & (scale > _NEGLIGIBLE * size) & (scale > 0)
    if not used.any():
        raise StatisticsError(
            "no feature differs between the training patients",
            source="features",
            remedy="check the table's columns",
        )
    n_distinct = (np.diff(np.sort(filled, axis=0), axis=0) > 0).sum(axis=0) + 1
    kind[(kind == _NORMAL) & (n_distinct < _FEW_VALUES)] = _Z
    knots = np.zeros((_KNOTS, len(names)))
    if (kind == _NORMAL).any():
        knots = np.quantile(filled, _PLACES, axis=0)
    edges = np.repeat(high[None], _INTERVALS + 1, axis=0)
    offset = np.zeros((_INTERVALS, len(names)))
    for column in np.flatnonzero(used & (kind == _PIECEWISE)):
        found = _interval_ends(filled[:, column])
        edges[: found.size, column] = found
        coded = _piecewise(filled[:, column], edges[:, column])
        offset[: coded.shape[1], column] = coded.mean(axis=0)
    return Standardizer(
        tuple(names), median, mean, np.where(used, scale, 1.0), low, high,
        missing.sum(axis=0).astype(np.int64), used, kind, knots, edges, offset,
    )  # fmt: skip


def _kinds(scaling: str | Sequence[str], p: int) -> np.ndarray:
    """(p,) place in SCALINGS."""
    wanted = [scaling] * p if isinstance(scaling, str) else list(scaling)
    unknown = [name for name in wanted if name not in SCALINGS]
    if unknown or len(wanted) != p:
        raise InputError(
            f"no scaling is called {unknown[0]!r}" if unknown else
            f"{p} features but {len(wanted)} scalings",
            source="scaling", remedy=f"use {', '.join(SCALINGS)}",
        )  # fmt: skip
    return np.array([SCALINGS.index(name) for name in wanted], dtype=np.int64)


def _interval_ends(values: np.ndarray) -> np.ndarray:
    """Rising ends of at most eight intervals: every value where there are few, else quantiles."""
    distinct = np.unique(values)
    if distinct.size <= _INTERVALS + 1:
        return distinct
    return np.unique(np.quantile(values, np.linspace(0, 1, _INTERVALS + 1)))


def _piecewise(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(n,) values → (n, intervals) columns from 0 to 1."""
    begin, width = edges[:-1], np.diff(edges)
    real = width > 0
    return np.clip((values[:, None] - begin[real]) / width[real], 0.0, 1.0)


def _normal_scores(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Scores of values by interpolation between the training quantiles."""
    from scipy.special import ndtri

    scores = ndtri(_PLACES)
    if (np.diff(knots) > 0).all():
        return np.interp(values, knots, scores)
    # Values that fill several quantiles (zeros, say) get the mean score of those.
    distinct, start = np.unique(knots, return_index=True)
    ends = np.append(start[1:], knots.size)
    middle = np.array([scores[a:b].mean() for a, b in zip(start, ends, strict=True)])
    return np.interp(values, distinct, middle)
