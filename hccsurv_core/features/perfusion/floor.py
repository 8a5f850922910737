"""What a region shows before the agent arrives: electronic noise and what is left of tissue echoes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
#: The floor is learned from at least this many frames.
FEWEST_FRAMES = 3
#: A frame belongs to the floor below this many standard deviations, or this excess.
_DEVIATIONS, _EXCESS = 5.0, 0.10
#: A clip that starts above this share of its brightest frame starts with agent.
_WITHOUT_AGENT = 0.10


@dataclass(frozen=True, eq=False)
class Floor:
    """The intensity without agent.

    Args:
        level: linear intensity; 0 where the clip has no frame without agent.
        noise: standard deviation of a frame's mean about it; None without such frames.
        frames: (n,) those it was learned from.
    """

    level: float
    noise: float | None
    frames: Mask


def find_floor(values: Floats) -> Floor:
    """The floor of a time-intensity curve: its first frames, until it rises.

    Args:
        values: (n,) linear intensity; NaN is a gap.
    """
    frames = np.zeros(len(values), bool)
    known = np.flatnonzero(np.isfinite(values))
    if len(known) <= FEWEST_FRAMES:
        return Floor(0.0, None, frames)
    first = [float(v) for v in values[known[:FEWEST_FRAMES]]]
    top = float(np.nanquantile(values, 0.98))
    if float(np.median(first)) > _WITHOUT_AGENT * top:
        return Floor(0.0, None, frames)
    end = _rise(values[known])
    # The foot of the curve is agent already: the last frame before the rise is not trusted.
    end = max(end - 1, min(end, FEWEST_FRAMES))
    chosen = known[:end]
    if len(chosen) < FEWEST_FRAMES:
        return Floor(0.0, None, frames)
    frames[chosen] = True
    level = float(np.median(values[chosen]))
    noise = 1.4826 * float(np.median(np.abs(values[chosen] - level)))
    return Floor(level, max(noise, 0.01 * level), frames)


def _rise(values: Floats) -> int:
    """Index of the first of two frames in a row that stand out of all before."""
    for k in range(FEWEST_FRAMES, len(values) - 1):
        before = values[:k]
        level = float(np.median(before))
        spread = 1.4826 * float(np.median(np.abs(before - level)))
        limit = level + max(_DEVIATIONS * spread, _EXCESS * level)
        if values[k] > limit and values[k + 1] > limit:
            return k
    return len(values)
