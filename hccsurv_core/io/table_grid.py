"""Rows of cells as coded columns: the form in which a table crosses from the reading process.

A clinical table repeats itself: each column is kept as its distinct texts and one
number a row that says which (−1 where the cell is empty). So everything that
follows, parsing above all, looks at each distinct text once.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.errors import TableError
from hccsurv_core.io.table_header import (
    Header,
    NoTableError,
    column_letters,
    distinct_names,
    find_header,
    looks_like_number,
)
from hccsurv_core.io.table_limits import TableLimits
from hccsurv_core.wording import agree, count_of

#: What a cell is by the file's own word. Text files only know text.
TEXT, NUMBER, DATE, BOOLEAN, FAULT = range(5)
#: A cell as a reader hands it over: "" where it is empty, else anything its ``decode`` knows.
Cell = Hashable
Decode = Callable[[Cell], tuple[int, str]]

_CHUNK_ROWS = 2048
#: Rows among which the header is looked for.
_HEADER_ROWS = 40


@dataclass
class Grid:
    """A table read: coded columns and what a person must be told about the reading.

    Args:
        names: distinct column names.
        codes: (n_columns, n_rows) which distinct text; −1 where empty.
        texts, kinds: per column, its distinct texts and what each is (:data:`TEXT` …).
        row_numbers: (n_rows,) row as a spreadsheet counts it, first row 1.
        header_row: row of the names; 0 where there are none.
        width: cells that a row should have.
        sheet_columns: position in the file to position here (columns without name and values
            are left out).
        ragged: (row number, its number of cells) of rows whose length is not the header's.
        notes: what was found out, assumed or changed.
        told: encoding, delimiter, sheets and the like.
    """

    names: list[str]
    codes: np.ndarray
    texts: list[list[str]]
    kinds: list[list[int]]
    row_numbers: np.ndarray
    header_row: int
    width: int
    sheet_columns: dict[int, int]
    ragged: list[tuple[int, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)

    def holds_table(self) -> bool:
        """True for two columns or more of which one holds mostly numbers or dates.

        A title, remarks or a list of variables do not: a table of patients has ages or times.
        """
        return len(self.names) > 1 and any(
            _mostly_numbers(*column)
            for column in zip(self.codes, self.texts, self.kinds, strict=True)
        )

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the arrays into ``folder``; return the rest as JSON values."""
        encoded = [text.encode("utf-8", "replace") for column in self.texts for text in column]
        arrays = {
            "codes": self.codes,
            "row_numbers": self.row_numbers,
            "kinds": np.array([k for column in self.kinds for k in column], dtype=np.uint8),
            "lengths": np.array([len(text) for text in encoded], dtype=np.int64),
            "bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8),
        }
        for name, values in arrays.items():
            np.save(folder / f"{name}.npy", values, allow_pickle=False)
        return {
            "names": self.names,
            "n_distinct": [len(column) for column in self.texts],
            "header_row": self.header_row,
            "width": self.width,
            "ragged": self.ragged[:_MAX_RAGGED],
            "notes": self.notes,
            **self.told,
        }


#: More uneven rows than this and the table is refused, so that none is left out of the list.
_MAX_RAGGED = 100_000


def _mostly_numbers(codes: np.ndarray, texts: list[str], kinds: list[int]) -> bool:
    measured = np.array(
        [
            kind in (NUMBER, DATE) or (kind == TEXT and looks_like_number(text))
            for text, kind in zip(texts, kinds, strict=True)
        ],
        dtype=bool,
    )
    filled = codes[codes >= 0]
    return bool(len(filled)) and bool(measured[filled].mean() >= 0.5)


class _Index(dict):
    """Numbers keys in the order in which they come."""

    def __missing__(self, key: Cell) -> int:
        number = self[key] = len(self)
        return number


