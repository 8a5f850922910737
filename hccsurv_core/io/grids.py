"""An image as its file stores it, and a mask laid onto an image's grid.

The intake (:mod:`hccsurv_core.io.intake`) reads abdominal CT and judges it; what is read here is
not judged: a NIfTI of any kind keeps its values and the order of its axes. Files are parsed in a
child process with limits, as there.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import (
    DecoderFailedError,
    GeometryError,
    GeometryMismatchError,
    InputError,
    UnreadableFileError,
)
from hccsurv_core.io.child import Decoder, DecoderDiedError
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.seg_on_grid import place_frame
from hccsurv_core.io.sniff import shown_name
from hccsurv_core.io.workspaces import sweep_abandoned, workspace_prefix
from hccsurv_core.progress import Progress, silent
from hccsurv_core.volume import LabelMap, Volume, check_same_geometry

#: Two grids are one where they lie apart by less than this part of a voxel: positions of real
#: slices jitter around the even grid that a volume is, and headers round.
SAME_GRID_VOXELS = 0.1
#: What an answer that makes no sense raises where it is taken apart.
GARBAGE = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, OSError)


def read_nifti_as_stored(
    path: Path, *, limits: IntakeLimits | None = None, progress: Progress = silent
) -> Volume | None:
    """Read a NIfTI image of any kind; nothing is turned, clipped or judged.

    Args:
        path: the file.
        limits: bounds on size, time and memory.
        progress: called with the fraction done; what it raises stops the reading.

    Returns:
        int32, float32 or float64 voxels in the file's order of axes; None where the file is no
        NIfTI.

    Raises:
        UnreadableFileError: the file is missing, damaged, or not one 3-D image of real numbers.
        IntensityError: a value is not a finite number.
        GeometryError: no usable affine, or more voxels than allowed.
        DecoderFailedError: the reading process died, or ran out of time or memory.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(prefix=workspace_prefix()) as folder:
        told = ask_reader("image", path, Path(folder), limits or IntakeLimits(), progress)
        try:
            return None if told["kind"] == "other" else _grid(Volume, told, Path(folder))
        except GARBAGE as error:
            raise garbage(path) from error


def read_mask(
    path: Path,
    image: Volume,
    *,
    label: int | None = None,
    limits: IntakeLimits | None = None,
    progress: Progress = silent,
) -> LabelMap:
    """Read a mask and lay it onto the grid of ``image``; no voxel is interpolated.

    Args:
        path: a NIfTI label map, its axes in any order, or a DICOM SEG (its labels are the segment
            numbers).
        image: the grid.
        label: where segments of a SEG overlap, this one keeps the voxel; None keeps the last.
        limits: bounds on size, time and memory.
        progress: called with the fraction done; what it raises stops the reading.

    Raises:
        UnreadableFileError: the file is missing or damaged, or no mask.
        IntensityError: a NIfTI holds values that are not whole numbers.
        GeometryMismatchError: the mask's voxels are not voxels of the image; names both geometries.
        InputError: the file is DICOM of another kind, or larger than allowed.
        DecoderFailedError: the reading process died, or ran out of time or memory.
    """
    with MaskFile(path, limits=limits, progress=progress) as file:
        return file.on(image, label)


