"""Regressions behind imputations: against independent maximizers, and their posterior draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from hccsurv_core.stats.multiple_imputation_draws import (
    draw_levels,
    fit_category,
    fit_linear,
    level_probabilities,
    match_donors,
)

PRECISION = 1 / 25


def design(n, q, seed):
    rng = np.random.default_rng(seed)
    return np.column_stack((np.ones(n), rng.normal(size=(n, q - 1)))), rng


def test_a_linear_fit_is_least_squares_and_its_draws_have_the_textbook_covariance():
    x, rng = design(150, 3, 0)
    y = x @ [0.2, 0.5, -0.3] + rng.normal(size=150)
    fit = fit_linear(x, y)
    expected, rss, *_ = np.linalg.lstsq(x, y, rcond=None)
    np.testing.assert_allclose(fit.coef, expected, atol=5e-4)
    draws = np.array([fit.draw(rng) for _ in range(20_000)])
    np.testing.assert_allclose(draws.mean(axis=0), fit.coef, atol=4e-3)
    # σ² is drawn from RSS / χ²(n − q), whose mean is RSS / (n − q − 2).
    covariance = rss[0] / (150 - 3 - 2) * np.linalg.inv(x.T @ x)
    np.testing.assert_allclose(np.cov(draws.T), covariance, rtol=0.05, atol=2e-4)


def test_columns_that_say_the_same_do_no_harm():
    x, rng = design(60, 2, 1)
    doubled = np.column_stack((x, x[:, 1], np.zeros(60)))
    y = x @ [0.0, 1.0] + 0.1 * rng.normal(size=60)
    fit = fit_linear(doubled, y)
    np.testing.assert_allclose(doubled @ fit.coef, x @ fit_linear(x, y).coef, atol=2e-3)
    # The column of zeros has nothing but its prior: 5 residual standard deviations.
    draws = np.array([fit.draw(rng)[3] for _ in range(2000)])
    assert draws.std() == pytest.approx(0.5, rel=0.15)


def test_a_binary_fit_is_scikit_learn_s_with_the_same_penalty():
    from sklearn.linear_model import LogisticRegression

    x, rng = design(200, 3, 2)
    y = (rng.random(200) < 1 / (1 + np.exp(-x @ [0.3, 1.0, -0.5]))).astype(int)
    fit = fit_category(x, y, 2)
    other = LogisticRegression(C=1 / PRECISION, tol=1e-10, max_iter=1000).fit(x[:, 1:], y)
    np.testing.assert_allclose(fit.params, [*other.intercept_, *other.coef_[0]], atol=1e-5)
    chance = level_probabilities(x, fit.params[None], ordered=False)
    np.testing.assert_allclose(chance, other.predict_proba(x[:, 1:]), atol=1e-5)
    # Covariance of the draws: the inverse of XᵀWX + prior.
    weight = chance[:, 0] * chance[:, 1]
    precision = (x * weight[:, None]).T @ x + np.diag([0, PRECISION, PRECISION])
    draws = np.array([fit.draw(rng)[0] for _ in range(20_000)])
    np.testing.assert_allclose(np.cov(draws.T), np.linalg.inv(precision), rtol=0.06, atol=2e-3)


def test_a_multinomial_fit_maximizes_its_posterior():
    x, rng = design(200, 3, 3)
    level = rng.choice(3, 200, p=[0.5, 0.3, 0.2])
    level[x[:, 1] > 1] = 2

    def loss(flat):
        score = np.column_stack((np.zeros(200), x @ flat.reshape(2, 3).T))
        log_chance = score - np.log(np.exp(score).sum(axis=1, keepdims=True))
        slopes = flat.reshape(2, 3)[:, 1:]
        return -log_chance[np.arange(200), level].sum() + PRECISION / 2 * (slopes**2).sum()

    best = minimize(loss, np.zeros(6), method="BFGS", options={"gtol": 1e-7})
    fit = fit_category(x, level, 3)
    np.testing.assert_allclose(fit.params, best.x, atol=1e-4)
    restarted = fit_category(x, level, 3, start=fit.params + 0.3)
    np.testing.assert_allclose(restarted.params, fit.params, atol=1e-7)


def test_an_ordered_fit_maximizes_the_continuation_ratio_posterior():
    x, rng = design(200, 2, 4)
    level = np.digitize(x[:, 1] + rng.logistic(size=200), [-1.0, 0.5, 2.0])

    def chances(flat):
        passing = 1 / (1 + np.exp(-(flat[:3] + x[:, [1]] * flat[3])))
        found = np.empty((200, 4))
        reached = np.ones(200)
        for k in range(3):
            found[:, k] = reached * (1 - passing[:, k])
            reached = reached * passing[:, k]
        found[:, 3] = reached
        return found

    def loss(flat):
        picked = chances(flat)[np.arange(200), level]
        return -np.log(picked).sum() + PRECISION / 2 * flat[3] ** 2

    best = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-7})
    fit = fit_category(x, level, 4, ordered=True)
    np.testing.assert_allclose(fit.params, best.x, atol=1e-4)
    coef = np.column_stack((fit.params[:3], np.full(3, fit.params[3])))
    np.testing.assert_allclose(
        level_probabilities(x, coef, ordered=True), chances(fit.params), atol=1e-12
    )
    drawn = fit.draw(rng)
    assert drawn.shape == (3, 2) and np.ptp(drawn[:, 1]) == 0


def test_separation_leaves_estimates_and_draws_finite():
    x, rng = design(80, 2, 5)
    fit = fit_category(x, (x[:, 1] > 0).astype(int), 2)
    assert np.isfinite(fit.params).all() and fit.params[1] > 3
    assert np.abs([fit.draw(rng) for _ in range(200)]).max() < 60


@given(st.integers(0, 10_000), st.integers(2, 5), st.booleans())
@settings(max_examples=40, deadline=None)
def test_chances_are_chances(seed, n_levels, ordered):
    x, rng = design(20, 3, seed)
    coef = rng.normal(scale=5, size=(n_levels - 1, 3))
    chance = level_probabilities(x * 10, coef, ordered=ordered)
    assert chance.shape == (20, n_levels) and (chance >= 0).all()
    np.testing.assert_allclose(chance.sum(axis=1), 1)
    levels = draw_levels(chance, rng.random(20))
    assert ((levels >= 0) & (levels < n_levels)).all()


def test_levels_are_drawn_as_often_as_their_chances_say():
    uniform = (np.arange(1000) + 0.5) / 1000
    levels = draw_levels(np.tile([0.2, 0.5, 0.3], (1000, 1)), uniform)
    assert np.bincount(levels).tolist() == [200, 500, 300]


@given(
    st.lists(st.floats(-3, 3), min_size=1, max_size=30),
    st.lists(st.floats(-4, 4), min_size=1, max_size=10),
    st.integers(1, 6),
    st.integers(0, 100),
)
def test_a_donor_is_one_of_the_nearest(known, wanted, k, seed):
    known, wanted = np.array(known), np.array(wanted)
    donors = match_donors(known, wanted, k, np.random.default_rng(seed))
    for target, donor in zip(wanted, donors, strict=True):
        distance = np.abs(known - target)
        assert distance[donor] <= np.sort(distance)[min(k, known.size) - 1] + 1e-12


def test_among_equal_predictions_everyone_can_be_the_donor():
    rng = np.random.default_rng(0)
    donors = np.concatenate([match_donors(np.zeros(20), np.zeros(5), 3, rng) for _ in range(400)])
    counts = np.bincount(donors, minlength=20)
    assert counts.min() > 50 and counts.max() < 160
