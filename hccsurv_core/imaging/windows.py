"""Intensity windows: which Hounsfield units a screen shows, and as what gray.

The mapping is DICOM's LINEAR_EXACT (PS3.3 C.11.2.1.3.2): gray 0 at
``center − width/2`` and below, gray 255 at ``center + width/2`` and above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.errors import InputError


@dataclass(frozen=True)
class IntensityWindow:
    """A window over Hounsfield units.

    Args:
        center_hu: middle of the window ("level"), HU.
        width_hu: width of the window, HU; positive.

    Raises:
        InputError: the width is not positive.
    """

    center_hu: float
    width_hu: float

    def __post_init__(self) -> None:
        if not self.width_hu > 0:
            raise InputError(
                f"the window's width must be positive, got {self.width_hu:g} HU",
                source="window",
                remedy="give a width of 1 HU or more",
            )

    @property
    def low_hu(self) -> float:
        """The HU shown as black."""
        return self.center_hu - self.width_hu / 2

    @property
    def high_hu(self) -> float:
        """The HU shown as white."""
        return self.center_hu + self.width_hu / 2


#: The windows a reader reaches for first, in the order of their keys 1 to 4.
WINDOW_PRESETS: dict[str, IntensityWindow] = {
    "Soft tissue": IntensityWindow(50, 400),
    "Liver": IntensityWindow(60, 160),
    "Lung": IntensityWindow(-600, 1500),
    "Bone": IntensityWindow(400, 1800),
}


def apply_window(intensity_hu: ArrayLike, window: IntensityWindow) -> NDArray[np.uint8]:
    """Map HU to gray levels 0 to 255; NaN becomes black.

    Args:
        intensity_hu: array of any shape, HU.
        window: the window.
    """
    scaled = (np.asarray(intensity_hu, dtype=np.float32) - window.low_hu) / window.width_hu
    scaled = np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0)
    return np.round(np.clip(scaled, 0.0, 1.0) * 255.0).astype(np.uint8)
