"""A trunk drawn from boxes and ellipses: enough spine, ribs and pelvis for the locator's tests.

Levels as in :mod:`hccsurv_core.roi.labeling`: 0 is the disk L5–S1, L3 spans 2 to 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.volume import Volume

PITCH_MM = 35.0
#: Height of the disk L5–S1 over the scan's anatomical zero (the tip of the sacrum), mm.
LOWEST_DISK_MM = 75.0


@dataclass(frozen=True)
class Trunk:
    """What to draw.

    Args:
        bottom_mm, top_mm: coverage, mm over the tip of the sacrum.
        spacing_mm: (slice, row, column).
        last_rib_level: level of the lowest ribs' heads; 5.5 is T12's.
        noise_hu: standard deviation.
    """

    bottom_mm: float = 0.0
    top_mm: float = 320.0
    spacing_mm: tuple[float, float, float] = (3.0, 2.5, 2.5)
    last_rib_level: float = 5.5
    noise_hu: float = 12.0
    ribs: bool = True
    pelvis: bool = True
    table: bool = True


def height_of(level: float) -> float:
    """mm over the tip of the sacrum."""
    return LOWEST_DISK_MM + level * PITCH_MM


def draw_trunk(trunk: Trunk = Trunk()) -> Volume:
    """Draw it: a canonical volume, int16 HU."""
    dz, dy, dx = trunk.spacing_mm
    z = np.arange(trunk.bottom_mm, trunk.top_mm, dz)[:, None, None]
    y = np.arange(-125.0, 125.0, dy)[None, :, None]
    x = np.arange(-180.0, 180.0, dx)[None, None, :]
    hu = np.full(np.broadcast_shapes(z.shape, y.shape, x.shape), -1000.0)
    hu[np.broadcast_to((x / 160) ** 2 + (y / 105) ** 2 <= 1, hu.shape)] = -100.0
    hu[np.broadcast_to((x / 140) ** 2 + (y / 88) ** 2 <= 1, hu.shape)] = 50.0
    if trunk.table:
        hu[np.broadcast_to((np.abs(y - 118) < 2) & (np.abs(x) < 170), hu.shape)] = 200.0
    # Below the last disk the canal runs backward.
    forward = (40.0 - y) + np.clip(LOWEST_DISK_MM - z, 0, None) * 0.7
    _draw_vertebrae(hu, z, forward, x)
    if trunk.ribs:
        _draw_ribs(hu, z, forward, x, trunk.last_rib_level)
    if trunk.pelvis:
        _draw_pelvis(hu, z, forward, x)
    rng = np.random.default_rng(0)
    hu += rng.normal(0, trunk.noise_hu, hu.shape)
    affine = np.diag([dx, dy, dz, 1.0])
    affine[:3, 3] = (-180.0, -125.0, trunk.bottom_mm)
    return Volume(np.clip(hu, -1024, 3071).astype(np.int16), affine)


def _draw_vertebrae(hu, z, forward, x) -> None:
    level = (z - LOWEST_DISK_MM) / PITCH_MM
    phase = np.abs(level - np.rint(level)) * PITCH_MM
    sacral = level < 0
    radius = np.hypot((forward - 28) / 18, x / 23)
    bone = np.where(phase < 8, 340.0, 170.0)
    bone = np.where(radius > 0.88, 340.0, bone)
    bone = np.where((phase < 5) & ~(sacral & (level < -0.4)), 85.0, bone)
    hu[:] = np.where((radius <= 1) & (level > -1.2), bone, hu)
    # Upper half of each vertebra: pedicles and processes; lower half: laminae and spine.
    up = level - np.floor(level)
    pedicle = (up > 0.5) & (up < 0.85) & (np.abs(x) > 9) & (np.abs(x) < 20) & (forward > -6)
    pedicle = pedicle & (forward < 14)
    process = (up > 0.55) & (up < 0.8) & (np.abs(x) >= 18) & (np.abs(x) < 44)
    process = process & (forward > -6) & (forward < 2)
    lamina = (forward < -8) & (forward > -14) & (np.abs(x) < 16) & (up > 0.1) & (up < 0.75)
    spine = (forward <= -12) & (forward > -36) & (np.abs(x) < 4) & (up > 0.1) & (up < 0.6)
    posterior = (pedicle | process | lamina | spine) & (level > -1.2)
    hu[:] = np.where(posterior & ~(process & sacral), 330.0, hu)


def _draw_ribs(hu, z, forward, x, last_level: float) -> None:
    for number in range(4):
        reach = (85.0, 125.0, 132.0, 132.0)[number]
        aside = np.abs(x)
        center_z = height_of(last_level + number) - 0.35 * (aside - 24)
        center_forward = 0.0 - 0.35 * (aside - 24) + 0.0045 * (aside - 24) ** 2
        near = np.hypot(z - center_z, forward - center_forward) < 6
        hu[:] = np.where(near & (aside > 22) & (aside < reach), 350.0, hu)


def _draw_pelvis(hu, z, forward, x) -> None:
    aside = np.abs(x)
    below_crest = height_of(1.3) - z
    blade = np.abs(forward - (0.7 * (aside - 85) - 10)) < 9
    blade = blade & (below_crest > 0) & (np.abs(aside - 90) < 12 + 0.6 * below_crest)
    hu[:] = np.where(blade & (aside > 48) & (aside < 138) & (hu > -50), 380.0, hu)
    wing = (z < LOWEST_DISK_MM) & (z > LOWEST_DISK_MM - 60) & (aside > 20) & (aside < 60)
    hu[:] = np.where(wing & (forward > 0) & (forward < 30), 260.0, hu)
