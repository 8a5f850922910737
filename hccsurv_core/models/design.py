"""From a table to the matrix of a regression: numbers as they are, categories as 0/1 columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from hccsurv_core.errors import InputError, StatisticsError

if TYPE_CHECKING:
    from pandas import DataFrame, Series


@dataclass(frozen=True)
class Term:
    """One variable of a regression.

    Args:
        name: column of the table.
        kind: "number" (one coefficient per `per` units) or "category" (one per level but one).
        reference: level that the others are compared with; default the first.
        levels: order of the levels; default sorted.
        unit: of a number, for labels.
        per: hazard ratios are per this many units ("per 10 years").
    """

    name: str
    kind: Literal["number", "category"] = "number"
    reference: str | None = None
    levels: tuple[str, ...] = ()
    unit: str = ""
    per: float = 1.0


@dataclass(frozen=True)
class Coefficient:
    """What a column of the matrix stands for; ``level`` and ``reference`` are None for a number."""

    term: str
    level: str | None = None
    reference: str | None = None
    unit: str = ""
    per: float = 1.0

    @property
    def label(self) -> str:
        """For a table: "Age (per 10 years)", "BCLC: C vs A"."""
        if self.level is not None:
            return f"{self.term}: {self.level} vs {self.reference}"
        if self.per == 1:
            return f"{self.term} (per {self.unit})" if self.unit else self.term
        return f"{self.term} (per {self.per:g} {self.unit}".rstrip() + ")"


@dataclass(frozen=True, eq=False)
class Design:
    """A matrix and what it means.

    Args:
        matrix: (m, p) covariates of the patients without a missing value.
        coefficients: (p,) meaning of each column.
        columns: term → its columns.
        rows: (n,) who is in the matrix.
        missing: term → patients of the table without a value.
    """

    matrix: np.ndarray
    coefficients: tuple[Coefficient, ...]
    columns: dict[str, list[int]]
    rows: np.ndarray
    missing: dict[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        """(p,) labels."""
        return tuple(c.label for c in self.coefficients)


def build_design(
    frame: DataFrame, terms: Sequence[Term], *, among: np.ndarray | None = None
) -> Design:
    """Code the terms of a regression; patients without one of the values are left out.

    Args:
        frame: n rows.
        terms: at least one.
        among: (n,) mask of patients to use (those with an outcome); default all.

    Raises:
        InputError: a column is not there, is not numeric where it should be, or a reference
            level does not occur.
        StatisticsError: nobody has all the values, or a category has one level only.
    """
    if not terms:
        raise InputError("no variables are chosen", source="regression", remedy="choose some")
    unknown = [t.name for t in terms if t.name not in frame.columns]
    if unknown:
        raise InputError(
            "the table has no such column", source=unknown[0],
            remedy=f"choose from {', '.join(map(str, list(frame.columns)[:12]))} …",
        )  # fmt: skip
    eligible = np.ones(len(frame), bool) if among is None else np.asarray(among, bool)
    present = {t.name: ~frame[t.name].isna().to_numpy() for t in terms}
    rows = eligible & np.logical_and.reduce(list(present.values()))
    if not rows.any():
        raise StatisticsError(
            f"nobody has a value for all of {', '.join(t.name for t in terms)}",
            source="regression",
            remedy="leave out the variable with the most missing values",
        )
    blocks: list[np.ndarray] = []
    meanings: list[Coefficient] = []
    columns: dict[str, list[int]] = {}
    for term in terms:
        block, meaning = (_number if term.kind == "number" else _category)(
            frame.loc[rows, term.name], term
        )
        columns[term.name] = list(range(len(meanings), len(meanings) + len(meaning)))
        blocks.append(block)
        meanings.extend(meaning)
    return Design(
        np.column_stack(blocks), tuple(meanings), columns, rows,
        {name: int((eligible & ~has).sum()) for name, has in present.items()},
    )  # fmt: skip


def _number(values: Series, term: Term) -> tuple[np.ndarray, list[Coefficient]]:
    try:
        numbers = values.astype(float).to_numpy()
    except (TypeError, ValueError) as error:
        raise InputError(
            f"holds text ({values.iloc[0]!r})", source=term.name, remedy="use it as a category"
        ) from error
    return numbers / term.per, [Coefficient(term.name, unit=term.unit, per=term.per)]


def _category(values: Series, term: Term) -> tuple[np.ndarray, list[Coefficient]]:
    text = values.map(level_text).to_numpy()
    found = set(text)
    levels = [v for v in term.levels if v in found] or sorted(found, key=natural_order)
    levels += sorted(found - set(levels), key=natural_order)
    if len(levels) < 2:
        raise StatisticsError(
            f"everybody is {levels[0]!r}, so nothing can be compared",
            source=term.name,
            remedy="leave it out",
        )
    reference = term.reference if term.reference is not None else levels[0]
    if reference not in found:
        raise InputError(
            f"nobody is {reference!r}", source=term.name, remedy=f"use one of {', '.join(levels)}"
        )
    others = [level for level in levels if level != reference]
    return (
        np.column_stack([text == level for level in others]).astype(float),
        [Coefficient(term.name, level, reference) for level in others],
    )


def level_text(value: object) -> str:
    """A category's level as text: 1.0 and 1 are the same class, True is "yes"."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | float | np.number) and float(value).is_integer():
        return str(int(value))
    return str(value)


def natural_order(level: str) -> tuple[int, float, str]:
    """Sort key: numbers by value before words ("2" before "10", "no" before "yes")."""
    try:
        return (0, float(level), level)
    except ValueError:
        return (1, 0.0, level)
