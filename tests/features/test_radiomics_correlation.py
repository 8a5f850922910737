"""The maximal correlation coefficient against eigenvalues of the matrix that defines it."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.features.radiomics.discretize import GrayLevels
from hccsurv_core.features.radiomics.glcm import co_occurrence_features
from hccsurv_core.features.radiomics.maximal_correlation import second_eigenvalue

EPSILON = np.spacing(1)


def probabilities(counts: np.ndarray) -> np.ndarray:
    both = (counts + counts.T).astype(float)
    return both / both.sum()


def by_definition(p: np.ndarray) -> float:
    """The second largest eigenvalue of Q, formed cell by cell."""
    margin = p.sum(axis=1)
    q = (p[:, None, :] * p[None, :, :]) / (margin[:, None, None] * margin[None, None, :] + EPSILON)
    return float(np.sort(np.linalg.eigvals(q.sum(axis=2)).real)[-2])


@pytest.mark.parametrize("levels", [2, 3, 10, 57])
@pytest.mark.parametrize("seed", range(4))
def test_the_eigenvalue_is_that_of_the_definition(levels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(30 * np.exp(-np.abs(np.subtract.outer(*[np.arange(levels)] * 2))))
    counts[0, 0] += 1
    p = probabilities(counts)
    assert second_eigenvalue(p, p.sum(axis=1)) == pytest.approx(by_definition(p), rel=1e-9)


@pytest.mark.parametrize("voxels", [10**5, 10**6, 10**7])
def test_epsilon_counts_where_a_level_is_rare(voxels: int) -> None:
    """A pair of voxels that only touch each other has an eigenvalue just short of 1."""
    counts = np.array([[voxels, voxels // 3, 0], [voxels // 5, voxels, 0], [0, 0, 1]])
    p = probabilities(counts)
    found = second_eigenvalue(p, p.sum(axis=1))
    alone = p[2, 2] ** 2
    assert found == pytest.approx(alone / (alone + EPSILON), rel=1e-12)
    assert found == pytest.approx(by_definition(p), rel=1e-9)
    assert found < 1


def test_one_level_has_a_coefficient_of_one_and_one_of_several_of_zero() -> None:
    assert second_eigenvalue(np.ones((1, 1)), np.ones(1)) == 1.0
    lonely = np.array([[1.0, 0.0], [0.0, 0.0]])
    assert second_eigenvalue(lonely, lonely.sum(axis=1)) == 0.0


def test_independent_levels_have_no_correlation() -> None:
    """4·1·1 = 2²: the levels are independent, MCC and Imc2 are 0 but for rounding, never NaN."""
    counts = np.zeros((1, 2, 3), np.int32)
    counts[0, :, :2] = [[1, 2], [0, 1]]
    levels = GrayLevels(np.zeros(4, np.int32), np.array([1.0, 2.0]), np.array([2, 2]))
    found = co_occurrence_features(counts, levels)
    assert 0 <= found["MCC"] < 1e-7
    assert 0 <= found["Imc2"] < 1e-7
