"""Propensity scores: R's glm, exact balance of overlap weights, separation told, overlap."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.covariate_balance import covariate_balance, score_overlap
from hccsurv_core.stats.propensity import find_separation, fit_propensity
from hccsurv_core.stats.propensity_weights import effective_size, propensity_weights

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


@pytest.fixture(scope="module")
def from_r() -> dict:
    """What tests/reference/propensity.R wrote."""
    return json.loads((REFERENCE / "propensity.json").read_text())


@pytest.fixture(scope="module")
def trial(from_r) -> tuple[np.ndarray, np.ndarray]:
    """Covariates and "treatment" of the R script."""
    pbc = pd.read_csv(REFERENCE / "data" / "pbc.csv")
    d = pbc[pbc.trt.notna()]
    d = d.assign(female=(d.sex == "f").astype(int), log_bili=np.log(d.bili))
    return d[from_r["names"]].to_numpy(float), d.spiders.to_numpy()


def draw(n: int, seed: int, effect: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Two covariates, one of them 0/1, that both lead to treatment."""
    rng = np.random.default_rng(seed)
    x = np.column_stack((rng.normal(60, 10, n), rng.integers(0, 2, n)))
    log_odds = effect * ((x[:, 0] - 60) / 10 + x[:, 1] - 0.5)
    return x, rng.random(n) < 1 / (1 + np.exp(-log_odds))


def test_the_model_is_that_of_glm(from_r, trial):
    model = fit_propensity(*trial, names=from_r["names"])
    np.testing.assert_allclose(model.coef, from_r["coef"], rtol=1e-8)
    # glm takes its standard errors from the weights of the step before the last.
    np.testing.assert_allclose(model.std_error, from_r["std_error"], rtol=1e-7)
    np.testing.assert_allclose(model.score, from_r["score"], rtol=1e-9)
    assert model.log_likelihood == pytest.approx(from_r["log_likelihood"], rel=1e-12)
    np.testing.assert_allclose(model.predict(trial[0]), model.score, rtol=1e-12)
    plain = json.loads(json.dumps(model.to_json()))
    assert plain["coefficients"]["intercept"]["coef"] == pytest.approx(from_r["coef"][0])
    assert (plain["n"], plain["n_treated"]) == (312, 90)


@pytest.mark.parametrize("target", ["ate", "att", "atc", "overlap"])
def test_weights_and_balance_are_those_of_r(from_r, trial, target):
    x, treated = trial
    score = fit_propensity(x, treated).score
    found = propensity_weights(score, treated, target=target)
    np.testing.assert_allclose(
        [found.effective_treated, found.effective_untreated], from_r["effective"][target], rtol=1e-8
    )
    table = covariate_balance(x, treated, found.weights, names=from_r["names"])
    for row in table.rows:
        expected = from_r["balance"][target][row.name]
        assert row.smd_before == pytest.approx(expected["before"], rel=1e-9)
        assert row.smd_after == pytest.approx(expected["after"], rel=1e-6, abs=1e-9)
        if expected["ratio_before"] is None:
            assert math.isnan(row.variance_ratio_after)
        else:
            assert row.variance_ratio_before == pytest.approx(expected["ratio_before"], rel=1e-9)
            assert row.variance_ratio_after == pytest.approx(expected["ratio_after"], rel=1e-7)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_overlap_weights_balance_the_means_exactly(seed):
    x, treated = draw(120, seed)
    model = fit_propensity(x, treated)
    found = propensity_weights(model.score, treated, target="overlap")
    table = covariate_balance(x, treated, found.weights)
    assert table.largest_after < 1e-9
    assert 0 < found.weights.max() < 1


def test_weighting_balances_what_was_confounded():
    x, treated = draw(4000, 3, effect=0.7)
    model = fit_propensity(x, treated, names=["age", "male"])
    for target in ("ate", "att", "atc"):
        found = propensity_weights(model.score, treated, target=target)
        table = covariate_balance(x, treated, found.weights, names=["age", "male"])
        assert table.largest_before > 0.4 and table.largest_after < 0.1
        assert table.effective_treated + table.effective_untreated < 4000
    plain = json.loads(json.dumps(table.to_json()))
    assert plain["covariates"][1]["variance_ratio_after"] is None


