"""A clinical table ready for statistics: one row a patient, outcomes in months, nothing hidden.

>>> raw = read_table(Path("cohort.csv"))                # doctest: +SKIP
>>> table = build_cohort_table(raw, guess_mapping(raw)) # doctest: +SKIP
>>> outcome, rows = table.outcome("OS")                 # doctest: +SKIP
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.column_mapping import ColumnMapping, ColumnSpec
from hccsurv_core.cohort.endpoint import MAX_GAP_MONTHS, Endpoint, first_of_two, own_causes
from hccsurv_core.cohort.table_checks import Examination, examine
from hccsurv_core.cohort.table_columns import ReadColumn
from hccsurv_core.cohort.table_endpoints import ReadEndpoint
from hccsurv_core.cohort.table_issues import Decision, TableReport
from hccsurv_core.cohort.table_ledger import LogEntry
from hccsurv_core.errors import StatisticsError, TableError
from hccsurv_core.io.tables import RawTable
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome

if TYPE_CHECKING:
    import pandas as pd

PATIENT_ID = "patient_id"


@dataclass(frozen=True)
class ClinicalColumn:
    """One variable of a :class:`ClinicalTable`.

    Args:
        name: its column in the frame; ``label`` is how to show it.
        kind: number, category, boolean, date, identifier or text.
        role: sex, age, group, variable …
        unit: of a number; None where it has none.
        levels: of a category, in order; "no" and "yes" for a boolean.
        n_missing: patients for whom it is not known.
    """

    name: str
    label: str
    kind: str
    role: str
    unit: str | None
    levels: tuple[str, ...]
    n_missing: int


@dataclass(frozen=True)
class Exclusion:
    """A row that was left out: its number in the spreadsheet, whose it is, and why."""

    row: int
    patient_id: str | None
    reason: str


@dataclass(frozen=True, eq=False)
class ClinicalTable:
    """A cohort as a table: what statistics and pages use.

    Args:
        frame: one row a patient, indexed from 0: ``patient_id``, the variables (numbers as
            float, categories as ordered levels, booleans nullable, dates), and for each endpoint
            ``<name>_months`` and ``<name>_event`` (0 censored, 1 event, 2 … competing).
        columns: the variables of the frame, in order.
        endpoints: the outcomes, the main one first.
        source_rows: (n,) each patient's row in the spreadsheet.
        exclusions: rows that were left out, but for visits that are not used.
        log: what was done.
        report: everything odd that was found.
        mapping, decisions: what the table was built from.
        origin: file, digest, sheet and the like.
    """

    frame: pd.DataFrame
    columns: tuple[ClinicalColumn, ...]
    endpoints: tuple[Endpoint, ...]
    source_rows: NDArray[np.int64]
    exclusions: tuple[Exclusion, ...]
    log: tuple[LogEntry, ...]
    report: TableReport
    mapping: ColumnMapping
    decisions: tuple[Decision, ...]
    origin: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    def column(self, name: str) -> ClinicalColumn:
        """The variable called ``name``.

        Raises:
            TableError: there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        known = ", ".join(column.name for column in self.columns[:30])
        raise TableError(
            f"there is no variable called {name!r}",
            source="cohort",
            remedy=f"choose one of {known}",
        )

    def endpoint(self, name: str | None = None) -> Endpoint:
        """The endpoint called ``name``, or the main one.

        Raises:
            TableError: there is none.
        """
        for endpoint in self.endpoints:
            if name is None or endpoint.name == name:
                return endpoint
        known = ", ".join(endpoint.name for endpoint in self.endpoints)
        raise TableError(
            f"there is no endpoint called {name!r}" if name else "the table has no endpoint",
            source="cohort",
            remedy=f"choose one of {known}" if known else "say which columns hold time and event",
        )

    def outcome(self, name: str | None = None) -> tuple[SurvivalOutcome, NDArray[np.int64]]:
        """An endpoint as right-censored times; competing events count as the end of follow-up.

        Returns:
            the outcome of the patients who have one, and (n,) their rows in the frame.

        Raises:
            TableError: there is no such endpoint.
            StatisticsError: nobody has it.
        """
        endpoint = self.endpoint(name)
        rows = np.flatnonzero(endpoint.known)
        if not len(rows):
            raise StatisticsError("no patient has this outcome", source=endpoint.name)
        return SurvivalOutcome(endpoint.time_months[rows], endpoint.event[rows]), rows

    def competing(
        self, event: str, death: str | None = None, *, max_gap_months: float = MAX_GAP_MONTHS
    ) -> tuple[CompetingOutcome, NDArray[np.int64], tuple[str, ...]]:
        """An endpoint with death (or its own competing events) as what may come first.

        Args:
            event: the endpoint of interest, for example recurrence.
            death: the endpoint of death; None uses the causes 2, 3 … of ``event`` itself.
            max_gap_months: a patient last seen free of the event longer than this before death
                is censored there: what came first is not known (the limit is ours).

        Returns:
            the outcome, (n,) rows of the frame it is about, and sentences about what had to be
            assumed.

        Raises:
            TableError: there is no such endpoint.
            StatisticsError: nobody has both outcomes.
        """
        first = self.endpoint(event)
        if death is None:
            outcome, rows = own_causes(first)
            return outcome, rows, ()
        return first_of_two(first, self.endpoint(death), max_gap_months)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """(n,) a number or boolean (0 and 1) as floats, NaN where missing.

        Raises:
            TableError: there is no such variable, or it is no number.
        """
        column = self.column(name)
        if column.kind not in ("number", "boolean"):
            raise TableError(
                f"{name!r} is a {column.kind}, not a number",
                source="cohort",
                remedy="change its kind in the mapping",
            )
        return self.frame[name].to_numpy(dtype=np.float64, na_value=np.nan)

    def groups(self, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """(n,) which level of a category or boolean a patient has, −1 where missing; the levels.

        Raises:
            TableError: there is no such variable, or it has no levels.
        """
        column = self.column(name)
        if column.kind == "boolean":
            values = self.numbers(name)
            return np.where(np.isnan(values), -1, values).astype(np.int64), column.levels
        if column.kind != "category":
            raise TableError(
                f"{name!r} is a {column.kind}, not a category",
                source="cohort",
                remedy="choose cut-offs, or change its kind in the mapping",
            )
        return np.asarray(self.frame[name].cat.codes, dtype=np.int64), column.levels

    def to_json(self) -> dict[str, Any]:
        """Provenance as JSON values: file, mapping, decisions, log; no patient's values."""
        return {
            "origin": self.origin,
            "mapping": self.mapping.to_json(),
            "decisions": [decision.to_json() for decision in self.decisions],
            "log": [entry.to_json() for entry in self.log],
            "counts": dict(self.report.counts),
            "endpoints": {name: dict(v) for name, v in self.report.endpoints.items()},
            "notes": list(self.report.notes),
            "columns": [asdict(column) for column in self.columns],
            "versions": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "pandas": version("pandas"),
            },
        }


