"""Axial, sagittal and coronal pictures of a canonical volume, with the size of their pixels.

Pictures follow the radiological convention: the patient's right on the
viewer's left, anterior on top (axial) or on the left (sagittal). Sagittal and
coronal rows are the volume's slices, so that row 0 is the *lowest* slice;
:attr:`PlanePicture.bottom_up` tells a figure to draw it at the bottom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.errors import GeometryError
from hccsurv_core.volume import Volume


@dataclass(frozen=True, eq=False)
class PlanePicture:
    """A plane of a volume.

    Args:
        plane: "axial", "sagittal" or "coronal".
        pixels: (rows, columns), the volume's values.
        pixel_mm: height and width of a pixel, mm.
        bottom_up: True where row 0 belongs at the bottom of the screen.
    """

    plane: str
    pixels: NDArray
    pixel_mm: tuple[float, float]
    bottom_up: bool

    @property
    def aspect(self) -> float:
        """Height of a pixel over its width."""
        return self.pixel_mm[0] / self.pixel_mm[1]

    @property
    def size_mm(self) -> tuple[float, float]:
        """Height and width of the picture, mm."""
        rows, columns = self.pixels.shape
        return rows * self.pixel_mm[0], columns * self.pixel_mm[1]


def _require_canonical(volume: Volume) -> None:
    if not volume.is_canonical:
        raise GeometryError(
            "the volume is not in canonical orientation", remedy="use volume.to_canonical() first"
        )


def axial_slice(volume: Volume, slice_index: int) -> PlanePicture:
    """The axial picture of slice ``slice_index``.

    Raises:
        GeometryError: the index is outside the volume, or the volume is not canonical.
    """
    _require_canonical(volume)
    n_slices = volume.shape[0]
    if not 0 <= slice_index < n_slices:
        raise GeometryError(
            f"slice {slice_index} is outside the volume of {n_slices} slices",
            remedy=f"choose a slice from 0 to {n_slices - 1}",
        )
    _, dy, dx = volume.spacing_mm
    return PlanePicture("axial", volume.voxels[slice_index], (dy, dx), bottom_up=False)


def _path(position: ArrayLike, n_slices: int, limit: int) -> NDArray[np.intp]:
    """One index per slice, rounded and kept inside the volume."""
    path = np.broadcast_to(np.asarray(position, dtype=np.float64), (n_slices,))
    if not np.isfinite(path).any():
        return np.full(n_slices, limit // 2, dtype=np.intp)
    known = np.flatnonzero(np.isfinite(path))
    filled = np.interp(np.arange(n_slices), known, path[known])
    return np.clip(np.round(filled), 0, limit - 1).astype(np.intp)


def sagittal_slice(volume: Volume, column: ArrayLike) -> PlanePicture:
    """The sagittal picture at ``column``: rows are slices, columns run anterior to posterior.

    Args:
        volume: canonical volume.
        column: one column, or one per slice (shape (slices,)) to follow a curved spine;
            NaN is filled from its neighbors.
    """
    _require_canonical(volume)
    n_slices, _, n_columns = volume.shape
    dz, dy, _ = volume.spacing_mm
    path = _path(column, n_slices, n_columns)
    pixels = volume.voxels[np.arange(n_slices), :, path]
    return PlanePicture("sagittal", pixels, (dz, dy), bottom_up=True)


def coronal_slice(volume: Volume, row: ArrayLike) -> PlanePicture:
    """The coronal picture at ``row``: rows are slices, columns run from the patient's right to left.

    Args:
        volume: canonical volume.
        row: one row, or one per slice (shape (slices,)) to follow a curved spine;
            NaN is filled from its neighbors.
    """
    _require_canonical(volume)
    n_slices, n_rows, _ = volume.shape
    dz, _, dx = volume.spacing_mm
    path = _path(row, n_slices, n_rows)
    pixels = volume.voxels[np.arange(n_slices), path, :]
    return PlanePicture("coronal", pixels, (dz, dx), bottom_up=True)
