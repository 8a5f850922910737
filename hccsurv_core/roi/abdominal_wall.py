"""The two surfaces of the abdominal wall: fascia towards the skin, peritoneum towards the organs.

Both are closed curves around a point in front of the spine. The outer one is
found first: outside it lies subcutaneous fat. The inner one follows at the
thickness that walls have, first by a loose expectation, then, in a second pass,
by this patient's own wall where fat shows it, so that a liver or a bowel loop
that touches the wall is not taken for muscle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.spatial import ConvexHull

from hccsurv_core.roi import polar
from hccsurv_core.roi.patient_frame import AIR_HU, PatientFrame
from hccsurv_core.roi.vertebra_geometry import MuscleTone, VertebraGeometry

N_RAYS = 240
FAT_HU = -105.0
SKIN_MM = 4.0
_MAX_RADIUS_MM = 270
#: Expected thickness of the wall by the angle from the front midline (degrees, mm) and the spread
#: of its logarithm: linea alba, rectus, the three lateral muscles together, thin again where they
#: end in the thoracolumbar fascia, and behind that the back muscles. Round values of ours, loose
#: enough to be overruled by visible fat. Rankin et al. (Muscle Nerve 2006;34:320-6) found both
#: sides' lateral muscles alike within 8-9 % in all, which is why the sides are pooled below.
_ANGLE_DEG = (0.0, 8.0, 16.0, 40.0, 60.0, 75.0, 105.0, 120.0, 132.0, 150.0, 180.0)
_THICKNESS_MM = (4.0, 8.0, 10.0, 9.5, 11.0, 15.0, 15.0, 10.0, 13.0, 25.0, 25.0)
_LOG_SD = (0.5, 0.4, 0.35, 0.35, 0.35, 0.35, 0.35, 0.4, 0.5, 1.0, 1.0)
_THICKNESS_RANGE_MM = np.arange(2.0, 40.0)


@dataclass(frozen=True, eq=False)
class AbdominalWall:
    """Both surfaces on every slice of a slab.

    Args:
        center_mm: (posterior, lateral) of the curves' center in the patient frame.
        outer_mm, inner_mm: (slices, rays) radii, mm, of the rays of :func:`polar.ray_angles`.
        fat_seen: (slices, rays) in 0 to 1: how clearly fat parts the wall from what lies inside.
    """

    center_mm: tuple[float, float]
    outer_mm: NDArray[np.float64]
    inner_mm: NDArray[np.float64]
    fat_seen: NDArray[np.floating]


def angle_from_front_deg(angles: NDArray) -> NDArray[np.float64]:
    """Angle of each ray from the front midline, 0 (front) to 180 (back), degrees."""
    return np.abs(np.mod(np.degrees(angles) - 270.0 + 180.0, 360.0) - 180.0)


def find_wall(
    frame_images: NDArray,
    frame_body: NDArray[np.bool_],
    frame: PatientFrame,
    vertebra: VertebraGeometry,
    tone: MuscleTone,
) -> AbdominalWall:
    """Find both surfaces.

    Args:
        frame_images: (n, frame rows, frame columns) HU.
        frame_body: the same shape: the patient without table and air around.
    """
    center = (vertebra.center_mm - 10.0, 0.0)
    radii = np.arange(float(_MAX_RADIUS_MM))
    angles = polar.ray_angles(N_RAYS)
    origin = np.array(
        [
            (center[0] - frame.posterior_mm[0]) / frame.spacing_mm,
            (center[1] - frame.lateral_mm[0]) / frame.spacing_mm,
        ]
    )
    centers = np.repeat(origin[None], len(frame_images), axis=0)
    pixels = radii / frame.spacing_mm
    masked = np.where(frame_body, frame_images, AIR_HU).astype(np.float32)
    rays = polar.sample_rays(masked, centers, angles, pixels, fill=AIR_HU)
    # Neighboring slices show the same wall: averaging over 5 mm halves the noise.
    rays = ndi.gaussian_filter1d(rays, max(0.3, 2.5 / frame.slice_mm), axis=0, mode="nearest")
    outer = _outer_surface(rays, tone, angles, frame.slice_mm)
    inner, fat_seen = _inner_surface(rays, outer, tone, angles, frame.slice_mm)
    return AbdominalWall(center, outer, inner, fat_seen)


def muscle_likeness(rays: NDArray, tone: MuscleTone) -> NDArray[np.float32]:
    """−1 for fat, +1 for muscle or brighter, linear between."""
    middle = (FAT_HU + tone.mean_hu) / 2
    return np.clip((rays - middle) / (0.35 * (tone.mean_hu - FAT_HU)), -1, 1).astype(np.float32)


def _outer_surface(
    rays: NDArray, tone: MuscleTone, angles: NDArray, slice_mm: float
) -> NDArray[np.float64]:
    score = _outer_score(rays, tone)
    score = ndi.gaussian_filter1d(score, max(0.3, 3.0 / slice_mm), axis=0, mode="nearest")
    curve = polar.best_closed_curve(score, max_step=4, step_penalty=0.4)
    # In front the wall is convex but for a few millimetres. Where it is too thin to be seen
    # (linea alba, a rectus of one pixel) the first curve dives into the mesentery: bring it back.
    front = angle_from_front_deg(angles) < 105
    hull = np.stack([_convex_front(c, angles, front) for c in curve])
    off = np.arange(rays.shape[2]) - hull[..., None]
    pull = 0.35 * np.clip(-off - 4, 0, 30) + 0.2 * np.clip(off - 3, 0, 30)
    score = score - np.where(front[:, None], pull, 0)
    curve = polar.best_closed_curve(score, max_step=4, step_penalty=0.4)
    return polar.smooth_closed(curve, 0.7)


def _outer_score(rays: NDArray, tone: MuscleTone) -> NDArray[np.float32]:
    n_radii = rays.shape[2]
    radius = np.arange(n_radii)
    inside_body = rays > -300
    skin = n_radii - 1 - np.argmax(inside_body[..., ::-1], axis=2)
    limit = (skin - SKIN_MM)[..., None]
    like = np.where(inside_body, muscle_likeness(rays, tone), 0)
    # Muscle left outside counts against. Fat left outside counts for nothing: rewarded, it draws
    # the curve through a thin, fatty wall into the fat behind it.
    outside = np.where(radius <= limit, np.clip(like, 0, 1), 0)
    # Gas under the skin is in the bowel, and the bowel is inside the wall.
    outside = outside + np.where((radius <= limit) & ~inside_body, 3.0, 0)
    left_out = np.cumsum(outside[..., ::-1], axis=2)[..., ::-1]
    total = np.cumsum(like, axis=2)
    width = 5
    just_inside = total - np.concatenate(
        [np.zeros_like(total[..., :width]), total[..., :-width]], axis=2
    )
    score = 0.8 * just_inside - left_out
    return np.where((radius > limit) | (radius < 20), -1e4, score).astype(np.float32)


def _convex_front(curve: NDArray, angles: NDArray, front: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Radius of the convex hull of a curve's front part on each ray."""
    radius = ndi.median_filter(curve.astype(float), 15, mode="wrap")
    x, y = radius * np.cos(angles), radius * np.sin(angles)
    hull = ConvexHull(np.stack([x[front], y[front]], axis=1))
    # On each ray the hull is the nearest of its edges' half planes a·p + b <= 0.
    direction = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    along = direction @ hull.equations[:, :2].T
    with np.errstate(divide="ignore"):
        reach = np.where(along > 1e-9, -hull.equations[:, 2] / along, np.inf)
    return np.where(front, reach.min(axis=1), radius)


