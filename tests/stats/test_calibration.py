"""Calibration of predicted survival: values from R, the jackknife, and what must hold."""

import json

import numpy as np
import pandas as pd
import pytest
from horizon_cohorts import (
    REFERENCE,
    drawn_cohort,
    pbc_table,
    read_reference,
    true_survival,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.stats.calibration import (
    calibration_slope,
    event_count_calibration,
    grouped_calibration,
    horizon_calibration,
    observed_expected_ratio,
)
from hccsurv_core.stats.calibration_curve import bootstrap_calibration_error, calibration_curve
from hccsurv_core.stats.cox_survival import cox_survival_with_error
from hccsurv_core.stats.cumulative_incidence import fit_cumulative_incidence
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier
from hccsurv_core.stats.pseudo_values import risk_pseudo_values
from hccsurv_core.stats.splines import spline_basis, spline_knots

HORIZON = 36.0
Z = 1.959963984540054


@pytest.fixture(scope="module")
def from_r() -> dict:
    """What tests/reference/calibration.R wrote."""
    return read_reference("calibration")


@pytest.fixture(scope="module")
def pbc() -> tuple[SurvivalOutcome, np.ndarray]:
    """Trial patients of pbc and the hazard a month that the script predicts for them."""
    table = pbc_table()
    hazard = (0.25 * table.bili**0.8 / 100).to_numpy()
    return SurvivalOutcome(table.months, table.status == 2), hazard


@pytest.fixture(scope="module")
def lung() -> tuple[SurvivalOutcome, np.ndarray]:
    """lung, with many tied deaths, and a predicted survival at 12 months."""
    table = pd.read_csv(REFERENCE / "data" / "lung.csv")
    table = table[table["ph.ecog"].notna()]
    hazard = 0.7 * np.exp(0.4 * table["ph.ecog"] + 0.01 * (table.age - 60))
    return SurvivalOutcome(table.time / 30.4375, table.status == 2), np.exp(-hazard).to_numpy()


def test_spline_is_that_of_hmisc(from_r):
    expected = from_r["spline"]
    basis = spline_basis(np.array(expected["x"]), np.array([-3.0, -2.0, -1.0, 0.0]))
    np.testing.assert_allclose(basis, expected["basis"], atol=1e-12)


def test_spline_is_straight_beyond_the_outer_knots():
    knots = np.array([0.0, 1.0, 3.0, 4.0])
    for side in (np.linspace(-5, 0, 6), np.linspace(4, 9, 6)):
        assert np.abs(np.diff(spline_basis(side, knots), n=2, axis=0)).max() < 1e-9
    assert spline_basis(np.arange(5.0), np.array([0.0, 1.0])).shape == (5, 1)
    with pytest.raises(InputError, match="3 to 7 knots"):
        spline_knots(np.arange(9.0), 2)


@pytest.mark.parametrize("name", ["pbc", "lung"])
def test_curve_its_interval_and_distances_are_those_of_r(from_r, pbc, lung, name):
    outcome, hazard = pbc
    survival = np.exp(-HORIZON * hazard)
    horizon = HORIZON
    if name == "lung":
        (outcome, survival), horizon = lung, 12.0
    expected = from_r[name]["curve"]
    found = calibration_curve(outcome, survival, horizon, n_points=5)
    np.testing.assert_allclose(found.predicted, expected["grid"], rtol=1e-12)
    np.testing.assert_allclose(found.observed, expected["observed"], rtol=1e-8)
    np.testing.assert_allclose(found.ci_low, expected["low"], rtol=1e-7)
    np.testing.assert_allclose(found.ci_high, expected["high"], rtol=1e-7)
    for measure in ("ici", "e50", "e90"):
        assert getattr(found, measure) == pytest.approx(expected[measure], rel=1e-7)


def test_groups_are_those_of_r(from_r, pbc):
    outcome, hazard = pbc
    found, expected = (
        grouped_calibration(outcome, np.exp(-HORIZON * hazard), HORIZON),
        from_r["pbc"]["groups"],
    )
    np.testing.assert_allclose(found.predicted, expected["predicted"], rtol=1e-12)
    np.testing.assert_allclose(found.observed, expected["observed"], rtol=1e-10)
    np.testing.assert_allclose(found.ci_low, expected["low"], rtol=1e-9)
    np.testing.assert_allclose(found.ci_high, expected["high"], rtol=1e-9)
    assert found.n.sum() == len(outcome)


def test_ratio_slope_and_regressions_are_those_of_r(from_r, pbc):
    outcome, hazard = pbc
    survival, expected = np.exp(-HORIZON * hazard), from_r["pbc"]
    ratio = observed_expected_ratio(outcome, survival, HORIZON)
    slope = calibration_slope(outcome, np.log(hazard))
    at_horizon = horizon_calibration(outcome, survival, HORIZON)
    counted = event_count_calibration(outcome, outcome.time_months * hazard, np.log(hazard))
    assert [ratio.value, ratio.ci_low, ratio.ci_high] == pytest.approx(
        [expected["ratio"][k] for k in ("value", "low", "high")], rel=1e-9
    )
    gee = expected["gee_intercept"], expected["gee_slope"]
    pairs = [
        (slope, expected["slope"]["value"], expected["slope"]["se"]),
        (at_horizon.intercept, gee[0]["estimate"], gee[0]["se"]),
        (at_horizon.slope, gee[1]["estimate"][1], gee[1]["se"][1]),
        (counted.intercept, *expected["poisson_intercept"]),
        (counted.slope, *expected["poisson_slope"]),
    ]
    for found, value, error in pairs:
        assert found.value == pytest.approx(value, rel=1e-7)
        assert (found.ci_high - found.ci_low) / 2 / Z == pytest.approx(error, rel=1e-7)


def test_pseudo_values_are_those_of_prodlim(from_r, pbc, lung):
    np.testing.assert_allclose(
        risk_pseudo_values(pbc[0], HORIZON), from_r["pbc"]["pseudo"], atol=1e-10
    )
    days = SurvivalOutcome(lung[0].time_months * 30.4375, lung[0].event)
    np.testing.assert_allclose(
        risk_pseudo_values(days, 365.0), from_r["lung"]["pseudo"], atol=1e-10
    )


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=3, max_size=12),
    st.sampled_from([1.0, 2.5, 5.0]),
)
def test_pseudo_values_are_the_jackknife(rows, horizon):
    outcome = SurvivalOutcome([t for t, _ in rows], [e for _, e in rows])
    n = len(rows)

    def risk(part: SurvivalOutcome) -> float:
        return 1 - float(fit_kaplan_meier(part).survival_at(horizon, extend=True))

    try:
        found = risk_pseudo_values(outcome, horizon)
    except StatisticsError:
        return
    left_out = [risk(outcome.subset(np.delete(np.arange(n), i))) for i in range(n)]
    np.testing.assert_allclose(found, n * risk(outcome) - (n - 1) * np.array(left_out), atol=1e-10)


