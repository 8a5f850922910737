"""Where a patch of an ultrasound picture lies in another frame: masked normalized correlation.

The correlation counts only pixels that are picture in both frames (Padfield D, IEEE Trans Image
Process 2012;21(5):2706-2718, doi 10.1109/TIP.2011.2181402), so that a patch may reach beyond the
fan. It is found first at half resolution by Fourier transform over the whole search range, then
at full resolution around the best place, and to parts of a pixel by a paraboloid through the
neighbors of the maximum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Pixels are averaged in blocks of this for the first search.
COARSE = 2
#: How far around its best place the full resolution is searched, pixels.
FINE_REACH = 3
#: A place counts where at least this share of the patch's weight is picture.
_LEAST_OVERLAP = 0.5
_TINY = 1e-6


class Match(NamedTuple):
    """Displacement (rows, columns) in pixels, its correlation, and whether it met the range's end."""

    row: float
    column: float
    correlation: float
    at_limit: bool


@dataclass(frozen=True)
class SearchBox:
    """A patch within a panel and how far it may move.

    Args:
        top, left, rows, columns: of the patch, in the panel's pixels.
        reach: farthest displacement along (rows, columns), pixels.
    """

    top: int
    left: int
    rows: int
    columns: int
    reach: tuple[int, int]

    @property
    def patch(self) -> tuple[slice, slice]:
        """Where the patch lies in a picture that `cut` returned."""
        down, along = self.reach
        return slice(down, down + self.rows), slice(along, along + self.columns)

    def cut(self, panel: NDArray) -> NDArray:
        """The patch with its surroundings; 0 beyond the panel's border."""
        down, along = self.reach
        top, left = self.top - down, self.left - along
        bottom, right = self.top + self.rows + down, self.left + self.columns + along
        inside = panel[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        before = max(-top, 0), max(-left, 0)
        found = np.zeros((bottom - top, right - left), panel.dtype)
        found[before[0] : before[0] + inside.shape[0], before[1] : before[1] + inside.shape[1]] = (
            inside
        )
        return found


def flattened(levels: Floats, seen: Mask, size: tuple[int, int], smooth: float = 0.0) -> Floats:
    """Levels less their local mean, so that gain and shadows do not guide the search.

    Args:
        levels: (rows, columns) gray levels.
        seen: which of them are picture; the others become 0.
        size: (rows, columns) of the box whose mean is taken, pixels.
        smooth: standard deviation of a smoothing before, pixels.
    """
    from scipy.ndimage import gaussian_filter, uniform_filter

    share = seen.astype(np.float32)
    values = levels * share
    if smooth > 0:
        weight = gaussian_filter(share, smooth)
        values = gaussian_filter(values, smooth) / np.maximum(weight, 0.05) * share
    mean = uniform_filter(values, size, mode="constant")
    count = uniform_filter(share, size, mode="constant")
    return (values - mean / np.maximum(count, 0.05)) * share


def coarsened(values: Floats) -> Floats:
    """Means of blocks of `COARSE` × `COARSE` pixels; a remainder is cut off."""
    rows, columns = (n // COARSE * COARSE for n in values.shape)
    blocks = values[:rows, :columns].reshape(rows // COARSE, COARSE, columns // COARSE, COARSE)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


class Patch:
    """What is looked for.

    Args:
        values: (rows, columns) of the patch.
        weight: 0 to 1, how much each pixel counts.
        seen: which pixels of the search picture (patch and surroundings) are picture.
        box: where.
        nearness: correlation that a place at the end of the range must have more than one that
            did not move, to be preferred: where little guides the search, chance must not.
    """

    def __init__(
        self, values: Floats, weight: Floats, seen: Mask, box: SearchBox, nearness: float = 0.0
    ):
        self._box = box
        self._nearness = nearness
        self._seen = seen.astype(np.float32)
        self._weight = weight.astype(np.float32)
        self._values = values.astype(np.float32)
        # Blocks must start where the unmoved patch does.
        self._coarse = _Fourier(
            coarsened(self._values), coarsened(self._weight), self._on_coarse(self._seen)
        )

    def find(self, picture: Floats) -> Match:
        """The best place in a picture that `SearchBox.cut` gave and `flattened` prepared."""
        scores = self._coarse.scores(self._on_coarse(picture))
        scores = scores - self._nearness * _distance(scores.shape)
        rows, columns = scores.shape
        row, column = divmod(int(scores.argmax()), columns)
        start = (row - rows // 2) * COARSE, (column - columns // 2) * COARSE
        found = self.refine(picture, start, FINE_REACH)
        if found.at_limit:  # once more, in case the first search was a few pixels off
            found = self.refine(picture, (round(found.row), round(found.column)), FINE_REACH)
        return found

    def refine(self, picture: Floats, start: tuple[int, int], reach: int) -> Match:
        """The best place within ``reach`` pixels of a displacement (rows, columns)."""
        scores = np.full((2 * reach + 1, 2 * reach + 1), -1.0)
        for r in range(-reach, reach + 1):
            for c in range(-reach, reach + 1):
                scores[r + reach, c + reach] = self._score(picture, (start[0] + r, start[1] + c))
        row, column = np.unravel_index(int(scores.argmax()), scores.shape)
        part_row, part_column, top = _paraboloid(scores, int(row), int(column))
        found = start[0] + row - reach + part_row, start[1] + column - reach + part_column
        at_limit = any(
            abs(x) >= limit - 0.5 for x, limit in zip(found, self._box.reach, strict=True)
        ) or any(k in (0, 2 * reach) for k in (row, column))
        return Match(float(found[0]), float(found[1]), float(np.clip(top, -1, 1)), bool(at_limit))

    def score_at(self, picture: Floats, shift: tuple[int, int]) -> float:
        """The correlation at one displacement (rows, columns)."""
        return self._score(picture, shift)

    def _score(self, picture: Floats, shift: tuple[int, int]) -> float:
        if any(abs(s) > limit for s, limit in zip(shift, self._box.reach, strict=True)):
            return -1.0
        rows, columns = self._box.patch
        here = (
            slice(rows.start + shift[0], rows.stop + shift[0]),
            slice(columns.start + shift[1], columns.stop + shift[1]),
        )
        weight = (self._weight * self._seen[here]).ravel()
        total = float(weight.sum())
        if total < _LEAST_OVERLAP * float(self._weight.sum()) or total <= 0:
            return -1.0
        one, other = self._values.ravel(), picture[here].ravel()
        weighed = weight * other
        mean_one, mean_other = float(weight @ one) / total, float(weighed.sum()) / total
        spread_one = float((weight * one) @ one) / total - mean_one**2
        spread_other = float(weighed @ other) / total - mean_other**2
        together = float(weighed @ one) / total - mean_one * mean_other
        return together / float(
            np.sqrt(max(spread_one, float(_TINY)) * max(spread_other, float(_TINY)))
        )

    def _on_coarse(self, picture: Floats) -> Floats:
        down, along = (k % COARSE for k in self._box.reach)
        rows, columns = picture.shape
        return coarsened(picture[down : rows - down, along : columns - along])


def _distance(shape: tuple[int, ...]) -> Floats:
    """Squared distance from the middle, 1 at the middle of a side."""
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) ** 2 for n in shape)
    return np.asarray(rows[:, None] + columns[None], np.float32)


class _Fourier:
    """Masked normalized correlation at all displacements of a search picture."""

    def __init__(self, values: Floats, weight: Floats, seen: Floats):
        from scipy.fft import next_fast_len, rfft2

        self._valid = tuple(n - m + 1 for n, m in zip(seen.shape, values.shape, strict=True))
        self._shape = tuple(next_fast_len(n, real=True) for n in seen.shape)
        self._seen = (seen > 0.5).astype(np.float32)
        self._weight = np.conj(rfft2(weight, self._shape))
        self._weighed = np.conj(rfft2(weight * values, self._shape))
        picture = rfft2(self._seen, self._shape)
        self._count = self._back(picture * self._weight)
        self._ok = self._count >= _LEAST_OVERLAP * float(weight.sum())
        count = np.maximum(self._count, _TINY)
        square = np.conj(rfft2(weight * values**2, self._shape))
        self._mean = self._back(picture * self._weighed) / count
        self._spread = np.maximum(self._back(picture * square) / count - self._mean**2, _TINY)

    def _back(self, spectrum: NDArray) -> Floats:
        from scipy.fft import irfft2

        rows, columns = self._valid
        return np.asarray(irfft2(spectrum, self._shape)[:rows, :columns], np.float32)

    def scores(self, picture: Floats) -> Floats:
        from scipy.fft import rfft2

        values = picture * self._seen
        spectrum = rfft2(values, self._shape)
        count = np.maximum(self._count, _TINY)
        mean = self._back(spectrum * self._weight) / count
        spread = self._back(rfft2(values**2, self._shape) * self._weight) / count - mean**2
        together = self._back(spectrum * self._weighed) / count - mean * self._mean
        # A patch of no contrast correlates with nothing.
        scale = np.sqrt(self._spread * np.maximum(spread, 1e-3 * float(np.abs(spread).max())))
        return np.where(self._ok, together / np.maximum(scale, _TINY), -1.0)


def _paraboloid(scores: NDArray[np.float64], row: int, column: int) -> tuple[float, float, float]:
    """Parts of a pixel to the top of a paraboloid through a maximum's neighbors, and its height."""
    n_rows, n_columns = scores.shape
    if not (0 < row < n_rows - 1 and 0 < column < n_columns - 1):
        return 0.0, 0.0, float(scores[row, column])
    z = scores[row - 1 : row + 2, column - 1 : column + 2]
    if (z <= -1).any():
        return 0.0, 0.0, float(scores[row, column])
    g = np.array([z[2, 1] - z[0, 1], z[1, 2] - z[1, 0]]) / 2
    h = np.array(
        [
            [z[2, 1] - 2 * z[1, 1] + z[0, 1], (z[2, 2] - z[2, 0] - z[0, 2] + z[0, 0]) / 4],
            [0.0, z[1, 2] - 2 * z[1, 1] + z[1, 0]],
        ]
    )
    h[1, 0] = h[0, 1]
    determinant = h[0, 0] * h[1, 1] - h[0, 1] ** 2
    if determinant <= 0 or h[0, 0] >= 0:
        return 0.0, 0.0, float(z[1, 1])
    part = np.clip(-np.linalg.solve(h, g), -1, 1)
    return float(part[0]), float(part[1]), float(z[1, 1] + 0.5 * (g @ part))
