"""Frames of a DICOM Segmentation (PS3.3 A.51) as planes in the patient. Runs in a decoder process.

What is read: binary segmentations, where each frame shows one segment and segments may overlap,
and label maps, where a frame's pixels are segment numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels, pixel_array

from hccsurv_core.errors import GeometryError, UnreadableFileError, WrongModalityError
from hccsurv_core.io.dicom_header import (
    PYDICOM_ERRORS,
    get,
    integer,
    numbers,
    read_dataset,
    text,
)
from hccsurv_core.io.faults import first_line
from hccsurv_core.io.limits import IntakeLimits

_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_REMEDY = "give the mask as NIfTI or as a binary DICOM SEG"


@dataclass(frozen=True, eq=False)
class SegPlanes:
    """A segmentation, frame by frame.

    Args:
        pixels: (frames, rows, columns); segment numbers, 0 outside.
        origins: LPS mm of each frame's first pixel, (frames, 3).
        row_steps, column_steps: LPS mm from a row (a column) to the next, (frames, 3).
        names: segment number to its label.
    """

    pixels: NDArray[np.integer]
    origins: NDArray[np.float64]
    row_steps: NDArray[np.float64]
    column_steps: NDArray[np.float64]
    names: dict[int, str]


@dataclass(frozen=True, eq=False)
class OpenSegmentation:
    """A segmentation whose pixels are still to be decoded.

    Args:
        dataset: the file.
        numbers: the segment that each frame shows; None for a label map, whose pixels tell.
        origins, row_steps, column_steps: as in :class:`SegPlanes`.
        names: segment number to its label.
        meanings: segment number to the words of its code, with the side ("Iliopsoas muscle, Left").
        frame_uid: frame of reference; "" where it is not stated.
    """

    dataset: Dataset
    numbers: NDArray[np.int64] | None
    origins: NDArray[np.float64]
    row_steps: NDArray[np.float64]
    column_steps: NDArray[np.float64]
    names: dict[int, str]
    meanings: dict[int, str]
    frame_uid: str

    def frames(self) -> Iterator[NDArray[np.integer]]:
        """Each frame's pixels (rows, columns), decoded one after the other: not 0 inside the frame's
        segment, or segment numbers where it is a label map.

        Raises:
            UnreadableFileError: the pixels are damaged.
        """
        try:
            yield from iter_pixels(self.dataset)
        except PYDICOM_ERRORS as error:
            raise _bad_pixels(error) from error


def read_seg_planes(path: Path, limits: IntakeLimits) -> SegPlanes:
    """Read a segmentation file.

    Raises:
        UnreadableFileError: it is not DICOM, damaged, or larger than allowed.
        WrongModalityError: it is DICOM of another kind, or holds probabilities.
        GeometryError: a frame does not say where it lies.
    """
    ds = read_dataset(path, pixels=True)
    seg = open_segmentation(ds, limits, max_pixels=limits.max_voxels)
    try:
        pixels = pixel_array(ds)
    except PYDICOM_ERRORS as error:
        raise _bad_pixels(error) from error
    pixels = pixels.reshape(-1, integer(ds, "Rows"), integer(ds, "Columns"))
    _check_count(len(pixels), len(seg.origins))
    if seg.numbers is not None:
        pixels = np.where(pixels != 0, seg.numbers[:, np.newaxis, np.newaxis], 0)
    pixels = pixels.astype(np.uint16)
    return SegPlanes(pixels, seg.origins, seg.row_steps, seg.column_steps, seg.names)


def open_segmentation(ds: Dataset, limits: IntakeLimits, *, max_pixels: int) -> OpenSegmentation:
    """Everything of a segmentation but its pixels, checked.

    Args:
        ds: the file, with its pixels.
        limits: bounds on the size of a frame.
        max_pixels: of all frames together.

    Raises:
        UnreadableFileError: it is damaged, or larger than allowed.
        WrongModalityError: it is DICOM of another kind, or holds probabilities.
        GeometryError: a frame does not say where it lies.
    """
    _check_kind(ds)
    _check_size(ds, limits, max_pixels)
    segments = get(ds, "SegmentSequence") or ()
    groups = _groups(ds, max(integer(ds, "NumberOfFrames", 1), 1))
    places = [_place(n, *group) for n, group in enumerate(groups)]
    origins, rows, columns = (np.array(part) for part in zip(*places, strict=True))
    is_labels = text(ds, "SegmentationType").upper() == "LABELMAP"
    numbers = [0 if is_labels else _segment(n, *group) for n, group in enumerate(groups)]
    return OpenSegmentation(
        dataset=ds,
        numbers=None if is_labels else np.array(numbers, dtype=np.int64),
        origins=origins,
        row_steps=rows,
        column_steps=columns,
        names={integer(item, "SegmentNumber"): text(item, "SegmentLabel") for item in segments},
        meanings={integer(item, "SegmentNumber"): _meaning(item) for item in segments},
        frame_uid=text(ds, "FrameOfReferenceUID"),
    )


def _bad_pixels(error: BaseException) -> UnreadableFileError:
    return UnreadableFileError(
        f"its pixels cannot be decoded ({first_line(error)})", remedy="export it again"
    )


def _meaning(segment: Dataset) -> str:
    """The words of a segment's property type and of its laterality."""
    kind = _item(segment, Dataset(), "SegmentedPropertyTypeCodeSequence")
    side = _item(kind, Dataset(), "SegmentedPropertyTypeModifierCodeSequence")
    words = (text(kind, "CodeMeaning"), text(side, "CodeMeaning"))
    return ", ".join(word for word in words if word)