def _inner_surface(
    rays: NDArray, outer: NDArray, tone: MuscleTone, angles: NDArray, slice_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
    from_front = angle_from_front_deg(angles)
    prior = np.interp(from_front, _ANGLE_DEG, _THICKNESS_MM)
    log_sd = np.interp(from_front, _ANGLE_DEG, _LOG_SD)
    evidence, edge = _thickness_evidence(rays, outer, tone)
    evidence = ndi.gaussian_filter1d(evidence, max(0.3, 3.0 / slice_mm), axis=0, mode="nearest")
    log_t = np.log(_THICKNESS_RANGE_MM)
    for _ in range(2):
        bend = ((log_t - np.log(prior)[..., None]) / log_sd[..., None]) ** 2
        score = evidence - 1.5 * bend
        curve = polar.best_closed_curve(score, max_step=3, step_penalty=0.8)
        thickness = _THICKNESS_RANGE_MM[curve]
        seen = np.take_along_axis(edge, curve[..., None], axis=2)[..., 0]
        prior, log_sd = _own_prior(thickness, seen, prior, log_sd)
    return outer - polar.smooth_closed(thickness, 0.7), seen


def _thickness_evidence(
    rays: NDArray, outer: NDArray, tone: MuscleTone
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Score of each thickness by what the ray shows, and how clear a fat edge it has, 0 to 1."""
    like = muscle_likeness(rays, tone)
    # Neither fat nor this patient's muscle (an enhanced organ, contrast, bone): not wall either.
    too_bright = np.clip((rays - tone.mean_hu - 2.5 * tone.sd_hu) / 40.0, 0, 1)
    wall_like = np.where(rays < -200, -1.5, like - 1.2 * too_bright)
    wall_like = np.clip(wall_like, -1.5, 0.8)
    total = np.cumsum(wall_like, axis=2)
    smooth = ndi.gaussian_filter1d(rays, 1.5, axis=2)
    slope = ndi.gaussian_filter1d(rays, 1.5, axis=2, order=1)
    limit = rays.shape[2] - 1
    at_outer = np.clip(np.rint(outer).astype(int), 0, limit)[..., None]
    at_inner = np.clip(np.rint(outer[..., None] - _THICKNESS_RANGE_MM).astype(int), 0, limit)
    beyond = np.clip(at_inner - 6, 0, limit)
    pick = lambda a, i: np.take_along_axis(a, i, axis=2)  # noqa: E731
    ring = pick(total, at_outer) - pick(total, at_inner)
    further = pick(total, at_inner) - pick(total, beyond)
    gradient = np.clip(np.abs(pick(slope, at_inner)) / 12.0, 0, 1.5)
    fat_edge = np.clip(pick(slope, at_inner) / 12.0, 0, 1) * (pick(smooth, beyond) < -30)
    score = 0.6 * ring - 0.6 * np.clip(further, -8, 4) + 1.5 * gradient
    return score.astype(np.float32), fat_edge.astype(np.float32)


def _own_prior(
    thickness: NDArray, seen: NDArray, prior: NDArray, log_sd: NDArray
) -> tuple[NDArray, NDArray]:
    """This patient's thickness by angle: the rays with a clear fat edge, both sides pooled.

    Where neither side shows an edge the anatomical prior stays, scaled to the patient.
    """
    weight = np.clip(seen, 0.02, 1) ** 2
    log_ratio = np.log(thickness) - np.log(prior)
    # Mirror the rays about the midline: ray i at angle a meets ray j at π − a.
    n = thickness.shape[-1]
    mirror = (n // 2 - np.arange(n)) % n
    num = weight * log_ratio + 0.5 * weight[..., mirror] * log_ratio[..., mirror]
    den = weight + 0.5 * weight[..., mirror]
    sigma = n / 360 * 12
    num = ndi.gaussian_filter1d(num.mean(axis=0), sigma, mode="wrap")
    den = ndi.gaussian_filter1d(den.mean(axis=0), sigma, mode="wrap")
    shift = np.clip(num / (den + 0.15), -0.7, 0.7)
    trust = den / (den + 0.15)
    return prior * np.exp(shift), log_sd * (1 - 0.5 * trust)
