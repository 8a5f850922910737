"""Organs and vessels of the belly, clipped by the cavity."""

from __future__ import annotations

import numpy as np

from hccsurv_core.simulate.anatomy import Anatomy
from hccsurv_core.simulate.body_fields import BodyFields, per_slice
from hccsurv_core.simulate.canvas import Array, Canvas
from hccsurv_core.simulate.labels import LABELS
from hccsurv_core.simulate.shapes import Noise, ellipsoid, smooth_min, superellipse
from hccsurv_core.simulate.spine_frames import Spine

#: HU by contrast phase: noncontrast, arterial, portal venous, delayed.
PHASE_HU = {
    "noncontrast": {"aorta": 42, "vein": 42, "portal": 42, "liver": 56, "spleen": 47, "cortex": 34,
                    "medulla": 32, "pancreas": 40, "bowel_wall": 40, "lesion": 46},
    "arterial": {"aorta": 300, "vein": 70, "portal": 90, "liver": 68, "spleen": 120, "cortex": 190,
                 "medulla": 70, "pancreas": 105, "bowel_wall": 85, "lesion": 118},
    "portal_venous": {"aorta": 155, "vein": 135, "portal": 165, "liver": 112, "spleen": 125,
                      "cortex": 185, "medulla": 160, "pancreas": 95, "bowel_wall": 90, "lesion": 92},
    "delayed": {"aorta": 110, "vein": 110, "portal": 112, "liver": 92, "spleen": 95, "cortex": 140,
                "medulla": 170, "pancreas": 75, "bowel_wall": 65, "lesion": 72},
}  # fmt: skip


class OrganPlacer:
    """Shared context for the organs: scales, fields, noise."""

    def __init__(self, canvas: Canvas, anatomy: Anatomy, spine: Spine, body: BodyFields, rng):
        self.canvas, self.anatomy, self.spine, self.body, self.rng = (
            canvas,
            anatomy,
            spine,
            body,
            rng,
        )
        self.hu = PHASE_HU[anatomy.phase]
        self.wobble = Noise(rng, (34.0, 34.0, 34.0), (24, 24, 24)).smooth(
            canvas.coarse_x, canvas.coarse_y, canvas.coarse_z
        )
        self.grain = Noise(rng, (3.5, 3.5, 4.0), (48, 48, 32))
        self.wide = anatomy.waist_half_width_mm / 140.0
        self.deep = anatomy.belly_depth_mm / 105.0

    def ellipsoid(
        self, level: float, x: float, y: float, radii: tuple[float, float, float]
    ) -> Array:
        """Ellipsoid at a chain level; x, y in mm of an average man, scaled to this belly."""
        s = self.anatomy.cross_scale
        z = float(self.spine.level_to_z(level))
        body = self.body
        center = (x * (0.5 * s + 0.5 * self.wide), y * (self.deep if y < -40 else 1.0), z)
        scaled = (radii[0] * s, radii[1] * s, radii[2] * self.anatomy.long_scale)
        return ellipsoid(body.x, body.y, body.z, center, scaled)

    def textured(self, value: float, amount: float):
        """HU callable: ``value`` with a fine texture."""

        def hu(k: int, rows: slice, columns: slice, fine: Array) -> Array:
            x, y, z = self.canvas.x[rows, columns], self.canvas.y[rows, columns], self.canvas.z[k]
            return value + amount * self.grain.nearest(x, y, z)

        return hu


def paint_organs(canvas, anatomy: Anatomy, spine: Spine, body: BodyFields, rng) -> None:
    """Paint organs from behind to the front; what is painted later lies over the rest."""
    place = OrganPlacer(canvas, anatomy, spine, body, rng)
    cavity = body.cavity + 0.8
    kidneys = [_kidney(place, side) for side in (1.0, -1.0)]
    w = place.wobble
    liver = smooth_min(
        place.ellipsoid(2.9, -72, -28, (78, 86, 92)),
        place.ellipsoid(3.9, -5, -75, (80, 42, 44)),
        14.0,
    )
    liver = np.maximum(liver + 3.5 * w, cavity)
    for kidney in kidneys:
        liver = np.maximum(liver, -(kidney - 5))
    canvas.paint_field(liver, place.textured(place.hu["liver"], 4), LABELS["liver"])
    spleen = np.maximum(place.ellipsoid(3.6, 104, 8, (30, 52, 52)) + 2 * w, cavity)
    canvas.paint_field(spleen, place.textured(place.hu["spleen"], 4), LABELS["spleen"])
    for kidney, name in zip(kidneys, ("kidney_left", "kidney_right"), strict=True):
        canvas.paint_field(kidney, place.textured(place.hu["cortex"], 4), LABELS[name])
    _paint_great_vessels(place)


def _kidney(place: OrganPlacer, side: float) -> Array:
    level = 1.75 if side > 0 else 1.4
    body = place.body
    outer = place.ellipsoid(level, side * 66, 8, (27, 30, 56))
    sinus = place.ellipsoid(level, side * 48, 2, (17, 9, 24))
    return np.maximum(np.maximum(outer + 1.5 * place.wobble, -sinus), body.cavity + 3)


def _paint_great_vessels(place: OrganPlacer) -> None:
    body, spine, s = place.body, place.spine, place.anatomy.cross_scale
    z = place.canvas.z.astype(float)
    fork = float(spine.level_to_z(-1.2))
    depth = per_slice(spine.table(z, [-3, 0, 3, 5], [17, 17.5, 16, 15])) * s
    for name, x0, radius, hu in (
        ("aorta", 9.0, 9.5, "aorta"), ("inferior_vena_cava", -17.0, 10.5, "vein"),
    ):  # fmt: skip
        a = radius * s
        front = body.spine_y - depth - a - 1.5
        distance = superellipse(
            body.x - body.spine_x - x0 * s, body.y - front, a, a * (1.0 if x0 > 0 else 0.8), 2.0
        )
        distance = distance + 2 * per_slice(np.maximum(fork - z, 0))
        place.canvas.paint_field(distance, place.textured(place.hu[hu], 3), LABELS[name])
