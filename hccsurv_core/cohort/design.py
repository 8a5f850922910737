"""Variables of a cohort as the columns of a regression."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.clinical_table import ClinicalTable
from hccsurv_core.errors import StatisticsError, TableError


@dataclass(frozen=True, eq=False)
class Design:
    """A design matrix.

    Args:
        x: (n patients, p) NaN where a value is missing.
        names: (p,) of its columns: the variable, or "variable: level vs reference".
        variables: (p,) the variable each column comes from.
        complete: (n patients,) True where nothing is missing.
    """

    x: NDArray[np.float64]
    names: tuple[str, ...]
    variables: tuple[str, ...]
    complete: NDArray[np.bool_]


def build_design(
    table: ClinicalTable,
    variables: Sequence[str],
    *,
    as_number: Collection[str] = (),
) -> Design:
    """Code variables for a regression.

    Numbers stay as they are, booleans are 0 and 1, a category becomes one 0/1 column for each
    level but the first, its reference. Levels that no patient has are left out.

    Args:
        table: the cohort.
        variables: names of its variables.
        as_number: categories whose levels are numbers and shall count as such (a linear trend).

    Raises:
        TableError: there is no such variable, it is a date or text, or a level of ``as_number``
            is no number.
        StatisticsError: no variable is given, or one has a single level.
    """
    if not variables:
        raise StatisticsError("no variable is chosen", remedy="choose at least one")
    columns: list[NDArray[np.float64]] = []
    names: list[str] = []
    sources: list[str] = []
    for variable in dict.fromkeys(variables):
        coded = _coded(table, variable, variable in as_number)
        for name, values in coded:
            names.append(name)
            columns.append(values)
            sources.append(variable)
    x = np.column_stack(columns)
    complete = np.asarray(np.isfinite(x).all(axis=1))
    return Design(x, tuple(names), tuple(sources), complete)


def _coded(
    table: ClinicalTable, variable: str, as_number: bool
) -> list[tuple[str, NDArray[np.float64]]]:
    kind = table.column(variable).kind
    if kind in ("number", "boolean"):
        return [(variable, table.numbers(variable))]
    codes, levels = table.groups(variable)
    if as_number:
        try:
            values = np.array([*(float(level) for level in levels), np.nan])
        except ValueError as error:
            raise TableError(
                f"the levels of {variable!r} are no numbers", source="cohort"
            ) from error
        return [(variable, values[codes])]
    present = [k for k in range(len(levels)) if (codes == k).any()]
    if len(present) < 2:
        raise StatisticsError(
            f"{variable!r} has a single level", source="cohort", remedy="leave it out"
        )
    known = np.where(codes < 0, np.nan, 1.0)
    return [
        (f"{variable}: {levels[k]} vs {levels[present[0]]}", known * (codes == k))
        for k in present[1:]
    ]
