"""Crops of a still: where they lie, at which scale, what is averaged, what fills the corners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from still_phantom import phantom

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.ultrasound_crops import (
    FILL_DB,
    UNIT_DB,
    WINDOW_DB,
    StillCropSettings,
    crop_still,
    still_crop_settings_from_json,
    window_still,
)

STILL = phantom()
PLAIN = StillCropSettings(160, 0.4, 8.0)
MASKED = replace(PLAIN, channels=("decibels", "mask"))


def with_lesion(still, row, column, radius):
    y, x = np.indices(still.levels.shape)
    return replace(still, lesion=np.hypot(y - row, x - column) <= radius)


# -- place and scale ---------------------------------------------------------------------------
def test_a_crop_is_a_fixed_size_about_the_middle_of_the_outline():
    crop = crop_still(STILL, MASKED)
    assert crop.image.shape == (2, 160, 160)
    assert crop.image.dtype == np.float32
    assert (crop.mm_per_pixel, crop.zoomed_out, crop.notes) == (0.4, False, ())
    rows, columns = np.nonzero(crop.lesion)
    assert rows.mean() == pytest.approx(79.5, abs=0.2)
    assert columns.mean() == pytest.approx(79.5, abs=0.2)
    # A disc of 10 mm radius, whatever the machine's pixels were.
    assert crop.lesion.sum() * 0.4**2 == pytest.approx(np.pi * 100, rel=0.02)
    assert crop.image[1].sum() * 0.4**2 == pytest.approx(STILL.lesion.sum() * 0.3**2, rel=0.01)


def test_a_lesion_that_does_not_fit_is_shown_smaller_and_that_is_said():
    crop = crop_still(with_lesion(STILL, 110, 130, 90), MASKED)
    assert crop.zoomed_out
    # 27 mm about the middle and 8 mm beside, on 160 pixels.
    assert crop.mm_per_pixel == pytest.approx(2 * (27.15 + 8) / 160, rel=1e-3)
    assert crop.notes == (
        "the lesion and 8 mm about it do not fit into 160 pixels of 0.4 mm; shown at 0.44 mm",
    )


def test_without_a_scale_every_lesion_fills_its_crop():
    own = replace(PLAIN, mm_per_pixel=None, margin_mm=5)
    crop = crop_still(STILL, own)
    assert crop.mm_per_pixel == pytest.approx(2 * (10.05 + 5) / 160, rel=0.02)
    assert not crop.zoomed_out


@settings(max_examples=20, deadline=None)
@given(st.integers(70, 150), st.integers(90, 170))
def test_values_on_a_crop_come_back_to_their_place_on_the_screen(row, column):
    """A dot in the picture, seen in the crop, laid back: Grad-CAM's way."""
    still = with_lesion(STILL, row, column, 25)
    levels = still.levels.copy()
    levels[row + 9 : row + 12, column - 7 : column - 4] = 255
    crop = crop_still(replace(still, levels=levels), PLAIN)
    heat = np.where(crop.image[0] >= crop.image[0].max(), 1.0, 0.0)
    laid = crop.to_screen(heat)
    assert laid.shape == still.screen
    rows, columns = np.nonzero(laid > 0.5 * laid.max())
    assert rows.mean() == pytest.approx(still.region.top + row + 10, abs=1)
    assert columns.mean() == pytest.approx(still.region.left + column - 6, abs=1)
    # Nothing beside the crop.
    reach = 32 / 0.3 + 1
    assert not laid[: max(int(still.region.top + row - reach), 0)].any()


def test_a_mirrored_picture_gives_a_mirrored_crop():
    flipped = replace(
        STILL, levels=STILL.levels[:, ::-1], fan=STILL.fan[:, ::-1],
        lesion=STILL.lesion[:, ::-1], parenchyma=STILL.parenchyma[:, ::-1],
    )  # fmt: skip
    np.testing.assert_allclose(
        crop_still(flipped, MASKED).image, crop_still(STILL, MASKED).image[:, :, ::-1], atol=1e-4
    )


def test_values_of_another_size_are_refused():
    with pytest.raises(InputError, match=r"shape \(5, 5\) are not on the crop's 160×160 pixels"):
        crop_still(STILL, PLAIN).to_screen(np.zeros((5, 5)))


# -- intensity ---------------------------------------------------------------------------------
def test_levels_are_decibels_against_the_liver_in_units_of_ten():
    image = crop_still(STILL, MASKED).image
    inside = image[0][image[1] > 0.99]
    power = 10 ** (inside * UNIT_DB / 10)
    assert 10 * np.log10(power.mean()) == pytest.approx(6.0, abs=0.2)


