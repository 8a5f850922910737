"""From the browser's upload widget to files on disk, once, with their relative names."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Protocol

from pages._shared.session import Session, UploadDraft

PREFIX = "hccsurv-upload-"
#: Spooled files hold names until they are de-identified: what a lost session leaves is removed.
STALE_AFTER_S = 6 * 3600
_FORBIDDEN = re.compile(r"[\x00-\x1f<>:\"|?*\\]")
_LONGEST_NAME = 120


class UploadedFile(Protocol):
    """What Streamlit's widget hands out."""

    name: str

    def read(self, size: int = ..., /) -> bytes: ...

    def seek(self, offset: int, /) -> int: ...


def safe_relative_name(name: str) -> PurePosixPath:
    """A relative path without "..", drives, control characters or overlong parts."""
    parts = []
    for part in re.split(r"[\\/]+", name):
        clean = _FORBIDDEN.sub("_", part).strip()
        if clean in ("", ".", ".."):
            continue
        parts.append(clean if len(clean) <= _LONGEST_NAME else clean[-_LONGEST_NAME:])
    return PurePosixPath(*parts[-8:]) if parts else PurePosixPath("file")


def spool(files: Iterable[UploadedFile]) -> UploadDraft:
    """Write uploaded files below a new private folder, in pieces, without a second copy in memory."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    names = []
    for position, file in enumerate(files):
        relative = safe_relative_name(file.name)
        target = folder / "files" / relative
        if target.exists():
            target = folder / "files" / f"{position}" / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        file.seek(0)
        with target.open("wb") as out:
            while piece := file.read(1 << 20):
                out.write(piece)
        names.append(str(relative))
    return UploadDraft(folder=folder, names=tuple(names))


def drop_draft(state: Session) -> None:
    """Forget the upload being worked on and remove its files."""
    if state.draft is None:
        return
    if state.draft.upload is not None:
        state.draft.upload.close()
    shutil.rmtree(state.draft.folder, ignore_errors=True)
    state.draft = None


def remove_stale_uploads(now: float | None = None) -> int:
    """Remove what lost sessions left in the temporary folder; return how many folders went."""
    removed = 0
    limit = (now or time.time()) - STALE_AFTER_S
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if folder.stat().st_mtime < limit:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
        except OSError:
            continue
    return removed
