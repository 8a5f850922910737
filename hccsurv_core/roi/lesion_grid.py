"""The neighborhood of a lesion: a block of a volume, averaged to a coarser grid, and the way back.

Work on a click must not depend on how large the scan is: only the block is ever read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.volume import Volume

#: Beyond this a voxel is gas, bone or metal, and how far beyond tells nothing about tissue.
HU_RANGE = (-200.0, 500.0)
#: Millimeters in "mm of the block": from the center of its first voxel, along its axes.
Mm = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Block:
    """A part of a volume on a grid of its own.

    Args:
        image: float32 (slices, rows, columns), HU.
        step_mm: distance between neighbors along each axis, mm.
        factor: volume voxels averaged to one, along each axis.
        low, high: first and last volume index of the block, both included.
        volume_shape: of the volume it comes from.
        flat: one slice only; distances and ellipses are then in the plane.
    """

    image: NDArray[np.float32]
    step_mm: NDArray[np.float64]
    factor: NDArray[np.intp]
    low: NDArray[np.intp]
    high: NDArray[np.intp]
    volume_shape: tuple[int, int, int]
    flat: bool

    @property
    def steps(self) -> tuple[float, float, float]:
        """`step_mm` as a tuple."""
        return float(self.step_mm[0]), float(self.step_mm[1]), float(self.step_mm[2])

    def to_mm(self, index: ArrayLike) -> Mm:
        """Millimeters of a volume index (slice, row, column)."""
        spacing = self.step_mm / self.factor
        return (np.asarray(index, dtype=float) - self.low) * spacing - (self.step_mm - spacing) / 2

    def to_index(self, mm: ArrayLike) -> NDArray[np.float64]:
        """Continuous volume index of a place in mm."""
        spacing = self.step_mm / self.factor
        return (np.asarray(mm, dtype=float) + (self.step_mm - spacing) / 2) / spacing + self.low

    def nearest(self, mm: Mm) -> tuple[int, int, int]:
        """The voxel nearest to a place in mm."""
        at = np.clip(np.rint(mm / self.step_mm), 0, np.array(self.image.shape) - 1).astype(int)
        return int(at[0]), int(at[1]), int(at[2])

    @cached_property
    def axes(self) -> tuple[NDArray[np.float32], ...]:
        """Coordinates along each axis, mm, ready to broadcast."""
        lines = [
            np.arange(n, dtype=np.float32) * np.float32(s)
            for n, s in zip(self.image.shape, self.step_mm, strict=True)
        ]
        return np.ix_(*lines)

    def distance(self, center: Mm) -> NDArray[np.float32]:
        """Distance of every voxel to a place, mm."""
        z, y, x = (axis - np.float32(c) for axis, c in zip(self.axes, center, strict=True))
        return np.sqrt(z * z + y * y + x * x)

    @cached_property
    def inner_faces(self) -> NDArray[np.bool_]:
        """Voxels on those faces of the block beyond which the volume goes on."""
        faces = np.zeros(self.image.shape, dtype=bool)
        for axis in range(3):
            if self.flat and axis == 0:
                continue
            side = np.moveaxis(faces, axis, 0)
            side[0] |= self.low[axis] > 0
            side[-1] |= self.high[axis] < self.volume_shape[axis] - 1
        return faces

    def smooth(self, sigma_mm: float) -> NDArray[np.float32]:
        """The image blurred by a Gaussian; across slices only where they are thinner than that."""
        from scipy.ndimage import gaussian_filter

        sigma = sigma_mm / self.step_mm
        if self.flat or self.step_mm[0] > 2 * sigma_mm:
            sigma[0] = 0.0
        return gaussian_filter(self.image, sigma, mode="nearest", truncate=3.0)

    def enlarge(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values of the block's voxels interpolated to the volume's voxels from `low` to `high`."""
        for axis in range(3):
            n, k = int(self.high[axis] - self.low[axis] + 1), int(self.factor[axis])
            if k > 1:
                at = np.clip((np.arange(n) + 0.5) / k - 0.5, 0, values.shape[axis] - 1)
                values = interpolated(values, at, axis)
            else:
                values = np.take(values, np.arange(n), axis=axis)
        return values


def interpolated(values: NDArray, at: NDArray[np.float64], axis: int) -> NDArray:
    """Values at continuous indices along one axis, linearly."""
    below = np.floor(at).astype(np.intp)
    above = np.minimum(below + 1, values.shape[axis] - 1)
    shape = [1] * values.ndim
    shape[axis] = -1
    share = (at - below).astype(np.float32).reshape(shape)
    return np.take(values, below, axis) * (1 - share) + np.take(values, above, axis) * share


def block_about(
    volume: Volume, low: NDArray[np.intp], high: NDArray[np.intp], most: int, least_step_mm: float
) -> Block:
    """Cut a block out of a volume and average it.

    Args:
        low, high: first and last index, both included; cut to the volume.
        most: voxels along the longer in-plane axis, about.
        least_step_mm: the grid is made no finer than this.
    """
    shape = np.array(volume.shape)
    low = np.clip(low, 0, shape - 1).astype(np.intp)
    high = np.clip(high, low, shape - 1).astype(np.intp)
    spacing = np.array(volume.spacing_mm)
    extent = ((high - low + 1) * spacing)[1:].max()
    step = max(least_step_mm, float(extent) / most)
    factor = np.maximum(1, np.rint(step / spacing)).astype(np.intp)
    flat = bool(low[0] == high[0])
    if flat:
        factor[0] = 1
    image = averaged(volume.voxels, low, high, factor)
    return Block(image, spacing * factor, factor, low, high, volume.shape, flat)


def averaged(
    voxels: NDArray, low: NDArray[np.intp], high: NDArray[np.intp], factor: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Means over cells of ``factor`` voxels; the last cell repeats the last voxel."""
    part = voxels[tuple(slice(int(a), int(b) + 1) for a, b in zip(low, high, strict=True))]
    values = np.asarray(part, dtype=np.float32)
    if not np.issubdtype(voxels.dtype, np.integer):
        values = np.nan_to_num(values, nan=HU_RANGE[0])
    values = np.clip(values, *HU_RANGE)
    padding = [(0, int(-n % k)) for n, k in zip(values.shape, factor, strict=True)]
    if any(after for _, after in padding):
        values = np.pad(values, padding, mode="edge")
    for axis, k in enumerate(factor):
        if k > 1:
            n = values.shape
            cells = (*n[:axis], n[axis] // int(k), int(k), *n[axis + 1 :])
            values = values.reshape(cells).mean(axis=axis + 1)
    return values
