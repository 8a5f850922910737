"""`Still`: one panel of one frame, what is outlined on it, and its gray levels as decibels.

A machine shows the logarithm of the echo power, squeezed into its dynamic range, so a gray level is
``(level / 255 − 1) · range`` dB below white. Gain adds the same to every pixel and goes when the
level of a reference region is taken off; that level is the region's mean *power*, in dB, since the
mean of a logarithm is not the logarithm of the mean. What does not go: depth compensation that
differs between lesion and reference, and the gray curve that machines put over pictures without
contrast, which no file tells. Decibels of a grayscale still are therefore nominal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.checks import checked_number
from hccsurv_core.clip import Clip, Region
from hccsurv_core.errors import GeometryError, GeometryMismatchError, InputError
from hccsurv_core.imaging.ultrasound_panels import fan_mask, find_panels

__all__ = ["ASSUMED_RANGE_DB", "CONTRAST", "GRAYSCALE", "KINDS", "Still", "still_of"]

Mask = NDArray[np.bool_]
GRAYSCALE, CONTRAST = "grayscale", "contrast"
#: What a still shows, and the words for it.
KINDS: Mapping[str, str] = MappingProxyType(
    {GRAYSCALE: "grayscale still", CONTRAST: "contrast still"}
)
#: Dynamic range (dB) taken where it is not known. Ours: the middle of what machines offer for
#: abdominal pictures without contrast and with it.
ASSUMED_RANGE_DB: Mapping[str, float] = MappingProxyType({GRAYSCALE: 60.0, CONTRAST: 50.0})
#: A reference of fewer pixels says little: its speckle does not average out.
_FEWEST_REFERENCE = 100
#: As much of an outline may lie outside the picture before it is told.
_OUTSIDE_SHARE = 0.02
#: Below this share of the reference at white (or black) its mean power is that of the tissue.
_CLIPPED_SHARE, _WHITE, _BLACK = 0.05, 243.0, 1.0


@dataclass(frozen=True, eq=False)
class Still:
    """One panel of one frame.

    Args:
        kind: "grayscale" or "contrast".
        levels: (rows, columns) brightness of the panel, 0 to 255.
        fan: (rows, columns) True where it is picture: not the black around the fan, no marks.
        lesion, parenchyma: (rows, columns) outlines, within the fan.
        spacing_mm: size of a pixel along (row, column).
        dynamic_range_db: between gray level 0 and 255.
        region: the panel's place on the screen, so that results can be laid back onto the frame.
        screen: (rows, columns) of the frame.
        warnings: what a user should know, as sentences without a final full stop.
    """

    kind: str
    levels: NDArray[np.float32]
    fan: Mask
    lesion: Mask
    parenchyma: Mask
    spacing_mm: tuple[float, float]
    dynamic_range_db: float
    region: Region
    screen: tuple[int, int]
    warnings: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What messages call it."""
        return KINDS[self.kind]

    @cached_property
    def reference_db(self) -> float:
        """Level of the parenchyma's mean power, dB below white."""
        power = np.power(10.0, self._below_white(self.levels[self.parenchyma]) / 10)
        return float(10 * np.log10(power.mean()))

    @cached_property
    def decibels(self) -> NDArray[np.float32]:
        """(rows, columns) level against the parenchyma's mean power, dB; also outside the fan."""
        return (self._below_white(self.levels) - self.reference_db).astype(np.float32)

    def _below_white(self, levels: NDArray[np.float32]) -> NDArray[np.float64]:
        return (levels.astype(np.float64) / 255 - 1) * self.dynamic_range_db


