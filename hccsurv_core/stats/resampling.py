"""Bootstrap intervals for any metric, and paired ones for the difference of two.

Efron & Tibshirani, An Introduction to the Bootstrap (1993): percentile (ch. 13) and BCa (ch. 14).
Resamples depend on the seed and the number of patients alone, so two metrics that are given the
same seed are compared on the same resamples.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.progress import Progress, silent
from hccsurv_core.stats.estimate import Estimate

Metric = Callable[[np.ndarray], float]
KINDS = ("percentile", "bca")
#: More resamples than this share without an answer: the interval would describe another question.
_TOLERATED_FAILURES = 0.1


def resample_indices(
    n: int, n_resamples: int, seed: int = 0, strata: ArrayLike | None = None
) -> np.ndarray:
    """Patients drawn with replacement.

    Args:
        n: patients.
        n_resamples: how many times.
        seed: fixes the draws.
        strata: (n,) codes; each stratum keeps its size (arms of a study, for example).

    Returns:
        (n_resamples, n) indices.
    """
    if n < 2 or n_resamples < 1:
        raise InputError("at least 2 patients and 1 resample are needed", source="bootstrap")
    rng = np.random.default_rng(seed)
    if strata is None:
        return rng.integers(0, n, size=(n_resamples, n), dtype=np.int32)
    codes = np.asarray(strata)
    if codes.shape != (n,):
        raise InputError(f"{n} patients but {codes.size} strata", source="strata")
    parts = []
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code).astype(np.int32)
        parts.append(members[rng.integers(0, members.size, size=(n_resamples, members.size))])
    return np.concatenate(parts, axis=1)


def resample_counts(indices: np.ndarray) -> np.ndarray:
    """(R, n) drawn indices → (R, n) float32 number of times each patient was drawn."""
    n_resamples, n = indices.shape
    offsets = np.arange(n_resamples, dtype=np.int64)[:, None] * n
    counts = np.bincount((indices + offsets).ravel(), minlength=n_resamples * n)
    return counts.reshape(n_resamples, n).astype(np.float32)


def bootstrap(
    metric: Metric,
    n: int,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
    strata: ArrayLike | None = None,
    level: float = 0.95,
    kind: str = "percentile",
    n_events: int | None = None,
    progress: Progress = silent,
) -> Estimate:
    """Interval of a metric by resampling patients.

    Args:
        metric: takes the (m,) indices of the patients to use, returns a number; may raise
            :class:`StatisticsError` or return NaN where a resample has no answer.
        n: patients.
        kind: "percentile" (default) or "bca" (also evaluates the metric without each patient).
        n_events: passed on to the estimate.
        progress: told how far it is; may cancel.

    Raises:
        InputError: an unknown kind, or a level outside 0 to 1.
        StatisticsError: more than a tenth of the resamples have no answer.
    """
    _check(kind, level)
    value = float(metric(np.arange(n)))
    draws = _evaluate(metric, resample_indices(n, n_resamples, seed, strata), progress)
    if kind == "bca":
        low, high = _bca_bounds(metric, n, value, draws, level)
        words = "BCa"
    else:
        low, high = percentile_bounds(draws, level)
        words = "percentile"
    return Estimate(value, low, high, level, describe(words, draws, seed), n, n_events)


def bootstrap_difference(
    metric_a: Metric,
    metric_b: Metric,
    n: int,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
    strata: ArrayLike | None = None,
    level: float = 0.95,
    n_events: int | None = None,
    progress: Progress = silent,
) -> tuple[Estimate, float]:
    """Difference a − b on the same resamples, and its two-sided p-value (see `bootstrap_p`)."""

    def difference(rows: np.ndarray) -> float:
        return float(metric_a(rows)) - float(metric_b(rows))

    _check("percentile", level)
    draws = _evaluate(difference, resample_indices(n, n_resamples, seed, strata), progress)
    low, high = percentile_bounds(draws, level)
    method = describe("paired percentile", draws, seed)
    value = difference(np.arange(n))
    return Estimate(value, low, high, level, method, n, n_events), bootstrap_p(draws)


def percentile_bounds(draws: np.ndarray, level: float) -> tuple[float, float]:
    """Percentile interval of (R,) draws; those without an answer are left out, if they are few.

    Raises:
        StatisticsError: more than a tenth have no answer.
    """
    kept = answered(draws)
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_p(draws: np.ndarray) -> float:
    """Two-sided p-value of "no difference": twice the smaller share of draws on either side of 0.

    One is added to count and total (Davison & Hinkley 1997, section 4.2), so it is never 0.
    """
    kept = answered(draws)
    smaller = min(int((kept <= 0).sum()), int((kept >= 0).sum()))
    return min(1.0, 2 * (smaller + 1) / (kept.size + 1))


def describe(words: str, draws: np.ndarray, seed: int) -> str:
    """What a footnote says about an interval."""
    failed = int((~np.isfinite(draws)).sum())
    text = f"{words} bootstrap, {draws.size} resamples, seed {seed}"
    return f"{text}, {failed} without an answer" if failed else text


def answered(draws: np.ndarray) -> np.ndarray:
    """The draws that have an answer.

    Raises:
        StatisticsError: they are too few.
    """
    kept = draws[np.isfinite(draws)]
    if kept.size < (1 - _TOLERATED_FAILURES) * draws.size:
        raise StatisticsError(
            f"{draws.size - kept.size} of {draws.size} resamples have no answer",
            source="bootstrap",
            remedy="there are too few patients or events for an interval",
        )
    return kept


def _evaluate(metric: Metric, indices: np.ndarray, progress: Progress) -> np.ndarray:
    draws = np.full(len(indices), np.nan)
    for i, rows in enumerate(indices):
        if i % 50 == 0:
            progress(i / len(indices), f"resample {i} of {len(indices)}")
        try:
            draws[i] = metric(rows)
        except StatisticsError:
            continue  # counted by `answered`, and told in the estimate's method
    return draws


def _bca_bounds(
    metric: Metric, n: int, value: float, draws: np.ndarray, level: float
) -> tuple[float, float]:
    from scipy.stats import norm

    everyone = np.arange(n)
    left_out = np.array([metric(np.delete(everyone, i)) for i in range(n)])
    lean = left_out.mean() - left_out
    spread = float((lean**2).sum()) ** 1.5
    acceleration = float((lean**3).sum()) / (6 * spread) if spread > 0 else 0.0
    kept = answered(draws)
    # Half of the draws that equal the value count as below it (metrics with few values).
    below = ((kept < value).mean() + (kept <= value).mean()) / 2
    bias = norm.ppf(np.clip(below, 0.5 / kept.size, 1 - 0.5 / kept.size))
    z = bias + norm.ppf([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile(kept, norm.cdf(bias + z / (1 - acceleration * z)))
    return float(low), float(high)


def _check(kind: str, level: float) -> None:
    if kind not in KINDS:
        raise InputError(
            f"no interval is called {kind!r}",
            source="bootstrap",
            remedy=f"use {' or '.join(KINDS)}",
        )
    if not 0 < level < 1:
        raise InputError(f"the level must lie between 0 and 1, got {level:g}", source="bootstrap")
