"""The scene as the beam meets it: maps of backscatter and of contrast uptake on the polar grid.

Rows are samples along a beam, columns are beams. The grid reaches beyond the picture on all
sides, because breathing brings in what lies outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.simulate.ceus.causes import Causes
from hccsurv_core.simulate.ceus.machines import Settings
from hccsurv_core.simulate.ceus.perfusion import Kinetics, bolus
from hccsurv_core.simulate.ceus.scene import Array, Blob, Scene, Tube

#: Sampling along the beam, and how far the grid reaches beyond the picture.
RANGE_STEP_MM = 0.25
_BEYOND_MM, _BEYOND_DEG = 10.0, 5.0
_CLEAR = np.float32(1e-5)


@dataclass(frozen=True, eq=False)
class PolarGrid:
    """Samples and beams.

    Args:
        radius_mm: probe's radius.
        first_mm: distance of the first sample from the probe's center of curvature.
        first_rad, step_rad: angle of the first beam, and between beams.
        x, y: (n_samples, n_beams) positions in the tissue at rest, mm.
    """

    radius_mm: float
    first_mm: float
    first_rad: float
    step_rad: float
    x: Array
    y: Array

    def index_of(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Fractional row and column of positions in the tissue."""
        below = y + np.float32(self.radius_mm)
        rows = (np.hypot(x, below) - np.float32(self.first_mm)) / np.float32(RANGE_STEP_MM)
        columns = (np.arctan2(x, below) - np.float32(self.first_rad)) / np.float32(self.step_rad)
        return rows, columns


def polar_grid(settings: Settings) -> PolarGrid:
    """The grid of one machine and depth."""
    machine = settings.machine
    half = np.radians(machine.half_angle_deg + _BEYOND_DEG)
    step = 2 * np.radians(machine.half_angle_deg) / machine.n_beams
    angles = np.arange(-half, half + step / 2, step)
    first = machine.probe_radius_mm - _BEYOND_MM
    last = machine.probe_radius_mm + settings.depth_mm + _BEYOND_MM
    ranges = np.arange(first, last, RANGE_STEP_MM)[:, None]
    x = (ranges * np.sin(angles)).astype(np.float32)
    y = (ranges * np.cos(angles) - machine.probe_radius_mm).astype(np.float32)
    return PolarGrid(machine.probe_radius_mm, first, float(angles[0]), float(step), x, y)


class SmoothField:
    """Periodic smooth noise in the plane, mean 0 and variance 1.

    Args:
        rng: generator.
        scale_mm: correlation length (standard deviation of the smoothing).
        cells: the pattern repeats after ``cells`` × scale / 1.5.
    """

    def __init__(self, rng: np.random.Generator, scale_mm: float, cells: int = 128):
        self._cell = scale_mm / 1.5
        f = np.fft.fftfreq(cells)[:, None] ** 2 + np.fft.rfftfreq(cells)[None, :] ** 2
        white = np.fft.rfft2(rng.standard_normal((cells, cells)))
        values = np.fft.irfft2(white * np.exp(-f * (2 * np.pi * 1.5) ** 2 / 2), s=(cells, cells))
        values = ((values - values.mean()) / values.std()).astype(np.float32)
        # One more row and column, so that the last cell has neighbors.
        self._values = np.pad(values, ((0, 1), (0, 1)), mode="wrap")

    def at(self, x: Array, y: Array) -> Array:
        """Values at positions in the tissue, mm."""
        n = len(self._values) - 1
        rows, columns = y * np.float32(1 / self._cell), x * np.float32(1 / self._cell)
        r0, c0 = np.floor(rows), np.floor(columns)
        fr, fc = rows - r0, columns - c0
        at = (r0.astype(np.int32) % n) * (n + 1) + c0.astype(np.int32) % n
        flat = self._values.reshape(-1)
        upper = flat[at] * (1 - fc) + flat[at + 1] * fc
        lower = flat[at + n + 1] * (1 - fc) + flat[at + n + 2] * fc
        return upper + (lower - upper) * fr


def ramp(depth_mm: Array, width_mm: float = 0.5) -> Array:
    """0 outside, 1 inside, with a soft edge, from a signed depth."""
    return np.clip(depth_mm / np.float32(width_mm) + np.float32(0.5), 0, 1)


def _shell(depth_mm: Array, middle_mm: float, half_mm: float) -> Array:
    """1 in a layer at a signed depth, falling off smoothly."""
    return np.exp(-(((depth_mm - np.float32(middle_mm)) / np.float32(half_mm)) ** 2))


