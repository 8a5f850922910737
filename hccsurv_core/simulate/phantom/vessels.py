"""Aorta, vena cava, iliac, portal, hepatic, renal and mesenteric vessels."""

from __future__ import annotations

import numpy as np

from hccsurv_core.simulate.phantom.body_fields import per_slice
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.simulate.phantom.shapes import superellipse
from hccsurv_core.simulate.phantom.soft_tissue import OrganPlacer
from hccsurv_core.simulate.phantom.tubes import paint_tube, smooth_path

_BODY_DEPTH: tuple[list[float], list[float]] = ([-3, 0, 3, 5], [17, 17.5, 16, 15])


def _front(place: OrganPlacer, level: float) -> tuple[float, float, float]:
    """x, y, z of the front of the vertebral bodies at a level."""
    z = place.spine.level_to_z(level)
    x, y = place.spine.center_at(z)
    depth = np.interp(level, *_BODY_DEPTH) * place.anatomy.cross_scale
    return float(x), float(y) - float(depth), float(z)


def paint_great_vessels(place: OrganPlacer) -> None:
    """Aorta to its fork at L4, the vena cava to L5, the iliac vessels along the psoas."""
    body, spine, s = place.body, place.spine, place.anatomy.cross_scale
    z = place.canvas.z.astype(float)
    depth = per_slice(spine.table(z, *_BODY_DEPTH)) * s
    swing = 1 + 0.5 * place.anatomy.calcification
    for name, x0, radius, hu, fork, lift in (
        ("aorta", 9.0 * swing, 9.5, "aorta", -1.25, [-1.2, 0, 3, 5]),
        ("inferior_vena_cava", -17.0, 11.0, "vein", -1.7, [0, 0, 6, 14]),
    ):
        a = radius * s
        rise = per_slice(spine.table(z, [-1, 1, 3, 5], lift))
        front = body.spine_y - depth - a * 0.9 - 1.5 - rise
        flat = 1.0 if name == "aorta" else 0.78
        distance = superellipse(body.x - body.spine_x - x0 * s, body.y - front, a, a * flat, 2.0)
        distance = distance + 2 * per_slice(np.maximum(float(spine.level_to_z(fork)) - z, 0))
        place.place(distance, place.textured(place.hu[hu], 3), name, 2.0)
    _paint_iliacs(place)
    _paint_atheroma(place)


def _paint_iliacs(place: OrganPlacer) -> None:
    s = place.anatomy.cross_scale
    for side in (1.0, -1.0):
        for start, x0, back, radius, hu, name in (
            (-1.1, 9.0, 0.0, 5.2, "aorta", "vessel"),
            (-1.55, -16.0, 8.0, 6.3, "vein", "vessel"),
        ):
            x, y, z = _front(place, start)
            x2, y2, z2 = _front(place, -2.1)
            points = [
                (x + x0 * s, y - 9, z),
                (x2 + (side * 19 + 0.3 * x0) * s, y2 - 7 + back * 0.3, z2),
            ]
            for level, px, py in (
                (-3.0, 37, -26),
                (-4.0, 55, -42),
                (-5.0, 66, -54),
                (-6.5, 74, -66),
            ):
                px2 = px - (6 if back else 0)
                points.append(
                    (side * px2 * s, (py + back) * s, float(place.spine.level_to_z(level)))
                )
            path = smooth_path(np.array(points), 26)
            paint_tube(place.canvas, path, radius * s, place.hu[hu], LABELS[name])


def _paint_atheroma(place: OrganPlacer) -> None:
    """Plaques of calcium in the aortic wall."""
    rng, s = place.rng, place.anatomy.cross_scale
    for _ in range(int(60 * place.anatomy.calcification**1.5)):
        level = rng.uniform(-1.2, 4.5)
        angle = rng.uniform(0, 2 * np.pi)
        x, y, z = _front(place, level)
        swing = 1 + 0.5 * place.anatomy.calcification
        cx, cy = x + 9 * s * swing, y - 9.5 * s
        r = 9.0 * s
        turn = angle + np.linspace(0, rng.uniform(0.2, 0.7), 4)
        path = np.stack([cx + r * np.cos(turn), cy + r * np.sin(turn), np.full(4, z)], axis=1)
        paint_tube(
            place.canvas,
            path,
            rng.uniform(0.5, 1.3),
            rng.uniform(350, 900),
            None,
            (LABELS["aorta"],),
        )


