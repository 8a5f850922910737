"""Changes of columns and rows in a mapping, with everything that follows from each.

Choosing another kind brings the levels, codes or unit that it needs; a role that only one column
may have is taken from the column that had it. Pure functions from mapping to mapping.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hccsurv_core.cohort.column_kinds import as_kind
from hccsurv_core.cohort.column_mapping import ColumnMapping, ColumnSpec
from hccsurv_core.cohort.quantities import BY_KEY, unit_in_name
from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import RawColumn, RawTable

_ONE_COLUMN = ("patient_id", "visit", "sex", "age", "height", "weight")
_MEASURED = ("age", "height", "weight")


# --- columns -----------------------------------------------------------------------------------


def change_column(
    mapping: ColumnMapping, raw: RawTable, name: str, /, **wish: Any
) -> ColumnMapping:
    """Change what a column means.

    Args:
        mapping: what is in force.
        raw: the table.
        name: the column.
        wish: fields of :class:`ColumnSpec` to change.

    Raises:
        TableError: it cannot mean that.
    """
    spec, column = mapping.column(name), raw.column(name)
    role = wish.pop("role", None)
    if role is not None and role != spec.role:
        mapping = _with_role(mapping, column, name, role)
        spec = mapping.column(name)
    kind = wish.pop("kind", None)
    if kind is not None and kind != spec.kind:
        spec = as_kind(column, spec, kind)
        if spec.role == "sex" and kind not in ("category", "boolean"):
            spec = replace(spec, role="variable")
    if "quantity" in wish and wish["quantity"] != spec.quantity:
        spec = _with_quantity(spec, wish.pop("quantity"))
    if "unit" in wish and wish["unit"] != spec.unit:
        spec = replace(spec, unit=wish["unit"] or None, unit_from="user")
    wish.pop("unit", None)
    if wish.get("target_unit") == spec.unit:
        wish["target_unit"] = None
    spec = replace(spec, **wish)
    _check_unit(spec)
    columns = tuple(spec if c.name == name else c for c in mapping.columns)
    return settle_roles(replace(mapping, columns=columns))


def _with_role(mapping: ColumnMapping, column: RawColumn, name: str, role: str) -> ColumnMapping:
    if role == "outcome":
        raise TableError(
            "what belongs to an outcome is chosen under “Outcomes”",
            source=name,
            remedy="choose the column there, or add an outcome",
        )
    if role in _ONE_COLUMN:
        before = mapping.with_role(role)
        if before is not None:
            mapping = mapping.with_column(before.name, role="variable")
    spec = replace(mapping.column(name), role=role)
    if role == "sex" and spec.kind not in ("category", "boolean"):
        spec = as_kind(column, spec, "category")
    elif role in _MEASURED:
        spec = _with_quantity(as_kind(column, spec, "number"), role)
    elif role == "patient_id":
        spec = as_kind(column, spec, "identifier")
    elif role == "visit" and spec.kind not in ("date", "number"):
        spec = as_kind(column, spec, "date")
    columns = tuple(spec if c.name == name else c for c in mapping.columns)
    layout = mapping.layout
    if role != "visit" and mapping.column(name).role == "visit":
        layout = "patients"
    return replace(mapping, columns=columns, layout=layout)


def _with_quantity(spec: ColumnSpec, key: str | None) -> ColumnSpec:
    if key is None:
        return replace(spec, quantity=None, target_unit=None)
    quantity = BY_KEY[key]
    unit = unit_in_name(spec.name, quantity)
    if unit is None and spec.unit in quantity.all_units:
        unit = spec.unit
    source = "name" if unit or len(quantity.all_units) == 1 else "assumed"
    return replace(
        spec, quantity=key, unit=(unit or quantity.unit) or None, unit_from=source,
        target_unit=None,
    )  # fmt: skip


def _check_unit(spec: ColumnSpec) -> None:
    quantity = spec.known_quantity
    if quantity is None:
        if spec.target_unit is not None:
            raise TableError(
                f"it cannot be converted to {spec.target_unit}: what it measures is not known",
                source=spec.name,
                remedy="say under its details what it measures",
            )
        return
    for unit in (spec.unit, spec.target_unit):
        if unit is not None and unit not in quantity.all_units:
            known = ", ".join(u for u in quantity.all_units if u) or "no unit"
            raise TableError(
                f"{quantity.label} is not measured in {unit}",
                source=spec.name,
                remedy=f"choose {known}, or say under its details what it measures",
            )


def settle_roles(mapping: ColumnMapping) -> ColumnMapping:
    """Columns of outcomes have that role, and no others."""
    used = {name for endpoint in mapping.endpoints for name in endpoint.columns}
    columns = tuple(
        replace(c, role="outcome")
        if c.name in used and c.role == "variable"
        else replace(c, role="variable")
        if c.name not in used and c.role == "outcome"
        else c
        for c in mapping.columns
    )
    return replace(mapping, columns=columns)


# --- rows --------------------------------------------------------------------------------------


def change_layout(mapping: ColumnMapping, raw: RawTable, layout: str) -> ColumnMapping:
    """Say whether rows are patients or visits; what says whose and when is found where possible.

    Raises:
        TableError: nothing says whose a visit was, or when.
    """
    if layout != "visits":
        return replace(mapping, layout=layout)
    if mapping.with_role("patient_id") is None:
        raise TableError(
            "no column says whose a visit was",
            source="Rows",
            remedy="use a column as “Patient ID” first",
        )
    if mapping.with_role("visit") is None:
        dates = [c.name for c in mapping.columns if c.kind == "date" and c.role == "variable"]
        if not dates:
            raise TableError(
                "no column says when a visit was",
                source="Rows",
                remedy="use a column of dates or visit numbers as “Visit date” first",
            )
        mapping = change_column(mapping, raw, dates[0], role="visit")
    return replace(mapping, layout=layout)
