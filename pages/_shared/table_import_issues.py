"""What is odd in a table being imported: shown, counted, and decided."""

from __future__ import annotations

from typing import Any

import streamlit as st

from hccsurv_core.cohort.column_mapping import ColumnSpec
from hccsurv_core.cohort.table_issues import IssueGroup
from hccsurv_core.wording import count_of
from pages._shared import formats
from pages._shared import table_import_changes as changes
from pages._shared import table_import_findings as findings
from pages._shared import table_import_words as words
from pages._shared.formats import html
from pages._shared.table_import_findings import Finding, action_words
from pages._shared.table_import_grid import level_lines
from pages._shared.table_import_model import (
    TableDraft,
    attempt,
    decide,
    decide_rows,
    is_decided,
    patients_of,
    propose,
    read,
    undo,
)  # fmt: skip
from pages._shared.table_import_parts import controlled, grid_height, severity_chip, show_refusal

WHERE = "issues"
ANCHOR = "look-at"
ROWS_SHOWN = 50
ROW, PATIENT, VALUE, SUGGESTION = "Row", "Patient", "In the file", "Suggestion"
DECISION, RIGHT = "Decision", "Right value"
ABOUT, PROBLEM = "About", "Problem"


def show_issues(draft: TableDraft) -> None:
    """Everything odd, the gravest first, with the counts that follow each decision."""
    built = draft.now
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Things to look at", anchor=ANCHOR, width="content")
        st.space("stretch")
        if draft.changed:
            st.button(
                "Undo", icon=":material/undo:", type="tertiary", key="issues_undo",
                on_click=undo, args=(draft,), help=f"Last change: {formats.plain(draft.state.change)}",
            )  # fmt: skip
        if built.findings:
            st.download_button(
                "All as CSV", lambda: _csv(draft), f"{words.file_stem(draft)}_to_look_at.csv",
                "text/csv", icon=":material/download:", type="tertiary", on_click="ignore",
                key="findings_csv",
            )  # fmt: skip
    st.html(f"<div class='hcc-counts'>{html(words.counts_line(draft))}</div>")
    show_refusal(draft, WHERE)
    if not built.to_look_at:
        st.html("<p class='hcc-lead'>✓ Nothing odd was found.</p>")
    for finding in built.to_look_at:
        _show(draft, finding)
    if built.for_information:
        _show_notes(draft)


def _csv(draft: TableDraft) -> bytes:
    everything = draft.now.findings
    rows = sorted({int(row) for f in everything for g in f.groups for row in g.rows})
    return findings.findings_csv(everything, dict(zip(rows, patients_of(draft, rows), strict=True)))


def _show_notes(draft: TableDraft) -> None:
    """What is worth knowing and needs nobody."""
    notes = draft.now.for_information
    label = f"{formats.plural(len(notes), 'note')} on how the table is read"
    opened = st.expander(label, key=f"{draft.token}_notes", on_change="rerun")
    if not opened.open:
        return
    with opened:
        for finding in notes:
            _show(draft, finding, quiet=True)


def _show(draft: TableDraft, finding: Finding, *, quiet: bool = False) -> None:
    with st.container(border=not quiet, key=f"finding_{_slug(finding.key)}"):
        text, choice = st.columns([3, 1.25], vertical_alignment="center")
        text.html(
            f"<div class='hcc-finding'>{severity_chip(finding.severity)}"
            f"<span>{html(finding.problem)}</span></div>"
        )
        with choice:
            _choose(draft, finding)
        if finding.kind == "sex_code" and len(finding.groups) == 1:
            _say_sex(draft, finding.groups[0])
        elif finding.kind == "date_order" and len(finding.groups) == 1:
            _say_date_order(draft, finding.groups[0])
        if finding.n_rows or len(finding.groups) > 1:
            _show_details(draft, finding)


def _slug(key: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in key)


# --- for all of it -----------------------------------------------------------------------------


def _choose(draft: TableDraft, finding: Finding) -> None:
    """What to do about all of a finding."""
    if not finding.can_be_decided:
        if finding.kind not in ("sex_code", "date_order"):
            st.html(f"<span class='hcc-quiet'>{html(action_words(finding.action))}</span>")
        return
    key = f"{draft.token}_decide_{finding.key}"
    controlled(key, finding.action)
    decided = any(is_decided(draft, group) for group in finding.groups)
    st.selectbox(
        "What to do", findings.whole_actions(finding), key=key, format_func=action_words,
        label_visibility="collapsed", on_change=_decided, args=(draft, finding, key),
        help="Decided by you" if decided else "Proposed; choose something else if it is wrong",
    )  # fmt: skip


