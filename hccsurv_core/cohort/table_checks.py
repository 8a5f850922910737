"""A table examined: rows, columns and outcomes read, everything odd listed with what is done.

>>> report = check_table(raw, guess_mapping(raw))       # doctest: +SKIP
>>> for group in report.groups:                         # doctest: +SKIP
...     print(group.severity, group.problem, group.action)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.cohort.column_mapping import ColumnMapping, check_mapping
from hccsurv_core.cohort.table_columns import ColumnReader, ReadColumn
from hccsurv_core.cohort.table_endpoints import EndpointReader, ReadEndpoint
from hccsurv_core.cohort.table_issues import Decision, TableReport
from hccsurv_core.cohort.table_ledger import Ledger
from hccsurv_core.cohort.table_rows import RowChoice, choose_rows
from hccsurv_core.io.tables import RawTable

_LEFT_OUT = ("personal", "ignored")
_READ_ELSEWHERE = ("outcome", "patient_id", "visit")


@dataclass(frozen=True, eq=False)
class Examination:
    """All that was read and found: the report and the values it is about."""

    choice: RowChoice
    columns: tuple[ReadColumn, ...]
    endpoints: tuple[ReadEndpoint, ...]
    ledger: Ledger
    report: TableReport

    @property
    def staying(self) -> np.ndarray:
        """(n chosen rows,) True for patients who are not left out."""
        reasons = self.ledger.reasons[self.choice.rows]
        return np.array([reason is None for reason in reasons], dtype=bool)


def check_table(
    raw: RawTable, mapping: ColumnMapping, decisions: Sequence[Decision] = ()
) -> TableReport:
    """List everything odd about a table, with what is done about it as things stand.

    Args:
        raw: the table.
        mapping: what its columns mean.
        decisions: what was decided so far; defaults are in force for the rest.

    Raises:
        TableError: the mapping does not fit the table, or a decision is impossible.
    """
    return examine(raw, mapping, decisions).report


def examine(
    raw: RawTable, mapping: ColumnMapping, decisions: Sequence[Decision] = ()
) -> Examination:
    """Read a table as its mapping says and settle everything odd.

    Raises:
        TableError: see :func:`check_table`.
    """
    check_mapping(raw, mapping)
    ledger = Ledger(raw, tuple(decisions))
    ledger.notes.extend(raw.notes)
    choice = choose_rows(raw, mapping, ledger)
    reader = ColumnReader(raw, choice, ledger)
    endpoints = EndpointReader(raw, mapping, choice, reader, ledger).read_all()
    columns = []
    for spec in mapping.columns:
        if spec.role in _LEFT_OUT:
            _tell_left_out(
                spec.name, spec.shown, spec.role, ledger, empty=not raw.column(spec.name).texts
            )
        elif spec.role not in _READ_ELSEWHERE:
            columns.append(reader.read(spec))
    return Examination(
        choice, tuple(columns), tuple(endpoints), ledger,
        _report(raw, choice, endpoints, columns, ledger),
    )  # fmt: skip


def _tell_left_out(name: str, shown: str, role: str, ledger: Ledger, *, empty: bool) -> None:
    if role == "personal":
        ledger.settle_column(
            "personal", name, "warning",
            f"{shown} looks like personal data (a name, a telephone number, a date of birth).",
            ("drop_column",),
        )  # fmt: skip
    elif empty:
        ledger.settle_column("empty_column", name, "info", f"{shown} is empty.", ("drop_column",))


def _report(
    raw: RawTable,
    choice: RowChoice,
    endpoints: Sequence[ReadEndpoint],
    columns: Sequence[ReadColumn],
    ledger: Ledger,
) -> TableReport:
    stays = np.array([reason is None for reason in ledger.reasons[choice.rows]], dtype=bool)
    counts = {
        "rows": raw.n_rows,
        "patients": int(stays.sum()),
        "rows_left_out": sum(reason is not None for reason in ledger.reasons),
        "visits_left_out": choice.n_later,
        "columns": sum(not column.dropped for column in columns),
        **ledger.counts(),
    }
    return TableReport(
        groups=ledger.sorted_groups(),
        counts=counts,
        endpoints={e.spec.name: _endpoint_counts(e, stays) for e in endpoints},
        notes=tuple(ledger.notes),
        unused=ledger.unused(),
    )


def _endpoint_counts(endpoint: ReadEndpoint, stays: np.ndarray) -> dict[str, float | int | None]:
    used = endpoint.known & stays
    times = endpoint.time_months[used]
    return {
        "patients": int(used.sum()),
        "events": int((endpoint.cause[used] == 1).sum()),
        "competing_events": int((endpoint.cause[used] > 1).sum()),
        "median_time_months": float(np.median(times)) if len(times) else None,
    }
