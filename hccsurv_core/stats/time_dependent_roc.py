"""Discrimination at horizons: cumulative/dynamic ROC curves of a censored outcome.

At a horizon t the cases are those with the event by t, the controls those free of it beyond t;
censoring is undone by inverse-probability weights (see
:mod:`~hccsurv_core.stats.horizon_weights`). Area: Uno et al., J Am Stat Assoc 2007;102:527-537;
Hung & Chiang, Can J Stat 2010;38:8-26. Interval and comparison by influence functions: Blanche,
Dartigues & Jacqmin-Gadda, Stat Med 2013;32:5381-5397. With competing causes a case is cause 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.stats.arguments import checked_score, checked_scores, checked_times
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.horizon_weights import HorizonWeights, Outcome, horizon_weights
from hccsurv_core.stats.plain import plain_numbers
from hccsurv_core.stats.roc import RocCurve, weighted_roc


@dataclass(frozen=True, eq=False)
class TimeDependentAuc:
    """Areas under the ROC curves at horizons.

    Args:
        eval_times: (k,) horizons, months.
        auc: (k,) areas.
        std_error, ci_low, ci_high: (k,) by influence function, Wald, cut at 0 and 1.
        n_cases, n_controls: (k,) how many are known to have, and not to have, had the event.
        mean: over the horizons, weighted by the events between them; see
            :func:`time_dependent_auc`.
        n, n_events: patients, and events over the whole follow-up.
        level: of the intervals.
    """

    eval_times: np.ndarray
    auc: np.ndarray
    std_error: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    n_cases: np.ndarray
    n_controls: np.ndarray
    mean: Estimate
    n: int
    n_events: int
    level: float

    def estimates(self) -> list[Estimate]:
        """One :class:`Estimate` a horizon; its events are those by then."""
        return [
            Estimate(float(a), float(low), float(high), self.level, _METHOD, self.n, int(cases))
            for a, low, high, cases in zip(
                self.auc, self.ci_low, self.ci_high, self.n_cases, strict=True
            )
        ]

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        return {
            "eval_times": self.eval_times.tolist(),
            "auc": plain_numbers(self.auc),
            "std_error": plain_numbers(self.std_error),
            "ci_low": plain_numbers(self.ci_low),
            "ci_high": plain_numbers(self.ci_high),
            "n_cases": self.n_cases.tolist(),
            "n_controls": self.n_controls.tolist(),
            "mean": self.mean.to_json(),
            "n": self.n,
            "n_events": self.n_events,
            "level": self.level,
        }


@dataclass(frozen=True, eq=False)
class AucDifference:
    """Difference of two markers' areas at horizons, a minus b.

    Args:
        eval_times: (k,) horizons, months.
        difference, std_error, ci_low, ci_high, p: (k,) each; p is two-sided, not corrected for
            the number of horizons. It is 1 where the two rank the patients alike.
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
        return {
            "eval_times": self.eval_times.tolist(),
            "difference": plain_numbers(self.difference),
            "std_error": plain_numbers(self.std_error),
            "ci_low": plain_numbers(self.ci_low),
            "ci_high": plain_numbers(self.ci_high),
            "p": plain_numbers(self.p),
            "level": self.level,
        }


_METHOD = "cumulative/dynamic AUC, inverse-probability-of-censoring weights, influence function"


def time_dependent_auc(
    outcome: Outcome,
    risk_score: ArrayLike,
    eval_times: ArrayLike,
    *,
    train: Outcome | None = None,
    event_free_controls: bool = False,
    level: float = 0.95,
) -> TimeDependentAuc:
    """Area under the cumulative/dynamic ROC curve at each horizon.

    The mean is that of scikit-survival: areas weighted by the share of patients whose event falls
    between the horizons (Lambert & Chevret, Stat Methods Med Res 2016;25:2088-2102).

    Args:
        outcome: n patients.
        risk_score: (n,), or (n, k) where the score changes with the horizon; higher is worse.
            A tied pair counts one half.
        eval_times: (k,) rising horizons, months.
        train: patients from whom the censoring distribution is learned; default the same. With
            ``train`` it is taken as known, and the standard error leaves its estimation out.
        event_free_controls: with competing causes, compare only with patients free of every
            event (Blanche's AUC with controls of kind 1).
        level: confidence level.

    Raises:
        InputError: shapes or values cannot be used.
        StatisticsError: at a horizon cases or controls lack, or nobody is followed that long.
    """
    z = normal_quantile(level)
    times = checked_times(eval_times)
    weights = horizon_weights(outcome, times, train=train, event_free_controls=event_free_controls)
    auc, influence = _areas(weights, checked_scores(risk_score, weights.n, times.size))
    std_error = weights.std_error(influence)
    half = z * std_error
    return TimeDependentAuc(
        eval_times=times,
        auc=auc,
        std_error=std_error,
        ci_low=np.maximum(auc - half, 0.0),
        ci_high=np.minimum(auc + half, 1.0),
        n_cases=weights.case.sum(0),
        n_controls=weights.control.sum(0),
        mean=_mean_area(outcome, weights, auc, influence, level),
        n=weights.n,
        n_events=_events(outcome),
        level=level,
    )


