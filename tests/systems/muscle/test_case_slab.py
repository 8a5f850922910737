"""From a scan to the slab a model knows: the same tissue, slices of about 5 mm, or a refusal."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.errors import GeometryError, InputError
from hccsurv_core.systems.muscle.case_slab import slab_from_scan
from hccsurv_core.volume import Volume


def scan(n_slices, slice_mm, seed=0):
    """A body of noise with muscle in columns 4 to 12, psoas in 8 to 12."""
    voxels = np.random.default_rng(seed).normal(40, 20, (n_slices, 16, 16)).astype(np.int16)
    volume = Volume(voxels, np.diag([0.8, 0.8, slice_mm, 1.0]))
    muscle = np.zeros(voxels.shape, bool)
    muscle[:, 2:14, 4:12] = True
    psoas = np.zeros_like(muscle)
    psoas[:, 4:8, 8:12] = True
    return volume, {"muscle": muscle, "psoas": psoas}


@pytest.mark.parametrize("slice_mm", [4.0, 5.0])
def test_a_training_slab_stays_as_it_is(slice_mm):
    volume, masks = scan(5, slice_mm)
    slab = slab_from_scan(volume, masks, slice_index=2)
    assert np.array_equal(slab.volume.voxels, volume.voxels)
    assert np.array_equal(slab.volume.affine, volume.affine)
    inside = (volume.voxels >= -29) & (volume.voxels <= 150)
    assert np.array_equal(slab.muscle, masks["muscle"] & inside)
    assert np.array_equal(slab.psoas, masks["psoas"] & inside)


def test_thin_slices_become_the_mean_of_five_millimeters():
    volume, masks = scan(61, 1.0)
    slab = slab_from_scan(volume, masks, slice_index=30, contrast=True)
    assert slab.volume.shape == (5, 16, 16)
    assert slab.volume.spacing_mm == pytest.approx((5.0, 0.8, 0.8))
    assert slab.volume.slice_position_mm(2) == pytest.approx(volume.slice_position_mm(30))
    for k in range(5):
        mean = volume.voxels[18 + 5 * k : 23 + 5 * k].mean(axis=0)
        assert np.abs(slab.volume.voxels[k] - mean).max() <= 0.5
    assert slab.contrast is True


def test_slices_of_three_millimeters_are_weighted_by_their_share():
    volume, masks = scan(21, 3.0)
    slab = slab_from_scan(volume, masks, slice_index=10)
    assert slab.volume.spacing_mm[0] == pytest.approx(5.0)
    # 5 mm about slice 10: all of it, and 1 mm of the slice on either side.
    expected = (3 * volume.voxels[10].astype(float) + volume.voxels[9] + volume.voxels[11]) / 5
    assert np.abs(slab.volume.voxels[2] - expected).max() <= 0.5


def test_a_pixel_is_muscle_where_most_of_the_height_is_and_its_value_is_muscle():
    volume, masks = scan(25, 1.0)
    voxels = np.full(volume.shape, 40, np.int16)
    masks["muscle"][10:12, 5, 5] = False  # two of five
    masks["muscle"][10:13, 6, 5] = False  # three of five
    voxels[10:15, 7, 5] = (150, 150, 150, 150, 175)  # the mean is 155
    slab = slab_from_scan(Volume(voxels, volume.affine), masks, slice_index=12)
    assert slab.muscle[2, 5, 5] and not slab.muscle[2, 6, 5] and not slab.muscle[2, 7, 5]


def test_masks_may_begin_anywhere_and_end_early():
    volume, masks = scan(80, 1.0)
    part = {name: mask[30:51] for name, mask in masks.items()}  # 21 mm
    part["psoas_left"], part["psoas_right"] = part["psoas"], np.zeros_like(part.pop("psoas"))
    slab = slab_from_scan(volume, part, slice_index=40, first_slice=30)
    assert len(slab.muscle) in (4, 5)
    places = [slab.volume.slice_position_mm(k) for k in range(len(slab.muscle))]
    assert min(abs(p - 40.0) for p in places) < 1e-9
    # A level at the upper end: the slab lies below it.
    low = slab_from_scan(volume, part, slice_index=48, first_slice=30)
    assert low.volume.slice_position_mm(len(low.muscle) - 1) == pytest.approx(48.0)
    # Who reads the prediction is told, and only then.
    assert slab.warnings == ()
    assert low.warnings == (
        "The slab's middle lies 8 mm below the measured slice, because the outline ends too soon above it; "
        "outline muscle and psoas 12.5 mm to each side",
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: {k: v[18:23] for k, v in m.items()}, "the outline covers 5 mm about the level"),
        (lambda m: {"muscle": m["muscle"]}, "muscle or psoas is not outlined"),
        (
            lambda m: {"muscle": m["muscle"], "psoas": np.zeros_like(m["psoas"])},
            "not outlined on slice 20, the measured one",
        ),
    ],
)
def test_an_outline_that_is_not_enough_is_refused_with_what_to_do(change, words):
    volume, masks = scan(41, 1.0)
    given = change(masks)
    first = 18 if len(given["muscle"]) == 5 else 0
    with pytest.raises(InputError, match=words) as caught:
        slab_from_scan(volume, given, slice_index=20, first_slice=first)
    assert caught.value.source == "outline" and caught.value.remedy


def test_masks_off_the_grid_are_refused():
    volume, masks = scan(30, 1.0)
    with pytest.raises(GeometryError, match="do not fit"):
        slab_from_scan(volume, masks, slice_index=10, first_slice=1)
