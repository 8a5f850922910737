"""Time-intensity curves of a lesion and of reference parenchyma, followed through the motion.

>>> curve = time_intensity(clip, panels, lesion, motion, reference=liver,
...                        dynamic_range_db=50)                           # doctest: +SKIP
>>> curve.lesion_enhancement, curve.difference, curve.ratio_db            # doctest: +SKIP
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.checks import checked_number
from hccsurv_core.clip import Clip, Panels, Region
from hccsurv_core.errors import GeometryError, InputError
from hccsurv_core.features.perfusion.floor import Floor, find_floor
from hccsurv_core.features.perfusion.inner_region import BORDER_MM, inner_region
from hccsurv_core.features.perfusion.intensity import ASSUMED_RANGE_DB, linear_power, white_level
from hccsurv_core.imaging.clip_motion import Motion, on_panel, panel_of
from hccsurv_core.imaging.ultrasound_panels import fan_mask
from hccsurv_core.progress import Progress, silent

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
#: A frame is a gap where less than this share of the lesion lies in the fan.
_LEAST_INSIDE = 0.8
#: Saturated share of the lesion in one frame that is worth a warning.
_SATURATED = 0.02
#: An outline of fewer pixels gives no curve.
_FEWEST_PIXELS = 20
#: The ratio is given where both exceed this many standard deviations of the floor.
_ABOVE_NOISE = 3.0


@dataclass(frozen=True, eq=False)
class TimeIntensity:
    """Mean linear intensity of two regions, frame by frame; white is 1.

    Args:
        time_s: (n,) after the injection.
        lesion, reference: (n,) mean intensity; NaN in frames that are left out. ``reference`` is
            None where no parenchyma was outlined.
        lesion_floor, reference_floor: what was there before the agent.
        saturated: (n,) share of the lesion at the end of the gray scale.
        inside: (n,) share of the lesion's outline within the fan.
        dynamic_range_db: that was undone.
        border_mm: what of the lesion's outline was left out all around.
        warnings: what a user should know, sentences without a final full stop.
    """

    time_s: Floats
    lesion: Floats
    reference: Floats | None
    lesion_floor: Floor
    reference_floor: Floor | None
    saturated: Floats
    inside: Floats
    dynamic_range_db: float
    border_mm: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def used(self) -> Mask:
        """(n,) frames that count."""
        return np.isfinite(self.lesion)

    @property
    def lesion_enhancement(self) -> Floats:
        """(n,) intensity of the lesion above its floor."""
        return self.lesion - self.lesion_floor.level

    @property
    def reference_enhancement(self) -> Floats | None:
        """(n,) intensity of the reference above its floor."""
        if self.reference is None or self.reference_floor is None:
            return None
        return self.reference - self.reference_floor.level

    @property
    def difference(self) -> Floats | None:
        """(n,) lesion less reference, linear, each above its floor."""
        reference = self.reference_enhancement
        return None if reference is None else self.lesion_enhancement - reference

    @property
    def ratio_db(self) -> Floats | None:
        """(n,) lesion over reference, dB; NaN where either does not stand out of its floor."""
        reference = self.reference_enhancement
        if reference is None or self.reference_floor is None:
            return None
        lesion = self.lesion_enhancement
        clear = (lesion > _ABOVE_NOISE * (self.lesion_floor.noise or 0.0)) & (
            reference > _ABOVE_NOISE * (self.reference_floor.noise or 0.0)
        )
        clear &= (lesion > 0) & (reference > 0)
        ratio = np.full(len(lesion), np.nan)
        ratio[clear] = 10 * np.log10(lesion[clear] / reference[clear])
        return ratio


def time_intensity(
    clip: Clip,
    panels: Panels,
    lesion: Mask,
    motion: Motion,
    *,
    reference: Mask | None = None,
    dynamic_range_db: float | None = None,
    injection_s: float | None = None,
    ignore: Mask | None = None,
    border_mm: float = BORDER_MM,
    progress: Progress = silent,
) -> TimeIntensity:
    """Measure the curves of a lesion and of reference parenchyma on the contrast panel.

    Args:
        clip, panels: what is measured.
        lesion, reference: (rows, columns) of the screen, drawn on either panel of the motion's
            reference frame. The reference is moved as the lesion is.
        motion: from :func:`hccsurv_core.imaging.clip_motion.follow_region`.
        dynamic_range_db: of the contrast picture; None takes a usual one and warns.
        injection_s: when the agent was given, on the clip's clock; None takes the clip's 0 s.
        ignore: (rows, columns) of the screen: what is not measured, besides text and marks that are
            found on the panel.
        border_mm: what of the lesion's outline is left out all around, because liver is mixed in
            there (:mod:`hccsurv_core.features.perfusion.inner_region`).
        progress: called per frame; may raise to cancel.

    Raises:
        InputError: no contrast panel, an outline that is too small or not on a panel, a motion of
            another clip.
        GeometryError: an outline of another size than the screen.
    """
    panel = _contrast(panels)
    _check_motion(motion, clip)
    span = ASSUMED_RANGE_DB if dynamic_range_db is None else dynamic_range_db
    span = checked_number(span, "dynamic range (dB)", low=10, high=120)
    border = checked_number(border_mm, "border (mm)", low=0, high=20)
    start = checked_number(0.0 if injection_s is None else injection_s, "time of injection (s)")
    masks = {"lesion": lesion} | ({} if reference is None else {"reference": reference})
    placed = {n: _on_contrast(clip, panels, panel, mask, n) for n, mask in masks.items()}
    placed["lesion"] = inner_region(placed["lesion"], panel.spacing_mm, border)
    shown = _shown(clip, panel, ignore)
    regions = {name: _Region.of(mask, shown) for name, mask in placed.items()}
    measured = _measured(clip, panel, regions, motion, span, progress)
    gap = motion.excluded | (measured["lesion"].inside < _LEAST_INSIDE)
    curves = {n: np.where(gap | (m.inside <= 0), np.nan, m.mean) for n, m in measured.items()}
    floors = {n: find_floor(c) for n, c in curves.items()}
    found = TimeIntensity(
        time_s=clip.time_s - start,
        lesion=curves["lesion"],
        reference=curves.get("reference"),
        lesion_floor=floors["lesion"],
        reference_floor=floors.get("reference"),
        saturated=np.where(gap, np.nan, measured["lesion"].saturated),
        inside=measured["lesion"].inside,
        dynamic_range_db=span,
        border_mm=border if panel.spacing_mm else 0.0,
        warnings=_warnings(clip, floors, measured, gap, dynamic_range_db, injection_s),
    )
    progress(1.0, "done")
    return found


def _check_motion(motion: Motion, clip: Clip) -> None:
    if len(motion) != len(clip):
        raise InputError(
            f"the motion has {len(motion)} frames, the clip {len(clip)}",
            source="motion",
            remedy="follow the region through this clip",
        )


def _contrast(panels: Panels) -> Region:
    if panels.contrast is None:
        raise InputError(
            "the clip has no contrast panel",
            source="panels",
            remedy="mark which part of the screen shows the contrast picture",
        )
    return panels.contrast


def _shown(clip: Clip, panel: Region, ignore: Mask | None) -> Mask:
    """(rows, columns) of the panel: pixels that may be measured."""
    shown = fan_mask(clip, panel)
    if ignore is None:
        return shown
    if ignore.shape != clip.screen:
        raise GeometryError(
            f"what is to be ignored has {ignore.shape} pixels, the screen {clip.screen}",
            source="ignore",
        )
    return shown & ~ignore[panel.box]


def _on_contrast(clip: Clip, panels: Panels, panel: Region, mask: Mask, name: str) -> Mask:
    """The outline on the contrast panel, in the panel's pixels."""
    if mask.shape != clip.screen:
        raise GeometryError(
            f"the outline has {mask.shape} pixels, the screen {clip.screen}",
            source=name,
            remedy="export the outline in the size of the clip's frames",
        )
    try:
        placed = on_panel(mask, panel_of(mask, panels), panel)[panel.box]
    except InputError as error:
        raise InputError(error.what, source=name, remedy=error.remedy) from error
    if np.count_nonzero(placed) < _FEWEST_PIXELS:
        raise InputError(
            f"the outline has {np.count_nonzero(placed)} pixels on the contrast panel",
            source=name,
            remedy=f"outline at least {_FEWEST_PIXELS}",
        )
    return np.asarray(placed, bool)