def test_stabilized_weights_sum_to_about_the_number_of_patients():
    x, treated = draw(4000, 1)
    score = fit_propensity(x, treated).score
    plain = propensity_weights(score, treated)
    stable = propensity_weights(score, treated, stabilized=True)
    assert stable.weights.sum() == pytest.approx(4000, rel=0.02)
    assert plain.weights.sum() == pytest.approx(8000, rel=0.02)
    # Within an arm nothing changes but the scale.
    assert stable.effective_treated == pytest.approx(plain.effective_treated)


def test_trimmed_patients_have_no_weight_and_large_weights_are_capped():
    x, treated = draw(500, 2, effect=2.0)
    score = fit_propensity(x, treated).score
    trimmed = propensity_weights(score, treated, trim=(0.1, 0.9))
    np.testing.assert_array_equal(trimmed.kept, (score >= 0.1) & (score <= 0.9))
    assert (trimmed.weights[~trimmed.kept] == 0).all() and not trimmed.kept.all()
    assert trimmed.weights.max() <= 10
    plain = propensity_weights(score, treated)
    capped = propensity_weights(score, treated, truncate=0.95)
    assert capped.n_truncated == 25
    assert capped.weights.max() == pytest.approx(np.quantile(plain.weights, 0.95))
    assert capped.largest_share < plain.largest_share
    assert capped.effective_treated > plain.effective_treated
    assert json.loads(json.dumps(trimmed.to_json()))["n_trimmed"] == (~trimmed.kept).sum()


def test_the_effective_number_of_equal_weights_is_their_number():
    assert effective_size(np.full(7, 3.0)) == pytest.approx(7.0)
    assert effective_size(np.array([1.0, 0, 0])) == 1.0


def test_complete_separation_is_told_by_name():
    rng = np.random.default_rng(0)
    size = np.concatenate((rng.uniform(1, 4.9, 40), rng.uniform(5, 9, 40)))
    x = np.column_stack((rng.normal(60, 10, 80), size))
    with pytest.raises(StatisticsError, match=r"size separates treated.*Firth"):
        fit_propensity(x, size >= 5, names=["age", "size"])


def test_quasi_separation_is_told_by_name():
    # Every patient with ascites is untreated; without it both occur.
    rng = np.random.default_rng(1)
    x = np.column_stack((rng.normal(60, 10, 200), rng.random(200) < 0.2))
    treated = (rng.random(200) < 0.5) & (x[:, 1] == 0)
    with pytest.raises(StatisticsError, match=r"^propensity: ascites separates"):
        fit_propensity(x, treated, names=["age", "ascites"])
    model = fit_propensity(x, treated, names=["age", "ascites"], firth=True)
    assert model.coef[2] < -2 and np.isfinite(model.std_error).all()


def test_strong_confounding_is_no_separation():
    x, treated = draw(3000, 5, effect=6.0)
    design = np.column_stack((np.ones(3000), x))
    assert find_separation(design, treated, ["a", "b"]) is None
    model = fit_propensity(x, treated)
    assert np.abs(np.log(model.score / (1 - model.score))).max() > 10


def test_firth_s_estimate_of_a_fourfold_table_adds_one_half_to_every_cell():
    # Known in closed form: the log odds ratio of the table with 1/2 added (Heinze & Schemper 2002).
    exposed = np.array([1] * 10 + [0] * 20)
    treated = np.array([1] * 10 + [1] * 5 + [0] * 15)
    model = fit_propensity(exposed[:, None], treated, firth=True)
    assert model.coef[1] == pytest.approx(math.log((10.5 / 0.5) / (5.5 / 15.5)), rel=1e-8)
    assert model.coef[0] == pytest.approx(math.log(5.5 / 15.5), rel=1e-8)


@given(st.integers(0, 300), st.floats(0.01, 100), st.floats(-1e3, 1e3))
@settings(max_examples=20, deadline=None)
def test_units_of_covariates_do_not_matter(seed, scale, shift):
    x, treated = draw(100, seed)
    model, rescaled = fit_propensity(x, treated), fit_propensity(x * scale + shift, treated)
    np.testing.assert_allclose(rescaled.score, model.score, rtol=1e-6)
    np.testing.assert_allclose(rescaled.coef[1:] * scale, model.coef[1:], rtol=1e-6, atol=1e-9)


