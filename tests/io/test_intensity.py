"""Whatever the scanner did to the numbers, Hounsfield units come out, or a named refusal."""

from __future__ import annotations

from pathlib import Path

import dicom_factory as factory
import numpy as np
import pytest
from in_process import load_here

from hccsurv_core.errors import IntensityError

HU = factory.body_phantom()
AFFINE = factory.axial_affine()
CORNER = (slice(None), slice(0, 6), slice(0, 6))


def with_corner(value: int, dtype: type = np.int16) -> np.ndarray:
    """Stored values with a padded corner, as outside a round field of view."""
    stored = HU.astype(dtype)
    stored[CORNER] = value
    return stored


EXPECTED = with_corner(-1024)


def load_stored(folder: Path, stored: np.ndarray, **options: object) -> np.ndarray:
    for n, plane in enumerate(stored):
        ds = factory.dicom_slice(HU, AFFINE, n, stored=plane, **options)
        factory.write(ds, folder / str(n))
    return load_here([folder]).volume.voxels


def test_signed_pixels_with_intercept_0_are_hu_already(tmp_path: Path) -> None:
    np.testing.assert_array_equal(load_stored(tmp_path, HU, intercept=0), HU)


def test_missing_rescale_tags_on_signed_pixels(tmp_path: Path) -> None:
    np.testing.assert_array_equal(load_stored(tmp_path, HU, slope=None, intercept=None), HU)


@pytest.mark.parametrize("pad", [-2000, -3024, -2048, -1500, -1025])
@pytest.mark.parametrize("declared", [True, False])
def test_padding_below_air_becomes_air(pad: int, declared: bool, tmp_path: Path) -> None:
    tags = {"PixelPaddingValue": pad} if declared else {}
    voxels = load_stored(tmp_path, with_corner(pad), intercept=0, **tags)
    np.testing.assert_array_equal(voxels, EXPECTED)


def test_padding_of_minus_2000_under_an_offset(tmp_path: Path) -> None:
    stored = (HU + 1024).astype(np.int16)
    stored[CORNER] = -2000
    np.testing.assert_array_equal(load_stored(tmp_path, stored), EXPECTED)


def test_padding_63536_is_a_wrapped_minus_2000(tmp_path: Path) -> None:
    stored = (HU + 1024).astype(np.uint16)
    stored[CORNER] = 63536
    np.testing.assert_array_equal(load_stored(tmp_path / "a", stored), EXPECTED)
    tagged = load_stored(tmp_path / "b", stored, PixelPaddingValue=63536)
    np.testing.assert_array_equal(tagged, EXPECTED)


def test_a_range_of_padding(tmp_path: Path) -> None:
    stored = with_corner(-1990)
    stored[:, 0, 0] = -1900
    tags = {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1800}
    np.testing.assert_array_equal(load_stored(tmp_path, stored, intercept=0, **tags), EXPECTED)


def test_padding_value_that_would_erase_water_is_not_believed(tmp_path: Path) -> None:
    stored = HU.copy()
    stored[:, 40, 50:60] = 0
    voxels = load_stored(tmp_path, stored, intercept=0, PixelPaddingValue=0)
    np.testing.assert_array_equal(voxels, stored)


def test_overlay_in_the_high_bits_is_masked(tmp_path: Path) -> None:
    stored = (HU + 1024).astype(np.uint16)
    stored[:, 30:34, 30:90] |= 0x1000
    np.testing.assert_array_equal(load_stored(tmp_path, stored, BitsStored=12), HU)


def test_padding_below_what_the_bits_hold_is_no_bright_spot(tmp_path: Path) -> None:
    voxels = load_stored(tmp_path, with_corner(-3024), intercept=0, BitsStored=12)
    np.testing.assert_array_equal(voxels, EXPECTED)


@pytest.mark.parametrize("tags", [{"intercept": 0}, {"slope": None, "intercept": None}])
def test_missing_offset_is_repaired_with_a_warning(tags: dict, tmp_path: Path) -> None:
    for n, plane in enumerate((HU + 1024).astype(np.uint16)):
        factory.write(factory.dicom_slice(HU, AFFINE, n, stored=plane, **tags), tmp_path / str(n))
    scan = load_here([tmp_path])
    np.testing.assert_array_equal(scan.volume.voxels, HU)
    assert any("offset of −1024 HU was missing" in w for w in scan.warnings)


def test_offset_applied_twice_is_taken_back(tmp_path: Path) -> None:
    for n, plane in enumerate(HU):
        ds = factory.dicom_slice(HU, AFFINE, n, stored=plane, intercept=-1024)
        factory.write(ds, tmp_path / str(n))
    scan = load_here([tmp_path])
    np.testing.assert_array_equal(scan.volume.voxels, HU)
    assert any("applied twice" in w for w in scan.warnings)


@pytest.mark.parametrize(
    "stored",
    [
        (HU > -200).astype(np.uint16),
        np.clip((HU + 160) / 400 * 255, 0, 255).astype(np.uint16),
        (HU * 3 + 3600).astype(np.uint16),
        # Air at 12: neither −1000 (24) nor cut off (0), so the offset is a guess.
        np.clip(HU + 1012, 0, None).astype(np.uint16),
        np.zeros(HU.shape, np.uint16),
        np.select([HU < -500, HU < 0, HU < 100], [0, 1100, 350], 900).astype(np.uint16),
    ],
    ids=[
        "mask",
        "windowed screenshot",
        "wrong slope",
        "unclear offset",
        "blank",
        "magnetic resonance",
    ],
)
def test_values_that_are_not_hu_are_refused(stored: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(IntensityError, match=r"not Hounsfield units|blank, or a mask"):
        load_stored(tmp_path, stored, intercept=0)


def test_rescale_in_some_slices_only_is_refused_naming_one(tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU)
    factory.write(factory.dicom_slice(HU, AFFINE, 3, RescaleIntercept=None), tmp_path / "slice-003")
    with pytest.raises(IntensityError, match=r"some slices have a rescale intercept.*slice-003"):
        load_here([tmp_path])


def test_slope_0_is_refused(tmp_path: Path) -> None:
    factory.write_series(tmp_path, HU, RescaleSlope=0)
    with pytest.raises(IntensityError, match=r"rescale slope of .* is 0"):
        load_here([tmp_path])