@dataclass(frozen=True, eq=False)
class Tissue:
    """Maps on the polar grid.

    Args:
        grid: where.
        echo: backscattered power, liver 1.
        wall: share of the body wall, which does not move with breathing.
        liver: share of perfused parenchyma; the tumor and vessels are taken out.
        veins, portal: shares of hepatic and of portal veins.
        top: the first rows, down to the end of the body wall.
        muscle: share of the weakly perfused muscle in these rows.
        residue: power of tissue echoes left in the contrast picture.
        rows: flat indices of the pixels of tumor and satellites.
        share: how much of such a pixel is tumor (less than 1 at the edge).
        uptake, delay_s, rim: per such pixel: relative uptake, delay, share of enhancing rim.
        artery: share of feeding arteries.
    """

    grid: PolarGrid
    echo: Array
    wall: Array
    liver: Array
    veins: Array
    portal: Array
    top: slice
    muscle: Array
    residue: Array
    rows: NDArray[np.int64]
    share: Array
    uptake: Array
    delay_s: Array
    rim: Array
    artery: Array

    def uptake_at(self, kinetics: Kinetics, time_s: float) -> Array:
        """Power of the contrast agent on the grid ``time_s`` after injection; liver's peak is 1."""
        since = time_s - float(kinetics.arrival_s[0])
        rise = float(kinetics.tumor_rise_s[0])
        liver = float(kinetics.liver(time_s)[0])
        delay = float(kinetics.liver_delay_s[0])
        portal = float(bolus(since - delay + 3, 0.5 * float(kinetics.liver_rise_s[0]), 1.3))
        vein = float(bolus(since - delay - 2, 1.2 * float(kinetics.liver_rise_s[0]), 1.3))
        power = self.liver * np.float32(liver)
        power += self.portal * np.float32(2.0 * portal) + self.veins * np.float32(1.3 * vein)
        power[self.top] += self.muscle * np.float32(0.02 * liver)
        tumor = self.nodule_uptake(kinetics, time_s)
        flat = power.reshape(-1)
        flat[self.rows] = flat[self.rows] * (1 - self.share) + self.share * tumor
        artery = 1.5 * float(kinetics.tumor_peak[0]) * float(bolus(since + 1.5, 0.6 * rise, 0.8))
        return power + self.artery * np.float32(artery)

    def nodule_uptake(
        self, kinetics: Kinetics, time_s: float, chosen: NDArray[np.int64] | slice = slice(None)
    ) -> Array:
        """Power in (some of) the pixels of tumor and satellites, before the edge is softened."""
        since = time_s - float(kinetics.arrival_s[0])
        rise, spread = float(kinetics.tumor_rise_s[0]), float(kinetics.tumor_spread[0])
        power = self.uptake[chosen] * bolus(since - self.delay_s[chosen], rise, spread)
        # The rim keeps the agent: it fills with the artery and stays with the liver.
        liver = float(kinetics.liver(time_s)[0]) / float(kinetics.tumor_peak[0])
        power += self.rim[chosen] * (1.3 * float(bolus(since, rise, 1.1)) + 1.2 * liver)
        return (power * float(kinetics.tumor_peak[0])).astype(np.float32)


def build_tissue(
    scene: Scene, causes: Causes, settings: Settings, rng: np.random.Generator
) -> Tissue:
    """Paint one patient's scene onto the polar grid (``causes`` holds one patient)."""
    grid = polar_grid(settings)
    x, y = grid.x, grid.y
    # The body wall is pressed flat against the curved face of the probe.
    below = np.hypot(x, y + np.float32(grid.radius_mm)) - np.float32(grid.radius_mm)
    wall = ramp(np.float32(scene.wall_mm) - below, 0.8)
    echo_db, perfused = _liver(causes, x, y, rng)
    echo_db += 7 * _shell(below, scene.wall_mm + 0.6, 0.7)
    veins, portal, artery = (np.zeros_like(x) for _ in range(3))
    maps = {"portal": portal, "hepatic": veins, "artery": artery}
    for tube in scene.vessels:
        _paint_tube(tube, x, y, echo_db, maps[tube.kind])
    echo_db = _paint_nodules(scene, causes, x, y, echo_db, rng)
    rows, share, uptake, delay_s, rim = _nodule_uptake(scene, causes, x, y, rng)
    behind, line_db = _diaphragm(scene, x, y)
    echo_db = np.maximum(echo_db * (1 - behind) - 15 * behind, line_db)
    # Rows of the grid have one depth each, so that the body wall is the first of them.
    top = slice(0, int(np.searchsorted(below[:, 0], scene.wall_mm + 1.5)))
    echo_db[top], muscle = _body_wall(scene, x[top], below[top], wall[top], echo_db[top], rng)
    here = (1 - wall) * (1 - behind)
    gain_db = _shadows(scene, causes, x, y) + _contact(settings, x, below, rng)
    residue = np.where(echo_db > 9, 10 ** ((echo_db - 28) / 10), _CLEAR)
    return Tissue(
        grid, 10 ** ((echo_db + gain_db) / 10), wall,
        (perfused * (1 - np.maximum(veins, portal)) * here).astype(np.float32), veins * here,
        portal * here, top, muscle, residue.astype(np.float32), rows, share, uptake, delay_s, rim,
        artery * here,
    )  # fmt: skip


