"""Where issues and decisions meet: groups are noted, decisions applied, and what was done logged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.table_issues import ACTIONS, SEVERITIES, Decision, IssueGroup
from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import RawTable

_ROW_ACTIONS = ("exclude", "exclude_row")
_MAX_LOGGED_ROWS = 1000


@dataclass(frozen=True)
class LogEntry:
    """Something that was done to the table, for its provenance.

    Args:
        key, action: the group and what was done.
        text: in words.
        n: rows it was done to (0 for a whole column).
        rows: the first thousand of them.
        decided: True where a person decided, False for a default.
    """

    key: str
    action: str
    text: str
    n: int
    rows: tuple[int, ...]
    decided: bool

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON values."""
        return {**asdict(self), "rows": list(self.rows)}


@dataclass(frozen=True, eq=False)
class Settled:
    """What is to be done about each row of a group.

    Args:
        actions: (n,) by position in the group.
        values: position to the text to put there, where the action is ``fix``.
    """

    actions: NDArray[np.object_]
    values: Mapping[int, str]

    def where(self, *actions: str) -> NDArray[np.int64]:
        """Positions for which one of these actions is in force."""
        return np.flatnonzero(np.isin(self.actions.astype(str), actions))


@dataclass
class Ledger:
    """Collects groups, applies decisions to them, and notes what was done.

    Args:
        raw: the table; ``decisions`` about it, later ones overriding earlier ones.
    """

    raw: RawTable
    decisions: Sequence[Decision]
    groups: list[IssueGroup] = field(default_factory=list)
    log: list[LogEntry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        #: Why a row is left out; None for rows that stay.
        self.reasons: NDArray[np.object_] = np.full(self.raw.n_rows, None, dtype=object)

    def settle(
        self,
        kind: str,
        about: str | None,
        severity: str,
        problem: str,
        rows: NDArray[np.int64],
        actions: Sequence[str],
        *,
        values: Sequence[str | None] | NDArray[np.object_] | None = None,
        suggestions: Sequence[str | None] | NDArray[np.object_] | None = None,
    ) -> Settled:
        """Note a group of rows and say what to do about each. Exclusions are done here.

        Args:
            kind, about, severity, problem: see :class:`Issue`.
            rows: (n,) indices of rows in the table, n > 0.
            actions: what may be decided, the default first.
            values, suggestions: (n,) texts.

        Raises:
            TableError: a decision asks for what is not possible here.
        """
        n = len(rows)
        key = f"{kind}:{about or ''}"
        taken = np.full(n, actions[0], dtype=object)
        fixes: dict[int, str] = {}
        decided = np.zeros(n, dtype=bool)
        numbers = self.raw.row_numbers[rows]
        for decision in (d for d in self.decisions if d.key == key):
            chosen = np.arange(n) if decision.rows is None else _positions(numbers, decision.rows)
            self._check(decision, actions)
            taken[chosen] = decision.action
            decided[chosen] = True
            if decision.action == "fix":
                fixes.update((int(at), str(decision.value)) for at in chosen)
        given = _column(n, values), _column(n, suggestions)
        self.groups.append(
            IssueGroup(key, kind, about, severity, problem, numbers, *given, tuple(actions), taken)
        )
        self._note(key, problem, taken, decided, numbers)
        leave = rows[np.isin(taken.astype(str), _ROW_ACTIONS)]
        self.leave_out(leave, problem)
        return Settled(taken, fixes)

    def settle_column(
        self, kind: str, about: str, severity: str, problem: str, actions: Sequence[str]
    ) -> str:
        """Note a problem with a whole column or endpoint and say what to do about it.

        Raises:
            TableError: a decision asks for what is not possible here.
        """
        key = f"{kind}:{about}"
        action, decided = actions[0], False
        for decision in (d for d in self.decisions if d.key == key):
            self._check(decision, actions)
            action, decided = decision.action, True
        none = np.empty(0, dtype=object)
        rows = np.empty(0, dtype=np.int64)
        taken = np.array([action], dtype=object)
        self.groups.append(
            IssueGroup(key, kind, about, severity, problem, rows, none, none, tuple(actions), taken)
        )
        if action != "keep":
            self.log.append(LogEntry(key, action, f"{problem} {_done(action)}", 0, (), decided))
        return action

    def leave_out(self, rows: NDArray[np.int64], reason: str) -> None:
        """Leave rows out; the first reason given for a row stays."""
        new = rows[np.array([reason is None for reason in self.reasons[rows]], dtype=bool)]
        self.reasons[new] = reason

    def _check(self, decision: Decision, actions: Sequence[str]) -> None:
        if decision.action not in actions:
            raise TableError(
                f"{decision.action!r} cannot be decided here",
                source=decision.key,
                remedy="choose one of " + ", ".join(actions),
            )
        if decision.action == "fix" and decision.value is None:
            raise TableError("no value is given to put there", source=decision.key)

    def _note(
        self,
        key: str,
        text: str,
        taken: NDArray[np.object_],
        decided: NDArray[np.bool_],
        numbers: NDArray[np.int64],
    ) -> None:
        for action in dict.fromkeys(taken.tolist()):
            at = np.flatnonzero(taken == action)
            rows = tuple(numbers[at[:_MAX_LOGGED_ROWS]].tolist())
            by_person = bool(decided[at].all())
            if action != "keep" or by_person:
                self.log.append(
                    LogEntry(key, action, f"{text} {_done(action)}", len(at), rows, by_person)
                )

    def sorted_groups(self) -> tuple[IssueGroup, ...]:
        """Groups by severity, in the order in which they were found within one."""
        return tuple(sorted(self.groups, key=lambda g: SEVERITIES.index(g.severity)))

    def counts(self) -> dict[str, int]:
        """Issues by severity."""
        found: Counter[str] = Counter()
        for group in self.groups:
            found[group.severity] += group.count
        return {f"{severity}s": found[severity] for severity in SEVERITIES}

    def unused(self) -> tuple[str, ...]:
        """Keys of decisions that concern no group."""
        known = {group.key for group in self.groups}
        return tuple(dict.fromkeys(d.key for d in self.decisions if d.key not in known))


def _column(
    n: int, texts: Sequence[str | None] | NDArray[np.object_] | None
) -> NDArray[np.object_]:
    column = np.full(n, None, dtype=object)
    if texts is not None:
        column[:] = list(texts)
    return column


def _done(action: str) -> str:
    return f"Done: {ACTIONS[action]}."


def _positions(numbers: NDArray[np.int64], rows: tuple[int, ...]) -> NDArray[np.int64]:
    return np.flatnonzero(np.isin(numbers, np.array(rows, dtype=np.int64)))
