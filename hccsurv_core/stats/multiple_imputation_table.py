"""A clinical table as numbers for imputation, and back: what is imputed, how it is coded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hccsurv_core.checks import checked_numbers
from hccsurv_core.errors import InputError, StatisticsError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Kind = Literal["number", "binary", "ordered", "unordered"]
KINDS: tuple[Kind, ...] = ("number", "binary", "ordered", "unordered")
#: A spread below this share of the values' size is rounding error.
_NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class Variable:
    """One column of the table.

    Args:
        name: of the column.
        kind: what it holds; "binary" has two levels, the other categories two or more.
        levels: of a category, in order; default those that occur, sorted. Levels that nobody in
            the table has are left out: nothing can be learned of them.
        log: of a number above 0: work on its logarithm, as skewed laboratory values need (AFP).
    """

    name: str
    kind: Kind = "number"
    levels: tuple[Any, ...] = ()
    log: bool = False


@dataclass(frozen=True, eq=False)
class CodedTable:
    """The table as numbers.

    Args:
        variables: v of them, with their levels filled in.
        values: (n, v) numbers (logarithms where asked for) and places among the levels; NaN where
            missing.
        center, scale: (v,) mean and spread of the known numbers; 0 and 1 for categories.
        low, high: (v,) smallest and largest known number.
        whole: (v,) whether every known number is whole.
    """

    variables: tuple[Variable, ...]
    values: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    whole: np.ndarray

    @property
    def missing(self) -> np.ndarray:
        """(n, v) True where a value is missing."""
        return np.isnan(self.values)


def code_table(frame: DataFrame, variables: Sequence[Variable]) -> CodedTable:
    """Read a training table.

    Raises:
        InputError: no variables, a name twice or not a column, a value of the wrong kind or not
            finite, or a binary variable with more than two levels.
        StatisticsError: a column has no value at all, or the same in everyone.
    """
    _check_names(frame, variables)
    found, columns = [], []
    for variable in variables:
        _refuse_empty(frame[variable.name])
        resolved = _with_levels(frame[variable.name], variable)
        column = code_column(frame[variable.name], resolved)
        known = column[~np.isnan(column)]
        size = max(abs(float(known.min())), abs(float(known.max())), 1e-300)
        if float(np.ptp(known)) <= _NEGLIGIBLE * size:
            raise StatisticsError(
                "is the same in everyone whose value is known, so it tells nothing and nothing can "
                "be learned of it",
                source=variable.name,
                remedy="leave it out",
            )
        found.append(resolved)
        columns.append(column)
    values = np.column_stack(columns)
    numeric = np.array([variable.kind == "number" for variable in found])
    return CodedTable(
        tuple(found), values,
        np.where(numeric, np.nanmean(values, axis=0), 0.0),
        np.where(numeric, np.nanstd(values, axis=0), 1.0),
        np.nanmin(values, axis=0), np.nanmax(values, axis=0),
        np.array([_all_whole(frame[v.name], v) for v in found]),
    )  # fmt: skip


def code_column(column: Series, variable: Variable) -> np.ndarray:
    """(n,) one column as numbers, NaN where missing.

    Raises:
        InputError: a value is no finite number, not above 0 where its logarithm is wanted, or not
            one of the levels.
    """
    missing = column.isna().to_numpy()
    coded = np.full(len(column), np.nan)
    known = column[~missing]
    if variable.kind != "number":
        place = {level: i for i, level in enumerate(variable.levels)}
        unknown = [value for value in known if value not in place]
        if unknown:
            raise InputError(
                f"{unknown[0]!r} is not among the levels that are known of it: "
                f"{', '.join(map(repr, variable.levels))}",
                source=variable.name,
                remedy="correct it or leave it empty",
            )
        coded[~missing] = [place[value] for value in known]
        return coded
    numbers = _as_numbers(known, variable.name)
    if variable.log:
        if (numbers <= 0).any():
            raise InputError(
                f"{numbers[numbers <= 0][0]:g} has no logarithm",
                source=variable.name,
                remedy="leave it empty if it is not known, or do not ask for the logarithm",
            )
        numbers = np.log(numbers)
    coded[~missing] = numbers
    return coded


def decode(coded: np.ndarray, variable: Variable) -> list[Any]:
    """Coded values of one variable as the table writes them."""
    if variable.kind != "number":
        return [variable.levels[int(place)] for place in coded]
    return list(np.exp(coded)) if variable.log else list(coded)


def filled_frame(
    frame: DataFrame, table_values: np.ndarray, missing: np.ndarray, variables: Sequence[Variable]
) -> DataFrame:
    """A copy of the table with its missing cells filled; nothing else is touched.

    Args:
        table_values: (n, v) coded, without gaps. missing: (n, v) which cells to fill.
    """
    copy = frame.copy()
    for i, variable in enumerate(variables):
        rows = missing[:, i]
        if not rows.any():
            continue
        if variable.name not in copy.columns:
            copy[variable.name] = None if variable.kind != "number" else np.nan
        column = copy[variable.name].copy()
        if variable.kind == "number" and column.dtype == object:
            column = column.astype(float)
        column[rows] = decode(table_values[rows, i], variable)
        copy[variable.name] = column
    return copy


class Predictors:
    """The columns that regressions are made of: one block a variable, kept up to date.

    A number is one column, in standard deviations from its mean; a category has a 0/1 column for
    each level but the first. The first column is 1, extra columns (the outcome) come last.

    Args:
        variables, center, scale: of the table.
        values: (n, v) coded, without gaps.
        extra: (n, e) columns that every regression has besides.
    """

    def __init__(
        self,
        variables: Sequence[Variable],
        center: np.ndarray,
        scale: np.ndarray,
        values: np.ndarray,
        extra: np.ndarray | None = None,
    ) -> None:
        n = len(values)
        self._center, self._scale = center, scale
        self._variables = tuple(variables)
        widths = [len(v.levels) - 1 if v.kind != "number" else 1 for v in variables]
        ends = 1 + np.cumsum(widths)
        self._slices = [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
        added = np.zeros((n, 0)) if extra is None else extra
        self.matrix = np.ones((n, int(ends[-1]) + added.shape[1]))
        self.matrix[:, int(ends[-1]) :] = added
        for i in range(len(variables)):
            self.update(i, values[:, i])

    def update(self, i: int, column: np.ndarray) -> None:
        """Write the block of variable ``i`` anew."""
        variable, block = self._variables[i], self._slices[i]
        if variable.kind == "number":
            self.matrix[:, block] = ((column - self._center[i]) / self._scale[i])[:, None]
        else:
            self.matrix[:, block] = column[:, None] == np.arange(1, len(variable.levels))

    def without(self, i: int) -> np.ndarray:
        """(q,) columns of everything but variable ``i``."""
        return np.delete(np.arange(self.matrix.shape[1]), self._slices[i])


def _check_names(frame: DataFrame, variables: Sequence[Variable]) -> None:
    if not variables:
        raise InputError("no variables are given", source="imputation", remedy="name some")
    names = [variable.name for variable in variables]
    for variable in variables:
        if variable.name not in frame.columns:
            raise InputError("the table has no such column", source=variable.name)
        if names.count(variable.name) > 1:
            raise InputError("is given twice", source=variable.name, remedy="name it once")
        if variable.kind not in KINDS:
            raise InputError(
                f"no kind is called {variable.kind!r}",
                source=variable.name,
                remedy=f"use {', '.join(KINDS)}",
            )


def _refuse_empty(column: Series) -> None:
    if column.isna().all():
        raise StatisticsError(
            f"none of {len(column)} patients has a value, so there is nothing to impute from",
            source=str(column.name),
            remedy="leave it out",
        )


def _with_levels(column: Series, variable: Variable) -> Variable:
    """The variable with the levels that occur, in the order given or sorted."""
    if variable.kind == "number":
        return variable
    present = list(column.dropna().unique())
    try:
        levels = list(variable.levels) or sorted(present)
    except TypeError as error:
        raise InputError(
            "has values of several types", source=variable.name, remedy="name its levels"
        ) from error
    unknown = [value for value in present if value not in levels]
    if unknown:
        raise InputError(
            f"{unknown[0]!r} is not among its levels {', '.join(map(repr, levels))}",
            source=variable.name,
            remedy="correct it, or name it among the levels",
        )
    if variable.kind == "binary" and len(present) > 2:
        raise InputError(
            f"has {len(present)} levels, a binary variable has 2",
            source=variable.name,
            remedy="make it ordered or unordered",
        )
    return replace(variable, levels=tuple(level for level in levels if level in present))


def _as_numbers(known: Series, name: str) -> np.ndarray:
    numbers = checked_numbers(known.to_numpy(), name)
    if not np.isfinite(numbers).all():
        raise InputError("has a value that is not finite", source=name, remedy="leave it empty")
    return numbers


def _all_whole(column: Series, variable: Variable) -> bool:
    if variable.kind != "number":
        return False
    numbers = _as_numbers(column.dropna(), variable.name)
    return bool((numbers == np.round(numbers)).all())
