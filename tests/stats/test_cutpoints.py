"""Cut-points: R's maxstat and survdiff at every cut, corrected p-values, and what is refused."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats import cutpoint_pvalue
from hccsurv_core.stats.cutpoint_pairs import optimal_cutpoint_pair
from hccsurv_core.stats.cutpoint_scan import (
    find_splits,
    hothorn_lausen_scores,
    permuted_logrank_maxima,
    risk_sets,
    running_min_sums,
)
from hccsurv_core.stats.cutpoints import (
    Cutpoint,
    median_cutpoint,
    optimal_cutpoint,
    published_cutpoint,
)

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
NAMES = ["veteran_age", "veteran_karno", "pbc_bili", "ovarian_age", "small"]


@pytest.fixture(scope="module")
def from_r() -> dict:
    """What tests/reference/cutpoints.R wrote."""
    return json.loads((REFERENCE / "cutpoints.json").read_text())


def read(name: str) -> tuple[np.ndarray, SurvivalOutcome]:
    """Marker and outcome, chosen as in the R script."""
    files = {"veteran": "veteran", "pbc": "pbc", "ovarian": "ovarian", "small": "cutpoints_small"}
    table = pd.read_csv(REFERENCE / "data" / f"{files[name.split('_')[0]]}.csv")
    marker = table[name.split("_")[1] if "_" in name else "marker"].to_numpy(float)
    if name == "ovarian_age":
        return marker, SurvivalOutcome(table.futime, table.fustat)
    status = table.status == 2 if name == "pbc_bili" else table.status
    return marker, SurvivalOutcome(table.time, status)


def draw(n: int, seed: int, effect: float = 0.0) -> tuple[np.ndarray, SurvivalOutcome]:
    """A marker with few ties, tied times, a third censored."""
    rng = np.random.default_rng(seed)
    marker = rng.normal(size=n).round(2)
    time = (rng.exponential(20, n) * np.exp(-effect * marker)).round(1)
    censoring = rng.uniform(0, 60, n).round(1)
    return marker, SurvivalOutcome(np.minimum(time, censoring), time <= censoring)


@pytest.mark.parametrize("name", NAMES)
def test_every_cut_has_the_chi_square_of_survdiff(from_r, name):
    found = optimal_cutpoint(*read(name))
    expected = from_r[name]
    np.testing.assert_allclose(found.scan_cutpoints, expected["cuts"], rtol=1e-12)
    np.testing.assert_allclose(found.scan_statistics, expected["logrank_chisq"], rtol=1e-9)
    assert found.cutpoint.value == expected["cuts"][int(np.argmax(expected["logrank_chisq"]))]
    assert found.statistic == found.scan_statistics.max()


@pytest.mark.parametrize("name", NAMES)
def test_score_statistics_and_p_values_are_those_of_maxstat(from_r, name):
    marker, outcome = read(name)
    expected = from_r[name]
    for method in ("lausen92", "lausen94"):
        found = optimal_cutpoint(marker, outcome, statistic="scores", p_method=method)
        np.testing.assert_allclose(found.scan_statistics, expected["scores_statistic"], rtol=1e-9)
        assert found.statistic == pytest.approx(expected["scores_max"], rel=1e-10)
        assert found.cutpoint.value == expected["scores_cut"]
        # maxstat does not cap what its inequality gives above 1.
        assert found.p_corrected == pytest.approx(min(1.0, expected[method]), rel=1e-8)
    smaller = optimal_cutpoint(marker, outcome, statistic="scores")
    assert smaller.p_corrected == pytest.approx(
        min(1.0, expected["lausen92"], expected["lausen94"]), rel=1e-8
    )


def test_exact_bound_is_that_of_maxstat_and_counts_the_statistic_itself(from_r):
    marker, outcome = read("small")
    expected = from_r["small"]["hothorn_lausen"]
    found = optimal_cutpoint(marker, outcome, statistic="scores", p_method="hothorn_lausen")
    assert found.statistic == pytest.approx(expected["statistic"], rel=1e-12)
    assert found.cutpoint.value == expected["cut"]
    scores = cutpoint_pvalue.integer_scores(hothorn_lausen_scores(outcome))
    n_low = np.arange(6, 55)
    exceeding = cutpoint_pvalue.hothorn_lausen(found.statistic, scores, n_low, strict=True)
    assert exceeding == pytest.approx(expected["p"], rel=1e-9)
    assert exceeding < found.p_corrected < exceeding * 1.01


def test_exact_bound_holds_over_all_orders_of_few_patients():
    scores = np.array([0, 1, 3, 4, 7, 9])
    n_low = np.array([1, 3, 4])
    mean, deviation = cutpoint_pvalue.score_moments(scores, n_low)
    orders = np.array(list(permutations(scores)))
    sums = np.cumsum(orders, axis=1)[:, n_low - 1]
    largest = (np.abs(sums - mean) / deviation).max(axis=1)
    for b in np.unique(largest.round(9))[::5]:
        exact = (largest >= b - 1e-9).mean()
        bound = cutpoint_pvalue.hothorn_lausen(b, scores, n_low)
        assert exact <= bound + 1e-12
    # One cut: the bound is the exact permutation p-value.
    single = np.abs(sums[:, 1] - mean[1]) / deviation[1]
    p = cutpoint_pvalue.hothorn_lausen(1.2, scores, n_low[1:2])
    assert p == pytest.approx((single >= 1.2).mean(), rel=1e-12)


def test_gaussian_limit_is_the_multivariate_normal_integral(from_r):
    marker, _ = read("veteran_karno")
    n_low = np.array([np.sum(marker <= c) for c in from_r["veteran_karno"]["cuts"]])
    p = cutpoint_pvalue.gauss(3.0, marker.size, n_low)
    assert p == pytest.approx(from_r["gauss_karno_b3"], abs=1e-8)


@pytest.mark.parametrize("n", [80, 500])
def test_gaussian_limit_lies_below_both_bounds(n):
    n_low = np.arange(n // 10, n - n // 10 + 1)
    for b in (2.5, 3.0, 4.0):
        p = cutpoint_pvalue.gauss(b, n, n_low)
        assert 2e-5 < p < cutpoint_pvalue.lausen92(b, 0.1)
        assert p < cutpoint_pvalue.lausen94(b, n, n_low)


@pytest.mark.parametrize("statistic", ["logrank", "scores"])
def test_permutation_p_agrees_with_the_gaussian_limit_and_repeats(statistic):
    marker, outcome = draw(200, 5, effect=0.35)
    limit = optimal_cutpoint(marker, outcome, statistic=statistic, p_method="gauss")
    found = optimal_cutpoint(
        marker, outcome, statistic=statistic, p_method="permutation", n_permutations=2000, seed=3
    )
    again = optimal_cutpoint(
        marker, outcome, statistic=statistic, p_method="permutation", n_permutations=2000, seed=3
    )
    assert found.p_corrected == again.p_corrected
    assert found.statistic == limit.statistic
    # Three Monte-Carlo standard errors, and the limit is a limit.
    error = 3 * np.sqrt(limit.p_corrected / 2000)
    assert found.p_corrected == pytest.approx(limit.p_corrected, abs=error + 0.01)
    assert found.p_uncorrected < found.p_corrected


def test_without_an_effect_the_corrected_p_value_is_rarely_small_and_the_plain_one_often():
    corrected, plain = [], []
    for seed in range(300):
        found = optimal_cutpoint(*draw(100, seed))
        corrected.append(found.p_corrected)
        plain.append(found.p_uncorrected)
    assert np.mean(np.array(corrected) < 0.05) < 0.06
    assert np.mean(np.array(plain) < 0.05) > 0.2


def test_permuted_maxima_are_those_of_the_search_itself():
    # The batched permutations must give what one search gives for a marker in the same order.
    _, outcome = draw(70, 2)
    n_low = find_splits(np.arange(70.0), 0.1).n_low
    maxima = permuted_logrank_maxima(risk_sets(outcome), n_low, 5, np.random.default_rng(1))
    ascending = np.argsort(risk_sets(outcome).second, kind="stable")
    places = np.random.default_rng(1).permuted(np.tile(np.arange(70), (5, 1)), axis=1)
    for row, expected in zip(places, maxima, strict=True):
        marker = np.empty(70)
        marker[ascending] = row
        assert optimal_cutpoint(marker, outcome).statistic == pytest.approx(expected**2, rel=1e-9)


@given(
    values=st.lists(st.integers(0, 6), min_size=1, max_size=40),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=60, deadline=None)
def test_running_sums_of_minima_are_those_of_a_double_loop(values, seed):
    by_place = np.array(values, float)
    np.random.default_rng(seed).shuffle(by_place)
    ascending = np.argsort(by_place, kind="stable")
    found = running_min_sums(by_place[ascending][None], ascending[None])[0]
    expected = [np.minimum(by_place[:m], by_place[m]).sum() for m in range(by_place.size)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.1, 3.0, 1000.0]))
@settings(max_examples=20, deadline=None)
def test_a_rising_transformation_moves_the_cut_point_and_nothing_else(seed, scale):
    marker, outcome = draw(60, seed)
    plain = optimal_cutpoint(marker, outcome)
    moved = optimal_cutpoint(scale * marker + 5, outcome)
    assert moved.statistic == pytest.approx(plain.statistic, rel=1e-12)
    assert moved.cutpoint.value == pytest.approx(scale * plain.cutpoint.value + 5)
    assert (moved.n_low, moved.events_high) == (plain.n_low, plain.events_high)


def test_groups_direction_and_json_belong_to_the_cut_point():
    marker, outcome = draw(150, 1, effect=1.0)
    found = optimal_cutpoint(marker, outcome)
    high = found.cutpoint.apply(marker)
    assert found.high_is_worse
    assert found.direction == "high values, worse outcome"
    assert not optimal_cutpoint(-marker, outcome).high_is_worse
    assert found.n_high == high.sum() and found.n_low == (~high).sum()
    assert found.events_high == outcome.event[high].sum()
    assert found.n_cuts == found.scan_statistics.size
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["cutpoint"]["origin"] == "searched (training)"
    assert plain["p_corrected"] == found.p_corrected
    assert len(plain["scan"]["cutpoints"]) == plain["n_cuts"]


def test_a_cut_point_learned_on_one_part_is_applied_as_it_is_to_another():
    marker, outcome = draw(100, 4)
    learned = optimal_cutpoint(marker[:60], outcome.subset(np.arange(60))).cutpoint
    np.testing.assert_array_equal(learned.apply(marker[60:]), marker[60:] > learned.value)
    assert learned.rule == f"> {learned.value:.10g}"


def test_median_and_published_cut_points():
    assert median_cutpoint([1, 2, 3, 10]) == Cutpoint(2.5, "median (training)")
    published = published_cutpoint(400, "Chen 2020", inclusive=True)
    assert published.rule == ">= 400" and published.origin == "published: Chen 2020"
    np.testing.assert_array_equal(published.apply([399.0, 400.0]), [False, True])
    np.testing.assert_array_equal(published_cutpoint(400, "x").apply([400.0, 401]), [False, True])


@pytest.mark.parametrize("name", ["veteran_age", "veteran_karno"])
def test_the_best_pair_is_that_of_survdiff_over_all_pairs(from_r, name):
    marker, outcome = read(name)
    found = optimal_cutpoint_pair(marker, outcome, n_permutations=20)
    expected = from_r[f"pair_{name}"]
    assert found.statistic == pytest.approx(expected["statistic"], rel=1e-9)
    assert [found.lower.value, found.upper.value] == expected["cuts"]
    group = found.apply(marker)
    assert found.sizes == tuple(np.bincount(group))
    assert found.events == tuple(np.bincount(group, outcome.event).astype(int))
    assert np.nanmax(found.scan_statistics) == found.statistic
    assert json.loads(json.dumps(found.to_json()))["groups"]["high"]["n"] == found.sizes[2]


def test_pairs_of_a_marker_without_effect_are_rarely_significant_after_correction():
    p = [
        optimal_cutpoint_pair(*draw(60, seed), n_permutations=99, max_cuts=20).p_corrected
        for seed in range(40)
    ]
    assert np.mean(np.array(p) <= 0.05) <= 0.15
    assert min(p) >= 1 / 100


def test_patients_without_risk_sets_in_common_do_not_break_the_scan():
    # The lowest patients leave before the first event: their cuts have no variance.
    time = np.concatenate((np.full(10, 1.0), np.arange(10.0, 40.0)))
    outcome = SurvivalOutcome(time, time >= 10)
    found = optimal_cutpoint(np.arange(40.0), outcome, min_share=0.05)
    assert found.scan_statistics[:9].tolist() == [0.0] * 9
    assert np.isfinite(found.scan_statistics).all()


def test_a_constant_marker_is_refused():
    _, outcome = draw(30, 0)
    with pytest.raises(StatisticsError, match=r"all 30 values are 7.*choose another"):
        optimal_cutpoint(np.full(30, 7.0), outcome)
    with pytest.raises(StatisticsError, match="nobody is above the median"):
        median_cutpoint([1.0, 7.0, 7.0])


def test_too_few_events_are_refused():
    outcome = SurvivalOutcome(np.arange(1.0, 31.0), np.arange(30) < 9)
    with pytest.raises(StatisticsError, match=r"9 events are too few.*published cut-point"):
        optimal_cutpoint(np.arange(30.0), outcome)
    with pytest.raises(StatisticsError, match="9 events are too few"):
        optimal_cutpoint_pair(np.arange(30.0), outcome)


def test_a_rare_level_leaves_nothing_to_cut():
    marker, outcome = np.zeros(40), draw(40, 0)[1]
    marker[:2] = 1
    with pytest.raises(StatisticsError, match="no value leaves 10% of the 40 patients"):
        optimal_cutpoint(marker, outcome)
    marker[:20] = 1
    with pytest.raises(StatisticsError, match="no two cuts leave 10%"):
        optimal_cutpoint_pair(marker, outcome)


def test_missing_values_are_refused_by_count():
    marker, outcome = draw(40, 0)
    marker[[3, 9]] = np.nan
    with pytest.raises(InputError, match=r"2 of 40 values are missing.*leave out"):
        optimal_cutpoint(marker, outcome)
    with pytest.raises(InputError, match="1 of 2 values are missing"):
        Cutpoint(1.0, "median (training)").apply([1.0, np.nan])


def test_unknown_arguments_are_refused():
    marker, outcome = draw(40, 0)
    with pytest.raises(InputError, match=r"unknown statistic 'wilcoxon'"):
        optimal_cutpoint(marker, outcome, statistic="wilcoxon")
    with pytest.raises(InputError, match="no correction for the statistic 'logrank'"):
        optimal_cutpoint(marker, outcome, p_method="hothorn_lausen")
    with pytest.raises(InputError, match=r"\[0, 0.5\)"):
        optimal_cutpoint(marker, outcome, min_share=0.5)
    with pytest.raises(InputError, match="40 patients but a marker of shape"):
        optimal_cutpoint(marker[:-1], outcome)
    with pytest.raises(InputError, match="finite"):
        Cutpoint(np.inf, "published: x")
    with pytest.raises(StatisticsError, match="needs a smallest group"):
        optimal_cutpoint(marker, outcome, min_share=0.0, p_method="lausen92")


def test_exact_methods_refuse_what_they_are_not_made_for():
    marker, outcome = draw(250, 0)
    with pytest.raises(StatisticsError, match=r"250 patients .* ask for \"permutation\""):
        optimal_cutpoint(marker, outcome, statistic="scores", p_method="hothorn_lausen")
    with pytest.raises(StatisticsError, match="lausen92"):
        cutpoint_pvalue.gauss(3.0, 5000, np.arange(500, 4500))
