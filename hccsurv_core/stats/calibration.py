"""Calibration of predicted survival: do as many patients have the event as the model says?

Three strengths, after Van Calster et al., J Clin Epidemiol 2016;74:167-176, for a censored
outcome (McLernon et al., Ann Intern Med 2023;176:105-114): in the large (observed / expected,
intercept 0), weak (slope 1), moderate (the curve of
:mod:`~hccsurv_core.stats.calibration_curve`). All take the predictions as given numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.arguments import checked_probability, checked_score, checked_times
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.horizon_weights import Outcome
from hccsurv_core.stats.observed_risk import observed_risk, require_follow_up
from hccsurv_core.stats.offset_regression import fit_poisson
from hccsurv_core.stats.plain import plain_numbers
from hccsurv_core.stats.pseudo_values import risk_pseudo_values

#: Predicted risks of exactly 0 and 1 have no complementary log-log; they are moved to here.
SMALLEST_RISK = 1e-6


@dataclass(frozen=True, eq=False)
class GroupedCalibration:
    """Predicted and observed risk in groups of similar predicted risk.

    Args:
        horizon_months: of the risks.
        predicted: (g,) mean predicted risk; rising.
        observed: (g,) one minus Kaplan-Meier; NaN where a group is not followed that long.
        ci_low, ci_high: (g,) log-log interval of ``observed``; NaN where there is none (no event
            in the group, or everybody had it).
        n, n_events: (g,) patients, and events known by the horizon.
        level: of the intervals.
    """

    horizon_months: float
    predicted: np.ndarray
    observed: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    n: np.ndarray
    n_events: np.ndarray
    level: float

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        return {
            "horizon_months": self.horizon_months,
            "predicted": plain_numbers(self.predicted),
            "observed": plain_numbers(self.observed),
            "ci_low": plain_numbers(self.ci_low),
            "ci_high": plain_numbers(self.ci_high),
            "n": self.n.tolist(),
            "n_events": self.n_events.tolist(),
            "level": self.level,
        }


@dataclass(frozen=True)
class WeakCalibration:
    """Intercept and slope of a recalibration; see the functions that make it.

    Args:
        intercept: 0 is right, above 0 the risk is underestimated.
        slope: 1 is right, below 1 the predictions are too extreme.
    """

    intercept: Estimate
    slope: Estimate

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        return {"intercept": self.intercept.to_json(), "slope": self.slope.to_json()}


def grouped_calibration(
    outcome: Outcome,
    survival_probability: ArrayLike,
    horizon_months: float,
    *,
    n_groups: int = 5,
    level: float = 0.95,
) -> GroupedCalibration:
    """Mean predicted risk against observed risk in quantile groups of the prediction.

    Groups are (low, high] intervals between quantiles; where many predictions are equal there are
    fewer groups than asked for.

    Args:
        outcome: n patients; with competing causes the observed risk is the cumulative incidence
            of cause 1 (Aalen-Johansen).
        survival_probability: (n,) predicted probability of not having had the event (cause 1) by
            the horizon.
        horizon_months: of the predictions.
        n_groups: 2 or more; 5 to 10 are usual, each with some events.

    Raises:
        InputError: shapes or values cannot be used.
        StatisticsError: nobody is followed as long as the horizon.
    """
    normal_quantile(level)
    horizon, risk = checked_risk(outcome, survival_probability, horizon_months)
    if n_groups < 2:
        raise InputError(f"at least 2 groups are needed, got {n_groups}", source="n_groups")
    group = quantile_groups(risk, n_groups)
    rows = []
    for code in range(int(group.max()) + 1):
        member = group == code
        seen = observed_risk(outcome.subset(member), horizon, level=level)
        rows.append(
            (
                risk[member].mean(),
                seen.risk,
                seen.ci_low,
                seen.ci_high,
                seen.n,
                seen.n_events,
            )
        )
    predicted, observed, ci_low, ci_high, n, n_events = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    return GroupedCalibration(horizon, predicted, observed, ci_low, ci_high, n, n_events, level)


def observed_expected_ratio(
    outcome: Outcome,
    survival_probability: ArrayLike,
    horizon_months: float,
    *,
    level: float = 0.95,
) -> Estimate:
    """Calibration in the large: observed risk at the horizon / mean predicted risk.

    1 is right, above 1 the risk is underestimated. The interval is symmetric for the logarithm,
    with Greenwood's (Aalen's) standard error of the observed risk; the predictions are taken as
    given. (McLernon et al. 2023 use 1/√events instead, which is wider.)

    Args:
        As for :func:`grouped_calibration`.

    Raises:
        InputError: shapes or values cannot be used.
        StatisticsError: nobody is followed as long as the horizon, or no event by then.
    """
    z = normal_quantile(level)
    horizon, risk = checked_risk(outcome, survival_probability, horizon_months)
    seen = observed_risk(outcome, horizon, level=level)
    expected = float(risk.mean())
    if seen.n_events == 0 or expected == 0:
        raise StatisticsError(
            "no event is observed, or none expected, by the horizon",
            source="observed / expected",
            remedy="choose a later horizon",
        )
    spread = math.exp(z * seen.std_error / seen.risk)
    ratio = seen.risk / expected
    method = f"observed / mean predicted risk at {horizon:g} months, log interval"
    return Estimate(ratio, ratio / spread, ratio * spread, level, method, seen.n, seen.n_events)


def calibration_slope(
    outcome: SurvivalOutcome, linear_predictor: ArrayLike, *, level: float = 0.95
) -> Estimate:
    """Slope of the linear predictor in a Cox model of these patients (Van Houwelingen 2000).

    1 is right; below 1 the model's hazard ratios are too far from 1, as after overfitting. It
    uses the whole follow-up. Where only survival probabilities are known, log(−log S) at any
    horizon is a linear predictor up to a constant, if the model has proportional hazards.

    Args:
        linear_predictor: (n,) log relative hazard, higher is worse.

    Raises:
        InputError: shapes or values cannot be used.
        StatisticsError: there are no events, or all predictions are the same.
    """
    z = normal_quantile(level)
    score = checked_score(linear_predictor, len(outcome), source="linear_predictor")
    model = fit_cox(score, outcome, names=["linear predictor"])
    slope, half = float(model.coef[0]), z * float(model.std_error[0])
    method = "Cox model of the linear predictor, Wald"
    return Estimate(
        slope, slope - half, slope + half, level, method, len(outcome), outcome.n_events
    )


def horizon_calibration(
    outcome: SurvivalOutcome,
    survival_probability: ArrayLike,
    horizon_months: float,
    *,
    level: float = 0.95,
) -> WeakCalibration:
    """Intercept and slope at a horizon: regression of pseudo-values on the predicted risk.

    Complementary log-log link, so that the scale is that of proportional hazards: the intercept
    (slope held at 1) is the log ratio of cumulative hazards; the slope has an intercept beside
    it. Least squares with sandwich errors, as R's geepack::geese(family = gaussian, mean.link =
    "cloglog", corstr = "independence") (McLernon et al. 2023; pseudo-values: Andersen & Perme
    2010). It needs no proportional hazards after the horizon, but censoring that does not depend
    on the patient.

    Args:
        As for :func:`grouped_calibration`.

    Raises:
        InputError: shapes or values cannot be used.
        StatisticsError: nobody is followed as long as the horizon, or the regression has no
            finite answer (no events by then, all predictions alike).
    """
    z = normal_quantile(level)
    horizon, risk = checked_risk(outcome, survival_probability, horizon_months)
    eta = complementary_log_log(risk)
    pseudo = risk_pseudo_values(outcome, horizon)
    n_events = int((outcome.event & (outcome.time_months <= horizon)).sum())
    ones = np.ones((len(outcome), 1))
    estimates = []
    for x, offset, what in (
        (ones, eta, "intercept"),
        (np.column_stack([ones, eta]), np.zeros_like(eta), "slope"),
    ):
        start = np.zeros(1) if what == "intercept" else np.array([0.0, 1.0])
        coef, covariance = _fit_cloglog(x, pseudo, offset, start)
        value, half = float(coef[-1]), z * math.sqrt(covariance[-1, -1])
        method = f"pseudo-values at {horizon:g} months, complementary log-log, sandwich"
        estimates.append(
            Estimate(value, value - half, value + half, level, method, len(outcome), n_events)
        )
    return WeakCalibration(*estimates)


def event_count_calibration(
    outcome: SurvivalOutcome,
    expected_events: ArrayLike,
    linear_predictor: ArrayLike,
    *,
    level: float = 0.95,
) -> WeakCalibration:
    """Intercept and slope over the whole follow-up by Poisson regression of events.

    Crowson, Atkinson & Therneau, Stat Methods Med Res 2016;25:1692-1706. The intercept is
    log(observed events / expected events). To judge up to a horizon, give
    ``outcome.censored_at(horizon)`` and the cumulative hazard until then.

    Args:
        outcome: n patients.
        expected_events: (n,) predicted cumulative hazard (−log survival) at each patient's own
            end of follow-up; patients with 0 there (no follow-up) tell nothing and are left out.
        linear_predictor: (n,) log relative hazard of the same model.

    Raises:
        InputError: shapes or values cannot be used.
        StatisticsError: there are no events, or all predictions are the same.
    """
    z = normal_quantile(level)
    expected = checked_score(expected_events, len(outcome), source="expected_events")
    score = checked_score(linear_predictor, len(outcome), source="linear_predictor")
    if (expected < 0).any():
        raise InputError("a cumulative hazard is not negative", source="expected_events")
    used = expected > 0
    y, n_events = outcome.event[used].astype(float), int(outcome.event[used].sum())
    if n_events == 0:
        raise StatisticsError("there are no events to count", source="calibration")
    log_expected, score = np.log(expected[used]), score[used]
    ones = np.ones(y.size)
    estimates = []
    for x, offset in (
        (ones[:, None], log_expected),
        (np.column_stack([ones, score - score.mean()]), log_expected - score),
    ):
        fit = fit_poisson(x, y, offset)
        value, half = float(fit.coef[-1]), z * float(fit.std_error[-1])
        method = "Poisson regression of events, Wald"
        estimates.append(
            Estimate(value, value - half, value + half, level, method, y.size, n_events)
        )
    return WeakCalibration(*estimates)


def checked_risk(
    outcome: Outcome, survival_probability: ArrayLike, horizon_months: float
) -> tuple[float, np.ndarray]:
    """The horizon and (n,) predicted risks at it, checked.

    Raises:
        InputError: shapes or values cannot be used.
        StatisticsError: nobody is followed as long as the horizon.
    """
    horizon = float(checked_times(horizon_months)[0])
    survival = checked_probability(
        survival_probability, len(outcome), source="survival_probability"
    )
    require_follow_up(outcome, horizon)
    return horizon, 1.0 - survival


def complementary_log_log(risk: np.ndarray) -> np.ndarray:
    """log(−log(1 − risk)), with risks of 0 and 1 moved to :data:`SMALLEST_RISK` from them."""
    inside = np.clip(risk, SMALLEST_RISK, 1.0 - SMALLEST_RISK)
    return np.log(-np.log1p(-inside))


def quantile_groups(values: np.ndarray, n_groups: int) -> np.ndarray:
    """(n,) group numbers 0, 1, … by quantiles of the values; equal values stay together."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, n_groups + 1)[1:-1]))
    # Groups that turn out empty, because of equal values, are not numbered.
    return np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)[1]


def _fit_cloglog(
    x: np.ndarray, y: np.ndarray, offset: np.ndarray, coef: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of y on 1 − exp(−exp(x @ coef + offset)) and the sandwich covariance."""
    for _ in range(100):
        eta = np.clip(x @ coef + offset, -30.0, 5.0)
        hazard = np.exp(eta)
        slope = x * (hazard * np.exp(-hazard))[:, None]
        residual = y + np.expm1(-hazard)
        bread = slope.T @ slope
        if np.linalg.cond(bread) > 1e13:
            break
        step = np.linalg.solve(bread, slope.T @ residual)
        coef = coef + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-10 * (1 + np.abs(coef).max()):
            inverse = np.linalg.inv(bread)
            meat = (slope * residual[:, None] ** 2).T @ slope
            return coef, inverse @ meat @ inverse
    raise StatisticsError(
        "the regression on the predicted risk has no finite answer",
        source="calibration",
        remedy="there are too few events by this horizon, or all predictions are alike",
    )
