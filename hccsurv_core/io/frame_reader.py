"""Masks of an ultrasound frame or clip: the decoder process's side of `io.frame_masks`.

A picture is decoded only if its header says the size that the frame has, so that a small file
cannot ask for a large memory.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import GeometryMismatchError, InputError, UnreadableFileError
from hccsurv_core.io.faults import DECODER_ERRORS, first_line
from hccsurv_core.io.label_names import names_beside, parse_label_names
from hccsurv_core.io.limits import IntakeLimits, check_voxel_count
from hccsurv_core.io.sniff import is_junk, shown_name, sniff
from hccsurv_core.volume import LabelMap
from hccsurv_core.wording import agree, count_of

#: Pillow raises SyntaxError for a damaged PNG.
_PNG_DAMAGE: tuple[type[Exception], ...] = (*DECODER_ERRORS, SyntaxError)
_ZIP_DAMAGE: tuple[type[Exception], ...] = (*DECODER_ERRORS, zipfile.BadZipFile, zlib.error)
#: More different values are a picture, not a mask: soft edges, or the image itself.
MAX_VALUES = 64
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NAMES_FILE = "labels.json"
_MAX_MEMBERS = 20_000
#: A PNG is at most this much larger than its pixels.
_SPARE_BYTES = 1 << 20
_EXPORT = "export the mask as 8-bit PNG, 0 outside and 255 inside, or with label values"
ARRAY_FILE = "frames.npy"


def read_frames(command: Mapping[str, Any]) -> dict[str, Any]:
    """Masks of a PNG, a zip of PNGs or a NIfTI, on the frames of a clip.

    Args:
        command: "path", "name", "workspace", "limits"; "shape" and "affine" of the clip, (frames,
            rows, columns); "frame", the index that a single picture is for, or None; "sidecar".

    Returns:
        "kind", "array" (frames, rows, columns), "frames" (those that the file speaks of), "names"
        (label to name), "warnings".

    Raises:
        InputError: the file cannot be read, or is of another size.
    """
    from hccsurv_core.io.grid_worker import is_nifti

    path, limits = Path(command["path"]), IntakeLimits(**command["limits"])
    shape = (int(command["shape"][0]), int(command["shape"][1]), int(command["shape"][2]))
    check_voxel_count(shape, limits)
    names: dict[str, tuple[int, ...]] = {}
    warnings: list[str] = []
    with path.open("rb") as file:
        is_png = file.read(8) == _PNG_SIGNATURE
    if is_png:
        index = _single_frame(command["frame"], shape, str(command["name"]))
        picture = _pixels(path.read_bytes(), shape, str(command["name"]))
        found = {index: picture}
    elif sniff(path) == "zip":
        found, names = _from_zip(path, shape, warnings)
    elif is_nifti(path):
        return _from_nifti(path, command, shape, limits)
    else:
        raise UnreadableFileError(
            "is neither PNG, a zip of PNGs nor NIfTI", remedy="give the mask as one of these"
        )
    names = names_beside(command, warnings) or names
    labels = _as_labels(found, shape)
    return _answer(command, "png", labels, sorted(found), names, warnings)


def _answer(
    command: Mapping[str, Any],
    kind: str,
    labels: NDArray[np.integer],
    frames: list[int],
    names: Mapping[str, tuple[int, ...]],
    warnings: list[str],
) -> dict[str, Any]:
    small = labels.astype(np.uint8 if labels.max() < 256 else np.uint16)
    np.save(Path(command["workspace"]) / ARRAY_FILE, small, allow_pickle=False)
    return {
        "kind": kind,
        "array": ARRAY_FILE,
        "frames": frames,
        "names": {str(values[0]): name for name, values in names.items() if len(values) == 1},
        "warnings": warnings,
    }


def _single_frame(frame: int | None, shape: tuple[int, int, int], name: str) -> int:
    if frame is None:
        if shape[0] == 1:
            return 0
        raise InputError(
            f"is one picture, the clip has {shape[0]} frames",
            source=name,
            remedy="say which frame it is for, or give a zip with a picture for each",
        )
    if not 0 <= int(frame) < shape[0]:
        raise InputError(f"the clip of {shape[0]} frames has no frame {int(frame) + 1}")
    return int(frame)


# -- PNG -----------------------------------------------------------------------------------------
def _pixels(data: bytes, shape: tuple[int, int, int], name: str) -> NDArray[np.uint16]:
    """The values of a mask picture, (rows, columns)."""
    from PIL import Image

    # The size is judged below, before anything is decoded.
    Image.MAX_IMAGE_PIXELS = None
    _, rows, columns = shape
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            if picture.size != (columns, rows):
                raise GeometryMismatchError(
                    f"the mask has {picture.size[0]}×{picture.size[1]} pixels, the frame "
                    f"{columns}×{rows}",
                    source=name,
                    remedy="export the mask in the frame's own size",
                )
            if getattr(picture, "n_frames", 1) > 1:
                raise UnreadableFileError("is an animation", source=name, remedy=_EXPORT)
            values = np.asarray(picture)
    except InputError:
        raise
    except _PNG_DAMAGE as error:
        raise UnreadableFileError(
            f"is a damaged PNG ({first_line(error)})", source=name, remedy="export it again"
        ) from error
    return _gray(values, name)


def _gray(values: NDArray, name: str) -> NDArray[np.uint16]:
    if values.ndim == 3:
        color, alpha = values, None
        if values.shape[2] in (2, 4):
            color, alpha = values[..., :-1], values[..., -1]
        if (color != color[..., :1]).any():
            raise UnreadableFileError("holds colors, not labels", source=name, remedy=_EXPORT)
        if alpha is not None and alpha.min() < 255:
            raise UnreadableFileError("is partly transparent", source=name, remedy=_EXPORT)
        values = color[..., 0]
    if values.min() < 0 or values.max() > 65535:
        raise UnreadableFileError("holds values beyond 16 bits", source=name, remedy=_EXPORT)
    values = values.astype(np.uint16)
    n_values = np.unique(values).size
    if n_values > MAX_VALUES:
        raise UnreadableFileError(
            f"holds {n_values} different values: a picture, not a mask",
            source=name,
            remedy=_EXPORT,
        )
    return values


def _as_labels(
    found: Mapping[int, NDArray[np.uint16]], shape: tuple[int, int, int]
) -> NDArray[np.uint16]:
    """Values as labels on all frames: where the only value is white, it is label 1."""
    labels = np.zeros(shape, dtype=np.uint16)
    for index, values in found.items():
        labels[index] = values
    present = np.unique(labels)
    if set(present.tolist()) in ({0, 255}, {255}, {0, 65535}, {65535}):
        labels = (labels > 0).astype(np.uint16)
    return labels


def _from_zip(
    path: Path, shape: tuple[int, int, int], warnings: list[str]
) -> tuple[dict[int, NDArray[np.uint16]], dict[str, tuple[int, ...]]]:
    names: dict[str, tuple[int, ...]] = {}
    pictures: dict[str, NDArray[np.uint16]] = {}
    for name, data in _members(path, shape):
        if PurePosixPath(name).name == _NAMES_FILE:
            names = parse_label_names(data)
        else:
            pictures[name] = _pixels(data, shape, shown_name(name))
    if not pictures:
        raise UnreadableFileError("the zip holds no PNG", remedy=_EXPORT)
    indices = _indices(list(pictures), shape[0])
    n_missing = shape[0] - len(indices)
    if n_missing:
        warnings.append(
            f"{count_of(n_missing, 'frame')} of {shape[0]} {agree(n_missing, 'has', 'have')} no "
            f"picture in the zip and {agree(n_missing, 'stays', 'stay')} empty"
        )
    return {indices[name]: pixels for name, pixels in pictures.items()}, names


def _members(path: Path, shape: tuple[int, int, int]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each picture, and of the names of labels."""
    most = shape[1] * shape[2] * 8 + _SPARE_BYTES
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS:
                raise UnreadableFileError(f"the zip holds {len(members)} files")
            for member in members:
                base = PurePosixPath(member.filename).name
                wanted = base.lower().endswith(".png") or base == _NAMES_FILE
                if member.is_dir() or is_junk(member.filename) or not wanted:
                    continue
                with archive.open(member) as file:
                    data = file.read(most + 1)
                if len(data) > most:
                    raise UnreadableFileError(
                        "is larger than a mask of this frame can be",
                        source=shown_name(member.filename),
                    )
                yield member.filename, data
    except InputError:
        raise
    except _ZIP_DAMAGE as error:
        raise UnreadableFileError(
            f"the zip is damaged ({first_line(error)})", remedy="pack it again"
        ) from error