def still_of(
    clip: Clip,
    kind: str,
    lesion: Mask,
    parenchyma: Mask,
    *,
    dynamic_range_db: float | None = None,
    frame: int = 0,
    panel: Region | None = None,
) -> Still:
    """The panel that the outlines lie on.

    Args:
        clip: a still, or a clip of which one frame is taken.
        kind: "grayscale" or "contrast": what the outlined panel shows.
        lesion, parenchyma: (rows, columns of the screen) outlines.
        dynamic_range_db: of the outlined panel; None assumes :data:`ASSUMED_RANGE_DB` and says so.
        frame: which frame.
        panel: where the caller knows it; None takes the found panel that holds most of the lesion.

    Raises:
        GeometryError: there is no panel under the outline, or its pixel size is not known.
        GeometryMismatchError: an outline is not on the frame's grid.
        InputError: an outline is empty or outside the picture, another kind, or a dynamic range
            that is none.
    """
    if kind not in KINDS:
        raise InputError(f"no still is called {kind!r}", source="kind", remedy=f"use {' or '.join(KINDS)}")  # fmt: skip
    words, notes = KINDS[kind], []
    for mask, what in ((lesion, "lesion"), (parenchyma, "parenchyma")):
        _check_outline(mask, what, clip.screen, words)
    if panel is None:
        panel, note = _outlined_panel(clip, kind, lesion)
        notes += [note] if note else []
    if panel.spacing_mm is None:
        raise GeometryError(
            "the file does not say how large a pixel is", source=words,
            remedy="export the picture as DICOM with its calibrated regions",
        )  # fmt: skip
    if dynamic_range_db is None:
        dynamic_range_db = ASSUMED_RANGE_DB[kind]
        notes.append(
            f"the dynamic range of the {words} is not known: {dynamic_range_db:g} dB are assumed"
        )
    span = checked_number(dynamic_range_db, f"{words}, dynamic range (dB)", low=10, high=120)
    levels, fan = clip.brightness(frame, panel), fan_mask(clip, panel)
    inside = {}
    for mask, what in ((lesion, "lesion"), (parenchyma, "parenchyma")):
        inside[what], note = _within(mask, panel, fan, f"the {what} on the {words}")
        notes += [note] if note else []
    inside["parenchyma"] &= ~inside["lesion"]
    notes += _reference_notes(levels, inside["parenchyma"], words)
    return Still(
        kind, levels, fan, inside["lesion"], inside["parenchyma"], panel.spacing_mm, span, panel,
        clip.screen, tuple(notes),
    )  # fmt: skip


def _check_outline(mask: Mask, what: str, screen: tuple[int, int], words: str) -> None:
    if mask.shape != screen or mask.dtype != np.bool_:
        raise GeometryMismatchError(
            f"the outline of the {what} has shape {mask.shape} and type {mask.dtype}, the frame "
            f"{screen[0]}×{screen[1]} pixels",
            source=words, remedy="draw it on the grid of the frame",
        )  # fmt: skip
    if not mask.any():
        raise InputError(f"the {what} is not outlined", source=words, remedy="outline it")


def _outlined_panel(clip: Clip, kind: str, lesion: Mask) -> tuple[Region, str | None]:
    """The panel that holds most of the lesion, and a warning where it looks like the other kind.

    Outlines are trusted more than what the picture looks like: a gray contrast map is told from a
    picture without contrast by its near field alone, and a person has drawn on it knowingly.
    """
    panels = find_panels(clip)
    shown = panels.found or tuple(p for p in (panels.grayscale, panels.contrast) if p is not None)
    share = [float(lesion[p.box].sum()) for p in shown]
    best = int(np.argmax(share))
    if share[best] == 0:
        raise GeometryError(
            "the lesion is outlined beside the ultrasound picture", source=KINDS[kind],
            remedy="draw it on the picture, or mark the panel by hand",
        )  # fmt: skip
    other = panels.contrast if kind == GRAYSCALE else panels.grayscale
    if panels.sure and shown[best] == other:
        return shown[best], (
            f"the lesion of the {KINDS[kind]} is outlined on the panel that looks "
            f"{'like contrast' if kind == GRAYSCALE else 'as without contrast'}: check it"
        )
    return shown[best], None


def _within(mask: Mask, panel: Region, fan: Mask, what: str) -> tuple[Mask, str | None]:
    found = mask[panel.box] & fan
    kept, drawn = int(found.sum()), int(mask.sum())
    if kept == 0:
        raise InputError(f"{what} is outlined outside the picture", remedy="draw it on the picture")
    lost = 1 - kept / drawn
    if lost <= _OUTSIDE_SHARE:
        return found, None
    return found, f"{100 * lost:.0f} % of {what} lie outside the picture or under marks: left out"


def _reference_notes(levels: NDArray[np.float32], reference: Mask, words: str) -> list[str]:
    values = levels[reference]
    if values.size == 0:
        raise InputError(
            "the parenchyma is outlined on the lesion", source=words,
            remedy="outline liver beside it",
        )  # fmt: skip
    notes = []
    if values.size < _FEWEST_REFERENCE:
        notes.append(f"the parenchyma on the {words} has {values.size} pixels only")
    for at_end, word in ((values >= _WHITE, "white"), (values <= _BLACK, "black")):
        if at_end.mean() > _CLIPPED_SHARE:
            notes.append(
                f"{100 * at_end.mean():.0f} % of the parenchyma on the {words} are {word}: levels "
                "against it are uncertain"
            )
    return notes
