"""What tells a contrast picture from one without: how it changes, its color, and its near field.

* **Change.** Before the agent arrives a contrast picture is dark, then it brightens. A picture
  without contrast stays as bright as it is.
* **Color.** Machines tint the contrast picture. Some tint the other as well, so color decides only
  where one of two panels has it.
* **Near field.** The abdominal wall takes up next to no agent and its own echoes are cancelled, so in
  a contrast picture it is darker than the liver; without contrast it is about as bright. This is
  what is left for a gray still, and a person should confirm it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.clip import Clip, Region
from hccsurv_core.imaging.ultrasound_looks import Looks, Mask, brightness_8_bit, colorfulness

#: A contrast picture brightens by this many gray levels in the mean, and this many times as much
#: as the other panel.
RISE, TIMES_THE_OTHER = 20.0, 4.0
#: Pixels at least this bright show their tint; this many levels between channels are one.
_BRIGHT, _TINT = 40, 24
#: A tinted picture has this share of tinted pixels, an untinted one no more than that.
TINTED, NOT_TINTED = 0.5, 0.1
#: Shares of the depth that are near field and middle.
_NEAR, _MIDDLE = 0.12, (0.3, 0.7)
#: Near field over middle: a contrast picture is below the first, and this much below the other.
DARK_NEAR_FIELD, DARKER_THAN_OTHER = 0.75, 0.8
#: A lone gray panel with a near field as dark as this may be contrast.
DARK_NEAR_FIELD_ALONE = 0.6
#: A panel this much darker than the other shows contrast before it arrives, or after.
DARK_PANEL = 0.35


@dataclass(frozen=True)
class Evidence:
    """What one panel shows.

    Args:
        rise: gray levels between its darkest and brightest frame, of the mean over the fan.
        tinted: share of its bright pixels that are in color.
        near_field: brightness of its near field over that of its middle.
        middle: brightness of its middle, gray levels.
    """

    rise: float
    tinted: float
    near_field: float
    middle: float


def evidence(clip: Clip, looks: Looks, box: Region, fan: Mask) -> Evidence:
    """What one panel shows.

    Args:
        clip: whose frames are looked at.
        looks: of its screen.
        box: the panel.
        fan: (rows, columns of the box) True inside the fan.
    """
    means = [float(levels[box.box][fan].mean()) for levels in looks.levels]
    brightest = np.asarray(clip.frames[looks.frames[int(np.argmax(means))]])[box.box]
    levels = brightness_8_bit(brightest)
    bright = fan & (levels >= _BRIGHT)
    depth = np.cumsum(fan, axis=0) / np.maximum(fan.sum(axis=0), 1)
    near = fan & (depth <= _NEAR)
    middle = float(np.median(levels[fan & (depth > _MIDDLE[0]) & (depth < _MIDDLE[1])]))
    return Evidence(
        rise=max(means) - min(means),
        tinted=float((colorfulness(brightest)[bright] >= _TINT).mean()) if bright.any() else 0.0,
        near_field=float(levels[near].mean()) / max(middle, 1.0),
        middle=middle,
    )


def by_change(first: Evidence, second: Evidence) -> int | None:
    """Which of two panels brightens: 0, 1, or None."""
    return _which(
        [
            a.rise >= RISE and a.rise >= TIMES_THE_OTHER * b.rise
            for a, b in ((first, second), (second, first))
        ]
    )


def by_color(first: Evidence, second: Evidence) -> int | None:
    """Which of two panels alone is tinted: 0, 1, or None."""
    return _which(
        [
            a.tinted >= TINTED and b.tinted <= NOT_TINTED
            for a, b in ((first, second), (second, first))
        ]
    )


def by_near_field(first: Evidence, second: Evidence) -> int | None:
    """Which of two panels has the near field of a contrast picture: 0, 1, or None."""
    return _which(
        [
            a.near_field <= DARK_NEAR_FIELD and a.near_field <= DARKER_THAN_OTHER * b.near_field
            for a, b in ((first, second), (second, first))
        ]
    )


def by_darkness(first: Evidence, second: Evidence) -> int | None:
    """Which of two panels is nearly dark beside the other: 0, 1, or None."""
    return _which(
        [
            b.middle >= _BRIGHT and a.middle <= DARK_PANEL * b.middle
            for a, b in ((first, second), (second, first))
        ]
    )


def _which(answers: list[bool]) -> int | None:
    return answers.index(True) if sum(answers) == 1 else None
