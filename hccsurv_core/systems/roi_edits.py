"""One command of the editor: applied, stored as a revision, measured, and answered with what changed.

The server holds the truth. The editor sends pixels added and removed, not whole masks, so that two
tabs on one study lose nothing; the answer holds the touched slices as they are by the rules of
:mod:`hccsurv_core.roi.editing`, and every number that follows from them.
"""

from __future__ import annotations

import secrets
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError, NotFoundError
from hccsurv_core.roi.editing import STRUCTURE_HU, apply_stroke
from hccsurv_core.roi.regions import Region, check_name, paint_region, region_of
from hccsurv_core.roi.runs import from_runs
from hccsurv_core.systems.roi_document import (
    BODY,
    REGIONS,
    RESET_NOTE,
    RoiState,
    can_undo_outline,
    changes_json,
    history_json,
    labels_json,
    load_state,
    masks_json,
    numbers_json,
)

if TYPE_CHECKING:
    from hccsurv_core.cohort.store import PatientStore

#: Read, change and write of one study are one step for everybody else.
_LOCKS: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
#: The first names of a study's regions, in the order in which they are added; then "Lesion 2" …
FIRST_NAMES = ("Lesion",)
#: On ultrasound the liver beside it is outlined, too: intensities are told against it.
FIRST_NAMES_OF_A_CLIP = ("Lesion", "Reference liver")
_SMOOTH_MM = (0.2, 20.0)
Slices = Mapping[int, NDArray[np.bool_]]


def study_lock(study_id: str) -> threading.RLock:
    """The lock under which a study's outlines and regions are read, changed and written."""
    return _LOCKS[study_id]


def open_document(store: PatientStore, study_id: str) -> dict[str, Any]:
    """Everything the editor needs to begin, but the voxels.

    Raises:
        NotFoundError: there is no such study. StoreError: a file is missing or damaged.
    """
    state = load_state(store, study_id)
    return {
        "labels": labels_json(state),
        "masks": masks_json(state),
        "history": history_json(state),
        "numbers": numbers_json(state, store.load_volume(study_id), store.load_measures(study_id)),
    }


def apply_command(
    store: PatientStore, study_id: str, command: Mapping[str, Any], *, actor: str
) -> dict[str, Any]:
    """Do what the editor asks for.

    Args:
        command: ``do`` and what goes with it: "stroke" (``label``, ``add`` and ``remove`` as slice
            to run lengths, ``note``), "undo" and "redo" (``target``), "reset", "new_region"
            (``name``), "rename_region" (``label``, ``name``), "delete_region" (``label``), "grow"
            (``label``, ``seed``, ``dimensions``, ``box``), "interpolate" (``label``), "smooth"
            (``label``, ``slice``, ``radius_mm``).
        actor: who asks.

    Returns:
        ``changed`` (label to slice to run lengths), ``labels``, ``history``, ``numbers``, ``before``
        (the revisions that the command was applied to) and ``message``.

    Raises:
        InputError: the command cannot be done; nothing is stored then.
        NotFoundError: the study is gone, or there is nothing to undo.
        StoreError: the disk is full; nothing is stored then.
    """
    do = command.get("do")
    if not isinstance(do, str) or do not in _COMMANDS:
        raise InputError(f"the editor knows no command {do!r}", source="editor")
    with study_lock(study_id):
        before = load_state(store, study_id)
        message = _COMMANDS[do](store, study_id, before, command, actor)
        after = load_state(store, study_id)
        if (after.outline and after.outline.revision) != (
            before.outline and before.outline.revision
        ):
            measure_again(store, study_id, actor=actor)
        measures = store.load_measures(study_id)
    history = history_json(before)
    return {
        "changed": changes_json(before, after),
        "labels": labels_json(after),
        "before": {target: history[target]["revision"] for target in (BODY, REGIONS)},
        "history": history_json(after),
        "numbers": numbers_json(after, store.load_volume(study_id), measures),
        "message": message,
    }