def paint_liver_vessels(place: OrganPlacer) -> None:
    """Three hepatic veins to the cava under the diaphragm, and a portal tree from the hilum."""
    liver = (LABELS["liver"],)
    spine, canvas = place.spine, place.canvas
    top = np.array([-17.0 * place.wide, _front(place, 4.2)[1] - 16, float(spine.level_to_z(4.4))])
    vein, portal = place.hu["vein"], place.hu["portal"]
    if place.anatomy.phase == "noncontrast":
        vein = portal = place.hu["liver"] - 14
    for end in ((-120, 0, 3.1), (-75, -85, 3.2), (20, -95, 3.7)):
        tip = np.array([end[0] * place.wide, end[1], float(spine.level_to_z(end[2]))])
        _branch(place, top, tip, 4.5, vein, liver, 2)
    hilum = np.array([-20.0, -36.0, float(spine.level_to_z(2.5))])
    root = np.array([-6.0, -48.0, float(spine.level_to_z(1.4))])
    paint_tube(canvas, smooth_path(np.array([root, hilum]), 6), 6.0, portal, LABELS["vessel"])
    for end in (
        (-100, 20, 2.9),
        (-100, -60, 2.4),
        (-110, -20, 3.6),
        (0, -95, 3.3),
        (-60, -20, 3.6),
    ):
        tip = np.array([end[0] * place.wide, end[1], float(spine.level_to_z(end[2]))])
        _branch(place, hilum, tip, 4.6, portal, liver, 2)


def _branch(
    place: OrganPlacer, a: np.ndarray, b: np.ndarray, radius: float, hu: float,
    over: tuple[int, ...] | None, depth: int, label: int | None = None,
) -> None:  # fmt: skip
    """A tapering, slightly crooked vessel from ``a`` to ``b`` with side branches."""
    rng = place.rng
    size = float(np.linalg.norm(b - a))
    middle = (a + b) / 2 + 0.1 * size * rng.standard_normal(3)
    path = smooth_path(np.array([a, middle, b]), max(4, int(size / 9)))
    radii = np.linspace(radius, 0.45 * radius, len(path))
    paint_tube(place.canvas, path, radii, hu, label, over)
    if depth == 0:
        return
    for _ in range(3):
        t = rng.integers(len(path) // 3, len(path))
        direction = (b - a) / max(size, 1) + 0.9 * rng.standard_normal(3)
        tip = path[t] + 0.45 * size * direction / np.linalg.norm(direction)
        _branch(place, path[t], tip, 0.6 * radii[t], hu, over, depth - 1, label)


def paint_visceral_vessels(place: OrganPlacer) -> None:
    """Superior mesenteric vessels with their arcades, renal and splenic vessels."""
    fat = (LABELS["visceral_fat"],)
    rng, spine = place.rng, place.spine
    x, y, z = _front(place, 1.4)
    artery, vein = place.hu["aorta"], place.hu["portal"]
    front = -place.anatomy.belly_depth_mm
    for dx, r, hu in ((4.0, 3.4, artery), (-7.0, 5.0, vein)):
        low = float(spine.level_to_z(-1.5))
        root = np.array([x + 5 + dx * 0.3, y - 18, z])
        stem = np.array(
            [root, [x + dx, y - 26, z - 25], [dx - 5, 0.35 * y + 0.4 * front, (z + low) / 2],
             [dx - 25, 0.4 * front, low]]
        )  # fmt: skip
        path = smooth_path(stem, 22)
        paint_tube(place.canvas, path, np.linspace(r, 0.5 * r, 22), hu, LABELS["vessel"], fat)
        for _ in range(9):
            start = path[rng.integers(4, 20)]
            angle = rng.uniform(-1.2, 1.2)
            reach = rng.uniform(40, 85)
            tip = start + reach * np.array(
                [
                    place.wide * np.sin(angle) * 1.3,
                    -0.6 * np.cos(angle) * place.deep,
                    rng.normal(0, 0.4),
                ]
            )
            _branch(place, start, tip, rng.uniform(1.1, 2.0), hu, fat, 1, LABELS["vessel"])
    for side in (1.0, -1.0):
        level = 1.85 if side > 0 else 1.5
        kidney = np.array([side * 46.0, float(spine.center_at(spine.level_to_z(level))[1]) + 2,
                           float(spine.level_to_z(level))])  # fmt: skip
        start_a = np.add(_front(place, 1.6), (9, -9, 0))
        start_v = np.add(_front(place, 1.6), (-16, -12, 0))
        for start, r, hu in ((start_a, 2.6, artery), (start_v, 4.2, place.hu["vein"])):
            bend = (start + kidney) / 2 + [0, -9.0 if side > 0 else 0, 0]
            path = smooth_path(np.array([start, bend, kidney]), 9)
            paint_tube(place.canvas, path, r, hu, LABELS["vessel"], fat)
