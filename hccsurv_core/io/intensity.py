"""From stored values to Hounsfield units, and whether the result is credible.

Traps this room knows from real files: intercept 0 with signed pixels that are
HU already; a missing offset of −1024; an offset applied twice; padding below
air (−3024, −2048, −2000), wrapped to 63536 in unsigned pixels, or declared by a
PixelPaddingValue that would erase water; overlays in the high bits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import IntensityError
from hccsurv_core.io.dicom_header import Frame

#: What padding becomes, and the lowest value kept: the scanner's own zero.
AIR_HU = -1024
_NOT_HU = {"Z_EFF", "ED", "EDW", "MGML", "PCT", "HU_MOD", "OD"}
#: Kinds of derived images (in ImageType) whose values are not densities of one place.
_MAPS = r"\bMIP\b|MIN_?IP|MAX_?IP|IODINE|EFF_?Z|Z_?EFF|PERFUSION|FUSION|ELECTRON"
_REMEDY = "export the original CT series (not a screenshot or a colour map) from the archive"


@dataclass(frozen=True)
class HuFit:
    """How samples of a series fit the Hounsfield scale.

    Args:
        offset: to be added to make the values credible (0, −1024 or 1024), HU.
        warning: what was repaired, or None.
    """

    offset: int = 0
    warning: str | None = None


def check_rescale(frames: tuple[Frame, ...] | list[Frame]) -> None:
    """Check that rescale tags are present in all frames or in none, and speak of HU.

    Raises:
        IntensityError: naming the first file that differs.
    """
    first = frames[0]
    maps = [part for part in first.image_type if re.search(_MAPS, part)]
    if maps:
        raise IntensityError(
            f"the images are made of others ({maps[0]}), not densities measured", remedy=_REMEDY
        )
    if first.file.rescale_type in _NOT_HU:
        raise IntensityError(
            f"the values are {first.file.rescale_type}, not Hounsfield units", remedy=_REMEDY
        )
    for frame in frames:
        if frame.slope == 0:
            raise IntensityError(f"the rescale slope of {frame.name} is 0", remedy=_REMEDY)
        if (frame.intercept is None) != (first.intercept is None):
            raise IntensityError(
                f"some slices have a rescale intercept and others none ({frame.name})",
                remedy="export the series again",
            )


def is_integer_scale(frames: tuple[Frame, ...] | list[Frame]) -> bool:
    """True where rescaling keeps whole numbers whole, so that int16 holds them exactly."""
    return all(
        float(f.slope if f.slope is not None else 1.0).is_integer()
        and float(f.intercept or 0.0).is_integer()
        for f in frames
    )


def _padding_values(frame: Frame) -> list[int]:
    """Declared padding that lies outside the tissues, also as its 16-bit wrap."""
    slope = 1.0 if frame.slope is None else frame.slope
    intercept = frame.intercept or 0.0
    values = []
    for declared in frame.file.padding[:1]:
        for stored in {int(declared), int(declared) % 65536, int(declared) - 65536}:
            hu = stored * slope + intercept
            # A padding value of 0 in pixels that are HU already is water: not believed.
            if hu <= -900 or hu > 20_000:
                values.append(stored)
    return values


def stored_to_hu(
    stored: NDArray[np.integer], frame: Frame
) -> tuple[NDArray[np.float32] | NDArray[np.int32], NDArray[np.bool_]]:
    """Rescale one image.

    Args:
        stored: pixel values as decoded, (rows, columns), any integer type.
        frame: its slope, intercept, padding and bit depth.

    Returns:
        HU before clipping (int32 where slope and intercept are whole, else float32), and the
        mask of padding.
    """
    values = stored.astype(np.int32)
    padding = np.isin(values, _padding_values(frame)) if frame.file.padding else None
    if len(frame.file.padding) == 2:
        padding = _in_padding_range(values, frame, padding)
    wrapped = None
    if not frame.file.signed and values.max(initial=0) >= 1 << 15:
        # 63536 is −2000 written into an unsigned field; no CT reaches such values in earnest.
        wrapped = values >= 60_000
    bits = frame.file.bits_stored
    if 8 <= bits < 16:
        if frame.file.signed:
            # Below what the bits can hold lies padding; above, an overlay in the spare bits.
            wrapped = values < -(1 << (bits - 1))
            shift = 32 - bits
            values = (values << shift) >> shift
        else:
            values = values & np.int32((1 << bits) - 1)
    mask = np.zeros(values.shape, bool)
    for part in (padding, wrapped):
        if part is not None:
            mask |= part
    slope = 1.0 if frame.slope is None else frame.slope
    intercept = frame.intercept or 0.0
    if float(slope).is_integer() and float(intercept).is_integer() and abs(slope) < 1000:
        return values * np.int32(slope) + np.int32(intercept), mask
    return values.astype(np.float32) * np.float32(slope) + np.float32(intercept), mask


def _in_padding_range(
    values: NDArray[np.int32], frame: Frame, padding: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    low, high = sorted(int(p) for p in frame.file.padding)
    slope = 1.0 if frame.slope is None else frame.slope
    in_range = (values >= low) & (values <= high)
    # The whole range must lie below the tissues to be believed.
    if high * slope + (frame.intercept or 0.0) > -900:
        in_range[:] = False
    return in_range if padding is None else in_range | padding


def finish_hu(
    hu: NDArray[np.float32] | NDArray[np.int32],
    padding: NDArray[np.bool_],
    offset: int,
    dtype: np.dtype,
) -> NDArray:
    """Apply the repair offset, set padding and all below air to :data:`AIR_HU`, fit the type."""
    shifted = hu + hu.dtype.type(offset)
    np.clip(shifted, AIR_HU, np.iinfo(np.int16).max, out=shifted)
    shifted[padding] = AIR_HU
    return shifted.astype(dtype)


def _fraction(values: NDArray, low: float, high: float) -> float:
    return float(np.count_nonzero((values >= low) & (values <= high)) / values.size)


def _is_credible(values: NDArray, offset: int) -> bool:
    """Soft tissue where it belongs, and air or fat where they belong."""
    soft = _fraction(values, -20 - offset, 120 - offset)
    air = _fraction(values, -1080 - offset, -900 - offset)
    fat = _fraction(values, -140 - offset, -60 - offset)
    return soft >= 0.02 and (air >= 0.02 or fat >= 0.02)


def fit_hu(samples: list[tuple[NDArray, NDArray[np.bool_]]]) -> HuFit:
    """Judge sampled slices, before clipping.

    Args:
        samples: (HU, padding mask) pairs from :func:`stored_to_hu`.

    Raises:
        IntensityError: the values are not Hounsfield units and no known slip explains them.
    """
    values = np.concatenate([hu[~padding].ravel() for hu, padding in samples])
    if values.size:
        lowest = values.min()
        if lowest <= -1500 and _fraction(values, lowest, lowest) > 0.001:
            values = values[values > lowest]  # undeclared padding
    if values.size == 0 or values.max() - values.min() < 100:
        raise IntensityError("the images are blank, or a mask instead of a CT", remedy=_REMEDY)
    if _is_credible(values, 0):
        return HuFit()
    if _is_credible(values, -1024) and _is_offset_certain(values):
        return HuFit(-1024, "the offset of −1024 HU was missing from the headers: applied")
    if _is_credible(values, 1024) and values.min() < -1500:
        return HuFit(1024, "an offset of −1024 HU had been applied twice: taken back once")
    low, middle, high = np.percentile(values, (1, 50, 99))
    raise IntensityError(
        "the values are not Hounsfield units: air must lie near −1000 and muscle near 50, but "
        f"these range from {low:.0f} to {high:.0f} with {middle:.0f} in the middle",
        remedy=_REMEDY,
    )


def _is_offset_certain(values: NDArray) -> bool:
    """Air tells 1024 from the rarer 1000: real air (−1000) is stored near 24, cut-off air at 0."""
    air, tissue = values[values <= 150], values[values > 150]
    if values.min() < 0 or air.size < 0.02 * values.size or tissue.size == 0:
        return False
    # Other kinds of images (MR) also lie in black; only in CT do tissues crowd round water.
    fat, soft = _fraction(tissue, 884, 964), _fraction(tissue, 1004, 1144)
    if _fraction(tissue, 824, 1224) < 0.6 or min(fat, soft) < 0.02:
        return False
    middle = float(np.median(air))
    return 15 <= middle <= 40 or bool((air == 0).mean() > 0.5)