def measure_again(store: PatientStore, study_id: str, *, actor: str) -> None:
    """Measure again after the outline or the patient's facts changed.

    Raises:
        NotFoundError: there is no such study.
    """
    from hccsurv_core.systems.sarcopenia import remeasure

    level, outline = store.load_level(study_id), store.load_segmentation(study_id)
    if level is None or outline is None:
        return
    facts = store.get_patient(store.get_study(study_id).patient_id).facts
    result = remeasure(store.load_volume(study_id), level.location, outline.segmentation, facts)
    store.save_measures(study_id, result.to_json(), actor=actor)


# -- commands ----------------------------------------------------------------------------------
def _stroke(
    store: PatientStore, study_id: str, state: RoiState, command: Mapping[str, Any], actor: str
) -> str:
    add = _slices(command.get("add"), state)
    remove = _slices(command.get("remove"), state)
    note = _text(command.get("note"), "drawn")
    return _paint(store, study_id, state, _label(command), add, remove, note, actor)


def _paint(
    store: PatientStore,
    study_id: str,
    state: RoiState,
    label: str,
    add: Slices,
    remove: Slices,
    note: str,
    actor: str,
    method: str | None = None,
) -> str:
    """Change one label; a change of nothing is no revision."""
    if label in STRUCTURE_HU:
        if state.outline is None:
            raise InputError("there is no outline to correct", remedy="set the level first")
        volume = store.load_volume(study_id)
        outcome = apply_stroke(state.outline.segmentation, volume, label, add=add, remove=remove)
        if _differ(outcome.segmentation.masks, state.outline.segmentation.masks):
            words = f"{label.replace('_', ' ')}: {note}, {outcome.n_changed} pixels"
            store.save_segmentation(
                study_id, outcome.segmentation, state="edited", actor=actor, note=words
            )
        return _left_out(outcome.n_outside_hu, label)
    region = _region(state, label)
    painted = paint_region(region, state.shape, add, remove)
    same = painted.offset == region.offset and np.array_equal(painted.mask, region.mask)
    if not same:
        if method is not None and not region.mask.any():
            painted = replace(painted, method=method)
        _save_regions(store, study_id, state, painted, f"{region.name}: {note}", actor)
    return ""


def _undo(
    store: PatientStore, study_id: str, state: RoiState, command: Mapping[str, Any], actor: str
) -> str:
    if _target(command) == BODY:
        if not can_undo_outline(state.outline):
            raise NotFoundError("there is nothing to undo")
        store.undo_segmentation(study_id, actor=actor)
    else:
        store.undo_regions(study_id, actor=actor)
    return ""


def _redo(
    store: PatientStore, study_id: str, state: RoiState, command: Mapping[str, Any], actor: str
) -> str:
    if _target(command) == BODY:
        store.redo_segmentation(study_id, actor=actor)
    else:
        store.redo_regions(study_id, actor=actor)
    return ""


def _reset(
    store: PatientStore, study_id: str, state: RoiState, command: Mapping[str, Any], actor: str
) -> str:
    found = store.automatic_segmentation(study_id)
    if found is None or state.outline is None:
        raise InputError(
            "there is no automatic outline to go back to", remedy="set the level on the scan page"
        )
    if _differ(found.segmentation.masks, state.outline.segmentation.masks):
        store.save_segmentation(
            study_id, found.segmentation, state="automatic", actor=actor, note=RESET_NOTE
        )
    return "Back to the automatic outline."


def _new_region(
    store: PatientStore, study_id: str, state: RoiState, command: Mapping[str, Any], actor: str
) -> str:
    names = {region.id: region.name for region in state.regions.regions}
    clip = store.get_study(study_id).modality == "US"
    first = FIRST_NAMES_OF_A_CLIP if clip else FIRST_NAMES
    name = check_name(_text(command.get("name"), _free_name(names, first)), names)
    region = region_of(f"r{secrets.token_hex(6)}", name, np.zeros((0, 0, 0), dtype=bool))
    regions = (*state.regions.regions, region)
    store.save_regions(study_id, regions, actor=actor, note=f"{name} added")
    return ""


