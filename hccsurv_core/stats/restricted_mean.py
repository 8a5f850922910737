"""Restricted mean survival time: the average months lived free of the event up to a horizon.

Royston & Parmar, BMC Med Res Methodol 2013; Uno et al., J Clin Oncol 2014, whose contrasts (and
R's ``survRM2``) are followed: the area under the Kaplan-Meier curve up to τ, with the
Greenwood-type plug-in variance. No proportional hazards are needed.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.counting import checked_weights, sum_by, sum_from
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.groups import Groups, read_groups
from hccsurv_core.stats.p_values import format_p, normal_p
from hccsurv_core.stats.plain import plain_number


@dataclass(frozen=True)
class RestrictedMean:
    """Months lived free of the event up to ``tau_months``, on average.

    Args:
        tau_months: the horizon.
        value, std_error: the area under the curve, months; its standard error.
        ci_low, ci_high, level: value ± z·SE.
        n: patients; n_events: of whom had the event by the horizon.
    """

    tau_months: float
    value: float
    std_error: float
    ci_low: float
    ci_high: float
    level: float
    n: int
    n_events: int

    @property
    def lost(self) -> Estimate:
        """Months lost up to the horizon (RMTL): ``tau_months`` − value."""
        return Estimate(
            self.tau_months - self.value,
            self.tau_months - self.ci_high,
            self.tau_months - self.ci_low,
            self.level,
            "restricted mean time lost",
            self.n,
            self.n_events,
        )

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "tau_months": self.tau_months,
            "value": self.value,
            "std_error": self.std_error,
            "ci_low": self.ci_low,
            "ci_high": self.ci_high,
            "level": self.level,
            "n": self.n,
            "n_events": self.n_events,
        }


@dataclass(frozen=True)
class Contrast:
    """A difference or a ratio with its two-sided p-value (of no difference, of a ratio of 1)."""

    estimate: Estimate
    p: float

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            **self.estimate.to_json(),
            "p": plain_number(self.p),
            "p_text": format_p(self.p),
        }


@dataclass(frozen=True)
class RestrictedMeanComparison:
    """Two groups compared, the second against the first.

    Args:
        groups: the labels (reference, other).
        means: the two restricted means.
        difference: other − reference, months.
        ratio: other / reference (interval and p on the logarithm).
        loss_ratio: ratio of the months lost; NaN where a group lost none.
    """

    groups: tuple[Hashable, Hashable]
    tau_months: float
    means: tuple[RestrictedMean, RestrictedMean]
    difference: Contrast
    ratio: Contrast
    loss_ratio: Contrast

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "groups": list(self.groups),
            "tau_months": self.tau_months,
            "means": [mean.to_json() for mean in self.means],
            "difference": self.difference.to_json(),
            "ratio": self.ratio.to_json(),
            "loss_ratio": self.loss_ratio.to_json(),
        }


def restricted_mean(
    outcome: SurvivalOutcome,
    tau_months: float,
    *,
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> RestrictedMean:
    """The restricted mean survival time.

    Args:
        outcome: n patients.
        tau_months: horizon > 0, not beyond the last observed time, unless that is an event that
            ends the curve at 0: then the area is known further on, too.
        weights: (n,) case weights such as inverse-probability-of-treatment weights; the
            standard error is then robust (infinitesimal jackknife).
        level: confidence level.

    Raises:
        InputError: τ is not positive, or weights or level cannot be used.
        StatisticsError: τ lies beyond follow-up.
    """
    w = checked_weights(weights, len(outcome))
    if w is not None and not w.all():
        outcome, w = outcome.subset(w > 0), w[w > 0]
    z = normal_quantile(level)
    _check_tau(outcome, tau_months)
    value, std_error = _area(outcome, float(tau_months), w)
    return RestrictedMean(
        tau_months=float(tau_months),
        value=value,
        std_error=std_error,
        ci_low=value - z * std_error,
        ci_high=value + z * std_error,
        level=level,
        n=len(outcome),
        n_events=int((outcome.event & (outcome.time_months <= tau_months)).sum()),
    )


def compare_restricted_means(
    outcome: SurvivalOutcome,
    groups: ArrayLike,
    *,
    tau_months: float | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    order: Sequence[Hashable] | None = None,
) -> RestrictedMeanComparison:
    """Compare the restricted means of two groups.

    Args:
        outcome: n patients.
        groups: (n,) labels of exactly two groups.
        tau_months: horizon; without it, the smaller of the two groups' largest times
            (:func:`longest_common_follow_up`). Better fix it beforehand.
        weights, level: as in :func:`restricted_mean`.
        order: (reference, other); without it the labels are sorted.

    Raises:
        InputError: as :func:`restricted_mean`, or labels cannot be used.
        StatisticsError: not two groups, τ beyond the follow-up of one, or no events by then.
    """
    two = read_groups(groups, len(outcome), order=order, at_least=2)
    if len(two) != 2:
        raise StatisticsError(f"{len(two)} groups", source="groups", remedy="compare two at a time")
    w = checked_weights(weights, len(outcome))
    tau = _longest_common(outcome, two) if tau_months is None else float(tau_months)
    means = []
    for code, label in enumerate(two.labels):
        rows = two.code == code
        try:
            means.append(
                restricted_mean(
                    outcome.subset(rows), tau, weights=None if w is None else w[rows], level=level
                )
            )
        except InputError as error:
            raise type(error)(
                f"group {label}: {error.what}", source=error.source, remedy=error.remedy
            ) from error
    if not any(mean.std_error > 0 for mean in means):
        raise StatisticsError(
            f"nobody had the event by {tau:g} months with others still at risk",
            source="tau_months",
            remedy="choose a later horizon",
        )
    reference, other = means
    return RestrictedMeanComparison(
        groups=(two.labels[0], two.labels[1]),
        tau_months=tau,
        means=(reference, other),
        difference=_difference(reference, other),
        ratio=_ratio(reference, other, reference.value, other.value, "ratio of restricted means"),
        loss_ratio=_ratio(
            reference, other, reference.lost.value, other.lost.value, "ratio of months lost"
        ),
    )


def longest_common_follow_up(outcome: SurvivalOutcome, groups: ArrayLike) -> float:
    """The smallest of the groups' largest times, months: a τ up to which every curve is known."""
    return _longest_common(outcome, read_groups(groups, len(outcome)))


