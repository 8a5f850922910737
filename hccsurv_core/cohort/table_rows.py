"""Which rows of a table are patients: uneven rows, identifiers, first visits, duplicates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.cell_values import (
    Reading,
    is_missing_text,
    plain_code,
    read_date,
    read_dates,
    read_number,
    read_numbers,
)
from hccsurv_core.cohort.column_mapping import ColumnMapping, ColumnSpec
from hccsurv_core.cohort.table_foot import settle_foot
from hccsurv_core.cohort.table_ledger import Ledger
from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import RawTable
from hccsurv_core.wording import agree, count_of

#: Two patients who agree in at least so many columns, and in all, may be one (ours).
_TELLING_COLUMNS = 8


@dataclass(frozen=True, eq=False)
class RowChoice:
    """The rows that stand for patients.

    Args:
        rows: (n,) indices of rows in the table, in its order.
        ids: (n,) patient identifiers as text, distinct.
        patients: (n_rows of the table,) number of the patient of every row, −1 where unknown.
        n_later: visits left out because an earlier (or later) one is taken.
    """

    rows: NDArray[np.int64]
    ids: NDArray[np.object_]
    patients: NDArray[np.int64]
    n_later: int


def choose_rows(raw: RawTable, mapping: ColumnMapping, ledger: Ledger) -> RowChoice:
    """One row a patient: the first visit where rows are visits, without duplicates else."""
    _settle_ragged(raw, ledger)
    spec = mapping.with_role("patient_id")
    settle_foot(raw, spec, ledger)
    names, patients = _identify(raw, spec, mapping.layout, ledger)
    n_later = 0
    if mapping.layout == "visits":
        rows = _staying(ledger)
        chosen = _choose_visits(raw, mapping, patients, rows, ledger)
        n_later = len(rows) - len(chosen)
        rows = chosen
    else:
        _settle_duplicates(raw, spec, names, patients, ledger)
        rows = _staying(ledger)
        _tell_same_data(raw, spec, rows, ledger)
    if not len(rows):
        raise TableError("every row was left out", source=raw.source, remedy="change the decisions")
    return RowChoice(rows, _distinct(names[rows], raw.row_numbers[rows]), patients, n_later)


def _staying(ledger: Ledger) -> NDArray[np.int64]:
    return np.flatnonzero([reason is None for reason in ledger.reasons])


def _settle_ragged(raw: RawTable, ledger: Ledger) -> None:
    if not raw.ragged:
        return
    numbers = np.array([row for row, _ in raw.ragged], dtype=np.int64)
    sizes = np.array([n for _, n in raw.ragged], dtype=np.int64)
    at = np.searchsorted(raw.row_numbers, numbers)
    there = (at < raw.n_rows) & (raw.row_numbers[np.minimum(at, raw.n_rows - 1)] == numbers)
    at, sizes = at[there], sizes[there]
    width = raw.width or len(raw.columns)
    for longer, kind, severity, actions in (
        (True, "row_too_long", "error", ("exclude_row", "keep")),
        (False, "row_too_short", "warning", ("keep", "exclude_row")),
    ):
        chosen = (sizes > width) == longer
        if chosen.any():
            what = "more cells than the header has names: cells may be shifted"
            what = what if longer else "fewer cells than the header has names: the last are empty"
            rows = count_of(int(chosen.sum()), "row has", "rows have")
            ledger.settle(
                kind, None, severity, f"{rows} {what}.", at[chosen], actions,
                values=[f"{count_of(n, 'cell')}, not {width}" for n in sizes[chosen].tolist()],
            )  # fmt: skip


def _identify(
    raw: RawTable, spec: ColumnSpec | None, layout: str, ledger: Ledger
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Each row's identifier as text, and the number of its patient."""
    by_row = np.array([f"row {n}" for n in raw.row_numbers], dtype=object)
    if spec is None:
        ledger.notes.append("No column identifies patients: each row is taken for one of its own.")
        return by_row, np.arange(raw.n_rows)
    column = raw.column(spec.name)
    # ".0" is dropped only if no identifier has a fraction that means something.
    known = [text for text in column.texts if not is_missing_text(text, spec.missing)]
    plain = [plain_code(text) for text in known]
    whole = all("." not in text for text in plain)
    shown = dict(zip(known, plain if whole else known, strict=True))
    texts = np.array([shown.get(text) for text in column.texts] + [None], dtype=object)
    names = texts[column.codes]
    missing = np.flatnonzero([name is None for name in names])
    if len(missing):
        alone = ("exclude_row", "keep") if layout == "visits" else ("keep", "exclude_row")
        ledger.settle(
            "missing_id", spec.name, "warning",
            f"{count_of(len(missing), 'row has', 'rows have')} no {spec.shown}; kept, each is a "
            "patient of its own.",
            missing, alone,
        )  # fmt: skip
        names[missing] = by_row[missing]
    numbers: dict[str, int] = {}
    return names, np.array([numbers.setdefault(name, len(numbers)) for name in names])


