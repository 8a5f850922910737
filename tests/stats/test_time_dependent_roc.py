"""AUC at horizons: scikit-survival's areas, riskRegression's errors and tests, and invariants."""

import json

import numpy as np
import pytest
from horizon_cohorts import HORIZONS, drawn_cohort, read_reference, reference_cohorts
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.roc import roc_area
from hccsurv_core.stats.time_dependent_roc import (
    bootstrap_time_dependent_auc,
    compare_time_dependent_auc,
    time_dependent_auc,
    time_dependent_roc,
)


@pytest.fixture(scope="module")
def from_r() -> dict:
    """What tests/reference/horizon_metrics.R wrote."""
    return read_reference("horizon_metrics")


@pytest.fixture(scope="module")
def cohorts() -> dict:
    """The same data and scores as in the R script."""
    return reference_cohorts()


# Where an event and a censoring fall on the same time, riskRegression leaves the event at risk of
# that censoring, against its own weights: its standard errors then differ from the 6th digit on.
@pytest.mark.parametrize("name", ["pbc", "mgus_any", "mgus_cause"])
def test_areas_and_standard_errors_are_those_of_riskregression(from_r, cohorts, name):
    outcome, *markers = cohorts[name]
    for marker, scores in zip("ab", markers, strict=True):
        found, expected = time_dependent_auc(outcome, scores, HORIZONS), from_r[name]["auc"][marker]
        np.testing.assert_allclose(found.auc, expected["AUC"], rtol=1e-10)
        np.testing.assert_allclose(found.std_error, expected["se"], rtol=2e-6)
        np.testing.assert_allclose(found.ci_low, expected["lower"], rtol=2e-6)
        np.testing.assert_allclose(found.ci_high, expected["upper"], rtol=2e-6)


def test_without_ties_standard_errors_agree_to_rounding(from_r, cohorts):
    outcome, score, _ = cohorts["pbc"]
    found = time_dependent_auc(outcome, score, HORIZONS)
    # Up to 36 months no death falls on the day of a censoring.
    np.testing.assert_allclose(found.std_error[:2], from_r["pbc"]["auc"]["a"]["se"][:2], rtol=1e-12)


@pytest.mark.parametrize("name", ["pbc", "mgus_any", "mgus_cause"])
def test_comparison_is_that_of_riskregression(from_r, cohorts, name):
    outcome, a, b = cohorts[name]
    found, expected = compare_time_dependent_auc(outcome, b, a, HORIZONS), from_r[name]
    expected = expected["auc_difference"]["b"]
    np.testing.assert_allclose(found.difference, expected["delta.AUC"], rtol=1e-9)
    np.testing.assert_allclose(found.std_error, expected["se"], rtol=2e-6)
    np.testing.assert_allclose(found.p, expected["p"], rtol=2e-5)


@pytest.mark.parametrize("name", ["pbc", "mgus_any", "mgus_cause"])
def test_the_whole_curve_is_that_of_riskregression(from_r, cohorts, name):
    outcome, a, _ = cohorts[name]
    curve, expected = time_dependent_roc(outcome, a[:, 1], 36), from_r[name]["roc_at_36"]
    np.testing.assert_allclose(curve.sensitivity[1:], expected["sensitivity"], atol=1e-12)
    np.testing.assert_allclose(
        1 - curve.specificity[1:], expected["false_positive_rate"], atol=1e-12
    )
    area = time_dependent_auc(outcome, a[:, 1], 36).auc[0]
    assert curve.area == pytest.approx(area, rel=1e-12)


@pytest.mark.parametrize("by_horizon", [False, True], ids=["one score", "a score a horizon"])
def test_areas_and_their_mean_are_those_of_scikit_survival(by_horizon):
    from sksurv.metrics import cumulative_dynamic_auc
    from sksurv.util import Surv

    (train, _), (test, marker) = drawn_cohort(400, 1), drawn_cohort(300, 2)
    test = test.censored_at(float(train.time_months.max()) - 1)
    times = np.array([6.0, 12.0, 24.0, 40.0])
    if by_horizon:
        marker = marker[:, None] + np.random.default_rng(5).normal(size=(300, 4))
    areas, mean = cumulative_dynamic_auc(
        Surv.from_arrays(train.event, train.time_months),
        Surv.from_arrays(test.event, test.time_months),
        marker,
        times,
    )
    found = time_dependent_auc(test, marker, times, train=train)
    np.testing.assert_allclose(found.auc, areas, rtol=1e-10)
    assert found.mean.value == pytest.approx(mean, rel=1e-10)


def test_without_censoring_it_is_the_binary_area_with_nearly_delongs_error():
    outcome, marker = drawn_cohort(500, 3)
    everyone = SurvivalOutcome(outcome.time_months, np.ones(500, bool))
    binary = roc_area(everyone.time_months <= 20, marker)
    found = time_dependent_auc(everyone, marker, 20).estimates()[0]
    assert found.value == pytest.approx(binary.value, rel=1e-12)
    # DeLong divides by m − 1 and n − 1, the influence function by n − 1 overall.
    assert found.ci_low == pytest.approx(binary.ci_low, rel=1e-3)


def test_standard_errors_are_near_those_of_the_jackknife():
    outcome, marker = drawn_cohort(150, 4)
    found = time_dependent_auc(outcome, marker, [10.0, 25.0])
    left_out = []
    for i in range(150):
        others = np.delete(np.arange(150), i)
        again = time_dependent_auc(outcome.subset(others), marker[others], [10.0, 25.0])
        left_out.append([*again.auc, again.mean.value])
    jackknife = np.std(left_out, axis=0) * np.sqrt(149)
    mean_error = (found.mean.ci_high - found.mean.ci_low) / 2 / 1.959963984540054
    np.testing.assert_allclose([*found.std_error, mean_error], jackknife, rtol=0.02)


