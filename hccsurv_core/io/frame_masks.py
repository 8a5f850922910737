"""Masks of ultrasound frames and clips as PNG and NIfTI, pixel for pixel.

An ultrasound picture has no place in the patient: its geometry is its size in pixels, and their
spacing where the clip states it. A mask of another size is refused, never scaled. In NIfTI a frame
lies as it is looked at: columns to the right of the screen (the patient's left in LPS), rows
downwards (posterior), frames one unit apart.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import InputError, UnreadableFileError
from hccsurv_core.io.cropped_mask import CroppedMask
from hccsurv_core.io.export import write_nifti_labels, writing
from hccsurv_core.io.grids import GARBAGE, ask_reader, garbage
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.roi_files import RoiFile, sidecar_part
from hccsurv_core.io.sniff import shown_name
from hccsurv_core.io.workspaces import workspace_prefix
from hccsurv_core.progress import Progress, silent
from hccsurv_core.volume import LabelMap

_NAMES_FILE = "labels.json"
_ARRAY_FILE = "frames.npy"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class FrameMasks:
    """Labels on the frames of a clip.

    Args:
        labels: (frames, rows, columns), 0 outside; uint8, or uint16 beyond 255.
        frames: indices of the frames that the file speaks of; the others are empty.
        names: label to name, as far as the file tells.
        kind: "png" or "nifti".
        warnings: what to check, in plain words.
    """

    labels: NDArray[np.integer]
    frames: tuple[int, ...]
    names: dict[int, str] = field(default_factory=dict)
    kind: str = "png"
    warnings: tuple[str, ...] = ()

    def masks(self, frame: int) -> dict[str, NDArray[np.bool_]]:
        """Name to boolean (rows, columns) of each label on a frame; a label without name is
        "label 1"."""
        plane = self.labels[frame]
        return {
            self.names.get(int(value), f"label {value}"): plane == value
            for value in np.unique(self.labels)
            if value
        }


def frame_grid(
    shape: tuple[int, int, int], pixel_spacing_mm: tuple[float, float] | None
) -> NDArray[np.float64]:
    """The affine of a clip in NIfTI, index (column, row, frame) to LPS.

    Args:
        shape: (frames, rows, columns).
        pixel_spacing_mm: (row, column) spacing; None where the clip does not state it: 1.

    Raises:
        InputError: the spacing is not positive, or the clip has no pixels.
    """
    spacing = pixel_spacing_mm or (1.0, 1.0)
    if min(shape) < 1 or not all(np.isfinite(spacing)) or min(spacing) <= 0:
        raise InputError(f"a clip of {shape} pixels of {spacing} mm has no masks")
    return np.diag([float(spacing[1]), float(spacing[0]), 1.0, 1.0])


def regions_of_frames(found: FrameMasks, source: str) -> RoiFile:
    """Masks of a clip as named regions of its frames, as masks of a volume are of its slices.

    Args:
        found: what was read.
        source: the file's name.

    Raises:
        UnreadableFileError: every frame is empty.
    """
    values = [int(value) for value in np.unique(found.labels) if value]
    if not values:
        raise UnreadableFileError("every frame's mask is empty", source=source)
    regions = {
        found.names.get(value, f"label {value}"): CroppedMask.of(found.labels == value)
        for value in values
    }
    shape = (found.labels.shape[0], found.labels.shape[1], found.labels.shape[2])
    return RoiFile(source, found.kind, shape, regions, {}, found.warnings)


# -- writing -------------------------------------------------------------------------------------
def write_frame_masks_png(
    path: Path, labels: NDArray[np.integer], *, names: Mapping[int, str] | None = None
) -> Path:
    """Write one frame as ``.png``, or a clip as a ``.zip`` with ``mask-0001.png`` and so on.

    8 bits, the size of the frame. Where the only label is 1 it is white (255), so that every
    program shows it; otherwise pixels hold the label, and the zip a ``labels.json`` of names.

    Args:
        path: ends in ``.png`` for one frame, ``.zip`` for any number.
        labels: (rows, columns) or (frames, rows, columns), 0 to 255.
        names: label to name.

    Raises:
        InputError: the name of the file does not fit, a label is beyond 8 bits, or it cannot be
            written.
    """
    clip = labels[np.newaxis] if labels.ndim == 2 else labels
    if clip.ndim != 3 or 0 in clip.shape:
        raise InputError(f"labels of shape {labels.shape} are no frames", source=path.name)
    if clip.min() < 0 or clip.max() > 255:
        raise InputError(
            f"labels from {clip.min()} to {clip.max()} do not fit into 8 bits",
            source=path.name,
            remedy="write NIfTI",
        )
    white = set(np.unique(clip).tolist()) <= {0, 1}
    values = (clip * 255 if white else clip).astype(np.uint8)
    suffix = path.suffix.lower()
    if suffix not in (".png", ".zip") or (suffix == ".png" and len(clip) > 1):
        raise InputError(
            f"{len(clip)} frames are written as {'.png or .zip' if len(clip) == 1 else '.zip'}",
            source=path.name,
            remedy="rename the output",
        )
    with writing(path):
        if suffix == ".png":
            path.write_bytes(_png(values[0]))
        else:
            _write_zip(path, values, names or {})
    return path


def _png(values: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(values).save(out, format="PNG")
    return out.getvalue()


def _write_zip(path: Path, values: NDArray[np.uint8], names: Mapping[int, str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for n, plane in enumerate(values, start=1):
            archive.writestr(zipfile.ZipInfo(f"mask-{n:04d}.png", _ZIP_TIME), _png(plane))
        if names:
            told = json.dumps({"labels": {str(value): name for value, name in names.items()}})
            archive.writestr(zipfile.ZipInfo(_NAMES_FILE, _ZIP_TIME), told)


def write_frame_masks_nifti(
    path: Path,
    labels: NDArray[np.integer],
    *,
    pixel_spacing_mm: tuple[float, float] | None,
    names: Mapping[int, str] | None = None,
) -> Path:
    """Write masks of a clip as NIfTI (columns, rows, frames), with a JSON beside it.

    Args:
        path: ``.nii`` or ``.nii.gz``.
        labels: (rows, columns) or (frames, rows, columns).
        pixel_spacing_mm: (row, column) spacing; None where the clip does not state it: then pixels
            are one unit apart, and the JSON says so.
        names: label to name.

    Raises:
        InputError: see :func:`~hccsurv_core.io.export.write_nifti_labels`.
    """
    clip = labels[np.newaxis] if labels.ndim == 2 else labels
    affine = frame_grid(clip.shape, pixel_spacing_mm)
    known = pixel_spacing_mm is not None
    told = {
        "spacing_mm": {"row": affine[1, 1], "column": affine[0, 0]} if known else None,
        "spacing_note": "frames are one unit apart"
        if known
        else "the clip states no pixel spacing: pixels and frames are one unit apart, not 1 mm",
        "frames": len(clip),
    }
    return write_nifti_labels(path, LabelMap(clip, affine, dict(names or {})), more=told)


# -- reading -------------------------------------------------------------------------------------
def read_frame_masks(
    path: Path,
    shape: tuple[int, int, int],
    *,
    pixel_spacing_mm: tuple[float, float] | None = None,
    frame: int | None = None,
    sidecar: Path | None = None,
    name: str | None = None,
    limits: IntakeLimits | None = None,
    progress: Progress = silent,
) -> FrameMasks:
    """Read masks of a frame or clip; parsed in a child process with limits.

    Args:
        path: a PNG of one frame, a zip of PNGs whose names end in the number of the frame, or a
            NIfTI of the whole clip (or of one frame, where ``frame`` is given).
        shape: (frames, rows, columns) of the clip.
        pixel_spacing_mm: (row, column) spacing of the clip, against which a NIfTI is checked.
        frame: index of the frame that a single picture is for; not needed for a still.
        sidecar: names of labels; None takes the JSON of the same name beside ``path``.
        name: what the user knows the file as; None takes that of ``path``.
        limits: bounds on size, time and memory.
        progress: called while it reads; what it raises stops the reading.

    Raises:
        UnreadableFileError: the file is missing, damaged, or a picture rather than a mask.
        GeometryMismatchError: it has another size or spacing; names both.
        InputError: which frame it is for is not clear.
        IntensityError: a NIfTI holds values that are no labels.
        DecoderFailedError: the reading process died, or ran out of time or memory.
    """
    path = Path(path)
    shown = shown_name(name or path.name)
    more: dict[str, Any] = {
        "name": shown,
        "shape": list(shape),
        "affine": frame_grid(shape, pixel_spacing_mm).tolist(),
        "frame": frame,
        **sidecar_part(path, sidecar),
    }
    with tempfile.TemporaryDirectory(prefix=workspace_prefix()) as folder:
        try:
            told = ask_reader(
                "frames", path, Path(folder), limits or IntakeLimits(), progress, more=more
            )
            labels = np.load(Path(folder) / _ARRAY_FILE, allow_pickle=False)
            return _taken(told, labels, shape)
        except InputError as error:
            raise error.with_source(shown) from error
        except GARBAGE as error:
            raise garbage(path) from error


def _taken(told: Mapping[str, Any], labels: NDArray, shape: Sequence[int]) -> FrameMasks:
    if labels.shape != tuple(shape) or labels.dtype not in (np.uint8, np.uint16):
        raise ValueError("the masks are not those of the clip")
    return FrameMasks(
        labels=labels,
        frames=tuple(int(n) for n in told["frames"]),
        names={int(value): str(name) for value, name in told["names"].items()},
        kind=str(told["kind"]),
        warnings=tuple(str(warning) for warning in told["warnings"]),
    )
