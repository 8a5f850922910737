"""What lies between the lungs: heart, great vessels, airways, esophagus and fat."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hccsurv_core.simulate.immunotherapy.chest import FAT_HU, Chest
from hccsurv_core.simulate.phantom.canvas import Array, Canvas
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.simulate.phantom.shapes import Noise, capsule, rotated, smooth_min, superellipse

#: HU in the portal venous phase, when most chests of these patients are taken.
BLOOD_HU, MYOCARDIUM_HU, AIR_HU, SOFT_HU = 142.0, 108.0, -985.0, 48.0
#: Where the trachea divides, mm above the seam.
CARINA_MM = 122.0
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Mediastinum:
    """One patient's mediastinum.

    Args:
        heart_scale: size of the heart.
        arch_mm: height of the aortic arch.
        aorta_scale: width of the aorta.
        fat: how much fat lies about it, mm.
        ripple: irregular surface.
    """

    heart_scale: float
    arch_mm: float
    aorta_scale: float
    fat: float
    ripple: Noise = field(repr=False)


def build_mediastinum(chest: Chest, rng: np.random.Generator) -> Mediastinum:
    """Draw it: hearts and aortas widen with age."""
    age = chest.anatomy.age_years
    return Mediastinum(
        heart_scale=float(
            np.clip(1 + 0.002 * (age - 60) + 0.06 * rng.standard_normal(), 0.85, 1.2)
        ),
        arch_mm=float(150 + 4 * rng.standard_normal()),
        aorta_scale=float(np.clip(1 + 0.006 * (age - 60) + 0.06 * rng.standard_normal(), 0.8, 1.3)),
        fat=float(np.clip(3 + 6 * chest.anatomy.visceral_fat + rng.standard_normal(), 1, 10)),
        ripple=Noise(rng, (16.0, 16.0, 30.0), (24, 24, 12)),
    )


def heart_distance(m: Mediastinum, u: Array, v: Array, h: float) -> Array:
    """The pericardium at height ``h``: a tilted egg whose apex points left and forward."""
    s = m.heart_scale
    along = (h - 50.0) / (62.0 * s)
    size = float(np.sqrt(max(1 - along**2, 0.0)))
    if size < 0.12:
        return np.full_like(u, 60.0)
    lean = 6.0 * along
    a, b = rotated(u - 18 + lean, v + 66, 28.0)
    return superellipse(a, b, 62 * s * size, 49 * s * size, 2.2)


def mediastinal_distance(m: Mediastinum, chest: Chest, u: Array, v: Array, z: float) -> Array:
    """Distance to everything that is not lung inside the cavity."""
    h = float(chest.height(z))
    ripple = 1.3 * m.ripple.smooth(u, v, z)
    half = float(
        np.interp(h, (0, 60, 95, 120, 150, 180, 210, 240), (26, 28, 34, 36, 33, 35, 36, 36))
    )
    depth = float(np.interp(h, (0, 95, 150, 190, 240), (34, 40, 38, 33, 30)))
    core = superellipse(u - 1, v + float(np.interp(h, (0, 95, 150, 240), (24, 42, 46, 34))),
                        half, depth, 2.5)  # fmt: skip
    found = smooth_min(core, heart_distance(m, u, v, h) - m.fat * 0.6, 12.0)
    reach = capsule(u, v, np.zeros_like(u), (0.0, -40.0, 0.0), (2.0, -150.0, 0.0), 7.0, 3.0 + m.fat)
    found = smooth_min(found, reach, 14.0)
    radius = 13.5 * m.aorta_scale
    if h < m.arch_mm + 8:
        found = smooth_min(found, np.hypot(u - 20, v - 0) - radius - 1.5, 6.0)
    if m.arch_mm - 16 < h < m.arch_mm + 16:
        arch = capsule(u, v, np.zeros_like(u), (-4.0, -58.0, 0.0), (20.0, -2.0, 0.0), 16.0, 15.0)
        found = smooth_min(found, arch, 6.0)
    return found + ripple - 0.15 * (m.fat - 4)


def paint_mediastinum(
    canvas: Canvas, chest: Chest, m: Mediastinum, k: int, u: Array, v: Array, distance: Array
) -> None:
    """Paint slice ``k`` inside ``distance``: fat first, then what lies in it."""
    z = float(canvas.z[k])
    h = float(chest.height(z))
    box = (k, slice(None), slice(None))
    grain = 5.0 * chest.grain.nearest(canvas.x, canvas.y, canvas.z[k])
    fat = FAT_HU + 14 + 2.5 * grain
    canvas.paint(box, canvas.coverage(distance), fat, LABELS["other_soft_tissue"])
    painter = _Painter(canvas, box, u, v, grain)
    _paint_esophagus(painter)
    _paint_heart(painter, m, h)
    _paint_vessels(painter, m, h)
    _paint_airways(painter, h)


class _Painter:
    """Paint round things in one slice's local coordinates."""

    def __init__(self, canvas: Canvas, box, u: Array, v: Array, grain: Array):
        self.canvas, self.box, self.u, self.v, self.grain = canvas, box, u, v, grain
        self.zero = np.zeros_like(u)

    def fill(self, distance: Array, hu: float, label: str, inner: float = 0.0) -> None:
        share = self.canvas.coverage(distance + inner)
        self.canvas.paint(self.box, share, hu + 0.6 * self.grain, LABELS[label])

    def disk(
        self, u: float, v: float, radius: float, hu: float, label: str, flat: float = 1
    ) -> None:
        self.fill(np.hypot(self.u - u, (self.v - v) / flat) * min(flat, 1) - radius * min(flat, 1),
                  hu, label)  # fmt: skip

    def rod(
        self, a: Point, b: Point, ra: float, rb: float, h: float, hu: float, label: str
    ) -> None:
        """A tube between two points (u, v, height) as the slice at height ``h`` cuts it."""
        self.fill(capsule(self.u, self.v, self.zero + h, a, b, ra, rb), hu, label)


