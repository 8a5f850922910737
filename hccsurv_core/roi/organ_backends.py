"""Whole organs from an optional backend: the door through which a network's outlines come in.

The outlines drawn without weights are the default ("classical"); where TotalSegmentator is
installed, ``segment_lungs`` and ``segment_liver`` take its outlines by name instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hccsurv_core.errors import InputError
from hccsurv_core.progress import Progress
from hccsurv_core.roi.solid_morphology import Mask
from hccsurv_core.volume import Volume

CLASSICAL = "classical"
#: Organs that a backend outlines.
ORGANS = ("liver", "lung_right", "lung_left")


class OrganBackend(Protocol):
    """Something that outlines :data:`ORGANS`."""

    name: str

    def unavailable_because(self) -> str | None:
        """None where it can run; else what is missing and how to get it."""

    def outline_organs(
        self, volume: Volume, organs: Sequence[str], progress: Progress
    ) -> dict[str, Mask]:
        """Organ to boolean (slices, rows, columns) on the grid of the volume.

        Raises:
            MissingDependencyError: a package or its weights are not installed.
        """


def organ_backends() -> dict[str, OrganBackend]:
    """Every backend but the classical one by name, whether it can run or not."""
    from hccsurv_core.roi.totalsegmentator import TotalSegmentatorBackend

    backend = TotalSegmentatorBackend()
    return {backend.name: backend}


def outlined_by(
    backend: str, volume: Volume, organs: Sequence[str], progress: Progress
) -> dict[str, Mask]:
    """The organs' outlines by the backend of this name.

    Raises:
        InputError: there is no such backend.
        MissingDependencyError: it is not installed.
    """
    chosen = organ_backends().get(backend)
    if chosen is None:
        raise InputError(
            f"there is no organ segmentation called {backend!r}",
            source="backend",
            remedy=f"use one of {', '.join((CLASSICAL, *organ_backends()))}",
        )
    return chosen.outline_organs(volume, organs, progress)
