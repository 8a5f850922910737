"""Ultrasound clips and stills: DICOM, video or picture, read in a child process.

>>> loaded = read_clip([Path("clip.dcm")])             # doctest: +SKIP
>>> loaded.clip.frames.shape, loaded.clip.time_s[-1], loaded.clip.warnings

What is read: DICOM multi-frame and single-frame ultrasound in any compression that pydicom, libjpeg or
FFmpeg decode, gray, palette or color, also stills of one series together; AVI, MP4, MOV, MKV, WMV and
MPEG; PNG and JPEG. Folders and archives are looked through.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.clip import Clip, Region
from hccsurv_core.errors import DecoderFailedError, GeometryError, InputError
from hccsurv_core.io.child import Decoder, DecoderDiedError
from hccsurv_core.io.intake import list_inputs
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.sniff import shown_name
from hccsurv_core.io.workspaces import sweep_abandoned, workspace_prefix
from hccsurv_core.patient import PatientFacts
from hccsurv_core.progress import Progress, silent

__all__ = ["ClipSummary", "LoadedClip", "list_clips", "read_clip", "reading_process"]

_ARRAY_FILE = "frames.npy"
_WANTED = "an ultrasound clip or still"
_GARBAGE = (
    KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, OSError, GeometryError,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class LoadedClip:
    """A clip and what its file tells besides; no names, no identifiers.

    Args:
        clip: frames, times, regions, warnings. Frames are a read-only memory map of a file that has
            no name any more: it is gone when the clip is.
        source: the file's name as uploaded; of stills together, the first one's.
        kind: "dicom", "video" or "picture".
        sha256: of the file; of several, of their digests in order.
        patient: sex, age, height and weight from the header.
        modality: of DICOM: "US", or what a copied screen says.
        manufacturer, model: of the machine; empty where not known.
        body_part: of the header, upper case; empty where not known.
        study_date: ISO; None where not known.
        contrast_agent: True where the header names one. Its absence tells nothing.
    """

    clip: Clip
    source: str
    kind: str
    sha256: str
    patient: PatientFacts = field(default_factory=PatientFacts)
    modality: str = ""
    manufacturer: str = ""
    model: str = ""
    body_part: str = ""
    study_date: str | None = None
    contrast_agent: bool = False


@dataclass(frozen=True)
class ClipSummary:
    """One clip or still of an upload.

    Args:
        name: by which it is chosen.
        kind: "dicom", "video" or "picture".
        description: "clip, 65 frames of 576×456, 2 regions".
        refusal: why it cannot be opened; None where it can be tried.
    """

    name: str
    kind: str
    description: str
    refusal: str | None = None


@contextmanager
def reading_process(limits: IntakeLimits | None = None) -> Iterator[Decoder]:
    """A process for the few files of one patient: starting one takes longer than reading a still.

    >>> with reading_process() as process:                 # doctest: +SKIP
    ...     stills = [read_clip([path], process=process) for path in paths]

    Its limits on memory and time hold for all of them together.
    """
    process = Decoder(limits or IntakeLimits(), worker_command())
    try:
        yield process
    finally:
        process.kill()


def read_clip(
    paths: Sequence[Path],
    *,
    choice: str | None = None,
    frame_interval_s: float | None = None,
    limits: IntakeLimits | None = None,
    progress: Progress = silent,
    process: Decoder | None = None,
) -> LoadedClip:
    """Read one clip or still in a child process with limits on memory and time.

    Args:
        paths: files, folders and archives that hold it.
        choice: name of the one to read (see `list_clips`); None takes the only one.
        frame_interval_s: seconds between frames, where the file's own times are missing or wrong.
        limits: bounds on size, time and memory. A clip of more than ``max_voxels`` pixels is
            thinned, with a warning.
        progress: called with the fraction done; what it raises stops the reading.
        process: of :func:`reading_process`; None starts one for this clip.

    Raises:
        UnreadableFileError: not ultrasound, a picture or a video; damaged, cut off, without pictures.
        WrongModalityError: a CT or another modality.
        NoUsableSeriesError: no clip, or several and no choice; names them.
        GeometryError: an absurd size, or frame times that do not fit the frames.
        InputError: the file does not say when frames were taken.
        DecoderFailedError: the reading process died, or ran out of time or memory; names the file.
        CancelledError: ``progress`` cancelled.
    """
    limits = limits or IntakeLimits()
    more = {"choice": choice, "interval_s": frame_interval_s}
    sweep_abandoned()
    with tempfile.TemporaryDirectory(prefix=workspace_prefix()) as folder:
        told = _ask("read", paths, Path(folder), limits, progress, more, process)
        try:
            # The map keeps the file's contents; its name goes with the folder.
            return load_clip(told, Path(folder), limits)
        except _GARBAGE as error:
            raise _garbage(paths) from error


def list_clips(
    paths: Sequence[Path],
    *,
    limits: IntakeLimits | None = None,
    progress: Progress = silent,
) -> tuple[ClipSummary, ...]:
    """What an upload holds, in order of name; headers only.

    Args:
        paths: files, folders and archives.
        limits: bounds on size, time and memory.
        progress: called with the fraction done; what it raises stops the reading.

    Raises:
        InputError: as for `read_clip`, of the only file.
    """
    limits = limits or IntakeLimits()
    sweep_abandoned()
    with tempfile.TemporaryDirectory(prefix=workspace_prefix()) as folder:
        told = _ask("list", paths, Path(folder), limits, progress, {})
        try:
            return tuple(
                ClipSummary(
                    str(clip["name"]),
                    str(clip["kind"]),
                    str(clip["description"]),
                    None if clip["refusal"] is None else str(clip["refusal"]),
                )
                for clip in told["clips"]
            )
        except _GARBAGE as error:
            raise _garbage(paths) from error


def worker_command() -> list[str]:
    """How the reading process is started."""
    return [sys.executable, "-P", "-m", "hccsurv_core.io.ultrasound_worker"]


def command_for(
    what: str, paths: Sequence[Path], workspace: Path, limits: IntakeLimits, more: dict[str, Any]
) -> dict[str, Any]:
    """The command that the reading process understands.

    Raises:
        InputError: a path does not exist, or there is too much.
    """
    inputs = list_inputs([Path(path) for path in paths], limits, _WANTED)
    return {
        "do": what,
        "workspace": str(workspace),
        "inputs": [[str(path), name] for path, name in inputs],
        "limits": limits.to_dict(),
        "choice": None,
        "interval_s": None,
        **more,
    }


def _ask(
    what: str,
    paths: Sequence[Path],
    workspace: Path,
    limits: IntakeLimits,
    progress: Progress,
    more: dict[str, Any],
    process: Decoder | None = None,
) -> dict[str, Any]:
    command = command_for(what, paths, workspace, limits, more)
    reader = process or Decoder(limits, worker_command())
    try:
        return reader.ask(command, progress)
    except DecoderDiedError as error:
        source = error.source or _shown(paths)
        remedy = "export the clip again, or shorter"
        raise DecoderFailedError(error.what, source=source, remedy=remedy) from error
    except InputError as error:
        raise error.with_source(_shown(paths)) from error
    finally:
        if process is None:
            reader.kill()


def _shown(paths: Sequence[Path]) -> str:
    return shown_name(Path(paths[0]).name) if len(paths) == 1 else f"{len(paths)} files"


def _garbage(paths: Sequence[Path]) -> DecoderFailedError:
    return DecoderFailedError(
        "the process that reads ultrasound answered with garbage", source=_shown(paths)
    )


def load_clip(told: dict[str, Any], folder: Path, limits: IntakeLimits) -> LoadedClip:
    """The clip that a reading process left in ``folder``; nothing of it is taken on trust.

    Raises:
        ValueError, KeyError, TypeError, OSError, GeometryError: it is not what such a process leaves.
    """
    clip = Clip(
        frames=_frames(told, folder, limits),
        time_s=np.array(told["times_s"], dtype=np.float64),
        regions=tuple(_region(data) for data in told["regions"]),
        warnings=tuple(str(warning) for warning in told["warnings"]),
    )
    for region in clip.regions:
        rows, columns = clip.screen
        if region.top + region.rows > rows or region.left + region.columns > columns:
            raise ValueError("a region lies outside the screen")
    date = told["study_date"]
    return LoadedClip(
        clip=clip,
        source=str(told["name"]),
        kind=str(told["kind"]),
        sha256=str(told["sha256"]),
        patient=PatientFacts(**told["patient"]),
        modality=str(told["modality"]),
        manufacturer=str(told["manufacturer"]),
        model=str(told["model"]),
        body_part=str(told["body_part"]),
        study_date=None if date is None else str(date),
        contrast_agent=bool(told["contrast_agent"]),
    )


def _frames(told: dict[str, Any], folder: Path, limits: IntakeLimits) -> NDArray[np.uint8]:
    shape = tuple(int(n) for n in told["shape"])
    if math.prod(shape[:3]) > limits.max_voxels:
        raise ValueError("the clip is larger than allowed")
    frames = np.load(folder / _ARRAY_FILE, mmap_mode="r", allow_pickle=False)
    if frames.shape != shape or frames.dtype != np.uint8:
        raise ValueError("the frames are not what was announced")
    return frames


def _region(data: dict[str, Any]) -> Region:
    spacing = data["spacing_mm"]
    return Region(
        top=int(data["top"]),
        left=int(data["left"]),
        rows=int(data["rows"]),
        columns=int(data["columns"]),
        spacing_mm=None if spacing is None else (float(spacing[0]), float(spacing[1])),
        kind=str(data["kind"]),
    )
