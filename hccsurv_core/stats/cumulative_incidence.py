"""Cumulative incidence of competing causes: the share of patients who had each, by time.

Aalen & Johansen, Scand J Stat 1978. One minus a Kaplan-Meier curve in which other causes count
as censoring overstates what happens: there the other causes never take anybody away.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError
from hccsurv_core.outcome import CompetingOutcome
from hccsurv_core.stats.counting import checked_weights, sum_by, sum_from
from hccsurv_core.stats.groups import read_groups
from hccsurv_core.stats.plain import plain_numbers
from hccsurv_core.stats.probability_interval import IntervalKind, probability_interval
from hccsurv_core.stats.steps import count_from, step_value

#: ``aalen``: Aalen's asymptotic variance with a correction for ties, as R's ``cmprsk::cuminc``.
#: ``robust``: the infinitesimal jackknife, as R's multi-state ``survival::survfit``.
IncidenceVariance = Literal["aalen", "robust"]


@dataclass(frozen=True, eq=False)
class CumulativeIncidence:
    """Fitted curves of c causes: step functions that are right-continuous.

    Args:
        times: (m,) distinct observed times, ascending, months.
        incidence: (c, m) share who had each cause up to and including each time.
        std_error, ci_low, ci_high: (c, m); pointwise interval of the incidence itself; NaN
            where the scale has none (``log-log`` while the incidence is 0).
        event_free: (m,) share without any cause: the Kaplan-Meier curve of whichever first.
        at_risk: (m,) how many have a time >= each time (sum of weights where weighted).
        n_event: (c, m) and n_censored: (m,) at each time (weights likewise).
        cause_names: (c,) what cause 1, 2, … is.
        n, n_events: patients, and (c,) events by cause, never weighted.
        ci, level, variance: how the interval was made.
    """

    times: np.ndarray
    incidence: np.ndarray
    std_error: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    event_free: np.ndarray
    at_risk: np.ndarray
    n_event: np.ndarray
    n_censored: np.ndarray
    cause_names: tuple[str, ...]
    n: int
    n_events: tuple[int, ...]
    ci: IntervalKind = "log-log"
    level: float = 0.95
    variance: IncidenceVariance = "aalen"

    def incidence_at(self, t: ArrayLike, *, cause: int = 1, extend: bool = False) -> np.ndarray:
        """Incidence of a cause at any times, shaped like ``t``.

        Args:
            t: times, months.
            cause: 1, 2, …
            extend: carry the last value forward. Without it, incidence beyond the last observed
                time is NaN, unless everybody had an event by then.

        Raises:
            InputError: a time is not a number, or there is no such cause.
        """
        return self._step(self.incidence, t, cause, 0.0, extend)

    def ci_at(
        self, t: ArrayLike, *, cause: int = 1, extend: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bound at any times; as :meth:`incidence_at`."""
        start = 0.0 if self.ci == "plain" else math.nan
        return (
            self._step(self.ci_low, t, cause, start, extend),
            self._step(self.ci_high, t, cause, start, extend),
        )

    def at_risk_at(self, t: ArrayLike) -> np.ndarray:
        """How many have a time >= ``t``. Shaped like ``t``."""
        return count_from(self.times, self.at_risk, t)

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        return {
            "times": self.times.tolist(),
            "causes": [
                {
                    "name": name,
                    "n_events": self.n_events[c],
                    "incidence": plain_numbers(self.incidence[c]),
                    "std_error": plain_numbers(self.std_error[c]),
                    "ci_low": plain_numbers(self.ci_low[c]),
                    "ci_high": plain_numbers(self.ci_high[c]),
                    "n_event": self.n_event[c].tolist(),
                }
                for c, name in enumerate(self.cause_names)
            ],
            "event_free": plain_numbers(self.event_free),
            "at_risk": self.at_risk.tolist(),
            "n_censored": self.n_censored.tolist(),
            "n": self.n,
            "ci": self.ci,
            "level": self.level,
            "variance": self.variance,
        }

    def _step(
        self, values: np.ndarray, t: ArrayLike, cause: int, start: float, extend: bool
    ) -> np.ndarray:
        check_cause(cause, len(self.cause_names))
        known = extend or self.event_free[-1] == 0
        until = math.inf if known else float(self.times[-1])
        return step_value(self.times, values[cause - 1], t, start=start, until=until)


