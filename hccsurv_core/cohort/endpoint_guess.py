"""Which columns form an outcome: a time and an event, or two dates."""

from __future__ import annotations

import re

import numpy as np

from hccsurv_core.cohort.cell_values import code_key, is_missing_text, read_numbers
from hccsurv_core.cohort.column_mapping import ColumnMapping, ColumnSpec, EndpointSpec
from hccsurv_core.cohort.event_words import guess_event_codes, tells_of_death
from hccsurv_core.cohort.name_legend import without_legend
from hccsurv_core.cohort.outcome_names import (
    ANY_EVENT,
    ANY_TIME,
    BIRTH,
    DEATH_DATE,
    END,
    FAMILIES,
    GENERAL,
    LAST,
    RECURRENCE_DATE,
    START,
    Family,
)
from hccsurv_core.cohort.quantities import (
    LONGEST_TIME_MONTHS,
    find_quantity,
    plain_name,
    time_unit_in_name,
)
from hccsurv_core.io.tables import RawColumn, RawTable

__all__ = ["FAMILIES", "guess_endpoints", "guess_event_codes", "guess_time_unit"]

_MOST_EVENT_LEVELS = 6
_MOST_EVENT_TEXTS = 40  # other spellings included
#: A median follow-up below this, in fractions, is one in years; in whole numbers it is in months.
_LONGEST_YEARS = 25.0


def guess_endpoints(raw: RawTable, mapping: ColumnMapping) -> list[EndpointSpec]:
    """The outcomes that a table holds, the main one first; empty where none is recognized.

    Args:
        raw: the table.
        mapping: what is guessed of its columns so far.
    """
    free = [spec for spec in mapping.columns if spec.role in ("variable", "group")]
    times = [spec for spec in free if _may_be_time(raw, spec)]
    events = [spec for spec in free if _may_be_event(raw.column(spec.name), spec)]
    found = _named_pairs(raw, times, events)
    found += _general_pair(raw, times, events, found)
    if not found:
        found = _date_pairs(raw, free, events)
    # A plain "time" and "event" beside a named outcome are the main one.
    order = [family.name for family in FAMILIES]
    return sorted(found, key=lambda e: order.index(e.name) if e.name in order else -1)


def _may_be_time(raw: RawTable, spec: ColumnSpec) -> bool:
    if spec.kind != "number" or find_quantity(spec.name) is not None:
        return False
    name = _words(spec)
    return bool(ANY_TIME.fullmatch(name)) or any(f.time.fullmatch(name) for f in FAMILIES)


def _may_be_event(column: RawColumn, spec: ColumnSpec) -> bool:
    if spec.kind == "date" or len(column.texts) > _MOST_EVENT_TEXTS:
        return False
    keys = {code_key(text) for text in column.texts if not is_missing_text(text)}
    return 1 <= len(keys) <= _MOST_EVENT_LEVELS


def _named_pairs(
    raw: RawTable, times: list[ColumnSpec], events: list[ColumnSpec]
) -> list[EndpointSpec]:
    """Times whose name says of what, each with an event of the same kind, else a general one."""
    found = []
    used: set[str] = set()
    for family in FAMILIES:
        time = _first(times, family.time, used)
        if time is None:
            continue
        others = [spec for spec in events if spec.name != time.name]
        event = _first(others, family.event, used) or _general_event(others, times, used)
        if event is None:
            continue
        used |= {time.name, event.name}
        found.append(_timed(raw, family, time, event))
    return found


def _first(specs: list[ColumnSpec], pattern: re.Pattern[str], used: set[str]) -> ColumnSpec | None:
    for spec in specs:
        if spec.name not in used and pattern.fullmatch(_words(spec)):
            return spec
    return None


def _general_event(
    events: list[ColumnSpec], times: list[ColumnSpec], used: set[str]
) -> ColumnSpec | None:
    """A plain "status" belongs to a named time only if there is no other time."""
    return _first(events, ANY_EVENT, used) if len(times) == 1 else None


def _general_pair(
    raw: RawTable,
    times: list[ColumnSpec],
    events: list[ColumnSpec],
    found: list[EndpointSpec],
) -> list[EndpointSpec]:
    """A plain "time" with an event whose name says of what, else with a plain "status"."""
    used = {name for endpoint in found for name in endpoint.columns}
    time = _first(times, ANY_TIME, used)
    if time is None:
        return []
    others = [spec for spec in events if spec.name != time.name]
    taken = {endpoint.name for endpoint in found}
    for family in FAMILIES:
        event = _first(others, family.event, used)
        if event is not None and family.name not in taken:
            return [_timed(raw, family, time, event)]
    event = _first(others, ANY_EVENT, used)
    if event is None:
        return []
    # A "status" of alive and dead tells of overall survival.
    death = "OS" not in taken and tells_of_death(raw.column(event.name))
    return [_timed(raw, FAMILIES[0] if death else GENERAL, time, event)]


