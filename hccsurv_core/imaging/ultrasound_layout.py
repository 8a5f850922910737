"""Where on the screen the fans are: one panel, or two that show the same fan twice.

First by the file's regions (DICOM PS3.3 C.8.5.5), else by the pixels: two parts of the picture
with the same outline at another place are two panels. Which of them shows contrast is decided in
`hccsurv_core.imaging.ultrasound_panels`.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.clip import Clip, Region
from hccsurv_core.imaging.ultrasound_looks import FAINT, Looks, Mask, picture_mask
from hccsurv_core.imaging.ultrasound_sector import fan_shape, filled_columns, fit_sector

#: A region of the file smaller than this share of the screen is no fan.
_MIN_AREA = 0.04
#: Two boxes are twins where their sizes differ by less than this, and alike where so much of their
#: outlines coincides.
_SIZE_APART, _ALIKE = 0.25, 0.7
#: Twins may overlap by this share of their width, share so many of the longer one's rows, and their
#: edges may differ by this share of their width.
_TOUCH, _SHARED_ROWS, _EDGES_APART = 0.15, 0.4, 0.05
#: A seam stands out from the columns beside it by this factor; where it may lie, share of the width.
_SEAM, _SEAM_AT = 2.5, (0.4, 0.6)
#: A panel with less than this share of the other's lit pixels is dark: before the agent arrives.
_DARK = 0.2
#: A lone fan this far in one half of the screen has a dark neighbor, or none.
_HALF = 0.06


@dataclass(frozen=True, eq=False)
class Layout:
    """The fans of a screen.

    Args:
        panels: their boxes, from left to right (or top to bottom); none, one or two. Two have the
            same size.
        fans: (rows, columns of the box) of each, True inside the fan.
        found_by: in words.
        sure: False where a person should look.
    """

    panels: tuple[Region, ...]
    fans: tuple[Mask, ...]
    found_by: str
    sure: bool


_known: weakref.WeakKeyDictionary[Clip, tuple[Looks, Layout]] = weakref.WeakKeyDictionary()


def looks_and_layout(clip: Clip) -> tuple[Looks, Layout]:
    """The screen and its fans; kept as long as the clip is."""
    found = _known.get(clip)
    if found is None:
        looks = Looks.of(clip)
        found = _known[clip] = (looks, find_layout(clip, looks))
    return found


def find_layout(clip: Clip, looks: Looks) -> Layout:
    """Find the fans of a screen.

    Args:
        clip: of which the regions are used.
        looks: of its frames.
    """
    lit = picture_mask(looks)
    told = _file_boxes(clip)
    if len(told) == 2:
        return _with_fans(told, lit, looks, "the file's regions", True)
    boxes, sure = _pixel_boxes(lit, looks)
    if len(told) == 1:
        inside = [_is_inside(box, told[0]) for box in boxes]
        if len(boxes) == 2 and all(inside):
            spaced = [replace(b, spacing_mm=told[0].spacing_mm, kind=told[0].kind) for b in boxes]
            return _with_fans(spaced, lit, looks, "two like fans in the file's one region", sure)
        return _with_fans(told, lit, looks, "the file's region", True)
    calibrated = [calibrated_like(clip, box) for box in boxes]
    if len(boxes) == 2:
        return _with_fans(calibrated, lit, looks, "two like fans in the picture", sure)
    if len(boxes) == 1:
        return _with_fans(calibrated, lit, looks, "one fan in the picture", sure)
    return Layout((), (), "no fan was found", False)


def calibrated_like(clip: Clip, box: Region) -> Region:
    """``box`` with the spacing and kind of the smallest region of the file that holds its middle."""
    row, column = box.top + box.rows / 2, box.left + box.columns / 2
    holding = [
        r
        for r in clip.regions
        if r.spacing_mm is not None
        and r.top <= row < r.top + r.rows
        and r.left <= column < r.left + r.columns
    ]
    if not holding:
        return box
    region = min(holding, key=lambda r: r.rows * r.columns)
    return replace(box, spacing_mm=region.spacing_mm, kind=region.kind)


def _with_fans(
    boxes: Sequence[Region], lit: Mask, looks: Looks, found_by: str, sure: bool
) -> Layout:
    """Two panels of one size share their fan: what is dark in one may be lit in the other."""
    faint = looks.highest > FAINT
    parts = [(lit[box.box], faint[box.box]) for box in boxes]
    if len(parts) == 2 and parts[0][0].shape == parts[1][0].shape:
        (lit_a, faint_a), (lit_b, faint_b) = parts
        lit_pixels = sorted(np.count_nonzero(part) for part in (lit_a, lit_b))
        if lit_pixels[0] < _DARK * lit_pixels[1] or _overlap(lit_a, lit_b) > _ALIKE - 0.2:
            parts = [(lit_a | lit_b, faint_a | faint_b)]
    fans = [fan_shape(p, _aspect(b), f) for (p, f), b in zip(parts, boxes, strict=False)]
    if len(fans) < len(boxes):
        fans *= 2
    shown = [(box, fan) for box, fan in zip(boxes, fans, strict=True) if fan.any()]
    return Layout(
        tuple(b for b, _ in shown), tuple(f for _, f in shown), found_by, sure and len(shown) > 0
    )


def _aspect(box: Region) -> float:
    return 1.0 if box.spacing_mm is None else box.spacing_mm[0] / box.spacing_mm[1]


def _overlap(a: Mask, b: Mask) -> float:
    """Intersection over union of what the columns span."""
    a, b = filled_columns(a), filled_columns(b)
    either = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / either if either else 0.0


def fan_within(looks: Looks, box: Region) -> Mask:
    """The fan (rows, columns of the box) in a box that a person gave."""
    return fan_shape(picture_mask(looks)[box.box], _aspect(box), (looks.highest > FAINT)[box.box])


# -- the file's regions --------------------------------------------------------------------------
def _file_boxes(clip: Clip) -> list[Region]:
    """Two-dimensional regions of the file that can be fans: none, one or two."""
    area = clip.screen[0] * clip.screen[1]
    large = [r for r in clip.regions if r.rows * r.columns >= _MIN_AREA * area]
    found = [r for r in large if r.kind in ("tissue", "color flow")]
    distinct: list[Region] = []
    for region in sorted(found, key=lambda r: -r.rows * r.columns):
        if all(_common(region, other) < 0.5 for other in distinct):
            distinct.append(region)
    pair = distinct[:2]
    if len(pair) == 2 and not _same_size(*pair):
        pair = pair[:1]
    return sorted(pair, key=lambda r: (r.left, r.top))


def _common(a: Region, b: Region) -> float:
    """Shared area over the smaller one's."""
    rows = min(a.top + a.rows, b.top + b.rows) - max(a.top, b.top)
    columns = min(a.left + a.columns, b.left + b.columns) - max(a.left, b.left)
    return max(rows, 0) * max(columns, 0) / min(a.rows * a.columns, b.rows * b.columns)


