"""Concordance against pair-by-pair counting, R, lifelines and scikit-survival."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.concordance import (
    compare_concordance,
    estimate_concordance,
    harrell_c,
    jackknife_concordance,
    uno_c,
)
from hccsurv_core.stats.resampling import resample_counts, resample_indices

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "cox.json").read_text())["concordance"]


def lung(time="time"):
    frame = pd.read_csv(REFERENCE / "data" / "lung.csv")
    frame = frame.dropna(subset=["age", "sex", "ph.karno", "wt.loss", "inst"])
    frame["month"] = np.ceil(frame["time"] / 30.4375)
    outcome = SurvivalOutcome(frame[time], frame["status"] == 2)
    model = fit_cox(frame[["age", "sex", "ph.karno"]], outcome)
    return frame, outcome, model.linear_predictor(frame[["age", "sex", "ph.karno"]])


def drawn(n, seed=0, ties=False):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n)
    time = rng.exponential(20 * np.exp(-0.7 * score))
    event = rng.random(n) < 0.6
    if ties:
        time, score = np.ceil(time / 4), np.round(score, 1)
    return SurvivalOutcome(time, event), score


def counted_pair_by_pair(outcome, score, weight=None):
    good = total = 0.0
    t, e = outcome.time_months, outcome.event
    for i in np.flatnonzero(e):
        w = 1.0 if weight is None else weight[i]
        for j in range(len(t)):
            if t[j] > t[i] or (t[j] == t[i] and not e[j]):
                total += w
                good += w * ((score[i] > score[j]) + 0.5 * (score[i] == score[j]))
    return good / total


def variance(outcome, score, **options):
    estimate = jackknife_concordance(outcome, score, level=0.5, **options)
    return ((estimate.ci_high - estimate.value) / 0.6744897501960817) ** 2


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 60))
def test_every_comparable_pair_counts_once(seed, n):
    outcome, score = drawn(n, seed, ties=True)
    try:
        c = harrell_c(outcome, score)
    except StatisticsError:
        return
    assert c == pytest.approx(counted_pair_by_pair(outcome, score), abs=1e-12)
    # What ranks the other way round is right where this was wrong.
    assert harrell_c(outcome, -score) == pytest.approx(1 - c, abs=1e-12)
    # Only the order of the scores counts.
    assert harrell_c(outcome, np.exp(score)) == pytest.approx(c, abs=1e-12)


@pytest.mark.parametrize(("name", "time"), [("efron", "time"), ("tied", "month")])
def test_harrells_c_and_its_standard_error_equal_r(name, time):
    _, outcome, score = lung(time)
    assert harrell_c(outcome, score) == pytest.approx(R[name]["c"], rel=1e-9)
    assert variance(outcome, score) == pytest.approx(R[name]["var"], rel=1e-7)


def test_a_score_with_few_values_equals_r():
    frame, outcome, _ = lung()
    # R's model-free concordance takes a higher score as longer survival.
    assert harrell_c(outcome, -frame["ph.karno"]) == pytest.approx(R["karno_tied"]["c"], rel=1e-9)
    assert variance(outcome, -frame["ph.karno"]) == pytest.approx(R["karno_tied"]["var"], rel=1e-7)


def test_unos_c_equals_r():
    _, outcome, score = lung()
    assert uno_c(outcome, score) == pytest.approx(R["uno"]["c"], rel=1e-6)
    assert variance(outcome, score, method="uno") == pytest.approx(R["uno"]["var"], rel=1e-6)


def test_unos_c_equals_scikit_survival_where_no_times_are_tied():
    from sksurv.metrics import concordance_index_ipcw
    from sksurv.util import Surv

    train, _ = drawn(300, 1)
    test, score = drawn(200, 2)
    # The training part must reach beyond the test part's last event.
    train = SurvivalOutcome(np.append(train.time_months, 1e4), np.append(train.event, False))
    horizon = float(np.quantile(test.time_months, 0.8))
    expected = concordance_index_ipcw(
        Surv.from_arrays(train.event, train.time_months),
        Surv.from_arrays(test.event, test.time_months), score, tau=horizon,
    )[0]  # fmt: skip
    assert uno_c(test, score, train=train, horizon_months=horizon) == pytest.approx(
        expected, rel=1e-9
    )


@pytest.mark.parametrize("method", ["harrell", "uno"])
def test_the_bootstrap_is_the_plain_one_only_faster(method):
    outcome, score = drawn(150, 4, ties=True)
    estimate = estimate_concordance(outcome, score, method=method, n_resamples=60, seed=9)
    plain = harrell_c if method == "harrell" else uno_c
    draws = [plain(outcome.subset(rows), score[rows]) for rows in resample_indices(150, 60, 9)]
    low, high = np.quantile(draws, [0.025, 0.975])
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((low, high), abs=1e-9)
    assert estimate.value == pytest.approx(plain(outcome, score))
    assert (estimate.n, estimate.n_events) == (150, outcome.n_events)
    assert estimate.method == "percentile bootstrap, 60 resamples, seed 9"


def test_the_code_for_the_gpu_gives_the_same_counts():
    # It runs on any device that torch knows; here on the CPU.
    from hccsurv_core.stats.concordance import _count_with_numpy, _Pairs, count_with_torch

    outcome, score = drawn(700, 8, ties=True)
    pairs = _Pairs(outcome, score)
    counts = resample_counts(resample_indices(700, 9, 0))[:, pairs.sorted.order]
    weight = counts[:, pairs.sorted.event_position].astype(float)
    np.testing.assert_array_equal(
        count_with_torch(pairs, counts, weight, "cpu"), _count_with_numpy(pairs, counts, weight)
    )


def test_blocks_do_not_change_the_answer():
    from sksurv.metrics import concordance_index_censored

    outcome, score = drawn(1500, 6, ties=True)
    expected = concordance_index_censored(outcome.event, outcome.time_months, score)[0]
    assert harrell_c(outcome, score) == pytest.approx(expected, rel=1e-12)


def test_a_better_score_is_found_better_and_a_score_equals_itself():
    outcome, score = drawn(300, 5)
    noisy = score + np.random.default_rng(1).normal(0, 2, 300)
    difference, p = compare_concordance(outcome, score, noisy, n_resamples=400)
    assert 0 < difference.ci_low < difference.value < difference.ci_high
    assert p < 0.01
    same, p = compare_concordance(outcome, score, score, n_resamples=100)
    assert (same.value, same.ci_low, same.ci_high, p) == (0, 0, 0, 1)


def test_the_interval_covers_as_often_as_it_says():
    # A score that is pure noise has a true C of 0.5.
    rng = np.random.default_rng(7)
    inside = 0
    for seed in range(120):
        outcome, _ = drawn(120, seed)
        estimate = estimate_concordance(outcome, rng.normal(size=120), n_resamples=200, seed=seed)
        inside += estimate.ci_low <= 0.5 <= estimate.ci_high
    assert 0.88 < inside / 120 <= 1.0


@pytest.mark.parametrize(
    ("outcome", "score", "error", "message"),
    [
        (([1, 2], [0, 0]), [1, 2], StatisticsError, "no two patients can be compared"),
        (([1, 2], [0, 1]), [1, 2], StatisticsError, "no two patients can be compared"),
        (([1, 2], [1, 0]), [1, np.nan], InputError, "1 risk scores are missing"),
        (([1, 2], [1, 0]), [1, 2, 3], InputError, "2 patients but risk scores of shape"),
    ],
)
def test_what_cannot_be_compared_is_refused(outcome, score, error, message):
    with pytest.raises(error, match=message):
        harrell_c(SurvivalOutcome(*outcome), score)


def test_an_unknown_kind_is_refused():
    outcome, score = drawn(20)
    with pytest.raises(InputError, match="no concordance is called 'gonen'; use harrell or uno"):
        estimate_concordance(outcome, score, method="gonen")
