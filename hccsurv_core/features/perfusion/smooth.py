"""Smoothing of time-intensity curves whose frames are unevenly spaced."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: A curve that has fallen to this share of its peak has passed.
_PASSED = 0.5
#: A second rise of this share of the peak is the agent coming back.
_SECOND_RISE = 0.15


def running_median(values: Floats, width: int) -> Floats:
    """Median of each frame and its neighbors; fewer of them at both ends."""
    half = width // 2
    n = len(values)
    padded = np.concatenate([np.full(half, np.nan), values, np.full(half, np.nan)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.asarray(np.nanmedian(windows, axis=1), np.float64).reshape(n)


def bolus_end_s(time_s: Floats, values: Floats) -> float:
    """When the first passage ends: the curve has fallen to half, or begins to rise again.

    Infinity where it does neither before the clip ends.
    """
    smooth = running_median(values, 7)
    top_at = int(smooth.argmax())
    top = float(smooth[top_at])
    lowest, lowest_at = top, top_at
    for k in range(top_at, len(smooth)):
        if smooth[k] < lowest:
            lowest, lowest_at = float(smooth[k]), k
        if smooth[k] <= _PASSED * top:
            return float(time_s[k])
        if smooth[k] > lowest + _SECOND_RISE * top:
            return float(time_s[lowest_at])
    return float("inf")
