"""All texture matrices of one image in one pass over the pairs of neighbors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.discretize import GrayLevels
from hccsurv_core.features.radiomics.neighborhood import Neighborhood


class TextureMatrices(NamedTuple):
    """Counts over the levels that occur (their ranks, from 0).

    Args:
        glcm: int64 (directions, levels, levels), voxel and its next neighbor; not symmetrical yet.
        glrlm: int64 (directions, levels, lengths), runs; column 0 is length 1.
        gldm: int64 (levels, neighbors + 1), voxels by how many neighbors share their level.
        ngtdm: float64 (levels,), sum of absolute differences from the neighbors' mean.
        zone_rank, zone_size: int64 (zones,), each connected zone of one level.
    """

    glcm: NDArray[np.int64]
    glrlm: NDArray[np.int64]
    gldm: NDArray[np.int64]
    ngtdm: NDArray[np.float64]
    zone_rank: NDArray[np.int64]
    zone_size: NDArray[np.int64]


def count_matrices(levels: GrayLevels, around: Neighborhood) -> TextureMatrices:
    """Count pairs, runs, dependences, differences and zones."""
    found = _count(
        levels.rank,
        levels.values.astype(np.int64),
        around.neighbor,
        around.degree,
        around.longest_run,
    )
    return TextureMatrices(*found)


@njit(cache=True, nogil=True)
def _root(parent, v):  # pragma: no cover - compiled
    while parent[v] != v:
        parent[v] = parent[parent[v]]
        v = parent[v]
    return v


@njit(cache=True, nogil=True)
def _count(rank, values, neighbor, degree, longest):  # pragma: no cover - compiled
    n, n_directions = neighbor.shape
    n_levels = values.size
    glcm = np.zeros((n_directions, n_levels, n_levels), np.int64)
    runs = np.zeros((n_directions, n_levels, longest), np.int64)
    length = np.ones((n, n_directions), np.int32)
    same = np.zeros(n, np.int64)
    total = np.zeros(n, np.int64)
    parent = np.arange(n)
    # A neighbor comes later in raster order, so that a run's length is known when its next voxel
    # is reached, and a zone's root is its first voxel.
    for v in range(n):
        mine = rank[v]
        for d in range(n_directions):
            u = neighbor[v, d]
            if u >= 0:
                other = rank[u]
                glcm[d, mine, other] += 1
                total[v] += values[other]
                total[u] += values[mine]
                if other == mine:
                    same[v] += 1
                    same[u] += 1
                    length[u, d] = length[v, d] + 1
                    a, b = _root(parent, v), _root(parent, u)
                    if a < b:
                        parent[b] = a
                    else:
                        parent[a] = b
                    continue
            runs[d, mine, length[v, d] - 1] += 1
    gldm = np.zeros((n_levels, 2 * n_directions + 1), np.int64)
    ngtdm = np.zeros(n_levels)
    size = np.zeros(n, np.int64)
    n_zones = 0
    for v in range(n):
        gldm[rank[v], same[v]] += 1
        if degree[v] > 0:
            ngtdm[rank[v]] += abs(values[rank[v]] - total[v] / degree[v])
        root = _root(parent, v)
        n_zones += root == v
        size[root] += 1
    zone_rank = np.empty(n_zones, np.int64)
    zone_size = np.empty(n_zones, np.int64)
    z = 0
    for v in range(n):
        if size[v] > 0:
            zone_rank[z], zone_size[z] = rank[v], size[v]
            z += 1
    return glcm, runs, gldm, ngtdm, zone_rank, zone_size
