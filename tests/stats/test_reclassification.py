"""NRI and IDI: Hmisc's and formulas in R, counts by hand, the jackknife, and invariants."""

import json

import numpy as np
import pytest
from horizon_cohorts import drawn_cohort, pbc_table, read_reference, true_survival
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.stats.reclassification import reclassification, reclassification_at_horizon

Z = 1.959963984540054
CUTOFFS = (0.1, 0.25)


@pytest.fixture(scope="module")
def from_r() -> dict:
    """What tests/reference/reclassification.R wrote."""
    return read_reference("reclassification")


@pytest.fixture(scope="module")
def pbc() -> tuple[SurvivalOutcome, np.ndarray, np.ndarray]:
    """Trial patients of pbc, the old and the new risk of the script."""
    table = pbc_table()
    new = 1 - np.exp(-36 * 0.25 * table.bili**0.8 / 100)
    old = 1 - np.exp(-36 / 100 * np.exp(2.4 - 0.9 * table.albumin))
    return SurvivalOutcome(table.months, table.status == 2), old.to_numpy(), new.to_numpy()


@pytest.fixture(scope="module")
def known(pbc) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Death within 36 months where it is known, and the two risks."""
    outcome, old, new = pbc
    rows = (outcome.time_months > 36) | outcome.event
    return (outcome.time_months <= 36)[rows], old[rows], new[rows]


def error_of(estimate) -> float:
    return (estimate.ci_high - estimate.ci_low) / 2 / Z


def test_binary_indices_and_errors_are_those_of_improveprob(from_r, known):
    found, expected = reclassification(*known), from_r["binary"]
    for estimate, value, error in (
        (found.continuous_nri.total, "nri", "se.nri"),
        (found.continuous_nri.events, "nri.ev", "se.nri.ev"),
        (found.continuous_nri.nonevents, "nri.ne", "se.nri.ne"),
        (found.idi.total, "idi", "se.idi"),
    ):
        assert estimate.value == pytest.approx(expected[value], rel=1e-10)
        assert error_of(estimate) == pytest.approx(expected[error], rel=1e-10)
    assert found.idi.events.value == pytest.approx(expected["improveSens"], rel=1e-10)
    assert found.idi.nonevents.value == pytest.approx(expected["improveSpec"], rel=1e-10)
    assert found.categorical_nri is None and found.events is None


def test_category_tables_are_those_of_r(from_r, known):
    found = reclassification(*known, cutoffs=CUTOFFS)
    np.testing.assert_array_equal(found.events, from_r["binary_events"])
    np.testing.assert_array_equal(found.nonevents, from_r["binary_nonevents"])
    table = np.array(from_r["binary_events"])
    moved = np.triu(table, 1).sum() - np.tril(table, -1).sum()
    assert found.categorical_nri.events.value == pytest.approx(moved / table.sum(), rel=1e-12)


def test_indices_at_a_horizon_are_the_weighted_formulas_in_r(from_r, pbc):
    found = reclassification_at_horizon(*pbc, 36, cutoffs=CUTOFFS)
    for index, name in (
        (found.idi, "idi"),
        (found.continuous_nri, "continuous"),
        (found.categorical_nri, "categorical"),
    ):
        values = [index.events.value, index.nonevents.value]
        np.testing.assert_allclose(values, from_r[name], rtol=1e-10)
        assert index.total.value == pytest.approx(sum(values), rel=1e-12)
    medians = from_r["medians"]
    assert found.median_improvement.value == pytest.approx(medians[0] - medians[1], rel=1e-10)


def test_kaplan_meier_nri_is_the_formula_in_r(from_r, pbc):
    found = reclassification_at_horizon(*pbc, 36, cutoffs=CUTOFFS, nri_by="kaplan-meier")
    for index, name in (
        (found.continuous_nri, "km_continuous"),
        (found.categorical_nri, "km_categorical"),
    ):
        values = [index.events.value, index.nonevents.value]
        np.testing.assert_allclose(values, from_r[name], rtol=1e-10)
        assert np.isnan(index.total.ci_low)
        assert index.total.method == "no interval without resampling"
    by_weights = reclassification_at_horizon(*pbc, 36)
    assert found.idi.total == by_weights.idi.total


def test_categorical_nri_by_hand():
    """29 up and 7 down of 183 events, 173 up and 174 down of 3081 non-events."""
    event = np.repeat([True, False], [183, 3081])
    direction = np.concatenate(
        [np.repeat([1, -1, 0], [29, 7, 147]), np.repeat([1, -1, 0], [173, 174, 2734])]
    )
    new = np.where(direction > 0, 0.3, np.where(direction < 0, 0.05, 0.15))
    found = reclassification(event, np.full(event.size, 0.15), new, cutoffs=[0.1, 0.2])
    assert found.categorical_nri.total.value == pytest.approx(22 / 183 + 1 / 3081, rel=1e-12)


def test_errors_at_a_horizon_are_near_those_of_the_jackknife():
    outcome, marker = drawn_cohort(150, 4)
    old, new = (1 - true_survival(x, [20.0])[:, 0] for x in (0.4 * marker, marker))

    def values(rows):
        found = reclassification_at_horizon(
            outcome.subset(rows), old[rows], new[rows], 20, cutoffs=(0.4, 0.6)
        )
        indices = (found.idi, found.continuous_nri, found.categorical_nri)
        return [e.value for i in indices for e in (i.total, i.events, i.nonevents)]

    left_out = [values(np.delete(np.arange(150), i)) for i in range(150)]
    found = reclassification_at_horizon(outcome, old, new, 20, cutoffs=(0.4, 0.6))
    indices = (found.idi, found.continuous_nri, found.categorical_nri)
    errors = [error_of(e) for i in indices for e in (i.total, i.events, i.nonevents)]
    np.testing.assert_allclose(errors, np.std(left_out, axis=0) * 149**0.5, rtol=0.03)


@pytest.mark.parametrize("nri_by", ["ipcw", "kaplan-meier"])
def test_without_censoring_the_horizon_makes_it_binary(nri_by):
    outcome, marker = drawn_cohort(120, 5)
    everyone = SurvivalOutcome(outcome.time_months, np.ones(120, bool))
    old, new = (1 - true_survival(x, [20.0])[:, 0] for x in (0.4 * marker, marker))
    binary = reclassification(everyone.time_months <= 20, old, new, cutoffs=(0.4, 0.6))
    found = reclassification_at_horizon(everyone, old, new, 20, cutoffs=(0.4, 0.6), nri_by=nri_by)
    for name in ("idi", "continuous_nri", "categorical_nri"):
        for part in ("total", "events", "nonevents"):
            one, other = (getattr(getattr(x, name), part).value for x in (found, binary))
            assert one == pytest.approx(other, abs=1e-12)
    np.testing.assert_allclose(found.events, binary.events, atol=1e-12)
    assert found.median_improvement.value == pytest.approx(binary.median_improvement.value)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_exchanging_the_models_changes_every_sign(seed):
    rng = np.random.default_rng(seed)
    event, old, new = rng.random(30) < 0.5, rng.random(30).round(1), rng.random(30).round(1)
    if not 0 < event.sum() < 30:
        return
    forth = reclassification(event, old, new, cutoffs=(0.3, 0.7))
    back = reclassification(event, new, old, cutoffs=(0.3, 0.7))
    for name in ("idi", "continuous_nri", "categorical_nri"):
        one, other = getattr(forth, name), getattr(back, name)
        assert one.total.value == pytest.approx(-other.total.value, abs=1e-12)
        assert one.total.value == pytest.approx(one.events.value + one.nonevents.value, abs=1e-12)
    np.testing.assert_array_equal(forth.events, back.events.T)


def test_the_idi_is_the_change_of_the_discrimination_slope():
    rng = np.random.default_rng(6)
    event, old, new = rng.random(50) < 0.4, rng.random(50), rng.random(50)
    slopes = [r[event].mean() - r[~event].mean() for r in (old, new)]
    found = reclassification(event, old, new)
    assert found.idi.total.value == pytest.approx(slopes[1] - slopes[0], rel=1e-12)
    medians = [np.median((new - old)[group]) for group in (event, ~event)]
    assert found.median_improvement.value == pytest.approx(medians[0] - medians[1], rel=1e-12)


def test_miscalibration_alone_gives_a_positive_nri():
    """The criticism of Hilden and Gerds: the truth, exaggerated, "improves" on the truth."""
    rng = np.random.default_rng(7)
    odds = rng.normal(-1.5, 1, 20000)
    truth, exaggerated = 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(-(2 * odds + 1.5)))
    found = reclassification(rng.random(20000) < truth, truth, exaggerated)
    assert found.idi.total.ci_low > 0 and found.continuous_nri.total.ci_low > 0


def test_with_competing_causes_other_events_are_nonevents():
    rng = np.random.default_rng(8)
    outcome = CompetingOutcome(rng.exponential(20, 80), rng.integers(1, 3, 80))
    old, new = rng.random(80), rng.random(80)
    happened = (outcome.time_months <= 15) & (outcome.cause == 1)
    found = reclassification_at_horizon(outcome, old, new, 15)
    binary = reclassification(happened, old, new)
    assert found.idi.total.value == pytest.approx(binary.idi.total.value, abs=1e-12)


@pytest.mark.parametrize("nri_by", ["ipcw", "kaplan-meier"])
def test_bootstrap_gives_every_index_an_interval(nri_by):
    outcome, marker = drawn_cohort(150, 9)
    old, new = (1 - true_survival(x, [20.0])[:, 0] for x in (0.4 * marker, marker))
    settings = {"cutoffs": (0.4, 0.6), "nri_by": nri_by, "n_resamples": 150, "seed": 2}
    found = reclassification_at_horizon(outcome, old, new, 20, **settings)
    analytic = reclassification_at_horizon(outcome, old, new, 20, cutoffs=(0.4, 0.6))
    for name in ("idi", "continuous_nri", "categorical_nri"):
        one, other = getattr(found, name).total, getattr(analytic, name).total
        assert error_of(one) == pytest.approx(error_of(other), rel=0.35)
    assert found.median_improvement.ci_low < found.median_improvement.value
    assert "150 resamples, seed 2" in found.median_improvement.method
    again = reclassification_at_horizon(outcome, old, new, 20, **settings)
    assert again.idi == found.idi
    assert json.loads(json.dumps(found.to_json()))["cutoffs"] == [0.4, 0.6]


def test_no_interval_is_none_in_json(known):
    plain = json.loads(json.dumps(reclassification(*known).to_json()))
    assert plain["median_improvement"]["ci_low"] is None and plain["categorical_nri"] is None


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"cutoffs": (0.5, 0.2)}, InputError, "cut-offs must rise"),
        ({"cutoffs": (0.0, 0.2)}, InputError, "cut-offs must rise"),
        ({"nri_by": "guess"}, InputError, "ipcw or kaplan-meier"),
        ({"horizon_months": 1e4}, StatisticsError, "nobody is followed beyond 10000 months"),
        ({"horizon_months": 1e-6}, StatisticsError, "nobody had the event"),
        ({"risk_new": [2.0] * 50}, InputError, "risk_new: probabilities lie between 0 and 1"),
    ],
)
def test_what_cannot_be_answered_is_refused(settings, error, message):
    outcome = drawn_cohort(50, 10)[0].censored_at(60)
    given = {"risk_old": [0.4] * 50, "risk_new": [0.5] * 50, "horizon_months": 20, **settings}
    with pytest.raises(error, match=message):
        reclassification_at_horizon(outcome, **given)
