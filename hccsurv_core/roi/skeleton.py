"""Bone of the trunk wall, apart from the spine and from organs bright with contrast agent.

Gives the loose pieces of bone (ribs, iliac wings) with their place relative to the
spinal canal, from which the landmarks of :mod:`hccsurv_core.roi.anchors` are read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.roi.canal import CanalPath

#: Bone threshold: this share of the brightest bone about the canal, within these bounds, HU.
BONE_SHARE = 0.42
BONE_BOUNDS_HU = (125.0, 190.0)
#: Bone further than this from the canal's axis is not the vertebra itself, mm.
SPINE_HALF_WIDTH_MM = 24.0
#: An organ bright with contrast is even (local standard deviation, HU) and thick (mm).
EVEN_SD_HU = 45.0
THICK_MM = 20.0
PIECE_MIN_ML = 0.4


@dataclass(frozen=True, eq=False)
class BonePiece:
    """One connected piece of bone on the cube grid.

    Args:
        slices: slice of each voxel.
        left_mm: distance to the patient's left of the canal, per voxel.
        forward_mm: distance anterior to the canal, per voxel.
        volume_ml: its volume.
        bright_hu: 93rd percentile of its HU: cortical bone exceeds 300.
    """

    slices: NDArray[np.intp]
    left_mm: NDArray[np.float32]
    forward_mm: NDArray[np.float32]
    volume_ml: float
    bright_hu: float

    @property
    def side(self) -> str:
        """ "left" or "right"."""
        return "left" if np.median(self.left_mm) > 0 else "right"

    @property
    def aside_mm(self) -> NDArray[np.float32]:
        """Distance from the canal's sagittal plane per voxel."""
        return np.abs(self.left_mm)


def bone_threshold(voxels: NDArray[np.floating], path: CanalPath, step_mm: float) -> float:
    """HU above which a voxel is bone in this scan: lower for the osteoporotic."""
    back, ahead, side = (round(mm / step_mm) for mm in (16, 40, 24))
    samples = []
    for k in range(0, len(voxels), 3):
        row, column = round(path.row[k]), round(path.column[k])
        rows = slice(max(0, row - ahead), row + back)
        samples.append(voxels[k, rows, max(0, column - side) : column + side].ravel())
    bright = float(np.percentile(np.concatenate(samples), 97))
    return float(np.clip(BONE_SHARE * bright, *BONE_BOUNDS_HU))


def _blocks(voxels: NDArray[np.floating]) -> NDArray[np.floating]:
    """View as 2×2×2 blocks: (slices, 2, rows, 2, columns, 2); odd ends are repeated."""
    padded = np.pad(voxels, [(0, n % 2) for n in voxels.shape], mode="edge")
    a, b, c = (n // 2 for n in padded.shape)
    return padded.reshape(a, 2, b, 2, c, 2)


def _doubled(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    for axis in range(3):
        mask = np.repeat(mask, 2, axis=axis)
    return mask[: shape[0], : shape[1], : shape[2]]


def enhanced_organs(voxels: NDArray[np.floating], step_mm: float) -> NDArray[np.bool_]:
    """Kidneys, spleen, filled bowel: thick, even, 130 to 350 HU."""
    blocks = _blocks(voxels)
    mean = blocks.mean(axis=(1, 3, 5))
    square = (blocks.astype(np.float32) ** 2).mean(axis=(1, 3, 5))
    mean_wide, square_wide = ndi.uniform_filter(mean, 3), ndi.uniform_filter(square, 3)
    spread = np.sqrt(np.clip(square_wide - mean_wide**2, 0, None))
    even = (mean_wide > 130) & (mean_wide < 350) & (spread < EVEN_SD_HU)
    size = max(3, round(THICK_MM / (2 * step_mm)) | 1)
    core = ndi.minimum_filter(even, size)
    thick = ndi.maximum_filter(core, size + 2) & (mean > 110)
    return _doubled(thick, voxels.shape)


def bone_mask(
    voxels: NDArray[np.floating], body: NDArray[np.bool_], path: CanalPath, step_mm: float
) -> NDArray[np.bool_]:
    """Bone, less the organs that contrast agent makes as bright."""
    threshold = bone_threshold(voxels, path, step_mm)
    bone = (ndi.gaussian_filter(voxels, 0.5, truncate=2.0) > threshold) & body
    return bone & ~(enhanced_organs(voxels, step_mm) & (voxels < 350))


def bone_pieces(
    voxels: NDArray[np.floating],
    bone: NDArray[np.bool_],
    path: CanalPath,
    step_mm: float,
) -> list[BonePiece]:
    """The connected pieces of bone beside the spine, not in front of it.

    Args:
        voxels: HU on cubes of ``step_mm``.
        bone: mask from :func:`bone_mask`.
        path: the canal.
        step_mm: edge of the cubes, mm.
    """
    left = (np.arange(bone.shape[2])[None, :] - path.column[:, None]) * step_mm
    forward = (path.row[:, None] - np.arange(bone.shape[1])[None, :]) * step_mm
    aside = np.abs(left) > SPINE_HALF_WIDTH_MM
    loose = bone & aside[:, None, :] & (forward < 170.0)[:, :, None]
    labels, n = ndi.label(loose, np.ones((3, 3, 3), dtype=bool))
    if n == 0:
        return []
    counts = np.bincount(labels.ravel())
    pieces = []
    for number, box in enumerate(ndi.find_objects(labels), start=1):
        volume_ml = counts[number] * step_mm**3 / 1000
        if volume_ml < PIECE_MIN_ML:
            continue
        k, j, i = np.nonzero(labels[box] == number)
        k, j, i = k + box[0].start, j + box[1].start, i + box[2].start
        pieces.append(
            BonePiece(
                slices=k,
                left_mm=left[k, i].astype(np.float32),
                forward_mm=forward[k, j].astype(np.float32),
                volume_ml=float(volume_ml),
                bright_hu=float(np.percentile(voxels[k, j, i], 93)),
            )
        )
    return pieces
