"""First-order statistics of the voxels of a mask."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.discretize import GrayLevels

EPSILON = float(np.spacing(1))


def first_order_features(
    values: NDArray[Any], levels: GrayLevels, voxel_volume: float
) -> dict[str, float]:
    """The 18 first-order features by PyRadiomics' names.

    Args:
        values: (voxels,), intensities in raster order.
        levels: the same, binned.
        voxel_volume: mm³ (mm² on a plane).
    """
    x = values.astype(np.float64)
    ordered = np.sort(x)
    # Sums that a mean is made of are numpy's own, in raster order: where all voxels are equal, whether
    # their mean is exactly their value decides between a skewness of 0 and of 1.
    mean = float(np.sum(x)) / x.size
    p10, p25, p50, p75, p90 = (_percentile(ordered, q) for q in (10, 25, 50, 75, 90))
    energy, absolute, m2, m3, m4 = _moments(x, mean)
    p = levels.counts / x.size
    return {
        "10Percentile": p10,
        "90Percentile": p90,
        "Energy": energy,
        "Entropy": -float(np.sum(p * np.log2(p + EPSILON))),
        "InterquartileRange": p75 - p25,
        "Kurtosis": m4 / m2**2 if m2 else 0.0,
        "Maximum": float(ordered[-1]),
        "MeanAbsoluteDeviation": absolute,
        "Mean": mean,
        "Median": p50,
        "Minimum": float(ordered[0]),
        "Range": float(ordered[-1] - ordered[0]),
        "RobustMeanAbsoluteDeviation": _robust_deviation(x, p10, p90),
        "RootMeanSquared": float(np.sqrt(energy / x.size)),
        "Skewness": m3 / m2**1.5 if m2 else 0.0,
        "TotalEnergy": energy * voxel_volume,
        "Uniformity": float(np.sum(p**2)),
        "Variance": m2,
    }


def _percentile(ordered: NDArray[np.float64], percent: float) -> float:
    """numpy's linear percentile, to the last bit: it decides which voxels are within 10–90 %."""
    position = (ordered.size - 1) * (percent / 100)
    below = int(np.floor(position))
    above = min(below + 1, ordered.size - 1)
    t = position - below
    low, high = float(ordered[below]), float(ordered[above])
    return low + (high - low) * t if t < 0.5 else high - (high - low) * (1 - t)


def _robust_deviation(x: NDArray[np.float64], p10: float, p90: float) -> float:
    """Mean absolute deviation of the voxels between two percentiles, added as numpy does with NaN."""
    kept = (x >= p10) & (x <= p90)
    n = int(np.count_nonzero(kept))
    if n == 0:
        # Of two voxels neither lies between the percentiles.
        return math.nan
    mean = np.sum(np.where(kept, x, 0.0)) / n
    return float(np.sum(np.where(kept, np.abs(x - mean), 0.0)) / n)


@njit(cache=True, nogil=True)
def _moments(x, mean):  # pragma: no cover - compiled
    energy = absolute = m2 = m3 = m4 = 0.0
    for v in range(x.size):
        energy += x[v] * x[v]
        d = x[v] - mean
        absolute += abs(d)
        square = d * d
        m2 += square
        m3 += square * d
        m4 += square * square
    n = x.size
    return energy, absolute / n, m2 / n, m3 / n, m4 / n
