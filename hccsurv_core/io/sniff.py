"""What a file is by its first bytes, which names are leftovers, and how to show a name."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

from hccsurv_core.errors import UnreadableFileError

_JUNK_NAMES = {".ds_store", "thumbs.db", "desktop.ini", "dicomdir", "autorun.inf"}
_GZIP_DAMAGE = (zlib.error, EOFError, OSError, ValueError)


def shown_name(name: str) -> str:
    """A file's name fit for a message: one line, printable, not endless."""
    printable = "".join(c if c.isprintable() else "?" for c in name)
    return printable if len(printable) <= 160 else f"{printable[:60]}…{printable[-90:]}"


def is_junk(name: str) -> bool:
    """True for files that operating systems and archivers leave behind, and for DICOMDIR indexes."""
    parts = [p.lower() for p in re.split(r"[\\/]", name) if p]
    if not parts:
        return True
    return "__macosx" in parts or parts[-1] in _JUNK_NAMES or parts[-1].startswith("._")


def sniff(path: Path) -> str:
    """What a file is by its first bytes: zip, tar, gzip, nifti, dicom, rar, 7z, empty or unknown."""
    with path.open("rb") as file:
        head = file.read(1024)
    if not head:
        return "empty"
    if head[:2] == b"\x1f\x8b":
        return "gzip"
    if head[128:132] == b"DICM":
        return "dicom"
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"):
        return "zip"
    if head[257:262] == b"ustar":
        return "tar"
    if head[:4] == b"Rar!":
        return "rar"
    if head[:6] == b"7z\xbc\xaf\x27\x1c":
        return "7z"
    if is_nifti_head(head):
        return "nifti"
    return "unknown"


def is_nifti_head(head: bytes) -> bool:
    """True if these first bytes are a NIfTI-1 or NIfTI-2 header."""
    size = head[:4]
    one = size in (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c") and head[344:347] in (b"n+1", b"ni1")
    two = size in (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c") and head[4:7] in (b"n+2", b"ni2")
    return one or two


def sniff_inside_gzip(path: Path) -> str:
    """What a gzip holds: nifti, tar or single (any other file).

    Raises:
        UnreadableFileError: the gzip stream is damaged.
    """
    try:
        with gzip.open(path) as file:
            head = file.read(1024)
    except _GZIP_DAMAGE as error:
        raise UnreadableFileError(
            "the gzip stream is damaged", remedy="compress or copy it again"
        ) from error
    if is_nifti_head(head):
        return "nifti"
    return "tar" if head[257:262] == b"ustar" else "single"
