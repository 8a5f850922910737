"""The share of patients with the event by a horizon, whatever kind of outcome it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hccsurv_core.errors import StatisticsError
from hccsurv_core.outcome import CompetingOutcome
from hccsurv_core.stats.cumulative_incidence import fit_cumulative_incidence
from hccsurv_core.stats.horizon_weights import Outcome
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier
from hccsurv_core.stats.steps import step_value


@dataclass(frozen=True)
class ObservedRisk:
    """One minus Kaplan-Meier, or the cumulative incidence of cause 1 with competing causes.

    Args:
        risk: NaN where nobody is followed that long.
        std_error: Greenwood's (Aalen's for an incidence).
        ci_low, ci_high: log-log interval; NaN where there is none (risk 0, or Kaplan-Meier 0).
        n, n_events: patients, and events of interest known by the horizon.
    """

    risk: float
    std_error: float
    ci_low: float
    ci_high: float
    n: int
    n_events: int


def observed_risk(outcome: Outcome, horizon_months: float, *, level: float = 0.95) -> ObservedRisk:
    """Estimate it for these patients."""
    by_then = outcome.time_months <= horizon_months
    if isinstance(outcome, CompetingOutcome):
        known = int((by_then & (outcome.cause == 1)).sum())
        curves = fit_cumulative_incidence(outcome, level=level)
        risk = float(curves.incidence_at(horizon_months))
        low, high = (float(bound) for bound in curves.ci_at(horizon_months))
        times, errors = curves.times, curves.std_error[0]
    else:
        known = int((by_then & outcome.event).sum())
        curve = fit_kaplan_meier(outcome, level=level)
        risk = 1.0 - float(curve.survival_at(horizon_months))
        high, low = (1.0 - float(bound) for bound in curve.ci_at(horizon_months))
        times, errors = curve.times, curve.std_error
    error = float(step_value(times, errors, horizon_months, start=0.0))
    return ObservedRisk(risk, error, low, high, len(outcome), known)


def require_follow_up(outcome: Outcome, horizon_months: float) -> None:
    """Refuse a horizon to which nobody is followed.

    Raises:
        StatisticsError: then.
    """
    if math.isnan(observed_risk(outcome, horizon_months).risk):
        raise StatisticsError(
            f"nobody is followed beyond {horizon_months:g} months",
            source="horizon_months",
            remedy="choose an earlier horizon",
        )