class MaskFile:
    """A mask that was parsed, and is yet to be laid onto an image's grid.

    Parsing needs no image, so that both can be read at the same time. Arguments and errors are those
    of :func:`read_mask`; close it when it is not needed any more.
    """

    def __init__(
        self, path: Path, *, limits: IntakeLimits | None = None, progress: Progress = silent
    ) -> None:
        self.path = Path(path)
        self._folder = tempfile.TemporaryDirectory(prefix=workspace_prefix())
        try:
            self._told = ask_reader(
                "mask", self.path, Path(self._folder.name), limits or IntakeLimits(), progress
            )
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> MaskFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove what was parsed."""
        self._folder.cleanup()

    def on(self, image: Volume, label: int | None = None) -> LabelMap:
        """The mask on the grid of ``image``; see :func:`read_mask`."""
        folder = Path(self._folder.name)
        try:
            if self._told["kind"] == "seg":
                return _from_planes(self._told, folder, image, label)
            return lay_onto(_grid(LabelMap, self._told, folder), image)
        except InputError as error:
            raise error.with_source(shown_name(self.path.name)) from error
        except GARBAGE as error:
            raise garbage(self.path) from error


def worker_command() -> list[str]:
    """How the reading process is started."""
    return [sys.executable, "-P", "-m", "hccsurv_core.io.grid_worker"]


def ask_reader(
    what: str,
    path: Path,
    workspace: Path,
    limits: IntakeLimits,
    progress: Progress,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the reading process says of a file.

    Args:
        what: what to read it as: "image", "mask", or another command of the process.
        path: the file.
        workspace: an empty folder for what it leaves.
        limits: bounds on size, time and memory.
        progress: called while it reads; what it raises stops the reading.
        more: further parts of the command, JSON values; "name" is what the user calls the file.

    Raises:
        InputError: the file is missing or cannot be read; names it.
    """
    shown = str((more or {}).get("name") or shown_name(path.name))
    if not path.is_file():
        kind = "is a folder, not a file" if path.is_dir() else "there is no such file"
        raise UnreadableFileError(kind, source=str(path), remedy="check the path")
    sweep_abandoned()
    command = {
        "do": what,
        "path": str(path.absolute()),
        "name": shown,
        "workspace": str(workspace),
        "limits": limits.to_dict(),
        **(more or {}),
    }
    reader = Decoder(limits, worker_command())
    try:
        return reader.ask(command, progress)
    except DecoderDiedError as error:
        raise DecoderFailedError(error.what, source=shown, remedy=error.remedy) from error
    except InputError as error:
        raise error.with_source(shown) from error
    finally:
        reader.kill()


def garbage(path: Path) -> DecoderFailedError:
    """The error for an answer of the process that makes no sense."""
    return DecoderFailedError(
        "the process that reads it answered with garbage", source=shown_name(path.name)
    )


def _array(told: dict[str, Any], folder: Path) -> NDArray:
    return np.load(folder / Path(str(told["array"])).name, allow_pickle=False)


def _grid(kind: type, told: dict[str, Any], folder: Path) -> Any:
    return kind(_array(told, folder), np.array(told["affine"], dtype=np.float64))


def lay_onto(mask: LabelMap, image: Volume | LabelMap) -> LabelMap:
    """The mask with its axes in the image's order.

    Raises:
        GeometryMismatchError: its voxels are not voxels of the image; names both geometries.
    """
    tolerance_mm = SAME_GRID_VOXELS * min(image.spacing_mm)
    try:
        check_same_geometry(image, mask, tolerance_mm=tolerance_mm)
    except GeometryMismatchError:
        turned = _turned(mask, image)
        if turned is None:
            raise
        mask = turned
        check_same_geometry(image, mask, tolerance_mm=tolerance_mm)
    return LabelMap(mask.voxels, image.affine, mask.names)


def _turned(mask: LabelMap, image: Volume | LabelMap) -> LabelMap | None:
    """The mask with its axes along the image's; None where they are, or cannot be named."""
    try:
        return None if mask.axes == image.axes else mask.to_axes(image.axes)
    except GeometryError:
        return None


def _from_planes(told: dict[str, Any], folder: Path, image: Volume, label: int | None) -> LabelMap:
    pixels = _array(told, folder)
    n_frames = len(pixels)
    origins, row_steps, column_steps = (
        np.array(told[name], dtype=np.float64).reshape(n_frames, 3)
        for name in ("origins", "row_steps", "column_steps")
    )
    voxels = np.zeros(image.shape, dtype=np.int32)
    frames = sorted(range(n_frames), key=lambda n: label is not None and label in pixels[n])
    for n in frames:
        index = place_frame(n, origins[n], row_steps[n], column_steps[n], pixels[n], image)
        voxels[index] = pixels[n][np.nonzero(pixels[n])]
    names = {int(number): str(name) for number, name in told["names"].items()}
    return LabelMap(voxels, image.affine, names)
