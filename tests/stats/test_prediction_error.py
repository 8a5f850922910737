"""Brier scores: riskRegression's, scikit-survival's, and what must hold."""

import json

import numpy as np
import pytest
from horizon_cohorts import (
    HORIZONS,
    drawn_cohort,
    read_reference,
    reference_cohorts,
    true_survival,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier
from hccsurv_core.stats.prediction_error import (
    binary_brier_score,
    brier_score,
    compare_brier_scores,
    integrated_brier_score,
    prediction_error_curve,
)


@pytest.fixture(scope="module")
def from_r() -> dict:
    """What tests/reference/horizon_metrics.R wrote."""
    return read_reference("horizon_metrics")


@pytest.fixture(scope="module")
def cohorts() -> dict:
    """The same data and risks as in the R script."""
    return reference_cohorts()


@pytest.mark.parametrize("name", ["pbc", "mgus_any", "mgus_cause"])
@pytest.mark.parametrize("marker", ["a", "b"])
def test_scores_null_model_and_ipa_are_those_of_riskregression(from_r, cohorts, name, marker):
    outcome, *risks = cohorts[name]
    expected, null = (from_r[name]["brier"][key] for key in (marker, "Null model"))
    found = brier_score(outcome, 1 - risks["ab".index(marker)], HORIZONS)
    np.testing.assert_allclose(found.brier, expected["Brier"], rtol=1e-10)
    np.testing.assert_allclose(found.null, null["Brier"], rtol=1e-10)
    np.testing.assert_allclose(found.ipa, expected["IPA"], rtol=1e-9)
    # riskRegression leaves an event at risk of a censoring at the same time; see the next two.
    np.testing.assert_allclose(found.std_error, expected["se"], rtol=3e-4)


@pytest.mark.parametrize("marker", ["a", "b"])
def test_without_ties_standard_errors_agree_to_rounding(from_r, cohorts, marker):
    outcome, *risks = cohorts["pbc"]
    # Up to 36 months no death falls on the day of a censoring.
    found = brier_score(outcome, 1 - risks["ab".index(marker)], HORIZONS)
    expected = from_r["pbc"]["brier"][marker]
    for name, mine in (("se", found.std_error), ("lower", found.ci_low), ("upper", found.ci_high)):
        np.testing.assert_allclose(mine[:2], expected[name][:2], rtol=1e-12)


def test_with_ties_standard_errors_are_nearer_to_the_jackknife(cohorts):
    """Every patient in 300 left out once; whole months, so most times are tied."""
    whole, risk, _ = cohorts["mgus_any"]
    outcome, survival = whole.subset(np.arange(300)), 1 - risk[:300]
    left_out = [
        brier_score(outcome.subset(others), survival[others], HORIZONS).brier
        for others in (np.delete(np.arange(300), i) for i in range(300))
    ]
    jackknife = np.std(left_out, axis=0) * np.sqrt(299)
    found = brier_score(outcome, survival, HORIZONS)
    np.testing.assert_allclose(found.std_error, jackknife, rtol=5e-5)


@pytest.mark.parametrize("name", ["pbc", "mgus_any", "mgus_cause"])
def test_comparison_is_that_of_riskregression(from_r, cohorts, name):
    outcome, a, b = cohorts[name]
    found = compare_brier_scores(outcome, 1 - b, 1 - a, HORIZONS)
    expected = from_r[name]["brier_difference"]["b a"]
    np.testing.assert_allclose(found.difference, expected["delta.Brier"], rtol=1e-9)
    np.testing.assert_allclose(found.std_error, expected["se"], rtol=1e-4)
    untied = slice(0, 2) if name == "pbc" else slice(0, 0)
    np.testing.assert_allclose(found.std_error[untied], expected["se"][untied], rtol=1e-12)
    np.testing.assert_allclose(found.p[untied], expected["p"][untied], rtol=1e-9)


def test_scores_and_their_integral_are_those_of_scikit_survival():
    from sksurv.metrics import brier_score as sksurv_brier
    from sksurv.metrics import integrated_brier_score as sksurv_integrated
    from sksurv.util import Surv

    (train, _), (test, marker) = drawn_cohort(400, 1), drawn_cohort(300, 2)
    test = test.censored_at(float(train.time_months.max()) - 1)
    times = np.array([6.0, 12.0, 20.0, 40.0])
    survival = true_survival(marker, times)
    there, here = (Surv.from_arrays(o.event, o.time_months) for o in (train, test))
    found = brier_score(test, survival, times, train=train)
    expected = sksurv_brier(there, here, survival, times)[1]
    np.testing.assert_allclose(found.brier, expected, rtol=1e-10)
    integrated = integrated_brier_score(test, survival, times, train=train)
    expected_integral = sksurv_integrated(there, here, survival, times)
    assert integrated.value == pytest.approx(expected_integral, rel=1e-10)


def test_errors_of_integral_and_ipa_are_near_those_of_the_jackknife():
    outcome, marker = drawn_cohort(150, 4)
    times = [10.0, 20.0, 25.0]
    survival = true_survival(marker, times)
    left_out = []
    for i in range(150):
        rows = np.delete(np.arange(150), i)
        part = outcome.subset(rows)
        integral = integrated_brier_score(part, survival[rows], times).value
        left_out.append([*brier_score(part, survival[rows], times).ipa, integral])
    jackknife = np.std(left_out, axis=0) * np.sqrt(149)
    z = 1.959963984540054
    found = brier_score(outcome, survival, times)
    np.testing.assert_allclose((found.ipa - found.ipa_low) / z, jackknife[:3], rtol=0.02)
    integral = integrated_brier_score(outcome, survival, times)
    assert (integral.ci_high - integral.value) / z == pytest.approx(jackknife[3], rel=0.02)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 2))
