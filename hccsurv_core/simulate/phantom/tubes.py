"""Vessels and other tubes painted along a path on the pixels."""

from __future__ import annotations

import numpy as np

from hccsurv_core.simulate.phantom.canvas import Canvas
from hccsurv_core.simulate.phantom.shapes import capsule


def smooth_path(points: np.ndarray, n: int) -> np.ndarray:
    """``n`` points on a smooth curve through ``points`` (m, d); monotone cubic in chord length."""
    from scipy.interpolate import PchipInterpolator

    chord = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1))])
    return PchipInterpolator(chord, points)(np.linspace(0, chord[-1], n))


def paint_tube(
    canvas: Canvas,
    points: np.ndarray,
    radii: np.ndarray | float,
    hu: float,
    label: int | None,
    only_over: tuple[int, ...] | None = None,
    opacity: float = 1.0,
) -> None:
    """Paint a tube through ``points`` (n, 3), mm.

    Args:
        canvas: what to paint on.
        points: path, anatomical mm.
        radii: one radius, or one per point.
        hu: value.
        label: truth label, or None to keep what is there.
        only_over: labels over which it may be painted; None is all.
        opacity: 0 to 1.
    """
    radius = np.broadcast_to(np.asarray(radii, float), len(points))
    for i in range(len(points) - 1):
        a, b = points[i], points[i + 1]
        ra, rb = max(radius[i], 0.2), max(radius[i + 1], 0.2)
        reach = max(ra, rb) + canvas.pixel_mm
        low, high = np.minimum(a, b) - reach, np.maximum(a, b) + reach
        box = canvas.box((low[0], high[0]), (low[1], high[1]), (low[2], high[2]))
        if any(s.start >= s.stop for s in box):
            continue
        distance = capsule(*canvas.coordinates(box), tuple(a), tuple(b), ra, rb)
        share = canvas.coverage(distance) * opacity
        # A tube thinner than a pixel must not count in full.
        share *= min(1.0, 2.2 * max(ra, rb) / canvas.pixel_mm)
        if only_over is not None:
            share = share * np.isin(canvas.labels[box], only_over)
        canvas.paint(box, share, hu, label)