def _choose_visits(
    raw: RawTable,
    mapping: ColumnMapping,
    patients: NDArray[np.int64],
    rows: NDArray[np.int64],
    ledger: Ledger,
) -> NDArray[np.int64]:
    spec = mapping.with_role("visit")
    if spec is None:  # check_mapping has seen to it
        raise TableError("no column says when a visit was", source=raw.source)
    when = _visit_order(raw, spec, rows, ledger)
    rows = rows[[ledger.reasons[row] is None for row in rows]]
    last = mapping.visit_rule == "last"
    moment = np.where(np.isnan(when[rows]), np.inf, -when[rows] if last else when[rows])
    order = np.lexsort((rows, moment, patients[rows]))
    ordered = rows[order]
    begins = np.r_[True, np.diff(patients[ordered]) != 0]
    chosen = ordered[begins]
    previous = np.r_[False, ~begins[1:] & begins[:-1]]
    tied = ordered[previous & (moment[order] == np.r_[np.nan, moment[order][:-1]])]
    if len(tied):
        ledger.settle(
            "same_day_visits", spec.name, "info",
            f"{count_of(len(tied), 'patient has', 'patients have')} two rows on the day that is taken; "
            "the one further up is used.",
            np.sort(tied), ("keep_first",), values=raw.column(spec.name).values()[np.sort(tied)],
        )  # fmt: skip
    n_later = len(rows) - len(chosen)
    ledger.notes.append(
        f"{count_of(len(rows), 'visit')} of {count_of(len(chosen), 'patient')}: each patient's "
        f"{mapping.visit_rule} visit by {spec.shown} is taken, "
        f"{count_of(n_later, 'other visit is', 'other visits are')} left out."
    )
    return np.sort(chosen)


def _visit_order(
    raw: RawTable, spec: ColumnSpec, rows: NDArray[np.int64], ledger: Ledger
) -> NDArray[np.float64]:
    """(n_rows,) what visits are sorted by; NaN where not known: such a visit comes last."""
    column = raw.column(spec.name)
    if spec.kind == "number":
        numbers = read_numbers(column, spec.decimal, spec.missing)
        fine = numbers.readings == Reading.FINE
        distinct = np.where(fine, numbers.values, np.nan)
    else:
        dates = read_dates(column, spec.date_order, spec.missing)
        distinct = np.where(np.isnat(dates.values), np.nan, dates.values.astype(np.float64))
    when = np.append(distinct, np.nan)[column.codes]
    unknown = rows[np.isnan(when[rows])]
    if len(unknown):
        settled = ledger.settle(
            "no_visit_date", spec.name, "warning",
            f"{count_of(len(unknown), 'row has', 'rows have')} no readable {spec.shown}; kept, "
            f"{agree(len(unknown), 'it counts as the last visit', 'they count as the last visits')}.",
            unknown, ("keep", "exclude_row", "fix"), values=column.values()[unknown],
        )  # fmt: skip
        for at, text in settled.values.items():
            when[unknown[at]] = _one_moment(text, spec)
    return when


