"""Breslow's baseline hazard for any log hazard, from wherever it comes.

Breslow, J R Stat Soc B 1972;34:216-217: at each death time the deaths divided by the summed
relative risks of those still at risk; with Efron's correction of ties, as R's survfit has it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import Baseline
from hccsurv_core.models.risk_sets import build_risk_sets, sum_risks
from hccsurv_core.outcome import SurvivalOutcome


def fit_baseline(
    log_hazard: ArrayLike,
    outcome: SurvivalOutcome,
    *,
    weights: ArrayLike | None = None,
    ties: str = "efron",
) -> Baseline:
    """Cumulative hazard of a patient whose log hazard is 0.

    Args:
        log_hazard: (n,) finite.
        outcome: of the same patients.
        weights: (n,) positive; times each patient counts.
        ties: "efron" or "breslow".

    Raises:
        InputError: shapes differ, or a value is missing.
        StatisticsError: there are no events.
    """
    score = np.asarray(log_hazard, dtype=np.float64)
    if score.shape != (len(outcome),) or not np.isfinite(score).all():
        raise InputError(
            f"{len(outcome)} finite log hazards are needed, got shape {score.shape}",
            source="baseline hazard",
        )
    if outcome.n_events == 0:
        raise StatisticsError("there are no events", source="baseline hazard")
    weight = None if weights is None else np.asarray(weights, dtype=np.float64)
    sets = build_risk_sets(outcome.time_months, outcome.event, weight=weight, ties=ties)
    sums = sum_risks(sets, score[sets.order])
    slots = sets.slot_weight / sums.denominator * np.exp(-sums.shift)
    jumps = sets.sum_of_slots(slots)[::-1]
    return Baseline(sets.group_time[::-1].copy(), np.cumsum(jumps))


def survival_from_hazard(cumulative_hazard: np.ndarray, log_hazard: np.ndarray) -> np.ndarray:
    """(t,) baseline and (n,) log hazards → (n, t) survival probabilities."""
    # In logarithms a hazard of 0 times an enormous risk is still 0.
    with np.errstate(divide="ignore", over="ignore"):
        return np.exp(-np.exp(np.log(cumulative_hazard) + log_hazard[:, None]))
