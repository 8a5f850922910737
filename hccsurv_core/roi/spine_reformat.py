"""The spine straightened along its canal: cubes sampled in planes square to the canal's course.

Planes are one millimetre apart on the vertebral bodies' axis, not in the canal: in the
lordosis the canal takes the inner, shorter way round.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.roi.canal import CanalPath

#: The planes go on straight for this far beyond the scan's ends, so that a
#: tilted disk that only half lies in view is still sampled.
EXTENSION_MM = 25
#: Position and direction of the canal are smoothed this much along it, mm.
#: The vertebral bodies' axis lies this far before the canal's centre, mm.
BODY_AXIS_MM = 24.0
POSITION_SIGMA_MM = 8.0
DIRECTION_SIGMA_MM = 12.0


@dataclass(frozen=True, eq=False)
class SpineFrame:
    """A frame that moves up the spine, one plane per millimetre of its bodies' axis.

    Args:
        center: (planes, 3) canal centre in mm of the cube grid, order (slice, row, column).
        along: (planes, 3) unit vectors up the canal.
        forward: (planes, 3) unit vectors to anterior, square to ``along``.
        left: (planes, 3) unit vectors to the patient's left.
        height_mm: extent of the cube grid along the slices, mm.
    """

    center: NDArray[np.float64]
    along: NDArray[np.float64]
    forward: NDArray[np.float64]
    left: NDArray[np.float64]
    height_mm: float

    def point(
        self, plane: NDArray[np.floating] | float, forward_mm: float = 0.0
    ) -> NDArray[np.float64]:
        """Grid position in mm of the point ``forward_mm`` before the canal on a fractional plane."""
        line = self.center + forward_mm * self.forward
        at = np.arange(len(line))
        return np.stack([np.interp(plane, at, line[:, axis]) for axis in range(3)], axis=-1)

    def plane_at(self, slice_mm: NDArray[np.floating] | float, forward_mm: float = 0.0):
        """The plane whose point ``forward_mm`` before the canal lies at ``slice_mm``."""
        heights = np.maximum.accumulate((self.center + forward_mm * self.forward)[:, 0])
        return np.interp(slice_mm, heights, np.arange(len(heights)))

    def tilt_deg(self) -> NDArray[np.float64]:
        """Per plane, how far it tips forward (its anterior edge down), degrees."""
        return np.degrees(np.arcsin(np.clip(-self.forward[:, 0], -1, 1)))


def _smooth(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    return ndi.gaussian_filter1d(values, sigma, axis=0, mode="nearest")


def build_frame(path: CanalPath, step_mm: float) -> SpineFrame:
    """The moving frame of a canal path on cubes of ``step_mm``."""
    course = np.stack([np.arange(len(path.row)), path.row, path.column], axis=1) * step_mm
    course[:, 1:] = _smooth(course[:, 1:], POSITION_SIGMA_MM / step_mm)
    arc = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(course, axis=0), axis=1))]
    stations = np.arange(0.0, arc[-1] + 1e-9, 1.0)
    center = _interpolated(course, arc, stations)
    if len(center) < 3:
        along = np.tile([1.0, 0.0, 0.0], (len(center), 1))
    else:
        along = np.gradient(_smooth(center, DIRECTION_SIGMA_MM), axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    steps = np.arange(1, EXTENSION_MM + 1)[:, None]
    center = np.r_[center[0] - steps[::-1] * along[0], center, center[-1] + steps * along[-1]]
    along = np.r_[
        np.repeat(along[:1], EXTENSION_MM, 0), along, np.repeat(along[-1:], EXTENSION_MM, 0)
    ]
    forward = _across(along)
    # Stations even along the bodies' axis; where it would run backward (a sharp bend) it waits.
    axis = center + BODY_AXIS_MM * forward
    advance = np.sum(np.diff(axis, axis=0) * along[:-1], axis=1)
    length = np.r_[0.0, np.cumsum(np.maximum(advance, 0.05))]
    even = np.arange(0.0, length[-1] + 1e-9, 1.0)
    center, along = _interpolated(center, length, even), _interpolated(along, length, even)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    forward = _across(along)
    left = np.cross(along, forward)
    left *= np.sign(left[:, 2:3])
    return SpineFrame(center, along, forward, left, (len(path.row) - 1) * step_mm)


def _across(along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors to anterior, square to ``along``, within sagittal planes."""
    forward = np.stack([along[:, 1], -along[:, 0], np.zeros(len(along))], axis=1)
    return forward / np.linalg.norm(forward, axis=1, keepdims=True)


def _interpolated(
    values: NDArray[np.float64], at: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.stack([np.interp(wanted, at, values[:, axis]) for axis in range(3)], axis=1)


def sample_planes(
    voxels: NDArray[np.floating],
    frame: SpineFrame,
    forward_mm: NDArray[np.floating],
    left_mm: NDArray[np.floating],
    step_mm: float,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Linear samples on a (planes, forward, left) grid, and where they lie within the scan."""
    points = (
        frame.center[:, None, None, :]
        + np.asarray(forward_mm)[None, :, None, None] * frame.forward[:, None, None, :]
        + np.asarray(left_mm)[None, None, :, None] * frame.left[:, None, None, :]
    )
    inside = (points[..., 0] >= -0.5 * step_mm) & (
        points[..., 0] <= frame.height_mm + 0.5 * step_mm
    )
    indices = np.moveaxis(points / step_mm, -1, 0)
    samples = ndi.map_coordinates(voxels, indices, order=1, mode="nearest", output=np.float32)
    return samples, inside
