"""What is odd in a table as a page shows it: like groups together, rows listed, CSV to take away."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hccsurv_core.cohort.cell_values import plain_code
from hccsurv_core.cohort.clinical_table import ClinicalTable
from hccsurv_core.cohort.table_issues import ACTIONS, SEVERITIES, IssueGroup

#: From so many columns with the same problem on they are one thing to look at.
MANY = 4
MIXED = "mixed"
#: Problems of many columns in one sentence; {k} columns, {n} values.
_TOGETHER = {
    "mostly_missing": "{k} columns are missing in more than half of the patients.",
    "constant_column": "{k} columns are the same for everybody: they can explain nothing.",
    "empty_column": "{k} columns are empty.",
    "personal": "{k} columns look like personal data (names, telephone numbers, dates of birth).",
    "unit": "The unit of {k} columns is a guess.",
    "limit": "{n} values in {k} columns lie beyond a limit (such as <20); the limit itself is used.",
    "impossible_value": "{n} values in {k} columns cannot be.",
    "not_a_number": "{n} values in {k} columns are no numbers.",
    "not_a_date": "{n} values in {k} columns are no dates.",
    "impossible_date": "{n} dates in {k} columns are too early or too late to be true.",
    "formula_error": "{n} cells in {k} columns are formula errors.",
    "written_unit": "{n} values in {k} columns are written with a unit and converted to that of the column.",
    "unknown_unit": "{n} values in {k} columns are followed by something that is no unit of theirs.",
    "missing_code": "{n} values in {k} columns look like a code for missing.",
    "all_nines": "{n} values in {k} columns look like a code for missing.",
    "spelling": "{n} values in {k} columns are other spellings of a level and count as it.",
    "unknown_level": "{n} values in {k} columns are none of their levels; kept, they become levels.",
    "unknown_code": "{n} values in {k} columns are neither yes nor no.",
    "date_order": "Nothing tells whether {k} columns have the day or the month first.",
    "sex_code": "{k} columns do not say which value is male.",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing to look at: a group of the report, or like groups of many columns.

    Args:
        key: stable name.
        kind, severity: of its groups.
        problem: as a sentence.
        groups: at least one.
        actions: what may be decided for all of it, the default first.
    """

    key: str
    kind: str
    severity: str
    problem: str
    groups: tuple[IssueGroup, ...]
    actions: tuple[str, ...]

    @property
    def n_rows(self) -> int:
        """Rows it is about; 0 where it is about whole columns."""
        return sum(len(group.rows) for group in self.groups)

    @property
    def action(self) -> str:
        """What is done as things stand; "mixed" where groups or rows differ."""
        taken = {group.action for group in self.groups}
        return taken.pop() if len(taken) == 1 else MIXED

    @property
    def can_be_decided(self) -> bool:
        """Whether there is a choice at all."""
        return any(len(group.actions) > 1 for group in self.groups)


def gather_findings(groups: Sequence[IssueGroup]) -> tuple[Finding, ...]:
    """Groups as a page shows them: by severity, those of many columns together."""
    alike: dict[tuple[str, str, tuple[str, ...]], list[IssueGroup]] = {}
    for group in groups:
        alike.setdefault((group.severity, group.kind, group.actions), []).append(group)
    found = []
    for (severity, kind, actions), members in alike.items():
        if len(members) < MANY or kind not in _TOGETHER:
            found += [Finding(g.key, kind, severity, g.problem, (g,), g.actions) for g in members]
            continue
        n = sum(group.count for group in members)
        problem = _TOGETHER[kind].format(k=len(members), n=f"{n:,}")
        key = f"{kind}+{severity}+{len(actions)}"
        found.append(Finding(key, kind, severity, problem, tuple(members), actions))
    return tuple(sorted(found, key=lambda f: SEVERITIES.index(f.severity)))


def whole_actions(finding: Finding) -> list[str]:
    """What may be chosen for all of a finding at once, what is in force included.

    One right value for many rows is rarely meant: it is entered by row.
    """
    offered = [action for action in finding.actions if action != "fix"]
    if finding.action not in offered:
        offered.insert(0, finding.action)
    return offered


def action_words(action: str) -> str:
    """An action as a button says it."""
    text = ACTIONS.get(action, "differs by row")
    return text[:1].upper() + text[1:]


_HEADER = ("row", "patient", "severity", "problem", "about", "value", "suggestion", "done")


def findings_csv(findings: Iterable[Finding], patients: dict[int, str]) -> bytes:
    """Every row of some findings as CSV (UTF-8 with a mark, so that Excel reads it).

    Args:
        findings: what to list.
        patients: row in the spreadsheet to whose it is.
    """
    lines: list[Sequence[object]] = [_HEADER]
    for finding in findings:
        for group in finding.groups:
            lines += [
                (
                    issue.row or "",
                    "" if issue.row is None else patients.get(issue.row, ""),
                    issue.severity,
                    issue.problem,
                    issue.column or "",
                    issue.value or "",
                    issue.suggestion or "",
                    ACTIONS.get(issue.action, issue.action),
                )
                for issue in group.issues()
            ]
    return _csv(lines)


def exclusions_csv(table: ClinicalTable) -> bytes:
    """Rows that were left out, with the reason, as CSV."""
    rows = [(e.row, plain_code(e.patient_id or ""), e.reason) for e in table.exclusions]
    return _csv([("row", "patient", "reason"), *rows])


def _csv(lines: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode("utf-8-sig")
