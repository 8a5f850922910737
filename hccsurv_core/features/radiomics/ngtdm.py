"""Neighboring gray tone difference features."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.discretize import GrayLevels

_NAMES = ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength")


def tone_difference_features(
    differences: NDArray[np.float64], levels: GrayLevels
) -> dict[str, float]:
    """The five NGTDM features.

    As in PyRadiomics a voxel without neighbors counts with a difference of 0,
    coarseness is 1e6 where there is no difference at all, and the others are 0 then.

    Args:
        differences: (levels,), sum of absolute differences from the neighbors' mean.
    """
    n_voxels = int(levels.counts.sum())
    found = _features(levels.counts / n_voxels, differences, levels.values, n_voxels)
    return dict(zip(_NAMES, found, strict=True))


@njit(cache=True, nogil=True)
def _features(p, s, level, n_voxels):  # pragma: no cover - compiled
    n = p.size
    weighted = all_s = 0.0
    for i in range(n):
        weighted += p[i] * s[i]
        all_s += s[i]
    spread = contrast = complexity = strength = 0.0
    for i in range(n):
        for j in range(i):
            step = level[i] - level[j]
            square = step * step
            spread += abs(level[i] * p[i] - level[j] * p[j])
            contrast += p[i] * p[j] * square
            complexity += step * (p[i] * s[i] + p[j] * s[j]) / (p[i] + p[j])
            strength += (p[i] + p[j]) * square
    busyness = weighted / (2 * spread) if spread != 0 else 0.0
    coarseness = 1 / weighted if weighted != 0 else 1e6
    contrast = 2 * contrast * all_s / (n * (n - 1)) if n > 1 else 0.0
    strength = 2 * strength / all_s if all_s != 0 else 0.0
    return busyness, coarseness, 2 * complexity / n_voxels, contrast / n_voxels, strength
