"""Clinical tables: CSV, TSV, semicolons or XLSX, read in a process of its own.

>>> raw = read_table(Path("cohort.xlsx"))              # doctest: +SKIP
>>> raw.column_names, raw.n_rows, raw.notes

What comes back is what the file says, cell by cell, as text: what a text *means*
(a number, a date, an event) is decided later, by people, in ``cohort``.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import DecoderFailedError, InputError, TableError, UnreadableFileError
from hccsurv_core.io.child import Decoder, DecoderDiedError
from hccsurv_core.io.limits import IntakeLimits
from hccsurv_core.io.sniff import shown_name
from hccsurv_core.io.table_grid import BOOLEAN, DATE, FAULT, NUMBER, TEXT
from hccsurv_core.io.table_limits import ReadOptions, TableLimits
from hccsurv_core.io.workspaces import sweep_abandoned, workspace_prefix
from hccsurv_core.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "BOOLEAN",
    "DATE",
    "FAULT",
    "NUMBER",
    "TEXT",
    "RawColumn",
    "RawTable",
    "ReadOptions",
    "TableLimits",
    "read_table",
]

_COPY_BYTES = 1 << 20
_GARBAGE = (KeyError, TypeError, ValueError, IndexError, OSError, OverflowError)


@dataclass(frozen=True, eq=False)
class RawColumn:
    """One column as the file has it.

    Args:
        name: its name, distinct in the table.
        texts: its distinct texts, stripped, none empty, in order of first appearance. Numbers
            of a spreadsheet are written with a decimal point, its dates as ISO 8601.
        kinds: what each text is by the file's own word (:data:`TEXT`, :data:`NUMBER`,
            :data:`DATE`, :data:`BOOLEAN`, :data:`FAULT`, an error of a formula); text files
            only know :data:`TEXT`.
        codes: (n_rows,) which of ``texts`` a row holds; −1 where the cell is empty.
    """

    name: str
    texts: tuple[str, ...]
    kinds: NDArray[np.uint8]
    codes: NDArray[np.int32]

    def values(self) -> NDArray[np.object_]:
        """(n_rows,) the texts; None where the cell is empty."""
        return np.array([*self.texts, None], dtype=object)[self.codes]

    def counts(self) -> NDArray[np.int64]:
        """How many rows hold each of ``texts``."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))

    @property
    def n_empty(self) -> int:
        """How many cells are empty."""
        return int((self.codes < 0).sum())


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table as the file has it.

    Args:
        columns: its columns in order.
        row_numbers: (n_rows,) each row's number in a spreadsheet (the file's first row is 1).
        source: the file's name as the user knows it.
        sha256: the file's digest.
        format: "text" or "xlsx".
        encoding, delimiter: of a text file; None for XLSX.
        sheet, sheet_names: of an XLSX file; None and empty for text.
        header_row: row of the column names; 0 where there were none.
        ragged: (row number, number of cells) of rows longer or shorter than the header.
        notes: sentences about what was found out, assumed or renamed.
        options: as the user gave them.
        width: cells that each row should have; columns without name and values are not kept.
    """

    columns: tuple[RawColumn, ...]
    row_numbers: NDArray[np.int64]
    source: str
    sha256: str
    format: str
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    sheet_names: tuple[str, ...]
    header_row: int
    ragged: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]
    options: ReadOptions
    width: int = 0

    @property
    def n_rows(self) -> int:
        """Rows with at least one value, the header not counted."""
        return len(self.row_numbers)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> RawColumn:
        """The column called ``name``.

        Raises:
            TableError: there is none, naming those there are.
        """
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(self.column_names[:30])
            raise TableError(
                f"there is no column called {name!r}",
                source=self.source,
                remedy=f"choose one of {known}",
            ) from None

    @cached_property
    def _by_name(self) -> dict[str, RawColumn]:
        return {column.name: column for column in self.columns}

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The texts as a data frame, None where empty, indexed by row number."""
        import pandas as pd

        values = {column.name: column.values() for column in self.columns}
        return pd.DataFrame(values, index=pd.Index(self.row_numbers, name="row"), dtype=object)

    def to_json(self) -> dict[str, Any]:
        """Where the table came from and how it was read, as JSON values; no cells."""
        return {
            "source": self.source,
            "sha256": self.sha256,
            "format": self.format,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "sheet": self.sheet,
            "header_row": self.header_row,
            "n_rows": self.n_rows,
            "n_columns": len(self.columns),
            "notes": list(self.notes),
            "options": self.options.to_json(),
        }


