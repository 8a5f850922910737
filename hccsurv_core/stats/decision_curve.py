"""Decision curves: does acting on a predicted risk do more good than harm?

Vickers & Elkin, Med Decis Making 2006;26:565-574; censored outcomes and competing risks: Vickers,
Cronin, Elkin & Gonen, BMC Med Inform Decis Mak 2008;8:53. At a threshold probability p, patients
with predicted risk >= p are treated, and a patient treated in vain costs p / (1 − p) of one
treated rightly: net benefit = share of true positives − share of false positives · p / (1 − p).
Definitions are those of the packages dcurves (R and Python).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import CompetingOutcome
from hccsurv_core.progress import Progress, silent
from hccsurv_core.stats.arguments import checked_event, checked_probability, checked_times
from hccsurv_core.stats.horizon_weights import Outcome
from hccsurv_core.stats.plain import plain_number, plain_numbers
from hccsurv_core.stats.resampling import resample_indices

#: The name of treating everybody, beside the models' names.
TREAT_ALL = "treat all"
#: An interval at a threshold needs an answer in at least this share of resamples.
_ANSWERED = 0.9

# From (n,) numbers of times each patient counts to (strategies, k) net benefit.
_Evaluate = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit of models and of treating everybody; treating nobody is 0 throughout.

    Args:
        thresholds: (k,) threshold probabilities.
        net_benefit: by name, :data:`TREAT_ALL` among them: (k,); NaN where nobody of those above
            the threshold is followed to the horizon.
        ci_low, ci_high: by name, (k,) pointwise percentile bootstrap; empty without resampling.
        prevalence: share with the event (by the horizon).
        horizon_months: None for a binary outcome.
        n, n_events: patients, and events (known by the horizon).
        level, n_resamples, seed: of the bootstrap.
    """

    thresholds: np.ndarray
    net_benefit: dict[str, np.ndarray]
    prevalence: float
    horizon_months: float | None
    n: int
    n_events: int
    ci_low: dict[str, np.ndarray] = field(default_factory=dict)
    ci_high: dict[str, np.ndarray] = field(default_factory=dict)
    level: float = 0.95
    n_resamples: int = 0
    seed: int = 0
    _draws: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def odds(self) -> np.ndarray:
        """(k,) p / (1 − p): what a patient treated in vain costs."""
        return self.thresholds / (1.0 - self.thresholds)

    def standardized(self, name: str) -> np.ndarray:
        """(k,) net benefit / prevalence: 1 is a perfect model (Kerr et al., J Clin Oncol 2016)."""
        return self._of(name) / self.prevalence

    def interventions_avoided(self, name: str, *, per: int = 100) -> np.ndarray:
        """(k,) net reduction of interventions against treating everybody, in ``per`` patients.

        It is what remains after no fewer patients with the event are treated. NaN at threshold 0.
        """
        gained = self._of(name) - self._of(TREAT_ALL)
        return np.divide(
            gained * per, self.odds, out=np.full(gained.size, np.nan), where=self.odds > 0
        )

    def difference(self, name_a: str, name_b: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Net benefit of a minus b, and its interval from the same resamples.

        Returns:
            (k,) difference, lower and upper bounds; bounds are NaN without resampling.
        """
        difference = self._of(name_a) - self._of(name_b)
        if not self._draws:
            nothing = np.full(difference.size, np.nan)
            return difference, nothing, nothing
        return difference, *_bounds(self._draws[name_a] - self._draws[name_b], self.level)

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""
        strategies = {}
        for name, benefit in self.net_benefit.items():
            strategies[name] = {
                "net_benefit": plain_numbers(benefit),
                "standardized": plain_numbers(self.standardized(name)),
                "interventions_avoided_per_100": plain_numbers(self.interventions_avoided(name)),
            }
            if name in self.ci_low:
                strategies[name]["ci_low"] = plain_numbers(self.ci_low[name])
                strategies[name]["ci_high"] = plain_numbers(self.ci_high[name])
        return {
            "thresholds": self.thresholds.tolist(),
            "strategies": strategies,
            "prevalence": plain_number(self.prevalence),
            "horizon_months": self.horizon_months,
            "n": self.n,
            "n_events": self.n_events,
            "level": self.level,
            "n_resamples": self.n_resamples,
            "seed": self.seed,
        }

    def _of(self, name: str) -> np.ndarray:
        if name not in self.net_benefit:
            raise InputError(
                f"no strategy is called {name!r}",
                source="decision curve",
                remedy=f"use one of {', '.join(self.net_benefit)}",
            )
        return self.net_benefit[name]


def decision_curve(
    event: ArrayLike,
    risks: Mapping[str, ArrayLike],
    thresholds: ArrayLike | None = None,
    *,
    prevalence: float | None = None,
    n_resamples: int = 0,
    seed: int = 0,
    level: float = 0.95,
    progress: Progress = silent,
) -> DecisionCurve:
    """Decision curve of a binary outcome.

    Args:
        event: (n,) true where the event happened.
        risks: by model name, (n,) predicted probabilities. They should be calibrated, and come
            from other patients than these: a model judged on its own patients looks better.
        thresholds: (k,) 0 <= p < 1; default 0.01, 0.02, … 0.99. Show the range in which a
            clinician could hesitate.
        prevalence: in the population, where cases and controls were sampled apart.
        n_resamples: bootstrap resamples for intervals; 0 for none.

    Raises:
        InputError: shapes or values cannot be used. StatisticsError: events or non-events lack.
    """
    normal_quantile(level)
    case = checked_event(event)
    points = _checked_thresholds(thresholds)
    if prevalence is not None and not 0 < prevalence < 1:
        raise InputError(
            f"a prevalence lies between 0 and 1, got {prevalence}", source="prevalence"
        )
    above = _times_above(risks, case.size, points)

    def evaluate(counts: np.ndarray) -> np.ndarray:
        cases, controls = counts * case, counts * ~case
        with np.errstate(invalid="ignore", divide="ignore"):
            share = cases.sum() / counts.sum() if prevalence is None else prevalence
            benefit = [_benefit(share, 1 - share, points)]
            for reached in above:
                true = _sum_above(reached, cases, points.size) / cases.sum() * share
                false = _sum_above(reached, controls, points.size) / controls.sum() * (1 - share)
                benefit.append(_benefit(true, false, points))
        return np.stack(benefit)

    shared = case.mean() if prevalence is None else prevalence
    return _with_intervals(
        evaluate, risks, points, float(shared), None, case.size, int(case.sum()),
        n_resamples, seed, level, progress,
    )  # fmt: skip


def decision_curve_at_horizon(
    outcome: Outcome,
    risks: Mapping[str, ArrayLike],
    horizon_months: float,
    thresholds: ArrayLike | None = None,
    *,
    n_resamples: int = 0,
    seed: int = 0,
    level: float = 0.95,
    progress: Progress = silent,
) -> DecisionCurve:
    """Decision curve of having had the event by a horizon.

    Among the patients above a threshold the share with the event is one minus Kaplan-Meier, with
    competing causes the cumulative incidence (Aalen-Johansen) of cause 1.

    Args:
        outcome: n patients.
        risks: by model name, (n,) predicted probabilities of the event by the horizon.
        horizon_months: months.
        Others as for :func:`decision_curve`.

    Raises:
        InputError: shapes or values cannot be used.
        StatisticsError: nobody is followed as long as the horizon.
    """
    normal_quantile(level)
    horizon = float(checked_times(horizon_months)[0])
    points = _checked_thresholds(thresholds)
    above = _times_above(risks, len(outcome), points)
    incidence = _HorizonIncidence(outcome, horizon)

    def evaluate(counts: np.ndarray) -> np.ndarray:
        total = counts.sum()
        everyone = incidence(np.ones(len(outcome), np.int64), counts, 1)[0]
        benefit = [_benefit(everyone, 1 - everyone, points)]
        for reached in above:
            risk = incidence(reached, counts, points.size)
            positive = _sum_above(reached, counts, points.size) / total
            # Nobody above the threshold: nobody is treated, whatever their risk would be.
            risk = np.where(positive == 0, 0.0, risk)
            benefit.append(_benefit(risk * positive, (1 - risk) * positive, points))
        return np.stack(benefit)

    ones = np.ones(len(outcome))
    prevalence = float(incidence(np.ones(len(outcome), np.int64), ones, 1)[0])
    if not np.isfinite(prevalence):
        raise StatisticsError(
            f"nobody is followed beyond {horizon:g} months",
            source="horizon_months",
            remedy="choose an earlier horizon",
        )
    return _with_intervals(
        evaluate, risks, points, prevalence, horizon, len(outcome), incidence.n_events,
        n_resamples, seed, level, progress,
    )  # fmt: skip


class _HorizonIncidence:
    """Share with the event by a horizon among those above each threshold, all thresholds at once.

    Every patient is above the first ``reached`` thresholds, so numbers at risk and of events at
    every time and threshold are running sums over one table of (time, thresholds reached).
    """

    def __init__(self, outcome: Outcome, horizon: float) -> None:
        if isinstance(outcome, CompetingOutcome):
            happened, of_interest = outcome.cause > 0, outcome.cause == 1
        else:
            happened = of_interest = outcome.event
        time = outcome.time_months
        self.interest = of_interest & (time <= horizon)
        self.any_event = happened & (time <= horizon)
        self.n_events = int(self.interest.sum())
        self.beyond = time >= horizon
        self.competing = bool((self.any_event & ~self.interest).any())
        self.times = np.unique(time[self.any_event])
        # A patient is at risk at every event time up to their own.
        self.last = np.searchsorted(self.times, time, side="right")

    def __call__(self, reached: np.ndarray, counts: np.ndarray, k: int) -> np.ndarray:
        """(k,) incidence; NaN where nobody above a threshold is followed to the horizon."""
        at_risk = self._table(reached, counts, self.last, k)
        at_risk = at_risk[::-1].cumsum(axis=0)[::-1][1:]
        events = self._table(reached, counts * self.any_event, self.last, k)[1:]
        left = 1.0 - np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
        survival = np.cumprod(left, axis=0)
        free = survival[-1] if self.times.size else np.ones(k)
        followed = _sum_above(reached, counts * self.beyond, k) > 0
        risk = 1.0 - free
        if self.competing:
            wanted = self._table(reached, counts * self.interest, self.last, k)[1:]
            before = np.concatenate([np.ones((1, k)), survival[:-1]])
            jumps = np.divide(wanted, at_risk, out=np.zeros_like(wanted), where=at_risk > 0)
            risk = (before * jumps).sum(axis=0)
        return np.where(followed | (free == 0), risk, np.nan)

    def _table(
        self, reached: np.ndarray, counts: np.ndarray, position: np.ndarray, k: int
    ) -> np.ndarray:
        """(times + 1, k) sums of ``counts`` by position, over those above each threshold."""
        rows = self.times.size + 1
        cells = np.bincount(position * (k + 1) + reached, counts, rows * (k + 1))
        by_reached = cells.reshape(rows, k + 1)[:, ::-1].cumsum(axis=1)[:, ::-1]
        return by_reached[:, 1:]


def _times_above(
    risks: Mapping[str, ArrayLike], n: int, thresholds: np.ndarray
) -> list[np.ndarray]:
    """For each model, (n,) how many of the rising thresholds each patient's risk reaches."""
    if not risks or TREAT_ALL in risks:
        raise InputError(
            f"at least one model is needed, and none may be called {TREAT_ALL!r}", source="risks"
        )
    return [
        np.searchsorted(thresholds, checked_probability(risk, n, source=name), side="right")
        for name, risk in risks.items()
    ]


def _sum_above(reached: np.ndarray, values: np.ndarray, k: int) -> np.ndarray:
    """(k,) sum of ``values`` over the patients at or above each threshold."""
    return np.bincount(reached, values, k + 1)[::-1].cumsum()[::-1][1:]


def _benefit(
    true: np.ndarray | float, false: np.ndarray | float, thresholds: np.ndarray
) -> np.ndarray:
    return true - false * thresholds / (1.0 - thresholds)


def _with_intervals(
    evaluate: _Evaluate,
    risks: Mapping[str, ArrayLike],
    thresholds: np.ndarray,
    prevalence: float,
    horizon: float | None,
    n: int,
    n_events: int,
    n_resamples: int,
    seed: int,
    level: float,
    progress: Progress,
) -> DecisionCurve:
    names = [TREAT_ALL, *risks]
    benefit = dict(zip(names, evaluate(np.ones(n)), strict=True))
    draws: dict[str, np.ndarray] = {}
    low, high = {}, {}
    if n_resamples:
        drawn = np.empty((n_resamples, len(names), thresholds.size))
        for i, rows in enumerate(resample_indices(n, n_resamples, seed)):
            if i % 20 == 0:
                progress(i / n_resamples, f"resample {i} of {n_resamples}")
            drawn[i] = evaluate(np.bincount(rows, minlength=n).astype(float))
        draws = {name: drawn[:, i] for i, name in enumerate(names)}
        for name in names:
            low[name], high[name] = _bounds(draws[name], level)
    return DecisionCurve(
        thresholds=thresholds,
        net_benefit=benefit,
        prevalence=prevalence,
        horizon_months=horizon,
        n=n,
        n_events=n_events,
        ci_low=low,
        ci_high=high,
        level=level,
        n_resamples=n_resamples,
        seed=seed,
        _draws=draws,
    )


def _bounds(draws: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Percentile bounds (k,) of (R, k) draws; NaN where too many resamples have no answer."""
    answered = np.isfinite(draws).mean(axis=0) >= _ANSWERED
    low, high = np.full((2, draws.shape[1]), np.nan)
    if answered.any():
        tails = [(1 - level) / 2, (1 + level) / 2]
        low[answered], high[answered] = np.nanquantile(draws[:, answered], tails, axis=0)
    return low, high


def _checked_thresholds(thresholds: ArrayLike | None) -> np.ndarray:
    if thresholds is None:
        return np.arange(1, 100) / 100
    values = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))
    rising = (np.diff(values) > 0).all()
    if values.ndim != 1 or not rising or not ((values >= 0) & (values < 1)).all():
        raise InputError(
            "threshold probabilities must rise and lie between 0 and 1 (1 itself excluded)",
            source="thresholds",
        )
    return values
