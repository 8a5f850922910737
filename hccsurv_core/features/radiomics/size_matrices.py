"""Run-length, size-zone and dependence matrices: sixteen sums that all three share."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.first_order import EPSILON

#: What :func:`_sums` returns, in order: L is the level, S the size (length, area, dependence).
_GLRLM = (
    "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized", "GrayLevelVariance",
    "HighGrayLevelRunEmphasis", "LowGrayLevelRunEmphasis", "LongRunEmphasis", "ShortRunEmphasis",
    "LongRunHighGrayLevelEmphasis", "LongRunLowGrayLevelEmphasis", "ShortRunHighGrayLevelEmphasis",
    "ShortRunLowGrayLevelEmphasis", "RunEntropy", "RunLengthNonUniformity",
    "RunLengthNonUniformityNormalized", "RunPercentage", "RunVariance",
)  # fmt: skip
_GLSZM = (
    "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized", "GrayLevelVariance",
    "HighGrayLevelZoneEmphasis", "LowGrayLevelZoneEmphasis", "LargeAreaEmphasis",
    "SmallAreaEmphasis", "LargeAreaHighGrayLevelEmphasis", "LargeAreaLowGrayLevelEmphasis",
    "SmallAreaHighGrayLevelEmphasis", "SmallAreaLowGrayLevelEmphasis", "ZoneEntropy",
    "SizeZoneNonUniformity", "SizeZoneNonUniformityNormalized", "ZonePercentage", "ZoneVariance",
)  # fmt: skip
#: None: PyRadiomics leaves it out, as equal to another feature.
_GLDM = (
    "GrayLevelNonUniformity", None, "GrayLevelVariance", "HighGrayLevelEmphasis",
    "LowGrayLevelEmphasis", "LargeDependenceEmphasis", "SmallDependenceEmphasis",
    "LargeDependenceHighGrayLevelEmphasis", "LargeDependenceLowGrayLevelEmphasis",
    "SmallDependenceHighGrayLevelEmphasis", "SmallDependenceLowGrayLevelEmphasis",
    "DependenceEntropy", "DependenceNonUniformity", "DependenceNonUniformityNormalized", None,
    "DependenceVariance",
)  # fmt: skip


def _named(names: tuple[str | None, ...], sums: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, sums, strict=True) if name is not None}


def run_length_features(
    counts: NDArray[np.int32], values: NDArray[np.float64], has_line: NDArray[np.bool_]
) -> dict[str, float]:
    """The 16 GLRLM features: the mean over directions that have a line of two voxels or more."""
    rows = [_matrix_sums(counts[d], values) for d in np.flatnonzero(has_line)]
    sums = np.mean(rows, axis=0) if rows else np.full(len(_GLRLM), np.nan)
    return _named(_GLRLM, sums)


def size_zone_features(
    rank: NDArray[np.int32], size: NDArray[np.int32], values: NDArray[np.float64]
) -> dict[str, float]:
    """The 16 GLSZM features from each zone's level and size."""
    keys, count = np.unique(size.astype(np.int64) * values.size + rank, return_counts=True)
    sizes, ranks = np.divmod(keys, values.size)
    return _named(_GLSZM, _sums(ranks, sizes, count, values))


def dependence_features(counts: NDArray[np.int32], values: NDArray[np.float64]) -> dict[str, float]:
    """The 14 GLDM features."""
    return _named(_GLDM, _matrix_sums(counts, values))


@njit(cache=True, nogil=True)
def _cells(counts):  # pragma: no cover - compiled
    """The cells of a dense matrix that are not 0: level's rank, size, count."""
    n_levels, n_sizes = counts.shape
    n = 0
    for i in range(n_levels):
        for j in range(n_sizes):
            n += counts[i, j] > 0
    rank = np.empty(n, np.int64)
    size = np.empty(n, np.int64)
    count = np.empty(n, np.int64)
    c = 0
    for i in range(n_levels):
        for j in range(n_sizes):
            if counts[i, j] > 0:
                rank[c], size[c], count[c] = i, j + 1, counts[i, j]
                c += 1
    return rank, size, count


@njit(cache=True, nogil=True)
def _sums(rank, size, count, values):  # pragma: no cover - compiled
    """The sixteen sums over the cells of a matrix, in the order of the names above."""
    out = np.zeros(16)
    per_level = np.zeros(values.size)
    largest = 0
    n = 0
    for c in range(rank.size):
        largest = max(largest, size[c])
        n += count[c]
    per_size = np.zeros(largest + 1)
    covered = mean_level = mean_size = entropy = 0.0
    for c in range(rank.size):
        level, s, k = values[rank[c]], float(size[c]), float(count[c])
        per_level[rank[c]] += k
        per_size[size[c]] += k
        l2, s2 = level * level, s * s
        out[3] += k * l2
        out[4] += k / l2
        out[5] += k * s2
        out[6] += k / s2
        out[7] += k * l2 * s2
        out[8] += k * s2 / l2
        out[9] += k * l2 / s2
        out[10] += k / (l2 * s2)
        covered += k * s
        p = k / n
        mean_level += k * level
        mean_size += k * s
        entropy -= p * np.log2(p + EPSILON)
    mean_level /= n
    mean_size /= n
    for i in range(values.size):
        out[0] += per_level[i] ** 2
        out[2] += per_level[i] / n * (values[i] - mean_level) ** 2
    for s in range(1, largest + 1):
        if per_size[s] > 0:
            out[12] += per_size[s] ** 2
            out[15] += per_size[s] / n * (s - mean_size) ** 2
    out[1] = out[0] / (float(n) * n)
    out[13] = out[12] / (float(n) * n)
    for k in (0, 3, 4, 5, 6, 7, 8, 9, 10, 12):
        out[k] /= n
    out[11] = entropy
    out[14] = n / covered
    return out


@njit(cache=True, nogil=True)
def _matrix_sums(counts, values):  # pragma: no cover - compiled
    rank, size, count = _cells(counts)
    return _sums(rank, size, count, values)
