"""The texture matrices of an image counted with tensor operations, on a GPU where there is one.

The same whole numbers as :mod:`hccsurv_core.features.radiomics.matrices` counts; from there on
the features are computed by the same code. All directions are worked on at once: about 60 bytes of
the device's memory for each voxel of the mask and each of 13 directions.
"""

from __future__ import annotations

import math
import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hccsurv_core.features.radiomics.discretize import GrayLevels
from hccsurv_core.features.radiomics.matrices import TextureMatrices
from hccsurv_core.features.radiomics.neighborhood import Neighborhood


class DeviceCounter:
    """Counts the matrices of one region's images, one image at a time.

    Args:
        around: the region's voxels and their neighbors.
        device: torch's name of a device.
    """

    def __init__(self, around: Neighborhood, device: str) -> None:
        self._device = torch.device(device)
        self._longest_run = around.longest_run
        n, directions = around.neighbor.shape
        # Tables have one more voxel, n, which stands for whatever lies outside the mask.
        after = torch.full((directions, n + 1), n, dtype=torch.int64, device=self._device)
        after[:, :n] = torch.from_numpy(around.neighbor.T.astype(np.int64)).to(self._device)
        before = torch.full_like(after, n)
        before.scatter_(1, after, torch.arange(n + 1, device=self._device).expand_as(after))
        before[:, n] = n
        self._after, self._before = after, before
        self._degree = torch.from_numpy(around.degree.astype(np.int64)).to(self._device)
        # One image at a time, whatever threads ask: each needs much of the device's memory.
        self._turn = threading.Lock()

    def matrices(self, levels: GrayLevels) -> TextureMatrices:
        """All matrices but the GLDM."""
        with self._turn:
            rank = self._ranks(levels)
            n_levels = levels.values.size
            alike = rank[self._after] == rank
            alike[:, -1] = False
            glcm = self._count_pairs(rank, n_levels)
            glrlm = self._count_runs(rank, alike, n_levels)
            ngtdm = self._differences(rank, levels)
            return TextureMatrices(glcm, glrlm, ngtdm, *self._zones(rank, alike))

    def dependence(self, levels: GrayLevels) -> NDArray[np.int32]:
        """The GLDM: voxels by level's rank and by how many neighbors share it."""
        with self._turn:
            rank = self._ranks(levels)
            sharing = (rank[self._after] == rank).sum(0) + (rank[self._before] == rank).sum(0)
            width = 2 * len(self._after) + 1
            keys = (rank * width + sharing)[:-1]
            return _counts(keys, (levels.values.size, width))

    def _ranks(self, levels: GrayLevels) -> Tensor:
        """Each voxel's rank, then that of no level."""
        rank = np.append(levels.rank, levels.values.size).astype(np.int64)
        return torch.from_numpy(rank).to(self._device)

    def _direction_keys(self, rank: Tensor, n_levels: int) -> Tensor:
        """direction × levels + rank, (directions, voxels)."""
        directions = torch.arange(len(self._after), device=self._device)
        return directions[:, None] * n_levels + rank[:-1]

    def _count_pairs(self, rank: Tensor, n_levels: int) -> NDArray[np.int32]:
        keys = self._direction_keys(rank, n_levels) * (n_levels + 1) + rank[self._after[:, :-1]]
        return _counts(keys, (len(self._after), n_levels, n_levels + 1))

    def _count_runs(self, rank: Tensor, alike: Tensor, n_levels: int) -> NDArray[np.int32]:
        """Runs by their length, which pointers find that double their reach at each step."""
        outside = len(rank) - 1
        reached = torch.where(alike, self._after, outside)
        length = torch.ones_like(reached, dtype=torch.int32)
        length[:, -1] = 0
        for _ in range(math.ceil(math.log2(max(self._longest_run, 2)))):
            length = length + length.gather(1, reached)
            reached = reached.gather(1, reached)
        follows = torch.zeros_like(alike).scatter_(1, self._after, alike)
        shape = (len(self._after), n_levels, self._longest_run)
        keys = self._direction_keys(rank, n_levels) * self._longest_run + length[:, :-1] - 1
        # Voxels within a run are counted in a bin of their own, which is dropped.
        return _counts(torch.where(follows[:, :-1], math.prod(shape), keys), shape)

    def _differences(self, rank: Tensor, levels: GrayLevels) -> NDArray[np.float64]:
        """Sums of |value − mean of neighbors| as whole numbers by degree, divided at the end."""
        values = np.append(levels.values, 0).astype(np.int64)
        value = torch.from_numpy(values).to(self._device)[rank]
        total = (value[self._after].sum(0) + value[self._before].sum(0))[:-1]
        step = (value[:-1] * self._degree - total).abs()
        width = 2 * len(self._after) + 1
        sums = torch.zeros(levels.values.size * width, dtype=torch.int64, device=self._device)
        sums.index_add_(0, rank[:-1] * width + self._degree, step)
        by_degree = on_host(sums).reshape(-1, width)[:, 1:]
        return (by_degree / np.arange(1, width)).sum(axis=1)

    def _zones(self, rank: Tensor, alike: Tensor) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The level and size of each group of connected voxels of one level."""
        n = len(rank) - 1
        first = torch.arange(n + 1, device=self._device)
        while True:
            lower = self._spread(first, alike)
            if torch.equal(lower, first):
                break
            first = lower
        size = torch.bincount(first[:n], minlength=n)
        roots = torch.nonzero(size).reshape(-1)
        found = on_host(torch.stack([rank[roots], size[roots]])).astype(np.int32)
        return found[0], found[1]

    def _spread(self, first: Tensor, alike: Tensor) -> Tensor:
        """One step towards the lowest number of each zone.

        A voxel takes the lowest number around it, and so does the voxel whose number it had; two
        jumps along the numbers follow. Steps needed grow with the logarithm of a zone's length.
        """
        outside = len(first) - 1
        lowest = torch.where(alike, first[self._after], outside).amin(0)
        sent = torch.where(alike, first, outside)
        lowest = torch.minimum(lowest, first).scatter_reduce(
            0, self._after.reshape(-1), sent.reshape(-1), "amin"
        )
        lower = torch.minimum(first.scatter_reduce(0, first, lowest, "amin"), lowest)
        lower = lower[lower]
        return lower[lower]


def on_host(tensor: Tensor) -> NDArray:
    """The tensor as an array: waits for the device."""
    return tensor.cpu().numpy()


def _counts(keys: Tensor, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """How often each key from 0 occurs; keys beyond the shape are dropped."""
    size = math.prod(shape)
    counted = torch.bincount(keys.reshape(-1), minlength=size)[:size]
    return on_host(counted.to(torch.int32)).reshape(shape)
