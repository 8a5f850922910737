"""The coarse grid on which whole organs are looked for, and the way back to the scan's own grid.

An organ is found on voxels of some 2.5 mm, where a CT of 120 slices is two million voxels; only
the rim of what was found is decided again at full resolution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.errors import GeometryError
from hccsurv_core.imaging.resampling import ResampledImage, resample_grid
from hccsurv_core.roi.body_mask import body_mask_grid
from hccsurv_core.roi.solid_morphology import Map, Mask, Steps, box_about
from hccsurv_core.volume import Volume

#: Distance between neighbors in a plane, and at least between planes, mm.
STEP_MM = 2.5
#: Neighbors in a plane, for what is done slice by slice.
IN_PLANE = ndi.generate_binary_structure(2, 1)[None]
#: Finer pixels than this are averaged over their neighbors before a rim is cut, mm.
_FINE_MM = 1.2


@dataclass(frozen=True, eq=False)
class OrganGrid:
    """A scan on the coarse grid.

    Args:
        volume: the scan itself.
        image: the resampled scan.
        body: the patient without table and, where they can be parted, arms.

    The grid is cut to the body's box; the scan goes on beyond it with air, table and arms.
    """

    volume: Volume
    image: ResampledImage
    body: Mask

    @property
    def hu(self) -> Map:
        """HU (slices, rows, columns)."""
        return self.image.voxels

    @property
    def step_mm(self) -> Steps:
        """Distance between neighbors along (slice, row, column), mm."""
        return self.image.step_mm

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel, ml."""
        return float(np.prod(self.step_mm)) / 1000.0

    def smoothed(self, sigma_mm: float) -> Map:
        """HU blurred by a Gaussian; air and metal are cut off, so that they do not bleed."""
        sigma = [sigma_mm / step for step in self.step_mm]
        return np.asarray(ndi.gaussian_filter(np.clip(self.hu, -150.0, 300.0), sigma))

    def coarse(self, mask: Mask) -> Mask:
        """A mask of the scan's own grid on this one, by the nearest voxel."""
        index = [
            np.clip(np.rint(self.image.to_source(np.arange(n), axis)), 0, mask.shape[axis] - 1)
            for axis, n in enumerate(self.hu.shape)
        ]
        return mask[np.ix_(*(i.astype(np.intp) for i in index))]

    def refined(
        self, mask: Mask, low_hu: float, high_hu: float, allowed: Mask | None = None
    ) -> Mask:
        """The mask on the scan's own grid, its rim decided there.

        Args:
            mask: on the coarse grid.
            low_hu, high_hu: a voxel of the rim, one coarse voxel wide on either side of the
                outline, belongs to the organ where its attenuation lies between them …
            allowed: … and where it lies in the mask or in this (coarse grid); None = anywhere.
        """
        whole = np.zeros(self.volume.shape, dtype=bool)
        if not mask.any():
            return whole
        inner = ndi.binary_erosion(mask, IN_PLANE, border_value=1)
        outer = ndi.binary_dilation(mask, IN_PLANE)
        if allowed is not None:
            outer &= mask | allowed
        nearest = self._nearest()
        box = tuple(
            slice(int(hit[0]), int(hit[-1]) + 1)
            for axis, index in enumerate(nearest)
            for reach in [outer.any(axis=tuple(a for a in range(3) if a != axis))]
            for hit in [np.flatnonzero(reach[index])]
        )
        at = np.ix_(*(index[part] for index, part in zip(nearest, box, strict=True)))
        values = self.volume.voxels[box]
        if max(self.volume.spacing_mm[1:]) < _FINE_MM:
            values = ndi.uniform_filter(values.astype(np.float32), (1, 3, 3))
        whole[box] = inner[at] | (outer[at] & (values >= low_hu) & (values <= high_hu))
        return whole

    def _nearest(self) -> list[NDArray[np.intp]]:
        """For each axis, the coarse index of every index of the scan."""
        return [
            np.clip(np.rint(self.image.from_source(np.arange(n), axis)), 0, coarse - 1).astype(
                np.intp
            )
            for axis, (n, coarse) in enumerate(zip(self.volume.shape, self.hu.shape, strict=True))
        ]


def build_grid(volume: Volume) -> OrganGrid:
    """Resample a scan and find the body.

    Raises:
        GeometryError: the volume is not in canonical orientation.
    """
    if not volume.is_canonical:
        raise GeometryError(
            "the volume is not in canonical orientation", remedy="call to_canonical() first"
        )
    image = resample_grid(volume, (max(STEP_MM, volume.spacing_mm[0]), STEP_MM, STEP_MM))
    body = body_mask_grid(image.voxels, STEP_MM)
    # What lies beside the body, often half of the pictures, would only cost time.
    _, rows, columns = box_about(body, 2 * STEP_MM, image.step_mm)
    offset = (
        image.offset[0],
        float(image.to_source(rows.start, 1)),
        float(image.to_source(columns.start, 2)),
    )
    voxels = np.ascontiguousarray(image.voxels[:, rows, columns])
    cropped = replace(image, voxels=voxels, offset=offset)
    return OrganGrid(volume, cropped, np.ascontiguousarray(body[:, rows, columns]))
