"""Total skeletal muscle, psoas and fat on a slab at L3, without learned weights.

Outlines are found in the patient's frame (abdominal wall, both psoas, the spine)
and drawn on the scan's own pixels; a pixel inside them counts where its
attenuation is that of the tissue. What the anatomy cannot decide is said in
warnings, never hidden in the number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.progress import Progress, silent
from hccsurv_core.roi import polar
from hccsurv_core.roi.abdominal_wall import AbdominalWall, find_wall
from hccsurv_core.roi.body_mask import body_mask
from hccsurv_core.roi.patient_frame import PatientFrame, build_frame
from hccsurv_core.roi.psoas import PsoasOutline, find_both_psoas
from hccsurv_core.roi.quadratus import QuadratusBorder, find_quadratus
from hccsurv_core.roi.vertebra_geometry import (
    BONE_HU,
    MuscleTone,
    VertebraGeometry,
    estimate_rotation,
    measure_tone,
    measure_vertebra,
)
from hccsurv_core.volume import Volume

#: Attenuation of each tissue, HU. Muscle: Mitsiopoulos et al., J Appl Physiol 1998;85:115-22;
#: fat as in Mourtzakis et al., Appl Physiol Nutr Metab 2008;33:997-1006.
MUSCLE_HU = (-29, 150)
SUBCUTANEOUS_FAT_HU = (-190, -30)
VISCERAL_FAT_HU = (-150, -50)
#: A psoas outline is credible where this much of it borders on something else, and this much of
#: what it encloses is muscle. Higher up, in the liver or the lung, neither holds.
MIN_PARTED_SHARE, MIN_FILLED_SHARE = 0.55, 0.5
#: Where a transverse process is taken to end, from the midline, in half widths of the body.
PROCESS_REACH = 2.25
#: Half width of the interspinous ligament behind the canal, mm.
LIGAMENT_HALF_WIDTH_MM = 2.5
#: Muscle smaller than this and on its own is noise or a vessel, cm².
_SPECK_CM2 = 0.3
#: An outline runs along the steepest slope; a pixel counts that lies inside it by its center, or is
#: cut by it: this share of a pixel is added before the attenuation decides. A psoas' smoothed curve
#: cuts its corners, so it gets a little more (mm).
_RIM_PIXELS, _PSOAS_RIM_MM = 0.2, 0.3


@dataclass(frozen=True, eq=False)
class MuscleAnatomy:
    """The outlines found on a slab, kept for checks and drawings.

    Args:
        body: (slices, rows, columns) the patient.
    """

    frame: PatientFrame
    body: NDArray[np.bool_]
    vertebra: VertebraGeometry
    tone: MuscleTone
    wall: AbdominalWall
    psoas_left: PsoasOutline
    psoas_right: PsoasOutline
    quadratus: tuple[QuadratusBorder, QuadratusBorder]


def find_anatomy(
    volume: Volume,
    canal: NDArray[np.float64],
    first: int,
    last: int,
    measured: int,
    progress: Progress = silent,
) -> MuscleAnatomy:
    """Find every outline on slices ``first`` to ``last`` (inclusive).

    Args:
        volume: canonical CT, HU.
        canal: (slices, 2) row and column of the canal's center for the whole volume.
        measured: the slice that is measured; the vertebra is sized within 10 mm of it.
    """
    slice_mm = volume.spacing_mm[0]
    slab = Volume(volume.voxels[first : last + 1], volume.affine)
    near = _near(measured - first, last - first + 1, 10.0 / slice_mm)
    progress(0.0, "Finding the patient's frame")
    rotation = estimate_rotation(
        slab.voxels[near][::2], canal[first : last + 1][near][::2], volume.spacing_mm[1:]
    )
    frame = build_frame(volume, canal, first, last, rotation)
    images = frame.sample(slab.voxels)
    body = body_mask(slab)
    frame_body = frame.sample(body.astype(np.float32), fill=0.0) > 0.5
    vertebra = measure_vertebra(images[near], frame)
    tone = measure_tone(images[near], frame)
    progress(0.3, "Outlining the abdominal wall")
    wall = find_wall(images, frame_body, frame, vertebra, tone)
    progress(0.6, "Outlining both psoas")
    left, right = find_both_psoas(images, frame, vertebra, tone)
    quadratus = (
        find_quadratus(images, frame, vertebra, left, tone),
        find_quadratus(images, frame, vertebra, right, tone),
    )
    return MuscleAnatomy(frame, body, vertebra, tone, wall, left, right, quadratus)


def _near(center: int, n: int, reach: float) -> slice:
    k = max(1, round(reach))
    return slice(max(0, center - k), min(n, center + k + 1))


def draw_masks(
    anatomy: MuscleAnatomy, voxels: NDArray, progress: Progress = silent
) -> dict[str, NDArray[np.bool_]]:
    """Draw the outlines on the scan's own pixels.

    Args:
        voxels: (slices, rows, columns) HU of the slab.

    Returns:
        Masks of :data:`~hccsurv_core.roi.results.STRUCTURES`, each (slices, rows, columns).
    """
    names = ("muscle", "psoas_left", "psoas_right", "subcutaneous_fat", "visceral_fat")
    masks = {name: np.zeros(voxels.shape, bool) for name in names}
    for k, image in enumerate(voxels):
        progress(k / len(voxels), "Drawing the masks")
        for name, mask in _draw_slice(anatomy, k, image).items():
            masks[name][k] = mask
    return masks


def _draw_slice(anatomy: MuscleAnatomy, k: int, image: NDArray) -> dict[str, NDArray[np.bool_]]:
    post, lat = anatomy.frame.pixel_coordinates(k)
    rim = _RIM_PIXELS * max(anatomy.frame.pixel_mm)
    wall = anatomy.wall
    from_center = post - wall.center_mm[0], lat - wall.center_mm[1]
    radius = np.hypot(*from_center)
    outer = (radius <= polar.radius_at(wall.outer_mm[k], *from_center) + rim) & anatomy.body[k]
    inner = radius < polar.radius_at(wall.inner_mm[k], *from_center) - rim
    hull = anatomy.vertebra.body_hull(post, lat)
    # Further out than the processes reach, a kidney may lie as far back as they do.
    reach_mm = PROCESS_REACH * (anatomy.vertebra.left_mm + anatomy.vertebra.right_mm) / 2
    behind = anatomy.vertebra.behind_processes(post, lat) & (np.abs(lat) < reach_mm)
    bone = _bone(image, anatomy, post, lat, outer)
    # Between two spinous processes the midline is ligament.
    ligament = (np.abs(lat) < LIGAMENT_HALF_WIDTH_MM) & (post > 0)
    muscular = within(image, MUSCLE_HU) & ~bone & ~hull & ~ligament
    left = _draw_psoas(anatomy.psoas_left, k, post, lat, rim, muscular)
    right = _draw_psoas(anatomy.psoas_right, k, post, lat, rim, muscular & ~left)
    for border in anatomy.quadratus:
        inner = inner & ~border.contains(k, post, lat, behind)
    muscle = (outer & (~inner | behind) & muscular) | left | right
    muscle = _without_specks(muscle, _SPECK_CM2 * 100 / float(np.prod(anatomy.frame.pixel_mm)))
    cavity = inner & outer & ~behind & ~hull & ~muscle
    return {
        "muscle": muscle,
        "psoas_left": left & muscle,
        "psoas_right": right & muscle,
        "subcutaneous_fat": anatomy.body[k] & ~outer & within(image, SUBCUTANEOUS_FAT_HU),
        "visceral_fat": cavity & within(image, VISCERAL_FAT_HU),
    }


def _draw_psoas(
    psoas: PsoasOutline,
    k: int,
    post: NDArray,
    lat: NDArray,
    rim: float,
    muscular: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """The muscle inside an outline; empty where the outline is not credible."""
    d_post, d_lat = post - psoas.centers_mm[k, 0], lat - psoas.centers_mm[k, 1]
    inside = polar.inside_curve(psoas.radii_mm[k] + rim + _PSOAS_RIM_MM, d_post, d_lat)
    mask = inside & muscular
    filled = mask.sum() >= MIN_FILLED_SHARE * max(1, inside.sum())
    credible = filled and psoas.parted_share[k] >= MIN_PARTED_SHARE
    return mask if credible else np.zeros_like(mask)


def within(image: NDArray, limits_hu: tuple[float, float]) -> NDArray[np.bool_]:
    """Pixels whose attenuation lies within ``limits_hu``, both ends included."""
    return (image >= limits_hu[0]) & (image <= limits_hu[1])


def _bone(
    image: NDArray, anatomy: MuscleAnatomy, post: NDArray, lat: NDArray, outer: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Bone with its marrow and its blurred rim, near the spine and in the wall."""
    pixel = max(anatomy.frame.pixel_mm)
    core = (image > BONE_HU + 20) & outer
    cortex = ndi.binary_closing(core, iterations=max(1, round(1.5 / pixel)))
    near_spine = (np.abs(lat) < 60) & (post > anatomy.vertebra.anterior_wall_mm)
    filled = ndi.binary_fill_holes(cortex & near_spine) | core
    # A pixel half bone and half muscle can read 120 HU: brighter than this muscle and beside bone.
    rim = ndi.binary_dilation(core, iterations=max(1, round(1.5 / pixel)))
    blurred = image > anatomy.tone.mean_hu + 3 * anatomy.tone.sd_hu + 10
    return filled | (rim & blurred)


def _without_specks(mask: NDArray[np.bool_], smallest_pixels: float) -> NDArray[np.bool_]:
    labels, n = ndi.label(mask)
    if n == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    keep = sizes >= smallest_pixels
    keep[0] = False
    return keep[labels]
