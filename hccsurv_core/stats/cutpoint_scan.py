"""Log-rank statistics of every cut-point at once.

For a cut that puts ``m`` patients into the low group, the log-rank test needs the difference
between observed and expected events and its hypergeometric variance. With the patients in order
of the marker both are running sums: the difference is a sum of one number a patient (the
log-rank score), and the variance is Σ aᵢ − Σᵢ Σₖ min(vᵢ, vₖ), because two patients share the risk
sets up to the shorter of their times. The double sum is built by a merge over halves, so that
all cuts of ``n`` patients cost O(n log n) instead of one test each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome

#: A variance below this share of the largest one is rounding error: such a cut tells nothing.
_NEGLIGIBLE_VARIANCE = 1e-10


@dataclass(frozen=True, eq=False)
class Splits:
    """Patients in order of a marker, and where the order may be cut.

    Args:
        order: (n,) patients by marker, lowest first.
        n_low: (k,) how many patients each cut puts into the low group, increasing.
        cutpoints: (k,) the largest marker value of each low group ("> cut-point" is high).
    """

    order: np.ndarray
    n_low: np.ndarray
    cutpoints: np.ndarray


@dataclass(frozen=True, eq=False)
class RiskSets:
    """What the log-rank test needs of an outcome, one number a patient.

    Args:
        score: (n,) events minus the Nelson-Aalen cumulative hazard: the log-rank scores, sum 0.
        first: (n,) Σ over the event times a patient is at risk of dⱼ(nⱼ−dⱼ)/(nⱼ−1)/nⱼ.
        second: (n,) the same sum divided by nⱼ once more.
    """

    score: np.ndarray
    first: np.ndarray
    second: np.ndarray


def checked_marker(marker: ArrayLike, n: int) -> np.ndarray:
    """``marker`` as (n,) finite numbers.

    Raises:
        InputError: it is not, or has another length.
    """
    try:
        values = np.asarray(marker, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("a marker must be numbers", source="marker") from error
    if values.shape != (n,):
        raise InputError(f"{n} patients but a marker of shape {values.shape}", source="marker")
    missing = int((~np.isfinite(values)).sum())
    if missing:
        raise InputError(
            f"{missing} of {n} values are missing or not finite",
            source="marker",
            remedy="leave out the patients without it",
        )
    return values


def find_splits(marker: np.ndarray, min_share: float) -> Splits:
    """Where a marker may be cut so that both groups keep about ``min_share`` of the patients.

    As in R's maxstat, the low group has between ⌊n·min_share⌋ (at least 1) and
    ⌊n·(1−min_share)⌋ patients; patients with equal values are never parted.

    Raises:
        InputError: ``min_share`` is not in [0, 0.5).
        StatisticsError: the marker is constant, or nothing can be cut within these bounds.
    """
    if not 0.0 <= min_share < 0.5:
        raise InputError(
            f"the smallest group's share must be in [0, 0.5), got {min_share:g}", source="min_share"
        )
    n = marker.size
    order = np.argsort(marker, kind="stable")
    ordered = marker[order]
    if ordered[0] == ordered[-1]:
        raise StatisticsError(
            f"all {n} values are {ordered[0]:g}, so nothing can be cut",
            source="marker",
            remedy="choose another marker",
        )
    n_low = np.flatnonzero(np.diff(ordered) > 0) + 1
    lowest = max(1, math.floor(n * min_share))
    highest = min(n - 1, math.floor(n * (1.0 - min_share)))
    n_low = n_low[(n_low >= lowest) & (n_low <= highest)]
    if n_low.size == 0:
        raise StatisticsError(
            f"no value leaves {min_share:.0%} of the {n} patients on either side",
            source="marker",
            remedy="lower the smallest group's share",
        )
    return Splits(order, n_low, ordered[n_low - 1])


def thin_splits(splits: Splits, max_cuts: int) -> Splits:
    """At most ``max_cuts`` of the cuts, evenly spaced by rank."""
    k = splits.n_low.size
    if k <= max_cuts:
        return splits
    kept = np.unique(np.linspace(0, k - 1, max_cuts).round().astype(np.int64))
    return Splits(splits.order, splits.n_low[kept], splits.cutpoints[kept])


def event_time_index(outcome: SurvivalOutcome) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The risk sets at the distinct event times.

    Returns:
        (n,) how many distinct event times are ≤ each patient's time (the risk sets the patient
        is in), (d,) events and (d,) patients at risk at each event time.
    """
    times, events = np.unique(outcome.time_months[outcome.event], return_counts=True)
    index = np.searchsorted(times, outcome.time_months, side="right")
    leaving = np.bincount(index, minlength=times.size + 1)
    at_risk = len(outcome) - np.cumsum(leaving)[: times.size]
    return index, events, at_risk


def hypergeometric_terms(events: np.ndarray, at_risk: np.ndarray) -> np.ndarray:
    """d(n−d)/(n−1) at every event time, 0 where one patient is left."""
    return events * (at_risk - events) / np.maximum(at_risk - 1, 1)


def risk_sets(outcome: SurvivalOutcome) -> RiskSets:
    """The log-rank test's numbers, one set a patient."""
    index, events, at_risk = event_time_index(outcome)
    terms = hypergeometric_terms(events, at_risk)

    def up_to(values: np.ndarray) -> np.ndarray:
        return np.concatenate(([0.0], np.cumsum(values)))[index]

    return RiskSets(
        outcome.event - up_to(events / at_risk),
        up_to(terms / at_risk),
        up_to(terms / at_risk.astype(np.float64) ** 2),
    )