def _same_size(a: Region, b: Region) -> bool:
    return (
        abs(a.rows - b.rows) <= _SIZE_APART * max(a.rows, b.rows)
        and abs(a.columns - b.columns) <= _SIZE_APART * max(a.columns, b.columns)
    )  # fmt: skip


def _is_inside(box: Region, outer: Region, slack: int = 8) -> bool:
    return (
        box.top >= outer.top - slack
        and box.left >= outer.left - slack
        and box.top + box.rows <= outer.top + outer.rows + slack
        and box.left + box.columns <= outer.left + outer.columns + slack
    )


# -- the pixels ----------------------------------------------------------------------------------
def _pixel_boxes(lit: Mask, looks: Looks) -> tuple[list[Region], bool]:
    """Boxes of the fans in the picture, and whether a person need not look."""
    from scipy import ndimage

    faint = looks.highest > FAINT
    labels, n = ndimage.label(lit)
    if n == 0:
        return [], False
    areas = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    order = np.argsort(-areas)
    parts = [labels == k + 1 for k in order[:2]]
    if len(parts) == 2:
        twins = _twins(parts[0], parts[1], faint)
        if twins is not None:
            return twins, True
    boxes = _halves(lit, looks)
    if boxes is not None:
        return boxes, False
    whole = _box_of(_whole_fan(lit, faint))
    middle = lit.shape[1] / 2
    one_sided = (
        whole.left + whole.columns <= middle + _HALF * middle
        or whole.left >= middle - _HALF * middle
    )
    return [whole], not one_sided


