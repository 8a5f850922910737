"""Longest diameters in the axial plane from outlines, and lesions matched between two scans.

A pixel is a square with an extent: diameters run between outer corners of pixels, not between their
centers, so that one pixel has a length (its diagonal). A round lesion measures about 1.2 pixels more
than the circle that was outlined, because some pair of corners always sticks out. Features of
:mod:`hccsurv_core.features.radiomics.shape` end halfway between pixels, as PyRadiomics' do, and know
neither slice nor end points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.features.recist_lesions import LIVER, SIZES, LesionSizes
from hccsurv_core.volume import LabelMap

#: Lesions are numbered from 1 on; more than this is no map of lesions.
LARGEST_LABEL = 10_000
#: A viable diameter may leave what enhances for so many pixels at a stretch, and no more.
GAP_PIXELS = 2

Point = tuple[float, float]


@dataclass(frozen=True)
class AxialDiameter:
    """The longest diameter of one lesion.

    Args:
        label: the lesion's number.
        length_mm: the diameter.
        slice_index: where it lies, from the feet up (in canonical orientation).
        ends: its two ends as (row, column) of that slice, in canonical orientation; centers of
            pixels are whole numbers, their corners halves.
        ends_mm: the same in LPS mm.
    """

    label: int
    length_mm: float
    slice_index: int
    ends: tuple[Point, Point]
    ends_mm: tuple[tuple[float, ...], tuple[float, ...]]

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return self.__dict__ | {
            "ends": [list(end) for end in self.ends],
            "ends_mm": [list(end) for end in self.ends_mm],
        }


@dataclass(frozen=True, eq=False)
class MeasuredLesions:
    """Lesions of two scans.

    Args:
        lesions: in the order of their numbers.
        diameters: name of a size, as in :data:`~hccsurv_core.features.recist_lesions.SIZES`, to
            number to the diameter, for drawing.
    """

    lesions: tuple[LesionSizes, ...]
    diameters: Mapping[str, Mapping[int, AxialDiameter]]


def measure_lesions(
    baseline: LabelMap,
    followup: LabelMap | None = None,
    *,
    viable_baseline: LabelMap | None = None,
    viable_followup: LabelMap | None = None,
    organ: str = LIVER,
    organs: Mapping[int, str] | None = None,
) -> MeasuredLesions:
    """Sizes of every lesion, matched by number: one that only the follow-up has is new.

    Args:
        baseline, followup: a label a lesion, whole; None is no follow-up. Their grids may differ.
        viable_baseline, viable_followup: the same numbers on what enhances in the arterial phase; a
            lesion without such a label does not enhance. None is not known.
        organs: number to organ. organ: of every lesion that it does not name.

    Raises:
        InputError: a number is negative or above 10,000, what is viable has a number that no lesion
            has, or a lesion is a lymph node, whose short axis is not measured.
        GeometryError: a grid is too oblique to tell its axes.
    """
    maps = dict(zip(SIZES, (baseline, followup, viable_baseline, viable_followup), strict=True))
    found = {
        name: axial_diameters(one, inside=name.startswith("viable"))
        for name, one in maps.items()
        if one is not None
    }
    numbers = sorted({*found["baseline_mm"], *found.get("followup_mm", {})})
    _check_viable(found, numbers)
    names = {**((followup.names if followup else None) or {}), **(baseline.names or {})}
    distinct = len({names.get(n) for n in numbers} - {None}) == len(numbers)
    lesions = []
    for number in numbers:
        name = names[number] if distinct else f"lesion {number}"
        lesions.append(_lesion(number, name, (organs or {}).get(number, organ), found))
    return MeasuredLesions(tuple(lesions), found)


def _lesion(
    number: int, name: str, organ: str, found: Mapping[str, Mapping[int, AxialDiameter]]
) -> LesionSizes:
    mm = {size: at[number].length_mm if number in at else 0.0 for size, at in found.items()}
    lesion = LesionSizes(
        name,
        organ,
        baseline_mm=mm["baseline_mm"],
        followup_mm=mm.get("followup_mm"),
        viable_baseline_mm=mm.get("viable_baseline_mm"),
        viable_followup_mm=mm.get("viable_followup_mm"),
        label=number,
    )
    if lesion.is_node:
        raise InputError(
            "a lymph node is measured in its short axis, which outlines do not give here",
            source=name,
            remedy="give its diameters in a table",
        )
    return lesion


def _check_viable(found: Mapping[str, Mapping[int, AxialDiameter]], numbers: Sequence[int]) -> None:
    for size, at in found.items():
        stray = sorted(set(at) - set(numbers))
        if stray:
            raise InputError(
                f"label {stray[0]} is on no lesion",
                source=f"mask of {size.removesuffix('_mm').replace('_', ' tumor at ')}",
                remedy="give what enhances the number of its lesion",
            )


def axial_diameters(labels: LabelMap, *, inside: bool = False) -> dict[int, AxialDiameter]:
    """The longest axial diameter of each label.

    Args:
        labels: a label a lesion, in any orientation: it is turned to the canonical one.
        inside: the diameter may not leave the label for more than two pixels at a stretch: mRECIST
            asks that of viable tumor, which may ring a necrosis. Otherwise it may, as from tip to
            tip of a crescent.

    Returns:
        Number to diameter.

    Raises:
        InputError: a number is negative or above 10,000.
        GeometryError: the grid is too oblique to tell its axes.
    """
    from scipy.ndimage import find_objects

    checked_labels(labels)
    upright = labels if labels.is_canonical else labels.to_canonical()
    # Steps along (row, column) in mm, whatever angle the axes have.
    steps = upright.affine[:3, [1, 0]]
    found = {}
    for number, box in enumerate(find_objects(upright.voxels), start=1):
        if box is not None:
            k, ends, length = _longest(upright.voxels[box] == number, steps, inside)
            corner = np.array([box[1].start, box[2].start])
            found[number] = _diameter(upright, number, box[0].start + k, ends + corner, length)
    return found


def checked_labels(labels: LabelMap) -> None:
    """Check that the labels can be lesions' numbers.

    Raises:
        InputError: a number is negative or above 10,000.
    """
    low, high = int(labels.voxels.min()), int(labels.voxels.max())
    if low < 0 or high > LARGEST_LABEL:
        raise InputError(
            f"label {low if low < 0 else high} is no lesion's number",
            source="lesion mask",
            remedy=f"number lesions from 1 to {LARGEST_LABEL:,}, background is 0",
        )


def _diameter(
    grid: LabelMap, number: int, k: int, ends: NDArray[np.float64], length: float
) -> AxialDiameter:
    world = grid.index_to_world(np.column_stack([[k, k], ends]))
    (a, b), (p, q) = ends.tolist(), world.tolist()
    return AxialDiameter(number, length, int(k), (tuple(a), tuple(b)), (tuple(p), tuple(q)))


def _longest(
    mask: NDArray[np.bool_], steps: NDArray[np.float64], inside: bool
) -> tuple[int, NDArray[np.float64], float]:
    """Slice, both ends (2, 2) as (row, column), and length in mm of the longest diameter.

    Args:
        mask: (slices, rows, columns), a lesion's bounding box.
        steps: mm along (row, column), (3, 2).
    """
    metric = steps.T @ steps
    best, at, ends = 0.0, 0, np.zeros((2, 2))
    for k, plane in enumerate(mask):
        if not plane.any():
            continue
        found, pair = _chord(plane, metric, best) if inside else _across(plane, metric)
        if found > best:
            best, at, ends = found, k, pair
    return at, ends, math.sqrt(best)


def _across(
    plane: NDArray[np.bool_], metric: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """The squared distance, mm², between the two outer corners that lie farthest apart."""
    from scipy.spatial import ConvexHull

    rows = np.flatnonzero(plane.any(axis=1))
    first = plane[rows].argmax(axis=1) - 0.5
    last = plane.shape[1] - 0.5 - plane[rows, ::-1].argmax(axis=1)
    corners: NDArray[np.float64] = np.concatenate(
        [
            np.column_stack([rows + half, columns])
            for half in (-0.5, 0.5)
            for columns in (first, last)
        ]
    ).astype(np.float64)
    # Four corners of a pixel span a plane: there is always a hull.
    corners = corners[ConvexHull(corners).vertices]
    gaps = corners[:, None] - corners[None]
    squared = np.einsum("abi,ij,abj->ab", gaps, metric, gaps)
    a, b = np.unravel_index(int(squared.argmax()), squared.shape)
    return float(squared[a, b]), np.array([corners[a], corners[b]])


def _chord(
    plane: NDArray[np.bool_], metric: NDArray[np.float64], least: float
) -> tuple[float, NDArray[np.float64]]:
    """As :func:`_across`, between corners whose straight way stays within the plane's pixels."""
    from scipy.ndimage import binary_dilation

    padded = np.pad(plane, 2)
    around = sum(
        padded[1 + r : padded.shape[0] + r, 1 + c : padded.shape[1] + c].astype(np.int8)
        for r in (-1, 0)
        for c in (-1, 0)
    )
    # Corners that stick out have one pixel of the region about them; a way from elsewhere is shorter.
    corners = np.argwhere(around == 1) + 0.5
    # From here every way out of the hole is longer than a gap may be.
    deep = ~binary_dilation(padded, np.ones((2 * GAP_PIXELS + 1,) * 2, dtype=bool))
    found, a, b = _longest_way(corners, padded, deep, metric, least, GAP_PIXELS)
    return float(found), np.array([corners[a], corners[b]], dtype=np.float64) - 2.0


