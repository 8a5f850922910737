"""Regions of an uploaded mask on an image's grid: the decoder process's side of `io.roi_files`.

What goes back are bits of bounding boxes, in one file: names and boxes as JSON, never a mask of a
whole scan for each structure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import IntensityError, UnreadableFileError, WrongModalityError
from hccsurv_core.io.cropped_mask import CroppedMask
from hccsurv_core.io.label_names import names_beside, tidy, unique
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.seg_on_grid import place_frame
from hccsurv_core.progress import Progress
from hccsurv_core.volume import LabelMap
from hccsurv_core.wording import agree, count_of

#: Regions of one file, and bytes of their boxes' bits: the whole body of a large scan in 100 parts.
MAX_REGIONS = 1000
MAX_BITS_BYTES = 256 << 20
_MAX_LABEL = (1 << 16) - 1
#: Frames of a segmentation are decoded one by one, from one bit a pixel.
_PIXELS_PER_BYTE = 8
_KINDS = "give the mask as NIfTI, DICOM SEG or RTSTRUCT"
_ALONE = "export the structure of interest alone"
BITS_FILE = "regions.bits"


@dataclass
class Answer:
    """What is found, as it is found.

    Args:
        workspace: where the bits go.
        kind: "nifti", "seg" or "rtstruct".
        frame_uids: frames of reference that the file names.
        series_uids: the series that it says it was drawn on.
    """

    workspace: Path
    kind: str = ""
    frame_uids: tuple[str, ...] = ()
    series_uids: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    _found: list[dict[str, Any]] = field(default_factory=list)
    _n_bytes: int = 0

    def add(
        self,
        name: str,
        mask: NDArray[np.bool_],
        hint: str = "",
        first: tuple[int, int, int] = (0, 0, 0),
    ) -> bool:
        """Keep a region; an empty one is only told.

        Args:
            name: as in the file.
            mask: boolean (slices, rows, columns).
            hint: other words for what it is: a code's meaning, a file's name.
            first: where the mask's first voxel lies in the image.

        Returns:
            False where it is empty.

        Raises:
            UnreadableFileError: there are too many regions.
        """
        cropped = CroppedMask.of(mask, first)
        name = tidy(name)
        if not cropped.n_voxels:
            self.warnings.append(f"{name} is empty on this image")
            return False
        self._n_bytes += cropped.bits.size
        if len(self._found) >= MAX_REGIONS or self._n_bytes > MAX_BITS_BYTES:
            raise UnreadableFileError("holds more regions than can be taken", remedy=_ALONE)
        with (self.workspace / BITS_FILE).open("ab") as out:
            cropped.bits.tofile(out)
        box = {"first": list(cropped.first), "shape": list(cropped.shape)}
        self._found.append({"name": name, "hint": tidy(hint), **box})
        return True

    def to_json(self) -> dict[str, Any]:
        """The answer to the parent.

        Raises:
            UnreadableFileError: nothing was found.
        """
        if not self._found:
            raise UnreadableFileError("holds no region on this image: every mask is empty")
        names = unique(found["name"] for found in self._found)
        return {
            "kind": self.kind,
            "regions": [
                {**found, "name": name} for found, name in zip(self._found, names, strict=True)
            ],
            "frame_uids": list(self.frame_uids),
            "series_uids": list(self.series_uids),
            "warnings": self.warnings,
        }


def read_regions(command: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Read a mask file of any kind onto the grid that the command states.

    Raises:
        InputError: it cannot be read, or does not lie on the grid.
    """
    path, limits = Path(command["path"]), IntakeLimits(**command["limits"])
    answer = Answer(Path(command["workspace"]))
    shape = [int(n) for n in command["image"]["shape"]]
    # Only the geometry counts here: no memory is taken for voxels.
    image = LabelMap(
        np.broadcast_to(np.int8(0), shape), np.array(command["image"]["affine"], dtype=np.float64)
    )
    from hccsurv_core.io.grid_worker import is_nifti

    if is_nifti(path):
        names = names_beside(command, answer.warnings)
        _read_nifti(path, image, names, str(command["name"]), limits, answer)
    else:
        _read_dicom(path, image, limits, answer, progress)
    return answer.to_json()


# -- NIfTI ---------------------------------------------------------------------------------------
def _read_nifti(
    path: Path,
    image: LabelMap,
    names: Mapping[str, tuple[int, ...]],
    shown: str,
    limits: IntakeLimits,
    answer: Answer,
) -> None:
    from hccsurv_core.io.grid_worker import label_values
    from hccsurv_core.io.grids import lay_onto
    from hccsurv_core.io.nifti import read_nifti_header, read_nifti_stored

    answer.kind = "nifti"
    info = read_nifti_header(path, limits)
    labels = label_values(read_nifti_stored(path, info), info)
    mask = lay_onto(LabelMap(labels, info.affine), image)
    stem = shown.rpartition("/")[2].partition(".")[0]
    add_labels(_small(mask.voxels), names, answer, hint=stem)


def _small(labels: NDArray[np.integer]) -> NDArray[np.uint16]:
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > _MAX_LABEL:
        raise IntensityError(
            f"its labels run from {low} to {high}, a mask has 0 to {_MAX_LABEL}",
            remedy="give a label map, not an image",
        )
    return labels.astype(np.uint16)


