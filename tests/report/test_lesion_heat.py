"""A heat map over a crop: where it is warm, how much shows through, and where outlines lie."""

from __future__ import annotations

import io

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.lesion_crops import LesionCrops
from hccsurv_core.report.figures.lesion_heat import (
    LESION_COLOR,
    LIVER_COLOR,
    heat_picture,
    picture_file,
)

P = 20


def crops(liver: bool = True) -> LesionCrops:
    """Flat tissue with a lesion of 8×8 pixels in the middle."""
    lesion = np.zeros((1, P, P), dtype=bool)
    lesion[0, 6:14, 6:14] = True
    images = np.zeros((1, 3, P, P), dtype=np.float32)
    images[0, 2] = lesion[0]
    whole = np.ones((1, P, P), dtype=bool) if liver else None
    return LesionCrops(
        images, ("arterial", "portal", "mask"), lesion, whole, np.ones((1, P, P), bool), 1.0, False,
        {}, {}, 0.0,
    )  # fmt: skip


def test_without_heat_it_is_gray_but_for_the_outline():
    picture = heat_picture(crops(), None)
    assert picture.shape == (4 * P, 4 * P, 3)
    assert picture[8, 8].tolist() == [128, 128, 128]
    assert picture[4 * 6, 4 * 10].tolist() == list(LESION_COLOR)
    assert picture[4 * 10, 4 * 10].tolist() == [128, 128, 128]


def test_heat_colors_what_is_warm_and_nothing_else():
    heat = np.zeros((1, P, P))
    heat[0, 2:5, 2:5] = 1.0
    picture = heat_picture(crops(), heat, opacity=1.0).astype(int)
    warm, cold = picture[4 * 3 + 2, 4 * 3 + 2], picture[4 * 17, 4 * 3]
    assert np.ptp(warm) > 60
    assert np.ptp(cold) == 0


@pytest.mark.parametrize("opacity", [0.0, 0.5, 1.0])
def test_opacity_blends(opacity):
    heat = np.ones((1, P, P))
    plain, full = (heat_picture(crops(), heat, opacity=o)[10, 10].astype(float) for o in (0, 1))
    found = heat_picture(crops(), heat, opacity=opacity)[10, 10]
    np.testing.assert_allclose(found, (1 - opacity) * plain + opacity * full, atol=1)


def test_a_liver_that_was_not_drawn_has_no_outline():
    part = crops()
    part.liver[0, :, 10:] = False
    with_liver, without = heat_picture(part, None), heat_picture(crops(False), None)
    assert with_liver[4, 4 * 10 - 1].tolist() == list(LIVER_COLOR)
    assert without[4, 4 * 10 - 1].tolist() == [128, 128, 128]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"channel": "mask"}, "no channel 'mask'"),
        ({"slice_number": 1}, "no slice 1"),
        ({"opacity": 2.0}, "from 0 to 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        heat_picture(crops(), None, **given)


def test_a_file_says_what_it_shows():
    from PIL import Image

    data = picture_file(heat_picture(crops(), None), {"Note": "Trained on simulated patients"})
    image = Image.open(io.BytesIO(data))
    assert image.size == (4 * P, 4 * P)
    assert image.text["Note"] == "Trained on simulated patients"
