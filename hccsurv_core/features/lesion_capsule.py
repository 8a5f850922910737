"""A capsule: how much of the lesion's circumference has a bright rim in the portal venous phase.

Contrast stays in a fibrous capsule, which shows as a line brighter than the lesion *and* brighter
than the liver beyond it. The line is followed about the lesion, near its margin; where it runs, it
runs for millimeters and through neighboring slices, and where there is none, noise is all there is.
The shares are of the margin that borders on liver. Where a lesion bulges out of the liver, fat takes
brightness from a thin rim and what lies beyond it is no measure; a second pair of shares counts that
part of the margin too, by the rim against the lesion's inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.lesion_margin import FEWEST_RAYS, Offsets
from hccsurv_core.features.lesion_rays import (
    ALONG_MM,
    MarginRays,
    Rays,
    aligned,
    at_mm,
    places_between,
    window_mean,
)
from hccsurv_core.features.lesion_reference import LiverReference
from hccsurv_core.features.lesion_scene import LesionScene

#: A rim is about as wide as its line is thin on CT, one to three millimeters; what it is brighter
#: than lies beside it, mm from its middle.
_RIM_MM, _INSIDE_MM, _OUTSIDE_MM = (-0.5, 0.5), (-3.5, -1.5), (1.5, 3.5)
#: Where to look for it, mm from the reader's line, and how far from the margin that was found it
#: may lie (HU of brightness a millimeter off costs): a capsule belongs to the margin.
_NEAR_MM, _OFF_COST, _RIM_FROM_MARGIN_MM = (-4.5, 3.0), 1.5, 0.5
#: Brighter than liver by more than this is a vessel, HU; darker by more than that is not tissue.
_BRIGHTEST_HU, _DARKEST_HU = 60.0, -80.0
#: Beyond the margin lies liver where it measures within this of liver, HU.
_LIKE_LIVER_HU = (-35.0, 25.0)
#: So far beyond the rim the liver is looked for, mm.
_BEYOND_MM = (2.0, 5.0)
#: Against fat a rim of one to three millimeters, 200 HU brighter than fat, loses this by blur, HU.
_LOST_TO_FAT_HU = 20.0
#: Smoothing along the margin: to follow the line, and of what is measured on it, mm.
_FOLLOW_MM, _MEASURE_MM = 1.5, 1.0
#: What a jump of half a millimeter between neighboring rays costs, HU.
_JUMP_COST = 1.0
#: A capsule is a sheet: neighbors along the margin and across slices are judged together, mm.
_SHEET_MM, _SLICES_MM = 3.0, 4.0
_DIRECTIONS = 120
#: From this on a rim counts as seen, HU: noise along a line of several mm makes less. The soft
#: share counts from nothing at the first to one at the second.
_SEEN_HU, _SOFT_HU = 6.0, (2.0, 12.0)
#: The relative share counts what is at least half as bright as the lesion's own rim; a rim below
#: this is none, HU.
_FAINTEST_RIM_HU = 8.0


def capsule_signs(
    scene: LesionScene, liver: LiverReference, rays: list[MarginRays], margins: list[Offsets]
) -> dict[str, float]:
    """Shares of the circumference and HU of the rim; NaN where too little of it can be judged."""
    level = liver.level_hu[1]
    rims = [_rim(r.sample(scene.portal), m, level) for r, m in zip(rays, margins, strict=True)]
    on_liver = _sheet_signs(rays, [(r.hu, r.on_liver) for r in rims], scene.slice_mm)
    whole = _sheet_signs(rays, [(r.hu, r.seen) for r in rims], scene.slice_mm)
    return {
        "capsule_share": on_liver[0],
        "capsule_soft_share": on_liver[1],
        "capsule_relative_share": on_liver[2],
        "capsule_rim_hu": on_liver[3],
        "capsule_whole_share": whole[0],
        "capsule_whole_soft_share": whole[1],
    }


@dataclass(frozen=True, eq=False)
class _Rim:
    """HU by which each ray's rim is brighter; which rays border on liver; which can be judged."""

    hu: Rays
    on_liver: NDArray[np.bool_]
    seen: NDArray[np.bool_]


