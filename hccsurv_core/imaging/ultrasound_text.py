"""Text and other marks burned into an ultrasound screen, so that nothing measures or publishes them.

Outside the fans everything that is lit is a mark: letters, scales, bars, logos. Inside them marks are
what tissue never is: lines of letters in the screen's own text color, and colored strokes on a gray
panel (calipers, cursors). The second is a screen, not a proof: single letters and gray strokes over
tissue are missed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.clip import Clip, Region
from hccsurv_core.imaging.ultrasound_layout import Layout, looks_and_layout
from hccsurv_core.imaging.ultrasound_looks import Looks, Mask, colorfulness
from hccsurv_core.io.text_in_pixels import text_lines

#: Compression leaves up to this many levels beside bright edges, and reaches this far.
_RINGING_LEVELS, _RINGING_PX = 20, 3
#: Text is brighter than this; pixels within so many levels of the screen's text color are text.
_TEXT_LEVEL, _TEXT_SPREAD = 100, 24
#: On a screen that was turned down.
_DIM_TEXT_LEVEL = 45
#: Letters that change (a clock) stand in one line: gaps of up to this many pixels are closed.
_LETTER_GAP_PX = 15
#: A space between words is at most so many letter heights wide.
_SPACE = 2.0
#: A gray panel has at most this share of colored pixels, and colored means this many levels.
_COLORED_SHARE, _COLORED_LEVELS = 0.03, 48
#: Lines of letters are not looked for where more of a fan than this is as bright as text.
_TOO_BRIGHT = 0.15
#: Names stand in the upper part of a screen (share of its height); so many letters may be one.
_HEAD_SHARE, _NAME_LETTERS = 0.2, 6


def text_mask(clip: Clip) -> Mask:
    """(rows, columns) True where text or another mark is burned in, in any frame.

    A clock that changes from frame to frame is covered with the whole line it stands in.
    """
    looks, layout = looks_and_layout(clip)
    fans = _on_screen(layout, clip.screen)
    found = outside_marks(looks, fans)
    for box, fan in zip(layout.panels, layout.fans, strict=True):
        found[box.box] |= marks_inside(clip, box, fan)
    return found


def text_warning(clip: Clip) -> str | None:
    """A warning where letters are burned into the picture, which may be the patient's name."""
    looks, layout = looks_and_layout(clip)
    around = ~_grown(_on_screen(layout, clip.screen), _RINGING_PX)
    lines = np.concatenate(
        [text_lines((looks.highest >= level) & around) for level in (_DIM_TEXT_LEVEL, _TEXT_LEVEL)]
    )
    if len(lines) == 0:
        return None
    at_top = (lines[:, 0] < _HEAD_SHARE * clip.screen[0]) & (lines[:, 4] >= _NAME_LETTERS)
    if at_top.any():
        return (
            "text is burned into the picture, also at its top edge, where machines write names: look "
            "before sharing; the export of pictures blacks it out"
        )
    return (
        "text is burned into the picture: look for names before sharing; the export of pictures "
        "blacks it out"
    )


def outside_marks(looks: Looks, fans: Mask) -> Mask:
    """(rows, columns) True where something is lit outside the fans.

    Args:
        looks: of the screen.
        fans: (rows, columns) True inside them. Where there are none, only lines of letters count:
            the picture cannot be told from what is around it.
    """
    from scipy import ndimage

    if not fans.any():
        return _lines_mask(looks.highest >= _TEXT_LEVEL)
    near = _grown(fans, _RINGING_PX)
    lit = (looks.highest > _RINGING_LEVELS) & ~near
    line = ndimage.binary_closing(np.pad(lit, _LETTER_GAP_PX), np.ones((1, _LETTER_GAP_PX), bool))[
        _LETTER_GAP_PX:-_LETTER_GAP_PX, _LETTER_GAP_PX:-_LETTER_GAP_PX
    ]
    return _grown(line | lit, 2) & ~fans


def marks_inside(clip: Clip, box: Region, fan: Mask) -> Mask:
    """(rows, columns of the box) True on marks over the picture.

    Args:
        clip: whose frames are looked at.
        box: the panel.
        fan: (rows, columns of the box) True inside the fan.
    """
    looks, layout = looks_and_layout(clip)
    level = _text_level(looks, outside_marks(looks, _on_screen(layout, clip.screen)))
    frames = list(zip(looks.levels, looks.frames, strict=True))[:: max(len(looks.frames) // 8, 1)]
    found = _colored_strokes(clip, [int(frame) for _, frame in frames], box, fan)
    n_fan = np.count_nonzero(fan)
    for levels, _ in frames if level is not None else ():
        like_text = np.abs(levels[box.box].astype(np.int16) - level) <= _TEXT_SPREAD
        if np.count_nonzero(like_text & fan) <= _TOO_BRIGHT * n_fan:
            found |= _lines_mask(like_text)
    return _grown(found, 2) & fan


def _colored_strokes(clip: Clip, frames: list[int], box: Region, fan: Mask) -> Mask:
    """Pixels in color on a panel that is gray in every frame; none on a tinted one."""
    found = np.zeros(fan.shape, bool)
    if not clip.is_color:
        return found
    most = _COLORED_SHARE * np.count_nonzero(fan)
    for frame in frames:
        color = (colorfulness(np.asarray(clip.frames[frame])[box.box]) >= _COLORED_LEVELS) & fan
        if np.count_nonzero(color) > most:
            return np.zeros(fan.shape, bool)
        found |= color
    return found


def _text_level(looks: Looks, outside: Mask) -> int | None:
    """The brightness in which the screen writes; None where it writes nothing."""
    bright = looks.highest[outside & (looks.highest >= _TEXT_LEVEL)]
    if len(bright) < 50:
        return None
    counts = np.bincount(bright, minlength=256).astype(float)
    return int(np.convolve(counts, np.ones(9), "same").argmax())


def _lines_mask(bright: Mask) -> Mask:
    """The boxes of lines of letters, one letter wider at each end.

    What stands beside a line in the same rows, no further off than a space, belongs to it: a short
    word or a date whose digits touch is no line by itself.
    """
    found = np.zeros(bright.shape, bool)
    for top, bottom, left, right, _ in text_lines(bright):
        height = int(bottom - top)
        lit = np.flatnonzero(bright[top:bottom].any(axis=0))
        beside = np.concatenate(
            ([-1], np.flatnonzero(np.diff(lit) > _SPACE * height), [len(lit) - 1])
        )
        for first, last in zip(lit[beside[:-1] + 1], lit[beside[1:]], strict=True):
            if first < right and last >= left:
                left, right = min(left, first), max(right, last + 1)
        found[max(top - 2, 0) : bottom + 2, max(left - height, 0) : right + height] = True
    return found


def _on_screen(layout: Layout, screen: tuple[int, int]) -> Mask:
    found = np.zeros(screen, bool)
    for box, fan in zip(layout.panels, layout.fans, strict=True):
        found[box.box] |= fan
    return found


def _grown(mask: Mask, by: int) -> Mask:
    from scipy import ndimage

    grown: NDArray = ndimage.maximum_filter(mask.astype(np.uint8), 2 * by + 1, mode="constant")
    return grown.astype(bool)
