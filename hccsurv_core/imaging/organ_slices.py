"""The slices of one organ at one time that a model looks at, and how they are chosen and prepared.

After Xia et al., Insights into Imaging 2024, doi 10.1186/s13244-024-01784-8: three slices with the
largest tumor area, else with the largest organ area; slices of 5 mm; the abdomen in a window of 400 HU
about 0, the chest in one of 1200 HU about −600; 224×224 pixels, each slice z-scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.windows import IntensityWindow
from hccsurv_core.volume import LabelMap, Volume, check_same_geometry

ORGANS = ("liver", "lung")
#: How many slices stand for an organ at a time, and how thick they are.
N_SLICES, SLICE_MM = 3, 5.0
WINDOWS: Mapping[str, IntensityWindow] = {
    "liver": IntensityWindow(0, 400),
    "lung": IntensityWindow(-600, 1200),
}
PICTURE_PIXELS = 224
#: Slices within so much of 5 mm are left as they are.
_CLOSE_MM = 0.25


@dataclass(frozen=True, eq=False)
class OrganSlices:
    """Slices of one organ at one time, from the feet up.

    Args:
        intensity_hu: (s, rows, columns) HU.
        organ: (s, rows, columns) bool, tumors and vessels of the organ included.
        lesions: (s, rows, columns) int, a tumor's number; 0 is none.
        pixel_mm: height and width of a pixel.
        slice_index: (s,) positions in the series they are of.
    """

    intensity_hu: NDArray
    organ: NDArray[np.bool_]
    lesions: NDArray[np.integer]
    pixel_mm: tuple[float, float]
    slice_index: tuple[int, ...]

    @property
    def tumor_cm2(self) -> NDArray[np.float64]:
        """(s,) area of all tumors."""
        return self._area(self.lesions > 0)

    @property
    def organ_cm2(self) -> NDArray[np.float64]:
        """(s,) area of the organ."""
        return self._area(self.organ)

    def _area(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        return mask.sum((1, 2)) * self.pixel_mm[0] * self.pixel_mm[1] / 100.0


def to_5_mm(
    volume: Volume, outlines: Sequence[LabelMap] = ()
) -> tuple[Volume, tuple[LabelMap, ...]]:
    """Slices of :data:`SLICE_MM` where they are thinner: averages, as the published step resamples.

    Args:
        volume: canonical CT, HU.
        outlines: on its grid; a label goes where at least half of a thick slice has any, and the one
            with most of it wins.

    Returns:
        Volume (float32) and outlines on the new grid; the same ones where slices are not thinner.

    Raises:
        GeometryMismatchError: an outline is on another grid.
    """
    for outline in outlines:
        check_same_geometry(volume, outline)
    thin = volume.spacing_mm[0]
    if thin > SLICE_MM - _CLOSE_MM:
        return volume, tuple(outlines)
    weights = _slab_weights(volume.shape[0], thin)
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 2] * (SLICE_MM / thin - 1) / 2
    affine[:3, 2] *= SLICE_MM / thin
    thick = np.stack([_slab_mean(volume.voxels, row) for row in weights])
    return Volume(thick, affine), tuple(
        LabelMap(np.stack([_slab_label(o.voxels, row) for row in weights]), affine, o.names)
        for o in outlines
    )


def _slab_weights(n: int, thin_mm: float) -> NDArray[np.float64]:
    """(thick, n) share of each thin slice in each thick one; a rest below half a slice is left out."""
    n_thick = max(1, round(n * thin_mm / SLICE_MM))
    low, starts = np.arange(n) * thin_mm, np.arange(n_thick)[:, None] * SLICE_MM
    shared = np.minimum(low + thin_mm, starts + SLICE_MM) - np.maximum(low, starts)
    shared = np.clip(shared, 0.0, None)
    return np.asarray(shared / shared.sum(1, keepdims=True), dtype=np.float64)


def _slab_mean(voxels: NDArray, weights: NDArray[np.float64]) -> NDArray[np.float32]:
    rows = np.flatnonzero(weights)
    slab = np.asarray(voxels[rows[0] : rows[-1] + 1], dtype=np.float32)
    return np.tensordot(weights[rows].astype(np.float32), slab, axes=1)


def _slab_label(labels: NDArray, weights: NDArray[np.float64]) -> NDArray:
    rows = np.flatnonzero(weights)
    slab = np.asarray(labels[rows[0] : rows[-1] + 1])
    found = np.zeros(slab.shape[1:], dtype=slab.dtype)
    most, total = np.zeros(found.shape), np.zeros(found.shape)
    for label in np.unique(slab[slab > 0]) if slab.any() else ():
        share = np.tensordot(weights[rows], slab == label, axes=1)
        found[share > most] = label
        most, total = np.maximum(most, share), total + share
    found[total < 0.5] = 0
    return found


def choose_slices(
    tumor_area: ArrayLike, organ_area: ArrayLike, n: int = N_SLICES
) -> tuple[int, ...]:
    """The published rule: the slices with the most tumor; where there is none, with the most organ.

    Where fewer than ``n`` slices show tumor, those with the most organ fill up. Of equal slices the
    lower one goes first.

    Args:
        tumor_area, organ_area: (s,) of each slice, in one unit.
        n: how many.

    Returns:
        n positions (fewer where there are fewer slices), from the feet up.

    Raises:
        InputError: shapes differ, or there is no slice.
    """
    tumor, organ = np.asarray(tumor_area, dtype=float), np.asarray(organ_area, dtype=float)
    if tumor.ndim != 1 or tumor.shape != organ.shape or not tumor.size:
        raise InputError("areas must be one number a slice, of both alike", source="slices")
    order = np.lexsort((np.arange(tumor.size), -organ, -tumor))
    return tuple(sorted(int(k) for k in order[:n]))


def choose_organ_slices(
    volume: Volume, organ: LabelMap, lesions: LabelMap, n: int = N_SLICES
) -> tuple[int, ...]:
    """:func:`choose_slices` of a series with its outlines (label 0 is none)."""
    _check(volume, organ, lesions)
    cell = volume.pixel_area_cm2
    return choose_slices(
        (lesions.voxels > 0).sum((1, 2)) * cell, (organ.voxels > 0).sum((1, 2)) * cell, n
    )


def take_slices(
    volume: Volume, organ: LabelMap, lesions: LabelMap, chosen: Sequence[int]
) -> OrganSlices:
    """The chosen slices of a canonical series.

    Raises:
        GeometryMismatchError: an outline is on another grid.
        InputError: no slice is chosen, or one is not there.
    """
    _check(volume, organ, lesions)
    wrong = [k for k in chosen if not 0 <= k < volume.shape[0]]
    if wrong or not chosen:
        raise InputError(
            f"slice {wrong[0]} is not there" if wrong else "no slice is chosen", source="slices",
            remedy=f"choose slices from 0 to {volume.shape[0] - 1}",
        )  # fmt: skip
    rows = list(chosen)
    _, dy, dx = volume.spacing_mm
    drawn = lesions.voxels[rows]
    return OrganSlices(
        volume.voxels[rows].astype(np.float32),
        (organ.voxels[rows] > 0) | (drawn > 0),
        drawn.astype(np.int32),
        (dy, dx),
        tuple(rows),
    )


def slice_pictures(
    slices: OrganSlices, window: IntensityWindow, pixels: int = PICTURE_PIXELS
) -> NDArray[np.float32]:
    """What the network sees: windowed, resized, each slice with mean 0 and standard deviation 1.

    Args:
        slices: of one organ. window: see :data:`WINDOWS`.
        pixels: rows and columns of a picture; the whole slice is shrunk to it.

    Returns:
        (:data:`N_SLICES`, pixels, pixels); where there are fewer slices the last one is repeated.
    """
    import torch
    from torch.nn.functional import interpolate

    seen = np.clip(slices.intensity_hu, window.low_hu, window.high_hu).astype(np.float32)
    small = interpolate(
        torch.from_numpy(np.ascontiguousarray(seen))[:, None], size=(pixels, pixels),
        mode="bilinear", antialias=True, align_corners=False,
    )[:, 0].numpy()  # fmt: skip
    mean = small.mean((1, 2), keepdims=True)
    spread = small.std((1, 2), keepdims=True)
    found = (small - mean) / np.maximum(spread, 1e-6)
    return np.asarray(found[[min(k, len(found) - 1) for k in range(N_SLICES)]], dtype=np.float32)


def slice_outlines(
    slices: OrganSlices, pixels: int = PICTURE_PIXELS
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tumors and organ on the pictures of :func:`slice_pictures`, each (:data:`N_SLICES`, pixels, pixels)."""
    rows, columns = slices.intensity_hu.shape[1:]
    down = np.minimum(((np.arange(pixels) + 0.5) * rows / pixels).astype(int), rows - 1)
    across = np.minimum(((np.arange(pixels) + 0.5) * columns / pixels).astype(int), columns - 1)
    kept = [min(k, len(slices.slice_index) - 1) for k in range(N_SLICES)]
    place = np.ix_(kept, down, across)
    return np.asarray(slices.lesions[place] > 0), np.asarray(slices.organ[place])


def _check(volume: Volume, organ: LabelMap, lesions: LabelMap) -> None:
    for outline in (organ, lesions):
        check_same_geometry(volume, outline)
