"""Stomach, small bowel, colon, bladder and free fluid: what fills the peritoneal cavity."""

from __future__ import annotations

import numpy as np

from hccsurv_core.simulate.phantom.body_fields import Envelope
from hccsurv_core.simulate.phantom.canvas import Array
from hccsurv_core.simulate.phantom.hip_fields import HipFields
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.simulate.phantom.shapes import Noise
from hccsurv_core.simulate.phantom.soft_tissue import OrganPlacer
from hccsurv_core.simulate.phantom.tubes import smooth_path

GAS_HU = -920.0


def keep_out(place: OrganPlacer, hip: HipFields, psoas: Array) -> None:
    """Reserve the room of the spine, psoas, iliacus and retroperitoneum."""
    body, s = place.body, place.anatomy.cross_scale
    behind = body.spine_y - 26 * s - body.y  # < 0 behind the front of the spine
    behind = np.maximum(behind, np.abs(body.x - body.spine_x) - 34 * s)
    pelvis = -(hip.across + hip.half + 14)
    pelvis = np.where(hip.across > 90, 60, pelvis)
    sacral = np.where(body.level < -3, body.spine_y - 14 * s - body.y, 60)
    for field in (behind, psoas - 0.5, pelvis, sacral):
        np.minimum(place.occupied, field, out=place.occupied)


def paint_hollow(
    place: OrganPlacer, field: Array, wall_mm: float, label: str, content_hu, gas_share: float
) -> None:
    """Wall, contents and, in front (the patient lies on the back), gas."""
    canvas = place.canvas
    near = np.flatnonzero((field < 1).any((1, 2)))
    if not len(near) or not (field < 0).any():
        return
    ks = slice(int(near[0]), int(near[-1]) + 1)
    part, first = field[ks], int(near[0])
    canvas.paint_field(part, place.hu["bowel_wall"], LABELS[label], first_slice=first)
    canvas.paint_field(part + wall_mm, content_hu, LABELS[label], first_slice=first)
    if gas_share > 0:
        y = np.broadcast_to(canvas.coarse_y, part.shape)[part < 0]
        level = np.quantile(y, min(gas_share, 1.0))
        gas = np.maximum(part + wall_mm, canvas.coarse_y - np.float32(level))
        canvas.paint_field(gas, GAS_HU, LABELS[label], first_slice=first)
    np.minimum(place.occupied[ks], part - 0.4, out=place.occupied[ks])


def _free(place: OrganPlacer, field: Array, gap: float = 0.6) -> Array:
    """Clip a shape to the room that is left."""
    return np.maximum(np.maximum(field, place.limit + gap), -place.occupied)


def paint_stomach(place: OrganPlacer) -> None:
    """Fundus behind the left lobe, body, antrum crossing in front of the pancreas."""
    rng = place.rng
    knots = np.array([(56, -20, 4.6, 34), (62, -38, 3.6, 34), (52, -66, 2.6, 27), (22, -80, 1.9, 20),
                      (-8, -74, 1.7, 15), (-28, -62, 1.8, 11)])  # fmt: skip
    field = _sweep(place, knots, 24, deep=True)
    field = _free(place, field + 2.5 * place.wobble)
    food = Noise(rng, (8.0, 8.0, 8.0), (32, 32, 32))
    mixed = rng.random() < 0.5

    def content(k: int, rows: slice, columns: slice, fine: Array) -> Array | float:
        if not mixed:
            return 14.0
        x, y = place.canvas.x[rows, columns], place.canvas.y[rows, columns]
        return 38 + 22 * food.nearest(x, y, place.canvas.z[k])

    paint_hollow(place, field, 3.5, "stomach", content, rng.uniform(0.0, 0.45))


def _sweep(
    place: OrganPlacer, knots: np.ndarray, n: int, deep: bool, haustra: float = 0.0
) -> Array:
    """Union of balls along (x, y, level, radius) knots; x and deep y follow the belly."""
    s = place.anatomy.cross_scale
    field = place.empty_field()
    path = knots.astype(float).copy()
    path[:, 2] = place.spine.level_to_z(path[:, 2])
    if deep:
        path[:, 0] *= 0.5 * s + 0.5 * place.wide
        path[:, 1] = np.where(path[:, 1] < -40, path[:, 1] * place.deep, path[:, 1])
    path = smooth_path(path, n)
    phase = place.rng.uniform(0, 6)
    for i, (x, y, z, r) in enumerate(path):
        place.add_ball(field, (x, y, z), r * (1 + haustra * np.sin(2.1 * i + phase)))
    return field


