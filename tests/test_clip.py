"""`Clip`, `Region` and `Panels`: what they hold and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.clip import Clip, Panels, Region
from hccsurv_core.errors import GeometryError


def _times(n: int) -> np.ndarray:
    return np.arange(n, dtype=float)


def test_a_gray_frame_is_its_own_brightness() -> None:
    frames = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    clip = Clip(frames, _times(2))
    assert len(clip) == 2 and clip.screen == (3, 4) and not clip.is_color
    np.testing.assert_array_equal(clip.brightness(1), frames[1])
    np.testing.assert_array_equal(clip.rgb(1)[..., 2], frames[1])


def test_brightness_weighs_red_green_and_blue_as_bt601() -> None:
    frame = np.zeros((1, 2, 2, 3), np.uint8)
    frame[0, 0, 0], frame[0, 0, 1], frame[0, 1, 0] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    seen = Clip(frame, _times(1)).brightness(0)
    np.testing.assert_allclose(
        [seen[0, 0], seen[0, 1], seen[1, 0], seen[1, 1]],
        [76.245, 149.685, 29.07, 0], atol=1e-3,
    )  # fmt: skip


def test_brightness_of_a_region_is_that_part_of_the_frame() -> None:
    frames = np.random.default_rng(1).integers(0, 255, (1, 6, 8, 3)).astype(np.uint8)
    clip, region = Clip(frames, _times(1)), Region(1, 2, 3, 4)
    np.testing.assert_allclose(clip.brightness(0, region), clip.brightness(0)[1:4, 2:6], rtol=1e-5)


@pytest.mark.parametrize(
    ("frames", "times", "match"),
    [
        (np.zeros((2, 3), np.uint8), _times(2), "frames must be"),
        (np.zeros((2, 3, 4, 2), np.uint8), _times(2), "frames must be"),
        (np.zeros((0, 3, 4), np.uint8), _times(0), "frames must be"),
        (np.zeros((2, 3, 4), np.int16), _times(2), "8-bit"),
        (np.zeros((2, 3, 4), np.uint8), _times(3), "2 frames, but 3 frame times"),
        (np.zeros((2, 3, 4), np.uint8), np.array([1.0, 1.0]), "must be finite and rise"),
        (np.zeros((2, 3, 4), np.uint8), np.array([0.0, np.nan]), "must be finite and rise"),
    ],
)
def test_a_clip_refuses_what_does_not_fit(frames, times, match) -> None:
    with pytest.raises(GeometryError, match=match):
        Clip(frames, times)


@pytest.mark.parametrize("box", [(-1, 0, 2, 2), (0, 0, 0, 2), (0, 0, 2, 0)])
def test_a_region_lies_on_the_screen(box) -> None:
    with pytest.raises(GeometryError, match="must lie on the screen"):
        Region(*box)


def test_panels_show_something() -> None:
    with pytest.raises(GeometryError, match="grayscale or a contrast"):
        Panels(None, None)
