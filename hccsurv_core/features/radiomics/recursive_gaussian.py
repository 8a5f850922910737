"""Laplacian of Gaussian by Deriche's recursive filter, equal to ITK's to the last bit.

R. Deriche, "Fast algorithms for low-level vision", IEEE Trans. PAMI 12(1), 1990, with the
fourth-order coefficients of G. Farnebäck and C.-F. Westin, "Improving Deriche-style recursive
Gaussian filters", J. Math. Imaging Vis. 26, 2006. ITK (and so PyRadiomics) stores each pass in
single precision and adds in a fixed order; so does this. Only the lines that the mask's box needs
are computed after the first pass.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

#: After this many widths of the Gaussian the recursion has forgotten what came before but for 5e-15
#: of it (its slowest wave decays by exp(-1.3732) per width).
_MEMORY_SIGMAS = 24
#: Lines filtered together, so that the processor's vector units are full.
_LANES = 16


def surroundings(
    shape: tuple[int, ...], spacing_mm: tuple[float, ...], sigma_mm: float, box: tuple[slice, ...]
) -> tuple[slice, ...]:
    """As much of the image around ``box`` as its filtered values depend on: see the memory above."""
    around = []
    for size, spacing, part in zip(shape, spacing_mm, box, strict=True):
        reach = math.ceil(_MEMORY_SIGMAS * sigma_mm / spacing)
        around.append(slice(max(part.start - reach, 0), min(part.stop + reach, size)))
    return tuple(around)


def laplacian_of_gaussian(
    image: NDArray, spacing_mm: tuple[float, ...], sigma_mm: float, box: tuple[slice, ...]
) -> NDArray[np.float32]:
    """The scale-normalized Laplacian of Gaussian inside ``box``.

    Args:
        image: int32, float32 or float64, every side at least 4.
        spacing_mm: per axis of the array.
        sigma_mm: width of the Gaussian, mm.
        box: where it is wanted, per axis.

    Returns:
        float32, of the box's shape.
    """
    total = np.zeros(tuple(part.stop - part.start for part in box), np.float32)
    # The world's x first, which is the array's last axis.
    for axis in reversed(range(image.ndim)):
        others = [other for other in reversed(range(image.ndim)) if other != axis]
        part = image
        for pass_axis in (axis, *others):
            coefficients = _coefficients(
                sigma_mm / spacing_mm[pass_axis], sigma_mm, second=pass_axis == axis
            )
            part = _filter_axis(part, pass_axis, box[pass_axis], coefficients)
        total = _add_scaled(total, part, 1.0 / (spacing_mm[axis] * spacing_mm[axis]))
    return total


@njit(cache=True, nogil=True)
def _accumulate(total, part, scale):  # pragma: no cover - compiled
    for i in range(total.size):
        total[i] = np.float32(np.float64(total[i]) + np.float64(part[i]) * scale)


def _add_scaled(total: NDArray, part: NDArray, scale: float) -> NDArray:
    _accumulate(total.ravel(), part.ravel(), scale)
    return total


def _filter_axis(
    image: NDArray, axis: int, wanted: slice, coefficients: NDArray[np.float64]
) -> NDArray[np.float32]:
    """One pass along ``axis``; the result is cut to ``wanted`` along it."""
    shape = list(image.shape)
    shape[axis] = wanted.stop - wanted.start
    out = np.empty(shape, np.float32)
    length = image.shape[axis]
    outer = math.prod(image.shape[:axis])
    inner = math.prod(image.shape[axis + 1 :])
    _filter_lines(
        image.reshape(outer, length, inner),
        out.reshape(outer, shape[axis], inner),
        wanted.start,
        coefficients,
    )
    return out


@njit(cache=True, nogil=True)
def _filter_lines(image, out, start, c):  # pragma: no cover - compiled
    outer, length, inner = image.shape
    wanted = out.shape[1]
    data = np.zeros((length, _LANES))
    forth = np.zeros((length, _LANES))
    back = np.zeros((length, _LANES))
    if inner == 1:
        for first in range(0, outer, _LANES):
            lanes = slice(first, min(first + _LANES, outer))
            _load(image[lanes, :, 0].T, data)
            _causal(data, forth, c, start + wanted)
            _anticausal(data, back, c, start)
            _store(forth, back, start, out[lanes, :, 0].T)
    else:
        for o in range(outer):
            for first in range(0, inner, _LANES):
                lanes = slice(first, min(first + _LANES, inner))
                _load(image[o, :, lanes], data)
                _causal(data, forth, c, start + wanted)
                _anticausal(data, back, c, start)
                _store(forth, back, start, out[o, :, lanes])


# Inner loops have a constant length and no index arithmetic where it matters, so that they run on
# the processor's vector units; the sums keep ITK's order.
@njit(cache=True, nogil=True)
def _load(lines, data):  # pragma: no cover - compiled
    if lines.shape[1] == _LANES:
        for t in range(lines.shape[0]):
            source, target = lines[t], data[t]
            for b in range(_LANES):
                target[b] = source[b]
    else:
        for t in range(lines.shape[0]):
            for b in range(lines.shape[1]):
                data[t, b] = lines[t, b]


@njit(cache=True, nogil=True)
def _store(forth, back, start, lines):  # pragma: no cover - compiled
    if lines.shape[1] == _LANES:
        for t in range(lines.shape[0]):
            target, one, other = lines[t], forth[start + t], back[start + t]
            for b in range(_LANES):
                target[b] = np.float32(one[b] + other[b])
    else:
        for t in range(lines.shape[0]):
            for b in range(lines.shape[1]):
                lines[t, b] = np.float32(forth[start + t, b] + back[start + t, b])


@njit(cache=True, nogil=True)
def _causal(data, y, c, stop):  # pragma: no cover - compiled
    """From the start of ``_LANES`` lines to ``stop``; before the start its value goes on for ever."""
    n0, n1, n2, n3 = c[0], c[1], c[2], c[3]
    d1, d2, d3, d4 = c[8], c[9], c[10], c[11]
    for b in range(_LANES):
        e, x1, x2, x3 = data[0, b], data[1, b], data[2, b], data[3, b]
        fed = e * n0 + e * n1 + e * n2 + e * n3
        y[0, b] = fed - (e * c[12] + e * c[13] + e * c[14] + e * c[15])
        fed = x1 * n0 + e * n1 + e * n2 + e * n3
        y[1, b] = fed - (y[0, b] * d1 + e * c[13] + e * c[14] + e * c[15])
        fed = x2 * n0 + x1 * n1 + e * n2 + e * n3
        y[2, b] = fed - (y[1, b] * d1 + y[0, b] * d2 + e * c[14] + e * c[15])
        fed = x3 * n0 + x2 * n1 + x1 * n2 + e * n3
        y[3, b] = fed - (y[2, b] * d1 + y[1, b] * d2 + y[0, b] * d3 + e * c[15])
    for t in range(4, stop):
        x0, x1, x2, x3 = data[t], data[t - 1], data[t - 2], data[t - 3]
        y0, y1, y2, y3, y4 = y[t], y[t - 1], y[t - 2], y[t - 3], y[t - 4]
        for b in range(_LANES):
            fed = x0[b] * n0 + x1[b] * n1 + x2[b] * n2 + x3[b] * n3
            y0[b] = fed - (y1[b] * d1 + y2[b] * d2 + y3[b] * d3 + y4[b] * d4)


@njit(cache=True, nogil=True)
def _anticausal(data, y, c, stop):  # pragma: no cover - compiled
    """From the end of ``_LANES`` lines back to ``stop``; beyond the end its value goes on for ever."""
    n = data.shape[0]
    m1, m2, m3, m4 = c[4], c[5], c[6], c[7]
    d1, d2, d3, d4 = c[8], c[9], c[10], c[11]
    for b in range(_LANES):
        e, x1, x2 = data[n - 1, b], data[n - 2, b], data[n - 3, b]
        fed = e * m1 + e * m2 + e * m3 + e * m4
        y[n - 1, b] = fed - (e * c[16] + e * c[17] + e * c[18] + e * c[19])
        y[n - 2, b] = fed - (y[n - 1, b] * d1 + e * c[17] + e * c[18] + e * c[19])
        fed = x1 * m1 + e * m2 + e * m3 + e * m4
        y[n - 3, b] = fed - (y[n - 2, b] * d1 + y[n - 1, b] * d2 + e * c[18] + e * c[19])
        fed = x2 * m1 + x1 * m2 + e * m3 + e * m4
        y[n - 4, b] = fed - (y[n - 3, b] * d1 + y[n - 2, b] * d2 + y[n - 1, b] * d3 + e * c[19])
    for t in range(n - 5, stop - 1, -1):
        x1, x2, x3, x4 = data[t + 1], data[t + 2], data[t + 3], data[t + 4]
        y0, y1, y2, y3, y4 = y[t], y[t + 1], y[t + 2], y[t + 3], y[t + 4]
        for b in range(_LANES):
            fed = x1[b] * m1 + x2[b] * m2 + x3[b] * m3 + x4[b] * m4
            y0[b] = fed - (y1[b] * d1 + y2[b] * d2 + y3[b] * d3 + y4[b] * d4)


#: Farnebäck and Westin's constants: amplitudes of cosine and sine of two damped waves for the
#: Gaussian and for its second derivative, and the waves' frequencies and decays.
_SMOOTH = (1.3530, 1.8151, -0.3531, 0.0902)
_CURVED = (-1.3563, 5.2318, 0.3446, -2.2355)
_WAVES = (0.6681, -1.3932, 2.0787, -1.3732)


def _coefficients(sigma_voxels: float, sigma_mm: float, *, second: bool) -> NDArray[np.float64]:
    """The 20 coefficients of a pass: causal 4, anticausal 4, recursion 4, and 8 for the ends."""
    d, sums_d = _denominator(sigma_voxels)
    n, sums_n = _numerator(sigma_voxels, _SMOOTH)
    sd, dd, ed = sums_d
    if second:
        n2, sums_2 = _numerator(sigma_voxels, _CURVED)
        beta = -(2 * sums_2[0] - sd * n2[0]) / (2 * sums_n[0] - sd * n[0])
        n = [a + beta * b for a, b in zip(n2, n, strict=True)]
        sn, dn, en = (a + beta * b for a, b in zip(sums_2, sums_n, strict=True))
        alpha = en * sd * sd - ed * sn * sd - 2 * dn * dd * sd + 2 * dd * dd * sn
        alpha /= sd * sd * sd
        factor = sigma_mm * sigma_mm / alpha
    else:
        factor = 1.0 / (2 * sums_n[0] / sd - n[0])
    n = [value * factor for value in n]
    m = [n[1] - d[0] * n[0], n[2] - d[1] * n[0], n[3] - d[2] * n[0], -d[3] * n[0]]
    total_n = n[0] + n[1] + n[2] + n[3]
    total_m = m[0] + m[1] + m[2] + m[3]
    ends = [x * total_n / sd for x in d] + [x * total_m / sd for x in d]
    return np.array([*n, *m, *d, *ends])


def _numerator(
    sigma: float, amplitudes: tuple[float, ...]
) -> tuple[list[float], tuple[float, float, float]]:
    a1, b1, a2, b2 = amplitudes
    w1, l1, w2, l2 = _WAVES
    sin1, sin2 = math.sin(w1 / sigma), math.sin(w2 / sigma)
    cos1, cos2 = math.cos(w1 / sigma), math.cos(w2 / sigma)
    exp1, exp2 = math.exp(l1 / sigma), math.exp(l2 / sigma)
    n0 = a1 + a2
    n1 = exp2 * (b2 * sin2 - (a2 + 2 * a1) * cos2)
    n1 += exp1 * (b1 * sin1 - (a1 + 2 * a2) * cos1)
    n2 = (a1 + a2) * cos2 * cos1
    n2 -= b1 * cos2 * sin1 + b2 * cos1 * sin2
    n2 *= 2 * exp1 * exp2
    n2 += a2 * exp1 * exp1 + a1 * exp2 * exp2
    n3 = exp2 * exp1 * exp1 * (b2 * sin2 - a2 * cos2)
    n3 += exp1 * exp2 * exp2 * (b1 * sin1 - a1 * cos1)
    return [n0, n1, n2, n3], (n0 + n1 + n2 + n3, n1 + 2 * n2 + 3 * n3, n1 + 4 * n2 + 9 * n3)


def _denominator(sigma: float) -> tuple[list[float], tuple[float, float, float]]:
    w1, l1, w2, l2 = _WAVES
    cos1, cos2 = math.cos(w1 / sigma), math.cos(w2 / sigma)
    exp1, exp2 = math.exp(l1 / sigma), math.exp(l2 / sigma)
    d4 = exp1 * exp1 * exp2 * exp2
    d3 = -2 * cos1 * exp1 * exp2 * exp2
    d3 += -2 * cos2 * exp2 * exp1 * exp1
    d2 = 4 * cos2 * cos1 * exp1 * exp2
    d2 += exp1 * exp1 + exp2 * exp2
    d1 = -2 * (exp2 * cos2 + exp1 * cos1)
    return [d1, d2, d3, d4], (
        1.0 + d1 + d2 + d3 + d4,
        d1 + 2 * d2 + 3 * d3 + 4 * d4,
        d1 + 4 * d2 + 9 * d3 + 16 * d4,
    )