def _rename_region(
    store: PatientStore, study_id: str, state: RoiState, command: Mapping[str, Any], actor: str
) -> str:
    region = _region(state, _label(command))
    others = {r.id: r.name for r in state.regions.regions if r.id != region.id}
    name = check_name(_text(command.get("name"), ""), others)
    if name != region.name:
        note = f"{region.name} is now called {name}"
        _save_regions(store, study_id, state, replace(region, name=name), note, actor)
    return ""


def _delete_region(
    store: PatientStore, study_id: str, state: RoiState, command: Mapping[str, Any], actor: str
) -> str:
    region = _region(state, _label(command))
    kept = tuple(r for r in state.regions.regions if r.id != region.id)
    store.save_regions(study_id, kept, actor=actor, note=f"{region.name} deleted")
    return f"{region.name} was deleted."


def _grow(
    store: PatientStore, study_id: str, state: RoiState, command: Mapping[str, Any], actor: str
) -> str:
    from hccsurv_core.roi.lesion import grow_lesion

    region = _region(state, _label(command))
    box = command.get("box")
    if box is not None and (not isinstance(box, list) or len(box) != 2):
        raise InputError("a box has two corners", source="editor")
    grown = grow_lesion(
        store.load_volume(study_id),
        _place(command.get("seed")),
        box=None if box is None else (_place(box[0]), _place(box[1])),
        dimensions=2 if command.get("dimensions") == 2 else 3,
    )
    part = region_of(region.id, region.name, grown.mask, grown.offset)
    add = {index: part.mask_at(index, state.plane) for index in part.slices}
    how = "grown from a box" if box is not None else "grown from a click"
    _paint(store, study_id, state, region.id, add, {}, how, actor, method=how)
    return " ".join(grown.warnings)


def _interpolate(
    store: PatientStore, study_id: str, state: RoiState, command: Mapping[str, Any], actor: str
) -> str:
    label = _label(command)
    first, mask = _mask_of(state, label)
    if np.count_nonzero(mask.any(axis=(1, 2))) == len(mask):
        raise InputError(
            "no slice between drawn ones is empty", source="editor",
            remedy="draw on two slices that are not neighbors",
        )  # fmt: skip
    from hccsurv_core.roi.slice_interpolation import interpolate_slices

    _, row_mm, column_mm = store.load_volume(study_id).spacing_mm
    filled = interpolate_slices(mask, pixel_mm=(row_mm, column_mm))
    add = {first + k: filled[k] for k in range(len(mask)) if not mask[k].any()}
    told = f"interpolated on {len(add)} slices"
    return _paint(store, study_id, state, label, add, {}, told, actor)


def _smooth(
    store: PatientStore, study_id: str, state: RoiState, command: Mapping[str, Any], actor: str
) -> str:
    label, index = _label(command), command.get("slice")
    radius_mm = command.get("radius_mm", 2.0)
    if type(index) is not int or not isinstance(radius_mm, int | float):
        raise InputError("a slice and a radius are needed", source="editor")
    if not _SMOOTH_MM[0] <= radius_mm <= _SMOOTH_MM[1]:
        raise InputError(f"a radius of {radius_mm:g} mm is no smoothing", source="editor")
    first, mask = _mask_of(state, label)
    if not 0 <= index - first < len(mask) or not mask[index - first].any():
        raise InputError("nothing is drawn on this slice", source="editor", remedy="draw first")
    from hccsurv_core.roi.smoothing import smooth_outline

    was = mask[index - first]
    spacing_mm = store.load_volume(study_id).spacing_mm[1:]
    now = smooth_outline(was, spacing_mm, radius_mm)
    add, remove = {index: now & ~was}, {index: was & ~now}
    return _paint(store, study_id, state, label, add, remove, "smoothed", actor)


