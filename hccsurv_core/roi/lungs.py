"""Both lungs on a CT, without weights: air inside the chest, less the airways.

The air inside the body falls into pieces. A lung is a large one that lies against the ribs and is
not as dark as gas: bowel gas, sinuses and what else is air are none of the three. Trachea and main
bronchi are followed and taken out (:mod:`~hccsurv_core.roi.airways`), vessels and nodules are
closed in, and the outline is drawn again at full resolution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.progress import Progress, silent
from hccsurv_core.roi.airways import find_airways
from hccsurv_core.roi.organ_backends import CLASSICAL, outlined_by
from hccsurv_core.roi.organ_grid import IN_PLANE, OrganGrid, build_grid
from hccsurv_core.roi.solid_morphology import Mask, Steps, box_about, closed, distance_mm, labeled
from hccsurv_core.volume import LabelMap, Volume

NAMES = {1: "lung_right", 2: "lung_left"}
#: Lung and air are darker than this: about half way between lung and soft tissue.
AIR_HU = -400.0
#: A smaller piece of air is no lung, ml.
LEAST_ML = 15.0
#: Gas without tissue is darker (median) …
GAS_HU = -955.0
#: … and only an emphysematous lung has more of it than this against the ribs, ml.
MOST_GAS_ML = 600.0
BONE_HU = 180.0
#: Share of the outline, measured in planes, that lies this near to bone. Lungs: 0.28 to 0.57 on
#: the scans tried here, bowel gas up to 0.19, the sinuses of a head 0.97.
RIB_MM, RIB_SHARE = 10.0, (0.22, 0.85)
#: Vessels and nodules narrower than twice this are closed in, mm.
CLOSING_MM = 8.0
#: Two lungs that touch are parted where they are narrower than twice one of these, mm.
_NECKS_MM = (0.0, 3.0, 6.0, 9.0, 12.0)
#: The smaller of two lungs has this share of both at least; else it is a piece of one.
_LEAST_SHARE = 0.12


@dataclass(frozen=True, eq=False)
class LungsResult:
    """The lungs that were found.

    Args:
        labels: 1 right, 2 left lung (see :data:`NAMES`) on the scan's grid; all 0 where none is.
        right_ml, left_ml: their volumes in view.
        confidence: 0 to 1; a rule of thumb from what was found, not a calibrated probability.
        warnings: what a reader must check, in plain words.
        method: name of the backend.
        coarse: the working grid and the lungs on it, which spares
            :func:`~hccsurv_core.roi.liver.segment_liver` finding them again; None of other backends.
    """

    labels: LabelMap
    right_ml: float
    left_ml: float
    confidence: float
    warnings: tuple[str, ...] = ()
    method: str = "classical"
    coarse: tuple[OrganGrid, NDArray[np.uint8]] | None = None

    @property
    def mask(self) -> Mask:
        """Both lungs, boolean (slices, rows, columns)."""
        return self.labels.voxels > 0

    @property
    def found(self) -> bool:
        """Whether any lung is in view."""
        return self.right_ml + self.left_ml > 0


def segment_lungs(
    volume: Volume, *, backend: str = CLASSICAL, progress: Progress = silent
) -> LungsResult:
    """Outline both lungs; vessels and nodules in them belong to them, the large airways do not.

    Args:
        volume: canonical CT, HU; slices up to 8 mm apart, three slices are enough.
        backend: "classical", or a name from
            :func:`~hccsurv_core.roi.organ_backends.organ_backends`.
        progress: called with the fraction done; what it raises stops the work.

    Returns:
        The lungs, or an empty result with the reason among its warnings.

    Raises:
        GeometryError: the volume is not in canonical orientation.
        InputError: there is no such backend.
        MissingDependencyError: the backend is not installed.
    """
    progress(0.0, "looking for the lungs")
    grid = build_grid(volume)
    progress(0.4, "looking for the lungs")
    known = None
    if backend == CLASSICAL:
        coarse = find_lungs(grid)
        known = (grid, coarse)
        masks = [grid.refined(coarse == value, -np.inf, AIR_HU) for value in NAMES]
    else:
        found = outlined_by(backend, volume, tuple(NAMES.values()), progress)
        masks = [found[name] for name in NAMES.values()]
    labels = np.zeros(volume.shape, dtype=np.uint8)
    for value, mask in zip(NAMES, masks, strict=True):
        labels[mask] = value
    result = replace(_judged(LabelMap(labels, volume.affine, NAMES), backend), coarse=known)
    progress(1.0, "outlined the lungs")
    return result


def find_lungs(grid: OrganGrid) -> NDArray[np.uint8]:
    """The lungs on the coarse grid: 1 right, 2 left."""
    air = grid.body & (grid.hu < AIR_HU)
    lungs = _lung_pieces(grid, air)
    if not lungs.any():
        return np.zeros(lungs.shape, dtype=np.uint8)
    airways = find_airways(grid.hu, air, grid.step_mm)
    labels, sizes = labeled(lungs & ~airways)
    lungs = (sizes * grid.voxel_ml >= LEAST_ML)[labels]
    sides = _part(grid, lungs)
    filled = np.zeros_like(sides)
    for value in NAMES:
        filled[_closed(grid, sides == value) & (sides != 3 - value) & ~airways] = value
    return filled


def _lung_pieces(grid: OrganGrid, air: Mask) -> Mask:
    """The pieces of air that are lung."""
    labels, sizes = labeled(air)
    large = np.flatnonzero(sizes * grid.voxel_ml >= LEAST_ML)
    lungs = np.zeros_like(air)
    if len(large) == 0:
        return lungs
    to_bone = distance_mm(grid.body & (grid.hu > BONE_HU), grid.step_mm)
    edge = air & ~ndi.binary_erosion(air, IN_PLANE)
    inside = ndi.binary_erosion(air, IN_PLANE)
    for label in large:
        piece = labels == label
        share = float((to_bone[piece & edge] < RIB_MM).mean())
        core = piece & inside
        median = float(np.median(grid.hu[core if core.any() else piece]))
        is_gas = median < GAS_HU and sizes[label] * grid.voxel_ml < MOST_GAS_ML
        if RIB_SHARE[0] <= share <= RIB_SHARE[1] and not is_gas:
            lungs |= piece
    return lungs


def _part(grid: OrganGrid, lungs: Mask) -> NDArray[np.uint8]:
    """Right (1) and left (2): the two largest cores, each voxel with the nearer one."""
    whole = np.zeros(lungs.shape, dtype=np.uint8)
    box = box_about(lungs, 5.0, grid.step_mm)
    middle = np.flatnonzero(grid.body.any(axis=(0, 1))).mean() - box[2].start
    whole[box] = _sides(lungs[box], grid.step_mm, float(middle))
    return whole


def _sides(lungs: Mask, step_mm: Steps, middle: float) -> NDArray[np.uint8]:
    sides = np.zeros(lungs.shape, dtype=np.uint8)
    depth = distance_mm(~lungs, step_mm)
    for neck in _NECKS_MM:
        labels, sizes = labeled(depth > neck)
        first, second = np.argsort(-np.append(sizes, 0))[:2]
        if second < len(sizes) and sizes[second] >= _LEAST_SHARE * sizes.sum():
            columns = [float(np.nonzero(labels == label)[2].mean()) for label in (first, second)]
            right, left = (first, second) if columns[0] < columns[1] else (second, first)
            sides[labels == right], sides[labels == left] = 1, 2
            nearest = ndi.distance_transform_edt(
                sides == 0, sampling=step_mm, return_distances=False, return_indices=True
            )
            return np.where(lungs, sides[tuple(nearest)], 0).astype(np.uint8)
    sides[lungs] = 1 if np.nonzero(lungs)[2].mean() < middle else 2
    return sides


def _closed(grid: OrganGrid, lung: Mask) -> Mask:
    """Vessels and nodules closed in: gaps in space, then holes on the slices."""
    solid = closed(lung, CLOSING_MM, grid.step_mm) & grid.body & (grid.hu < BONE_HU)
    return np.stack([ndi.binary_fill_holes(plane) for plane in solid])


def _judged(labels: LabelMap, method: str) -> LungsResult:
    """Volumes, warnings and confidence."""
    right, left = (
        float(np.count_nonzero(labels.voxels == value)) * labels.voxel_volume_ml for value in NAMES
    )
    if right + left == 0:
        warning = "No lung is in view: no air lies against the ribs."
        return LungsResult(labels, 0.0, 0.0, 0.0, (warning,), method)
    warnings, confidence = [], 0.95
    for side, size in (("right", right), ("left", left)):
        if size == 0:
            warnings.append(f"No {side} lung was found.")
            confidence -= 0.35
    mask = labels.voxels > 0
    for end, plane in (("lower", mask[0]), ("upper", mask[-1])):
        if plane.any():
            warnings.append(f"The lungs are cut off at the {end} end of the scan.")
    if mask[:, [0, -1]].any() or mask[:, :, [0, -1]].any():
        warnings.append("The lungs are cut off at the edge of the pictures.")
        confidence -= 0.2
    return LungsResult(labels, right, left, max(0.05, confidence), tuple(warnings), method)