def _paint_esophagus(p: _Painter) -> None:
    p.disk(7.0, -21.0, 10.5, SOFT_HU, "other_soft_tissue", 0.62)
    p.disk(7.0, -21.0, 2.2, -250.0, "other_soft_tissue", 0.5)


def _paint_heart(p: _Painter, m: Mediastinum, h: float) -> None:
    heart = heart_distance(m, p.u, p.v, h)
    if h > 112 or not (heart < 0).any():
        return
    s = m.heart_scale
    p.fill(heart, MYOCARDIUM_HU, "other_soft_tissue", 2.0)
    size = float(np.sqrt(max(1 - ((h - 48) / 62) ** 2, 0.0)))
    # Left and right ventricle, left and right atrium: chamber, and how high it reaches.
    for u, v, a, b, turn, low, high in (
        (44, -66, 32, 20, 38, -5, 92), (4, -96, 36, 17, 24, -5, 88),
        (-28, -64, 19, 26, 0, 5, 95), (8, -34, 30, 16, 6, 35, 106),
    ):  # fmt: skip
        if not low < h < high:
            continue
        edge = float(np.clip(min(h - low, high - h) / 18, 0.3, 1)) * size * s
        x, y = rotated(p.u - u * s, p.v - v * s, turn)
        chamber = np.maximum(superellipse(x, y, a * edge, b * edge, 2.1), heart + 3.0)
        p.fill(chamber, BLOOD_HU, "vessel")


