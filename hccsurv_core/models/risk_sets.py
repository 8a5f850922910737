"""Risk sets of a Cox model, swept once: likelihood, score and information as matrix products.

Efron's handling of ties (J Am Stat Assoc 1977;72:557-565) treats d tied deaths as d *slots*:
slot l = 0 … d-1 sees the risk set with a share l/d of the tied deaths already removed. Breslow's
(Biometrics 1974;30:89-99) leaves that share at 0. With the slots written out, each derivative is
a sum over patients with one weight each, so the p x p information needs no loop over times.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

TIES = ("efron", "breslow")


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Who is at risk at which death, for patients sorted by stratum and falling time.

    Args:
        order: (n,) patients' positions in the caller's arrays.
        event: (n,) in sorted order, like all that follows.
        weight: (n,) case weights.
        last_at_risk: (g,) for each distinct death time, last position still at risk.
        group_of_event: (n_events,) death time of each event, events in sorted order.
        first_slot: (g,) the first event of each death time; events of one time are neighbors.
        event_position: (n_events,) where the events are.
        fraction: (n_events,) share l/d of the tied deaths left out in each slot.
        slot_weight: (n_events,) mean case weight of the tied deaths.
        group_time: (g,) the death times.
        stratum: (n,) codes.
        strata_start, strata_group: (k + 1,) where the patients, and the death times, of each
            stratum begin; the last entry is their number.
        first_group, end_group: (n,) the death times at or before each patient's time are those
            from ``first_group`` up to, and without, ``end_group``.
    """

    order: np.ndarray
    event: np.ndarray
    weight: np.ndarray
    last_at_risk: np.ndarray
    group_of_event: np.ndarray
    first_slot: np.ndarray
    event_position: np.ndarray
    fraction: np.ndarray
    slot_weight: np.ndarray
    group_time: np.ndarray
    stratum: np.ndarray
    strata_start: np.ndarray
    strata_group: np.ndarray
    first_group: np.ndarray
    end_group: np.ndarray

    def sum_at_risk(self, values: np.ndarray) -> np.ndarray:
        """(n, …) values per patient → (g, …) sums over those at risk at each death time."""
        return _running_sum(values, self.strata_start)[self.last_at_risk]

    def sum_of_deaths(self, values: np.ndarray) -> np.ndarray:
        """(n, …) values per patient → (g, …) sums over the deaths at each time."""
        return self.sum_of_slots(values[self.event_position])

    def sum_of_slots(self, values: np.ndarray) -> np.ndarray:
        """(n_events, …) values per slot → (g, …) sums by death time."""
        return np.add.reduceat(values, self.first_slot, axis=0)

    def sum_of_past(self, per_group: np.ndarray) -> np.ndarray:
        """(g, …) values per death time → (n, …) sums over those at or before each patient's time."""
        # Death times fall inside a stratum, so a patient's past runs to the stratum's end. It is
        # summed from there: hazards grow with time, and early ones would drown in late ones.
        backwards = _running_sum(per_group[::-1], per_group.shape[0] - self.strata_group[::-1])
        past = np.concatenate([backwards[::-1], np.zeros((1, *per_group.shape[1:]))])
        return past[np.where(self.first_group < self.end_group, self.first_group, -1)]

    def by_stratum(self, per_stratum: np.ndarray) -> np.ndarray:
        """(k,) a number for each stratum → (n,) for each of its patients."""
        return np.repeat(per_stratum, np.diff(self.strata_start))


def build_risk_sets(
    time: np.ndarray,
    event: np.ndarray,
    *,
    weight: np.ndarray | None = None,
    strata: np.ndarray | None = None,
    ties: str = "efron",
) -> RiskSets:
    """Sort patients and index every risk set.

    Args:
        time, event: (n,) the outcome.
        weight: (n,) positive case weights; default 1.
        strata: (n,) integer codes; patients are compared within a stratum only.
        ties: "efron" or "breslow".
    """
    n = time.size
    weight = np.ones(n) if weight is None else weight
    strata = np.zeros(n, np.int64) if strata is None else strata
    order = np.lexsort((-time, strata))
    t, d, w, s = time[order], event[order], weight[order], strata[order]
    strata_start = np.append(np.flatnonzero(np.append(True, s[1:] != s[:-1])), n)
    new_time = (t[1:] != t[:-1]) | (s[1:] != s[:-1])
    run = np.concatenate([[0], np.cumsum(new_time)])  # one number per distinct time and stratum
    run_last = np.append(np.flatnonzero(new_time), n - 1)
    event_position = np.flatnonzero(d)
    death_runs, group_of_event, deaths = np.unique(
        run[event_position], return_inverse=True, return_counts=True
    )
    group_last = run_last[death_runs]
    first_slot = np.concatenate([[0], np.cumsum(deaths)[:-1]])
    fraction = np.zeros(event_position.size)
    if ties == "efron":
        rank = np.arange(event_position.size) - first_slot[group_of_event]
        fraction = rank / deaths[group_of_event]
    tied_weight = np.bincount(group_of_event, weights=w[event_position], minlength=deaths.size)
    block_end_run = run[_run_ends(s)]
    return RiskSets(
        order=order, event=d, weight=w,
        last_at_risk=group_last,
        group_of_event=group_of_event, first_slot=first_slot, event_position=event_position, fraction=fraction,
        slot_weight=(tied_weight / deaths)[group_of_event],
        group_time=t[group_last], stratum=s,
        strata_start=strata_start, strata_group=np.searchsorted(group_last, strata_start),
        first_group=np.searchsorted(death_runs, run, side="left"),
        end_group=np.searchsorted(death_runs, block_end_run, side="right"),
    )  # fmt: skip


