"""Fine-Gray regression: covariates against the cumulative incidence of one of several causes.

Fine & Gray, J Am Stat Assoc 1999;94:496-509. Equal to R's ``cmprsk::crr`` in coefficients and
standard errors, without its time quadratic in the number of patients. A subdistribution hazard
ratio orders incidences; it is not a rate ratio among those still alive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import StatisticsError
from hccsurv_core.models.cox_checks import checked_covariates, stratum_means, whiten
from hccsurv_core.models.coxph import Baseline
from hccsurv_core.models.newton import inverse_information, maximize
from hccsurv_core.outcome import CompetingOutcome
from hccsurv_core.stats.cumulative_incidence import check_cause
from hccsurv_core.stats.groups import read_groups
from hccsurv_core.stats.p_values import format_p, normal_p
from hccsurv_core.stats.plain import plain_number
from hccsurv_core.stats.steps import checked_points
from hccsurv_core.stats.subdistribution import (
    SubdistributionRiskSets,
    build_subdistribution_risk_sets,
    until_row,
)


@dataclass(frozen=True, eq=False)
class FineGrayModel:
    """A fitted subdistribution-hazards model.

    Args:
        names: (p,) covariates.
        coef: (p,) log subdistribution hazard ratios per unit; positive is a higher incidence.
        covariance: (p, p), Fine & Gray's, which counts the estimation of censoring.
        log_likelihood, log_likelihood_null: partial, at the estimate and at 0 (not a likelihood
            to compare models by where censoring is heavy: weights are estimated).
        baseline: cumulative subdistribution hazard of a patient with the ``means``.
        means: (p,) covariate means: the patient that baseline and linear predictors refer to, as
            in a Cox model.
        last_time_months: the last observed time; nothing is predicted beyond.
        n, n_events, n_competing: patients, events of the cause, events of others.
        cause_name: which cause.
        infinite: names whose hazard ratio has no finite estimate (a group without events).
    """

    names: tuple[str, ...]
    coef: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    log_likelihood_null: float
    baseline: Baseline
    last_time_months: float
    n: int
    n_events: int
    n_competing: int
    cause_name: str
    means: np.ndarray
    infinite: tuple[str, ...] = ()

    @property
    def std_error(self) -> np.ndarray:
        """(p,) standard errors of the coefficients."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def hazard_ratio(self) -> np.ndarray:
        """(p,) subdistribution hazard ratios per unit."""
        with np.errstate(over="ignore"):
            return np.exp(self.coef)

    @property
    def z(self) -> np.ndarray:
        """(p,) Wald statistics."""
        return self.coef / self.std_error

    @property
    def p(self) -> np.ndarray:
        """(p,) two-sided Wald p-values."""
        return np.array([normal_p(z)[0] for z in self.z])

    def ci(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Wald bounds of the subdistribution hazard ratios, (p,) each."""
        half = normal_quantile(level) * self.std_error
        with np.errstate(over="ignore"):
            return np.exp(self.coef - half), np.exp(self.coef + half)

    def linear_predictor(self, x: ArrayLike) -> np.ndarray:
        """(n, p) covariates → (n,) log subdistribution hazard relative to the mean patient.

        Raises:
            InputError: another number of covariates, or a value is missing.
        """
        matrix, _ = checked_covariates(x, None, self.names, p=len(self.names))
        return (matrix - self.means) @ self.coef

    def predict_cumulative_incidence(self, x: ArrayLike, eval_times: ArrayLike) -> np.ndarray:
        """Probability of the cause by each time: 1 − exp(−Λ(t)·exp((x − mean)'β)).

        Args:
            x: (n, p) covariates.
            eval_times: (n_times,) months.

        Returns:
            (n, n_times); NaN beyond the last time anybody was followed.

        Raises:
            InputError: covariates or times cannot be used.
        """
        times = np.atleast_1d(checked_points(eval_times))
        hazard = np.where(times > self.last_time_months, np.nan, self.baseline.at(times))
        # In logarithms a hazard of 0 times an enormous risk is still 0.
        with np.errstate(divide="ignore", over="ignore"):
            logarithm = self.linear_predictor(x)[:, None] + np.log(hazard)
            return -np.expm1(-np.exp(logarithm))

    def to_json(self) -> dict[str, object]:
        """A row for each covariate; what is not a number becomes None."""
        low, high = self.ci()
        rows = [
            {
                "name": name,
                "coef": plain_number(self.coef[j]),
                "std_error": plain_number(self.std_error[j]),
                "hr": plain_number(self.hazard_ratio[j]),
                "ci_low": plain_number(low[j]),
                "ci_high": plain_number(high[j]),
                "p": plain_number(self.p[j]),
                "p_text": format_p(self.p[j]),
            }
            for j, name in enumerate(self.names)
        ]
        return {
            "cause": self.cause_name,
            "covariates": rows,
            "n": self.n,
            "n_events": self.n_events,
            "n_competing": self.n_competing,
            "infinite": list(self.infinite),
        }


def fit_fine_gray(
    x: ArrayLike,
    competing_outcome: CompetingOutcome,
    *,
    cause: int = 1,
    names: Sequence[str] | None = None,
    censoring_groups: ArrayLike | None = None,
) -> FineGrayModel:
    """Fit the model by Newton's method; ties by Breslow.

    Args:
        x: (n, p) covariates, finite.
        competing_outcome: of the same n patients; 0 is censored.
        cause: the cause of interest, 1, 2, …
        names: of the covariates; default x1, x2, …
        censoring_groups: (n,) labels; censoring is estimated within each, for when it differs
            between them. Coefficients are then those of ``crr`` with ``cengroup``. Standard
            errors are the derivative of the estimate by case weights, as they are without
            groups; those of ``crr`` 2.2-11 differ from it a little here (0.2 % on mgus2).

    Raises:
        InputError: shapes differ, a value is missing, or there is no such cause.
        StatisticsError: no events of the cause, a constant covariate, covariates that determine
            each other, or no convergence.
    """
    n = len(competing_outcome)
    check_cause(cause, len(competing_outcome.cause_names))
    cause_name = competing_outcome.cause_names[cause - 1]
    matrix, labels = checked_covariates(x, n, names)
    n_events = int((competing_outcome.cause == cause).sum())
    if n_events == 0:
        raise StatisticsError(
            f"nobody had {cause_name}",
            source="Fine-Gray model",
            remedy="choose an endpoint that happened, or more patients",
        )
    code, n_groups = np.zeros(n, dtype=np.intp), 1
    if censoring_groups is not None:
        groups = read_groups(censoring_groups, n, source="censoring_groups")
        code, n_groups = groups.code, len(groups)
    sets = build_subdistribution_risk_sets(competing_outcome, cause, code, n_groups)
    white = whiten(matrix, stratum_means(matrix, None), labels)
    z, mean = white.z[sets.order], matrix.mean(axis=0)
    found = maximize(
        lambda coef: _Point(sets, z, coef),
        white.to_plain,
        labels,
        n_events=n_events,
        source="Fine-Gray model",
    )
    at = found.at
    inverse = inverse_information(at.information)
    spread = white.to_plain @ inverse @ _residual_products(sets, z, at) @ inverse @ white.to_plain.T
    return FineGrayModel(
        names=labels,
        coef=white.to_plain @ at.coef,
        covariance=spread,
        log_likelihood=at.value,
        log_likelihood_null=found.null.value,
        baseline=Baseline(sets.event_times, np.cumsum(sets.n_tied / at.total)),
        last_time_months=float(sets.time[-1]),
        n=n,
        n_events=n_events,
        n_competing=int(sets.competing.sum()),
        cause_name=cause_name,
        means=mean,
        infinite=found.infinite,
    )


class _Point:
    """The partial likelihood at one coefficient vector, on whitened covariates in sorted order."""

    def __init__(self, sets: SubdistributionRiskSets, z: np.ndarray, coef: np.ndarray) -> None:
        self.sets, self.z, self.coef = sets, z, coef
        eta = z @ coef
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            self.risk = np.exp(eta)
            self.total = sets.at_risk_sum(self.risk)
            self.value = float(eta[sets.own].sum() - sets.n_tied @ np.log(self.total))

    @cached_property
    def mean(self) -> np.ndarray:
        """(m, p) mean covariates of the risk set at each event time."""
        return self.sets.at_risk_sum(self.risk[:, None] * self.z) / self.total[:, None]

    @cached_property
    def exposure(self) -> np.ndarray:
        """(n,) cumulated baseline hazard that each patient was exposed to, weights included."""
        return self.sets.time_at_risk_sum(self.sets.n_tied / self.total)

    @cached_property
    def score(self) -> np.ndarray:
        """(p,) gradient."""
        return self.z.T @ (self.sets.own - self.risk * self.exposure)

    @cached_property
    def information(self) -> np.ndarray:
        """(p, p) observed information."""
        expected = (self.risk * self.exposure)[:, None]
        tied = self.sets.n_tied[:, None]
        return self.z.T @ (expected * self.z) - self.mean.T @ (tied * self.mean)


def _residual_products(sets: SubdistributionRiskSets, z: np.ndarray, at: _Point) -> np.ndarray:
    """Sum over patients of (η + ψ)(η + ψ)' (Fine & Gray 1999, section 3.4).

    η is the score residual with the weights taken as known, ψ what the estimation of the
    censoring distribution behind the weights adds.
    """
    hazard = sets.n_tied / at.total
    drift = sets.time_at_risk_sum(hazard[:, None] * at.mean)
    residual = -at.risk[:, None] * (z * at.exposure[:, None] - drift)
    residual[sets.own] += z[sets.own] - at.mean[sets.passed[sets.own] - 1]
    for g, weight in enumerate(sets.g_at_events):
        rows = np.flatnonzero(sets.group == g)
        _add_censoring_part(sets, z, at, weight * hazard, rows, residual)
    return residual.T @ residual


def _add_censoring_part(
    sets: SubdistributionRiskSets,
    z: np.ndarray,
    at: _Point,
    hazard: np.ndarray,
    rows: np.ndarray,
    residual: np.ndarray,
) -> None:
    """Add ψ of one censoring group's patients: the integral of q/π over the censoring martingale.

    q(u) sums, over the group's competing events before u and the event times from u on, how far
    the patient lies from the mean of the risk set, times weight, risk and baseline hazard.
    """
    times, first, index = np.unique(sets.time[rows], return_index=True, return_inverse=True)
    n_censored = np.add.reduceat(sets.censored[rows].astype(np.float64), first)
    at_risk = rows.size - first
    faded = (at.risk * sets.inverse_g * sets.competing)[rows]
    before = until_row(faded)[first]
    before_z = until_row(faded[:, None] * z[rows])[first]
    event = np.searchsorted(sets.event_times, times, side="left")
    later = hazard.sum() - until_row(hazard)[event]
    later_mean = (hazard @ at.mean) - until_row(hazard[:, None] * at.mean)[event]
    q = before_z * later[:, None] - before[:, None] * later_mean
    compensator = np.cumsum(q * (n_censored / at_risk.astype(np.float64) ** 2)[:, None], axis=0)
    jump = (q / at_risk[:, None])[index] * sets.censored[rows][:, None]
    residual[rows] += jump - compensator[index]
