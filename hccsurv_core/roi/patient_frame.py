"""A frame that travels with the patient: every slice seen from its spinal canal, front upwards.

The frame's origin is the canal's centre on each slice; its axes are `lateral_mm`
(towards the patient's left) and `posterior_mm`. Anatomy is written down once in
these coordinates, whatever the scan's pixel size, position or rotation on the table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from hccsurv_core.volume import Volume

#: Half width of the frame, and its reach in front of and behind the canal, mm.
HALF_WIDTH_MM, FRONT_MM, BACK_MM = 260.0, 330.0, 170.0
#: The working pixel: finer costs time and adds noise, coarser loses the wall's fat planes.
MIN_WORK_SPACING_MM, MAX_WORK_SPACING_MM = 1.25, 3.0
AIR_HU = -1024.0


@dataclass(frozen=True, eq=False)
class PatientFrame:
    """The mapping between a slab's pixels and canal-centered millimetres.

    Args:
        first_slice: volume index of the slab's first slice.
        canal: (n, 2) row and column of the canal's center on each slab slice.
        pixel_mm: (row, column) pixel size of the volume, mm.
        shape: (rows, columns) of the volume.
        rotation_rad: how far the patient's back-to-front axis is turned from the image's.
        spacing_mm: pixel size of the frame, mm.
        slice_mm: distance between slices, mm.
    """

    first_slice: int
    canal: NDArray[np.float64]
    pixel_mm: tuple[float, float]
    shape: tuple[int, int]
    rotation_rad: float
    spacing_mm: float
    slice_mm: float

    @property
    def lateral_mm(self) -> NDArray[np.floating]:
        """Lateral coordinate of each frame column, mm (patient's left positive)."""
        n = int(np.ceil(HALF_WIDTH_MM / self.spacing_mm))
        return np.arange(-n, n + 1) * self.spacing_mm

    @property
    def posterior_mm(self) -> NDArray[np.floating]:
        """Posterior coordinate of each frame row, mm (front negative)."""
        front = int(np.ceil(FRONT_MM / self.spacing_mm))
        back = int(np.ceil(BACK_MM / self.spacing_mm))
        return np.arange(-front, back + 1) * self.spacing_mm

    def to_pixels(
        self, slab_index: int, posterior_mm: NDArray, lateral_mm: NDArray
    ) -> tuple[NDArray, NDArray]:
        """Row and column in the volume of points given in frame millimetres."""
        c, s = np.cos(self.rotation_rad), np.sin(self.rotation_rad)
        row, column = self.canal[slab_index]
        return (
            row + (posterior_mm * c + lateral_mm * s) / self.pixel_mm[0],
            column + (lateral_mm * c - posterior_mm * s) / self.pixel_mm[1],
        )

    def from_pixels(
        self, slab_index: int, rows: NDArray, columns: NDArray
    ) -> tuple[NDArray, NDArray]:
        """Posterior and lateral millimetres of volume pixels: the inverse of :meth:`to_pixels`."""
        c, s = np.cos(self.rotation_rad), np.sin(self.rotation_rad)
        dy = (rows - self.canal[slab_index, 0]) * self.pixel_mm[0]
        dx = (columns - self.canal[slab_index, 1]) * self.pixel_mm[1]
        return dy * c - dx * s, dx * c + dy * s

    def sample(self, images: NDArray, *, fill: float = AIR_HU) -> NDArray[np.float32]:
        """Resample slab images (n, rows, columns) into the frame, anti-aliased.

        Returns:
            (n, frame rows, frame columns) float32; ``fill`` outside the image.
        """
        post, lat = np.meshgrid(self.posterior_mm, self.lateral_mm, indexing="ij")
        sigma = [0.4 * max(0.0, self.spacing_mm / p - 1.0) for p in self.pixel_mm]
        out = np.empty((len(images), *post.shape), np.float32)
        for k, image in enumerate(images):
            smooth = image.astype(np.float32)
            if max(sigma) > 0.1:
                smooth = ndi.gaussian_filter(smooth, sigma, mode="nearest", truncate=3.0)
            points = self.to_pixels(k, post, lat)
            out[k] = ndi.map_coordinates(smooth, points, order=1, cval=fill, prefilter=False)
        return out

    def pixel_coordinates(self, slab_index: int) -> tuple[NDArray, NDArray]:
        """Posterior and lateral millimetres of every pixel of a slice, each (rows, columns).

        Outlines are curves in millimetres; drawing them on the scan's own pixels
        through these coordinates loses nothing to the frame's coarser grid.
        """
        rows = np.arange(self.shape[0], dtype=np.float32)[:, None]
        columns = np.arange(self.shape[1], dtype=np.float32)[None, :]
        return self.from_pixels(slab_index, rows, columns)


def build_frame(
    volume: Volume, canal: NDArray[np.float64], first: int, last: int, rotation_rad: float
) -> PatientFrame:
    """The frame of slices ``first`` to ``last`` (inclusive) of a canonical volume.

    Args:
        volume: canonical CT.
        canal: (slices, 2) row and column of the canal's center on every slice of the volume.
        rotation_rad: see :class:`PatientFrame`.
    """
    slice_mm, row_mm, column_mm = volume.spacing_mm
    smooth = canal
    if len(canal) > 1:
        # A canal jitters by a pixel from slice to slice; the patient does not.
        smooth = ndi.gaussian_filter1d(canal, max(0.5, 6.0 / slice_mm), axis=0, mode="nearest")
    native = max(row_mm, column_mm)
    return PatientFrame(
        first_slice=first,
        canal=smooth[first : last + 1],
        pixel_mm=(row_mm, column_mm),
        shape=volume.shape[1:],
        rotation_rad=rotation_rad,
        spacing_mm=float(np.clip(native, MIN_WORK_SPACING_MM, MAX_WORK_SPACING_MM)),
        slice_mm=slice_mm,
    )
