"""Dice and HD95 against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.errors import SegmentationError
from hccsurv_core.roi.agreement import dice, hausdorff_95_mm

SPACING = (5.0, 2.0, 1.0)


def box(rows: slice, columns: slice, slices: slice = slice(3, 7)) -> np.ndarray:
    mask = np.zeros((10, 30, 30), dtype=bool)
    mask[slices, rows, columns] = True
    return mask


def test_dice_of_halves_and_of_strangers():
    whole, half = box(slice(5, 15), slice(5, 15)), box(slice(5, 15), slice(5, 10))
    assert dice(whole, whole) == 1.0
    assert dice(whole, half) == pytest.approx(2 * 1 / (2 + 1))
    assert dice(whole, box(slice(20, 25), slice(20, 25))) == 0.0
    assert dice(np.zeros_like(whole), np.zeros_like(whole)) == 1.0


@pytest.mark.parametrize(("axis", "shift", "expected"), [(1, 3, 6.0), (2, 3, 3.0), (0, 2, 10.0)])
def test_a_shifted_plate_is_as_far_as_it_was_moved(axis, shift, expected):
    plate = np.zeros((12, 40, 40), dtype=bool)
    index = [slice(3, 9), slice(10, 30), slice(10, 30)]
    index[axis] = slice(5, 6)
    plate[tuple(index)] = True
    assert hausdorff_95_mm(plate, np.roll(plate, shift, axis), SPACING) == pytest.approx(expected)


def test_a_few_far_voxels_do_not_count():
    whole = box(slice(5, 15), slice(5, 15))
    with_speck = whole.copy()
    with_speck[5, 27, 27] = True
    assert hausdorff_95_mm(whole, with_speck, SPACING) == 0.0


def test_empty_masks():
    whole = box(slice(5, 15), slice(5, 15))
    assert hausdorff_95_mm(np.zeros_like(whole), np.zeros_like(whole), SPACING) == 0.0
    assert hausdorff_95_mm(whole, np.zeros_like(whole), SPACING) == np.inf


def test_masks_of_other_shapes_are_refused():
    whole = box(slice(5, 15), slice(5, 15))
    with pytest.raises(SegmentationError, match="two masks of true and false of one shape"):
        dice(whole, whole[1:])
    with pytest.raises(SegmentationError, match="uint8"):
        hausdorff_95_mm(whole, whole.astype(np.uint8), SPACING)
