"""Restricted means against R, survRM2's published example, lifelines, and what must always hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.restricted_mean import (
    compare_restricted_means,
    longest_common_follow_up,
    restricted_mean,
)

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((REFERENCE / "restricted_mean.json").read_text(encoding="utf-8"))


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "data" / f"{name}.csv")


def pbc_trial() -> tuple[SurvivalOutcome, pd.Series]:
    """The trial part of pbc in years: treatment (1) against placebo (2)."""
    data = table("pbc").iloc[:312]
    return SurvivalOutcome(data.time / 365.25, data.status == 2), data.trt.astype(int)


def check_contrast(ours, theirs: dict) -> None:
    estimate = ours.estimate
    np.testing.assert_allclose(
        [estimate.value, estimate.ci_low, estimate.ci_high, ours.p],
        [theirs["value"], theirs["ci_low"], theirs["ci_high"], theirs["p"]],
        rtol=1e-8,
    )


def check_against_r(ours, theirs: dict) -> None:
    for mean, expected in zip(ours.means, (theirs["reference"], theirs["other"]), strict=True):
        assert mean.value == pytest.approx(expected["value"], rel=1e-10)
        assert mean.std_error == pytest.approx(expected["std_error"], rel=1e-9)
    for name in ("difference", "ratio", "loss_ratio"):
        check_contrast(getattr(ours, name), theirs[name])


def test_published_example_of_survrm2():
    """Vignette of survRM2: -0.137 years (-0.939 to 0.665), p = 0.738; 7.15 years treated."""
    outcome, arm = pbc_trial()
    result = compare_restricted_means(outcome, arm, tau_months=10, order=[2, 1])
    difference = result.difference
    assert difference.estimate.value == pytest.approx(-0.137, abs=5e-4)
    assert difference.estimate.ci_low == pytest.approx(-0.939, abs=5e-4)
    assert difference.estimate.ci_high == pytest.approx(0.665, abs=5e-4)
    assert difference.p == pytest.approx(0.738, abs=5e-4)
    assert result.means[1].value == pytest.approx(7.15, abs=5e-3)
    check_against_r(result, R["pbc_10_years"])


@pytest.mark.parametrize("case", range(4))
def test_r_veteran(case):
    data, expected = table("veteran"), R["veteran"][case]
    outcome = SurvivalOutcome(data.time, data.status)
    result = compare_restricted_means(outcome, data.trt, tau_months=expected["tau"])
    check_against_r(result, expected)


@pytest.mark.parametrize("case", range(3))
def test_r_with_ties_and_a_horizon_at_an_event(case):
    data, expected = table("lung"), R["lung_ties"][case]
    outcome = SurvivalOutcome(np.ceil(data.time / 30.4375), data.status == 2)
    result = compare_restricted_means(outcome, data.sex, tau_months=expected["tau"])
    check_against_r(result, expected)


def test_lifelines_agrees_on_the_area():
    from lifelines import KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time

    data = table("veteran")
    other = KaplanMeierFitter().fit(data.time, data.status)
    outcome = SurvivalOutcome(data.time, data.status)
    for tau in (50.0, 200.0, 900.0):
        expected = restricted_mean_survival_time(other, t=tau)
        assert restricted_mean(outcome, tau).value == pytest.approx(expected, rel=1e-9)


def test_months_lost_are_the_rest():
    outcome, _ = pbc_trial()
    mean = restricted_mean(outcome, 5.0)
    lost = mean.lost
    assert mean.value + lost.value == pytest.approx(5.0)
    assert (lost.ci_low, lost.ci_high) == (5.0 - mean.ci_high, 5.0 - mean.ci_low)
    assert (mean.n, mean.n_events) == (312, int((outcome.event & (outcome.time_months <= 5)).sum()))


def test_default_horizon_is_the_smaller_of_the_largest_times():
    outcome = SurvivalOutcome([1, 5, 9, 2, 4, 7], [1, 1, 0, 1, 1, 0])
    groups = ["a", "a", "a", "b", "b", "b"]
    assert longest_common_follow_up(outcome, groups) == 7
    assert compare_restricted_means(outcome, groups).tau_months == 7


def test_a_horizon_beyond_follow_up_is_refused_by_group():
    outcome = SurvivalOutcome([1, 5, 9, 2, 4, 7], [1, 1, 0, 1, 1, 0])
    message = "group b: 8 months lie beyond follow-up, which ends at 7; choose a horizon of at most"
    with pytest.raises(StatisticsError, match=message):
        compare_restricted_means(outcome, ["a", "a", "a", "b", "b", "b"], tau_months=8)


def test_a_curve_that_reached_zero_is_known_further_on():
    outcome = SurvivalOutcome([1, 2, 3], [1, 1, 1])
    assert restricted_mean(outcome, 100).value == pytest.approx(2.0)
    assert restricted_mean(outcome, 100).std_error == restricted_mean(outcome, 3).std_error
    # One of the two last is censored: survival is not 0.
    with pytest.raises(StatisticsError, match="beyond follow-up"):
        restricted_mean(SurvivalOutcome([1, 3, 3], [1, 1, 0]), 100)


def test_weights_as_repeated_patients_and_robust_error():
    """The area is that of repeated patients; its error is that of single ones."""
    outcome, _ = pbc_trial()
    weights = 1.0 + np.arange(312) % 3
    weighted = restricted_mean(outcome, 8.0, weights=weights)
    repeated = restricted_mean(outcome.subset(np.repeat(np.arange(312), weights.astype(int))), 8.0)
    assert weighted.value == pytest.approx(repeated.value, rel=1e-12)
    assert weighted.std_error > 1.2 * repeated.std_error
    equal = restricted_mean(outcome, 8.0, weights=np.full(312, 2.0))
    assert equal.std_error == pytest.approx(restricted_mean(outcome, 8.0).std_error, rel=0.01)


def test_weighted_comparison_leaves_out_weight_zero():
    outcome, arm = pbc_trial()
    weights = np.where(np.arange(312) < 100, 0.0, 1.5)
    one = compare_restricted_means(outcome, arm, tau_months=8, weights=weights)
    rest = np.arange(100, 312)
    other = compare_restricted_means(
        outcome.subset(rest), arm.to_numpy()[rest], tau_months=8, weights=np.ones(212)
    )
    assert one.difference.estimate.value == pytest.approx(other.difference.estimate.value)
    assert one.difference.p == pytest.approx(other.difference.p)


def test_a_group_that_lost_nothing_has_no_loss_ratio():
    outcome = SurvivalOutcome([1, 2, 5, 5, 5, 5], [1, 1, 0, 0, 0, 0])
    result = compare_restricted_means(outcome, [1, 1, 1, 2, 2, 2])
    assert np.isnan(result.loss_ratio.estimate.value)
    report = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert report["loss_ratio"]["value"] is None
    assert report["loss_ratio"]["p_text"] == "not known"
    assert report["difference"]["value"] == pytest.approx(7 / 3)


@pytest.mark.parametrize(
    ("groups", "tau", "error", "message"),
    [
        ([1, 1, 1, 1], 2, StatisticsError, "only 1 group"),
        ([1, 2, 3, 3], 2, StatisticsError, "3 groups; compare two at a time"),
        ([1, 2, 1, 2], 0, InputError, "a horizon must be a positive number, got 0"),
        ([1, 2, 1, 2], float("nan"), InputError, "positive number, got nan"),
        ([1, 2, 1, 2], 0.5, StatisticsError, "nobody had the event by 0.5 months"),
    ],
)
def test_what_is_refused(groups, tau, error, message):
    outcome = SurvivalOutcome([1, 2, 3, 4], [1, 1, 0, 0])
    with pytest.raises(error, match=message):
        compare_restricted_means(outcome, groups, tau_months=tau)


rows = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=30)


@settings(deadline=None)
@given(rows, st.floats(0.1, 1.0), st.sampled_from([0.5, 4.0]))
def test_another_unit_of_time_scales_it(values, share, factor):
    time, event = (np.array(column, dtype=float) for column in zip(*values, strict=True))
    tau = max(share * time.max(), 1e-3)
    if time.max() == 0:
        return
    one = restricted_mean(SurvivalOutcome(time, event), tau)
    other = restricted_mean(SurvivalOutcome(time * factor, event), tau * factor)
    assert other.value == pytest.approx(one.value * factor)
    assert other.std_error == pytest.approx(one.std_error * factor)
    assert 0 <= one.value <= tau + 1e-9


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), min_size=2, max_size=30), st.floats(0.5, 15))
def test_without_censoring_it_is_the_mean_of_times_cut_off_at_the_horizon(times, tau):
    result = restricted_mean(SurvivalOutcome(times, np.ones(len(times))), tau)
    cut = np.minimum(times, tau)
    assert result.value == pytest.approx(cut.mean())
    # Then the plug-in variance is that of a mean.
    assert result.std_error == pytest.approx(cut.std() / np.sqrt(len(times)), abs=1e-7)


@settings(deadline=None)
@given(rows, st.floats(0.2, 1.0))
def test_robust_error_is_the_derivative_by_case_weights(values, share):
    time, event = (np.array(column, dtype=float) for column in zip(*values, strict=True))
    outcome, tau = SurvivalOutcome(time, event), share * time.max()
    if tau == 0:
        return
    weights = 1.0 + np.arange(time.size) % 2
    step, squares = 1e-6, 0.0
    for i in range(time.size):
        nudge = step * (np.arange(time.size) == i)
        up = restricted_mean(outcome, tau, weights=weights + nudge).value
        down = restricted_mean(outcome, tau, weights=weights - nudge).value
        squares += (weights[i] * (up - down) / (2 * step)) ** 2
    fitted = restricted_mean(outcome, tau, weights=weights)
    assert fitted.std_error == pytest.approx(np.sqrt(squares), abs=1e-6)
