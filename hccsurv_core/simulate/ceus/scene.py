"""What lies under the probe: tumor, satellites, vessels, diaphragm, body wall.

Positions are millimeters in the tissue: x to the right of the picture, y down from the middle of
the probe's face. The scene is the tissue at rest; breathing moves it (`clip`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.simulate.ceus.causes import Causes
from hccsurv_core.simulate.ceus.machines import Settings

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Blob:
    """A star-shaped outline round a center.

    Args:
        x, y: center, mm.
        radius: at angles 0 to 2π (exclusive), evenly spaced, mm.
    """

    x: float
    y: float
    radius: NDArray[np.float64]

    def relative(self, x: Array, y: Array) -> Array:
        """Distance from the center over the outline's there: below 1 is inside."""
        dx, dy = x - self.x, y - self.y
        turn = np.arctan2(dy, dx) * (len(self.radius) / (2 * np.pi))
        edge = np.interp(turn, np.arange(len(self.radius)), self.radius, period=len(self.radius))
        return (np.hypot(dx, dy) / edge).astype(np.float32)

    def inside(self, x: Array, y: Array) -> Array:
        """Signed depth inside the outline, mm (approximately): positive is inside."""
        relative = self.relative(x, y)
        return (1 - relative) * np.float32(self.radius.mean())

    @property
    def reach(self) -> float:
        """Largest radius, mm."""
        return float(self.radius.max())

    def redrawn(self, rng: np.random.Generator, size: float, wobble: float) -> Blob:
        """The outline as a person draws it: a little larger or smaller, and not quite there."""
        n = len(self.radius)
        turn = np.arange(n) * 2 * np.pi / n
        change = np.full(n, size * rng.standard_normal())
        for k in range(1, 6):
            change = change + wobble / k * rng.standard_normal() * np.cos(
                k * turn + rng.uniform(0, 2 * np.pi)
            )
        return Blob(self.x, self.y, self.radius + np.maximum(change, 0.8 - self.radius.min()))


@dataclass(frozen=True, eq=False)
class Tube:
    """A vessel: a path that tapers.

    Args:
        path: (n, 2) points, mm.
        radius: at its start, mm; at its end it is a little over half.
        kind: "portal" (bright wall), "hepatic" (none) or "artery" (too thin to see without
            contrast).
    """

    path: NDArray[np.float64]
    radius: float
    kind: str

    def inside(self, x: Array, y: Array) -> Array:
        """Depth inside the vessel, mm; positive is inside."""
        deepest = np.full(x.shape, -np.inf, np.float32)
        n = len(self.path) - 1
        for k in range(n):
            (ax, ay), (bx, by) = self.path[k], self.path[k + 1]
            ux, uy = bx - ax, by - ay
            along = np.clip(
                ((x - ax) * ux + (y - ay) * uy) * np.float32(1 / (ux * ux + uy * uy + 1e-9)), 0, 1
            )
            distance = np.hypot(x - ax - along * ux, y - ay - along * uy)
            radius = self.radius * (1 - 0.45 * (k + along) / n)
            np.maximum(deepest, radius - distance, out=deepest)
        return deepest


@dataclass(frozen=True, eq=False)
class Scene:
    """One patient's tissue in the plane of the picture.

    Args:
        lesion: the tumor's true outline.
        satellites: nodules beside it.
        reference: parenchyma to compare with, at the tumor's depth where there is room.
        vessels: in the liver.
        wall_mm: thickness of the body wall.
        diaphragm: center x, y and radius of its arc; None where out of view.
        rib_shadow_deg: middle of a shadow at one edge, degrees; None without one.
    """

    lesion: Blob
    satellites: tuple[Blob, ...]
    reference: Blob
    vessels: tuple[Tube, ...]
    wall_mm: float
    diaphragm: tuple[float, float, float] | None
    rib_shadow_deg: float | None