def test_pseudo_values_without_censoring_are_what_happened():
    outcome = SurvivalOutcome([1.0, 2.0, 2.0, 5.0], [True] * 4)
    np.testing.assert_allclose(risk_pseudo_values(outcome, 2.0), [1, 1, 1, 0], atol=1e-12)


def test_standard_error_of_predicted_survival_is_that_of_a_jackknife():
    outcome, marker = drawn_cohort(150, 3, decimals=0)
    x = np.column_stack([marker, marker**2])
    new = np.array([[0.0, 0.0], [1.0, 1.0]])
    survival, error = cox_survival_with_error(fit_cox(x, outcome), x, outcome, new, [10.0, 25.0])
    model = fit_cox(x, outcome)
    np.testing.assert_allclose(survival, model.predict_survival(new, [10.0, 25.0]), rtol=1e-9)
    left_out = []
    for i in range(150):
        rows = np.delete(np.arange(150), i)
        part = fit_cox(x[rows], outcome.subset(rows))
        left_out.append(part.predict_survival(new, [10.0, 25.0]))
    np.testing.assert_allclose(np.std(left_out, axis=0) * 149**0.5, error, rtol=0.15)


def test_the_truth_is_found_calibrated():
    """6000 patients drawn from the predicted hazards: every measure near its ideal."""
    outcome, marker = drawn_cohort(6000, 4)
    survival = true_survival(marker, [24.0])[:, 0]
    for found, ideal in (
        (observed_expected_ratio(outcome, survival, 24), 1),
        (calibration_slope(outcome, 0.7 * marker), 1),
        (horizon_calibration(outcome, survival, 24).intercept, 0),
        (horizon_calibration(outcome, survival, 24).slope, 1),
    ):
        assert found.ci_low < ideal < found.ci_high
        assert found.ci_high - found.ci_low < 0.2
    assert calibration_curve(outcome, survival, 24).ici < 0.015


