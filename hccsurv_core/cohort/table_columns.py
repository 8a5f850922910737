"""Columns read for the chosen rows: texts become values, and what does not fit is settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.cell_values import (
    FIRST_DATE,
    LAST_DATE,
    Reading,
    code_key,
    guess_date_order,
    is_missing_text,
    plain_code,
    read_date,
    read_dates,
    read_serial,
)
from hccsurv_core.cohort.column_mapping import ColumnSpec
from hccsurv_core.cohort.number_columns import NumberReader
from hccsurv_core.cohort.table_ledger import Ledger
from hccsurv_core.cohort.table_rows import RowChoice
from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import RawColumn, RawTable
from hccsurv_core.wording import count_of, values_of

#: A column with more empty cells than this share is pointed at.
MOSTLY_MISSING = 0.5
_KEEP_OR_DROP = ("keep", "drop_column")


@dataclass(frozen=True, eq=False)
class ReadColumn:
    """One column's values for the chosen rows.

    Args:
        spec: what the column means; ``unit`` and ``levels`` as they are now.
        values: (n,) float with NaN for numbers, 0.0/1.0/NaN for booleans, datetime64[D] with
            NaT for dates, text or None for everything else.
        dropped: a decision leaves the column out.
    """

    spec: ColumnSpec
    values: NDArray
    dropped: bool = False

    def missing(self) -> NDArray[np.bool_]:
        """(n,) True where the value is not known."""
        if self.values.dtype.kind == "f":
            return np.isnan(self.values)
        if self.values.dtype.kind == "M":
            return np.isnat(self.values)
        return np.array([value is None for value in self.values], dtype=bool)


class ColumnReader:
    """Reads each column at most once, so that its issues are told once.

    Args:
        raw: the table.
        choice: the rows that stand for patients.
        ledger: where issues are settled.
    """

    def __init__(self, raw: RawTable, choice: RowChoice, ledger: Ledger) -> None:
        self._raw = raw
        self._choice = choice
        self._ledger = ledger
        self._read: dict[str, ReadColumn] = {}

    def read(self, spec: ColumnSpec) -> ReadColumn:
        """The column's values for the chosen rows.

        Raises:
            TableError: a value that was put in by hand cannot be read.
        """
        if spec.name not in self._read:
            column = self._raw.column(spec.name)
            done = self._methods()[spec.kind](column, spec)
            self._read[spec.name] = self._check_whole(done)
        return self._read[spec.name]

    def _methods(self) -> dict[str, Callable[[RawColumn, ColumnSpec], ReadColumn]]:
        return {
            "number": self._numbers,
            "category": self._categories,
            "boolean": self._booleans,
            "date": self._dates,
            "identifier": self._texts,
            "text": self._texts,
        }

    # --- kinds ---

    def _numbers(self, column: RawColumn, spec: ColumnSpec) -> ReadColumn:
        reader = NumberReader(column, spec, self._choice, self._ledger)
        return ReadColumn(*reader.read())

    def _texts(self, column: RawColumn, spec: ColumnSpec) -> ReadColumn:
        known = [None if is_missing_text(t, spec.missing) else t for t in column.texts]
        return ReadColumn(spec, np.array([*known, None], dtype=object)[self._codes(column)])

    def _categories(self, column: RawColumn, spec: ColumnSpec) -> ReadColumn:
        levels = {code_key(level): level for level in reversed(spec.levels)}
        exact = {level: level for level in spec.levels}
        found: list[str | None] = []
        unknown, other = [], []
        for at, text in enumerate(column.texts):
            key = code_key(text)
            level = exact.get(text) or levels.get(key)
            if key not in levels and is_missing_text(text, spec.missing):
                found.append(None)
            elif level is None:
                found.append(text)
                unknown.append(at)
            else:
                found.append(level)
                # "2.0" for "2" is no spelling of its own.
                if level != text and plain_code(text) != level:
                    other.append(at)
        values = np.array([*found, None], dtype=object)[self._codes(column)]
        added = self._settle_levels(column, spec, values, unknown)
        if other:
            self._tell_spellings(column, spec, other)
        if spec.role == "sex" and not set(spec.level_labels.values()) >= {"male", "female"}:
            self._ledger.settle_column(
                "sex_code", spec.name, "warning",
                f"Nothing tells which value of {spec.shown} is male and which female.", ("keep",),
            )  # fmt: skip
        return ReadColumn(replace(spec, levels=(*spec.levels, *added)), values)

    def _settle_levels(
        self, column: RawColumn, spec: ColumnSpec, values: NDArray[np.object_], unknown: list[int]
    ) -> list[str]:
        """Settle texts that are no level; return those that become levels."""
        at = self._positions(column, unknown)
        if not len(at):
            return []
        settled = self._ledger.settle(
            "unknown_level", spec.name, "warning",
            values_of(
                len(at), spec.shown, "is none of its levels; kept, it becomes one.",
                "are none of its levels; kept, they become levels.",
            ),
            self._choice.rows[at], ("keep", "set_missing", "exclude", "fix"), values=values[at],
        )  # fmt: skip
        values[at[settled.where("set_missing")]] = None
        for position, text in settled.values.items():
            if text not in spec.levels:
                raise _not_readable(text, spec, "is none of its levels")
            values[at[position]] = text
        return sorted({str(v) for v in values[at] if v is not None} - set(spec.levels))

    def _tell_spellings(self, column: RawColumn, spec: ColumnSpec, other: list[int]) -> None:
        at = self._positions(column, other)
        if len(at):
            texts = column.values()[self._choice.rows[at]]
            usual = {code_key(level): level for level in spec.levels}
            self._ledger.settle(
                "spelling", spec.name, "info",
                values_of(
                    len(at), spec.shown, "is another spelling of a level and counts as it.",
                    "are other spellings of a level and count as it.",
                ),
                self._choice.rows[at], ("use_suggestion",), values=texts,
                suggestions=[usual[code_key(text)] for text in texts],
            )  # fmt: skip

    def _booleans(self, column: RawColumn, spec: ColumnSpec) -> ReadColumn:
        codes = {code_key(text): float(code) for text, code in spec.codes.items()}
        distinct = np.array([*(codes.get(code_key(t), np.nan) for t in column.texts), np.nan])
        values = distinct[self._codes(column)]
        unknown = [
            at
            for at, text in enumerate(column.texts)
            if np.isnan(distinct[at]) and not is_missing_text(text, spec.missing)
        ]
        at = self._positions(column, unknown)
        if len(at):
            settled = self._ledger.settle(
                "unknown_code", spec.name, "error",
                values_of(len(at), spec.shown, "is", "are")
                + f" neither of its two ({_in_words(spec)}).",
                self._choice.rows[at], ("set_missing", "exclude", "fix"),
                values=column.values()[self._choice.rows[at]],
            )  # fmt: skip
            for position, text in settled.values.items():
                if code_key(text) not in codes:
                    raise _not_readable(text, spec, "is neither of its two values")
                values[at[position]] = codes[code_key(text)]
        return ReadColumn(spec, values)

    def _dates(self, column: RawColumn, spec: ColumnSpec) -> ReadColumn:
        dates = read_dates(column, spec.date_order, spec.missing)
        codes = self._codes(column)
        values = np.append(dates.values, np.datetime64("NaT", "D"))[codes]
        _, proven = guess_date_order(column.texts)
        if not proven:
            self._ledger.settle_column(
                "date_order", spec.name, "warning",
                f"Nothing tells whether {spec.shown} has the day or the month first; it is read "
                f"as {'month/day/year' if spec.date_order == 'mdy' else 'day/month/year'}.",
                ("keep",),
            )  # fmt: skip
        if spec.date_order == "serial" and (texts := [t for t in column.texts if _is_serial(t)]):
            self._ledger.settle_column(
                "serial_dates", spec.name, "info",
                f"{spec.shown} is read as numbers of days, as spreadsheets count them "
                f"({texts[0]} is {read_serial(texts[0])}).", ("keep",),
            )  # fmt: skip
        wrong = np.flatnonzero(np.isin(dates.readings, (Reading.UNREADABLE, Reading.FAULT)))
        other = "mdy" if spec.date_order != "mdy" else "dmy"
        self._settle_dates(
            column, spec, values, self._positions(column, wrong), "not_a_date",
            ("is no date", "are no dates"), other,
        )  # fmt: skip
        outside = f"before {FIRST_DATE} or after {LAST_DATE}"
        early_or_late = np.flatnonzero((values < FIRST_DATE) | (values > LAST_DATE))
        self._settle_dates(
            column, spec, values, early_or_late, "impossible_date",
            (f"lies {outside}", f"lie {outside}"), None,
        )  # fmt: skip
        return ReadColumn(spec, values)

    def _settle_dates(
        self,
        column: RawColumn,
        spec: ColumnSpec,
        values: NDArray[np.datetime64],
        at: NDArray[np.int64],
        kind: str,
        what: tuple[str, str],
        other_order: str | None,
    ) -> None:
        if not len(at):
            return
        texts = column.values()[self._choice.rows[at]]
        meant = np.full(len(at), np.datetime64("NaT", "D"))
        if other_order:
            meant[:] = [_date_meant(str(text), other_order) for text in texts]
        told = [None if np.isnat(day) else str(day) for day in meant]
        actions = ["set_missing", "exclude", "fix"]
        if any(told):
            actions.insert(1, "use_suggestion")
        problem = f"{values_of(len(at), spec.shown, *what)}."
        settled = self._ledger.settle(
            kind, spec.name, "error", problem, self._choice.rows[at], actions,
            values=texts, suggestions=told,
        )  # fmt: skip
        values[at] = np.datetime64("NaT", "D")
        used = settled.where("use_suggestion")
        values[at[used]] = meant[used]
        for position, text in settled.values.items():
            day = read_date(text, spec.date_order)
            if np.isnat(day):
                raise _not_readable(text, spec, "is no date")
            values[at[position]] = day

    # --- helpers ---

    def _codes(self, column: RawColumn) -> NDArray[np.int32]:
        return column.codes[self._choice.rows]

    def _positions(
        self, column: RawColumn, texts: list[int] | NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Positions among the chosen rows that hold one of these distinct texts."""
        return np.flatnonzero(np.isin(self._codes(column), np.array(texts, dtype=np.int64)))

    def _check_whole(self, column: ReadColumn) -> ReadColumn:
        """Point at columns that are empty, mostly empty, or the same for everybody."""
        spec = column.spec
        if spec.role in ("outcome", "patient_id", "visit"):
            return column
        missing = column.missing()
        n, empty = len(missing), int(missing.sum())
        action = "keep"
        if empty == n:
            action = self._ledger.settle_column(
                "empty_column", spec.name, "info", f"{spec.shown} is empty.",
                ("drop_column", "keep"),
            )  # fmt: skip
        elif empty > MOSTLY_MISSING * n:
            action = self._ledger.settle_column(
                "mostly_missing", spec.name, "warning",
                f"{spec.shown} is missing in {empty:,} of {count_of(n, 'patient')} ({empty / n:.0%}).",
                _KEEP_OR_DROP,
            )  # fmt: skip
        elif n > 1 and (column.values[~missing] == column.values[~missing][0]).all():
            action = self._ledger.settle_column(
                "constant_column", spec.name, "info",
                f"{spec.shown} is the same for everybody: it can explain nothing.", _KEEP_OR_DROP,
            )  # fmt: skip
        return replace(column, dropped=action == "drop_column")


def _is_serial(text: str) -> bool:
    return not np.isnat(read_serial(text))


def _date_meant(text: str, other_order: str) -> np.datetime64:
    day = read_date(text, other_order)
    return read_serial(text) if np.isnat(day) else day


def _in_words(spec: ColumnSpec) -> str:
    return ", ".join(f"{text} = {'yes' if code else 'no'}" for text, code in spec.codes.items())


def _not_readable(text: str, spec: ColumnSpec, why: str) -> TableError:
    return TableError(
        f"{text!r} {why}", source=spec.name, remedy="enter a value as the column has them"
    )
