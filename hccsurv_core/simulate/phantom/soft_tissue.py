"""Solid organs of the belly and the lung bases, clipped by the cavity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hccsurv_core.simulate.phantom.anatomy import Anatomy
from hccsurv_core.simulate.phantom.body_fields import BodyFields, per_slice
from hccsurv_core.simulate.phantom.canvas import Array, Canvas
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.simulate.phantom.shapes import Noise, ellipsoid, rotated, smooth_min, superellipse
from hccsurv_core.simulate.phantom.spine_frames import Spine

#: HU by contrast phase.
PHASE_HU = {
    "noncontrast": {"aorta": 42, "vein": 42, "portal": 42, "liver": 56, "spleen": 47, "cortex": 34,
                    "medulla": 31, "pancreas": 40, "bowel_wall": 40, "lesion": 46},
    "arterial": {"aorta": 300, "vein": 70, "portal": 90, "liver": 68, "spleen": 120, "cortex": 190,
                 "medulla": 70, "pancreas": 105, "bowel_wall": 85, "lesion": 118},
    "portal_venous": {"aorta": 155, "vein": 135, "portal": 165, "liver": 112, "spleen": 125,
                      "cortex": 185, "medulla": 160, "pancreas": 95, "bowel_wall": 90, "lesion": 88},
    "delayed": {"aorta": 110, "vein": 110, "portal": 112, "liver": 92, "spleen": 95, "cortex": 140,
                "medulla": 165, "pancreas": 75, "bowel_wall": 65, "lesion": 72},
}  # fmt: skip


class OrganPlacer:
    """What every organ needs: scales, fields, noise, and where other organs are already."""

    def __init__(
        self,
        canvas: Canvas,
        anatomy: Anatomy,
        spine: Spine,
        body: BodyFields,
        rng: np.random.Generator,
    ):
        self.canvas, self.anatomy, self.spine, self.body = canvas, anatomy, spine, body
        self.rng = rng
        self.hu = {k: v * rng.normal(1, 0.04) for k, v in PHASE_HU[anatomy.phase].items()}
        self.wobble = Noise(rng, (34.0, 34.0, 34.0), (24, 24, 24)).smooth(
            canvas.coarse_x, canvas.coarse_y, canvas.coarse_z
        )
        self.lobules = Noise(rng, (9.0, 9.0, 9.0), (48, 48, 48)).smooth(
            canvas.coarse_x, canvas.coarse_y, canvas.coarse_z
        )
        self.grain = Noise(rng, (3.5, 3.5, 4.0), (48, 48, 32))
        self.wide = anatomy.waist_half_width_mm / 140.0
        self.deep = anatomy.belly_depth_mm / 105.0
        #: Distance to everything that bowel may not enter; shrinks as organs are placed.
        self.occupied = np.full(canvas.coarse_shape, 60.0, np.float32)
        #: Where abdominal organs end: the wall, and above it the diaphragm.
        self.limit = np.maximum(
            body.cavity, body.cavity + lung_inset(body) + 4.0 * (lung_inset(body) > 0)
        )

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

    def textured(self, value: float, amount: float) -> Callable[[int, slice, slice, Array], Array]:
        """HU callable: ``value`` with a fine texture."""

        def hu(k: int, rows: slice, columns: slice, fine: Array) -> Array:
            x, y, z = self.canvas.x[rows, columns], self.canvas.y[rows, columns], self.canvas.z[k]
            return value + amount * self.grain.nearest(x, y, z)

        return hu

    def empty_field(self) -> Array:
        """A field with nothing in it."""
        return np.full(self.canvas.coarse_shape, 60.0, np.float32)

    def add_ball(self, field: Array, center: tuple[float, float, float], radius: float) -> None:
        """Unite ``field`` with a ball (in place)."""
        x, y, z = center
        reach = radius + 14.0
        ks = self.canvas.slices_between(z - reach, z + reach)
        near = np.hypot(self.canvas.coarse_x[0] - x, self.canvas.coarse_y[0] - y) < reach + 8
        i, j = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
        if not len(i) or ks.start >= ks.stop:
            return
        box = (ks, slice(i[0], i[-1] + 1), slice(j[0], j[-1] + 1))
        dx, dy, dz = self.body.x[box] - x, self.body.y[box] - y, self.body.z[ks] - z
        distance = np.sqrt(dx * dx + dy * dy + dz * dz) - np.float32(radius)
        field[box] = np.minimum(field[box], distance)

    def place(self, distance: Array, hu, label: str, margin: float = 1.0) -> None:
        """Paint an organ and keep its room."""
        self.canvas.paint_field(distance, hu, LABELS[label])
        np.minimum(self.occupied, distance - margin, out=self.occupied)


def lung_inset(body: BodyFields) -> Array:
    """Depth of the lung between chest wall and diaphragm, mm: deepest behind."""
    lowest = np.interp(body.angle, [0.0, 0.9, 1.5, 2.1, 3.2], [7.0, 5.6, 4.3, 2.9, 2.5])
    inset = np.clip((body.level - lowest) * 13.0, 0, 60)
    near_spine = np.clip((np.abs(body.x - body.spine_x) - 22) / 22, 0, 1)
    return (inset * near_spine).astype(np.float32)


def paint_lungs(place: OrganPlacer) -> None:
    """Lung bases behind the diaphragm, and the diaphragm with its crura."""
    body, canvas = place.body, place.canvas
    inset = lung_inset(body)
    muscle = 50.0
    dome = np.maximum(body.cavity, -(body.cavity + inset + 3.5))
    canvas.paint_field(np.maximum(dome, 1.0 - inset), muscle, LABELS["diaphragm"])
    lung = np.maximum(body.cavity + 0.5, -(body.cavity + inset))
    vessels = Noise(place.rng, (6.0, 6.0, 10.0), (48, 48, 24))

    def hu(k: int, rows: slice, columns: slice, fine: Array) -> Array:
        x, y = canvas.x[rows, columns], canvas.y[rows, columns]
        return -860 + 500 * np.clip(vessels.nearest(x, y, canvas.z[k]) - 1.7, 0, 1)

    canvas.paint_field(np.maximum(lung, 3.0 - inset), hu, LABELS["lung"])


def paint_crura(place: OrganPlacer) -> None:
    """The diaphragm's two legs beside the aorta, down to L2."""
    body, spine, s = place.body, place.spine, place.anatomy.cross_scale
    z = place.canvas.z.astype(float)
    depth = per_slice(spine.table(z, [0, 3, 5], [17.5, 16, 15])) * s
    thick = per_slice(spine.table(z, [0.2, 0.8, 1.6, 3, 5], [0.0, 2.0, 4.0, 4.5, 3.5]))
    for x0, low in ((-13.0, 0.3), (19.0, 0.9)):
        u, v = rotated(
            body.x - body.spine_x - x0 * s, body.y - body.spine_y + depth + 6, np.sign(x0) * -25
        )
        distance = superellipse(u, v, np.maximum(thick, 0.5), np.maximum(2.6 * thick, 0.5), 2.0)
        below = per_slice(np.maximum(float(spine.level_to_z(low)) - z, 0))
        place.place(distance + below, place.textured(52.0, 3), "diaphragm")


