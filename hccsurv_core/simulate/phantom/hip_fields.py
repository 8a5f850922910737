"""The hip bones as coarse fields: a bent plate whose section changes with depth under the crest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.simulate.phantom.anatomy import Anatomy
from hccsurv_core.simulate.phantom.canvas import Array, Canvas
from hccsurv_core.simulate.phantom.spine_frames import Spine

# Left hip bone's axial section by depth under the crest's top (mm): posterior end (x, y),
# anterior end (x, y), outward bow of the wing, half thickness at the middle.
_DEPTH = np.array([0.0, 3, 8, 18, 38, 60, 78, 94, 112, 130, 150, 175])
_POSTERIOR_X = np.array([98.0, 90, 81, 69, 55, 48, 52, 60, 70, 78, 80, 84])
_POSTERIOR_Y = np.array([22.0, 32, 43, 57, 70, 75, 68, 58, 48, 36, 24, 12])
_ANTERIOR_X = np.array([102.0, 112, 122, 129, 129, 124, 119, 114, 106, 100, 96, 95])
_ANTERIOR_Y = np.array([16.0, 7, -4, -15, -31, -43, -47, -48, -48, -46, -42, -36])
_BOW = np.array([0.0, 2, 4, 6, 6, 4, 2, 0, -2, -3, -3, -2])
_HALF = np.array([4.0, 4.8, 4.5, 3.8, 3.4, 3.6, 4.5, 6.5, 9.5, 12.0, 12.0, 11.0])


#: Below this depth the plate has ended in the socket of the hip.
LOWEST_MM = 192.0


@dataclass(frozen=True, eq=False)
class HipFields:
    """Coarse fields of the hip bones: distance across the plate (+ outside), along it, thickness."""

    across: Array
    along: Array
    length: Array
    half: Array
    top_z: float


def crest_z(anatomy: Anatomy, spine: Spine) -> float:
    """Anatomical z of the iliac crest's top: about the lower part of L4."""
    return float(spine.level_to_z(-1.15)) + anatomy.crest_shift_mm


def hip_fields(canvas: Canvas, anatomy: Anatomy, spine: Spine) -> HipFields:
    """Fields of both hip bones; far away (across = 99) above the crest."""
    top = crest_z(anatomy, spine)
    scale = anatomy.cross_scale * (1.03 if anatomy.sex == "female" else 1.0)
    shape = canvas.coarse_shape
    across = np.full(shape, 99.0, np.float32)
    along = np.full(shape, -99.0, np.float32)
    length, half = np.zeros(shape[0], np.float32), np.zeros(shape[0], np.float32)
    x, y = np.abs(canvas.coarse_x[0]), canvas.coarse_y[0]
    for k, z in enumerate(canvas.z):
        depth = (top - float(z)) / anatomy.long_scale
        if not 0 < depth < LOWEST_MM:
            continue
        line = _section(depth) * scale
        across[k], along[k], length[k] = _plate_coordinates(x, y, line)
        half[k] = np.interp(depth, _DEPTH, _HALF) * anatomy.cross_scale
    return HipFields(across, along, length[:, None, None], half[:, None, None], top)


def _section(depth: float) -> np.ndarray:
    """The plate's middle line at ``depth`` mm under the crest's top: (points, 2)."""
    at = [
        np.interp(depth, _DEPTH, t) for t in (_POSTERIOR_X, _POSTERIOR_Y, _ANTERIOR_X, _ANTERIOR_Y)
    ]
    p, a = np.array(at[:2]), np.array(at[2:])
    normal = np.array([a[1] - p[1], -(a[0] - p[0])])
    normal /= -np.hypot(*normal)  # to the outside (lateral and behind)
    control = (p + a) / 2 + 2 * np.interp(depth, _DEPTH, _BOW) * normal
    t = np.linspace(0, 1, 9)[:, None]
    return (1 - t) ** 2 * p + 2 * t * (1 - t) * control + t**2 * a


def _plate_coordinates(x: Array, y: Array, line: np.ndarray) -> tuple[Array, Array, float]:
    """Signed distance across a polyline, position along it, and its length; ends are extended."""
    steps = np.diff(line, axis=0)
    lengths = np.hypot(*steps.T)
    units = steps / lengths[:, None]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    best = np.full(x.shape, np.inf, np.float32)
    across, along = np.zeros_like(best), np.zeros_like(best)
    for i, (start, unit, size) in enumerate(zip(line[:-1], units, lengths, strict=True)):
        px, py = x - np.float32(start[0]), y - np.float32(start[1])
        t = px * np.float32(unit[0]) + py * np.float32(unit[1])
        side = px * np.float32(-unit[1]) + py * np.float32(unit[0])
        low = -1e3 if i == 0 else 0.0
        high = 1e3 if i == len(units) - 1 else size
        miss = t - np.clip(t, low, high)
        distance = np.hypot(miss, side)
        closer = distance < best
        best = np.where(closer, distance, best)
        across = np.where(closer, np.sign(side) * distance, across)
        along = np.where(closer, t + np.float32(starts[i]), along)
    return across, along, float(starts[-1])
