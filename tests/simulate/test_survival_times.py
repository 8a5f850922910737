"""Drawn times follow the model they were drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hccsurv_core.errors import InputError
from hccsurv_core.simulate.survival_times import (
    ONE_DAY_MONTHS,
    correlated_uniforms,
    draw_event_times,
    draw_follow_up,
    draw_potential_times,
    gamma_frailty,
    observe,
    observe_first,
    true_survival,
)

N = 20_000


def uniforms(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1e-9, 1 - 1e-9, shape)


@given(
    predictor=st.floats(-4, 4),
    shape=st.floats(0.3, 4),
    scale=st.floats(1, 300),
    uniform=st.floats(1e-6, 0.9),
)
def test_survival_at_the_drawn_time_is_the_uniform(predictor, shape, scale, uniform) -> None:
    time = draw_event_times(predictor, shape, scale, uniform)
    if time > ONE_DAY_MONTHS:
        found = true_survival([predictor], shape, scale, [time])
        assert found[0, 0] == pytest.approx(uniform, rel=1e-9)


def test_times_are_scipys_weibull() -> None:
    times = draw_event_times(0.0, 1.4, 30.0, uniforms(N))
    assert stats.kstest(times, stats.weibull_min(1.4, scale=30.0).cdf).pvalue > 0.01


def test_cox_recovers_the_coefficient() -> None:
    import pandas as pd
    from lifelines import CoxPHFitter

    x = np.random.default_rng(2).standard_normal(4000)
    time, event = observe(
        draw_event_times(0.7 * x, 1.2, 40.0, uniforms(4000, seed=3)),
        draw_follow_up(
            uniforms(4000, seed=4), uniforms(4000, seed=5), shortest_months=12, longest_months=60
        ),
    )
    fit = CoxPHFitter().fit(pd.DataFrame({"x": x, "t": time, "e": event}), "t", "e")
    assert abs(fit.params_["x"] - 0.7) < 3 * fit.standard_errors_["x"]


def test_survival_has_a_row_a_patient_and_falls_with_time_and_risk() -> None:
    found = true_survival([0.0, 1.0], 1.1, 50.0, [0.0, 12.0, 60.0])
    assert found.shape == (2, 3)
    assert (found[:, 0] == 1).all()
    assert (np.diff(found, axis=1) < 0).all() and (found[1, 1:] < found[0, 1:]).all()


def test_the_better_treatment_is_better_for_everyone_who_shares_their_luck() -> None:
    predictors = np.column_stack([np.zeros(500), np.full(500, -0.5)])
    times = draw_potential_times(predictors, 1.2, 30.0, uniforms(500))
    assert times.shape == (500, 2)
    # Proportional hazards by -0.5 stretch time by exp(0.5 / shape).
    assert times[:, 1] / times[:, 0] == pytest.approx(np.exp(0.5 / 1.2))


def test_own_luck_for_each_treatment_lets_some_do_better_on_the_worse() -> None:
    predictors = np.column_stack([np.zeros(500), np.full(500, -0.5)])
    own = draw_potential_times(predictors, 1.2, 30.0, uniforms(500, 2))
    assert 0.2 < (own[:, 1] < own[:, 0]).mean() < 0.5


@pytest.mark.parametrize("correlation", [0.0, 0.5, 1.0])
def test_correlated_uniforms_are_uniform_and_correlated(correlation: float) -> None:
    u = correlated_uniforms(np.random.default_rng(6).standard_normal((N, 3)), correlation)
    assert stats.kstest(u[:, 0], "uniform").pvalue > 0.01
    found = np.corrcoef(stats.norm.ppf(u[:, 0]), stats.norm.ppf(u[:, 1]))[0, 1]
    assert found == pytest.approx(correlation, abs=0.03)


def test_frailty_has_mean_one_and_the_variance_asked_for() -> None:
    frailty = gamma_frailty((np.arange(N) + 0.5) / N, 0.4)
    assert frailty.mean() == pytest.approx(1.0, abs=1e-3)
    assert frailty.var() == pytest.approx(0.4, rel=0.01)
    assert (gamma_frailty([0.2, 0.8], 0.0) == 1).all()


def test_follow_up_ends_between_its_bounds_or_earlier_for_those_lost() -> None:
    u, v = uniforms(N, seed=7), uniforms(N, seed=8)
    closing = draw_follow_up(u, v, shortest_months=10, longest_months=50)
    lost = draw_follow_up(u, v, shortest_months=10, longest_months=50, dropout_per_month=0.01)
    assert closing.min() >= 10 and closing.max() <= 50
    assert closing.mean() == pytest.approx(30, abs=0.5)
    assert (lost <= closing).all()
    assert (lost < 5).mean() == pytest.approx(1 - np.exp(-0.05), abs=0.01)


def test_what_happens_first_is_observed() -> None:
    time, event = observe([5.0, 9.0, 7.0], [6.0, 6.0, 7.0])
    assert time.tolist() == [5, 6, 7] and event.tolist() == [True, False, True]
    time, cause = observe_first([[5, 4], [9, 8], [3, 8]], [6.0, 6.0, 6.0])
    assert time.tolist() == [4, 6, 3] and cause.tolist() == [2, 0, 1]


def test_nobody_dies_before_the_first_day_is_over() -> None:
    assert draw_event_times(20.0, 1.0, 1.0, 0.999999) == ONE_DAY_MONTHS


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draw_event_times(0, 1, 1, 1.0), "strictly between 0 and 1"),
        (lambda: draw_event_times(0, 0, 1, 0.5), "must be positive"),
        (lambda: true_survival([0], 1, -3, [1]), "must be positive"),
        (lambda: gamma_frailty([0.5], -1), "not negative"),
        (lambda: correlated_uniforms(np.zeros((2, 2)), 1.5), "must lie in 0 to 1"),
        (
            lambda: draw_follow_up([0.5], [0.5], shortest_months=9, longest_months=3),
            "in order",
        ),
    ],
)
def test_impossible_models_are_refused(call, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
