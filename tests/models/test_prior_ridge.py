"""A prior moves coefficients where it says, and is the ordinary ridge where it says nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.models.prior_ridge import Prior, PriorGroup, fit_prior_ridge, prior_from_json
from hccsurv_core.models.ridge_cox import fit_ridge_cox
from hccsurv_core.outcome import SurvivalOutcome

NAMES = ("a", "b", "c", "d")


def cohort(n: int = 200, seed: int = 1) -> tuple[np.ndarray, SurvivalOutcome]:
    """Standard normal features; the first three each worth a log hazard ratio of 0.4."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4))
    hazard = np.exp(x @ np.array([0.4, 0.4, 0.4, 0.0]))
    time = rng.exponential(1 / hazard)
    end = rng.uniform(0, 2, n)
    return x, SurvivalOutcome(np.minimum(time, end), time <= end)


def test_no_groups_and_scale_one_is_the_ordinary_ridge() -> None:
    x, outcome = cohort()
    prior = Prior().matrix(NAMES)
    assert np.array_equal(prior, np.eye(4))
    assert fit_prior_ridge(x, outcome, prior, 0.1) == pytest.approx(
        fit_ridge_cox(x, outcome, 0.1), abs=1e-9
    )


def test_matrix_gives_the_covariance_that_is_promised() -> None:
    group = PriorGroup({"a": 1.0, "b": -1.0}, spread=2.0)
    m = Prior((group,), own_scale=0.5, free_scale=0.7, own_scales={"d": 3.0}).matrix(NAMES)
    shared = np.array([1.0, -1.0, 0.0, 0.0]) * 2 / np.sqrt(2)
    wanted = np.diag([0.5, 0.5, 0.7, 3.0]) ** 2 + np.outer(shared, shared)
    assert m @ m.T == pytest.approx(wanted)


@settings(max_examples=15, deadline=None)
@given(penalty=st.floats(0.02, 2.0), spread=st.floats(0.2, 3.0))
def test_fit_is_the_maximum_of_the_penalized_likelihood(penalty: float, spread: float) -> None:
    """Checked against the ridge in whitened coordinates: (Σ^-½ coef) under a plain penalty."""
    x, outcome = cohort(80)
    m = Prior((PriorGroup({"a": 1.0, "b": 1.0}, spread),), 0.4).matrix(NAMES)
    coef = fit_prior_ridge(x, outcome, m, penalty)
    root = np.linalg.cholesky(m @ m.T)
    assert coef == pytest.approx(root @ fit_ridge_cox(x @ root, outcome, penalty), abs=1e-6)


def test_strong_shrinkage_leads_to_equal_weights_not_to_zero() -> None:
    x, outcome = cohort()
    group = PriorGroup({"a": 1.0, "b": 1.0, "c": 1.0})
    coef = fit_prior_ridge(x, outcome, Prior((group,), own_scale=0.01).matrix(NAMES), 0.1)
    assert np.ptp(coef[:3]) < 0.01 and coef[0] > 0.25


def test_scale_zero_leaves_a_feature_out_and_groups_of_strangers_are_passed_over() -> None:
    x, outcome = cohort()
    prior = Prior((PriorGroup({"elsewhere": 1.0}),), free_scale=0.0, own_scales={"a": 1.0})
    coef = fit_prior_ridge(x, outcome, prior.matrix(NAMES), 0.1)
    assert coef[0] > 0.2 and not coef[1:].any()


def test_prior_comes_back_from_json() -> None:
    prior = Prior((PriorGroup({"a": 1.0}, 0.6),), 0.3, 0.2, {"b": 0.7})
    plain = {
        "groups": [{"features": {"a": 1.0}, "spread": 0.6}], "own_scale": 0.3, "free_scale": 0.2,
        "own_scales": {"b": 0.7},
    }  # fmt: skip
    assert prior_from_json(plain) == prior


def test_nonsense_is_refused() -> None:
    x, outcome = cohort()
    with pytest.raises(InputError, match="scales of a prior are not negative"):
        Prior(own_scale=-1)
    with pytest.raises(InputError, match="a prior of 3 features does not fit values of shape"):
        fit_prior_ridge(x, outcome, np.eye(3), 0.1)
