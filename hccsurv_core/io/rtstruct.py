"""RT Structure Sets (PS3.3 A.19): contours in the patient's millimetres onto the slices of an image.

Runs in a decoder process. A contour must lie on a slice of the image: nothing is moved to the next
slice, and slices between contours that were not drawn on stay empty. Within a slice a pixel belongs
to a region if its centre lies inside an odd number of its contours (even-odd): that is how
CLOSEDPLANAR_XOR is defined (PS3.3 C.8.8.6.3), how holes of CLOSED_PLANAR are drawn in practice, and
what a keyhole outline comes to.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from hccsurv_core.errors import GeometryMismatchError, UnreadableFileError, WrongModalityError
from hccsurv_core.io.dicom_header import PYDICOM_ERRORS, get, integer, text
from hccsurv_core.io.faults import first_line
from hccsurv_core.io.polygons import fill_even_odd
from hccsurv_core.io.seg_on_grid import ON_THE_GRID, PLANE_OFFSET_VOXELS
from hccsurv_core.volume import LabelMap, Volume, describe_geometry
from hccsurv_core.wording import count_of

RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
MAX_REGIONS = 1000
MAX_CONTOURS = 200_000
MAX_POINTS = 5_000_000
#: A contour may run this far beyond the outermost voxels' centres: a whole pixel and some rounding.
_MARGIN_VOXELS = 1.1
#: Corners are put on a grid of this part of a voxel: files round to a hundredth of a millimetre,
#: and a contour through the centres of pixels must not take one and leave the next by that.
_SNAP = 64
_PAIRS_LOOKED_AT = 64
_AGAIN = "export the structure set again"


@dataclass(frozen=True, eq=False)
class RtRegion:
    """One region of interest.

    Args:
        name: as in the file.
        number: the file's ROI number.
        kind: what the file says it is ("ORGAN", "GTV" …); "" where it does not.
        contours: LPS mm of each closed planar contour, (points, 3).
        n_left_out: contours that are points or open lines, which enclose nothing.
    """

    name: str
    number: int
    kind: str
    contours: tuple[NDArray[np.float64], ...]
    n_left_out: int


@dataclass(frozen=True, eq=False)
class RtStructures:
    """A structure set.

    Args:
        regions: in the order of the file; those without a contour too.
        frame_uids: the frames of reference that the regions or the set name.
        series_uids: the series it was drawn on.
    """

    regions: tuple[RtRegion, ...]
    frame_uids: tuple[str, ...]
    series_uids: tuple[str, ...]


# -- the file ------------------------------------------------------------------------------------
def is_structure_set(ds: Dataset) -> bool:
    """True by SOP class, or by modality and sequences where the class is missing."""
    named = text(ds, "SOPClassUID")
    return named == RT_STRUCTURE_SET or (
        not named and (text(ds, "Modality") == "RTSTRUCT" or "ROIContourSequence" in ds)
    )


def parse_structures(ds: Dataset) -> RtStructures:
    """The regions of a structure set, nothing of them judged against an image.

    Raises:
        WrongModalityError: it is DICOM of another kind.
        UnreadableFileError: it is damaged, holds no region, or is larger than allowed.
    """
    if not is_structure_set(ds):
        kind = text(ds, "Modality") or "unknown modality"
        raise WrongModalityError(f"this is DICOM ({kind}), not a structure set")
    try:
        return _parse(ds)
    except PYDICOM_ERRORS as error:
        raise UnreadableFileError(
            f"has a damaged structure set ({first_line(error)})", remedy=_AGAIN
        ) from error


def _parse(ds: Dataset) -> RtStructures:
    rois = _items(ds, "StructureSetROISequence")
    if len(rois) > MAX_REGIONS:
        raise UnreadableFileError(f"claims {len(rois)} regions, more than {MAX_REGIONS}")
    if not rois:
        raise UnreadableFileError("holds no region of interest", remedy=_AGAIN)
    kinds = {
        integer(item, "ReferencedROINumber", -1): text(item, "RTROIInterpretedType")
        for item in _items(ds, "RTROIObservationsSequence")
    }
    drawn: dict[int, list[Dataset]] = defaultdict(list)
    for item in _items(ds, "ROIContourSequence"):
        drawn[integer(item, "ReferencedROINumber", -1)] += _items(item, "ContourSequence")
    n_contours = sum(map(len, drawn.values()))
    if n_contours > MAX_CONTOURS:
        raise UnreadableFileError(f"claims {n_contours} contours, more than {MAX_CONTOURS}")
    regions, room = [], MAX_POINTS
    for roi in rois:
        number = integer(roi, "ROINumber", -1)
        name = text(roi, "ROIName") or f"ROI {number}"
        region, room = _region(name, number, kinds.get(number, ""), drawn.pop(number, []), room)
        regions.append(region)
    return RtStructures(tuple(regions), _frame_uids(ds, rois), _series_uids(ds))


def _region(
    name: str, number: int, kind: str, items: Sequence[Dataset], room: int
) -> tuple[RtRegion, int]:
    contours, n_left_out = [], 0
    for n, item in enumerate(items, start=1):
        kind_of = text(item, "ContourGeometricType").upper()
        points = _points(item, f"contour {n} of {name}", room)
        room -= len(points)
        if (kind_of and kind_of not in _CLOSED) or len(points) < 3:
            n_left_out += 1
        else:
            contours.append(points)
    return RtRegion(name, number, kind, tuple(contours), n_left_out), room


def _points(item: Dataset, what: str, room: int) -> NDArray[np.float64]:
    """LPS mm (points, 3), from the raw text where it can be had: a value object for each number
    would take a hundred times the memory."""
    raw: Any = item.get_item("ContourData") if "ContourData" in item else None
    value = None if raw is None else raw.value
    if value is None or value == b"" or value == "":
        return np.zeros((0, 3))
    if isinstance(value, bytes):
        parts: Any = value.strip(b" \0").split(b"\\")
    else:
        parts = [value] if isinstance(value, str | int | float) else value
    if len(parts) > 3 * room:
        raise UnreadableFileError(
            f"holds more than {MAX_POINTS / 1e6:.0f} million contour points",
            remedy="export the structure of interest alone",
        )
    try:
        numbers = np.array(parts).astype(np.float64)
    except (ValueError, TypeError) as error:
        raise UnreadableFileError(f"{what} holds no numbers", remedy=_AGAIN) from error
    if numbers.ndim != 1 or numbers.size % 3:
        raise UnreadableFileError(
            f"{what} holds {numbers.size} numbers, not three a point", remedy=_AGAIN
        )
    if not np.isfinite(numbers).all():
        raise UnreadableFileError(f"{what} has a point that is not a number", remedy=_AGAIN)
    return numbers.reshape(-1, 3)


def _items(ds: Dataset, keyword: str) -> list[Dataset]:
    found = get(ds, keyword) or ()
    return [item for item in found if isinstance(item, Dataset)]


def _frame_uids(ds: Dataset, rois: Sequence[Dataset]) -> tuple[str, ...]:
    named = [text(roi, "ReferencedFrameOfReferenceUID") for roi in rois]
    named += [
        text(item, "FrameOfReferenceUID")
        for item in _items(ds, "ReferencedFrameOfReferenceSequence")
    ]
    named.append(text(ds, "FrameOfReferenceUID"))
    return tuple(dict.fromkeys(uid for uid in named if uid))


def _series_uids(ds: Dataset) -> tuple[str, ...]:
    named = [
        text(series, "SeriesInstanceUID")
        for frame in _items(ds, "ReferencedFrameOfReferenceSequence")
        for study in _items(frame, "RTReferencedStudySequence")
        for series in _items(study, "RTReferencedSeriesSequence")
    ]
    return tuple(dict.fromkeys(uid for uid in named if uid))


# -- onto the image ------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class LaidRegion:
    """A region on the grid of an image.

    Args:
        region: as in the file.
        mask: boolean (slices, rows, columns) of the image; reused for the next region.
        n_empty_between: slices between its first and its last that no contour lies on.
        n_crossing: slices on which two of its contours cross each other.
    """

    region: RtRegion
    mask: NDArray[np.bool_]
    n_empty_between: int
    n_crossing: int


def lay_structures(structures: RtStructures, image: Volume | LabelMap) -> Iterator[LaidRegion]:
    """Regions with contours as masks, one after the other in the same array.

    Args:
        structures: what the file holds.
        image: the grid; contours may lie along any of its axes, all along the same.

    Raises:
        GeometryMismatchError: a contour is on no slice of the image, or runs outside of it; names
            both geometries.
    """
    drawn = [region for region in structures.regions if region.contours]
    on_grid = [[image.world_to_index(c) for c in region.contours] for region in drawn]
    if not drawn:
        return
    axis = _normal_axis(on_grid)
    _check_planes(drawn, on_grid, axis, image)
    mask = np.zeros(image.shape, dtype=bool)
    for region, contours in zip(drawn, on_grid, strict=True):
        planes: dict[int, list[NDArray[np.float64]]] = defaultdict(list)
        for contour in contours:
            corners = np.delete(np.rint(contour * _SNAP) / _SNAP, axis, axis=1)
            planes[int(np.rint(contour[:, axis].mean()))].append(corners)
        mask[:] = False
        along = np.moveaxis(mask, axis, 0)
        n_crossing = 0
        for plane, outlines in planes.items():
            n_crossing += _fill(along[plane], outlines)
        n_empty = max(planes) - min(planes) + 1 - len(planes)
        yield LaidRegion(region, mask, n_empty, n_crossing)


def _normal_axis(on_grid: Sequence[Sequence[NDArray[np.float64]]]) -> int:
    """The image's axis that contours are flattest along: 0 for slices."""
    thickness = np.zeros(3)
    for contour in itertools.chain.from_iterable(on_grid):
        thickness = np.maximum(thickness, np.ptp(contour, axis=0))
    return int(np.argmin(thickness))


