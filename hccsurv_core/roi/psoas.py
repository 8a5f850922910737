"""The psoas muscles, each a closed outline beside the vertebral body, coherent from slice to slice.

A psoas is round, smooth and continuous; what abuts it (kidney, bowel, vessel,
quadratus, disc) is not always parted from it by fat. Its outline is therefore
one closed curve per slice around a tracked center: edges where there are
edges, the muscle's own shape and the neighboring slices where there are none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.roi import polar
from hccsurv_core.roi.abdominal_wall import FAT_HU
from hccsurv_core.roi.patient_frame import AIR_HU, PatientFrame
from hccsurv_core.roi.vertebra_geometry import MuscleTone, VertebraGeometry

N_RAYS = 72
_STEP_MM = 0.5
RADII_MM = np.arange(0.0, 40.0, _STEP_MM)
#: Where a psoas center may lie: beside the body's edge (lateral, mm) and along the body's depth,
#: as a share from its back wall (0) to its front wall (1); mean and standard deviation.
_LATERAL_MM, _DEPTH_SHARE = (14.0, 6.0), (0.30, 0.22)


@dataclass(frozen=True, eq=False)
class PsoasOutline:
    """One psoas over a slab.

    Args:
        side: +1 = patient's left, −1 = right.
        centers_mm: (slices, 2) posterior and lateral of the curve's center in the frame.
        radii_mm: (slices, rays) of :func:`polar.ray_angles`.
        mean_hu: attenuation of the muscle's core.
        parted_share: (slices,) share of the outline beyond which lies something else than
            this muscle: fat, bone, an enhanced organ.
    """

    side: int
    centers_mm: NDArray[np.float64]
    radii_mm: NDArray[np.float64]
    mean_hu: float
    parted_share: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Search:
    """What one side's outline is sought in: along the rays (slices, rays, radii)."""

    side: int
    centers_mm: NDArray[np.float64]
    core: MuscleTone
    hu: NDArray[np.float32]
    edge: NDArray[np.floating]
    score: NDArray[np.float32]


def find_both_psoas(
    frame_images: NDArray, frame: PatientFrame, vertebra: VertebraGeometry, tone: MuscleTone
) -> tuple[PsoasOutline, PsoasOutline]:
    """Outline the left and the right psoas on every slice of a slab.

    Each is found by itself first, then once more with the other's mirror image as a guide:
    where one side's border is plain and the other's is not, the plain one tells.

    Args:
        frame_images: (n, frame rows, frame columns) HU.
    """
    # Smoothing along the body halves the noise; the muscle changes little in 3 mm.
    images = ndi.gaussian_filter1d(frame_images, max(0.3, 2.0 / frame.slice_mm), axis=0)
    left, right = (_prepare(images, frame, vertebra, tone, side) for side in (1, -1))
    left_alone, right_alone = _best_curve(left), _best_curve(right)
    return (
        _finish(left, _best_curve(left, guide=right_alone, trust=_edge_on(right, right_alone))),
        _finish(right, _best_curve(right, guide=left_alone, trust=_edge_on(left, left_alone))),
    )


def _prepare(
    images: NDArray, frame: PatientFrame, vertebra: VertebraGeometry, tone: MuscleTone, side: int
) -> _Search:
    barred = _barred(images, frame, vertebra, side)
    likely = _likelihood(images, tone.mean_hu, max(tone.sd_hu, 15.0))
    centers = _track_centers(np.where(barred, -2.0, likely), frame, vertebra, side)
    core = _core_tone(images, frame, centers, tone)
    likely = np.where(barred, -2.5, _likelihood(images, core.mean_hu, core.sd_hu))
    return _score_rays(images, likely, frame, centers, core, side)


def _finish(search: _Search, curve: NDArray[np.intp]) -> PsoasOutline:
    radii = polar.smooth_closed(RADII_MM[curve], 1.0)
    parted = _parted_share(search.hu, radii, search.core)
    return PsoasOutline(search.side, search.centers_mm, radii, search.core.mean_hu, parted)


