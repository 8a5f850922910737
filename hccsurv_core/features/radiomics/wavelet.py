"""One level of the stationary wavelet transform, computed only at the voxels of a mask.

The same sums in the same order as PyWavelets makes them, so that the bands are
equal to the last bit: in flat tissue a band is 0 but for rounding, and the sign
of a rounding error decides a voxel's bin. The transform is periodic; an axis of
odd length is first extended by its first sample, as PyRadiomics does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Taps:
    """Which samples of an axis make each output, in the order they are added.

    Args:
        source: int64 (length, taps), sample; ``weight``: int64 (length, taps), coefficient.
    """

    source: NDArray[np.int64]
    weight: NDArray[np.int64]


def wavelet_bands(
    image: NDArray, index: NDArray[np.int64], wavelet: str
) -> dict[str, NDArray[np.floating]]:
    """All bands at the given voxels; letters stand for column, row, slice, in that order.

    Args:
        image: int32, float32 or float64, (slices, rows, columns) or (rows, columns).
        index: (axes, voxels).
        wavelet: PyWavelets' name.

    Returns:
        "LLL" to "HHH" (or "LL" to "HH") to (voxels,): float32 for a float32 image, else float64.
    """
    flat = image.ndim == 2
    if flat:
        image, index = image[None], np.vstack([np.zeros_like(index[:1]), index])
    coefficients = wavelet_coefficients(wavelet, image.dtype == np.float32)
    z, y, x = (axis_taps(size, coefficients.shape[1]) for size in image.shape)
    used = np.zeros(image.shape[0], bool)
    used[index[0] if flat else z.source[np.unique(index[0])]] = True
    slices = np.flatnonzero(used)
    columns2 = np.zeros(image.shape[1:], bool)
    columns2[index[1], index[2]] = True
    columns1 = np.zeros_like(columns2)
    rows, cols = np.nonzero(columns2)
    columns1[y.source[rows].ravel(), np.repeat(cols, y.source.shape[1])] = True
    number1, number2 = _numbered(columns1), _numbered(columns2)
    along_x = _filter_columns(image, slices, _places(columns1), x.source, x.weight, coefficients)
    along_y = _filter_rows(along_x, _places(columns2), number1, y.source, y.weight, coefficients)
    if flat:
        bands = np.ascontiguousarray(along_y[0][number2[index[1], index[2]]].T)
    else:
        bands = _filter_slices(along_y, index, number2, slices, z.source, z.weight, coefficients)
    letters = [""]
    for _ in range(2 if flat else 3):
        letters = [word + letter for word in letters for letter in "LH"]
    return dict(zip(letters, bands, strict=True))


def wavelet_coefficients(wavelet: str, single: bool) -> NDArray[np.floating]:
    """Low-pass and high-pass coefficients (2, taps), as PyWavelets uses them at this precision.

    In single precision they are not the rounded double ones; the response to an impulse shows them.
    """
    import pywt

    n_taps = pywt.Wavelet(wavelet).dec_len
    impulse = np.zeros(4 * n_taps, np.float32 if single else np.float64)
    impulse[2 * n_taps] = 1
    low, high = pywt.swt(impulse, wavelet, level=1)[0]
    first = 2 * n_taps - n_taps // 2
    return np.array([low[first : first + n_taps], high[first : first + n_taps]])


@lru_cache(maxsize=16)
def axis_taps(size: int, n_taps: int) -> Taps:
    """The taps of an axis of ``size`` samples, which goes on periodically."""
    period = size + size % 2
    source = np.empty((size, n_taps), np.int64)
    weight = np.empty((size, n_taps), np.int64)
    for o in range(size):
        last = o + n_taps // 2
        # What lies beyond the end is added first, farthest coefficient first.
        beyond = last - period
        order = [*range(beyond, -1, -1), *range(max(beyond + 1, 0), n_taps)]
        weight[o] = order
        source[o] = (last - np.array(order)) % period % size
    return Taps(source, weight)


def _places(used: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.ascontiguousarray(np.argwhere(used))


def _numbered(used: NDArray[np.bool_]) -> NDArray[np.int64]:
    number = np.full(used.shape, -1, np.int64)
    number[used] = np.arange(np.count_nonzero(used))
    return number


@njit(cache=True, nogil=True)
def _filter_columns(
    image, slices, where, source, weight, coefficients
):  # pragma: no cover - compiled
    n_taps = source.shape[1]
    out = np.empty((slices.size, where.shape[0], 2), coefficients.dtype)
    for s in range(slices.size):
        for c in range(where.shape[0]):
            row, column = where[c, 0], where[c, 1]
            low = coefficients.dtype.type(0)
            high = coefficients.dtype.type(0)
            for t in range(n_taps):
                value = coefficients.dtype.type(image[slices[s], row, source[column, t]])
                low += value * coefficients[0, weight[column, t]]
                high += value * coefficients[1, weight[column, t]]
            out[s, c, 0] = low
            out[s, c, 1] = high
    return out


@njit(cache=True, nogil=True)
def _filter_rows(data, where, number, source, weight, coefficients):  # pragma: no cover - compiled
    n_taps = source.shape[1]
    out = np.zeros((data.shape[0], where.shape[0], 4), coefficients.dtype)
    for s in range(data.shape[0]):
        for c in range(where.shape[0]):
            row, column = where[c, 0], where[c, 1]
            for t in range(n_taps):
                from_column = number[source[row, t], column]
                for band in range(2):
                    value = data[s, from_column, band]
                    out[s, c, 2 * band] += value * coefficients[0, weight[row, t]]
                    out[s, c, 2 * band + 1] += value * coefficients[1, weight[row, t]]
    return out


@njit(cache=True, nogil=True)
def _filter_slices(
    data, index, number, slices, source, weight, coefficients
):  # pragma: no cover - compiled
    n_taps = source.shape[1]
    n = index.shape[1]
    out = np.empty((8, n), coefficients.dtype)
    total = np.empty(8, coefficients.dtype)
    number_of_slice = np.zeros(source.shape[0], np.int64)
    for s in range(slices.size):
        number_of_slice[slices[s]] = s
    for v in range(n):
        k = index[0, v]
        column = number[index[1, v], index[2, v]]
        total[:] = 0
        for t in range(n_taps):
            from_slice = number_of_slice[source[k, t]]
            for band in range(4):
                value = data[from_slice, column, band]
                total[2 * band] += value * coefficients[0, weight[k, t]]
                total[2 * band + 1] += value * coefficients[1, weight[k, t]]
        for band in range(8):
            out[band, v] = total[band]
    return out