def _paint_tube(tube: Tube, x: Array, y: Array, echo_db: Array, target: Array) -> None:
    """Paint one vessel into the backscatter and into the map of its kind, where it is."""
    low, high = tube.path.min(0) - tube.radius - 3, tube.path.max(0) + tube.radius + 3
    near = np.flatnonzero((x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1]))
    depth = tube.inside(x.reshape(-1)[near], y.reshape(-1)[near])
    near, depth = near[depth > -3], depth[depth > -3]
    lumen = ramp(depth)
    flat = target.reshape(-1)
    flat[near] = np.maximum(flat[near], lumen)
    if tube.kind == "artery":
        return
    echo = echo_db.reshape(-1)
    wall = 5.5 * _shell(depth, -0.6, 0.55) if tube.kind == "portal" else 0.0
    echo[near] = (echo[near] + wall) * (1 - lumen) - 22 * lumen


def _liver(causes: Causes, x: Array, y: Array, rng: np.random.Generator):
    """Backscatter (dB) and perfusion of the parenchyma."""
    coarse = 0.55 * np.exp(0.55 * float(np.clip(causes.fibrosis[0], -2.5, 2.5)))
    echo_db = 0.8 * SmoothField(rng, 22.0, 64).at(x, y)
    echo_db += np.float32(coarse) * SmoothField(rng, 1.9, 160).at(x, y)
    return echo_db, np.exp(0.10 * SmoothField(rng, 4.0).at(x, y))