def draw_scene(causes: Causes, settings: Settings, rng: np.random.Generator) -> Scene:
    """Lay out one patient's tissue (``causes`` holds one patient)."""
    wall = float(rng.uniform(13, 22))
    lesion = _lesion(causes, settings, wall, rng)
    satellites = _satellites(int(causes.satellites[0]), lesion, settings, wall, rng)
    diaphragm = _diaphragm((lesion, *satellites), settings, rng)
    shadow = None
    if rng.random() < 0.3:
        side = rng.choice([-1.0, 1.0])
        shadow = float(side * rng.uniform(0.75, 0.95) * settings.machine.half_angle_deg)
    bottom = settings.depth_mm - 6
    if diaphragm is not None:
        bottom = min(bottom, diaphragm[1] + np.sqrt(diaphragm[2] ** 2 - 60.0**2) - 6)
    vessels = _vessels(lesion, satellites, settings, wall, bottom + 4, rng)
    reference = _reference(lesion, satellites, vessels, wall, bottom)
    return Scene(lesion, satellites, reference, vessels, wall, diaphragm, shadow)


def _diaphragm(
    blobs: tuple[Blob, ...], settings: Settings, rng: np.random.Generator
) -> tuple[float, float, float] | None:
    """An arc below all nodules, if there is room for one."""
    low = max(b.y + b.reach for b in blobs)
    if rng.random() > 0.55 or settings.depth_mm - low < 16:
        return None
    x, radius = float(rng.uniform(-25, 25)), float(rng.uniform(100, 160))
    lowest = float(rng.uniform(max(low + 12, settings.depth_mm - 25), settings.depth_mm + 2))
    center = lowest - radius
    if any(np.hypot(b.x - x, b.y - center) + b.reach > radius - 5 for b in blobs):
        return None
    return x, center, radius


def _outline(
    mean_radius: float, aspect: float, ruggedness: float, rng: np.random.Generator, n: int = 180
) -> NDArray[np.float64]:
    """Radii of a lobulated ellipse of the given longest radius."""
    turn = np.arange(n) * 2 * np.pi / n
    tilt = rng.uniform(0, np.pi)
    a, b = mean_radius, mean_radius * aspect
    ellipse = a * b / np.hypot(b * np.cos(turn - tilt), a * np.sin(turn - tilt))
    waves = np.zeros(n)
    for k in range(3, 13):
        waves += k**-0.6 * rng.standard_normal() * np.cos(k * turn + rng.uniform(0, 2 * np.pi))
    return ellipse * (1 + ruggedness * waves / waves.std())


def ruggedness_of(causes: Causes) -> float:
    """Standard deviation of the outline's relative radius that the irregularity brings."""
    return float(0.045 * np.exp(0.55 * np.clip(causes.irregularity[0], -2.5, 2.5)))


def _lesion(causes: Causes, settings: Settings, wall: float, rng: np.random.Generator) -> Blob:
    diameter, aspect = float(causes.diameter_mm[0]), float(causes.aspect[0])
    radius = _outline(diameter / 2, aspect, ruggedness_of(causes), rng)
    reach = float(radius.max())
    shallow, deep = wall + reach + 5, settings.depth_mm - reach - 8
    y = float(rng.uniform(shallow, max(min(deep, shallow + 42), shallow + 1)))
    # The operator keeps the tumor near the middle of the fan.
    free = max((settings.machine.probe_radius_mm + y) * np.sin(np.radians(20.0)) - reach, 0.0)
    x = float(np.clip(12 * rng.standard_normal(), -free, free))
    return Blob(x, y, radius)


def _satellites(
    count: int, lesion: Blob, settings: Settings, wall: float, rng: np.random.Generator
) -> tuple[Blob, ...]:
    found: list[Blob] = []
    for _ in range(40 * count):
        if len(found) == count:
            break
        size = float(rng.uniform(2.5, 5.0))
        turn, gap = rng.uniform(0, 2 * np.pi), rng.uniform(3, 13)
        distance = lesion.reach + size + gap
        x, y = lesion.x + distance * np.cos(turn), lesion.y + distance * np.sin(turn)
        limit = (settings.machine.probe_radius_mm + y) * np.tan(np.radians(20.0)) - size
        apart = all(np.hypot(x - s.x, y - s.y) > s.reach + size + 2 for s in found)
        if wall + size + 2 < y < settings.depth_mm - size - 6 and abs(x) < limit and apart:
            found.append(Blob(x, y, _outline(size, float(rng.uniform(0.75, 1)), 0.05, rng, 60)))
    return tuple(found)


