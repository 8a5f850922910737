"""Slices between drawn slices, filled by shape-based interpolation.

Each drawn outline becomes a map of signed distances to it (positive inside); between two drawn
slices the maps are mixed linearly, and what is positive is inside: Raya SP, Udupa JK,
"Shape-based interpolation of multidimensional objects", IEEE Trans Med Imaging 9:32-42, 1990,
[10.1109/42.52980](https://doi.org/10.1109/42.52980). Two outlines that barely overlap, as those of
an oblique vessel, would leave nothing in between; so both are moved onto the straight line between
their centroids first. Pieces are taken one by one: each goes to the pieces of the next slice that
it overlaps, or to its nearest neighbor; one that goes nowhere tapers off.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.checks import checked_number
from hccsurv_core.errors import SegmentationError

#: Pieces that do not overlap belong together up to this many times the sum of their radii.
_REACH = 2.0
#: Distances nearer to the outline than this (mm) are on it: rounding.
_ON_THE_LINE_MM = 1e-9


def interpolate_slices(
    masks: NDArray[np.bool_], *, pixel_mm: tuple[float, float] = (1.0, 1.0)
) -> NDArray[np.bool_]:
    """Fill the empty slices between drawn ones.

    Args:
        masks: boolean (slices, rows, columns); slices are evenly spaced. A slice is drawn where
            any pixel is set.
        pixel_mm: distance between rows and between columns, mm; only their ratio matters.

    Returns:
        A new array. Drawn slices are as they were; so are slices below the first and above the
        last drawn one.

    Raises:
        SegmentationError: not a 3-D mask, or fewer than two drawn slices.
        InputError: a pixel's size is not a positive number.
    """
    stack = np.asarray(masks)
    if stack.dtype != bool or stack.ndim != 3:
        raise SegmentationError(
            f"a 3-D mask of true and false is needed, got {stack.ndim}-D {stack.dtype}"
        )
    for size in pixel_mm:
        checked_number(size, "pixel_mm", low=1e-6)
    drawn = np.flatnonzero(stack.any(axis=(1, 2)))
    if len(drawn) < 2:
        raise SegmentationError(
            f"two drawn slices are needed to fill those between them, got {len(drawn)}",
            remedy="draw the region on another slice too",
        )
    filled = stack.copy()
    for below, above in pairwise(drawn.tolist()):
        if above - below > 1:
            shares = np.arange(1, above - below) / (above - below)
            between = _between(stack[below], stack[above], shares, pixel_mm)
            filled[below + 1 : above] = between
    return filled


@dataclass(frozen=True, eq=False)
class _Piece:
    """One connected piece of a slice: its pixels' label, centroid and equivalent radius, mm."""

    label: int
    centroid: NDArray[np.float64]
    radius: float


def _between(
    below: NDArray[np.bool_],
    above: NDArray[np.bool_],
    shares: NDArray[np.float64],
    pixel_mm: tuple[float, float],
) -> NDArray[np.bool_]:
    """Masks at the given shares of the way from one slice to another."""
    from scipy import ndimage as ndi

    eight = np.ones((3, 3))
    labels = [ndi.label(mask, eight)[0] for mask in (below, above)]
    pieces = [_pieces(found, pixel_mm) for found in labels]
    filled = np.zeros((len(shares), *below.shape), dtype=bool)
    for first, second in _groups(labels, pieces):
        ends = [np.isin(labels[0], first), np.isin(labels[1], second)]
        if first and second:
            _fill_pair(filled, ends[0], ends[1], shares, pixel_mm)
        elif first:
            _fill_taper(filled, ends[0], shares, pixel_mm)
        else:
            _fill_taper(filled, ends[1], 1 - shares, pixel_mm)
    return filled


def _pieces(labels: NDArray[np.intp], pixel_mm: tuple[float, float]) -> list[_Piece]:
    found = []
    for label in range(1, int(labels.max()) + 1):
        pixels = np.argwhere(labels == label) * np.asarray(pixel_mm)
        area = len(pixels) * pixel_mm[0] * pixel_mm[1]
        found.append(_Piece(label, pixels.mean(axis=0), float(np.sqrt(area / np.pi))))
    return found


