"""Run lengths and drawn regions: what goes in comes out, and what is wrong is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hccsurv_core.errors import InputError, SegmentationError
from hccsurv_core.roi.regions import NAME_LENGTH, Region, check_name, paint_region, region_of
from hccsurv_core.roi.runs import from_runs, to_runs
from hccsurv_core.volume import Volume

PLANES = arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 9)))
SHAPE = (5, 6, 7)
CUBES = arrays(bool, SHAPE)


def test_runs_begin_outside_of_the_mask():
    mask = np.array([[0, 1, 1], [1, 0, 0]], bool)
    assert to_runs(mask) == [1, 3, 2]
    assert to_runs(~mask) == [0, 1, 3, 2]
    assert to_runs(np.zeros((2, 3), bool)) == [6]
    assert to_runs(np.ones((2, 3), bool)) == [0, 6]


@given(PLANES)
def test_runs_come_back_as_the_mask(mask):
    np.testing.assert_array_equal(from_runs(to_runs(mask), mask.shape), mask)


@pytest.mark.parametrize(
    "runs", [[], [5], [7], [-1, 7], [3.0, 3], ["6"], [True, 5], [None], [0] * 500 + [6], [10**30]]
)
def test_runs_that_are_no_mask_are_refused(runs):
    with pytest.raises(InputError, match="do not describe 2×3 pixels"):
        from_runs(runs, (2, 3))


@given(CUBES)
def test_a_region_keeps_its_box_only_and_its_place(mask):
    region = region_of("r", "Lesion", mask)
    np.testing.assert_array_equal(region.whole(SHAPE), mask)
    assert region.n_voxels == mask.sum()
    for index in range(SHAPE[0]):
        np.testing.assert_array_equal(region.mask_at(index, SHAPE[1:]), mask[index])
    for axis in range(3):
        sides = tuple(a for a in range(3) if a != axis)
        assert not mask.any() or region.mask.any(axis=sides)[[0, -1]].all()


@settings(max_examples=60)
@given(CUBES, CUBES, CUBES)
def test_painting_is_adding_and_taking_away(mask, more, less):
    region = region_of("r", "Lesion", mask, method="grown from a click")
    painted = paint_region(region, SHAPE, dict(enumerate(more)), dict(enumerate(less)))
    np.testing.assert_array_equal(painted.whole(SHAPE), (mask | more) & ~less)
    assert (painted.id, painted.name, painted.method) == ("r", "Lesion", "grown from a click")
    np.testing.assert_array_equal(region.whole(SHAPE), mask)  # the one before is as it was


def test_painting_off_the_volume_is_refused():
    region = region_of("r", "Lesion", np.zeros(SHAPE, bool))
    with pytest.raises(SegmentationError, match="on slice 5 is not of a volume"):
        paint_region(region, SHAPE, {5: np.ones((6, 7), bool)}, {})
    with pytest.raises(SegmentationError, match=r"a mask of \(7, 6\) on slice 0"):
        paint_region(region, SHAPE, {}, {0: np.ones((7, 6), bool)})


def test_volume_and_density():
    voxels = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    volume = Volume(voxels, np.diag([0.5, 0.8, 2.5, 1.0]))
    mask = np.zeros(SHAPE, bool)
    mask[1:3, 2, 3:6] = True
    region = region_of("r", "Lesion", mask)
    assert region.volume_ml(volume) == pytest.approx(6 * 0.5 * 0.8 * 2.5 / 1000)
    assert region.mean_hu(volume) == pytest.approx(voxels[mask].mean())
    empty = Region("e", "Empty", np.zeros((0, 0, 0), bool))
    assert empty.volume_ml(volume) == 0 and empty.mean_hu(volume) is None


def test_names():
    assert check_name("  Segment \t 8\n", {"a": "Segment 5"}) == "Segment 8"
    with pytest.raises(SegmentationError, match="called 'segment 5' already"):
        check_name("segment 5", {"a": "Segment 5"})
    for name in ("", " \n ", "x" * (NAME_LENGTH + 1)):
        with pytest.raises(SegmentationError, match=f"1 to {NAME_LENGTH} characters"):
            check_name(name, {})
