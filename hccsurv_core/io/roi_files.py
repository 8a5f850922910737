"""Masks that people upload: NIfTI, DICOM SEG or RTSTRUCT, as named regions on an image's grid.

Nothing is resampled: what does not lie on the grid of the image is refused, with both geometries
named. Files are parsed in a child process with limits (:mod:`hccsurv_core.io.grid_worker`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryMismatchError, InputError
from hccsurv_core.io.cropped_mask import CroppedMask
from hccsurv_core.io.grids import GARBAGE, ask_reader, garbage
from hccsurv_core.io.label_names import unique
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.sniff import shown_name
from hccsurv_core.io.workspaces import workspace_prefix
from hccsurv_core.progress import Progress, silent
from hccsurv_core.volume import LabelMap, Volume

#: Kinds of files as a person calls them.
KIND_NAMES = {"nifti": "NIfTI", "seg": "DICOM SEG", "rtstruct": "RTSTRUCT", "png": "PNG"}
_BITS_FILE = "regions.bits"


@dataclass(frozen=True)
class ImageSource:
    """What the DICOM files of an image say of themselves, as far as it is known.

    Args:
        frame_uid: their frame of reference; "" where it is not known.
        series_uid: their series; "" where it is not known.
        map_uid: how de-identification replaced UIDs, if it did: a mask that was drawn on the
            original scan names the original's.
    """

    frame_uid: str = ""
    series_uid: str = ""
    map_uid: Callable[[str], str] | None = None

    def is_frame(self, uids: Sequence[str]) -> bool:
        """True where one of ``uids`` is the frame of reference, or where that is not known."""
        known = not self.frame_uid or not uids
        return known or any(self._same(uid, self.frame_uid) for uid in uids)

    def is_series(self, uids: Sequence[str]) -> bool:
        """True where one of ``uids`` is the series, or where that is not known."""
        known = not self.series_uid or not uids
        return known or any(self._same(uid, self.series_uid) for uid in uids)

    def _same(self, uid: str, own: str) -> bool:
        return uid == own or (self.map_uid is not None and self.map_uid(uid) == own)


@dataclass(frozen=True, eq=False)
class RoiFile:
    """The regions of one mask file on the grid of an image.

    Args:
        source: the file's name, as shown.
        kind: "nifti", "seg", "rtstruct" or "png"; "several" for files of several kinds.
        shape: (slices, rows, columns) of the image.
        regions: name in the file to its voxels; none is empty. Names are unique.
        hints: name to other words for what it is: the meaning of a segment's code, the kind of an
            RT region, the file's name where its only label has none.
        warnings: what to check, in plain words.
    """

    source: str
    kind: str
    shape: tuple[int, int, int]
    regions: dict[str, CroppedMask]
    hints: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def kind_name(self) -> str:
        """The kind as a person calls it."""
        return KIND_NAMES.get(self.kind, "several files")

    @property
    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """Name to boolean (slices, rows, columns): as many whole scans as there are regions."""
        return {name: region.whole(self.shape) for name, region in self.regions.items()}

    def mask(self, name: str) -> NDArray[np.bool_]:
        """One region, boolean (slices, rows, columns) of the image.

        Raises:
            KeyError: there is no such region.
        """
        return self.regions[name].whole(self.shape)


def read_roi_file(
    path: Path,
    image: Volume | LabelMap,
    *,
    sidecar: Path | None = None,
    source: ImageSource | None = None,
    name: str | None = None,
    limits: IntakeLimits | None = None,
    progress: Progress = silent,
) -> RoiFile:
    """Read a mask file of any kind onto the grid of ``image``.

    Args:
        path: a NIfTI label map with its axes in any order, a DICOM SEG (binary or label map), or
            an RT Structure Set.
        image: the grid.
        sidecar: names of a NIfTI's labels: a JSON or ITK-SNAP's label descriptions; None takes
            the JSON of the same name beside it, if there is one.
        source: UIDs of the image; a mask of another frame of reference is read with a warning.
        name: what the user knows the file as; None takes that of ``path``.
        limits: bounds on size, time and memory.
        progress: called with the fraction done; what it raises stops the reading.

    Raises:
        UnreadableFileError: the file is missing or damaged, holds no region, or too many.
        WrongModalityError: it is DICOM of another kind, or holds probabilities.
        IntensityError: a NIfTI holds values that are no labels.
        GeometryMismatchError: it does not lie on the image's grid; names both geometries.
        GeometryError: it does not say where it lies.
        DecoderFailedError: the reading process died, or ran out of time or memory.
    """
    path = Path(path)
    shown = shown_name(name or path.name)
    more: dict[str, Any] = {
        "image": {"shape": list(image.shape), "affine": image.affine.tolist()},
        "name": shown,
        **sidecar_part(path, sidecar),
    }
    with tempfile.TemporaryDirectory(prefix=workspace_prefix()) as folder:
        try:
            told = ask_reader(
                "roi", path, Path(folder), limits or IntakeLimits(), progress, more=more
            )
            return _taken(told, Path(folder), shown, image.shape, source or ImageSource())
        except InputError as error:
            raise error.with_source(shown) from error
        except GARBAGE as error:
            raise garbage(path) from error


def sidecar_part(path: Path, given: Path | None) -> dict[str, Any]:
    """The part of a command that says where the names of labels are.

    Args:
        path: the mask.
        given: what the user gave; None takes the JSON of the same name beside the mask, if there
            is one.
    """
    stem = path.name
    for suffix in (".nii.gz", ".nii", ".png"):
        if path.name.lower().endswith(suffix):
            stem = path.name[: -len(suffix)]
    beside = path.with_name(f"{stem}.json")
    sidecar = given or (beside if stem != path.name and beside.is_file() else None)
    if sidecar is None:
        return {"sidecar": None}
    return {
        "sidecar": str(sidecar.absolute()),
        "sidecar_name": shown_name(sidecar.name),
        "sidecar_given": given is not None,
    }


def _taken(
    told: Mapping[str, Any],
    folder: Path,
    shown: str,
    shape: tuple[int, int, int],
    source: ImageSource,
) -> RoiFile:
    """The process's answer, checked: it is trusted no more than the file."""
    bits = np.fromfile(folder / _BITS_FILE, dtype=np.uint8)
    regions, hints, begin = {}, {}, 0
    for found in told["regions"]:
        first = (int(found["first"][0]), int(found["first"][1]), int(found["first"][2]))
        box = (int(found["shape"][0]), int(found["shape"][1]), int(found["shape"][2]))
        if any(a + n > whole for a, n, whole in zip(first, box, shape, strict=True)):
            raise ValueError("a region reaches beyond the image")
        end = begin + (box[0] * box[1] * box[2] + 7) // 8
        name = str(found["name"])
        regions[name] = CroppedMask(first, box, bits[begin:end])
        if found["hint"]:
            hints[name] = str(found["hint"])
        begin = end
    warnings = [str(warning) for warning in told["warnings"]]
    uids = [str(uid) for uid in told["frame_uids"]]
    if not source.is_frame(uids):
        warnings.insert(
            0,
            "the mask names another frame of reference than the scan: check that it was drawn on "
            "this scan and lies where it should",
        )
    elif not source.is_series([str(uid) for uid in told["series_uids"]]):
        warnings.insert(0, "the mask was drawn on another series of the same examination")
    return RoiFile(shown, str(told["kind"]), shape, regions, hints, tuple(warnings))