def _paint_vessels(p: _Painter, m: Mediastinum, h: float) -> None:
    w, arch = m.aorta_scale, m.arch_mm
    if h < arch:
        p.disk(20.0, 0.0, 12.5 * w, BLOOD_HU, "aorta")
    if 78 < h < arch:
        p.disk(-8.0, -66.0 + 0.08 * (h - 80), 15.5 * w, BLOOD_HU, "aorta")
    if abs(h - arch) < 13 * w:
        r = 13.5 * w * float(np.sqrt(1 - ((h - arch) / (13.5 * w)) ** 2))
        p.fill(capsule(p.u, p.v, p.zero, (-7.0, -62.0, 0.0), (19.0, -3.0, 0.0), r, r * 0.95),
               BLOOD_HU, "aorta")  # fmt: skip
    if 60 < h < 190:
        p.disk(-30.0, -56.0 if h > 100 else -50.0, 9.0, BLOOD_HU, "vessel")
    p.disk(-9.0, -15.0, 4.0, BLOOD_HU - 10, "vessel")
    _paint_pulmonary_vessels(p, h)
    if h > arch + 6:
        for u, v, r in ((-16, -50, 6.5), (3, -44, 4.5), (17, -30, 5.0)):
            spread = 1 + 0.004 * (h - arch)
            p.disk(u * spread, v, r, BLOOD_HU, "aorta")
        if h < arch + 40:
            p.rod(
                (34.0, -62.0, arch + 30), (-26.0, -60.0, arch + 8), 6.5, 7.5, h, BLOOD_HU, "vessel"
            )
        else:
            p.disk(36.0, -56.0, 7.0, BLOOD_HU, "vessel")


def _paint_pulmonary_vessels(p: _Painter, h: float) -> None:
    trunk = (14.0, -72.0)
    if 84 < h < 116:
        p.disk(*trunk, 14.0, BLOOD_HU, "vessel")
    p.rod((*trunk, 112.0), (42.0, -30.0, 122.0), 12.5, 10.0, h, BLOOD_HU, "vessel")
    p.rod((*trunk, 112.0), (-10.0, -46.0, 111.0), 12.0, 10.5, h, BLOOD_HU, "vessel")
    p.rod((-10.0, -46.0, 111.0), (-42.0, -40.0, 106.0), 10.5, 8.5, h, BLOOD_HU, "vessel")
    # Inferior and superior pulmonary veins to the left atrium.
    for side in (-1.0, 1.0):
        p.rod((8.0 + 20 * side, -36.0, 82.0), (6.0 + 46 * side, -24.0, 74.0), 7.0, 5.0, h, BLOOD_HU,
              "vessel")  # fmt: skip
        p.rod((8.0 + 20 * side, -40.0, 92.0), (4.0 + 44 * side, -50.0, 108.0), 6.5, 5.0, h, BLOOD_HU,
              "vessel")  # fmt: skip


def _paint_airways(p: _Painter, h: float) -> None:
    wall = 1.3
    tubes: list[tuple[Point, Point, float, float]] = [
        ((0.0, -33.0, 260.0), (0.0, -31.0, CARINA_MM), 8.6, 8.4),
        ((0.0, -31.0, CARINA_MM), (-24.0, -28.0, 106.0), 7.4, 6.6),
        ((-24.0, -28.0, 106.0), (-36.0, -22.0, 78.0), 5.6, 4.4),
        ((0.0, -31.0, CARINA_MM), (38.0, -24.0, 96.0), 7.2, 5.4),
        ((38.0, -24.0, 96.0), (46.0, -14.0, 74.0), 4.8, 3.8),
        ((-22.0, -28.0, 108.0), (-46.0, -30.0, 118.0), 4.8, 3.4),
        ((36.0, -25.0, 98.0), (56.0, -38.0, 112.0), 4.4, 3.2),
    ]
    for grow, hu in ((wall, 20.0), (0.0, AIR_HU)):
        for a, b, ra, rb in tubes:
            if min(a[2], b[2]) - ra - 2 < h < max(a[2], b[2]) + ra + 2:
                p.rod(a, b, ra + grow, rb + grow, h, hu, "other_soft_tissue")
