"""Cox proportional-hazards regression: Newton's method on matrix products.

Cox, J R Stat Soc B 1972;34:187-220; ties by Efron (1977, default) or Breslow (1974); robust
variance by Lin & Wei, J Am Stat Assoc 1989;84:1074-1078. Answers equal R's survival::coxph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.cox_checks import (
    checked_codes,
    checked_covariates,
    checked_weights,
    refuse_collinear,
    scaling,
)
from hccsurv_core.models.risk_sets import (
    TIES,
    RiskSets,
    RiskSums,
    build_risk_sets,
    expected_events,
    information,
    log_likelihood,
    slot_means,
    sum_risks,
)
from hccsurv_core.outcome import SurvivalOutcome

_MAX_STEPS = 60
#: No step moves a coefficient further than this, in standard deviations of its covariate.
_LONGEST_STEP = 5.0
#: Where the likelihood has settled, a finite estimate is reached in a step or two more. What still
#: moves after these has none: a group without events, or a combination of covariates with the
#: same effect (as R's "beta may be infinite").
_STEPS_AFTER_SETTLING = 5


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
        """Wald bounds of the hazard ratios, (p,) each."""
        from scipy.stats import norm

        half = norm.ppf(0.5 + level / 2) * self.std_error
        with np.errstate(over="ignore"):  # a runaway coefficient: its upper bound is infinite
            return np.exp(self.coef - half), np.exp(self.coef + half)

    def likelihood_ratio_test(self) -> tuple[float, int, float]:
        """Chi-square, degrees of freedom and p-value against the model without covariates."""
        from scipy.stats import chi2

        statistic = 2 * (self.log_likelihood - self.log_likelihood_null)
        return statistic, len(self.names), float(chi2.sf(statistic, len(self.names)))

    def linear_predictor(self, x: ArrayLike) -> np.ndarray:
        """(n, p) covariates → (n,) log hazard relative to the mean patient; higher is worse."""
        values = np.atleast_2d(np.asarray(x, float))
        if values.shape[1] != self.coef.size:
            raise InputError(
                f"{values.shape[1]} covariates given, the model has {self.coef.size}: "
                + ", ".join(self.names),
                source="x",
            )
        return (values - self.means) @ self.coef

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
        """
        score = self.linear_predictor(x)
        codes = np.broadcast_to(np.asarray(strata), score.shape)
        times = np.atleast_1d(np.asarray(eval_times, float))
        hazard = np.empty((score.size, times.size))
        for code in np.unique(codes):
            if int(code) not in self.baselines:
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
    matrix, labels = checked_covariates(x, outcome, names)
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
    mean, scale = scaling(matrix, labels)
    z = ((matrix - mean) / scale)[sets.order]
    refuse_collinear(z, labels)
    fitted = _newton(sets, z, labels)
    covariance = fitted.inverse
    is_robust = robust if robust is not None else (weights is not None or cluster is not None)
    if is_robust:
        groups = None if cluster is None else checked_codes(cluster, len(outcome), "cluster")
        covariance = _sandwich(sets, z, fitted, groups)
    return CoxModel(
        names=labels,
        coef=fitted.coef / scale,
        covariance=covariance / np.outer(scale, scale),
        log_likelihood=fitted.log_likelihood,
        log_likelihood_null=fitted.log_likelihood_null,
        score_test=fitted.score_test,
        baselines=_baselines(sets, fitted.sums),
        n=len(outcome),
        n_events=outcome.n_events,
        ties=ties,
        robust=is_robust,
        infinite=fitted.infinite,
        means=mean,
    )


@dataclass(frozen=True, eq=False)
class _Fit:
    """Where Newton's method arrived, on standardized covariates in sorted order."""

    coef: np.ndarray
    inverse: np.ndarray
    sums: RiskSums
    means: np.ndarray
    log_likelihood: float
    log_likelihood_null: float
    score_test: float
    infinite: tuple[str, ...]


