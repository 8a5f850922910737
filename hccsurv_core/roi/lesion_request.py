"""What may be asked of click-to-segment, checked before any work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.checks import checked_number
from hccsurv_core.errors import SegmentationError
from hccsurv_core.progress import Progress
from hccsurv_core.volume import Volume

Index = tuple[int, int, int]
#: Two opposite corners, both included.
Box = tuple[Index, Index]

#: No lesion is looked for beyond this, and none below (mm).
_DIAMETERS_MM = (4.0, 400.0)
_INSIDE = "click inside the image, on the lesion"


@dataclass(frozen=True, eq=False)
class Request:
    """A checked call of `grow_lesion`.

    Args:
        seed: (slice, row, column).
        corners: lower and upper corner of the box, both included; None for a click.
        flat: one slice only.
        limits_hu: attenuation that the lesion may have; infinite where it may have any.
    """

    volume: Volume
    seed: NDArray[np.intp]
    corners: tuple[NDArray[np.intp], NDArray[np.intp]] | None
    flat: bool
    max_diameter_mm: float
    within: NDArray[np.bool_] | None
    limits_hu: tuple[float, float]
    progress: Progress


def checked_request(
    volume: Volume,
    seed: Index | None,
    box: Box | None,
    dimensions: int,
    max_diameter_mm: float,
    within: NDArray[np.bool_] | None,
    limits_hu: tuple[float | None, float | None],
    progress: Progress,
) -> Request:
    """Check a call.

    Raises:
        SegmentationError: something does not fit the volume.
        InputError: a number is none.
    """
    if dimensions not in (2, 3):
        raise SegmentationError(f"dimensions must be 2 or 3, got {dimensions!r}")
    if seed is None and box is None:
        raise SegmentationError("neither a click nor a box was given", remedy=_INSIDE)
    flat = dimensions == 2 or volume.shape[0] == 1
    corners = None if box is None else _corners(volume, box)
    middle = None if corners is None else (corners[0] + corners[1]) // 2
    at = middle if seed is None else _index(seed, "the click")
    if at is None or not _is_inside(at, volume):
        raise SegmentationError(
            f"the click {_shown(seed)} lies outside of the image of {volume.shape[0]} slices, "
            f"{volume.shape[1]} rows and {volume.shape[2]} columns",
            remedy=_INSIDE,
        )
    if corners is not None:
        corners = _with_slices(corners, at, volume, flat)
        if not ((at >= corners[0]) & (at <= corners[1])).all():
            raise SegmentationError(
                f"the click {_shown(at)} lies outside of the box", remedy="click inside the box"
            )
    if within is not None:
        _check_within(within, volume, at if box is None else None)
    diameter = checked_number(
        max_diameter_mm, "max_diameter_mm", low=_DIAMETERS_MM[0], high=_DIAMETERS_MM[1]
    )
    return Request(
        volume, at, corners, flat, diameter, within, _checked_limits(*limits_hu), progress
    )


def _checked_limits(low: float | None, high: float | None) -> tuple[float, float]:
    found = (
        -np.inf if low is None else checked_number(low, "low_hu"),
        np.inf if high is None else checked_number(high, "high_hu"),
    )
    if found[0] >= found[1]:
        raise SegmentationError(
            f"the lesion's attenuation cannot be at least {found[0]:g} and at most {found[1]:g} HU",
            remedy="give the lower limit first",
        )
    return found


def _index(values: Sequence[int], what: str) -> NDArray[np.intp]:
    array = np.asarray(values)
    if array.shape != (3,) or not np.issubdtype(array.dtype, np.integer):
        raise SegmentationError(
            f"{what} must be three whole numbers (slice, row, column), got {values!r}"
        )
    return array.astype(np.intp)


def _is_inside(index: NDArray[np.intp], volume: Volume) -> bool:
    return bool(((index >= 0) & (index < np.array(volume.shape))).all())


def _shown(index: object) -> str:
    return "(" + ", ".join(str(int(i)) for i in np.asarray(index).ravel()) + ")"


def _corners(volume: Volume, box: Box) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The box's lower and upper corner, cut to the volume."""
    if len(box) != 2:
        raise SegmentationError(f"a box has two corners, got {len(box)}")
    first, second = (_index(corner, "a corner of the box") for corner in box)
    low, high = np.minimum(first, second), np.maximum(first, second)
    last = np.array(volume.shape) - 1
    if (high < 0).any() or (low > last).any():
        raise SegmentationError(
            f"the box from {_shown(low)} to {_shown(high)} lies outside of the image",
            remedy="draw it about the lesion",
        )
    low, high = np.maximum(low, 0), np.minimum(high, last)
    if (high - low)[1:].min() < 2:
        raise SegmentationError(
            "the box is narrower than three pixels", remedy="draw it larger, about the lesion"
        )
    return low, high


def _with_slices(
    corners: tuple[NDArray[np.intp], NDArray[np.intp]],
    seed: NDArray[np.intp],
    volume: Volume,
    flat: bool,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The box on the clicked slice only, or as high as it is wide where it was drawn on one slice."""
    low, high = corners[0].copy(), corners[1].copy()
    if flat and low[0] <= seed[0] <= high[0]:
        low[0] = high[0] = seed[0]
    elif not flat and low[0] == high[0]:
        spacing = np.array(volume.spacing_mm)
        half_mm = ((high - low + 1) * spacing)[1:].mean() / 2
        reach = max(1, round(float(half_mm / spacing[0])))
        low[0], high[0] = max(0, low[0] - reach), min(volume.shape[0] - 1, high[0] + reach)
    return low, high


def _check_within(within: NDArray[np.bool_], volume: Volume, seed: NDArray[np.intp] | None) -> None:
    if within.shape != volume.shape or within.dtype != bool:
        raise SegmentationError(
            f"the mask that the lesion lies in must be true or false for each of {volume.shape} "
            f"voxels, got {within.dtype} of {within.shape}"
        )
    if seed is not None and not within[tuple(seed)]:
        raise SegmentationError(
            f"the click {_shown(seed)} lies outside of the liver",
            remedy="click on a lesion inside of it, or correct the liver's outline",
        )
