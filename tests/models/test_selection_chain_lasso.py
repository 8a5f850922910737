"""The LASSO path: optimal by its own conditions, equal to scikit-survival's, its penalty as glmnet's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sksurv.linear_model import CoxnetSurvivalAnalysis
from sksurv.util import Surv

from hccsurv_core.errors import StatisticsError
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.models.selection_chain_lasso import fit_lasso
from hccsurv_core.models.selection_chain_settings import SelectionSettings
from hccsurv_core.outcome import SurvivalOutcome

SETTINGS = SelectionSettings(n_folds=4, n_penalties=25)


def cohort(n=90, p=8, seed=0, tied=True, effect=0.8):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) @ rng.normal(size=(3, p)) + rng.normal(size=(n, p))
    x = (x - x.mean(0)) / x.std(0)
    time = 10 * rng.exponential(np.exp(-effect * x[:, 0])) + 0.1
    return x, SurvivalOutcome(np.ceil(time) if tied else time, rng.random(n) < 0.7)


def log_likelihood(x, outcome, coef):
    """Breslow's partial likelihood and its gradient, patient by patient."""
    lp = x @ coef
    value, gradient = 0.0, np.zeros(x.shape[1])
    for k in np.flatnonzero(outcome.event):
        at_risk = outcome.time_months >= outcome.time_months[k]
        weight = np.exp(lp[at_risk])
        value += lp[k] - np.log(weight.sum())
        gradient += x[k] - weight @ x[at_risk] / weight.sum()
    return value, gradient


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("n", "p"), [(90, 8), (40, 60)])
def test_every_fit_on_the_path_is_optimal(n, p, tied):
    """The gradient per patient equals the penalty where there is a coefficient, else is below it."""
    x, outcome = cohort(n, p, tied=tied)
    path = fit_lasso(x, outcome, SETTINGS)
    assert np.all(np.diff(path.penalties) < 0)
    assert not path.coef[0].any()
    for k in (0, 3, 10, len(path.penalties) - 1):
        penalty, coef = path.penalties[k], path.coef[k]
        gradient = log_likelihood(x, outcome, coef)[1] / n
        active = coef != 0
        np.testing.assert_allclose(
            gradient[active], penalty * np.sign(coef[active]), atol=0.02 * penalty
        )
        assert np.abs(gradient[~active]).max(initial=0) <= penalty * 1.001


def test_the_path_equals_scikit_survivals():
    x, outcome = cohort()
    path = fit_lasso(x, outcome, SETTINGS)
    peer = CoxnetSurvivalAnalysis(l1_ratio=1.0, alphas=path.penalties, tol=1e-10)
    peer.fit(x, Surv.from_arrays(outcome.event, outcome.time_months))
    np.testing.assert_allclose(path.coef, peer.coef_.T, atol=5e-4)
    assert path.n_selected.tolist() == (peer.coef_ != 0).sum(0).tolist()


def test_the_deviance_is_what_left_out_patients_add_per_event():
    x, outcome = cohort()
    path = fit_lasso(x, outcome, SETTINGS)
    part = stratified_parts(outcome.event, 4, SETTINGS.seed)
    raw, events = [], []
    for fold in range(4):
        kept = part != fold
        peer = CoxnetSurvivalAnalysis(l1_ratio=1.0, alphas=path.penalties, tol=1e-10)
        peer.fit(x[kept], Surv.from_arrays(outcome.event[kept], outcome.time_months[kept]))
        events.append(outcome.event[~kept].sum())
        raw.append(
            [
                -2 / events[-1]
                * (
                    log_likelihood(x, outcome, coef)[0]
                    - log_likelihood(x[kept], outcome.subset(kept), coef)[0]
                )
                for coef in peer.coef_.T
            ]
        )  # fmt: skip
    mean = np.average(raw, axis=0, weights=events)
    np.testing.assert_allclose(path.deviance, mean, rtol=1e-4)
    spread = np.average((np.array(raw) - mean) ** 2, axis=0, weights=events)
    np.testing.assert_allclose(path.std_error, np.sqrt(spread / 3), rtol=1e-2)
    assert path.chosen == int(np.argmin(mean))


def test_one_standard_error_takes_a_stronger_penalty():
    x, outcome = cohort()
    lowest = fit_lasso(x, outcome, SETTINGS)
    simpler = fit_lasso(x, outcome, replace(SETTINGS, penalty="1se"))
    assert simpler.chosen < lowest.chosen
    best = lowest.chosen
    limit = lowest.deviance[best] + lowest.std_error[best]
    assert simpler.deviance[simpler.chosen] <= limit
    assert (simpler.deviance[: simpler.chosen] > limit).all()


def test_there_are_no_more_folds_than_events():
    x, outcome = cohort()
    few = SurvivalOutcome(outcome.time_months, np.arange(90) < 6)
    assert fit_lasso(x, few, replace(SETTINGS, n_folds=10)).n_folds == 6
    with pytest.raises(StatisticsError, match="4 events are too few for a LASSO Cox model"):
        fit_lasso(x, SurvivalOutcome(outcome.time_months, np.arange(90) < 4), SETTINGS)


def test_a_path_that_ends_early_in_a_fold_is_filled_up():
    """Three features and a perfect order: the likelihood is exhausted before the penalties are."""
    x = np.column_stack([np.linspace(-1.7, 1.7, 30), np.random.default_rng(0).normal(size=(30, 2))])
    outcome = SurvivalOutcome(np.arange(30.0, 0, -1), np.ones(30, bool))
    path = fit_lasso(x, outcome, replace(SETTINGS, smallest_penalty=1e-4, n_penalties=60))
    assert np.isfinite(path.coef).all()
    assert np.isfinite(path.deviance).all()
    assert path.coef[path.chosen, 0] > 0


def test_the_seed_fixes_the_folds():
    x, outcome = cohort()
    runs = [fit_lasso(x, outcome, replace(SETTINGS, seed=s)).deviance for s in (0, 0, 1)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.allclose(runs[0], runs[2])
    assert set(fit_lasso(x, outcome, SETTINGS).to_json()) == {
        "penalties", "deviance", "std_error", "n_selected", "chosen", "n_folds",
    }  # fmt: skip
