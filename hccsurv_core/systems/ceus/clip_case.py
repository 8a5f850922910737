"""What the models need of a clip: lesion and liver as outlined, and two stills at the peak frame.

Models learn from a grayscale still and the frame of peak enhancement. A clip with two panels has both:
the grayscale panel and the contrast panel of its peak frame, with the outlines where the motion took
them. The grayscale panel beside contrast is taken with little power, and looks poorer than a
grayscale still of its own: a person who has one should give it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.clip import Clip, Panels
from hccsurv_core.errors import InputError
from hccsurv_core.features.perfusion.examination import Perfusion
from hccsurv_core.features.perfusion.phases import REPORTED_PORTAL, enhancement_in
from hccsurv_core.imaging.clip_motion import Motion, on_panel, panel_of
from hccsurv_core.imaging.ultrasound_still import CONTRAST, GRAYSCALE, Still, still_of
from hccsurv_core.roi.regions import Region
from hccsurv_core.systems.ceus.covariates import PORTAL_PHASE
from hccsurv_core.systems.ceus.image_features import Stills

Mask = NDArray[np.bool_]
#: Beginnings of a region's name, in lower case, that say what it is.
LESION_WORDS = ("lesion", "tumor", "tumour", "hcc")
REFERENCE_WORDS = ("reference", "parenchyma", "liver")


@dataclass(frozen=True, eq=False)
class OutlinedClip:
    """What a person outlined on a clip.

    Args:
        frame: that the lesion was drawn on; None without one.
        lesion: (rows, columns) of the screen; None where none is drawn.
        reference: (rows, columns), drawn on the same frame; None without.
        lacking: what is missing for a curve, each a few words; empty where nothing is.
        notes: what a reader should know.
    """

    frame: int | None = None
    lesion: Mask | None = None
    reference: Mask | None = None
    lacking: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def outlined_clip(regions: Sequence[Region], shape: tuple[int, int, int]) -> OutlinedClip:
    """Lesion and reference out of the regions that were drawn on a clip.

    Where a lesion is drawn on several frames, the frame with the largest outline counts; of several
    lesions the largest. A reference of another frame is no reference of this one.

    Args:
        regions: as stored.
        shape: (frames, rows, columns) of the clip.
    """
    lesion = _largest(regions, LESION_WORDS)
    if lesion is None:
        return OutlinedClip(lacking=("no outline of the lesion",))
    frame = _fullest(lesion)
    found = lesion.mask_at(frame, shape[1:])
    notes = []
    drawn_on = [k for k in lesion.slices if lesion.mask_at(k, shape[1:]).any()]
    if len(drawn_on) > 1:
        notes.append(
            f"The lesion is drawn on {len(drawn_on)} frames; the outline of frame {frame} is followed."
        )
    reference, here = None, False
    for region in sorted(_named(regions, REFERENCE_WORDS), key=lambda r: -r.n_voxels):
        mask = region.mask_at(frame, shape[1:])
        here = here or bool(mask.any())
        if (mask & ~found).any():
            reference = mask & ~found
            break
    if reference is None and _named(regions, REFERENCE_WORDS):
        notes.append(
            "The reference lies within the lesion: draw it beside the lesion, at the same depth."
            if here
            else f"The reference is not drawn on frame {frame}, where the lesion is: draw it there."
        )
    return OutlinedClip(frame, found, reference, notes=tuple(notes))


def stills_of_clip(
    clip: Clip,
    panels: Panels,
    lesion: Mask,
    reference: Mask,
    perfusion: Perfusion,
    *,
    dynamic_range_db: float | None = None,
) -> Stills:
    """The two stills of a clip at its peak frame.

    Args:
        clip, panels: with both panels.
        lesion, reference: as outlined on the motion's reference frame.
        perfusion: of the same outlines.
        dynamic_range_db: of the contrast panel.

    Raises:
        InputError: there is one panel only, or an outline leaves the picture.
    """
    if panels.grayscale is None or panels.contrast is None:
        raise InputError(
            "shows one panel; signs need a grayscale picture and the contrast picture", source="clip",
            remedy="add a grayscale still of the lesion, or mark both panels",
        )  # fmt: skip
    frame, motion = perfusion.peak_frame.frame, perfusion.motion
    source = panel_of(lesion, panels)
    outlines = [_moved(mask, motion, frame) for mask in (lesion, reference)]

    def still(kind: str, span: float | None) -> Still:
        panel = panels.grayscale if kind == GRAYSCALE else panels.contrast
        there = [on_panel(mask, source, panel) for mask in outlines]  # type: ignore[arg-type]
        return still_of(
            clip, kind, there[0], there[1], dynamic_range_db=span, frame=frame, panel=panel
        )

    return Stills(still(GRAYSCALE, None), still(CONTRAST, dynamic_range_db))


def record_with_clip(
    record: Mapping[str, Any], perfusion: Perfusion | None
) -> tuple[dict[str, Any], str]:
    """A patient's record with the portal phase as the clip shows it, where nobody reported one.

    Args:
        record: clinical values by name. perfusion: what was measured; None without.

    Returns:
        The record, and a sentence on where the degree comes from, or that clip and report differ;
        empty where there is nothing to say.
    """
    found = dict(record)
    if perfusion is None:
        return found, ""
    phase = enhancement_in(perfusion.curve, REPORTED_PORTAL)
    if phase.ratio_db is None:
        return found, ""
    level = f"{phase.ratio_db:+.1f} dB".replace("-", "−")
    measured = f"{phase.degree}enhancement from 60 to 120 s ({level} against the reference)"
    reported = found.setdefault(PORTAL_PHASE, f"{phase.degree}enhancement")
    if PORTAL_PHASE not in record:
        doubt = "" if phase.sure else "; its interval reaches into another degree"
        return found, f"Portal phase: {measured}, as this clip shows it{doubt}."
    if str(reported).startswith(phase.degree):
        return found, ""
    return found, f"Portal phase: {reported} is reported and taken; this clip shows {measured}."


def _moved(mask: Mask, motion: Motion, frame: int) -> Mask:
    """Where an outline lies in a frame; what leaves the screen is lost."""
    rows, columns = (round(float(s)) for s in motion.shift_px[frame])
    moved = np.zeros_like(mask)
    r, c = np.nonzero(mask)
    r, c = r + rows, c + columns
    inside = (r >= 0) & (r < mask.shape[0]) & (c >= 0) & (c < mask.shape[1])
    moved[r[inside], c[inside]] = True
    return moved


def _named(regions: Sequence[Region], words: tuple[str, ...]) -> list[Region]:
    return [r for r in regions if r.n_voxels and r.name.strip().lower().startswith(words)]


def _largest(regions: Sequence[Region], words: tuple[str, ...]) -> Region | None:
    return max(_named(regions, words), key=lambda r: r.n_voxels, default=None)


def _fullest(region: Region) -> int:
    """The frame on which most is drawn."""
    return region.offset[0] + int(np.argmax(region.mask.sum(axis=(1, 2))))
