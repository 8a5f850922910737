"""Counting patients over distinct times: the one pass that every survival statistic starts with."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError


def sum_by(index: np.ndarray, size: int, values: np.ndarray | None = None) -> np.ndarray:
    """Sum of ``values`` (count where None) by ``index``.

    Args:
        index: (n,) position 0 … size − 1 of each row.
        size: how many positions there are.
        values: (n,) what to sum; True counts as 1.

    Returns:
        (size,) integers for counts and booleans, else floats.
    """
    if values is None:
        return np.bincount(index, minlength=size)
    if values.dtype == bool:
        return np.bincount(index[values], minlength=size)
    return np.bincount(index, weights=values, minlength=size)


def sum_from(values: np.ndarray) -> np.ndarray:
    """For each position, the sum of ``values`` from it to the end, along the first axis.

    Of counts at ascending times this is the number still at risk *just before* each time.
    """
    return np.flip(np.cumsum(np.flip(values, axis=0), axis=0), axis=0)


def checked_weights(weights: ArrayLike | None, n: int) -> np.ndarray | None:
    """Case weights as (n,) floats.

    Raises:
        InputError: not one weight a patient, a weight is negative or missing, or all are zero.
    """
    if weights is None:
        return None
    try:
        values = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("weights must be numbers", source="weights") from error
    if values.shape != (n,):
        raise InputError(f"{n} patients but weights of shape {values.shape}", source="weights")
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{int(bad.sum())} of {n} weights are negative or missing, "
            f"the first at position {first} ({values[first]:g})",
            source="weights",
        )
    if not values.any():
        raise InputError("all weights are zero", source="weights")
    return values