def _barred(
    images: NDArray, frame: PatientFrame, vertebra: VertebraGeometry, side: int
) -> NDArray[np.bool_]:
    """Pixels that are never this psoas: spine, the other side, behind the transverse processes."""
    post, lat = np.meshgrid(frame.posterior_mm, frame.lateral_mm, indexing="ij")
    beside = lat * side - vertebra.half_width(side)
    behind = vertebra.behind_processes(post, lat)
    # In front of the body lie aorta, cava and crura.
    medial = (beside < 1) & (post < vertebra.center_mm - 4)
    fixed = vertebra.body_hull(post, lat) | behind | medial | (lat * side < 8) | (beside > 48)
    fixed |= post < vertebra.anterior_wall_mm - 22
    bone = images > 160
    return fixed[None] | bone


def _likelihood(images: NDArray, mean_hu: float, sd_hu: float) -> NDArray[np.float32]:
    """Log-likelihood ratio of muscle against all else, clipped to −2.5…1."""
    muscle = -0.5 * ((images - mean_hu) / sd_hu) ** 2 - np.log(sd_hu)
    fat = -0.5 * ((images - FAT_HU) / 30.0) ** 2 - np.log(30.0)
    anything = -np.log(400.0) + 1.0
    other = np.logaddexp(fat + np.log(0.5), anything + np.log(0.5))
    return np.clip(muscle - other, -2.5, 1.0).astype(np.float32)


def _track_centers(
    likely: NDArray, frame: PatientFrame, vertebra: VertebraGeometry, side: int
) -> NDArray[np.float64]:
    """Center per slice: the likeliest disc of 8 mm, near where anatomy has it, smooth along z."""
    post, lat = np.meshgrid(frame.posterior_mm, frame.lateral_mm, indexing="ij")
    beside = lat * side - vertebra.half_width(side)
    depth = vertebra.posterior_wall_mm - vertebra.anterior_wall_mm
    share = (vertebra.posterior_wall_mm - post) / depth
    prior = ((beside - _LATERAL_MM[0]) / _LATERAL_MM[1]) ** 2
    prior = prior + ((share - _DEPTH_SHARE[0]) / _DEPTH_SHARE[1]) ** 2
    window = (beside > 3) & (beside < 34) & (share > -0.15) & (share < 1.0)
    rows, columns = (slice(i.min(), i.max() + 1) for i in np.nonzero(window))
    reach = round(8.0 / frame.spacing_mm)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1] * frame.spacing_mm
    disc = (np.hypot(y, x) <= 8.0).astype(np.float32)
    disc /= disc.sum()
    pad = (
        slice(rows.start - reach, rows.stop + reach),
        slice(columns.start - reach, columns.stop + reach),
    )
    centers = np.empty((len(likely), 2))
    for k, plane in enumerate(likely):
        full = ndi.correlate(plane[pad], disc, mode="nearest")[reach:-reach, reach:-reach]
        score = full - 0.15 * prior[rows, columns]
        score[~window[rows, columns]] = -np.inf
        # The mean of the best places, not the single best pixel, moves smoothly.
        weight = np.exp(12 * (score - score.max()))
        centers[k] = (
            float((weight * post[rows, columns]).sum() / weight.sum()),
            float((weight * lat[rows, columns]).sum() / weight.sum()),
        )
    if len(centers) > 2:
        centers = ndi.median_filter(centers, size=(min(5, len(centers)), 1), mode="nearest")
        centers = ndi.gaussian_filter1d(centers, max(0.5, 6.0 / frame.slice_mm), axis=0)
    return centers


def _core_tone(
    images: NDArray, frame: PatientFrame, centers: NDArray, tone: MuscleTone
) -> MuscleTone:
    """Attenuation of this psoas: it often differs from the back muscles, less fatty than they."""
    values = []
    post, lat = np.meshgrid(frame.posterior_mm, frame.lateral_mm, indexing="ij")
    for plane, (row, column) in zip(images, centers, strict=True):
        core = plane[np.hypot(post - row, lat - column) < 6.0]
        values.append(core[(core > -20) & (core < 130)])
    pooled = np.concatenate(values)
    if pooled.size < 20:
        return tone
    median = float(np.median(pooled))
    spread = 1.4826 * float(np.median(np.abs(pooled - median)))
    return MuscleTone(median, float(np.clip(spread, 14, 28)))


