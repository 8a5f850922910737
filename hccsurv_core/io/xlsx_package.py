"""An XLSX file but for its cells: the zip and its bounds, sheets, shared texts, date formats.

openpyxl's read-only mode does not tell merged cells, hidden sheets or formulas that
were never calculated, and takes three times as long, so the few parts that a
clinical table needs are read here. Names of elements are those of ECMA-376 part 1,
chapter 18; their namespace prefix is ignored, because some programs write one.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from hccsurv_core.errors import (
    InputError,
    TableError,
    UnreadableFileError,
    UnsafeArchiveError,
)
from hccsurv_core.io.table_limits import TableLimits

_CHUNK = 1 << 16
_MAX_SMALL_PART = 64 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)
#: Number formats of ECMA-376 part 1, 18.8.30 that show a date; 27 to 58 are those of East Asia.
_DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
#: What a format shows besides its codes: quoted texts, colours and conditions, escaped letters.
_NOT_CODES = re.compile(r'"[^"]*"|\[(?!h+\]|m+\]|s+\])[^\]]*\]|\\.|_.|\*.')


@dataclass(frozen=True)
class Sheet:
    """A worksheet: its name, whether it is hidden, the part that holds it."""

    name: str
    hidden: bool
    part: str


class XlsxPackage:
    """An open XLSX file.

    Args:
        path: the file.
        limits: bounds on what it unpacks to.

    Attributes:
        sheets: its worksheets in order.
        date_styles: per cell style, whether it shows a date.
        epoch_1904: dates are counted from 1904 (old Macintosh files).

    Raises:
        UnreadableFileError: it is damaged, locked, or no workbook.
        UnsafeArchiveError: it unpacks to more than allowed.
    """

    def __init__(self, path: Path, limits: TableLimits) -> None:
        self._limits = limits
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise _damaged() from error
        self._names = {info.filename.lower(): info for info in self._zip.infolist()}
        _check_bounds(self._zip.infolist(), limits)
        book_part = self._book_part()
        book = self.small(book_part)
        if book is None:
            raise UnreadableFileError(
                "is not an XLSX workbook", remedy="save the table as XLSX or CSV and upload that"
            )
        self._relations = self._relations_of(book_part)
        properties = _find(book, "workbookPr")
        date1904 = properties.get("date1904", "0") if properties is not None else "0"
        self.epoch_1904 = date1904.lower() in ("1", "true")
        self.sheets = self._list_sheets(book)
        styles = self._part_of_type("styles")
        self.date_styles = _date_styles(self.small(styles)) if styles else []

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def small(self, part: str) -> ElementTree.Element | None:
        """A small part as a tree; None where it is missing."""
        info = self._names.get(part.lower())
        if info is None:
            return None
        if info.file_size > _MAX_SMALL_PART:
            raise UnsafeArchiveError(f"its part {part[:80]!r} is too large", remedy=_COPY)
        try:
            data = self._zip.read(info)
        except RuntimeError as error:
            raise _locked() from error
        except _DAMAGE as error:
            raise _damaged() from error
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise _declares_entities()
        try:
            return ElementTree.fromstring(data)
        except ElementTree.ParseError as error:
            raise _damaged() from error

    def walk(
        self,
        part: str,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None],
        text: Callable[[str], None],
    ) -> Iterator[float]:
        """Walk a large part: handlers are called as elements come, prefixes included.

        Yields:
            the fraction read, now and then.

        Raises:
            UnreadableFileError: the part is missing or damaged.
        """
        info = self._names.get(part.lower())
        if info is None:
            raise _damaged()
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        done = 0
        try:
            with self._zip.open(info) as file:
                while chunk := file.read(_CHUNK):
                    done += len(chunk)
                    parser.Parse(chunk)
                    yield done / max(info.file_size, done)
            parser.Parse(b"", True)
        except RuntimeError as error:
            raise _locked() from error
        except (expat.ExpatError, *_DAMAGE) as error:
            raise _damaged() from error

    def shared_texts(self) -> list[str]:
        """The texts that cells refer to by number, without phonetic guides."""
        part = self._part_of_type("sharedStrings")
        if part is None:
            return []
        texts: list[str] = []
        pieces: list[str] = []
        depth = {"t": 0, "rPh": 0}

        def start(name: str, attributes: dict[str, str]) -> None:
            name = name.rpartition(":")[2]
            if name == "si":
                pieces.clear()
            elif name in depth:
                depth[name] += 1

        def end(name: str) -> None:
            name = name.rpartition(":")[2]
            if name == "si":
                texts.append("".join(pieces))
                if len(texts[-1]) > self._limits.max_cell_chars:
                    raise cell_too_long("a cell", self._limits)
            elif name in depth:
                depth[name] -= 1

        def text(data: str) -> None:
            if depth["t"] and not depth["rPh"]:
                pieces.append(data)

        for _ in self.walk(part, start, end, text):
            pass
        return texts

    def _book_part(self) -> str:
        for kind, target in self._relations_of("").values():
            if kind == "officeDocument":
                return target
        return "xl/workbook.xml"

    def _relations_of(self, part: str) -> dict[str, tuple[str, str]]:
        """Relation id to (last word of its type, part it leads to)."""
        folder, name = posixpath.split(part)
        tree = self.small(posixpath.join(folder, "_rels", f"{name}.rels"))
        found = {}
        for item in tree if tree is not None else ():
            target = posixpath.normpath(posixpath.join("/", folder, item.get("Target", "")))
            kind = item.get("Type", "").rpartition("/")[2]
            found[item.get("Id", "")] = (kind, target.lstrip("/"))
        return found

    def _part_of_type(self, wanted: str) -> str | None:
        return next((part for kind, part in self._relations.values() if kind == wanted), None)

    def _list_sheets(self, book: ElementTree.Element) -> list[Sheet]:
        sheets = []
        for item in book.iter():
            if _local(item.tag) != "sheet":
                continue
            key = next((v for k, v in item.attrib.items() if k.endswith("}id")), "")
            kind, part = self._relations.get(key, ("", ""))
            if kind == "worksheet":
                hidden = item.get("state", "visible") != "visible"
                sheets.append(Sheet(item.get("name", "")[:64], hidden, part))
        if not sheets:
            raise UnreadableFileError(
                "holds no worksheet", remedy="save the table as XLSX or CSV and upload that"
            )
        return sheets


_COPY = "copy the table alone into a new workbook and upload that"


def _check_bounds(members: list[zipfile.ZipInfo], limits: TableLimits) -> None:
    # zipfile never yields more bytes of a member than it declares, so declared sizes do bound it.
    total = sum(info.file_size for info in members)
    if total > limits.max_unpacked_bytes or len(members) > 10_000:
        raise UnsafeArchiveError(
            f"unpacks to more than {limits.max_unpacked_bytes / 1024**2:.0f} MiB", remedy=_COPY
        )
    for info in members:
        if info.file_size > max(limits.ratio_grace_bytes, info.compress_size * limits.max_ratio):
            raise UnsafeArchiveError(
                f"a part of it unpacks to more than {limits.max_ratio:g} times its packed size",
                remedy=_COPY,
            )


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _find(tree: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((item for item in tree.iter() if _local(item.tag) == name), None)


def shows_date(code: str) -> bool:
    """True if a number format's code shows a date or a time of day.

    >>> shows_date("dd/mm/yyyy"), shows_date('0.0" days"'), shows_date("General")
    (True, False, False)
    """
    first = code.partition(";")[0]
    return re.search("[dmyhs]", _NOT_CODES.sub("", first).replace("General", ""), re.I) is not None


def _date_styles(styles: ElementTree.Element | None) -> list[bool]:
    """Per cell style, whether it shows a date."""
    if styles is None:
        return []
    dates = set(_DATE_FORMATS)
    for item in styles.iter():
        if _local(item.tag) == "numFmt" and item.get("numFmtId", "").isdecimal():
            key = int(item.get("numFmtId", "0"))
            (dates.add if shows_date(item.get("formatCode", "")) else dates.discard)(key)
    formats = _find(styles, "cellXfs")
    if formats is None:
        return []
    return [int(x.get("numFmtId", "0") or 0) in dates for x in formats if _local(x.tag) == "xf"]


def _refuse_doctype(*_: object) -> None:
    raise _declares_entities()


def _declares_entities() -> InputError:
    return UnsafeArchiveError("declares XML entities, which no spreadsheet needs", remedy=_COPY)


def cell_too_long(what: str, limits: TableLimits) -> TableError:
    """The error for a text that no cell of a table holds."""
    return TableError(
        f"{what} holds more than {limits.max_cell_chars:,} characters",
        remedy="shorten it, or leave out its column",
    )


def _damaged() -> UnreadableFileError:
    return UnreadableFileError(
        "the XLSX file is damaged or incomplete", remedy="save or copy it again"
    )


def _locked() -> UnreadableFileError:
    return UnreadableFileError(
        "is locked with a password", remedy="open it, remove the password, and save it again"
    )
