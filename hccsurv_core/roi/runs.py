"""Masks of slices as run lengths: what travels between the editor in the browser and the server.

A mask of rows × columns is read row by row; the numbers are the lengths of its runs, the first one
of pixels that are *not* in the mask (it may be 0), then in turn. They sum to rows × columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError


def to_runs(mask: NDArray[np.bool_]) -> list[int]:
    """Run lengths of a boolean mask (rows, columns)."""
    flat = np.asarray(mask, dtype=bool).ravel()
    if flat.size == 0:
        return []
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate([[0], changes, [flat.size]])
    lengths = np.diff(bounds).tolist()
    return [0, *lengths] if flat[0] else lengths


def from_runs(runs: Sequence[Any], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The boolean mask (rows, columns) of run lengths.

    Raises:
        InputError: they are not whole numbers from 0 up that sum to rows × columns.
    """
    count = shape[0] * shape[1]
    whole = all(type(run) is int and 0 <= run <= count for run in runs)
    if not whole or len(runs) > count + 2 or sum(runs) != count:
        raise InputError(
            f"the run lengths do not describe {shape[0]}×{shape[1]} pixels", source="mask"
        )
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(shape)
