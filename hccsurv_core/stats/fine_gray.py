"""Fine-Gray regression: covariates against the cumulative incidence of one of several causes.

Fine & Gray, J Am Stat Assoc 1999;94:496-509. Equal to R's ``cmprsk::crr`` in coefficients and
standard errors, without its time quadratic in the number of patients. A subdistribution hazard
ratio orders incidences; it is not a rate ratio among those still alive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import Baseline
from hccsurv_core.outcome import CompetingOutcome
from hccsurv_core.stats.cumulative_incidence import check_cause
from hccsurv_core.stats.groups import read_groups
from hccsurv_core.stats.p_values import format_p, normal_p
from hccsurv_core.stats.plain import plain_number
from hccsurv_core.stats.probability_interval import normal_quantile
from hccsurv_core.stats.steps import checked_points
from hccsurv_core.stats.subdistribution import (
    SubdistributionRiskSets,
    build_subdistribution_risk_sets,
)

_MAX_STEPS = 50
#: A coefficient per standard deviation beyond this, still growing, has no finite estimate.
_RUNAWAY = 12.0


@dataclass(frozen=True, eq=False)
class FineGrayModel:
    """A fitted subdistribution-hazards model.

    Args:
        names: (p,) covariates.
        coef: (p,) log subdistribution hazard ratios per unit; positive is a higher incidence.
        covariance: (p, p), Fine & Gray's, which counts the estimation of censoring.
        log_likelihood, log_likelihood_null: partial, at the estimate and at 0 (not a likelihood
            to compare models by where censoring is heavy: weights are estimated).
        baseline: cumulative subdistribution hazard of a patient whose covariates are all 0.
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
        """(n, p) covariates → (n,) log subdistribution hazard relative to all covariates 0.

        Raises:
            InputError: another number of covariates, or a value is missing.
        """
        return _matrix(x, len(self.names)) @ self.coef

    def predict_cumulative_incidence(self, x: ArrayLike, eval_times: ArrayLike) -> np.ndarray:
        """Probability of the cause by each time: 1 − exp(−Λ₀(t)·exp(x'β)).

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
        with np.errstate(divide="ignore"):
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
    matrix = _matrix(x)
    if matrix.shape[0] != n:
        raise InputError(f"{n} patients but {matrix.shape[0]} rows of covariates", source="x")
    labels = _names(names, matrix.shape[1])
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
    mean, scale = _scaling(matrix, labels)
    z = ((matrix - mean) / scale)[sets.order]
    null = _evaluate(sets, z, np.zeros(z.shape[1]))
    at, infinite = _newton(sets, z, null, labels)
    inverse = np.linalg.inv(at.information)
    spread = inverse @ _residual_products(sets, z, at) @ inverse
    coef = at.coef / scale
    jumps = sets.n_tied / at.total * np.exp(-float(mean @ coef))
    return FineGrayModel(
        names=labels,
        coef=coef,
        covariance=spread / np.outer(scale, scale),
        log_likelihood=at.log_likelihood,
        log_likelihood_null=null.log_likelihood,
        baseline=Baseline(sets.event_times, np.cumsum(jumps)),
        last_time_months=float(sets.time[-1]),
        n=n,
        n_events=n_events,
        n_competing=int(sets.competing.sum()),
        cause_name=cause_name,
        infinite=infinite,
    )


@dataclass(frozen=True, eq=False)
class _Point:
    """Everything at one coefficient vector, on standardized covariates in sorted order."""

    coef: np.ndarray
    risk: np.ndarray
    total: np.ndarray
    mean: np.ndarray
    exposure: np.ndarray
    score: np.ndarray
    information: np.ndarray
    log_likelihood: float


def _evaluate(sets: SubdistributionRiskSets, z: np.ndarray, coef: np.ndarray) -> _Point:
    eta = z @ coef
    with np.errstate(over="ignore", invalid="ignore"):
        risk = np.exp(eta)
        total = sets.at_risk_sum(risk)
        mean = sets.at_risk_sum(risk[:, None] * z) / total[:, None]
        exposure = sets.time_at_risk_sum(sets.n_tied / total)
        expected = risk * exposure
        information = z.T @ (expected[:, None] * z) - mean.T @ (sets.n_tied[:, None] * mean)
        value = float(eta[sets.own].sum() - sets.n_tied @ np.log(total))
    score = z.T @ (sets.own - expected)
    return _Point(coef, risk, total, mean, exposure, score, information, value)


def _newton(
    sets: SubdistributionRiskSets, z: np.ndarray, start: _Point, names: tuple[str, ...]
) -> tuple[_Point, tuple[str, ...]]:
    """Newton's method with step halving; the objective is concave."""
    at = start
    _refuse_collinear(at.information, int(sets.own.sum()))
    for _ in range(_MAX_STEPS):
        try:
            step = np.linalg.solve(at.information, at.score)
        except np.linalg.LinAlgError as error:
            raise _not_settled() from error
        previous, at = at, _ascend(sets, z, at, step)
        moved = np.abs(at.coef - previous.coef).max()
        # Convergence is quadratic: after a step of 1e-7 only rounding is left.
        if moved < 1e-7 * (1 + np.abs(at.coef).max()):
            return at, ()
        growing = (np.abs(at.coef) > _RUNAWAY) & (np.abs(step) > 0.2)
        if growing.any() and at.log_likelihood - previous.log_likelihood < 1e-5:
            return at, tuple(np.asarray(names)[growing].tolist())
    raise _not_settled()