def paint_solid_organs(place: OrganPlacer) -> None:
    """Liver, gallbladder, spleen, pancreas and kidneys."""
    body, w = place.body, place.wobble
    kidneys = {side: _kidney(place, sign) for side, sign in (("left", 1.0), ("right", -1.0))}
    liver = smooth_min(
        place.ellipsoid(2.9, -72, -26, (80, 88, 88)),
        place.ellipsoid(4.1, -8, -72, (84, 44, 46)),
        16.0,
    )
    low_edge = np.clip((2.0 - body.level) * 9, 0, 40)  # the tip thins out downward
    liver = np.maximum(liver + 4.5 * w + low_edge * 0.25, place.limit + 0.8)
    liver = np.maximum(liver, 0.55 * (body.x - 62) + 0.2 * (body.y + 60))  # left lobe ends
    for kidney in kidneys.values():
        liver = np.maximum(liver, -(kidney - 5))
        for cells in (4, 8, 12, 16):  # nothing of the liver lies behind the kidney
            liver = np.maximum(liver, -(np.roll(kidney, cells, axis=1) - 5))
    fossa = place.ellipsoid(1.7, -48, -66, (15, 18, 26))
    liver = np.maximum(liver, -(fossa - 2))
    hilum = place.ellipsoid(2.5, -18, -34, (20, 16, 16))
    liver = np.maximum(liver, -hilum)
    place.place(liver, place.textured(place.hu["liver"], 4), "liver", 1.5)
    place.place(np.maximum(fossa, place.limit + 2), place.textured(9.0, 2), "gallbladder")
    spleen = np.maximum(place.ellipsoid(3.5, 100, 6, (30, 50, 50)) + 3 * w, place.limit + 0.8)
    spleen = np.maximum(spleen, -(kidneys["left"] - 4))
    place.place(spleen, _spleen_hu(place), "spleen", 1.5)
    _paint_pancreas(place)
    for side, kidney in kidneys.items():
        _paint_kidney(place, kidney, side)


