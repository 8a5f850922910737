"""The best of many: how good it really is."""

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.concordance import harrell_c, weighted_concordance
from hccsurv_core.stats.selection_bias import concordance_of_chosen


def cohort(n=200, seed=0):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=n)
    time = np.ceil(20 * rng.exponential(np.exp(-signal)))
    return signal, SurvivalOutcome(time, rng.random(n) < 0.7)


def test_the_best_of_fifty_coins_is_a_coin():
    _, outcome = cohort()
    rng = np.random.default_rng(1)
    coins = {str(i): rng.normal(size=200) for i in range(50)}
    apparent = max(harrell_c(outcome, c) for c in coins.values())
    corrected = concordance_of_chosen(outcome, coins, n_resamples=200)
    assert apparent > 0.55
    assert corrected.value == pytest.approx(0.5, abs=0.03)
    assert corrected.ci_low < 0.5 < corrected.ci_high


def test_with_one_candidate_or_a_clear_winner_there_is_little_to_correct():
    signal, outcome = cohort()
    plain = harrell_c(outcome, signal)
    alone = concordance_of_chosen(outcome, {"a": signal}, n_resamples=200)
    noise = np.random.default_rng(2).normal(size=200)
    beside = concordance_of_chosen(outcome, {"a": signal, "b": noise}, n_resamples=200)
    assert alone.value == pytest.approx(plain, abs=0.01)
    assert beside.value == alone.value
    assert alone.ci_low < plain < alone.ci_high
    assert (alone.n, alone.n_events) == (200, outcome.n_events)


def test_counts_are_patients_taken_that_often():
    signal, outcome = cohort(60)
    rows = np.random.default_rng(3).integers(0, 60, (4, 60))
    counts = np.stack([np.bincount(r, minlength=60) for r in rows])
    expected = [harrell_c(outcome.subset(r), signal[r]) for r in rows]
    np.testing.assert_allclose(weighted_concordance(outcome, signal, counts), expected, rtol=1e-6)
    assert np.isnan(weighted_concordance(outcome, signal, np.zeros((1, 60)))).all()


def test_what_does_not_fit_is_refused():
    signal, outcome = cohort(60)
    with pytest.raises(InputError, match="no candidate is given"):
        concordance_of_chosen(outcome, {})
    with pytest.raises(InputError, match="60 patients but counts of shape"):
        weighted_concordance(outcome, signal, np.ones((2, 5)))