def merge_roi_files(files: Sequence[RoiFile]) -> RoiFile:
    """Several files of one image as one; equal names are told apart.

    A file that holds one label without a name gives it the file's name.

    Raises:
        InputError: there is no file.
        GeometryMismatchError: they were read onto grids of different size.
    """
    if not files:
        raise InputError("there is no mask file", remedy="choose one")
    if len(files) == 1:
        return files[0]
    shapes = {file.shape for file in files}
    if len(shapes) > 1:
        raise GeometryMismatchError(f"the masks were read onto different grids: {sorted(shapes)}")
    found = [(file, name) for file in files for name in file.regions]
    names = unique(_merged_name(file, name) for file, name in found)
    hints = {
        new: file.hints[name]
        for new, (file, name) in zip(names, found, strict=True)
        if name in file.hints
    }
    warnings = [f"{file.source}: {warning}" for file in files for warning in file.warnings]
    kinds = {file.kind for file in files}
    return RoiFile(
        source=", ".join(file.source for file in files),
        kind=kinds.pop() if len(kinds) == 1 else "several",
        shape=files[0].shape,
        regions={new: file.regions[name] for new, (file, name) in zip(names, found, strict=True)},
        hints=hints,
        warnings=tuple(warnings),
    )


def _merged_name(file: RoiFile, name: str) -> str:
    unnamed = len(file.regions) == 1 and name.startswith("label ") and name in file.hints
    return file.hints[name] if unnamed else name