def _spleen_hu(place: OrganPlacer) -> Callable[[int, slice, slice, Array], Array]:
    """In the arterial phase the spleen enhances in stripes."""
    stripes = Noise(place.rng, (9.0, 9.0, 9.0), (32, 32, 32))
    amount = 28.0 if place.anatomy.phase == "arterial" else 3.0

    def hu(k: int, rows: slice, columns: slice, fine: Array) -> Array:
        x, y = place.canvas.x[rows, columns], place.canvas.y[rows, columns]
        return place.hu["spleen"] + amount * np.tanh(stripes.smooth(x, y, place.canvas.z[k]))

    return hu


def _paint_pancreas(place: OrganPlacer) -> None:
    spine = place.spine
    knots = np.array([(-26, -46, 0.9, 14), (-16, -56, 1.3, 12), (6, -62, 1.7, 9.5), (34, -50, 2.0, 10),
                      (62, -28, 2.4, 10), (78, -12, 2.7, 8)])  # fmt: skip
    distance = place.empty_field()
    for t in np.linspace(0, len(knots) - 1, 22):
        x, y, level, r = (np.interp(t, np.arange(len(knots)), knots[:, c]) for c in range(4))
        z = float(spine.level_to_z(level))
        place.add_ball(distance, (x, y * (0.6 + 0.4 * place.deep), z), r)
    ragged = 2.0 + 2.5 * place.anatomy.visceral_fat
    distance = np.maximum(distance + ragged * place.lobules, place.limit + 3)
    distance = np.maximum(distance, -place.occupied)
    place.place(distance, place.textured(place.hu["pancreas"], 7), "pancreas")


def _kidney_center(place: OrganPlacer, sign: float) -> tuple[float, float, float]:
    level = 1.85 if sign > 0 else 1.45
    s = 0.6 * place.anatomy.cross_scale + 0.4 * place.wide
    return sign * 62.0 * s, 9.0, float(place.spine.level_to_z(level))


