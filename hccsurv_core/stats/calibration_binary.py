"""Calibration of predicted probabilities of a binary outcome.

Intercept and slope after Cox, Biometrika 1958;45:562-565 (see Van Calster et al., BMC Med
2019;17:230); the numbers are those of R's glm and rms::val.prob. The curve is a logistic
regression on a restricted cubic spline of the predicted log odds, and ICI, E50 and E90 (Austin &
Steyerberg, Stat Med 2019;38:4051-4065, who smooth by loess) are taken from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError
from hccsurv_core.stats.arguments import checked_event, checked_probability
from hccsurv_core.stats.calibration import SMALLEST_RISK, quantile_groups
from hccsurv_core.stats.calibration_curve import CalibrationCurve, calibration_distances
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.offset_regression import fit_logistic
from hccsurv_core.stats.plain import plain_numbers
from hccsurv_core.stats.proportions import proportion
from hccsurv_core.stats.splines import spline_basis, spline_knots


@dataclass(frozen=True, eq=False)
class BinaryGroups:
    """Predicted and observed share of events in groups of similar prediction.

    Args:
        predicted: (g,) mean prediction, rising; observed: (g,) share with the event.
        ci_low, ci_high: (g,) Wilson interval of ``observed``.
        n, n_events: (g,).
        level: of the intervals.
    """

    predicted: np.ndarray
    observed: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    n: np.ndarray
    n_events: np.ndarray
    level: float

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "predicted": plain_numbers(self.predicted),
            "observed": plain_numbers(self.observed),
            "ci_low": plain_numbers(self.ci_low),
            "ci_high": plain_numbers(self.ci_high),
            "n": self.n.tolist(),
            "n_events": self.n_events.tolist(),
            "level": self.level,
        }


@dataclass(frozen=True, eq=False)
class BinaryCalibration:
    """Everything about the calibration of one set of probabilities.

    Args:
        intercept: calibration in the large on the log odds, slope held at 1; 0 is right.
        slope: of the predicted log odds; 1 is right, below 1 the predictions are too extreme.
        observed_expected: events / sum of the probabilities; 1 is right.
        curve: the smooth curve with ICI, E50 and E90.
    """

    intercept: Estimate
    slope: Estimate
    observed_expected: Estimate
    curve: CalibrationCurve

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        return {
            "intercept": self.intercept.to_json(),
            "slope": self.slope.to_json(),
            "observed_expected": self.observed_expected.to_json(),
            "curve": self.curve.to_json(),
        }


def binary_calibration(
    event: ArrayLike, probability: ArrayLike, *, n_knots: int = 3, level: float = 0.95
) -> BinaryCalibration:
    """Intercept, slope, observed / expected and the smooth curve.

    Args:
        event: (n,) true where the event happened.
        probability: (n,) predicted, 0 to 1; 0 and 1 are moved by 1e-6 to have log odds.
        n_knots: of the curve's spline, 3 to 7.

    Raises:
        InputError: shapes or values cannot be used.
        StatisticsError: events or non-events lack, the predictions are all alike, or they
            separate events from non-events perfectly.
    """
    z = normal_quantile(level)
    case = checked_event(event)
    risk = checked_probability(probability, case.size)
    log_odds, y = _log_odds(risk), case.astype(float)
    n, n_events = case.size, int(case.sum())
    ones = np.ones(n)
    estimates = []
    for x, offset, what in (
        (ones[:, None], log_odds, "logistic regression with the log odds as offset, Wald"),
        (np.column_stack([ones, log_odds]), 0.0, "logistic regression on the log odds, Wald"),
    ):
        fit = fit_logistic(x, y, offset)
        value, half = float(fit.coef[-1]), z * float(fit.std_error[-1])
        estimates.append(Estimate(value, value - half, value + half, level, what, n, n_events))
    ratio = n_events / float(np.maximum(risk, SMALLEST_RISK).sum())
    spread = math.exp(z * math.sqrt((1 - n_events / n) / n_events))
    return BinaryCalibration(
        intercept=estimates[0],
        slope=estimates[1],
        observed_expected=Estimate(
            ratio, ratio / spread, ratio * spread, level, "log interval, binomial", n, n_events
        ),
        curve=binary_calibration_curve(case, risk, n_knots=n_knots, level=level),
    )


def binary_calibration_curve(
    event: ArrayLike,
    probability: ArrayLike,
    *,
    n_knots: int = 3,
    n_points: int = 100,
    level: float = 0.95,
) -> CalibrationCurve:
    """Smoothed share of events against predicted probability, with a pointwise Wald interval.

    The interval is symmetric for the log odds. Arguments and errors as for
    :func:`binary_calibration`; ``n_points`` as for the survival curve.
    """
    z = normal_quantile(level)
    case = checked_event(event)
    risk = checked_probability(probability, case.size)
    log_odds = _log_odds(risk)
    knots = spline_knots(log_odds, n_knots)

    def design(values: np.ndarray) -> np.ndarray:
        return np.column_stack([np.ones(values.size), spline_basis(values, knots)])

    fit = fit_logistic(design(log_odds), case.astype(float))
    predicted = np.linspace(risk.min(), risk.max(), n_points)
    points = design(_log_odds(predicted))
    center = points @ fit.coef
    half = z * np.sqrt(np.einsum("mp,pq,mq->m", points, fit.covariance, points))
    ici, e50, e90 = calibration_distances(risk, _probability(design(log_odds) @ fit.coef))
    return CalibrationCurve(
        horizon_months=None,
        predicted=predicted,
        observed=_probability(center),
        ci_low=_probability(center - half),
        ci_high=_probability(center + half),
        ici=ici,
        e50=e50,
        e90=e90,
        n=case.size,
        n_events=int(case.sum()),
        level=level,
    )


def binary_groups(
    event: ArrayLike, probability: ArrayLike, *, n_groups: int = 10, level: float = 0.95
) -> BinaryGroups:
    """Predicted against observed in quantile groups, with Wilson intervals.

    Args:
        event, probability: as for :func:`binary_calibration`.
        n_groups: 2 or more; where many predictions are equal there are fewer.

    Raises:
        InputError: shapes or values cannot be used. StatisticsError: events or non-events lack.
    """
    case = checked_event(event)
    risk = checked_probability(probability, case.size)
    if n_groups < 2:
        raise InputError(f"at least 2 groups are needed, got {n_groups}", source="n_groups")
    group = quantile_groups(risk, n_groups)
    n = np.bincount(group)
    events = np.bincount(group, case)
    wilson = [
        proportion(int(k), int(size), method="wilson", level=level)
        for k, size in zip(events, n, strict=True)
    ]
    return BinaryGroups(
        predicted=np.bincount(group, risk) / n,
        observed=events / n,
        ci_low=np.array([share.ci_low for share in wilson]),
        ci_high=np.array([share.ci_high for share in wilson]),
        n=n,
        n_events=events.astype(int),
        level=level,
    )


def _log_odds(risk: np.ndarray) -> np.ndarray:
    inside = np.clip(risk, SMALLEST_RISK, 1.0 - SMALLEST_RISK)
    return np.log(inside) - np.log1p(-inside)


def _probability(log_odds: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(log_odds / 2))
