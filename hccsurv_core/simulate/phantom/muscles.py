"""Skin, fat and skeletal muscle, with the fat that ages into muscle."""

from __future__ import annotations

import numpy as np

from hccsurv_core.simulate.phantom.anatomy import Anatomy
from hccsurv_core.simulate.phantom.body_fields import BodyFields, erector_distance, per_slice
from hccsurv_core.simulate.phantom.canvas import Array, Canvas
from hccsurv_core.simulate.phantom.hip_fields import HipFields
from hccsurv_core.simulate.phantom.labels import LABELS, SKELETAL_MUSCLE
from hccsurv_core.simulate.phantom.shapes import Noise, rotated, superellipse
from hccsurv_core.simulate.phantom.spine_frames import Spine

FAT_HU = -106.0
#: Enhancement of muscle by contrast phase, HU.
ENHANCEMENT = {"noncontrast": 0.0, "arterial": 4.0, "portal_venous": 10.0, "delayed": 9.0}


class MuscleTissue:
    """HU of muscle at a pixel: lean attenuation, fine grain, and fat streaks at two scales."""

    def __init__(self, canvas: Canvas, anatomy: Anatomy, rng: np.random.Generator):
        s = anatomy.streak_scale_mm
        self.canvas, self.anatomy = canvas, anatomy
        self.lean = anatomy.muscle_hu + ENHANCEMENT[anatomy.phase]
        self.grain = Noise(rng, (3.0, 3.0, 14.0), (64, 64, 16))
        self.fine = Noise(rng, (s, 3.2 * s, 28.0), (128, 64, 16))
        self.coarse = Noise(rng, (2.6 * s, 2.2 * s, 50.0), (80, 80, 12))
        sample = np.abs(self.fine.values[::3, ::3])
        self._quantiles = np.quantile(sample, np.linspace(0, 1, 101))
        self.patches = np.quantile(self.coarse.values, np.linspace(0, 1, 101))

    def hu(
        self, k: int, rows: slice, columns: slice, streaks: Array | float, shift: float = 0.0
    ) -> Array:
        """HU of muscle on pixels; ``streaks`` is the local share of visible fat."""
        x, y, z = self.canvas.x[rows, columns], self.canvas.y[rows, columns], self.canvas.z[k]
        share = np.clip(streaks, 0.0, 0.9)
        # Streaks are where a smooth noise crosses zero (septa); patches where another is high.
        septa = np.interp(0.6 * share * 100, np.arange(101), self._quantiles)
        cut = np.interp((1 - 0.4 * share) * 100, np.arange(101), self.patches)
        # Streaks run outward and backward, along the fibers' layers.
        across, along = rotated(np.abs(x), y, 20.0)
        mirrored = across + 300 * (x > 0)
        near = np.clip((septa - np.abs(self.fine.smooth(mirrored, along, z))) / 0.16 + 0.35, 0, 1)
        lump = np.clip((self.coarse.smooth(x, y, z) - cut) / 0.25 + 0.3, 0, 1)
        fat = np.maximum(near, lump) * np.minimum(1, share / 0.05)
        lean = self.lean + shift + 5.0 * self.grain.nearest(x, y, z)
        return (lean + 0.85 * fat * (FAT_HU - lean)).astype(np.float32)


def paint_body(
    canvas: Canvas, anatomy: Anatomy, body: BodyFields, rng: np.random.Generator
) -> None:
    """Skin, subcutaneous fat with septa, and fat inside the fascia."""
    lobules = Noise(rng, (9.0, 7.0, 16.0), (64, 64, 24))

    def fat(k: int, rows: slice, columns: slice, fine: Array) -> Array:
        x, y = canvas.x[rows, columns], canvas.y[rows, columns]
        septa = np.clip(0.10 - np.abs(lobules.nearest(x, y, canvas.z[k])), 0, 0.1) * 280
        skin = canvas.band(fine, -1.9, 1.0)
        return FAT_HU + septa + skin * (25.0 - FAT_HU)

    canvas.paint_field(body.skin, fat, LABELS["subcutaneous_fat"])
    skin = LABELS["skin"]
    for k in range(len(canvas.z)):
        found = canvas.field_box(body.skin[k] < 3)
        if found is None:
            continue
        fine = canvas.upsample(body.skin, k, *found)
        view = canvas.labels[(k, *found)]
        view[(np.abs(fine + 0.8) < 1.1) & (view > 0)] = skin
    canvas.paint_field(body.fascia, _inner_fat(canvas, rng), LABELS["visceral_fat"])
    # Fascia outside the muscles, and peritoneum with transversalis fascia inside the wall.
    for surface, hu, opacity in ((body.fascia + 0.4, 25.0, 0.75), (body.cavity + 0.5, -10.0, 0.55)):
        line = np.where(np.abs(surface) < 12, np.abs(surface) - 0.45, 12.0)
        canvas.paint_field(line, hu, None, opacity)


