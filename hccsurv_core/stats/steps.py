"""Reading a step function at any time."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError


def checked_points(t: ArrayLike) -> np.ndarray:
    """Times at which something is asked for: any shape, numbers, none missing.

    Raises:
        InputError: not numbers, or one is missing.
    """
    try:
        values = np.asarray(t, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("times must be numbers", source="t") from error
    if np.isnan(values).any():
        raise InputError("a time is missing", source="t")
    return values


def step_value(
    times: np.ndarray,
    values: np.ndarray,
    t: ArrayLike,
    *,
    start: float,
    side: Literal["left", "right"] = "right",
    until: float = np.inf,
) -> np.ndarray:
    """The value of a step function that jumps to ``values`` at ``times``.

    Args:
        times: (m,) ascending; values: (m,).
        t: where to read it, any shape.
        start: its value before the first time.
        side: ``right`` reads f(t), ``left`` f(t−), the value just before.
        until: NaN beyond this time.

    Raises:
        InputError: a time asked for is missing or not a number.
    """
    wanted = checked_points(t)
    found = np.concatenate(([start], values))[np.searchsorted(times, wanted, side=side)]
    return np.where(wanted > until, np.nan, found) if np.isfinite(until) else found


def count_from(times: np.ndarray, at_risk: np.ndarray, t: ArrayLike) -> np.ndarray:
    """How many have a time >= ``t``, from the numbers at risk at ascending ``times``."""
    return np.append(at_risk, 0)[np.searchsorted(times, checked_points(t), side="left")]