def _one_moment(text: str, spec: ColumnSpec) -> float:
    if spec.kind == "number":
        value = read_number(text, spec.decimal)
    else:
        day = read_date(text, spec.date_order)
        value = np.nan if np.isnat(day) else float(day.astype(np.int64))
    if not np.isfinite(value):
        raise TableError(f"{text!r} is no date to put there", source=spec.name)
    return value


def _row_hashes(raw: RawTable, rows: NDArray[np.int64], without: str | None) -> NDArray[np.uint64]:
    """One number a row: rows with equal cells have equal numbers (and others, in 1 of 2⁶⁴)."""
    generator = np.random.default_rng(20240607)
    total = np.zeros(len(rows), dtype=np.uint64)
    for column in raw.columns:
        size = len(column.texts) + 1
        random = generator.integers(0, 2**64, size=size, dtype=np.uint64)
        if column.name != without:
            total += random[column.codes[rows]]
    return total


def _settle_duplicates(
    raw: RawTable,
    spec: ColumnSpec | None,
    names: NDArray[np.object_],
    patients: NDArray[np.int64],
    ledger: Ledger,
) -> None:
    rows = _staying(ledger)
    if spec is None:
        return  # without identifiers equal rows may be different patients
    _, first = np.unique(_row_hashes(raw, rows, None), return_index=True)
    copies = np.setdiff1d(rows, rows[first])
    if len(copies):
        ledger.settle(
            "duplicate_row", spec.name, "warning",
            f"{count_of(len(copies), 'row repeats', 'rows repeat')} an earlier row cell by cell.",
            copies, ("exclude_row", "keep"), values=names[copies],
        )  # fmt: skip
    # Copies that a person keeps have been decided about.
    rows = np.setdiff1d(_staying(ledger), copies)
    _, inverse, counts = np.unique(patients[rows], return_inverse=True, return_counts=True)
    again = rows[counts[inverse] > 1]
    if not len(again):
        return
    settled = ledger.settle(
        "duplicate_patient", spec.name, "error",
        f"{count_of(len(again), 'row shares', 'rows share')} a patient with another row but "
        f"{agree(len(again), 'differs in its', 'differ in their')} cells.",
        again, ("keep_first", "keep_last", "keep", "exclude"), values=names[again],
    )  # fmt: skip
    for action, order in (("keep_first", 1), ("keep_last", -1)):
        at = settled.where(action)
        _, first = np.unique(patients[again[at]][::order], return_index=True)
        kept = at[::order][first]
        ledger.leave_out(again[np.setdiff1d(at, kept)], "another row of the same patient is kept")


def _tell_same_data(
    raw: RawTable, spec: ColumnSpec | None, rows: NDArray[np.int64], ledger: Ledger
) -> None:
    """Point at patients who agree in every cell but the identifier; nothing is done."""
    telling = sum(len(column.texts) > 1 for column in raw.columns)
    if spec is None or telling <= _TELLING_COLUMNS:
        return
    _, first, inverse, counts = np.unique(
        _row_hashes(raw, rows, spec.name),
        return_index=True, return_inverse=True, return_counts=True,
    )  # fmt: skip
    again = np.setdiff1d(np.flatnonzero(counts[inverse] > 1), first)
    if len(again):
        ledger.settle(
            "same_data", spec.name, "warning",
            f"{count_of(len(again), 'row repeats', 'rows repeat')} all cells of another row under "
            f"another {spec.shown}.",
            rows[again], ("keep", "exclude_row"), values=raw.column(spec.name).values()[rows[again]],
        )  # fmt: skip


def _distinct(ids: NDArray[np.object_], numbers: NDArray[np.int64]) -> NDArray[np.object_]:
    """Identifiers, those that come again with their row behind them."""
    seen: set[str] = set()
    given = ids.copy()
    for at, name in enumerate(ids):
        if name in seen:
            given[at] = f"{name} (row {numbers[at]})"
        seen.add(given[at])
    return given
