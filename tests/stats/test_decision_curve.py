"""Decision curves: the package dcurves, numbers by hand, and what must hold."""

import json

import numpy as np
import pytest
from horizon_cohorts import drawn_cohort, pbc_table, read_reference, true_survival
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.stats.cumulative_incidence import fit_cumulative_incidence
from hccsurv_core.stats.decision_curve import (
    TREAT_ALL,
    decision_curve,
    decision_curve_at_horizon,
)
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier

THRESHOLDS = [k / 100 for k in range(5, 80, 5)]


@pytest.fixture(scope="module")
def from_dcurves() -> dict:
    """What tests/reference/decision_curve.py wrote with the package dcurves."""
    return read_reference("decision_curve")


@pytest.fixture(scope="module")
def pbc() -> tuple[SurvivalOutcome, dict]:
    """Trial patients of pbc and the two predicted risks of the script."""
    table = pbc_table()
    risks = {
        "a": (1 - np.exp(-36 * 0.25 * table.bili**0.8 / 100)).to_numpy(),
        "b": (1 - np.exp(-36 / 100 * np.exp(2.4 - 0.9 * table.albumin))).to_numpy(),
    }
    return SurvivalOutcome(table.months, table.status == 2), risks


def agrees(curve, expected: dict) -> None:
    """Net benefit and interventions avoided of every strategy equal the package's."""
    for theirs, mine in (("all", TREAT_ALL), ("a", "a"), ("b", "b")):
        for key, found in (
            ("net_benefit", curve.net_benefit[mine]),
            ("net_intervention_avoided", curve.interventions_avoided(mine, per=1)),
        ):
            values = np.array(expected[theirs][key], float)
            known = np.isfinite(values)
            np.testing.assert_allclose(found[known], values[known], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("kind", "prevalence"), [("binary", None), ("case_control", 0.1)])
def test_binary_net_benefit_is_that_of_dcurves(from_dcurves, pbc, kind, prevalence):
    outcome, risks = pbc
    known = (outcome.time_months > 36) | outcome.event
    early = (outcome.time_months <= 36)[known]
    part = {name: risk[known] for name, risk in risks.items()}
    agrees(decision_curve(early, part, THRESHOLDS, prevalence=prevalence), from_dcurves[kind])


def test_net_benefit_at_a_horizon_is_that_of_dcurves(from_dcurves, pbc):
    agrees(decision_curve_at_horizon(*pbc, 36, THRESHOLDS), from_dcurves["survival"])


def test_where_everybody_above_has_died_the_risk_is_known(from_dcurves, pbc):
    """dcurves has no answer there, as nobody is followed to the horizon; but all have the event."""
    outcome, risks = pbc
    unknown = [i for i, x in enumerate(from_dcurves["survival"]["a"]["net_benefit"]) if x is None]
    assert unknown
    curve = decision_curve_at_horizon(outcome, risks, 36, THRESHOLDS)
    for i in unknown:
        above = risks["a"] >= THRESHOLDS[i]
        assert outcome.event[above].all() and (outcome.time_months[above] < 36).all()
        assert curve.net_benefit["a"][i] == pytest.approx(above.mean(), rel=1e-12)


def test_by_hand():
    """Ten patients, four events; at 20 % three are rightly and two wrongly treated."""
    event = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    risk = [0.9, 0.5, 0.2, 0.1, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1]
    curve = decision_curve(event, {"model": risk}, [0.2, 0.5])
    np.testing.assert_allclose(curve.net_benefit["model"], [0.3 - 0.2 / 4, 0.2 - 0.0])
    np.testing.assert_allclose(curve.net_benefit[TREAT_ALL], [0.4 - 0.6 / 4, 0.4 - 0.6])
    np.testing.assert_allclose(curve.standardized("model"), [0.625, 0.5])
    # (0.25 − 0.25) / 0.25 and (0.2 + 0.2) / 1, in a hundred patients.
    np.testing.assert_allclose(curve.interventions_avoided("model"), [0, 40], atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from([0, 1, 6]))
def test_at_a_horizon_it_is_kaplan_meier_above_each_threshold(seed, decimals):
    outcome, marker = drawn_cohort(40, seed, decimals)
    risk = 1 - true_survival(marker, [20.0])[:, 0]
    try:
        curve = decision_curve_at_horizon(outcome, {"m": risk}, 20, THRESHOLDS)
    except StatisticsError:
        return
    for p, found in zip(THRESHOLDS, curve.net_benefit["m"], strict=True):
        above = risk >= p
        share = 1.0
        if above.any():
            share = 1 - float(fit_kaplan_meier(outcome.subset(above)).survival_at(20))
        expected = above.mean() * (share - (1 - share) * p / (1 - p))
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_with_competing_causes_it_is_the_cumulative_incidence_above_each_threshold(seed):
    rng = np.random.default_rng(seed)
    marker = rng.normal(size=60).round(1)
    outcome = CompetingOutcome(rng.exponential(20, 60).round(), rng.integers(0, 3, 60))
    risk = 1 / (1 + np.exp(-marker))
    try:
        curve = decision_curve_at_horizon(outcome, {"m": risk}, 15, THRESHOLDS)
    except StatisticsError:
        return
    for p, found in zip(THRESHOLDS, curve.net_benefit["m"], strict=True):
        above = risk >= p
        share = 1.0
        if above.any():
            share = float(fit_cumulative_incidence(outcome.subset(above)).incidence_at(15))
        expected = above.mean() * (share - (1 - share) * p / (1 - p))
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_without_censoring_the_horizon_makes_it_binary():
    outcome, marker = drawn_cohort(150, 3)
    everyone = SurvivalOutcome(outcome.time_months, np.ones(150, bool))
    risk = {"m": 1 - true_survival(marker, [20.0])[:, 0]}
    at_horizon = decision_curve_at_horizon(everyone, risk, 20)
    binary = decision_curve(everyone.time_months <= 20, risk)
    for name in ("m", TREAT_ALL):
        np.testing.assert_allclose(
            at_horizon.net_benefit[name], binary.net_benefit[name], atol=1e-12
        )


