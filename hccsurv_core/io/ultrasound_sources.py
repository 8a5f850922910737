"""What an upload of ultrasound holds: clips and stills that can be opened, and why others cannot.

Only the decoder process calls it. A source is one clip: a multi-frame DICOM, a video, a picture, or
DICOM stills of one series and size taken together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hccsurv_core.errors import (
    InputError,
    NoUsableSeriesError,
    UnreadableFileError,
    WrongModalityError,
)
from hccsurv_core.io.archive import Budget, UnpackedFile, archive_kind, unpack
from hccsurv_core.io.dicom_header import DIRECTORY_CLASS, FileHeader, read_dicom_file
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.sniff import is_junk
from hccsurv_core.io.text_in_pixels import is_secondary_capture
from hccsurv_core.io.ultrasound import describe_ultrasound, is_ultrasound
from hccsurv_core.io.video import video_container

DICOM, VIDEO, PICTURE = "dicom", "video", "picture"
_HEAD = 512
#: Modalities of pictures that were copied from a screen or a camera: ultrasound may be among them.
_NEUTRAL = ("", "OT", "SC", "XC", "ES", "DOC")
#: Enhanced US Volume Storage: frames are planes of a volume, not moments.
_VOLUME_CLASS = "1.2.840.10008.5.1.4.1.1.6.2"
_WANTED = "upload the ultrasound clip or still: DICOM, AVI, MP4, MOV, PNG or JPEG"


@dataclass(frozen=True)
class Source:
    """One clip or still of an upload.

    Args:
        files: its files in order.
        kind: `DICOM`, `VIDEO` or `PICTURE`.
        description: for a listing.
        refusal: why it cannot be opened here; None where it can be tried.
        header: of a DICOM source's first file.
        container: FFmpeg's name of a video's container.
    """

    files: tuple[UnpackedFile, ...]
    kind: str
    description: str
    refusal: InputError | None = None
    header: FileHeader | None = None
    container: str = ""

    @property
    def name(self) -> str:
        """The name of its first file, by which it is chosen."""
        return self.files[0].name


def find_sources(
    inputs: Sequence[UnpackedFile],
    workspace: Path,
    limits: IntakeLimits,
    on_file: Callable[[Path, str], None],
) -> tuple[list[Source], list[tuple[str, str]]]:
    """All sources of an upload in order of name, and (name, reason) of files that are none.

    Args:
        inputs: files; archives are unpacked into the workspace.
        workspace: of this upload.
        limits: bounds on size, number and depth.
        on_file: called before each file is read.

    Raises:
        InputError: an archive is unsafe, or the only file cannot be read; names it.
    """
    unpacked = workspace / "unpacked"
    unpacked.mkdir(exist_ok=True)
    budget = Budget(limits)
    found: list[Source] = []
    skipped: list[tuple[str, str]] = []
    errors: list[InputError] = []
    for given in inputs:
        on_file(given.path, given.name)
        try:
            files = unpack(given.path, unpacked, name=given.name, budget=budget)
        except UnreadableFileError as error:
            skipped.append((given.name, error.what))
            errors.append(error)
            continue
        for file in files:
            if is_junk(PurePosixPath(file.name).name):
                continue
            on_file(file.path, file.name)
            try:
                found.append(_recognized(file))
            except InputError as error:
                skipped.append((file.name, error.what))
                errors.append(error.with_source(file.name))  # type: ignore[arg-type]
    skipped += budget.skipped
    if not found and len(errors) == 1:
        raise errors[0]
    return _with_stills_together(sorted(found, key=lambda s: _natural(s.name))), skipped


def _recognized(file: UnpackedFile) -> Source:
    with file.path.open("rb") as opened:
        head = opened.read(_HEAD)
    if not head:
        raise UnreadableFileError("is empty", remedy=_WANTED)
    if (container := video_container(head)) is not None:
        return Source((file,), VIDEO, "video", container=container)
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        return Source((file,), PICTURE, "picture")
    if archive_kind(file.path, file.name) is not None:
        raise UnreadableFileError("is an archive that was not unpacked", remedy=_WANTED)
    try:
        header = read_dicom_file(file.path, file.name).header
    except UnreadableFileError as error:
        if "not a DICOM" in error.what:
            raise UnreadableFileError(
                "is neither DICOM, a video (AVI, MP4, MOV, MKV, WMV, MPEG) nor a picture (PNG, JPEG)",
                source=file.name,
                remedy=_WANTED,
            ) from error
        raise
    if header.rows < 1 or header.columns < 1 or header.sop_class == DIRECTORY_CLASS:
        raise UnreadableFileError("is a DICOM file without a picture", remedy=_WANTED)
    described = describe_ultrasound(header)
    return Source((file,), DICOM, described, _refusal(header), header)


def _refusal(header: FileHeader) -> InputError | None:
    if header.sop_class == _VOLUME_CLASS:
        return WrongModalityError(
            "is an ultrasound volume: its frames are planes, not moments",
            source=header.name,
            remedy="upload the two-dimensional clip",
        )
    neutral = header.modality in _NEUTRAL or is_secondary_capture(header)
    if is_ultrasound(header) or (neutral and header.modality not in ("CT", "MR", "PT")):
        return None
    return WrongModalityError(
        f"is {header.modality}, not ultrasound", source=header.name, remedy=_WANTED
    )


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sorts "frame 9" before "frame 10"."""
    parts = re.split(r"(\d{1,18})", name)
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts]


def _with_stills_together(sources: list[Source]) -> list[Source]:
    """DICOM stills of one series and size as one source, in the order they were taken."""
    groups: dict[object, list[Source]] = {}
    for source in sources:
        header = source.header
        alone = header is None or header.n_frames > 1 or source.refusal or not header.series_uid
        key = (
            id(source)
            if alone or header is None
            else (header.series_uid, header.rows, header.columns)
        )
        groups.setdefault(key, []).append(source)
    return [members[0] if len(members) == 1 else _joined(members) for members in groups.values()]


def _joined(members: list[Source]) -> Source:
    header = members[0].header
    size = "" if header is None else f" of {header.columns}×{header.rows}"
    files = tuple(file for member in members for file in member.files)
    return Source(files, DICOM, f"{len(files)} stills of one series{size}", None, header)


def choose_source(sources: Sequence[Source], choice: str | None) -> Source:
    """The source called ``choice``, or the only one that can be opened.

    Raises:
        NoUsableSeriesError: none, several, or no such; names those there are.
        WrongModalityError: the only one is not ultrasound.
    """
    if choice is not None:
        for source in sources:
            if source.name == choice:
                if source.refusal is not None:
                    raise source.refusal
                return source
        raise NoUsableSeriesError(
            f"the upload holds no clip called {choice!r}",
            remedy=f"choose one of {_listed(sources)}",
        )
    usable = [source for source in sources if source.refusal is None]
    if len(usable) == 1:
        return usable[0]
    if not usable:
        refused = [source.refusal for source in sources if source.refusal is not None]
        if refused:
            raise refused[0]
        raise NoUsableSeriesError("the upload holds no ultrasound", remedy=_WANTED)
    raise NoUsableSeriesError(
        f"the upload holds {len(usable)} clips and stills", remedy=f"choose one: {_listed(usable)}"
    )


def _listed(sources: Sequence[Source], most: int = 8) -> str:
    names = [f"{s.name} ({s.description})" for s in sources[:most]]
    more = [f"and {len(sources) - most} more"] if len(sources) > most else []
    return ", ".join(names + more)
