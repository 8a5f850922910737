"""Masks from a file into a study: the outline as a new revision, lesions as regions, and every number
measured again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hccsurv_core.errors import InputError, SegmentationError
from hccsurv_core.io.roi_files import ImageSource, RoiFile
from hccsurv_core.io.roi_names import harmless_name
from hccsurv_core.roi.imported import ImportOutcome, imported_regions, outline_from_masks
from hccsurv_core.roi.regions import MOST_REGIONS
from hccsurv_core.roi.results import STRUCTURES
from hccsurv_core.systems.roi_edits import measure_again, study_lock

if TYPE_CHECKING:
    from hccsurv_core.cohort.store import PatientStore

LESION = "lesion"


@dataclass(frozen=True)
class ImportedMasks:
    """What was taken over.

    Args:
        structures: of the outline.
        lesions: names as they are in the study now.
        notes: what was left out and what to check, in plain words.
    """

    structures: tuple[str, ...]
    lesions: tuple[str, ...]
    notes: tuple[str, ...]


def import_masks(
    store: PatientStore, study_id: str, roi: RoiFile, mapping: Mapping[str, str], *, actor: str
) -> ImportedMasks:
    """Take over the regions of a mask file; each step can be undone.

    Args:
        store, study_id: which study.
        roi: the file, read onto the study's grid.
        mapping: name in the file to a structure of the outline or "lesion"; others are left out.
        actor: who does it.

    Raises:
        InputError: nothing was chosen, the file is of another grid, there is no level, or a rule of
            :func:`~hccsurv_core.roi.imported.outline_from_masks` is broken. Nothing is stored then.
        NotFoundError: there is no such study.
        StoreError: the disk is full.
    """
    chosen = {name: mapping[name] for name in roi.regions if mapping.get(name)}
    if not chosen:
        raise InputError("nothing was chosen", source=roi.source, remedy="say what a region is")
    if roi.shape != store.get_study(study_id).shape:
        raise InputError("the mask was read for another scan", source=roi.source)
    origin = f"imported from {harmless_names(roi)} ({roi.kind_name})"
    lesions = {name: roi.regions[name] for name, what in chosen.items() if what == LESION}
    with study_lock(study_id):
        outcome = _outline(store, study_id, roi, chosen)
        held = store.load_regions(study_id).regions
        regions = imported_regions(
            lesions,
            [region.name for region in held],
            method=origin,
            room=MOST_REGIONS - len(held),
        )
        if outcome is not None:
            words = ", ".join(name.replace("_", " ") for name in outcome.slices)
            store.save_segmentation(
                study_id, outcome.segmentation, state="edited", actor=actor,
                note=f"{words} {origin}",
            )  # fmt: skip
        if regions:
            names = ", ".join(region.name for region in regions)
            store.save_regions(study_id, (*held, *regions), actor=actor, note=f"{names} {origin}")
        if outcome is not None:
            measure_again(store, study_id, actor=actor)
    return ImportedMasks(
        structures=() if outcome is None else tuple(outcome.slices),
        lesions=tuple(region.name for region in regions),
        notes=() if outcome is None else outcome.notes,
    )


def _outline(
    store: PatientStore, study_id: str, roi: RoiFile, chosen: Mapping[str, str]
) -> ImportOutcome | None:
    """The outline with what was imported; None where no structure of the body was chosen."""
    imported = {
        structure: [roi.regions[name] for name, what in chosen.items() if what == structure]
        for structure in STRUCTURES
    }
    imported = {structure: parts for structure, parts in imported.items() if parts}
    if not imported:
        return None
    volume, level = store.load_volume(study_id), store.load_level(study_id)
    if level is None:
        raise SegmentationError(
            "there is no L3 level to measure at", source=roi.source, remedy="set the level first"
        )
    held = store.load_segmentation(study_id)
    if held is None:
        from hccsurv_core.roi.segmentation import slab_range

        slab, previous = slab_range(volume, level.location), None
        slice_index = level.location.slice_index
    else:
        previous = held.segmentation
        slab = (previous.first_slice, previous.first_slice + previous.n_slices - 1)
        slice_index = previous.slice_index
    try:
        return outline_from_masks(
            volume, imported, slab=slab, slice_index=slice_index, previous=previous
        )
    except InputError as error:
        raise error.with_source(roi.source) from error


def harmless_names(roi: RoiFile) -> str:
    """The file's name, or names, without words that may be a patient's."""
    return ", ".join(dict.fromkeys(harmless_name(name) for name in roi.source.split(", ")))


def image_source(store: PatientStore, study_id: str) -> ImageSource:
    """UIDs of the study's scan as its de-identified files state them, and how they were replaced.

    A mask that was drawn on the original scan names the original's UIDs: they are replaced in the
    same way before they are compared.
    """
    files = store.dicom_files(study_id)
    if not files:
        return ImageSource()
    frame, series = _uids(files[0])
    from hccsurv_core.io.deidentify import Deidentifier

    keys = store.deidentification_keys(store.get_study(study_id).patient_id)
    cleaner = Deidentifier(keys.pseudonym, keys.date_shift_days, keys.uid_key)
    return ImageSource(frame, series, cleaner.map_uid)


def _uids(file: Path) -> tuple[str, str]:
    from hccsurv_core.io.dicom_header import read_dataset, text

    ds = read_dataset(file, pixels=False)
    return text(ds, "FrameOfReferenceUID"), text(ds, "SeriesInstanceUID")
