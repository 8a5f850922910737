"""Gray levels as PyRadiomics bins them: edges at multiples of the bin width, half-open bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hccsurv_core.errors import RadiomicsError

#: Beyond this many levels no texture is meaningful, and the matrices would fill the memory.
MAX_LEVELS = 4_000
#: Bins from the lowest to the highest, empty ones included.
_MAX_BINS = 1_000_000


@dataclass(frozen=True, eq=False)
class GrayLevels:
    """The binned voxels of a mask.

    Args:
        rank: int32 (voxels,), which of the levels that occur, from 0.
        values: float64 (levels,), the levels that occur, ascending; the lowest is 1.
        counts: int64 (levels,), voxels at each.
    """

    rank: NDArray[np.int32]
    values: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def highest(self) -> float:
        """The highest level: PyRadiomics' number of gray levels, empty ones included."""
        return float(self.values[-1])


def discretize(values: NDArray[Any], bin_width: float, image_name: str) -> GrayLevels:
    """Bin the voxels of a mask.

    The edges are computed in the image's own precision, as PyRadiomics does: a
    bin's lower edge may be a rounding error off a multiple of the width, and a
    voxel on it then falls to the other side.

    Args:
        values: int32, float32 or float64 (voxels,), as the filter made them.

    Raises:
        RadiomicsError: the values span too many bins.
    """
    low, high = values.min(), values.max()
    too_many = RadiomicsError(
        f"the values of {image_name} run from {float(low):.4g} to {float(high):.4g}: too many gray"
        f" levels of {bin_width:g}",
        source="image",
        remedy="check the image's unit, or use a wider bin",
    )
    if not float(high) - float(low) < _MAX_BINS * bin_width:
        raise too_many
    edges = np.arange(low - (low % bin_width), high + 2 * bin_width, bin_width)
    level = _digitize(values, edges.astype(np.float64), float(bin_width))
    counts = np.bincount(level)
    present = np.flatnonzero(counts)
    if present.size > MAX_LEVELS:
        raise too_many
    rank_of = np.zeros(counts.size, np.int32)
    rank_of[present] = np.arange(present.size, dtype=np.int32)
    return GrayLevels(rank_of[level], present.astype(np.float64), counts[present])


def near_edge(values: NDArray[Any], bin_width: float, tolerance: float) -> bool:
    """Whether a value lies within ``tolerance`` of a bin's edge, so that an error of that size counts."""
    x = values.astype(np.float64)
    return bool((np.abs(x - np.round(x / bin_width) * bin_width) <= tolerance).any())


@njit(cache=True, nogil=True)
def _digitize(values, edges, width):  # pragma: no cover - compiled
    """1 + the last edge not above each value; ``edges`` may be off the grid by a rounding error."""
    level = np.empty(values.size, np.int32)
    last = edges.size - 1
    for v in range(values.size):
        value = np.float64(values[v])
        e = min(max(int((value - edges[0]) / width), 0), last)
        while e > 0 and edges[e] > value:
            e -= 1
        while e < last and edges[e + 1] <= value:
            e += 1
        level[v] = e + 1
    return level
