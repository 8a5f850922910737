"""Hall-Wellner simultaneous confidence band: it holds the whole survival curve at once.

Hall & Wellner, Biometrika 1980; transformed bands: Borgan & Liestøl, Scand J Stat 1990. The
pointwise interval of a Kaplan-Meier curve covers the truth 95 times of 100 at one time chosen
beforehand; the band covers it at all times together, and is wider.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.kaplan_meier import KaplanMeier, greenwood_sum

#: Terms of the series on each side: exp(−2·k²·c²) is below 1e-30 long before.
_TERMS = 30


def hall_wellner_probability(c: float, a: float) -> float:
    """Probability that a Brownian bridge stays within ±c up to time a, 0 < a <= 1.

    By reflection: the sum over k of (−1)^k·exp(−2·k²·c²) times the probability that a normal
    variable of mean 2·k·c·(1 − a) and variance a·(1 − a) lies within ±c. At a = 1 this is
    Kolmogorov's distribution.
    """
    normal = NormalDist()
    spread = math.sqrt(max(a * (1 - a), 1e-300))
    total = 0.0
    for k in range(-_TERMS, _TERMS + 1):
        middle = 2 * k * c * (1 - a)
        inside = normal.cdf((c - middle) / spread) - normal.cdf((-c - middle) / spread)
        total += (-1) ** (k % 2) * math.exp(-2 * (k * c) ** 2) * inside
    return total


def hall_wellner_critical(a: float, level: float = 0.95) -> float:
    """The c within which a Brownian bridge stays up to time ``a`` with probability ``level``.

    Raises:
        InputError: ``a`` is not in (0, 1], or the level not in [0.01, 1).
    """
    from scipy.optimize import brentq

    if not (0 < a <= 1 and 0.01 <= level < 1):
        raise InputError(f"no critical value for a = {a:g} and level {level:g}", source="level")
    # Below this c the probability is under 0.01 for every a, and the series would need more terms.
    lowest = 0.4 * math.sqrt(a)
    return float(brentq(lambda c: hall_wellner_probability(c, a) - level, lowest, 10.0, xtol=1e-12))


def hall_wellner_band(
    km: KaplanMeier, *, until_months: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The band on the scale (``log-log`` or ``plain``) and at the level of a fitted curve.

    It starts at time 0; on the log-log scale at the first event (NaN before it), as the pointwise
    interval does. In simulations with 30 to 300 exponential times and a third censored, bands
    of 95 % held the true curve in 94.6 to 95.7 of 100 samples on either scale.

    Args:
        km: fitted without weights, or with weights as numbers of patients.
        until_months: the last time the band is to hold; without it, the last event that leaves
            somebody at risk. A shorter band is narrower.

    Returns:
        lower and upper limit at ``km.times``; NaN where the band does not reach.

    Raises:
        InputError: the curve's variance is robust or its scale ``log``.
        StatisticsError: nobody had an event by then with others still at risk.
    """
    if km.variance != "greenwood" or km.ci == "log":
        raise InputError(
            "a Hall-Wellner band needs Greenwood's variance and a log-log or plain scale",
            source="km",
        )
    sigma2 = greenwood_sum(km.at_risk, km.n_event)
    usable = (km.n_event > 0) & np.isfinite(sigma2)
    if until_months is not None:
        usable &= km.times <= until_months
    if not usable.any():
        raise StatisticsError("no event leaves anybody at risk", source="km")
    last = int(np.flatnonzero(usable)[-1])
    n = float(km.at_risk[0])
    spread = 1.0 + n * sigma2
    a = 1.0 - 1.0 / float(spread[last])
    half_width = hall_wellner_critical(a, km.level) * spread / math.sqrt(n)
    # It holds until the curve's next step.
    reach = km.survival >= km.survival[last]
    if until_months is not None:
        reach &= km.times <= until_months
    survival = np.where(reach, km.survival, np.nan)
    if km.ci == "plain":
        return (
            np.maximum(survival * (1 - half_width), 0.0),
            np.minimum(survival * (1 + half_width), 1.0),
        )
    inside = np.where(survival < 1, survival, np.nan)
    power = np.exp(half_width / np.log(inside))
    return inside ** (1.0 / power), inside**power
