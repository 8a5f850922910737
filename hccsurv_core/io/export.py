"""Volumes and masks as NIfTI and DICOM SEG, every voxel at its place in the patient.

NIfTI counts x to the patient's right-to-left as positive left-to-right (RAS)
where DICOM and this package use LPS: the first two world axes change sign.
A label map holds one label per voxel, but total muscle includes the psoas; so
its label is ``muscle_without_psoas``, and the sidecar tells which labels make
up each structure. In DICOM SEG segments overlap as the structures do.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core import __version__
from hccsurv_core.errors import GeometryMismatchError, InputError, UnreadableFileError
from hccsurv_core.io.ct_series import write_ct_series
from hccsurv_core.io.label_masks import label_map_from_masks, masks_of, structures_of
from hccsurv_core.volume import LabelMap, Volume, check_same_geometry

__all__ = [
    "label_map_from_masks",
    "masks_of",
    "write_ct_series",
    "write_dicom_seg",
    "write_masks",
    "write_nifti_labels",
    "write_nifti_volume",
]

_SUFFIXES = (".nii.gz", ".nii")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Make the file's folder; tell what goes wrong in writing it, and leave no half file.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise InputError(
            f"cannot be written ({error.strerror or error})",
            source=str(path),
            remedy="choose another folder, or free some space",
        ) from error


# -- NIfTI -------------------------------------------------------------------------------------
def write_nifti_volume(path: Path, volume: Volume) -> Path:
    """Write a scalar volume, int16 or float32, as NIfTI-1 in millimetres.

    Raises:
        InputError: the path is not ``.nii`` or ``.nii.gz``, or cannot be written.
    """
    voxels = volume.voxels
    if voxels.dtype not in (np.int16, np.float32):
        whole = np.issubdtype(voxels.dtype, np.integer) or voxels.dtype == bool
        small = whole and voxels.min() >= -32768 and voxels.max() <= 32767
        voxels = voxels.astype(np.int16 if small else np.float32)
    return _write_nifti(path, voxels, volume.affine)


def write_nifti_labels(
    path: Path, labels: LabelMap, *, more: Mapping[str, Any] | None = None
) -> Path:
    """Write labels as NIfTI-1 (uint8, or int16 beyond 255) with their names in a JSON beside it.

    Args:
        path: the NIfTI file.
        labels: the label map.
        more: what else the JSON is to say.

    Raises:
        InputError: the path is not ``.nii`` or ``.nii.gz``, a label is negative or above 32767,
            or the file cannot be written.
    """
    lowest, highest = int(labels.voxels.min()), int(labels.voxels.max())
    if lowest < 0 or highest > np.iinfo(np.int16).max:
        raise InputError(f"labels from {lowest} to {highest} cannot be written", source=path.name)
    voxels = labels.voxels.astype(np.uint8 if highest <= 255 else np.int16)
    _write_nifti(path, voxels, labels.affine)
    names = labels.names or {}
    sidecar = {
        "labels": {str(value): name for value, name in names.items()},
        "structures": structures_of(names),
        "voxels_per_label": {
            str(value): int(np.count_nonzero(labels.voxels == value)) for value in names
        },
        "spacing_mm": dict(zip(("slice", "row", "column"), labels.spacing_mm, strict=True)),
        "written_by": f"hccsurv {__version__}",
        "note": "Research use. Not a medical device.",
        **(more or {}),
    }
    target = path.with_name(path.name[: -len(_suffix(path))] + ".json")
    with writing(target):
        target.write_text(json.dumps(sidecar, indent=2) + "\n", encoding="utf-8")
    return path


def _suffix(path: Path) -> str:
    for suffix in _SUFFIXES:
        if path.name.lower().endswith(suffix):
            return suffix
    raise InputError(
        "NIfTI files end in .nii or .nii.gz", source=path.name, remedy="rename the output"
    )


def _write_nifti(path: Path, voxels: NDArray, affine: NDArray[np.float64]) -> Path:
    import nibabel

    _suffix(path)
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    image = nibabel.Nifti1Image(np.transpose(voxels, (2, 1, 0)), ras, dtype=voxels.dtype)
    image.header.set_xyzt_units("mm", "sec")
    # Both forms say "scanner": some readers (ITK) go by the quaternion, others by the matrix.
    image.set_sform(ras, code=1)
    axes = ras[:3, :3] / np.linalg.norm(ras[:3, :3], axis=0)
    right_angled = np.abs(axes.T @ axes - np.eye(3)).max() < 1e-5
    image.set_qform(ras, code=1 if right_angled else 0)
    with writing(path):
        nibabel.save(image, path)
    return path


# -- DICOM SEG ---------------------------------------------------------------------------------
def write_dicom_seg(
    path: Path,
    labels: LabelMap | Sequence[LabelMap] | Mapping[str, NDArray[np.bool_]],
    *,
    source_files: Sequence[Path],
    volume: Volume,
    series_description: str,
    first_slice: int = 0,
    method: str = "classical",
    edited: bool = False,
    strict: bool = False,
    lesions: bool = False,
    manual: Collection[str] = (),
) -> Path:
    """Write structures as one DICOM Segmentation object, referring to its source images.

    Real series now and then lack identity or position, and nothing can refer to them. Then, as
    without source files, the segmentation refers to the series that :func:`write_ct_series`
    makes of the volume: its voxels lie right, but no viewer links it to the source by itself.

    Args:
        path: the file to write.
        labels: label maps on the volume's grid (several may overlap each other), or masks of a
            slab (structure name to boolean (slab slices, rows, columns)), which may overlap;
            empty ones are left out.
        source_files: the series' DICOM files, in any order, or one enhanced multi-frame file;
            the segmentation takes over the patient and study they state. Empty: it refers to the
            series that :func:`write_ct_series` makes of the volume.
        volume: the grid of the masks.
        series_description: what a viewer shows.
        first_slice: index of the slab's first slice; not used for label maps.
        method: the backend ("classical", "totalsegmentator", "edited").
        edited: True if a person corrected the result (SEMIAUTOMATIC instead of AUTOMATIC).
        strict: raise where the source files cannot be referred to.
        lesions: the masks are lesions under names of their own, not body composition.
        manual: names of masks that a person drew from nothing (MANUAL).

    Raises:
        InputError: every mask is empty, or the file cannot be written.
        GeometryMismatchError: labels and volume do not coincide.
        UnreadableFileError, GeometryMismatchError: only if ``strict``: a source file is damaged
            or has no identity or position; the source images are not on the volume's grid.
    """
    from hccsurv_core.io.dicom_seg import BODY, LESIONS, write_segments

    if isinstance(labels, Mapping):
        masks: Mapping[str, NDArray[np.bool_]] = labels
    else:
        merged: dict[str, NDArray[np.bool_]] = {}
        for one in [labels] if isinstance(labels, LabelMap) else labels:
            check_same_geometry(one, volume)
            merged |= masks_of(one)
        masks, first_slice = merged, 0
    # The slab alone: a whole scan of masks would take gigabytes.
    masks, first_slice = _cropped(masks, first_slice)

    def write(files: Sequence[Path]) -> Path:
        return write_segments(
            path,
            masks,
            volume,
            source_files=files,
            series_description=series_description,
            first_slice=first_slice,
            method=method,
            edited=edited,
            content=LESIONS if lesions else BODY,
            manual=manual,
        )

    with writing(path):
        try:
            return write(source_files)
        except (UnreadableFileError, GeometryMismatchError):
            if strict or not source_files:
                raise
            return write(())


def _cropped(
    masks: Mapping[str, NDArray[np.bool_]], first_slice: int
) -> tuple[dict[str, NDArray[np.bool_]], int]:
    filled = np.zeros(max((len(mask) for mask in masks.values()), default=0), dtype=bool)
    for mask in masks.values():
        filled[: len(mask)] |= mask.any(axis=(1, 2))
    if not filled.any():
        return dict(masks), first_slice
    start, stop = int(np.argmax(filled)), len(filled) - int(np.argmax(filled[::-1]))
    return {name: mask[start:stop] for name, mask in masks.items()}, first_slice + start


# -- everything at once ------------------------------------------------------------------------
def write_masks(
    folder: Path,
    volume: Volume,
    masks: Mapping[str, NDArray[np.bool_]],
    *,
    first_slice: int = 0,
    source_files: Sequence[Path] = (),
    method: str = "classical",
    edited: bool = False,
    series_description: str = "Body composition",
    with_series: bool = False,
    axes: str = "LPS",
) -> dict[str, Path]:
    """Write what ``--out`` promises: a label map and one mask per structure as NIfTI, and a SEG.

    Args:
        folder: made if missing.
        volume, masks, first_slice, source_files, method, edited, series_description: as in
            :func:`write_dicom_seg`.
        with_series: where there are no source files, write the CT series the SEG refers to; it is
            always written where source files are given that a SEG cannot refer to.
        axes: along which the NIfTI masks are stored (see :attr:`Volume.axes`): those of the scan
            they were made from, so that every viewer opens them beside it.

    Returns:
        What was written: "labels", "<structure>" for each mask, "dicom_seg", and "ct_series"
        (a folder) if asked for.

    Raises:
        InputError: every mask is empty, or a file cannot be written.
        GeometryError: the masks do not fit the volume, or its axes are not at right angles.
    """
    written = {
        "labels": write_nifti_labels(
            folder / "labels.nii.gz",
            label_map_from_masks(volume, masks, first_slice).to_axes(axes),
        )
    }
    for name, mask in masks.items():
        single = label_map_from_masks(volume, {name: mask}, first_slice).to_axes(axes)
        path = folder / f"{name}.nii.gz"
        written[name] = _write_nifti(path, single.voxels, single.affine)
    target = folder / "segmentation.dcm"

    def write(files: Sequence[Path]) -> None:
        written["dicom_seg"] = write_dicom_seg(
            target,
            masks,
            source_files=files,
            volume=volume,
            series_description=series_description,
            first_slice=first_slice,
            method=method,
            edited=edited,
            strict=True,
        )

    if source_files:
        try:
            write(source_files)
        except (UnreadableFileError, GeometryMismatchError):
            # Real series lack identity or position now and then: refer to one of our own.
            source_files, with_series = (), True
    if not source_files:
        write(())
    if with_series and not source_files:
        write_ct_series(folder / "ct", volume, series_description="Made from a volume")
        written["ct_series"] = folder / "ct"
    return written
