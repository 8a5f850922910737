"""Pseudo-values: a censored outcome at a horizon as one number a patient, without censoring.

Andersen, Klein & Rosthøj, Biometrika 2003;90:15-27; Andersen & Perme, Stat Methods Med Res
2010;19:71-99. The pseudo-value of patient i is n·F(t) − (n − 1)·F without i (t), where F is one
minus Kaplan-Meier. Where censoring does not depend on the patient, its mean given the patient's
data is that patient's risk, so that ordinary regression applies to it.
"""

from __future__ import annotations

import numpy as np

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.counting import sum_by, sum_from


def risk_pseudo_values(outcome: SurvivalOutcome, horizon_months: float) -> np.ndarray:
    """Pseudo-values of having had the event by the horizon.

    Every leave-one-out curve follows from running sums over the whole one, so this takes one
    pass instead of n Kaplan-Meier fits; the values are exactly those of the jackknife.

    Args:
        outcome: at least two patients.
        horizon_months: within the follow-up.

    Returns:
        (n,) values; most lie near 0 and 1, some below or above.

    Raises:
        InputError: the horizon is not a positive number. StatisticsError: a single patient, or
            nobody is followed that long.
    """
    if not (np.isfinite(horizon_months) and horizon_months > 0):
        raise InputError("a horizon is a positive number of months", source="horizon_months")
    n, time = len(outcome), outcome.time_months
    if n < 2 or (horizon_months > time.max() and not outcome.event[time == time.max()].all()):
        raise StatisticsError(
            f"nobody is followed beyond {horizon_months:g} months",
            source="pseudo-values",
            remedy="choose an earlier horizon",
        )
    times, index = np.unique(time, return_inverse=True)
    at_risk = sum_from(sum_by(index, times.size)).astype(float)
    events = sum_by(index, times.size, outcome.event).astype(float)
    counted = times <= horizon_months
    with_all = np.where(counted, 1.0 - events / at_risk, 1.0)
    # One patient fewer at risk up to their time; at it, also one event fewer where it was theirs.
    fewer = np.maximum(at_risk - 1.0, 1.0)
    alone = at_risk == 1.0
    earlier = np.where(counted & ~alone, 1.0 - events / fewer, 1.0)
    own = events[index] - outcome.event
    at_own = np.where(counted[index] & ~alone[index], 1.0 - own / fewer[index], 1.0)
    # Products over times before, and after, each time; a factor of 0 stays a 0 in either.
    before = np.concatenate([[1.0], np.cumprod(earlier)])[index]
    after = np.concatenate([np.cumprod(with_all[::-1])[::-1], [1.0]])[index + 1]
    without = before * at_own * after
    survival = float(np.prod(with_all))
    return n * (1.0 - survival) - (n - 1) * (1.0 - without)
