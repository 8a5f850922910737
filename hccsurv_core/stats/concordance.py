"""Concordance of a risk score with survival, with fast intervals.

Harrell's C (Harrell et al., JAMA 1982;247:2543-2546) and Uno's (Stat Med 2011;30:1105-1117).
A pair is comparable when it is known who had the event first: i had it, and j was still followed
at that time (a death counts before a censoring at the same time; two deaths at the same time are
not compared). It is concordant when i has the higher risk score; equal scores count one half.

Patients are sorted by time once. Then everybody comparable with i stands behind i, and a
bootstrap is one matrix product: with W the number of times each patient was drawn and A the
concordance of each pair, the concordant pairs of a resample are the sum of W * (W A').
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.censoring import censoring_survival
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.resampling import (
    bootstrap_p,
    describe,
    percentile_bounds,
    resample_counts,
    resample_indices,
)

METHODS = ("harrell", "uno")
_BLOCK = 256
#: Resamples at a time: bounds the memory at large n.
_CHUNK = 250


def harrell_c(outcome: SurvivalOutcome, risk_score: ArrayLike) -> float:
    """Harrell's C: 1 is perfect, 0.5 is chance.

    Args:
        outcome: of n patients.
        risk_score: (n,) higher is worse.

    Raises:
        InputError: shapes differ or a score is missing.
        StatisticsError: no two patients can be compared.
    """
    pairs, _ = _prepare(outcome, risk_score, "harrell", None, None)
    return pairs.value(None)


def uno_c(
    outcome: SurvivalOutcome,
    risk_score: ArrayLike,
    *,
    train: SurvivalOutcome | None = None,
    horizon_months: float | None = None,
) -> float:
    """Uno's C: Harrell's with each pair weighted by 1 / G(t-)^2, so that it does not depend on
    who was censored; G is the Kaplan-Meier curve of the censoring.

    Args:
        outcome: of n patients.
        risk_score: (n,) higher is worse.
        train: whose censoring G is estimated on; default ``outcome`` itself.
        horizon_months: only events before this time count.

    Raises:
        InputError: shapes differ or a score is missing.
        StatisticsError: no two patients can be compared, or G is 0 where it is needed.
    """
    pairs, weight = _prepare(outcome, risk_score, "uno", train, horizon_months)
    return pairs.value(weight)


def estimate_concordance(
    outcome: SurvivalOutcome,
    risk_score: ArrayLike,
    *,
    method: str = "harrell",
    train: SurvivalOutcome | None = None,
    horizon_months: float | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    device: str = "cpu",
) -> Estimate:
    """Harrell's or Uno's C with a percentile bootstrap interval.

    With "uno" the censoring is estimated anew in each resample, unless ``train`` is given.
    ``device`` is "cpu", "cuda" or "auto"; the answer is the same.
    """
    pairs, weight = _prepare(outcome, risk_score, method, train, horizon_months)
    value = pairs.value(weight)
    draws = _draw(pairs, outcome, method, train, n_resamples, seed, device)
    low, high = percentile_bounds(draws, level)
    return Estimate(
        value, low, high, level, describe("percentile", draws, seed), len(outcome), outcome.n_events
    )


def compare_concordance(
    outcome: SurvivalOutcome,
    risk_score_a: ArrayLike,
    risk_score_b: ArrayLike,
    *,
    method: str = "harrell",
    train: SurvivalOutcome | None = None,
    horizon_months: float | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    device: str = "cpu",
) -> tuple[Estimate, float]:
    """C of a minus C of b on the same patients, with a paired bootstrap interval and p-value."""
    values, draws = [], []
    for score in (risk_score_a, risk_score_b):
        pairs, weight = _prepare(outcome, score, method, train, horizon_months)
        values.append(pairs.value(weight))
        draws.append(_draw(pairs, outcome, method, train, n_resamples, seed, device))
    difference = draws[0] - draws[1]
    low, high = percentile_bounds(difference, level)
    estimate = Estimate(
        values[0] - values[1], low, high, level, describe("paired percentile", difference, seed),
        len(outcome), outcome.n_events,
    )  # fmt: skip
    return estimate, bootstrap_p(difference)


def concordance_draws(
    outcome: SurvivalOutcome,
    risk_score: ArrayLike,
    *,
    method: str = "harrell",
    train: SurvivalOutcome | None = None,
    horizon_months: float | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
    device: str = "cpu",
) -> tuple[float, np.ndarray]:
    """C and its (n_resamples,) bootstrap draws; the same seed draws the same patients."""
    pairs, weight = _prepare(outcome, risk_score, method, train, horizon_months)
    return pairs.value(weight), _draw(pairs, outcome, method, train, n_resamples, seed, device)


def weighted_concordance(
    outcome: SurvivalOutcome, risk_score: ArrayLike, counts: np.ndarray
) -> np.ndarray:
    """Harrell's C of resamples that are given.

    Args:
        outcome: of n patients.
        risk_score: (n,) higher is worse.
        counts: (R, n) times each patient counts in each resample.

    Returns:
        (R,) C; NaN where a resample has no comparable pair.
    """
    pairs, _ = _prepare(outcome, risk_score, "harrell", None, None)
    if counts.ndim != 2 or counts.shape[1] != len(outcome):
        raise InputError(
            f"{len(outcome)} patients but counts of shape {counts.shape}", source="counts"
        )
    found = [
        pairs.concordance(counts[begin : begin + _CHUNK].astype(np.float32), None)
        for begin in range(0, len(counts), _CHUNK)
    ]
    return np.concatenate(found) if found else np.zeros(0)


def jackknife_concordance(
    outcome: SurvivalOutcome,
    risk_score: ArrayLike,
    *,
    method: str = "harrell",
    train: SurvivalOutcome | None = None,
    horizon_months: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """C with the Wald interval of its infinitesimal jackknife, as R's survival::concordance.

    One pass and no resampling: for an answer at once on a large cohort. For "uno" the censoring
    weights are taken as known.
    """
    pairs, weight = _prepare(outcome, risk_score, method, train, horizon_months)
    value, error = pairs.jackknife(weight)
    half = normal_quantile(level) * error
    return Estimate(
        value, max(0.0, value - half), min(1.0, value + half), level,
        "infinitesimal jackknife, Wald", len(outcome), outcome.n_events,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Sorted:
    """Patients by rising time, deaths before censorings at the same time."""

    order: np.ndarray
    event_position: np.ndarray
    #: First position that is comparable with each event.
    first_later: np.ndarray


def _sort(outcome: SurvivalOutcome, horizon_months: float | None) -> _Sorted:
    order = np.lexsort((~outcome.event, outcome.time_months))
    time, event = outcome.time_months[order], outcome.event[order]
    position = np.flatnonzero(
        event & (time < (np.inf if horizon_months is None else horizon_months))
    )
    deaths_until = np.searchsorted(time[event], time[position], side="right")
    events_at = np.flatnonzero(event)
    # Deaths at one time are neighbors: what follows the last of them is comparable.
    return _Sorted(order, position, events_at[deaths_until - 1] + 1)


class _Pairs:
    """The comparable pairs of one score."""

    def __init__(
        self, outcome: SurvivalOutcome, score: np.ndarray, horizon_months: float | None = None
    ) -> None:
        self.sorted = _sort(outcome, horizon_months)
        self.score = score[self.sorted.order]
        self.event_time = outcome.time_months[self.sorted.order][self.sorted.event_position]
        if not (self.sorted.first_later < len(outcome)).any():
            raise StatisticsError(
                "no two patients can be compared: nobody was followed beyond an event",
                source="concordance",
                remedy="more patients or events are needed",
            )

    def blocks(self):
        """Yield rows, first column and the concordance of those events with who stands behind."""
        position, later, score = self.sorted.event_position, self.sorted.first_later, self.score
        for start in range(0, position.size, _BLOCK):
            rows = slice(start, min(start + _BLOCK, position.size))
            first = int(later[start])
            own = score[position[rows], None]
            behind = score[None, first:]
            agreement = (own > behind).astype(np.float32)
            agreement += np.float32(0.5) * (own == behind)
            reach = int(later[rows.stop - 1]) - first
            not_yet = np.arange(first, first + reach)[None] < later[rows, None]
            agreement[:, :reach][not_yet] = 0
            yield rows, first, agreement

    def concordance(
        self, counts: np.ndarray, event_weight: np.ndarray | None, device: str = "cpu"
    ) -> np.ndarray:
        """C of each resample; NaN where a resample has no comparable pair.

        Args:
            counts: (R, n) float32 times each patient was drawn, in the caller's order.
            event_weight: (R, n_events) or (1, n_events) weight of each event's pairs; None is 1.
        """
        counts = counts[:, self.sorted.order]
        row_weight = counts[:, self.sorted.event_position].astype(np.float64)
        if event_weight is not None:
            row_weight *= event_weight
        behind = np.cumsum(counts[:, ::-1], axis=1, dtype=np.float64)[:, ::-1]
        behind = np.concatenate([behind, np.zeros((len(counts), 1))], axis=1)
        comparable = np.einsum("re,re->r", row_weight, behind[:, self.sorted.first_later])
        if device == "cuda":
            concordant = count_with_torch(self, counts, row_weight, device)
        else:
            concordant = _count_with_numpy(self, counts, row_weight)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(comparable > 0, concordant / comparable, np.nan)

    def value(self, event_weight: np.ndarray | None) -> float:
        """C of everybody."""
        everybody = np.ones((1, self.score.size), np.float32)
        weight = None if event_weight is None else event_weight[None]
        return float(self.concordance(everybody, weight)[0])

    def jackknife(self, event_weight: np.ndarray | None) -> tuple[float, float]:
        """C, and the root of the summed squared influence of each patient on it."""
        n = self.score.size
        later, position = self.sorted.first_later, self.sorted.event_position
        weight = np.ones(position.size) if event_weight is None else event_weight
        concordant = np.zeros(n)
        comparable = np.zeros(n)
        comparable[position] += weight * (n - later)
        comparable += np.cumsum(np.bincount(later, weight, n + 1))[:n]
        for rows, first, agreement in self.blocks():
            concordant[position[rows]] += weight[rows] * agreement.sum(1, dtype=np.float64)
            concordant[first:] += weight[rows] @ agreement
        # Each pair is in two patients' sums.
        pairs, good = comparable.sum() / 2, concordant.sum() / 2
        influence = (concordant - comparable * good / pairs) / pairs
        return float(good / pairs), float(np.sqrt((influence**2).sum()))


def _count_with_numpy(pairs: _Pairs, counts: np.ndarray, row_weight: np.ndarray) -> np.ndarray:
    """Concordant pairs of each resample. Products of counts stay below 2^24: exact in float32."""
    total = np.zeros(len(counts))
    for rows, first, agreement in pairs.blocks():
        total += np.einsum("re,re->r", row_weight[:, rows], counts[:, first:] @ agreement.T)
    return total


def count_with_torch(
    pairs: _Pairs, counts: np.ndarray, row_weight: np.ndarray, device: str
) -> np.ndarray:
    """The same on ``device``, pairs compared there too."""
    import torch

    def put(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device)

    drawn, weight, score = put(counts), put(row_weight), put(pairs.score)
    position, later = put(pairs.sorted.event_position), put(pairs.sorted.first_later)
    places = torch.arange(score.numel(), device=device)
    total = torch.zeros(len(counts), dtype=torch.float64, device=device)
    for start in range(0, position.numel(), 8 * _BLOCK):
        rows = slice(start, min(start + 8 * _BLOCK, position.numel()))
        own = score[position[rows], None]
        agreement = (own > score).float() + 0.5 * (own == score).float()
        agreement *= places >= later[rows, None]
        total += (weight[:, rows] * (drawn @ agreement.T)).sum(1)
    return total.cpu().numpy()


def _prepare(
    outcome: SurvivalOutcome,
    risk_score: ArrayLike,
    method: str,
    train: SurvivalOutcome | None,
    horizon_months: float | None,
) -> tuple[_Pairs, np.ndarray | None]:
    """The pairs, and the weight of each event's (None is 1)."""
    if method not in METHODS:
        raise InputError(
            f"no concordance is called {method!r}", source="concordance",
            remedy=f"use {' or '.join(METHODS)}",
        )  # fmt: skip
    pairs = _Pairs(outcome, _checked_score(outcome, risk_score), horizon_months)
    if method == "harrell":
        return pairs, None
    return pairs, 1.0 / _censoring_before(train or outcome, pairs.event_time) ** 2


