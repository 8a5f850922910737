"""The L1 logistic path against scikit-learn and its own optimality conditions."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from hccsurv_core.errors import StatisticsError
from hccsurv_core.models.lasso_logistic import fit_lasso_logistic, lasso_logistic_paths


def drawn(seed=0, n=150, p=6):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    x[:, 1] = x[:, 0] + 0.3 * x[:, 1]
    y = rng.random(n) < 1 / (1 + np.exp(-(0.9 * x[:, 0] - 0.6 * x[:, 3] - 0.4)))
    return (x - x.mean(0)) / x.std(0), y


def fit(x, y, **changes):
    chosen = {
        "n_folds": 5, "rule": "min", "n_penalties": 30, "smallest_penalty": 0.005, "seed": 0,
    }  # fmt: skip
    return fit_lasso_logistic(x, y, **{**chosen, **changes})


@pytest.mark.parametrize("k", [5, 15, 29])
def test_coefficients_are_those_of_scikit_learn(k):
    x, y = drawn()
    path = fit(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the name of the penalty's argument changes
        peer = LogisticRegression(
            penalty="l1", solver="saga", C=1 / (path.penalties[k] * len(y)), tol=1e-12,
            max_iter=100_000,
        ).fit(x, y)  # fmt: skip
    np.testing.assert_allclose(path.coef[k], peer.coef_[0], atol=1e-7)
    assert path.intercept[k] == pytest.approx(peer.intercept_[0], abs=1e-7)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 9999), st.integers(2, 9), st.booleans())
def test_every_point_of_every_path_is_an_optimum(seed, p, twins):
    """Karush-Kuhn-Tucker: |gradient| is the penalty where a coefficient is, at most it elsewhere."""
    x, y = drawn(seed, n=60, p=max(p, 4))
    if twins:
        x[:, 2] = x[:, 0]
    weight = np.ones((2, 60))
    weight[1, :12] = 0.0
    penalties = np.geomspace(0.2, 0.003, 8)
    intercept, coef = lasso_logistic_paths(x, y.astype(float), weight, penalties)
    for b in range(2):
        share = weight[b] / weight[b].sum()
        mean = 1 / (1 + np.exp(-(intercept[b][:, None] + coef[b] @ x.T)))
        assert np.abs((share * (y - mean)).sum(axis=1)).max() < 1e-7
        gradient = (share * (y - mean)) @ x
        assert (np.abs(gradient) <= penalties[:, None] + 1e-7).all()
        there = coef[b] != 0
        bound = np.broadcast_to(penalties[:, None], coef[b].shape) * np.sign(coef[b])
        np.testing.assert_allclose(gradient[there], bound[there], atol=1e-7)


def test_the_first_penalty_selects_nothing_and_the_next_something():
    x, y = drawn()
    path = fit(x, y)
    assert path.n_selected[0] == 0
    assert path.n_selected[1] >= 1
    assert path.intercept[0] == pytest.approx(np.log(y.mean() / (1 - y.mean())), abs=1e-9)
    tighter = fit(x, y, rule="1se")
    assert tighter.penalties[tighter.chosen] >= path.penalties[path.chosen]


def test_deviance_is_that_of_those_left_out():
    """One fold by hand: fitted on the others, −2 log likelihood per patient of these."""
    from hccsurv_core.models.parts import stratified_parts

    x, y = drawn(n=100)
    path = fit(x, y, n_folds=4, n_penalties=6)
    part = stratified_parts(y, 4, 0)
    total = np.zeros(6)
    for fold in range(4):
        weight = (part != fold).astype(float)[None]
        intercept, coef = lasso_logistic_paths(x, y.astype(float), weight, path.penalties)
        out = part == fold
        eta = intercept[0][:, None] + coef[0] @ x[out].T
        p = 1 / (1 + np.exp(-eta))
        total += -2 * (np.log(p) * y[out] + np.log(1 - p) * ~y[out]).sum(axis=1)
    np.testing.assert_allclose(path.deviance, total / 100, rtol=1e-6)


def test_separated_patients_are_fitted_and_too_few_are_refused():
    x, _ = drawn(n=40)
    y = x[:, 0] > 0
    assert fit(x, y).coef[-1, 0] > 1
    with pytest.raises(StatisticsError, match="4 patients of the rarer kind are too few"):
        fit(x, np.arange(40) < 4)
