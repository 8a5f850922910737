"""Compiled passes over a mask for its shape: surface patterns, outlines, moments, distances.

Lengths are in half voxels here, so that the surface's points (halfway between a voxel inside and a
neighbor outside) are whole numbers and every comparison is exact. A padded mask has an empty layer
all round.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: No point on this line.
NONE = np.iinfo(np.int64).max


@njit(cache=True, nogil=True)
def count_cubes(padded):
    """How often each pattern of 2×2×2 voxels occurs, and the sum of the indices where.

    Args:
        padded: uint8, 1 inside, (slices, rows, columns).

    Returns:
        counts (256,) and places (256, 3), int64; full and empty cubes are not counted.
    """
    counts = np.zeros(256, np.int64)
    places = np.zeros((256, 3), np.int64)
    slices, rows, columns = padded.shape
    for z in range(slices - 1):
        for y in range(rows - 1):
            a, b = padded[z, y], padded[z, y + 1]
            c, d = padded[z + 1, y], padded[z + 1, y + 1]
            left = np.int64(0)
            for x in range(columns):
                right = np.int64(a[x] | (b[x] << 2) | (c[x] << 4) | (d[x] << 6)) << 1
                pattern = left | right
                if pattern != 0 and pattern != 255:
                    counts[pattern] += 1
                    places[pattern, 0] += z
                    places[pattern, 1] += y
                    places[pattern, 2] += x - 1
                left = right >> 1
    return counts, places


@njit(cache=True, nogil=True)
def sum_moments(mask):
    """Number of voxels, sums of their indices (3,), and of products of indices (3, 3), exactly."""
    first = np.zeros(3, np.int64)
    second = np.zeros((3, 3), np.int64)
    total = 0
    slices, rows, columns = mask.shape
    for z in range(slices):
        for y in range(rows):
            row = mask[z, y]
            n, sx, sxx = 0, 0, 0
            for x in range(columns):
                if row[x]:
                    n += 1
                    sx += x
                    sxx += x * x
            total += n
            first[0] += n * z
            first[1] += n * y
            first[2] += sx
            second[0, 0] += n * z * z
            second[0, 1] += n * z * y
            second[1, 1] += n * y * y
            second[0, 2] += z * sx
            second[1, 2] += y * sx
            second[2, 2] += sxx
    second[1, 0], second[2, 0], second[2, 1] = second[0, 1], second[0, 2], second[1, 2]
    return total, first, second


@njit(cache=True, nogil=True)
def _first_and_last_change(one, other):
    """First and last position where two rows differ; (NONE, -NONE) where they do not."""
    n = one.size
    for x in range(n):
        if one[x] != other[x]:
            last = n - 1
            while one[last] == other[last]:
                last -= 1
            return x, last
    return NONE, -NONE


@njit(cache=True, nogil=True)
def line_extremes(padded):
    """First and last point of the surface on each line along the columns, in half voxels.

    A line has a place in half voxels, (2·slice, 2·row); lines halfway between slices, or halfway
    between rows, hold the points of the edges that cross there.

    Args:
        padded: uint8, 1 inside, (slices, rows, columns).

    Returns:
        low and high, int64 (2·slices − 1, 2·rows − 1); (NONE, −NONE) where a line has no point.
    """
    slices, rows, _ = padded.shape
    low = np.full((2 * slices - 1, 2 * rows - 1), NONE, np.int64)
    high = np.full((2 * slices - 1, 2 * rows - 1), -NONE, np.int64)
    empty = np.zeros(padded.shape[2], padded.dtype)
    for z in range(slices):
        for y in range(rows):
            first, last = _first_and_last_change(padded[z, y], empty)
            if first != NONE:
                low[2 * z, 2 * y] = 2 * first - 1
                high[2 * z, 2 * y] = 2 * last + 1
            if y + 1 < rows:
                first, last = _first_and_last_change(padded[z, y], padded[z, y + 1])
                if first != NONE:
                    low[2 * z, 2 * y + 1], high[2 * z, 2 * y + 1] = 2 * first, 2 * last
            if z + 1 < slices:
                first, last = _first_and_last_change(padded[z, y], padded[z + 1, y])
                if first != NONE:
                    low[2 * z + 1, 2 * y], high[2 * z + 1, 2 * y] = 2 * first, 2 * last
    return low, high


@njit(cache=True, nogil=True)
def _chain(values, sign, chain):
    """Lines whose point lies on the convex hull, on the side that ``sign`` tells; returns how many."""
    size = 0
    for t in range(values.size):
        if values[t] == NONE or values[t] == -NONE:
            continue
        while size >= 2:
            p, q = chain[size - 2], chain[size - 1]
            turn = (q - p) * (values[t] - values[p]) - (values[q] - values[p]) * (t - p)
            if sign * turn > 0:
                break
            size -= 1
        chain[size] = t
        size += 1
    return size


@njit(cache=True, nogil=True)
def plane_hulls(low, high, along, across, keep_low, keep_high):
    """The largest distance within a plane, and which points are on their plane's convex hull.

    Args:
        low, high: first and last point on each line, (planes, lines); see :func:`line_extremes`.
        along: length of half a voxel along a line.
        across: length of half a voxel from line to line.
        keep_low, keep_high: bool (planes, lines), cleared for points inside their plane's hull.

    Returns:
        The square of the distance; 0 where no plane has two points.
    """
    planes, lines = low.shape
    bottom, top = np.empty(lines, np.int64), np.empty(lines, np.int64)
    places = np.empty((2 * lines, 2), np.float64)
    largest = 0.0
    for plane in range(planes):
        n_bottom = _chain(low[plane], 1, bottom)
        n_top = _chain(high[plane], -1, top)
        on_bottom, on_top = np.zeros(lines, np.bool_), np.zeros(lines, np.bool_)
        for i in range(n_bottom):
            t = bottom[i]
            on_bottom[t] = True
            places[i, 0], places[i, 1] = t * across, low[plane, t] * along
        for i in range(n_top):
            t = top[i]
            on_top[t] = True
            places[n_bottom + i, 0], places[n_bottom + i, 1] = t * across, high[plane, t] * along
        for t in range(lines):
            keep_low[plane, t] &= on_bottom[t]
            keep_high[plane, t] &= on_top[t]
        largest = max(largest, largest_squared_distance(places[: n_bottom + n_top]))
    return largest


@njit(cache=True, nogil=True)
def largest_squared_distance(places):
    """The largest squared distance between two of ``places``, (points, dimensions)."""
    largest = 0.0
    n, dimensions = places.shape
    for i in range(n):
        for j in range(i):
            distance = 0.0
            for d in range(dimensions):
                step = places[i, d] - places[j, d]
                distance += step * step
            largest = max(largest, distance)
    return largest
