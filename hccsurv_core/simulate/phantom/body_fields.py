"""The envelope of the body as coarse fields: skin, outer fascia, abdominal wall and cavity.

All tables are anatomical common knowledge in round numbers at the levels of the spine,
scaled by the patient's build.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.simulate.phantom.anatomy import Anatomy
from hccsurv_core.simulate.phantom.canvas import Array, Canvas
from hccsurv_core.simulate.phantom.hip_fields import HipFields
from hccsurv_core.simulate.phantom.shapes import Noise, smooth_min, superellipse
from hccsurv_core.simulate.phantom.spine_frames import Spine

#: Where the trunk is widest (share of its depth from the front), and how square it is.
WIDEST, FRONT_POWER, BACK_POWER = 0.6, 2.25, 2.75
#: Levels of the tables: S3 … T8 for five lumbar vertebrae.
LEVELS = [-6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0]


@dataclass(frozen=True, eq=False)
class BodyFields:
    """Coarse fields shared by every soft tissue, mm; negative is inside.

    Args:
        x, y, z: anatomical coordinates, bent a little by a smooth displacement.
        spine_x, spine_y: middle of the vertebral bodies per slice (slices, 1, 1).
        level: chain level per slice.
        fascia, skin, cavity: signed distances; the cavity ends at the wall's inner surface.
        angle: 0 at the anterior midline, π behind, as the wall sees it.
        lateral_mm: thickness of the three lateral layers together, 0 where there are none.
        chest: 0 below the costal margin to 1 in the chest wall.
        front_y: anatomical y of the linea alba per slice.
    """

    x: Array
    y: Array
    z: Array
    spine_x: Array
    spine_y: Array
    level: Array
    fascia: Array
    skin: Array
    cavity: Array
    angle: Array
    lateral_mm: Array
    chest: Array
    front_y: Array
    half_width: Array
    back_y: Array


def per_slice(values: np.ndarray) -> Array:
    """(slices,) to (slices, 1, 1) float32."""
    return np.asarray(values, np.float32)[:, None, None]


@dataclass(frozen=True)
class Envelope:
    """The wall's outer contour as functions of z: half width, front and back."""

    anatomy: Anatomy
    spine: Spine

    def at(self, z: np.ndarray) -> tuple[Array, Array, Array]:
        """Half width, y of the front, y of the back (without the paraspinal bulges) at ``z``."""
        a = self.anatomy
        belly, waist, bones = a.belly_depth_mm, a.waist_half_width_mm, a.cross_scale
        chest, pelvis = 143 * bones, 143 * bones
        soft = 0.5 * (waist - chest)
        width = [pelvis - 6, pelvis - 2, pelvis, 0.6 * pelvis + 0.4 * waist, waist, waist, waist,
                 0.8 * waist + 0.2 * chest, 0.45 * waist + 0.55 * chest, chest + 0.7 * soft,
                 chest + 0.5 * soft, chest + 0.3 * soft, chest - 6]  # fmt: skip
        ribs = 0.6 * belly + 48 * bones
        front = [-0.66, -0.72, -0.8, -0.87, -0.95, -1.0, -1.0, -0.99]
        pelvic = [86, 86, 86, 84, 74, 40, 0, 0]  # the wall reaches the front of the hip bones
        front_y = [min(f * belly, -p * bones) for f, p in zip(front, pelvic, strict=True)] + [
            -0.5 * (belly + ribs),
            -ribs,
            -ribs - 2,
            -ribs - 3,
            -ribs,
        ]
        back = [12, 20, 26, 36, 48, 54, 56, 56, 56, 57, 58, 58, 55]
        _, spine_y = self.spine.center_at(z)
        width_z = self.spine.table(z, LEVELS, width)
        front_z = self.spine.table(z, LEVELS, front_y)
        back_z = spine_y + self.spine.table(z, LEVELS, [b * bones for b in back])
        return width_z, front_z, back_z.astype(np.float32)


