"""Panels that a person marks: what they become, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.clip import Clip, Panels, Region
from hccsurv_core.errors import GeometryError
from hccsurv_core.imaging.panels_by_hand import Box, box_of, panels_by_hand

LEFT, RIGHT = Box(10, 20, 100, 120), Box(130, 24, 100, 120)


@pytest.fixture
def clip() -> Clip:
    """A black screen of 240 columns and 160 rows, of which the file calibrates the left half."""
    frames = np.zeros((1, 160, 240), np.uint8)
    return Clip(frames, np.zeros(1), (Region(0, 0, 160, 120, (0.3, 0.2), "tissue"),))


def test_two_panels_are_where_they_were_marked_and_take_the_files_spacing(clip):
    found = panels_by_hand(clip, grayscale=LEFT, contrast=RIGHT)
    assert found.grayscale == Region(20, 10, 120, 100, (0.3, 0.2), "tissue")
    assert found.contrast == Region(24, 130, 120, 100)
    assert found.found == (found.grayscale, found.contrast)
    assert (found.found_by, found.sure, found.is_calibrated) == ("by hand", True, False)
    assert box_of(found.contrast) == RIGHT
    other = panels_by_hand(clip, grayscale=RIGHT, contrast=LEFT)
    assert other == Panels(
        found.contrast, found.grayscale, "by hand", True, (found.grayscale, found.contrast)
    )


@pytest.mark.parametrize("name", ["grayscale", "contrast"])
def test_one_panel_alone(clip, name):
    found = panels_by_hand(clip, **{"grayscale": None, "contrast": None, name: LEFT})
    assert box_of(getattr(found, name)) == LEFT and len(found.found) == 1


@pytest.mark.parametrize(
    ("grayscale", "contrast", "message"),
    [
        (LEFT, Box(130, 24, 100, 119), "100×120 pixels, the contrast panel 100×119"),
        (LEFT, LEFT, "lie on each other"),
        (LEFT, Box(60, 20, 100, 120), "lie on each other"),
        (Box(0, 0, 31, 100), None, "31×100 pixels, fewer than 32 on a side"),
        (
            None,
            Box(150, 0, 100, 100),
            "columns 150 to 249 and rows 0 to 99, but the screen has 240",
        ),
        (None, Box(-1, 0, 100, 100), "columns -1 to 98"),
        (None, Box(0, 61, 100, 100), "rows 61 to 160"),
        (None, None, "must show a grayscale or a contrast panel"),
    ],
)
def test_what_cannot_be_a_panel_is_refused(clip, grayscale, contrast, message):
    with pytest.raises(GeometryError, match=message):
        panels_by_hand(clip, grayscale=grayscale, contrast=contrast)


def test_panels_that_touch_are_two(clip):
    panels_by_hand(clip, grayscale=Box(0, 0, 100, 120), contrast=Box(90, 0, 100, 120))
