"""Livers with one lesion each, drawn for the tests of click-to-segment: the truth is known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from hccsurv_core.volume import Volume

THIN = ((1.5, 0.9, 0.9), (40, 160, 160))
THICK = ((5.0, 0.9, 0.9), (13, 160, 160))


@dataclass(frozen=True, eq=False)
class Phantom:
    """A CT, the lesion in it, and the liver with the lesion."""

    volume: Volume
    lesion: np.ndarray
    liver: np.ndarray

    @property
    def middle(self) -> tuple[int, int, int]:
        k, i, j = np.argwhere(self.lesion).mean(axis=0).round().astype(int)
        return int(k), int(i), int(j)

    def box(self, room_mm: float = 4.0) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """A box about the lesion with some room."""
        places = np.argwhere(self.lesion)
        room = np.round(room_mm / np.array(self.volume.spacing_mm)).astype(int)
        last = np.array(self.lesion.shape) - 1
        low, high = np.clip(places.min(0) - room, 0, last), np.clip(places.max(0) + room, 0, last)
        return tuple(low.tolist()), tuple(high.tolist())


def draw_phantom(
    kind: str,
    seed: int,
    grid: tuple = THIN,
    *,
    diameter_mm: float = 28.0,
    contrast_hu: float = 35.0,
    noise_hu: float = 14.0,
) -> Phantom:
    """Draw an elliptical liver in fat within a wall, and a lesion in it.

    Args:
        kind: "bright", "dark", "rim" (dark with a bright rim), "dead" (bright with a dead middle),
            "vessel" (bright, a brighter vessel touches it), "edge" (dark, bulging at the liver's
            edge), or "none".
    """
    spacing, shape = grid
    rng = np.random.default_rng([seed, len(kind), ord(kind[0])])
    axes = [(np.arange(n) - n / 2) * s for n, s in zip(shape, spacing, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    half = shape[1] * spacing[1] / 2
    liver = (y / (0.8 * half)) ** 2 + (x / (0.8 * half)) ** 2 + 0 * z < 1
    turn = rng.uniform(0, 2 * np.pi)
    away = 0.8 * half - 0.3 * diameter_mm if kind == "edge" else 0.3 * half
    center = (rng.uniform(-4, 4), away * np.sin(turn), away * np.cos(turn))
    semi = diameter_mm / 2 * rng.uniform(0.85, 1.15, 3)
    bumps = _noise(rng, shape, spacing, 6.0)
    parts = ((z - center[0]) / semi[0], (y - center[1]) / semi[1], (x - center[2]) / semi[2])
    radius = np.sqrt(sum(part**2 for part in parts)) + 0.05 * bumps
    lesion = (radius < 1) & liver & (kind != "none")
    level = 100.0
    hu = np.where((x / (0.95 * half)) ** 2 + (y / (0.95 * half)) ** 2 + 0 * z > 1, 55.0, -100.0)
    hu[liver] = level
    bright = kind in ("bright", "dead", "vessel")
    hu[lesion] = level + (contrast_hu if bright else -contrast_hu)
    if kind == "rim":
        hu[lesion & (radius > 1 - 6 / diameter_mm)] = level + contrast_hu
    if kind == "dead":
        hu[lesion & (radius < 0.6)] = level - 50
    if kind == "vessel":
        # A tube along the lesion's side.
        across = np.hypot(
            (y - center[1]) * np.cos(turn) - (x - center[2]) * np.sin(turn), z - center[0]
        )
        beyond = (y - center[1]) * np.sin(turn) + (x - center[2]) * np.cos(turn)
        hu[(across < 4) & (beyond > 0) & liver & ~lesion] = level + contrast_hu + 30
    hu[liver] += 3 * _noise(rng, shape, spacing, 5.0)[liver]
    blurred = ndi.gaussian_filter(hu, [0.3 / spacing[0], 0.7 / spacing[1], 0.7 / spacing[2]])
    grain = ndi.gaussian_filter(rng.standard_normal(shape), [0, 0.7, 0.7])
    voxels = np.round(blurred + noise_hu * grain / grain.std()).astype(np.int16)
    affine = np.diag([spacing[2], spacing[1], spacing[0], 1.0])
    return Phantom(Volume(voxels, affine), lesion, liver)


def _noise(rng: np.random.Generator, shape: tuple, spacing: tuple, length_mm: float) -> np.ndarray:
    raw = rng.standard_normal(shape).astype(np.float32)
    smooth = ndi.gaussian_filter(raw, [length_mm / s for s in spacing])
    return smooth / smooth.std()
