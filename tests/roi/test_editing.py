"""Corrections change what was drawn, obey attenuation, and keep structures consistent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hccsurv_core.errors import SegmentationError
from hccsurv_core.roi import muscle
from hccsurv_core.roi.editing import STRUCTURE_HU, apply_stroke, polygon_mask
from hccsurv_core.roi.results import STRUCTURES, BodySegmentation
from hccsurv_core.volume import Volume

SHAPE = (8, 10)


def _segmentation(masks: dict[str, np.ndarray] | None = None) -> BodySegmentation:
    full = {name: np.zeros((3, *SHAPE), dtype=bool) for name in STRUCTURES}
    full.update(masks or {})
    return BodySegmentation(first_slice=4, slice_index=5, masks=full, method="classical")


def _volume(hu: float = 50) -> Volume:
    return Volume(np.full((9, *SHAPE), hu, dtype=np.int16), np.eye(4))


def _box(rows: slice, columns: slice) -> np.ndarray:
    region = np.zeros(SHAPE, dtype=bool)
    region[rows, columns] = True
    return region


def edit_structure(segmentation, volume, structure, region, *, action, slice_index=5):
    """A stroke on one slice."""
    stroke = {"add": {}, "remove": {}} | {action: {slice_index: region}}
    return apply_stroke(segmentation, volume, structure, **stroke)


def _assert_consistent(masks: dict[str, np.ndarray]) -> None:
    left, right = masks["psoas_left"], masks["psoas_right"]
    assert not (left & right).any()
    assert not (masks["subcutaneous_fat"] & masks["visceral_fat"]).any()
    assert (masks["muscle"] | ~(left | right)).all()


def test_adding_psoas_adds_muscle_and_takes_it_from_the_other_side():
    start = _segmentation()
    region = _box(slice(2, 5), slice(3, 6))
    right = edit_structure(start, _volume(), "psoas_right", region, action="add").segmentation
    both = edit_structure(right, _volume(), "psoas_left", region, action="add")
    assert both.n_changed == 9
    assert both.segmentation.mask_at("psoas_left").sum() == 9
    assert both.segmentation.mask_at("psoas_right").sum() == 0
    assert both.segmentation.mask_at("muscle").sum() == 9
    assert both.segmentation.method == "edited"


def test_the_original_is_left_as_it_is():
    start = _segmentation()
    edit_structure(start, _volume(), "muscle", _box(slice(0, 2), slice(0, 2)), action="add")
    assert not start.masks["muscle"].any()


def test_removing_muscle_removes_psoas_and_removing_psoas_keeps_muscle():
    region = _box(slice(2, 5), slice(3, 6))
    psoas = edit_structure(_segmentation(), _volume(), "psoas_left", region, action="add")
    column = _box(slice(0, 8), slice(3, 4))
    kept = edit_structure(psoas.segmentation, _volume(), "psoas_left", column, action="remove")
    assert kept.segmentation.mask_at("psoas_left").sum() == 6
    assert kept.segmentation.mask_at("muscle").sum() == 9
    gone = edit_structure(psoas.segmentation, _volume(), "muscle", column, action="remove")
    assert gone.segmentation.mask_at("psoas_left").sum() == 6
    assert gone.segmentation.mask_at("muscle").sum() == 6


@pytest.mark.parametrize(("hu", "taken"), [(-30, False), (-29, True), (150, True), (151, False)])
def test_muscle_takes_only_pixels_of_muscle_attenuation(hu, taken):
    volume = _volume(0)
    volume.voxels[5, 2, 3] = hu
    region = _box(slice(2, 3), slice(3, 5))
    outcome = edit_structure(_segmentation(), volume, "muscle", region, action="add")
    assert outcome.segmentation.mask_at("muscle")[2, 3] == taken
    assert outcome.n_outside_hu == (0 if taken else 1)


def test_what_is_removed_is_removed_first():
    region = _box(slice(2, 5), slice(3, 6))
    outcome = apply_stroke(
        _segmentation(), _volume(), "muscle", add={5: region, 6: region}, remove={5: region}
    )
    assert outcome.segmentation.masks["muscle"].sum(axis=(1, 2)).tolist() == [0, 9, 9]
    assert outcome.n_changed == 18
    again = apply_stroke(outcome.segmentation, _volume(), "muscle", add={5: region}, remove={})
    assert again.n_changed == 0


def test_another_slice_of_the_slab_can_be_corrected():
    outcome = edit_structure(
        _segmentation(),
        _volume(),
        "muscle",
        _box(slice(0, 1), slice(0, 4)),
        action="add",
        slice_index=6,
    )
    assert outcome.segmentation.mask_at("muscle", 6).sum() == 4
    assert outcome.segmentation.mask_at("muscle").sum() == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(STRUCTURES), st.sampled_from(["add", "remove"]), arrays(bool, SHAPE)
        ),
        max_size=8,
    ),
    arrays(np.int16, SHAPE, elements=st.integers(-250, 250)),
)
def test_any_run_of_edits_keeps_the_structures_consistent(edits, hu):
    volume = Volume(np.broadcast_to(hu, (9, *SHAPE)).copy(), np.eye(4))
    segmentation = _segmentation()
    for structure, action, region in edits:
        segmentation = edit_structure(
            segmentation, volume, structure, region, action=action
        ).segmentation
        _assert_consistent(segmentation.masks)
        for name, (low, high) in STRUCTURE_HU.items():
            inside = volume.voxels[5][segmentation.mask_at(name)]
            assert ((inside >= low) & (inside <= high)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"structure": "spleen"}, "no structure is called 'spleen'"),
        ({"slice_index": 2}, "slice 2 has no outline; go to one of the slices 4 to 6"),
        ({"region": np.zeros((2, 2), dtype=bool)}, r"must have shape \(8, 10\)"),
    ],
)
def test_what_cannot_be_done_is_refused(change, message):
    settings = {"structure": "muscle", "region": _box(slice(0, 3), slice(0, 3)), "action": "add"}
    settings |= change
    with pytest.raises(SegmentationError, match=message):
        edit_structure(
            _segmentation(),
            _volume(),
            settings.pop("structure"),
            settings.pop("region"),
            **settings,
        )


def test_limits_are_those_of_the_automatic_outlines():
    assert STRUCTURE_HU["muscle"] == STRUCTURE_HU["psoas_left"] == muscle.MUSCLE_HU
    assert STRUCTURE_HU["psoas_right"] == muscle.MUSCLE_HU
    assert STRUCTURE_HU["subcutaneous_fat"] == muscle.SUBCUTANEOUS_FAT_HU
    assert STRUCTURE_HU["visceral_fat"] == muscle.VISCERAL_FAT_HU


def test_a_rectangle_covers_the_pixel_centres_inside_it():
    mask = polygon_mask([1.5, 1.5, 4.5, 4.5], [2.5, 6.5, 6.5, 2.5], SHAPE)
    assert mask.sum() == 12
    assert mask[2:5, 3:7].all()


def test_a_polygon_that_leaves_the_picture_is_cut_at_its_edge():
    assert polygon_mask([-50, -50, 50, 50], [-50, 50, 50, -50], SHAPE).all()


def test_a_crossing_line_encloses_its_two_lobes_only():
    bow_tie = polygon_mask([0.5, 6.5, 0.5, 6.5], [0.5, 8.5, 8.5, 0.5], SHAPE)
    assert bow_tie[3, 1] and bow_tie[3, 8]
    assert not bow_tie[1, 4] and not bow_tie[6, 4]


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [([0, 1], [0, 1], "three corners, got 2"), ([0, 1, np.nan], [0, 1, 2], "not numbers")],
)
def test_a_line_that_is_no_polygon_is_refused(rows, columns, message):
    with pytest.raises(SegmentationError, match=message):
        polygon_mask(rows, columns, SHAPE)
