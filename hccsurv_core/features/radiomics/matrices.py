"""All texture matrices of one image in one pass over the pairs of neighbors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.discretize import GrayLevels
from hccsurv_core.features.radiomics.neighborhood import MOST_DIRECTIONS, Neighborhood

#: The number of the lowest bit that is set.
_LOWEST_BIT = np.array(
    [0] + [(bits & -bits).bit_length() - 1 for bits in range(1, 1 << MOST_DIRECTIONS)], np.uint8
)
#: Directions come in threes that differ by one step along the last direction (see
#: ``neighborhood``); these bits are the middle ones.
_MIDDLE = 0b010010010010


class TextureMatrices(NamedTuple):
    """Counts over the levels that occur (their ranks, from 0).

    Args:
        glcm: int32 (directions, levels, levels + 1), voxel and its next neighbor; not symmetrical
            yet; the last column counts voxels without that neighbor.
        glrlm: int32 (directions, levels, lengths), runs; column 0 is length 1.
        ngtdm: float64 (levels,), sum of absolute differences from the neighbors' mean.
        zone_rank, zone_size: int32 (zones,), each connected zone of one level.
    """

    glcm: NDArray[np.int32]
    glrlm: NDArray[np.int32]
    ngtdm: NDArray[np.float64]
    zone_rank: NDArray[np.int32]
    zone_size: NDArray[np.int32]


def count_matrices(levels: GrayLevels, around: Neighborhood) -> TextureMatrices:
    """Count pairs, runs, differences and zones."""
    # One more voxel, of a level that no voxel has, stands for every neighbor outside the mask.
    rank = np.append(levels.rank, np.int32(levels.values.size))
    value = np.append(levels.values, 0).astype(np.int32)
    glcm, glrlm, total, parent = _count_pairs(rank, value, around.neighbor, around.longest_run)
    ngtdm = _differences(rank, value, total, around.degree)
    return TextureMatrices(glcm, glrlm, ngtdm, *_zones(rank, parent))


def count_dependence(levels: GrayLevels, around: Neighborhood) -> NDArray[np.int32]:
    """The GLDM: voxels by level's rank and by how many neighbors share it, (levels, 27 or 9)."""
    rank = np.append(levels.rank, np.int32(levels.values.size))
    return _count_dependence(rank, levels.values.size, around.neighbor)


@njit(cache=True, nogil=True)
def _count_pairs(rank, value, neighbor, longest):  # pragma: no cover - compiled
    """Co-occurrences, runs, sum of each voxel's neighbors' levels, and the forest of zones.

    A neighbor comes later in raster order, so that a run's length is known when
    its next voxel is reached. Neighbors of one level are counted without
    branches: in noise a processor guesses them wrong half of the time.
    """
    n, n_directions = neighbor.shape
    n_levels = value.size - 1
    glcm = np.zeros((n_directions, n_levels, n_levels + 1), np.int32)
    runs = np.zeros((n_directions, n_levels, longest), np.int32)
    length = np.ones((n + 1, n_directions), np.int32)
    total = np.zeros(n + 1, np.int32)
    parent = np.arange(n).astype(np.int32)
    for v in range(n):
        mine = rank[v]
        gathered = 0
        alike = 0
        for d in range(n_directions):
            u = neighbor[v, d]
            other = rank[u]
            same = np.int32(other == mine)
            glcm[d, mine, other] += 1
            runs[d, mine, length[v, d] - 1] += 1 - same
            length[u, d] = same * length[v, d] + 1
            gathered += value[other]
            total[u] += value[mine]
            alike |= int(same) << d
        total[v] += gathered
        # Where the middle one of three is alike, the outer two are joined through it.
        middle = alike & _MIDDLE
        alike &= ~((middle << 1) | (middle >> 1))
        _join(parent, neighbor, v, alike)
    return glcm, runs, total, parent


@njit(cache=True, nogil=True)
def _join(parent, neighbor, v, alike):  # pragma: no cover - compiled
    """Put ``v`` and its neighbors of the bits ``alike`` under the first voxel of their zone."""
    root = v
    while parent[root] != root:
        root = parent[root]
    while alike:
        u = neighbor[v, _LOWEST_BIT[alike]]
        alike &= alike - 1
        other = parent[u]
        if other != root:
            while parent[other] != other:
                other = parent[other]
            if other > root:
                parent[other] = root
            elif other < root:
                parent[root] = other
                root = other
            parent[u] = root
    parent[v] = root


@njit(cache=True, nogil=True)
def _differences(rank, value, total, degree):  # pragma: no cover - compiled
    """Per level, the sum of absolute differences from the neighbors' mean, in raster order."""
    differences = np.zeros(value.size - 1)
    for v in range(degree.size):
        if degree[v] > 0:
            mean = total[v] / degree[v]
            differences[rank[v]] += abs(value[rank[v]] - mean)
    return differences


@njit(cache=True, nogil=True)
def _zones(rank, parent):  # pragma: no cover - compiled
    size = np.zeros(parent.size, np.int32)
    n_zones = 0
    for v in range(parent.size):
        # The root comes first in raster order, so that its own chain is resolved already.
        root = parent[parent[v]]
        while parent[root] != root:
            root = parent[root]
        parent[v] = root
        n_zones += root == v
        size[root] += 1
    zone_rank = np.empty(n_zones, np.int32)
    zone_size = np.empty(n_zones, np.int32)
    z = 0
    for v in range(parent.size):
        if size[v] > 0:
            zone_rank[z], zone_size[z] = rank[v], size[v]
            z += 1
    return zone_rank, zone_size


@njit(cache=True, nogil=True)
def _count_dependence(rank, n_levels, neighbor):  # pragma: no cover - compiled
    n, n_directions = neighbor.shape
    same = np.zeros(n + 1, np.int32)
    for v in range(n):
        for d in range(n_directions):
            u = neighbor[v, d]
            alike = np.int32(rank[u] == rank[v])
            same[v] += alike
            same[u] += alike
    counts = np.zeros((n_levels, 2 * n_directions + 1), np.int32)
    for v in range(n):
        counts[rank[v], same[v]] += 1
    return counts
