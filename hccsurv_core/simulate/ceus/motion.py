"""How breathing and the hand move the liver under the probe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.simulate.ceus.scene import Blob


@dataclass(frozen=True)
class Motion:
    """Breathing and drift of one examination.

    Args:
        period_s: of a breath.
        phase: of the first breath, radians.
        breath_mm: (x, y) displacement at full inspiration.
        out_of_plane: displacement out of the plane at full inspiration, slice thicknesses.
        drift_mm: (x, y) the hand has moved after 60 s.
        sway_s: period of the slow change of breathing depth.
    """

    period_s: float
    phase: float
    breath_mm: tuple[float, float]
    out_of_plane: float
    drift_mm: tuple[float, float]
    sway_s: float

    def breath(self, time_s: ArrayLike) -> NDArray[np.float64]:
        """0 in expiration to about 1 in inspiration."""
        t = np.asarray(time_s, float)
        wave = 0.5 - 0.5 * np.cos(2 * np.pi * t / self.period_s + self.phase)
        depth = 1 + 0.25 * np.sin(2 * np.pi * t / self.sway_s)
        return np.asarray(wave**1.5 * depth)

    def at(self, time_s: float) -> tuple[tuple[float, float], float]:
        """Displacement (x, y), mm, and out of plane, slice thicknesses."""
        b = float(self.breath(time_s))
        # The hand drifts, and is brought back: it never wanders off.
        wander = float(np.sin(time_s / 60.0))
        x, y = (self.breath_mm[k] * b + self.drift_mm[k] * wander for k in range(2))
        return (x, y), self.out_of_plane * b


def draw_motion(rng: np.random.Generator, lesion: Blob) -> Motion:
    """One patient's breathing: shallow, as asked for during the examination."""
    x = float(np.clip(rng.normal(4.0, 1.5), 0.5, 8.0)) * (1 if lesion.x < 0 else -1)
    y = float(np.clip(rng.normal(1.2, 0.6), 0.0, 3.0))
    drift = rng.normal(0, 1.0, 2)
    return Motion(
        period_s=float(rng.uniform(3.2, 5.2)),
        phase=float(rng.uniform(0, 2 * np.pi)),
        breath_mm=(x, y),
        out_of_plane=float(rng.uniform(0.1, 0.5)),
        drift_mm=(float(drift[0]), float(0.6 * drift[1])),
        sway_s=float(rng.uniform(25, 60)),
    )