def fit_cumulative_incidence(
    outcome: CompetingOutcome,
    *,
    weights: ArrayLike | None = None,
    ci: IntervalKind = "log-log",
    level: float = 0.95,
    variance: IncidenceVariance | None = None,
) -> CumulativeIncidence:
    """Estimate the cumulative incidence of every cause.

    At tied times events come before censorings. An event at time 0 counts.

    Args:
        outcome: n patients; causes are those of ``cause_names``, whether they occur or not.
        weights: (n,) case weights, >= 0, such as inverse-probability-of-treatment weights;
            patients of weight 0 are left out.
        ci: scale of the pointwise interval of the incidence.
        level: confidence level.
        variance: ``aalen``, the default without weights, or ``robust``, the default and the
            only one with them.

    Raises:
        InputError: weights, interval, level or variance cannot be used.
    """
    w = checked_weights(weights, len(outcome))
    chosen = variance or ("aalen" if w is None else "robust")
    if chosen not in ("aalen", "robust") or (chosen == "aalen" and w is not None):
        raise InputError(
            f"variance {chosen!r} cannot be used" + (" with weights" if w is not None else ""),
            source="variance",
            remedy="use robust" if w is not None else "use aalen or robust",
        )
    if w is not None and not w.all():
        outcome, w = outcome.subset(w > 0), w[w > 0]
    times, index = np.unique(outcome.time_months, return_inverse=True)
    causes = range(1, len(outcome.cause_names) + 1)
    happened = [outcome.cause == c for c in causes]
    n_event = np.array([sum_by(index, times.size, h if w is None else w * h) for h in happened])
    everyone = sum_by(index, times.size, w)
    at_risk = sum_from(everyone)
    n_any = n_event.sum(axis=0)
    event_free = _product(at_risk, n_any)
    before = np.concatenate(([1.0], event_free[:-1]))
    incidence = np.cumsum(before * n_event / at_risk, axis=1)
    if chosen == "aalen":
        errors = [
            _aalen_error(n_event[c], n_any, at_risk, incidence[c]) for c in range(len(causes))
        ]
    else:
        squared = np.ones(len(outcome)) if w is None else w**2
        errors = [
            _robust_error(outcome.cause, c, index, squared, n_event[c - 1], n_any, at_risk)
            for c in causes
        ]
    std_error = np.array(errors)
    ci_low, ci_high = probability_interval(incidence, std_error, kind=ci, level=level)
    return CumulativeIncidence(
        times=times,
        incidence=incidence,
        std_error=std_error,
        ci_low=ci_low,
        ci_high=ci_high,
        event_free=event_free,
        at_risk=at_risk,
        n_event=n_event,
        n_censored=everyone - n_any,
        cause_names=tuple(outcome.cause_names),
        n=len(outcome),
        n_events=tuple(int(h.sum()) for h in happened),
        ci=ci,
        level=level,
        variance=chosen,
    )


def cumulative_incidence_by_group(
    outcome: CompetingOutcome,
    groups: ArrayLike,
    *,
    order: Sequence[Hashable] | None = None,
    ci: IntervalKind = "log-log",
    level: float = 0.95,
) -> dict[Hashable, CumulativeIncidence]:
    """The curves of each group on its own, in the order of ``order`` or sorted.

    Raises:
        InputError: labels, interval or level cannot be used.
    """
    sorted_groups = read_groups(groups, len(outcome), order=order)
    return {
        label: fit_cumulative_incidence(outcome.subset(sorted_groups.code == g), ci=ci, level=level)
        for g, label in enumerate(sorted_groups.labels)
    }


