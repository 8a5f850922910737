"""Kaplan-Meier against R's survfit, lifelines, a real cohort, and what must always hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier, median_follow_up

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((REFERENCE / "kaplan_meier.json").read_text(encoding="utf-8"))
SCALES = ("log-log", "log", "plain")


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "data" / f"{name}.csv")


def numbers(values: object) -> np.ndarray:
    """R's NA came as null."""
    return np.array(values, dtype=float)


def check_against_r(km, fit: dict) -> None:
    for ours, theirs in (
        ("times", "time"),
        ("survival", "survival"),
        ("std_error", "std_error"),
        ("ci_low", "ci_low"),
        ("ci_high", "ci_high"),
        ("at_risk", "at_risk"),
        ("n_event", "n_event"),
        ("n_censored", "n_censored"),
    ):
        np.testing.assert_allclose(
            getattr(km, ours), numbers(fit[theirs]), rtol=1e-9, atol=1e-12, err_msg=ours
        )


def lung_months() -> SurvivalOutcome:
    lung = table("lung")
    return SurvivalOutcome(lung.time, lung.status == 2)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    ("name", "time", "event"), [("veteran", "time", "status"), ("ovarian", "futime", "fustat")]
)
def test_r_curves_and_quantiles(name, time, event, scale):
    data = table(name)
    km = fit_kaplan_meier(SurvivalOutcome(data[time], data[event] == 1), ci=scale)
    fit = R[name][scale]
    check_against_r(km, fit)
    estimates = [km.quantile(p) for p in fit["quantiles"]["p"]]
    for field in ("value", "ci_low", "ci_high"):
        np.testing.assert_allclose(
            [getattr(e, field) for e in estimates], numbers(fit["quantiles"][field]), rtol=1e-12
        )


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", ["small", "flat", "flat_inside", "censored"])
def test_r_special_shapes(name, scale):
    """Time 0, ties, a flat part at one half, survival down to 0, nobody with an event."""
    case = R[name]
    km = fit_kaplan_meier(SurvivalOutcome(case["time"], case["event"]), ci=scale)
    fit = case["fits"][scale]
    check_against_r(km, fit)
    quantiles = fit["quantiles"]
    for i, p in enumerate(quantiles["p"]):
        ours = km.quantile(p)
        np.testing.assert_equal(
            [ours.value, ours.ci_low, ours.ci_high],
            numbers([quantiles[field][i] for field in ("value", "ci_low", "ci_high")]),
        )


def test_flat_part_at_one_half_gives_its_middle():
    """Hand-made: survival is 0.5 from 2 to 3, so the median is 2.5."""
    km = fit_kaplan_meier(SurvivalOutcome([1, 2, 3, 4], [1, 1, 1, 1]))
    assert km.median().value == 2.5


def test_weights_that_are_not_counts_get_robust_variance():
    lung = table("lung")
    weights = 0.5 + (lung.age % 7) / 4
    km = fit_kaplan_meier(lung_months(), weights=weights)
    assert km.variance == "robust"
    check_against_r(km, R["weighted"])
    assert (km.n, km.n_events) == (228, 165)


def test_weights_as_numbers_of_patients():
    lung = table("lung")
    counts = 1 + lung.age % 3
    km = fit_kaplan_meier(lung_months(), weights=counts, variance="greenwood")
    check_against_r(km, R["counted"])
    rows = np.repeat(np.arange(228), counts)
    repeated = fit_kaplan_meier(lung_months().subset(rows))
    np.testing.assert_allclose(km.std_error, repeated.std_error, rtol=1e-12)


def test_robust_variance_without_weights():
    km = fit_kaplan_meier(lung_months(), variance="robust")
    check_against_r(km, R["unweighted_robust"])


def test_patients_of_weight_zero_are_left_out():
    outcome = lung_months()
    weights = np.ones(228)
    weights[:100] = 0
    km = fit_kaplan_meier(outcome, weights=weights)
    rest = fit_kaplan_meier(outcome.subset(np.arange(100, 228)), variance="robust")
    np.testing.assert_allclose(km.survival, rest.survival, rtol=1e-12)
    np.testing.assert_allclose(km.std_error, rest.std_error, rtol=1e-12)
    assert km.n == 128