def _longest_common(outcome: SurvivalOutcome, groups: Groups) -> float:
    return min(float(outcome.time_months[groups.code == code].max()) for code in range(len(groups)))


def _check_tau(outcome: SurvivalOutcome, tau: float) -> None:
    if not (math.isfinite(tau) and tau > 0):
        raise InputError(f"a horizon must be a positive number, got {tau}", source="tau_months")
    last = float(outcome.time_months.max())
    ends_at_zero = bool(outcome.event[outcome.time_months == last].all())
    if tau > last and not ends_at_zero:
        raise StatisticsError(
            f"{tau:g} months lie beyond follow-up, which ends at {last:g}",
            source="tau_months",
            remedy=f"choose a horizon of at most {last:g} months",
        )


def _area(outcome: SurvivalOutcome, tau: float, w: np.ndarray | None) -> tuple[float, float]:
    """Area under the Kaplan-Meier curve up to τ, and its standard error."""
    times, index = np.unique(outcome.time_months, return_inverse=True)
    at_risk = sum_from(sum_by(index, times.size, w))
    n_event = sum_by(index, times.size, outcome.event if w is None else w * outcome.event)
    survival = np.cumprod(1.0 - n_event / at_risk)
    edges = np.concatenate(([0.0], np.minimum(times, tau), [tau]))
    pieces = np.diff(edges) * np.concatenate(([1.0], survival))
    # What an event at each time takes away from: the area that is still to come. It is 0 from
    # the horizon on, and once the curve is 0.
    to_come = sum_from(pieces)[1:]
    left = at_risk - n_event
    slope = np.divide(to_come, left, out=np.zeros(times.size), where=(left > 0) & (times < tau))
    if w is None:
        return float(pieces.sum()), math.sqrt(float(np.sum(slope * to_come * n_event / at_risk)))
    # The derivative of the area by each patient's weight, as in the robust error of the curve.
    passed = np.cumsum(slope * n_event / at_risk)
    own = outcome.event * slope[index] - passed[index]
    return float(pieces.sum()), math.sqrt(float(np.sum((w * own) ** 2)))


def _difference(reference: RestrictedMean, other: RestrictedMean) -> Contrast:
    value = other.value - reference.value
    error = math.hypot(reference.std_error, other.std_error)
    z = normal_quantile(reference.level)
    estimate = Estimate(
        value,
        value - z * error,
        value + z * error,
        reference.level,
        "difference of restricted means, normal interval",
        reference.n + other.n,
        reference.n_events + other.n_events,
    )
    return Contrast(estimate, normal_p(value / error)[0])


def _ratio(
    reference: RestrictedMean, other: RestrictedMean, below: float, above: float, name: str
) -> Contrast:
    """above / below by the delta method on the logarithm; NaN where one of them is not positive."""
    n, n_events = reference.n + other.n, reference.n_events + other.n_events
    method = f"{name}, normal interval of the logarithm"
    if not (below > 0 and above > 0):
        return Contrast(
            Estimate(math.nan, level=reference.level, method=method, n=n, n_events=n_events),
            math.nan,
        )
    logarithm = math.log(above / below)
    error = math.hypot(reference.std_error / below, other.std_error / above)
    z = normal_quantile(reference.level)
    low, high = math.exp(logarithm - z * error), math.exp(logarithm + z * error)
    estimate = Estimate(above / below, low, high, reference.level, method, n, n_events)
    return Contrast(estimate, normal_p(logarithm / error)[0])
