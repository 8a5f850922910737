"""Two methods of measuring the same quantity: limits of agreement and concordance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.plain import plain_number
from hccsurv_core.stats.proportions import check_level


@dataclass(frozen=True, eq=False)
class LimitsOfAgreement:
    """How far two methods are apart (Bland & Altman).

    Args:
        bias: mean of first − second, with its t interval.
        sd: standard deviation of the differences.
        lower, upper: limits within which ``coverage`` of the differences lie if they are normal,
            each with its interval.
        coverage: 0.95 by custom.
        means, differences: (n,) of each pair, for the plot.
        slope_p: p-value of a straight line of differences on means; small where the difference
            grows with the quantity, so that one pair of limits does not fit all of it. NaN
            where all means are the same.
    """

    bias: Estimate
    sd: float
    lower: Estimate
    upper: Estimate
    coverage: float
    means: np.ndarray
    differences: np.ndarray
    slope_p: float

    def to_json(self) -> dict[str, object]:
        """Plain values, without the pairs."""
        return {
            "bias": self.bias.to_json(),
            "sd": self.sd,
            "lower": self.lower.to_json(),
            "upper": self.upper.to_json(),
            "coverage": self.coverage,
            "slope_p": plain_number(self.slope_p),
            "n": self.differences.size,
        }


def limits_of_agreement(
    first: ArrayLike, second: ArrayLike, *, coverage: float = 0.95, level: float = 0.95
) -> LimitsOfAgreement:
    """Bland & Altman's limits of agreement, one pair of measurements a subject.

    The limits are the bias ± 1.96 standard deviations (Lancet 1986 used 2); their intervals are
    the approximate ones of Statistical Methods in Medical Research 1999: t with n − 1 degrees of
    freedom and the variance sd²·(1/n + 1.96²/(2(n−1))).

    Args:
        first, second: (n,) measurements of the same subjects in the same unit.

    Raises:
        InputError: unequal lengths or missing values. StatisticsError: fewer than three pairs.
    """
    from scipy import stats

    check_level(level)
    a, b = _checked_pairs(first, second)
    n = a.size
    difference = a - b
    mean, sd = float(difference.mean()), float(difference.std(ddof=1))
    t = float(stats.t.isf((1 - level) / 2, n - 1))
    z = normal_quantile(coverage)
    half_bias = t * sd / math.sqrt(n)
    half_limit = t * sd * math.sqrt(1 / n + z**2 / (2 * (n - 1)))

    def limit(value: float) -> Estimate:
        method = "t, Bland & Altman 1999"
        return Estimate(value, value - half_limit, value + half_limit, level, method, n)

    means = (a + b) / 2
    constant = np.ptp(means) == 0.0 or sd == 0.0
    return LimitsOfAgreement(
        Estimate(mean, mean - half_bias, mean + half_bias, level, "t", n),
        sd,
        limit(mean - z * sd),
        limit(mean + z * sd),
        coverage,
        means,
        difference,
        math.nan if constant else float(stats.linregress(means, difference).pvalue),
    )


def concordance_correlation(
    first: ArrayLike, second: ArrayLike, *, level: float = 0.95
) -> Estimate:
    """Lin's concordance correlation: 1 when all pairs lie on the line of identity.

    2·s₁₂/(s₁² + s₂² + (x̄−ȳ)²) with divisor n; the interval is Lin's on Fisher's z scale
    (Biometrics 1989, with the correction of Biometrics 2000). It needs a correlation: pairs that
    all agree give 1 without an interval.

    Args:
        first, second: (n,) measurements of the same subjects in the same unit.

    Raises:
        InputError: unequal lengths or missing values.
        StatisticsError: fewer than three pairs, or one method measures the same in everyone.
    """
    a, b = _checked_pairs(first, second)
    n = a.size
    if np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        raise StatisticsError(
            "one method measures the same in everyone: there is no concordance", source="pairs"
        )
    sd_a, sd_b = float(a.std()), float(b.std())
    shift = float(a.mean() - b.mean())
    covariance = float(((a - a.mean()) * (b - b.mean())).mean())
    value = 2 * covariance / (sd_a**2 + sd_b**2 + shift**2)
    method = "Lin 1989, Fisher's z"
    correlation = covariance / (sd_a * sd_b)
    if abs(correlation) > 1 - 1e-12 or abs(value) > 1 - 1e-12 or abs(correlation) < 1e-12:
        return Estimate(value, level=level, method="no interval: a perfect or no correlation", n=n)
    squared, scaled = correlation**2, shift**2 / (sd_a * sd_b)
    variance = (
        (1 - squared) * value**2 / ((1 - value**2) * squared)
        + 2 * value**3 * (1 - value) * scaled / (correlation * (1 - value**2) ** 2)
        - value**4 * scaled**2 / (2 * squared * (1 - value**2) ** 2)
    ) / (n - 2)
    z, half = math.atanh(value), normal_quantile(level) * math.sqrt(max(0.0, variance))
    return Estimate(value, math.tanh(z - half), math.tanh(z + half), level, method, n)


def _checked_pairs(first: ArrayLike, second: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    try:
        a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("measurements must be numbers", source="pairs") from error
    if a.ndim != 1 or a.shape != b.shape:
        raise InputError(
            f"two lists of the same subjects are needed, got shapes {a.shape} and {b.shape}",
            source="pairs",
        )
    missing = int((~np.isfinite(a) | ~np.isfinite(b)).sum())
    if missing:
        raise InputError(
            f"{missing} of {a.size} pairs are incomplete", source="pairs", remedy="leave them out"
        )
    if a.size < 3:
        raise StatisticsError(f"{a.size} pairs cannot show agreement", source="pairs")
    return a, b
