"""The spine as a chain of local frames: where each vertebra is, how it is tilted, how big it is.

Index 0 is the third vertebra above the sacrum, −3 is S1: the pelvis and soft tissues follow
the index, the names follow the number of lumbar vertebrae. The anatomical origin is the
middle of index 0. Sizes are round numbers within the ranges of vertebral morphometry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.simulate.phantom.anatomy import Anatomy

FIRST, LAST = -5, 8  # S3 … three or four above T10
# index:            S3   S2   S1   L5    L4    L3    L2    L1   T12   T11   T10    T9    T8   T7
_HEIGHT = np.array([22, 25, 29, 27.5, 28.0, 28.0, 27.5, 26.5, 25.0, 23.0, 22.0, 21.0, 20.5, 20])
# disc below each: S1's is the remnant under it, L5's lies on the sacrum
_DISC = np.array([1.0, 1.0, 1.5, 10.5, 11.5, 10.8, 10.0, 9.0, 7.0, 5.5, 5.0, 4.6, 4.4, 4.2])
_WIDTH = np.array([34, 42, 52, 51.0, 48.5, 46.5, 44.5, 42.5, 41.0, 38.0, 35.0, 33.0, 32, 31])
_DEPTH = np.array([15, 21, 31, 35.0, 35.0, 34.5, 33.5, 32.0, 31.5, 31.0, 30.5, 29.5, 29, 28])
_TILT = np.array([-42, -48, -42, -20, -8.0, 1.0, 7.0, 10.0, 11.0, 10.0, 8.0, 6.0, 3.0, 0])


@dataclass(frozen=True)
class SpineFrame:
    """One vertebra's place: ``axes`` columns are left, posterior and up in anatomical space."""

    index: int
    name: str
    center: NDArray[np.float64]
    axes: NDArray[np.float64]
    height: float
    width: float
    depth: float
    disc_below: float

    def local(self, x: NDArray, y: NDArray, z: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Anatomical coordinates to the vertebra's left, posterior and up (mm)."""
        dx, dy, dz = (a - np.float32(c) for a, c in zip((x, y, z), self.center, strict=True))
        axes = self.axes.astype(np.float32)
        return tuple(  # type: ignore[return-value]
            axes[0, i] * dx + axes[1, i] * dy + axes[2, i] * dz for i in range(3)
        )

    def to_world(self, u: float, v: float, w: float) -> NDArray[np.float64]:
        """Local to anatomical coordinates."""
        return self.center + self.axes @ np.array([u, v, w])


def vertebra_name(index: int, n_lumbar: int) -> str:
    """Name of chain ``index`` (−3 is S1) for a spine of ``n_lumbar`` lumbar vertebrae."""
    if index <= -3:
        return f"S{-2 - index}"
    above_sacrum = index + 3
    if above_sacrum <= n_lumbar:
        return f"L{n_lumbar + 1 - above_sacrum}"
    return f"T{12 + n_lumbar + 1 - above_sacrum}"


def _axes(tilt: float, side: float, turn: float) -> NDArray[np.float64]:
    t, s, r = np.radians((tilt, side, turn))
    pitch = np.array([[1, 0, 0], [0, np.cos(t), np.sin(t)], [0, -np.sin(t), np.cos(t)]])
    lean = np.array([[np.cos(s), 0, np.sin(s)], [0, 1, 0], [-np.sin(s), 0, np.cos(s)]])
    spin = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return lean @ pitch @ spin


@dataclass(frozen=True)
class Spine:
    """All frames from inferior to superior, and smooth curves through them."""

    frames: tuple[SpineFrame, ...]

    def frame(self, index: int) -> SpineFrame:
        """The frame of chain ``index``."""
        return self.frames[index - FIRST]

    def level_to_z(self, level: NDArray | float) -> NDArray:
        """Chain index (continuous) to anatomical z, mm."""
        levels, heights = self._ladder()
        return np.asarray(np.interp(level, levels, heights))

    def z_to_level(self, z: NDArray | float) -> NDArray:
        """Anatomical z (mm) to continuous chain index."""
        levels, heights = self._ladder()
        return np.asarray(np.interp(z, heights, levels))

    def _ladder(self) -> tuple[list[float], list[float]]:
        """Levels and heights, drawn out below the last sacral segment for the true pelvis."""
        low = self.frames[0]
        levels = [low.index - 8.0, *(float(f.index) for f in self.frames)]
        step = 8.0 * 1.05 * low.height
        return levels, [low.center[2] - step, *(float(f.center[2]) for f in self.frames)]

    def center_at(self, z: NDArray) -> tuple[NDArray, NDArray]:
        """x and y of the vertebral bodies' middle at anatomical ``z``."""
        c = np.array([f.center for f in self.frames])
        return np.interp(z, c[:, 2], c[:, 0]), np.interp(z, c[:, 2], c[:, 1])

    def table(
        self, z: NDArray, levels: Sequence[float], values: Sequence[float]
    ) -> NDArray[np.float32]:
        """Interpolate a table given at chain levels to anatomical ``z``."""
        return np.interp(z, self.level_to_z(np.array(levels)), values).astype(np.float32)


def build_spine(anatomy: Anatomy, rng: np.random.Generator) -> Spine:
    """Chain the vertebrae of one patient together, seeded by ``rng``."""
    n = LAST - FIRST + 1
    index = np.arange(FIRST, LAST + 1)
    height = _HEIGHT * anatomy.long_scale * (1 + 0.015 * rng.standard_normal(n))
    disc = _DISC * anatomy.long_scale * (1 + 0.1 * rng.standard_normal(n))
    width = _WIDTH * anatomy.cross_scale * (1 + 0.015 * rng.standard_normal(n))
    depth = _DEPTH * anatomy.cross_scale * (1 + 0.015 * rng.standard_normal(n))
    # The sacrum follows the lordosis only in part.
    bend = np.where(index <= -3, 0.6 + 0.4 * anatomy.lordosis, anatomy.lordosis)
    tilt = _TILT * bend + 1.0 * rng.standard_normal(n)
    side = anatomy.scoliosis_deg * np.sin((index - rng.uniform(-1, 1)) * 0.9)
    turn = 0.6 * side + 0.8 * rng.standard_normal(n)
    side[index <= -3] *= 0.2
    axes = [_axes(*a) for a in zip(tilt, side, turn, strict=True)]
    centers = [np.zeros(3)]
    for i in range(1, n):
        between = axes[i - 1][:, 2] + axes[i][:, 2]
        between *= disc[i] / np.linalg.norm(between)
        centers.append(
            centers[-1]
            + axes[i - 1][:, 2] * height[i - 1] / 2
            + between
            + axes[i][:, 2] * height[i] / 2
        )
    origin = centers[-FIRST]
    frames = tuple(
        SpineFrame(
            int(index[i]), vertebra_name(int(index[i]), anatomy.n_lumbar), centers[i] - origin,
            axes[i], height[i], width[i], depth[i], disc[i],
        )
        for i in range(n)
    )  # fmt: skip
    return Spine(frames)
