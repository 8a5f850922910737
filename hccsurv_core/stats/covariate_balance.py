"""How alike two arms are, before and after weighting, and whether they overlap at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.stats.propensity import checked_arm
from hccsurv_core.stats.propensity_weights import checked_scores, effective_size


@dataclass(frozen=True)
class CovariateBalance:
    """One covariate in both arms, before and after weighting.

    Args:
        mean_treated, mean_untreated: plain means; weighted_…: weighted ones.
        smd_before, smd_after: standardized mean differences, treated minus untreated. Both are
            divided by the same plain spread, so that a change comes from the means alone.
        variance_ratio_before, variance_ratio_after: treated over untreated; NaN for 0/1
            covariates, whose variance follows from the mean, and for constant ones.
    """

    name: str
    mean_treated: float
    mean_untreated: float
    weighted_mean_treated: float
    weighted_mean_untreated: float
    smd_before: float
    smd_after: float
    variance_ratio_before: float
    variance_ratio_after: float

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in self.__dict__.items()
        }


@dataclass(frozen=True)
class BalanceTable:
    """Balance of all covariates.

    Args:
        rows: one a covariate.
        effective_treated, effective_untreated: Kish's effective numbers of patients.
    """

    rows: tuple[CovariateBalance, ...]
    effective_treated: float
    effective_untreated: float

    @property
    def largest_before(self) -> float:
        """Largest absolute standardized difference before weighting."""
        return max(abs(row.smd_before) for row in self.rows)

    @property
    def largest_after(self) -> float:
        """Largest absolute standardized difference after weighting."""
        return max(abs(row.smd_after) for row in self.rows)

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "covariates": [row.to_json() for row in self.rows],
            "largest_before": self.largest_before,
            "largest_after": self.largest_after,
            "effective_treated": self.effective_treated,
            "effective_untreated": self.effective_untreated,
        }


@dataclass(frozen=True, eq=False)
class ScoreOverlap:
    """Where the arms' chances of treatment overlap.

    Args:
        bin_edges: (b + 1,) from 0 to 1. share_treated, share_untreated: (b,) share of each arm
            in each bin, for mirrored histograms.
        low, high: common support: the larger of the arms' smallest scores to the smaller of
            their largest ones. NaN where there is none.
        outside_treated, outside_untreated: share of each arm outside it.
        overlap: Σ min(share treated, share untreated) over the bins, 0 (none) to 1.
        c_statistic: chance that a treated patient has a higher score than an untreated one; 0.5
            where the arms are alike, 1 where they do not overlap.
    """

    bin_edges: np.ndarray
    share_treated: np.ndarray
    share_untreated: np.ndarray
    low: float
    high: float
    outside_treated: float
    outside_untreated: float
    overlap: float
    c_statistic: float

    def supports(self, score: ArrayLike) -> np.ndarray:
        """Whether patients with these scores were treated both ways: within common support."""
        values = np.asarray(score, dtype=np.float64)
        return (values >= self.low) & (values <= self.high)

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        found = math.isfinite(self.low)
        return {
            "bin_edges": self.bin_edges.tolist(),
            "share_treated": self.share_treated.tolist(),
            "share_untreated": self.share_untreated.tolist(),
            "common_support": [self.low, self.high] if found else None,
            "outside_treated": self.outside_treated,
            "outside_untreated": self.outside_untreated,
            "overlap": self.overlap,
            "c_statistic": self.c_statistic,
        }


def covariate_balance(
    x: ArrayLike,
    treated: ArrayLike,
    weights: ArrayLike,
    *,
    names: Sequence[str] | None = None,
) -> BalanceTable:
    """Standardized differences and variance ratios before and after weighting.

    The spread that differences are divided by is √((s²₁ + s²₀)/2) of the unweighted patients
    (Austin 2009; the same before and after as Stuart 2008 advises); weighted variances are
    those of Austin & Stuart (Statistics in Medicine 2015).

    Args:
        x: (n, p) numbers, categories as 0/1 columns (all of them may be there).
        treated: (n,) True or 1 for the treated.
        weights: (n,) ≥ 0, not all 0 in either arm.

    Raises:
        InputError: shapes differ, a value is missing, or weights that are no weights.
        StatisticsError: an arm is empty.
    """
    arm = checked_arm(treated)
    matrix = np.asarray(x, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != arm.size or matrix.shape[1] == 0:
        raise InputError(f"{arm.size} patients but covariates {matrix.shape}", source="x")
    if not np.isfinite(matrix).all():
        raise InputError("a covariate is missing", source="x", remedy="impute or leave out")
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != arm.shape or not (np.isfinite(w) & (w >= 0)).all():
        raise InputError(f"{arm.size} weights of 0 or more are needed", source="weights")
    if w[arm].sum() == 0 or w[~arm].sum() == 0:
        raise InputError("all weights of one arm are 0", source="weights")
    labels = list(names) if names is not None else [f"x{i + 1}" for i in range(matrix.shape[1])]
    if len(labels) != matrix.shape[1]:
        raise InputError(f"{matrix.shape[1]} covariates but {len(labels)} names", source="names")
    return BalanceTable(
        tuple(_balance(name, matrix[:, i], arm, w) for i, name in enumerate(labels)),
        effective_size(w[arm]),
        effective_size(w[~arm]),
    )


def score_overlap(score: ArrayLike, treated: ArrayLike, *, n_bins: int = 20) -> ScoreOverlap:
    """Compare the arms' distributions of the chance of treatment.

    Args:
        score: (n,) chance of treatment. treated: (n,) True or 1 for the treated.

    Raises:
        InputError: shapes differ or a score is not between 0 and 1.
        StatisticsError: an arm is empty.
    """
    arm = checked_arm(treated)
    e = checked_scores(score, arm.size)
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    ours, others = (np.histogram(e[m], edges)[0] / m.sum() for m in (arm, ~arm))
    low = float(max(e[arm].min(), e[~arm].min()))
    high = float(min(e[arm].max(), e[~arm].max()))
    if low > high:
        low = high = math.nan
    inside = (e >= low) & (e <= high)
    return ScoreOverlap(
        edges,
        ours,
        others,
        low,
        high,
        float((~inside[arm]).mean()),
        float((~inside[~arm]).mean()),
        float(np.minimum(ours, others).sum()),
        _c_statistic(e, arm),
    )


def _balance(name: str, column: np.ndarray, arm: np.ndarray, w: np.ndarray) -> CovariateBalance:
    binary = bool(np.isin(column, (0.0, 1.0)).all())
    plain, weighted = [], []
    for members in (arm, ~arm):
        values = column[members]
        plain.append(_moments(values, np.ones(values.size), binary))
        weighted.append(_moments(values, w[members], binary))
    spread = math.sqrt((plain[0][1] + plain[1][1]) / 2.0)

    def standardized(pair: list[tuple[float, float]]) -> float:
        difference = pair[0][0] - pair[1][0]
        if spread == 0.0:
            return 0.0 if abs(difference) < 1e-12 else math.copysign(math.inf, difference)
        return difference / spread

    def ratio(pair: list[tuple[float, float]]) -> float:
        return math.nan if binary or pair[1][1] == 0.0 else pair[0][1] / pair[1][1]

    return CovariateBalance(
        name,
        plain[0][0],
        plain[1][0],
        weighted[0][0],
        weighted[1][0],
        standardized(plain),
        standardized(weighted),
        ratio(plain),
        ratio(weighted),
    )


def _moments(values: np.ndarray, w: np.ndarray, binary: bool) -> tuple[float, float]:
    """Weighted mean and variance; of a 0/1 covariate p(1−p)."""
    total = w.sum()
    mean = float((w * values).sum() / total)
    if binary:
        return mean, mean * (1.0 - mean)
    freedom = total - (w**2).sum() / total
    if freedom <= 0.0:
        return mean, 0.0
    return mean, float((w * (values - mean) ** 2).sum() / freedom)


def _c_statistic(e: np.ndarray, arm: np.ndarray) -> float:
    from scipy.stats import rankdata

    n = int(arm.sum())
    return float((rankdata(e)[arm].sum() - n * (n + 1) / 2) / (n * (arm.size - n)))
