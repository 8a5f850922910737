"""Write a volume as a DICOM CT series, marked as simulated where a reader looks.

CT Image Storage, one file per slice (DICOM PS3.3 A.3); Explicit VR Little Endian, or JPEG-LS
lossless, which halves a noisy CT in milliseconds.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.patient import PatientFacts
from hccsurv_core.volume import Volume

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
_SEX = {"male": "M", "female": "F", None: ""}
_INTERCEPT = -1024


def write_dicom_series(
    volume: Volume,
    folder: Path,
    *,
    facts: PatientFacts | None = None,
    patient_id: str = "SIM-0001",
    study_date: str = "2024-01-01",
    description: str = "Abdomen simulated",
    simulated: bool = True,
    shuffle_seed: int | None = None,
    slices: range | None = None,
    tags: Mapping[str, Any] | None = None,
    compress: bool = False,
    even_bytes: int | None = None,
) -> tuple[Path, ...]:
    """Write one file per slice into ``folder`` and return them from inferior to superior.

    Args:
        volume: canonical CT, HU.
        folder: made if missing.
        facts: sex, age, height, weight; what is None is left empty.
        patient_id: also seeds the UIDs, so that the same call writes the same series.
        study_date: ISO date.
        description: SeriesDescription.
        simulated: mark PatientName and ImageComments.
        shuffle_seed: give the files names whose order says nothing about the slices.
        slices: only these slice indices.
        tags: further attributes by keyword, the same on every slice; they win over the usual.
        compress: JPEG-LS lossless (PS3.5 A.4.3).
        even_bytes: pad every file to a multiple of this many bytes, so that the size of a
            compressed file says nothing about what it shows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = list(slices if slices is not None else range(volume.shape[0]))
    names = [f"IM{n:05d}.dcm" for n in range(len(chosen))]
    if shuffle_seed is not None:
        random.Random(shuffle_seed).shuffle(names)  # order of names only, not security
    header = _common(
        volume, facts or PatientFacts(), patient_id, study_date, description, simulated
    ) | dict(tags or {})
    paths = []
    for number, (k, name) in enumerate(zip(chosen, names, strict=True), start=1):
        path = folder / name
        data = _slice_dataset(volume, header, k, number)
        if compress:
            _compress(data)
        data.save_as(path, enforce_file_format=True)
        if even_bytes is not None:
            _pad_file(path, even_bytes)
        paths.append(path)
    return tuple(paths)


def _uid(*parts: object) -> str:
    from pydicom.uid import generate_uid

    return str(generate_uid(entropy_srcs=["hccsurv simulated", *map(str, parts)]))


def _common(
    volume: Volume,
    facts: PatientFacts,
    patient_id: str,
    study_date: str,
    description: str,
    simulated: bool,
) -> dict[str, Any]:
    """What all slices share."""
    return {
        "SOPClassUID": CT_IMAGE_STORAGE,
        "StudyInstanceUID": _uid(patient_id, study_date),
        "SeriesInstanceUID": _uid(patient_id, study_date, description),
        "FrameOfReferenceUID": _uid(patient_id, study_date, "frame"),
        "PatientName": "SIMULATED^DEMO" if simulated else "",
        "PatientID": patient_id,
        "PatientBirthDate": "",
        "PatientSex": _SEX[facts.sex],
        "PatientAge": "" if facts.age_years is None else f"{int(facts.age_years):03d}Y",
        "PatientSize": None if facts.height_m is None else f"{facts.height_m:.3f}",
        "PatientWeight": None if facts.weight_kg is None else f"{facts.weight_kg:.1f}",
        "StudyDate": study_date.replace("-", ""),
        "SeriesDate": study_date.replace("-", ""),
        "StudyTime": "120000",
        "StudyID": "1",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "SeriesDescription": description,
        "Manufacturer": "hccsurv simulator" if simulated else "",
        "ImageType": ["DERIVED" if simulated else "ORIGINAL", "PRIMARY", "AXIAL"],
        "ImageComments": "SIMULATED: drawn by a computer, not a patient" if simulated else "",
        **_image_module(volume),
    }


def _image_module(volume: Volume) -> dict[str, Any]:
    """Geometry and pixel encoding."""
    matrix = volume.affine[:3, :3]
    column_mm, row_mm = np.linalg.norm(matrix[:, 0]), np.linalg.norm(matrix[:, 1])
    orientation = [*(matrix[:, 0] / column_mm), *(matrix[:, 1] / row_mm)]
    return {
        "Modality": "CT",
        "BodyPartExamined": "ABDOMEN",
        "StudyDescription": "CT abdomen",
        "SeriesNumber": 2,
        "PatientPosition": "HFS",
        "ImageOrientationPatient": [f"{v:.6g}" for v in orientation],
        "PixelSpacing": [f"{row_mm:.6g}", f"{column_mm:.6g}"],
        "SliceThickness": f"{volume.spacing_mm[0]:.6g}",
        "SpacingBetweenSlices": f"{volume.spacing_mm[0]:.6g}",
        "PositionReferenceIndicator": "",
        "KVP": "120",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": volume.shape[1],
        "Columns": volume.shape[2],
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "RescaleIntercept": str(_INTERCEPT),
        "RescaleSlope": "1",
        "RescaleType": "HU",
        "WindowCenter": "40",
        "WindowWidth": "400",
    }


def _slice_dataset(volume: Volume, header: dict[str, Any], k: int, number: int):
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    data = Dataset()
    for keyword, value in header.items():
        setattr(data, keyword, value)
    data.SOPInstanceUID = _uid(header["SeriesInstanceUID"], k)
    data.InstanceNumber = number
    position = volume.index_to_world(np.array([k, 0, 0]))
    data.ImagePositionPatient = [f"{v:.6f}"[:16] for v in position]
    data.SliceLocation = f"{position[2]:.3f}"
    stored = np.clip(np.rint(volume.voxels[k].astype(np.float32)) - _INTERCEPT, 0, 65535)
    data.PixelData = stored.astype("<u2").tobytes()
    data["PixelData"].VR = "OW"
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID(CT_IMAGE_STORAGE)
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta = meta
    return data


def _compress(data: Any) -> None:
    from pydicom.uid import JPEGLSLossless

    data.compress(JPEGLSLossless, generate_instance_uid=False)


def _pad_file(path: Path, even_bytes: int) -> None:
    """Append Data Set Trailing Padding (PS3.10 7.2), an OB element of a 12-byte head."""
    head = b"\xfc\xff\xfc\xffOB\x00\x00"
    free = -(path.stat().st_size + len(head) + 4) % even_bytes
    with path.open("ab") as file:
        file.write(head + free.to_bytes(4, "little") + bytes(free))