def is_segmentation(ds: Dataset) -> bool:
    """True by SOP class."""
    return text(ds, "SOPClassUID") in _SEGMENTATIONS


def _check_kind(ds: Dataset) -> None:
    if not is_segmentation(ds):
        kind = text(ds, "Modality") or "unknown modality"
        raise WrongModalityError(f"this is DICOM ({kind}), not a segmentation", remedy=_REMEDY)
    if text(ds, "SegmentationType").upper() == "FRACTIONAL":
        raise WrongModalityError(
            "this segmentation holds probabilities, not outlines", remedy=_REMEDY
        )


def _check_size(ds: Dataset, limits: IntakeLimits, max_pixels: int) -> None:
    rows, columns = integer(ds, "Rows"), integer(ds, "Columns")
    frames = integer(ds, "NumberOfFrames", 1)
    if min(rows, columns, frames) < 1:
        raise UnreadableFileError("the segmentation is empty", remedy="export it again")
    if max(rows, columns) > limits.max_side or rows * columns * frames > max_pixels:
        raise UnreadableFileError(
            f"claims {frames} frames of {columns}×{rows} pixels, more than allowed",
            remedy="export the structure of interest alone",
        )


def _groups(ds: Dataset, n_frames: int) -> list[tuple[Dataset, Dataset]]:
    """Each frame's own functional groups, and those that all share."""
    own = get(ds, "PerFrameFunctionalGroupsSequence") or ()
    shared = get(ds, "SharedFunctionalGroupsSequence") or (Dataset(),)
    _check_count(n_frames, len(own))
    return [(item, shared[0]) for item in own]


def _check_count(n_frames: int, n_described: int) -> None:
    if n_frames != n_described:
        raise UnreadableFileError(
            f"has {n_frames} frames but describes {n_described}", remedy="export it again"
        )


def _item(own: Dataset, shared: Dataset, keyword: str) -> Dataset:
    found: Any = get(own, keyword) or get(shared, keyword) or (Dataset(),)
    return found[0]


def _place(n: int, own: Dataset, shared: Dataset) -> tuple[NDArray, NDArray, NDArray]:
    """Origin, step from row to row, step from column to column."""
    position = numbers(_item(own, shared, "PlanePositionSequence"), "ImagePositionPatient", 3)
    cosines = numbers(_item(own, shared, "PlaneOrientationSequence"), "ImageOrientationPatient", 6)
    spacing = numbers(_item(own, shared, "PixelMeasuresSequence"), "PixelSpacing", 2)
    if position is None or cosines is None or spacing is None or min(spacing) <= 0:
        raise GeometryError(f"frame {n + 1} does not say where it lies", remedy="export it again")
    return (
        np.array(position),
        np.array(cosines[3:]) * spacing[0],
        np.array(cosines[:3]) * spacing[1],
    )


def _segment(n: int, own: Dataset, shared: Dataset) -> int:
    item = _item(own, shared, "SegmentIdentificationSequence")
    number = integer(item, "ReferencedSegmentNumber")
    if not 0 < number < 1 << 16:
        raise UnreadableFileError(
            f"frame {n + 1} does not say which segment it shows", remedy="export it again"
        )
    return number
