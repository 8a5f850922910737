"""A moved line against geometry on paper: discs, bands, fat, holes, bone, and what never changes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.roi.moved_outline import draw_outline

MUSCLE, FAT, BONE = 50, -100, 700
REACH_MM = 1.0


def disc(radius_mm: float, pixel_mm=(0.8, 0.8), *, half_mm: float = 28.0, off=(0.13, -0.21)):
    """Distance from the middle of a disc, and the disc."""
    rows, columns = (int(2 * half_mm / mm) for mm in pixel_mm)
    y = (np.arange(rows) - rows / 2 + off[0])[:, None] * pixel_mm[0]
    x = (np.arange(columns) - columns / 2 + off[1])[None, :] * pixel_mm[1]
    radius = np.hypot(y, x)
    return radius, radius <= radius_mm


def drawn(mask, image, pixel_mm=(0.8, 0.8), **more):
    return draw_outline(mask, image.astype(np.int16), pixel_mm, reach_mm=REACH_MM, **more)


@pytest.mark.parametrize("radius_mm", [12.0, 20.0])
@pytest.mark.parametrize("pixel_mm", [(0.6, 0.6), (0.9, 0.9), (0.7, 0.9)])
@pytest.mark.parametrize("by_mm", [-1.0, -0.5, -0.25, 0.25, 0.5, 1.0])
def test_a_disc_grows_by_its_rim(radius_mm, pixel_mm, by_mm):
    """By 2πrd + πd² in its own tissue (Steiner's formula), to 4 % for a fraction of a pixel."""
    _, mask = disc(radius_mm, pixel_mm)
    line = drawn(mask, np.full(mask.shape, MUSCLE), pixel_mm)
    area = line.widened(by_mm).pixels * pixel_mm[0] * pixel_mm[1]
    assert area == pytest.approx(2 * np.pi * radius_mm * by_mm + np.pi * by_mm**2, rel=0.04)


@pytest.mark.parametrize("by_mm", [0.2, 0.5, 1.0])
def test_a_straight_band_grows_on_both_sides(by_mm):
    image = np.full((60, 200), MUSCLE)
    mask = np.zeros(image.shape, bool)
    mask[20:40] = True  # from one edge of the picture to the other, where nothing ends
    line = drawn(mask, image)
    assert line.widened(by_mm).pixels * 0.8 == pytest.approx(2 * by_mm * 200, rel=0.01)
    assert line.widened(-by_mm).pixels * 0.8 == pytest.approx(-2 * by_mm * 200, rel=0.01)


def test_nothing_moved_is_nothing_changed():
    radius, mask = disc(15)
    line = drawn(mask, np.where(radius < 20, MUSCLE, FAT))
    for change in (line.widened(0.0), line.shifted(0.0, 0.0)):
        assert (change.pixels, change.sum_hu) == (0.0, 0.0)


def test_a_line_drawn_wide_in_fat_takes_in_nothing_and_a_narrow_one_loses_muscle():
    _, mask = disc(15)
    line = drawn(mask, np.where(mask, MUSCLE, FAT))
    assert line.widened(1.0).pixels == 0.0
    lost = line.widened(-1.0)
    assert lost.pixels * 0.64 == pytest.approx(-np.pi * (15**2 - 14**2), rel=0.04)
    assert lost.sum_hu == pytest.approx(MUSCLE * lost.pixels)


def test_what_is_gained_has_its_own_attenuation():
    _, mask = disc(15)
    gained = drawn(mask, np.where(mask, 60, 20)).widened(0.5)
    assert gained.sum_hu == pytest.approx(20 * gained.pixels)


def test_a_shift_in_its_own_tissue_changes_nothing_and_in_fat_loses_a_crescent():
    _, mask = disc(15)
    for down, right in ((1.0, 0.0), (0.0, -1.0), (0.6, 0.8)):
        same = drawn(mask, np.full(mask.shape, MUSCLE)).shifted(down, right)
        assert same.pixels == pytest.approx(0.0, abs=1.0)
        lost = drawn(mask, np.where(mask, MUSCLE, FAT)).shifted(down, right)
        # A disc and the same disc 1 mm aside: the crescent is 2r wide and 1 mm thick.
        assert lost.pixels * 0.64 == pytest.approx(-30, rel=0.03)


def test_a_shift_goes_where_it_says():
    """Muscle below and to the right of the disc, fat elsewhere."""
    image = np.full((80, 80), FAT)
    image[40:, 40:] = MUSCLE
    y, x = np.mgrid[:80, :80]
    mask = np.hypot(y - 40.2, x - 40.2) <= 15
    line = drawn(mask, np.where(mask, MUSCLE, image), (1.0, 1.0))
    towards, away = line.shifted(0.7, 0.7).pixels, line.shifted(-0.7, -0.7).pixels
    assert towards > away + 10


def test_streaks_of_fat_inside_the_line_lose_nothing_of_their_own():
    """A fifth of the muscle is fat in streaks; moving the line inwards costs its rim only."""
    radius, whole = disc(18)
    columns = np.arange(whole.shape[1])
    streaks = whole & (columns % 5 == 0)[None, :] & (radius < 14)
    image = np.where(streaks, FAT, MUSCLE)
    lost = drawn(whole & ~streaks, image).widened(-0.5).pixels * 0.64
    assert lost == pytest.approx(-np.pi * (18**2 - 17.5**2), rel=0.04)
    gained = drawn(whole & ~streaks, image).widened(0.5).pixels * 0.64
    assert gained == pytest.approx(np.pi * (18.5**2 - 18**2), rel=0.04)


def test_pixels_of_muscle_attenuation_that_were_left_out_inside_stay_out():
    radius, whole = disc(18)
    hole = radius < 2.0
    image = np.full(whole.shape, MUSCLE)
    with_hole = drawn(whole & ~hole, image).widened(1.0).pixels
    assert with_hole == pytest.approx(drawn(whole, image).widened(1.0).pixels)


def test_bone_its_marrow_and_its_blurred_rim_are_never_gained():
    radius, mask = disc(10)
    rng = np.random.default_rng(4)
    image = np.where(mask, MUSCLE + rng.normal(0, 8, mask.shape), 60.0)
    image[(radius > 10) & (radius <= 10.8)] = 140  # half bone, half muscle
    image[(radius > 10.8) & (radius <= 14)] = BONE
    assert drawn(mask, image).widened(1.0).pixels == 0.0


def test_an_enhanced_organ_is_plain_to_see_and_an_unenhanced_one_is_not():
    _, mask = disc(12)
    noise = np.random.default_rng(5).normal(0, 8, mask.shape)
    bright = np.where(mask, MUSCLE, 140) + noise * mask
    alike = np.where(mask, MUSCLE, 55) + noise * mask
    far = drawn(mask, alike).widened(1.0).pixels * 0.64
    assert far == pytest.approx(np.pi * (13**2 - 12**2), rel=0.04)
    # One smoothed pixel on the border itself is half muscle: no more than that.
    assert drawn(mask, bright).widened(1.0).pixels * 0.64 < 0.35 * far


def test_the_other_psoas_is_never_gained():
    _, mask = disc(12)
    image = np.full(mask.shape, MUSCLE)
    assert drawn(mask, image, closed_to=~mask).widened(1.0).pixels == 0.0


def test_no_pixels_have_no_line():
    assert drawn(np.zeros((20, 20), bool), np.full((20, 20), MUSCLE)) is None


def test_a_single_pixel_has_nothing_to_be_moved():
    mask = np.zeros((20, 20), bool)
    mask[10, 10] = True
    change = drawn(mask, np.full((20, 20), MUSCLE)).widened(1.0)
    assert change.pixels == 0.0


def test_a_mask_that_fills_the_picture_does_not_move():
    mask = np.ones((30, 30), bool)
    line = drawn(mask, np.full((30, 30), MUSCLE))
    assert line.widened(-1.0).pixels == line.widened(1.0).pixels == 0.0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_wider_line_never_encloses_less(seed):
    """Blobs of any shape in tissue of any kind."""
    from scipy import ndimage as ndi

    rng = np.random.default_rng(seed)
    blob = ndi.gaussian_filter(rng.normal(size=(64, 72)), 3.0)
    image = 40 + 900 * ndi.gaussian_filter(rng.normal(size=blob.shape), 1.5)
    mask = (blob > np.quantile(blob, 0.7)) & (image >= -29) & (image <= 150)
    line = drawn(mask, image)
    if line is None:
        return
    pixels = [line.widened(mm).pixels for mm in (-1.0, -0.7, -0.3, -0.1, 0.0, 0.1, 0.3, 0.7, 1.0)]
    assert all(b >= a - 1e-9 for a, b in pairwise(pixels))
    assert pixels[0] >= -mask.sum() * 1.02
