"""The image and the mask as both engines take them, checked once.

PyRadiomics raises, warns or returns NaN where a mask cannot give its features;
here each such case has one error that says what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryMismatchError, IntensityError, RadiomicsError
from hccsurv_core.features.radiomics.presets import RadiomicsPreset
from hccsurv_core.volume import LabelMap, Volume, check_same_geometry, describe_geometry

#: PyRadiomics and SimpleITK know no shear; beyond this cosine between two grid axes the voxel
#: volume and every distance would be wrong by more than a millionth.
_SHEAR_COSINE = 1e-3
#: SimpleITK's recursive Gaussian needs this many voxels along each axis.
MINIMUM_LOG_VOXELS = 4
#: Spacings that differ by no more than this are the same.
_SPACING_MM = 1e-4


@dataclass(frozen=True, eq=False)
class Region:
    """An image and the voxels to describe in it.

    Args:
        image: the *whole* image, int32, float32 or float64, (slices, rows, columns) or, in two
            dimensions, (rows, columns): filters see what lies around the mask, and some scale by
            the largest value anywhere.
        mask: bool, same shape.
        spacing_mm: one per axis of ``image``, in the order of the array's axes.
    """

    image: NDArray
    mask: NDArray[np.bool_]
    spacing_mm: tuple[float, ...]

    @cached_property
    def n_voxels(self) -> int:
        """Voxels in the mask."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def peak(self) -> float:
        """The largest absolute value anywhere in the image."""
        return max(abs(float(self.image.min())), abs(float(self.image.max())))

    @cached_property
    def box(self) -> tuple[slice, ...]:
        """The smallest box that holds the mask."""
        # The first axis first: what is left after it is small where the mask is a slab of a CT.
        box, part = [], self.mask
        for _ in range(self.mask.ndim):
            hit = np.flatnonzero(part.any(axis=tuple(range(1, part.ndim))))
            first, stop = int(hit[0]), int(hit[-1]) + 1
            box.append(slice(first, stop))
            part = np.asarray(part[first:stop].any(axis=0))
        return tuple(box)


def prepare_region(
    volume: Volume,
    mask: LabelMap | NDArray[np.bool_],
    preset: RadiomicsPreset,
    label: int | None = None,
) -> Region:
    """Check image and mask against each other and against what the preset needs.

    Args:
        volume: the image.
        mask: labels on the image's grid, or a bool array (slices, rows, columns).
        preset: decides on two or three dimensions.
        label: the label to describe; None takes every voxel that is not background.

    Raises:
        GeometryMismatchError: image and mask do not coincide.
        IntensityError: the image holds values that are not finite or not usable numbers.
        RadiomicsError: the mask is empty, a voxel, or a line; the grid is sheared; the image is
            0 everywhere, too small for a filter of the preset, or of another spacing than it asks.
    """
    chosen = _chosen_voxels(volume, mask, label)
    _check_axes(volume)
    image, spacing = _as_number_type(volume.voxels), volume.spacing_mm
    if preset.dimensions == 2:
        index = _only_slice(chosen)
        region = Region(image[index], chosen[index], spacing[1:])
    else:
        region = Region(image, chosen, spacing)
    if region.peak == 0:
        raise RadiomicsError(
            "every voxel of the image is 0: square, logarithm and exponential have no value",
            source="image",
            remedy="check the image",
        )
    _check_spacing(region, preset)
    _check_extent(region)
    _check_log(region, preset)
    return region


def _chosen_voxels(
    volume: Volume, mask: LabelMap | NDArray[np.bool_], label: int | None
) -> NDArray[np.bool_]:
    if isinstance(mask, LabelMap):
        check_same_geometry(volume, mask)
        chosen = mask.voxels != 0 if label is None else mask.voxels == label
    else:
        if mask.shape != volume.shape:
            raise GeometryMismatchError(
                f"the mask has shape {mask.shape}, the image is {describe_geometry(volume)}",
                remedy="draw the mask on the grid of the image",
            )
        if mask.dtype != np.bool_ or label not in (None, 1):
            raise RadiomicsError(
                f"a mask without labels must be bool, got {mask.dtype} and label {label}",
                source="mask",
                remedy="give a LabelMap, or mask == label",
            )
        chosen = mask
    if not chosen.any():
        what = "the mask is empty" if label is None else f"the mask has no label {label}"
        present: list[int] = []
        if isinstance(mask, LabelMap) and label is not None:
            present = [int(value) for value in np.unique(mask.voxels) if value]
        found = f" (there are {', '.join(map(str, present))})" if present else ""
        raise RadiomicsError(what + found, source="mask", remedy="choose or draw a region")
    return np.ascontiguousarray(chosen)


