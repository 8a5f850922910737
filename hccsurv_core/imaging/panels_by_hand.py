"""Panels of an ultrasound screen as a person marks them, where they are found wrongly or not at all.

>>> panels_by_hand(clip, contrast=Box(400, 60, 380, 420), grayscale=Box(10, 60, 380, 420))  # doctest: +SKIP
"""

from __future__ import annotations

from typing import NamedTuple

from hccsurv_core.clip import Clip, Panels, Region
from hccsurv_core.errors import GeometryError
from hccsurv_core.imaging.ultrasound_layout import calibrated_like

#: A panel with a shorter side shows no lesion, pixels.
SMALLEST_PX = 32
#: Boxes that share more of their area show one thing twice.
_MOST_SHARED = 0.15
_BY_HAND = "by hand"


class Box(NamedTuple):
    """A rectangle of the screen, pixels from the top left."""

    left: int
    top: int
    columns: int
    rows: int


def panels_by_hand(clip: Clip, *, grayscale: Box | None, contrast: Box | None) -> Panels:
    """Panels where a person says they are, with the size of a pixel that the file gives there.

    Args:
        clip: whose screen it is.
        grayscale, contrast: what shows what; None where the screen does not show it. Two have one
            size, so that an outline on one holds on the other.

    Raises:
        GeometryError: a box is too small or leaves the screen, the boxes differ in size or lie on
            each other, or there is none.
    """
    named = {"grayscale": grayscale, "contrast": contrast}
    found = {name: _region(clip, name, box) for name, box in named.items() if box is not None}
    first, second = (found.get(name) for name in named)
    if first is not None and second is not None:
        if (first.rows, first.columns) != (second.rows, second.columns):
            raise GeometryError(
                f"the grayscale panel has {first.columns}×{first.rows} pixels, the contrast panel "
                f"{second.columns}×{second.rows}",
                source="panels", remedy="give both one size",
            )  # fmt: skip
        if _shared(first, second) > _MOST_SHARED * first.rows * first.columns:
            raise GeometryError(
                "the grayscale panel and the contrast panel lie on each other",
                source="panels", remedy="move one of them",
            )  # fmt: skip
    places = sorted(found.values(), key=lambda panel: (panel.left, panel.top))
    return Panels(first, second, _BY_HAND, True, tuple(places))


def box_of(panel: Region) -> Box:
    """Where a panel is."""
    return Box(panel.left, panel.top, panel.columns, panel.rows)


def _region(clip: Clip, name: str, box: Box) -> Region:
    rows, columns = clip.screen
    if min(box.rows, box.columns) < SMALLEST_PX:
        raise GeometryError(
            f"the {name} panel has {box.columns}×{box.rows} pixels, fewer than {SMALLEST_PX} on a side",
            source="panels", remedy="mark the whole panel",
        )  # fmt: skip
    right, bottom = box.left + box.columns, box.top + box.rows
    if min(box.left, box.top) < 0 or right > columns or bottom > rows:
        raise GeometryError(
            f"the {name} panel spans columns {box.left} to {right - 1} and rows {box.top} to "
            f"{bottom - 1}, but the screen has {columns} columns and {rows} rows, counted from 0",
            source="panels", remedy="mark it within the screen",
        )  # fmt: skip
    return calibrated_like(clip, Region(box.top, box.left, box.rows, box.columns))


def _shared(a: Region, b: Region) -> int:
    """Pixels that lie in both."""
    rows = min(a.top + a.rows, b.top + b.rows) - max(a.top, b.top)
    columns = min(a.left + a.columns, b.left + b.columns) - max(a.left, b.left)
    return max(rows, 0) * max(columns, 0)
