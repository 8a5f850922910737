"""Risk sets of the subdistribution hazard, as sums that take one pass over sorted patients.

Fine & Gray, J Am Stat Assoc 1999: who had a competing event stays at risk, with the weight
G(t−)/G(T−) that fades as patients like them would have been censored. The weight is a product
of something of the time and something of the patient, so every sum over risk sets is a cumulated
sum times G(t−), and nothing needs to be expanded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.outcome import CompetingOutcome


@dataclass(frozen=True, eq=False)
class SubdistributionRiskSets:
    """Patients sorted by time, and where each event time cuts them.

    m event times of the cause, n patients, c censoring groups; patients in sorted order.

    Args:
        order: (n,) row of each sorted patient.
        time: (n,) sorted; own, competing, censored: (n,) what happened.
        group: (n,) censoring group.
        event_times: (m,) ascending; n_tied: (m,) events at each.
        start: (m,) the first sorted patient still at risk at each event time.
        passed: (n,) how many event times are <= each patient's time.
        g_at_events: (c, m) probability of not being censored before each event time.
        inverse_g: (n,) 1 / the same before the patient's own time, by the own group.
    """

    order: np.ndarray
    time: np.ndarray
    own: np.ndarray
    competing: np.ndarray
    censored: np.ndarray
    group: np.ndarray
    event_times: np.ndarray
    n_tied: np.ndarray
    start: np.ndarray
    passed: np.ndarray
    g_at_events: np.ndarray
    inverse_g: np.ndarray

    def at_risk_sum(self, values: np.ndarray) -> np.ndarray:
        """Weighted sum over the risk set at each event time: (n, …) → (m, …)."""
        total = _from_row(values)[self.start]
        for g, weight in enumerate(self.g_at_events):
            rows = self.competing_in(g)
            gone = until_row(values[rows] * _column(self.inverse_g[rows], values))
            before = np.searchsorted(self.time[rows], self.event_times, side="left")
            total = total + gone[before] * _column(weight, values)
        return total

    def time_at_risk_sum(self, values: np.ndarray) -> np.ndarray:
        """Sum over event times of ``values`` times the patient's weight then: (m, …) → (n, …)."""
        total = until_row(values)[self.passed]
        for g, weight in enumerate(self.g_at_events):
            rows = self.competing_in(g)
            later = _from_row(values * _column(weight, values))[self.passed[rows]]
            total[rows] += later * _column(self.inverse_g[rows], values)
        return total

    def competing_in(self, g: int) -> np.ndarray:
        """Sorted positions of the patients of a censoring group who had a competing event."""
        return np.flatnonzero(self.competing & (self.group == g))


def build_subdistribution_risk_sets(
    outcome: CompetingOutcome, cause: int, group: np.ndarray, n_groups: int
) -> SubdistributionRiskSets:
    """Sort patients and estimate censoring.

    Censoring is estimated by Kaplan-Meier in each group as ``cmprsk::crr`` does: at tied times
    patients with an event still count as at risk of being censored. Beyond the last time of a
    group its members' weight is 0.

    Args:
        outcome: n patients, of whom at least one had the cause.
        cause: 1, 2, …
        group: (n,) censoring group 0 … n_groups − 1.
    """
    order = np.argsort(outcome.time_months, kind="stable")
    time, happened, group = outcome.time_months[order], outcome.cause[order], group[order]
    own, censored = happened == cause, happened == 0
    event_times, n_tied = np.unique(time[own], return_counts=True)
    g_at_events = np.empty((n_groups, event_times.size))
    inverse_g = np.empty(time.size)
    for g in range(n_groups):
        rows = group == g
        times, values = _uncensored(time[rows], censored[rows])
        steps = np.concatenate(([1.0], values))
        g_at_events[g] = np.where(
            event_times > times[-1], 0.0, steps[np.searchsorted(times, event_times, side="left")]
        )
        inverse_g[rows] = 1.0 / steps[np.searchsorted(times, time[rows], side="left")]
    return SubdistributionRiskSets(
        order=order,
        time=time,
        own=own,
        competing=~own & ~censored,
        censored=censored,
        group=group,
        event_times=event_times,
        n_tied=n_tied,
        start=np.searchsorted(time, event_times, side="left"),
        passed=np.searchsorted(event_times, time, side="right"),
        g_at_events=g_at_events,
        inverse_g=inverse_g,
    )


def _uncensored(time: np.ndarray, censored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct times of sorted patients and the probability of not being censored by then."""
    times, first, counts = np.unique(time, return_index=True, return_counts=True)
    n_censored = np.add.reduceat(censored.astype(np.float64), first)
    at_risk = np.cumsum(counts[::-1])[::-1]
    return times, np.cumprod(1.0 - n_censored / at_risk)


def _from_row(values: np.ndarray) -> np.ndarray:
    """Sums from each row to the end, and 0 after it: (n, …) → (n + 1, …)."""
    padded = np.zeros((values.shape[0] + 1, *values.shape[1:]))
    np.cumsum(values[::-1], axis=0, out=padded[:-1][::-1])
    return padded


def until_row(values: np.ndarray) -> np.ndarray:
    """Sums of the rows before each row, and of all: (n, …) → (n + 1, …)."""
    padded = np.zeros((values.shape[0] + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=padded[1:])
    return padded


def _column(weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    """One weight a row, whatever the number of columns."""
    return weight if values.ndim == 1 else weight[:, None]
