"""An outline on one slice that can be moved by fractions of a pixel, and what it then encloses.

What is moved is the line round a muscle as somebody drew it, not the border of the pixels that
count. Fat streaks inside the line do not count before and do not count afterwards, and no line
runs round them. Only the strip between the old line and the new one is looked at:

* what the line gains counts where its attenuation is the structure's (−29 to 150 HU), and is
  neither bone, with its marrow and its blurred rim, nor brighter than this muscle by so much that
  the border is plain (an enhanced organ or vessel), nor the other psoas;
* what it loses counts where it counted before.

So a line that is drawn a little wide in fat gains nothing, as with a reader who paints through a
window of attenuation. Areas are exact to a fraction of a pixel: each pixel of the strip counts by
the share of it that the line has passed over. The change is added to what the mask's own pixels
give; where nothing is moved, that is the measured value itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.spatial import cKDTree

from hccsurv_core.roi.editing import STRUCTURE_HU

#: Clefts of fat up to twice this wide, and gaps up to this size, lie inside the drawn line.
#: Our choice: a reader does not draw round them.
CLEFT_MM, GAP_CM2 = 2.0, 0.3
#: Bone: its rim reaches this far, and is brighter than muscle by this many standard deviations.
_RIM_MM, _RIM_SD = 1.5, 2.0
#: A neighbor whose attenuation over this distance is above the muscle's by this many standard
#: deviations of a pixel has a border that is plain to see.
_PLAIN_MM, _PLAIN_SD = 1.5, 2.5
#: Muscle without noise is still not told from its like, HU.
_LEAST_SD_HU = 8.0
#: Width of the smoothing that turns a mask's staircase into a line, pixels.
_SMOOTH_PIXELS = 1.0
#: Distance between the points that stand for the line, pixels.
_POINT_PIXELS = 0.1


@dataclass(frozen=True)
class Change:
    """What a moved outline adds to a structure; negative where it takes away.

    Args:
        pixels: number of pixels, with fractions.
        sum_hu: sum of their attenuation, HU.
    """

    pixels: float
    sum_hu: float

    def __add__(self, other: Change) -> Change:
        """Both together."""
        return Change(self.pixels + other.pixels, self.sum_hu + other.sum_hu)


@dataclass(frozen=True, eq=False)
class DrawnOutline:
    """The line round one structure on one slice, and the tissue on both sides of it.

    Args:
        signed_mm: (rows, columns) distance from the line, negative inside; only right in the band.
        band: (n,) flat indices of the pixels near the line.
        gain_hu: (n,) attenuation of what a line that passes outwards there takes in; NaN where it
            does not count.
        loss_hu: (n,) of what it gives up where it passes inwards; NaN where it never counted.
        pixel_mm: (row, column).
        reach_mm: the line may be moved as far as this.
    """

    signed_mm: NDArray[np.float64]
    band: NDArray[np.intp]
    gain_hu: NDArray[np.float64]
    loss_hu: NDArray[np.float64]
    pixel_mm: tuple[float, float]
    reach_mm: float

    def widened(self, by_mm: float) -> Change:
        """The line everywhere outwards by ``by_mm``; inwards where it is negative."""
        return self._changed_to(self.signed_mm.flat[self.band] - by_mm)

    def shifted(self, down_mm: float, right_mm: float) -> Change:
        """The line moved as a whole, by mm along the rows' and the columns' axis."""
        rows, columns = np.unravel_index(self.band, self.signed_mm.shape)
        places = (rows - down_mm / self.pixel_mm[0], columns - right_mm / self.pixel_mm[1])
        return self._changed_to(
            ndi.map_coordinates(self.signed_mm, places, order=1, mode="nearest")
        )

    def _changed_to(self, signed_mm: NDArray[np.float64]) -> Change:
        width = float(np.sqrt(self.pixel_mm[0] * self.pixel_mm[1]))
        before = np.clip(0.5 - self.signed_mm.flat[self.band] / width, 0.0, 1.0)
        passed = np.clip(0.5 - signed_mm / width, 0.0, 1.0) - before
        pixels = sum_hu = 0.0
        for share, hu in (
            (np.maximum(passed, 0), self.gain_hu),
            (np.minimum(passed, 0), self.loss_hu),
        ):
            counts = np.isfinite(hu)
            pixels += float(share[counts].sum())
            sum_hu += float((share[counts] * hu[counts]).sum())
        return Change(pixels, sum_hu)


def draw_outline(
    mask: NDArray[np.bool_],
    image: NDArray,
    pixel_mm: tuple[float, float],
    *,
    reach_mm: float,
    structure: str = "muscle",
    closed_to: NDArray[np.bool_] | None = None,
) -> DrawnOutline | None:
    """The line round a structure's pixels, ready to be moved; None where there are none.

    Args:
        mask: (rows, columns) the pixels that count.
        image: (rows, columns) HU.
        pixel_mm: size of a pixel along (row, column).
        reach_mm: how far the line is going to be moved.
        structure: whose attenuation counts (:data:`~hccsurv_core.roi.editing.STRUCTURE_HU`).
        closed_to: pixels that the line can never gain (the other psoas).
    """
    if not mask.any():
        return None
    margin = reach_mm + CLEFT_MM + 4 * max(pixel_mm)
    box = _box(mask, tuple(int(np.ceil(margin / mm)) + 1 for mm in pixel_mm))
    mask, hu = mask[box], image[box].astype(np.float64)
    limits = STRUCTURE_HU[structure]
    inside = _within_line(mask, hu < limits[0], pixel_mm)
    signed, near = _signed_distance(inside, pixel_mm, reach_mm + 4 * max(pixel_mm))
    band = np.flatnonzero(near)
    never = _never_muscle(mask, hu, pixel_mm)
    if closed_to is not None:
        never |= closed_to[box]
    counted = (hu >= limits[0]) & (hu <= limits[1]) & ~never
    gain = _borrowed(np.where(counted, hu, np.nan), inside, signed, pixel_mm)
    loss = _borrowed(np.where(mask, hu, np.nan), ~inside, signed, pixel_mm)
    return DrawnOutline(signed, band, gain.flat[band], loss.flat[band], pixel_mm, reach_mm)


def _box(mask: NDArray[np.bool_], margin: tuple[int, ...]) -> tuple[slice, slice]:
    """Where the mask lies, with a margin, inside the picture."""
    found = []
    for axis in (0, 1):
        filled = np.flatnonzero(mask.any(axis=1 - axis))
        low = max(0, int(filled[0]) - margin[axis])
        found.append(slice(low, int(filled[-1]) + margin[axis] + 1))
    return found[0], found[1]


def _within_line(
    mask: NDArray[np.bool_], fat: NDArray[np.bool_], pixel_mm: tuple[float, float]
) -> NDArray[np.bool_]:
    """The mask with the clefts of fat and the small gaps that lie inside the line drawn round it."""
    padded = np.pad(mask, 1 + int(np.ceil(2 * CLEFT_MM / min(pixel_mm))))
    grown = ndi.distance_transform_edt(~padded, sampling=pixel_mm) <= CLEFT_MM
    closed = ndi.distance_transform_edt(grown, sampling=pixel_mm) > CLEFT_MM
    cut = (padded.shape[0] - mask.shape[0]) // 2
    inside = mask | (closed[cut:-cut, cut:-cut] & fat)
    labels, _ = ndi.label(~inside)
    sizes = np.bincount(labels.ravel())
    small = sizes * pixel_mm[0] * pixel_mm[1] / 100 < GAP_CM2
    small[0] = False
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    small[edge] = False  # what reaches the picture's edge is outside, however little of it is seen
    return inside | small[labels]


def _signed_distance(
    inside: NDArray[np.bool_], pixel_mm: tuple[float, float], reach_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Distance of each pixel's center from the smooth line, mm, and which pixels lie near it.

    Further away than ``reach_mm`` it is that.
    """
    from skimage.measure import find_contours

    # Beyond the picture's edge the tissue goes on as at the edge: nothing ends there by itself.
    smooth = ndi.gaussian_filter(inside.astype(np.float64), _SMOOTH_PIXELS, mode="nearest")
    near = ndi.distance_transform_edt(inside, sampling=pixel_mm) <= reach_mm
    near &= ndi.distance_transform_edt(~inside, sampling=pixel_mm) <= reach_mm
    signed = np.where(smooth >= 0.5, -reach_mm, reach_mm)
    lines = [_points_along(line) for line in find_contours(smooth, 0.5)]
    if not lines:  # nothing is broad enough to have a line of its own
        return signed, np.zeros_like(near)
    tree = cKDTree(np.concatenate(lines) * pixel_mm)
    at = np.argwhere(near)
    distance, _ = tree.query(at * np.asarray(pixel_mm))
    signed[near] = np.minimum(distance, reach_mm) * np.where(smooth[near] >= 0.5, -1.0, 1.0)
    return signed, near


