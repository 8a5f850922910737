"""Kaplan-Meier survival curve with its interval, quantiles and numbers at risk.

Kaplan & Meier, J Am Stat Assoc 1958; variance: Greenwood 1926. Definitions and conventions
are those of R's ``survival::survfit``. Times are compared exactly: nothing is rounded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.counting import checked_weights, sum_by, sum_from
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.plain import plain_numbers
from hccsurv_core.stats.probability_interval import IntervalKind, probability_interval
from hccsurv_core.stats.steps import count_from, step_value

#: A quantile that falls within this of a step's height lies on a flat part of the curve: the
#: middle of that part is taken, as R does (its tolerance too).
_FLAT = float(np.sqrt(np.finfo(np.float64).eps))

Variance = Literal["greenwood", "robust"]


@dataclass(frozen=True, eq=False)
class KaplanMeier:
    """A fitted curve: a step function that is right-continuous.

    Args:
        times: (m,) distinct observed times, with or without events, ascending, months.
        survival: (m,) probability of being free of the event just after each time.
        std_error: (m,) standard error of ``survival``; NaN where survival is 0 (Greenwood).
        ci_low, ci_high: (m,) pointwise interval; NaN where the scale has none (see
            :func:`~hccsurv_core.stats.probability_interval.probability_interval`): for
            ``log-log`` before the first event and once survival is 0.
        at_risk: (m,) how many have a time >= each time (sum of weights where weighted).
        n_event, n_censored: (m,) how many events and censorings at each time (weights likewise).
        n, n_events: patients and events, never weighted.
        ci, level, variance: how the interval was made.
    """

    times: np.ndarray
    survival: np.ndarray
    std_error: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    at_risk: np.ndarray
    n_event: np.ndarray
    n_censored: np.ndarray
    n: int
    n_events: int
    ci: IntervalKind = "log-log"
    level: float = 0.95
    variance: Variance = "greenwood"

    def survival_at(self, t: ArrayLike, *, extend: bool = False) -> np.ndarray:
        """Survival at any times, shaped like ``t``.

        Args:
            t: times, months; before 0 survival is 1.
            extend: carry the last value forward. Without it, survival beyond the last observed
                time is NaN (nobody was followed that long), unless it has reached 0.

        Raises:
            InputError: a time is not a number.
        """
        return self._step(self.survival, t, start=1.0, extend=extend)

    def ci_at(self, t: ArrayLike, *, extend: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bound at any times, each shaped like ``t``; as ``survival_at``."""
        start = math.nan if self.ci == "log-log" else 1.0
        return (
            self._step(self.ci_low, t, start=start, extend=extend),
            self._step(self.ci_high, t, start=start, extend=extend),
        )

    def at_risk_at(self, t: ArrayLike) -> np.ndarray:
        """How many have a time >= ``t``: the row under a plot. Shaped like ``t``."""
        return count_from(self.times, self.at_risk, t)

    def quantile(self, p: float) -> Estimate:
        """The time by which a share ``p`` of patients has had the event, with its interval.

        The curve, and each bound of its interval, is read off at 1 − p (Brookmeyer & Crowley,
        Biometrics 1982, on the scale ``ci``). Where it runs flat at exactly 1 − p, the middle
        of the flat part is taken. NaN: not reached.

        Raises:
            InputError: p is not between 0 and 1.
        """
        if not 0 < p < 1:
            raise InputError(f"a quantile must lie between 0 and 1, got {p:g}", source="p")
        # The lower bound of the curve falls first: it gives the lower bound of the time.
        value, low, high = (
            _time_of(self.times, 1.0 - curve, p)
            for curve in (self.survival, self.ci_low, self.ci_high)
        )
        return Estimate(
            value, low, high, self.level, f"Kaplan-Meier, {self.ci} interval", self.n, self.n_events
        )

    def median(self) -> Estimate:
        """The median survival time; see :meth:`quantile`."""
        return self.quantile(0.5)

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        return {
            "times": self.times.tolist(),
            "survival": plain_numbers(self.survival),
            "std_error": plain_numbers(self.std_error),
            "ci_low": plain_numbers(self.ci_low),
            "ci_high": plain_numbers(self.ci_high),
            "at_risk": self.at_risk.tolist(),
            "n_event": self.n_event.tolist(),
            "n_censored": self.n_censored.tolist(),
            "n": self.n,
            "n_events": self.n_events,
            "median": self.median().to_json(),
            "ci": self.ci,
            "level": self.level,
            "variance": self.variance,
        }

    def _step(self, values: np.ndarray, t: ArrayLike, *, start: float, extend: bool) -> np.ndarray:
        known = extend or self.survival[-1] == 0
        until = math.inf if known else float(self.times[-1])
        return step_value(self.times, values, t, start=start, until=until)


