"""Cox proportional-hazards regression: Newton's method on matrix products.

Cox, J R Stat Soc B 1972;34:187-220; ties by Efron (1977, default) or Breslow (1974); robust
variance by Lin & Wei, J Am Stat Assoc 1989;84:1074-1078. Answers equal R's survival::coxph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.cox_checks import (
    checked_codes,
    checked_covariates,
    checked_numbers,
    checked_weights,
    stratum_means,
    whiten,
)
from hccsurv_core.models.newton import inverse_information, maximize
from hccsurv_core.models.risk_sets import (
    TIES,
    RiskSets,
    build_risk_sets,
    expected_events,
    information,
    log_likelihood,
    slot_means,
    sum_risks,
)
from hccsurv_core.outcome import SurvivalOutcome


@dataclass(frozen=True, eq=False)
class Baseline:
    """Cumulative baseline hazard of one stratum, for a patient with the model's ``means``.

    Args:
        time_months: (g,) rising death times.
        cumulative_hazard: (g,) value from that time on; it is 0 before the first.
    """

    time_months: np.ndarray
    cumulative_hazard: np.ndarray

    def at(self, eval_times: ArrayLike) -> np.ndarray:
        """Cumulative hazard at ``eval_times`` (a step function, continuous from the right)."""
        index = np.searchsorted(self.time_months, np.asarray(eval_times, float), side="right")
        return np.concatenate([[0.0], self.cumulative_hazard])[index]


@dataclass(frozen=True, eq=False)
class CoxModel:
    """A fitted Cox model.

    Args:
        names: (p,) covariates.
        coef: (p,) log hazard ratios per unit; positive is a higher hazard.
        covariance: (p, p) of the coefficients; robust where asked for.
        log_likelihood, log_likelihood_null: partial, at the estimate and at 0.
        score_test: chi-square at 0 with p degrees of freedom (the log-rank test for one group
            variable when no times are tied).
        baselines: one for each stratum code.
        n, n_events: patients and events.
        ties: "efron" or "breslow".
        robust: whether the covariance is the sandwich.
        infinite: names whose hazard ratio has no finite estimate (a group without events).
        means: (p,) covariate means: the patient that baselines and linear predictors refer to. (A
            patient of zeros would be nobody: with a covariate near 2000 its hazard overflows.)
    """

    names: tuple[str, ...]
    coef: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    log_likelihood_null: float
    score_test: float
    baselines: dict[int, Baseline]
    n: int
    n_events: int
    ties: str
    robust: bool
    means: np.ndarray
    infinite: tuple[str, ...] = ()

    @property
    def std_error(self) -> np.ndarray:
        """(p,) standard errors of the coefficients."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def hazard_ratio(self) -> np.ndarray:
        """(p,) hazard ratios per unit."""
        with np.errstate(over="ignore"):  # a runaway coefficient
            return np.exp(self.coef)

    @property
    def z(self) -> np.ndarray:
        """(p,) Wald statistics."""
        return self.coef / self.std_error

    @property
    def p(self) -> np.ndarray:
        """(p,) two-sided Wald p-values."""
        from scipy.stats import norm

        return 2 * norm.sf(np.abs(self.z))

    def ci(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Wald bounds of the hazard ratios, (p,) each.

        Raises:
            InputError: the level is not between 0 and 1.
        """
        half = normal_quantile(level) * self.std_error
        with np.errstate(over="ignore"):  # a runaway coefficient: its upper bound is infinite
            return np.exp(self.coef - half), np.exp(self.coef + half)

    def likelihood_ratio_test(self) -> tuple[float, int, float]:
        """Chi-square, degrees of freedom and p-value against the model without covariates."""
        from scipy.stats import chi2

        statistic = 2 * (self.log_likelihood - self.log_likelihood_null)
        return statistic, len(self.names), float(chi2.sf(statistic, len(self.names)))

    def linear_predictor(self, x: ArrayLike) -> np.ndarray:
        """(n, p) covariates → (n,) log hazard relative to the mean patient; higher is worse.

        Raises:
            InputError: another number of covariates, or a value is missing.
        """
        matrix, _ = checked_covariates(x, None, self.names, p=len(self.names))
        return (matrix - self.means) @ self.coef

    def predict_survival(
        self, x: ArrayLike, eval_times: ArrayLike, strata: ArrayLike | int = 0
    ) -> np.ndarray:
        """Survival probability.

        Args:
            x: (n, p) covariates.
            eval_times: (n_times,) months.
            strata: code of each patient's stratum, or one for all.

        Returns:
            (n, n_times) probabilities. Beyond the last death of the stratum the curve stays
            where it was: ask only within the follow-up.

        Raises:
            InputError: covariates, times or strata cannot be used.
        """
        score = self.linear_predictor(x)
        codes = np.asarray(strata)
        if codes.ndim and codes.shape != score.shape:
            raise InputError(f"{score.size} patients but strata {codes.shape}", source="strata")
        codes = np.broadcast_to(codes, score.shape)
        times = np.atleast_1d(checked_numbers(eval_times, "eval_times"))
        if times.ndim != 1 or np.isnan(times).any():
            raise InputError("times must be a list without gaps", source="eval_times")
        hazard = np.empty((score.size, times.size))
        for code in np.unique(codes):
            if code not in self.baselines:
                raise InputError(f"the model has no stratum {code}", source="strata")
            hazard[codes == code] = self.baselines[int(code)].at(times)
        # In logarithms a hazard of 0 times an enormous risk is still 0.
        with np.errstate(divide="ignore", over="ignore"):
            return np.exp(-np.exp(np.log(hazard) + score[:, None]))


def fit_cox(
    x: ArrayLike,
    outcome: SurvivalOutcome,
    *,
    names: Sequence[str] | None = None,
    ties: str = "efron",
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    robust: bool | None = None,
) -> CoxModel:
    """Fit a Cox model by maximum partial likelihood.

    Args:
        x: (n, p) covariates, finite.
        outcome: of the same n patients.
        names: of the covariates; default x1, x2, …
        ties: "efron" (default) or "breslow".
        weights: (n,) positive case weights (inverse-probability weights, for example).
        strata: (n,) integer codes; each stratum has its own baseline hazard.
        cluster: (n,) codes of patients that belong together; makes the variance robust.
        robust: sandwich variance; default only with ``weights`` or ``cluster``.

    Raises:
        InputError: shapes differ, a value is missing, a weight is not positive.
        StatisticsError: no events, a constant covariate, or covariates that determine each other.
    """
    matrix, labels = checked_covariates(x, len(outcome), names)
    weight = checked_weights(weights, len(outcome))
    codes = None if strata is None else checked_codes(strata, len(outcome), "strata")
    if ties not in TIES:
        raise InputError(f"ties are handled by {' or '.join(TIES)}, not {ties!r}", source="ties")
    if outcome.n_events == 0:
        raise StatisticsError(
            "there are no events, so no hazard can be compared",
            source="Cox model",
            remedy="choose an endpoint that happened, or more patients",
        )
    sets = build_risk_sets(
        outcome.time_months, outcome.event, weight=weight, strata=codes, ties=ties
    )
    centers = stratum_means(matrix, codes)
    white = whiten(matrix, centers, labels)
    z = white.z[sets.order]
    found = maximize(
        lambda coef: _Point(sets, z, coef), white.to_plain, labels,
        n_events=float(sets.weight @ sets.event), source="Cox model",
    )  # fmt: skip
    covariance = inverse_information(found.at.information)
    is_robust = robust if robust is not None else (weights is not None or cluster is not None)
    if is_robust:
        groups = None
        if cluster is not None:
            groups = checked_codes(cluster, len(outcome), "cluster", renumber=True)
        covariance = _sandwich(found.at, covariance, groups)
    coef, mean = white.to_plain @ found.at.coef, matrix.mean(0)
    return CoxModel(
        names=labels,
        coef=coef,
        covariance=white.to_plain @ covariance @ white.to_plain.T,
        log_likelihood=found.at.value,
        log_likelihood_null=found.null.value,
        score_test=found.score_test,
        baselines=_baselines(found.at, (mean - centers)[sets.order] @ coef),
        n=len(outcome),
        n_events=outcome.n_events,
        ties=ties,
        robust=is_robust,
        infinite=found.infinite,
        means=mean,
    )


class _Point:
    """The partial likelihood at one vector of coefficients; what a step needs, when it needs it."""

    def __init__(self, sets: RiskSets, z: np.ndarray, coef: np.ndarray) -> None:
        self.sets, self.z, self.coef = sets, z, coef
        linear_predictor = z @ coef
        self.sums = sum_risks(sets, linear_predictor)
        self.value = log_likelihood(sets, linear_predictor, self.sums)

    @cached_property
    def means(self) -> np.ndarray:
        """(n_events, p) risk-weighted means of the covariates."""
        return slot_means(self.sets, self.z, self.sums)

    @cached_property
    def score(self) -> np.ndarray:
        """(p,) gradient."""
        ones = np.ones(self.sets.event_position.size)
        expected = expected_events(self.sets, self.sums, ones)
        return self.z.T @ (self.sets.weight * self.sets.event - expected)

    @cached_property
    def information(self) -> np.ndarray:
        """(p, p) observed information."""
        ones = np.ones(self.sets.event_position.size)
        return information(self.sets, self.z, self.sums, self.means, ones)


def _baselines(at: _Point, lift: np.ndarray) -> dict[int, Baseline]:
    """Cumulative hazards of the mean patient in every stratum.

    Args:
        lift: (n,) log hazard of that patient relative to the mean one of each patient's stratum.
    """
    sets, sums = at.sets, at.sums
    slots = sets.slot_weight / sums.denominator
    with np.errstate(over="ignore"):  # strata at other ends of a covariate: nobody is like that
        slots = slots * np.exp(lift[sets.event_position] - sums.shift)
    jumps = sets.sum_of_slots(slots)
    found = {}
    for first, end, start in zip(
        sets.strata_group[:-1], sets.strata_group[1:], sets.strata_start[:-1], strict=True
    ):
        rows = slice(first, end)
        hazard = np.cumsum(jumps[rows][::-1])
        found[int(sets.stratum[start])] = Baseline(sets.group_time[rows][::-1], hazard)
    return found


def _sandwich(at: _Point, inverse: np.ndarray, cluster: np.ndarray | None) -> np.ndarray:
    """Robust covariance: weighted score residuals, summed by cluster, about the inverse."""
    influence = _score_residuals(at) * at.sets.weight[:, None]
    if cluster is not None:
        summed = np.zeros((int(cluster.max()) + 1, influence.shape[1]))
        np.add.at(summed, cluster[at.sets.order], influence)
        influence = summed
    moved = influence @ inverse
    return moved.T @ moved


def _score_residuals(at: _Point) -> np.ndarray:
    """(n, p) unweighted score residuals in sorted order (Therneau & Grambsch 2000, section 4.6)."""
    sets, z, sums, means = at.sets, at.z, at.sums, at.means
    hazard = sets.slot_weight / sums.denominator
    past_hazard = sets.sum_of_past(sets.sum_of_slots(hazard))[:, None]
    past_mean = sets.sum_of_past(sets.sum_of_slots(hazard[:, None] * means))
    risk = (sums.relative_risk / sets.weight)[:, None]
    residuals = -risk * (z * past_hazard - past_mean)
    deaths, group = sets.event_position, sets.group_of_event
    share = (hazard * sets.fraction)[:, None]
    removed = z[deaths] * sets.sum_of_slots(share)[group] - sets.sum_of_slots(share * means)[group]
    counts = np.bincount(group)[group][:, None]
    own = z[deaths] - sets.sum_of_slots(means)[group] / counts
    residuals[deaths] += own + risk[deaths] * removed
    return residuals
