"""Structures that overlap as masks, and as labels of which a voxel has one.

Total muscle includes the psoas; in a label map it is what is left of it, under a name that says so.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryMismatchError
from hccsurv_core.volume import LabelMap, Volume, describe_geometry

#: Structures that are part of another one, which then gets a label for the rest of it.
PARTS = {"muscle": ("psoas_left", "psoas_right")}


def _rest_of(whole: str) -> str:
    return f"{whole}_without_psoas"


def label_map_from_masks(
    volume: Volume, masks: Mapping[str, NDArray[np.bool_]], first_slice: int = 0
) -> LabelMap:
    """Masks of a slab as labels on the whole grid of ``volume``, one label per voxel.

    Args:
        volume: the grid.
        masks: structure name to boolean (slab slices, rows, columns).
        first_slice: index of the slab's first slice in the volume.

    Returns:
        Labels 1, 2 … in the order of ``masks``; a structure that holds others (muscle) has the
        label ``muscle_without_psoas`` for what is left of it. Where other structures overlap,
        the earlier one keeps the voxel.

    Raises:
        GeometryMismatchError: a mask does not fit the grid.
    """
    voxels = np.zeros(volume.shape, dtype=np.uint8)
    names: dict[int, str] = {}
    for value, (name, mask) in enumerate(masks.items(), start=1):
        slab = voxels[first_slice : first_slice + len(mask)] if first_slice >= 0 else voxels[:0]
        if slab.shape != mask.shape:
            raise GeometryMismatchError(
                f"the mask of {name}, {mask.shape} from slice {first_slice}, does not fit "
                f"{describe_geometry(volume)}"
            )
        parts = [masks[part] for part in PARTS.get(name, ()) if part in masks]
        own = mask & ~np.logical_or.reduce(parts) if parts else mask
        slab[own & (slab == 0)] = value
        names[value] = _rest_of(name) if parts else name
    return LabelMap(voxels, volume.affine, names)


def structures_of(names: Mapping[int, str]) -> dict[str, list[int]]:
    """Structure name to the labels that make it up (muscle: its rest and both psoas).

    A voxel has one label only, so a label "muscle" beside psoas labels is the rest as well.
    """
    values = {name: value for value, name in names.items()}
    wholes = {_rest_of(whole): whole for whole in PARTS}
    structures = {}
    for name, value in values.items():
        structure = wholes.get(name, name)
        parts = [values[part] for part in PARTS.get(structure, ()) if part in values]
        structures[structure] = [value, *parts]
    return structures


def masks_of(labels: LabelMap) -> dict[str, NDArray[np.bool_]]:
    """Structure name to boolean mask on the label map's grid; the inverse of the map's making."""
    names = labels.names or {int(v): f"label_{v}" for v in np.unique(labels.voxels) if v}
    return {name: np.isin(labels.voxels, values) for name, values in structures_of(names).items()}