class _Coder:
    """Collects one column."""

    def __init__(self) -> None:
        self.index = _Index()
        self.codes = array("i")

    def add(self, cells: Iterable[Cell]) -> None:
        self.codes.extend(map(self.index.__getitem__, cells))

    def finish(self, decode: Decode) -> tuple[np.ndarray, list[str], list[int]]:
        """Codes, texts and kinds; cells that read the same become one, empty ones −1."""
        known: dict[tuple[int, str], int] = {}
        renumber = np.empty(max(len(self.index), 1), dtype=np.int32)
        for number, key in enumerate(self.index):
            kind, text = decode(key)
            text = text.strip()
            renumber[number] = known.setdefault((kind, text), len(known)) if text else -1
        codes = renumber[np.frombuffer(self.codes, dtype=np.int32)] if self.codes else None
        empty = np.empty(0, dtype=np.int32)
        return (
            empty if codes is None else codes,
            [text for _, text in known],
            [kind for kind, _ in known],
        )


def build_grid(
    rows: Iterator[tuple[int, Sequence[Cell]]],
    decode: Decode,
    *,
    limits: TableLimits,
    header_row: int | None = None,
    on_row: Callable[[int], None] = lambda row: None,
    full_width: bool = True,
) -> Grid:
    """Find the header and code the columns.

    Args:
        rows: (row as a spreadsheet counts it, its cells), in order.
        decode: a cell to its kind and text.
        limits: bounds on rows, columns and cells.
        header_row: the header's row, 0 for none; None finds it.
        on_row: called once a chunk with the row reached.
        full_width: every row has all its cells (text files), so that a shorter one is told.

    Raises:
        NoTableError: there are no rows, or no such header.
        TableError: the table is too large, or most of its rows are uneven.
    """
    ahead = list(islice(_not_blank(rows), _HEADER_ROWS))
    if not ahead:
        raise NoTableError("the table is empty", remedy="give a table with a header and patients")
    texts = [(number, [decode(cell)[1].strip() for cell in cells]) for number, cells in ahead]
    header = find_header(texts, header_row)
    body = ahead[header.body :]
    # A table that runs over several printed pages repeats its names.
    repeated = ahead[header.at][1] if header.at is not None and len(header.names) > 1 else None
    filler = _Filler(
        header.width, limits, full_width, has_header=header.at is not None, repeated=repeated
    )
    for chunk in _chunks(body, _not_blank(rows)):
        filler.add(chunk)
        on_row(chunk[-1][0])
    return filler.finish(header, decode)


def _not_blank(
    rows: Iterator[tuple[int, Sequence[Cell]]],
) -> Iterator[tuple[int, Sequence[Cell]]]:
    return ((number, cells) for number, cells in rows if any(cells))


def _chunks(
    first: list[tuple[int, Sequence[Cell]]], rows: Iterator[tuple[int, Sequence[Cell]]]
) -> Iterator[list[tuple[int, Sequence[Cell]]]]:
    if first:
        yield first
    while chunk := list(islice(rows, _CHUNK_ROWS)):
        yield chunk


