"""The probability of still being followed: what inverse-probability-of-censoring weights rest on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.counting import checked_weights, sum_by, sum_from
from hccsurv_core.stats.steps import step_value


@dataclass(frozen=True, eq=False)
class CensoringSurvival:
    """G: a right-continuous step function that starts at 1 and stays level after its last time.

    Args:
        times: (m,) distinct observed times, ascending, months.
        survival: (m,) probability of not being censored up to and including each time.
    """

    times: np.ndarray
    survival: np.ndarray

    def at(self, t: ArrayLike) -> np.ndarray:
        """G(t): not censored up to and including ``t``; shaped like ``t``."""
        return step_value(self.times, self.survival, t, start=1.0)

    def before(self, t: ArrayLike) -> np.ndarray:
        """G(t−): not censored before ``t``; shaped like ``t``. The weight of an event at ``t``."""
        return step_value(self.times, self.survival, t, start=1.0, side="left")


def censoring_survival(
    train_outcome: SurvivalOutcome, *, weights: ArrayLike | None = None
) -> CensoringSurvival:
    """Kaplan-Meier estimate of the censoring distribution.

    At tied times events come before censorings: who has the event at t is no longer at risk of
    being censored at t. This is the mirror image of the rule for survival, so that without
    rounding to months nothing would change (``prodlim(reverse = TRUE)``, scikit-survival; R's
    ``survfit(Surv(time, event == 0) ~ 1)`` keeps them at risk and differs where times tie).

    G is 0 from the last time on where the last observation is censored: divide by it only at
    times before that (``before(t)`` of any observed t is always positive).

    Args:
        train_outcome: the patients from whom censoring is learned (the training part where a
            model is judged on another one).
        weights: (n,) case weights, >= 0.

    Raises:
        InputError: the weights cannot be used.
    """
    w = checked_weights(weights, len(train_outcome))
    if w is not None and not w.all():
        train_outcome, w = train_outcome.subset(w > 0), w[w > 0]
    times, index = np.unique(train_outcome.time_months, return_inverse=True)
    censored = ~train_outcome.event
    n_censored = sum_by(index, times.size, censored if w is None else w * censored)
    # Summed on their own, so that at the last time the two are equal to the last bit.
    later = np.append(sum_from(sum_by(index, times.size, w))[1:], 0.0)
    at_risk = later + n_censored
    hazard = np.divide(n_censored, at_risk, out=np.zeros(times.size), where=at_risk > 0)
    return CensoringSurvival(times=times, survival=np.cumprod(1.0 - hazard))
