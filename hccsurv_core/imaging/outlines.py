"""Outlines of masks as closed polygons along pixel edges.

The polygons enclose exactly the mask's pixels: the signed areas (outer
outlines positive, holes negative) add up to the number of pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryError

# Steps by direction: right, down, left, up; (row, column) with rows growing downwards.
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))


def mask_outlines(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Trace the outlines of a 2-D mask.

    Pixels that touch only at a corner are separate pieces. Outlines run clockwise
    on the screen round pieces and counter-clockwise round holes, so a nonzero
    fill rule leaves the holes open.

    Args:
        mask: boolean array (rows, columns).

    Returns:
        One array (n, 2) of (row, column) per outline, first point repeated at the
        end, in pixel indices (pixel centres are integers, edges lie at ±0.5).

    Raises:
        GeometryError: the mask is not two-dimensional.
    """
    if mask.ndim != 2:
        raise GeometryError(f"an outline needs a 2-D mask, got {mask.ndim} axes")
    edges = _boundary_edges(mask.astype(bool))
    outlines = []
    while edges:
        outlines.append(_trace(edges))
    return outlines


def outline_area(outline: NDArray[np.float64]) -> float:
    """Signed area of a closed outline, pixels: positive round a piece, negative round a hole."""
    rows, columns = outline[:, 0], outline[:, 1]
    return float(np.sum(columns[:-1] * rows[1:] - columns[1:] * rows[:-1]) / 2)


def _boundary_edges(mask: NDArray[np.bool_]) -> dict[tuple[int, int], list[int]]:
    """Directed pixel edges with the mask on their right: corner to the directions leaving it."""
    padded = np.pad(mask, 1)
    edges: dict[tuple[int, int], list[int]] = {}

    def add(starts: tuple[NDArray, ...], offset: tuple[int, int], direction: int) -> None:
        for row, column in zip(*(axis.tolist() for axis in starts), strict=True):
            edges.setdefault((row + offset[0], column + offset[1]), []).append(direction)

    inner = padded[1:-1, 1:-1]
    add(np.nonzero(inner & ~padded[:-2, 1:-1]), (0, 0), 0)  # top edge, rightwards
    add(np.nonzero(inner & ~padded[1:-1, 2:]), (0, 1), 1)  # right edge, downwards
    add(np.nonzero(inner & ~padded[2:, 1:-1]), (1, 1), 2)  # bottom edge, leftwards
    add(np.nonzero(inner & ~padded[1:-1, :-2]), (1, 0), 3)  # left edge, upwards
    return edges


def _trace(edges: dict[tuple[int, int], list[int]]) -> NDArray[np.float64]:
    """Take one closed outline out of ``edges``, keeping only its corners."""
    start = next(iter(edges))
    corner, direction = start, -1
    points: list[tuple[int, int]] = []
    first_direction = edges[start][0]
    while True:
        leaving = edges[corner]
        # Where two pieces touch at a corner, turn right: stay with the same pixel.
        right = (direction + 1) % 4
        chosen = right if direction >= 0 and right in leaving else leaving[0]
        leaving.remove(chosen)
        if not leaving:
            del edges[corner]
        if chosen != direction:
            points.append(corner)
        direction = chosen
        corner = (corner[0] + _STEPS[chosen][0], corner[1] + _STEPS[chosen][1])
        if corner == start and (start not in edges or (direction + 1) % 4 == first_direction):
            break
    points.append(points[0])
    return np.array(points, dtype=np.float64) - 0.5
