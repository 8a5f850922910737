"""Growing and shrinking by millimeters on grids with unequal steps."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.roi.solid_morphology import (
    box_about,
    closed,
    distance_mm,
    grown,
    labeled,
    largest,
    opened,
    shrunk,
    without_holes,
)

STEP = (5.0, 2.0, 2.0)


def ball(radius_mm: float, shape=(21, 51, 51)) -> np.ndarray:
    axes = [(np.arange(n) - n // 2) * s for n, s in zip(shape, STEP, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return z * z + y * y + x * x <= radius_mm**2


def test_a_point_grows_to_a_ball_in_millimeters():
    np.testing.assert_array_equal(grown(ball(0.5), 20.0, STEP), ball(20.0))


def test_shrinking_leaves_what_lies_deeper():
    core = shrunk(ball(30.0), 12.0, STEP)
    assert core.any()
    assert not (core & ~ball(30.0 - 12.0 + 2.0)).any()
    assert (core | ~ball(30.0 - 12.0 - 5.0)).all()


def test_a_mask_goes_on_beyond_the_grid():
    full = np.ones((4, 10, 10), dtype=bool)
    assert shrunk(full, 50.0, STEP).all()
    assert closed(full, 50.0, STEP).all()


def test_opening_cuts_bridges_and_closing_fills_gaps():
    two = np.zeros((21, 61, 61), dtype=bool)
    two[5:16, 20:40, 5:25] = two[5:16, 20:40, 35:55] = True
    joined = two.copy()
    joined[10, 30, 25:35] = True
    parted = opened(joined, 4.0, STEP)
    assert not parted[10, 30, 30]
    assert len(labeled(parted)[1]) == 3
    slit = two.copy()
    slit[:, :, 14] = False
    assert closed(slit, 4.0, STEP)[8:13, 25:35, 14].all()


def test_empty_masks_stay_empty():
    empty = np.zeros((5, 8, 8), dtype=bool)
    for change in (grown, shrunk, opened, closed):
        assert not change(empty, 10.0, STEP).any()
    assert not largest(empty).any()
    assert np.isinf(distance_mm(empty, STEP)).all()
    assert empty[box_about(empty, 10.0, STEP)].size == 1


def test_holes_open_along_one_axis_are_filled_on_the_slices_of_it():
    tunnel = np.ones((9, 20, 20), dtype=bool)
    tunnel[:, 8:12, 8:12] = False
    tunnel[:, [0, -1]] = tunnel[:, :, [0, -1]] = False
    assert without_holes(tunnel)[:, 8:12, 8:12].all()
    assert not without_holes(tunnel)[:, 0].any()


@pytest.mark.parametrize("margin", [0.0, 4.0, 1000.0])
def test_the_box_holds_the_mask_and_stays_in_the_grid(margin):
    mask = ball(15.0)
    box = box_about(mask, margin, STEP)
    assert mask[box].sum() == mask.sum()
    assert all(s.start >= 0 for s in box)