def _draw(
    pairs: _Pairs,
    outcome: SurvivalOutcome,
    method: str,
    train: SurvivalOutcome | None,
    n_resamples: int,
    seed: int,
    device: str,
) -> np.ndarray:
    """(R,) C of each resample."""
    if device != "cpu":
        from hccsurv_core.device import choose_device

        device = choose_device(device)
    indices = resample_indices(len(outcome), n_resamples, seed)
    draws = []
    for start in range(0, n_resamples, _CHUNK):
        counts = resample_counts(indices[start : start + _CHUNK])
        weight = None
        if method == "uno" and train is None:
            weight = _resampled_weights(outcome, counts, pairs)
        elif method == "uno" and train is not None:
            weight = 1.0 / _censoring_before(train, pairs.event_time)[None] ** 2
        draws.append(pairs.concordance(counts, weight, device))
    return np.concatenate(draws)


def _resampled_weights(outcome: SurvivalOutcome, counts: np.ndarray, pairs: _Pairs) -> np.ndarray:
    """(R, n_events) 1 / G(t-)^2 with G estimated in each resample, all resamples at once."""
    order = pairs.sorted.order
    time, event = outcome.time_months[order], outcome.event[order]
    drawn = counts[:, order].astype(np.float64)
    # Deaths stand before censorings of the same time: who is censored is at risk after them.
    at_risk = np.cumsum(drawn[:, ::-1], axis=1)[:, ::-1]
    starts = np.flatnonzero(np.concatenate([[True], time[1:] != time[:-1]]))
    left = np.add.reduceat(drawn * ~event, starts, axis=1)
    deaths = np.add.reduceat(drawn * event, starts, axis=1)
    exposed = at_risk[:, starts] - deaths
    with np.errstate(invalid="ignore", divide="ignore"):
        stays = np.where(exposed > 0, 1 - left / exposed, 1.0)
    survival = np.cumprod(np.concatenate([np.ones((len(drawn), 1)), stays], axis=1), axis=1)
    before = survival[:, np.searchsorted(time[starts], pairs.event_time, side="left")]
    with np.errstate(divide="ignore"):
        # G is 0 only where a resample has nobody left: such an event was not drawn.
        return np.where(before > 0, 1.0 / np.maximum(before, 1e-300) ** 2, 0.0)


def _censoring_before(train: SurvivalOutcome, times: np.ndarray) -> np.ndarray:
    """G(t-) of the training patients.

    Raises:
        StatisticsError: it is 0 at one of the times.
    """
    probability = np.asarray(censoring_survival(train).before(times))
    if (probability <= 0).any():
        raise StatisticsError(
            f"nobody of the training part was followed beyond "
            f"{float(np.min(times[probability <= 0])):g} months",
            source="censoring weights",
            remedy="choose an earlier horizon",
        )
    return probability


def _checked_score(outcome: SurvivalOutcome, risk_score: ArrayLike) -> np.ndarray:
    score = np.asarray(risk_score, dtype=np.float64)
    if score.shape != (len(outcome),):
        raise InputError(
            f"{len(outcome)} patients but risk scores of shape {score.shape}", source="risk_score"
        )
    if not np.isfinite(score).all():
        raise InputError(
            f"{int((~np.isfinite(score)).sum())} risk scores are missing or not finite",
            source="risk_score",
            remedy="leave these patients out",
        )
    return score