@njit(cache=True, nogil=True)
def _longest_way(places, inside, deep, metric, least, gap):
    """The longest straight way between two places that leaves ``inside`` for short gaps only.

    Args:
        places: (n, 2), (row, column). inside, deep: bool (rows, columns); no way leads through deep.
        metric: (2, 2), mm² of a step. least: shorter ones (squared) are not looked at.
        gap: pixels.

    Returns:
        Squared length, and the two places; (least, 0, 0) where none is longer.
    """
    best, first, second = least, 0, 0
    for a in range(len(places)):
        for b in range(a):
            down = places[b, 0] - places[a, 0]
            right = places[b, 1] - places[a, 1]
            squared = (
                metric[0, 0] * down * down
                + 2 * metric[0, 1] * down * right
                + metric[1, 1] * right * right
            )
            if squared > best and _passes(places[a], down, right, inside, deep, gap):
                best, first, second = squared, a, b
    return best, first, second


@njit(cache=True, nogil=True)
def _passes(start, down, right, inside, deep, gap):
    """Whether a way is nowhere outside for more than ``gap`` pixels at a stretch."""
    # Most ways that fail do so in the middle of a hole: seven looks spare the walk.
    for part in (4, 2, 6, 1, 3, 5, 7):
        row = int(np.floor(start[0] + down * part / 8 + 0.5))
        if deep[row, int(np.floor(start[1] + right * part / 8 + 0.5))]:
            return False
    # Two steps a pixel.
    n = int(np.ceil(2 * max(abs(down), abs(right))))
    outside = 0
    for s in range(1, n):
        row = int(np.floor(start[0] + down * s / n + 0.5))
        if inside[row, int(np.floor(start[1] + right * s / n + 0.5))]:
            outside = 0
        else:
            outside += 1
            if outside > 2 * gap:
                return False
    return True
