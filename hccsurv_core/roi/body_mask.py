"""The patient's body without table, clothes and, where they can be parted, arms.

Soft tissue is what exceeds −300 HU; an opening breaks the thin table and
sheets off, the largest connected piece is the patient, holes (lung, bowel gas)
are filled. Arms that touch the flanks are cut off at the neck between the two
deep parts of the outline.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.imaging.resampling import resample_grid
from hccsurv_core.volume import Volume

SOFT_TISSUE_HU = -300.0
#: In-plane grid on which the outline is found, mm.
GRID_MM = 3.0
#: Table tops, blankets and tubes are thinner than twice this.
OPENING_RADIUS_MM = 6.0
#: Depths at which the outline may fall into trunk and arm, tried in turn: the deeper the
#: neck between them, the more of the arm is pressed against the flank.
ARM_DEPTHS_MM = (12.0, 18.0, 24.0)
ARM_AREA_CM2 = (12.0, 220.0)


def disk(radius_mm: float, step_mm: float) -> NDArray[np.bool_]:
    """A flat disk as a footprint."""
    reach = max(1, int(np.ceil(radius_mm / step_mm)))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1] * step_mm
    return x * x + y * y <= radius_mm**2 + 1e-6


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, n = ndi.label(mask)
    if n <= 1:
        return mask
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    return labels == counts.argmax()


def _without_arms(mask: NDArray[np.bool_], step_mm: float) -> NDArray[np.bool_]:
    """Cut parts off a 2-D outline that are deep themselves and lie beside the trunk."""
    depth = ndi.distance_transform_edt(mask) * step_mm
    for neck_mm in ARM_DEPTHS_MM:
        arms = _arms_at_neck(mask, depth, step_mm, neck_mm)
        if arms is not None:
            mask = mask & ~arms
            depth = ndi.distance_transform_edt(mask) * step_mm
    return mask


def _arms_at_neck(
    mask: NDArray[np.bool_], depth: NDArray[np.float64], step_mm: float, neck_mm: float
) -> NDArray[np.bool_] | None:
    """Parts beside the trunk that hang on it by a neck less deep than ``neck_mm``, or None."""
    deep, n = ndi.label(depth > neck_mm)
    if n < 2:
        return None
    from skimage.segmentation import watershed

    counts = np.bincount(deep.ravel())
    counts[0] = 0
    trunk = int(counts.argmax())
    columns = np.nonzero((deep == trunk).any(axis=0))[0]
    parts = watershed(-depth, markers=deep, mask=mask)
    arms = np.zeros_like(mask)
    for part in range(1, n + 1):
        region = parts == part
        center = np.nonzero(deep == part)[1].mean()
        area_cm2 = region.sum() * step_mm**2 / 100
        beside = center < columns[0] or center > columns[-1]
        if part != trunk and beside and ARM_AREA_CM2[0] <= area_cm2 <= ARM_AREA_CM2[1]:
            arms |= region
    return arms if arms.any() else None


def _clean_slice(mask: NDArray[np.bool_], step_mm: float) -> NDArray[np.bool_]:
    """Fill holes; keep the largest piece and others at least half as large (the other thigh)."""
    filled = ndi.binary_fill_holes(mask)
    labels, n = ndi.label(filled)
    if n > 1:
        counts = np.bincount(labels.ravel())
        counts[0] = 0
        filled = (counts >= 0.5 * counts.max())[labels]
    return _without_arms(filled, step_mm) if filled.any() else filled


def body_mask_grid(voxels: NDArray[np.floating], step_mm: float) -> NDArray[np.bool_]:
    """The body on a grid whose rows and columns are ``step_mm`` apart.

    Args:
        voxels: HU (slices, rows, columns).
        step_mm: in-plane step, mm; 2 to 5 works.

    Returns:
        Boolean array of the same shape; all False where there is no tissue.
    """
    footprint = disk(OPENING_RADIUS_MM, step_mm)[None]
    soft = np.asarray(voxels) > SOFT_TISSUE_HU
    # Padding keeps an opening from eating a body that the image's edge cuts off.
    reach = footprint.shape[1] // 2
    padded = np.pad(soft, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    opened = ndi.binary_opening(padded, footprint)[:, reach:-reach, reach:-reach]
    body = _largest(opened)
    return np.stack([_clean_slice(plane, step_mm) for plane in body])


def body_mask(volume: Volume) -> NDArray[np.bool_]:
    """The body on the volume's own grid.

    Args:
        volume: canonical CT in HU, any number of slices.

    Returns:
        Boolean (slices, rows, columns); skin included, lungs and bowel gas filled.
    """
    coarse = resample_grid(volume, (volume.spacing_mm[0], GRID_MM, GRID_MM))
    mask = body_mask_grid(coarse.voxels, GRID_MM)
    ring = ndi.generate_binary_structure(2, 1)[None]
    # The rim between the eroded and the dilated outline is decided at full resolution.
    inner = ndi.binary_erosion(mask, ring, border_value=1)
    outer = ndi.binary_dilation(mask, ring)
    _, n_rows, n_columns = volume.shape
    rows = _nearest(coarse.from_source(np.arange(n_rows), 1), mask.shape[1])
    columns = _nearest(coarse.from_source(np.arange(n_columns), 2), mask.shape[2])
    grid = np.ix_(np.arange(volume.shape[0]), rows, columns)
    return inner[grid] | (outer[grid] & (volume.voxels > SOFT_TISSUE_HU))


def _nearest(index: NDArray[np.floating], n: int) -> NDArray[np.intp]:
    return np.clip(np.rint(index), 0, n - 1).astype(np.intp)
