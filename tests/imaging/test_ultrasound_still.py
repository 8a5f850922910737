"""A still as one panel in decibels: which panel, against what, and what is told or refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from still_phantom import COLUMNS, LEFT, ROWS, SCREEN, TOP, discs, levels_of, speckle, wedge

from hccsurv_core.clip import Clip, Panels, Region
from hccsurv_core.errors import GeometryError, GeometryMismatchError, InputError
from hccsurv_core.imaging import ultrasound_still
from hccsurv_core.imaging.ultrasound_still import still_of

PANEL = Region(TOP, LEFT, ROWS, COLUMNS, (0.3, 0.3), "tissue")


def on_screen(mask: np.ndarray) -> np.ndarray:
    found = np.zeros(SCREEN, bool)
    found[PANEL.box] = mask
    return found


LESION, LIVER = (on_screen(m) for m in discs(0.3, (ROWS, COLUMNS)))


def clip_of(gain_db: float = -20.0, lesion_db: float = 5.0) -> Clip:
    power = speckle((ROWS, COLUMNS)) * np.where(LESION[PANEL.box], 10 ** (lesion_db / 10), 1.0)
    frame = np.zeros(SCREEN, np.uint8)
    frame[PANEL.box] = np.rint(levels_of(power, 50.0, gain_db) * wedge((ROWS, COLUMNS)))
    return Clip(frame[None], np.zeros(1), (PANEL,))


CLIP = clip_of()


def test_decibels_are_against_the_mean_power_of_the_liver():
    still = still_of(CLIP, "contrast", LESION, LIVER, dynamic_range_db=50.0)
    liver, lesion = (
        10 ** (still.decibels[m].astype(float) / 10) for m in (still.parenchyma, still.lesion)
    )
    assert liver.mean() == pytest.approx(1.0, rel=1e-6)
    assert 10 * np.log10(lesion.mean()) == pytest.approx(5.0, abs=0.3)
    assert still.reference_db == pytest.approx(-20.0, abs=0.3)
    assert (still.region, still.screen) == (PANEL, SCREEN)


def test_gain_goes():
    quiet, loud = (
        still_of(clip_of(gain_db=g), "contrast", LESION, LIVER, dynamic_range_db=50.0).decibels
        for g in (-24.0, -16.0)
    )
    # A gray level is 50/255 dB, rounded once in each.
    np.testing.assert_allclose(
        quiet[wedge((ROWS, COLUMNS))], loud[wedge((ROWS, COLUMNS))], atol=0.25
    )


def test_an_unknown_dynamic_range_is_assumed_and_told():
    still = still_of(CLIP, "grayscale", LESION, LIVER)
    assert still.dynamic_range_db == 60
    assert still.warnings == (
        "the dynamic range of the grayscale still is not known: 60 dB are assumed",
    )


def test_what_of_an_outline_lies_outside_the_picture_is_left_out_and_told():
    row, column = np.indices((ROWS, COLUMNS))
    corner = on_screen(np.hypot(row - 25, column - 45) <= 25)
    still = still_of(CLIP, "grayscale", corner, LIVER, dynamic_range_db=50.0)
    assert not (still.lesion & ~still.fan).any()
    (told,) = still.warnings
    assert told.endswith(
        "% of the lesion on the grayscale still lie outside the picture or under marks: left out"
    )
    lost = 1 - still.lesion.sum() / corner.sum()
    assert told.startswith(f"{100 * lost:.0f} %")


def test_liver_that_overlaps_the_lesion_counts_as_lesion():
    still = still_of(CLIP, "contrast", LESION, LIVER | LESION, dynamic_range_db=50.0)
    assert not (still.lesion & still.parenchyma).any()


def test_a_reference_at_the_end_of_the_scale_is_told():
    for level, word in ((255, "white"), (0, "black")):
        frames = CLIP.frames.copy()
        row, column = np.nonzero(LIVER)
        frames[0][row[::4], column[::4]] = level
        clip = Clip(frames, CLIP.time_s, CLIP.regions)
        still = still_of(clip, "grayscale", LESION, LIVER, dynamic_range_db=50.0)
        assert still.warnings == (
            f"25 % of the parenchyma on the grayscale still are {word}: levels against it are "
            "uncertain",
        )


def test_a_small_reference_is_told():
    row, column = np.indices(SCREEN)
    few = np.hypot(row - 140, column - 80) <= 4
    still = still_of(CLIP, "grayscale", LESION, few, dynamic_range_db=50.0)
    assert still.warnings == (f"the parenchyma on the grayscale still has {few.sum()} pixels only",)


# -- which panel -------------------------------------------------------------------------------
RIGHT = replace(PANEL, left=150, columns=100)
LEFT_PANEL = replace(PANEL, columns=100)


@pytest.mark.parametrize("sure", [True, False])
def test_the_outline_says_which_panel_and_a_contradiction_is_told(monkeypatch, sure):
    """The picture's own look decides nothing: who drew on it knew what it was."""
    looks = Panels(RIGHT, LEFT_PANEL, "by hand", sure, (LEFT_PANEL, RIGHT))
    monkeypatch.setattr(ultrasound_still, "find_panels", lambda _clip: looks)
    monkeypatch.setattr(
        ultrasound_still, "fan_mask", lambda _clip, box: np.ones((box.rows, box.columns), bool)
    )
    row, column = np.indices(SCREEN)
    lesion = np.hypot(row - 120, column - 190) <= 15
    liver = np.hypot(row - 170, column - 190) <= 15
    still = still_of(CLIP, "contrast", lesion, liver, dynamic_range_db=50.0)
    assert still.region == RIGHT
    told = any(
        "is outlined on the panel that looks as without contrast" in w for w in still.warnings
    )
    assert told == sure


