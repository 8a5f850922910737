"""Hall-Wellner bands: their critical values, their coverage, their shape."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstwobign

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.confidence_band import (
    hall_wellner_band,
    hall_wellner_critical,
    hall_wellner_probability,
)
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier


def censored_exponential(rng: np.random.Generator, n: int) -> SurvivalOutcome:
    time, censoring = rng.exponential(1.0, n), rng.uniform(0, 3, n)
    return SurvivalOutcome(np.minimum(time, censoring), time <= censoring)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_to_the_end_it_is_kolmogorovs_distribution(level):
    assert hall_wellner_critical(1.0, level) == pytest.approx(kstwobign.ppf(level), rel=1e-9)


def test_published_critical_value():
    """Klein & Moeschberger, Survival Analysis: 1.3211 for a_U = 0.6 (a_L hardly matters)."""
    assert hall_wellner_critical(0.6) == pytest.approx(1.3211, abs=5e-5)


@pytest.mark.parametrize("a", [0.25, 0.6, 0.9])
def test_simulated_bridges_stay_inside_as_often_as_computed(a):
    rng = np.random.default_rng(7)
    steps = 2000
    walk = np.cumsum(rng.standard_normal((2000, steps)), axis=1) / np.sqrt(steps)
    bridge = walk - walk[:, -1:] * np.arange(1, steps + 1) / steps
    extreme = np.abs(bridge[:, : int(a * steps)]).max(axis=1)
    for c in (0.5, 0.8, 1.1):
        # A walk in steps misses a little of the extremes: 0.5826 steps' size (Siegmund).
        inside = (extreme <= c - 0.5826 / np.sqrt(steps)).mean()
        assert inside == pytest.approx(hall_wellner_probability(c, a), abs=0.035)


@pytest.mark.parametrize("ci", ["plain", "log-log"])
def test_it_holds_the_whole_true_curve_95_times_of_100(ci):
    rng = np.random.default_rng(3)
    held = pointwise = 0
    for _ in range(400):
        km = fit_kaplan_meier(censored_exponential(rng, 80), ci=ci)
        low, high = hall_wellner_band(km, until_months=1.5)
        known = np.isfinite(low)
        start = np.exp(-km.times[known])
        end = np.exp(-np.minimum(np.append(km.times[1:], np.inf), 1.5))[known]
        held += (start <= high[known]).all() and (end >= low[known]).all()
        inside = (start <= km.ci_high[known]) & (end >= km.ci_low[known])
        pointwise += inside.all()
    # Three standard errors of a share of 0.95 in 400.
    assert 0.95 - 0.033 <= held / 400 <= 0.95 + 0.033
    assert pointwise / 400 < 0.85


def test_it_is_wider_than_the_pointwise_interval_where_events_are_many():
    km = fit_kaplan_meier(censored_exponential(np.random.default_rng(1), 200))
    low, high = hall_wellner_band(km)
    middle = (km.survival > 0.3) & (km.survival < 0.8)
    assert (low[middle] < km.ci_low[middle]).all()
    assert (high[middle] > km.ci_high[middle]).all()
    shorter_low, _ = hall_wellner_band(km, until_months=0.5)
    early = (km.times <= 0.5) & np.isfinite(low)
    assert (shorter_low[early] >= low[early]).all()
    assert (shorter_low[early] > low[early]).sum() > 20
    assert np.isnan(shorter_low[km.times > 0.5]).all()


def test_it_ends_where_nobody_is_left():
    low, high = hall_wellner_band(fit_kaplan_meier(SurvivalOutcome([1, 2, 3], [1, 1, 1])))
    assert np.isfinite(low).tolist() == [True, True, False]
    assert (low[:2] < high[:2]).all()


def test_what_is_refused():
    outcome = SurvivalOutcome([1, 2, 3], [1, 0, 1])
    with pytest.raises(InputError, match="Greenwood"):
        hall_wellner_band(fit_kaplan_meier(outcome, weights=[1, 2, 1]))
    with pytest.raises(InputError, match="Greenwood"):
        hall_wellner_band(fit_kaplan_meier(outcome, ci="log"))
    with pytest.raises(StatisticsError, match="no event leaves anybody at risk"):
        hall_wellner_band(fit_kaplan_meier(SurvivalOutcome([1, 2], [0, 1])))
    with pytest.raises(InputError, match="no critical value"):
        hall_wellner_critical(1.5)