class _Filler:
    """Fills columns from chunks of rows, evening out and noting rows of another length."""

    def __init__(
        self,
        width: int,
        limits: TableLimits,
        full_width: bool,
        *,
        has_header: bool,
        repeated: Sequence[Cell] | None = None,
    ) -> None:
        self.limits = limits
        self.full_width = full_width
        self.width = width
        self.fixed = has_header and full_width
        self.coders: list[_Coder] = []
        self.numbers = array("q")
        self.ragged: list[tuple[int, int]] = []
        self.repeated = None if repeated is None else tuple(repeated)
        self.repeated_rows: list[int] = []
        self._widen(width)

    def _widen(self, width: int) -> None:
        if width > self.limits.max_columns:
            raise TableError(
                f"the table has {width:,} columns, the last is {column_letters(width - 1)}; at most "
                f"{self.limits.max_columns:,} are read",
                remedy="leave out columns that are not needed",
            )
        while len(self.coders) < width:
            coder = _Coder()
            coder.add([""] * len(self.numbers))
            self.coders.append(coder)
        self.width = max(width, self.width)

    def add(self, chunk: list[tuple[int, Sequence[Cell]]]) -> None:
        repeated = [number for number, cells in chunk if tuple(cells) == self.repeated]
        if repeated:
            self.repeated_rows += repeated
            chunk = [row for row in chunk if row[0] not in repeated]
        if not chunk:
            return
        if not self.fixed:
            self._widen(max(self.width, *(len(cells) for _, cells in chunk)))
        width = self.width
        even: list[Sequence[Cell]] = []
        for number, cells in chunk:
            even.append(cells if len(cells) == width else self._evened(number, cells))
        for coder, cells in zip(self.coders, zip(*even, strict=True), strict=True):
            coder.add(cells)
        self.numbers.extend(number for number, _ in chunk)
        n = len(self.numbers)
        if n > self.limits.max_rows or n * width > self.limits.max_cells:
            raise TableError(
                f"the table has more than {self.limits.max_rows:,} rows or "
                f"{self.limits.max_cells:,} cells",
                remedy="leave out rows or columns that are not needed",
            )

    def _evened(self, number: int, cells: Sequence[Cell]) -> Sequence[Cell]:
        short = len(cells) < self.width
        if self.full_width and (short or any(cells[self.width :])):
            self.ragged.append((number, len(cells)))
            if len(self.ragged) > _MAX_RAGGED:
                raise self._uneven()
        if short:
            return (*cells, *[""] * (self.width - len(cells)))
        return cells[: self.width]

    def _uneven(self) -> TableError:
        row, n = self.ragged[0]
        return TableError(
            f"row {row} has {count_of(n, 'cell')} but the header has {self.width}, and so for "
            f"{count_of(len(self.ragged), 'row')}",
            remedy="choose another delimiter; or a text with a comma or a number with a decimal "
            "comma is not in quotation marks",
        )

    def _notes(self) -> list[str]:
        n = len(self.repeated_rows)
        if not n:
            return []
        rows = ", ".join(map(str, self.repeated_rows[:10]))
        return [
            f"{count_of(n, 'row repeats', 'rows repeat')} the column names and "
            f"{agree(n, 'is', 'are')} left out ({agree(n, 'row', 'rows')} {rows})."
        ]

    def finish(self, header: Header, decode: Decode) -> Grid:
        n = len(self.numbers)
        if not n:
            raise NoTableError(
                "the table has column names but no rows", remedy="give a table with patients"
            )
        if len(self.ragged) > max(3, 0.2 * n) and any(k > self.width for _, k in self.ragged):
            raise self._uneven()
        done = [coder.finish(decode) for coder in self.coders]
        codes = np.stack([column[0] for column in done])
        names = header.names + [""] * (len(done) - len(header.names))
        used = np.array(
            [bool(name) or (c >= 0).any() for name, c in zip(names, codes, strict=True)]
        )
        kept_rows = (codes >= 0).any(axis=0)
        blank = int((~kept_rows).sum())
        if blank == n:
            raise NoTableError(
                "the table is empty", remedy="give a table with a header and patients"
            )
        distinct, told = distinct_names(names, header.row)
        keep = np.flatnonzero(used)
        return Grid(
            names=[distinct[i] for i in keep],
            codes=np.ascontiguousarray(codes[keep][:, kept_rows]),
            texts=[done[i][1] for i in keep],
            kinds=[done[i][2] for i in keep],
            row_numbers=np.frombuffer(self.numbers, dtype=np.int64)[kept_rows],
            header_row=header.row,
            width=self.width,
            sheet_columns={int(i): at for at, i in enumerate(keep)},
            ragged=self.ragged,
            notes=[
                *header.notes,
                *self._notes(),
                *(t for i, t in enumerate(told) if used[i] and t),
            ],
        )
