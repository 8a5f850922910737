"""Drafts of a table: every change is data, is undone, or is refused without a trace."""

from __future__ import annotations

import pytest
from cohort_import_tables import N_PATIENTS, draft_of, patients_csv

from hccsurv_core.errors import TableError
from pages._shared.table_import_changes import change_column
from pages._shared.table_import_model import (
    attempt,
    decide,
    decide_rows,
    is_decided,
    patients_of,
    propose,
    read,
    undo,
)

AGE, ZERO = "impossible_value:Age", "zero_time:OS"


def group(draft, key):
    return draft.now.table.report.group(key)


def test_a_table_is_understood_without_a_click():
    draft = draft_of()
    assert len(draft.now.table) == N_PATIENTS
    assert draft.now.table.endpoint().n_events == N_PATIENTS // 2
    assert not draft.changed
    kinds = {f.kind for f in draft.now.to_look_at}
    assert {"impossible_value", "zero_time", "sex_code", "mostly_missing", "personal"} == kinds


def test_a_decision_changes_the_table_and_is_undone():
    draft = draft_of()
    decide(draft, [group(draft, ZERO)], "exclude")
    assert len(draft.now.table) == N_PATIENTS - 1
    assert [e.row for e in draft.now.table.exclusions] == [N_PATIENTS + 1]
    assert is_decided(draft, group(draft, ZERO))
    undo(draft)
    assert len(draft.now.table) == N_PATIENTS
    assert not draft.now.table.exclusions
    assert not draft.changed and not is_decided(draft, group(draft, ZERO))


def test_undo_goes_back_one_change_at_a_time_and_stops_at_the_first():
    draft = draft_of()
    first = draft.mapping
    propose(draft, "a label", mapping=first.with_column("Age", label="Age at surgery"))
    decide(draft, [group(draft, ZERO)], "half_day")
    undo(draft)
    assert draft.state.change == "a label"
    undo(draft)
    undo(draft)
    assert draft.mapping == first


def test_choosing_the_default_again_is_no_decision():
    draft = draft_of()
    decide(draft, [group(draft, ZERO)], "exclude")
    decide(draft, [group(draft, ZERO)], "keep")
    assert draft.state.decisions == ()
    assert len(draft.now.table) == N_PATIENTS


def test_a_right_value_is_put_into_one_row():
    draft = draft_of()
    (row,) = group(draft, AGE).rows.tolist()
    decide_rows(draft, group(draft, AGE), {row: ("fix", "57")})
    at = draft.now.table.source_rows.tolist().index(row)
    assert draft.now.table.numbers("Age")[at] == 57
    decide_rows(draft, group(draft, AGE), {row: ("set_missing", None)})
    assert draft.state.decisions == (), "the default of its group needs no decision"


def test_rows_may_differ_from_what_is_decided_for_all():
    text = patients_csv().replace(",41,", ",0,").replace(",42,", ",0,")
    draft = draft_of(text)
    rows = group(draft, AGE).rows.tolist()
    assert len(rows) > 2
    decide(draft, [group(draft, AGE)], "exclude")
    decide_rows(draft, group(draft, AGE), {rows[1]: ("keep", None)})
    taken = group(draft, AGE).taken.tolist()
    assert taken == ["exclude", "keep", *["exclude"] * (len(rows) - 2)]
    decide_rows(draft, group(draft, AGE), {rows[1]: ("exclude", None)})
    assert len(draft.state.decisions) == 1, "the row follows the whole group again"


def test_a_value_that_cannot_be_read_is_refused_and_nothing_changes():
    draft = draft_of()
    (row,) = group(draft, AGE).rows.tolist()
    before = draft.state
    done = attempt(
        draft, "issues", lambda: decide_rows(draft, group(draft, AGE), {row: ("fix", "abc")})
    )
    assert not done
    assert draft.state is before
    where, text = draft.refusal
    assert where == "issues" and "abc" in text and "Age" in text
    assert attempt(draft, "issues", lambda: decide(draft, [group(draft, ZERO)], "exclude"))
    assert draft.refusal is None


def test_nobody_may_be_left():
    draft = draft_of()
    text = patients_csv().replace(",0\n", ",9\n").replace(",1\n", ",9\n")
    draft = draft_of(text)
    unknown = group(draft, "missing_outcome:OS")
    with pytest.raises(TableError, match="every patient was left out"):
        decide(draft, [unknown], "exclude")
    assert len(draft.now.table) == N_PATIENTS


def test_a_decision_whose_problem_is_gone_does_no_harm():
    text = patients_csv().replace(",10,A,", ",<10,A,", 1)
    draft = draft_of(text)
    limit = group(draft, "limit:AFP (ng/mL)")
    decide_rows(draft, limit, {limit.rows[0]: ("fix", "9")})
    decide(draft, [group(draft, ZERO)], "exclude")
    mapping = change_column(draft.mapping, read(draft), "AFP (ng/mL)", kind="text")
    propose(draft, "kind of AFP", mapping=mapping)
    assert len(draft.now.table) == N_PATIENTS - 1, "the other decision stays in force"
    assert draft.now.table.report.unused == ("limit:AFP (ng/mL)",)


def test_an_impossible_decision_of_a_changed_column_is_dropped_and_told():
    text = patients_csv().replace(",10,A,", ",<10,A,", 1)
    draft = draft_of(text)
    limit = group(draft, "limit:AFP (ng/mL)")
    decide_rows(draft, limit, {limit.rows[0]: ("fix", "9.5")})
    decide(draft, [group(draft, ZERO)], "exclude")
    mapping = change_column(draft.mapping, read(draft), "AFP (ng/mL)", decimal=",")
    propose(draft, "decimal sign of AFP", mapping=mapping)
    assert [d.key for d in draft.state.decisions] == [ZERO]
    assert "dropped" in draft.note
    undo(draft)
    assert len(draft.state.decisions) == 2, "undone, it is back"


def test_whose_rows_are_told_without_a_program_s_fraction():
    draft = draft_of("ID,time,status\n5214.0,3,1\n5215.0,4,0\n")
    assert patients_of(draft, [3, 2]) == ["5215", "5214"]
