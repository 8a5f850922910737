"""What a reader must check in a muscle outline: cut-off bodies, doubtful sides, inferred borders, metal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.roi import polar
from hccsurv_core.roi.abdominal_wall import angle_from_front_deg
from hccsurv_core.roi.muscle import MIN_PARTED_SHARE, MuscleAnatomy

#: Differences between the sides above which a reader is asked to look, as a share of their mean.
#: Thresholds of ours for a warning, not limits of normal anatomy.
PSOAS_ASYMMETRY = 0.35
WALL_ASYMMETRY = 0.30
#: The smaller quadratus may have this share of the larger without a warning.
QUADRATUS_SHARE = 0.25
#: Share of the wall whose inner border is inferred, not seen.
INFERRED_WALL = 0.6
PSOAS_PARTED_SHARE = 0.65
METAL_HU = 2500
_PADDING_HU = -1000


def check_muscle(
    anatomy: MuscleAnatomy,
    voxels: NDArray,
    masks: dict[str, NDArray[np.bool_]],
    k: int,
) -> tuple[str, ...]:
    """Warnings for the measured slice, in plain words.

    Args:
        voxels: (slices, rows, columns) HU of the slab.
        masks: as from :func:`~hccsurv_core.roi.muscle.draw_masks`.
        k: the measured slice within the slab.
    """
    found = [
        _cut_off(anatomy, voxels[k], k),
        _psoas_sides(masks, k),
        *(_psoas_border(p, k) for p in (anatomy.psoas_left, anatomy.psoas_right)),
        _wall_sides(anatomy, masks, k),
        _quadratus_sides(anatomy, masks, k),
        _inferred_wall(anatomy, k),
        _metal(voxels[k], anatomy.body[k]),
    ]
    return tuple(text for text in found if text)


def cut_off_mm(image: NDArray, body: NDArray[np.bool_]) -> tuple[float, NDArray[np.bool_]]:
    """How much of the body's outline lies on the edge of what was reconstructed.

    Args:
        image: (rows, columns) HU.
        body: the patient, same shape.

    Returns:
        Length in pixels, and the outline pixels concerned.
    """
    rows, columns = image.shape
    r, c = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    edge = (r < 2) | (c < 2) | (r >= rows - 2) | (c >= columns - 2)
    corners = [image[0, 0], image[0, -1], image[-1, 0], image[-1, -1]]
    if max(corners) == min(corners) and corners[0] <= _PADDING_HU:
        # Outside a round field of view everything has one value, lower than or equal to air.
        radius = np.hypot(r - (rows - 1) / 2, c - (columns - 1) / 2)
        field = min(rows, columns) / 2
        outside = image == corners[0]
        if outside[radius > field + 2].mean() > 0.98:
            edge |= radius > field - 3
    cut = body & edge & (image > -300)
    outline = cut & ~ndi.binary_erosion(cut)
    return float(outline.sum()), outline


def _cut_off(anatomy: MuscleAnatomy, image: NDArray, k: int) -> str | None:
    _, outline = cut_off_mm(image, anatomy.body[k])
    length_mm = outline.any() * float(outline.sum()) * max(anatomy.frame.pixel_mm)
    if length_mm < 15:
        return None
    post, lat = anatomy.frame.pixel_coordinates(k)
    d_post, d_lat = post - anatomy.wall.center_mm[0], lat - anatomy.wall.center_mm[1]
    depth = np.hypot(d_post, d_lat) - polar.radius_at(anatomy.wall.outer_mm[k], d_post, d_lat)
    side = "left" if lat[outline].mean() > 0 else "right"
    if depth[outline].min() > 6:
        return (
            f"The body is cut off by the field of view at the patient's {side}, in the fat under "
            "the skin: muscle is complete, subcutaneous fat is not."
        )
    return (
        f"The body is cut off by the field of view at the patient's {side}: muscle there is "
        "missing, so the muscle area is too small. Use a reconstruction with a wider field of view."
    )


def _psoas_sides(masks: dict[str, NDArray[np.bool_]], k: int) -> str | None:
    left, right = (int(masks[f"psoas_{side}"][k].sum()) for side in ("left", "right"))
    if left == 0 or right == 0:
        missing = [side for side, n in (("left", left), ("right", right)) if n == 0]
        return (
            f"The {' and '.join(missing)} psoas cannot be told from what surrounds it on this "
            "slice and is not measured: check the level, or draw it by hand."
        )
    difference = abs(left - right) / ((left + right) / 2)
    if difference <= PSOAS_ASYMMETRY:
        return None
    smaller = "left" if left < right else "right"
    return f"The {smaller} psoas is {difference:.0%} smaller than the other: check both outlines."


def _psoas_border(psoas, k: int) -> str | None:
    if not MIN_PARTED_SHARE <= psoas.parted_share[k] < PSOAS_PARTED_SHARE:
        return None
    side = "left" if psoas.side > 0 else "right"
    return (
        f"Only {psoas.parted_share[k]:.0%} of the {side} psoas outline borders on something else than muscle: "
        "check it against its neighbors."
    )


def _wall_sides(anatomy: MuscleAnatomy, masks: dict[str, NDArray[np.bool_]], k: int) -> str | None:
    post, lat = anatomy.frame.pixel_coordinates(k)
    wall = masks["muscle"][k] & (post < anatomy.vertebra.center_mm)
    wall &= ~masks["psoas_left"][k] & ~masks["psoas_right"][k]
    left, right = int((wall & (lat > 0)).sum()), int((wall & (lat < 0)).sum())
    if min(left, right) == 0:
        return "The abdominal wall was found on one side only: check the outline."
    difference = abs(left - right) / ((left + right) / 2)
    if difference <= WALL_ASYMMETRY:
        return None
    larger = "left" if left > right else "right"
    return (
        f"The abdominal wall is {difference:.0%} larger on the {larger}: check that no organ "
        "that touches it is counted, and that no muscle is missed on the other side."
    )


def _quadratus_sides(
    anatomy: MuscleAnatomy, masks: dict[str, NDArray[np.bool_]], k: int
) -> str | None:
    post, lat = anatomy.frame.pixel_coordinates(k)
    behind = anatomy.vertebra.behind_processes(post, lat)
    muscle = masks["muscle"][k] & ~masks["psoas_left"][k] & ~masks["psoas_right"][k]
    pixel_cm2 = float(np.prod(anatomy.frame.pixel_mm)) / 100
    left, right = (
        float((muscle & border.contains(k, post, lat, behind)).sum()) * pixel_cm2
        for border in anatomy.quadratus
    )
    if max(left, right) < 2.0 or min(left, right) >= QUADRATUS_SHARE * max(left, right):
        return None
    smaller = "left" if left < right else "right"
    return (
        f"Much less muscle was found beside the {smaller} psoas ({min(left, right):.1f} against "
        f"{max(left, right):.1f} cm²): check the quadratus lumborum on both sides."
    )


def _inferred_wall(anatomy: MuscleAnatomy, k: int) -> str | None:
    angles = polar.ray_angles(anatomy.wall.fat_seen.shape[1])
    sector = (angle_from_front_deg(angles) > 20) & (angle_from_front_deg(angles) < 115)
    inferred = float((anatomy.wall.fat_seen[k, sector] < 0.3).mean())
    if inferred <= INFERRED_WALL:
        return None
    return (
        f"On {inferred:.0%} of the abdominal wall no fat parts muscle from the organs inside; "
        "its inner border there is inferred from the rest."
    )


def _metal(image: NDArray, body: NDArray[np.bool_]) -> str | None:
    if int(((image > METAL_HU) & body).sum()) < 5:
        return None
    return "Metal is in this slice: its streaks change attenuation, and with it area and density."
