"""Following a region through an ultrasound clip while the patient breathes.

The lesion's neighborhood in one frame, the one the outline was drawn on, is looked for in every
other frame. On the grayscale panel the speckle is the tissue's own and moves with it; on the
contrast panel it is new in every frame, and only what lasts (vessels, the lesion's border) guides.
Both panels show the same tissue at the same place, so what is found on the one holds on the other.
The displacement is a translation; rotation is not looked for, `MotionCheck.halves_mm` tells where
that is not enough. How the search works: :mod:`hccsurv_core.imaging.clip_motion_match`.

>>> motion = follow_region(clip, panels, lesion, reference_frame=48)    # doctest: +SKIP
>>> motion.check.sentence, motion.shift_mm                              # doctest: +SKIP
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.checks import checked_count
from hccsurv_core.clip import Clip, Panels, Region
from hccsurv_core.errors import GeometryError, InputError
from hccsurv_core.imaging.clip_motion_judge import Found, Motion, MotionCheck, judged, usable
from hccsurv_core.imaging.clip_motion_match import Match, Patch
from hccsurv_core.imaging.clip_motion_view import View, ViewSettings, build_view
from hccsurv_core.progress import Progress, silent

__all__ = [
    "Motion",
    "MotionCheck",
    "MotionSettings",
    "follow_region",
    "no_motion",
    "on_panel",
    "panel_of",
]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
#: Frames in which both halves are compared, and how far they may differ to be measured, pixels.
_CHECKED_FRAMES, _HALF_REACH = 40, 4
#: A part of an outline may lie beyond the panel's border.
_ON_PANEL = 0.9


@dataclass(frozen=True)
class MotionSettings:
    """How a region is followed.

    Args:
        max_shift_mm: farthest displacement from the reference frame, along each axis.
        margin_mm: tissue about the outline that is matched with it.
        detail_mm: size of the neighborhood whose mean is taken off, so that gain does not guide.
        contrast_detail_mm: the same on the contrast panel, where only coarse structure lasts.
        contrast_smooth_mm: smoothing of the contrast panel before it is matched.
        contrast_nearness: by how much the correlation must rise towards the end of the range.
        memory: how much of a new frame enters the picture that is looked for on the contrast panel.
        lowest_correlation: frames below this are left out.
        lowest_share: as are frames below this share of the clip's usual correlation.
    """

    max_shift_mm: float = 20.0
    margin_mm: float = 8.0
    detail_mm: float = 6.0
    contrast_detail_mm: float = 12.0
    contrast_smooth_mm: float = 1.2
    contrast_nearness: float = 0.4
    memory: float = 0.1
    lowest_correlation: float = 0.2
    lowest_share: float = 0.6

    def __post_init__(self) -> None:
        for name in ("max_shift_mm", "margin_mm", "detail_mm", "contrast_detail_mm"):
            if not 0 < getattr(self, name) <= 100:
                raise InputError("must lie between 0 and 100 mm", source=name)
        if not 0 < self.memory <= 1:
            raise InputError("must lie between 0 and 1", source="memory")

    def for_panel(self, on_contrast: bool) -> ViewSettings:
        """What the view needs of them."""
        if on_contrast:
            return ViewSettings(
                self.max_shift_mm, self.margin_mm, self.contrast_detail_mm,
                self.contrast_smooth_mm, self.contrast_nearness,
            )  # fmt: skip
        return ViewSettings(self.max_shift_mm, self.margin_mm, self.detail_mm, 0.0, 0.0)


def follow_region(
    clip: Clip,
    panels: Panels,
    mask: Mask,
    reference_frame: int,
    *,
    settings: MotionSettings | None = None,
    on_contrast: bool = False,
    ignore: Mask | None = None,
    progress: Progress = silent,
) -> Motion:
    """Follow the neighborhood of an outline through a clip.

    Args:
        clip: the clip.
        panels: which part of the screen shows what.
        mask: (rows, columns) of the screen, drawn on either panel of the reference frame.
        reference_frame: the frame it was drawn on, counted from 0.
        settings: default :class:`MotionSettings`.
        on_contrast: look at the contrast panel even where there is a grayscale panel.
        ignore: (rows, columns) of the screen: text and marks that stand still.
        progress: called per frame; may raise to cancel.

    Raises:
        InputError: an outline that is empty or not on a panel, a frame that does not exist.
        GeometryError: a mask of another size than the screen, or panels of different scales.
    """
    settings = settings or MotionSettings()
    reference = _checked(clip, mask, reference_frame)
    panel, kind = _panel_to_match(panels, on_contrast)
    placed = on_panel(mask, panel_of(mask, panels), panel)
    if not placed.any():
        raise InputError("lies outside the panel that is followed", source="outline")
    if len(clip) == 1:
        return no_motion(1, panel.spacing_mm)
    view = build_view(clip, panel, placed, ignore, settings.for_panel(kind == "contrast"))
    patch = view.patch(view.picture(reference)[view.box.patch])
    memory = settings.memory if kind == "contrast" else 0.0
    found = _found(_matches(view, patch, reference, memory, settings, progress))
    dark = _before_agent(view) if kind == "contrast" else np.zeros(len(clip), bool)
    shift, followed, reasons = usable(
        found, clip.time_s, reference, dark, settings.lowest_correlation, settings.lowest_share
    )
    motion = Motion(
        shift, found.quality, followed, reasons, reference, kind, panel.spacing_mm,
        MotionCheck(None, None, 0.0, None, ""),
    )  # fmt: skip
    motion = replace(motion, check=judged(motion, *_compared(view, patch, motion)))
    progress(1.0, "done")
    return motion


def no_motion(n_frames: int, spacing_mm: tuple[float, float] | None = None) -> Motion:
    """Nothing moves and nothing is left out: for stills, or where following is switched off."""
    n = checked_count(n_frames, "number of frames", at_least=1)
    check = MotionCheck(None, None, 0.0, None, "The region was not followed.")
    return Motion(
        np.zeros((n, 2)), np.ones(n), np.zeros(n, bool), ("",) * n, 0, "none", spacing_mm, check
    )


def on_panel(mask: Mask, source: Region, target: Region) -> Mask:
    """The same place on another panel of the screen.

    Args:
        mask: (rows, columns) of the screen.
        source: panel the mask was drawn on.
        target: the other one, at the same scale.

    Raises:
        GeometryError: the panels are drawn at different scales.
    """
    if source == target:
        return mask
    one, other = source.spacing_mm, target.spacing_mm
    if one and other and not np.allclose(one, other, rtol=0.01):
        raise GeometryError(
            f"one panel has pixels of {one[0]:.3g} mm, the other of {other[0]:.3g} mm",
            source="panels",
            remedy="draw the outline on the contrast panel, and follow it there",
        )
    moved = np.zeros_like(mask)
    rows, columns = np.nonzero(mask)
    rows, columns = rows - source.top, columns - source.left
    inside = (rows >= 0) & (rows < target.rows) & (columns >= 0) & (columns < target.columns)
    moved[rows[inside] + target.top, columns[inside] + target.left] = True
    return moved


def panel_of(mask: Mask, panels: Panels) -> Region:
    """The panel an outline was drawn on.

    Raises:
        InputError: it is empty, or not for the most part on one panel.
    """
    total = int(np.count_nonzero(mask))
    if total == 0:
        raise InputError("is empty", source="outline", remedy="draw it on the clip")
    for panel in (panels.contrast, panels.grayscale):
        if panel is not None and np.count_nonzero(mask[panel.box]) > _ON_PANEL * total:
            return panel
    raise InputError(
        "does not lie within one panel",
        source="outline",
        remedy="draw it on the contrast panel, or correct where the panels are",
    )


def _checked(clip: Clip, mask: Mask, reference_frame: int) -> int:
    reference = checked_count(reference_frame, "reference frame")
    if reference >= len(clip):
        raise InputError(
            f"frame {reference} does not exist; the clip has frames 0 to {len(clip) - 1}",
            source="reference frame",
        )
    if mask.shape != clip.screen:
        raise GeometryError(
            f"the outline has {mask.shape} pixels, the screen {clip.screen}",
            source="outline",
            remedy="export the outline in the size of the clip's frames",
        )
    return reference


def _panel_to_match(panels: Panels, on_contrast: bool) -> tuple[Region, str]:
    if panels.grayscale is not None and not on_contrast:
        return panels.grayscale, "grayscale"
    if panels.contrast is None:
        raise InputError("the clip has no contrast panel", source="panels")
    return panels.contrast, "contrast"


def _matches(
    view: View, patch: Patch, reference: int, memory: float, settings: MotionSettings,
    progress: Progress,
) -> list[Match]:  # fmt: skip
    """The match of every frame, from the reference outwards.

    With a memory, what is looked for is a running mean of what was found: where speckle is new in
    every frame, only what lasts is worth looking for.
    """
    n = len(view.clip)
    found = [Match(0.0, 0.0, 1.0, False)] * n
    known = view.picture(reference)[view.box.patch]
    sought, mean = patch, known
    for done, k in enumerate((*range(reference + 1, n), *range(reference - 1, -1, -1))):
        if k == reference - 1:
            sought, mean = patch, known
        picture = view.picture(k)
        found[k] = sought.find(picture)
        if memory and found[k].correlation > settings.lowest_correlation and not found[k].at_limit:
            mean = (1 - memory) * mean + memory * view.moved(picture, found[k])
            sought = view.patch(mean)
        progress(0.95 * done / n, f"following the region: frame {done + 1} of {n}")
    return found


def _found(matches: list[Match]) -> Found:
    return Found(
        np.array([(m.row, m.column) for m in matches]),
        np.array([m.correlation for m in matches]),
        np.array([m.at_limit for m in matches], bool),
    )


def _before_agent(view: View) -> Mask:
    """Frames before the contrast panel brightens about the lesion."""
    mean = view.mean_levels()
    low, high = np.quantile(mean, (0.02, 0.95))
    dark = np.zeros(len(mean), bool)
    dark[: int(np.argmax(mean > low + 0.25 * (high - low)))] = True
    return dark


def _compared(
    view: View, patch: Patch, motion: Motion
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlations without following, and by how much both halves' displacements differ."""
    used = np.flatnonzero(motion.followed & ~motion.excluded)
    used = used[used != motion.reference_frame]
    frames = (
        used[np.unique(np.linspace(0, len(used) - 1, _CHECKED_FRAMES).astype(int))]
        if len(used)
        else used
    )
    middle = view.box.columns // 2
    values = view.picture(motion.reference_frame)[view.box.patch]
    sides = [view.patch(values, s) for s in (slice(None, middle), slice(middle, None))]
    unmoved, halves = [], []
    for k in frames:
        picture = view.picture(int(k))
        unmoved.append(patch.score_at(picture, (0, 0)))
        start = (round(motion.shift_px[k, 0]), round(motion.shift_px[k, 1]))
        one, other = (side.refine(picture, start, _HALF_REACH) for side in sides)
        halves.append((one.row - other.row, one.column - other.column))
    return np.array(unmoved), np.array(halves).reshape(-1, 2)
