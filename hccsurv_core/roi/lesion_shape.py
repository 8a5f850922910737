"""What a lesion may look like: one piece, no thin tails, seen whole from its middle, about an ellipse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.roi.lesion_grid import Block, Mm

#: A tail farther than this many opening radii from what survives the opening is cut off.
_REGROWN = 1.3
#: A seed this close (mm) to the piece belongs to it.
_NEAR_SEED_MM = 6.0


@dataclass(frozen=True, eq=False)
class Ellipse:
    """An ellipse or ellipsoid: center in mm of the block, and the matrix of its quadratic form."""

    center: Mm
    matrix: NDArray[np.float64]

    def radius_of(self, block: Block) -> NDArray[np.float32]:
        """Of every voxel, 1 on the ellipse, growing with the distance from the center."""
        offsets = [a - np.float32(c) for a, c in zip(block.axes, self.center, strict=True)]
        total = np.zeros(block.image.shape, dtype=np.float32)
        for i in range(3):
            for j in range(3):
                if self.matrix[i, j]:
                    total += np.float32(self.matrix[i, j]) * offsets[i] * offsets[j]
        return np.sqrt(np.maximum(total, 0))


def ball(center: Mm, radius_mm: float) -> Ellipse:
    """All directions alike."""
    return Ellipse(center, np.eye(3) / radius_mm**2)


def ellipse_of(mask: NDArray[np.bool_], block: Block) -> Ellipse:
    """The ellipse with the mask's centroid and second moments; in a plane for a flat block."""
    places = np.argwhere(mask) * block.step_mm
    center = places.mean(axis=0)
    spread = (places - center).T @ (places - center) / len(places) + np.diag(block.step_mm**2 / 12)
    if block.flat:
        matrix = np.zeros((3, 3))
        matrix[1:, 1:] = np.linalg.inv(spread[1:, 1:] * 4)
        return Ellipse(center, matrix)
    return Ellipse(center, np.linalg.inv(spread * 5))


def distance_to(mask: NDArray[np.bool_], block: Block) -> NDArray[np.float64]:
    """Distance of every voxel to the mask, mm."""
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(~mask, sampling=block.step_mm)


def filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without holes in any slice."""
    from scipy.ndimage import binary_fill_holes

    return np.stack([binary_fill_holes(plane) for plane in mask])


def lesion_shaped(
    mask: NDArray[np.bool_], block: Block, opening_mm: float, seed: Mm | None
) -> NDArray[np.bool_] | None:
    """The part of a mask that can be one lesion.

    Args:
        opening_mm: connections thinner than twice this are tails, and are cut.
        seed: the piece is the one at this place; None = the largest.

    Returns:
        The piece without holes, or None where there is none at the seed.
    """
    from scipy import ndimage as ndi

    mask = filled(mask)
    core = _eroded(mask, block, opening_mm)
    if not core.any():
        core = mask
    labels, n = ndi.label(core)
    if n == 0:
        return None
    if seed is None:
        counts = np.bincount(labels.ravel())
        counts[0] = 0
        label = int(counts.argmax())
    else:
        label = _label_at(labels, block, seed, opening_mm)
    if label == 0:
        return None
    piece = mask & (distance_to(labels == label, block) <= _REGROWN * opening_mm)
    depth = ndi.distance_transform_edt(piece, sampling=block.step_mm)
    return filled(_seen_from(piece, np.unravel_index(int(depth.argmax()), piece.shape)))


def _eroded(mask: NDArray[np.bool_], block: Block, radius_mm: float) -> NDArray[np.bool_]:
    from scipy.ndimage import distance_transform_edt

    # A picture's edge is an end in the plane; a scan's first and last slice are not.
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    step = block.step_mm.copy()
    if step[0] > 0.6 * radius_mm:
        step[0] = 1e6  # thick slices: a lesion on two of them is no tail
    depth = distance_transform_edt(padded, sampling=step)
    return depth[:, 1:-1, 1:-1] > radius_mm


def _label_at(labels: NDArray[np.intp], block: Block, seed: Mm, opening_mm: float) -> int:
    from scipy.ndimage import distance_transform_edt

    at = block.nearest(seed)
    if labels[at]:
        return int(labels[at])
    distance, nearest = distance_transform_edt(
        labels == 0, sampling=block.step_mm, return_indices=True
    )
    if distance[at] > _NEAR_SEED_MM + opening_mm:
        return 0
    return int(labels[tuple(int(axis[at]) for axis in nearest)])


def _seen_from(mask: NDArray[np.bool_], center: tuple) -> NDArray[np.bool_]:
    """Voxels whose straight way to the center lies inside the mask (star convexity).

    Each voxel looks at the next one towards the center; doubling the step of that pointer, a way
    of n voxels is walked in log2(n) rounds.
    """
    offsets = np.indices(mask.shape, dtype=np.float32)
    for axis in range(3):
        offsets[axis] -= center[axis]
    longest = np.maximum(np.abs(offsets).max(axis=0), 1)
    towards = offsets * (1 - 1 / longest)
    nearer = [np.rint(towards[axis]).astype(np.intp) + int(center[axis]) for axis in range(3)]
    pointer = np.ravel_multi_index(tuple(nearer), mask.shape).ravel()
    seen = mask.ravel().copy()
    for _ in range(int(np.ceil(np.log2(max(mask.shape) + 1))) + 1):
        seen &= seen[pointer]
        pointer = pointer[pointer]
    return seen.reshape(mask.shape)