def _check_planes(
    drawn: Sequence[RtRegion],
    on_grid: Sequence[Sequence[NDArray[np.float64]]],
    axis: int,
    image: Volume | LabelMap,
) -> None:
    last = np.array(image.shape) - 1
    for region, contours in zip(drawn, on_grid, strict=True):
        for n, contour in enumerate(contours):
            along = contour[:, axis]
            plane = np.rint(along.mean())
            if not np.abs(along - plane).max() <= PLANE_OFFSET_VOXELS:
                reason = "lies between the image's slices"
                if np.ptp(along) > PLANE_OFFSET_VOXELS:
                    reason = "is not parallel to the image's slices"
                raise _mismatch(region, n, reason, drawn, image)
            outside = (contour < -_MARGIN_VOXELS) | (contour > last + _MARGIN_VOXELS)
            if outside.any() or not 0 <= plane <= last[axis]:
                raise _mismatch(region, n, "lies outside of the image", drawn, image)


def _mismatch(
    region: RtRegion,
    n: int,
    reason: str,
    drawn: Sequence[RtRegion],
    image: Volume | LabelMap,
) -> GeometryMismatchError:
    x, y, z = region.contours[n].mean(axis=0)
    return GeometryMismatchError(
        f"the contours do not lie on the image's grid: contour {n + 1} of {region.name}, about "
        f"({x:.1f}, {y:.1f}, {z:.1f}) mm, {reason}; the structure set has "
        f"{describe_contours(drawn)}, the image {describe_geometry(image)}",
        remedy="give the structure set that was drawn on this series, or " + ON_THE_GRID,
    )