def _check_axes(volume: Volume) -> None:
    axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    cosine = float(np.abs(axes.T @ axes - np.eye(3)).max())
    if cosine > _SHEAR_COSINE:
        raise RadiomicsError(
            f"the image's axes are not at right angles (cosine {cosine:.3g})",
            source="image",
            remedy="resample it to a grid with right angles",
        )


def _as_number_type(voxels: NDArray) -> NDArray:
    """Whole numbers as int32, so that PyRadiomics' bin edges cannot overflow; floats as they are."""
    if np.issubdtype(voxels.dtype, np.integer) or voxels.dtype == np.bool_:
        low, high = int(voxels.min()), int(voxels.max())
        if max(-low, high) > 2**30:
            raise IntensityError(f"voxel values run from {low} to {high}", source="image")
        return np.ascontiguousarray(voxels, dtype=np.int32)
    if not np.issubdtype(voxels.dtype, np.floating):
        raise IntensityError(f"voxels must be real numbers, got {voxels.dtype}", source="image")
    if not np.isfinite(voxels).all():
        raise IntensityError(
            "the image holds values that are not finite numbers",
            source="image",
            remedy="replace them by the value of air",
        )
    wide = voxels.dtype.itemsize > 4
    return np.ascontiguousarray(voxels, dtype=np.float64 if wide else np.float32)


def _only_slice(mask: NDArray[np.bool_]) -> int:
    drawn = np.flatnonzero(mask.any(axis=(1, 2)))
    if drawn.size != 1:
        raise RadiomicsError(
            f"a two-dimensional preset describes one slice, the mask is drawn on {drawn.size}",
            source="mask",
            remedy="choose a slice, or a three-dimensional preset",
        )
    return int(drawn[0])


def _check_extent(region: Region) -> None:
    sizes = [part.stop - part.start for part in region.box]
    wide = sum(size > 1 for size in sizes)
    if wide < 2:
        what = "is a single voxel" if wide == 0 else "is a line one voxel thin"
        raise RadiomicsError(
            f"the mask {what} (box of {'×'.join(map(str, sizes))} voxels)",
            source="mask",
            remedy="texture needs a region that extends along two axes at least",
        )


def _check_spacing(region: Region, preset: RadiomicsPreset) -> None:
    if preset.pixel_mm is None:
        return
    if any(abs(s - preset.pixel_mm) > _SPACING_MM for s in region.spacing_mm):
        found = "×".join(f"{s:.3f}" for s in region.spacing_mm)
        raise RadiomicsError(
            f"{preset.name} is made for pixels of {preset.pixel_mm:g} mm and values in"
            f" {preset.unit}, the image has {found} mm",
            source="image",
            remedy="measure ultrasound stills with lesion and parenchyma outlined (a CEUS cohort), or"
            " use the preset lesion-2d",
        )


def _check_log(region: Region, preset: RadiomicsPreset) -> None:
    shape = np.array(region.image.shape)
    for sigma, image in zip(preset.log_sigma_mm, preset.image_names()[1:], strict=False):
        least = np.maximum(MINIMUM_LOG_VOXELS, np.ceil(sigma / np.array(region.spacing_mm)) + 1)
        if (shape < least).any():
            raise RadiomicsError(
                f"the features of {image} cannot be computed: the image has"
                f" {'×'.join(map(str, shape))} voxels, and a Laplacian of Gaussian of {sigma:g} mm"
                f" needs {'×'.join(f'{n:.0f}' for n in least)}",
                source="image",
                remedy="give more slices around the region, or use the preset lesion-2d on one slice"
                if preset.dimensions == 3
                else "give a larger image",
            )
