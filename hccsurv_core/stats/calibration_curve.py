"""Continuous calibration of predicted survival: a smooth curve and its distance from the diagonal.

Austin, Harrell & van Klaveren, Stat Med 2020;39:2714-2742: a Cox model of the outcome on a
restricted cubic spline of log(−log S) of the predicted survival S at the horizon; what it says for
each prediction is the smoothed observed risk. ICI, E50 and E90 are mean, median and 90th
percentile of |observed − predicted| over the patients. This is their method by restricted cubic
splines (the other one, hazard regression, differs where hazards are far from proportional).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent
from hccsurv_core.stats.calibration import checked_risk, complementary_log_log
from hccsurv_core.stats.cox_survival import cox_survival_with_error
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.plain import plain_numbers
from hccsurv_core.stats.probability_interval import probability_interval
from hccsurv_core.stats.resampling import describe, percentile_bounds, resample_indices
from hccsurv_core.stats.splines import spline_basis, spline_knots


@dataclass(frozen=True, eq=False)
class CalibrationCurve:
    """Smoothed observed risk against predicted risk.

    Args:
        horizon_months: of the risks; None for a binary outcome.
        predicted: (m,) rising risks, from the smallest predicted to the largest.
        observed: (m,) smoothed; ci_low, ci_high: (m,) pointwise interval.
        ici, e50, e90: mean, median, 90th percentile of |observed − predicted| over the patients;
            0 is perfect. Noise alone makes them positive: larger the fewer events.
        n, n_events: patients, and events known by the horizon.
        level: of the interval.
    """

    horizon_months: float | None
    predicted: np.ndarray
    observed: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    ici: float
    e50: float
    e90: float
    n: int
    n_events: int
    level: float

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        return {
            "horizon_months": self.horizon_months,
            "predicted": plain_numbers(self.predicted),
            "observed": plain_numbers(self.observed),
            "ci_low": plain_numbers(self.ci_low),
            "ci_high": plain_numbers(self.ci_high),
            "ici": self.ici,
            "e50": self.e50,
            "e90": self.e90,
            "n": self.n,
            "n_events": self.n_events,
            "level": self.level,
        }


@dataclass(frozen=True)
class CalibrationError:
    """ICI, E50 and E90 with bootstrap intervals."""

    ici: Estimate
    e50: Estimate
    e90: Estimate

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        return {"ici": self.ici.to_json(), "e50": self.e50.to_json(), "e90": self.e90.to_json()}


def calibration_curve(
    outcome: SurvivalOutcome,
    survival_probability: ArrayLike,
    horizon_months: float,
    *,
    n_knots: int = 3,
    n_points: int = 100,
    level: float = 0.95,
) -> CalibrationCurve:
    """Smoothed observed risk at a horizon with its pointwise log-log interval.

    Args:
        outcome: n patients.
        survival_probability: (n,) predicted probability of being free of the event at the horizon.
        horizon_months: of the predictions.
        n_knots: of the spline, 3 (as in the paper's example) to 7; where too many predictions are
            equal for that, a straight line in log(−log S) is fitted.
        n_points: where the curve is evaluated, evenly from the smallest to the largest prediction.

    Raises:
        InputError: shapes or values cannot be used.
        StatisticsError: nobody is followed as long as the horizon, there are no events, or all
            predictions are the same.
    """
    normal_quantile(level)
    horizon, risk = checked_risk(outcome, survival_probability, horizon_months)
    eta = complementary_log_log(risk)
    knots = spline_knots(eta, n_knots)
    basis = spline_basis(eta, knots)
    model = fit_cox(basis, outcome)
    at_patients = 1.0 - model.predict_survival(basis, horizon)[:, 0]
    predicted = np.linspace(risk.min(), risk.max(), n_points)
    points = spline_basis(complementary_log_log(predicted), knots)
    survival, error = cox_survival_with_error(model, basis, outcome, points, horizon)
    low, high = probability_interval(survival[:, 0], error[:, 0], kind="log-log", level=level)
    ici, e50, e90 = calibration_distances(risk, at_patients)
    n_events = int((outcome.event & (outcome.time_months <= horizon)).sum())
    return CalibrationCurve(
        horizon_months=horizon,
        predicted=predicted,
        observed=1.0 - survival[:, 0],
        ci_low=1.0 - high,
        ci_high=1.0 - low,
        ici=ici,
        e50=e50,
        e90=e90,
        n=len(outcome),
        n_events=n_events,
        level=level,
    )


def bootstrap_calibration_error(
    outcome: SurvivalOutcome,
    survival_probability: ArrayLike,
    horizon_months: float,
    *,
    n_knots: int = 3,
    n_resamples: int = 500,
    seed: int = 0,
    level: float = 0.95,
    progress: Progress = silent,
) -> CalibrationError:
    """ICI, E50 and E90 with percentile intervals; the curve is fitted again to every resample.

    The three are distances: resampling adds noise to them, so that the intervals lie rather high.

    Args:
        As for :func:`calibration_curve` and :func:`~hccsurv_core.stats.resampling.bootstrap`.

    Raises:
        InputError, StatisticsError: as for :func:`calibration_curve`, or more than a tenth of the
            resamples have no answer.
    """
    horizon, risk = checked_risk(outcome, survival_probability, horizon_months)
    eta = complementary_log_log(risk)

    def distances(rows: np.ndarray) -> tuple[float, float, float]:
        basis = spline_basis(eta[rows], spline_knots(eta[rows], n_knots))
        model = fit_cox(basis, outcome.subset(rows))
        observed = 1.0 - model.predict_survival(basis, horizon)[:, 0]
        return calibration_distances(risk[rows], observed)

    value = distances(np.arange(len(outcome)))
    draws = np.full((n_resamples, 3), np.nan)
    for i, rows in enumerate(resample_indices(len(outcome), n_resamples, seed)):
        if i % 20 == 0:
            progress(i / n_resamples, f"resample {i} of {n_resamples}")
        try:
            draws[i] = distances(rows)
        except StatisticsError:
            continue  # counted by percentile_bounds, and told in the method
    n_events = int((outcome.event & (outcome.time_months <= horizon)).sum())
    estimates = []
    for k in range(3):
        low, high = percentile_bounds(draws[:, k], level)
        method = describe("percentile", draws[:, k], seed)
        estimates.append(Estimate(value[k], low, high, level, method, len(outcome), n_events))
    return CalibrationError(*estimates)


def calibration_distances(
    predicted: np.ndarray, observed: np.ndarray
) -> tuple[float, float, float]:
    """ICI, E50, E90: mean, median and 90th percentile of the absolute difference."""
    distance = np.abs(observed - predicted)
    e50, e90 = np.quantile(distance, [0.5, 0.9])
    return float(distance.mean()), float(e50), float(e90)
