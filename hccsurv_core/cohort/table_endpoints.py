"""Outcomes read for the chosen rows: times in months, events, and what cannot be an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.cell_values import code_key, is_missing_text, read_number
from hccsurv_core.cohort.column_mapping import ColumnMapping, ColumnSpec, EndpointSpec
from hccsurv_core.cohort.event_words import assumptions
from hccsurv_core.cohort.quantities import LONGEST_TIME_MONTHS, TIME_UNITS
from hccsurv_core.cohort.table_columns import ColumnReader
from hccsurv_core.cohort.table_ledger import Ledger, Settled
from hccsurv_core.cohort.table_rows import RowChoice
from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import RawTable
from hccsurv_core.outcome import DAYS_PER_MONTH
from hccsurv_core.wording import agree, count_of, values_of

#: Recurrence this much after the end of survival is a contradiction, less is rounding (ours).
_TOLERANCE_MONTHS = 0.1
_HALF_DAY_MONTHS = 0.5 / DAYS_PER_MONTH


@dataclass(frozen=True, eq=False)
class ReadEndpoint:
    """One outcome of the chosen rows.

    Args:
        spec: how it was read.
        time_months: (n,) NaN where not known.
        cause: (n,) −1 where not known, 0 censored, 1 event, 2, 3 … competing events.
    """

    spec: EndpointSpec
    time_months: NDArray[np.float64]
    cause: NDArray[np.int64]

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,) True where both are known."""
        return np.isfinite(self.time_months) & (self.cause >= 0)


