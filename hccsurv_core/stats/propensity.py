"""The chance of being treated given the covariates: a logistic model, and when there is none.

Rosenbaum & Rubin (Biometrika 1983). Weights made of it are in
:mod:`hccsurv_core.stats.propensity_weights`, what they achieve in
:mod:`hccsurv_core.stats.covariate_balance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError

_MAX_ITERATIONS = 100
#: Newton stops when no standardized coefficient moves by more than this.
_TOLERANCE = 1e-11
#: Beyond this log odds somebody's treatment is all but certain: separation is looked for.
_SUSPICIOUS_LOG_ODDS = 10.0


@dataclass(frozen=True, eq=False)
class PropensityModel:
    """A fitted logistic regression of treatment on covariates.

    Args:
        names: (p,) covariates.
        coef: (p + 1,) log odds ratios, the intercept first. std_error: theirs.
        covariance: (p + 1, p + 1) of the coefficients, in the same order.
        log_likelihood: at the maximum (with Firth's penalty, without it).
        n, n_treated: patients it was fitted on.
        firth: whether Firth's penalty was used.
        score: (n,) fitted chance of treatment of the patients it was fitted on.
    """

    names: tuple[str, ...]
    coef: np.ndarray
    std_error: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    n: int
    n_treated: int
    firth: bool
    score: np.ndarray

    def predict(self, x: ArrayLike) -> np.ndarray:
        """(n,) chance of treatment.

        Args:
            x: (n, p) covariates in the order of ``names``.

        Raises:
            InputError: another number of covariates, or a missing value.
        """
        matrix = _checked_covariates(x)
        if matrix.shape[1] != len(self.names):
            raise InputError(
                f"{len(self.names)} covariates are needed, got {matrix.shape[1]}", source="x"
            )
        return _inverse_logit(self.coef[0] + matrix @ self.coef[1:])

    def to_json(self) -> dict[str, object]:
        """Plain values, without the patients' scores."""
        return {
            "coefficients": {
                name: {"coef": float(coef), "std_error": float(error)}
                for name, coef, error in zip(
                    ("intercept", *self.names), self.coef, self.std_error, strict=True
                )
            },
            "log_likelihood": self.log_likelihood,
            "n": self.n,
            "n_treated": self.n_treated,
            "firth": self.firth,
        }


def fit_propensity(
    x: ArrayLike,
    treated: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    firth: bool = False,
) -> PropensityModel:
    """Fit the chance of treatment by maximum likelihood (Newton's method).

    Covariates that tell the treated from the others without error (separation) have no maximum
    likelihood estimate: the log odds would grow for ever. This is found exactly, by a linear
    program (Konis 2007), and told with the covariates that do it, because such patients have no
    counterpart in the other arm. Firth's penalty (Biometrika 1993) has an estimate even then.

    Args:
        x: (n, p) numbers without gaps, categories as 0/1 columns with one left out.
        treated: (n,) True or 1 for the treated.
        names: (p,) what the columns are called.
        firth: penalize the likelihood by Jeffreys' prior.

    Raises:
        InputError: shapes differ, a value is missing, or treatment is neither 0 nor 1.
        StatisticsError: one arm is empty, a column is constant or follows from others, there are
            no more patients than coefficients, or the covariates separate the arms.
    """
    matrix, arm = _checked_covariates(x), checked_arm(treated)
    labels = _checked_names(names, matrix.shape[1])
    if arm.size != matrix.shape[0]:
        raise InputError(f"{matrix.shape[0]} patients but {arm.size} treatments", source="treated")
    center, scale = matrix.mean(axis=0), matrix.std(axis=0)
    _refuse_degenerate(matrix, center, scale, labels)
    design = np.column_stack((np.ones(arm.size), (matrix - center) / scale))
    coef, converged = _newton(design, arm.astype(np.float64), firth)
    log_odds = design @ coef
    if not firth and (not converged or np.abs(log_odds).max() > _SUSPICIOUS_LOG_ODDS):
        _refuse_separation(design, arm, labels)
    if not converged:
        raise StatisticsError(
            f"the propensity model did not converge in {_MAX_ITERATIONS} steps",
            source="propensity",
            remedy="use fewer covariates",
        )
    score = _inverse_logit(log_odds)
    information = (design * (score * (1 - score))[:, None]).T @ design
    # From standardized to plain columns.
    back = np.diag(np.concatenate(([1.0], 1.0 / scale)))
    back[0, 1:] = -center / scale
    covariance = back @ np.linalg.inv(information) @ back.T
    return PropensityModel(
        labels,
        back @ coef,
        np.sqrt(np.diag(covariance)),
        covariance,
        _log_likelihood(log_odds, arm),
        arm.size,
        int(arm.sum()),
        firth,
        score,
    )


def checked_arm(treated: ArrayLike) -> np.ndarray:
    """(n,) booleans with patients in both arms.

    Raises:
        InputError: a value is neither true nor false. StatisticsError: an arm is empty.
    """
    values = np.asarray(treated)
    if values.ndim != 1 or values.size == 0:
        raise InputError(f"a list of treatments is needed, got {values.shape}", source="treated")
    if values.dtype != bool:
        if values.dtype.kind not in "iuf" or not np.isin(values, (0, 1)).all():
            raise InputError("treatment must be true or false (1 or 0)", source="treated")
        values = values.astype(bool)
    n_treated = int(values.sum())
    if n_treated in (0, values.size):
        raise StatisticsError(
            f"{n_treated} of {values.size} patients are treated: both arms are needed",
            source="treated",
        )
    return values


def find_separation(
    design: np.ndarray, arm: np.ndarray, names: Sequence[str]
) -> tuple[str, ...] | None:
    """Covariates of a direction that separates the arms; None where there is no such direction.

    Separation means a combination of covariates that is ≥ 0 for every treated and ≤ 0 for every
    untreated patient and not 0 for all of them. The linear program looks for the combination with
    coefficients in ±1 that is furthest from 0 in sum: it is 0 if and only if there is none.

    Args:
        design: (n, p + 1) with a first column of ones.
        arm: (n,) booleans. names: (p,) of the other columns.
    """
    from scipy.optimize import linprog

    signed = np.where(arm, 1.0, -1.0)[:, None] * design
    found = linprog(
        -signed.sum(axis=0),
        A_ub=-signed,
        b_ub=np.zeros(arm.size),
        bounds=[(-1.0, 1.0)] * design.shape[1],
        method="highs",
    )
    if found.x is None or -found.fun < 1e-6:
        return None
    used = np.abs(found.x[1:]) > 1e-6
    return tuple(name for name, is_used in zip(names, used, strict=True) if is_used)


def _refuse_separation(design: np.ndarray, arm: np.ndarray, names: tuple[str, ...]) -> None:
    culprits = find_separation(design, arm, names)
    if culprits is not None:
        raise StatisticsError(
            f"{', '.join(culprits)} separates treated from untreated patients",
            source="propensity",
            remedy="leave it out, join categories, or restrict to patients who could get "
            "either treatment (or fit with Firth's penalty)",
        )


def _newton(design: np.ndarray, y: np.ndarray, firth: bool) -> tuple[np.ndarray, bool]:
    coef = np.zeros(design.shape[1])
    coef[0] = np.log(y.mean() / (1 - y.mean()))
    objective = _objective(design, y, coef, firth)
    for _ in range(_MAX_ITERATIONS):
        p = _inverse_logit(design @ coef)
        root = np.sqrt(p * (1 - p))[:, None] * design
        information = root.T @ root
        residual = y - p
        try:
            if firth:
                leverage = np.einsum("ij,ij->i", root @ np.linalg.inv(information), root)
                residual = residual + leverage * (0.5 - p)
            step = np.linalg.solve(information, design.T @ residual)
        except np.linalg.LinAlgError:
            return coef, False
        # Half the step until it does not make things worse.
        for _ in range(30):
            proposed = _objective(design, y, coef + step, firth)
            if proposed >= objective - 1e-9 * abs(objective):
                break
            step = step / 2
        coef, objective = coef + step, proposed
        if not np.isfinite(coef).all():
            return coef, False
        if np.abs(step).max() < _TOLERANCE * max(1.0, np.abs(coef).max()):
            return coef, True
    return coef, False


def _objective(design: np.ndarray, y: np.ndarray, coef: np.ndarray, firth: bool) -> float:
    log_odds = design @ coef
    value = _log_likelihood(log_odds, y > 0.5)
    if firth:
        p = _inverse_logit(log_odds)
        value += 0.5 * np.linalg.slogdet((design * (p * (1 - p))[:, None]).T @ design)[1]
    return float(value)


def _log_likelihood(log_odds: np.ndarray, arm: np.ndarray) -> float:
    return float(-np.logaddexp(0.0, np.where(arm, -log_odds, log_odds)).sum())


def _inverse_logit(log_odds: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -log_odds))