def test_kaplan_meier_predicted_for_everybody_is_the_null_model(seed, decimals):
    outcome, _ = drawn_cohort(30, seed, decimals)
    time = float(np.median(outcome.time_months)) + 0.25
    survival = float(fit_kaplan_meier(outcome).survival_at(time))
    found = brier_score(outcome, np.full(30, survival), time)
    assert found.brier[0] == pytest.approx(found.null[0], abs=1e-12)
    # Weighted shares of events and survivors add up to one, so the null error is p(1 − p).
    assert found.null[0] == pytest.approx(survival * (1 - survival), abs=1e-12)
    assert found.ipa[0] == pytest.approx(0, abs=1e-10)


def test_without_censoring_it_is_the_binary_score():
    outcome, marker = drawn_cohort(200, 5)
    everyone = SurvivalOutcome(outcome.time_months, np.ones(200, bool))
    survival = true_survival(marker, [20.0])
    found = brier_score(everyone, survival, 20.0)
    binary = binary_brier_score(everyone.time_months <= 20, 1 - survival[:, 0])
    assert found.brier[0] == pytest.approx(binary.value, rel=1e-12)
    assert found.ci_low[0] == pytest.approx(binary.ci_low, rel=1e-12)


def test_a_perfect_prediction_errs_nowhere_and_its_mirror_everywhere():
    outcome = SurvivalOutcome([1.0, 2.0, 3.0, 4.0], [True] * 4)
    alive = np.array([0.0, 0.0, 1.0, 1.0])
    found = brier_score(outcome, alive, 2.5)
    assert (found.brier[0], found.ipa[0]) == (0, 1)
    assert brier_score(outcome, 1 - alive, 2.5).ipa[0] == pytest.approx(1 - 1 / 0.25)


def test_the_curve_is_the_score_at_event_times_up_to_the_last_followed():
    outcome, marker = drawn_cohort(120, 6)
    curve = prediction_error_curve(outcome, lambda t: true_survival(marker, t))
    events = np.unique(outcome.time_months[outcome.event])
    assert set(curve.eval_times) <= set(events)
    assert curve.eval_times[-1] < outcome.time_months.max()
    found = brier_score(
        outcome, true_survival(marker, curve.eval_times[40:41]), curve.eval_times[40]
    )
    assert curve.brier[40] == pytest.approx(found.brier[0], rel=1e-12)
    thinned = prediction_error_curve(
        outcome, lambda t: true_survival(marker, t), max_times=10, until_months=30
    )
    assert thinned.eval_times.size == 10 and thinned.eval_times[-1] <= 30
    assert set(thinned.eval_times) <= set(events)


def test_the_same_prediction_twice_does_not_differ():
    outcome, marker = drawn_cohort(50, 7)
    survival = true_survival(marker, [12.0])
    found = compare_brier_scores(outcome, survival, survival, 12.0)
    assert (found.difference[0], found.p[0]) == (0, 1)
    assert json.loads(json.dumps(found.to_json()))["p"] == [1]


def test_results_are_plain_json_and_an_unknown_ipa_is_none():
    outcome = SurvivalOutcome([1.0, 2.0, 3.0, 4.0], [True] * 4)
    # Before the first event the null model errs nowhere: the index is not defined.
    plain = json.loads(json.dumps(brier_score(outcome, [0.9] * 4, 0.5).to_json()))
    assert plain["ipa"] == [None] and plain["null"] == [0]


@pytest.mark.parametrize(
    ("survival", "times", "error", "message"),
    [
        ([[0.5]] * 3, 12.0, InputError, r"need shape \(4, 1\), got \(3, 1\)"),
        ([50, 60, 70, 80], 12.0, InputError, "predicted risks, not scores or percentages"),
        ([0.5, 0.6, np.nan, 0.8], 12.0, InputError, "1 values are missing"),
        ([0.5] * 4, 31.0, StatisticsError, "nobody is followed beyond 31 months"),
    ],
)
def test_what_cannot_be_judged_is_refused(survival, times, error, message):
    outcome = SurvivalOutcome([5.0, 10.0, 20.0, 30.0], [True, False, True, False])
    with pytest.raises(error, match=message):
        brier_score(outcome, survival, times)


def test_an_average_needs_two_times_and_a_curve_needs_events():
    outcome = SurvivalOutcome([5.0, 10.0, 20.0], [False, False, True])
    with pytest.raises(InputError, match="at least two times"):
        integrated_brier_score(outcome, [0.5] * 3, 12.0)
    with pytest.raises(StatisticsError, match="no events before the end"):
        prediction_error_curve(outcome, lambda t: np.ones((3, t.size)))
