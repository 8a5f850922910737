"""Accuracy of yes-or-no tests: published examples, R's values, and what is refused."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.diagnostic import (
    ConfusionTable,
    compare_sensitivities,
    compare_specificities,
    confusion_table,
    diagnostic_accuracy,
    mcnemar_p,
    paired_difference,
)
from hccsurv_core.stats.proportions import proportion

REFERENCE = Path(__file__).resolve().parents[1] / "reference"

#: 744 diseased of whom 670 positive, 842 others of whom 640 negative (Scott et al. 2008, as
#: the documentation of R's epiR gives it).
SCOTT = ConfusionTable(tp=670, fp=202, fn=74, tn=640)


@pytest.fixture(scope="module")
def from_r() -> dict:
    """What tests/reference/diagnostic.R wrote."""
    return json.loads((REFERENCE / "diagnostic.json").read_text())


def test_intervals_of_proportions_are_those_of_r(from_r):
    for case in from_r["proportions"]:
        k, n = case["successes"], case["n"]
        for method, key in (("clopper-pearson", "exact"), ("wilson", "wilson")):
            found = proportion(k, n, method=method)
            np.testing.assert_allclose(
                [found.ci_low, found.ci_high], case[key], rtol=1e-6, atol=1e-12
            )
        found = proportion(k, n, level=0.9)
        np.testing.assert_allclose([found.ci_low, found.ci_high], case["exact90"], rtol=1e-6)


@pytest.mark.parametrize(
    ("k", "n", "method", "low", "high"),
    [
        (81, 263, "wilson", 0.2553, 0.3662),
        (81, 263, "clopper-pearson", 0.2527, 0.3676),
        (15, 148, "wilson", 0.0624, 0.1605),
        (15, 148, "clopper-pearson", 0.0578, 0.1617),
        (0, 20, "wilson", 0.0, 0.1611),
        (0, 20, "clopper-pearson", 0.0, 0.1684),
        (1, 29, "wilson", 0.0061, 0.1718),
        (1, 29, "clopper-pearson", 0.0009, 0.1776),
    ],
)
def test_intervals_of_newcombe_1998(k, n, method, low, high):
    found = proportion(k, n, method=method)
    assert (round(found.ci_low, 4), round(found.ci_high, 4)) == (low, high)


def test_measures_of_a_published_table():
    found = diagnostic_accuracy(SCOTT)
    for estimate, expected in (
        (found.sensitivity, (0.90, 0.88, 0.92)),
        (found.specificity, (0.76, 0.73, 0.79)),
        (found.positive_likelihood_ratio, (3.75, 3.32, 4.24)),
    ):
        shown = tuple(round(x, 2) for x in (estimate.value, estimate.ci_low, estimate.ci_high))
        assert shown == expected


def test_measures_belong_together():
    found = diagnostic_accuracy(SCOTT, interval="wilson")
    assert found.ppv.value == 670 / 872 and found.npv.value == 640 / 714
    assert found.accuracy.value == 1310 / 1586 and found.prevalence.value == 744 / 1586
    assert found.youden == pytest.approx(670 / 744 + 640 / 842 - 1)
    assert found.f1 == pytest.approx(2 / (1 / (670 / 744) + 1 / (670 / 872)))
    odds = found.diagnostic_odds_ratio
    ratio = found.positive_likelihood_ratio.value / found.negative_likelihood_ratio.value
    assert odds.value == pytest.approx(ratio) == pytest.approx(670 * 640 / (202 * 74))
    # Woolf: symmetric on the logarithmic scale.
    error = math.sqrt(1 / 670 + 1 / 202 + 1 / 74 + 1 / 640)
    assert math.log(odds.ci_high / odds.value) == pytest.approx(1.959963984540054 * error)
    assert found.sensitivity.method == "Wilson score"
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["table"]["fn"] == 74 and plain["npv"]["n"] == 714


def test_an_empty_cell_gets_one_half_and_says_so():
    found = diagnostic_accuracy(ConfusionTable(tp=10, fp=0, fn=2, tn=20))
    assert found.specificity.value == 1.0 and found.specificity.ci_high == 1.0
    assert found.positive_likelihood_ratio.value == pytest.approx((10.5 / 13) / (0.5 / 21))
    assert "one half added" in found.diagnostic_odds_ratio.method


def test_what_nobody_answers_is_not_a_number():
    found = diagnostic_accuracy(ConfusionTable(tp=0, fp=0, fn=3, tn=5))
    assert math.isnan(found.ppv.value) and found.ppv.method == "nobody to count"
    assert found.to_json()["ppv"]["value"] is None
    only_diseased = diagnostic_accuracy(ConfusionTable(tp=3, fp=0, fn=1, tn=0))
    assert math.isnan(only_diseased.diagnostic_odds_ratio.value)
    assert math.isnan(only_diseased.youden) and only_diseased.to_json()["youden"] is None


def test_confusion_table_counts():
    table = confusion_table([1, 1, 0, 0, 1], [True, False, True, False, True])
    assert table == ConfusionTable(tp=2, fp=1, fn=1, tn=1)


def test_mcnemar_is_that_of_r(from_r):
    for case in from_r["mcnemar"]:
        counts = case["only_first"], case["only_second"]
        assert mcnemar_p(*counts) == pytest.approx(case["exact"], rel=1e-9)
        assert mcnemar_p(*counts, exact=False) == pytest.approx(case["chisq"], rel=1e-9)
    assert mcnemar_p(0, 0) == 1.0


def test_paired_difference_of_newcombe_1998():
    # Difference 0.2 of 50 pairs (36, 12, 2, 0): 0.0569 to 0.3404 by method 10.
    found = paired_difference(36, 12, 2, 0)
    assert found.value == pytest.approx(0.2)
    assert (round(found.ci_low, 4), round(found.ci_high, 4)) == (0.0569, 0.3404)


def test_two_tests_on_the_same_patients():
    event = np.array([1] * 50 + [0] * 30)
    first = np.array([1] * 48 + [0] * 2 + [1] * 5 + [0] * 25)
    second = np.array([1] * 36 + [0] * 12 + [1] * 2 + [0] * 30)
    found = compare_sensitivities(first, second, event)
    assert (found.only_first, found.only_second) == (12, 2)
    assert found.first.value == 0.96 and found.second.value == 0.76
    assert found.p == mcnemar_p(12, 2)
    specificities = compare_specificities(first, second, event, exact=False)
    assert specificities.difference.value == pytest.approx(25 / 30 - 1)
    assert specificities.only_second == 5 and specificities.p_method == "McNemar, chi-square"
    assert json.loads(json.dumps(specificities.to_json()))["second"]["value"] == 1.0


@given(st.tuples(*[st.integers(0, 30)] * 4).filter(lambda k: sum(k) > 0))
@settings(max_examples=60, deadline=None)
def test_swapping_the_tests_turns_the_difference_round(counts):
    both, first, second, neither = counts
    forward = paired_difference(both, first, second, neither)
    backward = paired_difference(both, second, first, neither)
    assert forward.value == pytest.approx(-backward.value)
    assert forward.ci_low == pytest.approx(-backward.ci_high, abs=1e-12)
    assert -1.0000001 <= forward.ci_low <= forward.value <= forward.ci_high <= 1.0000001


@given(k=st.integers(0, 40), extra=st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_intervals_hold_the_proportion_and_mirror_with_it(k, extra):
    n = max(1, k + extra)
    exact, score = proportion(k, n), proportion(k, n, method="wilson")
    for found in (exact, score):
        assert 0.0 <= found.ci_low <= found.value <= found.ci_high <= 1.0
    mirrored = proportion(n - k, n)
    assert mirrored.ci_low == pytest.approx(1 - exact.ci_high, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: proportion(3, 2), InputError, "3 of 2 is no proportion"),
        (lambda: proportion(1, 2, method="wald"), InputError, "clopper-pearson, wilson"),
        (lambda: proportion(1, 2, level=95), InputError, "between 0 and 1, got 95"),
        (lambda: ConfusionTable(1, -1, 0, 0), InputError, "cannot be negative"),
        (lambda: mcnemar_p(-1, 2), InputError, "cannot be negative"),
        (lambda: confusion_table([1, 2], [1, 0]), InputError, "positive: answers must be true"),
        (lambda: confusion_table([1, 0], [1]), InputError, "2 answers but 1 patients"),
        (lambda: confusion_table([], []), InputError, "a list of answers"),
        (lambda: compare_sensitivities([1], [1, 0], [1, 0]), InputError, "1 and 2 answers"),
        (lambda: compare_sensitivities([1], [1], [0]), StatisticsError, "nobody is with"),
        (lambda: diagnostic_accuracy(ConfusionTable(0, 0, 0, 0)), StatisticsError, "no patients"),
    ],
)
def test_wrong_input_is_refused(call, error, match):
    with pytest.raises(error, match=match):
        call()
