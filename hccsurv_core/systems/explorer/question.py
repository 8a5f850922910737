"""A question to a cohort: which outcome, which patients, which groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hccsurv_core.cohort.clinical_table import ClinicalColumn, ClinicalTable
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.design import Term
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.systems.explorer.grouping import (
    Grouping,
    everybody,
    group_by_cutoffs,
    group_by_levels,
    group_by_quantiles,
    group_by_search,
)
from hccsurv_core.systems.explorer.selection import Filter, after_landmark, apply_filters

if TYPE_CHECKING:
    from pandas import DataFrame

How = Literal["levels", "median", "quantiles", "cutoffs", "search"]


@dataclass(frozen=True)
class GroupRule:
    """How groups are made.

    Args:
        variable: of the table; None is everybody together.
        how: "levels" of a category; for numbers "median", "quantiles", "cutoffs" or "search".
        cutoffs: rising, for "cutoffs".
        n_groups: for "quantiles".
        shown: levels of a category to make groups of; empty is all.
        reference: label of the group that others are compared with; None is the first.
    """

    variable: str | None = None
    how: How = "levels"
    cutoffs: tuple[float, ...] = ()
    n_groups: int = 3
    shown: tuple[str, ...] = ()
    reference: str | None = None

    def describe(self, label: str) -> str:
        """For a caption: "Age at 60", "BCLC: A, B"; ``label`` is the variable's."""
        if self.how == "cutoffs":
            return f"{label} at {' and '.join(f'{c:g}' for c in self.cutoffs)}"
        if self.how == "levels":
            return f"{label}: {', '.join(self.shown)}" if self.shown else label
        ways = {"median": "at its median", "search": "at a searched cut-off"}
        return f"{label} {ways.get(self.how, f'in {self.n_groups} equal groups')}"


@dataclass(frozen=True)
class Question:
    """What is asked.

    Args:
        endpoint: name of the outcome.
        filters: which patients.
        landmark_months: time counts from there; who is gone by then is left out.
        horizons_months: where survival is read off.
        restricted_months: up to where restricted means count; 0 is the shortest follow-up.
        group: how they are compared.
    """

    endpoint: str
    filters: tuple[Filter, ...] = ()
    landmark_months: float = 0.0
    horizons_months: tuple[float, ...] = (12.0, 36.0, 60.0)
    group: GroupRule = field(default_factory=GroupRule)
    restricted_months: float = 0.0

    def settings(self) -> dict[str, Any]:
        """For a manifest, with the table's own names: what was asked can be asked again."""
        rule = self.group
        return {
            "endpoint": self.endpoint,
            "groups": "all patients" if rule.variable is None else f"{rule.variable}, {rule.how}",
            "cutoffs": list(rule.cutoffs),
            "n_groups": rule.n_groups if rule.how == "quantiles" else None,
            "groups_shown": list(rule.shown),
            "reference": rule.reference,
            "filters": [f.to_json() for f in self.filters],
            "landmark_months": self.landmark_months,
            "restricted_mean_to_months": self.restricted_months or "shortest follow-up of a group",
            "horizons_months": list(self.horizons_months),
        }

    def describe(self, table: ClinicalTable) -> str:
        """For a caption, with the labels people read: "Overall survival by BCLC, only …"."""
        parts = [table.endpoint(self.endpoint).label]
        if self.group.variable is not None:
            parts[0] += f" by {self.group.describe(table.column(self.group.variable).label)}"
        labels = {c.name: c.label for c in table.columns}
        parts += [f"only {f.describe(labels.get(f.column))}" for f in self.filters]
        if self.landmark_months:
            parts.append(f"followed at least {self.landmark_months:g} months, time from there")
        return "; ".join(parts)


