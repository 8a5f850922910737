"""Rubin's rules: a published example, an independent computation, and what must hold."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import fit_cox
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.pooling import (
    pool,
    pool_concordance,
    pool_estimates,
    pool_fits,
)

# SAS/STAT User's Guide, "Reading Means and Standard Errors from a DATA= Data Set" (MIANALYZE, five
# imputations of the Fitness data, EDF=30): means and standard errors as printed, and the printed
# variance information and estimates. Inputs have five digits, so answers agree to about four.
SAS = {
    "Oxygen": (
        [47.0120, 47.2407, 47.4995, 47.1485, 47.0042],
        [0.95984, 0.93540, 1.00766, 0.95439, 0.96528],
        {
            "between": 0.041478, "within": 0.930853, "total": 0.980626, "df": 26.298,
            "value": 47.180993, "std_error": 0.990266, "ci_low": 45.1466, "ci_high": 49.2154,
        },
    ),
    "RunTime": (
        [10.4441, 10.5040, 10.5922, 10.5279, 10.4913],
        [0.28520, 0.26661, 0.26302, 0.26405, 0.27275],
        {"between": 0.002948, "within": 0.073142, "total": 0.076679, "df": 26.503},
    ),
    "RunPulse": (
        [171.216, 171.244, 171.909, 171.146, 172.072],
        [1.59910, 1.75638, 1.85795, 1.75011, 1.84807],
        {"between": 0.191086, "within": 3.114442, "total": 3.343744, "df": 25.463},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(SAS))
def test_the_published_example(name):
    values, errors, printed = SAS[name]
    found = pool(values, errors, df_complete=30)
    for key, expected in printed.items():
        assert getattr(found, key) == pytest.approx(expected, rel=4e-4), key
    assert found.n_imputations == 5


def test_the_formulas_one_by_one():
    # By hand: estimates 1, 2, 3 with variances 1, 1, 1.
    found = pool([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])
    assert (found.value, found.within, found.between) == (2.0, 1.0, 1.0)
    assert found.total == pytest.approx(1 + 4 / 3)
    assert found.relative_increase == pytest.approx(4 / 3)
    # Rubin 1987, 3.1.6: (m − 1)(1 + 1/r)² = 2 · (7/4)²
    assert found.df == pytest.approx(6.125)
    # 3.1.10: (r + 2 / (df + 3)) / (r + 1)
    assert found.missing_information == pytest.approx((4 / 3 + 2 / 9.125) / (7 / 3))
    # Barnard & Rubin: 1 / (1/6.125 + 1/observed), observed = 11/13 · 10 · (1 − 4/7)
    small = pool([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], df_complete=10)
    assert small.df == pytest.approx(1 / (1 / 6.125 + 1 / (11 / 13 * 10 * 3 / 7)))


def test_where_nothing_is_missing_the_answer_is_that_of_the_data():
    found = pool([0.7] * 4, [0.2] * 4)
    assert found.between == 0.0 and found.missing_information == 0.0
    assert found.df == math.inf and found.std_error == pytest.approx(0.2)
    assert (found.ci_low, found.ci_high) == pytest.approx(
        (0.7 - 1.959964 * 0.2, 0.7 + 1.959964 * 0.2)
    )
    # Barnard & Rubin's own limit for small samples: a little below the complete-data 20.
    assert pool([0.7] * 4, [0.2] * 4, df_complete=20).df == pytest.approx(21 / 23 * 20)
    assert json.loads(json.dumps(found.to_json()))["df"] is None


samples = st.lists(st.tuples(st.floats(-5, 5), st.floats(0.05, 3)), min_size=2, max_size=12).map(
    lambda pairs: tuple(np.array(side) for side in zip(*pairs, strict=True))
)


@given(samples, st.floats(3, 1e4))
def test_what_holds_of_any_imputations(sample, df_complete):
    values, errors = sample
    found = pool(values, errors, df_complete=df_complete)
    assert found.total >= found.within > 0
    assert 0 <= found.missing_information < 1
    assert 0 < found.df < df_complete
    assert found.ci_low < found.value < found.ci_high
    assert pool(values[::-1], errors[::-1], df_complete=df_complete).total == pytest.approx(
        found.total
    )
    # Units and origin do not matter.
    moved = pool(values * 7 + 3, errors * 7, df_complete=df_complete)
    assert moved.df == pytest.approx(found.df, rel=1e-6)
    assert moved.ci_high == pytest.approx(found.ci_high * 7 + 3, rel=1e-6, abs=1e-6)


def test_a_concordance_is_pooled_on_the_logit_scale():
    # Independent: logits 0.5, 0.7 … of the C-indices, intervals symmetric about them.
    logits, half = np.array([0.5, 0.7, 0.9]), 0.4

    def c(x):
        return 1 / (1 + np.exp(-x))

    found = pool_concordance([Estimate(c(x), c(x - half), c(x + half), 0.95) for x in logits])
    assert found.value == pytest.approx(c(0.7))
    assert found.within == pytest.approx((half / 1.959964) ** 2)
    assert found.between == pytest.approx(0.04)
    plain = pool(logits, np.full(3, half / 1.959964))
    assert (found.ci_low, found.ci_high) == pytest.approx((c(plain.ci_low), c(plain.ci_high)))
    assert 0 < found.ci_low < found.ci_high < 1
    # 0 on the logit scale is a C-index of 0.5.
    assert found.p == pytest.approx(plain.p, rel=1e-5)
    estimate = found.to_estimate(n=50, n_events=20)
    assert estimate.method == "Rubin's rules over 3 imputations, logit scale"
    assert (estimate.n, estimate.n_events) == (50, 20)


def test_survival_and_ratios_have_their_scales():
    # Equal estimates come back unchanged whatever the scale, and the delta method is that of calculus.
    for scale, value, slope in (
        ("log", 2.0, 1 / 2.0),
        ("logit", 0.8, 1 / (0.8 * 0.2)),
        ("cloglog", 0.8, 1 / (0.8 * math.log(0.8))),
    ):
        found = pool([value, value], [0.1, 0.1], scale=scale)
        assert found.value == pytest.approx(value)
        assert found.std_error == pytest.approx(0.1 * abs(slope))
        assert found.ci_low < value < found.ci_high
    assert pool([0.99, 0.98], [0.05, 0.05], scale="cloglog").ci_high < 1


def cohort(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    time = rng.exponential(np.exp(-0.5 * x[:, 0]))
    return x, SurvivalOutcome(np.minimum(time, 2.0), time < 2.0)


def test_coefficients_and_their_covariance():
    fits = [fit_cox(*cohort(120, seed), names=["a", "b"]) for seed in range(4)]
    found = pool_fits(fits, df_complete=60)
    coefs = np.array([fit.coef for fit in fits])
    np.testing.assert_allclose(found.coef, coefs.mean(axis=0))
    expected = np.mean([fit.covariance for fit in fits], axis=0) + 1.25 * np.cov(coefs.T)
    np.testing.assert_allclose(found.covariance, expected)
    for j, row in enumerate(found.coefficients):
        assert row.value == found.coef[j]
        assert row.std_error == pytest.approx(found.std_error[j])
    assert json.loads(json.dumps(found.to_json()))["a"]["n_imputations"] == 4


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: pool([1.0], [1.0]), InputError, "2 or more imputed data sets"),
        (lambda: pool([1.0, 2.0], [1.0]), InputError, "2 or more imputed data sets"),
        (lambda: pool([1.0, 2.0, 3.0], [1.0, 1.0]), InputError, "3 estimates but 2 standard"),
        (lambda: pool([1.0, math.nan], [1.0, 1.0]), InputError, "finite, got nan in data set 2"),
        (lambda: pool([1.0, 2.0], [1.0, 0.0]), InputError, "above 0, got 0 in data set 2"),
        (lambda: pool([0.5, 1.0], [0.1, 0.1], scale="logit"), InputError, "logit scale takes"),
        (lambda: pool([0.5, 0.6], [0.1, 0.1], scale="x"), InputError, "no scale is called 'x'"),
        (lambda: pool([0.5, 0.6], [0.1, 0.1], df_complete=0), InputError, "must be above 0"),
        (lambda: pool([0.5, 0.6], [0.1, 0.1], level=95), InputError, "between 0 and 1"),
        (
            lambda: pool_concordance([Estimate(0.9, 0.8, 1.0), Estimate(0.9, 0.8, 0.95)]),
            StatisticsError,
            "an interval from 0.8 to 1 has no width on the logit scale",
        ),
        (
            lambda: pool_estimates([Estimate(3.0), Estimate(4.0)]),
            StatisticsError,
            "from nan to nan",
        ),
        (lambda: pool_fits([]), InputError, "2 or more imputed data sets are needed, got 0"),
        (
            lambda: pool_fits([fit_cox(*cohort(60, 0), names=n) for n in (["a", "b"], ["b", "a"])]),
            InputError,
            "do not have the same coefficients",
        ),
    ],
)
def test_wrong_input_is_refused(call, error, match):
    with pytest.raises(error, match=match):
        call()
