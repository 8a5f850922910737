"""Crops show the lesion where it is, as large as it is, in both phases, and say so where they cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import GeometryError, InputError
from hccsurv_core.imaging.lesion_crop_settings import crop_settings_from_json
from hccsurv_core.imaging.lesion_crops import (
    CHANNELS,
    CropSettings,
    LesionCrops,
    LesionPhase,
    crop_lesion,
)
from hccsurv_core.imaging.windows import IntensityWindow
from hccsurv_core.volume import Volume

SMALL = CropSettings(pixels=64, mm_per_pixel=1.5, margin_mm=5.0)


def phase(
    middle_mm=(0.0, 0.0, 0.0),
    radius_mm=15.0,
    spacing_mm=(5.0, 1.2, 1.2),
    shape=(13, 90, 100),
    lesion_hu=120.0,
    origin_z=0.0,
    noise=4.0,
) -> LesionPhase:
    """A ball of a lesion in a liver of 80 HU, in a body of 40 HU, in air; world 0 is the middle."""
    steps = np.array(spacing_mm)
    first = -(np.array(shape) - 1) / 2 * steps + (origin_z, 0, 0)
    k, j, i = (
        a * s + f for a, s, f in zip(np.indices(shape, sparse=True), steps, first, strict=True)
    )
    apart = np.sqrt((k - middle_mm[0]) ** 2 + (j - middle_mm[1]) ** 2 + (i - middle_mm[2]) ** 2)
    lesion, liver = apart <= radius_mm, (np.abs(j) < 35) & (np.abs(i) < 40) & (apart > -1)
    hu = np.full(shape, -1000.0)
    hu[np.broadcast_to((np.abs(j) < 48) & (np.abs(i) < 52), shape)] = 40.0
    hu[liver], hu[lesion] = 80.0, lesion_hu
    hu += noise * np.random.default_rng(0).normal(size=shape)
    affine = np.diag([steps[2], steps[1], steps[0], 1.0])
    affine[:3, 3] = first[::-1]
    return LesionPhase(Volume(hu.astype(np.float32), affine), lesion, liver)


def crops(chosen: CropSettings = SMALL, portal: LesionPhase | None = None) -> LesionCrops:
    return crop_lesion(phase(), portal or phase(lesion_hu=60.0), chosen)


@pytest.mark.parametrize("pixel_mm", [(1.2, 1.2), (0.7, 0.7), (0.9, 1.7)])
def test_a_lesion_covers_as_many_millimeters_in_the_crop_as_in_the_scan(pixel_mm):
    shape = (13, round(108 / pixel_mm[0]), round(120 / pixel_mm[1]))
    for radius in (8.0, 15.0, 22.0):
        made = phase(radius_mm=radius, spacing_mm=(5.0, *pixel_mm), shape=shape)
        found = crop_lesion(made, made, SMALL)
        rows, columns = (found.lesion[0].any(axis).sum() * 1.5 for axis in (1, 0))
        assert (rows, columns) == pytest.approx((2 * radius, 2 * radius), abs=2.5)
        area_mm2 = found.lesion[0].sum() * found.mm_per_pixel**2
        assert found.mm_per_pixel == 1.5
        assert area_mm2 == pytest.approx(np.pi * radius**2, rel=0.08)


def test_the_first_slice_is_the_one_of_largest_area_and_others_lie_above_and_below():
    found = crops(replace(SMALL, n_slices=3, slice_step_mm=5.0))
    assert found.places["arterial"].slices == (6, 7, 5)
    assert found.images.shape == (3, 3, 64, 64)
    assert found.images.dtype == np.float32
    areas = found.lesion.sum((1, 2))
    assert areas[0] > areas[1] == pytest.approx(areas[2], abs=6)
    assert found.notes == ()


def test_every_channel_is_what_its_name_says():
    found = crops(replace(SMALL, channels=("mask", "portal", "difference", "arterial")))
    assert set(found.channels) == set(CHANNELS)
    image = dict(zip(found.channels, found.images[0], strict=True))
    lesion = found.lesion[0]
    deep = np.hypot(*np.indices(lesion.shape) - 31.5) < 6
    far = found.liver[0] & (np.hypot(*np.indices(lesion.shape) - 31.5) > 14)
    assert np.all(image["mask"][deep] == 1)
    assert np.all(image["mask"][far] == 0)
    for name, hu in (("arterial", 120), ("portal", 60)):
        mean, spread = found.scaling[name]
        assert mean + spread * image[name][deep].mean() == pytest.approx(hu, abs=2)
        assert mean + spread * image[name][far].mean() == pytest.approx(80, abs=1)
    # In the portal venous phase the lesion has lost 60 HU, the liver nothing.
    assert image["difference"][deep].mean() < -2
    assert abs(image["difference"][far].mean()) < 0.8


def test_soft_tissue_has_mean_0_and_spread_1_and_air_and_bone_end_at_the_window():
    bright = phase()
    bright.volume.voxels[:, :5] = 3000.0
    found = crop_lesion(bright, phase(), replace(SMALL, mm_per_pixel=2.5))
    window = SMALL.window
    for k, name in enumerate(("arterial", "portal")):
        mean, spread = found.scaling[name]
        hu = found.images[0, k] * spread + mean
        assert hu.min() == pytest.approx(window.low_hu, abs=1e-3)
        assert hu.max() <= window.high_hu + 1e-3
    inside = found.images[0, 0][found.tissue[0]]
    assert inside.mean() == pytest.approx(0, abs=1e-4)
    assert inside.std() == pytest.approx(1, abs=1e-4)
    assert found.images[0, 0].max() == pytest.approx(
        (window.high_hu - found.scaling["arterial"][0]) / found.scaling["arterial"][1], rel=1e-4
    )


@settings(max_examples=15, deadline=None)
@given(
    st.tuples(st.integers(-3, 3), st.integers(-8, 8), st.integers(-8, 8)),
    st.floats(-500, 500),
)
def test_phases_shifted_against_each_other_show_the_same(voxels, table_mm):
    """Breathing moves the lesion, the table both; neither is to be seen in the crop."""
    moved = tuple(v * s for v, s in zip(voxels, (5.0, 1.2, 1.2), strict=True))
    still = crop_lesion(phase(origin_z=table_mm, middle_mm=(table_mm, 0, 0)),
                        phase(origin_z=table_mm, middle_mm=(table_mm, 0, 0)), SMALL)  # fmt: skip
    found = crop_lesion(
        phase(origin_z=table_mm, middle_mm=(table_mm, 0, 0)),
        phase(origin_z=table_mm, middle_mm=(table_mm + moved[0], *moved[1:])), SMALL,
    )  # fmt: skip
    assert found.shift_mm == pytest.approx(moved[0])
    assert found.places["portal"].slices[0] - found.places["arterial"].slices[0] == voxels[0]
    np.testing.assert_array_equal(found.lesion, still.lesion)
    inner = np.s_[0, 1, 24:40, 24:40]
    means = [
        c.images[inner] * c.scaling["portal"][1] + c.scaling["portal"][0] for c in (found, still)
    ]
    np.testing.assert_allclose(means[0].mean(), means[1].mean(), atol=2.0)


def test_another_slice_thickness_in_the_second_phase_finds_the_same_level():
    thin = phase(spacing_mm=(1.25, 0.8, 0.8), shape=(49, 130, 150), middle_mm=(5.0, 6.0, -4.0))
    found = crop_lesion(phase(), thin, SMALL)
    assert found.shift_mm == pytest.approx(5.0, abs=1.3)
    assert abs(found.places["portal"].slices[0] - 28) <= 1
    assert found.lesion[0].sum() * 1.5**2 == pytest.approx(np.pi * 15**2, rel=0.08)


def test_an_end_slice_more_is_no_displacement():
    drawn = phase()
    longer = drawn.lesion.copy()
    longer[10] = longer[9]
    found = crop_lesion(drawn, replace(phase(), lesion=longer), SMALL)
    assert found.shift_mm == 0


def test_a_lesion_cut_off_by_the_scans_end_stays_where_it_is():
    whole, short = phase(), phase()
    part = LesionPhase(Volume(short.volume.voxels[:7], short.volume.affine), short.lesion[:7])
    assert crop_lesion(whole, part, SMALL).shift_mm == 0


def test_thin_slices_are_averaged_to_the_wanted_thickness():
    made = phase(spacing_mm=(1.0, 1.2, 1.2), shape=(61, 90, 100), noise=20.0)
    flat = {}
    for thickness in (0.0, 4.0):
        found = crop_lesion(made, made, replace(SMALL, thickness_mm=thickness))
        mean, spread = found.scaling["arterial"]
        hu = found.images[0, 0] * spread + mean
        flat[thickness] = hu[found.liver[0] & ~found.lesion[0]].std()
    # Weights ¼, ½, ¾, 1, ¾, ½, ¼ of a sum of 4: their squares add up to 2.75 / 16.
    assert flat[4.0] / flat[0.0] == pytest.approx((2.75 / 16) ** 0.5, rel=0.05)


def test_a_lesion_that_does_not_fit_is_shown_smaller_and_that_is_told():
    found = crop_lesion(
        phase(radius_mm=30.0), phase(radius_mm=30.0), replace(SMALL, mm_per_pixel=1.0)
    )
    assert found.zoomed_out
    assert found.mm_per_pixel == pytest.approx(2 * (30 + 5) / 64, rel=0.04)
    rows = np.flatnonzero(found.lesion[0].any(1))
    assert rows[0] * found.mm_per_pixel == pytest.approx(5.0, abs=1.5)
    assert "do not fit into 64 pixels of 1 mm" in found.notes[0]


def test_without_a_fixed_scale_every_lesion_fills_its_crop():
    for radius in (10.0, 25.0):
        found = crop_lesion(
            phase(radius_mm=radius), phase(radius_mm=radius), replace(SMALL, mm_per_pixel=None)
        )
        assert not found.zoomed_out
        assert found.mm_per_pixel == pytest.approx(2 * (radius + 5) / 64, rel=0.06)


def test_fewer_slices_than_asked_for_are_told():
    found = crops(replace(SMALL, n_slices=9))
    assert len(found.places["arterial"].slices) == 9
    assert found.notes == (
        "the lesion is on fewer slices than asked for; some count more than once",
    )


def test_outlines_far_apart_along_the_body_are_pointed_at():
    low = phase(middle_mm=(-22.0, 0, 0), radius_mm=8.0)
    high = phase(middle_mm=(22.0, 0, 0), radius_mm=8.0)
    found = crop_lesion(low, high, SMALL)
    assert found.shift_mm == pytest.approx(45, abs=5)
    assert "mm apart along the body: check that they are of one lesion" in found.notes[-1]


@settings(max_examples=10, deadline=None)
@given(st.floats(0.7, 2.0), st.integers(-12, 12), st.integers(-12, 12))
def test_values_go_back_to_the_scans_own_pixels(spacing, row, column):
    made = phase(
        spacing_mm=(5.0, spacing, spacing), middle_mm=(0.0, row * spacing, column * spacing)
    )
    found = crop_lesion(made, made, SMALL)
    place = found.places["arterial"]
    mask = found.images[0, 2]
    back = found.to_scan(mask, "arterial")
    drawn = made.lesion[place.slices[0]]
    assert back.shape == drawn.shape
    wrong = (back >= 0.5) != drawn
    assert wrong.sum() <= 0.1 * drawn.sum()
    # Outside the crop there is nothing.
    j, i = np.indices(drawn.shape)
    outside = np.abs(np.stack([j - place.middle[0], i - place.middle[1]])).max(0) * spacing > 49
    assert np.all(back[outside] == 0)


def test_a_crop_beyond_the_edge_of_the_scan_is_filled_with_the_windows_low_end():
    made = phase(middle_mm=(0.0, 0.0, 30.0), shape=(13, 90, 70))
    found = crop_lesion(made, made, SMALL)
    mean, spread = found.scaling["arterial"]
    right = found.images[0, 0, :, -8:] * spread + mean
    np.testing.assert_allclose(right, SMALL.window.low_hu, atol=1e-3)
    assert not found.tissue[0, :, -8:].any()
    assert found.images[0, 2].sum() == pytest.approx(np.pi * 15**2 / 1.5**2, rel=0.1)


def test_the_liver_is_known_only_where_both_phases_have_it():
    assert crops().liver is not None
    assert crop_lesion(phase(), replace(phase(), liver=None), SMALL).liver is None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda p: (None, p), InputError, "arterial phase: is missing; .* both phases"),
        (lambda p: (p, None), InputError, "portal venous phase: is missing; .* both phases"),
        (
            lambda p: (p, replace(p, lesion=np.zeros_like(p.lesion))),
            InputError,
            "portal venous phase: the lesion is not outlined",
        ),
        (
            lambda p: (p, replace(p, lesion=p.lesion[:5])),
            GeometryError,
            r"the outline of the lesion has shape \(5, 90, 100\)",
        ),
        (
            lambda p: (replace(p, liver=p.lesion[:5]), p),
            GeometryError,
            "arterial phase: the outline of the liver has shape",
        ),
        (
            lambda p: (p, phase(radius_mm=5.0)),
            InputError,
            "measures 7.0 cm² in the arterial phase and 0.7 cm² in the portal venous",
        ),
        (
            lambda p: (replace(p, volume=p.volume.to_axes("RPS")), p),
            GeometryError,
            "arterial phase: the volume is not in canonical orientation",
        ),
        (
            lambda p: (replace(p, volume=Volume(p.volume.voxels * 0 - 1000, p.volume.affine)), p),
            InputError,
            "no soft tissue between -50 and 200 HU",
        ),
    ],
)
def test_what_cannot_be_cropped_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        crop_lesion(*change(phase()), SMALL)


def test_values_of_another_size_or_phase_do_not_go_back():
    found = crops()
    with pytest.raises(InputError, match="not on the crop's 64×64 pixels"):
        found.to_scan(np.zeros((32, 32)))
    with pytest.raises(InputError, match="no phase is called 'delayed'; use arterial or portal"):
        found.to_scan(np.zeros((64, 64)), "delayed")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pixels": 4}, "8 to 1024 pixels"),
        ({"n_slices": 0}, "1 to 64 slices"),
        ({"mm_per_pixel": -1.0}, "are positive, in mm"),
        ({"slice_step_mm": float("nan")}, "are positive, in mm"),
        ({"margin_mm": -1.0}, "0 mm or more"),
        ({"channels": ("arterial", "delayed")}, "no channel is called 'delayed'; use arterial"),
        ({"channels": ("mask", "mask")}, "each channel comes once"),
        ({"channels": ()}, "each channel comes once"),
    ],
)
def test_settings_that_cannot_be_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        CropSettings(**values)


def test_settings_come_back_from_json():
    made = CropSettings(pixels=96, mm_per_pixel=None, window=IntensityWindow(60, 200), n_slices=5)
    assert crop_settings_from_json(made.to_json()) == made
    with pytest.raises(InputError, match="crop settings: cannot be read"):
        crop_settings_from_json({"pixels": 3})
