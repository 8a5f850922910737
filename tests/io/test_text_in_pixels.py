"""Text burned into pixels is pointed out, in ultrasound and beside the body in CT; anatomy is not."""

from __future__ import annotations

from pathlib import Path

import dicom_factory as factory
import numpy as np
import pytest
from in_process import inspect_here, load_here
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from hccsurv_core.io.text_in_pixels import count_glyphs, seen_text_warning

HU = factory.body_phantom()
SEEN = "there seems to be text burned into the images: look for names before sharing"


def speckle(shape: tuple[int, int] = (480, 640)) -> np.ndarray:
    """An ultrasound sector: speckle in a fan on black."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: shape[0], : shape[1]]
    angle = np.arctan2(x - shape[1] / 2, y + 40)
    inside = (np.abs(angle) < 0.6) & (np.hypot(x - shape[1] / 2, y + 40) < 430)
    return np.where(inside, rng.rayleigh(40, shape), 0).clip(0, 255).astype(np.uint8)


def with_text(image: np.ndarray, text: str, size: int, grey: int = 255) -> np.ndarray:
    picture = Image.fromarray(image)
    font = ImageFont.load_default(size=size)
    ImageDraw.Draw(picture).text((10, 8), text, fill=grey, font=font)
    return np.asarray(picture)


@pytest.mark.parametrize("size", [12, 16, 24])
@pytest.mark.parametrize("text", ["DOE JANE 1950-02-03", "Hospital of Someplace"])
def test_text_is_seen(size: int, text: str) -> None:
    assert seen_text_warning(with_text(speckle(), text, size)) == SEEN


def test_dim_text_is_seen() -> None:
    smooth = ndimage.gaussian_filter(speckle(), 1.5)
    assert seen_text_warning(with_text(smooth, "DOE JANE 1950-02-03", 14, grey=90)) == SEEN


@pytest.mark.parametrize("seed", range(5))
def test_speckle_of_any_grain_is_no_text(seed: int) -> None:
    grain = np.random.default_rng(seed).rayleigh(40, (480, 640))
    for sigma in (0.0, 0.7, 1.2, 2.5):
        assert seen_text_warning(ndimage.gaussian_filter(grain, sigma)) is None


def test_speckle_blank_images_and_scales_are_no_text() -> None:
    assert seen_text_warning(speckle()) is None
    assert seen_text_warning(np.zeros((200, 200), np.uint8)) is None
    rng = np.random.default_rng(1)
    assert seen_text_warning(rng.integers(0, 255, (300, 300)).astype(np.uint8)) is None
    ticks = np.zeros((300, 300), np.uint8)
    for n in range(20):
        ticks[290:298, 10 + 14 * n : 12 + 14 * n] = 255
    assert count_glyphs(ticks) == 0


def test_nothing_is_seen_where_it_is_not_to_look() -> None:
    image = with_text(speckle(), "DOE JANE 1950", 16)
    assert count_glyphs(image) >= 8
    ignore = np.zeros(image.shape, bool)
    ignore[:40] = True
    assert count_glyphs(image, ignore) == 0


def ct_with_corner_text(text: str) -> np.ndarray:
    """512-pixel slices of the phantom with a name in the corner."""
    hu = factory.body_phantom(3, 480, 512, 0.7)
    label = with_text(np.zeros(hu.shape[1:], np.uint8), text, 14)
    return np.where(label > 100, 3000, hu).astype(np.int16)


@pytest.mark.parametrize(("text", "seen"), [("DOE JANE 1950", True), ("", False)])
def test_text_beside_the_body_in_ct(text: str, seen: bool, tmp_path: Path) -> None:
    factory.write_series(tmp_path, ct_with_corner_text(text), factory.axial_affine((3, 0.7, 0.7)))
    assert (SEEN in load_here([tmp_path]).warnings) == seen


def test_a_header_that_declares_text_is_believed(tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU, BurnedInAnnotation="YES")
    assert any("header says that text is burned" in w for w in load_here([tmp_path]).warnings)


def test_a_screenshot_is_suspected(tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    [series] = inspect_here([tmp_path]).series
    assert any("a screenshot may show the patient's name" in w for w in series.warnings)