def test_power_is_averaged_not_decibels():
    """Stripes of a hundredth and of 1.99: the mean power is 1, the mean of decibels −8.5 dB."""
    striped = np.where(np.indices(STILL.levels.shape)[1] % 2 == 0, 0.01, 1.99)
    liver = np.where(STILL.parenchyma, 1.0, striped)
    still = replace(
        STILL, levels=(255 * (10 * np.log10(liver * 0.01) / 50 + 1)).astype(np.float32),
        dynamic_range_db=50.0,
    )  # fmt: skip
    crop = crop_still(still, StillCropSettings(pixels=32, mm_per_pixel=1.8, channels=("decibels",)))
    assert crop.image[0][14:18, 14:18] == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("gain_db", [-28.0, -22.0])
def test_gain_does_not_matter(gain_db):
    other = crop_still(phantom(gain_db=gain_db), PLAIN)
    # What is darker than one of the machines' black is not to be compared.
    bright = other.image > -2
    np.testing.assert_allclose(
        other.image[bright], crop_still(STILL, PLAIN).image[bright], atol=1e-3
    )


def test_the_dynamic_range_does_not_matter_where_it_is_known():
    wide, narrow = (crop_still(phantom(range_db=r), PLAIN).image for r in (60.0, 46.0))
    np.testing.assert_allclose(wide[wide > -1.9], narrow[wide > -1.9], atol=1e-3)


def test_levels_end_at_the_window():
    levels = STILL.levels.copy()
    levels[105:115, 125:135], levels[90:95, 125:135] = 255, 0
    image = crop_still(replace(STILL, levels=levels), PLAIN).image
    assert image.max() == pytest.approx(WINDOW_DB / UNIT_DB, abs=0.3)
    assert image.min() == -WINDOW_DB / UNIT_DB


# -- what is not picture -----------------------------------------------------------------------
def test_outside_the_fan_a_crop_is_black():
    still = with_lesion(STILL, 60, 60, 20)
    crop = crop_still(still, PLAIN)
    assert 0.5 < crop.fan.mean() < 0.99
    assert (crop.image[0][~crop.fan] == FILL_DB / UNIT_DB).all()
    # The black beside the fan is not averaged into its edge.
    assert crop.image[0][crop.fan].min() > -1.8


def test_beyond_the_screen_a_crop_is_black_too():
    still = with_lesion(STILL, 200, 130, 15)
    crop = crop_still(still, PLAIN)
    assert not crop.fan[-1].any()
    assert (crop.image[0][-1] == FILL_DB / UNIT_DB).all()


def test_marks_over_the_picture_take_what_is_beside_them():
    marked, fan = STILL.levels.copy(), STILL.fan.copy()
    marked[118:122, 60:200], fan[118:122, 60:200] = 255, False
    crop = crop_still(replace(STILL, levels=marked, fan=fan), PLAIN)
    assert crop.fan.mean() == crop_still(STILL, PLAIN).fan.mean()
    assert crop.image.max() < crop_still(STILL, PLAIN).image.max() + 0.3


def test_a_window_goes_on_beyond_the_fan():
    window = window_still(with_lesion(STILL, 60, 60, 20), 0.4, 15.0)
    assert window.mm_per_pixel == 0.4
    assert not window.fan.all()
    assert window.decibels[~window.fan].min() > -18
    assert window.decibels.shape == (2 * 53 + 1,) * 2  # 6.15 mm of lesion, 15 mm about it


def test_as_it_is_a_crop_shows_lesions_of_48_mm_at_their_size():
    settings_ = StillCropSettings()
    assert settings_.pixels * settings_.mm_per_pixel == 56
    assert settings_.scale(24.0) == (0.25, False)
    assert settings_.scale(24.1)[1]


# -- settings ----------------------------------------------------------------------------------
def test_settings_come_back_from_plain_values():
    given_ = StillCropSettings(96, 0.5, 6.0, ("mask", "decibels"))
    assert still_crop_settings_from_json(given_.to_json()) == given_
    free = StillCropSettings(mm_per_pixel=None)
    assert still_crop_settings_from_json(free.to_json()) == free


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"pixels": 4}, "8 to 1024 pixels"),
        ({"mm_per_pixel": 0.0}, "pixel size is positive"),
        ({"mm_per_pixel": float("nan")}, "pixel size is positive"),
        ({"margin_mm": -1.0}, "margin is 0 mm or more"),
        ({"channels": ("levels",)}, "no channel is called 'levels'; use decibels, mask"),
        ({"channels": ("mask", "mask")}, "each channel comes once"),
        ({"channels": ()}, "each channel comes once"),
    ],
)
def test_settings_that_cannot_be_are_refused(given_, message):
    with pytest.raises(InputError, match=message):
        StillCropSettings(**given_)


def test_settings_that_are_none_are_refused():
    with pytest.raises(InputError, match="cannot be read"):
        still_crop_settings_from_json({"pixels": "many"})
