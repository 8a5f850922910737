"""The spinal canal: a dark disk in a bright ring behind the column of bone, followed through the slices.

The column is found first, coarsely, as the densest run of bone near the midline
and behind the middle of the body; the canal next, within 25 mm of the column. Both
are paths of best total score over the slices (dynamic programming), so a slice
without a closed ring, a metal streak or a contrast-filled vessel does not break them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy import ndimage as ndi

#: From where to where bone counts, HU: spongy bone of the old begins near 100.
BONE_RAMP_HU = (120.0, 250.0)
#: Canal radius and outer radius of the bone around it, mm (lumbar canal: 15 to 27 mm across).
CANAL_RADIUS_MM = 6.0
RING_MM = (8.0, 18.0)
#: Where the vertebral body lies in front of the canal's centre, mm.
BODY_AHEAD_MM = (12.0, 34.0)
BODY_HALF_WIDTH_MM = 14.0
#: Spread of the spine about the body's midline, mm: wide enough for scoliosis and a body cut off
#: on one side, narrow enough to leave the hips out.
MIDLINE_SIGMA_MM = 25.0
#: Half-width of the window about the column in which the canal is sought, mm.
WINDOW_MM = 56.0


@dataclass(frozen=True, eq=False)
class CanalPath:
    """The canal's centre on each slice of a cube grid.

    Args:
        row, column: continuous indices per slice, smoothed along the slices.
        score: ring score per slice; about 0.3 to 1 in a canal, near or below 0 elsewhere.
    """

    row: NDArray[np.float64]
    column: NDArray[np.float64]
    score: NDArray[np.float64]


def bone_likeness(voxels: NDArray[np.floating]) -> NDArray[np.float32]:
    """0 below, 1 above :data:`BONE_RAMP_HU`, linear between."""
    low, high = BONE_RAMP_HU
    return np.clip((voxels - low) / (high - low), 0, 1).astype(np.float32)


def best_path(score: NDArray[np.floating], bend_penalty: tuple[float, float]) -> NDArray[np.intp]:
    """The (row, column) path through the slices with the greatest total score.

    Neighbouring slices' points lie at most two rows and one column apart: a horizontal
    sacrum's canal runs back faster than 45°.

    Args:
        score: (slices, rows, columns).
        bend_penalty: cost of a step of one pixel along the rows' axis and along the columns'.

    Returns:
        Integer (slices, 2).
    """
    n_slices, n_rows, n_columns = score.shape
    moves = [(dy, dx) for dy in (-2, -1, 0, 1, 2) for dx in (-1, 0, 1)]
    total = score[0].astype(np.float32)
    came_from = np.zeros(score.shape, dtype=np.int8)
    for k in range(1, n_slices):
        padded = np.pad(total, 2, constant_values=-1e9)
        best = np.full(total.shape, -1e9, dtype=np.float32)
        for number, (dy, dx) in enumerate(moves):
            moved = padded[2 - dy : 2 - dy + n_rows, 2 - dx : 2 - dx + n_columns]
            moved = moved - np.float32(np.hypot(bend_penalty[0] * dy, bend_penalty[1] * dx))
            better = moved > best
            best[better] = moved[better]
            came_from[k][better] = number
        total = best + score[k]
    path = np.zeros((n_slices, 2), dtype=np.intp)
    path[-1] = np.unravel_index(int(total.argmax()), total.shape)
    for k in range(n_slices - 1, 0, -1):
        path[k - 1] = path[k] - moves[came_from[k][tuple(path[k])]]
    return path


def _midline_prior(body: NDArray[np.bool_], step_mm: float) -> NDArray[np.float32]:
    """High near the body's midline and behind its middle, per slice."""
    n_slices, n_rows, n_columns = body.shape
    prior = np.zeros(body.shape, dtype=np.float32)
    rows, columns = np.arange(n_rows), np.arange(n_columns)
    for k in range(n_slices):
        across, along = body[k].any(axis=0).nonzero()[0], body[k].any(axis=1).nonzero()[0]
        if len(across) < 3 or len(along) < 3:
            continue
        middle = (across[0] + across[-1]) / 2
        depth = (rows - along[0]) / (along[-1] - along[0])
        sideways = np.exp(-0.5 * ((columns - middle) * step_mm / MIDLINE_SIGMA_MM) ** 2)
        # The sacrum of a thin patient lies a finger's breadth below the skin.
        under_skin_mm = (along[-1] - rows) * step_mm
        backward = np.clip((depth - 0.35) / 0.2, 0, 1) * np.clip(under_skin_mm / 16.0, 0, 1)
        prior[k] = backward[:, None] * sideways[None, :]
    return prior


