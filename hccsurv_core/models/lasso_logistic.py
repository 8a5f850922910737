"""L1-penalized logistic regression whose penalty cross-validation chooses.

Friedman, Hastie & Tibshirani, J Stat Softw 2010;33(1):1-22: Newton steps whose quadratic problem is
solved by cyclic coordinate descent, along a path of falling penalties. The fits of all folds and of
everybody are made together: a fold is the same patients with other weights. The penalty is judged by
the deviance of the patients left out, as R's cv.glmnet does.

This deviance chooses a penalty; it is no estimate of how good a signature is, because the steps
before have seen the left-out patients too. That estimate is made round the whole chain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.models.selection_chain_lasso import LassoPath

#: Steps end when no linear predictor's coefficient moves by more.
_TOLERANCE = 1e-9
_MAX_STEPS = 100
_MAX_SWEEPS = 5_000
#: With fewer patients of either kind no cross-validation says anything.
FEWEST_OF_A_KIND = 5
#: Weights of patients about whom the model is sure vanish; this keeps the step finite.
_LEAST_VARIANCE = 1e-8


@dataclass(frozen=True, eq=False)
class LogisticPath(LassoPath):
    """Every penalty that was tried, and the one that was taken.

    As :class:`~hccsurv_core.models.selection_chain_lasso.LassoPath`, but the fit maximizes mean log
    likelihood − penalty · Σ |coef|, and ``deviance`` is −2 log likelihood per patient.

    Args:
        intercept: (k,) log odds of a patient whose features are all 0, not penalized.
    """

    intercept: np.ndarray


def fit_lasso_logistic(
    scaled: np.ndarray,
    event: np.ndarray,
    *,
    n_folds: int,
    rule: str,
    n_penalties: int,
    smallest_penalty: float,
    seed: int,
) -> LogisticPath:
    """Fit the path on all patients, and judge each penalty on those left out.

    Args:
        scaled: (n, p) finite, on one scale (a penalty treats all alike), p of 1 or more.
        event: (n,) bool.
        n_folds: events are spread evenly over them; fewer where there are fewer of a kind.
        rule: "min" or "1se", see
            :data:`~hccsurv_core.models.selection_chain_settings.PENALTY_RULES`.
        n_penalties: from the smallest at which nothing is selected, down to
            ``smallest_penalty`` times it.
        seed: of the folds.

    Raises:
        StatisticsError: fewer than five patients of either kind.
    """
    rarer = int(min(event.sum(), (~event).sum()))
    if rarer < FEWEST_OF_A_KIND:
        raise StatisticsError(
            f"{rarer} patients of the rarer kind are too few for an L1 logistic model",
            source="selection", remedy="give more patients",
        )  # fmt: skip
    n_folds = min(n_folds, rarer)
    part = stratified_parts(event, n_folds, seed)
    y = event.astype(np.float64)
    # A hair above, so that rounding selects nothing at the first.
    largest = np.abs(scaled.T @ (y - y.mean())).max() / y.size * (1 + 1e-9)
    penalties = np.geomspace(largest, largest * smallest_penalty, n_penalties)
    outside = part[None, :] == np.arange(n_folds)[:, None]
    weight = np.concatenate([np.ones((1, y.size)), (~outside).astype(np.float64)])
    intercept, coef = lasso_logistic_paths(scaled, y, weight, penalties)
    eta = intercept[1:, :, None] + coef[1:] @ scaled.T
    loss = 2.0 * (np.logaddexp(0.0, eta) - y * eta)
    size = outside.sum(axis=1).astype(np.float64)
    by_fold = np.einsum("fkn,fn->fk", loss, outside) / size[:, None]
    deviance = np.average(by_fold, axis=0, weights=size)
    spread = np.average((by_fold - deviance) ** 2, axis=0, weights=size)
    std_error = np.sqrt(spread / (n_folds - 1))
    best = int(np.argmin(deviance))
    if rule == "1se":
        best = int(np.flatnonzero(deviance <= deviance[best] + std_error[best])[0])
    return LogisticPath(penalties, coef[0], deviance, std_error, best, n_folds, intercept[0])


def lasso_logistic_paths(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, penalties: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Paths of several weightings of the same patients.

    Args:
        x: (n, p) finite. y: (n,) 0 or 1.
        weight: (b, n) not negative; both kinds have some in each row.
        penalties: (k,) falling.

    Returns:
        (b, k) intercepts and (b, k, p) coefficients.

    Raises:
        StatisticsError: the fit does not settle.
    """
    design = np.concatenate([np.ones((y.size, 1)), x], axis=1)
    weight = weight / weight.sum(axis=1, keepdims=True)
    share = weight @ y
    theta = np.zeros((len(weight), design.shape[1]))
    theta[:, 0] = np.log(share / (1 - share))
    found = np.empty((len(weight), penalties.size, design.shape[1]))
    for k, penalty in enumerate(penalties):
        theta = _fit_one(design, y, weight, float(penalty), theta)
        found[:, k] = theta
    return found[:, :, 0], found[:, :, 1:]


