"""Changes of the outcomes in a mapping: their columns, what events mean, their order and names.

Another column brings a guess of its unit or of what its values mean. Pure functions from mapping to
mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hccsurv_core.cohort.cell_values import code_key, is_missing_text, plain_code
from hccsurv_core.cohort.column_kinds import level_order
from hccsurv_core.cohort.column_mapping import ColumnMapping, EndpointSpec
from hccsurv_core.cohort.endpoint_guess import guess_time_unit
from hccsurv_core.cohort.event_words import guess_event_codes
from hccsurv_core.cohort.outcome_names import FAMILIES
from hccsurv_core.cohort.quantities import plain_name
from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import RawColumn, RawTable
from pages._shared.table_import_changes import settle_roles

#: An event column has few values: what each means is said by hand.
MOST_EVENT_TEXTS = 12


def change_endpoint(
    mapping: ColumnMapping, raw: RawTable, name: str, /, **wish: Any
) -> ColumnMapping:
    """Change one outcome; another column brings a guess of its unit or of what its values mean.

    Raises:
        TableError: there is no such outcome, or its new name is taken.
    """
    old = endpoint_called(mapping, name)
    if "time" in wish and wish["time"] is not None and wish["time"] != old.time:
        column = raw.column(wish["time"])
        unit, source = guess_time_unit(column, mapping.column(column.name).decimal)
        wish = {"time_unit": unit, "time_unit_from": source, **wish}
    elif "time_unit" in wish:
        wish = {"time_unit_from": "user", **wish}
    if "event" in wish and wish["event"] != old.event:
        wish = {**event_meaning(raw, wish["event"], name), **wish}
    new = replace(old, **wish)
    if new.name != name and any(e.name == new.name for e in mapping.endpoints):
        raise TableError(
            f"another outcome is called {new.name!r}", source=name, remedy="choose another name"
        )
    endpoints = tuple(new if e.name == name else e for e in mapping.endpoints)
    return settle_roles(replace(mapping, endpoints=endpoints))


def event_meaning(raw: RawTable, event: str | None, outcome: str) -> dict[str, Any]:
    """``event_codes`` and ``competing`` as guessed; where nothing tells, all count as censored."""
    if event is None:
        return {"event_codes": {}, "competing": ()}
    column = raw.column(event)
    codes, competing = guess_event_codes(column, outcome)
    if not codes:
        codes = {
            plain_code(t): 0 for t in column.texts[:MOST_EVENT_TEXTS] if not is_missing_text(t)
        }
    return {"event_codes": codes, "competing": competing}


def change_meaning(endpoint: EndpointSpec, text: str, code: int | None) -> EndpointSpec:
    """Say what a text of the event column means: 0 censored, 1 event, 2 … competing; None nothing."""
    codes = {
        known: value
        for known, value in endpoint.event_codes.items()
        if code_key(known) != code_key(text)
    }
    if code is not None:
        codes[plain_code(text)] = code
    most = max(codes.values(), default=0)
    names = list(endpoint.competing[: max(most - 1, 0)])
    while len(names) < most - 1:
        names.append("competing event" if not names else f"competing event {len(names) + 1}")
    ordered = dict(sorted(codes.items(), key=lambda item: (item[1], item[0])))
    return replace(endpoint, event_codes=ordered, competing=tuple(names))


def add_endpoint(mapping: ColumnMapping, endpoint: EndpointSpec) -> ColumnMapping:
    """Add an outcome under a name of its own."""
    taken = {e.name for e in mapping.endpoints}
    name, n = endpoint.name, 2
    while name in taken:
        name, n = f"{endpoint.name} {n}", n + 1
    return settle_roles(mapping.with_endpoint(replace(endpoint, name=name)))


def remove_endpoint(mapping: ColumnMapping, name: str) -> ColumnMapping:
    """Take an outcome away; its columns become variables."""
    rest = tuple(e for e in mapping.endpoints if e.name != name)
    return settle_roles(replace(mapping, endpoints=rest))


def make_main(mapping: ColumnMapping, name: str) -> ColumnMapping:
    """Put an outcome first."""
    ordered = sorted(mapping.endpoints, key=lambda e: e.name != name)
    return replace(mapping, endpoints=tuple(ordered))


def endpoint_called(mapping: ColumnMapping, name: str) -> EndpointSpec:
    """The outcome of this name.

    Raises:
        TableError: there is none.
    """
    for endpoint in mapping.endpoints:
        if endpoint.name == name:
            return endpoint
    raise TableError("there is no such outcome any more", source=name)


def usual_outcomes() -> dict[str, EndpointSpec]:
    """Outcomes that a person may choose from, by label, without columns."""
    return {
        family.label: EndpointSpec(family.name, family.label, family.happens) for family in FAMILIES
    }


def likely_columns(
    mapping: ColumnMapping, raw: RawTable, label: str | None
) -> tuple[str | None, str | None]:
    """The columns of time and event whose names speak of this outcome and that are still free."""
    family = next((f for f in FAMILIES if f.label == label), None)
    if family is None:
        return None, None
    used = {name for e in mapping.endpoints for name in e.columns}
    free = [name for name in time_columns(mapping) if name not in used]
    time = next((name for name in free if family.time.fullmatch(plain_name(name))), None)
    others = [name for name in event_columns(raw) if name not in used and name != time]
    event = next((name for name in others if family.event.fullmatch(plain_name(name))), None)
    return time, event


def time_columns(mapping: ColumnMapping) -> list[str]:
    """Columns that may hold a time, numbers first."""
    likely = [c.name for c in mapping.columns if c.kind == "number" and c.quantity is None]
    rest = [
        c.name for c in mapping.columns if c.kind in ("number", "text", "identifier", "category")
    ]
    return list(dict.fromkeys([*likely, *rest]))


def date_columns(mapping: ColumnMapping) -> list[str]:
    """Columns of dates."""
    return [c.name for c in mapping.columns if c.kind == "date" and c.role != "personal"]


def event_columns(raw: RawTable) -> list[str]:
    """Columns with few enough values to say what each means."""
    return [
        column.name for column in raw.columns if 1 <= len(event_texts(column)) <= MOST_EVENT_TEXTS
    ]


def event_texts(column: RawColumn) -> Mapping[str, list[int]]:
    """Distinct values of a column, spellings of one together: how it is shown → its codes."""
    found: dict[str, tuple[str, list[int]]] = {}
    for at, text in enumerate(column.texts):
        if len(found) > MOST_EVENT_TEXTS:
            break
        if not is_missing_text(text):
            found.setdefault(code_key(text), (plain_code(text), []))[1].append(at)
    ordered = sorted(found.values(), key=lambda item: level_order(item[0], "."))
    return dict(ordered)
