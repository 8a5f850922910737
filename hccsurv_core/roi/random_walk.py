"""A random walker with priors: how likely each voxel belongs to a region, smooth but for edges.

The probabilities x minimize

    Σ w (x_i − x_j)² over neighbors + Σ d (p_i (1 − x_i)² + (1 − p_i) x_i²) over voxels

with w = exp(−(difference of intensity)² / 2 edge²) / step², so that x may jump where the image does,
and p what the voxel's own intensity and place say: Grady L, "Multilabel random walker image
segmentation using prior models", CVPR 2005, [10.1109/CVPR.2005.239](https://doi.org/10.1109/CVPR.2005.239).
The minimum is the solution of a positive definite linear system, found here by conjugate gradients;
the priors make it well conditioned, so that some tens of steps are enough.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Neighbors across the strongest edge are still coupled this much.
_WEAKEST = 1e-3
#: Residual, relative to the first, at which the solution is good enough for a cut at one half.
_TOLERANCE = 1e-3
#: A voxel that is given is held to its value by this much more than by all its neighbors.
_HOLD = 50.0


def walk(
    image: NDArray[np.float32],
    step_mm: tuple[float, float, float],
    prior: NDArray[np.float32],
    *,
    edge: float,
    data_weight: float,
    fixed: NDArray[np.bool_],
    value: NDArray[np.float32],
    start: NDArray[np.float32] | None = None,
    max_steps: int = 40,
) -> NDArray[np.float32]:
    """Probabilities of belonging to the region.

    Args:
        image: intensities (slices, rows, columns); one slice is a plane.
        step_mm: distance between neighbors along (slice, row, column), mm.
        prior: p of every voxel, 0 to 1.
        edge: difference of intensity between neighbors that counts as an edge.
        data_weight: d, against coupling in 1/mm².
        fixed: voxels whose probability is given …
        value: … as this.
        start: a first guess, for example from a similar prior.
        max_steps: of conjugate gradients.

    Returns:
        Probabilities, shaped as the image; 0 to 1 but for the solver's tolerance.
    """
    couplings = [_coupling(image, axis, step_mm[axis], edge) for axis in range(3)]
    diagonal = np.full(image.shape, data_weight, dtype=np.float32)
    for axis, weights in enumerate(couplings):
        ahead, behind = _shifted(axis)
        diagonal[ahead] += weights
        diagonal[behind] += weights
    hold = np.float32(_HOLD * diagonal.max())
    right = np.where(fixed, hold * value, np.float32(data_weight) * prior).astype(np.float32)
    diagonal = np.where(fixed, diagonal + hold, diagonal)
    first = np.where(fixed, value, prior if start is None else start).astype(np.float32)
    return _conjugate_gradients(couplings, diagonal, right, first, max_steps)


def _coupling(
    image: NDArray[np.float32], axis: int, step_mm: float, edge: float
) -> NDArray[np.float32]:
    jump = np.diff(image, axis=axis) / edge
    return ((np.exp(-0.5 * jump * jump) + _WEAKEST) / step_mm**2).astype(np.float32)


def _shifted(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Index of all voxels but the first, and but the last, along an axis."""
    ahead = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
    behind = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
    return ahead, behind


def _conjugate_gradients(
    couplings: list[NDArray[np.float32]],
    diagonal: NDArray[np.float32],
    right: NDArray[np.float32],
    first: NDArray[np.float32],
    max_steps: int,
) -> NDArray[np.float32]:
    """Solve by conjugate gradients, each voxel scaled by its own diagonal."""

    def times(x: NDArray[np.float32]) -> NDArray[np.float32]:
        product = diagonal * x
        for axis, weights in enumerate(couplings):
            ahead, behind = _shifted(axis)
            product[ahead] -= weights * x[behind]
            product[behind] -= weights * x[ahead]
        return product

    x = first.copy()
    residual = right - times(x)
    scaled = residual / diagonal
    direction = scaled.copy()
    size = float(np.vdot(residual, scaled))
    goal = _TOLERANCE**2 * size
    for _ in range(max_steps):
        if size <= goal or size <= 0:
            break
        product = times(direction)
        length = np.float32(size / float(np.vdot(direction, product)))
        x += length * direction
        residual -= length * product
        scaled = residual / diagonal
        before, size = size, float(np.vdot(residual, scaled))
        direction = scaled + np.float32(size / before) * direction
    return x