def test_a_perfect_model_reaches_the_prevalence_and_none_exceeds_it():
    event = np.array([True] * 3 + [False] * 7)
    noise = np.random.default_rng(1).random(10)
    curve = decision_curve(event, {"perfect": event.astype(float), "noise": noise})
    np.testing.assert_allclose(curve.net_benefit["perfect"], 0.3)
    assert (curve.net_benefit["noise"] <= 0.3 + 1e-12).all()


def test_treating_nobody_is_zero_where_no_risk_reaches_the_threshold():
    outcome, _ = drawn_cohort(80, 4)
    curve = decision_curve_at_horizon(outcome, {"low": np.full(80, 0.3)}, 20, [0.2, 0.3, 0.31])
    np.testing.assert_allclose(
        curve.net_benefit["low"][:2], curve.net_benefit[TREAT_ALL][:2], atol=1e-12
    )
    assert curve.net_benefit["low"][2] == 0


def test_where_those_above_are_not_followed_long_enough_it_is_not_known():
    outcome = SurvivalOutcome([5.0, 6.0, 30.0, 40.0], [True, False, False, True])
    curve = decision_curve_at_horizon(outcome, {"m": [0.9, 0.8, 0.1, 0.2]}, 24, [0.1, 0.5])
    assert np.isfinite(curve.net_benefit["m"][0]) and np.isnan(curve.net_benefit["m"][1])
    plain = json.loads(json.dumps(curve.to_json()))
    assert plain["strategies"]["m"]["net_benefit"][1] is None


def test_bootstrap_is_resampling_of_patients_and_repeats(pbc):
    outcome, risks = pbc
    curve = decision_curve_at_horizon(outcome, risks, 36, [0.1, 0.3], n_resamples=50, seed=7)
    from hccsurv_core.stats.resampling import resample_indices

    slow = [
        decision_curve_at_horizon(
            outcome.subset(rows), {"a": risks["a"][rows]}, 36, [0.1, 0.3]
        ).net_benefit["a"]
        for rows in resample_indices(len(outcome), 50, 7)
    ]
    np.testing.assert_allclose(curve.ci_low["a"], np.quantile(slow, 0.025, axis=0), atol=1e-12)
    np.testing.assert_allclose(curve.ci_high["a"], np.quantile(slow, 0.975, axis=0), atol=1e-12)
    difference, low, high = curve.difference("a", "b")
    np.testing.assert_allclose(difference, curve.net_benefit["a"] - curve.net_benefit["b"])
    assert (low <= difference).all() and (difference <= high).all()
    plain = json.loads(json.dumps(curve.to_json()))
    assert len(plain["strategies"][TREAT_ALL]["ci_low"]) == 2


def test_without_resampling_a_difference_has_no_interval(pbc):
    difference, low, high = decision_curve_at_horizon(*pbc, 36, [0.2]).difference("a", TREAT_ALL)
    assert np.isfinite(difference).all() and np.isnan(low).all() and np.isnan(high).all()


@pytest.mark.parametrize(
    ("risks", "thresholds", "message"),
    [
        ({}, None, "at least one model"),
        ({TREAT_ALL: [0.1, 0.2, 0.3]}, None, "none may be called 'treat all'"),
        ({"m": [0.1, 0.2, 30]}, None, "m: probabilities lie between 0 and 1"),
        ({"m": [0.1, 0.2]}, None, "m: 3 patients but scores of shape"),
        ({"m": [0.1, 0.2, 0.3]}, [0.5, 0.2], "must rise"),
        ({"m": [0.1, 0.2, 0.3]}, [0.5, 1.0], "1 itself excluded"),
    ],
)
def test_what_cannot_be_used_is_refused(risks, thresholds, message):
    with pytest.raises(InputError, match=message):
        decision_curve([0, 1, 1], risks, thresholds)


def test_unanswerable_questions_are_refused():
    with pytest.raises(StatisticsError, match="nobody is followed beyond 24 months"):
        decision_curve_at_horizon(SurvivalOutcome([1.0, 5.0], [True, False]), {"m": [0.1, 0.9]}, 24)
    with pytest.raises(InputError, match="a prevalence lies between"):
        decision_curve([0, 1], {"m": [0.1, 0.9]}, prevalence=1.0)
    with pytest.raises(InputError, match="no strategy is called 'x'; use one of treat all, m"):
        decision_curve([0, 1], {"m": [0.1, 0.9]}).standardized("x")