@dataclass(frozen=True, eq=False)
class _Region:
    """An outline cut to its own box, with the fan around it.

    Args:
        top, left: of the box, in the panel's pixels.
        weight: (rows, columns) 1 inside, with a border of one pixel for parts of a pixel.
        shown: (rows, columns) of the panel: pixels that may be measured.
    """

    top: int
    left: int
    weight: NDArray[np.float32]
    shown: Mask

    @classmethod
    def of(cls, mask: Mask, shown: Mask) -> _Region:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        inside = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return cls(
            int(rows[0]) - 1, int(columns[0]) - 1, np.pad(inside.astype(np.float32), 1), shown
        )

    def moved(self, shift: Floats) -> tuple[Region | None, NDArray[np.float32]]:
        """Where on the panel the outline lies, and how much each pixel there counts."""
        down, along = (int(np.floor(s)) for s in shift)
        r, c = (np.float32(s - np.floor(s)) for s in shift)
        w = self.weight
        w = (1 - r) * w + r * np.pad(w, ((1, 0), (0, 0)))[:-1]
        w = (1 - c) * w + c * np.pad(w, ((0, 0), (1, 0)))[:, :-1]
        top, left = self.top + down, self.left + along
        rows = slice(max(-top, 0), min(self.shown.shape[0] - top, w.shape[0]))
        columns = slice(max(-left, 0), min(self.shown.shape[1] - left, w.shape[1]))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return None, w[:0]
        box = Region(
            top + rows.start, left + columns.start,
            rows.stop - rows.start, columns.stop - columns.start,
        )  # fmt: skip
        return box, w[rows, columns] * self.shown[box.box]


