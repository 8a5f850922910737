"""ROC curves and DeLong's tests: pROC's values, scikit-learn's, and what must always hold."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.roc import (
    bootstrap_area_difference,
    compare_paired_areas,
    compare_unpaired_areas,
    roc_area,
    roc_curve,
    youden_threshold,
)

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


@pytest.fixture(scope="module")
def from_r() -> dict:
    """What tests/reference/roc.R wrote."""
    return json.loads((REFERENCE / "roc.json").read_text())


@pytest.fixture(scope="module")
def pbc() -> pd.DataFrame:
    """Trial patients of pbc whose state at three years is known, as in the R script."""
    table = pd.read_csv(REFERENCE / "data" / "pbc.csv")
    table = table[table.trt.notna()]
    table = table[(table.time > 3 * 365.25) | (table.status == 2)]
    return table.assign(died=table.time <= 3 * 365.25)


@pytest.mark.parametrize("name", ["bilirubin", "albumin", "stage"])
def test_area_variance_and_interval_are_those_of_proc(from_r, pbc, name):
    score = {"bilirubin": pbc.bili, "albumin": -pbc.albumin, "stage": pbc.stage}[name]
    area = roc_area(pbc.died[score.notna()], score.dropna())
    expected = from_r[name]
    assert area.value == pytest.approx(expected["area"], rel=1e-12)
    np.testing.assert_allclose([area.ci_low, area.ci_high], expected["ci"], rtol=1e-9)


@pytest.mark.parametrize("name", ["bilirubin", "stage"])
def test_the_curve_is_that_of_proc_with_ties_as_one_step(from_r, pbc, name):
    score = {"bilirubin": pbc.bili, "stage": pbc.stage}[name]
    curve = roc_curve(pbc.died, score)
    np.testing.assert_allclose(curve.sensitivity, from_r[name]["sensitivity"], atol=1e-12)
    np.testing.assert_allclose(curve.specificity, from_r[name]["specificity"], atol=1e-12)
    assert curve.area == pytest.approx(from_r[name]["area"], rel=1e-12)


def test_paired_comparison_is_that_of_proc(from_r, pbc):
    found = compare_paired_areas(pbc.died, pbc.bili, -pbc.albumin)
    expected = from_r["paired"]
    assert found.statistic == pytest.approx(expected["statistic"], rel=1e-9)
    assert found.p == pytest.approx(expected["p"], rel=1e-9)
    found_interval = [found.difference.ci_low, found.difference.ci_high]
    np.testing.assert_allclose(found_interval, expected["ci"], rtol=1e-9)


def test_unpaired_comparison_is_that_of_proc(from_r, pbc):
    men = pbc.sex == "m"
    found = compare_unpaired_areas(pbc.died[men], pbc.bili[men], pbc.died[~men], pbc.bili[~men])
    assert found.statistic == pytest.approx(from_r["unpaired"]["statistic"], rel=1e-9)
    assert found.degrees_of_freedom == pytest.approx(from_r["unpaired"]["df"], rel=1e-9)
    assert found.p == pytest.approx(from_r["unpaired"]["p"], rel=1e-9)


def test_youden_threshold_is_that_of_proc_and_calls_its_own_score_positive(from_r, pbc):
    best = youden_threshold(pbc.died, pbc.bili)
    assert best.sensitivity == pytest.approx(from_r["youden"]["sensitivity"], rel=1e-12)
    assert best.specificity == pytest.approx(from_r["youden"]["specificity"], rel=1e-12)
    positive = pbc.bili >= best.threshold
    assert positive[pbc.died].mean() == pytest.approx(best.sensitivity)
    assert (~positive)[~pbc.died].mean() == pytest.approx(best.specificity)


def test_logit_interval_is_wald_on_the_log_odds(from_r, pbc):
    area = roc_area(pbc.died, pbc.bili, ci="logit")
    odds = math.log(area.value / (1 - area.value))
    bounds = [math.log(b / (1 - b)) for b in (area.ci_low, area.ci_high)]
    assert sum(bounds) / 2 == pytest.approx(odds)
    std_error = math.sqrt(from_r["bilirubin"]["variance"]) / (area.value * (1 - area.value))
    assert (bounds[1] - bounds[0]) / 2 == pytest.approx(1.959963984540054 * std_error, rel=1e-9)


outcomes = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=4, max_size=40).filter(
    lambda rows: 0 < sum(event for event, _ in rows) < len(rows)
)


@settings(deadline=None)
@given(outcomes)
def test_area_is_the_share_of_pairs_ordered_right_as_in_scikit_learn(rows):
    from sklearn.metrics import roc_auc_score

    event, score = np.array([e for e, _ in rows]), np.array([s for _, s in rows], float)
    pairs = np.sign(score[event][:, None] - score[~event][None, :])
    area = roc_area(event, score)
    assert area.value == pytest.approx((pairs.mean() + 1) / 2, abs=1e-12)
    assert area.value == pytest.approx(roc_auc_score(event, score), abs=1e-12)
    assert roc_area(event, -score).value == pytest.approx(1 - area.value, abs=1e-12)
    assert roc_area(event, np.exp(score) + 3).value == pytest.approx(area.value, abs=1e-12)


def test_variance_is_delongs_double_sum():
    """Placement values by brute force over all pairs, ties included."""
    rng = np.random.default_rng(3)
    event, score = rng.random(60) < 0.4, rng.integers(0, 8, 60).astype(float)
    wins = (np.sign(score[event][:, None] - score[~event][None, :]) + 1) / 2
    variance = wins.mean(1).var(ddof=1) / event.sum() + wins.mean(0).var(ddof=1) / (~event).sum()
    area = roc_area(event, score)
    assert (area.ci_high - area.ci_low) / 2 == pytest.approx(1.959963984540054 * variance**0.5)


def test_the_same_score_twice_differs_in_nothing():
    event, score = [0, 1, 1, 0, 1], np.array([1.0, 3.0, 2.0, 2.0, 5.0])
    found = compare_paired_areas(event, score, 10 * score)
    assert (found.difference.value, found.p, found.difference.ci_low) == (0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("event", "score", "area"),
    [([0, 0, 1, 1], [1, 2, 3, 4], 1.0), ([0, 0, 0, 1], [1, 2, 4, 3], 2 / 3)],
    ids=["perfect separation", "a single event"],
)
def test_no_interval_where_the_variance_cannot_be_estimated(event, score, area):
    found = roc_area(event, score)
    assert found.value == pytest.approx(area)
    assert math.isnan(found.ci_low) and math.isnan(found.ci_high)
    assert "no interval" in found.method
    assert found.to_json()["ci_low"] is None


def test_results_are_plain_json():
    event, score = [0, 1, 1, 0, 1], [1.0, 3.0, 2.0, 2.0, 5.0]
    curve = json.loads(json.dumps(roc_curve(event, score).to_json()))
    assert curve["thresholds"][0] is None and curve["n_events"] == 3
    comparison = json.loads(json.dumps(compare_paired_areas(event, score, score[::-1]).to_json()))
    assert comparison["degrees_of_freedom"] is None


@pytest.mark.parametrize(
    ("event", "score", "error", "message"),
    [
        ([0, 0], [1, 2], StatisticsError, "both kinds are needed"),
        ([0, 2], [1, 2], InputError, "true or false"),
        ([0, 1], [1, 2, 3], InputError, "2 patients but scores of shape"),
        ([0, 1], [1, np.nan], InputError, "1 values are missing"),
    ],
)
def test_what_cannot_be_answered_is_refused(event, score, error, message):
    with pytest.raises(error, match=message):
        roc_area(event, score)


def test_an_unknown_interval_is_refused():
    with pytest.raises(InputError, match="wald or logit"):
        roc_area([0, 1], [1, 2], ci="exact")


def test_a_paired_bootstrap_agrees_with_delong():
    rng = np.random.default_rng(5)
    event = rng.random(200) < 0.4
    good, weak = event + rng.normal(0, 1, 200), event + rng.normal(0, 2.5, 200)
    difference, p = bootstrap_area_difference(event, good, weak, n_resamples=2000)
    delong = compare_paired_areas(event, good, weak)
    assert difference.value == pytest.approx(delong.difference.value)
    assert difference.ci_low == pytest.approx(delong.difference.ci_low, abs=0.02)
    assert difference.ci_high == pytest.approx(delong.difference.ci_high, abs=0.02)
    assert p < 0.01
    assert bootstrap_area_difference(event, good, good, n_resamples=50)[1] == 1
