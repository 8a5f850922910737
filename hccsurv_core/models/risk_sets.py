"""Risk sets of a Cox model, swept once: likelihood, score and information as matrix products.

Efron's handling of ties (J Am Stat Assoc 1977;72:557-565) treats d tied deaths as d *slots*:
slot l = 0 … d-1 sees the risk set with a share l/d of the tied deaths already removed. Breslow's
(Biometrics 1974;30:89-99) leaves that share at 0. With the slots written out, each derivative is
a sum over patients with one weight each, so the p x p information needs no loop over times.
"""

from __future__ import annotations

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
        group_start: (g,) first position of its stratum.
        group_of_event: (n_events,) death time of each event, events in sorted order.
        first_slot: (g,) the first event of each death time; events of one time are neighbors.
        event_position: (n_events,) where the events are.
        fraction: (n_events,) share l/d of the tied deaths left out in each slot.
        slot_weight: (n_events,) mean case weight of the tied deaths.
        group_time: (g,) the death times.
        group_stratum: (g,) their stratum.
        first_group, end_group: (n,) the death times at or before each patient's time are those
            from ``first_group`` up to, and without, ``end_group``.
    """

    order: np.ndarray
    event: np.ndarray
    weight: np.ndarray
    last_at_risk: np.ndarray
    group_start: np.ndarray
    group_of_event: np.ndarray
    first_slot: np.ndarray
    event_position: np.ndarray
    fraction: np.ndarray
    slot_weight: np.ndarray
    group_time: np.ndarray
    group_stratum: np.ndarray
    first_group: np.ndarray
    end_group: np.ndarray

    def sum_at_risk(self, values: np.ndarray) -> np.ndarray:
        """(n, …) values per patient → (g, …) sums over those at risk at each death time."""
        running = np.cumsum(values, axis=0)
        total = running[self.last_at_risk]
        later = self.group_start > 0  # groups of any stratum but the first
        if later.any():
            total[later] -= running[self.group_start[later] - 1]
        return total

    def sum_of_deaths(self, values: np.ndarray) -> np.ndarray:
        """(n, …) values per patient → (g, …) sums over the deaths at each time."""
        return self.sum_of_slots(values[self.event_position])

    def sum_of_slots(self, values: np.ndarray) -> np.ndarray:
        """(n_events, …) values per slot → (g, …) sums by death time."""
        return np.add.reduceat(values, self.first_slot, axis=0)

    def sum_of_past(self, per_group: np.ndarray) -> np.ndarray:
        """(g, …) values per death time → (n, …) sums over those at or before each patient's time."""
        # Groups run in falling time inside a stratum: the past of a patient is a tail of it.
        padded = np.concatenate([np.zeros((1, *per_group.shape[1:])), np.cumsum(per_group, axis=0)])
        return padded[self.end_group] - padded[self.first_group]


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
    block_start = _run_starts(s[1:] != s[:-1])
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
        last_at_risk=group_last, group_start=block_start[group_last],
        group_of_event=group_of_event, first_slot=first_slot, event_position=event_position, fraction=fraction,
        slot_weight=(tied_weight / deaths)[group_of_event],
        group_time=t[group_last], group_stratum=s[group_last],
        first_group=np.searchsorted(death_runs, run, side="left"),
        end_group=np.searchsorted(death_runs, block_end_run, side="right"),
    )  # fmt: skip


def _run_starts(changes: np.ndarray) -> np.ndarray:
    """Position of the first member of each element's run, given where runs change."""
    starts = np.concatenate([[0], np.where(changes, np.arange(1, changes.size + 1), 0)])
    return np.maximum.accumulate(starts)


def _run_ends(sorted_codes: np.ndarray) -> np.ndarray:
    """Position of the last member of each element's run."""
    return np.searchsorted(sorted_codes, sorted_codes, side="right") - 1


@dataclass(frozen=True, eq=False)
class RiskSums:
    """Everything the likelihood and its derivatives need at one value of the coefficients.

    Args:
        relative_risk: (n,) weighted exp(linear predictor), scaled by exp(-shift).
        denominator: (n_events,) sum of relative risks in each slot, same scale.
        shift: what was taken off the linear predictor against overflow.
    """

    relative_risk: np.ndarray
    denominator: np.ndarray
    shift: float


def sum_risks(sets: RiskSets, linear_predictor: np.ndarray) -> RiskSums:
    """Relative risks and the slots' denominators; ``linear_predictor`` in sorted order."""
    shift = float(linear_predictor.max())
    risk = sets.weight * np.exp(linear_predictor - shift)
    group = sets.group_of_event
    denominator = sets.sum_at_risk(risk)[group] - sets.fraction * sets.sum_of_deaths(risk)[group]
    return RiskSums(risk, denominator, shift)


def log_likelihood(sets: RiskSets, linear_predictor: np.ndarray, sums: RiskSums) -> float:
    """Partial log-likelihood."""
    deaths = sets.event_position
    gained = float(sets.weight[deaths] @ linear_predictor[deaths])
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
