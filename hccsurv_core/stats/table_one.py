"""Table 1: who the patients are, overall and by group."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hccsurv_core.errors import InputError, StatisticsError, TableError
from hccsurv_core.stats.group_tests import GroupTest, compare_categories, compare_numbers
from hccsurv_core.stats.standardized_difference import (
    difference_of_numbers,
    difference_of_shares,
    largest_pairwise,
    pairs_of,
)

if TYPE_CHECKING:
    import pandas as pd

#: What the column of all patients is called.
ALL = "all patients"
KINDS = ("number", "category", "boolean", "identifier")
#: Groups beyond this many are no groups but a measurement.
MAX_GROUPS = 10
#: A text with more categories than this is no category (names, dates, free text).
MAX_LEVELS = 50


@dataclass(frozen=True)
class NumberSummary:
    """A number in one group; NaN where nobody has it."""

    n: int
    missing: int
    mean: float
    sd: float
    median: float
    q1: float
    q3: float
    minimum: float
    maximum: float


@dataclass(frozen=True)
class CategorySummary:
    """Categories in one group: counts by level; shares are of those with a value."""

    n: int
    missing: int
    counts: Mapping[str, int]

    def percent(self, level: str) -> float:
        """Share of a level, percent; NaN where nobody has a value."""
        return 100.0 * self.counts[level] / self.n if self.n else math.nan


@dataclass(frozen=True)
class TableOneVariable:
    """One column of the data.

    Args:
        name, kind: "number", "category" or "boolean".
        normal: for a number, whether it was declared normal (what test is done).
        summaries: by group, :data:`ALL` first.
        test: between the groups; None without groups.
        smd: largest absolute standardized difference between two groups; NaN without.
    """

    name: str
    kind: str
    normal: bool
    summaries: Mapping[str, NumberSummary | CategorySummary]
    test: GroupTest | None
    smd: float


@dataclass(frozen=True)
class TableOne:
    """The table, as numbers.

    Args:
        variables: in the order of the data's columns.
        group_sizes: patients by group, :data:`ALL` first.
        n_without_group: patients left out because their group is not known.
    """

    variables: tuple[TableOneVariable, ...]
    group_sizes: Mapping[str, int]
    n_without_group: int = 0
    grouped_by: str | None = field(default=None)

    def to_frame(self) -> pd.DataFrame:
        """One row for every variable, level and group, numbers as numbers; see the layout module."""
        from hccsurv_core.stats.table_one_layout import tidy_frame

        return tidy_frame(self)

    def formatted(self) -> pd.DataFrame:
        """The table as it is printed; see the layout module."""
        from hccsurv_core.stats.table_one_layout import printed_frame

        return printed_frame(self)

    def to_json(self) -> dict[str, object]:
        """Plain values, one object a row."""
        rows = self.to_frame().to_dict(orient="records")
        return {
            "group_sizes": dict(self.group_sizes),
            "n_without_group": self.n_without_group,
            "grouped_by": self.grouped_by,
            "rows": [
                {
                    str(k): None if isinstance(v, float) and not math.isfinite(v) else v
                    for k, v in row.items()
                }
                for row in rows
            ],
        }


def build_table_one(
    frame: pd.DataFrame,
    *,
    groups: str | None = None,
    kinds: Mapping[str, str] | None = None,
    normal: Collection[str] = (),
    seed: int = 0,
) -> TableOne:
    """Describe the patients of a table, overall and by group.

    Numbers get mean and standard deviation as well as median and quartiles (linear
    interpolation, R's type 7); categories counts and percent of those with a value. Tests: for
    ``normal`` numbers Welch's, for others rank tests, for categories chi-square or exact; see
    :mod:`~hccsurv_core.stats.group_tests`. p-values in a Table 1 are not corrected for their
    number. Standardized differences are those of Austin 2009 and Yang & Dalton 2012; with more
    than two groups the largest between any two.

    Args:
        frame: one row a patient.
        groups: the column to compare by; nothing is compared without it.
        kinds: column -> "number", "category", "boolean", "identifier" (left out). Others are
            guessed: numbers that are only 0 and 1 and truth values are boolean, other numbers
            numbers, everything else categories.
        normal: numbers to be tested as normal.
        seed: for exact tests that must be drawn.

    Raises:
        TableError: the table is empty, a column is not there, or holds no numbers where it should.
        InputError: an unknown kind.
        StatisticsError: fewer than two groups, or more than ten.
    """
    kinds = dict(kinds or {})
    _check_columns(frame, groups, kinds, normal)
    membership, names, without = _memberships(frame, groups)
    variables = []
    for column in frame.columns:
        name = str(column)
        kind = kinds.get(name) or guess_kind(frame[column])
        if name == groups or kind == "identifier":
            continue
        if kind == "number":
            variables.append(_number(frame[column], name, membership, names, name in normal))
        else:
            variables.append(_category(frame[column], name, kind, membership, names, seed))
    sizes = {ALL: int(sum(m.sum() for m in membership)) if groups else len(frame)}
    sizes |= {name: int(m.sum()) for name, m in zip(names, membership, strict=True) if groups}
    return TableOne(tuple(variables), sizes, without, groups)


def guess_kind(column: pd.Series) -> str:
    """The kind of a column by its values."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column.dtype):
        return "boolean"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "category"
    if pd.api.types.is_numeric_dtype(column.dtype):
        known = column.dropna().unique()
        return "boolean" if known.size and np.isin(known, (0, 1)).all() else "number"
    known = column.dropna()
    if known.size and all(isinstance(value, bool | np.bool_) for value in known):
        return "boolean"
    return "category" if known.nunique() <= MAX_LEVELS else "identifier"


def _check_columns(
    frame: pd.DataFrame, groups: str | None, kinds: Mapping[str, str], normal: Collection[str]
) -> None:
    if not len(frame):
        raise TableError("the table has no patients", source="table")
    columns = [str(c) for c in frame.columns]
    if len(set(columns)) < len(columns):
        raise TableError("two columns have the same name", source="table")
    for name in (*([groups] if groups else ()), *kinds, *normal):
        if name not in columns:
            raise TableError(
                f"there is no column {name!r}", source="table", remedy="check the spelling"
            )
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise InputError(f"unknown kind {kind!r}", source=name, remedy=f"one of {KINDS}")


def _memberships(
    frame: pd.DataFrame, groups: str | None
) -> tuple[list[np.ndarray], list[str], int]:
    """Who is in which group; without groups everybody is in one."""
    if groups is None:
        return [np.ones(len(frame), dtype=bool)], [ALL], 0
    column = frame[groups]
    levels = _levels(column)
    if not 2 <= len(levels) <= MAX_GROUPS:
        raise StatisticsError(
            f"{len(levels)} groups cannot be compared",
            source=groups,
            remedy=f"a column with 2 to {MAX_GROUPS} different values is needed",
        )
    members = [(column == value).to_numpy(dtype=bool, na_value=False) for value, _ in levels]
    names = [label for _, label in levels]
    if ALL in names:
        raise TableError(f"a group cannot be called {ALL!r}", source=groups)
    return members, names, int(column.isna().sum())


def _levels(column: pd.Series) -> list[tuple[object, str]]:
    """The values that occur and their labels: in their own order, else sorted."""
    import pandas as pd

    occurring = column.dropna().unique()
    if isinstance(column.dtype, pd.CategoricalDtype):
        ordered: Sequence[object] = [c for c in column.cat.categories if c in set(occurring)]
    else:
        try:
            ordered = sorted(occurring)
        except TypeError:
            ordered = sorted(occurring, key=str)
    return [(value, _label(value)) for value in ordered]


def _label(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _number(
    column: pd.Series, name: str, members: list[np.ndarray], names: list[str], normal: bool
) -> TableOneVariable:
    import pandas as pd

    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    unreadable = int((np.isnan(values) & column.notna().to_numpy()).sum())
    if unreadable:
        raise TableError(
            f"{unreadable} values are no numbers",
            source=name,
            remedy="clean the column or describe it as a category",
        )
    if np.isinf(values).any():
        raise TableError("a value is infinite", source=name, remedy="leave it empty")
    grouped = [values[m] for m in members]
    known = [group[~np.isnan(group)] for group in grouped]
    summaries = {ALL: _summarize(np.concatenate(grouped))}
    if len(names) < 2:
        return TableOneVariable(name, "number", normal, summaries, None, math.nan)
    summaries |= {label: _summarize(group) for label, group in zip(names, grouped, strict=True)}
    smd = largest_pairwise(
        [difference_of_numbers(known[i], known[j]) for i, j in pairs_of(len(known))]
    )
    return TableOneVariable(
        name, "number", normal, summaries, compare_numbers(known, normal=normal), smd
    )


def _summarize(values: np.ndarray) -> NumberSummary:
    known = values[~np.isnan(values)]
    missing = values.size - known.size
    if known.size == 0:
        return NumberSummary(0, missing, *([math.nan] * 7))
    q1, median, q3 = (float(q) for q in np.percentile(known, (25, 50, 75)))
    sd = float(known.std(ddof=1)) if known.size > 1 else math.nan
    return NumberSummary(
        known.size, missing, float(known.mean()), sd, median, q1, q3,
        float(known.min()), float(known.max()),
    )  # fmt: skip


def _category(
    column: pd.Series,
    name: str,
    kind: str,
    members: list[np.ndarray],
    names: list[str],
    seed: int,
) -> TableOneVariable:
    levels = _levels(column)
    if kind == "boolean":
        levels = [(value, "yes" if value else "no") for value, _ in levels]
        if any(value not in (0, 1) for value, _ in levels):
            raise TableError("values other than yes and no, 1 and 0", source=name)
    table = np.array(
        [[int((column[m] == value).sum()) for m in members] for value, _ in levels],
        dtype=np.int64,
    ).reshape(len(levels), len(members))
    labels = [label for _, label in levels]
    sizes = np.array([int(m.sum()) for m in members])

    def summary(counts: np.ndarray, size: int) -> CategorySummary:
        n = int(counts.sum())
        return CategorySummary(n, size - n, dict(zip(labels, counts.tolist(), strict=True)))

    summaries = {ALL: summary(table.sum(axis=1), int(sizes.sum()))}
    if len(names) < 2:
        return TableOneVariable(name, kind, False, summaries, None, math.nan)
    summaries |= {label: summary(table[:, i], int(sizes[i])) for i, label in enumerate(names)}
    smd = largest_pairwise(
        [difference_of_shares(table[:, i], table[:, j]) for i, j in pairs_of(len(names))]
    )
    return TableOneVariable(name, kind, False, summaries, compare_categories(table, seed=seed), smd)
