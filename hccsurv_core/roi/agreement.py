"""How well two outlines agree: Dice overlap and the 95th percentile of the surface distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.errors import SegmentationError
from hccsurv_core.roi.solid_morphology import box_about, distance_mm

Mask = NDArray[np.bool_]


def dice(a: Mask, b: Mask) -> float:
    """Twice the overlap over the sum of both, 0 to 1 (higher = better); 1 where both are empty.

    Dice LR, Ecology 1945;26:297–302, [10.2307/1932409](https://doi.org/10.2307/1932409).

    Raises:
        SegmentationError: the masks are not boolean arrays of one shape.
    """
    _check(a, b)
    total = np.count_nonzero(a) + np.count_nonzero(b)
    return 2.0 * np.count_nonzero(a & b) / total if total else 1.0


def hausdorff_95_mm(a: Mask, b: Mask, spacing_mm: tuple[float, float, float]) -> float:
    """95th percentile of the distances of either surface to the other, mm (lower = better).

    Both directions are taken together. Surfaces are the voxels of a mask with a neighbor outside
    it; a mask's face at the grid's edge is no surface.

    Args:
        a, b: boolean (slices, rows, columns).
        spacing_mm: distance between neighbors along (slice, row, column), mm.

    Returns:
        0 where both are empty, infinity where one is.

    Raises:
        SegmentationError: the masks are not boolean arrays of one shape.
    """
    _check(a, b)
    if not a.any() and not b.any():
        return 0.0
    if not a.any() or not b.any():
        return float("inf")
    box = box_about(a | b, min(spacing_mm), spacing_mm)
    surfaces = [_surface(mask[box]) for mask in (a, b)]
    if not (surfaces[0].any() and surfaces[1].any()):
        return 0.0 if np.array_equal(a, b) else float("inf")
    there, back = (distance_mm(other, spacing_mm)[own] for own, other in (surfaces, surfaces[::-1]))
    return float(np.percentile(np.concatenate([there, back]), 95))


def _surface(mask: Mask) -> Mask:
    return mask & ~ndi.binary_erosion(mask, border_value=1)


def _check(a: Mask, b: Mask) -> None:
    if a.dtype != bool or b.dtype != bool or a.shape != b.shape:
        raise SegmentationError(
            f"two masks of true and false of one shape are needed, got {a.dtype} {a.shape} and "
            f"{b.dtype} {b.shape}"
        )