def compare_time_dependent_auc(
    outcome: Outcome,
    score_a: ArrayLike,
    score_b: ArrayLike,
    eval_times: ArrayLike,
    *,
    train: Outcome | None = None,
    event_free_controls: bool = False,
    level: float = 0.95,
) -> AucDifference:
    """Compare two markers of the same patients at each horizon.

    Args:
        score_a, score_b: (n,) or (n, k) each; higher is worse. They are taken as given: where one
            of them was fitted to these patients the test favours it.
        Others as for :func:`time_dependent_auc`.

    Raises:
        InputError, StatisticsError: as for :func:`time_dependent_auc`.
    """
    from scipy.stats import norm

    z = normal_quantile(level)
    times = checked_times(eval_times)
    weights = horizon_weights(outcome, times, train=train, event_free_controls=event_free_controls)
    auc_a, influence_a = _areas(weights, checked_scores(score_a, weights.n, times.size))
    auc_b, influence_b = _areas(weights, checked_scores(score_b, weights.n, times.size))
    difference = auc_a - auc_b
    std_error = weights.std_error(influence_a - influence_b)
    # Where both rank the patients alike, difference and standard error are rounding only.
    alike = (np.abs(difference) < 1e-12) & (std_error < 1e-12)
    difference, std_error = np.where(alike, 0.0, difference), np.where(alike, 0.0, std_error)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = np.where(alike, 1.0, 2 * norm.sf(np.abs(difference / std_error)))
    half = z * std_error
    return AucDifference(
        times, difference, std_error, difference - half, difference + half, p, level
    )


def time_dependent_roc(
    outcome: Outcome,
    risk_score: ArrayLike,
    horizon_months: float,
    *,
    train: Outcome | None = None,
    event_free_controls: bool = False,
) -> RocCurve:
    """The whole ROC curve at one horizon: sensitivity and specificity of "score >= threshold".

    ``n_events`` of the curve counts the events known by the horizon.

    Args:
        risk_score: (n,) higher is worse. Others as for :func:`time_dependent_auc`.

    Raises:
        InputError, StatisticsError: as for :func:`time_dependent_auc`.
    """
    weights = horizon_weights(
        outcome,
        checked_times(horizon_months),
        train=train,
        event_free_controls=event_free_controls,
    )
    weights.require_both()
    score = checked_score(risk_score, weights.n)
    weight, case = weights.weight[:, 0], weights.case[:, 0]
    return weighted_roc(
        score, weight * case, weight * weights.control[:, 0], weights.n, int(case.sum())
    )


def bootstrap_time_dependent_auc(
    outcome: Outcome,
    risk_score: ArrayLike,
    horizon_months: float,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    kind: str = "percentile",
) -> Estimate:
    """Area at one horizon with a bootstrap interval; the censoring is learned again every time.

    Args:
        risk_score: (n,) higher is worse.
        n_resamples, seed, level, kind: as for
            :func:`~hccsurv_core.stats.resampling.bootstrap`.

    Raises:
        InputError, StatisticsError: as for :func:`time_dependent_auc`.
    """
    from hccsurv_core.stats.resampling import bootstrap

    horizon = checked_times(horizon_months)
    score = checked_score(risk_score, len(outcome))

    def metric(rows: np.ndarray) -> float:
        weights = horizon_weights(outcome.subset(rows), horizon)
        return float(_areas(weights, score[rows][:, None])[0][0])

    return bootstrap(
        metric,
        len(outcome),
        n_resamples=n_resamples,
        seed=seed,
        level=level,
        kind=kind,
        n_events=int(horizon_weights(outcome, horizon).case.sum()),
    )


def _areas(weights: HorizonWeights, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas (k,) and their influence functions (n, k)."""
    weights.require_both()
    auc = np.empty(weights.eval_times.size)
    contribution = np.empty(weights.weight.shape)
    for column in range(auc.size):
        if column == 0 or scores.strides[1] != 0:
            distinct, group = np.unique(scores[:, column], return_inverse=True)
        case = weights.weight[:, column] * weights.case[:, column]
        control = weights.weight[:, column] * weights.control[:, column]
        case, control = case / case.sum(), control / control.sum()
        cases = np.bincount(group, case, distinct.size)
        controls = np.bincount(group, control, distinct.size)
        lower_controls = controls.cumsum() - controls / 2
        higher_cases = cases[::-1].cumsum()[::-1] - cases / 2
        area = auc[column] = float(cases @ lower_controls)
        contribution[:, column] = weights.n * (
            case * (lower_controls[group] - area) + control * (higher_cases[group] - area)
        )
    return auc, weights.influence(contribution)


def _mean_area(
    outcome: Outcome, weights: HorizonWeights, auc: np.ndarray, influence: np.ndarray, level: float
) -> Estimate:
    """Mean area with the interval of a ratio of sums, by influence functions."""
    own = weights if weights.own_censoring else horizon_weights(outcome, weights.eval_times)
    mass = own.weight * own.case
    incidence = mass.mean(0)
    incidence_influence = own.influence(mass) - incidence
    share = np.diff(incidence, prepend=0.0) / incidence[-1]
    mean = float(auc @ share)
    moved = influence @ share
    moved += np.diff(incidence_influence, prepend=0.0) @ auc / incidence[-1]
    moved -= mean * incidence_influence[:, -1] / incidence[-1]
    half = normal_quantile(level) * own.std_error(moved[:, None])[0]
    return Estimate(
        mean,
        max(mean - half, 0.0),
        min(mean + half, 1.0),
        level,
        f"mean of the {_METHOD}",
        own.n,
        int(own.case[:, -1].sum()),
    )


def _events(outcome: Outcome) -> int:
    return int((outcome.cause == 1).sum()) if hasattr(outcome, "cause") else outcome.n_events
