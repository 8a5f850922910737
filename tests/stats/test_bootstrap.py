"""Bootstrap intervals: known answers, coverage, failures."""

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from hccsurv_core.errors import CancelledError, InputError, StatisticsError
from hccsurv_core.stats.resampling import (
    bootstrap,
    bootstrap_difference,
    bootstrap_p,
    resample_counts,
    resample_indices,
)

DATA = np.random.default_rng(0).exponential(size=80)


def mean(rows):
    return DATA[rows].mean()


def test_the_interval_of_a_mean_is_near_theory():
    estimate = bootstrap(mean, 80, n_resamples=4000)
    half = 1.96 * DATA.std() / np.sqrt(80)
    assert estimate.value == DATA.mean()
    assert estimate.ci_low == pytest.approx(DATA.mean() - half, abs=0.03)
    assert estimate.ci_high == pytest.approx(DATA.mean() + half, abs=0.03)


def test_bca_equals_scipy_within_its_own_noise():
    ours = bootstrap(mean, 80, n_resamples=8000, kind="bca")
    peer = scipy_bootstrap((DATA,), np.mean, n_resamples=8000, method="BCa", rng=1)
    low, high = peer.confidence_interval
    assert (ours.ci_low, ours.ci_high) == pytest.approx((low, high), abs=0.012)
    plain = bootstrap(mean, 80, n_resamples=8000)
    assert ours.ci_high > plain.ci_high  # a skewed sample: BCa leans to its tail


def test_the_same_seed_gives_the_same_patients_and_another_does_not():
    assert (resample_indices(30, 5, 1) == resample_indices(30, 5, 1)).all()
    assert (resample_indices(30, 5, 1) != resample_indices(30, 5, 2)).any()


def test_strata_keep_their_size():
    strata = np.repeat(["a", "b"], [10, 25])
    for rows in resample_indices(35, 20, 0, strata):
        assert (strata[rows] == "a").sum() == 10


def test_counts_say_how_often_each_was_drawn():
    indices = resample_indices(12, 7, 3)
    counts = resample_counts(indices)
    for rows, row in zip(indices, counts, strict=True):
        assert row.tolist() == np.bincount(rows, minlength=12).tolist()


def test_a_difference_is_paired():
    shifted = DATA + 0.5
    estimate, p = bootstrap_difference(lambda r: shifted[r].mean(), mean, 80, n_resamples=200)
    assert estimate.value == pytest.approx(0.5)
    assert estimate.ci_high - estimate.ci_low < 1e-9  # resampled apart it would be wide
    assert p == pytest.approx(2 / 201)


def test_a_p_value_is_never_zero_and_one_at_no_difference():
    assert bootstrap_p(np.ones(99)) == pytest.approx(0.02)
    assert bootstrap_p(np.zeros(99)) == 1


def test_resamples_without_an_answer_are_told_and_too_many_refused():
    def fragile(share):
        def metric(rows):
            if rows[0] < share * 80 and not np.array_equal(rows, np.arange(80)):
                raise StatisticsError("no events")
            return 1.0

        return metric

    estimate = bootstrap(fragile(0.05), 80, n_resamples=200)
    assert "without an answer" in estimate.method
    with pytest.raises(StatisticsError, match="of 200 resamples have no answer"):
        bootstrap(fragile(0.5), 80, n_resamples=200)


def test_it_can_be_cancelled():
    def stop(fraction, message):
        raise CancelledError("cancelled by the user")

    with pytest.raises(CancelledError):
        bootstrap(mean, 80, progress=stop)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "student"}, "no interval is called 'student'; use percentile or bca"),
        ({"level": 95}, "the level must lie between 0 and 1"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        bootstrap(mean, 80, **options)
