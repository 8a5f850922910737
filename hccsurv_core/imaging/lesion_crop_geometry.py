"""Where a lesion's crops lie in the scans of two phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.crop_grid import CropPlace
from hccsurv_core.imaging.windows import IntensityWindow
from hccsurv_core.volume import Volume

Mask = NDArray[np.bool_]
#: Moving a lesion by its own length must win this share of the overlap. A move that is wrong by d
#: costs an ellipsoid about 1.5 d / length, so the right one is not held back.
_COST = 0.2


class Outlined(Protocol):
    """A canonical volume with a lesion outlined on its grid."""

    @property
    def volume(self) -> Volume: ...
    @property
    def lesion(self) -> Mask: ...


@dataclass(frozen=True)
class PhasePlace(CropPlace):
    """Where crops lie in one phase's scan.

    Args:
        slices: index of each crop's slice.
    """

    slices: tuple[int, ...]

    @classmethod
    def about(cls, volume: Volume, lesion: Mask, slices: Sequence[int]) -> PhasePlace:
        """About the center of area of the outline on the first of ``slices``."""
        _, dy, dx = volume.spacing_mm
        place = CropPlace.about_outline(lesion[slices[0]], (dy, dx))
        return cls(place.middle, place.spacing_mm, place.shape, tuple(map(int, slices)))

    def reach_mm(self, outline: Mask) -> float:
        """How far the outline (all slices of the scan) reaches from the middle in the crops, mm."""
        return super().reach_mm(outline[list(self.slices)])


def blend(
    volume: Volume, slices: Sequence[int], thickness_mm: float, window: IntensityWindow
) -> NDArray[np.float32]:
    """(k, rows, columns) HU cut to the window; slices thinner than ``thickness_mm`` are averaged
    with their neighbors by a triangular kernel of that width at half its height."""
    spacing = volume.spacing_mm[0]
    reach = max(thickness_mm, spacing)
    planes = []
    for k in slices:
        near = np.arange(volume.shape[0])
        weight = np.clip(1 - np.abs(near - k) * spacing / reach, 0, None)
        used = np.flatnonzero(weight > 1e-6)
        part = np.nan_to_num(volume.voxels[used].astype(np.float32), nan=window.low_hu)
        part = np.clip(part, window.low_hu, window.high_hu)
        planes.append(np.tensordot(weight[used] / weight[used].sum(), part, axes=1))
    return np.stack(planes).astype(np.float32)


def matched_slices(
    first: Outlined, second: Outlined, n_slices: int, step_mm: float
) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], float]:
    """Slices of both phases that show the same of the lesion, the largest first.

    Returns:
        the slices of the first and of the second phase, ``n_slices`` each, and by how much the
        second lies higher, mm.

    Raises:
        InputError: the outlines have no slices in common.
    """
    heights = [_heights(p.volume) for p in (first, second)]
    areas = [p.lesion.sum((1, 2)) * p.volume.pixel_area_cm2 for p in (first, second)]
    shift = _shift_mm(heights, areas)
    partner = np.abs(heights[1][None] - (heights[0] + shift)[:, None]).argmin(1)
    both = (areas[0] > 0) & (areas[1][partner] > 0)
    if not both.any():
        raise InputError(
            "the outlines of the two phases do not share a slice",
            source="lesion outlines",
            remedy="outline the same lesion in both phases",
        )
    total = np.where(both, areas[0] + areas[1][partner], -1.0)
    main = int(total.argmax())
    shared = np.flatnonzero(both)
    chosen = []
    for number in range(n_slices):
        # 0, +1, −1, +2, −2 … steps away.
        steps = (number + 1) // 2 * (1 if number % 2 else -1)
        wanted = heights[0][main] + steps * step_mm
        chosen.append(int(shared[np.abs(heights[0][shared] - wanted).argmin()]))
    chosen[0] = main
    return (tuple(chosen), tuple(int(partner[k]) for k in chosen)), shift


def _heights(volume: Volume) -> NDArray[np.float64]:
    return volume.affine[2, 3] + volume.spacing_mm[0] * np.arange(volume.shape[0])


def _shift_mm(heights: list[NDArray[np.float64]], areas: list[NDArray[np.float64]]) -> float:
    """The displacement along the body at which the outlines' areas overlap most.

    A displacement must earn its length: an end slice more or less has moved nothing, and of a
    lesion that is cut off by the scan's end the areas overlap equally well in a range of places.
    """
    outlined = [z[a > 0] for z, a in zip(heights, areas, strict=True)]
    spacing = min(float(z[1] - z[0]) if z.size > 1 else 1.0 for z in heights)
    length = min(float(z[-1] - z[0]) + spacing for z in outlined)
    low, high = outlined[1][0] - outlined[0][-1], outlined[1][-1] - outlined[0][0]
    step = spacing / 2
    tried = np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step
    tried = tried[np.argsort(np.abs(tried), kind="stable")]
    worth = []
    for shift in tried:
        moved = np.interp(heights[0] + shift, heights[1], areas[1], left=0, right=0)
        overlap = np.minimum(areas[0], moved).sum()
        worth.append(overlap / (1 + _COST * abs(shift) / length))
    return float(tried[int(np.argmax(worth))])
