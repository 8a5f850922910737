"""The cells of one worksheet as a grid: cached values of formulas, dates, merged cells."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from hccsurv_core.errors import TableError
from hccsurv_core.io.table_grid import (
    BOOLEAN,
    DATE,
    FAULT,
    NUMBER,
    TEXT,
    Cell,
    Grid,
    NoTableError,
    build_grid,
    column_letters,
)
from hccsurv_core.io.table_limits import ReadOptions, TableLimits
from hccsurv_core.io.xlsx_package import Sheet, XlsxPackage, cell_too_long
from hccsurv_core.wording import agree, count_of

_EMPTY = "the sheet is empty"
_MAX_MERGED = 100_000
_MAX_EXCEL_COLUMNS = 16_384
_LAST_DAY = 2_958_465  # 31 December 9999
_RANGE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})")


class _SheetWalker:
    """Receives the elements of a sheet; finished rows wait in ``rows``."""

    def __init__(self, package: XlsxPackage, limits: TableLimits) -> None:
        self.is_date = package.date_styles
        self.limits = limits
        self.rows: list[tuple[int, Sequence[Cell]]] = []
        self.merged: list[tuple[int, int, int, int]] = []
        self.not_calculated: dict[int, tuple[int, int]] = {}
        self.n_rows = 0
        self._columns: dict[str, int] = {}
        self._row = 0
        self._column = -1
        self._cells: list[Cell] = []
        self._kind = "n"
        self._date = False
        self._formula = False
        self._value: str | None = None
        self._pieces: list[str] = []
        self._collect = False
        self._phonetic = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if ":" in name:
            name = name.rpartition(":")[2]
        if name == "c":
            self._start_cell(attributes)
        elif name == "v":
            self._pieces.clear()
            self._collect = True
        elif name == "t":
            self._collect = not self._phonetic
        elif name == "is":
            self._pieces.clear()
        elif name == "rPh":
            self._phonetic += 1
        elif name == "f":
            self._formula = True
        elif name == "row":
            self._start_row(attributes)
        elif name == "mergeCell":
            self._note_merged(attributes.get("ref", ""))

    def end(self, name: str) -> None:
        if ":" in name:
            name = name.rpartition(":")[2]
        if name == "c":
            self._end_cell()
        elif name == "v" or name == "is":
            self._value = "".join(self._pieces)
            self._collect = False
        elif name == "t":
            self._collect = False
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "row" and any(self._cells):
            self.rows.append((self._row, self._cells))
            self.n_rows += 1
            if self.n_rows > self.limits.max_rows + 50:
                raise TableError(
                    f"the sheet has more than {self.limits.max_rows:,} rows",
                    remedy="leave out rows that are not needed",
                )

    def text(self, data: str) -> None:
        if self._collect:
            self._pieces.append(data)

    def _start_row(self, attributes: dict[str, str]) -> None:
        number = attributes.get("r", "")
        # Rows without a number follow the one before; a number that goes back is not believed.
        self._row = max(int(number), self._row + 1) if number.isdecimal() else self._row + 1
        self._column = -1
        self._cells = []

    def _start_cell(self, attributes: dict[str, str]) -> None:
        get = attributes.get
        letters = get("r", "").rstrip("0123456789")
        column = self._columns.get(letters)
        if column is None:
            column = _column_index(letters) if letters else self._column + 1
            if letters:
                self._columns[letters] = column
        self._column = max(column, self._column + 1)
        self._kind = get("t", "n")
        style = get("s", "0")
        at = int(style) if style.isdecimal() else 0
        self._date = at < len(self.is_date) and self.is_date[at]
        self._formula = False
        self._value = None

    def _end_cell(self) -> None:
        if not self._value:
            if self._formula and self._kind != "str":
                row, n = self.not_calculated.get(self._column, (self._row, 0))
                self.not_calculated[self._column] = (row, n + 1)
            return
        if len(self._value) > self.limits.max_cell_chars:
            raise cell_too_long(f"a cell in row {self._row}", self.limits)
        cells = self._cells
        missing = self._column - len(cells)
        if missing:
            if self._column >= _MAX_EXCEL_COLUMNS:
                return
            cells.extend([""] * missing)
        cells.append((self._kind, self._date, self._value))

    def _note_merged(self, ref: str) -> None:
        found = _RANGE.fullmatch(ref)
        if found and len(self.merged) < _MAX_MERGED:
            left, top, right, bottom = found.groups()
            self.merged.append((_column_index(left), int(top), _column_index(right), int(bottom)))


def _column_index(letters: str) -> int:
    index = 0
    for letter in letters[:4].upper():
        index = 26 * index + ord(letter) - ord("A") + 1
    return max(index - 1, 0)


def _decoder(shared: list[str], epoch_1904: bool) -> Callable[[Cell], tuple[int, str]]:
    start = datetime.datetime(1904, 1, 1) if epoch_1904 else datetime.datetime(1899, 12, 30)

    def decode(cell: Cell) -> tuple[int, str]:
        if cell == "" or not isinstance(cell, tuple):
            return TEXT, ""
        kind, is_date, value = cell
        if kind == "s":
            at = int(value) if value.isdecimal() else -1
            return TEXT, shared[at] if 0 <= at < len(shared) else ""
        if kind == "b":
            return BOOLEAN, "TRUE" if value in ("1", "true") else "FALSE"
        if kind == "e":
            return FAULT, value
        if kind == "d":
            return DATE, value.replace("T", " ").removesuffix("Z").removesuffix(" 00:00:00")
        if kind in ("inlineStr", "str"):
            return TEXT, value
        return _decode_number(value, is_date, start)

    return decode


def _decode_number(value: str, is_date: bool, start: datetime.datetime) -> tuple[int, str]:
    if value.isdecimal() and not is_date:
        return NUMBER, str(int(value))  # a long identifier keeps all its digits
    try:
        number = float(value)
    except ValueError:
        return TEXT, value
    if not math.isfinite(number):
        return TEXT, value
    if is_date and 0 < number < _LAST_DAY:
        return _decode_date(number, start)
    if number.is_integer() and abs(number) < 1e15:
        return NUMBER, str(int(number))
    return NUMBER, repr(number)


def _decode_date(serial: float, start: datetime.datetime) -> tuple[int, str]:
    # Excel believes in 29 February 1900 (serial 60): before it, days count from one day later.
    early = start.year == 1899 and serial < 60
    shift = 1 if early else 0
    seconds = round(serial * 86400)
    moment = start + datetime.timedelta(days=shift, seconds=seconds)
    if serial < 1:
        return TEXT, moment.strftime("%H:%M:%S")
    if seconds % 86400 == 0:
        return DATE, moment.date().isoformat()
    return DATE, moment.isoformat(sep=" ")


def read_xlsx_grid(
    path: Path,
    options: ReadOptions,
    limits: TableLimits,
    on_fraction: Callable[[float], None] = lambda fraction: None,
) -> Grid:
    """Read one sheet: the one named, else the first that holds a table, visible ones first.

    Raises:
        UnreadableFileError: the file is damaged, locked, or holds no worksheet.
        UnsafeArchiveError: it unpacks to more than allowed.
        TableError: no such sheet; the sheet is empty or too large.
    """
    package = XlsxPackage(path, limits)
    try:
        decode = _decoder(package.shared_texts(), package.epoch_1904)

        def read(sheet: Sheet) -> tuple[Grid, _SheetWalker]:
            walker = _SheetWalker(package, limits)
            rows = _rows(package, sheet, walker, on_fraction)
            first = next(rows, None)
            if first is None:
                raise NoTableError(_EMPTY, remedy="choose another sheet")
            grid = build_grid(
                chain([first], rows), decode,
                limits=limits, header_row=options.header_row, full_width=False,
            )  # fmt: skip
            return grid, walker

        sheet, grid, walker, passed = _first_table(package.sheets, options, read)
        _finish(grid, walker, sheet, package.sheets, options, passed)
        return grid
    finally:
        package.close()


def _first_table(
    sheets: list[Sheet],
    options: ReadOptions,
    read: Callable[[Sheet], tuple[Grid, _SheetWalker]],
) -> tuple[Sheet, Grid, _SheetWalker, list[str]]:
    """The first sheet that holds a table, and a sentence about each that was passed over.

    Raises:
        NoTableError: none does.
    """
    passed: list[str] = []
    unlikely: tuple[Sheet, Grid, _SheetWalker] | None = None
    failures: list[NoTableError] = []
    for sheet in _candidates(sheets, options.sheet):
        try:
            grid, walker = read(sheet)
        except NoTableError as error:
            failures.append(error)
            passed.append(f"The sheet {sheet.name!r} was passed over: {error.what}.")
            continue
        if options.sheet is not None or grid.holds_table():
            return sheet, grid, walker, passed
        unlikely = unlikely or (sheet, grid, walker)
        passed.append(
            f"The sheet {sheet.name!r} was passed over: it has no column of numbers or dates."
        )
    if unlikely is None:
        # What a sheet with something in it lacks says more than that another one is empty.
        raise next((error for error in failures if error.what != _EMPTY), failures[0])
    return *unlikely, []


def _candidates(sheets: list[Sheet], wanted: str | None) -> list[Sheet]:
    if wanted is None:
        return [s for s in sheets if not s.hidden] + [s for s in sheets if s.hidden]
    chosen = [sheet for sheet in sheets if sheet.name == wanted]
    if not chosen:
        names = ", ".join(repr(sheet.name) for sheet in sheets[:20])
        raise TableError(
            f"there is no sheet called {wanted[:64]!r}", remedy=f"choose one of {names}"
        )
    return chosen


def _rows(
    package: XlsxPackage,
    sheet: Sheet,
    walker: _SheetWalker,
    on_fraction: Callable[[float], None],
) -> Iterator[tuple[int, Sequence[Cell]]]:
    for fraction in package.walk(sheet.part, walker.start, walker.end, walker.text):
        on_fraction(fraction)
        finished, walker.rows = walker.rows, []
        yield from finished
    yield from walker.rows


def _finish(
    grid: Grid,
    walker: _SheetWalker,
    sheet: Sheet,
    sheets: list[Sheet],
    options: ReadOptions,
    passed: list[str],
) -> None:
    others = [s.name for s in sheets if s is not sheet]
    if others and options.sheet is None:
        what = "The hidden sheet" if sheet.hidden else "The sheet"
        grid.notes.append(
            f"{what} {sheet.name!r} was read; the file also has "
            + ", ".join(repr(name) for name in others[:10])
            + "."
        )
    grid.notes.extend(passed)
    _fill_merged(grid, walker.merged)
    for column, (row, n) in sorted(walker.not_calculated.items()):
        grid.notes.append(
            f"Column {column_letters(column)}: "
            f"{count_of(n, 'formula was', 'formulas were')} never calculated (the first in "
            f"row {row}), so {agree(n, 'this cell is', 'these cells are')} empty. Open the file in a "
            "spreadsheet program, save it, and upload it again."
        )
    grid.told = {
        "format": "xlsx",
        "encoding": None,
        "delimiter": None,
        "sheet": sheet.name,
        "sheet_names": [s.name for s in sheets],
    }


def _fill_merged(grid: Grid, merged: list[tuple[int, int, int, int]]) -> None:
    """Give every row of a merged block the value that the block shows."""
    filled = across = 0
    numbers = grid.row_numbers
    for left, top, right, bottom in merged:
        if top <= grid.header_row or bottom < numbers[0]:
            continue
        if right > left:
            across += 1
        at = grid.sheet_columns.get(left)
        first = int(np.searchsorted(numbers, top))
        last = int(np.searchsorted(numbers, bottom, side="right"))
        if at is None or first >= len(numbers) or numbers[first] != top or last - first < 2:
            continue
        grid.codes[at, first:last] = grid.codes[at, first]
        filled += last - first - 1
    if filled:
        grid.notes.append(
            f"Merged cells: their value was copied to the {count_of(filled, 'cell')} they cover."
        )
    if across:
        grid.notes.append(
            f"{count_of(across, 'cell is', 'cells are')} merged across columns; "
            f"{agree(across, 'its', 'their')} value stays in the first column."
        )
