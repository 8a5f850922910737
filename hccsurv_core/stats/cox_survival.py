"""Survival predicted by a Cox model, with the standard error of the prediction.

Tsiatis, Ann Stat 1981;9:93-108, with Efron's or Breslow's ties as in R's survfit.coxph: the error
has one part from the baseline hazard and one from the coefficients.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.models.coxph import CoxModel
from hccsurv_core.models.risk_sets import build_risk_sets, slot_means, sum_risks
from hccsurv_core.outcome import SurvivalOutcome


def cox_survival_with_error(
    model: CoxModel,
    x: np.ndarray,
    outcome: SurvivalOutcome,
    new_x: np.ndarray,
    eval_times: ArrayLike,
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted survival and its standard error.

    Args:
        model: fitted to ``x`` and ``outcome`` without weights and strata.
        x: (n, p) covariates it was fitted to; outcome: of the same patients.
        new_x: (m, p) covariates to predict for.
        eval_times: (k,) months.

    Returns:
        (m, k) survival probabilities, (m, k) standard errors of them.
    """
    times = np.atleast_1d(np.asarray(eval_times, float))
    sets = build_risk_sets(outcome.time_months, outcome.event, ties=model.ties)
    centered = (np.asarray(x, float) - model.means)[sets.order]
    sums = sum_risks(sets, centered @ model.coef)
    slot_hazard = np.exp(-sums.shift) / sums.denominator
    means = slot_means(sets, centered, sums)
    # Death times run backwards in the risk sets; sums up to each evaluation time are wanted.
    rising = sets.group_time[::-1]
    upto = np.searchsorted(rising, times, side="right")

    def summed(per_slot: np.ndarray) -> np.ndarray:
        by_time = sets.sum_of_slots(per_slot)[::-1].cumsum(axis=0)
        return np.concatenate([np.zeros((1, *by_time.shape[1:])), by_time])[upto]

    hazard, variance = summed(slot_hazard), summed(slot_hazard**2)
    mean_hazard = summed(slot_hazard[:, None] * means)
    away = np.asarray(new_x, float) - model.means
    relative = np.exp(away @ model.coef)[:, None]
    lever = away[:, None, :] * hazard[None, :, None] - mean_hazard[None, :, :]
    from_coef = np.einsum("mkp,pq,mkq->mk", lever, model.covariance, lever)
    survival = np.exp(-relative * hazard)
    return survival, survival * relative * np.sqrt(variance + from_coef)
