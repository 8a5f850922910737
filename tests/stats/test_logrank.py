"""Log-rank tests against R's survdiff, lifelines, a real cohort, and what must always hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.logrank import log_rank_test, log_rank_trend, pairwise_log_rank
from hccsurv_core.stats.p_values import chi_squared_p, format_p, normal_p

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((REFERENCE / "logrank.json").read_text(encoding="utf-8"))


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "data" / f"{name}.csv")


def veteran() -> tuple[SurvivalOutcome, pd.DataFrame]:
    data = table("veteran")
    return SurvivalOutcome(data.time, data.status), data


def lung_months() -> tuple[SurvivalOutcome, pd.DataFrame]:
    """Rounded up to months: many ties."""
    data = table("lung").dropna(subset=["ph.ecog"])
    return SurvivalOutcome(np.ceil(data.time / 30.4375), data.status == 2), data


def check_against_r(result, expected: dict) -> None:
    np.testing.assert_array_equal(result.n, expected["n"])
    np.testing.assert_allclose(result.observed, expected["observed"], rtol=1e-10)
    np.testing.assert_allclose(result.expected, expected["expected"], rtol=1e-10)
    np.testing.assert_allclose(result.covariance, expected["variance"], rtol=1e-9, atol=1e-10)
    assert result.statistic == pytest.approx(expected["statistic"], rel=1e-9)
    assert result.dof == expected["dof"]
    assert result.p == pytest.approx(expected["p"], rel=1e-8)
    assert result.log10_p == pytest.approx(np.log10(expected["p"]), rel=1e-8)


@pytest.mark.parametrize(
    ("name", "group", "options"),
    [
        ("veteran_cells", "celltype", {}),
        ("veteran_cells_rho1", "celltype", {"weighting": "fleming-harrington", "rho": 1}),
        ("veteran_cells_rho_half", "celltype", {"weighting": "fleming-harrington", "rho": 0.5}),
        ("veteran_trt", "trt", {}),
        ("stratified", "trt", {"strata": "celltype"}),
        (
            "stratified_rho1",
            "trt",
            {"strata": "celltype", "weighting": "fleming-harrington", "rho": 1},
        ),
    ],
)
def test_r_survdiff(name, group, options):
    outcome, data = veteran()
    options = {k: data[v] if k == "strata" else v for k, v in options.items()}
    check_against_r(log_rank_test(outcome, data[group], **options), R[name])


def test_r_survdiff_with_many_ties_and_on_many_patients():
    data = table("lung")
    outcome = SurvivalOutcome(np.ceil(data.time / 30.4375), data.status == 2)
    check_against_r(log_rank_test(outcome, data.sex), R["lung_months_sex"])
    colon = table("colon")
    arms = ["Lev", "Lev+5FU", "Obs"]  # R's alphabetical order
    result = log_rank_test(SurvivalOutcome(colon.time, colon.status), colon.rx, order=arms)
    check_against_r(result, R["colon_rx"])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"weighting": "gehan-wilcoxon"}, {"weightings": "wilcoxon"}),
        ({"weighting": "tarone-ware"}, {"weightings": "tarone-ware"}),
        ({"weighting": "peto-peto"}, {"weightings": "peto"}),
        (
            {"weighting": "fleming-harrington", "rho": 1, "gamma": 0.5},
            {"weightings": "fleming-harrington", "p": 1, "q": 0.5},
        ),
        (
            {"weighting": "fleming-harrington", "rho": 0, "gamma": 1},
            {"weightings": "fleming-harrington", "p": 0, "q": 1},
        ),
    ],
)
def test_lifelines_agrees_on_every_weighting(ours, theirs):
    from lifelines.statistics import multivariate_logrank_test

    outcome, data = veteran()
    other = multivariate_logrank_test(data.time, data.celltype, data.status, **theirs)
    result = log_rank_test(outcome, data.celltype, **ours)
    assert result.statistic == pytest.approx(other.test_statistic, rel=1e-8)
    assert result.p == pytest.approx(other.p_value, rel=1e-8)


def test_real_cohort(shared_data):
    """Published with the cohort: 21.2389 by BCLC class."""
    data = pd.read_csv(shared_data / "cohorts" / "hepatocellular_resected_227.csv")
    result = log_rank_test(SurvivalOutcome(data.OS, data.Death), data.BCLC)
    assert result.statistic == pytest.approx(21.2389, abs=5e-5)


def test_trend_as_r():
    outcome, data = lung_months()
    trend = log_rank_trend(outcome, data["ph.ecog"])
    assert trend.z == pytest.approx(R["trend"]["z"], rel=1e-9)
    assert trend.z > 0  # a worse performance status, more deaths
    assert trend.statistic == pytest.approx(R["trend"]["exact_score_test"], rel=1e-6)
    assert trend.scores == (0.0, 1.0, 2.0, 3.0)
    unequal = log_rank_trend(outcome, data["ph.ecog"], scores=[0, 1, 4, 9])
    assert unequal.z == pytest.approx(R["trend"]["z_unequal"], rel=1e-9)
    within_sex = log_rank_trend(outcome, data["ph.ecog"], strata=data.sex)
    expected = R["trend_stratified"]["exact_score_test"]
    assert within_sex.statistic == pytest.approx(expected, rel=1e-6)


def test_pairs_as_r():
    outcome, data = veteran()
    pairs = pairwise_log_rank(outcome, data.celltype)
    expected = R["pairwise"]
    assert [(c.first, c.second) for c in pairs] == list(
        zip(expected["first"], expected["second"], strict=True)
    )
    np.testing.assert_allclose([c.p for c in pairs], expected["p"], rtol=1e-8)
    np.testing.assert_allclose([c.p_adjusted for c in pairs], expected["p_adjusted"], rtol=1e-8)


def test_pairs_that_cannot_be_compared_say_why():
    outcome = SurvivalOutcome([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 0])
    pairs = pairwise_log_rank(outcome, ["a", "b", "a", "b", "c", "d"])
    last = pairs[-1]
    assert (last.first, last.second, last.reason) == ("c", "d", "nobody had the event")
    assert np.isnan(last.p) and np.isnan(last.p_adjusted)
    assert last.to_json()["p"] is None and last.to_json()["p_text"] == "not known"
    assert all(c.reason is None and c.p_adjusted >= c.p for c in pairs[:-1])


def test_a_p_value_too_small_for_a_number_keeps_its_logarithm():
    tails = R["tails"]
    for statistic, dof, log10_p in zip(
        tails["statistic"], tails["dof"], tails["log10_p"], strict=True
    ):
        p, logarithm = chi_squared_p(statistic, dof)
        assert logarithm == pytest.approx(log10_p, rel=1e-10)
        assert p == pytest.approx(10**log10_p, rel=1e-9, abs=1e-300)
    p, logarithm = normal_p(100.0)
    assert p == 0 and -2200 < logarithm < -2170


def test_extreme_difference_is_shown_as_a_bound():
    rng = np.random.default_rng(1)
    group = np.repeat([0, 1], 8000)
    outcome = SurvivalOutcome(rng.exponential(np.where(group, 1.0, 60.0)), np.ones(16000, bool))
    report = log_rank_test(outcome, group).to_json()
    assert report["p"] == 0 and report["log10_p"] < -400
    assert report["p_text"] == "< 0.0001"


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.5, "0.500"),
        (0.0343, "0.034"),
        (0.00043, "0.0004"),
        (0.0001, "0.0001"),
        (0.00009, "< 0.0001"),
        (0.0, "< 0.0001"),
        (0.9996, "> 0.999"),
        (float("nan"), "not known"),
    ],
)
def test_p_value_in_a_sentence(p, text):
    assert format_p(p) == text


def test_a_group_gone_before_the_first_event_takes_no_degree_of_freedom():
    """As R: it has no expected events."""
    outcome = SurvivalOutcome([1, 1, 2, 3, 4, 5], [0, 0, 1, 1, 1, 0])
    three = log_rank_test(outcome, ["z", "z", "a", "b", "a", "b"])
    two = log_rank_test(outcome.subset([2, 3, 4, 5]), ["a", "b", "a", "b"])
    assert three.dof == 1
    assert three.statistic == pytest.approx(two.statistic)
    np.testing.assert_array_equal(three.expected[2], 0)


def test_matched_pairs_are_mcnemar():
    """Strata of two: only who of the pair dies first counts: (b − c)²/(b + c)."""
    rng = np.random.default_rng(2)
    time = rng.permutation(200).astype(float)
    pair, treated = np.repeat(np.arange(100), 2), np.tile([0, 1], 100)
    result = log_rank_test(SurvivalOutcome(time, np.ones(200)), treated, strata=pair)
    b = int((time[1::2] < time[::2]).sum())
    c = 100 - b
    assert result.statistic == pytest.approx((b - c) ** 2 / (b + c))
    assert result.stratified


@pytest.mark.parametrize(
    ("groups", "options", "error", "message"),
    [
        ([1, 1, 1, 1], {}, StatisticsError, "only 1 group: 1; compare at least 2"),
        ([1, 2, 1], {}, InputError, "4 patients but labels of shape"),
        ([1, 2, None, 1], {}, InputError, "1 of 4 labels are missing, the first at position 2"),
        ([1, 2, np.nan, 1], {}, InputError, "labels are missing"),
        ([1, 2, pd.NA, 1], {}, InputError, "labels are missing"),
        ([1, 2, "2", 1], {}, InputError, "labels mix text and numbers"),
        ([1, 2, 1, 2], {"order": [1, 3]}, InputError, "group 2 is not in the given order"),
        ([1, 2, 1, 2], {"weighting": "renyi"}, InputError, "unknown weighting 'renyi'"),
        ([1, 2, 1, 2], {"rho": 1}, InputError, "rho and gamma mean nothing to logrank"),
        (
            [1, 2, 1, 2],
            {"weighting": "fleming-harrington", "rho": -1},
            InputError,
            "must not be negative",
        ),
        ([1, 2, 1, 2], {"strata": [1, 2, 1, 2]}, StatisticsError, "never under observation toge"),
        ([1, 2, 1, 2], {"strata": [1, 2]}, InputError, "strata: 4 patients but labels"),
    ],
)
def test_what_is_refused(groups, options, error, message):
    with pytest.raises(error, match=message):
        log_rank_test(SurvivalOutcome([1, 2, 3, 4], [1, 1, 0, 1]), groups, **options)


def test_no_events_and_useless_scores_are_refused():
    with pytest.raises(StatisticsError, match="nobody had the event"):
        log_rank_test(SurvivalOutcome([1, 2, 3], [0, 0, 0]), [1, 2, 1])
    outcome = SurvivalOutcome([1, 2, 3, 4], [1, 1, 0, 1])
    with pytest.raises(StatisticsError, match="all scores are equal"):
        log_rank_trend(outcome, [1, 2, 1, 2], scores=[5, 5])
    with pytest.raises(InputError, match="2 groups need as many numbers as scores"):
        log_rank_trend(outcome, [1, 2, 1, 2], scores=[5, 6, 7])
    with pytest.raises(StatisticsError, match="never meet at an event"):
        log_rank_trend(outcome, ["a", "b", "c", "c"], scores=[0, 0, 1], strata=["s", "s", "t", "t"])


rows = st.lists(
    st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 2)), min_size=4, max_size=40
)


def outcome_and_groups(values) -> tuple[SurvivalOutcome, np.ndarray]:
    time, event, group = (np.array(column) for column in zip(*values, strict=True))
    return SurvivalOutcome(time, event), group


def test_or_none(outcome, group, **options):
    try:
        return log_rank_test(outcome, group, **options)
    except StatisticsError:
        return None


test_or_none.__test__ = False  # type: ignore[attr-defined]


@settings(deadline=None)
@given(rows)
def test_names_of_groups_do_not_matter(values):
    outcome, group = outcome_and_groups(values)
    one = test_or_none(outcome, group)
    assume(one is not None)
    other = test_or_none(outcome, np.array(["z", "y", "x"])[group])
    assert other.statistic == pytest.approx(one.statistic, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(other.observed[::-1], one.observed)


@settings(deadline=None)
@given(rows, st.randoms(use_true_random=False), st.sampled_from([0.25, 2.0]))
def test_order_of_patients_and_unit_of_time_do_not_matter(values, random, factor):
    outcome, group = outcome_and_groups(values)
    one = test_or_none(outcome, group, weighting="tarone-ware")
    assume(one is not None)
    order = list(range(len(outcome)))
    random.shuffle(order)
    moved = SurvivalOutcome(outcome.time_months[order] * factor, outcome.event[order])
    other = test_or_none(moved, group[order], weighting="tarone-ware")
    assert other.statistic == pytest.approx(one.statistic, rel=1e-9, abs=1e-12)


@settings(deadline=None)
@given(rows)
def test_what_is_expected_adds_up_to_what_is_observed(values):
    outcome, group = outcome_and_groups(values)
    result = test_or_none(outcome, group)
    assume(result is not None)
    assert result.expected.sum() == pytest.approx(outcome.n_events)
    assert result.observed.sum() == outcome.n_events
    np.testing.assert_allclose(result.covariance.sum(axis=0), 0, atol=1e-10)
    assert 0 <= result.p <= 1


@settings(deadline=None)
@given(rows)
def test_two_groups_trend_and_test_are_one(values):
    outcome, group = outcome_and_groups(values)
    two = group > 0
    result = test_or_none(outcome, two)
    assume(result is not None)
    trend = log_rank_trend(outcome, two, scores=[3.0, 7.0])
    assert trend.statistic == pytest.approx(result.statistic, rel=1e-9, abs=1e-12)
    excess = result.observed[1] - result.expected[1]
    if abs(excess) > 1e-9:
        assert np.sign(trend.z) == np.sign(excess)


@settings(deadline=None)
@given(rows)
def test_strata_add_up(values):
    """Observed, expected and covariance are sums over strata."""
    outcome, group = outcome_and_groups(values)
    two, stratum = group > 0, np.arange(len(group)) % 2
    whole = test_or_none(outcome, two, strata=stratum)
    parts = [test_or_none(outcome.subset(stratum == s), two[stratum == s]) for s in (0, 1)]
    assume(whole is not None and all(part is not None for part in parts))
    np.testing.assert_allclose(whole.expected, sum(part.expected for part in parts))
    np.testing.assert_allclose(whole.covariance, sum(part.covariance for part in parts), atol=1e-12)
