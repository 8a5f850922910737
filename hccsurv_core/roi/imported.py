"""Masks of others as the outline of the body and as lesions: our rules hold for them too.

Muscle and fat hold only pixels of their attenuation, each psoas is part of the muscle, no pixel is
two structures that exclude each other. What was left out by that is counted and told.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import SegmentationError
from hccsurv_core.io.cropped_mask import CroppedMask
from hccsurv_core.roi.editing import EXCLUSIVE, STRUCTURE_HU
from hccsurv_core.roi.regions import MOST_REGIONS, NAME_LENGTH, Region, region_of
from hccsurv_core.roi.results import STRUCTURES, BodySegmentation
from hccsurv_core.volume import Volume
from hccsurv_core.wording import count_of

_PSOAS = ("psoas_left", "psoas_right")


@dataclass(frozen=True, eq=False)
class ImportOutcome:
    """An outline with imported structures.

    Args:
        segmentation: the new outline, method "edited".
        slices: structure to the first and last volume slice on which it was replaced.
        n_outside_hu: structure to imported pixels left out because of their attenuation.
        notes: what to check, in plain words.
    """

    segmentation: BodySegmentation
    slices: dict[str, tuple[int, int]]
    n_outside_hu: dict[str, int]
    notes: tuple[str, ...]


def outline_from_masks(
    volume: Volume,
    imported: Mapping[str, Sequence[CroppedMask]],
    *,
    slab: tuple[int, int],
    slice_index: int,
    previous: BodySegmentation | None = None,
) -> ImportOutcome:
    """Put imported masks into the outline about L3.

    A structure is replaced on the slices from the first to the last that the file draws it on, as
    far as they lie in the slab; what the file leaves out between them is empty. On other slices, and
    for structures that are not imported, the outline stays as it was.

    Args:
        volume: the canonical volume, HU.
        imported: structure (of :data:`~hccsurv_core.roi.results.STRUCTURES`) to its parts.
        slab: first and last slice (inclusive) of the outline.
        slice_index: the measured slice.
        previous: the outline there is, on the same slab; None where there is none.

    Raises:
        SegmentationError: nothing lies on the measured slice, or there would be a psoas without
            any muscle round it.
        GeometryMismatchError: a mask does not fit the volume.
    """
    first, last = slab
    shape = (last - first + 1, *volume.shape[1:])
    masks = {name: np.zeros(shape, dtype=bool) for name in STRUCTURES}
    if previous is not None:
        masks |= {name: mask.copy() for name, mask in previous.masks.items()}
    before = {name: mask[slice_index - first].any() for name, mask in masks.items()}
    replaced: dict[str, tuple[int, int]] = {}
    n_outside: dict[str, int] = {}
    for name in STRUCTURES:
        parts = imported.get(name, ())
        low = max(first, min((p.slices[0] for p in parts), default=last + 1))
        high = min(last, max((p.slices[1] for p in parts), default=first - 1))
        if low > high:
            continue
        drawn = np.zeros((high - low + 1, *shape[1:]), dtype=bool)
        for part in parts:
            drawn |= part.slab(low, high, volume.shape)
        low_hu, high_hu = STRUCTURE_HU[name]
        hu = volume.voxels[low : high + 1]
        kept = drawn & (hu >= low_hu) & (hu <= high_hu)
        n_outside[name] = int(np.count_nonzero(drawn)) - int(np.count_nonzero(kept))
        masks[name][low - first : high + 1 - first] = kept
        replaced[name] = (low, high)
    _check_measured(imported, replaced, masks, slice_index, first)
    _settle(masks, replaced, first)
    notes = list(_notes(imported, replaced, n_outside, slab))
    for name, had in before.items():
        if had and not masks[name][slice_index - first].any():
            words = name.replace("_", " ")
            notes.append(f"there is no {words} on the measured slice any more")
    _check_muscle(masks, replaced, slice_index - first)
    old = () if previous is None or "muscle" in replaced else previous.warnings
    outline = BodySegmentation(first, slice_index, masks, "edited", old)
    return ImportOutcome(outline, replaced, n_outside, tuple(notes))


def _check_measured(
    imported: Mapping[str, Sequence[CroppedMask]],
    replaced: Mapping[str, tuple[int, int]],
    masks: Mapping[str, NDArray[np.bool_]],
    slice_index: int,
    first: int,
) -> None:
    k = slice_index - first
    if any(
        low <= slice_index <= high and masks[name][k].any()
        for name, (low, high) in replaced.items()
    ):
        return
    parts = [part for name in STRUCTURES for part in imported.get(name, ())]
    if not parts:
        raise SegmentationError(
            "none of the file's regions is muscle, psoas or fat", remedy="say what they are"
        )
    low, high = min(p.slices[0] for p in parts), max(p.slices[1] for p in parts)
    raise SegmentationError(
        f"the mask has no pixel of its tissue on slice {slice_index + 1}, which is measured; it was "
        f"drawn on slices {low + 1} to {high + 1}",
        remedy="move the level there, or draw the mask on the measured slice",
    )


def _settle(
    masks: dict[str, NDArray[np.bool_]], replaced: Mapping[str, tuple[int, int]], first: int
) -> None:
    """Make the structures consistent; what was imported wins over what was there."""
    # What was not imported yields to what was; of two imported ones the first keeps the pixel.
    for name in sorted(replaced, key=STRUCTURES.index):
        other = EXCLUSIVE.get(name)
        if other is None:
            continue
        if other not in replaced or STRUCTURES.index(name) < STRUCTURES.index(other):
            low, high = replaced[name]
            at = slice(low - first, high + 1 - first)
            masks[other][at] &= ~masks[name][at]
    for psoas in _PSOAS:
        if psoas in replaced:
            low, high = replaced[psoas]
            at = slice(low - first, high + 1 - first)
            masks["muscle"][at] |= masks[psoas][at]
        if "muscle" in replaced:
            masks[psoas] &= masks["muscle"]


def _check_muscle(
    masks: Mapping[str, NDArray[np.bool_]], replaced: Mapping[str, tuple[int, int]], k: int
) -> None:
    psoas = masks["psoas_left"][k] | masks["psoas_right"][k]
    alone = "muscle" not in replaced and any(name in replaced for name in _PSOAS)
    if alone and psoas.any() and not (masks["muscle"][k] & ~psoas).any():
        raise SegmentationError(
            "there is no outline of the muscle that the psoas is a part of",
            remedy="import the whole muscle too, or outline it automatically first",
        )


def _notes(
    imported: Mapping[str, Sequence[CroppedMask]],
    replaced: Mapping[str, tuple[int, int]],
    n_outside: Mapping[str, int],
    slab: tuple[int, int],
) -> Iterable[str]:
    for name, (low, high) in replaced.items():
        words = name.replace("_", " ")
        if n_outside[name]:
            low_hu, high_hu = STRUCTURE_HU[name]
            yield (
                f"{count_of(n_outside[name], 'pixel')} of {words} outside {low_hu:g} to "
                f"{high_hu:g} HU left out"
            )
        if (low, high) != slab:
            yield f"{words} replaced on slices {low + 1} to {high + 1} only"
    parts = [part for name in STRUCTURES for part in imported.get(name, ())]
    if any(p.slices[0] < slab[0] or p.slices[1] > slab[1] for p in parts):
        yield f"the outline holds slices {slab[0] + 1} to {slab[1] + 1}: the mask's others left out"


def imported_regions(
    lesions: Mapping[str, CroppedMask],
    taken: Iterable[str],
    *,
    method: str,
    room: int = MOST_REGIONS,
) -> tuple[Region, ...]:
    """Imported lesions as regions of the study.

    Args:
        lesions: name to mask.
        taken: names of the regions there are; a name that is taken gets a number.
        method: where they come from ("imported from lesions.nii.gz").
        room: how many more there may be.

    Raises:
        SegmentationError: there are more than there is room for.
    """
    if len(lesions) > room:
        raise SegmentationError(
            f"the file holds {len(lesions)} lesions, there is room for {max(room, 0)}",
            remedy="leave some out",
        )
    names = {name.casefold() for name in taken}
    regions = []
    for name, mask in lesions.items():
        plain = name[: NAME_LENGTH - 5].strip() or "Lesion"
        free, n = plain, 2
        while free.casefold() in names:
            free, n = f"{plain} ({n})", n + 1
        names.add(free.casefold())
        regions.append(region_of(f"r{secrets.token_hex(6)}", free, mask.box, mask.first, method))
    return tuple(regions)