def add_labels(
    labels: NDArray[np.uint16],
    names: Mapping[str, tuple[int, ...]],
    answer: Answer,
    *,
    hint: str = "",
    hints: Mapping[int, str] | None = None,
) -> None:
    """Regions of a label map, in the order of their labels.

    Args:
        labels: (slices, rows, columns) on the grid of the image.
        names: name to the labels that make it up; a label without a name is "label 3".
        answer: takes them.
        hint: other words for the only region, where there is but one.
        hints: other words for a label.
    """
    from scipy.ndimage import find_objects

    boxes = find_objects(labels)
    present = np.array([value for value, box in enumerate(boxes, start=1) if box], dtype=int)
    if present.size > MAX_REGIONS:
        raise UnreadableFileError(
            f"holds {present.size} labels, more than {MAX_REGIONS}",
            remedy="give a label map, not an image",
        )
    named = {value for values in names.values() for value in values}
    parts = {name: [v for v in values if v in present] for name, values in names.items()}
    missing = [name for name, values in parts.items() if not values]
    if missing:
        shown = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
        answer.warnings.append(f"named but not drawn: {shown}")
    parts = {name: values for name, values in parts.items() if values}
    parts |= {f"label {value}": [int(value)] for value in present if int(value) not in named}
    for name, values in sorted(parts.items(), key=lambda part: part[1][0]):
        words = (hints or {}).get(values[0], "")
        box = _hull([boxes[value - 1] for value in values])
        part = labels[box]
        mask = part == values[0] if len(values) == 1 else np.isin(part, values)
        start = (box[0].start, box[1].start, box[2].start)
        answer.add(name, mask, words or (hint if len(parts) == 1 else ""), first=start)


def _hull(boxes: Sequence[tuple[slice, ...]]) -> tuple[slice, ...]:
    """The box round boxes."""
    return tuple(
        slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes))
        for axis in range(3)
    )


# -- DICOM ---------------------------------------------------------------------------------------
def _read_dicom(
    path: Path, image: LabelMap, limits: IntakeLimits, answer: Answer, progress: Progress
) -> None:
    from hccsurv_core.io.dicom_header import read_dataset, text
    from hccsurv_core.io.rtstruct import is_structure_set
    from hccsurv_core.io.seg_planes import is_segmentation

    try:
        ds = read_dataset(path, pixels=True)
    except UnreadableFileError as error:
        raise UnreadableFileError(
            "is neither NIfTI nor a DICOM file that can be read", remedy=_KINDS
        ) from error
    if is_structure_set(ds):
        _read_structures(ds, image, answer, progress)
    elif is_segmentation(ds):
        _read_segments(ds, image, limits, answer, progress)
    else:
        kind = text(ds, "Modality") or "unknown modality"
        raise WrongModalityError(
            f"this is DICOM ({kind}), neither a segmentation nor a structure set", remedy=_KINDS
        )


def _read_segments(
    ds: Any, image: LabelMap, limits: IntakeLimits, answer: Answer, progress: Progress
) -> None:
    from hccsurv_core.io.seg_planes import open_segmentation

    seg = open_segmentation(ds, limits, max_pixels=limits.max_voxels * _PIXELS_PER_BYTE)
    answer.kind, answer.frame_uids = "seg", (seg.frame_uid,) if seg.frame_uid else ()
    flat: dict[int, list[NDArray[np.unsignedinteger]]] = defaultdict(list)
    # Half the memory where it does: millions of voxels of each segment.
    small: Any = np.uint32 if image.voxels.size < 1 << 32 else np.uint64
    n_frames, plane = len(seg.origins), image.shape[1] * image.shape[2]
    for n, pixels in zip(range(n_frames), seg.frames(), strict=False):
        places = (seg.origins[n], seg.row_steps[n], seg.column_steps[n])
        index = place_frame(n, *places, pixels, image)
        at = np.ravel_multi_index(index, image.shape).astype(small)
        if seg.numbers is not None:
            flat[int(seg.numbers[n])].append(at)
        else:
            numbers = pixels[np.nonzero(pixels)]
            for number in np.unique(numbers):
                flat[int(number)].append(at[numbers == number])
        progress(n / n_frames, "Reading the segmentation")
    for number in sorted({*seg.names, *flat}):
        at = np.concatenate([np.zeros(0, small), *flat.pop(number, ())])
        low, high = (int(at.min()) // plane, int(at.max()) // plane) if at.size else (0, 0)
        slab = np.zeros((high - low + 1, *image.shape[1:]), dtype=bool)
        slab.ravel()[at - low * plane] = True
        name = seg.names.get(number) or f"segment {number}"
        answer.add(name, slab, seg.meanings.get(number, ""), first=(low, 0, 0))


def _read_structures(ds: Any, image: LabelMap, answer: Answer, progress: Progress) -> None:
    from hccsurv_core.io.rtstruct import lay_structures, parse_structures

    structures = parse_structures(ds)
    answer.kind = "rtstruct"
    answer.frame_uids, answer.series_uids = structures.frame_uids, structures.series_uids
    for region in structures.regions:
        if region.n_left_out:
            n = region.n_left_out
            answer.warnings.append(
                f"{count_of(n, 'contour')} of {region.name} {agree(n, 'is', 'are')} points or open "
                "lines, which enclose nothing: left out"
            )
        elif not region.contours:
            answer.warnings.append(f"{region.name} has no contour")
    for done, laid in enumerate(lay_structures(structures, image), start=1):
        progress(done / len(structures.regions), "Laying contours onto the scan")
        region, n = laid.region, laid.n_empty_between
        if answer.add(region.name, laid.mask, region.kind) and n:
            answer.warnings.append(
                f"{region.name}: {count_of(n, 'slice')} between its contours {agree(n, 'has', 'have')} "
                f"none and {agree(n, 'stays', 'stay')} empty"
            )
        if laid.n_crossing:
            answer.warnings.append(
                f"{region.name}: contours cross each other on {count_of(laid.n_crossing, 'slice')}; "
                "what lies inside two of them was left out (even-odd)"
            )
