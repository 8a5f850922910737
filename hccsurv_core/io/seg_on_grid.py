"""Where the pixels of a segmentation's frame lie on an image's grid; nothing is interpolated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryMismatchError
from hccsurv_core.volume import LabelMap, Volume, describe_geometry

#: A segmentation's frame lies at its own source image, which may be this far from the even grid.
PLANE_OFFSET_VOXELS = 0.25
ON_THE_GRID = "export the mask on the grid of the image"


@dataclass(frozen=True, eq=False)
class FramePlace:
    """Index of a frame's first pixel and the index steps along its rows and columns.

    Args:
        first, row_step, column_step: whole numbers (slice, row, column).
    """

    first: NDArray[np.intp]
    row_step: NDArray[np.intp]
    column_step: NDArray[np.intp]

    def voxels(self, rows: NDArray, columns: NDArray) -> tuple[NDArray[np.intp], ...]:
        """Voxel indices of pixels, an array for each axis."""
        return tuple(
            self.first[axis] + rows * self.row_step[axis] + columns * self.column_step[axis]
            for axis in range(3)
        )


def place_frame(
    number: int,
    origin: NDArray[np.float64],
    row_step: NDArray[np.float64],
    column_step: NDArray[np.float64],
    pixels: NDArray,
    image: Volume | LabelMap,
) -> tuple[NDArray[np.intp], ...]:
    """Voxel indices of the pixels that are set, in the order of ``np.nonzero(pixels)``.

    Args:
        number: of the frame, from 0, for the message.
        origin: LPS mm of the first pixel.
        row_step, column_step: LPS mm from a row (a column) to the next.
        pixels: (rows, columns); what is not 0 must be a voxel of the image.
        image: the grid.

    Raises:
        GeometryMismatchError: pixels are no voxels; names both geometries.
    """
    r, c = np.nonzero(pixels)
    rows, columns = pixels.shape
    if not r.size:
        return r, r, r
    corners = origin + np.outer((0, rows - 1, 0), row_step)
    corners[2] += column_step * (columns - 1)
    place = _place(corners, (rows, columns), image)
    if place is not None:
        found = place.voxels(r, c)
        if all(
            axis.min() >= 0 and axis.max() < n for axis, n in zip(found, image.shape, strict=True)
        ):
            return found
    height, width = np.linalg.norm(row_step), np.linalg.norm(column_step)
    x, y, z = origin
    raise GeometryMismatchError(
        f"the segmentation does not lie on the image's grid: its frame {number + 1} has "
        f"{columns}×{rows} pixels of {width:.3g}×{height:.3g} mm at ({x:.1f}, {y:.1f}, "
        f"{z:.1f}) mm, the image {describe_geometry(image)}",
        remedy=ON_THE_GRID,
    )


def _place(
    corners: NDArray[np.float64], shape: tuple[int, int], image: Volume | LabelMap
) -> FramePlace | None:
    """Where a plane lies on the grid.

    Args:
        corners: LPS mm of the first pixel, of the last row's first, of the first row's last.
        shape: rows, columns.

    Returns:
        None where pixels are no voxels.
    """
    ends = image.world_to_index(corners)
    whole = np.rint(ends)
    if not np.abs(ends - whole).max() <= PLANE_OFFSET_VOXELS:
        return None
    lengths = np.array(shape) - 1
    steps = (whole[1:] - whole[0]) / np.maximum(lengths, 1)[:, np.newaxis]
    if not (np.abs(steps).sum(axis=1) == (lengths > 0)).all() or np.abs(steps).max() > 1:
        return None
    return FramePlace(*(part.astype(np.intp) for part in (whole[0], steps[0], steps[1])))
