"""The header of a table: its row, names in two rows, rows of units, and names made distinct."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hccsurv_core.errors import TableError

Row = tuple[int, list[str]]

_MAX_NAME = 200
_NUMBER_LIKE = re.compile(
    r"[-+]?[\d.,]*\d[\d.,]*(e[-+]?\d+)?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*", re.I
)
#: What stands where a number is not known: such a cell does not tell that its row is no patient.
_NO_VALUE = re.compile(
    r"\W*|n\.?\s?[abdknu]\.?|na|nan|null|nil|none|unk|unknown|missing|not .*|k\.?\s?a\.?|keine .*|unbekannt|[<>≤≥~].*|.*\d.*",
    re.I,
)
_UNIT = re.compile(
    r"%|‰|[^\W\d_]{1,9}\.?\s?/\s?[^\W\d_]{1,3}[²³\d]?(/\w+)?|10[*^⁹]?\s?\S{0,5}/\s?\w{1,3}|years?|yrs?|y|months?|mo|weeks?|days?|d|h|min|s|sec|"
    r"mm|cm|m|µm|kg|g|lbs?|inch|m[²2]|cm[²2]|mm[²2]|m[lL]|cm[³3]|k[gG]/m[²2]|HU|kPa|m/s|mmHg|mS[vV]|jahre?|monate?|wochen|tage?|"
    r"ans?|mois|jours|años|meses|días|anni|mesi|giorni|岁|月|天|年|个月",
    re.I,
)
_YES_OR_NO = re.compile(r"(yes|ja?|y|oui|o|sí?|si?|是)\s?/\s?(no|nein|n|non|否)", re.I)
#: A column is one of numbers from so many values on, if this share of them look like numbers.
_ENOUGH, _MOST = 3, 0.8


class NoTableError(TableError):
    """What was read holds no table: another sheet may."""


@dataclass(frozen=True)
class Header:
    """Where the names are and what they are.

    Args:
        at: index of the row of names among those looked at; None where there is none.
        row: its number in the spreadsheet; 0 where there is none.
        body: index of the first row of values.
        names: names of columns, "" where there is none.
        width: cells that a row should have.
        notes: what was found out, as sentences.
    """

    at: int | None
    row: int
    body: int
    names: list[str]
    width: int
    notes: tuple[str, ...] = ()


def looks_like_number(text: str) -> bool:
    """True for what is written like a number or a date."""
    return _NUMBER_LIKE.fullmatch(text) is not None


def find_header(rows: list[Row], wanted: int | None) -> Header:
    """The names of a table's columns.

    Args:
        rows: the first rows that are not blank: number in the spreadsheet, texts of the cells.
        wanted: the header's row as the user says, 0 for none; None finds it.

    Raises:
        NoTableError: the row that the user names is not there.
    """
    at = _header_at(rows, wanted)
    if at is None:
        note = "The table has no header row: its columns are numbered."
        return Header(None, 0, 0, [], max(len(cells) for _, cells in rows), (note,))
    number, names = rows[at][0], _without_empty_end(rows[at][1])
    header = Header(at, number, at + 1, names, len(names))
    if wanted is None:
        header = _with_second_row(header, rows)
        if header.row > 1:
            note = f"The column names were found in row {header.row}; rows above are left out."
            header = replace(header, notes=(note, *header.notes))
    if _has_row_names(header.width, rows[header.body :]):
        note = (
            "The header has one name less than the rows have cells: the first column is taken for "
            "row names."
        )
        names, width = ["", *header.names], header.width + 1
        header = replace(header, names=names, width=width, notes=(*header.notes, note))
    return header


def _without_empty_end(names: list[str]) -> list[str]:
    """Names up to the last that is not empty: a trailing delimiter is not a column."""
    n = len(names)
    while n and not names[n - 1]:
        n -= 1
    return names[:n]


def _header_at(rows: list[Row], wanted: int | None) -> int | None:
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


def _has_row_names(width: int, body: list[Row]) -> bool:
    """True for what R's write.table makes: a first column of names or of 1, 2, 3 … without a header.

    Other columns of numbers are not taken for names: a decimal comma makes a row longer, too.
    """
    if not body or any(len(cells) != width + 1 or not cells[width] for _, cells in body):
        return False
    names = [cells[0] for _, cells in body]
    counted = names == [str(k) for k in range(1, len(names) + 1)]
    named = len(set(names)) == len(names) and not any(map(_NUMBER_LIKE.fullmatch, names))
    return counted or named


# --- a second row of names, or one of units ------------------------------------------------------


def _with_second_row(header: Header, rows: list[Row]) -> Header:
    """The header with what the row below it says, where that row holds no patient.

    Such a row has no numbers, and words where all rows below have numbers.
    """
    if header.body + _ENOUGH >= len(rows):
        return header
    number, second = rows[header.body]
    names, width = header.names, max(header.width, len(_without_empty_end(second)))
    filled = [column for column, text in enumerate(second) if text]
    below = [cells for _, cells in rows[header.body + 1 :]]
    telling = [
        column
        for column in filled
        if not _NO_VALUE.fullmatch(second[column]) and _is_of_numbers(column, below)
    ]
    units = [column for column in telling if _UNIT.fullmatch(second[column])]
    if (
        any(looks_like_number(second[column]) for column in filled)
        or 2 * len(telling) < len(filled)
        or len(telling) < (1 if units and not second[0] else 2)
    ):
        return header
    known = [name for name in names if name]
    if len(set(known)) < len(known) and len({second[c] for c in filled}) == len(filled) >= len(
        known
    ):
        row = rows[header.body]
        return Header(header.body, row[0], header.body + 1, _without_empty_end(second), width)
    padded = [*names, *[""] * (width - len(names))]
    joined = [
        _joined(padded, column, second[column] if column < len(second) else "")
        for column in range(width)
    ]
    what = "units" if units else "a second line of names"
    note = f"Row {number} holds {what}, no patient: what it says was added to the column names."
    lost = [second[c] for c in filled if second[c].casefold() not in joined[c].casefold()]
    if lost:
        note += " Left out: " + ", ".join(repr(text) for text in lost[:10]) + "."
    return Header(header.at, header.row, header.body + 1, joined, width, (note,))


def _is_of_numbers(column: int, rows: list[list[str]]) -> bool:
    texts = [cells[column] for cells in rows if column < len(cells) and cells[column]]
    return len(texts) >= _ENOUGH and sum(map(looks_like_number, texts)) >= _MOST * len(texts)


def _joined(names: Sequence[str], column: int, below: str) -> str:
    """A name with what stands below it: a unit, or which of several under one heading."""
    name = names[column]
    above = name or next((names[c] for c in range(column, -1, -1) if names[c]), "")
    heads_several = column + 1 < len(names) and not names[column + 1]
    if not below:
        return name
    if _UNIT.fullmatch(below) and not _YES_OR_NO.fullmatch(below) and name:
        return name if below.casefold() in name.casefold() else f"{name} ({below})"
    return f"{above} {below}".strip() if heads_several or not name else name


def column_letters(index: int) -> str:
    """A column as spreadsheets name it: 0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def distinct_names(names: list[str], header: int) -> tuple[list[str], list[str]]:
    """Names made fit and distinct, and what to tell about each ("" for nothing).

    Args:
        names: as in the file, "" where there is none.
        header: their row; 0 where there is none.
    """
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
