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
        return (_frame(ds, header, None, ()),)
    if header.n_frames > _MAX_FRAMES:
        raise UnreadableFileError(f"claims {header.n_frames} frames")
    groups = [_item(ds, "PerFrameFunctionalGroupsSequence", n) for n in range(header.n_frames)]
    return tuple(
        _frame(ds, header, n, [g for g in (group, shared) if g is not None])
        for n, group in enumerate(groups)
    )


class _Groups:
    """Looks values up in a frame's functional groups (its own first, then the shared ones).

    In a single-frame file the file itself stands for every group.
    """

    def __init__(self, ds: Dataset, groups: Iterable[Dataset], enhanced: bool) -> None:
        self._ds = ds
        self._groups = list(groups)
        self._enhanced = enhanced

    def _sources(self, macro: str) -> list[Dataset]:
        if not self._enhanced:
            return [self._ds]
        found = [_item(group, macro) for group in self._groups]
        return [item for item in found if item is not None]

    def numbers(self, macro: str, keyword: str, n: int) -> tuple[float, ...] | None:
        found = (numbers(source, keyword, n) for source in self._sources(macro))
        return next((value for value in found if value is not None), None)

    def number(self, macro: str, keyword: str) -> float | None:
        found = self.numbers(macro, keyword, 1)
        return None if found is None else found[0]

    def text(self, macro: str, keyword: str) -> str:
        return next((t for s in self._sources(macro) if (t := text(s, keyword))), "")


def _frame(ds: Dataset, header: FileHeader, index: int | None, groups: Iterable[Dataset]) -> Frame:
    """Gather one frame; ``groups`` are its functional groups, the nearest first (or the file)."""
    enhanced = index is not None
    of = _Groups(ds, groups, enhanced)
    content, rescale = "FrameContentSequence", "PixelValueTransformationSequence"
    image_type = of.text("CTImageFrameTypeSequence", "FrameType") or text(ds, "ImageType")
    acquired = of.text(content, "FrameAcquisitionDateTime") or text(ds, "AcquisitionTime")
    tilt = number(ds, "GantryDetectorTilt")
    if tilt is None:
        tilt = of.number("CTAcquisitionDetailsSequence", "GantryDetectorTilt")
    instance = index if enhanced else integer(ds, "InstanceNumber", -1)
    return Frame(
        file=header,
        index=index,
        orientation=of.numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6),
        position=of.numbers("PlanePositionSequence", "ImagePositionPatient", 3),
        pixel_spacing_mm=of.numbers("PixelMeasuresSequence", "PixelSpacing", 2),
        thickness_mm=of.number("PixelMeasuresSequence", "SliceThickness"),
        tilt_deg=tilt or 0.0,
        image_type=tuple(image_type.upper().split("\\")) if image_type else (),
        slope=of.number(rescale, "RescaleSlope"),
        intercept=of.number(rescale, "RescaleIntercept"),
        acquisition=of.text(content, "FrameAcquisitionNumber") or text(ds, "AcquisitionNumber"),
        temporal=of.text(content, "TemporalPositionIndex")
        or text(ds, "TemporalPositionIdentifier"),
        echo=text(ds, "EchoTime"),
        kernel=of.text("CTReconstructionSequence", "ConvolutionKernel")
        or text(ds, "ConvolutionKernel"),
        kvp=of.text("CTXRayDetailsSequence", "KVP") or text(ds, "KVP"),
        stack=of.text(content, "StackID"),
        time=f"{acquired}|{text(ds, 'ContentTime')}",
        instance=None if instance is None or instance < 0 else instance,
    )
