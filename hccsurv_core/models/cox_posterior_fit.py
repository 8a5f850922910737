"""Fit the posterior of a ridge Cox model, baseline and penalty included.

With few deaths a penalty pulls every prediction to the average, and a bootstrap with that penalty
repeats the pull in each replicate: its intervals lie about the wrong place. Taken as what it is, a
normal prior of the coefficients, the same penalty gives intervals that allow for it:

* for each candidate precision the partial likelihood times the prior is maximized and
  approximated by a normal distribution (Laplace);
* candidates count by their marginal likelihood, so that not knowing the penalty widens
  intervals, too;
* given the coefficients, jumps of the baseline hazard are gamma distributed: with d deaths at a
  time and relative risks that sum to r, shape d and rate r (Kalbfleisch, J R Stat Soc B
  1978;40:214-221, in the limit of no prior knowledge of the baseline).

Averaged over patients such intervals keep their level (as Wahba, J R Stat Soc B 1983;45:133-150,
found of smoothing splines), not for every single patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hccsurv_core.models.breslow import fit_baseline
from hccsurv_core.models.cox_posterior import CoxPosterior, FitNotes
from hccsurv_core.models.prior_ridge import Prior
from hccsurv_core.models.ridge_cox import choose_penalty, fit_ridge_cox
from hccsurv_core.models.risk_sets import (
    RiskSets,
    build_risk_sets,
    information,
    log_likelihood,
    slot_means,
    sum_risks,
)
from hccsurv_core.models.standardize import Standardizer
from hccsurv_core.outcome import SurvivalOutcome


class PosteriorSettings(Protocol):
    """What can be chosen.

    Args:
        precisions: candidates for the prior precision of a coefficient of a standardized covariate.
        penalty: "averaged" over candidates or "cross-validated".
        n_folds: of that cross-validation. n_draws: models that stand for the uncertainty.
        prior: how much, and which way, covariates may matter; None treats all alike.
    """

    @property
    def precisions(self) -> tuple[float, ...]: ...
    @property
    def penalty(self) -> str: ...
    @property
    def n_folds(self) -> int: ...
    @property
    def n_draws(self) -> int: ...
    @property
    def prior(self) -> Prior | None: ...


@dataclass(frozen=True, eq=False)
class _Peak:
    """Where the posterior of one candidate has its peak.

    Args:
        coef: (q,) there. curvature: (q, q) negative Hessian. evidence: log marginal likelihood.
    """

    coef: np.ndarray
    curvature: np.ndarray
    evidence: float


@dataclass(frozen=True, eq=False)
class PenalizedFit:
    """Coefficients under all candidates.

    Args:
        z: (n, q) standardized covariates. outcome: of the same patients.
        m: (q, k) from free parameters to coefficients.
        peaks, weight: of the candidates.
    """

    z: np.ndarray
    outcome: SurvivalOutcome
    m: np.ndarray
    peaks: tuple[_Peak, ...]
    weight: np.ndarray

    @property
    def coef(self) -> np.ndarray:
        """(q,) the candidates' mean."""
        return self.m @ (self.weight @ np.stack([peak.coef for peak in self.peaks]))


def fit_posterior(
    standardizer: Standardizer,
    values: np.ndarray,
    outcome: SurvivalOutcome,
    settings: PosteriorSettings,
    seed: int,
    *,
    widening: float = 1.0,
) -> CoxPosterior:
    """Fit the model.

    Args:
        standardizer: of these patients.
        values: (n, p) covariates, NaN where missing.
        outcome: with enough deaths.
        seed: of draws and folds.
        widening: coefficients are drawn so many times further from their mean than the posterior
            says, for what it takes for certain (the prior's shape, normality, proportional hazards).
    """
    z = standardizer.apply(values)
    fit = fit_candidates(z, outcome, prior_matrix(standardizer, settings), settings, seed)
    rng = np.random.default_rng((seed, 1))
    coef_draws = fit.coef + widening * (_draw_coefficients(fit, settings.n_draws, rng) - fit.coef)
    hazard_draws = _draw_hazards(fit, coef_draws, rng)
    how = "weighed by marginal likelihood"
    if settings.penalty == "cross-validated":
        how = "chosen by cross-validated partial likelihood"
    wider = "" if widening == 1 else f"spread {widening:g} times as far, "
    return assemble(
        standardizer, fit, coef_draws, hazard_draws, settings,
        f"posterior of a ridge Cox model (Laplace; penalty {how}; gamma-distributed jumps of the "
        f"baseline), {wider}{settings.n_draws} draws",
    )  # fmt: skip


