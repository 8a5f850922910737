"""What the editor shows of a study: labels, their masks as run lengths, and the numbers in them.

Two kinds of labels stand side by side. The *body* outline has fixed structures on a slab about L3,
with the attenuation their pixels may have; *regions* are what a person draws anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.roi.editing import STRUCTURE_HU
from hccsurv_core.roi.regions import Region
from hccsurv_core.roi.results import BodySegmentation
from hccsurv_core.roi.runs import to_runs

if TYPE_CHECKING:
    from hccsurv_core.cohort.drawn_regions import StoredRegions
    from hccsurv_core.cohort.records import StoredSegmentation
    from hccsurv_core.cohort.store import PatientStore
    from hccsurv_core.volume import Volume

BODY, REGIONS = "body", "regions"
#: What a reset of the outline is called in its history.
RESET_NOTE = "reset to automatic"
#: Slice index (as text, for JSON) to run lengths.
Runs = dict[str, list[int]]


@dataclass(frozen=True, eq=False)
class RoiState:
    """The drawn state of a study.

    Args:
        shape: of the volume, (slices, rows, columns).
        outline: the body outline, or None before there is a level.
        regions: what people drew.
    """

    shape: tuple[int, int, int]
    outline: StoredSegmentation | None
    regions: StoredRegions

    @property
    def plane(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.shape[1], self.shape[2]


def load_state(store: PatientStore, study_id: str) -> RoiState:
    """The current outline and regions.

    Raises:
        NotFoundError: there is no such study. StoreError: a file is missing or damaged.
    """
    study = store.get_study(study_id)
    return RoiState(study.shape, store.load_segmentation(study_id), store.load_regions(study_id))


def labels_json(state: RoiState) -> list[dict[str, Any]]:
    """The labels that can be edited, the outline's first.

    Returns:
        For each ``id``, ``target`` ("body" or "regions"), ``name``, ``hu`` (its range, or None) and
        ``slices`` (first and last one that can be edited).
    """
    found: list[dict[str, Any]] = []
    if state.outline is not None:
        seg = state.outline.segmentation
        last = seg.first_slice + seg.n_slices - 1
        found += [
            {
                "id": name, "target": BODY, "name": name, "hu": list(STRUCTURE_HU[name]),
                "slices": [seg.first_slice, last],
            }
            for name in seg.masks
            if name in STRUCTURE_HU
        ]  # fmt: skip
    found += [
        {
            "id": region.id, "target": REGIONS, "name": region.name, "hu": None,
            "slices": [0, state.shape[0] - 1], "method": region.method,
        }
        for region in state.regions.regions
    ]  # fmt: skip
    return found


def history_json(state: RoiState) -> dict[str, Any]:
    """Revisions and what can be undone or done again, of both kinds."""
    outline, regions = state.outline, state.regions
    return {
        BODY: {
            "revision": 0 if outline is None else outline.revision,
            "state": None if outline is None else outline.state,
            "can_undo": can_undo_outline(outline),
            "can_redo": outline is not None and outline.can_redo,
        },
        REGIONS: {
            "revision": regions.revision,
            "state": "edited" if regions.regions else None,
            "can_undo": regions.can_undo,
            "can_redo": regions.can_redo,
        },
    }


def can_undo_outline(outline: StoredSegmentation | None) -> bool:
    """True after a correction or a reset; an outline made at a new level has nothing before it."""
    if outline is None or not outline.can_undo:
        return False
    return outline.state == "edited" or outline.note == RESET_NOTE


def masks_json(state: RoiState) -> dict[str, Runs]:
    """Every mask: label to slice to run lengths; slices without a pixel are left out."""
    return changes_json(RoiState(state.shape, None, _no_regions()), state)


def changes_json(before: RoiState, after: RoiState) -> dict[str, Runs]:
    """What differs between two states: label to slice to run lengths as they are *after*."""
    found = _outline_changes(before, after)
    old = {region.id: region for region in before.regions.regions}
    new = {region.id: region for region in after.regions.regions}
    for id in {**old, **new}:
        runs = _region_changes(old.get(id), new.get(id), after.plane)
        if runs:
            found[id] = runs
    return found


def _outline_changes(before: RoiState, after: RoiState) -> dict[str, Runs]:
    old = None if before.outline is None else before.outline.segmentation
    new = None if after.outline is None else after.outline.segmentation
    found: dict[str, Runs] = {}
    for name in {**({} if old is None else old.masks), **({} if new is None else new.masks)}:
        runs: Runs = {}
        for index in sorted(_slab(old) | _slab(new)):
            was = _outline_mask(old, name, index, after.plane)
            now = _outline_mask(new, name, index, after.plane)
            if not np.array_equal(was, now):
                runs[str(index)] = to_runs(now)
        if runs:
            found[name] = runs
    return found


def _slab(seg: BodySegmentation | None) -> set[int]:
    return set() if seg is None else set(range(seg.first_slice, seg.first_slice + seg.n_slices))


def _outline_mask(
    seg: BodySegmentation | None, name: str, index: int, plane: tuple[int, int]
) -> NDArray[np.bool_]:
    if seg is None or name not in seg.masks or index not in _slab(seg):
        return np.zeros(plane, dtype=bool)
    return seg.mask_at(name, index)


def _region_changes(old: Region | None, new: Region | None, plane: tuple[int, int]) -> Runs:
    slices = sorted({*(old.slices if old else ()), *(new.slices if new else ())})
    runs: Runs = {}
    nothing = np.zeros(plane, dtype=bool)
    for index in slices:
        was = old.mask_at(index, plane) if old else nothing
        now = new.mask_at(index, plane) if new else nothing
        if not np.array_equal(was, now):
            runs[str(index)] = to_runs(now)
    return runs


def numbers_json(
    state: RoiState, volume: Volume, measures: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The numbers that follow from what is drawn.

    Args:
        measures: what was measured in the outline (`systems.sarcopenia`), as JSON.

    Returns:
        ``regions``: id to ``volume_ml`` and ``mean_hu``; ``body``: indices with units, and how many
        definitions call them low.
    """
    numbers: dict[str, Any] = {
        REGIONS: {
            region.id: {"volume_ml": region.volume_ml(volume), "mean_hu": region.mean_hu(volume)}
            for region in state.regions.regions
        },
        BODY: None,
    }
    if measures is not None:
        known = [d["positive"] for d in measures["definitions"] if d["positive"] is not None]
        numbers[BODY] = {
            **measures["measures"],
            "n_low": sum(known),
            "n_known": len(known),
            "n_definitions": len(measures["definitions"]),
        }
    return numbers


def _no_regions() -> StoredRegions:
    from hccsurv_core.cohort.drawn_regions import StoredRegions

    return StoredRegions()
