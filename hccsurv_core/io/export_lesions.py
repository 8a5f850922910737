"""Lesions, which have names of their own and may overlap, as DICOM SEG and NIfTI.

A voxel of a label map has one label. So lesions that share voxels become one NIfTI each; those
that do not, one label map with their names beside it. In DICOM SEG segments may overlap.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryMismatchError, InputError
from hccsurv_core.io.cropped_mask import CroppedMask
from hccsurv_core.io.export import write_dicom_seg, write_nifti_labels
from hccsurv_core.io.label_names import unique
from hccsurv_core.volume import LabelMap, Volume, describe_geometry


def lesions_overlap(lesions: Iterable[CroppedMask]) -> bool:
    """True where two lesions share a voxel."""
    filled = [lesion for lesion in lesions if lesion.n_voxels]
    return any(_share(a, b) for n, a in enumerate(filled) for b in filled[n + 1 :])


def _share(a: CroppedMask, b: CroppedMask) -> bool:
    low = np.maximum(a.first, b.first)
    high = np.minimum(np.add(a.first, a.shape), np.add(b.first, b.shape))
    if (low >= high).any():
        return False
    parts = []
    for lesion in (a, b):
        start, stop = low - lesion.first, high - lesion.first
        parts.append(lesion.box[tuple(slice(x, y) for x, y in zip(start, stop, strict=True))])
    return bool((parts[0] & parts[1]).any())


def write_lesion_niftis(
    folder: Path, volume: Volume, lesions: Mapping[str, CroppedMask], *, axes: str = "LPS"
) -> tuple[Path, ...]:
    """Write lesions as NIfTI on the whole grid of the volume, with a JSON of names beside each.

    Args:
        folder: made if missing.
        volume: the grid of the lesions.
        lesions: name to mask; empty ones are left out.
        axes: along which the files are stored (see :attr:`Volume.axes`).

    Returns:
        The NIfTI files: ``lesions.nii.gz`` with labels 1, 2 … in the order of ``lesions``, or, where
        they overlap, one file a lesion under its name, with the label 1.

    Raises:
        InputError: every lesion is empty, or a file cannot be written.
        GeometryMismatchError: a lesion reaches beyond the volume.
    """
    filled = _checked(volume, lesions)
    if not lesions_overlap(filled.values()):
        return (_write(folder / "lesions.nii.gz", volume, filled, axes),)
    names = unique(file_name(name) for name in filled)
    return tuple(
        _write(folder / f"{file}.nii.gz", volume, {name: lesion}, axes)
        for file, (name, lesion) in zip(names, filled.items(), strict=True)
    )


def _write(path: Path, volume: Volume, lesions: Mapping[str, CroppedMask], axes: str) -> Path:
    voxels = np.zeros(volume.shape, dtype=np.uint8 if len(lesions) < 256 else np.uint16)
    for value, lesion in enumerate(lesions.values(), start=1):
        box = tuple(slice(a, a + n) for a, n in zip(lesion.first, lesion.shape, strict=True))
        voxels[box][lesion.box] = value
    names = dict(enumerate(lesions, start=1))
    return write_nifti_labels(path, LabelMap(voxels, volume.affine, names).to_axes(axes))


def write_lesion_seg(
    path: Path,
    volume: Volume,
    lesions: Mapping[str, CroppedMask],
    *,
    source_files: Sequence[Path],
    series_description: str = "Lesions",
    manual: Collection[str] = (),
) -> Path:
    """Write lesions as one DICOM SEG, a segment each, coded as lesions.

    Args:
        path: the file to write.
        volume: the grid of the lesions.
        lesions: name to mask, which may overlap; empty ones are left out.
        source_files: as in :func:`~hccsurv_core.io.export.write_dicom_seg`.
        series_description: what a viewer shows.
        manual: names of lesions that a person drew from nothing; the others were begun by an
            algorithm and are SEMIAUTOMATIC.

    Raises:
        InputError: every lesion is empty, or the file cannot be written.
        GeometryMismatchError: a lesion reaches beyond the volume.
    """
    filled = _checked(volume, lesions)
    first = min(lesion.slices[0] for lesion in filled.values())
    last = max(lesion.slices[1] for lesion in filled.values())
    masks: dict[str, NDArray[np.bool_]] = {
        name: lesion.slab(first, last, volume.shape) for name, lesion in filled.items()
    }
    return write_dicom_seg(
        path,
        masks,
        source_files=source_files,
        volume=volume,
        series_description=series_description,
        first_slice=first,
        method="edited",
        lesions=True,
        manual=manual,
    )


def _checked(volume: Volume, lesions: Mapping[str, CroppedMask]) -> dict[str, CroppedMask]:
    filled = {name: lesion for name, lesion in lesions.items() if lesion.n_voxels}
    if not filled:
        raise InputError("every lesion is empty", source="lesions", remedy="draw one first")
    for name, lesion in filled.items():
        if (np.add(lesion.first, lesion.shape) > volume.shape).any():
            raise GeometryMismatchError(
                f"the lesion {name}, {lesion.shape} voxels from {lesion.first}, does not fit "
                f"{describe_geometry(volume)}"
            )
    return filled


def file_name(name: str) -> str:
    """A name as a file's, safe on every system: "Lesion 2 (seg. 8)" is "Lesion_2_seg_8"."""
    plain = unicodedata.normalize("NFKC", name)
    kept = re.sub(r"[^\w-]+", "_", plain).strip("_-")
    return kept[:80] or "lesion"
