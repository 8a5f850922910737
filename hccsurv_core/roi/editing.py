"""Manual correction: what is drawn adds pixels to a structure, or takes them away.

The structures stay consistent whatever is drawn: muscle and psoas hold only
pixels of muscle attenuation, each psoas is part of the muscle, no pixel is
both left and right psoas, and no pixel is both fats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.errors import SegmentationError
from hccsurv_core.roi.results import BodySegmentation
from hccsurv_core.volume import Volume

#: Attenuation a structure's pixels may have, HU: the limits of `roi.muscle` (a test holds them
#: together; importing them from there would load scipy with every page).
STRUCTURE_HU: dict[str, tuple[float, float]] = {
    "muscle": (-29.0, 150.0),
    "psoas_left": (-29.0, 150.0),
    "psoas_right": (-29.0, 150.0),
    "subcutaneous_fat": (-190.0, -30.0),
    "visceral_fat": (-150.0, -50.0),
}
#: A pixel of the one is none of the other.
EXCLUSIVE = {
    "psoas_left": "psoas_right",
    "psoas_right": "psoas_left",
    "subcutaneous_fat": "visceral_fat",
    "visceral_fat": "subcutaneous_fat",
}
_PSOAS = ("psoas_left", "psoas_right")
#: A pixel of the first is one of the second too.
PART_OF = {"psoas_left": "muscle", "psoas_right": "muscle"}


@dataclass(frozen=True, eq=False)
class EditOutcome:
    """What an edit did.

    Args:
        segmentation: the corrected segmentation, method "edited".
        n_changed: pixels of the chosen structure that changed.
        n_outside_hu: drawn pixels left out because their attenuation is not the structure's.
    """

    segmentation: BodySegmentation
    n_changed: int
    n_outside_hu: int


def polygon_mask(rows: ArrayLike, columns: ArrayLike, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centre lies inside a polygon (even-odd rule).

    Args:
        rows, columns: the vertices, in pixel indices; the last is joined to the first.
        shape: (rows, columns) of the picture; parts of the polygon outside it are ignored.

    Raises:
        SegmentationError: fewer than three vertices, or one that is not a finite number.
    """
    y = np.asarray(rows, dtype=np.float64).ravel()
    x = np.asarray(columns, dtype=np.float64).ravel()
    if y.size != x.size or y.size < 3:
        raise SegmentationError(
            f"a region needs three corners, got {min(y.size, x.size)}",
            remedy="draw a closed line round the region",
        )
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise SegmentationError("the drawn line has corners that are not numbers")
    mask = np.zeros(shape, dtype=bool)
    top, bottom = max(0, int(np.ceil(y.min()))), min(shape[0] - 1, int(np.floor(y.max())))
    centers = np.arange(shape[1])
    y_next, x_next = np.roll(y, -1), np.roll(x, -1)
    for row in range(top, bottom + 1):
        crosses = (y <= row) != (y_next <= row)
        at = x[crosses] + (row - y[crosses]) / (y_next - y)[crosses] * (x_next - x)[crosses]
        mask[row] = np.searchsorted(np.sort(at), centers, side="left") % 2 == 1
    return mask


def apply_stroke(
    segmentation: BodySegmentation,
    volume: Volume,
    structure: str,
    *,
    add: Mapping[int, NDArray[np.bool_]],
    remove: Mapping[int, NDArray[np.bool_]],
) -> EditOutcome:
    """Add pixels to a structure and remove others, on any of the outlined slices.

    Args:
        segmentation: what is corrected; it is left as it is.
        volume: the canonical volume it belongs to, HU.
        structure: one of :data:`~hccsurv_core.roi.results.STRUCTURES`.
        add, remove: volume slice to boolean (rows, columns); what is removed is removed first.

    Returns:
        The outcome; it may have changed nothing.

    Raises:
        SegmentationError: unknown structure, or a slice without outlines.
    """
    masks = {name: mask.copy() for name, mask in segmentation.masks.items()}
    n_outside = 0
    for action, slices in (("remove", remove), ("add", add)):
        for index, region in slices.items():
            _check(segmentation, structure, region, index)
            k = index - segmentation.first_slice
            if action == "remove":
                _remove(masks, structure, region, k)
                continue
            allowed = region & _within_hu(volume.voxels[index], structure)
            n_outside += int(np.count_nonzero(region & ~allowed))
            _add(masks, structure, allowed, k)
    n_changed = int(np.count_nonzero(masks[structure] != segmentation.masks[structure]))
    edited = replace(segmentation, masks=masks, method="edited")
    return EditOutcome(edited, n_changed, n_outside)


def _within_hu(intensity_hu: NDArray, structure: str) -> NDArray[np.bool_]:
    low, high = STRUCTURE_HU[structure]
    return (intensity_hu >= low) & (intensity_hu <= high)


def _add(masks: dict[str, NDArray[np.bool_]], structure: str, pixels: NDArray, k: int) -> None:
    masks[structure][k] |= pixels
    other = EXCLUSIVE.get(structure)
    if other in masks:
        masks[other][k] &= ~pixels
    if structure in _PSOAS and "muscle" in masks:
        masks["muscle"][k] |= pixels


def _remove(masks: dict[str, NDArray[np.bool_]], structure: str, pixels: NDArray, k: int) -> None:
    masks[structure][k] &= ~pixels
    if structure == "muscle":
        for psoas in _PSOAS:
            if psoas in masks:
                masks[psoas][k] &= ~pixels


def _check(
    segmentation: BodySegmentation,
    structure: str,
    region: NDArray[np.bool_],
    index: int,
) -> None:
    if structure not in segmentation.masks or structure not in STRUCTURE_HU:
        known = ", ".join(segmentation.masks)
        raise SegmentationError(f"no structure is called {structure!r}; there are: {known}")
    last = segmentation.first_slice + segmentation.n_slices - 1
    if not segmentation.first_slice <= index <= last:
        raise SegmentationError(
            f"slice {index} has no outline",
            remedy=f"go to one of the slices {segmentation.first_slice} to {last}",
        )
    expected = segmentation.masks[structure].shape[1:]
    if region.shape != expected:
        raise SegmentationError(f"the region must have shape {expected}, got {region.shape}")
