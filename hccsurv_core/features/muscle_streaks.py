"""Fat streaks in muscle at L3: how much fat they hold, how many there are, how long, how coarse.

* **Fat within muscle**: the mean fat fraction inside the muscle's envelope (the outline with the
  gaps closed that its HU limits cut out). A pixel counts once it lies further below lean muscle
  than noise reaches, so that kernels and doses count alike.
* **Number** and **length** of streaks: pieces of what is plainly below lean muscle. The same fat in
  many short streaks is fine, in few long ones coarse.
* **Coherence**: how alike neighbors are in what fat leaves of a pixel that is still muscle. A
  coarse streak has a border to follow, a fine one is a dot.

No one of them tells the streaks' width by itself: thin streaks drown in noise and thick ones touch.
Together they do, and a model may take them for several views of one thing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.features.muscle_parts import MusclePart

#: Attenuation of fat, for fractions.
FAT_HU = -105.0
#: A pixel this far below lean muscle counts as partly fat: it reaches into what a streak thinner
#: than a pixel leaves.
FAINT_HU = 15.0
#: On a streak a pixel lies this far below lean muscle, above all noise (8 to 15 HU).
STREAK_HU = 45.0
#: Distance of neighbors along rows and columns for the coherence; √2 times that on diagonals.
COHERENCE_MM = 1.0
#: Lower limit of what an outline counts as muscle.
_OUTLINE_HU = -29.0
_FEWEST_PIXELS = 50
_DIRECTIONS = ((1, 0), (0, 1), (1, 1), (1, -1))

Slice = tuple[NDArray[np.float32], NDArray[np.bool_]]


def lean_hu(drawn: NDArray[np.float32]) -> float:
    """Median attenuation of what is not visibly fatty among a muscle's pixels; NaN for none."""
    if not drawn.size:
        return math.nan
    return float(np.median(drawn[drawn > np.median(drawn) - 25]))


def fat_share(found: Mapping[str, list[MusclePart]], lean: Mapping[str, float]) -> float:
    """Mean fat fraction within the cores of all parts, by area; NaN where none is large enough."""
    sums = np.zeros(2)
    for name, parts in found.items():
        top = lean[name] - FAINT_HU
        inside = [np.clip((top - p.hu[p.core]) / (top - FAT_HU), 0.0, 1.0) for p in parts]
        pixels = sum(values.size for values in inside)
        if pixels >= _FEWEST_PIXELS:
            sums += pixels, sum(float(values.sum(dtype=np.float64)) for values in inside)
    return float(sums[1] / sums[0]) if sums[0] else math.nan


def streaks_per_cm2(
    found: Mapping[str, list[MusclePart]], lean: Mapping[str, float], pixel_mm: float
) -> float:
    """Separate streaks on an area of core; NaN where no core is large enough.

    One is added to the number, so that muscle without a streak has a logarithm.
    """
    number = pixels = 0
    for name, parts in found.items():
        number += sum(len(streaks) for streaks in _pieces(parts, lean[name]))
        pixels += sum(int(np.count_nonzero(p.core)) for p in parts)
    if pixels < _FEWEST_PIXELS:
        return math.nan
    return (number + 1) / (pixels * pixel_mm**2 / 100)


def log_streak_length(parts: Sequence[MusclePart], lean: float, pixel_mm: float) -> float:
    """Mean logarithm of a streak's length in mm, long streaks counting by their length.

    The length is the diagonal of the streak's box. A streak of one pixel is added, so that muscle
    without any has a value. NaN where the cores are too small to tell.
    """
    if sum(int(np.count_nonzero(p.core)) for p in parts) < _FEWEST_PIXELS:
        return math.nan
    diagonals = [
        math.hypot(rows.stop - rows.start - 1, columns.stop - columns.start - 1) + 1
        for streaks in _pieces(parts, lean)
        for rows, columns in streaks
    ]
    length = pixel_mm * np.array([1.0, *diagonals])
    return float((np.log(length) * length).sum() / length.sum())


def _pieces(parts: Sequence[MusclePart], lean: float) -> list[list[tuple[slice, slice]]]:
    """Of each slice the boxes of its streaks; corners touch."""
    from scipy import ndimage

    return [
        ndimage.find_objects(ndimage.label((p.hu < lean - STREAK_HU) & p.core, np.ones((3, 3)))[0])
        for p in parts
    ]


def coherence(slices: Sequence[Slice], pixel_mm: float) -> float:
    """How alike neighbors are in faint fat, inside an outline that its HU limits cut.

    The correlation of GLCM, at a fixed distance in mm and of the fat fraction between lean muscle
    and the outline's lower limit: high where streaks are coarse. Mean over rows, columns and both
    diagonals; NaN where nothing varies.
    """
    drawn = np.concatenate([image[mask] for image, mask in slices])
    if drawn.size < _FEWEST_PIXELS:
        return math.nan
    top = lean_hu(drawn) - FAINT_HU
    faint = [(np.clip((top - image) / (top - _OUTLINE_HU), 0, 1), m) for image, m in slices]
    found = []
    for direction in _DIRECTIONS:
        # On a diagonal both the step and the distance are √2 times as long.
        weight = min(max(COHERENCE_MM / pixel_mm - 1, 0.0), 1.0)
        near, far = (_correlation(faint, direction, n) for n in (1, 2))
        found.append((1 - weight) * near + weight * far)
    known = [value for value in found if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _correlation(slices: Sequence[Slice], direction: tuple[int, int], n: int) -> float:
    """Of pixels ``n`` steps apart, both inside."""
    pairs: list[tuple[NDArray, NDArray]] = []
    down, aside = direction[0] * n, direction[1] * n
    for image, mask in slices:
        rows, columns = image.shape
        a = (slice(down, rows), slice(max(aside, 0), columns + min(aside, 0)))
        b = (slice(0, rows - down), slice(max(-aside, 0), columns - max(aside, 0)))
        both = mask[a] & mask[b]
        pairs.append((image[a][both], image[b][both]))
    x, y = (np.concatenate([pair[side] for pair in pairs]).astype(np.float64) for side in (0, 1))
    if x.size < _FEWEST_PIXELS or x.std() == 0 or y.std() == 0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])
