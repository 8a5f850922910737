"""What was outlined in a patient's scans, as system 4 takes it: organs by their names, the rest lesions.

Every region that is no organ and no reference is one lesion. Lesions of two scans are matched by name:
"lesion 1" at both times is the same tumor, and a name that only the follow-up has is a new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.drawn_regions import StoredRegions
from hccsurv_core.progress import Progress, silent
from hccsurv_core.roi.organ_backends import CLASSICAL
from hccsurv_core.roi.regions import Region, region_of
from hccsurv_core.systems.immunotherapy.lesion_organs import organ_of
from hccsurv_core.volume import Volume

Mask = NDArray[np.bool_]
#: Names of regions that are an organ, squashed.
ORGAN_NAMES: Mapping[str, tuple[str, ...]] = {
    "liver": ("liver",),
    "lung": ("lung", "lungs", "lungright", "lungleft", "rightlung", "leftlung", "bothlungs"),
}
#: Beginnings of names that are neither organ nor lesion.
_OTHERS = ("reference", "normal", "parenchyma", "spleen", "aorta", "muscle", "vessel", "body")
#: What a region begins with that is the enhancing part of a lesion: "viable lesion 1".
VIABLE = "viable "
#: What an automatic outline is called, and the beginning of its method.
ORGAN_TITLES: Mapping[str, str] = {"liver": "Liver", "lung": "Lungs"}
AUTOMATIC = "found automatically"
_NUMBER = re.compile(r"(\d+)\s*$")


@dataclass(frozen=True, eq=False)
class OutlinedStudy:
    """Outlines of one scan.

    Args:
        study_id, revision: of the scan and of its regions.
        organs: organ → its regions; organs that are not outlined are absent.
        lesions: name → region, viable parts left out.
        viable: name of a lesion → its enhancing part.
    """

    study_id: str
    revision: int
    organs: Mapping[str, tuple[Region, ...]]
    lesions: Mapping[str, Region]
    viable: Mapping[str, Region]

    def automatic(self, organ: str) -> bool:
        """Whether the program outlined the organ, and nobody else."""
        return all(r.method.startswith(AUTOMATIC) for r in self.organs.get(organ, ()))


def organ_named(name: str) -> str | None:
    """The organ that a region's name says; None where it says none."""
    squashed = re.sub(r"[\W_]+", "", name).lower()
    return next((organ for organ, names in ORGAN_NAMES.items() if squashed in names), None)


def is_lesion(name: str) -> bool:
    """Whether a region of this name is a lesion."""
    kept = name.strip().lower()
    return organ_named(name) is None and not kept.startswith((*_OTHERS, VIABLE))


def read_outlines(study_id: str, stored: StoredRegions) -> OutlinedStudy:
    """Sort the regions of a scan; empty ones do not count."""
    regions = [r for r in stored.regions if r.n_voxels]
    organs: dict[str, tuple[Region, ...]] = {}
    for region in regions:
        organ = organ_named(region.name)
        if organ is not None:
            organs[organ] = (*organs.get(organ, ()), region)
    viable = {
        r.name.strip()[len(VIABLE) :].strip(): r
        for r in regions
        if r.name.strip().lower().startswith(VIABLE)
    }
    return OutlinedStudy(
        study_id, stored.revision, organs,
        {r.name.strip(): r for r in regions if is_lesion(r.name)}, viable,
    )  # fmt: skip


def number_lesions(names: Iterable[str]) -> dict[str, int]:
    """Lesion → its number, from 1: that which ends its name where all names end in their own.

    Names that differ in capitals only are one lesion; the first spelling counts.
    """
    distinct: dict[str, str] = {}
    for name in names:
        distinct.setdefault(name.casefold(), name)
    ends = {name: _NUMBER.search(name) for name in distinct.values()}
    own = {name: int(found[1]) for name, found in ends.items() if found}
    usable = len(own) == len(ends) == len(set(own.values())) and all(
        0 < n <= 99 for n in own.values()
    )
    if not usable:
        own = {name: k + 1 for k, name in enumerate(sorted(ends, key=_natural))}
    return dict(sorted(own.items(), key=lambda item: item[1]))


def _natural(name: str) -> tuple[str, int]:
    found = _NUMBER.search(name)
    return (name[: found.start()], int(found[1])) if found else (name, 0)


def union(regions: Sequence[Region], shape: tuple[int, int, int]) -> Mask:
    """All regions together on the whole grid."""
    mask = np.zeros(shape, dtype=bool)
    for region in regions:
        box = tuple(slice(o, o + n) for o, n in zip(region.offset, region.mask.shape, strict=True))
        mask[box] |= region.mask
    return mask


def organ_of_lesion(
    lesion: Region, organs: Mapping[str, Mask], spacing_mm: tuple[float, float, float]
) -> str | None:
    """Which organ a lesion lies in, see :func:`~hccsurv_core.systems.immunotherapy.lesion_organs.organ_of`.

    Args:
        organs: organ → (slices, rows, columns) of the scan.
        spacing_mm: (slice, row, column).
    """
    box = tuple(slice(o, o + n) for o, n in zip(lesion.offset, lesion.mask.shape, strict=True))
    return organ_of(lesion.mask, box, organs, spacing_mm)


def outline_organ(
    organ: str, volume: Volume, progress: Progress = silent, *, backend: str = CLASSICAL
) -> tuple[Region | None, tuple[str, ...]]:
    """Outline an organ; without weights unless another backend is asked for.

    Args:
        organ: "liver" or "lung". volume: canonical CT.
        backend: see :func:`~hccsurv_core.roi.organ_backends.organ_backends`.

    Returns:
        The region, None where the organ is not in view, and what a reader must check.

    Raises:
        InputError: there is no such backend.
        MissingDependencyError: it is not installed.
    """
    found = _segmenter(organ)(volume, backend=backend, progress=progress)
    if not found.found:
        return None, tuple(found.warnings)
    title = ORGAN_TITLES[organ]
    method = f"{AUTOMATIC} ({found.method}, confidence {found.confidence:.2f})"
    return region_of(f"{organ}-automatic", title, found.mask, method=method), tuple(found.warnings)


def _segmenter(organ: str) -> Any:
    if organ == "lung":
        from hccsurv_core.roi.lungs import segment_lungs

        return segment_lungs
    from hccsurv_core.roi.liver import segment_liver

    return segment_liver