def _points_along(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points close to each other along a polygon, in pixels."""
    passed = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.linspace(0.0, passed[-1], max(2, int(passed[-1] / _POINT_PIXELS)))
    return np.stack([np.interp(at, passed, line[:, axis]) for axis in (0, 1)], axis=1)


def _never_muscle(
    mask: NDArray[np.bool_], hu: NDArray[np.float64], pixel_mm: tuple[float, float]
) -> NDArray[np.bool_]:
    """Bone with marrow and rim, and neighbors so bright that nobody takes them for this muscle."""
    mean, sd = float(hu[mask].mean()), max(float(hu[mask].std()), _LEAST_SD_HU)
    bone = hu > STRUCTURE_HU["muscle"][1]
    steps = max(1, round(_RIM_MM / max(pixel_mm)))
    filled = ndi.binary_fill_holes(ndi.binary_closing(bone, iterations=steps)) | bone
    beside = ndi.distance_transform_edt(~bone, sampling=pixel_mm) <= _RIM_MM
    if not bone.any():
        beside[:] = False
    smooth = ndi.gaussian_filter(hu, [_PLAIN_MM / mm for mm in pixel_mm], mode="nearest")
    plain = smooth > mean + _PLAIN_SD * sd
    return filled | (beside & (hu > mean + _RIM_SD * sd)) | plain


def _borrowed(
    hu: NDArray[np.float64],
    taken: NDArray[np.bool_],
    signed_mm: NDArray[np.float64],
    pixel_mm: tuple[float, float],
) -> NDArray[np.float64]:
    """``hu``, and on the pixels ``taken`` that the line cuts, the value of the nearest free one.

    A mask's pixels stand out of the smooth line like teeth, and leave gaps in it. The strip that the
    line passes over is as broad there as elsewhere; what lies in it is what lies next to the tooth.
    """
    if taken.all():
        return np.full_like(hu, np.nan)
    nearest = ndi.distance_transform_edt(
        taken, sampling=pixel_mm, return_distances=False, return_indices=True
    )
    filled = hu[tuple(nearest)]
    too_far = taken & (np.abs(signed_mm) > max(pixel_mm))
    return np.where(too_far, np.nan, filled)
