"""What the texts of a column mean: numbers, dates, yes and no. Each distinct text is read once."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.io.tables import DATE, FAULT, NUMBER, RawColumn

#: Texts that mean *not known* in every column, whatever their case: what R, SAS, Stata, Excel and
#: pandas write. A dash or "unknown" may be a finding, so those are no such texts.
MISSING_TEXTS = frozenset(
    ["na", "n/a", "n.a.", "#n/a", "<na>", "nan", "null", "nat", ".", "k.a.", "not available", "missing"]
)  # fmt: skip
#: Texts that say that nothing is known where a number, a date or a sex is expected; elsewhere
#: they may be findings, so they are shown and not taken for missing.
UNCLEAR_TEXTS = frozenset(
    ["unknown", "unk", "unclear", "?", "??", "-", "–", "--", "none", "nd", "n.d.", "n. d.", "not done", "not known", "pending", "unbekannt", "unklar",
     "keine angabe", "n.b.", "nicht bestimmt", "fehlt", "inconnu", "non connu", "nc", "nr", "desconocido", "sconosciuto", "不详", "未知", "未查"]
)  # fmt: skip
TRUE_TEXTS = frozenset(
    ["1", "yes", "y", "true", "t", "positive", "pos", "+", "present", "ja", "j", "oui", "si", "sí", "sì", "positiv", "positif", "positivo", "vorhanden", "vrai", "wahr", "vero", "是", "有", "阳性"]
)  # fmt: skip
FALSE_TEXTS = frozenset(
    ["0", "no", "n", "false", "f", "negative", "neg", "-", "–", "absent", "nein", "non", "negativ", "négatif", "negativo", "nicht vorhanden", "faux", "falsch", "falso", "否", "无", "阴性"]
)  # fmt: skip
#: A number beyond measures nothing; its square would overflow.
LARGEST = 1e100
#: Dates outside are slips of the keyboard; the bounds are ours.
FIRST_DATE = np.datetime64("1900-01-01")
LAST_DATE = np.datetime64("2099-12-31")


class Reading(IntEnum):
    """How a text was read."""

    FINE = 0
    MISSING = 1
    LIMIT = 2  # "<20": below or above what the method measures
    WITH_UNIT = 3  # "45 mm"
    FAULT = 4  # "#DIV/0!"
    UNREADABLE = 5


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column's distinct texts as numbers.

    Args:
        values: (n_texts,) NaN unless fine; for a limit or a number with a unit, the number.
        readings: (n_texts,) :class:`Reading`.
        units: index of a text to the unit written in it.
    """

    values: NDArray[np.float64]
    readings: NDArray[np.uint8]
    units: dict[int, str]

    def usual_unit(self, counts: NDArray[np.int64]) -> str | None:
        """The unit that is written most often; None where most numbers have none.

        Args:
            counts: (n_texts,) how many rows hold each text.
        """
        found: Counter[str] = Counter()
        for at, unit in self.units.items():
            found[unit] += int(counts[at])
        plain = int(counts[self.readings == Reading.FINE].sum())
        return found.most_common(1)[0][0] if found.total() > plain else None


_NUM = r"[-+−]?(?:\d+(?:[.,\s'’\u202f]\d{3})*(?:[.,]\d+)?|[.,]\d+)(?:[eE][-+]?\d+)?"
_LIMIT = re.compile(rf"(<=?|>=?|≤|≥|~|≈|ca\.?)\s*({_NUM})")
_WITH_UNIT = re.compile(rf"({_NUM})\s*([^\W\d_]{{1,9}}(?:[/·.^]\w{{1,6}}){{0,3}}|%)")
_DOT_GROUPS = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+(?:,\d+)?")
_COMMA_GROUPS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_SPACE_GROUPS = re.compile(r"[-+]?\d{1,3}(?:[\s'’\u202f]\d{3})+(?:[.,]\d+)?")
_PLAIN = {
    ".": re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE),
    ",": re.compile(r"[-+]?(?:\d+,?\d*|,\d+)(?:e[-+]?\d+)?", re.IGNORECASE),
}


def is_missing_text(text: str, extra: Sequence[str] = ()) -> bool:
    """True if a text means *not known*."""
    return text.casefold() in MISSING_TEXTS or text in extra


def read_number(text: str, decimal: str = ".") -> float:
    """One number; NaN if the text is none.

    Args:
        text: with or without thousands separators.
        decimal: "." or ",".
    """
    text = text.strip().replace("−", "-")
    if not _PLAIN[decimal].fullmatch(text):
        groups = _COMMA_GROUPS if decimal == "." else _DOT_GROUPS
        if _SPACE_GROUPS.fullmatch(text):
            text = re.sub(r"[\s'’\u202f]", "", text)
        elif groups.fullmatch(text):
            text = text.replace("," if decimal == "." else ".", "")
        if not _PLAIN[decimal].fullmatch(text):
            return math.nan
    value = float(text.replace(",", "."))
    return value if abs(value) < LARGEST else math.nan


