"""The part of an ultrasound panel in which a region may lie, frame by frame, ready to be searched."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.clip import Clip, Region
from hccsurv_core.errors import InputError
from hccsurv_core.imaging.clip_motion_match import Match, Patch, SearchBox, flattened

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
#: Where a panel is not calibrated, a pixel is taken to be this size, for the search range only.
USUAL_PIXEL_MM = 0.35
#: Of how many frames it is learned what is picture and what never moves.
_SAMPLED = 24
#: A pixel of the fan is brighter than this once; the black around it is not, even in JPEG.
_BLACK = 8
#: What is left out along the border of the fan, pixels.
_BORDER = 3
#: The patch is at most this large: a part of a large lesion tells as much.
_LARGEST_PATCH_MM = 64.0
#: The neighborhood in which it is judged whether the picture stands still.
_STILL_MM = 2.5
_FEWEST_PIXELS = 64


@dataclass(frozen=True)
class ViewSettings:
    """What the view needs of the settings: lengths in mm, and the preference for small moves."""

    max_shift_mm: float
    margin_mm: float
    detail_mm: float
    smooth_mm: float
    nearness: float


@dataclass(frozen=True, eq=False)
class View:
    """Search pictures of one panel about one outline.

    Args:
        clip, panel: where.
        box: the patch and its search range, in the panel's pixels.
        seen: which pixels of the search picture are picture.
        detail: size (rows, columns) of the neighborhood whose mean is taken off, pixels.
        smooth: smoothing before, pixels.
        nearness: of :class:`Patch`.
        weight: of the patch's pixels; 0 where the picture stands still.
    """

    clip: Clip
    panel: Region
    box: SearchBox
    seen: Mask
    detail: tuple[int, int]
    smooth: float
    nearness: float = 0.0
    weight: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def picture(self, frame: int) -> Floats:
        """One frame, ready to be searched."""
        levels = read_levels(self.clip, self.panel, self.box, frame)
        return flattened(levels, self.seen, self.detail, self.smooth)

    def patch(self, values: Floats, columns: slice = slice(None)) -> Patch:
        """What is looked for.

        Args:
            values: (rows, columns) of the patch.
            columns: which of its columns count.
        """
        weight = np.zeros_like(self.weight)
        weight[:, columns] = (self.weight * self.seen[self.box.patch])[:, columns]
        return Patch(values, weight, self.seen, self.box, self.nearness)

    def moved(self, picture: Floats, match: Match) -> Floats:
        """The patch as it lies in another frame, to the nearest pixel."""
        rows, columns = self.box.patch
        r, c = round(match.row), round(match.column)
        return picture[rows.start + r : rows.stop + r, columns.start + c : columns.stop + c]

    def mean_levels(self) -> NDArray[np.float64]:
        """(n,) mean gray level about the lesion, not followed."""
        seen = self.seen[self.box.patch]
        return np.array(
            [
                read_levels(self.clip, self.panel, self.box, k)[self.box.patch][seen].mean()
                for k in range(len(self.clip))
            ],
            np.float64,
        )


def build_view(
    clip: Clip, panel: Region, mask: Mask, ignore: Mask | None, settings: ViewSettings
) -> View:
    """The view about an outline.

    Args:
        mask: (rows, columns) of the screen; not empty on the panel.
        ignore: (rows, columns) of the screen: text and marks.

    Raises:
        InputError: there is no picture about the outline.
    """
    pixel = panel.spacing_mm or (USUAL_PIXEL_MM, USUAL_PIXEL_MM)
    box = _search_box(mask[panel.box], pixel, settings)
    frames = np.unique(np.linspace(0, len(clip) - 1, _SAMPLED).astype(int))
    levels = np.stack([read_levels(clip, panel, box, int(k)) for k in frames])
    seen = picture_area(levels)
    if ignore is not None:
        seen &= ~box.cut(ignore[panel.box])
    if np.count_nonzero(seen[box.patch]) < _FEWEST_PIXELS:
        raise InputError(
            "there is no picture about the outline",
            source="outline",
            remedy="check that the outline lies on the lesion and that the panels are right",
        )
    rows, columns = (max(round(settings.detail_mm / p), 3) for p in pixel)
    smooth = settings.smooth_mm / float(np.mean(pixel))
    patches = np.stack([flattened(v, seen, (rows, columns), smooth)[box.patch] for v in levels])
    weight = _moving(patches, seen[box.patch], pixel)
    return View(clip, panel, box, seen, (rows, columns), smooth, settings.nearness, weight)


def read_levels(clip: Clip, panel: Region, box: SearchBox, frame: int) -> Floats:
    """Patch and surroundings of one frame, reading no more of the screen; 0 beyond the panel."""
    down, along = box.reach
    top, left = max(box.top - down, 0), max(box.left - along, 0)
    bottom = min(box.top + box.rows + down, panel.rows)
    right = min(box.left + box.columns + along, panel.columns)
    part = Region(panel.top + top, panel.left + left, bottom - top, right - left)
    found = np.zeros((box.rows + 2 * down, box.columns + 2 * along), np.float32)
    row, column = top - box.top + down, left - box.left + along
    found[row : row + part.rows, column : column + part.columns] = clip.brightness(frame, part)
    return found


def _search_box(mask: Mask, pixel: tuple[float, float], settings: ViewSettings) -> SearchBox:
    sides = []
    for axis, mm in enumerate(pixel):
        found, size = np.flatnonzero(mask.any(axis=1 - axis)), mask.shape[axis]
        low, high = found[0] - settings.margin_mm / mm, found[-1] + 1 + settings.margin_mm / mm
        middle, half = (low + high) / 2, min(high - low, _LARGEST_PATCH_MM / mm) / 2
        first = int(np.clip(round(middle - half), 0, size - 1))
        last = int(np.clip(round(middle + half), first + 1, size))
        sides.append((first, last - first, max(round(settings.max_shift_mm / mm), 4)))
    (top, rows, down), (left, columns, along) = sides
    return SearchBox(top, left, rows, columns, (down, along))


def picture_area(levels: Floats) -> Mask:
    """Pixels of the fan: bright once, holes filled, a narrow border left out."""
    from scipy.ndimage import binary_closing, binary_erosion, binary_fill_holes

    once = np.pad(levels.max(axis=0) > _BLACK, _BORDER)
    filled = binary_fill_holes(binary_closing(once, iterations=_BORDER))
    inner = slice(_BORDER, -_BORDER)
    return np.asarray(binary_erosion(filled, iterations=_BORDER)[inner, inner], bool)


def _moving(patches: Floats, seen: Mask, pixel: tuple[float, float]) -> Floats:
    """How much each pixel of the patch counts: not at all where the picture stands still.

    The body wall does not breathe with the liver; it would hold the search at its place.
    """
    from scipy.ndimage import uniform_filter

    size = tuple(max(round(_STILL_MM / p), 3) for p in pixel)
    over_time = uniform_filter(patches.std(axis=0), size)
    over_place = np.sqrt(uniform_filter((patches**2).mean(axis=0), size))
    ratio = over_time / np.maximum(over_place, 0.5)
    usual = float(np.median(ratio[seen])) if seen.any() else 0.0
    # Where nothing moves at all, noise alone would choose the pixels.
    if usual < 0.3:
        return np.ones(seen.shape, np.float32)
    return np.clip((ratio / usual - 0.3) / 0.3, 0, 1).astype(np.float32)