def _decided(draft: TableDraft, finding: Finding, key: str) -> None:
    action = st.session_state[key]
    if action == findings.MIXED:
        return
    attempt(draft, WHERE, lambda: decide(draft, finding.groups, action))


def _say_sex(draft: TableDraft, group: IssueGroup) -> None:
    """Which value is male, said right here."""
    spec = draft.mapping.column(str(group.column))
    places = st.columns(max(len(spec.levels), 3))
    for place, (level, n, _) in zip(places, level_lines(draft, spec), strict=False):
        key = f"{draft.token}_sex_{spec.name}_{level}"
        controlled(key, spec.level_labels.get(level, ""))
        place.selectbox(
            f"“{level}” · {count_of(n, 'patient')}", ["", "male", "female"], key=key,
            format_func=lambda sex: sex or "Not said",
            on_change=_set_sex, args=(draft, spec, level, key),
        )  # fmt: skip


def _set_sex(draft: TableDraft, spec: ColumnSpec, level: str, key: str) -> None:
    sex = st.session_state[key]
    labels = dict(spec.level_labels)
    labels.pop(level, None)
    if sex:
        labels[level] = sex
        others = [other for other in spec.levels if other != level]
        if len(others) == 1:  # two values: the other one is the other sex
            labels[others[0]] = "female" if sex == "male" else "male"

    def change() -> None:
        mapping = changes.change_column(draft.mapping, read(draft), spec.name, level_labels=labels)
        propose(draft, f"which value of {spec.name} is male", mapping=mapping)

    attempt(draft, WHERE, change)


def _say_date_order(draft: TableDraft, group: IssueGroup) -> None:
    spec = draft.mapping.column(str(group.column))
    key = f"{draft.token}_order_{spec.name}"
    controlled(key, spec.date_order)
    st.segmented_control(
        "Order of a date", ["dmy", "mdy"], required=True, key=key, label_visibility="collapsed",
        format_func=words.DATE_ORDERS.__getitem__,
        on_change=_set_order, args=(draft, spec.name, key),
    )  # fmt: skip


def _set_order(draft: TableDraft, name: str, key: str) -> None:
    wanted = st.session_state[key]

    def change() -> None:
        mapping = changes.change_column(draft.mapping, read(draft), name, date_order=wanted)
        propose(draft, f"order of dates in {name}", mapping=mapping)

    attempt(draft, WHERE, change)


# --- by column and by row ----------------------------------------------------------------------


def _show_details(draft: TableDraft, finding: Finding) -> None:
    """Columns and rows behind a finding; drawn only when somebody looks."""
    many = len(finding.groups) > 1
    label = f"{len(finding.groups)} columns" if many else count_of(finding.n_rows, "row")
    key = f"{draft.token}_open_{finding.key}"
    opened = st.expander(f"Show {label}", key=key, type="compact", on_change="rerun")
    if not opened.open:
        return
    with opened:
        group: IssueGroup | None = finding.groups[0]
        if many:
            _edit_groups(draft, finding)
            group = None
            if finding.n_rows:
                names = {g.key: str(g.column) for g in finding.groups}
                chosen = st.selectbox(
                    "Rows of", list(names), format_func=names.__getitem__, key=f"{key}_rows_of"
                )
                group = next(g for g in finding.groups if g.key == chosen)
        if group is not None:
            _edit_rows(draft, group)


def _edit_groups(draft: TableDraft, finding: Finding) -> None:
    """One row a column, each with its own decision."""
    import pandas as pd

    frame = pd.DataFrame(
        {
            ABOUT: [str(g.column) for g in finding.groups],
            PROBLEM: [g.problem for g in finding.groups],
            DECISION: [action_words(g.action) for g in finding.groups],
        },
        dtype="string",
    )
    names = [action_words(action) for action in finding.actions if action != "fix"]
    listed = list(dict.fromkeys([*names, *frame[DECISION]]))
    place = f"{WHERE}:{finding.key}"
    key = _editor_key(draft, place, frame, (DECISION,))
    st.data_editor(
        frame, key=key, hide_index=True, disabled=(ABOUT, PROBLEM),
        height=grid_height(len(frame), 8),
        column_config={
            ABOUT: st.column_config.TextColumn("Column"),
            DECISION: st.column_config.SelectboxColumn(options=listed, required=True),
        },
        on_change=_groups_edited, args=(draft, finding, key),
    )  # fmt: skip


