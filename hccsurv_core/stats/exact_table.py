"""Exact test of independence in a table of counts (Fisher; Freeman & Halton for more than 2×2)."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import checked_numbers
from hccsurv_core.errors import InputError

#: More partly filled tables than this at once, and the p-value is drawn instead of enumerated.
MAX_TABLES = 1_000_000
#: Tables drawn where there are too many to enumerate.
DRAWN_TABLES = 20_000
#: More patients than this need no exact test, and drawing tables would never end.
MAX_PATIENTS = 10_000_000
#: Tables this close in probability are equally probable, as in R's fisher.test.
_SAME = 1e-7


def checked_counts(table: ArrayLike, source: str = "table") -> np.ndarray:
    """(r, c) whole numbers, none negative.

    Raises:
        InputError: not a table of counts.
    """
    counts = checked_numbers(table, source)
    if counts.ndim != 2 or not (np.isfinite(counts) & (counts >= 0) & (counts < 2**53)).all():
        raise InputError("a table of counts is needed", source=source)
    if (counts != np.rint(counts)).any():
        raise InputError("counts must be whole numbers", source=source)
    return counts.astype(np.int64)


def exact_table_p(table: ArrayLike, *, seed: int = 0) -> tuple[float, bool]:
    """P of all tables with these margins that are no more probable than this one.

    Fisher's two-sided test for 2×2 and its extension by Freeman & Halton (Biometrika 1951).

    Args:
        table: (r, c) counts. Rows and columns without anybody do not matter.
        seed: for tables that are drawn (20 000) where there are too many to enumerate.

    Returns:
        the p-value, and whether it is exact (False: drawn). With fewer than two rows or columns
        left it is 1.

    Raises:
        InputError: not a table of counts, or more patients than 10 million.
    """
    counts = checked_counts(table)
    if counts.sum() > MAX_PATIENTS:
        raise InputError(
            f"{counts.sum()} patients are too many for an exact test",
            source="table",
            remedy="use the chi-square test",
        )
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        return 1.0, True
    if counts.shape[0] < counts.shape[1]:
        counts = counts.T
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    observed = float(-_log_factorials(counts).sum())
    logs = _enumerate(np.sort(rows), columns)
    constant = float(
        _log_factorials(rows).sum() + _log_factorials(columns).sum() - math.lgamma(rows.sum() + 1)
    )
    if logs is not None:
        as_extreme = logs <= observed + _SAME
        return min(1.0, float(np.exp(logs[as_extreme] + constant).sum())), True
    return _drawn_p(rows, columns, observed, seed), False


def _enumerate(rows: np.ndarray, columns: np.ndarray) -> np.ndarray | None:
    """−Σ log(cell!) of every table, built row by row; None where there are too many.

    The last row is what the others leave, so the largest one comes last.
    """
    left = columns[None, :].copy()
    logs = np.zeros(1)
    for total in rows[:-1].tolist():
        if math.comb(total + columns.size - 1, columns.size - 1) * left.shape[0] > 8 * MAX_TABLES:
            return None
        fills = _fillings(total, columns.size)
        fits = (fills[None, :, :] <= left[:, None, :]).all(axis=2)
        state, fill = np.nonzero(fits)
        if state.size > MAX_TABLES:
            return None
        logs = logs[state] - _log_factorials(fills).sum(axis=1)[fill]
        left = left[state] - fills[fill]
    return logs - _log_factorials(left).sum(axis=1)


def _fillings(total: int, cells: int) -> np.ndarray:
    """(k, cells) all ways to part ``total`` into ``cells`` counts."""
    if cells == 2:
        first = np.arange(total + 1)
        return np.column_stack((first, total - first))
    bars = np.array(list(itertools.combinations(range(total + cells - 1), cells - 1)))
    edges = np.column_stack((np.full(len(bars), -1), bars, np.full(len(bars), total + cells - 1)))
    return np.diff(edges, axis=1) - 1


def _drawn_p(rows: np.ndarray, columns: np.ndarray, observed: float, seed: int) -> float:
    from scipy.stats import random_table

    draws = random_table.rvs(
        rows, columns, size=DRAWN_TABLES, random_state=np.random.default_rng(seed)
    )
    logs = -_log_factorials(draws.astype(np.int64)).sum(axis=(1, 2))
    return (1 + int((logs <= observed + _SAME).sum())) / (1 + DRAWN_TABLES)


def _log_factorials(counts: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln

    return gammaln(np.asarray(counts, dtype=np.float64) + 1.0)