def check_cause(cause: int, n_causes: int) -> None:
    """Refuse a cause that is not 1 … n_causes.

    Raises:
        InputError: there is no such cause.
    """
    if cause not in range(1, n_causes + 1):
        raise InputError(
            f"there is no cause {cause}", source="cause", remedy=f"use 1 to {n_causes}"
        )


def _product(at_risk: np.ndarray, n_any: np.ndarray) -> np.ndarray:
    """Kaplan-Meier of any cause; exactly 0 where everybody left has an event."""
    # Weights of several causes may not add up to the weight at risk to the last bit.
    left = np.where(np.isclose(n_any, at_risk, rtol=1e-12, atol=0), 0.0, at_risk - n_any)
    return np.cumprod(left / at_risk)


def _inverse(values: np.ndarray) -> np.ndarray:
    return np.divide(1.0, values, out=np.zeros(values.size), where=values > 0)


def _aalen_error(
    n_event: np.ndarray, n_any: np.ndarray, at_risk: np.ndarray, incidence: np.ndarray
) -> np.ndarray:
    """Standard error by Aalen's variance, ties corrected as in ``cmprsk::cuminc``.

    An event at u moves the incidence F(t) by −(F(t) − F(u))/S(u), and by 1 more where it is of
    this cause: the variance is the sum of these squared times S(u−)²·d/n²·(1 − (d − 1)/(n − 1)).
    """
    event_free = _product(at_risk, n_any)
    before = np.concatenate(([1.0], event_free[:-1]))
    inverse = _inverse(event_free)
    total = np.zeros((3, at_risk.size))
    for d, own in ((n_event, True), (n_any - n_event, False)):
        tied = 1.0 - np.maximum(d - 1, 0) / np.maximum(at_risk - 1, 1)
        size = before**2 * tied * d / at_risk.astype(np.float64) ** 2
        lead = incidence * inverse + (1.0 if own else 0.0)
        if not own:
            # Once nobody is left another cause no longer changes anything.
            size = np.where(event_free > 0, size, 0.0)
        total += np.cumsum([lead**2 * size, lead * inverse * size, inverse**2 * size], axis=1)
    variance = total[0] - 2.0 * incidence * total[1] + incidence**2 * total[2]
    return np.sqrt(np.maximum(variance, 0.0))


def _robust_error(
    cause: np.ndarray,
    wanted: int,
    index: np.ndarray,
    squared_weight: np.ndarray,
    n_event: np.ndarray,
    n_any: np.ndarray,
    at_risk: np.ndarray,
) -> np.ndarray:
    """Infinitesimal jackknife: root of the sum over patients of (weight · dF/dweight)².

    The derivative is P_i(t) − F(t)·Q_i(t), in which P and Q stay put after T_i and until then
    are the same for all: so one pass over the patients is enough.
    """
    m = at_risk.size
    event_free = _product(at_risk, n_any)
    before = np.concatenate(([1.0], event_free[:-1]))
    incidence = np.cumsum(before * n_event / at_risk)
    left = _inverse(np.where(event_free > 0, at_risk - n_any, 0.0))
    jump_p, jump_q = before / at_risk, left
    drift_p = np.cumsum(jump_p * n_event / at_risk + incidence * left * n_any / at_risk)
    drift_q = np.cumsum(left * n_any / at_risk)
    own_p = (
        jump_p[index] * (cause == wanted)
        + incidence[index] * left[index] * (cause > 0)
        - drift_p[index]
    )
    own_q = jump_q[index] * (cause > 0) - drift_q[index]
    waiting = np.append(sum_from(sum_by(index, m, squared_weight))[1:], 0.0)

    def both(a: np.ndarray, b: np.ndarray, drift: np.ndarray) -> np.ndarray:
        return np.cumsum(sum_by(index, m, squared_weight * a * b)) + waiting * drift

    variance = (
        both(own_p, own_p, drift_p**2)
        - 2.0 * incidence * both(own_p, own_q, drift_p * drift_q)
        + incidence**2 * both(own_q, own_q, drift_q**2)
    )
    return np.sqrt(np.maximum(variance, 0.0))
