"""Cases, controls and weights at a horizon: small examples by hand, and what must hold."""

import numpy as np
import pytest
from horizon_cohorts import drawn_cohort
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import StatisticsError
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.stats.cumulative_incidence import fit_cumulative_incidence
from hccsurv_core.stats.horizon_weights import horizon_weights
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier
from hccsurv_core.stats.time_dependent_roc import time_dependent_auc

TIES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=2, max_size=25)


def test_by_hand_with_an_event_and_a_censoring_at_the_same_time():
    """At 2 one of four has the event, then one of the three left is censored: G falls to 2/3."""
    outcome = SurvivalOutcome([2.0, 2.0, 3.0, 5.0], [True, False, True, False])
    found = horizon_weights(outcome, np.array([1.0, 2.0, 4.0]))
    assert found.case.tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert found.control.tolist() == [[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]
    np.testing.assert_allclose(
        found.weight, [[1, 1, 1], [1, 0, 0], [1, 1.5, 1.5], [1, 1.5, 1.5]], rtol=1e-15
    )


@settings(deadline=None)
@given(TIES, st.sampled_from([0.5, 2.0, 3.5]))
def test_weighted_shares_are_kaplan_meier_and_aalen_johansen(rows, horizon):
    """Whatever the ties: cases weigh as much as the estimated incidence, all together weigh n."""
    competing = CompetingOutcome([t for t, _ in rows], [c for _, c in rows])
    try:
        both = horizon_weights(competing, np.array([horizon]))
    except StatisticsError:
        return
    assert both.weight.sum() == pytest.approx(len(rows), rel=1e-12)
    incidence = fit_cumulative_incidence(competing).incidence_at(horizon, extend=True)
    cases = (both.weight * both.case).sum()
    assert cases / len(rows) == pytest.approx(float(incidence), abs=1e-12)
    first = competing.any_cause()
    alone = horizon_weights(first, np.array([horizon]))
    survival = fit_kaplan_meier(first).survival_at(horizon, extend=True)
    assert (alone.weight * alone.control).mean() == pytest.approx(float(survival), abs=1e-12)


@settings(deadline=None)
@given(TIES, st.sampled_from([0.5, 2.0, 3.5]))
def test_the_part_of_censoring_in_an_influence_function_has_mean_zero(rows, horizon):
    outcome = SurvivalOutcome([t for t, _ in rows], [c > 0 for _, c in rows])
    try:
        weights = horizon_weights(outcome, np.array([horizon]))
    except StatisticsError:
        return
    contribution = weights.weight * np.arange(len(rows))[:, None]
    moved = weights.influence(contribution)
    assert moved.mean() == pytest.approx(contribution.mean(), abs=1e-10)


def test_without_censoring_the_influence_function_has_no_further_part():
    outcome = SurvivalOutcome([1.0, 2.0, 2.0, 4.0], [True] * 4)
    weights = horizon_weights(outcome, np.array([2.0]))
    np.testing.assert_array_equal(weights.weight, 1.0)
    contribution = np.array([[1.0], [2.0], [3.0], [4.0]])
    np.testing.assert_array_equal(weights.influence(contribution), contribution)


def test_event_free_controls_leave_other_causes_without_weight():
    outcome = CompetingOutcome([1.0, 2.0, 3.0, 9.0], [1, 2, 0, 0])
    all_others = horizon_weights(outcome, np.array([5.0]))
    event_free = horizon_weights(outcome, np.array([5.0]), event_free_controls=True)
    np.testing.assert_allclose(all_others.weight[:, 0], [1, 1, 0, 2])
    np.testing.assert_allclose(event_free.weight[:, 0], [1, 0, 0, 2])
    by_other_cause = horizon_weights(outcome, np.array([5.0]), cause=2)
    assert by_other_cause.case[:, 0].tolist() == [False, True, False, False]


def test_an_event_at_time_zero_is_a_case():
    outcome = SurvivalOutcome([0.0, 0.0, 3.0, 4.0], [True, False, True, False])
    found = horizon_weights(outcome, np.array([1.0]))
    np.testing.assert_allclose(found.weight[:, 0], [1, 0, 1.5, 1.5])


def test_one_event_is_enough_for_an_area_and_none_is_refused():
    time = np.arange(1.0, 9.0)
    one = SurvivalOutcome(time, time == 3)
    found = time_dependent_auc(one, -time, 5.0)
    # Of the five followed beyond 5 months all have a lower score than the one with the event.
    assert found.auc[0] == 1 and found.n_cases[0] == 1
    with pytest.raises(StatisticsError, match="nobody had the event by 5 months"):
        time_dependent_auc(SurvivalOutcome(time, np.zeros(8, bool)), time, 5.0)


def test_follow_up_that_ends_before_the_horizon_is_refused():
    outcome, _ = drawn_cohort(40, 1)
    with pytest.raises(StatisticsError, match="the last observation ends at 10"):
        horizon_weights(outcome.censored_at(10), np.array([10.0]))
    early = SurvivalOutcome([1.0, 2.0], [True, False])
    with pytest.raises(StatisticsError, match="nobody is followed beyond 5 months"):
        horizon_weights(outcome, np.array([5.0]), train=early)
