"""Which organ a lesion is counted to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Box = tuple[slice, ...]
#: A lesion so far from an organ is counted to it.
_NEAR_MM = 10.0


def organ_of(
    lesion: Mask, box: Box, organs: Mapping[str, Mask], spacing_mm: tuple[float, float, float]
) -> str | None:
    """Where most of a lesion lies, else the organ within 10 mm; None where it is in neither.

    Args:
        lesion: cut to its box. box: where that lies on the scan's grid.
        organs: organ → (slices, rows, columns) of the scan.
        spacing_mm: (slice, row, column).
    """
    inside = {organ: int((mask[box] & lesion).sum()) for organ, mask in organs.items()}
    if any(inside.values()):
        return max(inside, key=lambda organ: inside[organ])
    pads = [int(np.ceil(_NEAR_MM / mm)) for mm in spacing_mm]
    wide = tuple(slice(max(0, s.start - p), s.stop + p) for s, p in zip(box, pads, strict=True))
    near = {organ: int(mask[wide].sum()) for organ, mask in organs.items()}
    return max(near, key=lambda organ: near[organ]) if any(near.values()) else None
