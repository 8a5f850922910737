"""Scans for the tests of whole organs: drawn chests, and simulated patients made once a session."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hccsurv_core.simulate.immunotherapy.images import Scan, build_patient, full_scan, scan_slices
from hccsurv_core.volume import Volume

SEED = 31


@lru_cache(maxsize=2)
def chest_and_abdomen(time: int = 0) -> Scan:
    """A simulated patient from the kidneys to the apex of the lungs."""
    return full_scan(SEED, 0, time)


@lru_cache(maxsize=8)
def three_slices(i: int, organ: str) -> Scan:
    return scan_slices(build_patient(SEED, i), 0, organ)


def slices_of(volume: Volume, low: int, high: int) -> Volume:
    """Slices ``low`` to ``high`` (exclusive), in their place."""
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 2] * low
    return Volume(np.ascontiguousarray(volume.voxels[low:high]), affine)


def disk(shape: tuple[int, int], center: tuple[float, float], radii: tuple[float, float]):
    """An ellipse; center and radii as (row, column)."""
    rows, columns = np.indices(shape)
    return ((rows - center[0]) / radii[0]) ** 2 + ((columns - center[1]) / radii[1]) ** 2 <= 1


def drawn_chest(n_slices: int = 16, slice_mm: float = 4.0) -> tuple[Volume, dict[str, np.ndarray]]:
    """A trunk of 2 mm pixels with ribs, two lungs, a trachea between them, a vessel and a nodule.

    Columns run from the patient's right to left. Returns the parts as masks, too.
    """
    shape = (150, 190)
    plane = np.full(shape, -1000.0)
    body = disk(shape, (75, 95), (60, 85))
    plane[body] = 50
    ring = disk(shape, (75, 95), (56, 81)) & ~disk(shape, (75, 95), (53, 78))
    angle = np.degrees(np.arctan2(*(np.indices(shape) - np.array([75, 95])[:, None, None])))
    plane[ring & (angle % 20 < 9)] = 400
    plane[disk(shape, (115, 95), (12, 12))] = 350
    cavity, columns = disk(shape, (75, 95), (50, 75)), np.arange(shape[1])[None, :]
    right, left = cavity & (columns < 78), cavity & (columns > 112)
    trachea = disk(shape, (70, 95), (4.5, 4.5))
    plane[right | left] = -850
    plane[trachea] = -995
    voxels = np.repeat(plane[None], n_slices, axis=0)
    parts = {
        name: np.repeat(part[None], n_slices, axis=0)
        for name, part in (
            ("body", body), ("right", right), ("left", left), ("trachea", trachea),
            ("vessel", disk(shape, (72, 58), (3, 3))),
        )
    }  # fmt: skip
    nodule = np.zeros_like(parts["vessel"])
    nodule[n_slices // 2 - 1 : n_slices // 2 + 2] = disk(shape, (60, 140), (6, 6))
    parts["nodule"] = nodule
    voxels[parts["vessel"] | nodule] = 40
    voxels += np.random.default_rng(0).normal(0, 12, voxels.shape)
    return Volume(voxels.astype(np.int16), np.diag([2.0, 2.0, slice_mm, 1.0])), parts