def _indices(names: list[str], n_frames: int) -> dict[str, int]:
    """The frame of each picture: the last number in its name, counted from 1 (or 0 where it occurs).

    Raises:
        InputError: a name has no number, or two pictures are for one frame, or there is no such
            frame.
    """
    numbers = {}
    for name in names:
        found = re.findall(r"\d+", PurePosixPath(name).stem)
        if not found:
            raise InputError(
                "its name does not say which frame it is for",
                source=shown_name(name),
                remedy="end the names with the number of the frame, from 1: mask-0001.png",
            )
        numbers[name] = int(found[-1][:9])
    first = 0 if 0 in numbers.values() else 1
    indices = {name: number - first for name, number in numbers.items()}
    for name, index in indices.items():
        if index >= n_frames:
            raise GeometryMismatchError(
                f"is for frame {numbers[name]}, the clip has {n_frames} frames",
                source=shown_name(name),
            )
    if len(set(indices.values())) < len(indices):
        raise InputError("two pictures of the zip are for the same frame")
    return indices


# -- NIfTI ---------------------------------------------------------------------------------------
def _from_nifti(
    path: Path, command: Mapping[str, Any], shape: tuple[int, int, int], limits: IntakeLimits
) -> dict[str, Any]:
    from hccsurv_core.io.grid_worker import label_values
    from hccsurv_core.io.grids import lay_onto
    from hccsurv_core.io.nifti import read_nifti_header, read_nifti_stored

    info = read_nifti_header(path, limits)
    labels = label_values(read_nifti_stored(path, info), info)
    affine = np.array(command["affine"], dtype=np.float64)
    frames = list(range(shape[0]))
    if command["frame"] is not None and min(info.shape) == 1 and shape[0] > 1:
        frames = [_single_frame(command["frame"], shape, str(command["name"]))]
    grid = LabelMap(np.broadcast_to(np.int8(0), (len(frames), *shape[1:])), affine)
    mask = lay_onto(LabelMap(labels, info.affine), grid).voxels
    if mask.min() < 0 or mask.max() > 65535:
        raise UnreadableFileError("holds values that are no labels", remedy=_EXPORT)
    whole = np.zeros(shape, dtype=np.uint16)
    whole[frames] = mask
    warnings: list[str] = []
    names = names_beside(command, warnings)
    return _answer(command, "nifti", whole, frames, names, warnings)
