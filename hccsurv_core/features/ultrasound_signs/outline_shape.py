"""Size and shape of an outline: an ellipse, and how far the outline wanders from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Map = NDArray[np.float64]

_ANGLES = 256
#: Waves round the outline that count: fewer are the ellipse, more are pixels and a shaking hand.
_FIRST_WAVE, _LAST_WAVE = 3, 12


@dataclass(frozen=True)
class OutlineShape:
    """Shape of an outline.

    Args:
        longest_mm: largest distance between two points of it.
        aspect: shortest over longest axis of its ellipse.
        lobulation: standard deviation of its radius about the ellipse, of 3 to 12 waves round it,
            over the ellipse's radius.
    """

    longest_mm: float
    aspect: float
    lobulation: float


def outline_shape(distance: Map, spacing_mm: tuple[float, float]) -> OutlineShape:
    """Measure an outline.

    Args:
        distance: (rows, columns) signed distance, mm, positive inside, of one part without holes.
        spacing_mm: size of a pixel.
    """
    points, center = outline_points(distance, spacing_mm)
    longest = float(np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)).max())
    relative, axes = _about_ellipse(points - center)
    waves = np.fft.rfft(relative) / len(relative)
    power = 2 * np.abs(waves[_FIRST_WAVE : _LAST_WAVE + 1]) ** 2
    return OutlineShape(longest, axes[1] / axes[0], float(np.sqrt(power.sum())))


def outline_points(distance: Map, spacing_mm: tuple[float, float]) -> tuple[Map, Map]:
    """Points (n, 2) of the outline at even angles about its middle (2,), row and column in mm."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    smooth = gaussian_filter(distance, 0.8)
    rows, columns = np.nonzero(distance > 0)
    center = np.array([rows.mean() * spacing_mm[0], columns.mean() * spacing_mm[1]])
    angle = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    ray = np.stack([np.sin(angle), np.cos(angle)], 1)
    reach = np.hypot(np.ptp(rows) * spacing_mm[0], np.ptp(columns) * spacing_mm[1]) + 2
    step = 0.1
    along = np.arange(0, reach, step)
    at = center + along[:, None, None] * ray
    values = map_coordinates(
        smooth, [at[..., 0] / spacing_mm[0], at[..., 1] / spacing_mm[1]], order=1, mode="nearest"
    )
    # The last crossing outwards.
    inside = values > 0
    last = np.array([int(np.flatnonzero(c)[-1]) if c.any() else 0 for c in inside.T])
    last = np.minimum(last, len(along) - 2)
    k = np.arange(_ANGLES)
    high, low = values[last, k], values[last + 1, k]
    share = np.clip(high / np.maximum(high - low, 1e-9), 0, 1)
    radius = (last + share) * step
    return center + radius[:, None] * ray, center


def _about_ellipse(points: Map) -> tuple[Map, tuple[float, float]]:
    """Radius relative to the best ellipse at even angles about its middle; its half axes."""
    from scipy.optimize import least_squares

    def radius_of(theta: Map, p: Map) -> Map:
        a, b = np.exp(p[2]), np.exp(p[3])
        found: Map = a * b / np.hypot(b * np.cos(theta - p[4]), a * np.sin(theta - p[4]))
        return found

    def off(p: Map) -> Map:
        y, x = points[:, 0] - p[0], points[:, 1] - p[1]
        return np.asarray(np.hypot(y, x) / radius_of(np.arctan2(y, x), p) - 1)

    size = float(np.log(np.hypot(*points.T).mean()))
    spread = np.linalg.eigh(np.cov(points.T))
    tilt = float(np.arctan2(spread[1][0, 1], spread[1][1, 1]))
    best = least_squares(off, [0.0, 0.0, size + 0.05, size - 0.05, tilt]).x
    y, x = points[:, 0] - best[0], points[:, 1] - best[1]
    theta = np.arctan2(y, x)
    order = np.argsort(theta)
    even = -np.pi + (np.arange(_ANGLES) + 0.5) * 2 * np.pi / _ANGLES
    relative = np.interp(even, theta[order], off(best)[order], period=2 * np.pi)
    a, b = sorted(np.exp(best[2:4]), reverse=True)
    return relative, (float(a), float(b))
