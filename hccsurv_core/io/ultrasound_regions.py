"""Sequence of Ultrasound Regions (DICOM PS3.3 C.8.5.5): where the fans are, and the size of a pixel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydicom.dataset import Dataset

from hccsurv_core.clip import Region
from hccsurv_core.io.dicom_header import PYDICOM_ERRORS, get, integer, number, numbers

#: Region Spatial Format (C.8.5.5.1.1) other than two-dimensional, which is told by its data type.
_FORMATS = {2: "m-mode", 3: "spectral doppler", 4: "waveform", 5: "graphics"}
#: Region Data Type (C.8.5.5.1.2).
_DATA_TYPES = {
    1: "tissue",
    2: "color flow",
    3: "spectral doppler",
    4: "spectral doppler",
    5: "doppler trace",
    6: "doppler trace",
    7: "doppler trace",
    8: "volume trace",
    9: "volume trace",
    10: "ecg",
    11: "pulse trace",
    12: "phonocardiogram trace",
    13: "gray bar",
    14: "color bar",
    15: "integrated backscatter",
}
_CENTIMETERS = 3
_MAX_ITEMS = 64
#: Sizes of a pixel on a screen of ultrasound, mm. Outside, the entry is a slip.
_SPACING_MM = (0.005, 5.0)
#: How far a region may reach beyond the screen (share of the screen) before it must have been made
#: for a picture of another size.
_OVERHANG = 0.02


def read_regions(ds: Dataset, screen: tuple[int, int], warnings: list[str]) -> tuple[Region, ...]:
    """The regions of a header, clipped to the screen.

    Location is the first and last column and row, both inside (C.8.5.5). A pixel's size is the
    physical delta where its unit is centimeters; its sign, which says only which way the axis
    points, is dropped.

    Where a region reaches far beyond the screen, the picture was scaled after the machine wrote the
    regions. Then neither places nor sizes are right (a clip at half its size would make a tumor of
    40 mm one of 20 mm), so all regions are left out, with a warning.

    Args:
        ds: the header.
        screen: (rows, columns).
        warnings: what was doubtful is added.
    """
    items = _items(ds)
    found: list[Region] = []
    for item in items:
        corners = _corners(item)
        if corners is None:
            warnings.append("a region of the file has no possible corners and was left out")
            continue
        top, left, bottom, right = corners
        if bottom >= screen[0] * (1 + _OVERHANG) or right >= screen[1] * (1 + _OVERHANG):
            warnings.append(
                f"the file's regions reach to column {right + 1} and row {bottom + 1}, the picture "
                f"has {screen[1]}×{screen[0]} pixels: it was scaled after the machine stored it, so "
                "its regions were left out and sizes in mm are not known"
            )
            return ()
        bottom, right = min(bottom, screen[0] - 1), min(right, screen[1] - 1)
        if top > bottom or left > right:
            continue
        found.append(
            Region(
                top, left, bottom - top + 1, right - left + 1, _spacing(item, warnings), _kind(item)
            )
        )
    return tuple(found) or _from_pixel_spacing(ds, screen, warnings)


def _from_pixel_spacing(
    ds: Dataset, screen: tuple[int, int], warnings: list[str]
) -> tuple[Region, ...]:
    """The whole screen with Pixel Spacing, where the file has that and no region."""
    spacing = numbers(ds, "PixelSpacing", 2)
    if spacing is None or not all(_SPACING_MM[0] <= s <= _SPACING_MM[1] for s in spacing):
        return ()
    warnings.append("the size of a pixel is that of Pixel Spacing: the file has no regions")
    return (Region(0, 0, *screen, (spacing[0], spacing[1])),)


def _items(ds: Dataset) -> list[Dataset]:
    sequence: Any = get(ds, "SequenceOfUltrasoundRegions")
    if not isinstance(sequence, Iterable):
        return []
    try:
        return [item for item in sequence if isinstance(item, Dataset)][:_MAX_ITEMS]
    except PYDICOM_ERRORS:
        return []


def _corners(item: Dataset) -> tuple[int, int, int, int] | None:
    """(top, left, bottom, right), the last ones inside; None where they make no rectangle."""
    found = [
        integer(item, f"RegionLocation{name}", -1) for name in ("MinY0", "MinX0", "MaxY1", "MaxX1")
    ]
    top, left, bottom, right = found
    if min(found) < 0 or bottom < top or right < left or max(found) > 1 << 20:
        return None
    return top, left, bottom, right


def _kind(item: Dataset) -> str:
    spatial = integer(item, "RegionSpatialFormat", 0)
    return _FORMATS.get(spatial) or _DATA_TYPES.get(integer(item, "RegionDataType", 0), "")


def _spacing(item: Dataset, warnings: list[str]) -> tuple[float, float] | None:
    """mm along (row, column), or None."""
    if integer(item, "RegionSpatialFormat", 0) != 1:
        return None
    units = [integer(item, f"PhysicalUnits{axis}Direction", 0) for axis in "YX"]
    deltas = [number(item, f"PhysicalDelta{axis}") for axis in "YX"]
    if units != [_CENTIMETERS, _CENTIMETERS] or None in deltas:
        return None
    row_mm, column_mm = (abs(float(delta or 0.0)) * 10 for delta in deltas)
    if not all(_SPACING_MM[0] <= mm <= _SPACING_MM[1] for mm in (row_mm, column_mm)):
        if row_mm or column_mm:
            warnings.append(
                f"a region of the file gives pixels of {row_mm:g} mm × {column_mm:g} mm, which is "
                "not possible: left out"
            )
        return None
    return row_mm, column_mm
