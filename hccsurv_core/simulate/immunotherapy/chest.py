"""The chest above the abdominal phantom: wall, spine, ribs and the cavity that lungs lie in.

It continues `anatomy` and `spine_frames` upward from the dome of the liver. All tables are
anatomical common knowledge in round numbers along the axis, in mm above that seam for an
average man, scaled by the patient's build.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.simulate.phantom.anatomy import Anatomy
from hccsurv_core.simulate.phantom.body_fields import Envelope
from hccsurv_core.simulate.phantom.canvas import Array, Canvas
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.simulate.phantom.shapes import Noise, capsule, rotated, smooth_min, superellipse
from hccsurv_core.simulate.phantom.spine_frames import Spine
from hccsurv_core.simulate.phantom.tubes import paint_tube

#: Chain level where the chest's own drawing begins, and mm from there to the apex of the lungs.
SEAM_LEVEL, APEX_MM = 5.3, 232.0
MUSCLE_HU, FAT_HU, SKIN_HU = 58.0, -106.0, 0.0

# mm above the seam:   0    30    60    90   120   150   180   205   225   245
_AT = np.array([0.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0, 205.0, 225.0, 245.0])
_HALF = np.array([128.0, 131.0, 132.0, 130.0, 126.0, 118.0, 103.0, 82.0, 58.0, 30.0])
_FRONT = np.array([-116.0, -116.0, -114.0, -111.0, -107.0, -99.0, -86.0, -70.0, -54.0, -40.0])
_BACK = np.array([30.0, 34.0, 38.0, 38.0, 37.0, 34.0, 29.0, 22.0, 14.0, 6.0])
_SIDE_WALL = np.array([15.0, 17.0, 20.0, 24.0, 29.0, 37.0, 52.0, 74.0, 95.0, 115.0])
_FRONT_WALL = np.array([15.0, 15.0, 16.0, 18.0, 22.0, 25.0, 27.0, 29.0, 30.0, 30.0])
_BACK_WALL = np.array([21.0, 26.0, 31.0, 37.0, 42.0, 45.0, 49.0, 53.0, 58.0, 62.0])


@dataclass(frozen=True, eq=False)
class Chest:
    """One patient's chest.

    Args:
        anatomy, spine: of the same patient's abdomen.
        bend_x, bend_y: smooth displacement, so that nobody is an ellipse.
        grain: fine texture of tissue.
    """

    anatomy: Anatomy
    spine: Spine
    bend_x: Noise
    bend_y: Noise
    grain: Noise

    @property
    def scale(self) -> float:
        """Of lengths across the body."""
        return self.anatomy.cross_scale

    @property
    def depth_scale(self) -> float:
        """Of lengths from front to back: follows the upper abdomen's depth."""
        z = self.seam_mm
        front = float(Envelope(self.anatomy, self.spine).at(np.array(z))[1])
        return (float(self.spine.center_at(np.array(z))[1]) - front) / 131.0

    @property
    def long_scale(self) -> float:
        """Of lengths along the body."""
        return self.anatomy.long_scale

    @property
    def seam_mm(self) -> float:
        """Anatomical z of the seam."""
        return float(self.spine.level_to_z(SEAM_LEVEL))

    def height(self, z: np.ndarray | float) -> np.ndarray:
        """Anatomical z to mm above the seam in an average man."""
        return (np.asarray(z, float) - self.seam_mm) / self.long_scale

    def z_of(self, height: float) -> float:
        """The inverse of :meth:`height`."""
        return self.seam_mm + height * self.long_scale

    def spine_at(self, z: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """x and y of the vertebral bodies' middle; the thoracic spine bends forward at the top."""
        x, y = self.spine.center_at(np.asarray(z, float))
        over = np.clip(self.height(z) - 95.0, 0, None)
        return x, y - 0.0011 * over**2

    def local(self, x: Array, y: Array, z: float) -> tuple[Array, Array]:
        """Coordinates from the spine's middle, bent and scaled to an average man, at one z."""
        sx, sy = self.spine_at(z)
        u = x - np.float32(sx) + 2.0 * self.bend_x.smooth(x, y, z)
        v = y - np.float32(sy) + 2.0 * self.bend_y.smooth(x, y, z)
        return u / np.float32(self.scale), v / np.float32(self.depth_scale)

    def cavity(self, u: Array, v: Array, z: float) -> Array:
        """Distance (mm, negative inside) to the pleural envelope of both lungs and what is between."""
        h = float(self.height(z))
        half, front, back = (float(np.interp(h, _AT, t)) for t in (_HALF, _FRONT, _BACK))
        envelope = _egg(u, v, half, front, back)
        # The spine stands into the cavity from behind.
        post = superellipse(u, v - 9, 21.0, 34.0, 2.4)
        above = max(h - APEX_MM, 0.0)
        return -smooth_min(-envelope, post, 9.0) + np.float32(0.8 * above)

    def fascia(self, u: Array, v: Array, z: float) -> Array:
        """Distance to the outer surface of the wall's muscles."""
        h = float(self.height(z))
        half, front, back = (float(np.interp(h, _AT, t)) for t in (_HALF, _FRONT, _BACK))
        side, ahead, behind = (
            float(np.interp(h, _AT, t)) for t in (_SIDE_WALL, _FRONT_WALL, _BACK_WALL)
        )
        lean = 0.6 + 0.4 * self.anatomy.muscle
        return _egg(u, v, half + side * lean, front - ahead * lean, back + behind * lean)


def _egg(u: Array, v: Array, half: float, front: float, back: float) -> Array:
    middle = front + 0.58 * (back - front)
    depth = np.where(v < middle, middle - front, back - middle)
    power = np.where(v < middle, np.float32(2.15), np.float32(2.5))
    return superellipse(u, v - np.float32(middle), half, depth, power)


def build_chest(anatomy: Anatomy, spine: Spine, rng: np.random.Generator) -> Chest:
    """The chest of a patient; ``rng`` decides what the anatomy leaves open."""
    return Chest(
        anatomy,
        spine,
        Noise(rng, (75.0, 75.0, 120.0), (16, 16, 8)),
        Noise(rng, (75.0, 75.0, 120.0), (16, 16, 8)),
        Noise(rng, (3.0, 3.0, 5.0), (48, 48, 24)),
    )


def paint_wall(canvas: Canvas, chest: Chest, rng: np.random.Generator) -> Array:
    """Skin, fat, muscles, scapulae, spine, ribs and sternum on every slice.

    Returns:
        the cavity's distance on the pixels (slices, rows, columns).
    """
    cavities = []
    texture = Noise(rng, (9.0, 7.0, 16.0), (48, 48, 16))
    for k, z in enumerate(map(float, canvas.z)):
        u, v = chest.local(canvas.x, canvas.y, z)
        cavity = chest.cavity(u, v, z)
        _paint_soft_wall(canvas, chest, k, z, u, v, cavity, texture)
        cavities.append(cavity)
    _paint_ribs(canvas, chest)
    for k, z in enumerate(map(float, canvas.z)):
        u, v = chest.local(canvas.x, canvas.y, z)
        _paint_vertebra(canvas, chest, k, z, u, v)
        _paint_sternum(canvas, chest, k, z, u, v)
    return np.stack(cavities)


def _paint_soft_wall(
    canvas: Canvas, chest: Chest, k: int, z: float, u: Array, v: Array, cavity: Array, texture: Noise
) -> None:  # fmt: skip
    h, anatomy = float(chest.height(z)), chest.anatomy
    fascia = chest.fascia(u, v, z)
    fat = 3.0 + anatomy.subcutaneous_mm * (0.55 + 0.25 * np.clip((np.abs(u) - 60) / 60, 0, 1))
    skin = fascia - fat
    if anatomy.sex == "female":
        size = 0.5 + 0.035 * anatomy.subcutaneous_mm
        swell = float(np.exp(-(((h - 70) / 42) ** 2))) * size
        breast = superellipse(np.abs(u) - 78, v + 122, 58 * swell + 1, 36 * swell + 1, 2.2)
        skin = smooth_min(skin, breast, 16.0)
    grain = 9.0 * texture.nearest(canvas.x, canvas.y, canvas.z[k])
    muscle = MUSCLE_HU + 4 * chest.grain.nearest(canvas.x, canvas.y, canvas.z[k])
    box = (k, slice(None), slice(None))
    canvas.paint(box, canvas.coverage(skin), SKIN_HU, LABELS["skin"])
    canvas.paint(box, canvas.coverage(skin + 1.8), FAT_HU + grain, LABELS["subcutaneous_fat"])
    share = canvas.coverage(_wall_muscle(chest, h, u, v, cavity, fascia))
    canvas.paint(box, share, muscle, LABELS["chest_wall_muscle"])
    _paint_scapula(canvas, box, h, u, v)
    # A thin layer of fat under the pleura, then what the lungs and the mediastinum replace.
    canvas.paint(box, canvas.coverage(cavity - 1.6), -70.0, LABELS["intermuscular_fat"])
    canvas.paint(box, canvas.coverage(cavity), FAT_HU, LABELS["visceral_fat"])


def _wall_muscle(chest: Chest, h: float, u: Array, v: Array, cavity: Array, fascia: Array) -> Array:
    """Intercostal, paraspinal, pectoral, lateral and shoulder muscles as one distance."""
    lean = 0.72 + 0.28 * chest.anatomy.muscle
    au = np.abs(u)
    wall = np.maximum(cavity - 11.0, -(cavity - 2.5))
    depth = float(np.interp(h, (0, 90), (41, 50)))
    paraspinal = superellipse(au - 24, v - depth, 22 * lean, 16 * lean, 2.6)
    trapezius = superellipse(au - 44, v - depth - 20 + 0.14 * au, 46 * lean, 5 + 0.02 * h, 2.4)
    side = float(np.interp(h, (0, 60, 120, 180, 230), (7, 8, 11, 17, 22))) * lean
    half = float(np.interp(h, _AT, _HALF))
    lateral = superellipse(au - half - 8 - side, v + 8, side, 48.0, 2.4)
    pu, pv = rotated(au - 72, v + float(np.interp(h, _AT, -_FRONT)) + 4, 24.0)
    chest_front = float(np.interp(h, (55, 95, 170, 230), (1, 8, 12, 13))) * lean
    pectoral = superellipse(pu, pv, 56.0, chest_front, 2.5)
    tu, tv = rotated(au - 102, v - 31, -46.0)
    blade = float(np.interp(h, (55, 90, 150, 230), (0.5, 10, 17, 20))) * lean
    about_scapula = superellipse(tu, tv, 52.0, blade, 2.4)
    shoulder = superellipse(au - half - 42, v + 6, 0.5 + max(h - 165, 0) * 0.7, 46.0, 2.3)
    found = np.minimum(wall, paraspinal)
    for one in (trapezius, lateral, pectoral, about_scapula, shoulder):
        found = np.minimum(found, one)
    return np.maximum(found, fascia)


def _paint_scapula(canvas: Canvas, box, h: float, u: Array, v: Array) -> None:
    grow = float(np.clip((h - 75) / 60, 0, 1))
    if grow <= 0:
        return
    tu, tv = rotated(np.abs(u) - 102, v - 31, -46.0)
    length = 40.0 * grow
    bone = np.hypot(tu - np.clip(tu, -length, 0.8 * length), tv - 0.004 * tu * tu) - 2.6
    spine = np.hypot(tu - np.clip(tu, 0, 30 * grow), tv + 4 - 0.5 * np.clip(tu, 0, 40)) - 3.0
    bone = np.minimum(bone, spine) if h > 150 else bone
    canvas.paint(box, canvas.coverage(bone), 480.0, LABELS["arm_bone"])
    canvas.paint(box, canvas.coverage(bone + 1.4), 230.0, LABELS["arm_bone"])


def _paint_vertebra(canvas: Canvas, chest: Chest, k: int, z: float, u: Array, v: Array) -> None:
    """A thoracic vertebra or disc: body, canal, arch, transverse and spinous processes."""
    bone = chest.anatomy.bone_hu
    box = (k, slice(None), slice(None))
    turn = (float(chest.height(z)) / 23.0) % 1.0
    disc = turn < 0.2
    spongy = bone * 1.1 + 0.15 * bone * chest.grain.nearest(canvas.x, canvas.y, canvas.z[k])
    size = 15.5 - 0.016 * float(chest.height(z))
    body = superellipse(u, v + 0.5, size, size * 0.98, 2.4)
    x, y = np.abs(u), v
    zero = np.zeros_like(u)
    pedicle = capsule(x, y, zero, (9.0, 12.0, 0.0), (11.0, 24.0, 0.0), 3.4, 3.6)
    lamina = capsule(x, y, zero, (11.0, 25.0, 0.0), (0.0, 38.0, 0.0), 3.6, 3.4)
    tip = float(np.interp(chest.height(z), (0, 90), (48, 63)))
    process = capsule(x, y, zero, (0.0, 36.0, 0.0), (0.0, tip, 0.0), 3.6, 2.4)
    cross = capsule(x, y, zero, (12.0, 25.0, 0.0), (31.0, 33.0, 0.0), 4.2, 4.4)
    arch = np.minimum(lamina, process)
    if not disc:
        arch = np.minimum(arch, pedicle)
        arch = np.minimum(arch, cross) if 0.3 < turn < 0.75 else arch
    label = LABELS["vertebra_T8"]
    canvas.paint(box, canvas.coverage(arch), 620.0, label)
    canvas.paint(box, canvas.coverage(arch + 1.5), spongy * 1.2, label)
    canvas.paint(box, canvas.coverage(superellipse(u, v - 21, 9.0, 7.5, 2.0)), 28.0, None)
    shell = 700.0 if not disc else 95.0
    canvas.paint(box, canvas.coverage(body), shell, label)
    canvas.paint(box, canvas.coverage(body + 1.1), 84.0 if disc else spongy, label)


def _paint_sternum(canvas: Canvas, chest: Chest, k: int, z: float, u: Array, v: Array) -> None:
    h = float(chest.height(z))
    front = float(np.interp(h, _AT, _FRONT))
    half = float(np.interp(h, (10, 35, 110, 150, 175, 215), (3, 15, 14, 16, 28, 24)))
    bone = superellipse(u, v - front + 8.5, half, 5.8 if h < 215 else 0.5, 2.8)
    box = (k, slice(None), slice(None))
    canvas.paint(box, canvas.coverage(bone), 480.0, LABELS["rib"])
    canvas.paint(box, canvas.coverage(bone + 1.2), 0.9 * chest.anatomy.bone_hu, LABELS["rib"])


def _paint_ribs(canvas: Canvas, chest: Chest) -> None:
    """Ribs slope down and forward: a slice cuts several of them."""
    low, high = float(canvas.z[0]) - 9, float(canvas.z[-1]) + 9
    angle = np.linspace(0.97 * np.pi, 0.17 * np.pi, 34)
    for start in np.arange(-10.0, 250.0, 23.0):
        drop = 78 * np.clip((np.pi - angle) / 2.4, 0, 1) ** 1.15
        height = start + 12 - drop
        z = chest.seam_mm + height * chest.long_scale
        half, front, back = (np.interp(height, _AT, t) for t in (_HALF, _FRONT, _BACK))
        middle = front + 0.58 * (back - front)
        out_u = np.abs(np.sin(angle)) ** (2 / 2.3) * (half + 6.5)
        depth = np.where(np.cos(angle) > 0, middle - front + 6.5, back + 6.5 - middle)
        out_v = middle - depth * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / 2.3)
        seen = (np.minimum(z[1:], z[:-1]) < high) & (np.maximum(z[1:], z[:-1]) > low)
        sx, sy = chest.spine_at(z)
        for side in (-1.0, 1.0):
            points = np.stack(
                [sx + side * out_u * chest.scale, sy + out_v * chest.depth_scale, z], axis=1
            )
            for n in np.flatnonzero(seen):
                gristle = n > 27
                piece = points[n : n + 2]
                paint_tube(canvas, piece, 5.2, 120.0 if gristle else 560.0, LABELS["rib"])
                inner = 100.0 if gristle else 1.1 * chest.anatomy.bone_hu
                paint_tube(canvas, piece, 3.5, inner, LABELS["rib"])