def _fit_one(
    design: np.ndarray, y: np.ndarray, weight: np.ndarray, penalty: float, theta: np.ndarray
) -> np.ndarray:
    """(b, p + 1) minima of mean loss + penalty · Σ |coef| from a starting point."""
    value = _objective(design, y, weight, penalty, theta)
    for _ in range(_MAX_STEPS):
        mean = 0.5 * (1.0 + np.tanh(0.5 * (theta @ design.T)))
        variance = np.maximum(mean * (1.0 - mean), _LEAST_VARIANCE)
        gradient = (weight * (y - mean)) @ design
        hessian = np.stack([(design * w[:, None]).T @ design for w in weight * variance])
        step = _descend(hessian, gradient, penalty, theta) - theta
        share = np.ones((len(weight), 1))
        for _ in range(40):
            tried = theta + share * step
            reached = _objective(design, y, weight, penalty, tried)
            worse = reached > value + 1e-13
            if not worse.any():
                break
            share[worse] /= 2
        theta, value = tried, reached
        if np.abs(share * step).max() < _TOLERANCE * (1 + np.abs(theta).max()):
            return theta
    raise StatisticsError(
        "the L1 logistic model does not settle", source="selection",
        remedy="check the features for wild values, or raise the smallest penalty",
    )  # fmt: skip


def _descend(
    hessian: np.ndarray, gradient: np.ndarray, penalty: float, start: np.ndarray
) -> np.ndarray:
    """Minima of the quadratic problems by cyclic coordinate descent, all at once."""
    theta, rest = start.copy(), gradient.copy()
    linear = gradient + np.einsum("bij,bj->bi", hessian, start)
    curve = np.einsum("bjj->bj", hessian)
    unsettled = np.ones(len(theta), dtype=bool)
    for _ in range(_MAX_SWEEPS):
        rows = np.flatnonzero(unsettled)
        before = theta[rows].copy()
        for j in range(theta.shape[1]):
            pull = theta[rows, j] * curve[rows, j] + rest[rows, j]
            if j:
                pull = np.sign(pull) * np.maximum(np.abs(pull) - penalty, 0.0)
            change = pull / curve[rows, j] - theta[rows, j]
            theta[rows, j] += change
            rest[rows] -= change[:, None] * hessian[rows, :, j]
        moved = np.abs(theta[rows] - before).max(axis=1)
        unsettled[rows] = moved > _TOLERANCE / 10 * (1 + np.abs(theta[rows]).max(axis=1))
        for b in np.flatnonzero(unsettled):
            exact = _solved(hessian[b], linear[b], penalty, theta[b])
            if exact is not None:
                theta[b], unsettled[b] = exact, False
        if not unsettled.any():
            break
    return theta


def _solved(
    hessian: np.ndarray, linear: np.ndarray, penalty: float, theta: np.ndarray
) -> np.ndarray | None:
    """The minimum if it has these signs, else None: descent finds signs soon and digits late."""
    active = theta != 0
    active[0] = True
    sign = np.sign(theta[active])
    sign[0] = 0.0
    try:
        part = np.linalg.solve(hessian[np.ix_(active, active)], linear[active] - penalty * sign)
    except np.linalg.LinAlgError:  # twins: many minima
        return None
    exact = np.zeros_like(theta)
    exact[active] = part
    slack = np.abs(linear - hessian @ exact)[~active]
    if (part * sign < 0).any() or (slack > penalty * (1 + 1e-10)).any():
        return None
    return exact


def _objective(
    design: np.ndarray, y: np.ndarray, weight: np.ndarray, penalty: float, theta: np.ndarray
) -> np.ndarray:
    """(b,) mean loss + penalty · Σ |coef|."""
    eta = theta @ design.T
    loss = (weight * (np.logaddexp(0.0, eta) - y * eta)).sum(axis=1)
    return loss + penalty * np.abs(theta[:, 1:]).sum(axis=1)
