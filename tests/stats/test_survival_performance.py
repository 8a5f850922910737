"""All measures of a survival model together: names, values, and what is left out with its reason."""

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.survival_performance import assess_survival_model

HORIZONS = (6.0, 24.0)


def cohort(n=400, seed=0):
    """The true log hazard, and times drawn from it with a monthly hazard of 1/20."""
    rng = np.random.default_rng(seed)
    log_hazard = rng.normal(size=n)
    time = 20 * rng.exponential(np.exp(-log_hazard))
    end = rng.uniform(5, 80, n)
    return log_hazard, SurvivalOutcome(np.minimum(time, end), time <= end)


def true_survival(log_hazard):
    return lambda times: np.exp(-np.outer(np.exp(log_hazard), times) / 20)


def test_the_true_model_is_calibrated_and_better_than_knowing_nothing():
    log_hazard, outcome = cohort()
    found = assess_survival_model(outcome, log_hazard, true_survival(log_hazard), HORIZONS)
    assert found.left_out == {}
    assert found.horizons_months == HORIZONS
    for name in ("calibration_slope", "observed_expected_6m", "observed_expected_24m"):
        metric = found.metrics[name]
        assert metric.ci_low < 1 < metric.ci_high, name
    assert found.metrics["c_index"].value > 0.7
    assert found.metrics["ipa_24m"].ci_low > 0
    assert found.metrics["auc_24m"].value > 0.75
    assert found.metrics["integrated_brier"].value < 0.2
    assert found.metrics["auc_6m"].n_events < found.metrics["auc_24m"].n_events


def test_every_measure_sees_what_is_wrong_with_a_wrong_model():
    log_hazard, outcome = cohort()
    right = assess_survival_model(outcome, log_hazard, true_survival(log_hazard), HORIZONS)
    twice = assess_survival_model(outcome, 2 * log_hazard, true_survival(2 * log_hazard), HORIZONS)
    assert twice.metrics["c_index"].value == right.metrics["c_index"].value
    assert twice.metrics["calibration_slope"].value == pytest.approx(
        right.metrics["calibration_slope"].value / 2
    )
    assert twice.metrics["brier_24m"].value > right.metrics["brier_24m"].value
    upside_down = assess_survival_model(outcome, -log_hazard, true_survival(-log_hazard), HORIZONS)
    assert upside_down.metrics["c_index"].value == pytest.approx(1 - right.metrics["c_index"].value)
    assert upside_down.metrics["ipa_24m"].ci_high < 0


def test_what_cannot_be_answered_is_left_out_with_its_reason():
    log_hazard, outcome = cohort()
    early = outcome.censored_at(20)
    found = assess_survival_model(early, log_hazard, true_survival(log_hazard), HORIZONS)
    assert "auc_6m" in found.metrics
    assert found.left_out == {"auc_24m": "no event by, or nobody followed beyond, 24 months"}
    same = assess_survival_model(outcome, np.zeros(400), true_survival(np.zeros(400)), HORIZONS)
    assert same.metrics["c_index"].value == 0.5
    assert "calibration_slope" in same.left_out
    few = outcome.subset(np.arange(9))
    assert (
        "integrated_brier"
        not in assess_survival_model(
            few, log_hazard[:9], true_survival(log_hazard[:9]), (6.0,)
        ).metrics
    )


def test_large_cohorts_get_the_jackknife_and_small_ones_the_bootstrap():
    log_hazard, outcome = cohort(3500)
    found = assess_survival_model(outcome, log_hazard, true_survival(log_hazard), HORIZONS)
    assert "jackknife" in found.metrics["c_index"].method
    log_hazard, outcome = cohort(100)
    found = assess_survival_model(outcome, log_hazard, true_survival(log_hazard), (6.0,), seed=7)
    assert "bootstrap" in found.metrics["c_index"].method
    assert "seed 7" in found.metrics["c_index"].method


def test_scores_that_do_not_fit_are_refused():
    log_hazard, outcome = cohort(50)
    with pytest.raises(InputError):
        assess_survival_model(outcome, log_hazard[:5], true_survival(log_hazard), HORIZONS)