def _rim(portal: Rays, margin: Offsets, level: float) -> _Rim:
    from scipy.ndimage import gaussian_filter1d

    from hccsurv_core.roi.polar import best_closed_curve

    hu = np.clip(portal, level + _DARKEST_HU, level + _BRIGHTEST_HU)
    score = _brighter(gaussian_filter1d(hu, _FOLLOW_MM, axis=0, mode="wrap"), level)
    off = np.abs(ALONG_MM[None] - margin[:, None] + _RIM_FROM_MARGIN_MM)
    near = places_between(*_NEAR_MM)
    followed = (score - _OFF_COST * off)[None][:, :, near].astype(np.float32)
    place = ALONG_MM[near[best_closed_curve(followed, 1, _JUMP_COST)[0]]]
    smooth = gaussian_filter1d(aligned(hu, place), _MEASURE_MM, axis=0, mode="wrap")
    along = aligned(portal, place)
    zero = at_mm(0.0)
    beyond = gaussian_filter1d(window_mean(along, *_BEYOND_MM)[:, zero], 2.0, mode="wrap")
    vessel = np.maximum(window_mean(along, -1.0, 1.0), window_mean(along, *_INSIDE_MM))[:, zero]
    low, high = _LIKE_LIVER_HU
    seen = (beyond < level + high) & (vessel < level + _BRIGHTEST_HU + 15)
    return _Rim(_brighter(smooth, level)[:, zero], seen & (beyond > level + low), seen)


def _brighter(hu: Rays, level: float) -> Rays:
    """By how much a line at each place is brighter than what lies beside it."""
    inside, outside = window_mean(hu, *_INSIDE_MM), window_mean(hu, *_OUTSIDE_MM)
    fat = window_mean(hu, *_BEYOND_MM) < level + _LIKE_LIVER_HU[0]
    beside = np.maximum(inside, np.where(fat, level - _LOST_TO_FAT_HU, outside))
    return window_mean(hu, *_RIM_MM) - beside


def _sheet_signs(
    rays: list[MarginRays], judged: list[tuple[Rays, NDArray[np.bool_]]], slice_mm: float
) -> tuple[float, float, float, float]:
    """Share, soft share, relative share and HU of the rim's brightest tenth."""
    if sum(int(np.count_nonzero(use)) for _, use in judged) < FEWEST_RAYS:
        return (float("nan"),) * 4
    hu, weight = _as_sheet(rays, judged, slice_mm)
    strong = _weighted_quantile(hu, weight, 0.9)
    half = 0.5 * max(strong, _FAINTEST_RIM_HU)
    soft = np.clip((hu - _SOFT_HU[0]) / (_SOFT_HU[1] - _SOFT_HU[0]), 0.0, 1.0)
    share, faint, relative = (
        float(np.average(v, weights=weight)) for v in (hu > _SEEN_HU, soft, hu > half)
    )
    return share, faint, relative, strong


def _as_sheet(
    rays: list[MarginRays],
    judged: list[tuple[Rays, NDArray[np.bool_]]],
    slice_mm: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """HU by direction and slice, smoothed over the sheet, and how many rays each stands for."""
    from scipy.ndimage import gaussian_filter1d

    middle = np.concatenate([r.points for r in rays]).mean(axis=0)
    total = np.zeros((len(rays), _DIRECTIONS))
    count = np.zeros_like(total)
    for k, (ray, (hu, use)) in enumerate(zip(rays, judged, strict=True)):
        angle = np.arctan2(*(ray.points - middle).T)
        at = ((angle + np.pi) / (2 * np.pi) * _DIRECTIONS).astype(int) % _DIRECTIONS
        np.add.at(total[k], at, hu * use)
        np.add.at(count[k], at, use)
    step_mm = float(np.mean([len(r.points) for r in rays])) / _DIRECTIONS

    def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
        along = gaussian_filter1d(values, _SHEET_MM / step_mm, axis=1, mode="wrap")
        return gaussian_filter1d(along, _SLICES_MM / slice_mm, axis=0, mode="nearest")

    smooth = spread(total) / np.maximum(spread(count), 1e-6)
    return smooth[count > 0], count[count > 0]


def _weighted_quantile(
    values: NDArray[np.float64], weight: NDArray[np.float64], share: float
) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, share * total[-1])])
