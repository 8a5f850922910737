"""Ridge Cox regression against scikit-survival, and its limits."""

import numpy as np
import pytest
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.models.ridge_cox import choose_penalty, fit_ridge_cox
from hccsurv_core.outcome import SurvivalOutcome


def cohort(n=120, p=4, seed=0, tied=True):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    time = 10 * rng.exponential(np.exp(-x[:, 0])) + 0.1
    return x, SurvivalOutcome(np.ceil(time) if tied else time, rng.random(n) < 0.7)


@pytest.mark.parametrize("penalty", [0.001, 0.05, 1.0])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_coefficients_equal_scikit_survivals(penalty, ties):
    x, outcome = cohort()
    peer = CoxPHSurvivalAnalysis(alpha=penalty * outcome.n_events, ties=ties, tol=1e-12)
    peer.fit(x, Surv.from_arrays(outcome.event, outcome.time_months))
    np.testing.assert_allclose(
        fit_ridge_cox(x, outcome, penalty, ties=ties), peer.coef_, rtol=1e-4, atol=1e-7
    )


def test_a_vanishing_penalty_gives_the_plain_cox_model():
    x, outcome = cohort()
    np.testing.assert_allclose(fit_ridge_cox(x, outcome, 1e-9), fit_cox(x, outcome).coef, rtol=1e-5)


def test_more_features_than_patients_are_solved_exactly_in_the_smaller_space():
    x, outcome = cohort(n=40, p=90)
    coef = fit_ridge_cox(x, outcome, 0.1)
    peer = CoxPHSurvivalAnalysis(alpha=0.1 * outcome.n_events, ties="efron", tol=1e-12)
    peer.fit(x, Surv.from_arrays(outcome.event, outcome.time_months))
    np.testing.assert_allclose(coef, peer.coef_, atol=1e-5)


def test_the_stronger_the_penalty_the_smaller_the_coefficients():
    x, outcome = cohort()
    sizes = [np.linalg.norm(fit_ridge_cox(x, outcome, p)) for p in (0.01, 0.1, 1, 10)]
    assert sizes == sorted(sizes, reverse=True)


def test_it_survives_what_stops_a_plain_cox_model():
    x, outcome = cohort()
    twice = np.column_stack([x, x[:, 0], np.ones(120)])
    coef = fit_ridge_cox(twice, outcome, 0.05)
    assert coef[0] == pytest.approx(coef[4])
    assert coef[5] == pytest.approx(0, abs=1e-12)


def test_the_penalty_is_strong_where_there_is_nothing_and_weak_where_there_is_much():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(150, 30))
    noise = SurvivalOutcome(rng.exponential(10, 150), rng.random(150) < 0.7)
    signal = SurvivalOutcome(
        rng.exponential(np.exp(-2 * x[:, 0] - 2 * x[:, 1])), np.ones(150, bool)
    )
    candidates = (0.001, 0.01, 0.1, 1.0, 10.0)
    assert choose_penalty(x, noise, candidates) == 10.0
    assert choose_penalty(x, signal, candidates) <= 0.1


def test_the_penalty_chosen_for_more_features_than_patients_is_that_of_all_features():
    """Turning the features, or adding some that are always 0, is no other question."""
    x, outcome = cohort(n=60, p=20, tied=False)
    wide = np.hstack([x, np.zeros((60, 100))])
    turned = wide @ np.linalg.qr(np.random.default_rng(1).normal(size=(120, 120)))[0]
    found = {choose_penalty(v, outcome, (0.01, 0.1, 1.0)) for v in (x, wide, turned)}
    assert len(found) == 1


@pytest.mark.filterwarnings("error")
def test_features_that_tell_all_patients_apart_are_held_by_the_penalty():
    x = np.linspace(-1, 1, 40)[:, None] * np.ones((1, 60))
    outcome = SurvivalOutcome(np.arange(40, 0, -1), np.ones(40, bool))
    coef = fit_ridge_cox(1000 * x, outcome, 1e-6)
    assert np.isfinite(coef).all()
    assert coef[0] > 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x, o: (x[:5], o, 0.1), InputError, "features of 120 patients"),
        (lambda x, o: (x * np.nan, o, 0.1), InputError, "finite features"),
        (lambda x, o: (x, o, 0.0), InputError, "penalty must be positive, got 0"),
        (
            lambda x, o: (x, SurvivalOutcome(o.time_months, np.zeros(120, bool)), 0.1),
            StatisticsError,
            "no events",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        fit_ridge_cox(*change(*cohort()))