def fit_kaplan_meier(
    outcome: SurvivalOutcome,
    *,
    weights: ArrayLike | None = None,
    ci: IntervalKind = "log-log",
    level: float = 0.95,
    variance: Variance | None = None,
) -> KaplanMeier:
    """Estimate survival.

    At tied times events come before censorings. An event at time 0 counts: the curve then
    starts below 1. Without any event the curve is 1 throughout.

    Args:
        outcome: n patients.
        weights: (n,) case weights, >= 0, for example inverse-probability-of-treatment weights;
            patients of weight 0 are left out.
        ci: scale of the pointwise interval.
        level: confidence level.
        variance: ``greenwood``, the default without weights; with weights it takes them for
            numbers of patients. ``robust``, the default with weights: the infinitesimal
            jackknife, in which a patient of weight 3 is still one patient (what R uses for
            weights that are not whole numbers).

    Raises:
        InputError: weights, interval, level or variance cannot be used.
    """
    w = checked_weights(weights, len(outcome))
    if w is not None and not w.all():
        outcome, w = outcome.subset(w > 0), w[w > 0]
    chosen = variance or ("greenwood" if w is None else "robust")
    if chosen not in ("greenwood", "robust"):
        raise InputError(
            f"unknown variance {chosen!r}", source="variance", remedy="use greenwood or robust"
        )
    times, index = np.unique(outcome.time_months, return_inverse=True)
    everyone = sum_by(index, times.size, w)
    n_event = sum_by(index, times.size, outcome.event if w is None else w * outcome.event)
    at_risk = sum_from(everyone)
    survival = np.cumprod(1.0 - n_event / at_risk)
    if chosen == "greenwood":
        std_error = survival * np.sqrt(greenwood_sum(at_risk, n_event))
    else:
        std_error = _robust_error(outcome, w, index, at_risk, n_event, survival)
    ci_low, ci_high = probability_interval(survival, std_error, kind=ci, level=level)
    return KaplanMeier(
        times=times,
        survival=survival,
        std_error=std_error,
        ci_low=ci_low,
        ci_high=ci_high,
        at_risk=at_risk,
        n_event=n_event,
        n_censored=everyone - n_event,
        n=len(outcome),
        n_events=outcome.n_events,
        ci=ci,
        level=level,
        variance=chosen,
    )


def median_follow_up(outcome: SurvivalOutcome, *, level: float = 0.95) -> Estimate:
    """Median follow-up by the reverse Kaplan-Meier method (Schemper & Smith 1996).

    The end of follow-up is the event, and the event ends observation: how long patients would
    have been followed had nobody had the event. At tied times ends of follow-up come first, as
    in R's usual ``survfit(Surv(time, event == 0) ~ 1)``. NaN where it is not reached, for
    example when everybody had the event.
    """
    reversed_outcome = SurvivalOutcome(outcome.time_months, ~outcome.event)
    median = fit_kaplan_meier(reversed_outcome, level=level).median()
    return Estimate(
        median.value,
        median.ci_low,
        median.ci_high,
        level,
        "reverse Kaplan-Meier, log-log interval",
        len(outcome),
        outcome.n_events,
    )


def greenwood_sum(at_risk: np.ndarray, n_event: np.ndarray) -> np.ndarray:
    """Greenwood's cumulated d / (n·(n − d)): the variance of ln survival.

    NaN from the time on at which everybody left has the event (survival 0).
    """
    left = at_risk - n_event
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(n_event > 0, n_event / (at_risk * left.astype(np.float64)), 0.0)
    return np.cumsum(np.where(np.isfinite(terms), terms, np.nan))


def _robust_error(
    outcome: SurvivalOutcome,
    weights: np.ndarray | None,
    index: np.ndarray,
    at_risk: np.ndarray,
    n_event: np.ndarray,
    survival: np.ndarray,
) -> np.ndarray:
    """Infinitesimal jackknife: root of the sum over patients of (weight · dS/dweight)².

    The derivative of −ln S(t) by the weight of patient i is [event by t]/(Y − d)(T_i) − H(t ∧ T_i)
    with H = Σ d/(Y·(Y − d)). It stays put after T_i, and until then is the same for all: so one
    pass over the patients is enough.
    """
    left = at_risk - n_event
    inverse_left = np.divide(1.0, left, out=np.zeros(left.size), where=left > 0)
    hazard = np.cumsum(n_event / at_risk * inverse_left)
    own = outcome.event * inverse_left[index] - hazard[index]
    squared = np.ones(len(outcome)) if weights is None else weights**2
    gone = np.cumsum(sum_by(index, at_risk.size, squared * own**2))
    waiting = np.append(sum_from(sum_by(index, at_risk.size, squared))[1:], 0.0)
    return survival * np.sqrt(gone + waiting * hazard**2)


def _time_of(times: np.ndarray, height: np.ndarray, p: float) -> float:
    """The time at which a step function, 0 at time 0, reaches ``p``; R's rule for flat parts.

    A bound of an interval need not rise steadily: like R, the points are taken by height.
    """
    x, y = np.concatenate(([0.0], times)), np.concatenate(([0.0], height))
    last = x[-1]
    _, first = np.unique(y, return_index=True)
    x, y = x[np.sort(first)], y[np.sort(first)]
    end = y[-1]
    by_height = np.argsort(y[~np.isnan(y)])
    x, y = x[~np.isnan(y)][by_height], y[~np.isnan(y)][by_height]
    lower = np.searchsorted(y + _FLAT, p)
    upper = np.searchsorted(y - _FLAT, p)
    if lower == y.size:
        return math.nan
    if abs(p - end) < _FLAT:
        return float(x[lower] + last) / 2
    return float(x[lower] + x[upper]) / 2 if upper < y.size else math.nan
