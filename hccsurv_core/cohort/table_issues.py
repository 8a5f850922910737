"""What is odd in a table, and what is decided about it.

Like problems form a group ("12 ages of 0"); a group has a default that is shown, and
a person may decide otherwise for all of it or for single rows. Decisions are data:
undoing one is building the table again without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.errors import TableError

SEVERITIES = ("error", "warning", "info")
#: What can be done about a group, in words for a person.
ACTIONS = {
    "keep": "keep as it is",
    "set_missing": "set missing",
    "exclude": "leave the patient out",
    "exclude_row": "leave the row out",
    "fix": "enter the right value",
    "use_suggestion": "use the suggestion",
    "keep_first": "keep the first row",
    "keep_last": "keep the last row",
    "half_day": "count as half a day",
    "drop_column": "leave the column out",
    "convert": "convert to the usual unit",
}


@dataclass(frozen=True)
class Decision:
    """What a person decides about a group of issues.

    Args:
        key: :attr:`IssueGroup.key`.
        action: one of the group's actions (:data:`ACTIONS` in words).
        rows: rows as the spreadsheet counts them; None is the whole group. Later decisions
            override earlier ones.
        value: what to put instead, for ``fix``, written as in the file.
    """

    key: str
    action: str
    rows: tuple[int, ...] | None = None
    value: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The decision as JSON values."""
        return {**asdict(self), "rows": None if self.rows is None else list(self.rows)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Decision:
        """The inverse of :meth:`to_json`.

        Raises:
            TableError: it is no decision.
        """
        try:
            rows = data.get("rows")
            chosen = None if rows is None else tuple(int(row) for row in rows)
            return cls(str(data["key"]), str(data["action"]), chosen, data.get("value"))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TableError("this is not a decision", source="decisions") from error


@dataclass(frozen=True)
class Issue:
    """One problem with one cell, row, column or endpoint.

    Args:
        row: row in the spreadsheet (header = row 1); None for a whole column or endpoint.
        column: the column or endpoint; None for a whole row.
        value: the cell as the file has it.
        problem: what is wrong, as a sentence.
        severity: one of :data:`SEVERITIES`.
        suggestion: a value that may be meant.
        kind: what sort of problem; with ``column`` it makes the key of its group.
        action: what is done about it as things stand.
    """

    row: int | None
    column: str | None
    value: str | None
    problem: str
    severity: str
    suggestion: str | None
    kind: str
    action: str


@dataclass(frozen=True, eq=False)
class IssueGroup:
    """Problems of one kind with one column, row or endpoint.

    Args:
        key: stable name, "kind:column".
        kind, column, severity, problem: see :class:`Issue`.
        rows: (n,) rows in the spreadsheet; empty where it is about a whole column.
        values, suggestions: (n,) texts of these rows, or None where there are none.
        actions: what may be decided, the default first.
        taken: (n,) action in force for each row; one entry for a whole column.
    """

    key: str
    kind: str
    column: str | None
    severity: str
    problem: str
    rows: NDArray[np.int64]
    values: NDArray[np.object_]
    suggestions: NDArray[np.object_]
    actions: tuple[str, ...]
    taken: NDArray[np.object_]

    @property
    def count(self) -> int:
        """How many rows; 1 for a whole column."""
        return max(len(self.rows), 1)

    @property
    def default(self) -> str:
        """What is done where nobody decides."""
        return self.actions[0]

    @property
    def action(self) -> str:
        """What is done as things stand; "mixed" where rows differ."""
        taken = set(self.taken.tolist())
        return taken.pop() if len(taken) == 1 else "mixed"

    def issues(self) -> list[Issue]:
        """One :class:`Issue` a row."""
        shared = (self.problem, self.severity)
        if not len(self.rows):
            return [Issue(None, self.column, None, *shared, None, self.kind, str(self.taken[0]))]
        told = zip(
            self.rows.tolist(), self.values.tolist(), self.suggestions.tolist(),
            self.taken.tolist(), strict=True,
        )  # fmt: skip
        return [
            Issue(row, self.column, value, *shared, suggestion, self.kind, action)
            for row, value, suggestion, action in told
        ]

    def to_json(self, max_rows: int = 50) -> dict[str, Any]:
        """The group as JSON values, with its first rows."""
        return {
            "key": self.key,
            "kind": self.kind,
            "column": self.column,
            "severity": self.severity,
            "problem": self.problem,
            "count": self.count,
            "rows": self.rows[:max_rows].tolist(),
            "values": self.values[:max_rows].tolist(),
            "suggestions": self.suggestions[:max_rows].tolist(),
            "actions": list(self.actions),
            "action": self.action,
        }


@dataclass(frozen=True, eq=False)
class TableReport:
    """What was found in a table, and what is done about it as things stand.

    Args:
        groups: by severity, then by column.
        counts: rows, patients, visits left out, columns, and issues by severity.
        endpoints: endpoint to patients with an outcome, events, and median time in months.
        notes: what reading the file and taking visits told.
        unused: keys of decisions about groups that do not exist (any more).
    """

    groups: tuple[IssueGroup, ...]
    counts: Mapping[str, int]
    endpoints: Mapping[str, Mapping[str, float | int | None]]
    notes: tuple[str, ...]
    unused: tuple[str, ...] = ()

    @cached_property
    def issues(self) -> tuple[Issue, ...]:
        """Every issue, one a row."""
        return tuple(issue for group in self.groups for issue in group.issues())

    def group(self, key: str) -> IssueGroup:
        """The group with this key.

        Raises:
            TableError: there is none.
        """
        for group in self.groups:
            if group.key == key:
                return group
        raise TableError(f"nothing of the kind {key!r} was found in the table", source="report")

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "counts": dict(self.counts),
            "endpoints": {name: dict(values) for name, values in self.endpoints.items()},
            "notes": list(self.notes),
            "groups": [group.to_json() for group in self.groups],
            "unused_decisions": list(self.unused),
        }
