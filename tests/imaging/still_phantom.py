"""Ultrasound stills made by hand: speckle of known power, a lesion, liver beside it, a fan with corners."""

from __future__ import annotations

import numpy as np

from hccsurv_core.clip import Region
from hccsurv_core.imaging.ultrasound_still import Still

ROWS, COLUMNS = 220, 260
#: Where the panel stands on a larger screen.
TOP, LEFT, SCREEN = 30, 20, (300, 320)


def discs(spacing_mm: float, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A lesion of 10 mm radius and liver of 6 mm radius at its left, at the same depth."""
    row, column = np.indices(shape)
    height, width = (n * spacing_mm for n in shape)
    y, x = row * spacing_mm - height / 2, column * spacing_mm - width / 2
    return np.hypot(y, x) <= 10, np.hypot(y, x + 22) <= 6


def wedge(shape: tuple[int, int]) -> np.ndarray:
    """A fan: its upper corners are cut off."""
    row, column = np.indices(shape)
    return np.abs(column - shape[1] / 2) <= 0.3 * shape[1] + row


def speckle(shape: tuple[int, int], looks: float = 3.0, seed: int = 0) -> np.ndarray:
    """Power of mean 1, smoothed a little as a beam does it."""
    from scipy.ndimage import gaussian_filter

    power = np.random.default_rng(seed).gamma(looks, 1 / looks, shape)
    return gaussian_filter(power, 0.7)


def levels_of(power: np.ndarray, range_db: float, gain_db: float = 0.0) -> np.ndarray:
    """Gray levels, not rounded: white is a power of 1."""
    decibels = 10 * np.log10(power) + gain_db
    return np.clip(255 * (decibels / range_db + 1), 0, 255).astype(np.float32)


def phantom(
    spacing_mm: float = 0.3,
    *,
    lesion_db: float = 6.0,
    range_db: float = 50.0,
    gain_db: float = -25.0,
    seed: int = 0,
    kind: str = "contrast",
) -> Still:
    """A still whose lesion is so much brighter than the liver."""
    shape = (round(ROWS * 0.3 / spacing_mm), round(COLUMNS * 0.3 / spacing_mm))
    lesion, liver = discs(spacing_mm, shape)
    fan = wedge(shape)
    power = speckle(shape, seed=seed) * np.where(lesion, 10 ** (lesion_db / 10), 1.0)
    return Still(
        kind=kind,
        levels=levels_of(power, range_db, gain_db) * fan,
        fan=fan,
        lesion=lesion,
        parenchyma=liver,
        spacing_mm=(spacing_mm, spacing_mm),
        dynamic_range_db=range_db,
        region=Region(TOP, LEFT, *shape, (spacing_mm, spacing_mm), "tissue"),
        screen=(TOP + shape[0] + 50, LEFT + shape[1] + 40),
    )
