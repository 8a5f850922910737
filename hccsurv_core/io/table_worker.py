"""The process that reads one table: ``python -m hccsurv_core.io.table_worker``.

It limits its own memory, time and output before it opens the file, and speaks the
JSON lines of :mod:`hccsurv_core.io.worker`. One command: ``{"path", "name",
"workspace", "options", "limits"}``; the columns are left as .npy files in the
workspace, the rest is the result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hccsurv_core.errors import DecoderFailedError, HccsurvError, TableError, UnreadableFileError
from hccsurv_core.io.table_grid import Grid
from hccsurv_core.io.table_limits import ReadOptions, TableLimits

#: Files the arrays may fill; the column codes of the largest table are 4 bytes a cell.
_MAX_OUTPUT_BYTES = 1 << 30
_HEAD = 4096
_SAVE_AS = "save the table as XLSX or CSV and upload that"
#: The first bytes of files that people take for tables, and what they are.
_OTHERS = (
    (b"%PDF", "is a PDF"),
    (b"\x89PNG", "is an image"),
    (b"\xff\xd8\xff", "is an image"),
    (b"\x1f\x8b", "is a gzip archive"),
    (b"Rar!", "is an archive"),
    (b"7z\xbc\xaf\x27\x1c", "is an archive"),
    (b"$FL2", "is an SPSS file"),
    (b"$FL3", "is an SPSS file"),
    (b"<stata_dta>", "is a Stata file"),
    (b"PAR1", "is a Parquet file"),
    (b"SQLite format 3", "is a database"),
)


def read_grid(
    path: Path,
    options: ReadOptions,
    limits: TableLimits,
    on_fraction: Callable[[float], None] = lambda fraction: None,
) -> Grid:
    """Read a table by what it is, whatever its name says.

    Raises:
        InputError: see :func:`~hccsurv_core.io.tables.read_table`.
    """
    size = path.stat().st_size
    if size > limits.max_bytes:
        raise TableError(
            f"the file is larger than {limits.max_bytes / 1024**2:.0f} MiB",
            remedy="leave out rows and columns that are not needed",
        )
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.strip(b"\x00\xef\xbb\xbf\xff\xfe \t\r\n"):
        raise TableError("the file is empty", remedy="upload a table with a header and patients")
    if head.startswith(b"PK\x03\x04"):
        from hccsurv_core.io.xlsx_cells import read_xlsx_grid

        _refuse_other_zips(head)
        return read_xlsx_grid(path, options, limits, on_fraction)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise _old_excel(path)
    for mark, what in _OTHERS:
        if head.startswith(mark):
            raise UnreadableFileError(f"{what}, not a table", remedy=_SAVE_AS)
    if (
        head.lstrip(b"\xef\xbb\xbf \t\r\n")[:20]
        .lower()
        .startswith((b"<html", b"<!doctype", b"<?xml"))
    ):
        raise UnreadableFileError("is a web page or XML, not a table", remedy=_SAVE_AS)
    from hccsurv_core.io.table_text import read_text_grid

    return read_text_grid(path, options, limits, on_fraction)


def _refuse_other_zips(head: bytes) -> None:
    if b"mimetypeapplication/vnd.oasis.opendocument" in head[:200]:
        raise UnreadableFileError("is an OpenDocument file", remedy=_SAVE_AS)
    if b"xl/workbook.bin" in head:
        raise UnreadableFileError("is a binary workbook (.xlsb)", remedy=_SAVE_AS)


def _old_excel(path: Path) -> UnreadableFileError:
    """Old .xls and encrypted .xlsx are the same container; its directory names what it holds."""
    with path.open("rb") as file:
        data = file.read(64 << 20)
    if "EncryptedPackage".encode("utf-16-le") in data:
        return UnreadableFileError(
            "is locked with a password", remedy="open it, remove the password, and save it again"
        )
    return UnreadableFileError("is in the old Excel format (.xls)", remedy=_SAVE_AS)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _serve(command: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    path = Path(command["path"])
    grid = read_grid(
        path,
        ReadOptions(**command["options"]),
        TableLimits(**command["limits"]),
        lambda fraction: progress(0.9 * fraction, "reading the table"),
    )
    result = grid.save(Path(command["workspace"]))
    return {**result, "sha256": _sha256(path)}


def main() -> None:
    """Read the one table that stdin names, answer, and end."""
    import sys

    from hccsurv_core.io.faults import error_to_dict
    from hccsurv_core.io.worker import Channel, limit_process, private_stdout

    channel = Channel(private_stdout())
    command = json.loads(sys.stdin.readline())
    limits = command["limits"]
    limit_process(int(limits["memory_bytes"]), 2 * limits["seconds"], _MAX_OUTPUT_BYTES)
    channel.on_file(Path(command["path"]), command["name"])
    try:
        channel.send(result=_serve(command, channel.progress))
    except HccsurvError as error:
        channel.send(error=error_to_dict(error))
    except MemoryError:
        failed = DecoderFailedError(
            "reading it needs more memory than one table is allowed",
            remedy="leave out rows and columns that are not needed",
        )
        channel.send(error=error_to_dict(failed))


if __name__ == "__main__":
    main()