def read_table(
    file: Path | str | IO[bytes],
    *,
    name: str | None = None,
    options: ReadOptions | None = None,
    limits: TableLimits | None = None,
    progress: Progress = silent,
) -> RawTable:
    """Read a clinical table in a child process with limits on memory and time.

    Args:
        file: a path, or an open binary file such as an upload.
        name: what the user calls it; by default the file's own name.
        options: sheet, delimiter, encoding or header row, where the user says.
        limits: bounds on size, time and memory.
        progress: called with the fraction done; what it raises stops the reading.

    Raises:
        TableError: the table is empty, uneven or too large, or a sheet, delimiter or header
            that was asked for is not there; names the row where there is one.
        UnreadableFileError: the file is no table, damaged, or locked with a password.
        UnsafeArchiveError: an XLSX file unpacks to more than allowed.
        DecoderFailedError: the reading process died, or ran out of time or memory.
        CancelledError: ``progress`` cancelled.
    """
    options, limits = options or ReadOptions(), limits or TableLimits()
    given = name or getattr(file, "name", None) or file
    shown = shown_name(Path(str(given)).name) or "table"
    sweep_abandoned()
    with tempfile.TemporaryDirectory(prefix=workspace_prefix()) as folder:
        workspace = Path(folder)
        path = _on_disk(file, workspace, shown, limits)
        command = {
            "path": str(path),
            "name": shown,
            "workspace": str(workspace),
            "options": options.to_json(),
            "limits": limits.to_dict(),
        }
        told = _ask(command, shown, limits, progress)
        try:
            return load_grid(told, workspace, shown, options, limits)
        except _GARBAGE as error:
            raise DecoderFailedError(
                "the process that reads tables answered with garbage", source=shown
            ) from error


def _ask(
    command: dict[str, Any], shown: str, limits: TableLimits, progress: Progress
) -> dict[str, Any]:
    bounds = IntakeLimits(decode_seconds=limits.seconds, file_seconds=limits.seconds)
    reader = Decoder(bounds, worker_command())
    try:
        return reader.ask(command, progress)
    except DecoderDiedError as error:
        raise DecoderFailedError(error.what, source=shown, remedy=_LEAVE_OUT) from error
    except InputError as error:
        raise error.with_source(shown) from error
    finally:
        reader.kill()


_LEAVE_OUT = "save the table again as CSV or XLSX, with fewer rows or columns if it is very large"


def _on_disk(
    file: Path | str | IO[bytes], workspace: Path, shown: str, limits: TableLimits
) -> Path:
    """The path to read; an upload is copied into the workspace, never held in memory whole."""
    if isinstance(file, (str, Path)):
        path = Path(file).absolute()
        if not path.is_file():
            raise UnreadableFileError(
                "there is no such file", source=shown, remedy="check the path"
            )
        return path
    target = workspace / "upload"
    file.seek(0)
    with target.open("xb") as out:
        shutil.copyfileobj(file, out, _COPY_BYTES)
    if target.stat().st_size > limits.max_bytes:
        raise TableError(
            f"the file is larger than {limits.max_bytes / 1024**2:.0f} MiB",
            source=shown,
            remedy="leave out rows and columns that are not needed",
        )
    return target


def worker_command() -> list[str]:
    """How the reading process is started."""
    return [sys.executable, "-P", "-m", "hccsurv_core.io.table_worker"]


def load_grid(
    told: dict[str, Any], folder: Path, source: str, options: ReadOptions, limits: TableLimits
) -> RawTable:
    """The table that a reading process left in ``folder``; nothing of it is taken on trust.

    Raises:
        ValueError, KeyError, TypeError, OSError: it is not what such a process leaves.
    """
    arrays = {
        key: np.load(folder / f"{key}.npy", allow_pickle=False, mmap_mode="r")
        for key in ("codes", "row_numbers", "kinds", "lengths", "bytes")
    }
    codes = arrays["codes"]
    if codes.dtype != np.int32 or codes.ndim != 2 or codes.size > limits.max_cells:
        raise ValueError("codes are not what was announced")
    codes = np.array(codes)
    names = [str(name) for name in told["names"]]
    n_distinct = [int(n) for n in told["n_distinct"]]
    columns = []
    texts = _decode_texts(arrays["bytes"], arrays["lengths"])
    kinds = np.array(arrays["kinds"], dtype=np.uint8)
    numbers = np.array(arrays["row_numbers"], dtype=np.int64)
    shapes = (len(names), len(n_distinct), len(set(names)), sum(n_distinct), len(kinds))
    wanted = (codes.shape[0], codes.shape[0], codes.shape[0], len(texts), len(texts))
    if shapes != wanted or numbers.shape != codes.shape[1:]:
        raise ValueError("columns are not what was announced")
    at = 0
    for name, n, column in zip(names, n_distinct, codes, strict=True):
        if column.min() < -1 or column.max() >= n:
            raise ValueError("a cell refers to a text that is not there")
        columns.append(RawColumn(name, tuple(texts[at : at + n]), kinds[at : at + n], column))
        at += n
    return RawTable(
        columns=tuple(columns),
        row_numbers=numbers,
        source=source,
        sha256=str(told["sha256"]),
        format=str(told["format"]),
        encoding=_text_or_none(told["encoding"]),
        delimiter=_text_or_none(told["delimiter"]),
        sheet=_text_or_none(told["sheet"]),
        sheet_names=tuple(str(name) for name in told["sheet_names"]),
        header_row=int(told["header_row"]),
        ragged=tuple((int(row), int(n)) for row, n in told["ragged"]),
        notes=tuple(str(note) for note in told["notes"]),
        options=options,
        width=int(told["width"]),
    )


def _decode_texts(data: NDArray, lengths: NDArray) -> list[str]:
    if data.dtype != np.uint8 or lengths.dtype != np.int64 or (lengths < 0).any():
        raise ValueError("texts are not what was announced")
    ends = np.cumsum(lengths)
    if (int(ends[-1]) if len(ends) else 0) != data.size:
        raise ValueError("texts are not what was announced")
    whole = data.tobytes()
    bounds = [0, *ends.tolist()]
    return [whole[a:b].decode("utf-8", "replace") for a, b in pairwise(bounds)]


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)
