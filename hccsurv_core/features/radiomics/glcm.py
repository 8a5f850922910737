"""Gray level co-occurrence features: each direction's symmetrical matrix, then the mean of directions."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.discretize import GrayLevels
from hccsurv_core.features.radiomics.first_order import EPSILON
from hccsurv_core.features.radiomics.glcm_rounding import rounding_sensitive_features
from hccsurv_core.features.radiomics.maximal_correlation import second_eigenvalue

#: What :func:`_direction` fills in, in order.
_NAMES = (
    "Autocorrelation", "ClusterProminence", "ClusterShade", "ClusterTendency", "Contrast",
    "Correlation", "DifferenceAverage", "DifferenceEntropy", "DifferenceVariance", "Id", "Idm",
    "Idmn", "Idn", "Imc1", "Imc2", "InverseVariance", "JointAverage", "JointEnergy", "JointEntropy",
    "MCC", "MaximumProbability", "SumAverage", "SumEntropy", "SumSquares",
)  # fmt: skip
#: Below these, Imc2 and MCC are square roots of rounding errors: see ``glcm_rounding``.
_LEAST_INFORMATION = 1e-8
_LEAST_EIGENVALUE = 1e-6


def co_occurrence_features(counts: NDArray[np.int32], levels: GrayLevels) -> dict[str, float]:
    """The 24 GLCM features; NaN where no two voxels of the mask touch.

    Args:
        counts: (directions, levels, levels + 1), as counted: see ``TextureMatrices``.
    """
    used = np.flatnonzero(counts[:, :, :-1].any(axis=(1, 2)))
    if not used.size:
        # PyRadiomics' MCC of a single level is 1, pairs or not.
        return {**dict.fromkeys(_NAMES, np.nan), "MCC": 1.0 if levels.values.size < 2 else np.nan}
    rows = np.empty((used.size, len(_NAMES) + 2))
    for row, d in zip(rows, used, strict=True):
        _direction(counts[d], levels.values, row)
    features = dict(zip(_NAMES, rows[:, :-2].mean(axis=0).tolist(), strict=True))
    if rows[:, -2].min() < _LEAST_INFORMATION or rows[:, -1].min() < _LEAST_EIGENVALUE:
        features.update(rounding_sensitive_features(counts[used, :, :-1]))
    return features


@njit(cache=True, nogil=True)
def _normalize(counts):  # pragma: no cover - compiled
    """The symmetrical matrix of probabilities, its margin, and the cells that are not 0."""
    n = counts.shape[0]
    total = 0
    n_cells = 0
    for i in range(n):
        for j in range(n):
            total += counts[i, j]
            n_cells += counts[i, j] + counts[j, i] > 0
    p = np.zeros((n, n))
    margin = np.zeros(n)
    cells = np.empty((n_cells, 2), np.int64)
    c = 0
    for i in range(n):
        for j in range(n):
            both = counts[i, j] + counts[j, i]
            if both > 0:
                p[i, j] = both / (2.0 * total)
                margin[i] += p[i, j]
                cells[c, 0], cells[c, 1] = i, j
                c += 1
    return p, margin, cells


@njit(cache=True, nogil=True)
def _entropies(p, margin, cells):  # pragma: no cover - compiled
    """Of the matrix, of its margin, and the two mixed ones of the informational measures."""
    joint = marginal = mixed1 = mixed2 = 0.0
    for c in range(cells.shape[0]):
        i, j = cells[c, 0], cells[c, 1]
        joint -= p[i, j] * np.log2(p[i, j] + EPSILON)
        mixed1 -= p[i, j] * np.log2(margin[i] * margin[j] + EPSILON)
    for i in range(margin.size):
        if margin[i] > 0:
            marginal -= margin[i] * np.log2(margin[i] + EPSILON)
            product = margin[i] * margin[i]
            mixed2 -= product * np.log2(product + EPSILON)
            for j in range(i):
                product = margin[i] * margin[j]
                if product > 0:
                    mixed2 -= 2 * product * np.log2(product + EPSILON)
    return joint, marginal, mixed1, mixed2


@njit(cache=True, nogil=True)
def _distribution(p, values, cells, out):  # pragma: no cover - compiled
    """The features of single cells; returns the distributions of |i - j| and of i + j."""
    highest = int(values[-1])
    difference = np.zeros(highest)
    addition = np.zeros(2 * highest + 1)
    for c in range(cells.shape[0]):
        probability = p[cells[c, 0], cells[c, 1]]
        i, j = values[cells[c, 0]], values[cells[c, 1]]
        difference[int(abs(i - j))] += probability
        addition[int(i + j)] += probability
        out[0] += probability * i * j
        out[16] += probability * i
        out[17] += probability * probability
        out[20] = max(out[20], probability)
    covariance = 0.0
    for c in range(cells.shape[0]):
        probability = p[cells[c, 0], cells[c, 1]]
        i, j = values[cells[c, 0]] - out[16], values[cells[c, 1]] - out[16]
        covariance += probability * i * j
        out[23] += probability * i * i
    out[5] = covariance / (out[23] + EPSILON) if out[23] > 0 else 1.0
    return difference, addition


@njit(cache=True, nogil=True)
def _sums_and_differences(difference, addition, highest, out):  # pragma: no cover - compiled
    for k in range(difference.size):
        q = difference[k]
        if q > 0:
            square = float(k * k)
            out[4] += square * q
            out[6] += k * q
            out[7] -= q * np.log2(q + EPSILON)
            out[9] += q / (1 + k)
            out[10] += q / (1 + square)
            out[11] += q / (1 + square / highest**2)
            out[12] += q / (1 + k / highest)
            out[15] += q / square if k > 0 else 0.0
    for k in range(difference.size):
        out[8] += difference[k] * (k - out[6]) ** 2
    twice_mean = 2 * out[16]
    for k in range(addition.size):
        q = addition[k]
        if q > 0:
            step = k - twice_mean
            out[3] += q * step**2
            out[2] += q * step**3
            out[1] += q * step**4
            out[21] += q * k
            out[22] -= q * np.log2(q + EPSILON)


@njit(cache=True, nogil=True)
def _direction(counts, values, out):  # pragma: no cover - compiled
    """One direction's features, then what tells whether Imc2 and MCC are above rounding errors."""
    out[:] = 0.0
    p, margin, cells = _normalize(counts)
    difference, addition = _distribution(p, values, cells, out)
    _sums_and_differences(difference, addition, values[-1], out)
    joint, marginal, mixed1, mixed2 = _entropies(p, margin, cells)
    information = mixed2 - joint
    eigenvalue = second_eigenvalue(p, margin)
    out[13] = (joint - mixed1) / marginal if marginal != 0 else 0.0
    out[14] = np.sqrt(max(1 - np.exp(-2 * information), 0.0))
    out[18] = joint
    out[19] = np.sqrt(max(eigenvalue, 0.0))
    out[24] = information
    out[25] = eigenvalue
