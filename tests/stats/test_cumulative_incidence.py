"""Cumulative incidence against cmprsk, multi-state survfit, lifelines, and what must always hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.stats.cumulative_incidence import (
    cumulative_incidence_by_group,
    fit_cumulative_incidence,
)
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((REFERENCE / "competing_risks.json").read_text(encoding="utf-8"))


def mgus2() -> tuple[CompetingOutcome, pd.DataFrame]:
    """1 = malignancy, 2 = death without it; whole months."""
    data = pd.read_csv(REFERENCE / "data" / "mgus2.csv")
    time = np.where(data.pstat == 0, data.futime, data.ptime)
    cause = np.where(data.pstat == 0, 2 * data.death, 1)
    return CompetingOutcome(time, cause, ("malignancy", "death")), data


def pbc() -> CompetingOutcome:
    """1 = transplantation, 2 = death; days."""
    data = pd.read_csv(REFERENCE / "data" / "pbc.csv")
    return CompetingOutcome(data.time, data.status, ("transplantation", "death"))


def small() -> CompetingOutcome:
    """Ties of every kind, an event at time 0, nobody left at the end."""
    return CompetingOutcome(R["small"]["time"], R["small"]["cause"])


def numbers(values: object) -> np.ndarray:
    """R's NA came as null."""
    return np.array(values, dtype=float)


@pytest.mark.parametrize("name", ["mgus2", "pbc", "small"])
@pytest.mark.parametrize("cause", [1, 2])
def test_cmprsk_cuminc(name, cause):
    outcome = {"mgus2": mgus2()[0], "pbc": pbc(), "small": small()}[name]
    expected = R["small"]["cuminc"] if name == "small" else R[name]
    fitted = fit_cumulative_incidence(outcome)
    np.testing.assert_allclose(
        fitted.incidence_at(expected["at"], cause=cause),
        expected["estimate"][cause - 1],
        rtol=1e-10,
        atol=1e-15,
    )
    position = np.searchsorted(fitted.times, expected["at"], side="right") - 1
    np.testing.assert_allclose(
        fitted.std_error[cause - 1][position] ** 2,
        expected["variance"][cause - 1],
        rtol=1e-9,
        atol=1e-15,
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("pbc_multi_state", {"variance": "robust"}),
        ("pbc_multi_state_plain", {"variance": "robust", "ci": "plain"}),
        ("mgus2_weighted", {}),
        ("small", {"variance": "robust"}),
    ],
)
def test_multi_state_survfit(name, options):
    """The first state is nobody's event yet; weights of mgus2 are not whole numbers."""
    outcome, data = mgus2()
    if name == "mgus2_weighted":
        outcome = outcome.subset(np.arange(120))
        options = {"weights": 0.5 + (data.age[:120] % 7) / 4}
    elif name == "small":
        outcome = small()
    else:
        outcome = pbc().subset(np.arange(120))
    expected = R["small"]["survfit"] if name == "small" else R[name]
    fitted = fit_cumulative_incidence(outcome, **options)
    assert fitted.variance == "robust"
    np.testing.assert_allclose(fitted.times, expected["time"])
    if "weights" not in options:  # R counts patients here even where they are weighted
        np.testing.assert_array_equal(fitted.at_risk, expected["at_risk"])
    np.testing.assert_allclose(fitted.event_free, expected["estimate"][0], atol=1e-14)
    for ours, theirs in (
        (fitted.incidence, "estimate"),
        (fitted.std_error, "std_error"),
        (fitted.ci_low, "ci_low"),
        (fitted.ci_high, "ci_high"),
    ):
        np.testing.assert_allclose(ours, numbers(expected[theirs])[1:], rtol=1e-9, atol=1e-13)


def test_lifelines_agrees_where_nothing_ties():
    from lifelines import AalenJohansenFitter

    rng = np.random.default_rng(5)
    time, cause = rng.permutation(80) + 1.0, rng.integers(0, 3, 80)
    fitted = fit_cumulative_incidence(CompetingOutcome(time, cause))
    for k in (1, 2):
        other = AalenJohansenFitter(calculate_variance=False).fit(time, cause, event_of_interest=k)
        expected = other.cumulative_density_.loc[fitted.times].to_numpy()[:, 0]
        np.testing.assert_allclose(fitted.incidence[k - 1], expected, rtol=1e-10, atol=1e-14)


def test_one_minus_kaplan_meier_overstates():
    outcome, _ = mgus2()
    naive = 1 - fit_kaplan_meier(outcome.cause_specific(1)).survival_at(240)
    assert naive > 1.3 * fit_cumulative_incidence(outcome).incidence_at(240)


def test_groups_are_fitted_on_their_own():
    outcome, data = mgus2()
    by_sex = cumulative_incidence_by_group(outcome, data.sex, order=["M", "F"])
    assert list(by_sex) == ["M", "F"]
    women = fit_cumulative_incidence(outcome.subset((data.sex == "F").to_numpy()))
    np.testing.assert_array_equal(by_sex["F"].incidence, women.incidence)
    assert by_sex["F"].n + by_sex["M"].n == len(outcome)
    assert women.at_risk_at([0, 1e9]).tolist() == [women.n, 0]


