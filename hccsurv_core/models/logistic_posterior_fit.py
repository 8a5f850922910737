"""Fit a ridge logistic model as what it is: a normal prior, and a posterior over its penalty, too.

As :mod:`hccsurv_core.models.cox_posterior_fit` does for survival:

* for each candidate precision the likelihood times the prior is maximized and approximated by a
  normal distribution (Laplace; MacKay, Neural Comput 1992;4:720-736);
* candidates count by their marginal likelihood, so that not knowing the penalty widens intervals;
* the intercept has no prior: how common the event is, is learned from the patients alone.

Groups of features that are expected to act alike enter by
:class:`~hccsurv_core.models.prior_ridge.Prior`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.binary_chain import checked_kinds
from hccsurv_core.models.logistic_posterior import LogisticNotes, LogisticPosterior
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.models.prior_ridge import Prior, prior_from_json
from hccsurv_core.models.standardize import Standardizer, fit_standardizer
from hccsurv_core.progress import Progress, silent
from hccsurv_core.settings_json import read_settings

_SOURCE = "ridge logistic settings"
_MAX_STEPS = 100
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class LogisticSettings:
    """Settings of the model.

    Args:
        precisions: candidates for the prior precision of a coefficient of a standardized feature
            (1 / its variance), all equally likely before the data.
        n_draws: versions that stand for the uncertainty.
        min_events: of the rarer kind of patients.
        prior: how much, and which way, features may matter; None treats all alike.
        scaling: of the features, see :mod:`~hccsurv_core.models.standardize`.
    """

    precisions: tuple[float, ...] = tuple(float(x) for x in np.geomspace(0.5, 500.0, 16))
    n_draws: int = 1000
    min_events: int = 10
    prior: Prior | None = None
    scaling: str = "z-score"

    def __post_init__(self) -> None:
        object.__setattr__(self, "precisions", tuple(float(x) for x in self.precisions))
        if not self.precisions or not min(self.precisions) > 0:
            raise InputError("precisions are positive", source=_SOURCE)
        if self.n_draws < 2 or self.min_events < 1:
            raise InputError("at least 2 draws and 1 event are needed", source=_SOURCE)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def logistic_settings_from_json(found: Mapping[str, Any]) -> LogisticSettings:
    """Back from a bundle or a page.

    Raises:
        InputError: a name is unknown or a value cannot be used.
    """
    return read_settings(LogisticSettings, found, _SOURCE, {"prior": prior_from_json})


@dataclass(frozen=True, eq=False)
class _Peak:
    """Where the posterior of one candidate has its peak.

    Args:
        theta: (1 + k,) intercept and free parameters there. curvature: negative Hessian.
        evidence: log marginal likelihood, up to what all candidates share.
    """

    theta: np.ndarray
    curvature: np.ndarray
    evidence: float


def fit_logistic_posterior(
    table: FeatureTable,
    event: ArrayLike,
    settings: LogisticSettings | None = None,
    *,
    seed: int = 0,
) -> LogisticPosterior:
    """Fit it on training patients.

    Args:
        table: features, NaN where missing (the median is taken).
        event: (n,) whether each had the event, known of all.
        settings: default :class:`LogisticSettings`.
        seed: of the draws.

    Raises:
        InputError: ``event`` does not fit. StatisticsError: too few patients of either kind, or
            no feature varies.
    """
    settings = settings or LogisticSettings()
    y = checked_kinds(event, len(table)).astype(np.float64)
    rarer = int(min(y.sum(), y.size - y.sum()))
    if rarer < settings.min_events:
        raise StatisticsError(
            f"{rarer} patients of the rarer kind are too few for a logistic model (at least "
            f"{settings.min_events})",
            source="logistic model", remedy="give more patients, or longer follow-up",
        )  # fmt: skip
    scales = fit_standardizer(table.values, table.names, scaling=settings.scaling)
    z = scales.apply(table.values)
    m = prior_matrix(scales, settings.prior)
    design = np.column_stack([np.ones(y.size), z @ m])
    peaks, theta = [], None
    for precision in settings.precisions:
        peaks.append(_peak(design, y, precision, theta))
        theta = peaks[-1].theta
    weight = _evidence_weights(peaks)
    mean = weight @ np.stack([peak.theta for peak in peaks])
    draws = _draw(peaks, weight, settings.n_draws, np.random.default_rng((seed, 2)))
    share = y.mean()
    return LogisticPosterior(
        scales,
        float(mean[0]),
        m @ mean[1:],
        draws[:, 0],
        draws[:, 1:] @ m.T,
        LogisticNotes(
            n=y.size,
            n_events=int(y.sum()),
            precision=settings.precisions,
            weight=tuple(float(w) for w in weight),
            method="posterior of a ridge logistic model (Laplace; penalty weighed by marginal "
            f"likelihood), {settings.n_draws} draws",
            log_likelihood=_log_likelihood(design @ mean, y),
            log_likelihood_null=float(
                y.size * (share * np.log(share) + (1 - share) * np.log1p(-share))
            ),
        ),
    )


@dataclass(frozen=True, eq=False)
class CrossFittedLogistic:
    """Models of all folds.

    Args:
        probability, linear_predictor: (n,) of each patient by the model of the other folds.
        part: (n,) fold of each patient.
        models: one a fold.
    """

    probability: np.ndarray
    linear_predictor: np.ndarray
    part: np.ndarray
    models: tuple[LogisticPosterior, ...]


def cross_fit_logistic_posterior(
    table: FeatureTable,
    event: ArrayLike,
    settings: LogisticSettings | None = None,
    *,
    n_folds: int = 5,
    seed: int = 0,
    progress: Progress = silent,
) -> CrossFittedLogistic:
    """Fit it on all folds but one and predict that one.

    Args:
        table, event, settings: as for :func:`fit_logistic_posterior`.
        n_folds: events are spread evenly over them.
        seed: of folds and draws.
        progress: told as it goes; may cancel.

    Raises:
        InputError: fewer than two folds. And as for :func:`fit_logistic_posterior`.
    """
    if n_folds < 2:
        raise InputError(f"{n_folds} folds cannot leave anybody out", source="logistic model")
    happened = checked_kinds(event, len(table))
    part = stratified_parts(happened, n_folds, seed)
    probability, linear, models = np.empty(part.size), np.empty(part.size), []
    for fold in range(n_folds):
        progress(fold / n_folds, f"logistic model, fold {fold + 1} of {n_folds}")
        inside = part != fold
        model = fit_logistic_posterior(table.subset(inside), happened[inside], settings, seed=seed)
        probability[~inside] = model.probability(table.values[~inside])
        linear[~inside] = model.linear_predictor(table.values[~inside])
        models.append(model)
    return CrossFittedLogistic(probability, linear, part, tuple(models))


def prior_matrix(standardizer: Standardizer, prior: Prior | None) -> np.ndarray:
    """(q, k) from independent free parameters to the coefficients of what varies."""
    used = [standardizer.names[i] for i in standardizer.owner]
    return np.eye(len(used)) if prior is None else prior.matrix(used)


def _peak(design: np.ndarray, y: np.ndarray, precision: float, start: np.ndarray | None) -> _Peak:
    """Newton's method; the penalized likelihood is strictly concave."""
    penalty = np.full(design.shape[1], precision)
    penalty[0] = 0.0
    theta = start
    if theta is None:
        theta = np.zeros(design.shape[1])
        theta[0] = np.log(y.mean() / (1 - y.mean()))

    def value_at(where: np.ndarray) -> float:
        return _log_likelihood(design @ where, y) - 0.5 * float(penalty @ where**2)

    value = value_at(theta)
    for _ in range(_MAX_STEPS):
        gradient, curvature = _derivatives(design, y, penalty, theta)
        step = np.linalg.solve(curvature, gradient)
        for _ in range(40):
            reached = value_at(theta + step)
            if reached >= value - 1e-11 * (abs(value) + 1):
                break
            step = step / 2
        theta, value = theta + step, reached
        if np.abs(step).max() < _TOLERANCE * (1 + np.abs(theta).max()):
            break
    _, curvature = _derivatives(design, y, penalty, theta)
    free = theta.size - 1
    evidence = value + free / 2 * np.log(precision) - np.linalg.slogdet(curvature)[1] / 2
    return _Peak(theta, curvature, float(evidence))


