"""The ridge logistic posterior: its peak, its evidence, its intervals, and that it comes back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.logistic_posterior import LogisticPosterior
from hccsurv_core.models.logistic_posterior_fit import (
    LogisticSettings,
    cross_fit_logistic_posterior,
    fit_logistic_posterior,
    logistic_settings_from_json,
)
from hccsurv_core.models.prior_ridge import Prior, PriorGroup

NAMES = tuple(f"f{k}" for k in range(12))


def table(x):
    names = NAMES[: x.shape[1]]
    return FeatureTable(tuple(f"P{k}" for k in range(len(x))), names, x)


def cohort(n=120, p=5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) * 2 + 7
    event = rng.random(n) < 1 / (1 + np.exp(-((x[:, 0] - 7) - 0.5 * (x[:, 1] - 7) + 0.4)))
    return table(x), event


def test_with_one_candidate_coefficients_minimize_the_penalized_loss():
    data, event = cohort()
    model = fit_logistic_posterior(data, event, LogisticSettings(precisions=(8.0,)))
    z = (data.values - data.values.mean(0)) / data.values.std(0)

    def loss(theta):
        eta = theta[0] + z @ theta[1:]
        return np.logaddexp(0, eta).sum() - eta[event].sum() + 4.0 * (theta[1:] ** 2).sum()

    best = minimize(loss, np.zeros(6), tol=1e-12).x
    assert model.intercept == pytest.approx(best[0], abs=1e-5)
    np.testing.assert_allclose(model.coef, best[1:], atol=1e-5)
    # Draws spread as the inverse of the loss's second derivative (Laplace).
    p = 1 / (1 + np.exp(-(best[0] + z @ best[1:])))
    design = np.column_stack([np.ones(len(z)), z])
    hessian = (design * (p * (1 - p))[:, None]).T @ design + np.diag([0.0] + [8.0] * 5)
    many = replace(LogisticSettings(precisions=(8.0,)), n_draws=20_000)
    drawn = fit_logistic_posterior(data, event, many)
    spread = np.cov(np.column_stack([drawn.intercept_draws, drawn.coef_draws]).T)
    np.testing.assert_allclose(spread, np.linalg.inv(hessian), atol=0.002)


def test_candidates_count_by_their_marginal_likelihood():
    """With one feature the integral over intercept and coefficient can be done on a grid."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(60, 1))
    event = rng.random(60) < 1 / (1 + np.exp(-1.2 * x[:, 0]))
    z = (x - x.mean()) / x.std()
    precisions = (0.3, 3.0, 30.0, 300.0)
    a, b = np.meshgrid(np.linspace(-3, 3, 241), np.linspace(-4, 5, 361), indexing="ij")
    eta = a[..., None] + b[..., None] * z[:, 0]
    like = np.exp(eta[..., event].sum(-1) - np.logaddexp(0, eta).sum(-1) + 30)
    prior = [np.sqrt(lam) * np.exp(-lam / 2 * b**2) for lam in precisions]
    exact = np.array([(like * q).sum() for q in prior])
    model = fit_logistic_posterior(table(x), event, LogisticSettings(precisions=precisions))
    np.testing.assert_allclose(model.notes.weight, exact / exact.sum(), atol=0.01)


@pytest.mark.parametrize("grouped", [False, True])
def test_intervals_hold_the_true_probability_as_often_as_they_say(grouped):
    """Coefficients drawn from the prior, its strength unknown to the model."""
    prior = None
    if grouped:
        prior = Prior(
            (PriorGroup({name: 1.0 for name in NAMES[:5]}),), own_scale=0.3, free_scale=0.5
        )
    m = np.eye(12) if prior is None else prior.matrix(NAMES)
    held, told, true = [], [], []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        coef = m @ rng.normal(size=m.shape[1]) / np.sqrt(np.exp(rng.uniform(0.7, 4)))
        level = rng.normal(-0.3, 0.5)
        x, new = rng.normal(size=(289, 12)), rng.normal(size=(300, 12))
        event = rng.random(289) < 1 / (1 + np.exp(-(level + x @ coef)))
        model = fit_logistic_posterior(table(x), event, LogisticSettings(prior=prior))
        low, high = model.interval(new)
        chance = 1 / (1 + np.exp(-(level + new @ coef)))
        held.append(((low <= chance) & (chance <= high)).mean())
        told.append(model.probability(new).mean())
        true.append(chance.mean())
    assert 0.90 <= np.mean(held) <= 0.98
    assert np.mean(told) == pytest.approx(np.mean(true), abs=0.02)