def _inner_fat(canvas: Canvas, rng: np.random.Generator):
    """Mesenteric and retroperitoneal fat: small vessels and strands, a little denser."""
    strands = Noise(rng, (8.0, 8.0, 8.0), (96, 96, 48))

    def hu(k: int, rows: slice, columns: slice, fine: Array) -> Array:
        x, y = canvas.x[rows, columns], canvas.y[rows, columns]
        return -103 + 300 * np.clip(0.07 - np.abs(strands.nearest(x, y, canvas.z[k])), 0, 1)

    return hu


def psoas_distance(anatomy: Anatomy, spine: Spine, body: BodyFields, z: np.ndarray) -> Array:
    """Both psoas: beside the lumbar bodies, then forward and outward to the hip."""
    levels = [-6.5, -5.5, -4.5, -3.6, -3.0, -2.0, -1.0, 0.0, 1.0, 1.8, 2.3]
    share = anatomy.psoas * (1.0 if anatomy.sex == "male" else 0.87)
    bones, q = anatomy.cross_scale, anatomy.muscle_scale * np.sqrt(share)
    a0 = np.array([15, 15, 15, 15.5, 16.5, 17.5, 16.5, 13.8, 10.8, 7.2, 3.0])
    edge = np.array([80, 74, 62, 50, 43, 31, 25.5, 22.5, 20.5, 19.5, 19])
    cx = per_slice(spine.table(z, levels, list(bones * edge + 0.92 * q * a0)))
    cy = per_slice(spine.table(z, levels, [-66, -64, -60, -50, -36, -14, -2, 3, 6, 9, 12]))
    follow = per_slice(spine.table(z, levels, [0, 0, 0, 0, 0.3, 1, 1, 1, 1, 1, 1]))
    a = per_slice(spine.table(z, levels, list(q * a0)))
    b = per_slice(
        q * spine.table(z, levels, [17, 17, 17, 18, 19, 20.5, 20.5, 18.2, 14.5, 9.5, 4.0])
    )
    tilt = per_slice(spine.table(z, levels, [-25, -25, -22, -18, -14, -8, -2, 4, 8, 8, 8]))
    grow = 1 + 0.5 * anatomy.asymmetry * np.sign(body.x)
    dx = np.abs(body.x - follow * body.spine_x) - cx
    dy = body.y - follow * body.spine_y - cy * bones
    u, v = rotated(dx, dy, tilt)
    distance = superellipse(u, v, a * grow, b * grow, 2.3)
    ends = np.maximum(z - float(spine.level_to_z(2.1)), 0) + 0 * z
    return distance + 2 * per_slice(ends)


def quadratus_distance(
    anatomy: Anatomy, spine: Spine, body: BodyFields, z: np.ndarray, top: float
) -> Array:
    """Both quadratus lumborum: a slab from the last rib to the iliac crest."""
    levels = [-1.6, -1.0, 0.0, 1.0, 2.0, 2.5]
    bones, q = anatomy.cross_scale, anatomy.muscle_scale
    cx = per_slice(bones * spine.table(z, levels, [76, 71, 62, 53, 43, 40]))
    cy = per_slice(bones * spine.table(z, levels, [22, 21, 21, 22, 22, 22]))
    a = per_slice(q * spine.table(z, levels, [24, 25, 21.5, 16, 9, 4]))
    b = per_slice(q * spine.table(z, levels, [8, 8.5, 7.5, 6, 4.5, 2]))
    u, v = rotated(np.abs(body.x - body.spine_x) - cx, body.y - body.spine_y - cy, 14)
    distance = superellipse(u, v, a, b, 2.3)
    outside = np.maximum(top - 14 - z, 0) + np.maximum(z - float(spine.level_to_z(2.4)), 0)
    return distance + 2 * per_slice(outside)


