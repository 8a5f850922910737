"""From the chain of disks to levels along the spine and to named vertebrae on the scan's slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.imaging.resampling import ResampledImage
from hccsurv_core.roi.discs import DiskChain
from hccsurv_core.roi.labeling import NAMES
from hccsurv_core.roi.results import Vertebra
from hccsurv_core.roi.spine_reformat import BODY_AXIS_MM, SpineFrame

#: Half the height of a lumbar disk, mm.
HALF_DISK_MM = 4.5
#: Vertebrae guessed beyond each end of the chain, as long as they lie in view.
BEYOND = 2


@dataclass(frozen=True, eq=False)
class Levels:
    """Levels along the frame: 0 at the lowest disk of the chain, +1 per disk upward.

    Args:
        frame: the moving frame.
        chain: at least two disks.
        step_mm: edge of the cubes, mm.
    """

    frame: SpineFrame
    chain: DiskChain
    step_mm: float

    def of_plane(self, plane: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Level of a plane; beyond the chain its end spacing goes on."""
        planes, pitches = self.chain.planes, self.chain.pitches_mm
        at = np.asarray(plane, dtype=np.float64)
        inner = np.interp(at, planes, np.arange(len(planes)))
        below = np.minimum(at - planes[0], 0) / pitches[:2].mean()
        above = np.maximum(at - planes[-1], 0) / pitches[-2:].mean()
        return inner + below + above

    def of_slice(self, slice_index: float, forward_mm: float = BODY_AXIS_MM) -> float:
        """Level of the point ``forward_mm`` before the canal on a slice of the cube grid."""
        plane = self.frame.plane_at(slice_index * self.step_mm, forward_mm)
        return float(self.of_plane(plane))

    def plane_of(self, level: float) -> float:
        """The plane at a level; the inverse of :meth:`of_plane`."""
        planes, pitches = self.chain.planes, self.chain.pitches_mm
        last = len(planes) - 1
        if level < 0:
            return float(planes[0] + level * pitches[:2].mean())
        if level > last:
            return float(planes[-1] + (level - last) * pitches[-2:].mean())
        return float(np.interp(level, np.arange(len(planes)), planes))


def build_vertebrae(levels: Levels, shift: int, cubes: ResampledImage) -> tuple[Vertebra, ...]:
    """Name the vertebrae in view, from inferior to superior.

    Args:
        levels: levels along the spine.
        shift: level of the chain's lowest disk (0 = L5–S1).
        cubes: the grid the frame was built on, to go back to the scan's indices.
    """
    last = len(levels.chain.planes) - 1
    vertebrae = []
    for lower in range(-BEYOND, last + BEYOND):
        index = lower + shift + 1
        if not 0 <= index < len(NAMES):
            continue
        ends = levels.plane_of(lower) + HALF_DISK_MM, levels.plane_of(lower + 1) - HALF_DISK_MM
        middle = (ends[0] + ends[1]) / 2
        low, center, high = (
            levels.frame.point(plane, BODY_AXIS_MM) for plane in (ends[0], middle, ends[1])
        )
        if not 0 <= center[0] <= levels.frame.height_mm:
            continue
        index_of = [cubes.to_source(point[0] / levels.step_mm, 0) for point in (low, center, high)]
        vertebrae.append(
            Vertebra(
                name=NAMES[index],
                inferior_index=float(index_of[0]),
                center_index=float(index_of[1]),
                superior_index=float(index_of[2]),
                center_row=float(cubes.to_source(center[1] / levels.step_mm, 1)),
                center_column=float(cubes.to_source(center[2] / levels.step_mm, 2)),
            )
        )
    return tuple(vertebrae)