class EndpointReader:
    """Reads the outcomes that a mapping names.

    Args:
        raw: the table.
        mapping: what its columns mean.
        choice: the rows that stand for patients.
        columns: reads durations and dates.
        ledger: where issues are settled.
    """

    def __init__(
        self,
        raw: RawTable,
        mapping: ColumnMapping,
        choice: RowChoice,
        columns: ColumnReader,
        ledger: Ledger,
    ) -> None:
        self._raw = raw
        self._mapping = mapping
        self._choice = choice
        self._columns = columns
        self._ledger = ledger

    def read_all(self) -> list[ReadEndpoint]:
        """Every outcome, checked against the others.

        Raises:
            TableError: a value put in by hand cannot be read.
        """
        found = [self._read(spec) for spec in self._mapping.endpoints]
        self._compare(found)
        for endpoint in found:
            self._settle_missing(endpoint)
        return found

    def _read(self, spec: EndpointSpec) -> ReadEndpoint:
        n = len(self._choice.rows)
        cause = np.zeros(n, dtype=np.int64)
        if spec.event is not None:
            cause = self._events(spec, spec.event)
        happened: NDArray[np.datetime64] = np.full(n, np.datetime64("NaT", "D"))
        if spec.event_date is not None:
            happened = self._dates(spec.event_date)
            cause = self._with_dates(spec, cause, happened)
        time = self._durations(spec) if spec.time else self._between(spec, cause, happened)
        self._settle_times(spec, time)
        endpoint = ReadEndpoint(spec, time, cause)
        if endpoint.known.any() and not (endpoint.cause[endpoint.known] == 1).any():
            self._tell(
                spec,
                "no_events",
                "error",
                f"{spec.shown}: no patient has the event ({spec.event_label}).",
            )
        return endpoint

    # --- events ---

    def _events(self, spec: EndpointSpec, name: str) -> NDArray[np.int64]:
        column = self._raw.column(name)
        missing = self._mapping.column(name).missing
        codes = {code_key(text): code for text, code in spec.event_codes.items()}
        distinct = np.array([*(codes.get(code_key(t), -1) for t in column.texts), -1])
        rows = self._choice.rows
        cause = distinct[column.codes[rows]].astype(np.int64)
        unknown = [
            at
            for at, text in enumerate(column.texts)
            if distinct[at] < 0 and not is_missing_text(text, missing)
        ]
        at = np.flatnonzero(np.isin(column.codes[rows], unknown))
        self._tell_codes(spec, name)
        if len(at):
            settled = self._ledger.settle(
                "unknown_event", spec.name, "error",
                values_of(len(at), name, "is", "are") + " not said to be an event or none.",
                rows[at], ("set_missing", "exclude", "fix"), values=column.values()[rows[at]],
            )  # fmt: skip
            for position, text in settled.values.items():
                if code_key(text) not in codes:
                    raise TableError(
                        f"{text!r} is not said to be an event or none",
                        source=name,
                        remedy="enter one of " + ", ".join(spec.event_codes),
                    )
                cause[at[position]] = codes[code_key(text)]
        return cause

    def _tell_codes(self, spec: EndpointSpec, name: str) -> None:
        meaning = ["censored", spec.event_label, *(spec.competing or ("competing event",))]
        told = ", ".join(
            f"{text} = {meaning[code] if code < len(meaning) else f'competing event {code}'}"
            for text, code in spec.event_codes.items()
        )
        convention = set(spec.event_codes) in ({"1", "2"}, {"0", "1", "2"})
        assumed = assumptions(spec.event_codes, spec.event_label)
        check = convention or bool(assumed)
        text = " ".join([f"{spec.shown}: {name} is read as {told}.", *assumed])
        text += " Check this, and change what a value means if it is wrong." if check else ""
        self._tell(spec, "event_code", "warning" if check else "info", text)

    def _with_dates(
        self, spec: EndpointSpec, cause: NDArray[np.int64], happened: NDArray[np.datetime64]
    ) -> NDArray[np.int64]:
        """The causes, where a date of the event tells more, or something else."""
        dated = ~np.isnat(happened)
        if spec.event is None:
            return dated.astype(np.int64)
        at = np.flatnonzero(dated & (cause == 0))
        if len(at):
            settled = self._settle(
                spec, "event_contradiction", "error",
                f"{spec.shown}: {count_of(len(at), 'patient has', 'patients have')} a date of the "
                f"event, but {spec.event} says "
                "that it did not happen.",
                at, ("keep", "use_suggestion", "set_missing", "exclude"), happened[at].astype(str),
                suggestions=["event"] * len(at),
            )  # fmt: skip
            cause[at[settled.where("use_suggestion")]] = 1
            cause[at[settled.where("set_missing")]] = -1
        return cause

    # --- times ---

    def _durations(self, spec: EndpointSpec) -> NDArray[np.float64]:
        column = self._mapping.column(str(spec.time))
        values = self._columns.read(replace(column, kind="number", quantity=None)).values
        if spec.time_unit_from in ("range", "assumed"):
            why = {
                "range": "in months they would last longer than 50 years",
                "assumed": "nothing in the table tells",
            }[spec.time_unit_from]
            severity = "warning" if spec.time_unit == "years" else "info"
            self._tell(
                spec, "time_unit", severity,
                f"{spec.shown}: {spec.time} is read in {spec.time_unit} ({why}).",
            )  # fmt: skip
        return values * TIME_UNITS[spec.time_unit]

    def _dates(self, name: str) -> NDArray[np.datetime64]:
        column = self._mapping.column(name)
        return self._columns.read(_as_dates(column)).values

    def _between(
        self, spec: EndpointSpec, cause: NDArray[np.int64], happened: NDArray[np.datetime64]
    ) -> NDArray[np.float64]:
        """Months from start to the event, or to the end of follow-up."""
        start = self._dates(str(spec.start))
        until = (
            self._dates(spec.end) if spec.end else np.full(len(start), np.datetime64("NaT", "D"))
        )
        until = np.where((cause > 0) & ~np.isnat(happened), happened, until)
        days = np.where(
            np.isnat(start) | np.isnat(until), np.nan, (until - start).astype(np.float64)
        )
        return days / DAYS_PER_MONTH

    def _settle_times(self, spec: EndpointSpec, time: NDArray[np.float64]) -> None:
        """Settle times that cannot be, in place."""
        by_dates = spec.time is None
        has = ("patient has", "patients have")
        kind, what = (
            ("end_before_start", "an end before the start")
            if by_dates
            else ("negative_time", "a negative time")
        )
        self._settle_time(
            spec, time, time < 0, kind, "error", has, f" {what}.",
            ("set_missing", "exclude") if by_dates else ("set_missing", "exclude", "fix"),
        )  # fmt: skip
        self._settle_time(
            spec, time, time == 0, "zero_time", "warning",
            has, " a time of zero.", ("keep", "half_day", "set_missing", "exclude"),
        )  # fmt: skip
        self._settle_time(
            spec, time, time > LONGEST_TIME_MONTHS, "long_time", "error",
            ("patient was", "patients were"),
            f" followed for more than {LONGEST_TIME_MONTHS / 12:g} years "
            f"(limit: ours); is the unit right ({spec.time_unit})?",
            ("set_missing", "keep", "exclude") if by_dates
            else ("set_missing", "keep", "exclude", "fix"),
        )  # fmt: skip

    def _settle_time(
        self,
        spec: EndpointSpec,
        time: NDArray[np.float64],
        found: NDArray[np.bool_],
        kind: str,
        severity: str,
        who: tuple[str, str],
        what: str,
        actions: Sequence[str],
    ) -> None:
        at = np.flatnonzero(found)
        if not len(at):
            return
        shown = [f"{v / TIME_UNITS[spec.time_unit]:.6g} {spec.time_unit}" for v in time[at]]
        problem = f"{spec.shown}: {count_of(len(at), *who)}{what}"
        settled = self._settle(spec, kind, severity, problem, at, actions, np.array(shown))
        time[at[settled.where("set_missing")]] = np.nan
        time[at[settled.where("half_day")]] = _HALF_DAY_MONTHS
        for position, text in settled.values.items():
            value = read_number(text, self._mapping.column(str(spec.time)).decimal)
            if not value >= 0:
                raise TableError(f"{text!r} is no time", source=str(spec.time))
            time[at[position]] = value * TIME_UNITS[spec.time_unit]

    # --- all outcomes together ---

    def _compare(self, found: list[ReadEndpoint]) -> None:
        """An outcome that lasts beyond overall survival contradicts it."""
        overall = next((e for e in found if e.spec.name == "OS"), None)
        for endpoint in found:
            if overall is None or endpoint is overall:
                continue
            beyond = endpoint.time_months > overall.time_months + _TOLERANCE_MONTHS
            at = np.flatnonzero(beyond)
            if len(at):
                shown = [
                    f"{endpoint.time_months[i]:.4g} after {overall.time_months[i]:.4g} months"
                    for i in at
                ]
                settled = self._settle(
                    endpoint.spec, "beyond_survival", "warning",
                    f"{endpoint.spec.shown}: {count_of(len(at), 'patient has', 'patients have')} it "
                    f"later than the end of {agree(len(at), 'the', 'their')} survival.",
                    at, ("keep", "set_missing", "exclude"), np.array(shown),
                )  # fmt: skip
                endpoint.time_months[at[settled.where("set_missing")]] = np.nan

    def _settle_missing(self, endpoint: ReadEndpoint) -> None:
        at = np.flatnonzero(~endpoint.known)
        if len(at):
            spec = endpoint.spec
            self._settle(
                spec, "missing_outcome", "warning",
                f"{spec.shown}: {count_of(len(at), 'patient has', 'patients have')} no outcome; kept, "
                f"{agree(len(at), 'it is', 'they are')} left out wherever this outcome is used.",
                at, ("keep", "exclude"), None,
            )  # fmt: skip

    # --- helpers ---

    def _settle(
        self,
        spec: EndpointSpec,
        kind: str,
        severity: str,
        problem: str,
        at: NDArray[np.int64],
        actions: Sequence[str],
        values: NDArray | None,
        suggestions: Sequence[str] | None = None,
    ) -> Settled:
        shown = None if values is None else values.tolist()
        return self._ledger.settle(
            kind, spec.name, severity, problem, self._choice.rows[at], actions,
            values=shown, suggestions=suggestions,
        )  # fmt: skip

    def _tell(self, spec: EndpointSpec, kind: str, severity: str, problem: str) -> None:
        self._ledger.settle_column(kind, spec.name, severity, problem, ("keep",))


def _as_dates(column: ColumnSpec) -> ColumnSpec:
    return replace(column, kind="date")