def _vessels(
    lesion: Blob, satellites: tuple[Blob, ...], settings: Settings, wall: float, floor: float,
    rng: np.random.Generator,
) -> tuple[Tube, ...]:  # fmt: skip
    """Forked veins wherever they miss the nodules, most of them cut across or out of plane."""
    tubes: list[Tube] = []
    for _ in range(70):
        if len(tubes) >= 13:
            break
        kind = "portal" if rng.random() < 0.55 else "hepatic"
        start = np.array([rng.uniform(-80, 80), rng.uniform(wall + 6, settings.depth_mm)])
        turn = rng.uniform(0, 2 * np.pi)
        length = rng.exponential(20) + 1.0
        radius = float(np.clip(np.exp(rng.normal(0.45, 0.45)), 0.8, 4.5))
        stem = _branch(start, turn, length, radius, kind, rng)
        group = [stem]
        for _ in range(int(length > 14) * int(rng.integers(1, 4))):
            k = int(rng.integers(1, len(stem.path)))
            fork = turn + rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.0)
            size = rng.uniform(0.5, 0.75) * radius
            group.append(_branch(stem.path[k], fork, 0.6 * length, size, kind, rng))
        tubes += [t for t in group if _clear(t, (lesion, *satellites), wall, floor)]
    arteries = []
    for _ in range(int(rng.integers(1, 4))):
        side, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.5)
        steps = np.linspace(rng.uniform(1.2, 1.8), 0.75, 8)
        angles = side + bend * (steps - 1) + 0.06 * rng.standard_normal(8).cumsum()
        path = np.array([[lesion.x, lesion.y]]) + lesion.reach * steps[:, None] * np.stack(
            [np.cos(angles), np.sin(angles)], 1
        )
        arteries.append(Tube(path, float(rng.uniform(0.35, 0.7)), "artery"))
    return (*tubes, *arteries)


def _branch(
    start: NDArray, turn: float, length: float, radius: float, kind: str, rng: np.random.Generator
) -> Tube:
    steps = np.linspace(0, 1, 8)
    angles = turn + rng.normal(0, 0.6) * steps + 0.12 * rng.standard_normal(8).cumsum()
    moves = length / 7 * np.stack([np.cos(angles), np.sin(angles)], 1)
    return Tube(start + np.concatenate([[[0.0, 0.0]], moves[:-1].cumsum(0)]), radius, kind)


def _clear(tube: Tube, blobs: tuple[Blob, ...], wall: float, floor: float) -> bool:
    """True where a vessel misses the nodules and stays in the liver."""
    x, y = tube.path.T
    if y.min() < wall + 4 + tube.radius or y.max() > floor:
        return False
    return all(
        np.hypot(x - b.x, y - b.y).min() > b.reach + tube.radius + 2.5
        and float(tube.inside(np.array([b.x]), np.array([b.y]))[0]) < -b.reach - 2
        for b in blobs
    )


def _reference(
    lesion: Blob,
    satellites: tuple[Blob, ...],
    vessels: tuple[Tube, ...],
    wall: float,
    bottom: float,
) -> Blob:
    """A disk of parenchyma: away from everything, near the tumor's depth."""
    x, y = (
        a.astype(np.float32)
        for a in np.meshgrid(np.arange(-50, 51, 2.5), np.arange(wall + 8, bottom, 2.5))
    )
    room = np.minimum(y - wall - 2, bottom - y)
    for blob in (lesion, *satellites):
        room = np.minimum(room, np.hypot(x - blob.x, y - blob.y) - blob.reach - 2.5)
    for tube in vessels:
        room = np.minimum(room, -tube.inside(x, y) - (1.0 if tube.kind != "artery" else 0.0))
    # 17 degrees: inside the narrow fan of the two-panel view, whatever the probe.
    room = np.minimum(room, (y + 50.0) * np.tan(np.radians(17.0)) - np.abs(x))
    radius = np.clip(room, 0, 8.0)
    score = 2.0 * radius - 0.3 * np.abs(y - lesion.y) - 0.02 * np.hypot(x - lesion.x, y - lesion.y)
    best = np.unravel_index(int(score.argmax()), score.shape)
    return Blob(float(x[best]), float(y[best]), np.full(60, max(float(radius[best]), 3.0)))
