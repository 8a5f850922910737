"""The random walker: a system solved by hand, and what its solution must be like."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.roi.random_walk import walk


def solve(image, prior, *, fixed=None, value=None, step=(1.0, 1.0, 1.0), edge=10.0, weight=0.5):
    image = np.asarray(image, dtype=np.float32)
    fixed = np.zeros(image.shape, bool) if fixed is None else fixed
    value = np.zeros(image.shape, np.float32) if value is None else value
    prior = np.broadcast_to(np.float32(prior), image.shape).astype(np.float32)
    return walk(
        image, step, prior, edge=edge, data_weight=weight, fixed=fixed, value=value, max_steps=500
    )


def dense(image, prior, step, edge, weight) -> np.ndarray:
    """The same minimum by a dense solver, written down voxel by voxel."""
    n = image.size
    index = np.arange(n).reshape(image.shape)
    matrix, right = weight * np.eye(n), weight * np.asarray(prior, float).ravel()
    for axis in range(3):
        first = np.take(index, range(image.shape[axis] - 1), axis).ravel()
        second = np.take(index, range(1, image.shape[axis]), axis).ravel()
        for i, j in zip(first, second, strict=True):
            jump = (image.ravel()[i] - image.ravel()[j]) / edge
            w = (np.exp(-0.5 * jump**2) + 1e-3) / step[axis] ** 2
            matrix[i, i] += w
            matrix[j, j] += w
            matrix[i, j] -= w
            matrix[j, i] -= w
    return np.linalg.solve(matrix, right).reshape(image.shape)


def test_the_solution_is_that_of_a_dense_solver() -> None:
    rng = np.random.default_rng(3)
    image, prior = 20 * rng.standard_normal((3, 5, 6)), rng.random((3, 5, 6))
    step = (2.5, 1.0, 0.7)
    found = solve(image, prior, step=step)
    assert found == pytest.approx(dense(image, prior, step, 10.0, 0.5), abs=2e-3)


def test_an_even_prior_is_the_answer_everywhere() -> None:
    image = np.random.default_rng(1).normal(0, 20, (2, 6, 7))
    assert solve(image, 0.3) == pytest.approx(0.3, abs=1e-4)


def test_given_voxels_keep_their_value_and_an_edge_stops_them() -> None:
    image = np.zeros((1, 9, 20))
    image[..., 10:] = 100.0
    fixed = np.zeros(image.shape, bool)
    fixed[..., 0] = fixed[..., -1] = True
    value = np.zeros(image.shape, np.float32)
    value[..., 0] = 1
    found = solve(image, 0.5, fixed=fixed, value=value, weight=1e-3)
    assert found[..., 0].min() > 0.97 and found[..., -1].max() < 0.03
    # Within each half the probability hardly changes; at the edge it jumps.
    assert found[..., 9].min() > 0.85
    assert found[..., 10].max() < 0.15


def test_probabilities_stay_between_zero_and_one() -> None:
    rng = np.random.default_rng(5)
    found = solve(rng.normal(0, 30, (4, 8, 8)), rng.random((4, 8, 8)))
    assert found.min() >= -1e-3 and found.max() <= 1 + 1e-3
