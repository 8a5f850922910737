"""The shape of a fan from the pixels that show echoes: two straight sides and two arcs around one apex.

Dark vessels, shadows and deep tissue leave holes and bites in what is lit; the shape fills them. A
picture that is no sector (a linear probe, a sector cut by its box) is filled from top to bottom,
column by column: that is right for it, as for sectors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
#: A side is a line that this many tries find; points within so many pixels of it are on it.
_TRIES, _NEAR_PX = 300, 1.6
#: A side that leans less than this (columns a row) is upright: no sector.
_LEAN = 0.08
#: A sector must hold this share of what is lit, and this share of it must be lit (with holes filled).
_HOLDS, _FILLED = 0.97, 0.7
#: Points that a side needs.
_MIN_POINTS = 12
#: A ring of the sector with this share of pixels that are not black is part of it.
_FAINT_SHARE = 0.5


@dataclass(frozen=True)
class Sector:
    """Part of a ring around an apex, rows downwards, in pixels (rows scaled by ``aspect``).

    Args:
        apex_row, apex_column: where the sides meet.
        inner, outer: radii of the arcs, in columns.
        left, right: lean of the sides, columns a row; left is negative.
        aspect: height of a pixel over its width.
    """

    apex_row: float
    apex_column: float
    inner: float
    outer: float
    left: float
    right: float
    aspect: float = 1.0

    def mask(self, shape: tuple[int, int]) -> Mask:
        """(rows, columns) True inside."""
        row, column = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
        down, across = row - self.apex_row, column - self.apex_column
        radius = np.hypot(down * self.aspect, across)
        inside = (across >= self.left * down - 0.5) & (across <= self.right * down + 0.5)
        return inside & (down > 0) & (radius >= self.inner) & (radius <= self.outer)


def fan_shape(lit: Mask, aspect: float = 1.0, faint: Mask | None = None) -> Mask:
    """The fan (rows, columns) whose echoes are ``lit``; all False where nothing is.

    Args:
        lit: (rows, columns) of one panel.
        aspect: height of a pixel over its width.
        faint: every pixel that is not black. Near and deep parts of a sector that are only sprinkled
            with noise belong to it.
    """
    if not lit.any():
        return lit.copy()
    sector = fit_sector(lit, aspect, faint)
    return filled_columns(lit) if sector is None else sector.mask((lit.shape[0], lit.shape[1]))


def fit_sector(lit: Mask, aspect: float = 1.0, faint: Mask | None = None) -> Sector | None:
    """The sector around what is lit; None where it is none. Arguments as `fan_shape`."""
    rows = np.flatnonzero(lit.any(axis=1))
    if len(rows) < _MIN_POINTS:
        return None
    first = lit[rows].argmax(axis=1)
    last = lit.shape[1] - 1 - lit[rows, ::-1].argmax(axis=1)
    left, right = _side(rows, first), _side(rows, -last)
    if left is None or right is None:
        return None
    (a, lean_left), (b, lean_right) = left, (-right[0], -right[1])
    if lean_left > -_LEAN or lean_right < _LEAN:
        return None
    apex_row = (b - a) / (lean_left - lean_right)
    apex_column = a + lean_left * apex_row
    row, column = np.nonzero(lit)
    radius = np.hypot((row - apex_row) * aspect, column - apex_column)
    inner, outer = np.percentile(radius, (0.2, 99.8))
    found = Sector(
        float(apex_row),
        float(apex_column),
        float(inner),
        float(outer),
        lean_left,
        lean_right,
        aspect,
    )
    inside = found.mask((lit.shape[0], lit.shape[1]))
    held = np.count_nonzero(inside & lit)
    filled = np.count_nonzero(inside & filled_columns(lit))
    if held < _HOLDS * np.count_nonzero(lit) or filled < _FILLED * np.count_nonzero(inside):
        return None
    return found if faint is None else _grown(found, faint)


def _grown(sector: Sector, faint: Mask) -> Sector:
    """The sector with its arcs moved outwards as long as some pixels there are not black."""
    wedge = replace(sector, inner=0.0, outer=float(sum(faint.shape)) + sector.outer)
    row, column = np.nonzero(wedge.mask((faint.shape[0], faint.shape[1])))
    radius = np.hypot((row - sector.apex_row) * sector.aspect, column - sector.apex_column)
    rings = radius.astype(int)
    count = np.bincount(rings)
    share = np.bincount(rings, weights=faint[row, column]) / np.maximum(count, 1)
    part_of_it = (share >= _FAINT_SHARE) & (count > 0)
    inner, outer = int(sector.inner), int(sector.outer)
    while inner > 0 and part_of_it[inner - 1]:
        inner -= 1
    while outer + 1 < len(part_of_it) and part_of_it[outer + 1]:
        outer += 1
    return replace(
        sector, inner=min(float(inner), sector.inner), outer=max(outer + 1.0, sector.outer)
    )


def _side(rows: NDArray, edge: NDArray) -> tuple[float, float] | None:
    """(column at row 0, columns a row) of the straight left side; None where there is none.

    The line with the most edge points on it, among those with nearly no lit pixel beyond.
    """
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, len(rows), (_TRIES, 2))
    pairs = pairs[np.abs(rows[pairs[:, 0]] - rows[pairs[:, 1]]) >= len(rows) / 6]
    best: tuple[int, float, float] | None = None
    for i, j in pairs:
        lean = (edge[j] - edge[i]) / (rows[j] - rows[i])
        away = edge - (edge[i] + lean * (rows - rows[i]))
        on = int(np.count_nonzero(np.abs(away) <= _NEAR_PX))
        beyond = int(np.count_nonzero(away < -2 * _NEAR_PX))
        score = on - 2 * beyond
        if best is None or score > best[0]:
            best = (score, float(edge[i] - lean * rows[i]), float(lean))
    if best is None or best[0] < max(_MIN_POINTS, 0.2 * len(rows)):
        return None
    return _refined(rows, edge, best[1], best[2])


def _refined(rows: NDArray, edge: NDArray, at: float, lean: float) -> tuple[float, float]:
    near = np.abs(edge - (at + lean * rows)) <= _NEAR_PX
    slope, start = np.polyfit(rows[near], edge[near], 1)
    return float(start), float(slope)


def filled_columns(lit: Mask) -> Mask:
    """Each column filled from its first to its last lit pixel, small gaps between columns closed."""
    from scipy import ndimage

    closed = ndimage.binary_closing(np.pad(lit, 8), np.ones((1, 9), bool))[8:-8, 8:-8] | lit
    down = np.logical_or.accumulate(closed, axis=0)
    up = np.logical_or.accumulate(closed[::-1], axis=0)[::-1]
    return down & up
