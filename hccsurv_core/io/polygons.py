"""Polygons to pixels: a pixel belongs to a polygon if its centre lies inside, by the even-odd rule.

The rule is that of the correction on the page (:func:`hccsurv_core.roi.editing.polygon_mask`, to
which a test holds it), written for contours of many thousand corners: the work is proportional to
the crossings of edges and rows. Polygons that share an edge never share a pixel, and none falls
between them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fill_even_odd(
    rows: NDArray[np.float64], columns: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Pixels whose centre lies inside a polygon.

    Args:
        rows, columns: the corners in pixel indices, finite; the last is joined to the first. An
            outline that runs into a hole and back along one line (a keyhole) leaves the hole out.
        shape: (rows, columns) of the picture; parts of the polygon outside it are ignored.

    Returns:
        Boolean, ``shape``.
    """
    height, width = shape
    y, x = rows, columns
    y_next, x_next = np.roll(y, -1), np.roll(x, -1)
    # An edge crosses the rows r with min(y) <= r < max(y).
    low = np.clip(np.ceil(np.minimum(y, y_next)), 0, height).astype(np.int64)
    high = np.clip(np.ceil(np.maximum(y, y_next)), 0, height).astype(np.int64)
    spans = high - low
    edge = np.repeat(np.arange(y.size), spans)
    begin = np.repeat(np.cumsum(spans) - spans, spans)
    row = np.repeat(low, spans) + np.arange(edge.size) - begin
    at = x[edge] + (row - y[edge]) / (y_next - y)[edge] * (x_next - x)[edge]
    # A crossing turns over every pixel whose centre lies to the right of it.
    first = np.clip(np.floor(at) + 1, 0, width).astype(np.int64)
    turns = np.bincount(row * (width + 1) + first, minlength=height * (width + 1))
    turns = turns.reshape(height, width + 1)[:, :width]
    return (np.cumsum(turns, axis=1) & 1).astype(bool)
