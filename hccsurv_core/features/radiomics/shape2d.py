"""PyRadiomics' nine shape features of a mask in one plane (a lesion on an ultrasound frame).

As in :mod:`hccsurv_core.features.radiomics.shape`, of which this is the flat counterpart: values
agree with PyRadiomics 3.0.1's ``shape2D`` class, except that the axis of pixels on a line is
exactly 0 and the elongation of a single pixel 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.shape import (
    checked_spacing,
    cropped_and_padded,
    principal_axes,
    ratio_of_axes,
)
from hccsurv_core.features.radiomics.shape_kernels import NONE, line_extremes, plane_hulls

#: Part of a 2×2 square that lies inside the outline, by pattern: bit 2·row + column is set where
#: that pixel is inside. The outline passes halfway between a pixel inside and one outside; two
#: pixels that touch at a corner only (6 and 9) stay apart.
SQUARE_AREA = np.array([0, 1, 1, 4, 1, 4, 2, 7, 1, 2, 4, 7, 4, 7, 7, 8]) / 8
#: How many slanted pieces of outline (half a pixel's diagonal) cross it, and how many straight ones
#: along the columns and along the rows.
SQUARE_DIAGONALS = np.array([0, 1, 1, 0, 1, 0, 2, 1, 1, 2, 0, 1, 0, 1, 1, 0])
SQUARE_ALONG_COLUMNS = np.array([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
SQUARE_ALONG_ROWS = np.array([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0])


def shape2d_features(mask: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> dict[str, float]:
    """The nine features, by PyRadiomics' names without class and image.

    Args:
        mask: bool, (rows, columns), at least one pixel set; it may touch the edge.
        spacing_mm: distance between neighbors along (row, column), mm.

    Returns:
        Lengths in mm, areas in mm²; all finite.

    Raises:
        RadiomicsError: the mask is empty or not two-dimensional bool; a spacing is not positive.
    """
    spacing = checked_spacing(mask, spacing_mm, dimensions=2)
    inside = cropped_and_padded(mask)
    perimeter, surface = _outline(inside, spacing)
    count, (_, minor, major) = principal_axes(inside[None], np.array([1.0, *spacing]))
    return {
        "Elongation": ratio_of_axes(minor, major),
        "MajorAxisLength": major,
        "MaximumDiameter": _diameter(inside, spacing),
        "MeshSurface": surface,
        "MinorAxisLength": minor,
        "Perimeter": perimeter,
        "PerimeterSurfaceRatio": perimeter / surface,
        "PixelSurface": count * float(spacing.prod()),
        "Sphericity": 2 * float(np.sqrt(np.pi * surface)) / perimeter,
    }


def _outline(inside: NDArray[np.uint8], spacing: NDArray[np.float64]) -> tuple[float, float]:
    """Length (mm) of the outline, and the area (mm²) within."""
    pattern = inside[:-1, :-1] + 2 * inside[:-1, 1:] + 4 * inside[1:, :-1] + 8 * inside[1:, 1:]
    counts = np.bincount(pattern.ravel(), minlength=16)
    height, width = spacing
    perimeter = (
        counts @ SQUARE_DIAGONALS * np.hypot(height, width) / 2
        + counts @ SQUARE_ALONG_COLUMNS * width
        + counts @ SQUARE_ALONG_ROWS * height
    )
    return float(perimeter), float(counts @ SQUARE_AREA * height * width)


def _diameter(inside: NDArray[np.uint8], spacing: NDArray[np.float64]) -> float:
    """The largest distance between two points of the outline, mm."""
    height, width = (float(s) / 2 for s in spacing)
    low, high = line_extremes(inside[None])
    return float(np.sqrt(plane_hulls(low, high, width, height, low != NONE, high != -NONE)))