def read_numbers(column: RawColumn, decimal: str = ".", missing: Sequence[str] = ()) -> Numbers:
    """A column's distinct texts as numbers.

    Args:
        column: the column.
        decimal: what separates decimals where the cell is text; numbers that a spreadsheet
            typed itself are always plain.
        missing: further texts that mean *not known* in this column.
    """
    n = len(column.texts)
    values, readings = np.full(n, np.nan), np.full(n, Reading.UNREADABLE, dtype=np.uint8)
    quick = _quick_numbers(column, decimal)
    fine = np.abs(quick) < LARGEST
    values[fine] = quick[fine]
    readings[fine] = Reading.FINE
    units: dict[int, str] = {}
    for at in np.flatnonzero(~fine).tolist():
        text = column.texts[at]
        if is_missing_text(text, missing):
            readings[at] = Reading.MISSING
        elif column.kinds[at] == FAULT:
            readings[at] = Reading.FAULT
        else:
            values[at], readings[at], unit = _slow_number(text, decimal)
            if unit:
                units[int(at)] = unit
    if missing:
        listed = [at for at in np.flatnonzero(fine) if column.texts[at] in missing]
        values[listed], readings[listed] = np.nan, Reading.MISSING
    return Numbers(values, readings, units)


def _quick_numbers(column: RawColumn, decimal: str) -> NDArray[np.float64]:
    """What is plainly a number, to the last bit (pandas' own parser is off by some); else NaN."""
    texts = list(column.texts)
    if decimal == ",":
        texts = [
            text if number else ("" if "." in text else text.replace(",", "."))
            for text, number in zip(texts, column.kinds == NUMBER, strict=True)
        ]
    try:
        values = np.array(texts, dtype=object).astype(np.float64)
    except ValueError:
        values = np.array([_float_or_nan(text) for text in texts])
    # Python reads 1_000 as a number; and a date is none, even where it is written like one.
    unfit = np.array(["_" in text for text in texts], dtype=bool) | (column.kinds == DATE)
    values[unfit] = np.nan
    return values


def _float_or_nan(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _slow_number(text: str, decimal: str) -> tuple[float, Reading, str | None]:
    value = read_number(text, decimal)
    if math.isfinite(value):
        return value, Reading.FINE, None
    if found := _LIMIT.fullmatch(text):
        value = read_number(found[2], decimal)
        if math.isfinite(value):
            return value, Reading.LIMIT, None
    if found := _WITH_UNIT.fullmatch(text):
        value = read_number(found[1], decimal)
        if math.isfinite(value):
            return value, Reading.WITH_UNIT, found[2]
    return math.nan, Reading.UNREADABLE, None


def decimal_votes(column: RawColumn) -> tuple[int, int]:
    """How many distinct texts can only be read with a decimal point, and with a decimal comma.

    "1,234" and "1.234" may be either and do not vote; "1,5" and "0,123" have a decimal comma.
    """
    point = comma = 0
    for text, kind in zip(column.texts, column.kinds, strict=True):
        if kind == NUMBER or ("," not in text and "." not in text):
            continue
        if _PLAIN[","].fullmatch(text) and "," in text:
            comma += not _COMMA_GROUPS.fullmatch(text) or text.lstrip("-+").startswith("0")
        elif _PLAIN["."].fullmatch(text) and "." in text:
            point += not _DOT_GROUPS.fullmatch(text) or text.lstrip("-+").startswith("0")
        elif _DOT_GROUPS.fullmatch(text):
            comma += 1  # 1.234,5 or 1.234.567
        elif _COMMA_GROUPS.fullmatch(text):
            point += 1
    return point, comma


# --- dates ------------------------------------------------------------------------------------

#: Orders of day, month and year where all three are numbers and the year does not come first.
#: "serial": a plain number is a day as spreadsheets count them.
DATE_ORDERS = ("dmy", "mdy", "ymd", "serial")
#: Day 1 of a spreadsheet is 1 January 1900; it believes in a 29 February of that year.
_SERIAL_START = np.datetime64("1899-12-30")
_SERIAL = re.compile(r"(\d{5})(\.\d+)?")
#: Serials of 1950 to 2049; nobody is followed for so many days.
FIRST_SERIAL, LAST_SERIAL = 18_264, 54_788
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan", "feb fév fev", "mar mär mrz", "apr avr abr", "may mai", "jun juin", "jul juil",
         "aug aoû ago", "sep set", "oct okt out", "nov", "dec dez déc dic"), start=1)
    for name in names.split()
}  # fmt: skip
_YMD = re.compile(r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|年(\d{1,2})月(\d{1,2})日?)")
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)")
_THREE = re.compile(r"(\d{1,2})([-/.])\s?(\d{1,2})\2\s?(\d{4}|\d{2})")
_NAMED = re.compile(r"(\d{1,2})[-/. ]+([^\W\d_]{3,9})\.?[-/., ]+(\d{4}|\d{2})")
_NAMED_FIRST = re.compile(r"([^\W\d_]{3,9})\.? (\d{1,2}),? (\d{4})")
_TIME = re.compile(r"[T ]\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AaPp][Mm])?(Z|[+-]\d\d:?\d\d)?$")


