"""Single pictures: PNG and JPEG, and when DICOM stills of one series were taken."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from hccsurv_core.errors import GeometryError, InputError, UnreadableFileError
from hccsurv_core.io.dicom_header import integer, text
from hccsurv_core.io.faults import DECODER_ERRORS, first_line
from hccsurv_core.io.limits import IntakeLimits

_DAY_S = 86_400.0
#: Pillow raises SyntaxError for a damaged PNG.
_DAMAGE: tuple[type[Exception], ...] = (*DECODER_ERRORS, SyntaxError)


def read_picture(path: Path, limits: IntakeLimits) -> NDArray[np.uint8]:
    """A PNG or JPEG as (rows, columns) gray or (rows, columns, 3) RGB, 8 bits.

    Raises:
        UnreadableFileError: it is damaged or animated.
        GeometryError: it claims to be larger than allowed.
    """
    from PIL import Image

    # The size is judged below, before anything is decoded.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(path, formats=["PNG", "JPEG"]) as picture:
            width, height = picture.size
            if max(picture.size) > limits.max_side or width * height > limits.max_voxels:
                raise GeometryError(
                    f"claims a picture of {width}×{height} pixels, more than {limits.max_side} a side"
                )
            if getattr(picture, "is_animated", False) and picture.format == "PNG":
                raise UnreadableFileError(
                    "is an animated picture", remedy="save the clip as a video or DICOM"
                )
            if picture.mode.startswith("I") or picture.mode == "F":
                # Pillow would clip 16 bits at 255.
                return (np.asarray(picture).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
            wanted = "L" if picture.mode in ("1", "L", "LA") else "RGB"
            return np.asarray(picture.convert(wanted))
    except InputError:
        raise
    except _DAMAGE as error:
        raise UnreadableFileError(
            f"is a damaged picture ({first_line(error)})", remedy="export it again"
        ) from error


def still_times(
    headers: list[Dataset], warnings: list[str]
) -> tuple[list[int], NDArray[np.floating]]:
    """The order in which stills were taken, and their times (n,) in seconds from the first.

    Where the headers' times do not tell the stills apart, they are put in order of their instance
    numbers and a second apart, with a warning.

    Args:
        headers: one a still.
        warnings: what was doubtful is added.
    """
    for keywords in (
        ("AcquisitionDateTime",),
        ("AcquisitionDate", "AcquisitionTime"),
        ("ContentDate", "ContentTime"),
        ("AcquisitionTime",),
        ("ContentTime",),
    ):
        found = [_seconds("".join(text(ds, k) for k in keywords)) for ds in headers]
        times = np.array([np.nan if t is None else t for t in found], dtype=np.float64)
        if np.isfinite(times).all() and len(np.unique(times)) == len(times):
            order = np.argsort(times, kind="stable")
            return order.tolist(), times[order] - times[order[0]]
    numbers = np.array([integer(ds, "InstanceNumber", 1 << 30) for ds in headers])
    warnings.append(
        f"the {len(headers)} stills do not say when they were taken: they are in order of their "
        "numbers, a second apart, which is not their time"
    )
    return np.argsort(numbers, kind="stable").tolist(), np.arange(len(headers), dtype=np.float64)


def _seconds(stamp: str) -> float | None:
    """A DICOM time (HHMMSS.ffffff), or date and time, as seconds."""
    match = re.fullmatch(r"(\d{8})?(\d{2})(\d{2})(\d{2})(\.\d{1,6})?(?:[+-]\d{4})?", stamp)
    if match is None:
        return None
    hours, minutes, seconds = (int(match[n]) for n in (2, 3, 4))
    days = np.datetime64("1970-01-01")
    if match[1]:
        try:
            days = np.datetime64(f"{match[1][:4]}-{match[1][4:6]}-{match[1][6:]}")
        except ValueError:
            return None
    whole = float((days - np.datetime64("1970-01-01")).astype(int)) * _DAY_S
    return whole + 3600 * hours + 60 * minutes + seconds + float(match[5] or 0.0)