def _running_sum(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Running sums that begin anew at each of ``starts``, (k + 1,) with the number of rows last.

    Each stratum is summed on its own. The difference of two sums over all of them would be noise
    where one stratum's risks are a billion times another's.
    """
    if starts.size == 2:
        return np.cumsum(values, axis=0)
    total = np.empty(values.shape)
    for first, end in itertools.pairwise(starts.tolist()):
        np.cumsum(values[first:end], axis=0, out=total[first:end])
    return total


def _run_ends(sorted_codes: np.ndarray) -> np.ndarray:
    """Position of the last member of each element's run."""
    return np.searchsorted(sorted_codes, sorted_codes, side="right") - 1


@dataclass(frozen=True, eq=False)
class RiskSums:
    """Everything the likelihood and its derivatives need at one value of the coefficients.

    Args:
        relative_risk: (n,) weighted exp(linear predictor), scaled by the stratum's exp(-shift).
        denominator: (n_events,) sum of relative risks in each slot, same scale.
        shift: (n_events,) what was taken off the linear predictor of the slot's stratum against
            overflow: its largest.
    """

    relative_risk: np.ndarray
    denominator: np.ndarray
    shift: np.ndarray


def sum_risks(sets: RiskSets, linear_predictor: np.ndarray) -> RiskSums:
    """Relative risks and the slots' denominators; ``linear_predictor`` in sorted order."""
    largest = np.maximum.reduceat(linear_predictor, sets.strata_start[:-1])
    shift = sets.by_stratum(largest)
    risk = sets.weight * np.exp(linear_predictor - shift)
    group = sets.group_of_event
    denominator = sets.sum_at_risk(risk)[group] - sets.fraction * sets.sum_of_deaths(risk)[group]
    return RiskSums(risk, denominator, shift[sets.event_position])


def log_likelihood(sets: RiskSets, linear_predictor: np.ndarray, sums: RiskSums) -> float:
    """Partial log-likelihood."""
    deaths = sets.event_position
    gained = float(sets.weight[deaths] @ linear_predictor[deaths])
    with np.errstate(divide="ignore"):  # a step so long that a denominator vanished
        return gained - float(sets.slot_weight @ (np.log(sums.denominator) + sums.shift))


def expected_events(sets: RiskSets, sums: RiskSums, slot_factor: np.ndarray) -> np.ndarray:
    """(n,) weighted expected number of events per patient, each slot counted ``slot_factor`` times.

    With a factor of 1 the weighted martingale residual is ``weight * event`` minus this.
    """
    hazard = sets.slot_weight * slot_factor / sums.denominator
    total = sets.sum_of_past(sets.sum_of_slots(hazard))
    removed = sets.sum_of_slots(hazard * sets.fraction)
    total[sets.event_position] -= removed[sets.group_of_event]
    return sums.relative_risk * total


def slot_means(sets: RiskSets, x: np.ndarray, sums: RiskSums) -> np.ndarray:
    """(n_events, p) risk-weighted mean of the covariates in each slot; ``x`` in sorted order."""
    weighted = x * sums.relative_risk[:, None]
    group = sets.group_of_event
    total = sets.sum_at_risk(weighted)
    if total.shape[0] < group.size:
        total = total[group]
        if sets.fraction.any():
            total -= sets.fraction[:, None] * sets.sum_of_deaths(weighted)[group]
    total /= sums.denominator[:, None]
    return total


def information(
    sets: RiskSets, x: np.ndarray, sums: RiskSums, means: np.ndarray, slot_factor: np.ndarray
) -> np.ndarray:
    """(p, p) observed information, each slot counted ``slot_factor`` times."""
    per_patient = expected_events(sets, sums, slot_factor)
    return _weighted_square(x, per_patient) - _weighted_square(
        means, sets.slot_weight * slot_factor
    )


def _weighted_square(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """x' diag(weight) x; with weights >= 0 as a symmetric product, which is half the work."""
    if (weight >= 0).all():
        scaled = x * np.sqrt(weight)[:, None]
        return scaled.T @ scaled
    return (x * weight[:, None]).T @ x