def _derivatives(
    design: np.ndarray, y: np.ndarray, penalty: np.ndarray, theta: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and negative Hessian of the penalized log likelihood."""
    mean = 0.5 * (1.0 + np.tanh(0.5 * (design @ theta)))
    gradient = design.T @ (y - mean) - penalty * theta
    return gradient, (design * (mean * (1 - mean))[:, None]).T @ design + np.diag(penalty)


def _evidence_weights(peaks: list[_Peak]) -> np.ndarray:
    """(k,) share of each candidate; before the data all are equally likely."""
    evidence = np.array([peak.evidence for peak in peaks])
    weight = np.exp(evidence - evidence.max())
    return weight / weight.sum()


def _draw(
    peaks: list[_Peak], weight: np.ndarray, n_draws: int, rng: np.random.Generator
) -> np.ndarray:
    """(R, 1 + k) from the mixture of the candidates' normal distributions."""
    which = rng.choice(weight.size, size=n_draws, p=weight)
    drawn = rng.standard_normal((n_draws, peaks[0].theta.size))
    for k in np.unique(which):
        rows, peak = which == k, peaks[k]
        # With curvature L Lᵀ, noise · L⁻¹ has the inverse curvature as its covariance.
        root = np.linalg.cholesky(peak.curvature)
        drawn[rows] = peak.theta + np.linalg.solve(root.T, drawn[rows].T).T
    return drawn


def _log_likelihood(log_odds: np.ndarray, y: np.ndarray) -> float:
    return float(y @ log_odds - np.logaddexp(0.0, log_odds).sum())
