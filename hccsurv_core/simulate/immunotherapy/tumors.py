"""Tumors on a canvas: where they lie, which slices show most of them, what they look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.simulate.immunotherapy.lesions import Lesion
from hccsurv_core.simulate.phantom.canvas import Array, Canvas
from hccsurv_core.simulate.phantom.shapes import Noise, rotated

#: Canvas labels: a tumor's number is added to its organ's.
LESION_LABEL = {"liver": 100, "lung": 150}
Point = tuple[float, float, float]
_GAP_MM = 4.0
#: A tumor's radius in the units of its own noise, and directions spread over a sphere.
_UNITS = 20.0
_TURN = np.arange(400) * np.pi * (3 - 5**0.5)
_HIGH = np.linspace(-1, 1, 400)
_DIRECTIONS = np.stack(
    [np.sqrt(1 - _HIGH**2) * np.cos(_TURN), np.sqrt(1 - _HIGH**2) * np.sin(_TURN), _HIGH]
).astype(np.float32)


@dataclass(frozen=True, eq=False)
class DepthMap:
    """How deep points lie in an organ.

    Args:
        depth: (n, rows, columns) mm to the surface, 0 outside.
        x, y, z: anatomical coordinates of columns, rows and slices.
    """

    depth: Array
    x: Array
    y: Array
    z: Array

    def area_cm2(self) -> np.ndarray:
        """Area of the organ on each slice."""
        cell = float((self.x[1] - self.x[0]) * (self.y[1] - self.y[0]))
        return (self.depth > 0).sum((1, 2)) * cell / 100


def place_lesions(
    lesions: Sequence[Lesion], where: DepthMap, cluster_mm: float, rng: np.random.Generator
) -> dict[int, Point]:
    """A place for each tumor by its number: inside the organ, apart from the others.

    The largest is placed first; the others lie around its height (standard deviation
    ``cluster_mm``). A tumor takes the same place at both times.
    """
    k, j, i = np.nonzero(where.depth > 0)
    depth = where.depth[k, j, i]
    points = np.stack([where.x[i], where.y[j], where.z[k]], axis=1).astype(float)
    placed: list[tuple[np.ndarray, float]] = []
    found = {}
    for lesion in sorted(lesions, key=lambda one: -max(one.baseline_mm, one.followup_mm)):
        radius = max(lesion.baseline_mm, lesion.followup_mm) / 2
        need = min(0.85 * radius + 2.0, 0.97 * float(depth.max()))
        score = np.where(depth >= need, 0.0, -50.0 - (need - depth))
        for center, other in placed:
            gap = np.linalg.norm(points - center, axis=1) - radius - other - _GAP_MM
            score += 3 * np.minimum(gap, 0.0)
        if placed:
            score -= 0.5 * ((points[:, 2] - placed[0][0][2]) / cluster_mm) ** 2
        # The largest of many perturbed scores: a random one among the best.
        best = int(np.argmax(score + rng.gumbel(size=len(score))))
        place = points[best] + rng.uniform(-2, 2, 3)
        placed.append((place, radius))
        found[lesion.number] = (float(place[0]), float(place[1]), float(place[2]))
    return found


def tumor_area_mm2(
    lesions: Sequence[Lesion], places: Mapping[int, Point], time: int, z: np.ndarray
) -> np.ndarray:
    """Total cross-section of the tumors at heights ``z`` (n,)."""
    area = np.zeros(len(z))
    for lesion in lesions:
        r = lesion.diameter(time) / 2
        if r > 0:
            along = (z - places[lesion.number][2]) / (r * lesion.height)
            area += np.pi * r * r * lesion.flatness * np.clip(1 - along**2, 0, None)
    return area


def choose_slices(z: np.ndarray, tumor_mm2: np.ndarray, organ_cm2: np.ndarray) -> int:
    """Index of the middle one of three neighboring slices: most tumor, else most organ.

    The three are neighbors so that they make a series; the middle one has the largest area.
    """
    inner = slice(1, len(z) - 1)
    area = tumor_mm2[inner] if tumor_mm2[inner].max(initial=0) > 0 else organ_cm2[inner]
    return 1 + int(np.argmax(area))


@dataclass(frozen=True, eq=False)
class TumorLook:
    """How tumors differ from what is around them.

    Args:
        viable_hu, necrotic_hu, capsule_hu: densities.
        mosaic_hu: unevenness of the viable part.
        blur_mm: width of the edge.
        ragged: irregularity of the outline, relative to the radius.
        over: canvas labels that a tumor may cover.
        shape, mosaic: noise in units of the tumor's own radius.
    """

    viable_hu: float
    necrotic_hu: float
    capsule_hu: float | None
    mosaic_hu: float
    blur_mm: float
    ragged: float
    over: tuple[int, ...]
    shape: Noise
    mosaic: Noise


def paint_lesions(
    canvas: Canvas,
    lesions: Sequence[Lesion],
    places: Mapping[int, Point],
    time: int,
    look: TumorLook,
) -> None:
    """Paint the tumors of one organ as they are at ``time``, with a label each."""
    for lesion in lesions:
        if lesion.diameter(time) > 0:
            _paint_lesion(canvas, lesion, places[lesion.number], time, look)


def _paint_lesion(canvas: Canvas, lesion: Lesion, at: Point, time: int, look: TumorLook) -> None:
    r = lesion.diameter(time) / 2
    reach = 1.3 * r + look.blur_mm + 3
    box = canvas.box((at[0] - reach, at[0] + reach), (at[1] - reach, at[1] + reach),
                     (at[2] - 1.3 * r, at[2] + 1.3 * r))  # fmt: skip
    if any(s.start >= s.stop for s in box):
        return
    x, y, z = canvas.coordinates(box)
    u, v = rotated(x - np.float32(at[0]), y - np.float32(at[1]), lesion.turn_deg)
    w = (z - np.float32(at[2])) / np.float32(lesion.height)
    radial = np.sqrt(u * u + (v / np.float32(lesion.flatness)) ** 2 + w * w)
    # Bumps belong to the tumor: they grow with it, and differ from one tumor to the next.
    bump = _own_noise(look.shape, lesion, u, v, w, r)
    distance = radial - r * (1 + look.ragged * bump)
    label = LESION_LABEL[lesion.organ] + lesion.number
    free = np.isin(canvas.labels[box], look.over)
    share = np.clip(0.5 - distance / max(look.blur_mm, canvas.pixel_mm), 0, 1) * free
    hu = _tissue(canvas, lesion, time, look, distance, u, v, w, r)
    view = canvas.hu[box]
    view += share * (hu - view)
    canvas.labels[box][free & (distance < 0)] = label


def _own_noise(noise: Noise, lesion: Lesion, u: Array, v: Array, w: Array, r: float) -> Array:
    """Noise at positions relative to the tumor's radius, so that it moves with growth.

    Its mean over the tumor's surface is 0: bumps do not enlarge a tumor.
    """
    s, shift = np.float32(_UNITS / r), np.float32(61.0 * lesion.number)
    x, y, z = _DIRECTIONS
    level = noise.nearest(_UNITS * x + shift, _UNITS * y, _UNITS * z).mean()
    return noise.smooth(u * s + shift, v * s, w * s) - level


def _tissue(
    canvas: Canvas, lesion: Lesion, time: int, look: TumorLook, distance: Array, u: Array, v: Array,
    w: Array, r: float,
) -> Array:  # fmt: skip
    """HU inside a tumor: mosaic, capsule, and a core without blood whose volume is the necrosis."""
    mosaic = _own_noise(look.mosaic, lesion, u, v, w, r)
    hu = look.viable_hu + look.mosaic_hu * np.tanh(mosaic)
    if look.capsule_hu is not None and r > 8:
        rim = canvas.band(distance, -2.2, 0.3)
        hu = hu + rim * (look.capsule_hu - hu)
    share = lesion.necrosis(time)
    core = r * (share ** (1 / 3) * (1 + 0.22 * mosaic)) - (r + distance)
    inside = np.clip(core / 2.5 + 0.5, 0, 1)
    return (hu + inside * (look.necrotic_hu - hu)).astype(np.float32)