def build_fields(
    canvas: Canvas,
    anatomy: Anatomy,
    spine: Spine,
    hip: HipFields,
    rng: np.random.Generator,
) -> BodyFields:
    """Compute the envelope's fields on the canvas's coarse grid."""
    x, y, z = _bent_coordinates(canvas, rng)
    z1 = canvas.z.astype(float)
    sx, sy = (per_slice(c) for c in spine.center_at(z1))
    level = per_slice(spine.z_to_level(z1))
    half_width, front, back = (per_slice(v) for v in Envelope(anatomy, spine).at(z1))
    middle = front + WIDEST * (back - front)
    depth = np.where(y < middle, middle - front, back - middle)
    square = 0.5 * np.clip(-2.0 - level, 0, 1)  # flat between the hip bones
    power = np.where(y < middle, FRONT_POWER + square, BACK_POWER)
    trunk = canvas.true_distance(superellipse(x - 0.3 * sx, y - middle, half_width, depth, power))
    bulge = erector_distance(anatomy, spine, x - sx, y - sy, z1, compartment=True)
    buttock = _buttock_distance(anatomy, spine, x, y, z1)
    fascia = smooth_min(smooth_min(trunk, bulge, 7.0), buttock, 12.0)
    fascia = smooth_min(fascia, _about_hip_bones(hip), 10.0)
    angle = np.arctan2(np.abs(x) / half_width, -(y - middle) / depth).astype(np.float32)
    chest = np.clip((level - 1.7) / 1.3, 0, 1)
    lateral = _lateral_thickness(anatomy, angle, chest, level) * (
        1 + anatomy.asymmetry * np.sign(x)
    )
    skin = _skin(
        anatomy,
        spine,
        z1,
        smooth_min(trunk, _about_hip_bones(hip), 30.0),
        bulge,
        buttock,
        angle,
        y,
        level,
    )
    rectus = 11.0 * np.clip(1.25 - angle, 0, 1) + 2.0
    wall = np.maximum(lateral + 1.5 + 3.0 * anatomy.visceral_fat, rectus * (angle < 0.9) + 2.0)
    cavity = np.maximum(trunk + wall, fascia + wall)
    return BodyFields(
        x, y, z, sx, sy, level, fascia, skin, cavity, angle, lateral, chest, front, half_width, back
    )


