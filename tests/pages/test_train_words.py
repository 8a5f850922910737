"""States, times and winners in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hccsurv_core.systems.training_record import ProgressStep
from pages._shared import train_words as words


def estimate(value, low=None, high=None):
    return {"value": value, "ci_low": low, "ci_high": high}


def description(model, rival, *, corrected=None, head="deep", others=()):
    return {
        "architecture": {"head": head},
        "cross_validation": {
            "corrected": corrected,
            "results": [
                {"name": "ours", "kind": "model", "c_index": model},
                *({"name": n, "kind": "recipe", "c_index": estimate(0.6)} for n in others),
                {"name": "gradient boosting", "kind": "rival", "c_index": rival},
                {"name": "ridge Cox regression", "kind": "rival", "c_index": estimate(0.5)},
            ],
        },
    }


def test_the_headline_is_without_the_luck_of_the_choice_where_that_is_known():
    plain = description(estimate(0.70), estimate(0.60))
    assert words.own_estimate(plain)["value"] == 0.70 and not words.is_corrected(plain)
    corrected = description(estimate(0.70), estimate(0.60), corrected=estimate(0.68, 0.6, 0.75))
    assert words.own_estimate(corrected)["value"] == 0.68 and words.is_corrected(corrected)


@pytest.mark.parametrize(
    ("ours", "theirs", "won", "said"),
    [
        (estimate(0.75, 0.70, 0.80), estimate(0.60, 0.55, 0.65), True, "by 0.150 of C over"),
        (estimate(0.66, 0.60, 0.72), estimate(0.65, 0.60, 0.70), True, "intervals overlap"),
        (estimate(0.61, 0.55, 0.66), estimate(0.72, 0.66, 0.77), False, "0.720 against 0.610"),
        (estimate(0.65, 0.60, 0.70), estimate(0.65, 0.60, 0.70), False, "at least as well"),
    ],
)
def test_it_is_said_who_won(ours, theirs, won, said):
    found = words.winner_words(description(ours, theirs))
    assert found[0] is won and said in found[1]
    assert ("overlap" in found[1]) == (
        ours["ci_low"] <= theirs["ci_high"] and theirs["ci_low"] <= ours["ci_high"]
    )


def test_a_network_that_added_nothing_is_told():
    given = description(
        estimate(0.75, 0.7, 0.8), estimate(0.6, 0.5, 0.65), head="linear",
        others=("linear part and deep Cox network",),
    )  # fmt: skip
    assert "added nothing" in words.winner_words(given)[1]
    assert "added nothing" not in words.winner_words(description(estimate(0.7), estimate(0.6)))[1]


def test_without_rivals_nobody_won():
    given = description(estimate(0.7), estimate(None))
    given["cross_validation"]["results"] = given["cross_validation"]["results"][:1]
    assert words.winner_words(given) == (True, "")


def step(at, fraction):
    return ProgressStep(at.isoformat(), fraction, "")


def test_the_time_left_follows_from_the_pace_of_this_attempt():
    start = datetime.now(UTC) - timedelta(seconds=100)
    # What an earlier attempt had finished passes in no time.
    steps = [step(start - timedelta(hours=5), 0.1), step(start, 0.5)]
    assert words.seconds_left(steps, start) is None
    steps.append(step(start + timedelta(seconds=100), 0.75))
    assert words.seconds_left(steps, start) == pytest.approx(100, abs=3)
    assert words.seconds_left(steps, None) is None
    # Too early to tell.
    assert (
        words.seconds_left([step(start, 0.0), step(start + timedelta(seconds=3), 0.5)], start)
        is None
    )
    assert (
        words.seconds_left([step(start, 0.0), step(start + timedelta(seconds=60), 0.01)], start)
        is None
    )


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("24 of 120 patients, about 7 min left", "24 of 120 patients"),
        ("deep 64: fold 3 of 15", "deep 64: fold 3 of 15"),
    ],
)
def test_only_one_guess_of_the_time_left_is_shown(message, shown):
    assert words.what_happens(message) == shown


def test_intervals_are_shown_where_they_are_known():
    assert words.estimate_words(estimate(0.7123, 0.65, 0.7654)) == "0.712 (0.650–0.765)"
    assert words.estimate_words(estimate(0.7123)) == "0.712"
    assert words.estimate_words(estimate(None)) == "not known"
