"""Cox regression with a ridge penalty: stable where features are many or say the same.

Verweij & Van Houwelingen, Stat Med 1994;13:2427-2436. With more features than patients the fit is
made in the space that the patients span, where it is exactly the same and much smaller.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.models.risk_sets import (
    RiskSets,
    build_risk_sets,
    expected_events,
    information,
    log_likelihood,
    slot_means,
    sum_risks,
)
from hccsurv_core.outcome import SurvivalOutcome

_MAX_STEPS = 50
_TOLERANCE = 1e-9
#: Relative risks below this are lost in rounding.
_VANISHED = 1e-200


def fit_ridge_cox(
    x: ArrayLike, outcome: SurvivalOutcome, penalty: float, *, ties: str = "efron"
) -> np.ndarray:
    """Coefficients that maximize log partial likelihood / events − penalty / 2 · Σ coef².

    Args:
        x: (n, p) finite, on one scale (a penalty treats all alike).
        outcome: of the same patients.
        penalty: positive; at 1 a feature of variance 1 can hardly move.
        ties: "efron" or "breslow".

    Returns:
        (p,) log hazard ratios per unit.

    Raises:
        InputError: shapes differ, a value is missing, or the penalty is not positive.
        StatisticsError: there are no events.
    """
    matrix = np.asarray(x, dtype=np.float64)
    if matrix.ndim != 2 or len(matrix) != len(outcome) or not np.isfinite(matrix).all():
        raise InputError(
            f"finite features of {len(outcome)} patients are needed, got shape {matrix.shape}",
            source="ridge Cox model",
        )
    if not penalty > 0:
        raise InputError(f"the penalty must be positive, got {penalty:g}", source="ridge Cox model")
    if outcome.n_events == 0:
        raise StatisticsError("there are no events", source="ridge Cox model")
    centered = matrix - matrix.mean(axis=0)
    if matrix.shape[1] <= matrix.shape[0]:
        return _newton(centered, outcome, penalty, ties)
    left, spread, right = np.linalg.svd(centered, full_matrices=False)
    kept = spread > 1e-10 * max(float(spread[0]), 1e-300)
    coef = _newton(left[:, kept] * spread[kept], outcome, penalty, ties)
    return right[kept].T @ coef


def choose_penalty(
    x: ArrayLike,
    outcome: SurvivalOutcome,
    penalties: Sequence[float],
    *,
    n_folds: int = 5,
    seed: int = 0,
    ties: str = "efron",
) -> float:
    """The penalty with the highest cross-validated partial likelihood.

    What the patients of a fold add to the partial likelihood of all, at coefficients learned
    without them (Verweij & Van Houwelingen, Stat Med 1993;12:2305-2314).

    Args:
        x: (n, p) finite, on one scale.
        outcome: of the same patients.
        penalties: candidates.
        n_folds: events are spread evenly over them.
        seed: of the folds.

    Raises:
        InputError, StatisticsError: as for :func:`fit_ridge_cox`, or a fold leaves no events.
    """
    matrix = np.asarray(x, dtype=np.float64)
    matrix = matrix - matrix.mean(axis=0)
    if matrix.shape[1] > matrix.shape[0]:
        # A rotation changes no ridge fit, and what lies outside the patients' span is 0.
        left, spread, _ = np.linalg.svd(matrix, full_matrices=False)
        matrix = left * spread
    part = stratified_parts(outcome.event, n_folds, seed)
    gains = []
    for penalty in penalties:
        gain = 0.0
        for fold in range(n_folds):
            kept = part != fold
            coef = fit_ridge_cox(matrix[kept], outcome.subset(kept), penalty, ties=ties)
            gain += _likelihood(matrix, outcome, coef, ties)
            gain -= _likelihood(matrix[kept], outcome.subset(kept), coef, ties)
        gains.append(gain)
    return float(penalties[int(np.argmax(gains))])


def _likelihood(x: np.ndarray, outcome: SurvivalOutcome, coef: np.ndarray, ties: str) -> float:
    sets = build_risk_sets(outcome.time_months, outcome.event, ties=ties)
    linear = x[sets.order] @ coef
    return log_likelihood(sets, linear, sum_risks(sets, linear))


def _newton(x: np.ndarray, outcome: SurvivalOutcome, penalty: float, ties: str) -> np.ndarray:
    """Newton's method, halving a step that makes it worse."""
    sets = build_risk_sets(outcome.time_months, outcome.event, ties=ties)
    z, events = x[sets.order], float(outcome.n_events)
    coef = np.zeros(z.shape[1])
    value = _value(sets, z, coef, events, penalty)
    for _ in range(_MAX_STEPS):
        score, curvature = _derivatives(sets, z, coef, events, penalty)
        step = np.linalg.solve(curvature, score)
        for halving in range(30):
            tried = coef + step * 0.5**halving
            reached = _value(sets, z, tried, events, penalty)
            if reached >= value - 1e-12 * (abs(value) + 1):
                break
        gained, coef, value = reached - value, tried, reached
        if gained < _TOLERANCE * (abs(value) + 1):
            break
    return coef


def _value(sets: RiskSets, z: np.ndarray, coef: np.ndarray, events: float, penalty: float) -> float:
    linear = z @ coef
    sums = sum_risks(sets, linear)
    if not (sums.denominator > _VANISHED).all():  # a step so long that risks vanish beside others
        return -np.inf
    return log_likelihood(sets, linear, sums) / events - penalty / 2 * float(coef @ coef)


def _derivatives(
    sets: RiskSets, z: np.ndarray, coef: np.ndarray, events: float, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient (p,) and negative Hessian (p, p)."""
    sums = sum_risks(sets, z @ coef)
    ones = np.ones(sets.event_position.size)
    score = z.T @ (sets.event - expected_events(sets, sums, ones)) / events - penalty * coef
    curvature = information(sets, z, sums, slot_means(sets, z, sums), ones) / events
    return score, curvature + penalty * np.eye(coef.size)
