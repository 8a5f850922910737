"""Readers' calls before and after they saw the model, from a table.

Two layouts are read, names in any case:

* **wide**, a row a patient: ``patient_id`` and for each reader two columns that end in ``_before`` and
  ``_after`` (``reader_senior_1_before``). Where any column begins with ``reader_`` only those count.
* **long**, a row a call: ``patient_id``, ``reader``, ``when`` (before or after), ``call``, and, if there
  is one, ``seniority`` (senior or junior).

A call is yes or no (also 1 or 0, true or false, y or n): does the reader expect an early recurrence? An
empty cell is a missing call. What happened may stand in ``early_recurrence``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from hccsurv_core.errors import TableError

BEFORE, AFTER = "before", "after"
SENIOR, JUNIOR = "senior", "junior"
#: Column with what happened.
TRUTH = "early_recurrence"
_PREFIX = "reader_"
_PATIENT = ("patient_id", "patient", "id")
_WHEN = ("when", "reading", "session")
_SENIORITY = ("seniority", "experience", "level")
_YES = frozenset({"1", "1.0", "yes", "y", "true"})
_NO = frozenset({"0", "0.0", "no", "n", "false"})
_MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "."})
_LAYOUTS = (
    "give columns <reader>_before and <reader>_after, or the columns patient_id, reader, when, call"
)


@dataclass(frozen=True, eq=False)
class ReaderCalls:
    """Calls of r readers on n patients.

    Args:
        patient_ids: n names. readers: r names.
        seniority: r of "senior", "junior", "" (not known).
        before, after: (n, r) 1 expects an early recurrence, 0 does not, NaN no call.
        truth: (n,) 1, 0, NaN not known; all NaN where the table does not say.
        source: where they are from, for messages.

    Raises:
        TableError: shapes do not fit, nobody is in it, or a name comes twice.
    """

    patient_ids: tuple[str, ...]
    readers: tuple[str, ...]
    seniority: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray
    truth: np.ndarray
    source: str = "reader study"

    def __post_init__(self) -> None:
        shape = (len(self.patient_ids), len(self.readers))
        if self.before.shape != shape or self.after.shape != shape or not min(shape):
            raise TableError(
                f"{shape[0]} patients and {shape[1]} readers need calls of shape {shape}, got "
                f"{self.before.shape} and {self.after.shape}",
                source=self.source,
            )
        if self.truth.shape != shape[:1] or len(self.seniority) != shape[1]:
            raise TableError(
                "the truth needs a value a patient, seniority one a reader", source=self.source
            )
        for names, what in ((self.patient_ids, "patient"), (self.readers, "reader")):
            if len(set(names)) < len(names):
                raise TableError(f"a {what} comes twice", source=self.source)

    def with_truth(self, early: Mapping[str, float | bool | None]) -> ReaderCalls:
        """The same calls with what happened to each patient.

        Args:
            early: patient → 1, 0, or None or NaN where not known; who is not in it is not known.
        """
        values = [early.get(name) for name in self.patient_ids]
        truth = np.array([np.nan if v is None else float(v) for v in values])
        return ReaderCalls(
            self.patient_ids, self.readers, self.seniority, self.before, self.after, truth,
            self.source,
        )  # fmt: skip


def read_reader_table(
    file: Path | str | IO[bytes],
    *,
    name: str | None = None,
    seniority: Mapping[str, str] | None = None,
) -> ReaderCalls:
    """Read a CSV or XLSX file.

    Args:
        file: a path, or an open binary file such as an upload.
        name: what the user calls it.
        seniority: reader → "senior" or "junior", where the table does not say.

    Raises:
        TableError: the layout is none of the two, or a cell cannot be read; names row and column.
        UnreadableFileError: the file is no table.
    """
    from hccsurv_core.io.tables import ReadOptions, read_table

    raw = read_table(file, name=name, options=ReadOptions(header_row=1))
    columns = {column.name: column.values().tolist() for column in raw.columns}
    return reader_calls_from_columns(
        columns, rows=raw.row_numbers.tolist(), source=raw.source, seniority=seniority
    )


def reader_calls_from_columns(
    columns: Mapping[str, Sequence[Any]],
    *,
    rows: Sequence[int] | None = None,
    source: str = "reader study",
    seniority: Mapping[str, str] | None = None,
) -> ReaderCalls:
    """Calls from the columns of any table, for example of a cohort.

    Args:
        columns: name → cells: numbers, booleans, text, None.
        rows: each row's number in the file, for messages; from 2 on without it.
        source: what messages name.
        seniority: as for :func:`read_reader_table`.

    Raises:
        TableError: as for :func:`read_reader_table`.
    """
    by_name = {name.strip().lower(): cells for name, cells in columns.items()}
    n = len(next(iter(by_name.values()), ()))
    numbers = list(rows) if rows is not None else list(range(2, n + 2))
    if not n:
        raise TableError("the table has no rows", source=source, remedy=_LAYOUTS)
    table = _Table(by_name, numbers, source)
    if {"reader", "call"} <= set(by_name):
        return _from_long(table, seniority or {})
    return _from_wide(table, seniority or {})


@dataclass(frozen=True)
class _Table:
    """Columns by lower-case name, with what messages need."""

    columns: Mapping[str, Sequence[Any]]
    rows: Sequence[int]
    source: str

    def named(self, names: tuple[str, ...], *, required: bool = True) -> str | None:
        """The first of ``names`` that is there."""
        found = next((name for name in names if name in self.columns), None)
        if found is None and required:
            raise TableError(f"there is no column {names[0]}", source=self.source, remedy=_LAYOUTS)
        return found

    def texts(self, name: str) -> list[str]:
        """Cells that must not be empty."""
        found = [_text(cell) for cell in self.columns[name]]
        for row, text in zip(self.rows, found, strict=True):
            if text.lower() in _MISSING:
                raise TableError(f"row {row} has no {name}", source=self.source)
        return found

    def calls(self, name: str) -> np.ndarray:
        """(n,) 1, 0, or NaN."""
        found, bad = [], []
        for row, cell in zip(self.rows, self.columns[name], strict=True):
            text = _text(cell).lower()
            known = text in _YES or text in _NO or text in _MISSING
            if not known:
                bad.append((row, text))
            found.append(1.0 if text in _YES else 0.0 if text in _NO else math.nan)
        if bad:
            more = f" (and {len(bad) - 1} more in this column)" if len(bad) > 1 else ""
            raise TableError(
                f"column {name!r} holds {bad[0][1]!r} in row {bad[0][0]}, which is neither yes nor "
                f"no{more}",
                source=self.source, remedy="write yes or no, or leave the cell empty",
            )  # fmt: skip
        return np.array(found)

    def truth(self) -> np.ndarray:
        """(n,) what happened, NaN where the table does not say."""
        if TRUTH not in self.columns:
            return np.full(len(self.rows), np.nan)
        return self.calls(TRUTH)

    def refuse_repeated(self, keys: Sequence[Any], what: str) -> None:
        """No key may come twice."""
        seen: dict[Any, int] = {}
        for row, key in zip(self.rows, keys, strict=True):
            if key in seen:
                shown = ", ".join(key) if isinstance(key, tuple) else key
                raise TableError(
                    f"{what} {shown} stands in row {seen[key]} and in row {row}",
                    source=self.source, remedy="keep one of them",
                )  # fmt: skip
            seen[key] = row


def _from_wide(table: _Table, seniority: Mapping[str, str]) -> ReaderCalls:
    pattern = re.compile(rf"(?P<reader>.+)_(?P<when>{BEFORE}|{AFTER})$")
    own = [name for name in table.columns if name.startswith(_PREFIX)]
    found: dict[str, dict[str, str]] = {}
    for name in own or table.columns:
        match = pattern.match(name.removeprefix(_PREFIX))
        if match:
            found.setdefault(match["reader"], {})[match["when"]] = name
    if not found:
        raise TableError("there are no readers' calls", source=table.source, remedy=_LAYOUTS)
    for reader, pair in found.items():
        for when in (BEFORE, AFTER):
            if when not in pair:
                raise TableError(
                    f"reader {reader} has no column for the calls {when} seeing the model",
                    source=table.source, remedy=f"add {reader}_{when}, or leave the reader out",
                )  # fmt: skip
    key = table.named(_PATIENT)
    patients = table.texts(str(key))
    table.refuse_repeated(patients, "patient")
    readers = tuple(found)
    return ReaderCalls(
        tuple(patients),
        readers,
        tuple(_seniority_of(reader, seniority, table.source) for reader in readers),
        np.column_stack([table.calls(found[reader][BEFORE]) for reader in readers]),
        np.column_stack([table.calls(found[reader][AFTER]) for reader in readers]),
        table.truth(),
        table.source,
    )


def _from_long(table: _Table, seniority: Mapping[str, str]) -> ReaderCalls:
    patient = table.texts(str(table.named(_PATIENT)))
    reader = table.texts("reader")
    when_name = str(table.named(_WHEN))
    when = [text.lower() for text in table.texts(when_name)]
    for row, text in zip(table.rows, when, strict=True):
        if text not in (BEFORE, AFTER):
            raise TableError(
                f"column {when_name!r} holds {text!r} in row {row}", source=table.source,
                remedy="write before or after",
            )  # fmt: skip
    table.refuse_repeated(list(zip(patient, reader, when, strict=True)), "the call of")
    call, happened = table.calls("call"), table.truth()
    patients, readers = tuple(dict.fromkeys(patient)), tuple(dict.fromkeys(reader))
    at_patient = {name: i for i, name in enumerate(patients)}
    at_reader = {name: i for i, name in enumerate(readers)}
    calls = {side: np.full((len(patients), len(readers)), np.nan) for side in (BEFORE, AFTER)}
    truth = np.full(len(patients), np.nan)
    for k, row in enumerate(table.rows):
        i = at_patient[patient[k]]
        calls[when[k]][i, at_reader[reader[k]]] = call[k]
        if np.isfinite(truth[i]) and np.isfinite(happened[k]) and truth[i] != happened[k]:
            raise TableError(
                f"{TRUTH} of patient {patient[k]} in row {row} is not what a row above says",
                source=table.source, remedy="correct one of the rows",
            )  # fmt: skip
        truth[i] = happened[k] if np.isfinite(happened[k]) else truth[i]
    known = {**_seniority_in(table, reader), **seniority}
    return ReaderCalls(
        patients, readers, tuple(_seniority_of(name, known, table.source) for name in readers),
        calls[BEFORE], calls[AFTER], truth, table.source,
    )  # fmt: skip


def _seniority_in(table: _Table, reader: Sequence[str]) -> dict[str, str]:
    """Reader → seniority of a long table that has such a column."""
    name = table.named(_SENIORITY, required=False)
    if name is None:
        return {}
    found: dict[str, str] = {}
    for row, who, cell in zip(table.rows, reader, table.columns[name], strict=True):
        text = _text(cell).lower()
        if found.setdefault(who, text) != text:
            raise TableError(
                f"reader {who} is {found[who]!r} above and {text!r} in row {row}",
                source=table.source,
            )
    return found


def _seniority_of(reader: str, known: Mapping[str, str], source: str) -> str:
    """ "senior", "junior" or "": as given, else by the beginning of the name."""
    given = known.get(reader, "").strip().lower()
    if given and given not in (SENIOR, JUNIOR):
        raise TableError(
            f"reader {reader} is {given!r}", source=source, remedy="write senior or junior"
        )
    if given:
        return given
    return next((kind for kind in (SENIOR, JUNIOR) if reader.lower().startswith(kind)), "")


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()