@dataclass(frozen=True, eq=False)
class Selection:
    """The patients of a question.

    Args:
        table: the cohort.
        endpoint: name of the outcome.
        outcome: of the n patients, from the landmark on.
        rows: (n,) their rows in the table.
        n_without_outcome, n_filtered, n_before_landmark: patients left out, and why.
    """

    table: ClinicalTable
    endpoint: str
    outcome: SurvivalOutcome
    rows: np.ndarray
    n_without_outcome: int
    n_filtered: int
    n_before_landmark: int

    @property
    def frame(self) -> DataFrame:
        """Their rows of the table, indexed from 0."""
        return self.table.frame.iloc[self.rows].reset_index(drop=True)

    def numbers(self, variable: str) -> np.ndarray:
        """(n,) a number of theirs; NaN is missing."""
        return self.table.numbers(variable)[self.rows]


def select_patients(table: ClinicalTable, question: Question) -> Selection:
    """Apply the outcome, the filters and the landmark, in this order.

    Raises:
        TableError, InputError: a column or endpoint is not there.
        StatisticsError: nobody is left.
    """
    outcome, rows = table.outcome(question.endpoint)
    labels = {c.name: c.label for c in table.columns}
    passed = apply_filters(table.frame.iloc[rows], question.filters, labels=labels)
    filtered = outcome.subset(passed)
    late, kept = after_landmark(filtered, question.landmark_months)
    return Selection(
        table, question.endpoint, late, rows[passed][kept], len(table) - len(rows),
        int((~passed).sum()), int((~kept).sum()),
    )  # fmt: skip


def make_groups(selection: Selection, rule: GroupRule) -> Grouping:
    """The groups of a selection.

    Raises:
        InputError, StatisticsError: the variable cannot be grouped so; the message names it.
    """
    if rule.variable is None:
        return everybody(len(selection.outcome))
    column = selection.table.column(rule.variable)
    label = column.label
    if column.kind in ("category", "boolean"):
        codes, levels = selection.table.groups(rule.variable)
        return group_by_levels(codes[selection.rows], levels, label, shown=rule.shown)
    values, unit = selection.numbers(rule.variable), column.unit or ""
    if rule.how == "cutoffs":
        return group_by_cutoffs(values, label, rule.cutoffs, unit=unit)
    if rule.how == "quantiles":
        return group_by_quantiles(values, label, rule.n_groups, unit=unit)
    if rule.how == "search":
        return group_by_search(values, label, selection.outcome, unit=unit)
    return group_by_quantiles(values, label, 2, unit=unit)


def competing_selection(
    selection: Selection, event: str, death: str | None
) -> tuple[CompetingOutcome, np.ndarray, tuple[str, ...]]:
    """The selection's patients with what may come first.

    Args:
        event: the endpoint of interest.
        death: the endpoint of death; None uses the event's own competing causes.

    Returns:
        the outcome, (m,) positions in the selection, and what had to be assumed.

    Raises:
        InputError: a landmark was set (causes before it would have to be told apart).
        StatisticsError: nobody of them has both outcomes.
    """
    if selection.n_before_landmark:
        raise InputError(
            "competing risks are counted from the start", source="landmark", remedy="set it to 0"
        )
    outcome, rows, notes = selection.table.competing(event, death)
    place = {int(row): i for i, row in enumerate(selection.rows)}
    both = [(k, place[int(row)]) for k, row in enumerate(rows) if int(row) in place]
    if not both:
        raise StatisticsError("nobody has both outcomes", source=event)
    kept, positions = np.array(both).T
    return outcome.subset(kept), positions, notes


def regression_terms(
    table: ClinicalTable, variables: Sequence[str], per: dict[str, float] | None = None
) -> list[Term]:
    """Terms of a Cox model on variables of the table, with their labels' units and levels."""
    steps = per or {}
    terms = []
    for name in variables:
        column = table.column(name)
        if column.kind == "number":
            terms.append(Term(name, "number", unit=column.unit or "", per=steps.get(name, 1.0)))
        else:
            terms.append(Term(name, "category", levels=column.levels))
    return terms


def usable_variables(table: ClinicalTable, *, numbers_only: bool = False) -> list[ClinicalColumn]:
    """Variables that can be compared: numbers, and categories with two levels or more."""
    kinds = ("number",) if numbers_only else ("number", "category", "boolean")
    return [c for c in table.columns if c.kind in kinds and c.n_missing < len(table)]