def test_predictions_that_are_too_extreme_have_a_slope_below_one():
    outcome, marker = drawn_cohort(3000, 5)
    doubled = true_survival(2 * marker, [24.0])[:, 0]
    assert calibration_slope(outcome, 1.4 * marker).value == pytest.approx(0.5, abs=0.05)
    assert horizon_calibration(outcome, doubled, 24).slope.value == pytest.approx(0.5, abs=0.05)
    groups = grouped_calibration(outcome, doubled, 24)
    assert groups.observed[0] > groups.predicted[0] and groups.observed[-1] < groups.predicted[-1]


def test_risk_halved_everywhere_doubles_the_ratio_and_moves_the_intercept_by_log_two():
    outcome, marker = drawn_cohort(400, 6)
    hazard = np.exp(0.7 * marker) / 30
    full = event_count_calibration(outcome, hazard * outcome.time_months, np.log(hazard))
    half = event_count_calibration(outcome, hazard * outcome.time_months / 2, np.log(hazard / 2))
    assert half.intercept.value == pytest.approx(full.intercept.value + np.log(2), rel=1e-9)
    assert half.slope.value == pytest.approx(full.slope.value, rel=1e-7)
    survival = true_survival(marker, [24.0])[:, 0]
    ratio = observed_expected_ratio(outcome, survival, 24).value
    assert observed_expected_ratio(outcome, (1 + survival) / 2, 24).value == pytest.approx(
        2 * ratio
    )
    intercepts = [
        horizon_calibration(outcome, s, 24).intercept.value for s in (survival, survival**0.5)
    ]
    assert intercepts[1] - intercepts[0] == pytest.approx(np.log(2), rel=1e-6)


def test_bootstrap_brackets_the_distances_and_repeats():
    outcome, marker = drawn_cohort(200, 7)
    survival = true_survival(marker, [24.0])[:, 0]
    found = bootstrap_calibration_error(outcome, survival, 24, n_resamples=60, seed=3)
    curve = calibration_curve(outcome, survival, 24)
    assert (found.ici.value, found.e50.value, found.e90.value) == (curve.ici, curve.e50, curve.e90)
    assert 0 <= found.ici.ci_low <= found.ici.ci_high <= found.e90.ci_high
    assert found == bootstrap_calibration_error(outcome, survival, 24, n_resamples=60, seed=3)


def test_few_distinct_predictions_give_few_groups_and_a_straight_curve():
    outcome, marker = drawn_cohort(300, 8)
    survival = np.where(marker > 0, 0.3, 0.7)
    groups = grouped_calibration(outcome, survival, 24, n_groups=10)
    np.testing.assert_allclose(groups.predicted, [0.3, 0.7])
    curve = calibration_curve(outcome, survival, 24)
    assert np.isfinite(curve.ici) and (np.diff(curve.observed) > 0).all()