@dataclass(frozen=True, eq=False)
class _Measured:
    mean: Floats
    inside: Floats
    saturated: Floats


def _measured(
    clip: Clip, panel: Region, regions: dict[str, _Region], motion: Motion, span: float,
    progress: Progress,
) -> dict[str, _Measured]:  # fmt: skip
    n, white = len(clip), white_level(clip.is_color)
    found = {name: _Measured(np.full(n, np.nan), np.zeros(n), np.zeros(n)) for name in regions}
    for k in range(n):
        for name, region in regions.items():
            box, weight = region.moved(motion.shift_px[k])
            total = float(weight.sum())
            if box is None or total <= 0:
                continue
            here = Region(panel.top + box.top, panel.left + box.left, box.rows, box.columns)
            levels = clip.brightness(k, here)
            out = found[name]
            out.mean[k] = float((linear_power(levels, span) * weight).sum()) / total
            out.inside[k] = total / float(region.weight.sum())
            out.saturated[k] = float(weight[levels >= white].sum()) / total
        progress(k / n, f"measuring: frame {k + 1} of {n}")
    return found


def _warnings(
    clip: Clip, floors: dict[str, Floor], measured: dict[str, _Measured], gap: Mask,
    dynamic_range_db: float | None, injection_s: float | None,
) -> tuple[str, ...]:  # fmt: skip
    found = []
    if dynamic_range_db is None:
        found.append(
            f"the dynamic range of the contrast picture is not known and was taken as "
            f"{ASSUMED_RANGE_DB:g} dB: slopes, areas and dB depend on it, times hardly"
        )
    if injection_s is None and clip.time_zero != "injection":
        found.append(
            "times and phases count from the first frame: give the time of injection if the clip starts "
            "before or after it"
        )
    for name, floor in floors.items():
        if floor.noise is None:
            found.append(
                f"the clip shows the {name} in no frame without agent: its floor was not taken off"
            )
    share = measured["lesion"].saturated[~gap]
    if len(share) and share.max() > _SATURATED:
        found.append(
            f"up to {100 * share.max():.0f} % of the lesion is at the end of the gray scale: its "
            "peak is higher than measured"
        )
    outside = int(np.count_nonzero(measured["lesion"].inside < _LEAST_INSIDE))
    if outside:
        found.append(
            f"the lesion lies partly outside the fan in {outside} frames; they are left out"
        )
    return tuple(found)