def test_lifelines_agrees():
    from lifelines import KaplanMeierFitter

    outcome = lung_months()
    km = fit_kaplan_meier(outcome)
    other = KaplanMeierFitter().fit(outcome.time_months, outcome.event)
    at = np.array([100.0, 200.0, 365.0, 600.0])
    np.testing.assert_allclose(km.survival_at(at), other.predict(at), rtol=1e-9)
    bounds = other.confidence_interval_.loc[km.times].to_numpy()
    np.testing.assert_allclose(
        np.column_stack([km.ci_low, km.ci_high])[1:], bounds[1:], rtol=1e-7, atol=1e-12
    )
    assert km.median().value == other.median_survival_time_ == 310


def test_median_follow_up_as_r():
    lung = table("lung")
    months = np.ceil(lung.time / 30.4375)
    follow_up = median_follow_up(SurvivalOutcome(months, lung.status == 2))
    expected = R["follow_up"]
    assert follow_up.value == expected["value"]
    np.testing.assert_equal(
        [follow_up.ci_low, follow_up.ci_high],
        numbers([expected["ci_low"], expected["ci_high"]]),
    )


def test_median_follow_up_is_not_known_when_everybody_died():
    assert np.isnan(median_follow_up(SurvivalOutcome([1, 2, 3], [1, 1, 1])).value)


def test_real_cohort(shared_data):
    """Published with the cohort: 97 deaths; OS at 12/36/60 months 0.8270/0.6184/0.5122."""
    data = pd.read_csv(shared_data / "cohorts" / "hepatocellular_resected_227.csv")
    km = fit_kaplan_meier(SurvivalOutcome(data.OS, data.Death))
    assert (km.n, km.n_events) == (227, 97)
    np.testing.assert_allclose(km.survival_at([12, 36, 60]), [0.8270, 0.6184, 0.5122], atol=5e-5)


def test_beyond_follow_up_nothing_is_known_unless_survival_is_zero():
    censored_last = fit_kaplan_meier(SurvivalOutcome([1, 2, 5], [1, 0, 0]))
    assert censored_last.survival_at(5.0) == pytest.approx(2 / 3)
    assert np.isnan(censored_last.survival_at(5.1))
    assert censored_last.survival_at(5.1, extend=True) == pytest.approx(2 / 3)
    event_last = fit_kaplan_meier(SurvivalOutcome([1, 2, 5], [1, 0, 1]))
    assert event_last.survival_at(1e9) == 0
    low, high = censored_last.ci_at([0.5, 1.0, 6.0])
    assert np.isnan(low[[0, 2]]).all() and np.isnan(high[[0, 2]]).all() and low[1] < high[1]


def test_at_risk_counts_who_has_a_time_of_at_least_t():
    km = fit_kaplan_meier(SurvivalOutcome([0, 1, 2, 2, 5], [1, 0, 1, 0, 1]))
    assert km.at_risk_at([0, 0.5, 1, 2, 2.1, 5, 6]).tolist() == [5, 4, 4, 3, 1, 1, 0]
    assert km.survival_at(0.0) == pytest.approx(0.8)
    assert km.survival_at(-1.0) == 1