def build_cohort_table(
    raw: RawTable, mapping: ColumnMapping, decisions: Sequence[Decision] = ()
) -> ClinicalTable:
    """Read a table as its mapping says, settle everything odd as decided, and log it.

    Args:
        raw: the table.
        mapping: what its columns mean.
        decisions: what was decided; defaults do the rest. The same three give the same table.

    Raises:
        TableError: the mapping does not fit, a decision is impossible, or nobody is left.
    """
    import pandas as pd

    found = examine(raw, mapping, decisions)
    stays = found.staying
    if not stays.any():
        raise TableError(
            "every patient was left out", source=raw.source, remedy="change the decisions"
        )
    kept = [column for column in found.columns if not column.dropped]
    taken = _names_taken(found)
    data: dict[str, Any] = {PATIENT_ID: found.choice.ids[stays]}
    columns = []
    for column in kept:
        name = f"{column.spec.name} (variable)" if column.spec.name in taken else column.spec.name
        data[name], info = _as_series(column, name, stays)
        columns.append(info)
    endpoints = tuple(_endpoint(endpoint, stays) for endpoint in found.endpoints)
    for endpoint in endpoints:
        data[f"{endpoint.name}_months"] = endpoint.time_months
        causes = pd.array(endpoint.cause, dtype="Int64")
        causes[endpoint.cause < 0] = pd.NA
        data[f"{endpoint.name}_event"] = causes
    return ClinicalTable(
        frame=pd.DataFrame(data),
        columns=tuple(columns),
        endpoints=endpoints,
        source_rows=raw.row_numbers[found.choice.rows[stays]],
        exclusions=_exclusions(raw, mapping, found),
        log=tuple(found.ledger.log),
        report=found.report,
        mapping=mapping,
        decisions=tuple(decisions),
        origin=raw.to_json(),
    )


def _names_taken(found: Examination) -> set[str]:
    names = {PATIENT_ID}
    for endpoint in found.endpoints:
        names |= {f"{endpoint.spec.name}_months", f"{endpoint.spec.name}_event"}
    return names


def _as_series(
    column: ReadColumn, name: str, stays: NDArray[np.bool_]
) -> tuple[Any, ClinicalColumn]:
    import pandas as pd

    spec, values = column.spec, column.values[stays]
    levels: tuple[str, ...] = ()
    series: Any = values
    if spec.kind == "category":
        labels = {level: spec.level_labels.get(level, level) for level in spec.levels}
        levels = tuple(dict.fromkeys(labels.values()))
        shown = [None if value is None else labels.get(value, value) for value in values]
        series = pd.Categorical(shown, categories=list(levels))
    elif spec.kind == "boolean":
        levels = ("no", "yes")
        series = pd.array(values, dtype="boolean")
    elif spec.kind == "date":
        series = values.astype("datetime64[s]")
    return series, ClinicalColumn(
        name, spec.shown, spec.kind, spec.role, _unit(spec), levels,
        int(column.missing()[stays].sum()),
    )  # fmt: skip


def _unit(spec: ColumnSpec) -> str | None:
    return spec.unit if spec.kind == "number" else None


def _endpoint(endpoint: ReadEndpoint, stays: NDArray[np.bool_]) -> Endpoint:
    spec = endpoint.spec
    return Endpoint(
        name=spec.name,
        label=spec.shown,
        event_label=spec.event_label,
        time_months=endpoint.time_months[stays],
        cause=endpoint.cause[stays],
        original_unit="days" if spec.time is None else spec.time_unit,
        competing=spec.competing,
        spec=spec,
    )


def _exclusions(raw: RawTable, mapping: ColumnMapping, found: Examination) -> tuple[Exclusion, ...]:
    out = np.flatnonzero([reason is not None for reason in found.ledger.reasons])
    spec = mapping.with_role("patient_id")
    ids = raw.column(spec.name).values() if spec else np.full(raw.n_rows, None, dtype=object)
    return tuple(
        Exclusion(int(raw.row_numbers[row]), ids[row], str(found.ledger.reasons[row]))
        for row in out
    )
