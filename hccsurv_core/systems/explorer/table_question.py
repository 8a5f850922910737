"""A survival question about a table's columns, as the command line asks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hccsurv_core.cohort.cell_values import code_key, plain_code, read_numbers
from hccsurv_core.cohort.clinical_table import ClinicalTable, build_cohort_table
from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.column_mapping import TIME_UNITS, ColumnMapping, EndpointSpec
from hccsurv_core.cohort.endpoint_guess import guess_event_codes, guess_time_unit
from hccsurv_core.errors import InputError, TableError
from hccsurv_core.io.tables import RawTable
from hccsurv_core.models.design import Term

if TYPE_CHECKING:
    from pandas import DataFrame

#: Name of the endpoint that a question is about.
ENDPOINT = "outcome"


@dataclass(frozen=True)
class TableQuestion:
    """Which columns hold what.

    Args:
        time, event: columns of the outcome.
        group: column to compare, or None.
        covariates: columns of the regression.
        categorical: covariates to take as categories although they hold numbers.
        time_unit: days, weeks, months or years; None guesses by name, then by range.
        event_value: the text that means the event; None guesses.
    """

    time: str
    event: str
    group: str | None = None
    covariates: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    time_unit: str | None = None
    event_value: str | None = None


def ask_table(raw: RawTable, question: TableQuestion) -> ClinicalTable:
    """Read a table for a question: its outcome, and covariates as numbers where they are numbers.

    Raises:
        TableError: a column is not there, or the outcome cannot be read.
        InputError: an unknown time unit, or nobody has the event's text.
    """
    named = (question.time, question.event, question.group, *question.covariates)
    for name in named:
        if name is not None:
            raw.column(name)
    unknown = set(question.categorical) - set(question.covariates)
    if unknown:
        raise InputError(f"{min(unknown)!r} is not among the covariates", source="--categorical")
    mapping = guess_mapping(raw)
    # Only what is asked for can be wrong here: other columns and outcomes are left alone.
    mapping = replace(mapping, endpoints=())
    for spec in mapping.columns:
        if spec.name not in named and spec.role not in ("patient_id", "visit"):
            mapping = mapping.with_column(spec.name, role="ignored")
    for name in named[2:]:
        if name is not None:
            mapping = mapping.with_column(name, role="variable")
    for name in question.covariates:
        mapping = _as_covariate(raw, mapping, name, name in question.categorical)
    return build_cohort_table(raw, mapping.with_endpoint(_endpoint(raw, mapping, question)))


def covariate_terms(table: ClinicalTable, names: Sequence[str]) -> list[Term]:
    """Terms of a regression on the table's variables."""
    terms = []
    for name in names:
        column = table.column(name)
        is_number = column.kind == "number"
        terms.append(Term(name, "number" if is_number else "category", levels=column.levels))
    return terms


def patients_with_outcome(table: ClinicalTable, rows: np.ndarray) -> DataFrame:
    """The table's rows that have the outcome, indexed from 0."""
    return table.frame.iloc[rows].reset_index(drop=True)


def _as_covariate(
    raw: RawTable, mapping: ColumnMapping, name: str, categorical: bool
) -> ColumnMapping:
    column, spec = raw.column(name), mapping.column(name)
    if categorical:
        levels = tuple(sorted(set(column.texts), key=lambda t: (len(t), t)))
        return mapping.with_column(name, kind="category", levels=spec.levels or levels)
    if spec.kind in ("category", "boolean"):
        numbers = read_numbers(column, spec.decimal, spec.missing).values
        known = np.isfinite(numbers)
        # Coded classes count as numbers, as a regression of the column itself would have it.
        if known.any() and known.all():
            return mapping.with_column(name, kind="number", quantity=None, unit=None)
    return mapping


def _endpoint(raw: RawTable, mapping: ColumnMapping, question: TableQuestion) -> EndpointSpec:
    column = raw.column(question.event)
    unit, source = guess_time_unit(raw.column(question.time), mapping.column(question.time).decimal)
    if question.time_unit is not None:
        if question.time_unit not in TIME_UNITS:
            raise InputError(
                f"no time unit is called {question.time_unit!r}", source="--time-unit",
                remedy=f"use {', '.join(TIME_UNITS)}",
            )  # fmt: skip
        unit, source = question.time_unit, "user"
    codes, competing = guess_event_codes(column)
    if question.event_value is not None:
        wanted = code_key(question.event_value)
        codes = {plain_code(t): int(code_key(t) == wanted) for t in column.texts}
        competing = ()
        if 1 not in codes.values():
            raise InputError(
                f"nobody has {question.event_value!r}", source=question.event,
                remedy=f"use one of {', '.join(map(repr, column.texts[:8]))}",
            )  # fmt: skip
    if 1 not in codes.values():
        raise TableError(
            f"which of {', '.join(map(repr, column.texts[:6]))} is the event is not clear",
            source=f"{raw.source}: {question.event}",
            remedy="say so with --event-value",
        )
    return EndpointSpec(
        ENDPOINT, question.time, time=question.time, time_unit=unit, time_unit_from=source,
        event=question.event, event_codes=codes, competing=competing,
    )  # fmt: skip
