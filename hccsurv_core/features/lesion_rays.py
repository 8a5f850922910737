"""A lesion's margin rolled out: rays across its outline, from inside to outside, one every millimeter.

A reader's line is off by a millimeter or two here and there, so what lies *on* the margin is found
again from the image, near the line: the curve along which tissue like the lesion's inside turns
into liver, judged by both phases at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.lesion_scene import STEP_MM, LesionScene, Map

#: Places along a ray, mm from the reader's line, negative inside.
STEP_ON_RAY_MM = 0.5
REACH_MM = (-10.0, 14.0)
ALONG_MM = np.arange(REACH_MM[0], REACH_MM[1] + 1e-6, STEP_ON_RAY_MM)
#: A ray is straight out of the line smoothed by this, so that neighbors do not cross.
_LINE_SMOOTH_MM = 2.5
#: Slices with less lesion than this have no margin worth following, mm².
_SMALLEST_MM2 = 80.0
_FEWEST_RAYS = 24
_DEEP_MM = 12.0

Rays = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MarginRays:
    """Rays across the margin on one slice.

    Args:
        slice_index: in the scene.
        points: (rays, 2) where they cross the smoothed line, (row, column) in the scene.
        normals: (rays, 2) unit vectors to the outside.
    """

    slice_index: int
    points: NDArray[np.float64]
    normals: NDArray[np.float64]

    def sample(self, image: Map) -> Rays:
        """(rays, places) values of a map of the scene."""
        from scipy.ndimage import map_coordinates

        steps = ALONG_MM / STEP_MM
        at = self.points[:, None, :] + steps[None, :, None] * self.normals[:, None, :]
        return np.asarray(
            map_coordinates(
                image[self.slice_index], at.transpose(2, 0, 1), order=1, mode="nearest"
            ),
            dtype=np.float32,
        )

    def curve(self, offsets_mm: NDArray[np.floating]) -> NDArray[np.float64]:
        """(rays, 2) points that lie off the line by so much along each ray."""
        return self.points + (offsets_mm / STEP_MM)[:, None] * self.normals


def margin_rays(scene: LesionScene) -> list[MarginRays]:
    """Rays about the lesion on every slice that shows enough of it."""
    found = []
    for k in range(len(scene.lesion)):
        if np.count_nonzero(scene.lesion[k]) * STEP_MM**2 >= _SMALLEST_MM2:
            rays = _of_slice(scene.distance[k], k)
            if rays is not None:
                found.append(rays)
    return found


def aligned(values: Rays, offsets_mm: NDArray[np.floating]) -> Rays:
    """Rays shifted so that 0 on :data:`ALONG_MM` lies where each ray's offset was."""
    from scipy.ndimage import map_coordinates

    ray = np.broadcast_to(np.arange(len(values))[:, None], values.shape)
    place = np.arange(values.shape[1])[None] + np.asarray(offsets_mm)[:, None] / STEP_ON_RAY_MM
    return np.asarray(
        map_coordinates(values, (ray, place), order=1, mode="nearest"), dtype=np.float32
    )


def window_mean(values: Rays, low_mm: float, high_mm: float) -> Rays:
    """At each place of each ray, the mean from ``low_mm`` to ``high_mm`` beyond it."""
    places = values.shape[1]
    total = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
    at = np.arange(places)
    first = np.clip(at + int(low_mm / STEP_ON_RAY_MM), 0, places - 1)
    last = np.clip(at + int(high_mm / STEP_ON_RAY_MM) + 1, 1, places)
    return np.asarray((total[:, last] - total[:, first]) / np.maximum(last - first, 1), np.float32)


def places_between(low_mm: float, high_mm: float) -> NDArray[np.intp]:
    """Indices of the places on a ray from ``low_mm`` to ``high_mm``."""
    return np.flatnonzero((low_mm - 1e-6 <= ALONG_MM) & (high_mm + 1e-6 >= ALONG_MM))


def at_mm(place_mm: float) -> int:
    """Index of a place on a ray."""
    return int(np.argmin(np.abs(ALONG_MM - place_mm)))


def _of_slice(distance: NDArray[np.float32], k: int) -> MarginRays | None:
    from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates
    from skimage.measure import find_contours

    smooth = gaussian_filter(np.clip(distance, -_DEEP_MM, _DEEP_MM), _LINE_SMOOTH_MM / STEP_MM)
    lines = find_contours(np.pad(smooth, 1, constant_values=_DEEP_MM), 0.0)
    if not lines:
        return None
    line = max(lines, key=len) - 1.0
    pieces = np.hypot(*np.diff(line, axis=0).T) * STEP_MM
    number = max(_FEWEST_RAYS, round(float(pieces.sum())))
    along = np.append(0.0, np.cumsum(pieces))
    at = np.arange(number) * along[-1] / number
    points = np.stack([np.interp(at, along, line[:, axis]) for axis in (0, 1)], axis=1)
    slopes = np.gradient(smooth)
    normals = np.stack(
        [map_coordinates(s, points.T, order=1, mode="nearest") for s in slopes], axis=1
    )
    normals = gaussian_filter1d(normals, 2.0, axis=0, mode="wrap")
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return MarginRays(k, points, normals / np.maximum(length, 1e-6))
