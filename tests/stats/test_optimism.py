"""Optimism correction: rms::validate on its own resamples, cases known exactly, failures."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from hccsurv_core.errors import CancelledError, InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.concordance import harrell_c
from hccsurv_core.stats.optimism import optimism_corrected

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


@pytest.fixture(scope="module")
def from_r() -> dict:
    """What tests/reference/optimism.R wrote."""
    return json.loads((REFERENCE / "optimism.json").read_text())


@pytest.fixture(scope="module")
def cox(from_r):
    """How to fit and score the Cox model of the R script, and the number of patients."""
    table = pd.read_csv(REFERENCE / "data" / "veteran.csv")
    table = table.assign(small=(table.celltype == "smallcell").astype(int))
    x = table[from_r["covariates"]].to_numpy(float)
    outcome = SurvivalOutcome(table.time, table.status)

    def fit(rows):
        return fit_cox(x[rows], outcome.subset(rows))

    def score(model, rows):
        return harrell_c(outcome.subset(rows), x[rows] @ model.coef)

    return fit, score, len(table)


def test_a_cox_model_is_validated_as_by_rms(from_r, cox):
    found = optimism_corrected(*cox, resamples=from_r["resamples"])
    # rms gives Somers' Dxy of the hazard: C is (Dxy + 1) / 2.
    assert found.apparent == pytest.approx((1 + from_r["dxy"]["index.orig"]) / 2, rel=1e-10)
    assert found.optimism == pytest.approx(from_r["dxy"]["optimism"] / 2, rel=1e-8)
    assert found.corrected == pytest.approx((1 + from_r["dxy"]["index.corrected"]) / 2, rel=1e-9)
    assert found.n_resamples == 25 and found.n_failed == 0
    mean = (1 + from_r["dxy"]["training"]) / 2
    assert found.draws.mean() == pytest.approx(mean, rel=1e-9)


def test_our_own_draws_agree_with_a_thousand_of_rms(from_r, cox):
    found = optimism_corrected(*cox, n_resamples=150, seed=2)
    # A resample's optimism has a standard deviation of about 0.02: four standard errors.
    expected = from_r["dxy_1000"]["optimism"] / 2
    assert found.optimism == pytest.approx(expected, abs=4 * 0.02 / math.sqrt(150))
    assert found.ci_low < found.corrected < found.ci_high
    assert optimism_corrected(*cox, n_resamples=20, seed=2).corrected == pytest.approx(
        optimism_corrected(*cox, n_resamples=20, seed=2).corrected, abs=0
    )


Y = np.array([1.0, 4.0, 5.0, 10.0])


def mean_model(rows):
    """The mean of these patients' values is the prediction for everybody."""
    return float(Y[rows].mean())


def squared_error(model, rows):
    """Mean squared error: low is good."""
    if len(rows) == 0:
        raise StatisticsError("nobody is left out")
    return float(((Y[rows] - model) ** 2).mean())


def test_optimism_of_a_mean_over_all_resamples_is_known_exactly():
    # Over all nⁿ resamples the squared error of a mean is too good by 2σ²/n.
    everything = np.array(list(itertools.product(range(4), repeat=4)))
    found = optimism_corrected(mean_model, squared_error, 4, resamples=everything)
    variance = Y.var()
    assert found.apparent == pytest.approx(variance)
    assert found.optimism == pytest.approx(-2 * variance / 4, rel=1e-12)
    assert found.corrected == pytest.approx(variance * 1.5, rel=1e-12)


def test_the_interval_is_that_of_the_apparent_scores_shifted():
    rows = np.random.default_rng(0).integers(0, 4, (200, 4))
    found = optimism_corrected(mean_model, squared_error, 4, resamples=rows, level=0.9)
    low, high = np.quantile(found.draws, [0.05, 0.95])
    assert found.ci_low == pytest.approx(low - found.optimism)
    assert found.ci_high == pytest.approx(high - found.optimism)
    estimate = found.estimate
    assert (estimate.value, estimate.ci_low, estimate.level) == (
        found.corrected,
        found.ci_low,
        0.9,
    )
    assert "location-shifted" in estimate.method
    assert json.loads(json.dumps(found.to_json()))["n_resamples"] == 200


