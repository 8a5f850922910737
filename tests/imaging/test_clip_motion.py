"""Following a region: displacements that are known because the picture was moved by them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from hccsurv_core.clip import Clip, Panels, Region
from hccsurv_core.errors import CancelledError, GeometryError, InputError
from hccsurv_core.imaging.clip_motion import (
    MotionSettings,
    follow_region,
    no_motion,
    on_panel,
    panel_of,
)

ROWS, COLUMNS, GAP = 160, 150, 10
SPACING = (0.4, 0.4)
GRAY = Region(0, 0, ROWS, COLUMNS, SPACING, "tissue")
CONTRAST = Region(0, COLUMNS + GAP, ROWS, COLUMNS, SPACING, "tissue")
PANELS = Panels(GRAY, CONTRAST)
#: (row, column) pixels: fractions, both directions, and back.
SHIFTS = np.array([(0, 0), (1.5, -0.25), (6.3, 2.75), (-4.6, 8.0), (12.25, -6.5), (0.5, 0.5)])


def speckle(rng, shape):
    """Levels of fully developed speckle: the logarithm of the power of a filtered random field."""
    parts = [ndimage.gaussian_filter(rng.standard_normal(shape), (1.2, 2.0)) for _ in range(2)]
    power = parts[0] ** 2 + parts[1] ** 2
    return np.clip(150 + 18 * np.log(power / power.mean()), 0, 255)


def screens(shifts=SHIFTS, *, unlike=(), seed=0):
    """Frames whose gray panel shows one speckle, moved; contrast is new speckle in every frame."""
    rng = np.random.default_rng(seed)
    tissue, other = speckle(rng, (ROWS, COLUMNS)), speckle(rng, (ROWS, COLUMNS))
    frames = np.zeros((len(shifts), ROWS, COLUMNS + GAP + COLUMNS), np.uint8)
    for k, shift in enumerate(shifts):
        moved = ndimage.shift(other if k in unlike else tissue, shift, order=3, mode="reflect")
        frames[k][GRAY.box] = np.clip(moved + rng.normal(0, 2, moved.shape), 0, 255)
        frames[k][CONTRAST.box] = speckle(rng, (ROWS, COLUMNS))
    return Clip(frames, np.arange(len(shifts), dtype=float))


def disc(region, row=80, column=75, radius=18):
    """An outline on one panel of the screen."""
    y, x = np.mgrid[:ROWS, : COLUMNS + GAP + COLUMNS]
    return (y - region.top - row) ** 2 + (x - region.left - column) ** 2 < radius**2


def test_displacements_are_found_to_a_tenth_of_a_pixel() -> None:
    motion = follow_region(screens(), PANELS, disc(CONTRAST), 0)
    assert motion.panel == "grayscale" and not motion.excluded.any()
    assert np.abs(motion.shift_px - SHIFTS).max() < 0.15
    assert motion.shift_mm == pytest.approx(motion.shift_px * 0.4)
    assert motion.check.correlation > 0.85 > 0.5 > motion.check.unmoved


def test_displacements_count_from_whichever_frame_was_outlined() -> None:
    motion = follow_region(screens(), PANELS, disc(CONTRAST), 3)
    assert np.abs(motion.shift_px - (SHIFTS - SHIFTS[3])).max() < 0.2
    assert motion.shift_px[3] == pytest.approx([0, 0]) and motion.reference_frame == 3


def test_an_outline_on_either_panel_is_the_same_place() -> None:
    clip = screens()
    on_gray, on_contrast = (
        follow_region(clip, PANELS, disc(panel), 0) for panel in (GRAY, CONTRAST)
    )
    assert np.array_equal(on_gray.shift_px, on_contrast.shift_px)


def test_gain_does_not_guide() -> None:
    clip = screens()
    brighter = clip.frames.copy()
    brighter[2][GRAY.box] = np.clip(brighter[2][GRAY.box] * 0.6 + 20, 0, 255)
    motion = follow_region(Clip(brighter, clip.time_s), PANELS, disc(CONTRAST), 0)
    assert motion.shift_px[2] == pytest.approx(SHIFTS[2], abs=0.2)


def test_a_frame_out_of_plane_is_left_out_with_its_reason() -> None:
    motion = follow_region(screens(unlike=[2]), PANELS, disc(CONTRAST), 0)
    assert list(np.flatnonzero(motion.excluded)) == [2]
    assert "unlike the reference frame" in motion.reasons[2]
    assert not motion.followed[2] and "5 frames of 6 are used" in motion.check.sentence
    # Its place is filled in from its neighbors.
    assert motion.shift_px[2] == pytest.approx((SHIFTS[1] + SHIFTS[3]) / 2, abs=0.2)


def test_a_displacement_beyond_the_search_is_not_believed() -> None:
    settings = MotionSettings(max_shift_mm=3.0)
    motion = follow_region(screens(), PANELS, disc(CONTRAST), 0, settings=settings)
    far = np.abs(SHIFTS * 0.4).max(1) > 3.0
    assert far.sum() == 2 and (motion.excluded == far).all()


def test_a_person_leaves_frames_out_and_takes_them_in() -> None:
    motion = follow_region(screens(unlike=[2]), PANELS, disc(CONTRAST), 0)
    changed = motion.with_frames(exclude=[4], include=[2])
    assert list(np.flatnonzero(changed.excluded)) == [4]
    assert changed.reasons[4] == "left out by hand"
    with pytest.raises(InputError, match="frame 1 is both left out and taken in"):
        motion.with_frames(exclude=[1], include=[1])
    with pytest.raises(InputError, match="frame 6 does not exist; the clip has frames 0 to 5"):
        motion.with_frames(exclude=[6])


def test_a_mark_that_stands_still_over_the_tissue_does_not_guide() -> None:
    """Letters over the lesion, brighter than all tissue, at one place in every frame."""
    clip = screens()
    frames = clip.frames.copy()
    mark = np.zeros(clip.screen, bool)
    mark[52:108, 60:96] = True
    letters = np.kron(np.random.default_rng(1).integers(0, 2, (14, 9)) * 255, np.ones((4, 4)))
    frames[:, mark] = letters.ravel()
    marked = Clip(frames, clip.time_s)
    for ignore in (None, mark):
        motion = follow_region(marked, PANELS, disc(CONTRAST), 0, ignore=ignore)
        assert not motion.excluded.any()
        assert np.abs(motion.shift_px - SHIFTS).max() < 0.5
    assert motion.quality[1:].min() > 0.7  # what is ignored does not count as unlike, either


def test_new_speckle_in_every_frame_is_followed_by_what_lasts() -> None:
    """Only a contrast panel: two bright vessels under speckle of its own."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:ROWS, :COLUMNS].astype(float)
    vessels = 60 * np.exp(-(((x - 60 - 0.4 * (y - 80)) / 5) ** 2))
    vessels += 70 * np.exp(-(((y - 95 + 0.3 * (x - 75)) / 5) ** 2))
    frames = np.stack(
        [
            np.clip(
                0.5 * speckle(rng, (ROWS, COLUMNS))
                + ndimage.shift(vessels, shift, order=1, mode="nearest"),
                0, 255,
            )
            for shift in SHIFTS
        ]
    ).astype(np.uint8)  # fmt: skip
    panels = Panels(None, Region(0, 0, ROWS, COLUMNS, SPACING))
    y, x = np.mgrid[:ROWS, :COLUMNS]
    mask = (y - 85) ** 2 + (x - 70) ** 2 < 20**2
    motion = follow_region(Clip(frames, np.arange(6.0)), panels, mask, 0)
    assert motion.panel == "contrast"
    used = ~motion.excluded
    assert used.sum() >= 5 and np.abs(motion.shift_px - SHIFTS)[used].max() < 1.5


