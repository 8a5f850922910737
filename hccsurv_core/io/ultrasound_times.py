"""When each frame of an ultrasound clip was taken, as its header says (DICOM PS3.3 C.7.6.5).

In the order of preference:

1. Frame Time Vector: increments in milliseconds, one a frame, the first always 0
   (C.7.6.5.1.2; where it is not 0, time still starts with the first frame). It must hold one
   value a frame: which frame lost its value cannot be known, so another length is an error.
2. Frame Time: one nominal increment for all frames (C.7.6.5.1.1).
3. Cine Rate, then Recommended Display Frame Rate: how fast to *show* the clip. Clips stored
   faster or slower than they were recorded exist, so that comes with a warning.

A vector whose increments are not all above zero (machines that leave it at 0) says nothing of when
frames were taken. What follows in the list takes its place, with a warning; where nothing follows it
is an error, because a curve over invented times would look like any other.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from hccsurv_core.errors import GeometryError, InputError
from hccsurv_core.io.dicom_header import PYDICOM_ERRORS, get, number

Times = NDArray[np.floating]
_FRAME_TIME, _FRAME_TIME_VECTOR = 0x00181063, 0x00181065
#: Frames a second that ultrasound can have; outside, the entry is a slip.
_RATES_HZ = (0.005, 2000.0)
GIVE_INTERVAL = "give the time between frames in seconds, or export the clip again with frame times"


def frame_times(ds: Dataset, n_frames: int, warnings: list[str]) -> Times:
    """Times (n_frames,) in seconds from the first frame, rising.

    Args:
        ds: the header.
        n_frames: of the clip.
        warnings: what was doubtful is added.

    Raises:
        GeometryError: a vector of the wrong length.
        InputError: nothing in the header tells.
    """
    if n_frames == 1:
        return np.zeros(1)
    named = _increment_pointer(ds)
    vector = None if named == _FRAME_TIME and _milliseconds(ds) else _vector(ds)
    if vector is not None:
        if len(vector) != n_frames:
            raise GeometryError(
                f"Frame Time Vector holds {len(vector)} values for {n_frames} frames",
                remedy=GIVE_INTERVAL,
            )
        steps = vector[1:] / 1000
        if np.isfinite(steps).all() and (steps > 0).all():
            return np.concatenate([[0.0], np.cumsum(steps)])
        warnings.append(_useless(vector))
    if (interval := _milliseconds(ds)) is not None:
        return np.arange(n_frames) * (interval / 1000)
    for keyword, name in (
        ("CineRate", "Cine Rate"),
        ("RecommendedDisplayFrameRate", "Recommended Display Frame Rate"),
    ):
        rate = number(ds, keyword)
        if rate is not None and _RATES_HZ[0] <= rate <= _RATES_HZ[1]:
            warnings.append(
                f"frame times are display times: the header only says to show {rate:g} frames a "
                f"second ({name}), not when they were taken"
            )
            return np.arange(n_frames) / rate
    reason = "its Frame Time Vector does not rise" if vector is not None else "no frame times"
    raise InputError(
        f"the header does not say when the {n_frames} frames were taken ({reason})",
        remedy=GIVE_INTERVAL,
    )


def even_times(n_frames: int, interval_s: float) -> Times:
    """Times of frames that a person says are ``interval_s`` seconds apart.

    Raises:
        InputError: no interval that ultrasound can have.
    """
    if not math.isfinite(interval_s) or not 1 / _RATES_HZ[1] <= interval_s <= 1 / _RATES_HZ[0]:
        raise InputError(
            f"frames cannot be {interval_s:g} s apart", remedy="give the time in seconds"
        )
    return np.arange(n_frames) * interval_s


def _useless(vector: Times) -> str:
    if not (vector != 0).any():
        return "Frame Time Vector holds only zeros and was left out"
    return "Frame Time Vector holds increments that are not above zero and was left out"


def _increment_pointer(ds: Dataset) -> int | None:
    """The element by which frames are apart (C.7.6.6.1.2), the first where there are several."""
    value = get(ds, "FrameIncrementPointer")
    try:
        return int(
            value[0] if isinstance(value, (list, tuple)) or hasattr(value, "append") else value
        )
    except PYDICOM_ERRORS:
        return None


def _milliseconds(ds: Dataset) -> float | None:
    """Frame Time, where it can be one."""
    value = number(ds, "FrameTime")
    if value is None or not 1000 / _RATES_HZ[1] <= value <= 1000 / _RATES_HZ[0]:
        return None
    return value


def _vector(ds: Dataset) -> Times | None:
    value = get(ds, "FrameTimeVector")
    if value is None:
        return None
    try:
        return np.atleast_1d(np.array(value, dtype=np.float64))
    except PYDICOM_ERRORS:
        return np.full(1, np.nan)
