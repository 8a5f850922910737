"""A DICOM CT series made from a volume, for scans that came without one (NIfTI, simulated).

Its UIDs follow from the voxels and the affine: a segmentation that refers to the
series and a series written later, from the same volume, fit together.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian
from pydicom.valuerep import DSfloat

from hccsurv_core import __version__
from hccsurv_core.errors import GeometryError
from hccsurv_core.progress import Progress, silent
from hccsurv_core.volume import Volume

#: Cosine between two axes beyond which a grid cannot be written as DICOM image planes.
_SHEAR_TOLERANCE = 1e-4


def decimal(value: float) -> DSfloat:
    """A number as DICOM's decimal string of at most 16 characters."""
    return DSfloat(float(value), auto_format=True)


def volume_uids(volume: Volume) -> dict[str, UID]:
    """Study, series and frame-of-reference UIDs that follow from the volume's content."""
    content = blake2b(np.ascontiguousarray(volume.voxels).view(np.uint8).data, digest_size=32)
    content.update(volume.affine.tobytes())
    return {
        name: _uid(content.digest(), name)
        for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    }


def _uid(content: bytes, name: str) -> UID:
    number = int.from_bytes(blake2b(name.encode(), key=content, digest_size=16).digest(), "big")
    number = number & ~(0xF << 76) | 0x4 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return UID(f"2.25.{number}")


def ct_headers(
    volume: Volume, *, pseudonym: str = "Anonymous", series_description: str = ""
) -> list[Dataset]:
    """The series' data sets without pixels, one a slice, in slice order.

    Raises:
        GeometryError: rows, columns and slices are not at right angles.
    """
    axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    if abs(axes.T @ axes - np.eye(3)).max() > _SHEAR_TOLERANCE:
        raise GeometryError(
            "the volume's axes are not at right angles, DICOM slices cannot hold it",
            remedy="export as NIfTI",
        )
    uids = volume_uids(volume)
    series = bytes.fromhex(f"{int(uids['SeriesInstanceUID'].split('.')[-1]):032x}")
    slices, rows, columns = volume.shape
    dz, dy, dx = volume.spacing_mm
    headers = []
    for index in range(slices):
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        if not pseudonym.isascii():
            ds.SpecificCharacterSet = "ISO_IR 192"
        ds.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
        ds.SOPInstanceUID = _uid(series, f"slice {index}")
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.StudyDate = ds.StudyTime = ds.AccessionNumber = ""
        ds.Modality = "CT"
        ds.Manufacturer = "hccsurv"
        ds.SoftwareVersions = __version__
        ds.ReferringPhysicianName = ""
        ds.SeriesDescription = series_description[:64]
        ds.PatientName = ds.PatientID = pseudonym
        ds.PatientBirthDate = ds.PatientSex = ds.StudyID = ""
        for keyword, uid in uids.items():
            setattr(ds, keyword, uid)
        ds.PositionReferenceIndicator = ""
        ds.KVP = ds.AcquisitionNumber = None
        ds.SeriesNumber = 1
        ds.InstanceNumber = index + 1
        ds.ImagePositionPatient = [
            decimal(x) for x in volume.index_to_world(np.array([index, 0, 0]))
        ]
        ds.ImageOrientationPatient = [decimal(x) for x in (*axes[:, 0], *axes[:, 1])]
        ds.SliceThickness = ds.SpacingBetweenSlices = decimal(dz)
        ds.PixelSpacing = [decimal(dy), decimal(dx)]
        ds.SamplesPerPixel = 1
        ds.PhotometricInterpretation = "MONOCHROME2"
        ds.Rows, ds.Columns = rows, columns
        ds.BitsAllocated = ds.BitsStored = 16
        ds.HighBit = 15
        ds.PixelRepresentation = 1
        ds.RescaleIntercept, ds.RescaleSlope = "0", "1"
        ds.RescaleType = "HU"
        headers.append(ds)
    return headers


def write_ct_series(
    folder: Path,
    volume: Volume,
    *,
    pseudonym: str = "Anonymous",
    series_description: str = "",
    progress: Progress = silent,
) -> tuple[Path, ...]:
    """Write the volume as a CT series, one file a slice; fractional HU are rounded.

    Raises:
        GeometryError: rows, columns and slices are not at right angles.
    """
    headers = ct_headers(volume, pseudonym=pseudonym, series_description=series_description)
    folder.mkdir(parents=True, exist_ok=True)
    limits = np.iinfo(np.int16)
    paths = []
    for index, ds in enumerate(headers):
        hu = np.clip(np.rint(volume.voxels[index]), limits.min, limits.max)
        ds.PixelData = hu.astype("<i2").tobytes()
        paths.append(folder / f"{index + 1:05d}.dcm")
        ds.save_as(paths[-1], enforce_file_format=True)
        progress((index + 1) / len(headers), "Writing the CT series")
    return tuple(paths)