def test_the_bootstrap_interval_is_near_the_analytic_one():
    outcome, marker = drawn_cohort(200, 9)
    found = bootstrap_time_dependent_auc(outcome, marker, 20, n_resamples=400, seed=1)
    analytic = time_dependent_auc(outcome, marker, 20)
    assert found.value == analytic.auc[0]
    assert found.n_events == analytic.n_cases[0]
    width = analytic.ci_high[0] - analytic.ci_low[0]
    assert found.ci_high - found.ci_low == pytest.approx(width, rel=0.15)
    assert found == bootstrap_time_dependent_auc(outcome, marker, 20, n_resamples=400, seed=1)


def test_censoring_learned_elsewhere_is_taken_as_known():
    """Then the error is that of a weighted pair statistic, here by brute force over pairs."""
    outcome, marker = drawn_cohort(200, 6)
    known = time_dependent_auc(outcome, marker, 25.0, train=outcome)
    from hccsurv_core.stats.censoring import censoring_survival

    case = outcome.event & (outcome.time_months <= 25)
    control = outcome.time_months > 25
    weight = np.where(case, 1 / censoring_survival(outcome).before(outcome.time_months), 0)
    wins = (np.sign(marker[:, None] - marker[None, :]) + 1) / 2
    area = np.average(wins[:, control].mean(1), weights=weight)
    influence = 200 * weight / weight.sum() * (wins[:, control].mean(1) - area)
    influence += 200 * control / control.sum() * (np.average(wins, 0, weight) - area)
    assert known.auc[0] == pytest.approx(area, rel=1e-12)
    assert known.std_error[0] == pytest.approx(influence.std(ddof=1) / 200**0.5, rel=1e-12)


def test_event_free_controls_leave_other_causes_out(cohorts):
    outcome, score, _ = cohorts["mgus_cause"]
    found = time_dependent_auc(outcome, score[:, 0], 60, event_free_controls=True)
    case = (outcome.time_months <= 60) & (outcome.cause == 1)
    free = outcome.time_months > 60
    assert (found.n_cases[0], found.n_controls[0]) == (case.sum(), free.sum())
    from hccsurv_core.stats.censoring import censoring_survival

    weight = 1 / censoring_survival(outcome.any_cause()).before(outcome.time_months[case])
    wins = (np.sign(score[case, 0][:, None] - score[free, 0][None, :]) + 1) / 2
    assert found.auc[0] == pytest.approx(np.average(wins.mean(1), weights=weight), rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(0, 2))
def test_only_the_order_of_scores_matters_and_reversing_mirrors_the_area(seed, decimals):
    outcome, marker = drawn_cohort(40, seed, decimals)
    time = float(np.median(outcome.time_months)) + 0.25
    try:
        area = time_dependent_auc(outcome, marker, time)
    except StatisticsError:
        return
    turned = time_dependent_auc(outcome, -marker, time)
    stretched = time_dependent_auc(outcome, np.exp(marker), time)
    assert turned.auc[0] == pytest.approx(1 - area.auc[0], abs=1e-12)
    assert stretched.auc[0] == pytest.approx(area.auc[0], abs=1e-12)
    assert turned.std_error[0] == pytest.approx(area.std_error[0], abs=1e-12)
    assert 0 <= area.ci_low[0] <= area.auc[0] <= area.ci_high[0] <= 1


def test_two_markers_that_rank_alike_do_not_differ():
    outcome, marker = drawn_cohort(80, 7)
    found = compare_time_dependent_auc(outcome, marker, 3 * marker - 1, [12.0, 24.0])
    assert found.difference.tolist() == [0, 0] and found.p.tolist() == [1, 1]
    assert json.loads(json.dumps(found.to_json()))["p"] == [1, 1]


def test_results_are_plain_json():
    outcome, marker = drawn_cohort(80, 7)
    plain = json.loads(json.dumps(time_dependent_auc(outcome, marker, [12.0, 24.0]).to_json()))
    assert plain["eval_times"] == [12, 24] and plain["mean"]["n"] == 80


@pytest.mark.parametrize(
    ("times", "error", "message"),
    [
        ([24.0, 12.0], InputError, "must rise"),
        ([0.0, 12.0], InputError, "positive months"),
        ([0.01], StatisticsError, "nobody had the event by 0.01 months"),
        ([1e4], StatisticsError, "nobody is followed beyond 10000 months"),
    ],
)
def test_horizons_that_cannot_be_judged_are_refused(times, error, message):
    time = np.array([1.0, 2.0, 30.0, 40.0, 50.0])
    outcome = SurvivalOutcome(time, [True, True, False, True, False])
    with pytest.raises(error, match=message):
        time_dependent_auc(outcome, time, times)


def test_a_horizon_beyond_the_training_part_is_refused():
    outcome, marker = drawn_cohort(60, 8)
    short = outcome.censored_at(10)
    with pytest.raises(StatisticsError, match="nobody is followed beyond 12 months"):
        time_dependent_auc(outcome, marker, 12, train=short)


def test_scores_of_the_wrong_shape_are_refused():
    outcome, marker = drawn_cohort(60, 8)
    with pytest.raises(InputError, match=r"\(60,\) or \(60, 2\)"):
        time_dependent_auc(outcome, np.stack([marker] * 3, axis=1), [12.0, 24.0])