def test_everything_for_a_report_is_plain_json():
    text = json.dumps(fit_kaplan_meier(SurvivalOutcome([1, 2], [0, 1])).to_json(), allow_nan=False)
    report = json.loads(text)
    assert report["survival"] == [1.0, 0.0]
    assert report["std_error"] == [0.0, None]
    assert report["median"]["value"] == 2.0
    assert report["at_risk"] == [2, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": [1, 1]}, "3 patients but weights of shape"),
        ({"weights": [1, -1, 1]}, r"1 of 3 weights are negative or missing, the first at posit"),
        ({"weights": [1, np.nan, 1]}, "negative or missing"),
        ({"weights": [0, 0, 0]}, "all weights are zero"),
        ({"weights": ["a", "b", "c"]}, "weights must be numbers"),
        ({"ci": "logit"}, "unknown interval 'logit'; use log-log, log or plain"),
        ({"level": 95}, "between 0 and 1, got 95; give 0.95 for 95 %"),
        ({"variance": "tsiatis"}, "unknown variance 'tsiatis'"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        fit_kaplan_meier(SurvivalOutcome([1, 2, 3], [1, 0, 1]), **options)


def test_times_asked_for_must_be_numbers():
    km = fit_kaplan_meier(SurvivalOutcome([1, 2, 3], [1, 0, 1]))
    with pytest.raises(InputError, match="a time is missing"):
        km.survival_at([1.0, np.nan])
    with pytest.raises(InputError, match="times must be numbers"):
        km.at_risk_at("soon")
    with pytest.raises(InputError, match="between 0 and 1, got 50"):
        km.quantile(50)


outcomes = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40).map(
    lambda rows: SurvivalOutcome(*(np.array(column) for column in zip(*rows, strict=True)))
)


@settings(deadline=None)
@given(outcomes, st.randoms(use_true_random=False))
def test_order_of_patients_does_not_matter(outcome, random):
    rows = list(range(len(outcome)))
    random.shuffle(rows)
    one, other = fit_kaplan_meier(outcome), fit_kaplan_meier(outcome.subset(rows))
    np.testing.assert_array_equal(one.survival, other.survival)
    np.testing.assert_array_equal(one.ci_low, other.ci_low)


@settings(deadline=None)
@given(outcomes, st.sampled_from([0.5, 2.0, 8.0]))
def test_another_unit_of_time_only_stretches_the_axis(outcome, factor):
    one = fit_kaplan_meier(outcome)
    other = fit_kaplan_meier(SurvivalOutcome(outcome.time_months * factor, outcome.event))
    np.testing.assert_array_equal(one.times * factor, other.times)
    np.testing.assert_array_equal(one.survival, other.survival)
    np.testing.assert_equal(one.median().value * factor, other.median().value)


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=40))
def test_without_censoring_it_is_the_share_still_alive(times):
    outcome = SurvivalOutcome(times, np.ones(len(times), dtype=bool))
    km = fit_kaplan_meier(outcome)
    alive = [(outcome.time_months > t).mean() for t in km.times]
    np.testing.assert_allclose(km.survival, alive, atol=1e-14)
    # Greenwood is then the binomial standard error.
    inside = km.survival > 0
    binomial = np.sqrt(km.survival * (1 - km.survival) / len(times))
    np.testing.assert_allclose(km.std_error[inside], binomial[inside], atol=1e-14)


@settings(deadline=None)
@given(outcomes)
def test_shape_of_a_curve(outcome):
    km = fit_kaplan_meier(outcome)
    assert (np.diff(km.survival) <= 0).all()
    assert ((km.survival >= 0) & (km.survival <= 1)).all()
    known = ~np.isnan(km.ci_low)
    assert (km.ci_low[known] <= km.survival[known]).all()
    assert (km.survival[known] <= km.ci_high[known]).all()
    assert km.at_risk[0] == len(outcome)
    assert km.n_event.sum() == outcome.n_events
    assert (km.n_event + km.n_censored).sum() == len(outcome)


@settings(deadline=None)
@given(outcomes)
def test_robust_variance_is_the_derivative_by_case_weights(outcome):
    """Numerically: nudge each patient's weight and watch the curve."""
    fitted = fit_kaplan_meier(outcome, variance="robust")
    step = 1e-6
    squares = np.zeros(fitted.times.size)
    for i in range(len(outcome)):
        weights = np.ones(len(outcome))
        weights[i] += step
        up = fit_kaplan_meier(outcome, weights=weights).survival
        weights[i] -= 2 * step
        down = fit_kaplan_meier(outcome, weights=weights).survival
        squares += ((up - down) / (2 * step)) ** 2
    np.testing.assert_allclose(fitted.std_error, np.sqrt(squares), atol=1e-7)
