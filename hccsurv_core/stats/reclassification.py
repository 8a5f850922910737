"""Reclassification: how a new model moves the predicted risks of patients with and without event.

Net reclassification improvement (NRI) and integrated discrimination improvement (IDI): Pencina et
al., Stat Med 2008;27:157-172; continuous NRI and Kaplan-Meier NRI of censored outcomes: Pencina,
D'Agostino & Steyerberg, Stat Med 2011;30:11-21; IDI, continuous NRI and median improvement with
inverse-probability-of-censoring weights: Uno et al., Stat Med 2013;32:2430-2442.

Known criticism, to be told beside any of these numbers: they can be positive for a new model that
is merely badly calibrated, and even the true model can be "improved" without information (Hilden &
Gerds, Stat Med 2014;33:3405-3414). Kerr et al., Epidemiology 2014;25:114-121, advise to report
events and non-events apart, advise against NRI with three or more categories, and show that the
continuous NRI overstates what a marker adds even in independent data. Tests of NRI or IDI = 0 for
nested models are not valid, so no p-value is given: test the marker's coefficient, and judge gain
by AUC, Brier score and net benefit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.progress import Progress, silent
from hccsurv_core.stats.arguments import checked_event, checked_probability, checked_times
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.horizon_weights import HorizonWeights, Outcome, horizon_weights
from hccsurv_core.stats.observed_risk import observed_risk, require_follow_up
from hccsurv_core.stats.resampling import describe, percentile_bounds, resample_indices

_NRI_KINDS = ("ipcw", "kaplan-meier")


@dataclass(frozen=True)
class ReclassificationIndex:
    """An index and the two parts it is the sum of; positive is better.

    Args:
        total: events + nonevents.
        events: rise of risk among patients with the event (IDI: mean rise; NRI: share moved up −
            share moved down).
        nonevents: fall of risk among patients without.
    """

    total: Estimate
    events: Estimate
    nonevents: Estimate

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        return {
            "total": self.total.to_json(),
            "events": self.events.to_json(),
            "nonevents": self.nonevents.to_json(),
        }


@dataclass(frozen=True, eq=False)
class Reclassification:
    """What a new model changes; see the criticism in this module's description.

    Args:
        idi: integrated discrimination improvement, −1 to 1 in each part.
        continuous_nri: any change of risk counts; the total runs from −2 to 2 (R's
            survIDINRI reports half of it).
        categorical_nri: changes across ``cutoffs`` count; None without cut-offs.
        median_improvement: median change among events − among non-events.
        events, nonevents: (c, c) patients by old category (row) and new (column), weighted where
            the outcome is censored; None without cut-offs.
        cutoffs: between categories; a risk equal to one belongs to the higher category.
        horizon_months: None for a binary outcome.
    """

    idi: ReclassificationIndex
    continuous_nri: ReclassificationIndex
    categorical_nri: ReclassificationIndex | None
    median_improvement: Estimate
    events: np.ndarray | None
    nonevents: np.ndarray | None
    cutoffs: tuple[float, ...]
    horizon_months: float | None

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        categorical = self.categorical_nri
        return {
            "idi": self.idi.to_json(),
            "continuous_nri": self.continuous_nri.to_json(),
            "categorical_nri": None if categorical is None else categorical.to_json(),
            "median_improvement": self.median_improvement.to_json(),
            "events": None if self.events is None else self.events.tolist(),
            "nonevents": None if self.nonevents is None else self.nonevents.tolist(),
            "cutoffs": list(self.cutoffs),
            "horizon_months": self.horizon_months,
        }


def reclassification(
    event: ArrayLike,
    risk_old: ArrayLike,
    risk_new: ArrayLike,
    *,
    cutoffs: Sequence[float] = (),
    n_resamples: int = 0,
    seed: int = 0,
    level: float = 0.95,
    progress: Progress = silent,
) -> Reclassification:
    """NRI and IDI of a binary outcome.

    Without resampling the intervals are Wald's with the standard errors of R's Hmisc::improveProb
    (Pencina's). They take the predictions as given, so they hold for new patients, not for those
    the models were fitted to; the median improvement then has none.

    Args:
        event: (n,) true where the event happened.
        risk_old, risk_new: (n,) predicted probabilities of the two models.
        cutoffs: rising, between 0 and 1: those a clinician acts on.
        n_resamples: percentile bootstrap intervals instead, from this many resamples.

    Raises:
        InputError: shapes or values cannot be used. StatisticsError: events or non-events lack.
    """
    normal_quantile(level)
    case = checked_event(event)
    moves = _Moves(risk_old, risk_new, case.size, cutoffs)

    def evaluate(rows: np.ndarray) -> np.ndarray:
        happened = case[rows].astype(float)
        if not 0 < happened.sum() < rows.size:
            raise StatisticsError("a resample lacks events or non-events", source="bootstrap")
        return moves.indices(rows, happened, 1.0 - happened)

    errors = np.full((moves.count, 3), np.nan)
    for row, change in enumerate(moves.changes):
        # Pencina's variances: of a mean for the IDI, multinomial for the NRI.
        ddof = 1 if row == 0 else 0
        parts = [_mean_error(change[group], ddof) for group in (case, ~case)]
        errors[row] = [np.hypot(parts[0], parts[1]), *parts]
    return _collect(
        moves, evaluate, errors, case.astype(float), None, case.size, int(case.sum()),
        "Wald", n_resamples, seed, level, progress,
    )  # fmt: skip


def reclassification_at_horizon(
    outcome: Outcome,
    risk_old: ArrayLike,
    risk_new: ArrayLike,
    horizon_months: float,
    *,
    cutoffs: Sequence[float] = (),
    nri_by: str = "ipcw",
    train: Outcome | None = None,
    n_resamples: int = 0,
    seed: int = 0,
    level: float = 0.95,
    progress: Progress = silent,
) -> Reclassification:
    """NRI and IDI of having had the event by a horizon.

    Without resampling the intervals are Wald's from influence functions, censoring weights
    included (see :mod:`~hccsurv_core.stats.horizon_weights`); they take the predictions as given.
    The median improvement and the Kaplan-Meier NRI have an interval by resampling only.

    Args:
        outcome: n patients; with competing causes the event is cause 1.
        risk_old, risk_new: (n,) predicted probabilities of the event by the horizon.
        horizon_months: months.
        cutoffs: rising, between 0 and 1: those a clinician acts on.
        nri_by: "ipcw" (Uno 2013), or "kaplan-meier": Pencina's (2011) estimate from the observed
            risk among those moved up and those moved down. The IDI is by weights in both.
        train: patients from whom the censoring distribution is learned; default the same.
        n_resamples: percentile bootstrap intervals instead, from this many resamples.

    Raises:
        InputError: shapes or values cannot be used.
        StatisticsError: nobody is followed as long as the horizon, or cases or controls lack.
    """
    normal_quantile(level)
    horizon = checked_times(horizon_months)
    if nri_by not in _NRI_KINDS:
        raise InputError(f"NRI is by {' or '.join(_NRI_KINDS)}, not {nri_by!r}", source="nri_by")
    moves = _Moves(risk_old, risk_new, len(outcome), cutoffs)
    require_follow_up(outcome, float(horizon[0]))
    weights = horizon_weights(outcome, horizon, train=train)
    weights.require_both()

    def evaluate(rows: np.ndarray) -> np.ndarray:
        part = outcome.subset(rows)
        drawn = horizon_weights(part, horizon, train=train)
        drawn.require_both()
        weight = drawn.weight[:, 0]
        found = moves.indices(rows, weight * drawn.case[:, 0], weight * drawn.control[:, 0])
        if nri_by == "kaplan-meier":
            for row in range(1, moves.count):
                found[row] = _kaplan_meier_nri(part, moves.changes[row][rows], float(horizon[0]))
        return found

    errors = _influence_errors(weights, moves)
    if nri_by == "kaplan-meier":
        errors[1:] = np.nan
    case = weights.case[:, 0] * weights.weight[:, 0]
    control = weights.control[:, 0] * weights.weight[:, 0]
    return _collect(
        moves, evaluate, errors, case, control, len(outcome), int(weights.case.sum()),
        "influence function, Wald", n_resamples, seed, level, progress, float(horizon[0]),
    )  # fmt: skip


class _Moves:
    """What the new model changes for each patient: row 0 in risk, then directions, −1 to 1."""

    def __init__(
        self, risk_old: ArrayLike, risk_new: ArrayLike, n: int, cutoffs: Sequence[float]
    ) -> None:
        old = checked_probability(risk_old, n, source="risk_old")
        new = checked_probability(risk_new, n, source="risk_new")
        edges = np.asarray(tuple(cutoffs), dtype=np.float64)
        if edges.size and not (np.diff(edges, prepend=0.0, append=1.0) > 0).all():
            raise InputError("cut-offs must rise and lie between 0 and 1", source="cutoffs")
        self.cutoffs = tuple(float(edge) for edge in edges)
        self.changes = [new - old, np.sign(new - old)]
        self.old = np.searchsorted(edges, old, side="right")
        self.new = np.searchsorted(edges, new, side="right")
        if edges.size:
            self.changes.append(np.sign(self.new - self.old).astype(float))

    @property
    def count(self) -> int:
        """Indices: IDI, continuous NRI and, with cut-offs, categorical NRI."""
        return len(self.changes)

    def indices(self, rows: np.ndarray, case: np.ndarray, control: np.ndarray) -> np.ndarray:
        """(count + 1, 3) total, events, non-events; the last row is the median improvement."""
        found = np.empty((self.count + 1, 3))
        for row, change in enumerate(self.changes):
            rise = float(change[rows] @ case) / case.sum()
            fall = -float(change[rows] @ control) / control.sum()
            found[row] = rise + fall, rise, fall
        medians = [_weighted_median(self.changes[0][rows], w) for w in (case, control)]
        found[-1] = medians[0] - medians[1], medians[0], -medians[1]
        return found

    def table(self, weight: np.ndarray) -> np.ndarray:
        """(c, c) sums of weights by old and new category."""
        c = len(self.cutoffs) + 1
        return np.bincount(self.old * c + self.new, weight, c * c).reshape(c, c)


def _influence_errors(weights: HorizonWeights, moves: _Moves) -> np.ndarray:
    """(count, 3) standard errors of total, events and non-events."""
    columns = []
    for change in moves.changes:
        for group, sign in ((weights.case, 1.0), (weights.control, -1.0)):
            mass = (weights.weight * group)[:, 0]
            share = mass / mass.sum()
            columns.append(sign * weights.n * share * (change - change @ share))
    parts = weights.influence(np.stack(columns, axis=1))
    events, nonevents = parts[:, 0::2], parts[:, 1::2]
    errors = [weights.std_error(part) for part in (events + nonevents, events, nonevents)]
    return np.stack(errors, axis=1)


def _kaplan_meier_nri(outcome: Outcome, direction: np.ndarray, horizon: float) -> np.ndarray:
    """Total, events and non-events by Bayes' rule from the risks of those moved up and down."""
    overall = observed_risk(outcome, horizon).risk
    events = nonevents = 0.0
    for sign in (1.0, -1.0):
        moved = direction == sign
        if moved.any():
            risk = observed_risk(outcome.subset(moved), horizon).risk
            events += sign * moved.mean() * risk / overall
            nonevents -= sign * moved.mean() * (1.0 - risk) / (1.0 - overall)
    return np.array([events + nonevents, events, nonevents])


def _collect(
    moves: _Moves,
    evaluate: Callable[[np.ndarray], np.ndarray],
    errors: np.ndarray,
    case: np.ndarray,
    control: np.ndarray | None,
    n: int,
    n_events: int,
    words: str,
    n_resamples: int,
    seed: int,
    level: float,
    progress: Progress,
    horizon: float | None = None,
) -> Reclassification:
    values = evaluate(np.arange(n))
    half = normal_quantile(level) * np.vstack([errors, np.full(3, np.nan)])
    low, high = values - half, values + half
    method = np.full(values.shape, words, dtype=object)
    method[~np.isfinite(half)] = "no interval without resampling"
    if n_resamples:
        draws = np.full((n_resamples, *values.shape), np.nan)
        for i, rows in enumerate(resample_indices(n, n_resamples, seed)):
            if i % 20 == 0:
                progress(i / n_resamples, f"resample {i} of {n_resamples}")
            try:
                draws[i] = evaluate(rows)
            except StatisticsError:
                continue  # counted by percentile_bounds, and told in the method
        for at in np.ndindex(values.shape):
            drawn = draws[(slice(None), *at)]
            low[at], high[at] = percentile_bounds(drawn, level)
            method[at] = describe("percentile", drawn, seed)

    def estimate(row: int, column: int) -> Estimate:
        at = row, column
        return Estimate(
            float(values[at]), float(low[at]), float(high[at]), level, method[at], n, n_events
        )

    indices = [
        ReclassificationIndex(*(estimate(row, k) for k in range(3))) for row in range(moves.count)
    ]
    others = 1.0 - case if control is None else control
    return Reclassification(
        idi=indices[0],
        continuous_nri=indices[1],
        categorical_nri=indices[2] if moves.cutoffs else None,
        median_improvement=estimate(moves.count, 0),
        events=moves.table(case) if moves.cutoffs else None,
        nonevents=moves.table(others) if moves.cutoffs else None,
        cutoffs=moves.cutoffs,
        horizon_months=horizon,
    )


def _mean_error(values: np.ndarray, ddof: int) -> float:
    if values.size <= ddof:
        return float("nan")
    return float(values.std(ddof=ddof)) / values.size**0.5


def _weighted_median(values: np.ndarray, weight: np.ndarray) -> float:
    """Where half of the weight lies below; the middle where that is a whole stretch."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    # Rounding must not decide whether the half is reached exactly.
    first = int(np.searchsorted(share, 0.5 - 1e-12))
    second = int(np.searchsorted(share, 0.5 + 1e-12))
    return float(values[order[first]] + values[order[second]]) / 2
