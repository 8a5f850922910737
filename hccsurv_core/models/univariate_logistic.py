"""A logistic regression of every feature on its own, thousands at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.progress import Progress, silent

_MAX_STEPS = 60
_TOLERANCE = 1e-10
#: Features at a time: bounds the memory.
_CHUNK = 1024
#: Log odds of a patient end here: far enough for the likelihood to be flat.
_FARTHEST = 500.0


@dataclass(frozen=True, eq=False)
class UnivariateLogistic:
    """A regression a feature.

    Args:
        coef, std_error: (p,) log odds ratio per standard deviation; NaN where ``infinite``.
        p_value: (p,) two-sided Wald; of the score test where ``infinite``.
        infinite: (p,) the feature separates the two kinds of patients, so that no finite ratio is
            best; a Wald test would call it insignificant.
    """

    coef: np.ndarray
    std_error: np.ndarray
    p_value: np.ndarray
    infinite: np.ndarray


def univariate_logistic(
    scaled: np.ndarray, event: np.ndarray, *, progress: Progress = silent
) -> UnivariateLogistic:
    """Fit each feature on its own by maximum likelihood, with an intercept.

    Args:
        scaled: (n, p) finite, standardized, no column constant.
        event: (n,) bool.

    Raises:
        StatisticsError: nobody, or everybody, has the event.
    """
    from scipy.special import chdtrc

    n_events, n, p = int(event.sum()), event.size, scaled.shape[1]
    if n_events in (0, n):
        raise StatisticsError(
            f"{n_events} of {n} patients have the event; both kinds are needed", source="event"
        )
    y = event.astype(np.float64)
    coef, std_error = np.full(p, np.nan), np.full(p, np.nan)
    infinite = _separates(scaled, event)
    finite = np.flatnonzero(~infinite)
    for begin in range(0, finite.size, _CHUNK):
        progress(begin / max(p, 1), f"univariate logistic regression {begin + 1} of {p}")
        rows = finite[begin : begin + _CHUNK]
        coef[rows], std_error[rows] = _fit(scaled[:, rows], y)
    share = y.mean()
    centered = scaled - scaled.mean(axis=0)
    score = (y - share) @ centered
    statistic = score**2 / (share * (1 - share) * (centered**2).sum(axis=0))
    statistic[finite] = (coef[finite] / std_error[finite]) ** 2
    return UnivariateLogistic(coef, std_error, chdtrc(1.0, statistic), infinite)


def _separates(scaled: np.ndarray, event: np.ndarray) -> np.ndarray:
    """(p,) whether a threshold separates the two kinds, values on it belonging to either.

    With one feature that is exactly when no finite estimate exists (Albert & Anderson, Biometrika
    1984;71:1-10).
    """
    yes, no = scaled[event], scaled[~event]
    return (yes.min(axis=0) >= no.max(axis=0)) | (no.min(axis=0) >= yes.max(axis=0))


def _fit(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, p) features that do not separate → coefficients and standard errors, (p,) each."""
    level = np.full(x.shape[1], np.log(y.mean() / (1 - y.mean())))
    slope = np.zeros(x.shape[1])
    value = _likelihood(x, y, level, slope)
    for _ in range(_MAX_STEPS):
        h00, h01, h11, g0, g1 = _moments(x, y, level, slope)
        det = h00 * h11 - h01**2
        d0, d1 = (h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det
        share = np.ones(slope.size)
        for _ in range(30):
            reached = _likelihood(x, y, level + share * d0, slope + share * d1)
            worse = ~(reached >= value - 1e-11 * np.abs(value))
            if not worse.any():
                break
            share[worse] /= 2
        level, slope, value = level + share * d0, slope + share * d1, reached
        if (np.abs(share * d1) < _TOLERANCE * (1 + np.abs(slope))).all():
            break
    h00, h01, h11, _, _ = _moments(x, y, level, slope)
    return slope, np.sqrt(h00 / (h00 * h11 - h01**2))


def _moments(
    x: np.ndarray, y: np.ndarray, level: np.ndarray, slope: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Information (three entries of the 2 × 2) and score of every feature, (p,) each."""
    mean = 0.5 * (1.0 + np.tanh(0.5 * (level + slope * x)))
    weight, rest = mean * (1.0 - mean), y[:, None] - mean
    return (
        weight.sum(axis=0), (weight * x).sum(axis=0), (weight * x**2).sum(axis=0),
        rest.sum(axis=0), (rest * x).sum(axis=0),
    )  # fmt: skip


def _likelihood(x: np.ndarray, y: np.ndarray, level: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """(p,) log likelihoods."""
    eta = np.clip(level + slope * x, -_FARTHEST, _FARTHEST)
    return y @ eta - np.logaddexp(0.0, eta).sum(axis=0)
