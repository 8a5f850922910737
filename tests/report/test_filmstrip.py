"""Slices as pictures: on one scale, with lesions outlined, numbered and heat where it belongs."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.organ_slices import OrganSlices
from hccsurv_core.report.figures.filmstrip import (
    Frame,
    body_frame,
    lesion_color,
    on_one_scale,
    slice_picture,
)


def slices(body: tuple[slice, slice] = (slice(20, 80), slice(10, 90))) -> OrganSlices:
    """A body of soft tissue with an organ and a lesion in its middle, pixels of 2 mm."""
    hu = np.full((3, 100, 100), -1000.0, dtype=np.float32)
    hu[:, body[0], body[1]] = 50.0
    organ = np.zeros(hu.shape, dtype=bool)
    organ[:, 40:70, 30:70] = True
    lesions = np.zeros(hu.shape, dtype=np.int32)
    lesions[1, 50:60, 45:55] = 2
    return OrganSlices(hu, organ, lesions, (2.0, 2.0), (4, 5, 6))


WHOLE = Frame((50.0, 50.0), (200.0, 200.0))


def test_the_frame_holds_the_body_and_little_else():
    frame = body_frame(slices())
    assert frame.center == (50.0, 50.0)
    assert frame.size_mm == (60 * 2 + 16, 80 * 2 + 16)


def test_frames_on_one_scale_keep_their_middles():
    found = on_one_scale(
        {"a": Frame((1.0, 2.0), (10.0, 40.0)), "b": Frame((3.0, 4.0), (20.0, 30.0))}
    )
    assert found["a"] == Frame((1.0, 2.0), (20.0, 40.0))
    assert found["b"] == Frame((3.0, 4.0), (20.0, 40.0))


def test_a_lesion_is_outlined_in_its_color_and_gray_inside():
    picture = slice_picture(slices(), 1, "liver", WHOLE, width=300)
    assert picture.shape == (300, 300, 3)
    assert tuple(picture[151, 136]) == lesion_color(2)  # its left edge
    inside = picture[165, 150].astype(int)
    assert inside[0] == inside[1] == inside[2]
    assert not (picture == lesion_color(2)).all(axis=2)[:140].any()


def test_the_number_stands_beside_the_lesion():
    """On a slice without a lesion nothing is written."""
    with_one, without = (slice_picture(slices(), k, "liver", WHOLE, width=300) for k in (1, 0))
    beside = (slice(140, 165), slice(166, 200))
    assert (with_one[beside] != without[beside]).any()


def test_windows_are_the_organs():
    tissue = [
        int(slice_picture(slices(), 0, o, WHOLE, width=100)[30, 50, 0]) for o in ("liver", "lung")
    ]
    # 50 HU: in −200 … 200 at 62.5 %, in −1200 … 0 above the white end.
    assert tissue == [159, 255]


def test_heat_warms_where_it_is():
    heat = np.zeros((10, 10))
    heat[3, 2] = 1.0
    cold, warm = (
        slice_picture(slices(), 0, "liver", WHOLE, width=100, heat=h, opacity=0.8)
        for h in (np.zeros((10, 10)), heat)
    )
    changed = np.abs(warm.astype(int) - cold).sum(axis=2)
    assert changed[35, 25] > 100 and changed[80, 80] == 0


@pytest.mark.parametrize(
    ("number", "opacity", "why"), [(3, 0.5, "no slice 3"), (0, 1.2, "opacity is from 0 to 1")]
)
def test_what_cannot_be_drawn(number, opacity, why):
    with pytest.raises(InputError, match=why):
        slice_picture(slices(), number, "liver", WHOLE, opacity=opacity)