def _groups_edited(draft: TableDraft, finding: Finding, key: str) -> None:
    edits = st.session_state[key]["edited_rows"]
    by_words = {action_words(action): action for action in finding.actions}

    def change() -> None:
        for row, cells in edits.items():
            group, action = finding.groups[int(row)], by_words.get(cells.get(DECISION, ""))
            if action is not None and action != group.action:
                decide(draft, [group], action)

    attempt(draft, WHERE, change)


def _edit_rows(draft: TableDraft, group: IssueGroup) -> None:
    """The rows of a group: whose, what, what is suggested, what is done."""
    frame = _rows_frame(draft, group)
    can_fix = "fix" in group.actions
    hidden = [] if can_fix else [RIGHT]
    if all(value is None for value in group.suggestions[:ROWS_SHOWN]):
        hidden.append(SUGGESTION)
    shown = [name for name in frame.columns if name not in hidden]
    config: dict[str, Any] = {
        DECISION: st.column_config.SelectboxColumn(
            options=[action_words(a) for a in group.actions], required=True
        ),
        RIGHT: st.column_config.TextColumn(
            help="What should stand there, written as in the file", max_chars=60
        ),
    }
    editable = (DECISION, RIGHT) if len(group.actions) > 1 else ()
    place = f"{WHERE}:{group.key}"
    key = _editor_key(draft, place, frame, (DECISION, RIGHT))
    st.data_editor(
        frame, key=key, hide_index=True, column_order=shown, column_config=config,
        disabled=[name for name in frame.columns if name not in editable],
        height=grid_height(len(frame), 8),
        on_change=_rows_edited, args=(draft, group, key),
    )  # fmt: skip
    if len(group.rows) > ROWS_SHOWN:
        st.caption(
            f"The first {ROWS_SHOWN} of {len(group.rows):,} rows; “All as CSV” has every one."
        )


def _rows_frame(draft: TableDraft, group: IssueGroup) -> Any:
    import pandas as pd

    rows = group.rows[:ROWS_SHOWN].tolist()
    fixes = {
        row: decision.value or ""
        for decision in draft.state.decisions
        if decision.key == group.key and decision.action == "fix"
        for row in decision.rows or ()
    }
    return pd.DataFrame(
        {
            ROW: [str(row) for row in rows],
            PATIENT: patients_of(draft, rows),
            VALUE: [value or "" for value in group.values[:ROWS_SHOWN]],
            SUGGESTION: [value or "" for value in group.suggestions[:ROWS_SHOWN]],
            DECISION: [action_words(action) for action in group.taken[:ROWS_SHOWN]],
            RIGHT: [fixes.get(row, "") for row in rows],
        },
        dtype="string",
    )


def _rows_edited(draft: TableDraft, group: IssueGroup, key: str) -> None:
    edits = st.session_state[key]["edited_rows"]
    frame = _rows_frame(draft, group)
    by_words = {action_words(action): action for action in group.actions}
    wishes: dict[int, tuple[str, str | None]] = {}
    for at, cells in edits.items():
        line = frame.iloc[int(at)]
        value = (cells.get(RIGHT, line[RIGHT]) or "").strip()
        action = by_words.get(cells.get(DECISION, line[DECISION]), group.default)
        if RIGHT in cells and value != line[RIGHT]:
            action = "fix" if value else group.default
        if action == "fix" and not value:
            continue  # the right value is still to come
        if (action_words(action), value) != (line[DECISION], line[RIGHT]):
            wishes[int(line[ROW])] = (action, value if action == "fix" else None)
    if wishes:
        attempt(draft, WHERE, lambda: decide_rows(draft, group, wishes))


def _editor_key(draft: TableDraft, place: str, frame: Any, editable: tuple[str, ...]) -> str:
    """The key of a table of cells; a new one where its edits are no longer what is in force."""

    def key() -> str:
        rounds = (draft.rounds.get(place, 0), draft.rounds.get(WHERE, 0))
        return f"{place}_{draft.token}_{rounds[0]}_{rounds[1]}"

    edits = (st.session_state.get(key()) or {}).get("edited_rows", {})
    waiting = {action_words("fix")}
    for row, cells in edits.items():
        for name, value in cells.items():
            there = frame.iloc[int(row)][name] if int(row) < len(frame) else ""
            if name in editable and (value or "") != there and value not in waiting:
                draft.rounds[place] = draft.rounds.get(place, 0) + 1
                return key()
    return key()
