"""What each column of a table means: data a person may edit, and JSON that can be kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hccsurv_core.cohort.cell_values import DATE_ORDERS
from hccsurv_core.cohort.quantities import BY_KEY, TIME_UNITS, Quantity
from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import RawTable

SCHEMA_VERSION = 1
#: What a column is for. ``outcome`` columns are used by an endpoint; ``personal`` ones (names,
#: telephone numbers) and ``ignored`` ones are left out of the cohort.
ROLES = (
    "patient_id",
    "visit",
    "outcome",
    "sex",
    "age",
    "height",
    "weight",
    "group",
    "variable",
    "personal",
    "ignored",
)
KINDS = ("number", "category", "boolean", "date", "identifier", "text")
#: One row a patient, or one row a visit of which each patient's first (or last) is taken.
LAYOUTS = ("patients", "visits")
VISIT_RULES = ("first", "last")
_ONLY_ONE = ("patient_id", "visit", "sex", "age", "height", "weight")


@dataclass(frozen=True)
class ColumnSpec:
    """What one column means.

    Args:
        name: the column's name in the table.
        role: one of :data:`ROLES`.
        kind: one of :data:`KINDS`.
        label: how it is shown; its name where empty.
        quantity: key of :data:`~hccsurv_core.cohort.quantities.QUANTITIES`, which brings the
            possible range and the units; None for anything else.
        unit: unit of the numbers in the file.
        unit_from: "name", "range" or "assumed" where the unit was guessed, "user" where given.
        target_unit: unit to convert to; None keeps ``unit``.
        decimal: "." or "," where numbers are texts.
        date_order: "dmy", "mdy" or "ymd" where dates are texts.
        levels: texts of a category in the order to show them.
        level_labels: text to what it means, where the two differ ("0": "female").
        codes: text of a boolean to 0 or 1.
        missing: further texts that mean *not known* in this column.
    """

    name: str
    role: str = "variable"
    kind: str = "text"
    label: str = ""
    quantity: str | None = None
    unit: str | None = None
    unit_from: str | None = None
    target_unit: str | None = None
    decimal: str = "."
    date_order: str = "dmy"
    levels: tuple[str, ...] = ()
    level_labels: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The label, or the name where there is none."""
        return self.label or self.name

    @property
    def known_quantity(self) -> Quantity | None:
        """The quantity, or None."""
        return BY_KEY.get(self.quantity or "")


