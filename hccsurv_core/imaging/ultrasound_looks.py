"""What an ultrasound screen shows over a clip: brightest and darkest looks, and which pixels are picture.

A few frames stand for all: what follows asks where things are, not how bright they were when.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.clip import Clip

Mask = NDArray[np.bool_]
Levels = NDArray[np.uint8]
#: Frames that stand for a clip.
SAMPLES = 16
#: Below this a pixel is black: compression leaves a few levels around letters.
BLACK = 6
#: Below this there is nothing at all, not even noise.
FAINT = 2
#: Picture is lit without gaps, unlike text, and speckled, unlike bars: shares of a small window.
_WINDOW, _LIT_SHARE, _SPECKLED_SHARE = 9, 0.6, 0.15
_SPECKLE_LEVELS = 2
#: Bars, scales and text of at most this thickness (share of the screen's smaller side) are no picture.
_THICKNESS = 0.06
#: Parts of the picture smaller than this share of the largest are none.
_SMALLEST_PART = 0.05


@dataclass(frozen=True, eq=False)
class Looks:
    """A clip's screen over a few frames.

    Args:
        levels: (n, rows, columns) brightness of the frames, 8-bit.
        frames: (n,) their indices.
        highest, lowest: (rows, columns) over these frames.
    """

    levels: Levels
    frames: NDArray[np.int64]
    highest: Levels
    lowest: Levels

    @classmethod
    def of(cls, clip: Clip, samples: int = SAMPLES) -> Looks:
        """Frames evenly spread over the clip, the first and the last among them."""
        frames = np.unique(
            np.linspace(0, len(clip) - 1, min(samples, len(clip))).round().astype(int)
        )
        levels = np.stack([brightness_8_bit(np.asarray(clip.frames[k])) for k in frames])
        return cls(levels, frames, levels.max(axis=0), levels.min(axis=0))


def brightness_8_bit(picture: Levels) -> Levels:
    """Brightness (rows, columns) of a gray or RGB picture, ITU-R BT.601, rounded down."""
    if picture.ndim == 2:
        return picture
    weighted = picture.astype(np.uint16) * np.array([77, 150, 29], np.uint16)
    return (weighted.sum(axis=2, dtype=np.uint16) >> 8).astype(np.uint8)


def colorfulness(picture: Levels) -> Levels:
    """(rows, columns) difference of the strongest and the weakest channel; 0 for gray."""
    if picture.ndim == 2:
        return np.zeros(picture.shape, np.uint8)
    return picture.max(axis=2) - picture.min(axis=2)


def picture_mask(looks: Looks) -> Mask:
    """(rows, columns) True where the screen shows echoes: lit without gaps, and speckled.

    Dark parts of a fan (vessels, shadows, deep tissue) are not found by this; see
    `hccsurv_core.imaging.ultrasound_sector`.
    """
    from scipy import ndimage

    high = looks.highest
    lit = _share(high > BLACK)
    across = np.abs(np.diff(high.astype(np.int16), axis=1, append=0)) >= _SPECKLE_LEVELS
    down = np.abs(np.diff(high.astype(np.int16), axis=0, append=0)) >= _SPECKLE_LEVELS
    found = (lit >= _LIT_SHARE) & (_share(across & down) >= _SPECKLED_SHARE)
    thick = max(round(_THICKNESS * min(found.shape)), 3)
    opened = _opened(found, thick)
    labels, n = ndimage.label(opened)
    if n == 0:
        return opened
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    return np.isin(labels, np.flatnonzero(areas >= _SMALLEST_PART * areas.max()))


def _share(mask: Mask) -> NDArray[np.float32]:
    from scipy import ndimage

    return ndimage.uniform_filter(mask.astype(np.float32), _WINDOW, mode="constant")


def _opened(mask: Mask, size: int) -> Mask:
    """Opening with a square, by running extremes (fast for large squares)."""
    from scipy import ndimage

    values = mask.astype(np.uint8)
    eroded = ndimage.minimum_filter(values, size, mode="constant")
    return ndimage.maximum_filter(eroded, size, mode="constant").astype(bool)
