"""Event times from known hazards: Weibull proportional hazards, potential outcomes, censoring.

Everything is a pure function of uniforms in (0, 1), so that a patient's times follow from the
patient's own generator and nothing else. Times are months.

The model throughout, with a linear predictor in which higher is worse::

    S(t | linear_predictor) = exp(−(t / scale_months)^shape · exp(linear_predictor))

which is Weibull with proportional hazards (Bender, Augustin and Blettner, Statistics in
Medicine 2005, on drawing survival times by inversion).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.outcome import DAYS_PER_MONTH

Times = NDArray[np.float64]
#: Nobody's time is shorter than a day: an operation and a death the same day still have an order.
ONE_DAY_MONTHS = 1.0 / DAYS_PER_MONTH


def draw_event_times(
    linear_predictor: ArrayLike, shape: ArrayLike, scale_months: ArrayLike, uniforms: ArrayLike
) -> Times:
    """Times by inversion: the t at which S(t | linear_predictor) equals the uniform.

    Args:
        linear_predictor: log hazard ratio against the baseline, higher = worse; any shape.
        shape: Weibull shape, > 0; above 1 the hazard rises with time.
        scale_months: time at which the baseline's survival is 1/e, > 0.
        uniforms: in (0, 1); a small one is a long life. All four broadcast.

    Raises:
        InputError: a uniform outside (0, 1), or a shape or scale that is not positive.
    """
    u, k, scale = _uniforms(uniforms), *_weibull(shape, scale_months)
    exponential = -np.log(u) * np.exp(-np.asarray(linear_predictor, float))
    return np.maximum(scale * exponential ** (1 / k), ONE_DAY_MONTHS)


def true_survival(
    linear_predictor: ArrayLike, shape: float, scale_months: float, times: ArrayLike
) -> NDArray[np.float64]:
    """Survival probabilities (n_samples, n_times) of the model above.

    Raises:
        InputError: shape or scale is not positive.
    """
    k, scale = _weibull(shape, scale_months)
    hazard = np.exp(np.asarray(linear_predictor, float)).reshape(-1, 1)
    t = np.asarray(times, float).reshape(1, -1)
    return np.exp(-((np.maximum(t, 0) / scale) ** k) * hazard)


def draw_potential_times(
    linear_predictors: ArrayLike, shape: ArrayLike, scale_months: ArrayLike, uniforms: ArrayLike
) -> Times:
    """What would happen under each treatment: (n_samples, n_treatments) times.

    Args:
        linear_predictors: (n_samples, n_treatments), higher = worse.
        shape, scale_months: one number, or one per treatment.
        uniforms: (n_samples,) shared by the treatments (the same luck whatever is done, so that
            the difference between the potential times is the treatment's), or
            (n_samples, n_treatments), e.g. from `correlated_uniforms`.

    Raises:
        InputError: see `draw_event_times`.
    """
    predictors = np.atleast_2d(np.asarray(linear_predictors, float))
    u = np.asarray(uniforms, float)
    return draw_event_times(predictors, shape, scale_months, u[:, None] if u.ndim == 1 else u)


def correlated_uniforms(normals: ArrayLike, correlation: float) -> NDArray[np.float64]:
    """Uniforms (n, k) of which any two share ``correlation`` on the normal scale.

    Args:
        normals: (n, k + 1) standard normal draws; the first column is the shared one.
        correlation: 0 (independent) to 1 (the same luck for all).

    Raises:
        InputError: the correlation is outside 0 to 1.
    """
    from scipy.special import ndtr

    if not 0 <= correlation <= 1:
        raise InputError(f"correlation must lie in 0 to 1, got {correlation:g}", source="simulate")
    z = np.asarray(normals, float)
    mixed = np.sqrt(correlation) * z[:, :1] + np.sqrt(1 - correlation) * z[:, 1:]
    return np.clip(ndtr(mixed), 1e-12, 1 - 1e-12)


def gamma_frailty(uniforms: ArrayLike, variance: float) -> NDArray[np.float64]:
    """Multiplicative frailties of mean 1 and ``variance``, to add as log to linear predictors.

    Raises:
        InputError: a uniform outside (0, 1), or a negative variance.
    """
    from scipy.special import gammaincinv

    u = _uniforms(uniforms)
    if variance < 0:
        raise InputError(f"a variance is not negative, got {variance:g}", source="simulate")
    if variance == 0:
        return np.ones_like(u)
    return np.maximum(gammaincinv(1 / variance, u) * variance, 1e-9)


def draw_follow_up(
    uniforms_entry: ArrayLike,
    uniforms_dropout: ArrayLike,
    *,
    shortest_months: float,
    longest_months: float,
    dropout_per_month: float = 0.0,
) -> Times:
    """When a patient's follow-up ends: the study's closing date, or being lost before it.

    Patients enter evenly over the accrual, so that the closing date cuts follow-up between
    ``shortest_months`` and ``longest_months``; losses are exponential.

    Raises:
        InputError: a uniform outside (0, 1), or the bounds are out of order.
    """
    if not 0 < shortest_months <= longest_months or dropout_per_month < 0:
        raise InputError("follow-up bounds must be positive and in order", source="simulate")
    closing = shortest_months + _uniforms(uniforms_entry) * (longest_months - shortest_months)
    lost = np.full_like(closing, np.inf)
    if dropout_per_month > 0:
        lost = -np.log(_uniforms(uniforms_dropout)) / dropout_per_month
    return np.maximum(np.minimum(closing, lost), ONE_DAY_MONTHS)


def observe(event_times: ArrayLike, follow_up: ArrayLike) -> tuple[Times, NDArray[np.bool_]]:
    """(time, event) of what happens first: the event (at a tie too) or the end of follow-up."""
    t, c = np.broadcast_arrays(np.asarray(event_times, float), np.asarray(follow_up, float))
    return np.minimum(t, c), t <= c


def observe_first(cause_times: ArrayLike, follow_up: ArrayLike) -> tuple[Times, NDArray[np.int64]]:
    """(time, cause) of competing events.

    Args:
        cause_times: (n, n_causes) when each would happen if nothing else did.
        follow_up: (n,) end of follow-up.

    Returns:
        times (n,) and causes (n,): 1, 2, … by column, 0 where follow-up ended first.
    """
    t, c = np.asarray(cause_times, float), np.asarray(follow_up, float)
    first = t.argmin(axis=1)
    time, happened = observe(t[np.arange(len(t)), first], c)
    return time, np.where(happened, first + 1, 0)


def _uniforms(values: ArrayLike) -> NDArray[np.float64]:
    u = np.asarray(values, float)
    if not ((u > 0) & (u < 1)).all():
        raise InputError("uniforms must lie strictly between 0 and 1", source="simulate")
    return u


def _weibull(shape: ArrayLike, scale_months: ArrayLike) -> tuple[NDArray, NDArray]:
    k, scale = np.asarray(shape, float), np.asarray(scale_months, float)
    if not ((k > 0).all() and (scale > 0).all()):
        raise InputError("Weibull shape and scale must be positive", source="simulate")
    return k, scale
