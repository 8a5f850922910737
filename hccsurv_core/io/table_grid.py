"""Rows of cells as coded columns: the form in which a table crosses from the reading process.

A clinical table repeats itself: each column is kept as its distinct texts and one
number a row that says which (−1 where the cell is empty). So everything that
follows, parsing above all, looks at each distinct text once.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hccsurv_core.errors import TableError
from hccsurv_core.io.table_limits import TableLimits
from hccsurv_core.wording import count_of

#: What a cell is by the file's own word. Text files only know text.
TEXT, NUMBER, DATE, BOOLEAN, FAULT = range(5)
#: A cell as a reader hands it over: "" where it is empty, else anything its ``decode`` knows.
Cell = Hashable
Decode = Callable[[Cell], tuple[int, str]]

_CHUNK_ROWS = 2048
#: Rows among which the header is looked for.
_HEADER_ROWS = 40
_MAX_NAME = 200
_NUMBER_LIKE = re.compile(
    r"[-+]?[\d.,]*\d[\d.,]*(e[-+]?\d+)?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*", re.I
)


class NoTableError(TableError):
    """What was read holds no table: another sheet may."""


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
            kind in (NUMBER, DATE) or (kind == TEXT and _NUMBER_LIKE.fullmatch(text) is not None)
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
    at = _header_at(texts, header_row)
    notes: list[str] = []
    if at is None:
        names, body, header = [], ahead, 0
        width = max(len(cells) for _, cells in ahead)
        notes.append("The table has no header row: its columns are numbered.")
    else:
        header, names = texts[at][0], _without_empty_end(texts[at][1])
        body = ahead[at + 1 :]
        width = len(names)
        if texts[at][0] > 1 and header_row is None:
            notes.append(f"The column names were found in row {header}; rows above are left out.")
        if _has_row_names(width, texts[at + 1 :]):
            names, width = ["", *names], width + 1
            notes.append("The header has one name less than the rows have cells: the first column "
                         "is taken for row names.")  # fmt: skip
    filler = _Filler(width, limits, full_width, has_header=at is not None)
    for chunk in _chunks(body, _not_blank(rows)):
        filler.add(chunk)
        on_row(chunk[-1][0])
    return filler.finish(names, header, notes, decode)


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


def _without_empty_end(names: list[str]) -> list[str]:
    """Names up to the last that is not empty: a trailing delimiter is not a column."""
    n = len(names)
    while n and not names[n - 1]:
        n -= 1
    return names[:n]


def _header_at(rows: list[tuple[int, list[str]]], wanted: int | None) -> int | None:
    """Index of the header among the first rows, or None where the table has none.

    Title lines above a header have fewer cells than the table; a row of which half looks like
    numbers or dates is data.

    Raises:
        NoTableError: the row that the user names is not there.
    """
    if wanted == 0:
        return None
    if wanted is not None:
        for at, (number, _) in enumerate(rows):
            if number == wanted:
                return at
        raise NoTableError(
            f"row {wanted} cannot be the header: it is empty, or further down than "
            f"row {rows[-1][0]}",
            remedy="give the row that holds the column names",
        )
    filled = [sum(map(bool, cells)) for _, cells in rows]
    enough = 0.6 * max(filled)
    at = next(i for i, n in enumerate(filled) if n >= enough)
    cells = [text for text in rows[at][1] if text]
    numbers = sum(_NUMBER_LIKE.fullmatch(text) is not None for text in cells)
    return None if 2 * numbers > len(cells) or (2 * numbers == len(cells) > 0) else at


def _has_row_names(width: int, body: list[tuple[int, list[str]]]) -> bool:
    """True for what R's write.table makes: a first column of names or of 1, 2, 3 … without a header.

    Other columns of numbers are not taken for names: a decimal comma makes a row longer, too.
    """
    if not body or any(len(cells) != width + 1 or not cells[width] for _, cells in body):
        return False
    names = [cells[0] for _, cells in body]
    counted = names == [str(k) for k in range(1, len(names) + 1)]
    named = len(set(names)) == len(names) and not any(map(_NUMBER_LIKE.fullmatch, names))
    return counted or named


class _Filler:
    """Fills columns from chunks of rows, evening out and noting rows of another length."""

    def __init__(
        self, width: int, limits: TableLimits, full_width: bool, *, has_header: bool
    ) -> None:
        self.limits = limits
        self.full_width = full_width
        self.width = width
        self.fixed = has_header and full_width
        self.coders: list[_Coder] = []
        self.numbers = array("q")
        self.ragged: list[tuple[int, int]] = []
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

    def finish(self, names: list[str], header: int, notes: list[str], decode: Decode) -> Grid:
        n = len(self.numbers)
        if not n:
            raise NoTableError(
                "the table has column names but no rows", remedy="give a table with patients"
            )
        if len(self.ragged) > max(3, 0.2 * n) and any(k > self.width for _, k in self.ragged):
            raise self._uneven()
        done = [coder.finish(decode) for coder in self.coders]
        codes = np.stack([column[0] for column in done])
        names = names + [""] * (len(done) - len(names))
        used = np.array(
            [bool(name) or (c >= 0).any() for name, c in zip(names, codes, strict=True)]
        )
        kept_rows = (codes >= 0).any(axis=0)
        blank = int((~kept_rows).sum())
        if blank == n:
            raise NoTableError(
                "the table is empty", remedy="give a table with a header and patients"
            )
        distinct, told = _distinct_names(names, header)
        keep = np.flatnonzero(used)
        return Grid(
            names=[distinct[i] for i in keep],
            codes=np.ascontiguousarray(codes[keep][:, kept_rows]),
            texts=[done[i][1] for i in keep],
            kinds=[done[i][2] for i in keep],
            row_numbers=np.frombuffer(self.numbers, dtype=np.int64)[kept_rows],
            header_row=header,
            width=self.width,
            sheet_columns={int(i): at for at, i in enumerate(keep)},
            ragged=self.ragged,
            notes=[*notes, *(t for i, t in enumerate(told) if used[i] and t)],
        )


def column_letters(index: int) -> str:
    """A column as spreadsheets name it: 0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _distinct_names(names: list[str], header: int) -> tuple[list[str], list[str]]:
    """Names made fit and distinct, and what to tell about each ("" for nothing)."""
    taken: set[str] = set()
    given: list[str] = []
    told: list[str] = []
    for index, raw in enumerate(names):
        printable = "".join(c if c.isprintable() else " " for c in raw)
        name, note = " ".join(printable.split())[:_MAX_NAME], ""
        if not name:
            name = f"column {column_letters(index)}"
            if header:
                note = f"Column {column_letters(index)} has no name: it is called {name!r}."
        if name in taken:
            n = next(k for k in range(2, len(names) + 2) if f"{name} ({k})" not in taken)
            note = f"Two columns are called {name!r}: the later one (column "
            name = f"{name} ({n})"
            note += f"{column_letters(index)}) is called {name!r}."
        taken.add(name)
        given.append(name)
        told.append(note)
    return given, told