def paint_colon(place: OrganPlacer) -> None:
    """Cecum, ascending, transverse, descending and sigmoid colon with stool and gas."""
    rng, a = place.rng, place.anatomy
    envelope = Envelope(a, place.spine)

    def at(level: float, share: float, y: float, r: float, from_front: bool = False):
        half, front, _ = (float(v) for v in envelope.at(place.spine.level_to_z(level)))
        inner = half - 17 * a.muscle_scale - 2
        x = share * (inner - r)
        return (x, front + 14 + r + y if from_front else y, level, r)

    right, left, middle = rng.uniform(20, 28), rng.uniform(11, 17), rng.uniform(14, 24)
    dip = rng.uniform(-1.2, 0.8)
    parts = (
        ([at(-3.1, -0.75, -30, 0.9 * right), at(-2.4, -0.88, -26, right), at(-0.8, -0.96, -16, right),
          at(0.4, -0.94, -30, right), at(1.0, -0.86, -44, 0.9 * right)], 30, 0.18, "stool", 0.25),
        ([at(1.0, -0.85, -48, middle), at(0.5 + dip / 2, -0.5, 6, middle, True),
          at(dip, 0.0, 2, middle, True), at(0.8 + dip / 3, 0.5, 6, middle, True),
          at(2.3, 0.86, -36, middle)], 44, 0.2, "stool", 0.5),
        ([at(2.4, 0.95, -8, left), at(1.0, 0.98, 6, left), at(-0.8, 0.97, 2, left),
          at(-2.2, 0.9, -24, left)], 34, 0.14, "stool", 0.1),
        ([at(-2.3, 0.88, -28, left), at(-3.2, 0.5, -34, left), at(-3.8, 0.1, -48, left),
          at(-4.6, -0.1, -14, left), at(-6.2, 0.0, 18, 17)], 34, 0.15, "stool", 0.15),
    )  # fmt: skip
    for knots, n, haustra, _, gas in parts:
        field = _sweep(place, np.array(knots), n, deep=False, haustra=haustra)
        field = _free(place, field + 1.6 * place.lobules)
        paint_hollow(place, field, 2.4, "colon", _stool(place), gas * rng.uniform(0.3, 1.3))


def _stool(place: OrganPlacer):
    """Mottled stool with bubbles."""
    big = Noise(place.rng, (7.0, 7.0, 7.0), (48, 48, 48))
    base = place.rng.uniform(10, 50)
    cut = place.rng.uniform(0.5, 1.6)

    def hu(k: int, rows: slice, columns: slice, fine: Array) -> Array:
        x, y = place.canvas.x[rows, columns], place.canvas.y[rows, columns]
        lumps = big.smooth(x, y, place.canvas.z[k])
        return base + 25 * lumps - 650 * np.clip((lumps - cut) * 2.5, 0, 1)

    return hu


def paint_small_bowel(place: OrganPlacer) -> None:
    """Loops laid one after another where there is room, few of them in a fatty mesentery."""
    rng, canvas, body = place.rng, place.canvas, place.body
    wanted = int(
        np.interp(place.anatomy.visceral_fat, [0, 0.4, 1], [520, 330, 120]) * place.wide**2
    )
    # No loops in the retroperitoneum, behind colon and kidneys.
    behind = np.where(body.level > -2.6, body.spine_y - 2 - body.y, 60)
    np.minimum(place.occupied, behind, out=place.occupied)
    low, high = place.spine.level_to_z(np.array([-4.6, 1.5]))
    z_ok = (body.z > low) & (body.z < high)
    room = np.maximum(place.limit + 7, 7 - place.occupied)
    candidates = np.argwhere((room < 0) & z_ok)
    if not len(candidates):
        return
    for _ in range(wanted):
        k, i, j = candidates[rng.integers(len(candidates))]
        radius = float(np.clip(rng.normal(10.5, 2.4), 6.0, 18))
        if place.occupied[k, i, j] < 0.75 * radius:
            continue
        _lay_loop(place, (float(canvas.coarse_x[0, i, j]), float(canvas.coarse_y[0, i, j]),
                          float(canvas.z[k])), radius)  # fmt: skip


def _lay_loop(place: OrganPlacer, start: tuple[float, float, float], radius: float) -> None:
    rng = place.rng
    points = np.array(start)[None]
    heading = rng.standard_normal(3) * (1, 0.7, 1)
    for _ in range(int(rng.integers(4, 10))):
        heading = heading / np.linalg.norm(heading) + 0.55 * rng.standard_normal(3)
        step = 0.75 * radius * heading / np.linalg.norm(heading)
        points = np.concatenate([points, points[-1:] + step])
    whole = place.empty_field()
    for x, y, z in points:
        place.add_ball(whole, (float(x), float(y), float(z)), radius)
    near = np.flatnonzero((whole < 8).any((1, 2)))
    if not len(near):
        return
    ks = slice(near[0], near[-1] + 1)
    room = np.maximum(place.limit[ks] + 0.6, -place.occupied[ks])
    whole[ks] = np.maximum(whole[ks] + 0.8 * place.lobules[ks], room)
    kind = rng.random()
    if kind < 0.45:  # collapsed
        paint_hollow(place, whole, 0.45 * radius, "small_bowel", 28.0, 0.0)
    elif kind < 0.85:
        paint_hollow(place, whole, 2.2, "small_bowel", float(rng.uniform(6, 30)), 0.0)
    else:
        paint_hollow(place, whole, 2.0, "small_bowel", 16.0, float(rng.uniform(0.1, 0.6)))


def paint_bladder(place: OrganPlacer) -> None:
    """Urine above the symphysis where the scan reaches that far."""
    r = place.rng.uniform(0.6, 1.1)
    field = place.ellipsoid(-7.2, 0, -38, (48 * r, 40 * r, 46 * r))
    place.place(np.maximum(field, place.limit + 5), 45.0, "bladder")
    place.canvas.paint_field(np.maximum(field, place.limit + 5) + 3, 6.0, LABELS["bladder"])


def paint_ascites(place: OrganPlacer) -> None:
    """Free fluid in the flanks and about the liver."""
    depth = place.anatomy.ascites_mm
    if depth <= 0:
        return
    body = place.body
    thick = depth * np.clip(np.sin(np.clip(body.angle, 0, np.pi)) ** 2 + 0.15, 0, 1)
    field = np.maximum(place.limit, -(place.limit + thick + 2 * place.wobble))
    field = np.where(body.angle < 2.2, field, 50.0)
    place.canvas.paint_field(field, place.textured(8.0, 2), LABELS["ascites"])