_COMMANDS = {
    "stroke": _stroke,
    "undo": _undo,
    "redo": _redo,
    "reset": _reset,
    "new_region": _new_region,
    "rename_region": _rename_region,
    "delete_region": _delete_region,
    "grow": _grow,
    "interpolate": _interpolate,
    "smooth": _smooth,
}


# -- parts of commands -------------------------------------------------------------------------
def _slices(found: Any, state: RoiState) -> dict[int, NDArray[np.bool_]]:
    if found is None:
        return {}
    if not isinstance(found, Mapping) or len(found) > state.shape[0]:
        raise InputError("the stroke's slices cannot be read", source="editor")
    slices = {}
    for index, runs in found.items():
        if not str(index).isdecimal() or int(index) >= state.shape[0] or type(runs) is not list:
            raise InputError(f"{index} is no slice of this study", source="editor")
        slices[int(index)] = from_runs(runs, state.plane)
    return slices


def _mask_of(state: RoiState, label: str) -> tuple[int, NDArray[np.bool_]]:
    """First slice and mask (slices, rows, columns) of a label."""
    if label in STRUCTURE_HU:
        if state.outline is None or label not in state.outline.segmentation.masks:
            raise InputError("there is no such outline", source="editor")
        return state.outline.segmentation.first_slice, state.outline.segmentation.masks[label]
    region = _region(state, label)
    if not region.mask.any():
        raise InputError(f"nothing is drawn in {region.name}", source="editor", remedy="draw first")
    whole = np.stack([region.mask_at(index, state.plane) for index in region.slices])
    return region.offset[0], whole


def _region(state: RoiState, label: str) -> Region:
    for region in state.regions.regions:
        if region.id == label:
            return region
    raise NotFoundError("this region is gone", remedy="somebody may have deleted it; undo it")


def _save_regions(
    store: PatientStore, study_id: str, state: RoiState, changed: Region, note: str, actor: str
) -> None:
    regions = tuple(changed if r.id == changed.id else r for r in state.regions.regions)
    store.save_regions(study_id, regions, actor=actor, note=note)


def _label(command: Mapping[str, Any]) -> str:
    label = command.get("label")
    if not isinstance(label, str):
        raise InputError("which label is meant is not said", source="editor")
    return label


def _target(command: Mapping[str, Any]) -> str:
    target = command.get("target")
    if target not in (BODY, REGIONS):
        raise InputError("whether outline or regions are meant is not said", source="editor")
    return str(target)


def _text(found: Any, otherwise: str) -> str:
    return found[:200] if isinstance(found, str) and found.strip() else otherwise


def _place(found: Any) -> tuple[int, int, int]:
    if not isinstance(found, list | tuple) or len(found) != 3:
        raise InputError("a place has slice, row and column", source="editor")
    if any(type(n) is not int for n in found):
        raise InputError("a place is three whole numbers", source="editor")
    return found[0], found[1], found[2]


def _free_name(names: Mapping[str, str], first: Sequence[str]) -> str:
    taken = {name.casefold() for name in names.values()}
    for name in first:
        if name.casefold() not in taken:
            return name
    number = 2
    while f"{first[0]} {number}".casefold() in taken:
        number += 1
    return f"{first[0]} {number}"


def _differ(one: Mapping[str, NDArray[np.bool_]], other: Mapping[str, NDArray[np.bool_]]) -> bool:
    return any(not np.array_equal(one[name], other[name]) for name in one)


def _left_out(n_outside: int, label: str) -> str:
    if not n_outside:
        return ""
    low, high = STRUCTURE_HU[label]
    return f"{n_outside} pixels outside {low:g} to {high:g} HU were left out."