def assemble(
    standardizer: Standardizer,
    fit: PenalizedFit,
    coef_draws: np.ndarray,
    hazard_draws: np.ndarray,
    settings: PosteriorSettings,
    method: str,
) -> CoxPosterior:
    """The model from its fit and its draws."""
    sets = build_risk_sets(fit.outcome.time_months, fit.outcome.event)
    score, order = fit.z @ fit.coef, sets.order
    null = np.zeros(len(fit.outcome))
    return CoxPosterior(
        standardizer,
        fit.coef,
        fit_baseline(score, fit.outcome),
        coef_draws,
        hazard_draws,
        FitNotes(
            n=len(fit.outcome),
            n_events=fit.outcome.n_events,
            last_month=float(fit.outcome.time_months.max()),
            precision=settings.precisions,
            weight=tuple(float(w) for w in fit.weight),
            method=method,
            log_likelihood=log_likelihood(sets, score[order], sum_risks(sets, score[order])),
            log_likelihood_null=log_likelihood(sets, null, sum_risks(sets, null)),
        ),
    )


def prior_matrix(standardizer: Standardizer, settings: PosteriorSettings) -> np.ndarray:
    """(q, k) from independent free parameters to the coefficients of what varies."""
    used = [standardizer.names[i] for i in standardizer.owner]
    if settings.prior is None:
        return np.eye(len(used))
    return settings.prior.matrix(used)


def fit_candidates(
    z: np.ndarray, outcome: SurvivalOutcome, m: np.ndarray, settings: PosteriorSettings, seed: int
) -> PenalizedFit:
    """Coefficients under every candidate precision, and what each counts.

    Args:
        z: (n, q) standardized covariates. m: (q, k) from :func:`prior_matrix`.
        seed: of the folds.
    """
    free = z @ m
    sets = build_risk_sets(outcome.time_months, outcome.event)
    candidates = settings.precisions
    if settings.penalty == "cross-validated":
        per_event = [c / outcome.n_events for c in candidates]
        chosen = choose_penalty(free, outcome, per_event, n_folds=settings.n_folds, seed=seed)
        weight = np.zeros(len(candidates))
        weight[per_event.index(chosen)] = 1.0
        peaks = [_peak(free, outcome, sets, c) for c in candidates]
        return PenalizedFit(z, outcome, m, tuple(peaks), weight)
    peaks = [_peak(free, outcome, sets, c) for c in candidates]
    return PenalizedFit(z, outcome, m, tuple(peaks), _evidence_weights(peaks))


def _evidence_weights(peaks: Sequence[_Peak]) -> np.ndarray:
    """(k,) share of each candidate; before the data all are equally likely."""
    evidence = np.array([peak.evidence for peak in peaks])
    weight = np.exp(evidence - evidence.max())
    return weight / weight.sum()


def _peak(free: np.ndarray, outcome: SurvivalOutcome, sets: RiskSets, precision: float) -> _Peak:
    coef = fit_ridge_cox(free, outcome, precision / outcome.n_events)
    sorted_free = free[sets.order]
    score = sorted_free @ coef
    sums = sum_risks(sets, score)
    ones = np.ones(sets.event_position.size)
    curvature = information(sets, sorted_free, sums, slot_means(sets, sorted_free, sums), ones)
    curvature = curvature + precision * np.eye(coef.size)
    # Constants that all candidates share are left out.
    evidence = (
        log_likelihood(sets, score, sums)
        - precision / 2 * float(coef @ coef)
        + coef.size / 2 * np.log(precision)
        - np.linalg.slogdet(curvature)[1] / 2
    )
    return _Peak(coef, curvature, float(evidence))


def _draw_coefficients(fit: PenalizedFit, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """(R, q) from the mixture of the candidates' normal distributions."""
    which = rng.choice(fit.weight.size, size=n_draws, p=fit.weight)
    noise = rng.standard_normal((n_draws, fit.m.shape[1]))
    drawn = np.empty_like(noise)
    for k in np.unique(which):
        rows, peak = which == k, fit.peaks[k]
        # With curvature L Lᵀ, noise · L⁻¹ has the inverse curvature as its covariance.
        root = np.linalg.cholesky(peak.curvature)
        drawn[rows] = peak.coef + np.linalg.solve(root.T, noise[rows].T).T
    return drawn @ fit.m.T


def _draw_hazards(
    fit: PenalizedFit, coef_draws: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(R, g) cumulative hazards at the death times, given each draw's coefficients."""
    order = np.argsort(fit.outcome.time_months, kind="stable")
    time, event = fit.outcome.time_months[order], fit.outcome.event[order]
    death_times, deaths = np.unique(time[event], return_counts=True)
    first_at_risk = np.searchsorted(time, death_times, side="left")
    score = fit.z[order] @ coef_draws.T
    largest = score.max(axis=0)
    risk = np.exp(score - largest)
    at_risk = np.cumsum(risk[::-1], axis=0)[::-1][first_at_risk]
    jumps = rng.gamma(np.broadcast_to(deaths[:, None], at_risk.shape)) / at_risk
    return (np.cumsum(jumps, axis=0) * np.exp(-largest)).T