# -- what is refused ---------------------------------------------------------------------------
NOWHERE = np.zeros(SCREEN, bool)
BESIDE = NOWHERE.copy()
BESIDE[2:10, 2:10] = True


@pytest.mark.parametrize(
    ("lesion", "liver", "error", "message"),
    [
        (NOWHERE, LIVER, InputError, "contrast still: the lesion is not outlined"),
        (LESION, NOWHERE, InputError, "contrast still: the parenchyma is not outlined"),
        (LESION[1:], LIVER, GeometryMismatchError, r"shape \(299, 320\) .* the frame 300×320"),
        (LESION.astype(int), LIVER, GeometryMismatchError, "type int64"),
        (BESIDE, LIVER, GeometryError, "outlined beside the ultrasound picture"),
        (LESION, BESIDE, InputError, "parenchyma on the contrast still is outlined outside"),
        (LESION, LESION, InputError, "the parenchyma is outlined on the lesion"),
    ],
)
def test_outlines_that_cannot_be_are_refused(lesion, liver, error, message):
    with pytest.raises(error, match=message):
        still_of(CLIP, "contrast", lesion, liver, dynamic_range_db=50.0)


def test_a_picture_without_scale_is_refused():
    bare = Clip(CLIP.frames, CLIP.time_s, (replace(PANEL, spacing_mm=None),))
    with pytest.raises(GeometryError, match="does not say how large a pixel is; export"):
        still_of(bare, "contrast", LESION, LIVER)


@pytest.mark.parametrize("span", [0.0, float("nan"), 500.0, "50"])
def test_a_dynamic_range_that_is_none_is_refused(span):
    with pytest.raises(InputError, match=r"contrast still, dynamic range \(dB\)"):
        still_of(CLIP, "contrast", LESION, LIVER, dynamic_range_db=span)


def test_another_kind_is_refused():
    with pytest.raises(InputError, match="no still is called 'doppler'; use grayscale or contrast"):
        still_of(CLIP, "doppler", LESION, LIVER)