def _score_rays(
    images: NDArray,
    likely: NDArray,
    frame: PatientFrame,
    centers: NDArray,
    core: MuscleTone,
    side: int,
) -> _Search:
    angles = polar.ray_angles(N_RAYS)
    origin = (centers - [frame.posterior_mm[0], frame.lateral_mm[0]]) / frame.spacing_mm
    pixels = RADII_MM / frame.spacing_mm
    inside = polar.sample_rays(likely, origin, angles, pixels, fill=-2.5)
    hu = polar.sample_rays(images.astype(np.float32), origin, angles, pixels, fill=AIR_HU)
    # Per millimetre of ray, not per area: what lies far out would outweigh any edge on the way.
    region = 0.8 * np.cumsum(inside, axis=2) * _STEP_MM
    slope = np.abs(ndi.gaussian_filter1d(np.clip(hu, -150, 200), 2.0, axis=2, order=1)) / _STEP_MM
    edge = np.clip(slope / 20.0, 0, 1.5)
    size = -0.5 * ((np.log(np.maximum(RADII_MM, 0.5)) - np.log(14.0)) / 0.5) ** 2
    score = region + 3.0 * edge + 1.0 * size
    score[..., RADII_MM < 4] = -1e4
    sigma_z = max(0.3, 2.5 / frame.slice_mm)
    score = ndi.gaussian_filter1d(score, sigma_z, axis=0, mode="nearest").astype(np.float32)
    return _Search(side, centers, core, hu, edge, score)


def _best_curve(
    search: _Search,
    guide: NDArray[np.intp] | None = None,
    trust: NDArray[np.floating] | None = None,
) -> NDArray[np.intp]:
    """Index of the radius on each ray (slices, rays).

    Args:
        guide, trust: the other side's curve and how plain its edge is there, 0 to 1 (slices, rays).
    """
    score = search.score
    if guide is not None and trust is not None:
        away = (RADII_MM - RADII_MM[_mirrored(guide)][..., None]) / 3.0
        score = score - _mirrored(trust)[..., None] * np.minimum(away**2, 9.0)
    curve = polar.best_closed_curve(score, max_step=2, step_penalty=0.25)
    if len(curve) > 2:
        # Second pass: each slice near what its neighbors agree on.
        agreed = ndi.median_filter(RADII_MM[curve], size=(min(5, len(curve)), 5), mode="nearest")
        pull = ((RADII_MM - agreed[..., None]) / 2.5) ** 2
        curve = polar.best_closed_curve(score - np.minimum(pull, 8.0), 2, 0.25)
    return curve


def _edge_on(search: _Search, curve: NDArray[np.intp]) -> NDArray[np.floating]:
    """How plain the edge under a curve is, 0 to 1."""
    return np.clip(np.take_along_axis(search.edge, curve[..., None], axis=2)[..., 0], 0, 1)


def _mirrored(per_ray: NDArray) -> NDArray:
    """Values per ray seen from the other side: direction θ becomes π − θ."""
    n = per_ray.shape[-1]
    return per_ray[..., (n // 2 - np.arange(n)) % n]


def _parted_share(
    rays: NDArray[np.float32], radii_mm: NDArray[np.float64], core: MuscleTone
) -> NDArray[np.float64]:
    """Share of rays on which the 2 to 4.5 mm outside the outline are not like the muscle."""
    first = np.rint(radii_mm / _STEP_MM).astype(int)[..., None] + round(2.0 / _STEP_MM)
    ring = np.minimum(first + np.arange(round(2.5 / _STEP_MM) + 1), rays.shape[2] - 1)
    outside = np.take_along_axis(rays, ring, axis=2).mean(axis=2)
    return (np.abs(outside - core.mean_hu) > max(35.0, 1.5 * core.sd_hu)).mean(axis=1)
