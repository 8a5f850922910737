"""By how much a lesion lies elsewhere in a second contrast phase, from its outlines in both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.volume import Volume

#: Breathing moves the liver by up to this along the body, mm.
_BREATH_MM = 24.0
#: A displacement along the body must explain this share of the outlines' difference per slice of it:
#: a reader who adds or drops an end slice has moved nothing.
_COST_PER_SLICE = 0.04

Outlined = tuple[Volume, NDArray[np.bool_]]


def line_mm(volume: Volume, axis: int) -> NDArray[np.float64]:
    """World positions of the indices along an axis of (slice, row, column), mm."""
    first = float(volume.affine[2 - axis, 3])
    steps = np.arange(volume.shape[axis], dtype=np.float64)
    return np.asarray(first + volume.spacing_mm[axis] * steps, dtype=np.float64)


def lesion_shift_mm(first: Outlined, second: Outlined) -> tuple[float, float, float]:
    """Displacement (slice, row, column) that takes the first outline to the second, mm.

    Along the body the areas on the slices are matched (both ends of a lesion may lie beyond the
    scan); in plane the middles of the outlines are, on the slices that match.
    """
    along = _along_body_mm(first, second)
    z, z_second = line_mm(first[0], 0), line_mm(second[0], 0) - along
    # Each slice of the first with its nearest of the second.
    nearest = np.abs(z_second[None] - z[:, None]).argmin(axis=1)
    pair = (first, second)
    moves: list[NDArray[np.float64]] = []
    weights: list[int] = []
    for k, other in enumerate(nearest):
        planes = [
            np.asarray(mask[at], dtype=np.bool_)
            for (_, mask), at in zip(pair, (k, other), strict=True)
        ]
        if all(plane.any() for plane in planes):
            one, two = (_middle_mm(v, plane) for (v, _), plane in zip(pair, planes, strict=True))
            moves.append(two - one)
            weights.append(min(int(np.count_nonzero(plane)) for plane in planes))
    if not moves:
        whole = [
            _middle_mm(volume, np.asarray(mask.any(axis=0), dtype=np.bool_))
            for volume, mask in pair
        ]
        moves, weights = [whole[1] - whole[0]], [1]
    row, column = np.average(moves, axis=0, weights=weights)
    return along, float(row), float(column)


def _middle_mm(volume: Volume, plane: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Middle (row, column) of an outline, mm."""
    return np.array(
        [
            plane.sum(axis=2 - axis) @ line_mm(volume, axis) / np.count_nonzero(plane)
            for axis in (1, 2)
        ]
    )


def _along_body_mm(first: Outlined, second: Outlined) -> float:
    lines = [line_mm(volume, 0) for volume, _ in (first, second)]
    areas = [mask.sum(axis=(1, 2)) * volume.pixel_area_cm2 for volume, mask in (first, second)]
    thick = max(volume.spacing_mm[0] for volume, _ in (first, second))
    best, shift = np.inf, 0.0
    for tried in sorted(np.arange(-_BREATH_MM, _BREATH_MM + 1.0), key=abs):
        moved = lines[1] - tried
        shared = (lines[0] >= moved[0] - 0.01) & (lines[0] <= moved[-1] + 0.01)
        if not areas[0][shared].any():
            continue
        other = np.interp(lines[0][shared], moved, areas[1])
        total = areas[0][shared] + other
        cost = np.abs(areas[0][shared] - other).sum() / max(total.sum(), 1e-9)
        # What lies in slices that do not overlap cannot be compared: no gain from hiding there.
        cost += 0.5 * (1 - areas[0][shared].sum() / areas[0].sum())
        cost += _COST_PER_SLICE * abs(tried) / thick
        if cost < best - 1e-9:
            best, shift = cost, float(tried)
    return shift