@dataclass(frozen=True)
class EndpointSpec:
    """How an outcome is read from columns.

    Either ``time`` holds durations, or ``start`` and ``end`` (and ``event_date``) hold dates.

    Args:
        name: short and distinct ("OS"); ``label`` in words; ``event_label`` is what happens
            ("death").
        time: column of durations, in ``time_unit`` (months, days, weeks, years).
        time_unit_from: "name", "range" or "assumed" where guessed, "user" where given.
        event: column that says whether the event happened.
        event_codes: its texts to 0 (censored), 1 (event), 2, 3 … (competing events). Texts that
            are not among them are shown as unknown.
        competing: names of competing events 2, 3 …
        start: column of dates from which time counts.
        end: column of dates of last follow-up (or of the event, where there was one).
        event_date: column of dates of the event, empty where it did not happen; without
            ``event`` it also says whether the event happened.
    """

    name: str
    label: str = ""
    event_label: str = "event"
    time: str | None = None
    time_unit: str = "months"
    time_unit_from: str | None = None
    event: str | None = None
    event_codes: Mapping[str, int] = field(default_factory=dict)
    competing: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    event_date: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns it is read from."""
        used = (self.time, self.event, self.start, self.end, self.event_date)
        return tuple(name for name in used if name is not None)

    @property
    def shown(self) -> str:
        """The label, or the name where there is none."""
        return self.label or self.name


@dataclass(frozen=True)
class ColumnMapping:
    """What a table's columns mean.

    Args:
        columns: one :class:`ColumnSpec` a column, in the table's order.
        endpoints: the outcomes, the main one first.
        layout: one of :data:`LAYOUTS`.
        visit_rule: which visit of a patient is taken, where rows are visits.
    """

    columns: tuple[ColumnSpec, ...]
    endpoints: tuple[EndpointSpec, ...] = ()
    layout: str = "patients"
    visit_rule: str = "first"

    def column(self, name: str) -> ColumnSpec:
        """The spec of a column.

        Raises:
            TableError: there is none of this name.
        """
        for spec in self.columns:
            if spec.name == name:
                return spec
        raise TableError(f"the mapping has no column called {name!r}", source="mapping")

    def with_role(self, role: str) -> ColumnSpec | None:
        """The first column with this role, or None."""
        return next((spec for spec in self.columns if spec.role == role), None)

    def with_column(self, name: str, **changes: Any) -> ColumnMapping:
        """The same mapping with one column changed."""
        self.column(name)
        columns = tuple(replace(c, **changes) if c.name == name else c for c in self.columns)
        return replace(self, columns=columns)

    def with_endpoint(self, endpoint: EndpointSpec) -> ColumnMapping:
        """The same mapping with an endpoint added, or replaced where one has its name."""
        names = [e.name for e in self.endpoints]
        others = list(self.endpoints)
        if endpoint.name in names:
            others[names.index(endpoint.name)] = endpoint
        else:
            others.append(endpoint)
        used = set(endpoint.columns)
        columns = tuple(
            replace(c, role="outcome") if c.name in used and c.role == "variable" else c
            for c in self.columns
        )
        return replace(self, columns=columns, endpoints=tuple(others))

    def to_json(self) -> dict[str, Any]:
        """The mapping as JSON values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "layout": self.layout,
            "visit_rule": self.visit_rule,
            "columns": [_plain(asdict(column)) for column in self.columns],
            "endpoints": [_plain(asdict(endpoint)) for endpoint in self.endpoints],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ColumnMapping:
        """The inverse of :meth:`to_json`.

        Raises:
            TableError: it is not a mapping, or one of another version.
        """
        try:
            if data["schema_version"] != SCHEMA_VERSION:
                raise TableError(
                    f"the mapping has version {data['schema_version']}, not {SCHEMA_VERSION}",
                    source="mapping",
                    remedy="map the columns again",
                )
            return cls(
                columns=tuple(ColumnSpec(**_tupled(column)) for column in data["columns"]),
                endpoints=tuple(EndpointSpec(**_tupled(e)) for e in data["endpoints"]),
                layout=data["layout"],
                visit_rule=data["visit_rule"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise TableError(
                "this is not a mapping of columns", source="mapping", remedy="map them again"
            ) from error


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def _tupled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}


def check_mapping(raw: RawTable, mapping: ColumnMapping) -> None:
    """Check that a mapping fits a table.

    Raises:
        TableError: naming the column or endpoint, and what would be right.
    """
    names = [spec.name for spec in mapping.columns]
    missing = [name for name in raw.column_names if name not in set(names)]
    unknown = [name for name in names if name not in set(raw.column_names)]
    if missing or unknown:
        what = f"lacks the column {missing[0]!r}" if missing else f"has no column {unknown[0]!r}"
        who = "the mapping" if missing else "the table"
        raise TableError(
            f"{who} {what}", source=raw.source, remedy="map the columns of this table anew"
        )
    if len(set(names)) < len(names):
        raise TableError("the mapping names a column twice", source=raw.source)
    _choice(mapping.layout, LAYOUTS, "layout")
    _choice(mapping.visit_rule, VISIT_RULES, "visit rule")
    for spec in mapping.columns:
        _check_column(spec)
    for role in _ONLY_ONE:
        doubled = [spec.name for spec in mapping.columns if spec.role == role]
        if len(doubled) > 1:
            raise TableError(
                f"{doubled[0]!r} and {doubled[1]!r} both have the role {role}",
                source="mapping",
                remedy="give it to one of them",
            )
    if mapping.layout == "visits" and not (
        mapping.with_role("patient_id") and mapping.with_role("visit")
    ):
        raise TableError(
            "rows are visits, but no column says whose or when",
            source="mapping",
            remedy="give the roles patient_id and visit, or say that each row is a patient",
        )
    _check_endpoints(mapping, names)


def _check_column(spec: ColumnSpec) -> None:
    _choice(spec.role, ROLES, "role", spec.name)
    _choice(spec.kind, KINDS, "kind", spec.name)
    _choice(spec.decimal, (".", ","), "decimal sign", spec.name)
    _choice(spec.date_order, DATE_ORDERS, "date order", spec.name)
    if spec.quantity is not None:
        _choice(spec.quantity, tuple(BY_KEY), "quantity", spec.name)
    quantity = spec.known_quantity
    for unit in (spec.unit, spec.target_unit):
        if quantity is not None and unit is not None:
            _choice(unit, quantity.all_units, "unit", spec.name)
    if spec.target_unit is not None and (quantity is None or spec.unit is None):
        raise TableError(
            f"a conversion to {spec.target_unit!r} needs a known quantity and its unit",
            source=spec.name,
            remedy="give both, or leave the values as they are",
        )
    if any(code not in (0, 1) for code in spec.codes.values()):
        raise TableError("a boolean is coded 0 or 1", source=spec.name)


def _check_endpoints(mapping: ColumnMapping, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for endpoint in mapping.endpoints:
        if not endpoint.name or endpoint.name in seen:
            raise TableError(
                f"two endpoints are called {endpoint.name!r}, or one has no name",
                source="mapping",
                remedy="give each a name of its own",
            )
        seen.add(endpoint.name)
        for name in endpoint.columns:
            if name not in names:
                raise TableError(f"there is no column called {name!r}", source=endpoint.name)
        _choice(endpoint.time_unit, tuple(TIME_UNITS), "unit of time", endpoint.name)
        if endpoint.time is None and (
            endpoint.start is None or (endpoint.end is None and endpoint.event_date is None)
        ):
            raise TableError(
                "it has neither a time nor a start and an end date",
                source=endpoint.name,
                remedy="choose a column of times, or two columns of dates",
            )
        if endpoint.event is None and endpoint.event_date is None:
            raise TableError(
                "no column says whether the event happened",
                source=endpoint.name,
                remedy="choose the column of the event, or of its date",
            )
        if any(not isinstance(code, int) or code < 0 for code in endpoint.event_codes.values()):
            raise TableError(
                "an event is coded 0 (censored), 1 (event) or 2, 3 … (competing events)",
                source=endpoint.name,
            )


def _choice(value: object, allowed: Sequence[str], what: str, source: str | None = None) -> None:
    if value not in allowed:
        raise TableError(
            f"{value!r} is no {what}",
            source=source or "mapping",
            remedy="choose one of " + ", ".join(repr(a) for a in allowed),
        )
