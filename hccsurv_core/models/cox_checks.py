"""What a Cox model asks of its data, and the messages where they do not give it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.checks import checked_numbers
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.newton import smallest_pivot


def checked_covariates(
    x: ArrayLike, n: int | None, names: Sequence[str] | None, *, p: int | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """(n, p) finite covariates and their names.

    Args:
        x: (n, p), or (n,) for a single covariate.
        n: how many rows there must be; None is any number but 0.
        names: default x1, x2, …
        p: how many columns there must be.

    Raises:
        InputError: a shape is wrong, or a value is missing; the message names the covariate.
    """
    matrix = checked_numbers(x, "x")
    if matrix.ndim == 1 and p in (None, 1):
        matrix = matrix[:, None]
    if matrix.ndim != 2 or 0 in matrix.shape or n not in (None, matrix.shape[0]):
        raise InputError(
            f"covariates must be {'one or more' if n is None else n} rows and at least one "
            f"column, got {matrix.shape}",
            source="x",
        )
    if p is not None and matrix.shape[1] != p:
        raise InputError(
            f"{matrix.shape[1]} covariates given, the model has {p}: {', '.join(names or ())}",
            source="x",
        )
    found = matrix.shape[1]
    labels = (
        tuple(map(str, names)) if names is not None else tuple(f"x{i + 1}" for i in range(found))
    )
    if len(labels) != found:
        raise InputError(f"{found} covariates but {len(labels)} names", source="names")
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
    values = checked_numbers(weights, "weights")
    if values.shape != (n,) or not np.isfinite(values).all() or (values <= 0).any():
        raise InputError(f"weights must be {n} positive numbers", source="weights")
    return values


def checked_codes(codes: ArrayLike, n: int, what: str, *, renumber: bool = False) -> np.ndarray:
    """(n,) whole numbers from 0; whole numbers stay what they are unless ``renumber``.

    Raises:
        InputError: not one for each patient, one is missing, or text and numbers are mixed.
    """
    values = np.asarray(codes)
    if values.shape != (n,):
        raise InputError(f"{n} patients but codes of shape {values.shape}", source=what)
    if not renumber and values.dtype.kind in "iu" and (values >= 0).all():
        return values.astype(np.int64)
    if (values != values).any() or (values.dtype == object and None in values.tolist()):
        raise InputError("a code is missing", source=what, remedy="leave these patients out")
    try:
        return np.unique(values, return_inverse=True)[1]
    except TypeError as error:
        raise InputError("codes mix text and numbers", source=what) from error


def stratum_means(matrix: np.ndarray, strata: np.ndarray | None) -> np.ndarray:
    """(n, p) for each patient the covariates' means in the patient's stratum."""
    if strata is None:
        return np.broadcast_to(matrix.mean(0), matrix.shape)
    code = np.unique(strata, return_inverse=True)[1]
    # Means of what is left after the first mean: large numbers would cost digits.
    middle = matrix.mean(0)
    left = np.stack([np.bincount(code, column) for column in (matrix - middle).T], axis=1)
    return (middle + left / np.bincount(code)[:, None])[code]


@dataclass(frozen=True, eq=False)
class Whitened:
    """Covariates as Newton's method likes them: uncorrelated, with mean 0 and variance 1.

    Args:
        z: (n, p) about the means of each stratum, to which a partial likelihood is blind.
        to_plain: (p, p) takes coefficients of ``z`` to coefficients of the covariates.
    """

    z: np.ndarray
    to_plain: np.ndarray


def whiten(matrix: np.ndarray, centers: np.ndarray, names: tuple[str, ...]) -> Whitened:
    """Standardize covariates and take their correlations away.

    Args:
        matrix, centers: (n, p) covariates, and the means that patients are compared with.

    Raises:
        StatisticsError: a covariate is constant, or others determine it; the message names it.
    """
    within = matrix - centers
    scale = np.sqrt((within**2).mean(0))
    constant = scale <= 1e-12 * (np.abs(matrix.mean(0)) + 1e-300)
    if constant.any():
        everybody = (np.ptp(matrix, axis=0) == 0)[constant][0]
        raise StatisticsError(
            f"has the same value in every patient{'' if everybody else ' of each stratum'}, "
            "so nothing can be compared",
            source=names[int(np.flatnonzero(constant)[0])],
            remedy="leave it out",
        )
    z = within / scale
    correlation = z.T @ z / len(z)
    if smallest_pivot(correlation) > 1e-2:
        turn = np.linalg.inv(np.linalg.cholesky(correlation)).T
        return Whitened(z @ turn, turn / scale[:, None])
    spread, directions = np.linalg.eigh(correlation)
    if spread[0] < 1e-9:
        _refuse_collinear(correlation, names)
    turn = directions / np.sqrt(np.maximum(spread, 1e-9))
    return Whitened(z @ turn, turn / scale[:, None])


def _refuse_collinear(correlation: np.ndarray, names: tuple[str, ...]) -> None:
    """Name the covariate that the ones before it determine (pivot of a Cholesky factorization)."""
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