def test_a_still_does_not_move() -> None:
    clip = screens(SHIFTS[:1])
    motion = follow_region(clip, PANELS, disc(CONTRAST), 0)
    assert len(motion) == 1 and (motion.shift_px == 0).all() and motion.panel == "none"
    assert no_motion(3).shift_mm is None


def test_it_can_be_cancelled() -> None:
    def cancel(fraction: float, message: str) -> None:
        if "frame 3" in message:
            raise CancelledError("the user cancelled the work")

    with pytest.raises(CancelledError):
        follow_region(screens(), PANELS, disc(CONTRAST), 0, progress=cancel)


def test_outlines_that_cannot_be_followed_are_refused() -> None:
    clip, nowhere = screens(SHIFTS[:2]), np.zeros((ROWS, COLUMNS + GAP + COLUMNS), bool)
    with pytest.raises(InputError, match="outline: is empty; draw it on the clip"):
        follow_region(clip, PANELS, nowhere, 0)
    with pytest.raises(InputError, match="does not lie within one panel"):
        follow_region(clip, PANELS, disc(GRAY) | disc(CONTRAST), 0)
    with pytest.raises(GeometryError, match=r"the outline has .* pixels, the screen"):
        follow_region(clip, PANELS, nowhere[:-1], 0)
    with pytest.raises(InputError, match="frame 2 does not exist; the clip has frames 0 to 1"):
        follow_region(clip, PANELS, disc(GRAY), 2)


def test_panels_of_different_scales_do_not_share_an_outline() -> None:
    coarse = Region(0, CONTRAST.left, ROWS, COLUMNS, (0.5, 0.5))
    with pytest.raises(GeometryError, match=r"pixels of 0\.4 mm, the other of 0\.5 mm"):
        on_panel(disc(GRAY), GRAY, coarse)


def test_there_and_back_is_the_same_outline() -> None:
    mask = disc(GRAY)
    assert np.array_equal(on_panel(on_panel(mask, GRAY, CONTRAST), CONTRAST, GRAY), mask)
    assert panel_of(mask, PANELS) == GRAY and panel_of(disc(CONTRAST), PANELS) == CONTRAST
