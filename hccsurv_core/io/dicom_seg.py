"""Masks as a DICOM Segmentation object (PS3.3 A.51), one segment per structure.

Segments may overlap: total muscle includes both psoas. The frames lie on the
planes of the source images, so that viewers that know no resampling show them
in place; voxels are re-indexed, never interpolated. Codes are SNOMED CT:
skeletal muscle and the categories from DICOM's own context groups (PS3.16
CID 7150, 8134); the other types as the public segmentation tables of
TotalSegmentator and MOOSE use them, because PS3.16 has no code for them. The
psoas is coded as iliopsoas, the muscle it belongs to; its label tells which part.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from hccsurv_core import __version__
from hccsurv_core.errors import GeometryMismatchError, InputError, UnreadableFileError
from hccsurv_core.io.ct_series import ct_headers, volume_uids
from hccsurv_core.volume import Volume

#: How far (in voxels) a source pixel may lie from the voxel it is taken to be: slice positions of
#: real series jitter by a tenth of a voxel around the even grid that the volume is.
_INDEX_TOLERANCE = 0.25
_LATERALITY = {"left": ("7771000", "Left"), "right": ("24028007", "Right")}


@dataclass(frozen=True)
class SegmentCode:
    """How a structure is coded.

    Args:
        label: what a viewer shows.
        category, type: (SNOMED CT code, meaning).
        side: "left", "right" or None.
        color: recommended RGB (Okabe and Ito's palette).
    """

    label: str
    category: tuple[str, str]
    type: tuple[str, str]
    side: str | None
    color: tuple[int, int, int]


_STRUCTURE = ("91723000", "Anatomical Structure")
_TISSUE = ("85756007", "Tissue")
_PSOAS = ("68455001", "Iliopsoas muscle")
SEGMENT_CODES = {
    "muscle": SegmentCode(
        "Skeletal muscle", _STRUCTURE, ("127954009", "Skeletal muscle"), None, (213, 94, 0)
    ),
    "psoas_left": SegmentCode("Psoas muscle, left", _STRUCTURE, _PSOAS, "left", (0, 114, 178)),
    "psoas_right": SegmentCode("Psoas muscle, right", _STRUCTURE, _PSOAS, "right", (86, 180, 233)),
    "subcutaneous_fat": SegmentCode(
        "Subcutaneous fat", _TISSUE, ("67769002", "Subcutaneous fatty tissue"), None, (240, 228, 66)
    ),
    "visceral_fat": SegmentCode(
        "Visceral fat", _TISSUE, ("725273006", "Adipose tissue of abdomen"), None, (230, 159, 0)
    ),
}


@dataclass(frozen=True)
class SegContent:
    """What a segmentation object is about.

    Args:
        label, description: ``ContentLabel`` (a code string) and ``ContentDescription``.
        codes: how its structures are coded.
        otherwise: how any other is; its own name is the segment's label.
    """

    label: str
    description: str
    codes: Mapping[str, SegmentCode]
    otherwise: SegmentCode


BODY = SegContent(
    "BODY_COMPOSITION",
    "Muscle and fat for body composition",
    SEGMENT_CODES,
    SegmentCode("", _TISSUE, _TISSUE, None, (204, 121, 167)),
)
#: Codes of PS3.16 CID 7150 and 7151.
LESIONS = SegContent(
    "LESIONS",
    "Lesions",
    {},
    SegmentCode(
        "",
        ("49755003", "Morphologically Abnormal Structure"),
        ("52988006", "Lesion"),
        None,
        (213, 94, 0),
    ),
)
#: Algorithm family (PS3.16 CID 7162) of each backend.
_FAMILIES = {
    "classical": ("123104", "Morphological Operations"),
    "edited": ("123109", "Manual Processing"),
    "totalsegmentator": ("123110", "Artificial Intelligence"),
}


@dataclass(frozen=True)
class _Frame:
    """One image plane of the source: its data set, its frame, and pixel to world."""

    dataset: Dataset
    origin: NDArray[np.float64]
    step_row: NDArray[np.float64]
    step_column: NDArray[np.float64]


def write_segments(
    path: Path,
    masks: Mapping[str, NDArray[np.bool_]],
    volume: Volume,
    *,
    source_files: Sequence[Path],
    series_description: str,
    first_slice: int = 0,
    method: str = "classical",
    edited: bool = False,
    content: SegContent = BODY,
    manual: Collection[str] = (),
) -> Path:
    """Write masks as one DICOM SEG file. See :func:`hccsurv_core.io.export.write_dicom_seg`."""
    from highdicom.seg import Segmentation

    filled = {name: mask for name, mask in masks.items() if mask.any()}
    if not filled:
        raise InputError(
            "every mask is empty", source=path.name, remedy="outline a structure first"
        )
    sources = [_read_header(file) for file in source_files]
    if not sources:
        sources = ct_headers(volume, series_description="Made from a volume")
    frames = _frames_of(sources)
    used, pixels = _on_source_planes(frames, filled, volume, first_slice)
    patient_name = str(sources[0].PatientName)
    for source in sources:
        # One component, as a pseudonym is: highdicom wants to see that this is meant.
        source.PatientName = f"{patient_name}^" if "^" not in patient_name else patient_name
    dataset = Segmentation(
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=[
            _describe(number + 1, name, method, edited, content, name in manual)
            for number, name in enumerate(filled)
        ],
        series_instance_uid=pydicom.uid.generate_uid(None),
        series_number=_series_number(sources[0]),
        sop_instance_uid=pydicom.uid.generate_uid(None),
        instance_number=1,
        manufacturer="hccsurv",
        manufacturer_model_name="hccsurv_core",
        software_versions=__version__,
        device_serial_number="none",
        content_label=content.label,
        content_description=content.description,
        series_description=series_description[:64],
        omit_empty_frames=True,
        **_planes(used, volume),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.PatientName = patient_name
    dataset.save_as(path)
    return path


def _read_header(file: Path) -> Dataset:
    try:
        dataset = pydicom.dcmread(file, stop_before_pixels=True)
        # What the standard wants there, empty if not known; highdicom copies them.
        for keyword in (
            "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber",
            "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName",
        ):  # fmt: skip
            if keyword not in dataset:
                setattr(dataset, keyword, "")
        for keyword in ("SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID"):
            if not dataset.get(keyword):
                raise ValueError(f"it has no {keyword}")
        if dataset.Rows < 1 or dataset.Columns < 1:
            raise ValueError("it has no pixels")
        _frames_of([dataset])
    except (
        OSError, pydicom.errors.InvalidDicomError, AttributeError, KeyError, IndexError,
        TypeError, ValueError,
    ) as error:  # fmt: skip
        raise UnreadableFileError(
            f"a segmentation cannot refer to it ({error})",
            source=file.name,
            remedy="de-identify the series first, which completes its files",
        ) from error
    return dataset


def _frames_of(sources: Sequence[Dataset]) -> list[_Frame]:
    frames = []
    for ds in sources:
        if "PerFrameFunctionalGroupsSequence" not in ds:
            frames.append(_frame(ds, ds, ds, ds))
            continue
        shared = ds.SharedFunctionalGroupsSequence[0]
        for own in ds.PerFrameFunctionalGroupsSequence:
            position, orientation, measures = (
                (own if keyword in own else shared)[keyword][0]
                for keyword in (
                    "PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence",
                )
            )  # fmt: skip
            frames.append(_frame(ds, position, orientation, measures))
    return frames


def _frame(ds: Dataset, position: Dataset, orientation: Dataset, measures: Dataset) -> _Frame:
    cosines = np.array(orientation.ImageOrientationPatient, dtype=np.float64)
    row_spacing, column_spacing = (float(x) for x in measures.PixelSpacing)
    return _Frame(
        dataset=ds,
        origin=np.array(position.ImagePositionPatient, dtype=np.float64),
        step_row=cosines[3:] * row_spacing,
        step_column=cosines[:3] * column_spacing,
    )


def _on_source_planes(
    frames: Sequence[_Frame],
    masks: Mapping[str, NDArray[np.bool_]],
    volume: Volume,
    first_slice: int,
) -> tuple[list[_Frame], NDArray[np.uint8]]:
    """The source planes that hold any structure, and the masks' pixels on them.

    Returns:
        planes, and an array (planes, rows, columns, structures).
    """
    stack = np.stack(list(masks.values()))
    expected = np.array([np.count_nonzero(mask) for mask in stack])
    found = np.zeros_like(expected)
    used: list[_Frame] = []
    pixels: list[NDArray[np.uint8]] = []
    seen: set[tuple[int, ...]] = set()
    for frame in frames:
        index = _voxels_of_plane(frame, volume, first_slice, first_slice + stack.shape[1])
        if index is None:
            continue
        place = tuple(index[:, [0, -1], [0, -1]].ravel().tolist())
        if place in seen:
            continue  # the same slice twice in the series
        seen.add(place)
        k, j, i = index[0] - first_slice, index[1], index[2]
        inside = (
            (k >= 0) & (k < stack.shape[1]) & (j >= 0) & (j < stack.shape[2])
            & (i >= 0) & (i < stack.shape[3])
        )  # fmt: skip
        if not inside.any():
            continue
        k, j, i = (np.where(inside, axis, 0) for axis in (k, j, i))
        plane = stack[:, k, j, i] & inside
        counts = [np.count_nonzero(mask) for mask in plane]
        if any(counts):
            found += counts
            used.append(frame)
            pixels.append(plane.astype(np.uint8))
    if np.any(found != expected):
        raise GeometryMismatchError(
            "the source images do not cover the outlines one pixel to one voxel",
            remedy="export without the source images, or as NIfTI",
        )
    return used, np.moveaxis(np.stack(pixels), 1, -1)


def _voxels_of_plane(
    frame: _Frame, volume: Volume, start: int, stop: int
) -> NDArray[np.intp] | None:
    """Voxel index (slice, row, column) of each pixel of a plane: shape (3, rows, columns).

    None if the plane is off the grid or does not meet slices ``start`` to ``stop``.
    """
    rows, columns = frame.dataset.Rows, frame.dataset.Columns
    corner = frame.origin
    far_row = corner + frame.step_row * (rows - 1)
    far_column = corner + frame.step_column * (columns - 1)
    ends = volume.world_to_index(np.stack([corner, far_row, far_column]))
    whole = np.rint(ends)
    if np.abs(ends - whole).max() > _INDEX_TOLERANCE:
        return None
    met = np.append(whole, [whole[1] + whole[2] - whole[0]], axis=0)[:, 0]
    if met.max() < start or met.min() >= stop:
        return None
    step_row = (whole[1] - whole[0]) / max(rows - 1, 1)
    step_column = (whole[2] - whole[0]) / max(columns - 1, 1)
    if not (np.isin(step_row, (-1, 0, 1)).all() and np.isin(step_column, (-1, 0, 1)).all()):
        return None
    return (
        whole[0][:, np.newaxis, np.newaxis]
        + step_row[:, np.newaxis, np.newaxis] * np.arange(rows)[:, np.newaxis]
        + step_column[:, np.newaxis, np.newaxis] * np.arange(columns)
    ).astype(np.intp)


def _planes(used: Sequence[_Frame], volume: Volume) -> dict[str, Any]:
    """Source images and, as the source may lack or round them, the planes' geometry."""
    import highdicom as hd

    first = used[0]
    sources = list({id(frame.dataset): frame.dataset for frame in used}.values())
    for dataset in sources:
        if not dataset.get("FrameOfReferenceUID"):
            dataset.FrameOfReferenceUID = volume_uids(volume)["FrameOfReferenceUID"]
    lengths = [float(np.linalg.norm(step)) for step in (first.step_row, first.step_column)]
    normal = np.cross(first.step_column, first.step_row) / (lengths[0] * lengths[1])
    spacing = float(np.linalg.norm(volume.affine[:3, :3].T @ normal, ord=np.inf))
    return {
        "source_images": sources,
        "pixel_measures": hd.PixelMeasuresSequence(lengths, spacing, spacing),
        "plane_orientation": hd.PlaneOrientationSequence(
            "PATIENT", [*first.step_column / lengths[1], *first.step_row / lengths[0]]
        ),
        "plane_positions": [hd.PlanePositionSequence("PATIENT", f.origin.tolist()) for f in used],
    }


def _series_number(source: Dataset) -> int:
    number = source.get("SeriesNumber")
    return int(number) + 1000 if number not in (None, "") else 1000


def _describe(
    number: int, name: str, method: str, edited: bool, content: SegContent, manual: bool
) -> Any:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription
    from highdicom.sr import CodedConcept

    code = content.codes.get(name, content.otherwise)
    family = _FAMILIES.get(method, _FAMILIES["classical"])
    algorithm = AlgorithmIdentificationSequence(
        name=f"hccsurv {method}"[:64],
        family=CodedConcept(family[0], "DCM", family[1]),
        version=__version__,
    )
    kind = "SEMIAUTOMATIC" if edited or method == "edited" else "AUTOMATIC"
    description = SegmentDescription(
        segment_number=number,
        segment_label=code.label or name.replace("_", " ")[:64],
        segmented_property_category=CodedConcept(code.category[0], "SCT", code.category[1]),
        segmented_property_type=CodedConcept(code.type[0], "SCT", code.type[1]),
        algorithm_type="MANUAL" if manual else kind,
        algorithm_identification=None if manual else algorithm,
        tracking_id=name[:64],
        tracking_uid=pydicom.uid.generate_uid(None),
        display_color=CIELabColor.from_rgb(*code.color),
    )
    if code.side:
        value, meaning = _LATERALITY[code.side]
        description.SegmentedPropertyTypeCodeSequence[
            0
        ].SegmentedPropertyTypeModifierCodeSequence = [CodedConcept(value, "SCT", meaning)]
    return description
