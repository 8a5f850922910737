"""Which panel of an ultrasound screen shows contrast, and which pixels of a panel are picture.

>>> panels = find_panels(clip)                          # doctest: +SKIP
>>> fan = fan_mask(clip, panels.contrast)
"""

from __future__ import annotations

import numpy as np

from hccsurv_core.clip import Clip, Panels, Region
from hccsurv_core.errors import GeometryError
from hccsurv_core.imaging.ultrasound_contrast import (
    DARK_NEAR_FIELD_ALONE,
    NOT_TINTED,
    RISE,
    TINTED,
    Evidence,
    by_change,
    by_color,
    by_darkness,
    by_near_field,
    evidence,
)
from hccsurv_core.imaging.ultrasound_layout import (
    Layout,
    calibrated_like,
    fan_within,
    looks_and_layout,
)
from hccsurv_core.imaging.ultrasound_looks import Looks, Mask
from hccsurv_core.imaging.ultrasound_text import marks_inside

__all__ = ["calibrated_like", "fan_mask", "find_panels", "uncalibrated_warning"]


def find_panels(clip: Clip) -> Panels:
    """Tell the grayscale panel from the contrast panel.

    Where the panels are is told by the file's regions, else by two like fans in the picture. Which is
    which is told by how they change over time, by their color, and for gray stills by their near field
    (see `hccsurv_core.imaging.ultrasound_contrast`). ``sure`` is False where the last decided, where
    change and color disagree, and where nothing decided.

    Of two panels that both look like grayscale (a screen split for two planes) the left one is
    ``grayscale`` and ``contrast`` is None; both are in ``found``.

    Raises:
        GeometryError: no picture was found on the screen.
    """
    looks, layout = looks_and_layout(clip)
    if not layout.panels:
        raise GeometryError(
            "no ultrasound picture was found on the screen", remedy="mark the panels by hand"
        )
    shown = [
        evidence(clip, looks, box, fan) for box, fan in zip(layout.panels, layout.fans, strict=True)
    ]
    if len(shown) == 1:
        return _single(clip, looks, layout, shown[0])
    return _pair(layout, shown[0], shown[1])


def _pair(layout: Layout, first: Evidence, second: Evidence) -> Panels:
    change, color = by_change(first, second), by_color(first, second)
    why, sure = [], layout.sure
    contrast = change if change is not None else color
    if change is not None:
        why.append("one brightens when the contrast agent arrives")
    if color is not None:
        why.append("one is in color")
        if change is not None and change != color:
            why[-1] = "the other one is in color, which contradicts this"
            sure = False
    if contrast is None:
        sure = False
        contrast = by_near_field(first, second)
        why.append("the near field of one is dark, as without tissue echoes")
    if contrast is None:
        contrast = by_darkness(first, second)
        why[-1] = "one is nearly dark, as before the contrast agent arrives"
    if contrast is None:
        found_by = f"{layout.found_by}; neither looks like contrast"
        return Panels(layout.panels[0], None, found_by, False, layout.panels)
    return Panels(
        grayscale=layout.panels[1 - contrast],
        contrast=layout.panels[contrast],
        found_by="; ".join([layout.found_by, *why]),
        sure=sure,
        found=layout.panels,
    )


def _single(clip: Clip, looks: Looks, layout: Layout, shown: Evidence) -> Panels:
    box = layout.panels[0]
    brightens = len(clip) > 1 and shown.rise >= RISE
    tinted = shown.tinted >= TINTED
    dark_near_field = shown.near_field <= DARK_NEAR_FIELD_ALONE
    if brightens or tinted:
        why = [
            text
            for holds, text in (
                (brightens, "it brightens when the contrast agent arrives"),
                (tinted, "it is in color"),
            )
            if holds
        ]
        agreed = brightens and (tinted or dark_near_field)
        return Panels(
            None, box, "; ".join([layout.found_by, *why]), layout.sure and agreed, layout.panels
        )
    why_gray = "it is gray" if shown.tinted <= NOT_TINTED else "part of it is in color, as flow is"
    if dark_near_field:
        why_gray += ", but its near field is dark, as that of contrast is"
    sure = layout.sure and not dark_near_field and shown.tinted <= NOT_TINTED
    return Panels(box, None, f"{layout.found_by}; {why_gray}", sure, layout.panels)


def fan_mask(clip: Clip, region: Region) -> Mask:
    """Which pixels of a panel are picture: not the black around the fan, nor marks over it.

    Args:
        clip: the clip; a still will do.
        region: a panel, found or given by hand.

    Returns:
        (rows, columns of the region), all False where the panel is black.
    """
    looks, layout = looks_and_layout(clip)
    known = {
        (box.top, box.left, box.rows, box.columns): fan
        for box, fan in zip(layout.panels, layout.fans, strict=True)
    }
    fan = known.get((region.top, region.left, region.rows, region.columns))
    if fan is None:
        fan = fan_within(looks, region)
    if not fan.any():
        return np.zeros((region.rows, region.columns), bool)
    return fan & ~marks_inside(clip, region, fan)


def uncalibrated_warning(panels: Panels) -> str | None:
    """A warning where the size of a pixel is not known on a panel that is shown."""
    if panels.is_calibrated:
        return None
    return (
        "the file does not say how large a pixel of this panel is: sizes are given in pixels, and "
        "nothing that needs millimeters is measured"
    )
