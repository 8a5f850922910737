"""Endpoints: what is accepted, what is refused, and what landmarks and horizons do."""

import numpy as np
import pytest

from hccsurv_core.device import choose_device
from hccsurv_core.errors import InputError
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome


def test_zero_one_events_become_booleans():
    outcome = SurvivalOutcome([1, 2, 3], [0, 1, 1.0])
    assert outcome.event.dtype == bool
    assert (len(outcome), outcome.n_events) == (3, 2)


@pytest.mark.parametrize(
    ("times", "events", "message"),
    [
        ([1, -2, 3], [0, 1, 1], "1 of 3 times are negative or missing, the first at position 1"),
        ([1, np.nan, 3], [0, 1, 1], "position 1"),
        ([1, 2], [0, 2], "an event must be true or false"),
        ([1, 2], [0, 1, 1], "2 times but 3 events"),
        ([], [], "at least one patient"),
        (["soon"], [1], "times must be numbers"),
    ],
)
def test_what_is_no_endpoint_is_refused(times, events, message):
    with pytest.raises(InputError, match=message):
        SurvivalOutcome(times, events)


def test_follow_up_can_end_at_a_horizon():
    outcome = SurvivalOutcome([5, 12, 20], [1, 1, 1]).censored_at(12)
    assert outcome.time_months.tolist() == [5, 12, 12]
    assert outcome.event.tolist() == [True, True, False]


def test_a_landmark_leaves_out_who_is_gone_and_restarts_the_clock():
    outcome, kept = SurvivalOutcome([5, 12, 20], [1, 0, 1]).landmark(6)
    assert outcome.time_months.tolist() == [6, 14]
    assert kept.tolist() == [False, True, True]


def test_competing_causes():
    outcome = CompetingOutcome([1, 2, 3], [0, 1, 2], ("recurrence", "death"))
    assert outcome.any_cause().event.tolist() == [False, True, True]
    assert outcome.cause_specific(2).event.tolist() == [False, False, True]
    with pytest.raises(InputError, match=r"0 .censored. to 2"):
        CompetingOutcome([1], [3])


def test_an_unknown_device_is_refused():
    assert choose_device("cpu") == "cpu"
    with pytest.raises(InputError, match="no device is called 'tpu'; use auto, cpu or cuda"):
        choose_device("tpu")