def test_noise_gives_nearly_everybody_the_share_and_a_cause_does_not():
    rng = np.random.default_rng(4)
    x, event = rng.normal(size=(200, 12)), rng.random(200) < 0.4
    flat = fit_logistic_posterior(table(x), event).probability(x)
    assert flat.std() < 0.1
    assert flat.mean() == pytest.approx(event.mean(), abs=0.02)
    data, happened = cohort()
    assert fit_logistic_posterior(data, happened).probability(data.values).std() > 0.2


def test_missing_values_constant_features_and_what_each_feature_adds():
    data, event = cohort()
    values = np.column_stack([data.values, np.full(120, 3.0)])
    values[::7, 2] = np.nan
    model = fit_logistic_posterior(table(values), event)
    parts = model.contributions(values)
    assert parts.shape == (120, 6)
    assert not parts[:, 5].any()
    np.testing.assert_allclose(
        model.intercept + parts.sum(axis=1), model.linear_predictor(values), atol=1e-12
    )
    low, high = model.interval(values)
    middle = model.probability(values)
    assert ((low < middle) & (middle < high)).all()
    assert np.isfinite(model.probability(np.full((2, 6), np.nan))).all()
    wider = model.interval(values, level=0.99)
    assert (wider[0] <= low).all() and (wider[1] >= high).all()


def test_folds_predict_whom_they_did_not_see():
    data, event = cohort(n=90)
    first = cross_fit_logistic_posterior(data, event, n_folds=3)
    out = first.part == 1
    values = data.values.copy()
    values[out] += 100
    second = cross_fit_logistic_posterior(replace(data, values=values), event, n_folds=3)
    np.testing.assert_array_equal(first.models[1].coef_draws, second.models[1].coef_draws)
    np.testing.assert_array_equal(
        first.probability[out], first.models[1].probability(data.values[out])
    )
    assert not np.array_equal(first.probability[out], second.probability[out])


def test_a_model_comes_back_from_its_parts_and_so_do_settings():
    data, event = cohort()
    prior = Prior((PriorGroup({"f0": 1.0, "f1": -1.0}),))
    chosen = LogisticSettings(prior=prior, n_draws=50)
    assert logistic_settings_from_json(json.loads(json.dumps(chosen.to_json()))) == chosen
    model = fit_logistic_posterior(data, event, chosen)
    told = json.loads(json.dumps(model.describe(), allow_nan=False))
    again = LogisticPosterior.from_parts(told, model.tensors())
    np.testing.assert_array_equal(again.probability(data.values), model.probability(data.values))
    assert vars(again.notes) == vars(model.notes)
    assert [c["name"] for c in told["coefficients"]] == list(data.names)
    with pytest.raises(InputError, match="lacks a part of a ridge logistic model"):
        LogisticPosterior.from_parts({}, model.tensors())
    with pytest.raises(InputError, match="do not go together"):
        LogisticPosterior.from_parts(told, {**model.tensors(), "coef": np.ones(2)})


def test_what_cannot_be_fitted_is_refused():
    data, _ = cohort()
    with pytest.raises(StatisticsError, match="8 patients of the rarer kind are too few"):
        fit_logistic_posterior(data, np.arange(120) < 8)
    with pytest.raises(InputError, match="precisions are positive"):
        LogisticSettings(precisions=(0.0,))
    with pytest.raises(InputError, match="no setting is called 'x'"):
        logistic_settings_from_json({"x": 1})
