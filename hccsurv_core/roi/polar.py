"""Closed outlines in polar coordinates: sampling along rays, the best closed curve, drawing it.

A structure that is star-shaped around a point (the trunk, a psoas) is outlined by
one radius per direction. Dynamic programming finds the closed curve of highest
score whose radius changes by a bounded step from ray to ray: a global optimum,
in milliseconds, with no learned weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

#: Rays repeated before the first and after the last, so that the curve closes on itself.
_WRAP_FRACTION = 0.25


def ray_angles(n_rays: int) -> NDArray[np.floating]:
    """Directions of the rays, radians: 0 = patient's left, π/2 = posterior."""
    return np.arange(n_rays) * (2 * np.pi / n_rays)


def sample_rays(
    images: NDArray,
    centers: NDArray[np.floating],
    angles: NDArray[np.floating],
    radii: NDArray[np.floating],
    *,
    fill: float,
) -> NDArray[np.float32]:
    """Sample images along rays.

    Args:
        images: (n, rows, columns).
        centers: (n, 2) row and column of the rays' origin, pixels.
        angles: (a,) radians.
        radii: (r,) pixels.

    Returns:
        (n, a, r) float32; ``fill`` outside the image.
    """
    d_row = np.sin(angles)[:, None] * radii
    d_column = np.cos(angles)[:, None] * radii
    out = np.empty((len(images), len(angles), len(radii)), np.float32)
    for k, image in enumerate(images):
        points = (centers[k, 0] + d_row, centers[k, 1] + d_column)
        out[k] = ndi.map_coordinates(image, points, order=1, cval=fill, prefilter=False)
    return out


def best_closed_curve(
    score: NDArray[np.floating], max_step: int, step_penalty: float
) -> NDArray[np.intp]:
    """The closed curve of highest total score, one radius index per ray.

    Args:
        score: (n, rays, radii), for n independent curves.
        max_step: largest change of the radius index between neighboring rays.
        step_penalty: subtracted per unit of change.

    Returns:
        (n, rays) radius indices.
    """
    rays = score.shape[1]
    wrap = int(rays * _WRAP_FRACTION)
    ring = np.concatenate([score[:, -wrap:], score, score[:, :wrap]], axis=1)
    path = best_open_curve(ring, max_step, step_penalty)
    return path[:, wrap : wrap + rays]


def best_open_curve(
    score: NDArray[np.floating], max_step: int, step_penalty: float
) -> NDArray[np.intp]:
    """As :func:`best_closed_curve`, for a curve with two loose ends.

    Args:
        score: (n, positions, values).

    Returns:
        (n, positions) value indices.
    """
    n, length, values = score.shape
    steps = np.arange(-max_step, max_step + 1)
    penalty = (step_penalty * np.abs(steps)).astype(np.float32)[:, None, None]
    total = score[:, 0].astype(np.float32)
    back = np.empty((length, n, values), np.int8)
    padded = np.full((n, values + 2 * max_step), -np.inf, np.float32)
    for position in range(1, length):
        padded[:, max_step : max_step + values] = total
        # windows[s, n, v] = total at v + steps[s]
        windows = np.lib.stride_tricks.sliding_window_view(padded, values, axis=1)
        candidates = np.moveaxis(windows, 1, 0) - penalty
        choice = candidates.argmax(axis=0)
        total = np.take_along_axis(candidates, choice[None], axis=0)[0] + score[:, position]
        back[position] = choice
    path = np.empty((n, length), np.intp)
    path[:, -1] = total.argmax(axis=1)
    every = np.arange(n)
    for position in range(length - 1, 0, -1):
        value = path[:, position]
        path[:, position - 1] = value + steps[back[position, every, value]]
    return path


def radius_at(
    curve_mm: NDArray[np.floating], posterior_mm: NDArray, lateral_mm: NDArray
) -> NDArray[np.float64]:
    """Radius of a closed curve in the direction of each point, mm.

    Args:
        curve_mm: (rays,) radii of the rays of :func:`ray_angles`.
        posterior_mm, lateral_mm: the points, relative to the curve's center.
    """
    angle = np.mod(np.arctan2(posterior_mm, lateral_mm), 2 * np.pi)
    position = angle * (len(curve_mm) / (2 * np.pi))
    closed = np.append(curve_mm, curve_mm[0])
    return np.interp(position, np.arange(len(closed)), closed)


def inside_curve(
    curve_mm: NDArray[np.floating], posterior_mm: NDArray, lateral_mm: NDArray
) -> NDArray[np.bool_]:
    """Which points lie inside a closed curve around (0, 0)."""
    return np.hypot(posterior_mm, lateral_mm) <= radius_at(curve_mm, posterior_mm, lateral_mm)


def smooth_closed(curve: NDArray, sigma_rays: float) -> NDArray[np.float64]:
    """Gaussian smoothing along the rays of closed curves (…, rays)."""
    return ndi.gaussian_filter1d(np.asarray(curve, float), sigma_rays, axis=-1, mode="wrap")
