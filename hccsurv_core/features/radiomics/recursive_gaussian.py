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

#: Lines filtered together, so that the processor's vector units are full.
_LANES = 16


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
    data = np.zeros((length, _LANES))
    forth = np.zeros((length, _LANES))
    back = np.zeros((length, _LANES))
    if inner == 1:
        for first in range(0, outer, _LANES):
            lanes = min(_LANES, outer - first)
            for b in range(lanes):
                for t in range(length):
                    data[t, b] = image[first + b, t, 0]
            _recurse(data, forth, back, c)
            for b in range(lanes):
                for t in range(out.shape[1]):
                    out[first + b, t, 0] = np.float32(forth[start + t, b] + back[start + t, b])
    else:
        for o in range(outer):
            for first in range(0, inner, _LANES):
                lanes = min(_LANES, inner - first)
                for t in range(length):
                    for b in range(lanes):
                        data[t, b] = image[o, t, first + b]
                _recurse(data, forth, back, c)
                for t in range(out.shape[1]):
                    for b in range(lanes):
                        out[o, t, first + b] = np.float32(forth[start + t, b] + back[start + t, b])


@njit(cache=True, nogil=True)
def _recurse(data, forth, back, c):  # pragma: no cover - compiled
    """Causal and anticausal pass over ``_LANES`` lines; beyond an end its value goes on for ever."""
    n = data.shape[0]
    n0, n1, n2, n3 = c[0], c[1], c[2], c[3]
    m1, m2, m3, m4 = c[4], c[5], c[6], c[7]
    d1, d2, d3, d4 = c[8], c[9], c[10], c[11]
    for t in range(n):
        for b in range(_LANES):
            edge = data[0, b]
            x1 = data[t - 1, b] if t > 0 else edge
            x2 = data[t - 2, b] if t > 1 else edge
            x3 = data[t - 3, b] if t > 2 else edge
            fed = data[t, b] * n0 + x1 * n1 + x2 * n2 + x3 * n3
            if t > 3:
                fed -= (
                    forth[t - 1, b] * d1
                    + forth[t - 2, b] * d2
                    + forth[t - 3, b] * d3
                    + forth[t - 4, b] * d4
                )
            else:
                y1 = forth[t - 1, b] * d1 if t > 0 else edge * c[12]
                y2 = forth[t - 2, b] * d2 if t > 1 else edge * c[13]
                y3 = forth[t - 3, b] * d3 if t > 2 else edge * c[14]
                fed -= y1 + y2 + y3 + edge * c[15]
            forth[t, b] = fed
    for r in range(n):
        t = n - 1 - r
        for b in range(_LANES):
            edge = data[n - 1, b]
            x1 = data[t + 1, b] if r > 0 else edge
            x2 = data[t + 2, b] if r > 1 else edge
            x3 = data[t + 3, b] if r > 2 else edge
            x4 = data[t + 4, b] if r > 3 else edge
            fed = x1 * m1 + x2 * m2 + x3 * m3 + x4 * m4
            if r > 3:
                fed -= (
                    back[t + 1, b] * d1
                    + back[t + 2, b] * d2
                    + back[t + 3, b] * d3
                    + back[t + 4, b] * d4
                )
            else:
                y1 = back[t + 1, b] * d1 if r > 0 else edge * c[16]
                y2 = back[t + 2, b] * d2 if r > 1 else edge * c[17]
                y3 = back[t + 3, b] * d3 if r > 2 else edge * c[18]
                fed -= y1 + y2 + y3 + edge * c[19]
            back[t, b] = fed


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
