"""A proportion with its interval."""

from __future__ import annotations

import math

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError
from hccsurv_core.stats.estimate import Estimate

#: Interval -> what it is called in a footnote.
INTERVALS = {"clopper-pearson": "Clopper-Pearson (exact)", "wilson": "Wilson score"}


def proportion(
    successes: int, n: int, *, method: str = "clopper-pearson", level: float = 0.95
) -> Estimate:
    """``successes`` of ``n``, with an exact (Clopper & Pearson 1934) or score (Wilson 1927) interval.

    The exact interval never covers less than ``level``; Wilson's does so on average and is
    shorter. Nobody at all gives NaN.

    Args:
        method: "clopper-pearson" or "wilson" (without continuity correction).

    Raises:
        InputError: counts that are no counts, or an unknown method.
    """
    if method not in INTERVALS:
        raise InputError(
            f"unknown interval {method!r}", source="method", remedy=f"one of {', '.join(INTERVALS)}"
        )
    check_level(level)
    if not 0 <= successes <= n:
        raise InputError(f"{successes} of {n} is no proportion", source="counts")
    if n == 0:
        return Estimate(math.nan, level=level, method="nobody to count", n=0, n_events=0)
    bounds = _exact if method == "clopper-pearson" else _wilson
    low, high = bounds(successes, n, level)
    return Estimate(successes / n, low, high, level, INTERVALS[method], n, successes)


def check_level(level: float) -> None:
    """Refuse what is no confidence level.

    Raises:
        InputError: it is not between 0 and 1.
    """
    normal_quantile(level)


def _exact(successes: int, n: int, level: float) -> tuple[float, float]:
    from scipy.special import betaincinv

    tail = (1.0 - level) / 2.0
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1.0 - tail))
    return low, high


def _wilson(successes: int, n: int, level: float) -> tuple[float, float]:
    z = normal_quantile(level)
    share = successes / n
    center = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # At 0 and n the bound is exact; subtraction would leave rounding error.
    low = 0.0 if successes == 0 else center - half
    high = 1.0 if successes == n else center + half
    return low, high
