"""Where the inside of the trunk begins: the inner surface of ribs and muscles, slice by slice.

Liver and wall muscles look alike on CT and touch. What tells them apart is that the ribs end where
the inside begins. They show on any slice at a few angles only; the depth of their inner surface
below the outline of the lean body is smooth about the trunk and along it, and is carried over to
where no rib is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.roi.organ_grid import OrganGrid
from hccsurv_core.roi.solid_morphology import Map, Mask

#: Fat is darker than this, muscle brighter, HU.
LEAN_HU = -30.0
RIB_HU = 140.0
#: Skin is no thicker, mm.
_SKIN_MM = 5.0
#: Gaps between muscles up to this are bridged, bins of angle.
_GAP_BINS = 13
#: Ribs and the wall's bones lie no deeper than this below the lean outline, mm.
_DEEPEST_MM = 25.0
#: Depth of the inner surface where no rib is near, mm; its weight against the ribs'.
USUAL_DEPTH_MM, _USUAL_WEIGHT = 11.0, 0.004
#: How far a rib's depth is carried: degrees about the trunk, mm along it.
_REACH_DEG, _REACH_MM = 9.0, 12.0
_N_ANGLES = 90


@dataclass(frozen=True, eq=False)
class Trunk:
    """The trunk from outside to inside.

    Args:
        lean: the body without skin and the fat under it.
        depth_mm: depth below the outline of the lean body, in planes.
        inside: what lies within the wall of ribs and muscles.
        from_wall_mm: depth below the wall's inner surface, negative in the wall.
    """

    lean: Mask
    depth_mm: Map
    inside: Mask
    from_wall_mm: Map


def find_trunk(grid: OrganGrid, lungs: Mask) -> Trunk:
    """Lean outline, wall and inside."""
    angle, radius = _polar(grid)
    lean = _lean(grid, lungs, angle, radius)
    depth = np.stack([ndi.distance_transform_edt(p, sampling=grid.step_mm[1:]) for p in lean])
    depth = depth.astype(np.float32)
    wall = _wall_depth(grid, lean, depth, angle)
    return Trunk(lean, depth, lean & (depth > wall), depth - wall)


def _polar(grid: OrganGrid) -> tuple[NDArray[np.intp], Map]:
    """Number of the angle's bin about the body's middle, and distance to it, mm, for each voxel."""
    shape = grid.body.shape
    angle, radius = np.zeros(shape, dtype=np.intp), np.zeros(shape, dtype=np.float32)
    rows, columns = np.indices(shape[1:])
    for k, plane in enumerate(grid.body):
        if plane.any():
            row, column = (float(axis.mean()) for axis in np.nonzero(plane))
            y, x = (rows - row) * grid.step_mm[1], (columns - column) * grid.step_mm[2]
            turn = np.arctan2(y, x) / (2 * np.pi) % 1.0
            angle[k] = np.minimum((turn * _N_ANGLES).astype(np.intp), _N_ANGLES - 1)
            radius[k] = np.hypot(y, x)
    return angle, radius


def _lean(grid: OrganGrid, lungs: Mask, angle: NDArray[np.intp], radius: Map) -> Mask:
    """What lies within the outermost muscle; where fat parts the muscles the outline goes straight."""
    plane = ndi.generate_binary_structure(2, 1)[None]
    tissue = (grid.hu > LEAN_HU) | lungs
    steps = max(1, round(_SKIN_MM / grid.step_mm[1]))
    tissue &= ndi.binary_erosion(grid.body, plane, steps, border_value=1)
    tissue = ndi.binary_opening(tissue, plane)
    outer = np.zeros((len(tissue), _N_ANGLES), dtype=np.float32)
    k = np.nonzero(tissue)[0]
    np.maximum.at(outer, (k, angle[tissue]), radius[tissue])
    outer = np.pad(outer, ((0, 0), (_GAP_BINS, _GAP_BINS)), mode="wrap")
    outer = ndi.median_filter(ndi.grey_closing(outer, (1, _GAP_BINS)), (3, 5))
    outer = outer[:, _GAP_BINS:-_GAP_BINS]
    return grid.body & (radius <= outer[np.arange(len(outer))[:, None, None], angle])


def _wall_depth(grid: OrganGrid, lean: Mask, depth: Map, angle: NDArray[np.intp]) -> Map:
    """Depth of the wall's inner surface for every voxel's angle and slice, mm."""
    rib = lean & (grid.hu > RIB_HU) & (depth < _DEEPEST_MM)
    deepest = np.zeros((len(lean), _N_ANGLES))
    np.maximum.at(deepest, (np.nonzero(rib)[0], angle[rib]), depth[rib])
    sigma = (_REACH_MM / grid.step_mm[0], _REACH_DEG / 360 * _N_ANGLES)
    summed, weight = (
        ndi.gaussian_filter(a, sigma, mode=("nearest", "wrap"))
        for a in (deepest, 1.0 * (deepest > 0))
    )
    smooth = (summed + _USUAL_WEIGHT * USUAL_DEPTH_MM) / (weight + _USUAL_WEIGHT)
    wall: Map = smooth[np.arange(len(lean))[:, None, None], angle].astype(np.float32)
    return wall