def hothorn_lausen_scores(outcome: SurvivalOutcome) -> np.ndarray:
    """Log-rank scores as R's maxstat defines them: event − Σ eventₖ/(n − rank(tₖ) + 1).

    Ranks of tied times are the largest of the tie (Hothorn & Lausen 2003), so that with tied
    times these differ from events minus the Nelson-Aalen hazard; without ties they are the same.
    """
    n = len(outcome)
    order = np.argsort(outcome.time_months, kind="stable")
    ordered = outcome.time_months[order]
    rank = np.searchsorted(ordered, outcome.time_months, side="right")
    hazard = np.cumsum((outcome.event / (n - rank + 1.0))[order])
    return outcome.event - hazard[rank - 1]


def logrank_scan(low_first: RiskSets, n_low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-rank z of every cut.

    Args:
        low_first: the patients' numbers in order of the marker.
        n_low: (k,) sizes of the low groups.

    Returns:
        (k,) z: negative where the low group has fewer events than expected (a high marker is
        worse), its square is the log-rank chi-square with one degree of freedom; and (k,) the
        hypergeometric variance. Where the variance is nil (nobody of one group is ever at risk
        when something happens) z is 0.
    """
    second = low_first.second[None, :]
    ascending = np.argsort(second[0], kind="stable")[None, :]
    pairs = running_min_sums(second[:, ascending[0]], ascending)
    return _standardize(
        low_first.score[None, :], low_first.first[None, :], second, pairs, n_low, flat=True
    )


def permuted_logrank_maxima(
    numbers: RiskSets, n_low: np.ndarray, n_permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """(n_permutations,) largest |z| when the marker is dealt out to the patients at random."""
    n = numbers.score.size
    ascending = np.argsort(numbers.second, kind="stable")
    score, first, second = (
        values[ascending] for values in (numbers.score, numbers.first, numbers.second)
    )
    chunk = max(1, 2_000_000 // n)
    maxima = []
    for start in range(0, n_permutations, chunk):
        rows = min(chunk, n_permutations - start)
        places = rng.permuted(np.tile(np.arange(n), (rows, 1)), axis=1)
        pairs = running_min_sums(np.broadcast_to(second, (rows, n)), places)

        def placed(values: np.ndarray, places: np.ndarray = places) -> np.ndarray:
            out = np.empty(places.shape)
            np.put_along_axis(out, places, np.broadcast_to(values, places.shape), axis=1)
            return out

        z, _ = _standardize(placed(score), placed(first), placed(second), pairs, n_low)
        maxima.append(np.abs(z).max(axis=1))
    return np.concatenate(maxima)


def _standardize(
    score: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    pairs: np.ndarray,
    n_low: np.ndarray,
    flat: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """z and variance of every cut, from (rows, n) numbers in order of the marker."""
    difference = np.cumsum(score, axis=1)[:, n_low - 1]
    variance = np.cumsum(first - second - 2.0 * pairs, axis=1)[:, n_low - 1]
    useful = variance > _NEGLIGIBLE_VARIANCE * variance.max(axis=1, keepdims=True)
    z = np.divide(
        difference,
        np.sqrt(np.where(useful, variance, 1.0)),
        out=np.zeros_like(difference),
        where=useful,
    )
    return (z[0], variance[0]) if flat else (z, variance)


def running_min_sums(ascending: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Σ over earlier places k < m of min(valueₖ, valueₘ), for every place m.

    Halves of the places are merged from the top: within a block whose values are in ascending
    order, a value of the later half meets the smaller ones of the earlier half as their sum and
    the larger ones as its own value times their number.

    Args:
        ascending: (rows, n) values ≥ 0, ascending in each row.
        places: (rows, n) the place (0 … n−1) of each of these values.

    Returns:
        (rows, n) the sums, by place.
    """
    rows, n = ascending.shape
    size = 1 << max(1, (n - 1).bit_length())
    value = np.zeros((rows, 1, size))
    place = np.empty((rows, 1, size), dtype=np.int64)
    # Padding takes the last places and the value 0, before all others in ascending order.
    place[:, 0, : size - n] = np.arange(n, size)
    value[:, 0, size - n :], place[:, 0, size - n :] = ascending, places
    sums = np.zeros((rows, size))
    half = size // 2
    while half >= 1:
        later = (place & half) != 0
        smaller = np.cumsum(np.where(later, 0.0, value), axis=-1)
        larger = half - np.cumsum(~later, axis=-1)
        met = np.where(later, smaller + value * larger, 0.0).reshape(rows, size)
        flat_place = place.reshape(rows, size)
        if rows == 1:
            sums[0, flat_place[0]] += met[0]
        else:
            offsets = np.arange(rows)[:, None] * size
            sums.reshape(-1)[flat_place + offsets] += met
        shape = (rows, value.shape[1], half)
        value, place = (
            np.stack((x[~later].reshape(shape), x[later].reshape(shape)), axis=2).reshape(
                rows, -1, half
            )
            for x in (value, place)
        )
        half //= 2
    return sums[:, :n]