def _groups(
    labels: list[NDArray[np.intp]], pieces: list[list[_Piece]]
) -> list[tuple[list[int], list[int]]]:
    """Pieces below and above that become each other: all that overlap, directly or in a chain."""
    both = (labels[0] > 0) & (labels[1] > 0)
    links = {(int(a), int(b)) for a, b in zip(labels[0][both], labels[1][both], strict=True)}
    links |= _nearest(pieces, links)
    groups: list[tuple[set[int], set[int]]] = []
    for a, b in sorted(links):
        joined: tuple[set[int], set[int]] = ({a}, {b})
        apart = []
        for group in groups:
            if a in group[0] or b in group[1]:
                joined = (joined[0] | group[0], joined[1] | group[1])
            else:
                apart.append(group)
        groups = [*apart, joined]
    for piece in pieces[0]:
        if not any(piece.label in group[0] for group in groups):
            groups.append(({piece.label}, set()))
    for piece in pieces[1]:
        if not any(piece.label in group[1] for group in groups):
            groups.append((set(), {piece.label}))
    return [(sorted(first), sorted(second)) for first, second in groups]


def _nearest(pieces: list[list[_Piece]], links: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Pairs among the pieces without a partner: each the other's nearest, and not far away.

    The only piece of a slice and the only one of the next belong together however far apart:
    somebody drew both as one structure.
    """
    if len(pieces[0]) == len(pieces[1]) == 1:
        return {(1, 1)}
    alone = [
        [p for p in side if all(link[k] != p.label for link in links)]
        for k, side in enumerate(pieces)
    ]
    if not alone[0] or not alone[1]:
        return set()
    gaps = np.array([[np.linalg.norm(a.centroid - b.centroid) for b in alone[1]] for a in alone[0]])
    found = set()
    for i, a in enumerate(alone[0]):
        j = int(gaps[i].argmin())
        b = alone[1][j]
        if int(gaps[:, j].argmin()) == i and gaps[i, j] <= _REACH * (a.radius + b.radius):
            found.add((a.label, b.label))
    return found


def _signed_distance(mask: NDArray[np.bool_], pixel_mm: tuple[float, float]) -> NDArray[np.float64]:
    """Distance to the outline, mm, positive inside. The outline runs between the pixels."""
    from scipy.ndimage import distance_transform_edt

    half = min(pixel_mm) / 2
    inside = distance_transform_edt(mask, sampling=pixel_mm)
    outside = distance_transform_edt(~mask, sampling=pixel_mm)
    return np.where(mask, inside - half, half - outside)


def _fill_pair(
    filled: NDArray[np.bool_],
    below: NDArray[np.bool_],
    above: NDArray[np.bool_],
    shares: NDArray[np.float64],
    pixel_mm: tuple[float, float],
) -> None:
    """Mix two outlines, each moved along the line between their centroids."""
    from scipy import ndimage as ndi

    centers = [np.argwhere(mask).mean(axis=0) for mask in (below, above)]
    step = centers[1] - centers[0]
    # Room for the outlines to move in; a larger one moved all the way may stand out.
    margin = np.ceil(np.abs(step)).astype(int) + 2
    union = np.argwhere(below | above)
    low, high = union.min(axis=0) - margin, union.max(axis=0) + margin + 1
    maps = [_signed_distance(_cut(mask, low, high), pixel_mm) for mask in (below, above)]
    inside = _window(low, high, below.shape)
    for k, share in enumerate(shares):
        first = ndi.shift(maps[0], share * step, order=1, mode="nearest")
        second = ndi.shift(maps[1], (share - 1) * step, order=1, mode="nearest")
        mixed = (1 - share) * first + share * second > _ON_THE_LINE_MM
        filled[k][inside.target] |= mixed[inside.source]


def _fill_taper(
    filled: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    shares: NDArray[np.float64],
    pixel_mm: tuple[float, float],
) -> None:
    """A piece without a counterpart shrinks evenly and is gone where the other slice is."""
    distance = _signed_distance(np.pad(mask, 1), pixel_mm)[1:-1, 1:-1]
    for k, share in enumerate(shares):
        filled[k] |= distance > share * distance.max() + _ON_THE_LINE_MM


@dataclass(frozen=True)
class _Window:
    """Where a cut lies in the picture, and which part of the cut that is."""

    target: tuple[slice, ...]
    source: tuple[slice, ...]


def _window(low: NDArray[np.intp], high: NDArray[np.intp], shape: tuple[int, ...]) -> _Window:
    start, stop = np.maximum(low, 0), np.minimum(high, shape)
    target = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    source = tuple(slice(int(a - o), int(b - o)) for a, b, o in zip(start, stop, low, strict=True))
    return _Window(target, source)


def _cut(
    mask: NDArray[np.bool_], low: NDArray[np.intp], high: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Pixels from ``low`` to ``high``, empty beyond the picture."""
    cut = np.zeros(tuple(high - low), dtype=bool)
    window = _window(low, high, mask.shape)
    cut[window.source] = mask[window.target]
    return cut
