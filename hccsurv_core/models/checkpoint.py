"""Finished pieces of a long training, kept so that it can go on where it was stopped.

A piece is a few arrays under a key. It is only found again by a training with the same data, the
same settings and the same seed, whose digest is the *fingerprint*; a damaged file is a piece that
was not finished.

Beside the pieces lies ``course.jsonl``: notes on how the training goes, for those who watch it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from hccsurv_core.errors import InputError

#: Notes on the course of the training, one JSON object a line.
COURSE = "course.jsonl"


def fingerprint(*parts: object) -> str:
    """Digest of arrays and JSON values."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(json.dumps(part, sort_keys=True, default=str).encode())
        digest.update(b"\0")
    return digest.hexdigest()


class Checkpoint:
    """A folder of finished pieces, or, without a folder, none.

    Args:
        folder: is made where it does not exist.
        fingerprint: of the training they belong to.
    """

    def __init__(self, folder: Path | None = None, fingerprint: str = "") -> None:
        self.folder, self.fingerprint = folder, fingerprint
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(
                    f"cannot be made ({error.strerror})", source=str(folder),
                    remedy="choose a folder that you may write to",
                ) from error  # fmt: skip

    def under(self, *parts: object) -> Checkpoint:
        """The same folder for a piece of work of its own."""
        return Checkpoint(self.folder, fingerprint(self.fingerprint, *parts))

    def get(self, key: str) -> dict[str, np.ndarray] | None:
        """The arrays of a finished piece; None where it is not there or damaged."""
        path = self._path(key)
        if path is None or not path.is_file():
            return None
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError):
            return None

    def put(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep a finished piece, whole or not at all.

        Raises:
            InputError: the disk refuses.
        """
        path = self._path(key)
        if path is None:
            return
        from safetensors.numpy import save

        half = path.with_suffix(f".{os.getpid()}.part")
        try:
            half.write_bytes(save({k: np.ascontiguousarray(v) for k, v in arrays.items()}))
            half.replace(path)
        except OSError as error:
            raise InputError(
                f"cannot be written ({error.strerror})", source=str(path),
                remedy="free space on the disk, then train again: what is finished is kept",
            ) from error  # fmt: skip

    def note(self, what: str, **values: object) -> None:
        """Add a line to the course: losses of an epoch, the C of a fold.

        Whoever watches may miss a line; the training does not stop for it.

        Args:
            what: kind of the note; values: JSON values.
        """
        if self.folder is None:
            return
        line = json.dumps({"what": what, "of": self.fingerprint[:16], **values})
        with suppress(OSError), (self.folder / COURSE).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _path(self, key: str) -> Path | None:
        if self.folder is None:
            return None
        return self.folder / f"{fingerprint(self.fingerprint, key)[:32]}.safetensors"