def test_overlap_of_the_scores(from_r, trial):
    treated = trial[1]
    score = np.array(from_r["score"])
    found = score_overlap(score, treated, n_bins=10)
    assert found.c_statistic == pytest.approx(from_r["c_statistic"], rel=1e-12)
    t = treated == 1
    assert found.low == max(score[t].min(), score[~t].min())
    assert found.high == min(score[t].max(), score[~t].max())
    assert found.outside_untreated == np.mean((score[~t] < found.low) | (score[~t] > found.high))
    assert found.share_treated.sum() == pytest.approx(1.0)
    assert 0 < found.overlap < 1
    np.testing.assert_array_equal(found.supports([0.001, 0.3, 0.99]), [False, True, False])
    assert json.loads(json.dumps(found.to_json()))["common_support"] == [found.low, found.high]


def test_arms_that_do_not_overlap_have_no_common_support():
    found = score_overlap([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])
    assert math.isnan(found.low) and not found.supports([0.5]).any()
    assert (found.outside_treated, found.overlap, found.c_statistic) == (1.0, 0.0, 1.0)
    assert found.to_json()["common_support"] is None


def test_balance_of_a_constant_covariate_is_zero():
    table = covariate_balance(np.full((6, 1), 2.0), [1, 1, 1, 0, 0, 0], np.ones(6))
    assert table.rows[0].smd_before == 0.0 and math.isnan(table.rows[0].variance_ratio_before)


X = np.array([[1.0, 0], [2, 1], [3, 0], [4, 1], [6, 0], [5, 1]])
ARM = [0, 1, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: fit_propensity(X, np.ones(6)), StatisticsError, "6 of 6 patients are treated"),
        (lambda: fit_propensity(X, [0, 1, 2, 0, 1, 0]), InputError, "true or false"),
        (lambda: fit_propensity(X, ARM[:-1]), InputError, "6 patients but 5 treatments"),
        (lambda: fit_propensity(X[:, 0], ARM), InputError, "a row a patient"),
        (lambda: fit_propensity([["a"]] * 6, ARM), InputError, "must be numbers"),
        (lambda: fit_propensity(X, ARM, names=["a"]), InputError, "2 covariates but 1 names"),
        (lambda: fit_propensity(np.where(X > 5, np.nan, X), ARM), InputError, "1 of 6 patients"),
        (lambda: fit_propensity(np.ones((6, 1)), ARM), StatisticsError, "x1 is the same in every"),
        (lambda: fit_propensity(X[:3], ARM[:3]), StatisticsError, "3 patients cannot carry 3"),
        (
            lambda: fit_propensity(np.column_stack((X, 1 - X[:, 1])), ARM),
            StatisticsError,
            "follows from the other covariates",
        ),
        (lambda: propensity_weights([0.0, 0.5], [0, 1]), InputError, "above 0 and below 1"),
        (lambda: propensity_weights([0.5], [0, 1]), InputError, r"2 patients but scores"),
        (lambda: propensity_weights([0.5] * 2, [0, 1], target="x"), InputError, "ate, att"),
        (
            lambda: propensity_weights([0.5] * 2, [0, 1], target="att", stabilized=True),
            InputError,
            'only "ate"',
        ),
        (lambda: propensity_weights([0.5] * 2, [0, 1], trim=(0.9, 0.1)), InputError, "no interval"),
        (
            lambda: propensity_weights([0.5, 0.95], [0, 1], trim=(0.1, 0.9)),
            StatisticsError,
            "no treated patient has a score within",
        ),
        (lambda: propensity_weights([0.5] * 2, [0, 1], truncate=2.0), InputError, "quantile"),
        (lambda: covariate_balance(X, ARM, -np.ones(6)), InputError, "6 weights of 0 or more"),
        (lambda: covariate_balance(X, ARM, np.array(ARM)), InputError, "weights of one arm are 0"),
        (lambda: covariate_balance(X[:2], ARM, np.ones(6)), InputError, "6 patients but covar"),
    ],
)
def test_wrong_input_is_refused(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_predicting_needs_the_same_covariates(trial):
    model = fit_propensity(*trial)
    with pytest.raises(InputError, match="5 covariates are needed, got 2"):
        model.predict(X)
