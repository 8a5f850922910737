"""What a Cox model asks of its data, and the messages where they do not give it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome


def checked_covariates(
    x: ArrayLike, outcome: SurvivalOutcome, names: Sequence[str] | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """(n, p) finite covariates and their names.

    Raises:
        InputError: a shape is wrong, or a value is missing; the message names the covariate.
    """
    matrix = np.asarray(x, dtype=np.float64)
    if matrix.ndim == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2 or matrix.shape[0] != len(outcome) or matrix.shape[1] == 0:
        raise InputError(
            f"covariates must be {len(outcome)} rows and at least one column, got {matrix.shape}",
            source="x",
        )
    labels = (
        tuple(names) if names is not None else tuple(f"x{i + 1}" for i in range(matrix.shape[1]))
    )
    if len(labels) != matrix.shape[1]:
        raise InputError(f"{matrix.shape[1]} covariates but {len(labels)} names", source="names")
    missing = ~np.isfinite(matrix)
    if missing.any():
        column = int(np.flatnonzero(missing.any(0))[0])
        raise InputError(
            f"{int(missing[:, column].sum())} values are missing or not finite",
            source=labels[column],
            remedy="leave these patients out or impute them first",
        )
    return matrix, labels


def checked_weights(weights: ArrayLike | None, n: int) -> np.ndarray | None:
    """(n,) positive weights, or None.

    Raises:
        InputError: they are not.
    """
    if weights is None:
        return None
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (n,) or not np.isfinite(values).all() or (values <= 0).any():
        raise InputError(f"weights must be {n} positive numbers", source="weights")
    return values


def checked_codes(codes: ArrayLike, n: int, what: str) -> np.ndarray:
    """(n,) whole numbers from 0, whatever the labels were.

    Raises:
        InputError: not one for each patient.
    """
    values = np.asarray(codes)
    if values.shape != (n,):
        raise InputError(f"{n} patients but {values.size} codes", source=what)
    if values.dtype.kind in "iu" and (values >= 0).all():
        return values.astype(np.int64)
    return np.unique(values, return_inverse=True)[1]


def scaling(matrix: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each covariate.

    Raises:
        StatisticsError: one is constant.
    """
    mean, scale = matrix.mean(0), matrix.std(0)
    constant = scale <= 1e-12 * (np.abs(mean) + 1e-300)
    if constant.any():
        raise StatisticsError(
            "has the same value in every patient, so nothing can be compared",
            source=names[int(np.flatnonzero(constant)[0])],
            remedy="leave it out",
        )
    return mean, scale


def refuse_collinear(z: np.ndarray, names: tuple[str, ...]) -> None:
    """Name the covariate that the ones before it determine (pivot of a Cholesky factorization)."""
    correlation = z.T @ z / len(z)
    if np.linalg.eigvalsh(correlation)[0] > 1e-9:
        return
    for j in range(1, len(names)):
        known, target = correlation[:j, :j], correlation[:j, j]
        left = correlation[j, j] - target @ np.linalg.lstsq(known, target, rcond=None)[0]
        if left < 1e-9:
            raise StatisticsError(
                f"follows from {', '.join(names[:j][:4])}{' …' if j > 4 else ''}, "
                "so their effects cannot be told apart",
                source=names[j],
                remedy="leave one of them out",
            )