def paint_muscles(
    canvas: Canvas, anatomy: Anatomy, spine: Spine, body: BodyFields, hip: HipFields,
    tissue: MuscleTissue,
) -> None:  # fmt: skip
    """Paint every muscle; bones are painted over them afterwards."""
    z = canvas.z.astype(float)
    streaks = anatomy.fat_streaks
    _paint_lateral_wall(canvas, body, tissue, streaks)
    _paint_rectus(canvas, anatomy, body, tissue)
    for name, outside in (("gluteal_muscle", True), ("iliacus", False)):
        _paint_hip_muscle(canvas, anatomy, body, hip, tissue, name, outside)
    quadratus = quadratus_distance(anatomy, spine, body, z, hip.top_z)
    psoas = np.maximum(psoas_distance(anatomy, spine, body, z), body.fascia + 6)
    erector = erector_distance(
        anatomy, spine, body.x - body.spine_x, body.y - body.spine_y, z, compartment=False
    )
    for distance, name, share, shift in (
        (quadratus, "quadratus_lumborum", 0.8 * streaks, 0.0),
        (psoas, "psoas", 0.3 * streaks, 3.0),
        (np.maximum(erector, body.fascia + 0.6), "erector_spinae", None, -3.0 - 50 * streaks),
    ):
        for side, keep in (("left", body.x > 0), ("right", body.x <= 0)):
            half = np.where(keep, distance, np.maximum(distance, np.abs(body.x)))

            def hu(k, rows, columns, fine, share=share, shift=shift):
                local = (
                    _erector_streaks(canvas, body, k, rows, columns, streaks)
                    if share is None
                    else share
                )
                return tissue.hu(k, rows, columns, local, shift)

            canvas.paint_field(half, hu, LABELS[f"{name}_{side}"])
    _label_fat_in_muscle(canvas)


def _label_fat_in_muscle(canvas: Canvas) -> None:
    """What is more fat than muscle is intermuscular fat."""
    muscle = np.zeros(256, bool)
    muscle[[LABELS[name] for name in SKELETAL_MUSCLE]] = True
    for k in range(len(canvas.z)):
        fat = muscle[canvas.labels[k]] & (canvas.hu[k] < -29)
        canvas.labels[k][fat] = LABELS["intermuscular_fat"]


def _erector_streaks(
    canvas: Canvas, body: BodyFields, k: int, rows: slice, columns: slice, base: float
):
    """Fat gathers in the multifidus (near the laminae) and toward the sacrum."""
    x = np.abs(canvas.x[rows, columns] - body.spine_x[k, 0, 0])
    low = np.clip(-body.level[k, 0, 0] * 0.35 + 0.8, 0.6, 2.2)
    y = canvas.y[rows, columns] - body.spine_y[k, 0, 0]
    # Clefts between multifidus, longissimus and iliocostalis run outward and backward.
    clefts = 0.0
    for foot, depth in ((15.0, 5.0), (36.0, 3.0)):
        off = x - foot - 0.30 * (y - 40) - depth * np.sin(0.11 * y + k * 0.05)
        clefts = clefts + np.exp(-((off / 1.6) ** 2)) * np.clip((y - 36) / 10, 0, 1)
    return base * low * (0.7 + 0.9 * np.exp(-((x / 18) ** 2))) + (0.12 + 2.5 * base) * clefts