def describe_contours(regions: Sequence[RtRegion]) -> str:
    """One line for messages: how many contours, in which range, how far apart."""
    contours = [contour for region in regions for contour in region.contours]
    low = np.min([c.min(axis=0) for c in contours], axis=0)
    high = np.max([c.max(axis=0) for c in contours], axis=0)
    ranges = " × ".join(f"{a:.1f} to {b:.1f}" for a, b in zip(low, high, strict=True))
    heights = np.array([c.mean(axis=0) for c in contours]) @ _normal(max(contours, key=len))
    gaps = Counter(np.round(np.diff(np.unique(np.round(heights, 2))), 2).tolist())
    spacing = f", {gaps.most_common(1)[0][0]:g} mm apart" if gaps else ""
    return f"{count_of(len(contours), 'contour')} within {ranges} mm{spacing}"


def _normal(contour: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vector that stands on the plane of a contour."""
    points = contour[:1000] - contour[:1000].mean(axis=0)
    return np.linalg.svd(points, full_matrices=True)[2][-1]


def _fill(plane: NDArray[np.bool_], outlines: Sequence[NDArray[np.float64]]) -> bool:
    """Turn over the pixels inside each outline; True where two outlines cross each other."""
    filled: list[tuple[int, int, NDArray[np.bool_]]] = []
    for corners in outlines:
        top, left = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
        bottom, right = np.minimum(np.ceil(corners.max(axis=0)) + 1, plane.shape).astype(int)
        if top >= bottom or left >= right:
            continue
        shape = (int(bottom - top), int(right - left))
        inside = fill_even_odd(corners[:, 0] - top, corners[:, 1] - left, shape)
        plane[top:bottom, left:right] ^= inside
        if len(filled) < _PAIRS_LOOKED_AT:
            filled.append((int(top), int(left), inside))
    return any(_cross(a, b) for a, b in itertools.combinations(filled, 2))


def _cross(a: tuple[int, int, NDArray[np.bool_]], b: tuple[int, int, NDArray[np.bool_]]) -> bool:
    """True where two filled outlines share pixels and neither holds the other."""
    top, left = max(a[0], b[0]), max(a[1], b[1])
    bottom = min(a[0] + a[2].shape[0], b[0] + b[2].shape[0])
    right = min(a[1] + a[2].shape[1], b[1] + b[2].shape[1])
    if top >= bottom or left >= right:
        return False
    parts = [m[top - t : bottom - t, left - s : right - s] for t, s, m in (a, b)]
    shared = int(np.count_nonzero(parts[0] & parts[1]))
    return 0 < shared < min(int(np.count_nonzero(a[2])), int(np.count_nonzero(b[2])))