def test_beyond_follow_up_nothing_is_known_unless_everybody_had_an_event():
    open_end = fit_cumulative_incidence(CompetingOutcome([1, 2, 3], [1, 2, 0]))
    assert open_end.incidence_at(3.0) == pytest.approx(1 / 3)
    assert np.isnan(open_end.incidence_at(4.0))
    assert open_end.incidence_at(4.0, extend=True) == pytest.approx(1 / 3)
    closed = fit_cumulative_incidence(CompetingOutcome([1, 2, 3], [1, 2, 2]))
    assert closed.incidence_at(99, cause=2) == pytest.approx(2 / 3)
    low, high = closed.ci_at([0.5, 1.0])
    assert np.isnan(low[0]) and np.isnan(high[0]) and low[1] < 1 / 3 < high[1]


def test_report_is_plain_json():
    fitted = fit_cumulative_incidence(CompetingOutcome([1, 2, 3], [0, 2, 0], ("a", "b")))
    report = json.loads(json.dumps(fitted.to_json(), allow_nan=False))
    assert [c["name"] for c in report["causes"]] == ["a", "b"]
    assert report["causes"][0]["incidence"] == [0, 0, 0]
    assert report["causes"][0]["ci_low"] == [None, None, None]
    assert report["causes"][1]["n_events"] == 1
    assert report["n_censored"] == [1, 0, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variance": "greenwood"}, "variance 'greenwood' cannot be used; use aalen or robust"),
        ({"variance": "aalen", "weights": [1, 2, 1]}, "cannot be used with weights; use robust"),
        ({"weights": [1, 2]}, "3 patients but weights of shape"),
        ({"ci": "logit"}, "unknown interval"),
        ({"level": 0}, "between 0 and 1"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        fit_cumulative_incidence(CompetingOutcome([1, 2, 3], [1, 2, 0]), **options)


def test_a_cause_that_does_not_exist_is_refused():
    fitted = fit_cumulative_incidence(CompetingOutcome([1, 2, 3], [1, 2, 0]))
    with pytest.raises(InputError, match="there is no cause 3; use 1 to 2"):
        fitted.incidence_at(1, cause=3)


rows = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=40)


def outcome_of(values) -> CompetingOutcome:
    time, cause = (np.array(column) for column in zip(*values, strict=True))
    return CompetingOutcome(time, cause, ("a", "b", "c"))


@settings(deadline=None)
@given(rows)
def test_everybody_is_somewhere(values):
    """Incidences and the share without any event add up to 1; the latter is Kaplan-Meier's."""
    outcome = outcome_of(values)
    fitted = fit_cumulative_incidence(outcome)
    np.testing.assert_allclose(fitted.incidence.sum(axis=0) + fitted.event_free, 1, atol=1e-12)
    any_cause = fit_kaplan_meier(outcome.any_cause())
    np.testing.assert_allclose(fitted.event_free, any_cause.survival, atol=1e-14)
    assert (np.diff(fitted.incidence, axis=1) >= 0).all()
    assert sum(fitted.n_events) == any_cause.n_events


@settings(deadline=None)
@given(rows, st.randoms(use_true_random=False), st.sampled_from([0.5, 8.0]))
def test_order_of_patients_and_unit_of_time_do_not_matter(values, random, factor):
    outcome = outcome_of(values)
    order = list(range(len(outcome)))
    random.shuffle(order)
    moved = CompetingOutcome(
        outcome.time_months[order] * factor, outcome.cause[order], outcome.cause_names
    )
    one, other = fit_cumulative_incidence(outcome), fit_cumulative_incidence(moved)
    np.testing.assert_array_equal(one.incidence, other.incidence)
    np.testing.assert_array_equal(one.std_error, other.std_error)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40))
def test_a_single_cause_is_one_minus_kaplan_meier(values):
    time, event = (np.array(column) for column in zip(*values, strict=True))
    fitted = fit_cumulative_incidence(
        CompetingOutcome(time, event.astype(int), ("event",)), variance="robust"
    )
    km = fit_kaplan_meier(SurvivalOutcome(time, event), variance="robust")
    np.testing.assert_allclose(fitted.incidence[0], 1 - km.survival, atol=1e-12)
    # Squares of the order of 1e-16 are differences of larger numbers.
    np.testing.assert_allclose(fitted.std_error[0], km.std_error, atol=1e-7)


@settings(deadline=None)
@given(rows)
def test_robust_error_is_the_derivative_by_case_weights(values):
    outcome = outcome_of(values[:12])
    n, step = len(outcome), 1e-6
    weights = 1.0 + np.arange(n) % 2
    fitted = fit_cumulative_incidence(outcome, weights=weights)
    squares = np.zeros_like(fitted.incidence)
    for i in range(n):
        nudge = step * (np.arange(n) == i)
        up = fit_cumulative_incidence(outcome, weights=weights + nudge).incidence
        down = fit_cumulative_incidence(outcome, weights=weights - nudge).incidence
        squares += (weights[i] * (up - down) / (2 * step)) ** 2
    np.testing.assert_allclose(fitted.std_error, np.sqrt(squares), atol=1e-6)