def _paint_lateral_wall(
    canvas: Canvas, body: BodyFields, tissue: MuscleTissue, streaks: float
) -> None:
    """External oblique, internal oblique, transversus, with fat planes between them."""
    gap = 0.5 + 2.0 * streaks
    layers = ((0.0, 0.36, 2.15), (0.36, 0.77, 2.45), (0.77, 1.0, 2.45))
    present = (body.fascia < 0) & (body.fascia > -34) & (body.lateral_mm > 0.8)
    for k in map(int, np.flatnonzero(present.any((1, 2)))):
        found = canvas.field_box(present[k])
        if found is None:
            continue
        rows, columns = found
        depth = -canvas.upsample(body.fascia, k, rows, columns, distance=False)
        thick = canvas.upsample(body.lateral_mm, k, rows, columns, distance=False)
        angle = canvas.upsample(body.angle, k, rows, columns, distance=False)
        chest = float(body.chest[k, 0, 0])
        wall = tissue.hu(k, rows, columns, 0.8 * streaks)
        left = canvas.x[rows, columns] > 0
        for low, high, end in layers:
            free = (end + chest - angle) * 110  # mm to the layer's posterior border, roughly
            inside = canvas.band(depth, low * thick + gap / 2 + 0.4, high * thick - gap / 2)
            share = inside * np.clip(free, 0, 1) * (thick > 1.0)
            canvas.paint((k, rows, columns), share, wall, None)
            view = canvas.labels[k, rows, columns]
            solid = share >= 0.5
            if chest > 0.6:
                view[solid] = LABELS["chest_wall_muscle" if low < 0.7 else "diaphragm"]
            else:
                view[solid & left] = LABELS["lateral_wall_left"]
                view[solid & ~left] = LABELS["lateral_wall_right"]


def _paint_rectus(canvas: Canvas, anatomy: Anatomy, body: BodyFields, tissue: MuscleTissue) -> None:
    scale = anatomy.cross_scale
    level = body.level
    width = (
        58
        * scale
        * (0.8 + 0.2 * anatomy.muscle_scale)
        * np.interp(level, [-6, -3, 0, 3], [0.55, 0.8, 1, 1.05])
    )
    thick = (
        10.5 * anatomy.muscle_scale**2 * np.interp(level, [-5, -2, 2, 4], [1.15, 1.05, 1.0, 0.7])
    )
    alba = 2.0 + 0.05 * anatomy.belly_depth_mm * np.interp(level, [-3, -1, 1], [0.1, 0.6, 1.2])
    for name, sign in (("left", 1.0), ("right", -1.0)):
        along = sign * body.x - alba - width / 2
        depth = -body.fascia - 1.2 - thick / 2
        distance = superellipse(along, depth, width / 2, thick / 2, 2.6)
        distance = np.where((body.y < body.front_y + 60) & (level < 4.6), distance, 50.0)
        canvas.paint_field(
            distance,
            lambda k, r, c, f: tissue.hu(k, r, c, 0.9 * anatomy.fat_streaks),
            LABELS[f"rectus_abdominis_{name}"],
        )


def _paint_hip_muscle(
    canvas: Canvas, anatomy: Anatomy, body: BodyFields, hip: HipFields, tissue: MuscleTissue,
    name: str, outside: bool,
) -> None:  # fmt: skip
    """Iliacus inside the wing, gluteal muscles outside it and behind the sacrum."""
    if outside:
        distance = np.maximum(-hip.across + 1.0, body.fascia + 0.8)
        distance = np.maximum(distance, -(hip.along + 60))
        distance = np.where(hip.across > 90, 50.0, distance)
        # Planes of fat part the maximus from the medius.
        plane = np.abs(hip.across - 30 - 0.12 * hip.along) - 1.2 - 6 * anatomy.fat_streaks
        distance = np.maximum(distance, -plane)
        canvas.paint_field(
            distance, lambda k, r, c, f: tissue.hu(k, r, c, 0.9 * anatomy.fat_streaks), LABELS[name]
        )
        return
    t = np.clip(hip.along / np.maximum(hip.length, 1), 0, 1)
    thick = hip.half + 15 * anatomy.muscle_scale**2 * np.sqrt(np.clip(np.sin(np.pi * t**0.8), 0, 1))
    thick = thick * np.clip(hip.length / 60, 0, 1)
    distance = np.maximum(-(hip.across + thick), hip.across)
    distance = np.maximum(distance, np.maximum(10 - hip.along, hip.along - hip.length + 4))
    distance = np.where(hip.across > 90, 50.0, distance)
    for side, keep in (("left", body.x > 0), ("right", body.x <= 0)):
        canvas.paint_field(
            np.where(keep, distance, 50.0),
            lambda k, r, c, f: tissue.hu(k, r, c, 0.4 * anatomy.fat_streaks),
            LABELS[f"{name}_{side}"],
        )
