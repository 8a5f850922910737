"""A column read as a kind: the levels, codes, unit or date order that the kind needs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hccsurv_core.cohort.cell_values import (
    FALSE_TEXTS,
    TRUE_TEXTS,
    Reading,
    code_key,
    guess_date_order,
    is_missing_text,
    plain_code,
    read_number,
    read_numbers,
)
from hccsurv_core.cohort.column_mapping import ColumnSpec
from hccsurv_core.cohort.name_legend import legend_in
from hccsurv_core.cohort.quantities import Quantity, find_quantity, unit_by_median, unit_in_name
from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import RawColumn

#: A category with more levels than this is a mistake (ours).
MOST_LEVELS = 50


def as_kind(column: RawColumn, spec: ColumnSpec, kind: str) -> ColumnSpec:
    """The column read as another kind.

    Args:
        column: the column.
        spec: what it means so far; name, role, label, decimal sign and texts for *not known* stay.
        kind: one of :data:`~hccsurv_core.cohort.column_mapping.KINDS`.

    Raises:
        TableError: its values cannot be that.
    """
    plain = replace(
        spec, kind=kind, quantity=None, unit=None, unit_from=None, target_unit=None,
        levels=(), level_labels={}, codes={},
    )  # fmt: skip
    if kind == "category":
        return replace(plain, levels=levels_of(column, spec), level_labels=spec.level_labels)
    if kind == "boolean":
        return replace(plain, codes=yes_no_codes(column, spec))
    if kind == "date":
        return replace(plain, date_order=guess_date_order(column.texts)[0])
    quantity = find_quantity(spec.name) if kind == "number" else None
    return plain if quantity is None else measured(plain, quantity, _median(column, spec))


def _median(column: RawColumn, spec: ColumnSpec) -> float:
    numbers = read_numbers(column, spec.decimal, spec.missing)
    fine = numbers.readings == Reading.FINE
    values = np.repeat(numbers.values[fine], column.counts()[fine])
    return float(np.median(values)) if len(values) else float("nan")


def measured(spec: ColumnSpec, quantity: Quantity, median: float) -> ColumnSpec:
    """A number that measures something, with the unit of its name, else of its range.

    Args:
        spec: the column.
        quantity: what it measures.
        median: of its values, NaN where there is none.
    """
    unit, source = unit_in_name(spec.name, quantity), "name"
    if unit is None:
        unit, source = unit_by_median(median, quantity), "range"
    if unit is None:
        unit, source = quantity.unit, "assumed"
    if len(quantity.all_units) == 1:
        source = "name"
    return replace(spec, kind="number", quantity=quantity.key, unit=unit or None, unit_from=source)


def levels_of(column: RawColumn, spec: ColumnSpec) -> tuple[str, ...]:
    """The distinct values of a column, the most frequent spelling of each.

    Returns:
        numbers in order, then texts by name.

    Raises:
        TableError: there are too many for a category.
    """
    levels = _spellings(column, spec)
    if len(levels) > MOST_LEVELS:
        raise TableError(
            f"it has {len(levels):,} different values, too many for a category",
            source=spec.name,
            remedy="keep it as a number; the explorer groups numbers by a cut-off",
        )
    return tuple(sorted(levels.values(), key=lambda text: level_order(text, spec.decimal)))


def yes_no_codes(column: RawColumn, spec: ColumnSpec) -> dict[str, int]:
    """Which values of a column are yes (1) and no (0); of two unknown ones the first is no.

    Raises:
        TableError: it has more than two values, and nothing tells which are which.
    """
    spellings, legend = _spellings(column, spec), legend_in(spec.name)
    words = {text: code_key(legend.get(key, key)) for key, text in spellings.items()}
    codes = {
        text: int(word in TRUE_TEXTS)
        for text, word in words.items()
        if word in TRUE_TEXTS | FALSE_TEXTS
    }
    if codes:
        return dict(sorted(codes.items(), key=lambda item: item[1]))
    if len(spellings) > 2:
        raise TableError(
            f"it has {len(spellings):,} different values, not two",
            source=spec.name,
            remedy="make it a category, or say under its details which value is yes",
        )
    ordered = sorted(spellings.values(), key=lambda text: level_order(text, spec.decimal))
    return {text: code for code, text in enumerate(ordered)}


def _spellings(column: RawColumn, spec: ColumnSpec) -> dict[str, str]:
    """What spellings of a value have in common → the most frequent one, without noise."""
    best: dict[str, str] = {}
    for at in np.argsort(-column.counts(), kind="stable"):
        text = column.texts[at]
        if not is_missing_text(text, spec.missing):
            best.setdefault(code_key(text), plain_code(text))
    return best


def level_order(text: str, decimal: str) -> tuple[bool, float, str]:
    """Sorts numbers by value, then texts by name."""
    value = read_number(text, decimal)
    return (True, 0.0, text.casefold()) if np.isnan(value) else (False, value, text)
