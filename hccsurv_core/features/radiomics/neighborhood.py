"""The mask as a list of voxels and who touches whom: made once, used by every image's textures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.region import Region

#: Half of the 26 neighbors in space.
MOST_DIRECTIONS = 13


@dataclass(frozen=True, eq=False)
class Neighborhood:
    """The voxels of a mask in raster order, and the next voxel of the mask along each direction.

    Args:
        index: int64 (axes, voxels), where each voxel lies in the image.
        neighbor: int32 (voxels, directions), the number of the neighboring voxel, which comes later
            in raster order; ``n_voxels`` where the neighbor is outside the mask. Directions but the
            last come in threes that differ by one step of the last: its step after, on and before.
        degree: int32 (voxels,), neighbors in the mask, in both senses of all directions.
        has_line: bool (directions,), whether some line of this direction holds two voxels of the
            mask or more, touching or not: run lengths of other directions are not counted.
        longest_run: the longest run there can be: the largest side of the mask's box.
    """

    index: NDArray[np.int64]
    neighbor: NDArray[np.int32]
    degree: NDArray[np.int32]
    has_line: NDArray[np.bool_]
    longest_run: int

    @property
    def n_voxels(self) -> int:
        """Voxels in the mask."""
        return self.neighbor.shape[0]

    @property
    def n_directions(self) -> int:
        """13 in space, 4 in a plane."""
        return self.neighbor.shape[1]


def find_neighbors(region: Region) -> Neighborhood:
    """List the mask's voxels and their neighbors at a distance of one voxel along each direction."""
    box = region.box
    inside = region.mask[box]
    directions = _directions(inside.shape)
    local = np.stack(np.nonzero(inside))
    number = np.full(tuple(side + 2 for side in inside.shape), local.shape[1], np.int32)
    core = tuple(slice(1, -1) for _ in inside.shape)
    number[core][inside] = np.arange(local.shape[1], dtype=np.int32)
    strides = np.array([s // number.itemsize for s in number.strides])
    flat = strides @ (local + 1)
    neighbor, degree = _link(number.ravel(), flat, directions @ strides)
    pairs = (neighbor < local.shape[1]).any(axis=0)
    has_line = pairs.copy()
    for d in np.flatnonzero(~pairs):
        has_line[d] = _shares_line(local, directions[d])
    start = np.array([part.start for part in box])[:, None]
    return Neighborhood(local + start, neighbor, degree, has_line, max(inside.shape))


def _directions(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """One of each pair of opposite steps, the later in raster order, in PyRadiomics' order."""
    steps = [
        step
        for step in product((1, 0, -1), repeat=len(shape))
        if all(s == 0 or side > 1 for s, side in zip(step, shape, strict=True))
    ]
    return np.array(steps[: len(steps) // 2], dtype=np.int64)


def _shares_line(local: NDArray[np.int64], step: NDArray[np.int64]) -> bool:
    """Whether two voxels lie on one line along ``step``."""
    moving = int(np.flatnonzero(step)[0])
    foot = local - step[:, None] * (local[moving] * step[moving])
    return bool(np.unique(foot, axis=1).shape[1] < local.shape[1])


@njit(cache=True, nogil=True)
def _link(number, flat, offsets):  # pragma: no cover - compiled
    n, n_directions = flat.size, offsets.size
    neighbor = np.empty((n, n_directions), np.int32)
    degree = np.zeros(n, np.int32)
    for v in range(n):
        for d in range(n_directions):
            u = number[flat[v] + offsets[d]]
            neighbor[v, d] = u
            if u < n:
                degree[v] += 1
                degree[u] += 1
    return neighbor, degree
