"""Brier score of survival predictions: squared distance of predicted risk and what happened.

Graf et al., Stat Med 1999;18:2529-2545, with inverse-probability-of-censoring weights (see
:mod:`~hccsurv_core.stats.horizon_weights`). The null model predicts for everybody what happened
on average (Kaplan-Meier, Aalen-Johansen with competing causes); the index of prediction accuracy
is 1 − Brier / Brier of the null model (Kattan & Gerds, Diagn Progn Res 2018;2:7). Definitions and
standard errors are those of R's riskRegression::Score with cens.model = "km".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.arguments import (
    checked_event,
    checked_probabilities,
    checked_probability,
    checked_times,
)
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.horizon_weights import HorizonWeights, Outcome, horizon_weights
from hccsurv_core.stats.plain import plain_numbers

_METHOD = "inverse-probability-of-censoring weights, influence function"


@dataclass(frozen=True, eq=False)
class BrierScore:
    """Prediction error at horizons; lower is better, 0.25 is what always predicting 50 % gets.

    Args:
        eval_times: (k,) horizons, months.
        brier, std_error, ci_low, ci_high: (k,) of the predictions; Wald, cut at 0 and 1.
        null: (k,) of the null model.
        ipa, ipa_low, ipa_high: (k,) index of prediction accuracy and its Wald interval: 1 is
            perfect, 0 as good as the null model, below 0 worse. NaN where the null model errs
            nowhere.
        n, n_events: patients, and how many are known to have had the event by the last horizon.
        level: of the intervals.
    """

    eval_times: np.ndarray
    brier: np.ndarray
    std_error: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    null: np.ndarray
    ipa: np.ndarray
    ipa_low: np.ndarray
    ipa_high: np.ndarray
    n: int
    n_events: int
    level: float

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        arrays = ("brier", "std_error", "ci_low", "ci_high", "null", "ipa", "ipa_low", "ipa_high")
        return {
            "eval_times": self.eval_times.tolist(),
            **{name: plain_numbers(getattr(self, name)) for name in arrays},
            "n": self.n,
            "n_events": self.n_events,
            "level": self.level,
        }


@dataclass(frozen=True, eq=False)
class BrierDifference:
    """Difference of two models' Brier scores at horizons, a minus b; negative: a is better.

    Args:
        eval_times: (k,) horizons, months.
        difference, std_error, ci_low, ci_high, p: (k,) each; p is two-sided and not corrected for
            the number of horizons. It is 1 where the two predict alike.
        level: of the intervals.
    """

    eval_times: np.ndarray
    difference: np.ndarray
    std_error: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    p: np.ndarray
    level: float

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        arrays = ("difference", "std_error", "ci_low", "ci_high", "p")
        return {
            "eval_times": self.eval_times.tolist(),
            **{name: plain_numbers(getattr(self, name)) for name in arrays},
            "level": self.level,
        }


def brier_score(
    outcome: Outcome,
    survival_probability: ArrayLike,
    eval_times: ArrayLike,
    *,
    train: Outcome | None = None,
    level: float = 0.95,
) -> BrierScore:
    """Brier score and index of prediction accuracy at each horizon.

    Args:
        outcome: n patients.
        survival_probability: (n, k) predicted probability of *not* having had the event by each
            horizon (with competing causes: of not having had cause 1); (n,) for a single one.
        eval_times: (k,) rising horizons, months.
        train: patients from whom the censoring distribution and the null model are learned;
            default the same. With ``train`` both are taken as known.
        level: confidence level.

    Raises:
        InputError: shapes or values cannot be used.
        StatisticsError: nobody is followed as long as a horizon.
    """
    z = normal_quantile(level)
    times = checked_times(eval_times)
    weights = horizon_weights(outcome, times, train=train)
    risk = 1.0 - checked_probabilities(survival_probability, weights.n, times.size)
    brier, influence = _errors(weights, risk)
    null, null_influence = _errors(weights, _null_risk(weights, train, times))
    std_error = weights.std_error(influence)
    with np.errstate(divide="ignore", invalid="ignore"):
        ipa = np.where(null > 0, 1.0 - brier / null, np.nan)
        ipa_influence = brier * null_influence / null**2 - influence / null
        ipa_half = z * weights.std_error(ipa_influence)
    return BrierScore(
        eval_times=times,
        brier=brier,
        std_error=std_error,
        ci_low=np.maximum(brier - z * std_error, 0.0),
        ci_high=np.minimum(brier + z * std_error, 1.0),
        null=null,
        ipa=ipa,
        ipa_low=ipa - ipa_half,
        ipa_high=np.minimum(ipa + ipa_half, 1.0),
        n=weights.n,
        n_events=int(weights.case[:, -1].sum()),
        level=level,
    )


def compare_brier_scores(
    outcome: Outcome,
    survival_a: ArrayLike,
    survival_b: ArrayLike,
    eval_times: ArrayLike,
    *,
    train: Outcome | None = None,
    level: float = 0.95,
) -> BrierDifference:
    """Compare two models' predictions for the same patients at each horizon.

    Args:
        survival_a, survival_b: (n, k) each, or (n,) for a single horizon. They are taken as
            given: where one model was fitted to these patients the test favours it.
        Others as for :func:`brier_score`.

    Raises:
        InputError, StatisticsError: as for :func:`brier_score`.
    """
    from scipy.stats import norm

    z = normal_quantile(level)
    times = checked_times(eval_times)
    weights = horizon_weights(outcome, times, train=train)
    risk_a, risk_b = (
        1.0 - checked_probabilities(s, weights.n, times.size) for s in (survival_a, survival_b)
    )
    brier_a, influence_a = _errors(weights, risk_a)
    brier_b, influence_b = _errors(weights, risk_b)
    difference = brier_a - brier_b
    std_error = weights.std_error(influence_a - influence_b)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * norm.sf(np.abs(difference / std_error))
    p = np.where((difference == 0) & (std_error == 0), 1.0, p)
    half = z * std_error
    return BrierDifference(
        times, difference, std_error, difference - half, difference + half, p, level
    )


def integrated_brier_score(
    outcome: Outcome,
    survival_probability: ArrayLike,
    eval_times: ArrayLike,
    *,
    train: Outcome | None = None,
    level: float = 0.95,
) -> Estimate:
    """Brier score averaged over time from the first horizon to the last, by trapezoids.

    This is scikit-survival's definition; R's pec and riskRegression integrate a step function
    from time 0.

    Args:
        eval_times: (k,) at least two. Others as for :func:`brier_score`.

    Raises:
        InputError, StatisticsError: as for :func:`brier_score`.
    """
    z = normal_quantile(level)
    times = checked_times(eval_times)
    if times.size < 2:
        raise InputError("an average over time needs at least two times", source="eval_times")
    weights = horizon_weights(outcome, times, train=train)
    risk = 1.0 - checked_probabilities(survival_probability, weights.n, times.size)
    brier, influence = _errors(weights, risk)
    steps = np.diff(times)
    share = (np.append(steps, 0.0) + np.append(0.0, steps)) / 2 / (times[-1] - times[0])
    value = float(brier @ share)
    half = z * float(weights.std_error((influence @ share)[:, None])[0])
    method = f"integrated Brier score, {times[0]:g} to {times[-1]:g} months, {_METHOD}"
    n_events = int(weights.case[:, -1].sum())
    low, high = max(value - half, 0.0), min(value + half, 1.0)
    return Estimate(value, low, high, level, method, weights.n, n_events)


def prediction_error_curve(
    outcome: Outcome,
    predict_survival: Callable[[np.ndarray], np.ndarray],
    *,
    train: Outcome | None = None,
    until_months: float | None = None,
    max_times: int = 200,
    level: float = 0.95,
) -> BrierScore:
    """Brier scores at the times of events: the prediction error curve.

    Args:
        predict_survival: gives (n, k) survival probabilities at (k,) times it is called with.
        until_months: where the curve ends; default, and at most, the last event after which
            somebody is still followed (in ``train`` too).
        max_times: more distinct event times than this are thinned evenly.
        Others as for :func:`brier_score`.

    Raises:
        InputError, StatisticsError: as for :func:`brier_score`; no events before the end.
    """
    happened = outcome.cause > 0 if hasattr(outcome, "cause") else outcome.event
    followed = min(float(part.time_months.max()) for part in (outcome, train) if part is not None)
    times = np.unique(outcome.time_months[happened])
    times = times[(times > 0) & (times < followed)]
    if until_months is not None:
        times = times[times <= until_months]
    if times.size == 0:
        raise StatisticsError(
            "there are no events before the end of the curve",
            source="prediction error curve",
            remedy="choose a later end",
        )
    if times.size > max_times:
        times = times[np.linspace(0, times.size - 1, max_times).round().astype(int)]
    return brier_score(outcome, predict_survival(times), times, train=train, level=level)


def binary_brier_score(
    event: ArrayLike, probability: ArrayLike, *, level: float = 0.95
) -> Estimate:
    """Brier score of predicted probabilities of a binary outcome (Brier, Mon Weather Rev 1950).

    Args:
        event: (n,) true where it happened; probability: (n,) predicted, 0 to 1.

    Raises:
        InputError: shapes or values cannot be used. StatisticsError: events or non-events lack.
    """
    case = checked_event(event)
    squared = (case - checked_probability(probability, case.size)) ** 2
    value = float(squared.mean())
    half = normal_quantile(level) * float(squared.std(ddof=1)) / case.size**0.5
    low, high = max(value - half, 0.0), min(value + half, 1.0)
    return Estimate(value, low, high, level, "Brier score, Wald", case.size, int(case.sum()))


def _errors(weights: HorizonWeights, risk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Brier scores (k,) and their influence functions (n, k)."""
    squared = weights.weight * (weights.case - risk) ** 2
    brier = squared.mean(axis=0)
    return brier, weights.influence(squared) - brier


def _null_risk(weights: HorizonWeights, train: Outcome | None, times: np.ndarray) -> np.ndarray:
    """(k,) share of patients with the event by each horizon: 1 − Kaplan-Meier, Aalen-Johansen.

    As a function of the prediction the Brier score is flat there, so that in the interval the
    estimation of this share adds nothing.
    """
    source = weights if train is None else horizon_weights(train, times)
    return (source.weight * source.case).mean(axis=0)
