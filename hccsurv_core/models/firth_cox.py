"""The hazard ratio of two groups where deaths are few: Firth's penalized Cox regression.

With few deaths the ordinary estimate leans away from 1, and it is infinite where one group has none;
its Wald interval then says nothing. Firth (Biometrika 1993;80:27-38) adds half the logarithm of the
information to the log likelihood, which takes out the first-order bias; in Cox regression it always
leaves a finite estimate, and intervals are those of the penalized likelihood, not symmetric
(Heinze & Schemper, Biometrics 2001;57:114-119).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import checked_level
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.risk_sets import (
    RiskSets,
    build_risk_sets,
    information,
    log_likelihood,
    slot_means,
    sum_risks,
)
from hccsurv_core.outcome import SurvivalOutcome

#: Estimates are looked for up to here: a hazard ratio of 10 to the 13th.
_FARTHEST = 30.0


@dataclass(frozen=True)
class FirthRatio:
    """Log hazard ratio of the patients of a group against the others.

    Args:
        coef: positive is a higher hazard; ci_low, ci_high: of the penalized likelihood.
        p: of the penalized likelihood-ratio test of no difference.
        level: of the interval.
        n, n_events: patients and events.
    """

    coef: float
    ci_low: float
    ci_high: float
    p: float
    level: float
    n: int
    n_events: int


def firth_hazard_ratio(
    outcome: SurvivalOutcome, group: ArrayLike, *, level: float = 0.95
) -> FirthRatio:
    """Compare two groups. Ties are handled as Breslow does: with few events there are few.

    Args:
        outcome: of n patients.
        group: (n,) true for those whose hazard is told against the others'.

    Raises:
        InputError: a length or a value that cannot be.
        StatisticsError: no events, or never both groups at risk when one happens.
    """
    from scipy.optimize import brentq, minimize_scalar
    from scipy.stats import chi2

    checked_level(level)
    member = np.asarray(group)
    if member.shape != (len(outcome),) or not np.isin(member, (0, 1)).all():
        raise InputError(
            f"{len(outcome)} patients need a group each, true or false", source="group"
        )
    sets = build_risk_sets(outcome.time_months, outcome.event, ties="breslow")
    x = member.astype(np.float64)[sets.order]
    if outcome.n_events == 0 or not np.isfinite(_penalized(sets, x, 0.0)):
        raise StatisticsError(
            "never both groups are at risk when somebody dies, so nothing can be compared",
            source="group", remedy="more patients or events are needed",
        )  # fmt: skip
    found = minimize_scalar(
        lambda b: -_penalized(sets, x, b), bounds=(-_FARTHEST, _FARTHEST), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    coef, top = float(found.x), -float(found.fun)
    drop = float(chi2.isf(1 - level, 1)) / 2

    bounds = []
    for side in (-1.0, 1.0):
        end, step = coef, 0.25
        while _penalized(sets, x, end) > top - drop and abs(end) < _FARTHEST:
            end, step = end + side * step, 2 * step
        if abs(end) >= _FARTHEST:
            bounds.append(side * math.inf)
            continue
        bounds.append(float(brentq(lambda b: _penalized(sets, x, b) - top + drop, coef, end)))
    statistic = max(0.0, 2 * (top - _penalized(sets, x, 0.0)))
    return FirthRatio(
        coef, bounds[0], bounds[1], float(chi2.sf(statistic, 1)), level, len(outcome),
        outcome.n_events,
    )  # fmt: skip


def _penalized(sets: RiskSets, x: np.ndarray, coef: float) -> float:
    """Log partial likelihood plus half the logarithm of the information."""
    score = x * coef
    sums = sum_risks(sets, score)
    means = slot_means(sets, x[:, None], sums)
    ones = np.ones(sets.event_position.size)
    spread = float(information(sets, x[:, None], sums, means, ones)[0, 0])
    if not spread > 0:
        return -math.inf
    return log_likelihood(sets, score, sums) + 0.5 * math.log(spread)