def _checked_covariates(x: ArrayLike) -> np.ndarray:
    try:
        matrix = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("covariates must be numbers", source="x") from error
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise InputError(
            f"covariates need a row a patient and a column each, got shape {matrix.shape}",
            source="x",
        )
    missing = int((~np.isfinite(matrix)).any(axis=1).sum())
    if missing:
        raise InputError(
            f"{missing} of {matrix.shape[0]} patients lack a covariate",
            source="x",
            remedy="impute it or leave these patients out",
        )
    return matrix


def _checked_names(names: Sequence[str] | None, p: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"x{i + 1}" for i in range(p))
    if len(names) != p:
        raise InputError(f"{p} covariates but {len(names)} names", source="names")
    return tuple(str(name) for name in names)


def _refuse_degenerate(
    matrix: np.ndarray, center: np.ndarray, scale: np.ndarray, names: tuple[str, ...]
) -> None:
    """Constant and dependent columns, and more coefficients than patients."""
    n, p = matrix.shape
    constant = scale <= 1e-12 * np.maximum(1.0, np.abs(center))
    if constant.any():
        raise StatisticsError(
            f"{names[int(np.argmax(constant))]} is the same in everyone",
            source="propensity",
            remedy="leave it out",
        )
    if n <= p + 1:
        raise StatisticsError(
            f"{n} patients cannot carry {p + 1} coefficients", source="propensity"
        )
    from scipy.linalg import qr

    _, triangle, order = qr((matrix - center) / scale, mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(triangle))
    dependent = diagonal < 1e-9 * diagonal[0]
    if dependent.any():
        raise StatisticsError(
            f"{names[int(order[np.argmax(dependent)])]} follows from the other covariates",
            source="propensity",
            remedy="leave it out (of the categories of a variable, one is always left out)",
        )
