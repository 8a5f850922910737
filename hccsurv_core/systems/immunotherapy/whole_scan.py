"""A whole scan of chest and abdomen, or of one of them, to the slices of liver and lungs.

Organs are found without weights where nobody outlined them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.imaging.organ_slices import (
    ORGANS,
    OrganSlices,
    choose_organ_slices,
    take_slices,
    to_5_mm,
)
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.systems.immunotherapy.lesion_organs import organ_of
from hccsurv_core.volume import LabelMap, Volume, check_same_geometry


@dataclass(frozen=True, eq=False)
class WholeScan:
    """A scan and what is known of it.

    Args:
        volume: canonical, HU.
        organs: "liver" and "lung" → bool mask; an organ that is not in view is absent.
        lesions: tumors by number; 0 is none.
        warnings: what to check.
    """

    volume: Volume
    organs: Mapping[str, np.ndarray]
    lesions: LabelMap
    warnings: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """The warnings, and which tumors no slice is chosen by."""
        _, nowhere = split_lesions(self.lesions, self.organs)
        told = [f"Tumor {n} lies in neither liver nor lungs: it is left out." for n in nowhere]
        return (*self.warnings, *told)


def find_organs(
    volume: Volume, *, progress: Progress = silent
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Liver and lungs without weights, and what to check."""
    from hccsurv_core.roi.liver import segment_liver
    from hccsurv_core.roi.lungs import segment_lungs

    lungs = segment_lungs(volume, progress=part_of(progress, 0.0, 0.4))
    liver = segment_liver(volume, lungs=lungs, progress=part_of(progress, 0.4, 1.0))
    masks = {"liver": liver.mask, "lung": lungs.mask}
    return {organ: mask for organ, mask in masks.items() if mask.any()}, (
        *liver.warnings,
        *lungs.warnings,
    )


def split_lesions(
    lesions: LabelMap, organs: Mapping[str, np.ndarray]
) -> tuple[dict[str, LabelMap], tuple[int, ...]]:
    """Each organ's tumors, and the numbers of those that lie in none.

    Args:
        lesions: tumors by number. organs: "liver" and "lung" → mask.
    """
    from scipy.ndimage import find_objects

    found = {organ: np.zeros_like(lesions.voxels) for organ in ORGANS}
    nowhere = []
    for number, box in enumerate(find_objects(lesions.voxels), start=1):
        if box is None:
            continue
        own = lesions.voxels[box] == number
        organ = organ_of(own, box, organs, lesions.spacing_mm)
        if organ is None:
            nowhere.append(number)
        else:
            found[organ][box][own] = number
    maps = {o: LabelMap(v, lesions.affine, lesions.names) for o, v in found.items()}
    return maps, tuple(nowhere)


def slices_of_scan(
    scan: WholeScan, chosen: Mapping[str, Sequence[int]] | None = None
) -> dict[str, OrganSlices]:
    """The slices of each organ in view, by the published rule or as chosen.

    Args:
        scan: with outlines.
        chosen: organ → positions among the slices of 5 mm.

    Raises:
        GeometryMismatchError: the tumors are on another grid.
        InputError: a chosen slice is not there.
    """
    check_same_geometry(scan.volume, scan.lesions)
    lesions, _ = split_lesions(scan.lesions, scan.organs)
    outlines = [
        outline
        for organ, mask in scan.organs.items()
        for outline in (LabelMap(mask.astype(np.uint8), scan.volume.affine), lesions[organ])
    ]
    volume, thick = to_5_mm(scan.volume, outlines)
    found = {}
    for number, organ in enumerate(scan.organs):
        own, tumors = thick[2 * number], thick[2 * number + 1]
        picked = (chosen or {}).get(organ) or choose_organ_slices(volume, own, tumors)
        found[organ] = take_slices(volume, own, tumors, picked)
    return found


def require_liver(scan: WholeScan, source: str) -> None:
    """Refuse a baseline scan without a liver.

    Raises:
        InputError: there is none.
    """
    if "liver" not in scan.organs:
        raise InputError(
            "no liver was found", source=source,
            remedy="give the venous CT of the abdomen, or outline the liver",
        )  # fmt: skip