def _box_of(mask: Mask) -> Region:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Region(int(rows[0]), int(columns[0]), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)


def _whole_fan(lit: Mask, faint: Mask) -> Mask:
    """What is lit with the dark parts of its sector, where it is one."""
    sector = fit_sector(lit, 1.0, faint)
    return lit if sector is None else lit | sector.mask((lit.shape[0], lit.shape[1]))


def _twins(a: Mask, b: Mask, faint: Mask) -> list[Region] | None:
    """Two parts of the picture as panels of one size, where they show the same outline."""
    first, second = _box_of(a), _box_of(b)
    if (second.left, second.top) < (first.left, first.top):
        a, b, first, second = b, a, second, first
    if first.left + first.columns <= second.left + _TOUCH * first.columns:
        down, across = 0, _distance(a, b)
    elif first.top + first.rows <= second.top + _TOUCH * first.rows:
        down, across = _distance(a.T, b.T), 0
    else:
        return None
    if across + down == 0:
        return None
    moved, faint_moved = _moved(b, down, across), _moved(faint, down, across)
    both = _box_of(_whole_fan(a | moved, faint | faint_moved))
    rows = min(both.rows, a.shape[0] - both.top - down, down or both.rows)
    columns = min(both.columns, a.shape[1] - both.left - across, across or both.columns)
    left = Region(both.top, both.left, rows, columns)
    return [left, replace(left, top=both.top + down, left=both.left + across)]


def _moved(mask: Mask, up: int, left: int) -> Mask:
    moved = np.zeros_like(mask)
    moved[: mask.shape[0] - up, : mask.shape[1] - left] = mask[up:, left:]
    return moved


def _distance(a: Mask, b: Mask) -> int:
    """Columns from one part to its twin to the right; 0 where it is no twin.

    In the rows that both have, edges must be equally far apart, left and right.
    """
    rows = np.flatnonzero(a.any(axis=1) & b.any(axis=1))
    longer = max(np.count_nonzero(m.any(axis=1)) for m in (a, b))
    if len(rows) < _SHARED_ROWS * longer:
        return 0
    starts = b[rows].argmax(axis=1) - a[rows].argmax(axis=1)
    ends = a[rows, ::-1].argmax(axis=1) - b[rows, ::-1].argmax(axis=1)
    apart = np.concatenate([starts, ends])
    distance = round(float(np.median(apart)))
    width = np.count_nonzero(a.any(axis=0))
    if (np.abs(apart - distance) <= _EDGES_APART * width).mean() < _ALIKE:
        return 0
    return max(distance, 0)


def _halves(lit: Mask, looks: Looks) -> list[Region] | None:
    """Two panels that touch each other: a seam in the middle, and like outlines left and right."""
    whole = _box_of(lit)
    if whole.columns < 40:
        return None
    seam = _seam(looks.highest[whole.box], lit[whole.box])
    if seam is None:
        return None
    columns = min(seam, whole.columns - seam)
    left = replace(whole, left=whole.left + seam - columns, columns=columns)
    right = replace(left, left=whole.left + seam)
    if _overlap(lit[left.box], lit[right.box]) < _ALIKE:
        return None
    return [left, right]


def _seam(levels: NDArray[np.uint8], lit: Mask) -> int | None:
    """The first column right of a seam, counted within the box; None where there is none."""
    from scipy import ndimage

    smooth = ndimage.uniform_filter1d(levels.astype(np.float32), 7, axis=0)
    step = np.abs(np.diff(smooth, axis=1))
    counted = lit[:, 1:] | lit[:, :-1]
    n = counted.sum(axis=0)
    mean = np.where(n > 0.2 * len(lit), (step * counted).sum(axis=0) / np.maximum(n, 1), 0)
    first, last = (round(share * levels.shape[1]) for share in _SEAM_AT)
    at = first + int(mean[first:last].argmax())
    beside = np.concatenate([mean[max(at - 25, 0) : max(at - 3, 0)], mean[at + 4 : at + 26]])
    if len(beside) == 0 or mean[at] < _SEAM * max(float(np.median(beside)), 1.0):
        return None
    return at + 1
