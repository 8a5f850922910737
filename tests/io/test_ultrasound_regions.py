"""Regions of a header (DICOM PS3.3 C.8.5.5): inclusive corners, centimeters, kinds."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from us_factory import region

from hccsurv_core.clip import Region
from hccsurv_core.io.ultrasound_regions import read_regions

SCREEN = (24, 32)


def read(*items: Dataset, screen: tuple[int, int] = SCREEN):
    ds = Dataset()
    ds.SequenceOfUltrasoundRegions = list(items)
    warnings: list[str] = []
    return read_regions(ds, screen, warnings), warnings


def test_corners_are_inside_and_centimeters_become_millimeters():
    found, warnings = read(region())
    assert found == (Region(6, 4, 10, 20, pytest.approx((0.2, 0.3)), "tissue"),)
    assert warnings == []


def test_an_axis_that_points_the_other_way_has_the_same_size():
    found, _ = read(region(PhysicalDeltaX=-0.03))
    assert found[0].spacing_mm == pytest.approx((0.2, 0.3))


@pytest.mark.parametrize(
    ("changes", "kind", "calibrated"),
    [
        ({"RegionDataType": 2}, "color flow", True),
        ({"RegionSpatialFormat": 2}, "m-mode", False),
        ({"RegionSpatialFormat": 3, "RegionDataType": 3}, "spectral doppler", False),
        ({"RegionSpatialFormat": 0, "RegionDataType": 13}, "gray bar", False),
        ({"RegionSpatialFormat": 5}, "graphics", False),
        ({"RegionDataType": 0}, "", True),
        ({"PhysicalUnitsXDirection": 4}, "tissue", False),
        ({"PhysicalUnitsYDirection": 0}, "tissue", False),
    ],
)
def test_kinds_and_which_of_them_have_a_size(changes, kind, calibrated):
    found, _ = read(region(**changes))
    assert found[0].kind == kind
    assert (found[0].spacing_mm is not None) == calibrated


def test_an_impossible_size_is_left_out_with_a_warning():
    found, warnings = read(region(PhysicalDeltaX=300.0))
    assert found[0].spacing_mm is None
    assert "3000 mm" in warnings[0]
    found, warnings = read(region(PhysicalDeltaX=0.0, PhysicalDeltaY=0.0))
    assert (found[0].spacing_mm, warnings) == (None, [])


def test_a_region_is_clipped_to_the_screen():
    found, warnings = read(region(RegionLocationMaxX1=32), screen=(24, 32))
    assert (found[0].left, found[0].columns) == (4, 28)
    assert warnings == []


def test_regions_made_for_a_larger_picture_are_left_out_and_sizes_are_not_known():
    """At half its size a tumor of 40 mm would be measured as one of 20 mm."""
    found, warnings = read(region(RegionLocationMaxX1=55), region())
    assert found == ()
    assert "scaled after the machine stored it" in warnings[0]
    assert "32×24" in warnings[0]


def test_corners_that_make_no_rectangle():
    found, warnings = read(region(RegionLocationMaxX1=1), region())
    assert len(found) == 1
    assert "no possible corners" in warnings[0]


def test_pixel_spacing_stands_in_where_there_is_no_region():
    ds = Dataset()
    ds.PixelSpacing = [0.2, 0.4]
    warnings: list[str] = []
    assert read_regions(ds, SCREEN, warnings) == (Region(0, 0, 24, 32, (0.2, 0.4)),)
    assert "Pixel Spacing" in warnings[0]


def test_a_header_without_regions():
    assert read_regions(Dataset(), SCREEN, []) == ()