def _timed(raw: RawTable, family: Family, time: ColumnSpec, event: ColumnSpec) -> EndpointSpec:
    unit, source = guess_time_unit(raw.column(time.name), time.decimal)
    codes, competing = guess_event_codes(raw.column(event.name), family.name)
    return EndpointSpec(
        name=family.name,
        label=family.label,
        event_label=family.happens,
        time=time.name,
        time_unit=unit,
        time_unit_from=source,
        event=event.name,
        event_codes=codes,
        competing=competing,
    )


def _date_pairs(
    raw: RawTable, free: list[ColumnSpec], events: list[ColumnSpec]
) -> list[EndpointSpec]:
    """Outcomes from a date of treatment or diagnosis to one of death or last follow-up."""
    dates = [s for s in free if s.kind == "date" and not _matches(s, BIRTH)]
    # "Death or last follow-up" is a date for everybody, not one of death.
    happenings = [s for s in dates if not _matches(s, LAST, END)]
    death, recurrence = (_first(happenings, p, set()) for p in (DEATH_DATE, RECURRENCE_DATE))
    known = {s.name for s in (death, recurrence) if s is not None}
    last = _first(dates, LAST, known) or _first(dates, END, known)
    ends = [s for s in dates if _matches(s, DEATH_DATE, RECURRENCE_DATE, LAST, END)]
    start = _first([s for s in dates if s not in ends], START, set())
    start = start or next((s for s in dates if s not in ends), None)
    if start is None or not ends:
        return []
    found = []
    for family, happened in zip(FAMILIES[:2], (death, recurrence), strict=True):
        event = _event_of_dates(family, events, {s.name for s in dates})
        if last is None and (happened is None or event is None):
            continue  # nobody is censored, or nothing says until when
        if happened is None and event is None:
            continue
        found.append(_dated(raw, family, start, last, happened, event))
    return found


def _event_of_dates(family: Family, events: list[ColumnSpec], dates: set[str]) -> ColumnSpec | None:
    event = _first(events, family.event, dates)
    return _first(events, ANY_EVENT, dates) if event is None and family.name == "OS" else event


def _dated(
    raw: RawTable,
    family: Family,
    start: ColumnSpec,
    last: ColumnSpec | None,
    happened: ColumnSpec | None,
    event: ColumnSpec | None,
) -> EndpointSpec:
    codes, competing = guess_event_codes(raw.column(event.name), family.name) if event else ({}, ())
    return EndpointSpec(
        name=family.name,
        label=family.label,
        event_label=family.happens,
        time_unit="days",
        time_unit_from="name",
        event=event.name if event else None,
        event_codes=codes,
        competing=competing,
        start=start.name,
        end=last.name if last else None,
        event_date=happened.name if happened else None,
    )


def _matches(spec: ColumnSpec, *patterns: re.Pattern[str]) -> bool:
    return any(pattern.fullmatch(_words(spec)) for pattern in patterns)


def _words(spec: ColumnSpec) -> str:
    return plain_name(without_legend(spec.name))


def guess_time_unit(column: RawColumn, decimal: str = ".") -> tuple[str, str]:
    """The unit of a column of durations, and whether its name, its range or nothing tells it.

    A unit that most cells write behind their number counts as one of the name.
    By range: what would be longer than 50 years in months is in days; short times with
    fractions are in years; all else is taken for months.
    """
    named = time_unit_in_name(column.name)
    if named:
        return named, "name"
    numbers = read_numbers(column, decimal)
    counts = column.counts()
    written = time_unit_in_name(numbers.usual_unit(counts) or "")
    if written:
        return written, "name"
    known = np.isfinite(numbers.values)
    if not known.any():
        return "months", "assumed"
    values = np.repeat(numbers.values[known], counts[known])
    if values.max() > LONGEST_TIME_MONTHS:
        return "days", "range"
    fractions = (values != np.round(values)).mean() > 0.5
    if fractions and values.max() <= _LONGEST_YEARS and np.median(values) < 8:
        return "years", "assumed"
    return "months", "assumed"
