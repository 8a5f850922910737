"""Resampling with anti-aliasing, fast enough for a whole CT.

Each axis is resampled by a triangular kernel as wide as the coarser of the two
grids: linear interpolation where the grid gets finer, an area-like average
where it gets coarser. The three passes are matrix products, slice by slice, so
that a 512×512×400 scan needs neither a float copy of itself nor a second of FFT.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.errors import GeometryError
from hccsurv_core.volume import Volume

#: Padding values (−3024, −2048 …) and metal are cut to this range before averaging.
HU_RANGE = (-1024.0, 3071.0)


@dataclass(frozen=True, eq=False)
class ResampledImage:
    """Voxels on another grid with the same axes, and the way back to the source grid.

    Args:
        voxels: float32 (slices, rows, columns).
        step_mm: distance between neighbours along (slice, row, column), mm.
        scale: source voxels per voxel along (slice, row, column).
        offset: source index of voxel (0, 0, 0).
    """

    voxels: NDArray[np.float32]
    step_mm: tuple[float, float, float]
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]

    def to_source(self, index: ArrayLike, axis: int) -> NDArray[np.float64]:
        """Continuous source index along ``axis`` of index ``index`` here."""
        return np.asarray(index, dtype=np.float64) * self.scale[axis] + self.offset[axis]

    def from_source(self, index: ArrayLike, axis: int) -> NDArray[np.float64]:
        """Continuous index along ``axis`` here of source index ``index``."""
        return (np.asarray(index, dtype=np.float64) - self.offset[axis]) / self.scale[axis]


def axis_weights(n_in: int, n_out: int, ratio: float) -> tuple[NDArray[np.float32], float]:
    """Weights (n_out, n_in) of a triangular kernel, and the source index of output 0.

    Args:
        ratio: source samples per output sample; the two extents share their centre.
    """
    offset = (n_in - 1) / 2 - ratio * (n_out - 1) / 2
    centers = offset + ratio * np.arange(n_out)
    reach = max(ratio, 1.0)
    centers_inside = np.clip(centers, 0, n_in - 1)
    distance = np.abs(centers_inside[:, None] - np.arange(n_in)[None, :])
    weights = np.clip(1.0 - distance / reach, 0.0, None)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32), float(offset)


def resample_isotropic(volume: Volume, step_mm: float = 2.0) -> ResampledImage:
    """Resample a CT to cubes of ``step_mm``; see :func:`resample_grid`."""
    return resample_grid(volume, (step_mm, step_mm, step_mm))


def resample_grid(volume: Volume, step_mm: tuple[float, float, float]) -> ResampledImage:
    """Resample a CT along its grid's own axes.

    Args:
        volume: CT in HU; values are cut to :data:`HU_RANGE` first, NaN counts as air.
        step_mm: distance between neighbours along (slice, row, column), mm.

    Returns:
        The image; at least one voxel along each axis, its extent centred on the source's.

    Raises:
        GeometryError: a step is not positive.
    """
    if not min(step_mm) > 0:
        raise GeometryError(f"the steps must be positive, got {step_mm} mm")
    counts: list[int] = []
    passes: list[tuple[NDArray[np.float32], float]] = []
    ratios: list[float] = []
    for n, spacing, step in zip(volume.shape, volume.spacing_mm, step_mm, strict=True):
        counts.append(max(1, round(n * spacing / step)))
        ratios.append(step / spacing)
        passes.append(axis_weights(n, counts[-1], ratios[-1]))
    (w_slice, o_slice), (w_row, o_row), (w_column, o_column) = passes
    planes = np.empty((volume.shape[0], counts[1], counts[2]), dtype=np.float32)
    columns_t = np.ascontiguousarray(w_column.T)
    for k, plane in enumerate(volume.voxels):
        clean = np.clip(np.nan_to_num(plane.astype(np.float32), nan=HU_RANGE[0]), *HU_RANGE)
        planes[k] = (w_row @ clean) @ columns_t
    voxels = (w_slice @ planes.reshape(len(planes), -1)).reshape(counts)
    return ResampledImage(
        voxels=voxels,
        step_mm=step_mm,
        scale=(ratios[0], ratios[1], ratios[2]),
        offset=(o_slice, o_row, o_column),
    )
