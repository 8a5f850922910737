"""Who has had the event by a horizon, with weights for those whom censoring hides.

Inverse-probability-of-censoring weights (Graf et al., Stat Med 1999;18:2529-2545; Uno et al.,
J Am Stat Assoc 2007;102:527-537) turn a question about a horizon t into a weighted binary one:
who had the event at T <= t counts 1 / G(T−), who was followed beyond t without it counts 1 / G(t),
who was censored before counts 0, where G is the censoring distribution. Every measure at a
horizon in this package uses these weights, and the influence function below for its interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.stats.censoring import censoring_survival

Outcome = SurvivalOutcome | CompetingOutcome


@dataclass(frozen=True, eq=False)
class _CensoringGrid:
    """Patients sorted by time, and the censoring hazard at the m distinct times."""

    order: np.ndarray
    starts: np.ndarray
    index: np.ndarray
    times: np.ndarray
    per_at_risk: np.ndarray
    hazard: np.ndarray


@dataclass(frozen=True, eq=False)
class HorizonWeights:
    """Weighted cases and controls at each horizon.

    Args:
        eval_times: (k,) horizons, months.
        case: (n, k) had the event of interest by then.
        control: (n, k) is known not to have had it by then (still followed; with competing
            causes also those who had another event, unless only the event-free were asked for).
        weight: (n, k) 1 / G where case or control, else 0.
        own_censoring: whether G was learned from these very patients.
        time_months: (n,); censored: (n,) follow-up ended without any event.
    """

    eval_times: np.ndarray
    case: np.ndarray
    control: np.ndarray
    weight: np.ndarray
    own_censoring: bool
    time_months: np.ndarray
    censored: np.ndarray

    @property
    def n(self) -> int:
        """Patients."""
        return self.time_months.size

    def require_both(self) -> None:
        """Refuse horizons at which cases or controls lack.

        Raises:
            StatisticsError: names the first such horizon.
        """
        for counts, what in (
            (self.case.sum(0), "had the event by"),
            (self.control.sum(0), "is known to be free of the event at"),
        ):
            if not counts.all():
                first = self.eval_times[np.flatnonzero(counts == 0)[0]]
                raise StatisticsError(
                    f"nobody {what} {first:g} months",
                    source="eval_times",
                    remedy="choose horizons within the follow-up, after the first event",
                )

    def influence(self, contribution: np.ndarray) -> np.ndarray:
        """Influence function of a statistic of the weighted patients, at each horizon.

        The part that comes from estimating G is that of Blanche et al., Stat Med
        2013;32:5381-5397, in the form of R's riskRegression (the influence of a patient on −ln G
        is an integral over the censoring martingale divided by the number at risk). Where G was
        learned elsewhere it is taken as known and adds nothing.

        Args:
            contribution: (n, k) n × weight × derivative of the statistic by the mass of that
                patient; 0 where the weight is 0. With a single horizon any number of columns.

        Returns:
            (n, k) the same with the part of G added, which has mean 0; the standard error is its
            standard deviation / √n.
        """
        if not self.own_censoring or not self.censored.any():
            return contribution
        grid = self._censoring
        later = _sum_from(np.add.reduceat(contribution[grid.order], grid.starts, axis=0))
        later = np.concatenate([later[1:], np.zeros((1, later.shape[1]))])
        rate = np.where(
            grid.times[:, None] > self.eval_times, 0.0, later * grid.per_at_risk[:, None]
        )
        past = np.cumsum(rate * grid.hazard[:, None], axis=0)
        before = np.concatenate([np.zeros((1, past.shape[1])), past])
        index, lost = grid.index, self.censored[:, None]
        exposed = np.where(lost, past[index], before[index])
        return contribution + np.where(lost, rate[index], 0.0) - exposed

    @cached_property
    def _censoring(self) -> _CensoringGrid:
        """The distinct times and the hazard of being censored at them."""
        order = np.argsort(self.time_months, kind="stable")
        rising = self.time_months[order]
        starts = np.concatenate([[0], np.flatnonzero(np.diff(rising)) + 1])
        times, counts = rising[starts], np.diff(np.append(starts, rising.size))
        index = np.empty(rising.size, np.int64)
        index[order] = np.repeat(np.arange(times.size), counts)
        n_censored = np.add.reduceat(self.censored[order].astype(float), starts)
        # An event goes before a censoring at the same time: it is no longer at risk of that.
        at_risk = _sum_from(counts) - counts + n_censored
        lost = n_censored > 0
        per_at_risk = np.divide(1.0, at_risk, out=np.zeros(times.size), where=lost)
        return _CensoringGrid(order, starts, index, times, per_at_risk, n_censored * per_at_risk)

    def std_error(self, influence: np.ndarray) -> np.ndarray:
        """(k,) standard errors from influence functions (n, k)."""
        if self.n < 2:
            return np.full(influence.shape[1], np.nan)
        return influence.std(axis=0, ddof=1) / np.sqrt(self.n)


def horizon_weights(
    outcome: Outcome,
    eval_times: np.ndarray,
    *,
    train: Outcome | None = None,
    cause: int = 1,
    event_free_controls: bool = False,
) -> HorizonWeights:
    """Cases, controls and weights at each horizon.

    Args:
        outcome: n patients; with competing causes, ``cause`` is the event of interest.
        eval_times: (k,) checked horizons, months.
        train: patients from whom G is learned; default the same patients.
        event_free_controls: with competing causes, only those free of every event are controls.

    Raises:
        StatisticsError: a horizon lies beyond the follow-up from which G is learned.
    """
    time, any_event, cause_happened = _read(outcome, cause)
    source_time, source_event, _ = _read(train if train is not None else outcome, cause)
    known = censoring_survival(SurvivalOutcome(source_time, source_event))
    _refuse_beyond(eval_times, known.at(eval_times), source_time, train is not None)
    by_then = time[:, None] <= eval_times
    case = by_then & cause_happened[:, None]
    control = ~by_then
    other = by_then & (any_event & ~cause_happened)[:, None]
    if not event_free_controls:
        control |= other
    # G only falls: where it is positive at the horizon it is positive at every event until then.
    with np.errstate(divide="ignore"):
        weight = np.where(by_then, 1.0 / known.before(time)[:, None], 1.0 / known.at(eval_times))
    weight = np.where(case | control, weight, 0.0)
    return HorizonWeights(eval_times, case, control, weight, train is None, time, ~any_event)


def _read(outcome: Outcome, cause: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, whether any event happened, whether the one of interest did."""
    if isinstance(outcome, CompetingOutcome):
        return outcome.time_months, outcome.cause > 0, outcome.cause == cause
    return outcome.time_months, outcome.event, outcome.event


def _refuse_beyond(
    eval_times: np.ndarray, followed: np.ndarray, source_time: np.ndarray, elsewhere: bool
) -> None:
    beyond = followed == 0
    if elsewhere:
        beyond |= eval_times > source_time.max()
    if beyond.any():
        raise StatisticsError(
            f"nobody is followed beyond {eval_times[beyond][0]:g} months "
            f"(the last observation ends at {source_time.max():g})",
            source="eval_times",
            remedy="choose earlier horizons",
        )


def _sum_from(values: np.ndarray) -> np.ndarray:
    """Sum over this row and all later ones."""
    return values[::-1].cumsum(axis=0)[::-1]
