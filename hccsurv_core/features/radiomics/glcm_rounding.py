"""Imc2 and MCC where both are square roots of rounding errors.

If two voxels' levels are independent, or nearly, HXY2 - HXY and the second
eigenvalue are 0 but for rounding: PyRadiomics then returns the square root of
1e-17, or drops a direction whose radicand is a negative 1e-17. Such a value says
nothing, but it must be the same by both engines. It is, if the same numbers are
added in the same order; so here, and only here, the sums are PyRadiomics' own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.radiomics.first_order import EPSILON


def rounding_sensitive_features(counts: NDArray[np.int32]) -> dict[str, float]:
    """Imc2 and MCC by PyRadiomics' order of operations.

    Args:
        counts: (directions, levels, levels), as counted; every direction has a pair.
    """
    p = np.ascontiguousarray(np.moveaxis(counts, 0, -1)[None]).astype(np.float64)
    p += np.transpose(p, (0, 2, 1, 3)).copy()
    p /= np.sum(p, (1, 2))[:, None, None, :]
    rows, columns = p.sum(2, keepdims=True), p.sum(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return {"Imc2": _imc2(p, rows, columns), "MCC": _mcc(p, rows, columns)}


def _imc2(p: NDArray, rows: NDArray, columns: NDArray) -> float:
    joint = (-1) * np.sum((p * np.log2(p + EPSILON)), (1, 2))
    mixed = (-1) * np.sum(((rows * columns) * np.log2(rows * columns + EPSILON)), (1, 2))
    imc2 = (1 - np.e ** (-2 * (mixed - joint))) ** 0.5
    imc2[mixed == joint] = 0
    return float(np.real(_mean_of_numbers(imc2)))


def _mcc(p: NDArray, rows: NDArray, columns: NDArray) -> float:
    if p.shape[1] < 2:
        return 1.0
    q = np.zeros(())
    for k in range(p.shape[1]):
        q = q + (p[:, :, None, k, :] * p[:, None, :, k, :]) / (
            rows[:, :, None, 0, :] * columns[:, None, :, k, :] + EPSILON
        )
    eigenvalues = np.linalg.eigvals(q.transpose((0, 3, 1, 2)))
    eigenvalues.sort()
    return float(np.real(_mean_of_numbers(np.sqrt(eigenvalues[:, :, -2]))))


def _mean_of_numbers(values: NDArray) -> complex | float:
    """The mean without NaN; NaN where all are."""
    kept = values[~np.isnan(values)]
    return kept.sum() / kept.size if kept.size else np.nan
