"""One DICOM file's header as plain values: what grouping, geometry and rescaling need, and no more.

Headers are read leniently (no file meta, no SOPClassUID, wrong value
representations all occur in real CT), then checked: what is missing is
``None`` or empty here, and the rooms that need it say so by name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from hccsurv_core.errors import UnreadableFileError
from hccsurv_core.io.facts import read_facts, study_date
from hccsurv_core.io.faults import DECODER_ERRORS, first_line
from hccsurv_core.patient import PatientFacts

_MAX_TEXT = 200
#: A file without the DICM mark counts as DICOM if it has at least two of these.
_TELLTALE = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality")
#: For files that forgot to name their modality.
_MODALITY_BY_CLASS = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "CT",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.6.1": "US",
    "1.2.840.10008.5.1.4.1.1.3.1": "US",
}
#: A DICOMDIR under another name: an index, not an image.
DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
#: Frames of one file; an enhanced CT of a whole body has a few thousand.
_MAX_FRAMES = 20_000
#: Command, file meta, and the identifying groups that data sets open with.
_FIRST_GROUPS = (0x0000, 0x0002, 0x0008, 0x0010)
#: What pydicom throws at damaged values, its own exceptions included.
PYDICOM_ERRORS: tuple[type[Exception], ...] = (
    *DECODER_ERRORS,
    InvalidDicomError,
    BytesLengthException,
)


@dataclass(frozen=True)
class FileHeader:
    """What all frames of one file share. Texts are stripped; missing ones are empty."""

    path: Path
    name: str
    modality: str
    sop_class: str
    sop_uid: str
    study_uid: str
    series_uid: str
    patient_mark: str
    transfer_syntax: str
    description: str
    study_description: str
    protocol: str
    body_part: str
    study_date: str | None
    contrast_agent: str
    burned_in: bool
    lossy: bool
    rows: int
    columns: int
    samples: int
    n_frames: int
    regions: int
    padding: tuple[float, ...]
    bits_stored: int
    signed: bool
    rescale_type: str
    facts: PatientFacts
    fact_warnings: tuple[str, ...]


@dataclass(frozen=True)
class Frame:
    """One image: a whole file, or one frame of an enhanced multi-frame file.

    Args:
        index: frame number from 0 in a multi-frame file; None for a single-frame file.
        orientation: direction cosines of a row (3) and a column (3), LPS; None if missing.
        position: LPS mm of the first pixel's centre; None if missing.
        pixel_spacing_mm: (row, column) spacing; None if missing.
        slope, intercept: None if missing.
        times: acquisition and content times as in the header, for telling phases apart.
    """

    file: FileHeader
    index: int | None
    orientation: tuple[float, ...] | None
    position: tuple[float, ...] | None
    pixel_spacing_mm: tuple[float, ...] | None
    thickness_mm: float | None
    tilt_deg: float
    image_type: tuple[str, ...]
    slope: float | None
    intercept: float | None
    acquisition: str
    temporal: str
    echo: str
    kernel: str
    kvp: str
    stack: str
    time: str
    instance: int | None

    @property
    def name(self) -> str:
        """The file's name as uploaded, with the frame's number if it has one."""
        if self.index is None:
            return self.file.name
        return f"{self.file.name}, frame {self.index + 1}"


@dataclass(frozen=True)
class DicomFile:
    """A header and its frames; no frames for a file without an image (a report, an index)."""

    header: FileHeader
    frames: tuple[Frame, ...]


def get(ds: Dataset, keyword: str) -> Any:
    """The value of ``keyword``, or None where it is missing, empty or damaged."""
    try:
        value = ds.get(keyword)
    except PYDICOM_ERRORS:
        return None
    return None if value is None or value == "" else value


def text(ds: Dataset, keyword: str) -> str:
    """The value as one line of printable text; empty where it is missing."""
    value = get(ds, keyword)
    if value is None:
        return ""
    if not isinstance(value, str) and isinstance(value, Iterable):
        value = "\\".join(str(v) for v in value)
    return "".join(c for c in str(value) if c.isprintable()).strip()[:_MAX_TEXT]


def numbers(ds: Dataset, keyword: str, n: int) -> tuple[float, ...] | None:
    """``n`` finite numbers, or None."""
    value = get(ds, keyword)
    try:
        found = tuple(float(v) for v in ([value] if n == 1 else list(value)))
    except PYDICOM_ERRORS:
        return None
    return found if len(found) == n and all(map(math.isfinite, found)) else None


def number(ds: Dataset, keyword: str) -> float | None:
    """One finite number, or None."""
    found = None if get(ds, keyword) is None else numbers(ds, keyword, 1)
    return None if found is None else found[0]


def integer(ds: Dataset, keyword: str, default: int = 0) -> int:
    """One whole number, or ``default``."""
    found = number(ds, keyword)
    return default if found is None else int(found)


def _item(ds: Dataset | None, keyword: str, n: int = 0) -> Dataset | None:
    """Item ``n`` of a sequence, or None."""
    if ds is None:
        return None
    sequence = get(ds, keyword)
    try:
        return sequence[n] if isinstance(sequence[n], Dataset) else None
    except PYDICOM_ERRORS:
        return None


def _may_be_dicom(path: Path) -> bool:
    """True with the DICM mark, or where a bare data set may begin: with a group of low number.

    Without this look, a letter's first bytes are taken for a length of gigabytes.
    """
    with path.open("rb") as file:
        head = file.read(132)
    if head[128:] == b"DICM":
        return True
    groups = int.from_bytes(head[:2], "little"), int.from_bytes(head[:2], "big")
    return len(head) > 8 and any(group in _FIRST_GROUPS for group in groups)


def read_dataset(path: Path, *, pixels: bool) -> Dataset:
    """Read a file that may lack its preamble and file meta.

    Raises:
        UnreadableFileError: it is not DICOM, or damaged. The error names no source.
    """
    if not _may_be_dicom(path):
        raise UnreadableFileError("is not a DICOM file")
    try:
        ds = pydicom.dcmread(path, stop_before_pixels=not pixels, force=True)
        marked = bool(ds.preamble) or bool(ds.file_meta)
        n_telltales = sum(get(ds, keyword) is not None for keyword in _TELLTALE)
    except PYDICOM_ERRORS as error:
        raise UnreadableFileError(f"is not a readable DICOM file ({first_line(error)})") from error
    if not n_telltales or (n_telltales < 2 and not marked):
        raise UnreadableFileError("is not a DICOM file")
    return ds


def read_dicom_file(path: Path, name: str) -> DicomFile:
    """Read one header.

    Raises:
        UnreadableFileError: it is not DICOM, or damaged.
    """
    try:
        ds = read_dataset(path, pixels=False)
        header = _file_header(ds, path, name)
        return DicomFile(header, _frames(ds, header))
    except UnreadableFileError as error:
        raise error.with_source(name) from error
    except PYDICOM_ERRORS as error:
        raise UnreadableFileError(
            f"has a damaged DICOM header ({first_line(error)})", source=name
        ) from error


def _file_header(ds: Dataset, path: Path, name: str) -> FileHeader:
    facts, warnings = read_facts(ds)
    meta = getattr(ds, "file_meta", None) or Dataset()
    sop_class = text(ds, "SOPClassUID") or text(meta, "MediaStorageSOPClassUID")
    regions = get(ds, "SequenceOfUltrasoundRegions")
    paddings = (number(ds, "PixelPaddingValue"), number(ds, "PixelPaddingRangeLimit"))
    return FileHeader(
        path=path,
        name=name,
        modality=text(ds, "Modality").upper()[:16] or _MODALITY_BY_CLASS.get(sop_class, ""),
        sop_class=sop_class,
        sop_uid=text(ds, "SOPInstanceUID"),
        study_uid=text(ds, "StudyInstanceUID"),
        series_uid=text(ds, "SeriesInstanceUID"),
        patient_mark=f"{text(ds, 'PatientID')}|{text(ds, 'PatientName')}",
        transfer_syntax=text(meta, "TransferSyntaxUID"),
        description=text(ds, "SeriesDescription"),
        study_description=text(ds, "StudyDescription"),
        protocol=text(ds, "ProtocolName"),
        body_part=text(ds, "BodyPartExamined").upper(),
        study_date=study_date(ds),
        contrast_agent=text(ds, "ContrastBolusAgent"),
        burned_in=text(ds, "BurnedInAnnotation").upper() == "YES",
        lossy=text(ds, "LossyImageCompression") == "01",
        rows=integer(ds, "Rows"),
        columns=integer(ds, "Columns"),
        samples=integer(ds, "SamplesPerPixel", 1),
        n_frames=max(integer(ds, "NumberOfFrames", 1), 1),
        regions=len(regions) if regions is not None else 0,
        padding=tuple(p for p in paddings if p is not None),
        bits_stored=integer(ds, "BitsStored", integer(ds, "BitsAllocated", 16)),
        signed=integer(ds, "PixelRepresentation") == 1,
        rescale_type=text(ds, "RescaleType").upper(),
        facts=facts,
        fact_warnings=warnings,
    )


def _frames(ds: Dataset, header: FileHeader) -> tuple[Frame, ...]:
    if header.rows <= 0 or header.columns <= 0:
        return ()
    shared = _item(ds, "SharedFunctionalGroupsSequence")
    per_frame = get(ds, "PerFrameFunctionalGroupsSequence")
    if shared is None and per_frame is None:
        return (_frame(ds, header, None, (ds,)),)
    if header.n_frames > _MAX_FRAMES:
        raise UnreadableFileError(f"claims {header.n_frames} frames")
    groups = [_item(ds, "PerFrameFunctionalGroupsSequence", n) for n in range(header.n_frames)]
    return tuple(
        _frame(ds, header, n, [g for g in (group, shared) if g is not None])
        for n, group in enumerate(groups)
    )


def _frame(ds: Dataset, header: FileHeader, index: int | None, groups: Iterable[Dataset]) -> Frame:
    """Gather one frame; ``groups`` are its functional groups, the nearest first (or the file)."""
    groups = list(groups)
    enhanced = index is not None

    def sources(macro: str) -> list[Dataset]:
        if not enhanced:
            return [ds]
        found = [_item(group, macro) for group in groups]
        return [item for item in found if item is not None]

    def nearest(macro: str, keyword: str, n: int) -> tuple[float, ...] | None:
        for source in sources(macro):
            if (value := numbers(source, keyword, n)) is not None:
                return value
        return None

    def nearest_text(macro: str, keyword: str, fallback: bool = True) -> str:
        for source in sources(macro):
            if value := text(source, keyword):
                return value
        return text(ds, keyword) if fallback else ""

    def single(macro: str, keyword: str) -> float | None:
        found = nearest(macro, keyword, 1)
        return None if found is None else found[0]

    times = (
        nearest_text("FrameContentSequence", "FrameAcquisitionDateTime")
        or text(ds, "AcquisitionTime"),
        text(ds, "ContentTime"),
    )
    type_text = nearest_text("CTImageFrameTypeSequence", "FrameType", False) or text(
        ds, "ImageType"
    )
    instance = index if enhanced else integer(ds, "InstanceNumber", -1)
    return Frame(
        file=header,
        index=index,
        orientation=nearest("PlaneOrientationSequence", "ImageOrientationPatient", 6),
        position=nearest("PlanePositionSequence", "ImagePositionPatient", 3),
        pixel_spacing_mm=nearest("PixelMeasuresSequence", "PixelSpacing", 2),
        thickness_mm=single("PixelMeasuresSequence", "SliceThickness"),
        tilt_deg=number(ds, "GantryDetectorTilt")
        or single("CTAcquisitionDetailsSequence", "GantryDetectorTilt")
        or 0.0,
        image_type=tuple(type_text.upper().split("\\")) if type_text else (),
        slope=single("PixelValueTransformationSequence", "RescaleSlope"),
        intercept=single("PixelValueTransformationSequence", "RescaleIntercept"),
        acquisition=nearest_text("FrameContentSequence", "FrameAcquisitionNumber")
        or text(ds, "AcquisitionNumber"),
        temporal=nearest_text("FrameContentSequence", "TemporalPositionIndex")
        or text(ds, "TemporalPositionIdentifier"),
        echo=text(ds, "EchoTime"),
        kernel=nearest_text("CTReconstructionSequence", "ConvolutionKernel"),
        kvp=nearest_text("CTXRayDetailsSequence", "KVP"),
        stack=nearest_text("FrameContentSequence", "StackID"),
        time="|".join(times),
        instance=None if instance is None or instance < 0 else instance,
    )
