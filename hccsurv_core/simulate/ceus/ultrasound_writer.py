"""Write ultrasound stills and clips as DICOM, marked as simulated where a reader looks.

Ultrasound Image and Ultrasound Multi-frame Image Storage (DICOM PS3.3 A.6, A.7; C.8.5), with the
regions' calibration (C.8.5.5) and, for clips, the vector of frame times (C.7.6.5.1.2).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError
from hccsurv_core.patient import PatientFacts

STILL_STORAGE = "1.2.840.10008.5.1.4.1.1.6.1"
CLIP_STORAGE = "1.2.840.10008.5.1.4.1.1.3.1"
STORAGES = ("jpeg", "rle", "jpeg2000")
_SEX = {"male": "M", "female": "F", None: ""}
_CENTIMETERS = 3
_TISSUE, _TWO_DIMENSIONAL = 1, 1


@dataclass(frozen=True)
class Region:
    """A calibrated part of the screen.

    Args:
        left, top, right, bottom: first and last column and row.
        pixel_mm: size of a pixel, the same both ways.
        reference_column, reference_row: within the region, where both physical values are 0 (the
            middle of the probe's face).
        frequency_mhz: of the transducer.
    """

    left: int
    top: int
    right: int
    bottom: int
    pixel_mm: float
    reference_column: int
    reference_row: int
    frequency_mhz: float


@dataclass(frozen=True)
class Recording:
    """What stands in the header.

    Args:
        patient_id: also seeds the UIDs, so that the same call writes the same file.
        description: of the series.
        model: name of the machine.
        regions: calibrated parts.
        frame_times_s: of a clip, after the injection, rising; None for a still.
        palette: red, green, blue (256, 3) of palette indices; None where frames hold levels or
            colors themselves.
        facts: sex and age; what is None is left empty.
        study_date: ISO date.
        contrast: True where contrast agent was given.
        comments: added to what says that it is simulated.
        tags: further keywords and values.
    """

    patient_id: str
    description: str
    model: str
    regions: Sequence[Region]
    frame_times_s: NDArray[np.float64] | None = None
    palette: NDArray[np.uint8] | None = None
    facts: PatientFacts = field(default_factory=PatientFacts)
    study_date: str = "2024-01-01"
    contrast: bool = False
    comments: str = ""
    tags: dict[str, Any] = field(default_factory=dict)


def write_ultrasound(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    recording: Recording,
    *,
    storage: str = "jpeg",
    quality: int = 90,
    even_bytes: int = 0,
) -> Path:
    """Write one still or clip.

    Args:
        path: of the file; its folder is made if missing.
        frames: (rows, columns) levels or palette indices, or (rows, columns, 3) colors; taken one
            by one where ``storage`` is "jpeg".
        recording: the header.
        storage: "jpeg" (baseline, lossy), "rle" or "jpeg2000" (both lossless).
        quality: of JPEG, 1 to 100.
        even_bytes: pad the file to a multiple of this, so that its size says nothing of what it
            shows.

    Raises:
        InputError: an unknown storage, frames that differ in shape, or a number of frames that
            the frame times do not fit.
    """
    if storage not in STORAGES:
        raise InputError(
            f"no storage is called {storage!r}", remedy=f"choose one of {', '.join(STORAGES)}"
        )
    if storage == "jpeg" and recording.palette is not None:
        raise InputError("palette indices cannot be stored as JPEG", remedy="use rle")
    data = _header(recording)
    if storage == "jpeg":
        _encode_jpeg(data, frames, recording, quality)
    else:
        _encode_lossless(data, frames, recording, storage)
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    path.write_bytes(_padded(buffer.getvalue(), even_bytes))
    return path


def _check_frames(shapes: Sequence[tuple[int, ...]], recording: Recording) -> None:
    if not shapes:
        raise InputError("a file needs frames", source="clip")
    if len(set(shapes)) != 1:
        raise InputError("frames differ in shape", source="clip")
    n, times = len(shapes), recording.frame_times_s
    if (times is None and n != 1) or (times is not None and len(times) != n):
        raise InputError(
            f"{n} frames but {1 if times is None else len(times)} frame times", source="clip"
        )


def _padded(file: bytes, even_bytes: int) -> bytes:
    """The file with Data Set Trailing Padding (FFFC,FFFC), Explicit VR Little Endian."""
    if even_bytes <= 0 or len(file) % even_bytes == 0:
        return file
    header = b"\xfc\xff\xfc\xffOB\x00\x00"
    missing = -(len(file) + len(header) + 4) % even_bytes
    missing += missing % 2
    return file + header + missing.to_bytes(4, "little") + bytes(missing)


def _uid(*parts: object) -> str:
    from pydicom.uid import generate_uid

    return str(generate_uid(entropy_srcs=["hccsurv simulated ultrasound", *map(str, parts)]))


def _header(recording: Recording):
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    is_clip = recording.frame_times_s is not None
    facts, name = recording.facts, recording.patient_id
    day = recording.study_date.replace("-", "")
    data = Dataset()
    values: dict[str, Any] = {
        "SOPClassUID": CLIP_STORAGE if is_clip else STILL_STORAGE,
        "SOPInstanceUID": _uid(name, day, recording.description, "instance"),
        "StudyInstanceUID": _uid(name, day),
        "SeriesInstanceUID": _uid(name, day, recording.description),
        "PatientName": "SIMULATED^DEMO",
        "PatientID": name,
        "PatientBirthDate": "",
        "PatientSex": _SEX[facts.sex],
        "PatientAge": "" if facts.age_years is None else f"{int(facts.age_years):03d}Y",
        "StudyDate": day,
        "SeriesDate": day,
        "ContentDate": day,
        "StudyTime": "120000",
        "ContentTime": "120000",
        "StudyID": "1",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "StudyDescription": "Ultrasound of the liver, simulated",
        "SeriesDescription": recording.description,
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "Modality": "US",
        "Manufacturer": "hccsurv simulator",
        "ManufacturerModelName": recording.model,
        "ImageType": ["DERIVED", "PRIMARY", "ABDOMINAL", "0001"],
        "ImageComments": (
            f"SIMULATED: drawn by a computer, not a patient. {recording.comments}".strip()
        ),
        "BodyPartExamined": "LIVER",
        "PatientOrientation": "",
        # The burnt-in text names no patient.
        "BurnedInAnnotation": "NO",
        "TransducerType": "CURVED LINEAR",
        **({"ContrastBolusAgent": "microbubbles, simulated"} if recording.contrast else {}),
        **recording.tags,
    }
    for keyword, value in values.items():
        setattr(data, keyword, value)
    data.SequenceOfUltrasoundRegions = [_region(r) for r in recording.regions]
    if recording.frame_times_s is not None:
        _add_times(data, recording.frame_times_s)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID(data.SOPClassUID)
    meta.MediaStorageSOPInstanceUID = UID(data.SOPInstanceUID)
    data.file_meta = meta
    return data


def _region(region: Region):
    from pydicom.dataset import Dataset

    item = Dataset()
    item.RegionSpatialFormat = _TWO_DIMENSIONAL
    item.RegionDataType = _TISSUE
    item.RegionFlags = 2
    item.RegionLocationMinX0, item.RegionLocationMinY0 = region.left, region.top
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = region.right, region.bottom
    item.ReferencePixelX0, item.ReferencePixelY0 = region.reference_column, region.reference_row
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = _CENTIMETERS
    item.ReferencePixelPhysicalValueX = item.ReferencePixelPhysicalValueY = 0.0
    item.PhysicalDeltaX = item.PhysicalDeltaY = region.pixel_mm / 10
    item.TransducerFrequency = round(1000 * region.frequency_mhz)
    return item


def _add_times(data: Any, times_s: NDArray[np.float64]) -> None:
    from pydicom.tag import Tag

    steps = np.diff(times_s, prepend=times_s[:1])
    if (steps[1:] <= 0).any():
        raise InputError("frame times must rise", source="clip")
    data.FrameIncrementPointer = Tag("FrameTimeVector")
    data.FrameTimeVector = [f"{1000 * step:.10g}" for step in steps]
    data.NumberOfFrames = len(times_s)
    data.StartTrim, data.StopTrim = 1, len(times_s)
    data.RecommendedDisplayFrameRate = 10


def _describe_pixels(data: Any, shape: tuple[int, ...], photometric: str) -> None:
    data.SamplesPerPixel = 3 if len(shape) == 3 else 1
    data.PhotometricInterpretation = photometric
    if len(shape) == 3:
        data.PlanarConfiguration = 0
    data.Rows, data.Columns = shape[:2]
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0


def _encode_jpeg(
    data: Any, frames: Iterable[NDArray[np.uint8]], recording: Recording, quality: int
) -> None:
    from PIL import Image
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    encoded, shapes = [], []
    for frame in frames:
        buffer = io.BytesIO()
        # 4:2:2: brightness at full resolution, color at half across.
        more = {"subsampling": "4:2:2"} if frame.ndim == 3 else {}
        Image.fromarray(frame).save(buffer, "JPEG", quality=quality, **more)
        encoded.append(buffer.getvalue())
        shapes.append(frame.shape)
    _check_frames(shapes, recording)
    photometric = "YBR_FULL_422" if len(shapes[0]) == 3 else "MONOCHROME2"
    _describe_pixels(data, shapes[0], photometric)
    data.LossyImageCompression = "01"
    data.LossyImageCompressionMethod = "ISO_10918_1"
    # Nominal: the true ratio would say how busy the picture is.
    data.LossyImageCompressionRatio = "10"
    data.PixelData = encapsulate(encoded)
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit


def _encode_lossless(
    data: Any, frames: Iterable[NDArray[np.uint8]], recording: Recording, storage: str
) -> None:
    from pydicom.uid import JPEG2000Lossless, RLELossless

    held = list(frames)
    _check_frames([f.shape for f in held], recording)
    # JPEG 2000's reversible color transform makes gray parts small; readers undo it.
    color = "YBR_RCT" if storage == "jpeg2000" else "RGB"
    _describe_pixels(data, held[0].shape, color if held[0].ndim == 3 else "MONOCHROME2")
    if recording.palette is not None:
        data.PhotometricInterpretation = "PALETTE COLOR"
        for k, name in enumerate(("Red", "Green", "Blue")):
            setattr(data, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
            table = recording.palette[:, k].astype("<u2") * 257
            setattr(data, f"{name}PaletteColorLookupTableData", table.tobytes())
    data.PixelData = np.stack(held).tobytes()
    data["PixelData"].VR = "OB"
    data.compress(
        RLELossless if storage == "rle" else JPEG2000Lossless, generate_instance_uid=False
    )