def test_632_mixes_the_apparent_score_with_that_of_patients_left_out():
    rows = np.array([[0, 0, 1, 1], [2, 3, 2, 2]])
    found = optimism_corrected(mean_model, squared_error, 4, resamples=rows, correction="632")
    left_out = np.mean([squared_error(2.5, [2, 3]), squared_error(6.25, [0, 1])])
    assert found.corrected == pytest.approx(0.368 * Y.var() + 0.632 * left_out)


def test_632_plus_goes_all_the_way_for_a_model_that_knows_nothing():
    def apparent_one(model, rows):
        return 1.0 if len(rows) == 4 else 0.45

    rows = np.array([[0, 0, 1, 1], [2, 3, 2, 2]])
    arguments = {"resamples": rows, "correction": "632+", "no_information": 0.5}
    assert optimism_corrected(mean_model, apparent_one, 4, **arguments).corrected == 0.5

    def no_overfit(model, rows):
        return 0.8

    assert optimism_corrected(mean_model, no_overfit, 4, **arguments).corrected == pytest.approx(
        0.8
    )

    def half(model, rows):
        return 0.9 if len(rows) == 4 else 0.7

    # Relative overfitting (0.9 − 0.7)/(0.9 − 0.5) = 0.5, weight 0.632/(1 − 0.184).
    weight = 0.632 / (1 - 0.368 * 0.5)
    expected = (1 - weight) * 0.9 + weight * 0.7
    assert optimism_corrected(mean_model, half, 4, **arguments).corrected == pytest.approx(expected)
    # The same with an error, where low is good.
    error = optimism_corrected(
        mean_model,
        lambda model, rows: -half(model, rows),
        4,
        resamples=rows,
        correction="632+",
        no_information=-0.5,
    )
    assert error.corrected == pytest.approx(-expected)


def test_noise_fitted_by_many_covariates_is_found_out():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(60, 20)), rng.normal(size=60)

    def r_squared(model, rows):
        return model.score(x[rows], y[rows])

    found = optimism_corrected(
        lambda rows: LinearRegression().fit(x[rows], y[rows]), r_squared, 60, n_resamples=60
    )
    assert found.apparent > 0.25
    assert found.corrected < 0.05


def test_few_resamples_without_an_answer_are_counted_and_many_are_refused():
    def fails_on(share):
        def fit(rows):
            if share and rows[0] < share * 4 and not np.array_equal(rows, np.arange(4)):
                raise StatisticsError("one group only")
            return mean_model(rows)

        return fit

    rows = np.random.default_rng(1).integers(0, 4, (100, 4))
    rows[:, 0] = np.maximum(rows[:, 0], 1)
    rows[:5, 0] = 0
    found = optimism_corrected(fails_on(0.25), squared_error, 4, resamples=rows)
    assert found.n_failed == 5 and "5 without an answer" in found.method
    assert np.isnan(found.draws[:5]).all() and np.isfinite(found.draws[5:]).all()
    with pytest.raises(StatisticsError, match="resamples have no answer"):
        optimism_corrected(fails_on(0.5), squared_error, 4, resamples=rows)


def test_other_errors_are_not_swallowed():
    def broken(rows):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        optimism_corrected(broken, squared_error, 4)


def test_it_can_be_cancelled_and_reports():
    seen = []

    def progress(fraction, message):
        seen.append(fraction)
        if len(seen) == 3:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        optimism_corrected(mean_model, squared_error, 4, progress=progress)
    assert seen[0] == 0.0 and seen == sorted(seen)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"correction": "loo"}, "unknown correction 'loo'"),
        ({"correction": "632+"}, "knows nothing; give 0.5"),
        ({"resamples": [[0, 1, 2, 4]]}, "not one of 0 to 3"),
        ({"resamples": [[0, 1, 2]]}, "indices of 4 patients"),
        ({"level": 0}, "between 0 and 1"),
    ],
)
def test_wrong_input_is_refused(options, match):
    with pytest.raises(InputError, match=match):
        optimism_corrected(mean_model, squared_error, 4, **options)


def test_a_model_without_a_score_is_refused():
    with pytest.raises(StatisticsError, match="no score on its own patients"):
        optimism_corrected(mean_model, lambda model, rows: math.nan, 4)
