"""Regions that a person draws anywhere in a volume: lesions, reference regions.

A region knows its own box only: a lesion of 5 cm in a CT of 300 slices is a few hundred kilobytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import SegmentationError
from hccsurv_core.volume import Volume

NAME_LENGTH = 60
#: More regions in one study are a mistake, or a page that would not be readable.
MOST_REGIONS = 24


@dataclass(frozen=True, eq=False)
class Region:
    """A named region of a volume.

    Args:
        id: what it is called by programs; does not change.
        name: what people call it.
        mask: boolean (slices, rows, columns) of its box; may be empty (0, 0, 0).
        offset: (slice, row, column) of the box's first voxel in the volume.
        method: "drawn", or what began it ("grown from a click", "imported from FILE").
    """

    id: str
    name: str
    mask: NDArray[np.bool_]
    offset: tuple[int, int, int] = (0, 0, 0)
    method: str = "drawn"

    @property
    def n_voxels(self) -> int:
        """Voxels of the region."""
        return int(np.count_nonzero(self.mask))

    @property
    def slices(self) -> range:
        """Slices of the volume that its box covers."""
        return range(self.offset[0], self.offset[0] + self.mask.shape[0])

    def mask_at(self, slice_index: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """The mask on one slice of the volume, (rows, columns)."""
        full = np.zeros(shape, dtype=bool)
        if slice_index in self.slices:
            (_, row, column), (_, rows, columns) = self.offset, self.mask.shape
            full[row : row + rows, column : column + columns] = self.mask[
                slice_index - self.offset[0]
            ]
        return full

    def whole(self, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
        """The mask on the whole grid."""
        full = np.zeros(shape, dtype=bool)
        full[_box(self)] = self.mask
        return full

    def volume_ml(self, volume: Volume) -> float:
        """Volume, ml."""
        return self.n_voxels * float(np.prod(volume.spacing_mm)) / 1000.0

    def mean_hu(self, volume: Volume) -> float | None:
        """Mean intensity, None where the region is empty."""
        if not self.mask.any():
            return None
        return float(np.asarray(volume.voxels[_box(self)])[self.mask].mean())


def region_of(
    id: str, name: str, mask: NDArray[np.bool_], offset: tuple[int, int, int] = (0, 0, 0),
    method: str = "drawn",
) -> Region:  # fmt: skip
    """A region of any mask; its box becomes as small as it can be."""
    return _tight(Region(id, name, np.asarray(mask, dtype=bool), offset, method))


def paint_region(
    region: Region,
    shape: tuple[int, int, int],
    add: Mapping[int, NDArray[np.bool_]],
    remove: Mapping[int, NDArray[np.bool_]],
) -> Region:
    """The region with pixels added and others removed, slice by slice.

    Args:
        shape: of the volume, (slices, rows, columns).
        add, remove: slice index to boolean (rows, columns); what is removed wins.

    Raises:
        SegmentationError: a slice or mask does not belong to the volume.
    """
    for part in (add, remove):
        for index, pixels in part.items():
            if not 0 <= index < shape[0] or pixels.shape != shape[1:]:
                raise SegmentationError(
                    f"a mask of {pixels.shape} on slice {index} is not of a volume of {shape}"
                )
    touched = {index for index, pixels in add.items() if pixels.any()}
    low, high = _bounds(region, [(index, add[index]) for index in touched])
    if low is None or high is None:
        return region
    mask = np.zeros(tuple(np.subtract(high, low)), dtype=bool)
    grown = Region(region.id, region.name, mask, (int(low[0]), int(low[1]), int(low[2])))
    if region.mask.any():
        start = np.subtract(region.offset, low)
        inner = tuple(slice(s, s + n) for s, n in zip(start, region.mask.shape, strict=True))
        mask[inner] = region.mask
    (_, row, column), (_, rows, columns) = grown.offset, mask.shape
    window = (slice(row, row + rows), slice(column, column + columns))
    for index in touched:
        mask[index - grown.offset[0]] |= add[index][window]
    for index, pixels in remove.items():
        if index in grown.slices:
            mask[index - grown.offset[0]] &= ~pixels[window]
    return replace(_tight(grown), method=region.method)


def check_name(name: str, others: Mapping[str, str]) -> str:
    """The name as it is kept.

    Args:
        others: id to name of the study's other regions.

    Raises:
        SegmentationError: it is empty, too long, or taken.
    """
    kept = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not kept or len(kept) > NAME_LENGTH:
        raise SegmentationError(
            f"a region's name has 1 to {NAME_LENGTH} characters", remedy="choose another"
        )
    if kept.casefold() in {other.casefold() for other in others.values()}:
        raise SegmentationError(
            f"there is a region called {kept!r} already", remedy="choose another"
        )
    return kept


def _box(region: Region) -> tuple[slice, ...]:
    return tuple(slice(s, s + n) for s, n in zip(region.offset, region.mask.shape, strict=True))


def _bounds(
    region: Region, added: list[tuple[int, NDArray[np.bool_]]]
) -> tuple[NDArray[np.int_] | None, NDArray[np.int_] | None]:
    """First voxel and one past the last of the region and what is added to it."""
    lows, highs = [], []
    if region.mask.size:
        lows.append(region.offset)
        highs.append(tuple(np.add(region.offset, region.mask.shape)))
    for index, pixels in added:
        rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
        lows.append((index, int(rows[0]), int(columns[0])))
        highs.append((index + 1, int(rows[-1]) + 1, int(columns[-1]) + 1))
    if not lows:
        return None, None
    return np.min(lows, axis=0), np.max(highs, axis=0)


def _tight(region: Region) -> Region:
    if not region.mask.any():
        return replace(region, mask=np.zeros((0, 0, 0), dtype=bool), offset=(0, 0, 0))
    places = [
        np.flatnonzero(region.mask.any(axis=tuple(a for a in range(3) if a != axis)))
        for axis in range(3)
    ]
    cut = tuple(slice(int(p[0]), int(p[-1]) + 1) for p in places)
    first = [o + int(p[0]) for o, p in zip(region.offset, places, strict=True)]
    return replace(
        region, mask=np.ascontiguousarray(region.mask[cut]), offset=(first[0], first[1], first[2])
    )
