"""The spine's public face: the canal, and the L3 level by itself or by hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError, LevelNotFoundError
from hccsurv_core.imaging.resampling import resample_isotropic
from hccsurv_core.roi.body_mask import body_mask_grid
from hccsurv_core.roi.canal import trace_canal
from hccsurv_core.roi.results import L3Location
from hccsurv_core.volume import Volume

#: Cubes on which the spine is sought, mm.
GRID_MM = 2.0


def find_canal(volume: Volume) -> NDArray[np.float64]:
    """Row and column of the spinal canal's centre on each slice.

    Args:
        volume: canonical CT in HU; one slice, a short slab or a whole scan.

    Returns:
        (slices, 2) continuous row and column indices.

    Raises:
        LevelNotFoundError: there is no body or no bone to follow.
    """
    cubes = resample_isotropic(volume, GRID_MM)
    body = body_mask_grid(cubes.voxels, GRID_MM)
    if not body.any():
        raise LevelNotFoundError(
            "no body is in view", remedy="check that the series is an axial CT of the abdomen"
        )
    path = trace_canal(cubes.voxels, body, GRID_MM)
    slices = cubes.from_source(np.arange(volume.shape[0]), 0)
    rows = np.interp(slices, np.arange(len(path.row)), path.row)
    columns = np.interp(slices, np.arange(len(path.row)), path.column)
    return np.stack([cubes.to_source(rows, 1), cubes.to_source(columns, 2)], axis=1)


def manual_location(
    volume: Volume, slice_index: int, automatic: L3Location | None = None
) -> L3Location:
    """The level a person chose.

    Args:
        volume: canonical CT in HU.
        slice_index: the slice that shows L3.
        automatic: an earlier location, whose canal and vertebrae are kept.

    Returns:
        A location of confidence 1; method "single_slice" for a volume of one slice.

    Raises:
        InputError: the volume has no such slice.
    """
    n_slices = volume.shape[0]
    if not 0 <= slice_index < n_slices:
        raise InputError(
            f"slice {slice_index} is not in the scan",
            source="slice_index",
            remedy=f"give a slice from 0 to {n_slices - 1}",
        )
    canal, warnings = _canal_or_warning(volume, automatic)
    return L3Location(
        slice_index=int(slice_index),
        position_mm=volume.slice_position_mm(slice_index),
        confidence=1.0,
        method="single_slice" if n_slices == 1 else "manual",
        vertebrae=automatic.vertebrae if automatic else (),
        evidence=("The level was given by hand.",),
        warnings=warnings,
        canal=canal,
    )


def _canal_or_warning(
    volume: Volume, automatic: L3Location | None
) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    if automatic is not None and automatic.canal is not None:
        return automatic.canal, ()
    try:
        return find_canal(volume), ()
    except LevelNotFoundError as error:
        return None, (f"The spinal canal was not found: {error.what}.",)
