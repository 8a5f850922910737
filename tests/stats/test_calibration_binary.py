"""Calibration of predicted probabilities: R's glm and rms::val.prob, and what must hold."""

import json

import numpy as np
import pytest
from horizon_cohorts import pbc_table, read_reference
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.calibration_binary import (
    binary_calibration,
    binary_calibration_curve,
    binary_groups,
)
from hccsurv_core.stats.prediction_error import binary_brier_score

Z = 1.959963984540054


@pytest.fixture(scope="module")
def from_r() -> dict:
    """What tests/reference/calibration.R wrote about a binary outcome."""
    return read_reference("calibration")["binary"]


@pytest.fixture(scope="module")
def known() -> tuple[np.ndarray, np.ndarray]:
    """Death within 36 months in pbc, where known, and the risk the script predicts."""
    table = pbc_table()
    table = table[(table.months > 36) | (table.status == 2)]
    risk = 1 - np.exp(-36 * 0.25 * table.bili**0.8 / 100)
    return ((table.months <= 36) & (table.status == 2)).to_numpy(), risk.to_numpy()


def test_intercept_and_slope_are_those_of_glm_and_val_prob(from_r, known):
    found = binary_calibration(*known)
    for estimate, (value, error) in (
        (found.intercept, from_r["intercept"]),
        (found.slope, from_r["slope"]),
    ):
        assert estimate.value == pytest.approx(value, rel=1e-8)
        assert (estimate.ci_high - estimate.ci_low) / 2 / Z == pytest.approx(error, rel=1e-7)
    assert found.slope.value == pytest.approx(from_r["val_prob_slope"], rel=1e-6)
    assert binary_brier_score(*known).value == pytest.approx(from_r["val_prob_brier"], rel=1e-10)


def test_curve_is_that_of_a_spline_in_glm(from_r, known):
    found, expected = binary_calibration_curve(*known, n_points=5), from_r["curve"]
    link, error = np.array(expected["link"]), np.array(expected["se"])
    np.testing.assert_allclose(found.predicted, expected["grid"], rtol=1e-12)
    for mine, theirs in (
        (found.observed, link),
        (found.ci_low, link - Z * error),
        (found.ci_high, link + Z * error),
    ):
        np.testing.assert_allclose(mine, 1 / (1 + np.exp(-theirs)), rtol=1e-7)
    for measure in ("ici", "e50", "e90"):
        assert getattr(found, measure) == pytest.approx(expected[measure], rel=1e-7)


def test_slope_is_that_of_scikit_learn(known):
    from sklearn.linear_model import LogisticRegression

    event, risk = known
    odds = np.log(risk / (1 - risk))
    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(odds[:, None], event)
    assert binary_calibration(event, risk).slope.value == pytest.approx(model.coef_[0, 0], rel=1e-5)


def test_the_truth_is_found_calibrated():
    rng = np.random.default_rng(2)
    risk = rng.beta(2, 4, 8000)
    found = binary_calibration(rng.random(8000) < risk, risk)
    for estimate, ideal in (
        (found.intercept, 0),
        (found.slope, 1),
        (found.observed_expected, 1),
    ):
        assert estimate.ci_low < ideal < estimate.ci_high
    assert found.curve.ici < 0.015


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.4, 2.5), st.floats(-1, 1))
def test_recalibrated_predictions_have_intercept_zero_and_slope_one(seed, steeper, higher):
    """Undoing what the regression found leaves nothing to find."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=300)
    event = rng.random(300) < 1 / (1 + np.exp(-(odds + 0.3)))
    distorted = 1 / (1 + np.exp(-(steeper * odds + higher)))
    slope = binary_calibration(event, distorted).slope.value
    stretched = slope * np.log(distorted / (1 - distorted))
    shift = binary_calibration(event, 1 / (1 + np.exp(-stretched))).intercept.value
    again = binary_calibration(event, 1 / (1 + np.exp(-(stretched + shift))))
    assert again.slope.value == pytest.approx(1, abs=1e-6)
    assert again.intercept.value == pytest.approx(0, abs=1e-6)
    # The score equation of the intercept: as many events as expected.
    assert again.observed_expected.value == pytest.approx(1, abs=1e-6)


def test_groups_have_wilson_intervals():
    """Wilson's 95 % interval of 3 in 10 is 0.1078 to 0.6032 (any textbook's example)."""
    event = np.array([True] * 3 + [False] * 7 + [True] * 10)
    risk = np.array([0.2] * 10 + [0.9] * 10)
    found = binary_groups(event, risk)
    np.testing.assert_allclose(found.predicted, [0.2, 0.9])
    assert (found.ci_low[0], found.ci_high[0]) == pytest.approx((0.10779, 0.60322), abs=1e-5)
    assert found.ci_high[1] == 1 and found.ci_low[1] == pytest.approx(0.72247, abs=1e-5)
    assert json.loads(json.dumps(found.to_json()))["n_events"] == [3, 10]


def test_results_are_plain_json(known):
    plain = json.loads(json.dumps(binary_calibration(*known).to_json()))
    assert plain["curve"]["horizon_months"] is None
    assert plain["slope"]["n"] == known[0].size


@pytest.mark.parametrize(
    ("event", "risk", "error", "message"),
    [
        ([0, 1, 1], [0.2, 0.5, 1.2], InputError, "between 0 and 1"),
        ([0, 0, 0], [0.2, 0.5, 0.6], StatisticsError, "both kinds are needed"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], StatisticsError, "separate events"),
        ([0, 1, 0, 1], [0.3] * 4, StatisticsError, "no finite estimate"),
    ],
    ids=["not a probability", "no events", "perfect separation", "constant"],
)
def test_what_cannot_be_answered_is_refused(event, risk, error, message):
    with pytest.raises(error, match=message):
        binary_calibration(event, risk)