def _halve(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average 2×2 in the plane (an odd last row or column is repeated)."""
    padded = np.pad(image, ((0, 0), (0, image.shape[1] % 2), (0, image.shape[2] % 2)), mode="edge")
    rows = padded[:, ::2] + padded[:, 1::2]
    return ((rows[:, :, ::2] + rows[:, :, 1::2]) / 4).astype(np.float32)


def column_path(
    bone: NDArray[np.float32], body: NDArray[np.bool_], step_mm: float
) -> NDArray[np.float64]:
    """(slices, 2) row and column of the spine's densest line, on the grid of ``bone``."""
    coarse, inside = _halve(bone), _halve(body.astype(np.float32)) > 0.5
    wide = 2 * step_mm
    smooth = ndi.gaussian_filter(
        coarse * inside, (20.0 / step_mm, 10.0 / wide, 10.0 / wide), mode="nearest"
    )
    score = smooth * _midline_prior(inside, wide)
    top = float(np.percentile(score, 99.9))
    path = best_path(score / max(top, 1e-6), bend_penalty=(0.03, 0.15))
    return path.astype(np.float64) * 2.0 + 0.5


def _kernels(step_mm: float) -> dict[str, NDArray[np.float32]]:
    """Averages over the parts about a canal: the disk itself, both sides, ahead and behind."""
    reach = int(np.ceil(BODY_AHEAD_MM[1] / step_mm))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1] * step_mm
    radius = np.hypot(x, y)
    ring = (radius > RING_MM[0]) & (radius <= RING_MM[1])
    # Pedicles and facets: from a little ahead of the canal's side to well behind it.
    beside = ring & (y > -0.8 * np.abs(x)) & (y < 3.0 * np.abs(x))
    parts = {
        "inside": radius <= CANAL_RADIUS_MM,
        "right": beside & (x < 0),
        "left": beside & (x > 0),
        "ahead": (-y > BODY_AHEAD_MM[0])
        & (-y <= BODY_AHEAD_MM[1])
        & (np.abs(x) <= BODY_HALF_WIDTH_MM),
        "behind": (y > RING_MM[0]) & (y <= BODY_AHEAD_MM[1]) & (np.abs(x) <= 5.0),
    }
    return {name: (part / part.sum()).astype(np.float32) for name, part in parts.items()}


def _correlate_planes(image: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray:
    """Correlate each slice with an odd-sized kernel, zeros outside."""
    shape = [
        fft.next_fast_len(n + m - 1, real=True)
        for n, m in zip(image.shape[1:], kernel.shape, strict=True)
    ]
    spectrum = fft.rfft2(image, s=shape) * fft.rfft2(kernel[::-1, ::-1], s=shape)[None]
    full = fft.irfft2(spectrum, s=shape)
    row, column = kernel.shape[0] // 2, kernel.shape[1] // 2
    return full[:, row : row + image.shape[1], column : column + image.shape[2]]


def _window(
    path: NDArray[np.float64], shape: tuple[int, ...], step_mm: float
) -> tuple[slice, slice]:
    reach = WINDOW_MM / step_mm
    low = np.maximum(np.floor(path.min(axis=0) - reach), 0).astype(int)
    high = np.minimum(np.ceil(path.max(axis=0) + reach) + 1, shape[1:]).astype(int)
    return slice(low[0], high[0]), slice(low[1], high[1])


def _ring_score(
    voxels: NDArray[np.float32],
    body: NDArray[np.bool_],
    column: NDArray[np.float64],
    step_mm: float,
) -> NDArray[np.float32]:
    """How canal-like each pixel is: the kernel's answer, near the column, not bright itself."""
    bone = bone_likeness(voxels)
    # Smoothing along the slices closes the gaps between the laminae.
    closed = 0.5 * bone + 0.5 * ndi.gaussian_filter1d(bone, 8.0 / step_mm, axis=0, mode="nearest")
    kernel = _kernels(step_mm)
    # Disk and spongy bone both count as body, so that a lone slice through a disk has one.
    firm = np.clip((voxels - 30.0) / 150.0, 0, 1).astype(np.float32)
    sides = np.minimum(
        _correlate_planes(closed, kernel["left"]), _correlate_planes(closed, kernel["right"])
    )
    score = (
        sides
        + 0.6 * _correlate_planes(firm, kernel["ahead"])
        + 0.3 * _correlate_planes(closed, kernel["behind"])
        - 1.5 * _correlate_planes(closed, kernel["inside"])
    )
    rows = np.arange(voxels.shape[1])[None, :, None] - column[:, 0, None, None]
    columns = np.arange(voxels.shape[2])[None, None, :] - column[:, 1, None, None]
    away = np.hypot(rows, columns) * step_mm
    # The cord and its sac are water-like; the spongy inside of a vertebral body is not.
    core = ndi.gaussian_filter(voxels, (0, 3.0 / step_mm, 3.0 / step_mm))
    score = score - 0.02 * np.clip(away - 25.0, 0, None) - np.clip((core - 70.0) / 100.0, 0, 0.8)
    # The canal lies in or behind the densest bone, never well in front of it (the aorta does).
    score = score - 0.03 * np.clip(-rows * step_mm - 6.0, 0, None)
    return np.where(body, score, -1.0).astype(np.float32)


def trace_canal(voxels: NDArray[np.float32], body: NDArray[np.bool_], step_mm: float) -> CanalPath:
    """Follow the canal through all slices.

    Args:
        voxels: HU on cubes of ``step_mm`` (about 2), (slices, rows, columns), canonical.
        body: the body on the same grid.
        step_mm: edge of the cubes, mm.

    Returns:
        The path; its ``score`` says where it is believable.
    """
    coarse = column_path(bone_likeness(voxels), body, step_mm)
    rows, columns = _window(coarse, voxels.shape, step_mm)
    origin = np.array([rows.start, columns.start])
    score = _ring_score(voxels[:, rows, columns], body[:, rows, columns], coarse - origin, step_mm)
    path = best_path(score, bend_penalty=(0.04, 0.08))
    along = np.take_along_axis(
        score.reshape(len(score), -1), (path[:, 0] * score.shape[2] + path[:, 1])[:, None], axis=1
    )[:, 0]
    smooth = ndi.gaussian_filter1d(
        (path + origin).astype(np.float64), 6.0 / step_mm, axis=0, mode="nearest"
    )
    return CanalPath(smooth[:, 0], smooth[:, 1], along.astype(np.float64))
