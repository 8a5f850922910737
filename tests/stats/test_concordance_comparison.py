"""Many scores compared at once: the same answers as two by two, and missing scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from horizon_cohorts import drawn_cohort

from hccsurv_core.errors import InputError
from hccsurv_core.stats.concordance import compare_concordance, estimate_concordance
from hccsurv_core.stats.concordance_comparison import compare_concordances

OUTCOME, MARKER = drawn_cohort(120, seed=3)
NOISY = MARKER + np.random.default_rng(1).normal(size=120)
GAPS = np.where(np.arange(120) % 4 == 0, np.nan, NOISY)


def test_each_answer_is_that_of_the_single_comparison():
    found = compare_concordances(
        OUTCOME, {"a": MARKER, "b": NOISY}, [("a", "b")], n_resamples=200, seed=7
    )
    alone = estimate_concordance(OUTCOME, MARKER, n_resamples=200, seed=7)
    assert found.scores["a"].estimate == alone
    difference, p = compare_concordance(OUTCOME, MARKER, NOISY, n_resamples=200, seed=7)
    assert found.differences["a", "b"].estimate == difference
    assert found.differences["a", "b"].p == p


def test_patients_without_a_score_are_left_out_of_its_comparison_alone():
    found = compare_concordances(
        OUTCOME, {"a": MARKER, "b": GAPS}, [("a", "b")], n_resamples=100, seed=2
    )
    rows = np.isfinite(GAPS)
    kept = OUTCOME.subset(rows)
    difference, _ = compare_concordance(kept, MARKER[rows], NOISY[rows], n_resamples=100, seed=2)
    answer = found.differences["a", "b"]
    assert answer.estimate == difference
    assert (answer.n, answer.n_events) == (90, kept.n_events)
    assert found.scores["a"].n == 120 and found.scores["b"].n == 90


def test_a_score_against_itself_differs_by_nothing():
    found = compare_concordances(OUTCOME, {"a": MARKER, "b": MARKER}, [("a", "b")], n_resamples=50)
    answer = found.differences["a", "b"]
    assert (answer.estimate.value, answer.estimate.ci_low, answer.estimate.ci_high) == (0, 0, 0)
    assert answer.p == 1


def test_what_has_no_answer_has_a_reason():
    nobody = np.full(120, np.nan)
    found = compare_concordances(OUTCOME, {"a": MARKER, "b": nobody}, [("a", "b")], n_resamples=20)
    assert found.scores["b"].estimate is None
    assert "0 patients have the score" in found.scores["b"].reason
    assert found.differences["a", "b"].n == 0
    assert math.isnan(found.scores["a"].p)


def test_the_share_of_another_scores_skill_is_a_ratio_of_margins():
    found = compare_concordances(
        OUTCOME, {"noisy": NOISY, "oracle": MARKER}, margins=[("noisy", "oracle")], n_resamples=200
    )
    noisy, oracle = found.scores["noisy"].estimate, found.scores["oracle"].estimate
    share = found.margins["noisy", "oracle"].estimate
    assert share.value == pytest.approx((noisy.value - 0.5) / (oracle.value - 0.5))
    assert share.ci_low < share.value < share.ci_high
    coin = compare_concordances(
        OUTCOME, {"a": MARKER, "none": np.zeros(120)}, margins=[("a", "none")], n_resamples=50
    )
    assert "resamples have no answer" in coin.margins["a", "none"].reason


def test_wrong_arguments_are_named():
    with pytest.raises(InputError, match=r"a: 120 patients but scores of shape \(3,\)"):
        compare_concordances(OUTCOME, {"a": [1, 2, 3]})
    with pytest.raises(InputError, match="no score is called 'c'"):
        compare_concordances(OUTCOME, {"a": MARKER}, [("a", "c")])
