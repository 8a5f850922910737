"""Delimited text as a grid: encoding, delimiter and quoting found out, faults told by row."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from hccsurv_core.errors import TableError, UnreadableFileError
from hccsurv_core.io.table_grid import TEXT, Cell, Grid, build_grid
from hccsurv_core.io.table_limits import ReadOptions, TableLimits

DELIMITERS = ",;\t|"
_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_SAMPLE_CHARS = 1 << 18
_SAMPLE_ROWS = 200
_CHUNK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Runs of bytes beyond ASCII: in GBK most have an even length of at least 2, in Latin-1 most are 1.
_HIGH_RUNS = re.compile(rb"[\x80-\xff]+")
#: Control characters that no text has; a file with more than a few is not a text.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SAVE_AGAIN = "save the table as CSV (UTF-8) or XLSX and upload that"


def find_encoding(path: Path) -> str:
    """The encoding of a text file: by its mark, else UTF-8 if it is that, else by its bytes.

    Raises:
        UnreadableFileError: the file is not text.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(len(head) // 2, 1)
    if odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.1 * half:
        return "utf-16-be"
    if even or odd:
        raise _not_text()
    if _is_utf8(path):
        return "utf-8"
    return _legacy_encoding(path)


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def _legacy_encoding(path: Path) -> str:
    """``gb18030`` or ``cp1252`` (Latin-1 with what Windows adds), by how high bytes cluster."""
    runs = [run for chunk in _byte_chunks(path) for run in _HIGH_RUNS.findall(chunk)]
    high = sum(map(len, runs))
    paired = sum(len(run) for run in runs if len(run) >= 2 and len(run) % 2 == 0)
    order = ("gb18030", "cp1252") if paired > 0.8 * high else ("cp1252", "gb18030")
    for name in order:
        decoder = codecs.getincrementaldecoder(name)()
        try:
            for chunk in _byte_chunks(path):
                decoder.decode(chunk)
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            continue
        return name
    return "latin-1"


def _byte_chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _not_text() -> UnreadableFileError:
    return UnreadableFileError("is not a text table: it holds binary data", remedy=_SAVE_AGAIN)


def find_delimiter(sample: str) -> str:
    """The delimiter under which most rows of the sample have the same number of cells.

    Args:
        sample: the beginning of the file, its last line possibly cut off.
    """
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        counts = _cells_per_row(sample, delimiter)
        if not counts:
            continue
        usual = max(set(counts), key=lambda n: (counts.count(n), n))
        share = counts.count(usual) / len(counts)
        if usual > 1 and (share, usual) > best_score:
            best, best_score = delimiter, (share, usual)
    return best


def _cells_per_row(sample: str, delimiter: str) -> list[int]:
    counts: list[int] = []
    try:
        for row in csv.reader(io.StringIO(sample), delimiter=delimiter, skipinitialspace=True):
            if row:
                counts.append(len(row))
            if len(counts) > _SAMPLE_ROWS:
                break
    except csv.Error:
        return counts
    return counts[:-1] if len(sample) >= _SAMPLE_CHARS else counts


def read_text_grid(
    path: Path,
    options: ReadOptions,
    limits: TableLimits,
    on_fraction: Callable[[float], None] = lambda fraction: None,
) -> Grid:
    """Read a delimited text file.

    Args:
        path: the file.
        options: what the user says; the rest is found out.
        limits: bounds on its size.
        on_fraction: told now and then how much is read.

    Raises:
        UnreadableFileError: it is not text, or not text in the encoding given.
        TableError: quoting is broken, the table is empty, uneven or too large; names the row.
    """
    encoding = options.encoding or find_encoding(path)
    try:
        codecs.lookup(encoding)
        with path.open(encoding=encoding, newline="") as file:
            return _read(file, path, encoding, options, limits, on_fraction)
    except LookupError as error:
        raise TableError(
            f"there is no encoding {encoding!r}", remedy="choose for example utf-8 or latin-1"
        ) from error
    except UnicodeError as error:
        raise UnreadableFileError(
            f"is not text in the encoding {encoding}", remedy="choose another encoding"
        ) from error


def _read(
    file: IO[str],
    path: Path,
    encoding: str,
    options: ReadOptions,
    limits: TableLimits,
    on_fraction: Callable[[float], None],
) -> Grid:
    sample = file.read(_SAMPLE_CHARS)
    if len(_CONTROL.findall(sample)) > 0.001 * len(sample) + 1 or "\x00" in sample:
        raise _not_text()
    declared, at = _declared_delimiter(sample)
    file.seek(0)
    if at:
        file.readline()
        sample = sample[at:]
    delimiter = options.delimiter or declared or find_delimiter(sample)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise TableError(
            f"{delimiter!r} cannot be a delimiter", remedy="give one character, for example ;"
        )
    size = max(path.stat().st_size, 1)
    grid = build_grid(
        _rows(file, delimiter, limits),
        lambda cell: (TEXT, str(cell)),
        limits=limits,
        header_row=options.header_row,
        on_row=lambda row: on_fraction(min(file.buffer.tell() / size, 1.0)),  # type: ignore[attr-defined]
    )
    shown = {"gb18030": "GB18030 (Chinese)", "cp1252": "Windows-1252 (Latin)"}.get(encoding)
    if shown and not options.encoding:
        grid.notes.append(
            f"The text is not UTF-8; it was read as {shown}. Check names with special letters."
        )
    grid.told = {
        "format": "text",
        "encoding": encoding,
        "delimiter": delimiter,
        "delimiter_name": _DELIMITER_NAMES.get(delimiter, delimiter),
        "sheet": None,
        "sheet_names": [],
    }
    return grid


def _declared_delimiter(sample: str) -> tuple[str | None, int]:
    """What Excel's first line ``sep=;`` says, and the length of that line; it counts as no row."""
    found = re.match(r"\ufeff?sep=([^\r\n])(\r\n|\r|\n)", sample, re.IGNORECASE)
    return (found[1], found.end()) if found else (None, 0)


def _rows(
    file: IO[str], delimiter: str, limits: TableLimits
) -> Iterator[tuple[int, Sequence[Cell]]]:
    csv.field_size_limit(limits.max_cell_chars)
    number = 0
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for number, cells in enumerate(reader, start=1):
            yield number, cells
    except csv.Error as error:
        raise TableError(
            f"row {number + 1} cannot be read: {_in_words(str(error))}",
            remedy="correct this row, or save the table again from a spreadsheet program",
        ) from error


def _in_words(text: str) -> str:
    if "unexpected end of data" in text or "field larger" in text:
        return "a quotation mark is opened and never closed"
    if "expected after" in text:
        return "a quotation mark inside a quoted text is not doubled"
    if "NUL" in text:
        return "it holds binary data"
    return text
