"""Radiomics of the lesion on an ultrasound still: preset ``ceus-2d``.

What is measured is not the screen but the lesion on a grid of 0.4 mm in decibels against the
parenchyma's mean power (:func:`~hccsurv_core.imaging.ultrasound_crops.window_still`): machines show
pixels of 0.24 to 0.47 mm, and gray levels that their gain moves. Values end at ±25 dB. A line of the
lowest value frames the picture, out of reach of the filters: square, square root, logarithm and
exponential scale by the largest value anywhere, which is then the same for everybody.

What stays of the machine: its point-spread function and number of looks (speckle's grain and
spread), its noise floor, and on a grayscale still the gray curve and a dynamic range that is assumed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.features.radiomics.extract import RadiomicsResult, extract_radiomics
from hccsurv_core.features.radiomics.presets import RadiomicsPreset, choose_preset
from hccsurv_core.imaging.ultrasound_crops import WINDOW_DB, window_still
from hccsurv_core.imaging.ultrasound_still import Still
from hccsurv_core.volume import Volume

__all__ = ["PRESET", "radiomics_picture", "still_radiomics"]

PRESET = "ceus-2d"
#: Beyond the lesion at least five standard deviations of the widest filter (LoG of 3 mm), so that
#: the frame is out of its reach.
MARGIN_MM = 15.0


def still_radiomics(
    still: Still, preset: RadiomicsPreset | str = PRESET, *, engine: str = "fast"
) -> RadiomicsResult:
    """Every feature of the preset of one still's lesion.

    Args:
        still: with its outlines.
        preset: one of two dimensions with a pixel size.
        engine: "fast", or "pyradiomics" for the reference.

    Raises:
        RadiomicsError: the lesion is too small, or a feature has no value; the message names the
            still.
    """
    chosen = choose_preset(preset)
    volume, mask = radiomics_picture(still, chosen)
    try:
        return extract_radiomics(volume, mask, chosen, engine=engine)
    except InputError as error:
        error.source = f"{still.words}, {error.source or 'lesion'}"
        raise


def radiomics_picture(
    still: Still, preset: RadiomicsPreset | str = PRESET
) -> tuple[Volume, NDArray[np.bool_]]:
    """What radiomics are measured on: one slice in decibels, and the lesion on it.

    Raises:
        InputError: the preset has no pixel size.
    """
    chosen = choose_preset(preset)
    if chosen.pixel_mm is None or chosen.dimensions != 2:
        raise InputError(
            f"{chosen.name} does not say on which pixels a still is measured", source="preset",
            remedy=f"use {PRESET}",
        )  # fmt: skip
    window = window_still(still, chosen.pixel_mm, MARGIN_MM)
    # What lies outside the picture is not the lesion, wherever its outline runs.
    lesion = (window.covered >= 0.5) & window.fan
    framed = np.pad(window.decibels, 1, constant_values=-WINDOW_DB)
    spacing = chosen.pixel_mm
    volume = Volume(framed[None], np.diag([spacing, spacing, 1.0, 1.0]))
    return volume, np.pad(lesion, 1)[None]
