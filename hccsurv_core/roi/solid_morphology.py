"""Growing, shrinking, opening and closing in space by millimeters, on grids with unequal steps.

All of them work in the box about the mask, so that a small mask in a large scan costs little.
Beyond the grid a mask goes on as it meets the edge: an edge is not an outline.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

Mask = NDArray[np.bool_]
Map = NDArray[np.float32]
Steps = tuple[float, float, float]


def distance_mm(mask: Mask, step_mm: Steps) -> Map:
    """Distance of every voxel to the nearest one of ``mask``, mm; infinite where there is none."""
    if not mask.any():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    return ndi.distance_transform_edt(~mask, sampling=step_mm).astype(np.float32)


def box_about(mask: Mask, margin_mm: float, step_mm: Steps) -> tuple[slice, slice, slice]:
    """The box about a mask with a margin, cut at the grid's edge; one voxel for an empty mask."""
    found = ndi.find_objects(mask.astype(np.uint8))
    if not found:
        return (slice(0, 1), slice(0, 1), slice(0, 1))
    z, y, x = (
        slice(max(0, place.start - room), place.stop + room)
        for place, step in zip(found[0], step_mm, strict=True)
        for room in [int(np.ceil(margin_mm / step)) + 1]
    )
    return z, y, x


def grown(mask: Mask, radius_mm: float, step_mm: Steps) -> Mask:
    """What lies within ``radius_mm`` of the mask."""
    box = box_about(mask, radius_mm, step_mm)
    whole = np.zeros_like(mask)
    whole[box] = distance_mm(mask[box], step_mm) <= radius_mm
    return whole


def shrunk(mask: Mask, radius_mm: float, step_mm: Steps) -> Mask:
    """What of the mask lies deeper than ``radius_mm``."""
    box = box_about(mask, min(step_mm), step_mm)
    whole = np.zeros_like(mask)
    whole[box] = mask[box] & (distance_mm(~mask[box], step_mm) > radius_mm)
    return whole


def opened(mask: Mask, radius_mm: float, step_mm: Steps) -> Mask:
    """The mask without what is narrower than twice ``radius_mm``."""
    return grown(shrunk(mask, radius_mm, step_mm), radius_mm, step_mm) & mask


def closed(mask: Mask, radius_mm: float, step_mm: Steps) -> Mask:
    """The mask with its gaps narrower than twice ``radius_mm`` filled."""
    box = box_about(mask, 2 * radius_mm, step_mm)
    near = distance_mm(mask[box], step_mm) <= radius_mm
    whole = np.zeros_like(mask)
    whole[box] = mask[box] | (near & (distance_mm(~near, step_mm) > radius_mm))
    return whole


def labeled(mask: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Connected pieces as labels from 1, and the voxels of each (0 for the background)."""
    labels, n = ndi.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=n + 1)
    sizes[0] = 0
    return labels, sizes


def largest(mask: Mask) -> Mask:
    """The largest connected piece; an empty mask stays empty."""
    labels, sizes = labeled(mask)
    return labels == sizes.argmax() if sizes.any() else mask.copy()


def without_holes(mask: Mask) -> Mask:
    """What is enclosed on slices of any of the three directions, filled."""
    filled = mask
    for axis in range(3):
        planes = [ndi.binary_fill_holes(plane) for plane in np.moveaxis(filled, axis, 0)]
        filled = np.moveaxis(np.stack(planes), 0, axis)
    return filled