def _bent_coordinates(canvas: Canvas, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Coordinates displaced by 2–3 mm over some centimetres: nobody is an ellipse."""
    x, y, z = canvas.coarse_x, canvas.coarse_y, canvas.coarse_z
    grid = np.broadcast_to(x, canvas.coarse_shape), np.broadcast_to(y, canvas.coarse_shape)
    shifts = []
    for _ in range(2):
        broad = Noise(rng, (80.0, 80.0, 110.0), (24, 24, 16)).smooth(x, y, z)
        narrow = Noise(rng, (26.0, 26.0, 40.0), (32, 32, 24)).smooth(x, y, z)
        shifts.append(2.0 * broad + 0.8 * narrow)
    return grid[0] + shifts[0], grid[1] + shifts[1], z


def _about_hip_bones(hip: HipFields) -> Array:
    """The fascia keeps at least a few millimetres from the hip bones."""
    miss = hip.along - np.clip(hip.along, 0, hip.length)
    return np.hypot(hip.across, miss) - hip.half - 6.0


def table_y(anatomy: Anatomy, spine: Spine) -> float:
    """Anatomical y of the table top: the lowest of back and sacrum, pressed in a little."""
    level = np.linspace(-6, 6, 49)
    y = spine.center_at(spine.level_to_z(level))[1]
    back = np.interp(level, LEVELS, [30, 36, 46, 60, 71, 75, 76, 74, 69, 62, 58, 56, 54])
    lowest = float(np.quantile(y + back * anatomy.cross_scale, 0.9))
    return lowest + 0.7 * anatomy.subcutaneous_mm + 3.0


def erector_distance(
    anatomy: Anatomy, spine: Spine, x: Array, y: Array, z: np.ndarray, *, compartment: bool
) -> Array:
    """Distance to the paraspinal compartment (fascia) or to the muscle in it; x, y from the spine."""
    bones = anatomy.cross_scale
    scale = (
        bones * (0.35 + 0.65 * anatomy.muscle_scale / bones)
        if compartment
        else anatomy.muscle_scale
    )
    t = {
        "x": [12, 16, 20, 28, 33, 35.5, 36, 36, 35, 32, 29, 27, 25],
        "y": [30, 33, 34, 43, 50, 52.5, 53, 51, 47.5, 43.5, 40, 37, 34],
        "a": [9, 14, 19, 27, 33, 36, 36.5, 36, 34.5, 31, 28, 26, 24],
        "b": [5, 8, 11, 16, 20.5, 22.5, 23, 22.5, 21, 18.5, 16, 14.5, 13],
    }
    cx, cy, a, b = (per_slice(spine.table(z, LEVELS, v)) for v in t.values())
    grow = 1.0 if compartment else 0.975
    cx, a, b = cx * (0.5 * bones + 0.5 * scale), a * scale * grow, b * scale * grow
    # A thin muscle lies on the bone, not in the middle of its old compartment.
    cy = cy * bones - (bones - scale) * 18
    below = per_slice(np.maximum(float(spine.level_to_z(-5.6)) - z, 0))  # ends on the sacrum
    return superellipse(np.abs(x) - cx, y - cy, a, b, 2.7) + 2 * below


def _buttock_distance(anatomy: Anatomy, spine: Spine, x: Array, y: Array, z: np.ndarray) -> Array:
    levels = [-7.0, -6.0, -5.0, -4.0, -3.0, -2.2, -1.6]
    bones = anatomy.cross_scale
    half = 0.4 * bones + 0.6 * anatomy.muscle_scale
    cx = per_slice(spine.table(z, levels, [86, 84, 80, 80, 92, 100, 102])) * bones
    cy = per_slice(spine.table(z, levels, [34, 36, 42, 40, 28, 22, 20])) * bones
    a = per_slice(spine.table(z, levels, [70, 68, 66, 63, 46, 30, 12])) * half
    b = per_slice(spine.table(z, levels, [62, 62, 62, 60, 52, 32, 12])) * half
    distance = superellipse(np.abs(x) - cx, y - cy, a, b, 2.2)
    off = per_slice(np.clip(z - float(spine.level_to_z(-1.6)), 0, None))
    return distance + 3 * off


def _lateral_thickness(anatomy: Anatomy, angle: Array, chest: Array, level: Array) -> Array:
    """Thickness of the lateral layers: from the semilunar line to the quadratus; ribs above."""
    rise = np.clip((angle - 0.52) / 0.28, 0, 1)
    fall = np.clip((2.42 - angle) / 0.45, 0, 1)
    belly = 18.5 * anatomy.muscle_scale**1.5 * np.sqrt(np.clip(rise * fall, 0, 1))
    belly *= np.clip(1 - 0.06 * np.abs(level), 0.6, 1)
    ribs = 15.0 * anatomy.cross_scale * np.clip((angle - 0.15) / 0.4, 0, 1)
    ribs *= 1 - 0.35 * np.clip((angle - 2.3) / 0.5, 0, 1)
    return (belly + chest * (ribs - belly)).astype(np.float32)


def _skin(
    anatomy: Anatomy, spine: Spine, z: np.ndarray, trunk: Array, bulge: Array, buttock: Array,
    angle: Array, y: Array, level: Array,
) -> Array:  # fmt: skip
    """Skin distance: subcutaneous fat by region, the back flattened by the table."""
    s = anatomy.subcutaneous_mm
    female = anatomy.sex == "female"
    front = per_slice(
        spine.table(z, LEVELS, [1.5, 1.5, 1.5, 1.4, 1.3, 1.15, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.5])
    )
    back = per_slice(
        spine.table(z, LEVELS, [1.6, 1.6, 1.6, 1.7, 1.7, 1.5, 1.25, 1.0, 0.8, 0.7, 0.7, 0.7, 0.7])
    )
    side = per_slice(
        spine.table(z, LEVELS, [2.0, 1.9, 1.8, 1.6, 1.35, 1.1, 1.0, 0.9, 0.75, 0.65, 0.6, 0.6, 0.6])
    )
    t = angle / np.pi
    mix = (
        side
        + (front - side) * np.clip(1 - t / 0.4, 0, 1)
        + (back - side) * np.clip((t - 0.6) / 0.25, 0, 1)
    )
    fat = 2.0 + s * mix * (1.1 if female else 1.0)
    smooth = smooth_min(smooth_min(trunk, bulge, 42.0), buttock, 34.0)
    skin = smooth - fat
    table = table_y(anatomy, spine)
    return -smooth_min(-skin, table - y, 14.0)
