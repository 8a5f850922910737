"""What the liver is looked for in: tissue inside the trunk, lungs, spine and the dome's height."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.roi.lungs import find_lungs
from hccsurv_core.roi.organ_grid import OrganGrid
from hccsurv_core.roi.rib_cage import find_trunk
from hccsurv_core.roi.solid_morphology import Map, Mask, Steps, distance_mm, largest, shrunk

#: Tissue, against fat and air on one side and bone and metal on the other, HU.
TISSUE_HU = (-5.0, 330.0)
#: Blur of the image that tissue is told apart on, and of the one whose edges are followed, mm.
_BLUR_MM, _EDGE_BLUR_MM = 3.0, 2.0
#: The spine: bone this near to the middle, mm, in the back part of the trunk.
_SPINE_HU, _SPINE_HALF_MM, _SPINE_FROM = 150.0, 45.0, 0.45
#: Nothing but the liver is solid tissue so far to the right of the middle, mm, and so deep, mm,
#: below the lung. On a slice with less of it than this, cm², the dome has ended.
_LATERAL_MM, _SOLID_MM, _LEAST_CM2 = 45.0, 8.0, 1.0


@dataclass(frozen=True, eq=False)
class LiverScene:
    """Slices of a scan on the coarse grid.

    Args:
        step_mm: distance between neighbors along (slice, row, column), mm.
        first: slice of the coarse grid that is slice 0 here.
        smooth, edges: HU blurred more and less.
        tissue: inside the wall of ribs and muscles, neither fat nor lung, gas, bone or metal.
        wall: tissue of the wall.
        from_wall_mm: depth below the wall's inner surface, negative in the wall.
        lungs, right_lung: of the coarse grid.
        gas: air in the body that is not lung.
        from_spine_mm: distance to the spine's bone.
        middle: (row, column) of the trunk's middle.
        top: the highest slice that the dome of the liver can reach; None where the dome is not in
            view, because there is no lung or the scan ends below it.
    """

    step_mm: Steps
    first: int
    smooth: Map
    edges: Map
    tissue: Mask
    wall: Mask
    from_wall_mm: Map
    lungs: Mask
    right_lung: Mask
    gas: Mask
    from_spine_mm: Map
    middle: tuple[float, float]
    top: int | None

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel, ml."""
        return float(np.prod(self.step_mm)) / 1000.0

    @property
    def lateral_mm(self) -> Map:
        """How far each column lies from the middle, mm; the patient's right is negative."""
        offset = np.arange(self.tissue.shape[2]) - self.middle[1]
        return (offset * self.step_mm[2]).astype(np.float32)[None, None, :]

    @property
    def above_dome(self) -> Mask:
        """Slices above the dome, shaped (slices, 1, 1)."""
        slices = np.arange(len(self.tissue))[:, None, None]
        return slices > (len(slices) if self.top is None else self.top)

    def between(self, low: int, high: int) -> LiverScene:
        """The slices ``low`` to ``high`` (exclusive)."""
        part = slice(low, high)
        return replace(
            self,
            first=self.first + low,
            smooth=self.smooth[part],
            edges=self.edges[part],
            tissue=self.tissue[part],
            wall=self.wall[part],
            from_wall_mm=self.from_wall_mm[part],
            lungs=self.lungs[part],
            right_lung=self.right_lung[part],
            gas=self.gas[part],
            from_spine_mm=self.from_spine_mm[part],
            top=None if self.top is None or self.top >= high else self.top - low,
        )


def build_liver_scene(grid: OrganGrid, lungs_found: NDArray[np.uint8] | None = None) -> LiverScene:
    """Find what surrounds the liver.

    Args:
        lungs_found: 1 right, 2 left, on the grid, where they are known already.
    """
    found = find_lungs(grid) if lungs_found is None else lungs_found
    lungs, right = found > 0, found == 1
    trunk = find_trunk(grid, lungs)
    edges = grid.smoothed(_EDGE_BLUR_MM)
    soft = ~lungs & (edges > TISSUE_HU[0]) & (edges < TISSUE_HU[1])
    rows, columns = (np.flatnonzero(trunk.lean.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    middle = (rows.mean(), columns.mean()) if len(rows) else (0.0, 0.0)
    scene = LiverScene(
        step_mm=grid.step_mm,
        first=0,
        smooth=grid.smoothed(_BLUR_MM),
        edges=edges,
        tissue=trunk.inside & soft,
        wall=trunk.lean & ~trunk.inside & soft,
        from_wall_mm=trunk.from_wall_mm,
        lungs=lungs,
        right_lung=right,
        gas=grid.body & (grid.hu < -300.0) & ~lungs,
        from_spine_mm=distance_mm(_spine(grid, trunk.inside, middle[1]), grid.step_mm),
        middle=(float(middle[0]), float(middle[1])),
        top=None,
    )
    return replace(scene, top=_dome(scene))


def _spine(grid: OrganGrid, inside: Mask, middle: float) -> Mask:
    """The largest piece of bone near the middle, in the back, on every slice."""
    bone = inside & (ndi.gaussian_filter(grid.hu, (0, 1, 1)) > _SPINE_HU)
    near = np.abs(np.arange(bone.shape[2]) - middle) * grid.step_mm[2] < _SPINE_HALF_MM
    bone &= near[None, None, :]
    for k, plane in enumerate(bone):
        rows = np.flatnonzero(grid.body[k].any(axis=1))
        if len(rows):
            plane[: int(rows[0] + _SPINE_FROM * (rows[-1] - rows[0]))] = False
        bone[k] = largest(ndi.binary_opening(plane))
    return bone


def _dome(scene: LiverScene) -> int | None:
    """See :attr:`LiverScene.top`; −1 where the right half of the chest holds nothing but lung."""
    if not scene.right_lung.any():
        return None
    solid = shrunk(scene.tissue, _SOLID_MM, scene.step_mm) & (scene.lateral_mm < -_LATERAL_MM)
    # What has lung below it is the shoulder.
    solid &= np.cumsum(scene.right_lung, axis=0) == 0
    area = solid.sum(axis=(1, 2)) * scene.step_mm[1] * scene.step_mm[2] / 100.0
    if area.max() <= _LEAST_CM2:
        return -1
    above = np.flatnonzero(area[int(area.argmax()) :] <= _LEAST_CM2)
    if len(above) == 0:
        return None
    top = int(area.argmax()) + int(above[0]) - 1 + int(_SOLID_MM / scene.step_mm[0])
    return top if top < len(area) - 1 else None