def _body_wall(
    scene: Scene, x: Array, below: Array, wall: Array, echo_db: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Skin, fat with septa, muscle with streaks: backscatter (dB) and share of muscle."""
    streaks = SmoothField(rng, 0.9, 200).at(x * 0.10, below)
    fat_end = scene.wall_mm * rng.uniform(0.45, 0.6)
    skin = _shell(below, 0.8, 1.4)
    wavy = below + 0.5 * SmoothField(rng, 9.0, 64).at(x, 0 * below)
    fascia = _shell(wavy, fat_end, 0.7) + 0.6 * _shell(wavy, 0.6 * fat_end, 0.4)
    fascia += 0.5 * _shell(wavy, 0.5 * (fat_end + scene.wall_mm), 0.5)
    level = np.where(below < fat_end, -6.0, -4.0)
    wall_db = level + 4.5 * streaks + 10 * skin + 10 * fascia
    return np.where(wall > 0.5, wall_db, echo_db), wall * ramp(below - np.float32(fat_end))


def _contact(settings: Settings, x: Array, below: Array, rng: np.random.Generator) -> Array:
    """Gain (dB) that differs from beam to beam (contact with skin), fading edges, the focus."""
    angle = np.degrees(np.arctan2(x, below + np.float32(settings.machine.probe_radius_mm)))
    streak_db = 0.9 * SmoothField(rng, 2.5, 96).at(angle, below / 60)
    edge = np.clip((np.abs(angle) / settings.machine.half_angle_deg - 0.75) / 0.25, 0, 1)
    focus = np.exp(-(((below - 0.55 * settings.depth_mm) / (0.3 * settings.depth_mm)) ** 2))
    return streak_db - 4.0 * edge**2 + 2.0 * focus


def _diaphragm(scene: Scene, x: Array, y: Array) -> tuple[Array, Array]:
    """Share of what lies behind the diaphragm, and the bright line itself (dB)."""
    if scene.diaphragm is None:
        return np.zeros_like(x), np.full_like(x, -90)
    cx, cy, radius = scene.diaphragm
    beyond = np.hypot(x - np.float32(cx), y - np.float32(cy)) - np.float32(radius)
    line = 18 * _shell(beyond, 0.0, 1.1) - np.float32(90) * (np.abs(beyond) > 2.2)
    return ramp(beyond - 0.5, 1.0), line


def _paint_nodules(
    scene: Scene, causes: Causes, x: Array, y: Array, echo_db: Array, rng: np.random.Generator
) -> Array:
    """Tumor with mosaic pattern and halo, and satellites."""
    spread = 1.5 * np.exp(0.56 * float(np.clip(causes.mosaic[0], -2.5, 2.5)))
    pattern = SmoothField(rng, 1.6, 160)
    # Irregular tumors have a blurred edge as well.
    edge = float(np.clip(0.8 + 0.5 * causes.irregularity[0], 0.5, 2.4))
    flat = echo_db.reshape(-1)
    for blob in (scene.lesion, *scene.satellites):
        near, px, py, depth = _near(blob, x, y, 4.0)
        is_tumor = blob is scene.lesion
        share = ramp(depth, edge if is_tumor else 0.8)
        texture = np.float32(spread if is_tumor else 1.0) * _within(pattern.at(px, py), depth)
        flat[near] = flat[near] * (1 - share) + (np.float32(causes.echo_db[0]) + texture) * share
        if is_tumor and causes.capsule[0]:
            flat[near] -= 6 * _shell(depth, -0.6, 0.9)
    return echo_db


def _within(field: Array, depth: Array) -> Array:
    """A field with mean 0 and variance 1 inside this very nodule.

    A tumor holds few patches: without this, chance and not the cause would set its texture.
    """
    inside = field[depth > 0]
    return (field - inside.mean()) / max(float(inside.std()), 0.2)


def _near(
    blob: Blob, x: Array, y: Array, margin_mm: float
) -> tuple[NDArray[np.int64], Array, Array, Array]:
    """Pixels of a nodule and its margin: flat indices, positions, depth inside."""
    near = np.flatnonzero(
        (np.abs(x - blob.x) < blob.reach + margin_mm)
        & (np.abs(y - blob.y) < blob.reach + margin_mm)
    )
    px, py = x.reshape(-1)[near], y.reshape(-1)[near]
    depth = blob.inside(px, py)
    kept = depth > -margin_mm
    return near[kept], px[kept], py[kept], depth[kept]


def texture_db(causes: Causes) -> float:
    """Standard deviation, dB, of the uptake in the tumor that the heterogeneity brings."""
    return float(2.0 * np.exp(0.56 * np.clip(causes.heterogeneity[0], -2.5, 2.5)))


def _nodule_uptake(scene: Scene, causes: Causes, x: Array, y: Array, rng: np.random.Generator):
    """Flat indices, share, uptake, delay and rim of the tumor's and satellites' pixels."""
    texture = SmoothField(rng, float(causes.grain_mm[0]), 160)
    holes = SmoothField(rng, 3.6)
    lags = SmoothField(rng, 3.0)
    parts = [(scene.lesion, True), *((s, False) for s in scene.satellites)]
    everything = []
    for blob, is_tumor in parts:
        near, px, py, depth = _near(blob, x, y, 1.5)
        uptake = 10 ** (texture_db(causes) / 10 * _within(texture.at(px, py), depth))
        if is_tumor:
            uptake = uptake * _viable(holes.at(px, py), depth, float(causes.necrosis[0]))
        # Vessels enter from the rim: the middle fills a little later.
        delay = 1.6 * ramp(depth, 2 * blob.reach) + 0.7 * np.abs(lags.at(px, py)) - 0.8
        rim = _shell(depth, 0.7, 1.0) * np.float32(is_tumor and causes.capsule[0])
        everything.append((near, ramp(depth, 1.0), uptake, delay, rim))
    rows, *maps = (np.concatenate(c) for c in zip(*everything, strict=True))
    share, level, lag, edge = (m.astype(np.float32) for m in maps)
    return rows, share, level, lag, edge


def _viable(field: Array, depth: Array, share: float) -> Array:
    """1 where the tumor lives, nearly 0 in the given share of it, away from the edge."""
    if share <= 0.005:
        return np.ones_like(field)
    score = field + 0.12 * depth
    level = np.quantile(score[depth > 0], 1 - share)
    return 1 - 0.96 * ramp(score - np.float32(level), 0.25)


def _shadows(scene: Scene, causes: Causes, x: Array, y: Array) -> Array:
    """Gain (dB) lost behind ribs, and a little more or less behind the tumor."""
    gain_db: Array = np.zeros_like(x)
    if scene.rib_shadow_deg is not None:
        angle = np.degrees(np.arctan2(x, y + np.float32(60)))
        dark = np.exp(-(((angle - scene.rib_shadow_deg) / 3.5) ** 2))
        gain_db -= 13 * dark * ramp(y - 10, 6.0)
    lesion = scene.lesion
    aside = (x - lesion.x) / max(0.6 * lesion.reach, 2.0)
    change = 1.0 if causes.echo_db[0] < 0 else -0.5
    return gain_db + change * np.exp(-(aside * aside)) * ramp(y - lesion.y, 2 * lesion.reach)
