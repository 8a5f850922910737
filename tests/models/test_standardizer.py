"""Scales: what they make of values, and that they learn from training patients only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm, rankdata

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.standardize import SCALINGS, Standardizer, fit_standardizer


def draw(n=200, seed=0):
    rng = np.random.default_rng(seed)
    return np.column_stack(
        [
            rng.normal(50, 10, n),
            rng.lognormal(3, 2, n),
            rng.integers(0, 2, n),
            rng.integers(1, 4, n),
        ]
    )


NAMES = ("age", "afp", "sex", "stage")


def test_z_scores_have_mean_zero_and_spread_one():
    values = draw()
    scaled = fit_standardizer(values[:, [0, 2]], ("age", "sex")).apply(values[:, [0, 2]])
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(0), 1)


def test_one_wild_value_is_bounded():
    scaled = fit_standardizer(draw(), NAMES).apply([[1e9, 1, 0, 1], [-1e9, 1, 0, 1]])
    assert scaled[:, 0].tolist() == [5, -5]


def test_normal_scores_are_normal_quantiles_of_the_ranks():
    values = draw(2000)[:, [1]]
    scaled = fit_standardizer(values, ["afp"], scaling="normal-score").apply(values)[:, 0]
    exact = norm.ppf((rankdata(values[:, 0]) - 0.5) / len(values))
    # Sixty-four quantiles stand for two thousand ranks; beyond the outermost they are bounded.
    inner = np.abs(exact) < 2
    np.testing.assert_allclose(scaled[inner], exact[inner], atol=0.04)
    assert (np.diff(scaled[np.argsort(values[:, 0])]) >= 0).all()


def test_normal_scores_do_not_depend_on_the_unit_or_on_a_logarithm():
    values = draw()[:, [1]]
    plain = fit_standardizer(values, ["afp"], scaling="normal-score").apply(values)
    for other in (1000 * values, np.log(values)):
        scaled = fit_standardizer(other, ["afp"], scaling="normal-score").apply(other)
        np.testing.assert_allclose(scaled, plain, atol=0.15)


def test_piecewise_columns_span_every_curve_with_bends_at_the_quantiles():
    values = draw()[:, [0]]
    fitted = fit_standardizer(values, ["age"], scaling="piecewise")
    columns = fitted.apply(values)
    assert columns.shape == (200, 8)
    ends = np.quantile(values, np.linspace(0, 1, 9))
    curve = np.interp(values[:, 0], ends, np.random.default_rng(1).normal(size=9))
    design = np.column_stack([np.ones(200), columns])
    np.testing.assert_allclose(design @ np.linalg.lstsq(design, curve)[0], curve, atol=1e-9)


def test_piecewise_is_flat_outside_the_training_range():
    fitted = fit_standardizer(draw(), NAMES, scaling="piecewise")
    inside = fitted.apply([[draw()[:, 0].max(), 1, 0, 1]])
    np.testing.assert_array_equal(fitted.apply([[1e6, 1, 0, 1]]), inside)


def test_classes_become_steps():
    values = np.array([[1], [2], [3], [3]], dtype=float)
    fitted = fit_standardizer(values, ["stage"], scaling="piecewise")
    np.testing.assert_allclose(
        fitted.apply(values) + fitted.offset[:2, 0], [[0, 0], [1, 0], [1, 1], [1, 1]]
    )
    assert fitted.owner.tolist() == [0, 0]


def test_missing_values_become_the_training_median():
    values = draw()
    values[:50, 0] = np.nan
    fitted = fit_standardizer(values, NAMES, scaling="piecewise")
    assert fitted.n_missing.tolist() == [50, 0, 0, 0]
    median = np.median(values[50:, 0])
    np.testing.assert_array_equal(
        fitted.apply([[np.nan, 1, 0, 1]]), fitted.apply([[median, 1, 0, 1]])
    )


def test_constant_and_empty_columns_are_left_out():
    values = np.column_stack([draw()[:, 0], np.full(200, 7.1), np.full(200, np.nan)])
    for scaling in SCALINGS:
        fitted = fit_standardizer(values, ("age", "constant", "empty"), scaling=scaling)
        assert fitted.used.tolist() == [True, False, False]
        assert set(fitted.owner) == {0}
        # They cannot do harm later either.
        new = [[50.0, 1e9, np.nan]]
        assert np.isfinite(fitted.apply(new)).all()
    with pytest.raises(StatisticsError, match="no feature differs"):
        fit_standardizer(values[:, 1:], ("constant", "empty"))


@given(
    arrays(np.float64, (12, 3), elements=st.floats(-1e6, 1e6) | st.just(np.nan)),
    st.sampled_from(SCALINGS),
)
@settings(max_examples=60, deadline=None)
def test_any_table_gives_finite_columns_one_for_each_owner(values, scaling):
    try:
        fitted = fit_standardizer(values, ("a", "b", "c"), scaling=scaling)
    except StatisticsError:
        return
    scaled = fitted.apply(values)
    assert np.isfinite(scaled).all()
    assert scaled.shape == (12, fitted.owner.size)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_what_is_stored_scales_alike(scaling):
    fitted = fit_standardizer(draw(), NAMES, scaling=scaling)
    again = Standardizer.from_tensors(NAMES, fitted.tensors())
    np.testing.assert_array_equal(again.apply(draw(seed=1)), fitted.apply(draw(seed=1)))


def test_features_can_be_scaled_each_in_its_way():
    fitted = fit_standardizer(
        draw(), NAMES, scaling=("z-score", "normal-score", "piecewise", "piecewise")
    )
    assert fitted.owner.tolist() == [0, 1, 2, 3, 3]


def test_values_outside_the_training_range_are_seen():
    fitted = fit_standardizer(draw(), NAMES)
    outside = fitted.outside([[500, 1, 0, 1], [50, np.nan, 0, 4]])
    assert outside.tolist() == [[True, False, False, False], [False, False, False, True]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_standardizer(draw(), NAMES, scaling="rank"), "no scaling is called 'rank'"),
        (lambda: fit_standardizer(draw(), NAMES, scaling=["z-score"]), "4 features but 1 scalings"),
        (lambda: fit_standardizer(draw(), NAMES[:2]), "2 features of 2 or more patients"),
        (
            lambda: fit_standardizer(draw(), NAMES).apply([[1.0, 2.0]]),
            "takes 4 features, got shape",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
