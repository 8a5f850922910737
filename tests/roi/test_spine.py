"""The level by itself, by hand, and moved by a vertebra."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_spine import PITCH_MM, Trunk, draw_trunk, height_of
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import CancelledError, InputError, LevelNotFoundError
from hccsurv_core.roi.labeling import NAMES
from hccsurv_core.roi.spine import find_canal, locate_l3, manual_location, shift_level
from hccsurv_core.volume import Volume

L3_MM = height_of(2.5)


@pytest.fixture(scope="module")
def trunk():
    return draw_trunk()


@pytest.fixture(scope="module")
def located(trunk):
    return locate_l3(trunk)


def test_l3_of_a_drawn_trunk(trunk, located):
    assert located.position_mm == pytest.approx(L3_MM, abs=5.0)
    assert located.confidence > 0.8
    assert located.method == "automatic"
    assert located.canal.shape == (trunk.shape[0], 2)
    l3 = located.vertebra("L3")
    assert l3.inferior_index < located.slice_index < l3.superior_index
    assert located.position_mm == pytest.approx(trunk.slice_position_mm(located.slice_index))


def test_vertebrae_are_named_upward_without_gaps(located):
    names = [v.name for v in located.vertebrae]
    start = NAMES.index(names[0])
    assert names == list(NAMES[start : start + len(names)])
    assert {"L5", "L4", "L3", "L2", "L1", "T12"} <= set(names)
    centers = [v.center_index for v in located.vertebrae]
    assert (np.diff(centers) > 0).all()
    for vertebra in located.vertebrae:
        assert vertebra.inferior_index < vertebra.center_index < vertebra.superior_index


def test_each_landmark_is_told_in_a_sentence(located):
    text = " ".join(located.evidence)
    for landmark in ("lowest rib", "iliac crest", "sacral wings"):
        assert landmark in text
    assert all(sentence.endswith(".") for sentence in located.evidence)


@pytest.mark.parametrize(
    ("axes", "flips"),
    [((0, 1, 2), (0,)), ((0, 1, 2), (1, 2)), ((2, 0, 1), ()), ((1, 2, 0), (0, 2))],
)
def test_orientation_does_not_matter(trunk, located, axes, flips):
    """Permuted and flipped arrays, with the affine that says so, give the identical answer."""
    voxels = np.transpose(trunk.voxels, axes)
    affine = np.eye(4)
    for array_axis, source in enumerate(axes):
        affine[:3, 2 - array_axis] = trunk.affine[:3, 2 - source]
    affine[:3, 3] = trunk.affine[:3, 3]
    for axis in flips:
        column = 2 - axis
        affine[:3, 3] += affine[:3, column] * (voxels.shape[axis] - 1)
        affine[:3, column] *= -1
        voxels = np.flip(voxels, axis)
    again = locate_l3(Volume(voxels, affine).to_canonical())
    assert again.slice_index == located.slice_index
    assert again.confidence == located.confidence
    assert again.vertebrae == located.vertebrae


def test_mirrored_patient_has_the_same_level(trunk, located):
    mirrored = Volume(np.ascontiguousarray(trunk.voxels[:, :, ::-1]), trunk.affine)
    assert locate_l3(mirrored).slice_index == pytest.approx(located.slice_index, abs=1)


def test_without_pelvis_the_ribs_carry_it_with_a_warning():
    found = locate_l3(draw_trunk(Trunk(bottom_mm=height_of(1.6))))
    assert found.position_mm == pytest.approx(L3_MM, abs=5.0)
    assert any("Only the ribs could be used" in warning for warning in found.warnings)


def test_without_ribs_the_pelvis_carries_it_with_a_warning():
    found = locate_l3(draw_trunk(Trunk(top_mm=height_of(4.4))))
    assert found.position_mm == pytest.approx(L3_MM, abs=5.0)
    assert any("Only the pelvis could be used" in warning for warning in found.warnings)


@pytest.mark.parametrize("last_rib_level", [4.5, 6.5])
def test_ribs_against_pelvis_asks_the_user(last_rib_level):
    """A lumbar rib or a missing twelfth: the answer may be either, the doubt must show."""
    found = locate_l3(draw_trunk(Trunk(last_rib_level=last_rib_level)))
    assert found.confidence < 0.8
    assert any("landmarks disagree" in warning for warning in found.warnings)
    assert found.is_uncertain
    assert found.warnings[0].startswith("The level is uncertain (")


def test_neither_ribs_nor_pelvis_is_never_sure():
    scan = draw_trunk(
        Trunk(bottom_mm=height_of(0.6), top_mm=height_of(4.4), ribs=False, pelvis=False)
    )
    try:
        found = locate_l3(scan)
    except LevelNotFoundError:
        return
    assert found.confidence < 0.8
    assert sum(found.alternatives.values()) == pytest.approx(1.0, abs=0.1)


def test_l3_out_of_view_is_refused_with_what_to_do():
    chest = draw_trunk(Trunk(bottom_mm=height_of(4.1), top_mm=height_of(8.0)))
    with pytest.raises(LevelNotFoundError, match="mark it by hand"):
        locate_l3(chest)


def test_too_short_a_stretch_is_refused():
    with pytest.raises(LevelNotFoundError, match="too little of the spine is in view"):
        locate_l3(draw_trunk(Trunk(bottom_mm=150.0, top_mm=190.0)))


def test_air_is_refused():
    empty = Volume(np.full((30, 40, 40), -1000, np.int16), np.diag([4.0, 4.0, 4.0, 1.0]))
    with pytest.raises(LevelNotFoundError, match="no body is in view"):
        locate_l3(empty)


def test_progress_rises_and_can_cancel(trunk):
    seen = []
    locate_l3(trunk, progress=lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0

    def cancel(fraction, message):
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        locate_l3(trunk, progress=cancel)


@settings(max_examples=20, deadline=None)
@given(n=st.integers(-2, 2))
def test_one_step_is_one_vertebra_and_comes_back(trunk, located, n):
    moved = shift_level(trunk, located, n)
    steps = (moved.position_mm - located.position_mm) / PITCH_MM
    assert steps == pytest.approx(n, abs=0.3)
    assert moved.vertebra("L3").center_index == pytest.approx(
        located.vertebra(NAMES[NAMES.index("L3") + n]).center_index
    )
    back = shift_level(trunk, moved, -n)
    assert back.slice_index == located.slice_index
    kept = {v.center_index: v.name for v in located.vertebrae}
    assert all(kept[v.center_index] == v.name for v in back.vertebrae)
    if n:
        assert (moved.method, moved.confidence) == ("manual", 1.0)


def test_shifting_rebases_the_alternatives(trunk, located):
    moved = shift_level(trunk, located, 1)
    assert moved.alternatives[-1] == located.alternatives[0]


@pytest.mark.parametrize("n", [9, -9])
def test_no_vertebra_there(trunk, located, n):
    with pytest.raises(InputError, match=r"no vertebra in view 9 (above|below)"):
        shift_level(trunk, located, n)


def test_shifting_a_level_without_vertebrae_moves_by_34_mm(trunk):
    by_hand = manual_location(trunk, 50)
    assert shift_level(trunk, by_hand, 1).slice_index == 50 + round(34 / 3)
    with pytest.raises(InputError, match="no vertebra in view"):
        shift_level(trunk, by_hand, -5)


@settings(max_examples=15, deadline=None)
@given(index=st.integers(0, 106))
def test_a_level_by_hand_is_that_slice(trunk, located, index):
    chosen = manual_location(trunk, index, located)
    assert chosen.slice_index == index
    assert chosen.position_mm == pytest.approx(trunk.slice_position_mm(index))
    assert (chosen.method, chosen.confidence) == ("manual", 1.0)
    assert chosen.canal is located.canal


@pytest.mark.parametrize("index", [-1, 107])
def test_a_slice_that_is_not_there(trunk, index):
    with pytest.raises(InputError, match="give a slice from 0 to 106"):
        manual_location(trunk, index)


def test_one_slice_is_taken_as_l3(trunk, located):
    k = located.slice_index
    single = Volume(trunk.voxels[k : k + 1], trunk.affine)
    chosen = manual_location(single, 0)
    assert chosen.method == "single_slice"
    np.testing.assert_allclose(chosen.canal, find_canal(single))


def test_a_level_by_hand_survives_a_scan_without_a_body():
    empty = Volume(np.full((3, 40, 40), -1000, np.int16), np.diag([4.0, 4.0, 4.0, 1.0]))
    chosen = manual_location(empty, 1)
    assert chosen.canal is None
    assert any("canal was not found" in warning for warning in chosen.warnings)
