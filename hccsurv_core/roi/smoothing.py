"""Tidying a drawn outline: smoother at the same area, without holes, the largest piece only.

All three work on masks of any size, leave an empty mask empty, and know nothing of intensities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hccsurv_core.checks import checked_number
from hccsurv_core.errors import SegmentationError

#: Standard deviation of the blur in units of the radius: dents and bumps of the radius go.
_SIGMA_OF_RADIUS = 0.5
#: A blur reaches this many standard deviations.
_TRUNCATE = 4.0


def smooth_outline(
    mask: NDArray[np.bool_], spacing_mm: tuple[float, float], radius_mm: float
) -> NDArray[np.bool_]:
    """Round off what is finer than a radius, and keep the area.

    Specks and holes smaller than a disk of that radius go first. The mask is then blurred by a
    Gaussian of half the radius, and cut at the level that leaves as many pixels as before: a cut
    at one half would make every convex outline smaller.

    Args:
        mask: boolean (rows, columns).
        spacing_mm: distance between rows and between columns, mm.
        radius_mm: details up to this size are smoothed; 0 changes nothing.

    Returns:
        The smoothed mask. Its area is that of the mask without its specks and holes, to within
        the pixels that share one gray level (a few, and only in symmetrical outlines). The
        largest piece is kept whatever its size; an empty mask stays empty.

    Raises:
        SegmentationError: not a 2-D mask.
        InputError: a spacing is not a positive number, or the radius is not one of 0 or more.
    """
    plane = _checked(mask, 2)
    for spacing in spacing_mm:
        checked_number(spacing, "spacing_mm", low=1e-6)
    radius = checked_number(radius_mm, "radius_mm", low=0.0)
    if radius == 0 or not plane.any():
        return plane.copy()
    from scipy import ndimage as ndi

    smallest = np.pi * radius**2 / (spacing_mm[0] * spacing_mm[1])
    plane = _without_pinholes(_without_specks(plane, smallest), smallest)
    sigma = [_SIGMA_OF_RADIUS * radius / spacing for spacing in spacing_mm]
    reach = [int(np.ceil(_TRUNCATE * s)) + 1 for s in sigma]
    rows, columns = (_extent(np.any(plane, axis=1 - axis), reach[axis]) for axis in (0, 1))
    # Beyond the picture's edge the region goes on as it meets it: an edge is not an outline.
    blurred = ndi.gaussian_filter(
        plane[rows, columns].astype(np.float64), sigma, mode="nearest", truncate=_TRUNCATE
    )
    smooth = np.zeros_like(plane)
    smooth[rows, columns] = _highest(blurred, int(np.count_nonzero(plane)))
    return smooth


def fill_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill what is enclosed; a gap that is open over a corner only counts as closed.

    Args:
        mask: boolean (rows, columns).

    Raises:
        SegmentationError: not a 2-D mask.
    """
    plane = _checked(mask, 2)
    from scipy import ndimage as ndi

    return ndi.binary_fill_holes(plane)


def keep_largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Only the largest connected piece; pixels that meet at a corner are connected.

    Args:
        mask: boolean, two or three axes.

    Returns:
        The piece; of two of the same size the one that comes first. An empty mask stays empty.

    Raises:
        SegmentationError: neither two nor three axes, or no mask.
    """
    whole = _checked(mask, 2, 3)
    from scipy import ndimage as ndi

    labels, n = ndi.label(whole, np.ones((3,) * whole.ndim))
    if n <= 1:
        return whole.copy()
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    return labels == counts.argmax()


def _checked(mask: NDArray[np.bool_], *axes: int) -> NDArray[np.bool_]:
    array = np.asarray(mask)
    if array.dtype != bool or array.ndim not in axes:
        wanted = " or ".join(f"{n}-D" for n in axes)
        raise SegmentationError(
            f"a {wanted} mask of true and false is needed, got {array.ndim}-D {array.dtype}"
        )
    return array


def _without_specks(mask: NDArray[np.bool_], smallest: float) -> NDArray[np.bool_]:
    """Without pieces of fewer pixels than ``smallest``; the largest one stays."""
    from scipy import ndimage as ndi

    labels, n = ndi.label(mask, np.ones((3, 3)))
    if n <= 1:
        return mask
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    kept = counts >= min(smallest, counts.max())
    kept[0] = False
    return kept[labels]


def _without_pinholes(mask: NDArray[np.bool_], smallest: float) -> NDArray[np.bool_]:
    from scipy import ndimage as ndi

    holes, n = ndi.label(fill_holes(mask) & ~mask)
    if n == 0:
        return mask
    small = np.bincount(holes.ravel()) < smallest
    small[0] = False
    return mask | small[holes]


def _extent(line: ArrayLike, margin: int) -> slice:
    inside = np.flatnonzero(line)
    return slice(max(0, int(inside[0]) - margin), int(inside[-1]) + margin + 1)


def _highest(values: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """The ``count`` highest pixels; equal ones come and go together, so that symmetry is kept."""
    # Sums in another order differ in the last digits: what was equal must stay so.
    rounded = np.round(values, 9)
    level = np.partition(rounded.ravel(), -count)[-count]
    with_level, above = rounded >= level, rounded > level
    excess = int(np.count_nonzero(with_level)) - count
    missing = count - int(np.count_nonzero(above))
    return above if missing < excess and above.any() else with_level
