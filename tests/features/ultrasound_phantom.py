"""Stills made by hand for the signs: speckle of known beam and looks, an ellipse, patches of known spread."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter

from hccsurv_core.clip import Region
from hccsurv_core.imaging.ultrasound_still import Still

STEP_MM = 0.4
SHAPE = (230, 250)
#: Standard deviations of the point spread, down and across, mm.
BEAM_MM = (0.3, 0.8)
RANGE_DB = 60.0


def places() -> tuple[np.ndarray, np.ndarray]:
    """Position of each pixel from the picture's middle, mm: y, x."""
    row, column = np.indices(SHAPE)
    return (row - (SHAPE[0] - 1) / 2) * STEP_MM, (column - (SHAPE[1] - 1) / 2) * STEP_MM


def speckle(looks: int, seed: int) -> np.ndarray:
    """Fully developed speckle: power of mean 1, an average of independent looks."""
    rng = np.random.default_rng([1, seed])
    sigma = [b / STEP_MM for b in BEAM_MM]
    total = np.zeros(SHAPE)
    for _ in range(looks):
        real, imaginary = (gaussian_filter(rng.standard_normal(SHAPE), sigma) for _ in range(2))
        total += real**2 + imaginary**2
    return total / total.mean()


def patches(where: np.ndarray, spread_db: float, grain_mm: float, seed: int) -> np.ndarray:
    """Smooth noise, of mean 0 and exactly this spread over a region."""
    field = gaussian_filter(
        np.random.default_rng([2, seed]).standard_normal(SHAPE), grain_mm / STEP_MM
    )
    return spread_db * (field - field[where].mean()) / field[where].std()


@dataclass(frozen=True)
class Lesion:
    """An ellipse, or lobes about one.

    Args:
        long_mm, short_mm: half axes, across and down.
        lobes: relative amplitude of a wave round the outline.
        wave: how many lobes.
    """

    long_mm: float = 14.0
    short_mm: float = 11.0
    lobes: float = 0.0
    wave: int = 5

    def depth_mm(self) -> np.ndarray:
        """About the distance inside the outline, mm."""
        y, x = places()
        turn = np.arctan2(y, x)
        edge = (
            self.long_mm
            * self.short_mm
            / np.hypot(self.short_mm * np.cos(turn), self.long_mm * np.sin(turn))
        )
        edge = edge * (1 + self.lobes * np.cos(self.wave * turn))
        return edge - np.hypot(y, x)


@dataclass(frozen=True)
class Phantom:
    """What is drawn.

    Args:
        lesion: its outline.
        level_db: of the lesion against liver.
        spread_db: of its patches.
        liver_db: spread of the liver's patches.
        looks: of the speckle.
        seed: of all chance.
        extra_db: (rows, columns) added.
        kind: of the still.
    """

    lesion: Lesion = field(default_factory=Lesion)
    level_db: float = 8.0
    spread_db: float = 2.0
    liver_db: float = 0.3
    looks: int = 3
    seed: int = 0
    extra_db: np.ndarray | float = 0.0
    kind: str = "contrast"

    def still(self) -> Still:
        """The still, not rounded, far from black and white."""
        depth = self.lesion.depth_mm()
        inside = depth > 0
        y, x = places()
        liver = np.hypot(y, x + 36) <= 7
        share = np.clip(depth + 0.5, 0, 1)
        texture = self.level_db + patches(inside, self.spread_db, 1.5, self.seed)
        around = patches(~inside, self.liver_db, 1.9, self.seed + 1000)
        power = (1 - share) * 10 ** (around / 10) + share * 10 ** (texture / 10)
        # What is seen is the power averaged over the beam's intensity, times speckle.
        seen = gaussian_filter(power, [b / STEP_MM / np.sqrt(2) for b in BEAM_MM])
        level = 10 * np.log10(seen * speckle(self.looks, self.seed)) + self.extra_db - 30
        return Still(
            kind=self.kind,
            levels=np.clip(255 * (1 + level / RANGE_DB), 0, 255).astype(np.float32),
            fan=np.ones(SHAPE, bool),
            lesion=inside,
            parenchyma=liver,
            spacing_mm=(STEP_MM, STEP_MM),
            dynamic_range_db=RANGE_DB,
            region=Region(0, 0, *SHAPE, (STEP_MM, STEP_MM)),
            screen=SHAPE,
        )
