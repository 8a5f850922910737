"""Square crops at a physical scale: their grid, where they lie in a picture, and the way back.

A crop has P×P pixels about the middle of an outline; pixel p lies (p − (P−1)/2) · mm from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class CropGrid:
    """Size and scale of a crop.

    Args:
        pixels: rows and columns of the crop's grid.
        mm_per_pixel: the same for every patient, so that size is seen; a lesion that does not fit
            with its margin is shown smaller, and that is told. None fits each crop to its lesion,
            and the network then sees shape and texture without size.
        margin_mm: at least this much around the outline is in the crop.
    """

    pixels: int = 160
    mm_per_pixel: float | None = 1.0
    margin_mm: float = 10.0

    def scale(self, reach_mm: float) -> tuple[float, bool]:
        """Size of a pixel for a lesion that reaches so far from the middle, and whether it is larger
        than wanted."""
        needed = 2 * (reach_mm + self.margin_mm) / self.pixels
        if self.mm_per_pixel is None:
            return needed, False
        return max(needed, self.mm_per_pixel), needed > self.mm_per_pixel

    def zoom_note(self, mm: float) -> str:
        """What to say of a lesion that is shown smaller than others, at ``mm`` per pixel."""
        return (
            f"the lesion and {self.margin_mm:g} mm about it do not fit into {self.pixels} pixels "
            f"of {self.mm_per_pixel:g} mm; shown at {mm:.2f} mm"
        )


@dataclass(frozen=True)
class CropPlace:
    """Where a crop lies in a picture.

    Args:
        middle: (row, column) index of the crop's middle.
        spacing_mm: distance between (rows, columns).
        shape: (rows, columns) of the picture.
    """

    middle: tuple[float, float]
    spacing_mm: tuple[float, float]
    shape: tuple[int, int]

    @classmethod
    def about_outline(cls, outline: Mask, spacing_mm: tuple[float, float]) -> Self:
        """About the center of area of a (rows, columns) outline."""
        rows, columns = np.nonzero(outline)
        return cls(
            (float(rows.mean()), float(columns.mean())), spacing_mm,
            (outline.shape[0], outline.shape[1]),
        )  # fmt: skip

    def reach_mm(self, outline: Mask) -> float:
        """How far an outline (…, rows, columns) reaches from the middle along rows or columns, mm."""
        reach = []
        outlined = np.nonzero(outline)[-2:]
        for middle, at, spacing in zip(self.middle, outlined, self.spacing_mm, strict=True):
            reach.append((max(middle - at.min(), at.max() - middle) + 0.5) * spacing)
        return float(max(reach))

    def weights(self, pixels: int, mm: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(P, rows) and (P, columns): ``down @ picture @ along.T`` is the crop."""
        down, along = (
            sampling_weights(self.middle[a], self.spacing_mm[a], self.shape[a], pixels, mm)
            for a in (0, 1)
        )
        return down, along

    def to_scan(self, values: NDArray[np.floating], mm: float) -> NDArray[np.float32]:
        """(P, P) values on the crop → (rows, columns) on the picture, 0 outside the crop."""
        size = values.shape[0]
        weights = []
        for axis in (0, 1):
            offset = (np.arange(self.shape[axis]) - self.middle[axis]) * self.spacing_mm[axis] / mm
            at = offset + (size - 1) / 2
            inside = (at >= -0.5) & (at <= size - 0.5)
            at = np.clip(at, 0, size - 1)
            near = np.clip(1 - np.abs(at[:, None] - np.arange(size)[None]), 0, None)
            weights.append((near * inside[:, None]).astype(np.float32))
        return weights[0] @ np.asarray(values, np.float32) @ weights[1].T


def sampling_weights(
    middle: float, spacing_mm: float, n: int, pixels: int, mm: float
) -> NDArray[np.float32]:
    """(pixels, n) weights that take a line of a picture to a line of a crop.

    A triangular kernel as wide as the coarser of the two grids: linear interpolation where the crop
    is finer, an average where it is coarser. Rows of pixels outside the picture are 0.
    """
    at = middle + (np.arange(pixels) - (pixels - 1) / 2) * mm / spacing_mm
    inside = (at >= -0.5) & (at <= n - 0.5)
    at = np.clip(at, 0, n - 1)
    reach = max(mm / spacing_mm, 1.0)
    weights = np.clip(1 - np.abs(at[:, None] - np.arange(n)[None]) / reach, 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    return (weights * inside[:, None]).astype(np.float32)
