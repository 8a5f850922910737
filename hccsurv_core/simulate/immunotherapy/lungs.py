"""The lungs: parenchyma, a branching tree of vessels, fissures, emphysema and nodules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from hccsurv_core.simulate.immunotherapy.chest import APEX_MM, Chest
from hccsurv_core.simulate.immunotherapy.mediastinum import (
    Mediastinum,
    build_mediastinum,
    mediastinal_distance,
    paint_mediastinum,
)
from hccsurv_core.simulate.phantom.canvas import Array, Canvas
from hccsurv_core.simulate.phantom.labels import LABELS
from hccsurv_core.simulate.phantom.shapes import Noise, capsule

#: Ends of the vessel tree by lung; a power of two.
_LEAVES = 1024
#: Hila: |u|, v (from the spine) and mm above the seam.
_HILUM = (38.0, -30.0, 100.0)
_VESSEL_HU = 70.0
#: Heights shrink by this when vessels are cut: a slice of 5 mm sees more of them than a plane.
_FLAT = 0.35


@dataclass(frozen=True, eq=False)
class Lungs:
    """One patient's lungs, the same at every scan.

    Args:
        chest: that they lie in.
        mediastinum: between them.
        segments: (n, 8) vessel pieces: start and end (anatomical mm) and their two radii.
        base_hu: density of the parenchyma.
        emphysema: 0 to 1.
        patches: where emphysema lies.
        mottle: fine irregularity.
    """

    chest: Chest
    mediastinum: Mediastinum
    segments: Array = field(repr=False)
    base_hu: float
    emphysema: float
    patches: Noise = field(repr=False)
    mottle: Noise = field(repr=False)

    def air_distance(self, u: Array, v: Array, cavity: Array, z: float) -> Array:
        """Distance to the lungs at one z, from local coordinates and the cavity there."""
        between = mediastinal_distance(self.mediastinum, self.chest, u, v, z)
        return np.maximum(cavity, -between)


def build_lungs(chest: Chest, rng: np.random.Generator) -> Lungs:
    """Draw the lungs of a patient."""
    mediastinum = build_mediastinum(chest, rng)
    return Lungs(
        chest=chest,
        mediastinum=mediastinum,
        segments=_vessel_tree(chest, rng),
        base_hu=float(-858 + 16 * rng.standard_normal()),
        emphysema=float(np.clip(0.5 * rng.standard_normal() - 0.1, 0, 1)),
        patches=Noise(rng, (18.0, 18.0, 22.0), (24, 24, 24)),
        mottle=Noise(rng, (5.0, 5.0, 7.0), (64, 64, 24)),
    )


def paint_contents(
    canvas: Canvas,
    lungs: Lungs,
    cavity: Array,
    paint_nodules: Callable[[Canvas], None] | None = None,
) -> None:
    """Paint mediastinum and lungs into the ``cavity`` that `chest.paint_wall` left.

    ``paint_nodules`` is called before the vessels, which give way to what it labels.
    """
    chest = lungs.chest
    for k, z in enumerate(map(float, canvas.z)):
        u, v = chest.local(canvas.x, canvas.y, z)
        between = mediastinal_distance(lungs.mediastinum, chest, u, v, z)
        paint_mediastinum(canvas, chest, lungs.mediastinum, k, u, v, np.maximum(between, cavity[k]))
        air = np.maximum(cavity[k], -between)
        box = (k, slice(None), slice(None))
        canvas.paint(
            box, canvas.coverage(air), _parenchyma(canvas, lungs, k, u, v, air), LABELS["lung"]
        )
        _paint_fissures(canvas, lungs, k, u, v)
    if paint_nodules is not None:
        paint_nodules(canvas)
    _paint_vessels(canvas, lungs)


def _parenchyma(canvas: Canvas, lungs: Lungs, k: int, u: Array, v: Array, air: Array) -> Array:
    x, y, z = canvas.x, canvas.y, float(canvas.z[k])
    hu = lungs.base_hu + 0.45 * (v + 30)  # blood sinks to the back
    hu = hu + 11 * lungs.mottle.smooth(x, y, z)
    # Small vessels that no tree draws, fewer under the pleura.
    dots = lungs.mottle.nearest(1.7 * x + 40, 1.7 * y - 20, 1.3 * canvas.z[k])
    hu = hu + 150 * np.clip(dots - 2.1, 0, 1) * np.clip((-air - 4) / 10, 0, 1)
    if lungs.emphysema > 0:
        high = np.clip(float(lungs.chest.height(z)) / APEX_MM, 0.3, 1)
        holes = np.clip(lungs.patches.smooth(x, y, z) - 0.9, 0, 1)
        hu = hu - 110 * lungs.emphysema * high * holes
    return hu.astype(np.float32)


def _paint_fissures(canvas: Canvas, lungs: Lungs, k: int, u: Array, v: Array) -> None:
    h = float(lungs.chest.height(float(canvas.z[k])))
    box = (k, slice(None), slice(None))
    inside = canvas.labels[k] == LABELS["lung"]
    oblique = v + 62 - 0.92 * (h - 50) - 0.0022 * (np.abs(u) - 60) ** 2
    line = canvas.band(oblique, -0.5, 0.5) * 0.28 * inside
    canvas.paint(box, line, -250.0, None)


def _vessel_tree(chest: Chest, rng: np.random.Generator) -> Array:
    """Both lungs' arteries and veins: targets are halved again and again, branches lead there."""
    parts = []
    for side in (-1.0, 1.0):
        for leaves, drop, thick in ((_LEAVES, 0.0, 1.0), (_LEAVES // 2, -24.0, 0.9)):
            targets = _targets(rng, side, leaves)
            root = np.array([side * _HILUM[0], _HILUM[1] + 6 * (drop < 0), _HILUM[2] + drop])
            parts.append(_grow(root, targets, thick, rng))
    segments = np.concatenate(parts)
    for column in (0, 3):
        z = chest.seam_mm + segments[:, column + 2] * chest.long_scale
        x, y = chest.spine_at(z)
        segments[:, column] = x + segments[:, column] * chest.scale
        segments[:, column + 1] = y + segments[:, column + 1] * chest.depth_scale
        segments[:, column + 2] = z
    return segments.astype(np.float32)


def _targets(rng: np.random.Generator, side: float, n: int) -> Array:
    """Points spread over one lung: local u, v and height."""
    h = -15 + 235 * rng.beta(1.35, 1.5, n)
    half = np.interp(h, (-20, 40, 120, 180, 230), (118, 122, 116, 92, 50))
    front = np.interp(h, (-20, 60, 120, 180, 230), (-96, -100, -96, -76, -46))
    radius, angle = np.sqrt(rng.uniform(0, 1, n)), rng.uniform(-np.pi / 2, np.pi / 2, n)
    middle = (front + 34) / 2
    u = 30 + (half - 30) * radius * np.cos(angle)
    v = middle + (34 - front) / 2 * radius * np.sin(angle)
    return np.stack([side * u, v, h], axis=1)


def _grow(root: Array, targets: Array, thick: float, rng: np.random.Generator) -> Array:
    groups, nodes = targets[None], root[None]
    found = []
    while groups.shape[1] >= 1:
        n = groups.shape[1]
        centers = groups.mean(1)
        step = 0.32 + 0.3 * rng.random((len(groups), 1)) if n > 1 else 1.0
        ends = nodes + step * (centers - nodes)
        if n > 1:
            ends = ends + (1.0 + 0.06 * n**0.5) * rng.standard_normal(ends.shape)
        radius = thick * 0.5 * n**0.3
        tip = thick * 0.5 * max(n / 2, 0.4) ** 0.3
        ones = np.ones((len(nodes), 1))
        found.append(np.concatenate([nodes, ends, radius * ones, tip * ones], axis=1))
        if n == 1:
            break
        spread = groups.max(1) - groups.min(1)
        axis = (spread * rng.uniform(0.6, 1, spread.shape)).argmax(1)
        key = np.take_along_axis(groups, axis[:, None, None], axis=2)[..., 0]
        order = np.argsort(key, axis=1)
        groups = np.take_along_axis(groups, order[..., None], axis=1).reshape(-1, n // 2, 3)
        nodes = np.repeat(ends, 2, axis=0)
    return np.concatenate(found)


def _paint_vessels(canvas: Canvas, lungs: Lungs) -> None:
    """Vessels over the lung: only pieces that a slice cuts, a 5 mm slice thick."""
    s = lungs.segments
    reach = np.maximum(s[:, 6], s[:, 7]) / _FLAT
    low, high = np.minimum(s[:, 2], s[:, 5]) - reach, np.maximum(s[:, 2], s[:, 5]) + reach
    for k, z in enumerate(map(float, canvas.z)):
        for n in np.flatnonzero((low < z) & (high > z)):
            _paint_piece(canvas, k, z, s[n])


def _paint_piece(canvas: Canvas, k: int, z: float, piece: Array) -> None:
    """A piece of vessel in one slice; heights are compressed, as a thick slice sees more of it."""
    a = (float(piece[0]), float(piece[1]), _FLAT * (float(piece[2]) - z))
    b = (float(piece[3]), float(piece[4]), _FLAT * (float(piece[5]) - z))
    ra, rb = float(piece[6]), float(piece[7])
    t0, t1 = _near(a[2], b[2], max(ra, rb) + 1)
    xs = sorted((a[0] + t0 * (b[0] - a[0]), a[0] + t1 * (b[0] - a[0])))
    ys = sorted((a[1] + t0 * (b[1] - a[1]), a[1] + t1 * (b[1] - a[1])))
    pad = max(ra, rb) + canvas.pixel_mm
    _, rows, columns = canvas.box(
        (xs[0] - pad, xs[1] + pad), (ys[0] - pad, ys[1] + pad), (z, z + 1)
    )
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    box = (k, rows, columns)
    inside = canvas.labels[box] == LABELS["lung"]
    x, y = canvas.x[rows, columns], canvas.y[rows, columns]
    share = canvas.coverage(capsule(x, y, np.zeros_like(x), a, b, ra, rb)) * inside
    share *= min(1.0, 2.0 * max(ra, rb) / canvas.pixel_mm)
    canvas.paint(box, share, _VESSEL_HU, None)


def _near(za: float, zb: float, reach: float) -> tuple[float, float]:
    """The part of a piece from height ``za`` to ``zb`` that lies within ``reach`` of 0."""
    if abs(zb - za) < 1e-6:
        return 0.0, 1.0
    t = sorted(((-reach - za) / (zb - za), (reach - za) / (zb - za)))
    return float(np.clip(t[0], 0, 1)), float(np.clip(t[1], 0, 1))


def lung_depth(
    lungs: Lungs, heights: Sequence[float], step_mm: float = 6.0
) -> tuple[Array, Array, Array, Array]:
    """How deep each point of a coarse grid lies in the lung.

    Args:
        lungs: of the patient.
        heights: mm above the seam.
        step_mm: in-plane spacing.

    Returns:
        depth (n, rows, columns) in mm, 0 outside, and anatomical x (columns), y (rows), z (n).
    """
    from scipy.ndimage import distance_transform_edt

    chest = lungs.chest
    z = np.array([chest.z_of(h) for h in heights], np.float32)
    _, cy = chest.spine_at(float(z[len(z) // 2]))
    x1 = np.arange(-150.0, 150.1, step_mm, dtype=np.float32)
    y1 = np.arange(float(cy) - 150, float(cy) + 60, step_mm, dtype=np.float32)
    x, y = np.meshgrid(x1, y1)
    inside = []
    for one in map(float, z):
        u, v = chest.local(x, y, one)
        inside.append(lungs.air_distance(u, v, chest.cavity(u, v, one), one) < 0)
    spacing = (float(z[1] - z[0]), step_mm, step_mm)
    depth = distance_transform_edt(np.stack(inside), sampling=spacing)
    return np.asarray(depth, np.float32), x1, y1, z
