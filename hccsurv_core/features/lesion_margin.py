"""A lesion's margin: where it lies in the image, how ragged it runs, and how blurred it is.

Infiltration shows as a margin that wanders at a scale of millimeters and as a slow passage from
tumor to liver. Both are measured on that part of the margin which borders on liver; where a lesion
reaches the liver's surface, the surface is what is smooth or not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
from hccsurv_core.features.lesion_scene import STEP_MM, LesionScene
from hccsurv_core.features.lesion_tissue import LesionTissue

Offsets = NDArray[np.float64]

#: The true margin lies within this of a reader's line, mm.
_NEAR_MM = 4.0
#: A step is looked for between the means over this far to both sides, mm.
_SIDE_MM, _GAP_MM = 3.5, 0.5
#: Spread of tissue and noise by which a difference counts, arterial and portal venous, HU.
_SPREAD_HU = (12.0, 10.0)
#: Brighter or darker than liver by more than this is no better evidence, HU; no voxel counts for
#: more than this many spreads.
_BOUND_HU, _MOST = ((-60.0, 80.0), (-60.0, 50.0)), 3.0
#: What a jump of half a millimeter between neighboring rays costs.
_JUMP_COST, _JUMP = 0.3, 2
#: Rays on which this far outside (mm) is still liver border on liver.
_OUTSIDE_MM = 4.0
#: Fewest rays (about as many millimeters) that a margin is judged by.
FEWEST_RAYS = 25
#: Raggedness is what of a line's course lies between these scales, mm: finer is the pixel grid,
#: coarser is the lesion's shape.
_RAGGED_MM = (1.5, 3.0)
_WAVY_MM = (3.0, 6.0)
#: Levels of the two sides are taken here, mm from the margin; the slope between them.
_INSIDE_MM, _BESIDE_MM, _SLOPE_MM = (-8.0, -5.0), (5.0, 8.0), 3.0
#: A passage between levels that differ by less than this has no width, HU.
_LEAST_CONTRAST_HU = 8.0


def find_margin(
    scene: LesionScene, liver: LiverReference, tissue: LesionTissue, rays: MarginRays
) -> Offsets:
    """Where along each ray the lesion ends, mm from the reader's line."""
    from scipy.ndimage import gaussian_filter1d

    from hccsurv_core.roi.polar import best_closed_curve

    evidence = np.zeros((len(rays.points), len(ALONG_MM)), dtype=np.float32)
    parts = zip(scene.images, liver.level_hu, tissue.viable_hu, _SPREAD_HU, _BOUND_HU, strict=True)
    for image, level, viable, spread, bound in parts:
        hu = np.clip(rays.sample(image), level + bound[0], level + bound[1])
        evidence += (viable - level) / spread**2 * (hu - 0.5 * (viable + level))
    evidence = np.clip(gaussian_filter1d(evidence, 1.0, axis=0, mode="wrap"), -_MOST, _MOST)
    step = window_mean(evidence, -_SIDE_MM, -_GAP_MM) - window_mean(evidence, _GAP_MM, _SIDE_MM)
    near = places_between(-_NEAR_MM, _NEAR_MM)
    path = best_closed_curve(step[None][:, :, near], _JUMP, _JUMP_COST)[0]
    return np.asarray(ALONG_MM[near[path]], dtype=np.float64)


def borders_on_liver(scene: LesionScene, rays: MarginRays) -> NDArray[np.bool_]:
    """Rays that leave the lesion into liver."""
    return np.asarray(rays.sample(scene.surface)[:, at_mm(_OUTSIDE_MM)] < -1.0)


def margin_signs(
    scene: LesionScene, rays: list[MarginRays], offsets: list[Offsets]
) -> dict[str, float]:
    """Raggedness of the outline as drawn and as found, and the blur; NaN where too little is seen."""
    names = ("outline_raggedness_mm", "edge_raggedness_mm", "edge_waviness_mm", "edge_blur_mm")
    free = [borders_on_liver(scene, r) for r in rays]
    if sum(int(f.sum()) for f in free) < FEWEST_RAYS:
        return dict.fromkeys(names, float("nan"))
    found = [r.curve(o) for r, o in zip(rays, offsets, strict=True)]
    return dict(
        zip(
            names,
            (
                _raggedness([r.points for r in rays], free, _RAGGED_MM),
                _raggedness(found, free, _RAGGED_MM),
                _raggedness(found, free, _WAVY_MM),
                _blur(scene, rays, offsets, free),
            ),
            strict=True,
        )
    )


def _raggedness(
    lines: list[NDArray[np.float64]], free: list[NDArray[np.bool_]], scales_mm: tuple[float, float]
) -> float:
    """Root mean square of how far lines wander between two scales, across their course, mm."""
    parts = [_wander(line, scales_mm)[use] for line, use in zip(lines, free, strict=True)]
    return float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))


def _wander(line: NDArray[np.float64], scales_mm: tuple[float, float]) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter1d

    fine, coarse = (gaussian_filter1d(line, s, axis=0, mode="wrap") for s in scales_mm)
    course = np.roll(coarse, -1, axis=0) - np.roll(coarse, 1, axis=0)
    across = np.stack([course[:, 1], -course[:, 0]], axis=1)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    off = ((fine - coarse) * across).sum(axis=1) * STEP_MM
    # A smoothed circle shrinks: what is the same along the line is no wander.
    return np.asarray(off - gaussian_filter1d(off, 3 * scales_mm[1], mode="wrap"))


def _blur(
    scene: LesionScene,
    rays: list[MarginRays],
    offsets: list[Offsets],
    free: list[NDArray[np.bool_]],
) -> float:
    """Contrast over the steepest slope of the mean passage, mm, in the phase that shows it better."""
    from scipy.ndimage import gaussian_filter1d

    best, width = _LEAST_CONTRAST_HU, float("nan")
    for image in scene.images:
        passages: list[Rays] = [
            aligned(r.sample(image), o)[f] for r, o, f in zip(rays, offsets, free, strict=True)
        ]
        mean = np.concatenate(passages).mean(axis=0, dtype=np.float64)
        inside, beside = (
            float(mean[places_between(*part)].mean()) for part in (_INSIDE_MM, _BESIDE_MM)
        )
        slope = np.gradient(gaussian_filter1d(mean, 1.0), ALONG_MM)
        steepest = float(np.abs(slope[places_between(-_SLOPE_MM, _SLOPE_MM)]).max())
        if abs(inside - beside) > best:
            best = abs(inside - beside)
            width = best / steepest
    return width
