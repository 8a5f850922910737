"""Body-composition segmentation behind one protocol: ours, or TotalSegmentator where it is installed."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryError, InputError, LevelNotFoundError, SegmentationError
from hccsurv_core.progress import Progress, silent
from hccsurv_core.roi.muscle import draw_masks, find_anatomy
from hccsurv_core.roi.muscle_checks import check_muscle
from hccsurv_core.roi.results import BodySegmentation, L3Location
from hccsurv_core.roi.spine import find_canal
from hccsurv_core.volume import Volume

#: Half height of the slab that is outlined around the level where no vertebra bounds it, mm.
HALF_SLAB_MM = 12.0
#: A vertebra reaches no further than this from the measured slice, mm.
MAX_HALF_SLAB_MM = 32.0
#: The arch and the spinous process of a lumbar vertebra hang below its body by this much, mm.
ARCH_BELOW_MM = 15.0

Masks = dict[str, NDArray[np.bool_]]


class SegmentationBackend(Protocol):
    """Something that outlines :data:`~hccsurv_core.roi.results.STRUCTURES` on a slab."""

    name: str

    def unavailable_because(self) -> str | None:
        """None where it can run; else what is missing and how to get it."""

    def segment(
        self, volume: Volume, location: L3Location, first: int, last: int, progress: Progress
    ) -> tuple[Masks, tuple[str, ...]]:
        """Masks (slices ``first`` to ``last``, rows, columns) and warnings.

        Raises:
            SegmentationError: the structures cannot be outlined.
            MissingDependencyError: a package or its weights are not installed.
        """


class ClassicalBackend:
    """Anatomy and dynamic programming; needs no weights and no network."""

    name = "classical"

    def unavailable_because(self) -> str | None:
        """Always there."""
        return None

    def segment(
        self, volume: Volume, location: L3Location, first: int, last: int, progress: Progress
    ) -> tuple[Masks, tuple[str, ...]]:
        """See :class:`SegmentationBackend`."""
        canal = location.canal if location.canal is not None else _canal(volume)
        anatomy = find_anatomy(volume, canal, first, last, location.slice_index, progress)
        slab = volume.voxels[first : last + 1]
        masks = draw_masks(anatomy, slab)
        k = location.slice_index - first
        if not masks["muscle"][k].any():
            raise SegmentationError(
                f"no muscle was found on slice {location.slice_index}",
                remedy="check the level, or outline the muscle by hand",
            )
        return masks, check_muscle(anatomy, slab, masks, k)


def _canal(volume: Volume) -> NDArray[np.float64]:
    try:
        return find_canal(volume)
    except LevelNotFoundError as error:
        raise SegmentationError(
            f"the spinal canal was not found ({error.what})",
            remedy="check that this is an axial CT of the abdomen",
        ) from error


def backends() -> dict[str, SegmentationBackend]:
    """Every backend by name, whether it can run or not."""
    from hccsurv_core.roi.totalsegmentator import TotalSegmentatorBackend

    found: tuple[SegmentationBackend, ...] = (ClassicalBackend(), TotalSegmentatorBackend())
    return {backend.name: backend for backend in found}


def segment_body(
    volume: Volume,
    location: L3Location,
    *,
    backend: str = "classical",
    progress: Progress = silent,
) -> BodySegmentation:
    """Outline muscle, both psoas and fat on the slices of the L3 vertebra.

    Args:
        volume: canonical CT, HU.
        location: the level; its slice is the one that is measured.
        backend: a name from :func:`backends`.

    Raises:
        InputError: there is no such backend, or the slice is not in the volume.
        SegmentationError: the structures cannot be outlined here.
    """
    if not volume.is_canonical:
        raise GeometryError(
            "the volume is not in canonical orientation", remedy="call to_canonical() first"
        )
    chosen = backends().get(backend)
    if chosen is None:
        raise InputError(
            f"there is no segmentation called {backend!r}",
            source="backend",
            remedy=f"use one of {', '.join(backends())}",
        )
    first, last = slab_range(volume, location)
    masks, warnings = chosen.segment(volume, location, first, last, progress)
    return BodySegmentation(first, location.slice_index, masks, chosen.name, warnings)


def slab_range(volume: Volume, location: L3Location) -> tuple[int, int]:
    """First and last slice (inclusive) around a level: the vertebra with its arch, or ±12 mm.

    Raises:
        InputError: the level lies outside the volume.
    """
    n_slices, slice_mm = volume.shape[0], volume.spacing_mm[0]
    index = location.slice_index
    if not 0 <= index < n_slices:
        raise InputError(
            f"slice {index} is not in the scan",
            source="slice_index",
            remedy=f"give a slice from 0 to {n_slices - 1}",
        )
    reach = HALF_SLAB_MM / slice_mm
    low, high = index - reach, index + reach
    vertebra = location.vertebra("L3")
    if vertebra and vertebra.inferior_index <= index <= vertebra.superior_index:
        furthest = MAX_HALF_SLAB_MM / slice_mm
        lowest = vertebra.inferior_index - ARCH_BELOW_MM / slice_mm
        low = max(min(low, lowest), index - furthest)
        high = min(max(high, vertebra.superior_index), index + furthest)
    return max(0, int(np.floor(low))), min(n_slices - 1, int(np.ceil(high)))