@dataclass(frozen=True, eq=False)
class Dates:
    """A column's distinct texts as dates.

    Args:
        values: (n_texts,) days; NaT unless fine.
        readings: (n_texts,) :class:`Reading`.
    """

    values: NDArray[np.datetime64]
    readings: NDArray[np.uint8]


def read_date(text: str, order: str = "dmy") -> np.datetime64:
    """One date, its time of day dropped; NaT if the text is none.

    Args:
        text: 2015-03-04, 4.3.2015, 04/03/15, 4-Mar-2015, March 4, 2015, 20150304, 2015年3月4日.
            A year of two digits is 19.. from 50 on, else 20...
        order: "dmy" or "mdy" where the year comes last; "ymd" and "serial" are read as "dmy"
            there. Only with "serial" 42370 is a date.
    """
    text = _TIME.sub("", text.strip())
    if order == "serial" and (found := _SERIAL.fullmatch(text)):
        return read_serial(found[1])
    if found := _YMD.fullmatch(text):
        year, month, day = found[1], found[3] or found[5], found[4] or found[6]
        return _day(int(year), int(month), int(day))
    if found := _COMPACT.fullmatch(text):
        return _day(int(found[1]), int(found[2]), int(found[3]))
    if found := _THREE.fullmatch(text):
        first, second = int(found[1]), int(found[3])
        day, month = (second, first) if order == "mdy" else (first, second)
        return _day(_year(found[4]), month, day)
    if found := _NAMED.fullmatch(text):
        return _day(_year(found[3]), _MONTHS.get(found[2][:3].lower(), 0), int(found[1]))
    if found := _NAMED_FIRST.fullmatch(text):
        return _day(int(found[3]), _MONTHS.get(found[1][:3].lower(), 0), int(found[2]))
    return np.datetime64("NaT", "D")


def read_serial(text: str) -> np.datetime64:
    """The day that a spreadsheet numbers so, its time of day dropped; NaT for anything else.

    >>> read_serial("42370")
    np.datetime64('2016-01-01')
    """
    found = _SERIAL.fullmatch(text.strip())
    if found is None or not FIRST_SERIAL <= int(found[1]) <= LAST_SERIAL:
        return np.datetime64("NaT", "D")
    return _SERIAL_START + np.timedelta64(int(found[1]), "D")


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else int(text) + (1900 if int(text) >= 50 else 2000)


def _day(year: int, month: int, day: int) -> np.datetime64:
    try:
        return np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "D")
    except ValueError:
        return np.datetime64("NaT", "D")


def read_dates(column: RawColumn, order: str = "dmy", missing: Sequence[str] = ()) -> Dates:
    """A column's distinct texts as dates."""
    n = len(column.texts)
    values = np.full(n, np.datetime64("NaT", "D"))
    readings = np.full(n, Reading.UNREADABLE, dtype=np.uint8)
    for at, text in enumerate(column.texts):
        if is_missing_text(text, missing):
            readings[at] = Reading.MISSING
        elif column.kinds[at] == FAULT:
            readings[at] = Reading.FAULT
        elif not np.isnat(value := read_date(text, order)):
            values[at], readings[at] = value, Reading.FINE
    return Dates(values, readings)


def guess_date_order(texts: Sequence[str]) -> tuple[str, bool]:
    """Which of :data:`DATE_ORDERS` a column's texts follow, and whether they prove it.

    Where nothing tells (no day above 12), day before month is assumed. Where most are numbers
    of days they are "serial".
    """
    serials = sum(not np.isnat(read_serial(text)) for text in texts)
    if serials > 0.5 * len(texts):
        return "serial", True
    day_first = month_first = undecided = 0
    for text in texts:
        found = _THREE.fullmatch(_TIME.sub("", text.strip()))
        if found:
            first, second = int(found[1]), int(found[3])
            day_first += first > 12 >= second
            month_first += second > 12 >= first
            undecided += first <= 12 and second <= 12
    if day_first or month_first:
        # Both at once is a mixture: the larger part decides, the rest is shown as unreadable.
        return ("dmy", True) if day_first >= month_first else ("mdy", True)
    return ("dmy", False) if undecided else ("ymd", True)


# --- texts ------------------------------------------------------------------------------------

_ENDS_IN_ZEROS = re.compile(r"([-+]?\d+)\.0+")


def plain_code(text: str) -> str:
    """A code without the ".0" that a program put behind it ("2.0" is "2").

    >>> plain_code("2.0"), plain_code("2.05"), plain_code("BCLC B")
    ('2', '2.05', 'BCLC B')
    """
    found = _ENDS_IN_ZEROS.fullmatch(text)
    return found[1] if found else text


def code_key(text: str) -> str:
    """What two spellings of one level have in common: case and spaces do not count."""
    return " ".join(plain_code(text).casefold().split())
