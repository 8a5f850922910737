"""Logistic and Poisson regression with an offset, by Newton's method.

What calibration needs: a handful of coefficients, their covariance, and an offset. The answers
are those of R's glm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import StatisticsError

_MAX_STEPS = 60


@dataclass(frozen=True, eq=False)
class OffsetFit:
    """Maximum likelihood estimates.

    Args:
        coef: (p,); covariance: (p, p), the inverse of the information.
    """

    coef: np.ndarray
    covariance: np.ndarray

    @property
    def std_error(self) -> np.ndarray:
        """(p,) standard errors."""
        return np.sqrt(np.diag(self.covariance))


def fit_logistic(x: np.ndarray, y: np.ndarray, offset: np.ndarray | float = 0.0) -> OffsetFit:
    """Logit of the probability of ``y`` = ``x`` @ coef + offset.

    Args:
        x: (n, p) covariates, with a column of ones where an intercept is wanted.
        y: (n,) 0 or 1.
        offset: (n,) or one number.

    Raises:
        StatisticsError: the estimate is not finite (the covariates separate the outcomes).
    """

    def moments(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        mean = 0.5 * (1.0 + np.tanh(eta / 2))
        return mean, mean * (1.0 - mean), float(y @ eta - np.logaddexp(0.0, eta).sum())

    return _newton(x, y, offset, moments)


def fit_poisson(x: np.ndarray, y: np.ndarray, offset: np.ndarray | float = 0.0) -> OffsetFit:
    """Log of the mean of ``y`` = ``x`` @ coef + offset; arguments as for :func:`fit_logistic`."""

    def moments(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        mean = np.exp(np.minimum(eta, 500.0))
        return mean, mean, float(y @ eta - mean.sum())

    return _newton(x, y, offset, moments)


def _newton(x, y, offset, moments) -> OffsetFit:  # type: ignore[no-untyped-def]
    scale = np.sqrt((x**2).mean(axis=0))
    z = x / np.where(scale > 0, scale, 1.0)
    coef = np.zeros(z.shape[1])
    mean, variance, value = moments(z @ coef + offset)
    for _ in range(_MAX_STEPS):
        information = (z * variance[:, None]).T @ z
        if np.linalg.cond(information) > 1e14:
            break
        step = np.linalg.solve(information, z.T @ (y - mean))
        for halving in range(30):
            tried = coef + step * 0.5**halving
            mean, variance, reached = moments(z @ tried + offset)
            if reached >= value - 1e-11 * (abs(value) + 1):
                break
        coef, value = tried, reached
        if np.abs(step).max() < 1e-9 * (1 + np.abs(coef).max()):
            inverse = np.linalg.inv((z * variance[:, None]).T @ z)
            return OffsetFit(coef / scale, inverse / np.outer(scale, scale))
    raise StatisticsError(
        "the regression has no finite estimate",
        source="calibration",
        remedy="the predictions separate events from non-events, or are all alike",
    )
