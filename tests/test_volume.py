"""Grids: invariants of orientation, spacing and position, and every refusal."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import GeometryError, GeometryMismatchError
from hccsurv_core.volume import LabelMap, Volume, check_same_geometry

SPACING = (3.0, 0.8, 0.7)


def a_volume(shape=(4, 5, 6)) -> Volume:
    affine = np.diag([SPACING[2], SPACING[1], SPACING[0], 1.0])
    affine[:3, 3] = (-12.0, 30.0, -400.0)
    return Volume(np.arange(np.prod(shape), dtype=np.int16).reshape(shape), affine)


def reoriented(volume: Volume, order, flips) -> Volume:
    """The same voxels at the same places, stored along other axes."""
    voxels = np.transpose(volume.voxels, order)
    # The affine's columns are (i, j, k), the array's axes (k, j, i).
    columns = volume.affine[:3, :3][:, ::-1][:, order]
    origin = volume.affine[:3, 3].copy()
    for axis, flip in enumerate(flips):
        if flip:
            voxels = np.flip(voxels, axis)
            origin += columns[:, axis] * (voxels.shape[axis] - 1)
            columns[:, axis] *= -1
    affine = np.eye(4)
    affine[:3, :3] = columns[:, ::-1]
    affine[:3, 3] = origin
    return Volume(voxels, affine)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", list(itertools.product((False, True), repeat=3)))
def test_canonical_form_does_not_depend_on_how_the_axes_are_stored(order, flips):
    volume = a_volume()
    again = reoriented(volume, order, flips).to_canonical()
    np.testing.assert_array_equal(again.voxels, volume.voxels)
    np.testing.assert_allclose(again.affine, volume.affine)
    assert again.is_canonical
    assert again.spacing_mm == pytest.approx(SPACING)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", list(itertools.product((False, True), repeat=3)))
def test_a_grid_can_be_stored_along_the_axes_of_another(order, flips):
    stored = reoriented(a_volume(), order, flips)
    again = a_volume().to_axes(stored.axes)
    np.testing.assert_array_equal(again.voxels, stored.voxels)
    check_same_geometry(again, stored)


@pytest.mark.parametrize("axes", ["", "LP", "LLS", "LPX", "LPSS"])
def test_a_name_that_is_no_three_axes_is_refused(axes):
    with pytest.raises(GeometryError, match="does not name three axes"):
        a_volume().to_axes(axes)


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=3))
def test_world_and_index_are_inverse(index):
    volume = a_volume()
    back = volume.world_to_index(volume.index_to_world(np.array(index)))
    np.testing.assert_allclose(back, index, atol=1e-9)


def test_units_of_spacing_area_volume_and_position():
    volume = a_volume()
    assert volume.spacing_mm == pytest.approx(SPACING)
    assert volume.pixel_area_cm2 == pytest.approx(0.8 * 0.7 / 100)
    assert volume.voxel_volume_ml == pytest.approx(3 * 0.8 * 0.7 / 1000)
    assert volume.slice_position_mm(2) == pytest.approx(-400 + 2 * 3.0)


def test_oblique_stays_oblique_and_says_by_how_much():
    angle = np.radians(10)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    volume = Volume(a_volume().voxels, turn @ a_volume().affine)
    assert volume.to_canonical().obliquity_deg() == pytest.approx(10)
    assert a_volume().obliquity_deg() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("voxels", "affine", "message"),
    [
        (np.zeros((3, 3)), np.eye(4), "3 axes .* got 2"),
        (np.zeros((0, 3, 3)), np.eye(4), "voxels are empty"),
        (np.zeros((2, 2, 2)), np.eye(3), "the affine must be 4×4"),
        (np.zeros((2, 2, 2)), np.diag([1, 1, 0, 1.0]), "the affine is singular"),
        (np.zeros((2, 2, 2)), np.diag([1, np.nan, 1, 1.0]), "not finite"),
    ],
)
def test_unusable_grids_are_refused(voxels, affine, message):
    with pytest.raises(GeometryError, match=message):
        Volume(voxels, affine)


def test_labels_must_be_integers_and_are_found_by_name():
    with pytest.raises(GeometryError, match="labels must be integers"):
        LabelMap(np.zeros((1, 1, 1)), np.eye(4))
    labels = LabelMap(np.array([[[0, 2, 2]]], np.uint8), np.eye(4), {2: "psoas_left"})
    assert labels.mask("psoas_left").sum() == 2
    with pytest.raises(KeyError):
        labels.mask("psoas_right")


def test_grids_that_do_not_coincide_are_both_named():
    volume = a_volume()
    check_same_geometry(volume, LabelMap(np.zeros(volume.shape, np.uint8), volume.affine))
    moved = volume.affine.copy()
    moved[0, 3] += 0.5
    with pytest.raises(
        GeometryMismatchError, match=r"6×5×4 voxels of 0.7×0.8×3 mm at \(-12.0.* and .*\(-11.5"
    ):
        check_same_geometry(volume, Volume(volume.voxels, moved))
    with pytest.raises(GeometryMismatchError, match="export the mask on the grid"):
        check_same_geometry(volume, a_volume((4, 5, 7)))
