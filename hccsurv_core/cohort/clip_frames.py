"""Which pixels of an ultrasound screen are kept: the picture, and nothing that is written beside it.

Machines burn the patient's name into the screen. No detector finds every letter, so what is stored is
black everywhere outside the fans, lit or not, and on marks that reach into them from outside. Marks
that lie in the picture (calipers, letters) stay. Both kinds are returned, so that nothing measures
them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.clip import Clip, Panels, Region
from hccsurv_core.errors import GeometryError
from hccsurv_core.progress import Progress, silent

Mask = NDArray[np.bool_]
#: Parts of a mark are at most twice so far apart.
_GAP_PX = 3


def shown_panels(panels: Panels) -> tuple[Region, ...]:
    """Every panel on the screen, each once."""
    named = tuple(p for p in (panels.grayscale, panels.contrast) if p is not None)
    return tuple(dict.fromkeys((*panels.found, *named)))


def check_panels(panels: Panels, screen: tuple[int, int]) -> None:
    """Hold panels against the screen.

    Raises:
        GeometryError: one reaches beyond it, or one place is said to show both.
    """
    for panel in shown_panels(panels):
        bottom, right = panel.top + panel.rows, panel.left + panel.columns
        if bottom > screen[0] or right > screen[1]:
            raise GeometryError(
                f"a panel reaches row {bottom}, column {right}, beyond the screen's "
                f"{screen[0]} rows and {screen[1]} columns",
                source="panels",
            )
    if panels.grayscale is not None and panels.grayscale == panels.contrast:
        raise GeometryError("one panel cannot be grayscale and contrast", source="panels")


def kept_pixels(clip: Clip, panels: Panels) -> tuple[Mask, Mask]:
    """What of a screen is kept, and the marks in it.

    Args:
        clip: as it was read, in color.
        panels: found, or given by hand.

    Returns:
        Both (rows, columns): True where the fans are, without text beside them; True on text and other
        marks, inside the fans too.

    Raises:
        GeometryError: a panel reaches beyond the screen.
    """
    from hccsurv_core.imaging.ultrasound_layout import fan_within, looks_and_layout
    from hccsurv_core.imaging.ultrasound_text import text_mask

    check_panels(panels, clip.screen)
    looks, layout = looks_and_layout(clip)
    known = {_place(b): fan for b, fan in zip(layout.panels, layout.fans, strict=True)}
    fans, boxes = np.zeros(clip.screen, bool), np.zeros(clip.screen, bool)
    for panel in shown_panels(panels):
        fan = known.get(_place(panel))
        if fan is None:
            fan = fan_within(looks, panel)
        if fan.any():
            fans[panel.box] |= fan
        else:
            # Too dark to see its outline: lines of letters are all that can be told from it.
            boxes[panel.box] = True
    marks = text_mask(clip)
    return (fans & ~_reaching_in(marks, fans)) | (boxes & ~marks), marks


def _reaching_in(marks: Mask, fans: Mask) -> Mask:
    """Marks that lie partly outside the fans: a word that ends over the picture is still a word."""
    from scipy import ndimage

    # Beside a fan's edge a few pixels belong to neither: the parts of a letter there are one mark.
    near = ndimage.binary_dilation(marks, np.ones((3, 3), bool), iterations=_GAP_PX)
    labels, _ = ndimage.label(near)
    return marks & np.isin(labels, np.unique(labels[~fans & marks]))


def _place(region: Region) -> tuple[int, int, int, int]:
    return region.top, region.left, region.rows, region.columns


def write_brightness(
    path: Path, clip: Clip, kept: Mask, progress: Progress = silent
) -> NDArray[np.uint8]:
    """Write the frames' brightness to a file, black where nothing is kept; frame by frame.

    Args:
        path: of the new file, .npy.
        clip: whose frames.
        kept: (rows, columns) of the screen.
        progress: called per frame; may cancel.

    Returns:
        uint8 (n, rows, columns), mapped from the file.
    """
    shape = (len(clip), *clip.screen)
    written = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    for n in range(len(clip)):
        written[n] = np.where(kept, np.rint(clip.brightness(n)), 0).astype(np.uint8)
        progress((n + 1) / len(clip), f"Frame {n + 1} of {len(clip)}")
    return written
