"""A boolean mask of a volume, kept as the bits of its bounding box.

A hundred structures of a whole scan would take gigabytes as arrays of bytes; as bits of their
boxes they take megabytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryMismatchError


@dataclass(frozen=True, eq=False)
class CroppedMask:
    """A mask by its box and the bits in it.

    Args:
        first: (slice, row, column) of the box's first voxel in the volume.
        shape: (slices, rows, columns) of the box; zeros where no voxel is set.
        bits: the box's voxels in C order, eight to a byte, the last byte filled up with zeros.

    Raises:
        ValueError: the bits are not those of such a box.
    """

    first: tuple[int, int, int]
    shape: tuple[int, int, int]
    bits: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if min(*self.first, *self.shape) < 0:
            raise ValueError(f"a box cannot begin at {self.first} with shape {self.shape}")
        count = self._n_box
        if self.bits.dtype != np.uint8 or self.bits.shape != ((count + 7) // 8,):
            raise ValueError(f"{self.bits.size} bytes are not the bits of {self.shape} voxels")
        if count % 8 and int(self.bits[-1]) & ((1 << (8 - count % 8)) - 1):
            raise ValueError("bits are set behind the last voxel")

    @classmethod
    def of(cls, mask: NDArray[np.bool_], first: tuple[int, int, int] = (0, 0, 0)) -> CroppedMask:
        """``mask`` cropped to what is set.

        Args:
            mask: boolean (slices, rows, columns).
            first: where its first voxel lies in the volume.
        """
        set_at = np.flatnonzero(mask.any(axis=(1, 2)))
        if not set_at.size:
            return cls((0, 0, 0), (0, 0, 0), np.zeros(0, np.uint8))
        # Slices first: of a whole scan most have nothing, and they are quick to look through.
        spans = [(int(set_at[0]), int(set_at[-1]) + 1)]
        plane: NDArray[np.bool_] = np.any(mask[slice(*spans[0])], axis=0)
        for along in (plane.any(axis=1), plane.any(axis=0)):
            set_at = np.flatnonzero(along)
            spans.append((int(set_at[0]), int(set_at[-1]) + 1))
        box = mask[tuple(slice(*span) for span in spans)]
        k, j, i = (start + span[0] for start, span in zip(first, spans, strict=True))
        return cls((k, j, i), box.shape, np.packbits(box, axis=None))

    @property
    def _n_box(self) -> int:
        slices, rows, columns = (int(n) for n in self.shape)
        return slices * rows * columns

    @property
    def n_voxels(self) -> int:
        """How many voxels are set."""
        return int(np.bitwise_count(self.bits).sum())

    @property
    def box(self) -> NDArray[np.bool_]:
        """The voxels of the box, boolean of :attr:`shape`."""
        return np.unpackbits(self.bits, count=self._n_box).reshape(self.shape).astype(bool)

    @property
    def slices(self) -> tuple[int, int]:
        """First and last slice of the box in the volume; (0, -1) where no voxel is set."""
        return self.first[0], self.first[0] + self.shape[0] - 1

    def whole(self, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
        """The mask on the grid of a volume of ``shape``.

        Raises:
            GeometryMismatchError: the box reaches beyond it.
        """
        return self.slab(0, shape[0] - 1, shape, strict=True)

    def slab(
        self, first: int, last: int, shape: tuple[int, int, int], *, strict: bool = False
    ) -> NDArray[np.bool_]:
        """The mask on slices ``first`` to ``last`` of a volume, (slices, rows, columns).

        Args:
            first, last: inclusive.
            shape: of the volume.
            strict: refuse a box that reaches beyond these slices instead of cutting it off.

        Raises:
            GeometryMismatchError: the box reaches beyond the volume's rows or columns, or, if
                ``strict``, beyond the slices.
        """
        ends = [start + n for start, n in zip(self.first, self.shape, strict=True)]
        too_far = ends[1] > shape[1] or ends[2] > shape[2]
        if too_far or (strict and (self.first[0] < first or ends[0] > last + 1)):
            raise GeometryMismatchError(
                f"a mask of {self.shape} voxels from {self.first} does not fit {shape} voxels"
            )
        out = np.zeros((last - first + 1, *shape[1:]), dtype=bool)
        low, high = max(first, self.first[0]), min(last + 1, ends[0])
        if low < high:
            part = self.box[low - self.first[0] : high - self.first[0]]
            out[low - first : high - first, self.first[1] : ends[1], self.first[2] : ends[2]] = part
        return out
