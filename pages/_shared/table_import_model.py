"""A table on its way into the library: mapping and decisions as data, each change undoable.

Nothing here draws. A change that the core refuses leaves everything as it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.cohort.cell_values import plain_code
from hccsurv_core.cohort.clinical_table import ClinicalTable, build_cohort_table
from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.column_mapping import ColumnMapping
from hccsurv_core.cohort.table_issues import Decision, IssueGroup
from hccsurv_core.errors import InputError, TableError
from hccsurv_core.io.tables import RawTable, ReadOptions
from pages._shared import formats
from pages._shared.table_import_findings import Finding, gather_findings

#: States kept for undo; a draft is small, but nobody goes back further.
KEPT_STATES = 100
_LONGEST_CHANGE = 60


@dataclass(frozen=True)
class DraftState:
    """Mapping and decisions at one time, and the change that led there, in words."""

    mapping: ColumnMapping
    decisions: tuple[Decision, ...] = ()
    change: str = ""


@dataclass(frozen=True, eq=False)
class Built:
    """What follows from one state: the table, and what the page says about it.

    Args:
        table: the cohort as it would be saved.
        findings: what is odd.
        rows: (n patients,) indices in the raw table of the rows that stand for patients.
    """

    table: ClinicalTable
    findings: tuple[Finding, ...]
    rows: NDArray[np.int64]

    @property
    def to_look_at(self) -> tuple[Finding, ...]:
        """Errors and warnings."""
        return tuple(f for f in self.findings if f.severity != "info")

    @property
    def for_information(self) -> tuple[Finding, ...]:
        """All the rest."""
        return tuple(f for f in self.findings if f.severity == "info")

    @cached_property
    def follow_up(self) -> dict[str, float | None]:
        """Endpoint to median follow-up in months; None where it is not reached or known."""
        from hccsurv_core.errors import StatisticsError
        from hccsurv_core.stats.kaplan_meier import median_follow_up

        found: dict[str, float | None] = {}
        for endpoint in self.table.endpoints:
            try:
                outcome, _ = self.table.outcome(endpoint.name)
                value = median_follow_up(outcome).value
            except StatisticsError:
                value = np.nan
            found[endpoint.name] = float(value) if np.isfinite(value) else None
        return found


@dataclass
class TableDraft:
    """One import, or one edit of a cohort that is in the library.

    Args:
        source: the file's name as the user knows it.
        file: the spooled upload, kept to read it again with other options; None for a cohort.
        options: how it is read.
        raw: the table as the file has it, once read.
        error: why it cannot be read, as Markdown.
        states: oldest first, the last one in force.
        built: what follows from the last state.
        name: what the cohort is to be called, as typed so far; ``simulated`` as ticked.
        cohort_id: the cohort being edited; None for a new one.
        base: which state of the library an edit began from.
        note: something that was done along with the last change.
        refusal: where on the page a change was refused, and why, as Markdown.
        revision: counts changes, undone ones too.
        detail: the column whose details are open.
        adding: whether the question for another outcome is open.
        rounds: how often each table of cells had to be drawn anew.
        token: keeps the widgets of two drafts apart.
    """

    source: str
    file: Path | None = None
    options: ReadOptions = field(default_factory=ReadOptions)
    raw: RawTable | None = None
    error: str | None = None
    states: list[DraftState] = field(default_factory=list)
    built: Built | None = None
    name: str = ""
    simulated: bool = False
    cohort_id: str | None = None
    base: Any = None
    note: str | None = None
    refusal: tuple[str, str] | None = None
    revision: int = 0
    detail: str | None = None
    adding: bool = False
    rounds: dict[str, int] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_hex(3))

    @property
    def state(self) -> DraftState:
        """What is in force."""
        return self.states[-1]

    @property
    def mapping(self) -> ColumnMapping:
        """The mapping in force."""
        return self.state.mapping

    @property
    def now(self) -> Built:
        """What follows from the state in force.

        Raises:
            TableError: nothing was read yet.
        """
        if self.built is None:
            raise TableError("the table is not read yet", source=self.source)
        return self.built

    @property
    def changed(self) -> bool:
        """Whether anything can be undone."""
        return len(self.states) > 1


def read(draft: TableDraft) -> RawTable:
    """The table as the file has it.

    Raises:
        TableError: nothing was read yet.
    """
    if draft.raw is None:
        raise TableError("the table is not read yet", source=draft.source)
    return draft.raw


def build(raw: RawTable, state: DraftState) -> Built:
    """What follows from a state.

    Raises:
        TableError: the table cannot be built.
    """
    table = build_cohort_table(raw, state.mapping, state.decisions)
    rows = np.searchsorted(raw.row_numbers, table.source_rows)
    return Built(table, gather_findings(table.report.groups), rows)


def take_raw(draft: TableDraft, raw: RawTable, state: DraftState | None = None) -> None:
    """Take up a table that was read, with what is guessed of it or a given state.

    Raises:
        TableError: the table cannot be built; the draft is as before.
    """
    first = state or DraftState(guess_mapping(raw))
    built = build(raw, first)
    draft.raw, draft.states, draft.built = raw, [first], built
    draft.error, draft.note, draft.refusal = None, None, None
    draft.detail, draft.adding = None, False
    draft.revision += 1


def propose(
    draft: TableDraft,
    change: str,
    *,
    mapping: ColumnMapping | None = None,
    decisions: Sequence[Decision] | None = None,
) -> None:
    """Put a change in force. Decisions that another mapping makes impossible are dropped and told.

    Args:
        draft: what is worked on.
        change: what is done, in words ("unit of AFP").
        mapping: the new mapping, if it changes; ``decisions`` likewise.

    Raises:
        TableError: the core refuses it; the draft is as before.
    """
    old = draft.state
    new = DraftState(
        old.mapping if mapping is None else mapping,
        old.decisions if decisions is None else tuple(decisions),
        change,
    )
    if (new.mapping, new.decisions) == (old.mapping, old.decisions):
        return
    note = None
    try:
        built = build(read(draft), new)
    except TableError:
        kept = _still_possible(old.mapping, new)
        if mapping is None or len(kept) == len(new.decisions):
            raise
        note = "A decision that no longer fits was dropped."
        new = replace(new, decisions=kept)
        built = build(read(draft), new)
    draft.states = [*draft.states, new][-KEPT_STATES:]
    draft.built, draft.note = built, note
    draft.revision += 1


def undo(draft: TableDraft) -> None:
    """Take the last change back, if there is one."""
    if not draft.changed:
        return
    draft.built = build(read(draft), draft.states[-2])
    draft.states = draft.states[:-1]
    draft.note, draft.refusal = None, None
    draft.revision += 1


def _still_possible(old: ColumnMapping, new: DraftState) -> tuple[Decision, ...]:
    """Decisions that are not about a column or endpoint whose meaning has changed."""
    before = {c.name: c for c in old.columns}
    changed = {c.name for c in new.mapping.columns if before.get(c.name) != c}
    outcomes = {e.name: e for e in old.endpoints}
    changed |= {e.name for e in new.mapping.endpoints if outcomes.get(e.name) != e}
    changed |= outcomes.keys() - {e.name for e in new.mapping.endpoints}
    same_rows = (old.layout, old.visit_rule, old.with_role("patient_id"), old.with_role("visit")) == (
        new.mapping.layout,
        new.mapping.visit_rule,
        new.mapping.with_role("patient_id"),
        new.mapping.with_role("visit"),
    )  # fmt: skip
    return tuple(d for d in new.decisions if same_rows and d.key.partition(":")[2] not in changed)


# --- decisions ---------------------------------------------------------------------------------


def decide(draft: TableDraft, groups: Sequence[IssueGroup], action: str) -> None:
    """Decide about whole groups; a default that is chosen again is no decision.

    Raises:
        TableError: it is not possible here.
    """
    keys = {group.key for group in groups}
    decisions = [d for d in draft.state.decisions if d.key not in keys]
    decisions += [Decision(g.key, action) for g in groups if action != g.default]
    propose(draft, f"decision about “{_cut(groups[0].problem)}”", decisions=decisions)


def decide_rows(
    draft: TableDraft, group: IssueGroup, wishes: dict[int, tuple[str, str | None]]
) -> None:
    """Decide about single rows of a group.

    Args:
        draft: what is worked on.
        group: what the rows belong to.
        wishes: row in the spreadsheet to the action and, for ``fix``, the value to put there.

    Raises:
        TableError: it is not possible here, or a value cannot be read.
    """
    kept: list[Decision] = []
    for decision in draft.state.decisions:
        if decision.key == group.key and decision.rows is not None:
            rest = tuple(row for row in decision.rows if row not in wishes)
            if rest:
                kept.append(replace(decision, rows=rest))
        else:
            kept.append(decision)
    whole = [d.action for d in kept if d.key == group.key and d.rows is None]
    usual = whole[-1] if whole else group.default
    new: dict[tuple[str, str | None], list[int]] = {}
    for row, wish in wishes.items():
        if wish != (usual, None):
            new.setdefault(wish, []).append(row)
    kept += [
        Decision(group.key, action, tuple(rows), value) for (action, value), rows in new.items()
    ]
    propose(draft, f"decision about rows of “{_cut(group.problem)}”", decisions=kept)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_CHANGE else text[: _LONGEST_CHANGE - 1] + "…"


def patients_of(draft: TableDraft, numbers: Sequence[int]) -> list[str]:
    """Whose rows these are, by their numbers in the spreadsheet; "" where nothing tells."""
    raw, spec = read(draft), draft.mapping.with_role("patient_id")
    if spec is None:
        return [""] * len(numbers)
    column = raw.column(spec.name)
    texts = (*(plain_code(text) for text in column.texts), "")
    at = np.searchsorted(raw.row_numbers, np.asarray(numbers, dtype=np.int64))
    return [texts[code] for code in column.codes[at]]


def is_decided(draft: TableDraft, group: IssueGroup) -> bool:
    """Whether a person has decided about anything of this group."""
    return any(d.key == group.key for d in draft.state.decisions)


def attempt(draft: TableDraft, where: str, change: Callable[[], None]) -> bool:
    """Do a change, or keep what the core says against it for that place of the page.

    Returns:
        whether the change is in force.
    """
    draft.note = None
    try:
        change()
    except InputError as error:
        draft.refusal = (where, formats.error_text(error))
        draft.rounds[where] = draft.rounds.get(where, 0) + 1
        return False
    draft.refusal = None
    return True
