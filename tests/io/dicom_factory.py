"""Synthetic scans for the tests: a phantom with a body's size, and DICOM files made of it.

Everything about a file can be set, so that each trap of real scanners has a
test that shows it.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import format_number_as_ds

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
SPACING_MM = 3.0


def body_phantom(
    n_slices: int = 6, rows: int = 80, columns: int = 116, spacing_mm: float = SPACING_MM
) -> NDArray[np.int16]:
    """HU of an adult's trunk, (slices, rows, columns), canonical: different in every direction.

    A fat ellipse of 320×210 mm in air holds muscle; a spine lies behind, a bright block to the
    left, gas to the right; a marker grows from slice to slice.
    """
    k, y, x = np.mgrid[:n_slices, :rows, :columns].astype(float)
    y = (y - (rows - 1) / 2) * spacing_mm
    x = (x - (columns - 1) / 2) * spacing_mm
    hu = np.full(k.shape, -1000.0)
    hu[(x / 160) ** 2 + (y / 105) ** 2 < 1] = -100
    hu[(x / 135) ** 2 + (y / 82) ** 2 < 1] = 50
    hu[x**2 + (y - 45) ** 2 < 22**2] = 350
    hu[(np.abs(x - 70) < 20) & (np.abs(y + 10) < 25)] = 120
    hu[(np.abs(x + 70) < 12) & (np.abs(y + 30) < 12)] = -950
    hu[(np.abs(x - 10) < 3 + 3 * k) & (np.abs(y + 60) < 6)] = 200
    hu += 5 * np.sin(x / 7) + 5 * np.cos(y / 9)
    return hu.round().astype(np.int16)


def axial_affine(
    spacing_mm: tuple[float, float, float] = (SPACING_MM,) * 3,
    origin: tuple[float, float, float] = (-170.0, -120.0, 40.0),
) -> NDArray[np.float64]:
    """Canonical LPS affine for (slice, row, column) spacing."""
    affine = np.diag([spacing_mm[2], spacing_mm[1], spacing_mm[0], 1.0])
    affine[:3, 3] = origin
    return affine


def turn(
    voxels: NDArray, affine: NDArray, order: tuple[int, int, int], flips: tuple[bool, bool, bool]
) -> tuple[NDArray, NDArray]:
    """The same image stored with its axes permuted and flipped (array axes: slice, row, column)."""
    turned = np.transpose(voxels, order)
    # Array axis a is affine column 2 − a.
    columns = [2 - order[2 - c] for c in range(3)]
    moved = np.eye(4)
    moved[:3, :3] = affine[:3, columns]
    moved[:3, 3] = affine[:3, 3]
    for axis, flip in enumerate(flips):
        if flip:
            turned = np.flip(turned, axis)
            column = 2 - axis
            moved[:3, 3] += moved[:3, column] * (turned.shape[axis] - 1)
            moved[:3, column] *= -1
    return np.ascontiguousarray(turned), moved


ALL_TURNS = [
    (order, flips)
    for order in itertools.permutations((0, 1, 2))
    for flips in itertools.product((False, True), repeat=3)
]
#: All turns of axial stacks, and some of each other kind, which take many more files.
SOME_TURNS = [
    (order, flips)
    for n, (order, flips) in enumerate(ALL_TURNS)
    if order[0] == 0 or n % 8 in (0, 3, 5)
]


def _ds(values: Any) -> list[str]:
    """Decimal strings as scanners write them: at most 16 characters."""
    return [format_number_as_ds(float(v)) for v in values]


def _base(tags: dict[str, Any]) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = "1.2.3.4.1"
    ds.SeriesInstanceUID = "1.2.3.4.2"
    ds.Modality = "CT"
    ds.StudyDate = "20240131"
    ds.BodyPartExamined = "ABDOMEN"
    ds.SeriesDescription = "Abdomen"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.PatientID = "P1"
    for keyword, value in tags.items():
        if value is None:
            if keyword in ds:
                delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def _pixel_module(ds: Dataset, stored: NDArray, tags: dict[str, Any]) -> None:
    ds.Rows, ds.Columns = stored.shape[-2:]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = stored.dtype.itemsize * 8
    ds.BitsStored = tags.get("BitsStored", ds.BitsAllocated)
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(stored.dtype.kind == "i")
    ds.PixelData = stored.tobytes()


def _with_meta(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", CTImageStorage)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2.3")
    return ds


def dicom_slice(
    hu: NDArray,
    affine: NDArray,
    index: int = 0,
    *,
    slope: float | None = 1,
    intercept: float | None = -1024,
    dtype: str = "uint16",
    stored: NDArray | None = None,
    **tags: Any,
) -> Dataset:
    """One CT slice ``hu[index]`` of a stack; ``tags`` set (or with None, remove) any attribute.

    ``stored`` gives pixel values directly instead of through slope and intercept.
    """
    row_mm, column_mm = np.linalg.norm(affine[:3, 1]), np.linalg.norm(affine[:3, 0])
    orientation = [*(affine[:3, 0] / column_mm), *(affine[:3, 1] / row_mm)]
    position = affine[:3, 3] + affine[:3, 2] * index
    geometry: dict[str, Any] = {
        "ImageOrientationPatient": _ds(orientation),
        "ImagePositionPatient": _ds(position),
        "PixelSpacing": _ds([row_mm, column_mm]),
        "SliceThickness": _ds([np.linalg.norm(affine[:3, 2])])[0],
        "InstanceNumber": index + 1,
        "RescaleSlope": slope,
        "RescaleIntercept": intercept,
    }
    ds = _base({**geometry, **tags})
    if stored is None:
        values = (hu[index].astype(float) - (intercept or 0)) / (slope or 1)
        low = 0 if dtype == "uint16" else -32768
        stored = np.clip(np.round(values), low, 65535 if dtype == "uint16" else 32767)
        stored = stored.astype(dtype)
    _pixel_module(ds, stored, tags)
    return _with_meta(ds)


def write(ds: Dataset, path: Path) -> Path:
    """Write with preamble and file meta."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def write_bare(ds: Dataset, path: Path, *, implicit: bool = True) -> Path:
    """Write without preamble and file meta, as some archives do."""
    del ds.file_meta
    pydicom.dcmwrite(path, ds, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    return path


def write_series(
    folder: Path, hu: NDArray, affine: NDArray | None = None, **options: Any
) -> list[Path]:
    """One file a slice, named ``slice-000`` and so on."""
    affine = axial_affine() if affine is None else affine
    return [
        write(dicom_slice(hu, affine, n, **options), folder / f"slice-{n:03d}")
        for n in range(len(hu))
    ]


def enhanced_ct(
    hu: NDArray,
    affine: NDArray,
    order: list[int] | None = None,
    intercepts: list[float] | None = None,
    **tags: Any,
) -> Dataset:
    """An Enhanced CT with one frame a slice, stored in ``order``, each with its own intercept."""
    order = order or list(range(len(hu)))
    intercepts = intercepts or [-1024.0] * len(hu)
    row_mm, column_mm = np.linalg.norm(affine[:3, 1]), np.linalg.norm(affine[:3, 0])
    ds = _base({"SOPClassUID": ENHANCED_CT, "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]})
    measures, plane = Dataset(), Dataset()
    measures.PixelSpacing = [row_mm, column_mm]
    measures.SliceThickness = float(np.linalg.norm(affine[:3, 2]))
    plane.ImageOrientationPatient = [*(affine[:3, 0] / column_mm), *(affine[:3, 1] / row_mm)]
    shared = Dataset()
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([plane])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    frames, groups = [], []
    for n in order:
        group, position, rescale = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = list(affine[:3, 3] + affine[:3, 2] * n)
        rescale.RescaleSlope, rescale.RescaleIntercept = 1, intercepts[n]
        rescale.RescaleType = "HU"
        group.PlanePositionSequence = Sequence([position])
        group.PixelValueTransformationSequence = Sequence([rescale])
        groups.append(group)
        frames.append((hu[n] - intercepts[n]).astype("uint16"))
    ds.PerFrameFunctionalGroupsSequence = Sequence(groups)
    ds.NumberOfFrames = len(order)
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    _pixel_module(ds, np.stack(frames), {})
    return _with_meta(ds)
