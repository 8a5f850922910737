"""Breslow's baseline for given log hazards, against models whose baseline equals R's."""

import numpy as np
import pytest
from sksurv.linear_model.coxph import BreslowEstimator

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.breslow import fit_baseline, survival_from_hazard
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.outcome import SurvivalOutcome


def cohort(n=100, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    time = np.ceil(20 * rng.exponential(np.exp(-x[:, 0])))
    return x, SurvivalOutcome(time, rng.random(n) < 0.7)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_with_a_cox_models_own_log_hazard_it_is_that_models_baseline(ties):
    x, outcome = cohort()
    model = fit_cox(x, outcome, ties=ties)
    found = fit_baseline(model.linear_predictor(x), outcome, ties=ties)
    np.testing.assert_allclose(found.time_months, model.baselines[0].time_months)
    np.testing.assert_allclose(found.cumulative_hazard, model.baselines[0].cumulative_hazard)


def test_it_equals_scikit_survivals_estimator_for_any_score():
    _, outcome = cohort()
    score = np.random.default_rng(1).normal(size=100)
    peer = BreslowEstimator().fit(score, outcome.event, outcome.time_months)
    found = fit_baseline(score, outcome, ties="breslow")
    np.testing.assert_allclose(
        found.at(peer.cum_baseline_hazard_.x), peer.cum_baseline_hazard_.y, rtol=1e-10
    )


def test_expected_events_add_up_to_those_that_happened():
    _, outcome = cohort()
    score = 30 + np.random.default_rng(2).normal(size=100)
    found = fit_baseline(score, outcome, ties="breslow")
    expected = found.at(outcome.time_months) * np.exp(score)
    assert expected.sum() == pytest.approx(outcome.n_events)


def test_a_weight_of_two_is_a_patient_twice():
    _, outcome = cohort()
    score = np.random.default_rng(3).normal(size=100)
    weight = np.where(np.arange(100) < 30, 2.0, 1.0)
    rows = np.repeat(np.arange(100), weight.astype(int))
    weighted = fit_baseline(score, outcome, weights=weight, ties="breslow")
    repeated = fit_baseline(score[rows], outcome.subset(rows), ties="breslow")
    np.testing.assert_allclose(weighted.cumulative_hazard, repeated.cumulative_hazard)


def test_survival_falls_with_time_and_risk():
    survival = survival_from_hazard(np.array([0.0, 0.1, 0.5]), np.array([-1.0, 0.0, 1.0]))
    assert (survival[:, 0] == 1).all()
    assert (np.diff(survival, axis=1) < 0).all()
    assert (np.diff(survival[:, 1:], axis=0) < 0).all()
    assert survival[1, 2] == pytest.approx(np.exp(-0.5))
    assert survival_from_hazard(np.array([0.0]), np.array([1000.0]))[0, 0] == 1.0


def test_what_cannot_be_fitted_is_refused():
    _, outcome = cohort()
    with pytest.raises(InputError, match="100 finite log hazards are needed"):
        fit_baseline(np.full(100, np.nan), outcome)
    with pytest.raises(StatisticsError, match="no events"):
        fit_baseline(np.zeros(100), SurvivalOutcome(outcome.time_months, np.zeros(100, bool)))