def test_with_competing_causes_the_observed_risk_is_the_cumulative_incidence():
    rng = np.random.default_rng(11)
    outcome = CompetingOutcome(rng.exponential(20, 300).round(1), rng.integers(0, 3, 300))
    risk = rng.random(300) / 2
    groups = grouped_calibration(outcome, 1 - risk, 12, n_groups=3)
    lowest = fit_cumulative_incidence(outcome.subset(risk <= np.quantile(risk, 1 / 3)))
    assert groups.observed[0] == pytest.approx(float(lowest.incidence_at(12)), rel=1e-12)
    assert groups.ci_low[0] == pytest.approx(float(lowest.ci_at(12)[0]), rel=1e-12)
    ratio = observed_expected_ratio(outcome, 1 - risk, 12)
    everyone = fit_cumulative_incidence(outcome).incidence_at(12)
    assert ratio.value == pytest.approx(float(everyone) / risk.mean(), rel=1e-12)
    assert ratio.n_events == ((outcome.cause == 1) & (outcome.time_months <= 12)).sum()


def test_predictions_of_exactly_zero_and_one_are_survived():
    outcome, marker = drawn_cohort(300, 8)
    survival = np.clip(0.5 - 0.4 * marker, 0, 1)
    assert (survival == 0).any() and (survival == 1).any()
    assert np.isfinite(calibration_curve(outcome, survival, 24).ici)
    assert np.isfinite(horizon_calibration(outcome, survival, 24).slope.value)


def test_a_group_without_events_has_no_interval_and_json_says_none():
    time = np.array([10.0, 11, 12, 13, 30, 31, 32, 33])
    outcome = SurvivalOutcome(time, [True, True, False, True, False, False, False, False])
    survival = np.array([0.2, 0.25, 0.3, 0.35, 0.8, 0.85, 0.9, 0.95])
    plain = json.loads(json.dumps(grouped_calibration(outcome, survival, 24, n_groups=2).to_json()))
    assert plain["observed"][0] == 0 and plain["ci_low"][0] is None
    # Of the other group nobody is followed to 24 months.
    assert plain["observed"][1] is None or plain["observed"][1] == 1
    assert plain["n_events"] == [0, 3]


def test_results_are_plain_json():
    outcome, marker = drawn_cohort(100, 9)
    survival = true_survival(marker, [24.0])[:, 0]
    curve = json.loads(json.dumps(calibration_curve(outcome, survival, 24, n_points=7).to_json()))
    assert len(curve["observed"]) == 7
    weak = json.loads(json.dumps(horizon_calibration(outcome, survival, 24).to_json()))
    assert weak["slope"]["n"] == 100


@pytest.mark.parametrize(
    "measure",
    [grouped_calibration, observed_expected_ratio, horizon_calibration, calibration_curve],
)
def test_a_horizon_nobody_is_followed_to_is_refused(measure):
    outcome = SurvivalOutcome([5.0, 10.0, 20.0], [True, True, False])
    with pytest.raises(StatisticsError, match="nobody is followed beyond 24 months"):
        measure(outcome, [0.2, 0.4, 0.6], 24)


def test_what_cannot_be_answered_is_refused():
    outcome, marker = drawn_cohort(50, 10)
    alike = np.full(50, 0.5)
    with pytest.raises(StatisticsError, match="the same value in every patient"):
        calibration_slope(outcome, alike)
    with pytest.raises(StatisticsError, match="no finite answer"):
        horizon_calibration(outcome, alike, 12)
    with pytest.raises(InputError, match="at least 2 groups"):
        grouped_calibration(outcome, alike, 12, n_groups=1)
    with pytest.raises(InputError, match="is not negative"):
        event_count_calibration(outcome, -alike, marker)
    nobody = SurvivalOutcome(outcome.time_months, np.zeros(50, bool))
    with pytest.raises(StatisticsError, match="no events to count"):
        event_count_calibration(nobody, alike, marker)
    with pytest.raises(StatisticsError, match="no event is observed"):
        observed_expected_ratio(nobody, alike, 0.5)
