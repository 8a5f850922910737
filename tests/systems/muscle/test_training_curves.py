"""Curves of the training patients by predicted risk: by hand, by whole months, through a bundle's JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.muscle.training_curves import (
    describe_training_curves,
    followed_until,
    read_training_curves,
)

#: Low risk: one death at 2.5 of 4; high risk: deaths at 1 and 3.2 of 3, the last lost at 5.9.
RISK = np.array([-1.0, -0.5, -0.2, 0.0, 0.4, 0.9, 2.0])
OUTCOME = SurvivalOutcome(
    np.array([2.5, 4.0, 6.0, 6.0, 1.0, 3.2, 5.9]),
    np.array([True, False, False, False, True, True, False]),
)


def test_groups_split_at_the_cutoff_and_fare_as_kaplan_and_meier_say() -> None:
    low, high = describe_training_curves(RISK, 0.0, OUTCOME)
    assert (low["name"], low["n"], low["n_events"]) == ("low risk", 4, 1)
    assert (high["name"], high["n"], high["n_events"]) == ("high risk", 3, 2)
    assert low["survival"] == [1, 1, 0.75, 0.75, 0.75, 0.75]
    assert low["at_risk"] == [4, 4, 3, 3, 2, 2]
    assert high["survival"] == pytest.approx([2 / 3, 2 / 3, 2 / 3, 1 / 3, 1 / 3], abs=1e-4)
    assert high["at_risk"] == [3, 2, 2, 1, 1]


def test_a_group_without_patients_is_left_out() -> None:
    (only,) = describe_training_curves(RISK, 5.0, OUTCOME)
    assert (only["name"], only["n"]) == ("low risk", 7)


def test_no_day_of_a_patient_is_told_and_very_long_follow_up_is_cut() -> None:
    outcome = SurvivalOutcome(np.array([0.4, 500.0]), np.array([True, False]))
    (curve,) = describe_training_curves(np.zeros(2), 0.0, outcome)
    assert len(curve["survival"]) == 240
    assert set(curve) == {"name", "n", "n_events", "survival", "at_risk"}


def test_curves_come_back_from_json() -> None:
    described = describe_training_curves(RISK, 0.0, OUTCOME)
    written = json.loads(json.dumps({"training": {"risk_groups": described}}))
    low, high = read_training_curves(written)
    assert low.months.tolist() == [1, 2, 3, 4, 5, 6]
    assert high.survival[-1] == pytest.approx(1 / 3, abs=1e-4)
    assert read_training_curves({"training": {}}) == ()


def test_followed_until_is_the_last_month_with_enough_patients() -> None:
    curves = read_training_curves(
        {"training": {"risk_groups": describe_training_curves(RISK, 0.0, OUTCOME)}}
    )
    # At risk in all: 7, 6, 5, 4, 3, 2.
    assert followed_until(curves, fewest=4) == 4
    assert followed_until(curves, fewest=8) is None
    assert followed_until(()) is None
