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
#: Organs bright with contrast: above this HU, thicker than a rib (mm), larger than this (ml), and
#: with less than this share of their rim as bright as cortical bone …
ORGAN_FROM_HU = 90.0
THICK_MM = 14.0
ORGAN_MIN_ML = 8.0
SHELL_SHARE = 0.12
#: … which is this share of the brightest bone about the canal.
BRIGHT_SHARE = 0.72
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


def enhanced_organs(
    voxels: NDArray[np.floating], bright_bone_hu: float, step_mm: float
) -> NDArray[np.bool_]:
    """Kidneys, spleen, liver, filled bowel as bright as spongy bone: thick, and not in a bone shell.

    Args:
        voxels: HU on cubes of ``step_mm``.
        bright_bone_hu: HU that cortical bone reaches and an organ does not.
        step_mm: edge of the cubes, mm.
    """
    smooth = ndi.uniform_filter(voxels, 3)
    candidate = ((smooth > ORGAN_FROM_HU) & (smooth < bright_bone_hu)).astype(np.uint8)
    size = round(THICK_MM / step_mm) | 1
    core = ndi.maximum_filter(ndi.minimum_filter(candidate, size), size)
    labels, n = ndi.label(core)
    if n == 0:
        return core.astype(bool)
    # Round spongy bone lies a shell of cortical bone, round an organ fat.
    rim = (ndi.maximum_filter(core, 5) > 0) & (core == 0)
    near = ndi.maximum_filter(labels, 5)[rim]
    shell = np.bincount(near, weights=smooth[rim] >= bright_bone_hu, minlength=n + 1)
    share = shell / np.maximum(np.bincount(near, minlength=n + 1), 1)
    volume_ml = np.bincount(labels.ravel(), minlength=n + 1) * step_mm**3 / 1000
    organ = (volume_ml >= ORGAN_MIN_ML) & (share < SHELL_SHARE)
    organ[0] = False
    return ndi.maximum_filter(organ[labels].astype(np.uint8), 5) > 0


def bone_mask(
    voxels: NDArray[np.floating], body: NDArray[np.bool_], path: CanalPath, step_mm: float
) -> NDArray[np.bool_]:
    """Bone, less the organs that contrast agent makes as bright."""
    threshold = bone_threshold(voxels, path, step_mm)
    bone = (ndi.gaussian_filter(voxels, 0.5, truncate=2.0) > threshold) & body
    bright = BRIGHT_SHARE / BONE_SHARE * threshold
    return bone & ~(enhanced_organs(voxels, bright, step_mm) & (voxels < bright))


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