def _kidney(place: OrganPlacer, sign: float) -> Array:
    """A bean, upper pole inward and backward, sinus open to the middle and front."""
    body, s = place.body, place.anatomy.cross_scale
    cx, cy, cz = _kidney_center(place, sign)
    _, spine_y = place.spine.center_at(np.array(cz))
    cy += float(spine_y)
    dz = body.z - cz
    x, y = body.x - cx - (-0.22 * sign) * dz, body.y - cy - 0.16 * dz
    outer = ellipsoid(x, y, dz, (0, 0, 0), (25 * s, 28 * s, 54 * place.anatomy.long_scale))
    u, v = rotated(x, y, 28 * sign)
    sinus = ellipsoid(u, v, dz, (-20 * sign * s, -3.0, 0), (19 * s, 8.5 * s, 26))
    kidney = np.maximum(outer + 1.8 * place.wobble, -(sinus + 1.2 * place.lobules))
    return np.maximum(kidney, place.limit + 3)


def _paint_kidney(place: OrganPlacer, kidney: Array, side: str) -> None:
    canvas, hu = place.canvas, place.hu
    sign = 1.0 if side == "left" else -1.0
    cx, cy, cz = _kidney_center(place, sign)
    cy += float(place.spine.center_at(np.array(cz))[1])
    # Gerota's fascia: a faint line in the fat about the kidney.
    line = np.maximum(np.abs(kidney - 10) - 0.35, place.limit + 2)
    canvas.paint_field(line, -45.0, None, opacity=0.6)
    phase = place.rng.uniform(0, 6)

    def tissue(k: int, rows: slice, columns: slice, fine: Array) -> Array:
        dz = canvas.z[k] - cz
        x, y = (
            canvas.x[rows, columns] - cx + 0.22 * sign * dz,
            canvas.y[rows, columns] - cy - 0.16 * dz,
        )
        around = np.sin(7 * np.arctan2(y, x) + dz / 9 + phase)
        pyramid = np.clip((-fine - 6.5) / 2, 0, 1) * np.clip(around * 3 + 1.4, 0, 1)
        return (
            hu["cortex"]
            + pyramid * (hu["medulla"] - hu["cortex"])
            + 3 * place.grain.nearest(x, y, dz)
        )

    place.place(kidney, tissue, f"kidney_{side}", 9.0)
    s = place.anatomy.cross_scale
    pelvis_hu = 450.0 if place.anatomy.phase == "delayed" else 8.0
    body = place.body
    x, y = body.x - cx + 0.22 * sign * (body.z - cz), body.y - cy
    u, v = rotated(x, y, 28 * sign)
    pelvis = ellipsoid(u, v, body.z - cz, (-18 * sign * s, -3, 0), (10 * s, 3.4, 10))
    canvas.paint_field(pelvis, pelvis_hu, LABELS["other_soft_tissue"])


def paint_lesion(place: OrganPlacer) -> None:
    """One hepatocellular carcinoma: bright in the arterial phase, washed out with a capsule later."""
    diameter = place.anatomy.lesion_mm
    if diameter <= 0:
        return
    canvas = place.canvas
    r = diameter / 2
    body = place.body
    z = float(place.spine.level_to_z(2.6 + 0.7 * place.rng.random()))
    center = (-82.0 * place.wide, -20.0 - 25 * place.rng.random(), z)
    distance = ellipsoid(body.x, body.y, body.z, center, (r, r * 0.95, r)) + 0.08 * r * place.wobble
    distance = np.maximum(distance, place.limit + 2)
    spots = Noise(place.rng, (max(r * 0.5, 4),) * 3, (32, 32, 32))  # type: ignore[arg-type]
    capsule_hu = place.hu["liver"] + {"delayed": 22, "portal_venous": 18}.get(
        place.anatomy.phase, -6
    )

    def hu(k: int, rows: slice, columns: slice, fine: Array) -> Array:
        x, y = canvas.x[rows, columns], canvas.y[rows, columns]
        mosaic = 10 * np.tanh(spots.smooth(x, y, canvas.z[k]))
        rim = canvas.band(fine, -1.8, 0.5)
        inside = place.hu["lesion"] + mosaic
        return inside + rim * (capsule_hu - inside)

    canvas.paint_field(distance, hu, LABELS["liver_lesion"])