def _ascend(sets: SubdistributionRiskSets, z: np.ndarray, at: _Point, step: np.ndarray) -> _Point:
    """Take the step, or the largest half of a half of it that does not lose likelihood."""
    for halving in range(30):
        tried = _evaluate(sets, z, at.coef + step * 0.5**halving)
        # Rounding alone moves the likelihood by a few units in its last place.
        if tried.log_likelihood >= at.log_likelihood - 1e-11 * (abs(at.log_likelihood) + 1):
            return tried
    return at


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
    before = _exclusive(faded)[first]
    before_z = _exclusive(faded[:, None] * z[rows])[first]
    event = np.searchsorted(sets.event_times, times, side="left")
    later = hazard.sum() - _exclusive(hazard)[event]
    later_mean = (hazard @ at.mean) - _exclusive(hazard[:, None] * at.mean)[event]
    q = before_z * later[:, None] - before[:, None] * later_mean
    compensator = np.cumsum(q * (n_censored / at_risk.astype(np.float64) ** 2)[:, None], axis=0)
    jump = (q / at_risk[:, None])[index] * sets.censored[rows][:, None]
    residual[rows] += jump - compensator[index]


def _exclusive(values: np.ndarray) -> np.ndarray:
    """Sums of the rows before each row, and of all: (n, …) → (n + 1, …)."""
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])


def _matrix(x: ArrayLike, p: int | None = None) -> np.ndarray:
    try:
        matrix = np.atleast_2d(np.asarray(x, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InputError("covariates must be numbers", source="x") from error
    if matrix.ndim != 2 or matrix.shape[1] == 0 or (p is not None and matrix.shape[1] != p):
        wanted = "(n, p)" if p is None else f"(n, {p})"
        raise InputError(f"covariates must be shaped {wanted}, got {matrix.shape}", source="x")
    bad = ~np.isfinite(matrix)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(
            f"{int(bad.sum())} covariate values are missing, the first in row {row}, "
            f"column {column}",
            source="x",
            remedy="leave these patients out or fill the values in beforehand",
        )
    return matrix


def _names(names: Sequence[str] | None, p: int) -> tuple[str, ...]:
    labels = tuple(f"x{j + 1}" for j in range(p)) if names is None else tuple(map(str, names))
    if len(labels) != p:
        raise InputError(f"{p} covariates but {len(labels)} names", source="names")
    return labels


def _scaling(matrix: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    mean, scale = matrix.mean(axis=0), matrix.std(axis=0)
    constant = scale <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
    if constant.any():
        raise StatisticsError(
            f"{names[int(np.flatnonzero(constant)[0])]} is the same for everybody",
            source="Fine-Gray model",
            remedy="leave it out",
        )
    return mean, scale


def _refuse_collinear(information: np.ndarray, n_events: int) -> None:
    # On standardized covariates each event contributes about 1.
    if np.linalg.eigvalsh(information)[0] <= 1e-10 * n_events:
        raise StatisticsError(
            "some covariates determine each other, or do not vary among those at risk",
            source="Fine-Gray model",
            remedy="leave one of them out",
        )


def _not_settled() -> StatisticsError:
    return StatisticsError(
        f"the fit did not settle in {_MAX_STEPS} steps",
        source="Fine-Gray model",
        remedy="use fewer covariates, or more events",
    )