def _newton(sets: RiskSets, z: np.ndarray, names: tuple[str, ...]) -> _Fit:
    """Newton's method with step halving; the likelihood is concave, so it finds the maximum."""
    ones = np.ones(sets.event_position.size)
    coef = np.zeros(z.shape[1])
    eta = z @ coef
    sums = sum_risks(sets, eta)
    value = null = log_likelihood(sets, eta, sums)
    score_test = 0.0
    runaway: tuple[str, ...] = ()
    n_settled = 0
    for step_number in range(_MAX_STEPS):
        gradient = z.T @ (sets.weight * sets.event - expected_events(sets, sums, ones))
        step = _solve(information(sets, z, sums, slot_means(sets, z, sums), ones), gradient)
        if step_number == 0:
            score_test = float(gradient @ step)
        step *= min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
        previous, coef, eta, sums, value = value, *_ascend(sets, z, coef, step, value)
        n_settled += value - previous <= 1e-9 * (abs(value) + 1e-3)
        # Convergence is quadratic: after a step of 1e-6 the error is about 1e-12.
        if n_settled and np.abs(step).max() < 1e-6 * (1 + np.abs(coef).max()):
            break
        if n_settled > _STEPS_AFTER_SETTLING:
            runaway = tuple(np.asarray(names)[np.abs(step) > 1e-3 * np.abs(step).max()])
            break
    else:
        raise StatisticsError(
            f"the fit did not settle in {_MAX_STEPS} steps",
            source="Cox model",
            remedy="use fewer covariates, or more events",
        )
    means = slot_means(sets, z, sums)
    inverse = np.linalg.pinv(information(sets, z, sums, means, ones), hermitian=True)
    return _Fit(coef, inverse, sums, means, value, null, score_test, runaway)


def _ascend(
    sets: RiskSets, z: np.ndarray, coef: np.ndarray, step: np.ndarray, value: float
) -> tuple[np.ndarray, np.ndarray, RiskSums, float]:
    """Take the step, or the largest half of a half of it that does not lose likelihood."""
    for halving in range(30):
        tried = coef + step * 0.5**halving
        eta = z @ tried
        sums = sum_risks(sets, eta)
        reached = log_likelihood(sets, eta, sums)
        # Rounding alone moves the likelihood by a few units in its last place.
        if np.isfinite(reached) and reached >= value - 1e-11 * (abs(value) + 1):
            return tried, eta, sums, reached
    eta = z @ coef
    return coef, eta, sum_risks(sets, eta), value


def _solve(matrix: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(matrix, gradient)
    except np.linalg.LinAlgError:
        # A covariate that is constant among those ever at risk with a death: no information.
        return np.linalg.pinv(matrix, hermitian=True) @ gradient


def _baselines(sets: RiskSets, sums: RiskSums) -> dict[int, Baseline]:
    """Cumulative hazards of the mean patient."""
    slots = sets.slot_weight / sums.denominator
    jumps = sets.sum_of_slots(slots) * np.exp(-sums.shift)
    found = {}
    for code in np.unique(sets.group_stratum):
        rows = np.flatnonzero(sets.group_stratum == code)[::-1]
        found[int(code)] = Baseline(sets.group_time[rows], np.cumsum(jumps[rows]))
    return found


def score_residuals(sets: RiskSets, z: np.ndarray, sums: RiskSums, means: np.ndarray) -> np.ndarray:
    """(n, p) unweighted score residuals in sorted order (Therneau & Grambsch 2000, section 4.6)."""
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


def _sandwich(
    sets: RiskSets, z: np.ndarray, fitted: _Fit, cluster: np.ndarray | None
) -> np.ndarray:
    """Robust covariance: weighted score residuals, summed by cluster, about the inverse."""
    influence = score_residuals(sets, z, fitted.sums, fitted.means) * sets.weight[:, None]
    if cluster is not None:
        summed = np.zeros((int(cluster.max()) + 1, z.shape[1]))
        np.add.at(summed, cluster[sets.order], influence)
        influence = summed
    moved = influence @ fitted.inverse
    return moved.T @ moved
