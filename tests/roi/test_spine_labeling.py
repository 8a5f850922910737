"""Landmarks vote on names; none overrules the others, and doubt shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.roi import labeling
from hccsurv_core.roi.labeling import SHIFTS, combine_votes

#: Level of each landmark in the usual spine, before the chain's shift is known.
CREST, WING, RIB = 1.3, -0.1, 5.5
#: Forward tilt of L5–S1, L4–L5 … in the usual supine spine.
TILTS = np.array([32.0, 14.0, 3.0, -5.0, -10.0])


def usual_votes(shift: int):
    """Votes of a usual spine whose lowest disk found has level ``shift``."""
    return [
        labeling.vote_crest([CREST - shift] * 2, ["left", "right"]),
        labeling.vote_wing(WING - shift),
        labeling.vote_ribs({"left": RIB - shift, "right": RIB - shift}, 0.6, 90.0, 2),
    ]


@pytest.mark.parametrize("shift", [-1, 0, 1, 2, 3])
def test_agreeing_landmarks_settle_the_shift(shift):
    verdict = combine_votes(usual_votes(shift))
    assert verdict.shift == shift
    assert verdict.probability.max() > 0.95
    assert verdict.of(shift) == verdict.probability.max()
    assert verdict.against(shift) == ()


def test_probabilities_sum_to_one_without_any_vote():
    verdict = combine_votes([])
    np.testing.assert_allclose(verdict.probability, 1 / len(SHIFTS))


def test_ribs_against_pelvis_is_contested_and_named():
    votes = usual_votes(0)[:2]
    # The last rib a whole vertebra low: six lumbar vertebrae, or a missing rib.
    votes.append(labeling.vote_ribs({"left": RIB + 1, "right": RIB + 1}, 0.6, 90.0, 2))
    verdict = combine_votes(votes)
    assert {vote.name for vote in verdict.against(0)} == {"last rib"}
    assert {vote.name for vote in verdict.against(-1)} == {"iliac crest", "sacral wings"}
    assert verdict.probability.max() < 0.9


def test_ribs_alone_leave_room_for_a_missing_rib():
    verdict = combine_votes([labeling.vote_ribs({"left": 2.5, "right": 2.5}, 0.6, 90.0, 3)])
    assert verdict.shift == 3
    assert verdict.probability.max() < 0.9


def test_a_rib_on_one_side_only_says_less_than_two():
    both = combine_votes([labeling.vote_ribs({"left": 2.5, "right": 2.5}, 0.6, 90.0, 2)])
    one = combine_votes([labeling.vote_ribs({"left": 2.5}, 0.6, 90.0, 2)])
    assert one.probability.max() < both.probability.max()


def test_a_long_lowest_rib_may_be_the_eleventh():
    short = combine_votes([labeling.vote_ribs({"left": 2.5, "right": 2.5}, 0.6, 90.0, 2)])
    long = combine_votes([labeling.vote_ribs({"left": 2.5, "right": 2.5}, 0.95, 140.0, 2)])
    assert long.probability.max() < short.probability.max()


@pytest.mark.parametrize("shift", [0, 1])
def test_lordosis_tells_the_lowest_disk(shift):
    levels = np.arange(5 - shift, dtype=float)
    verdict = combine_votes([labeling.vote_tilt(levels, TILTS[shift:])])
    assert verdict.shift == shift
    assert verdict.probability.max() < 0.95


@settings(max_examples=30, deadline=None)
@given(st.floats(-6, 6))
def test_lordosis_hardly_minds_how_the_patient_lies(lie):
    verdict = combine_votes([labeling.vote_tilt(np.arange(5.0), TILTS + lie)])
    assert abs(verdict.shift) <= 1


@settings(max_examples=50, deadline=None)
@given(st.floats(-3, 9), st.floats(-3, 9), st.floats(-3, 9))
def test_verdicts_are_probabilities(crest, wing, rib):
    votes = [
        labeling.vote_crest([crest], ["left"]),
        labeling.vote_wing(wing),
        labeling.vote_ribs({"right": rib}, None, 80.0, 1),
        labeling.vote_lung(rib),
        labeling.vote_no_ribs(rib),
        labeling.vote_no_crest(crest),
        labeling.vote_chain_end(),
    ]
    verdict = combine_votes(votes)
    assert verdict.probability.sum() == pytest.approx(1.0)
    assert (verdict.probability > 0).all()
    assert all(vote.log_likelihood.max() <= 1e-9 for vote in votes)
    assert all(np.isfinite(vote.log_likelihood).all() for vote in votes)
    assert all(vote.sentence(verdict.shift).endswith(".") for vote in votes)


@pytest.mark.parametrize(
    ("level", "name"),
    [(2.5, "0.5 of L3"), (0.0, "0.0 of L5"), (-0.3, "0.7 of S1"), (5.6, "0.6 of T12")],
)
def test_level_names(level, name):
    assert labeling.level_name(level) == name


@pytest.mark.parametrize(("level", "name"), [(-3.0, "the sacrum"), (40.0, "the upper chest")])
def test_levels_beyond_the_names(level, name):
    assert labeling.level_name(level) == name
