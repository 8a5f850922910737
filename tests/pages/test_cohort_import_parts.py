"""What the import page shows of a table: findings, cells to edit, words, and CSV to take away."""

from __future__ import annotations

import csv
import doctest
import io

import pytest
from cohort_import_tables import N_PATIENTS, draft_of, patients_csv, raw_of

from hccsurv_core.cohort.library import CohortLibrary
from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import ReadOptions
from pages._shared import table_import_findings as findings
from pages._shared import table_import_grid as grid
from pages._shared import table_import_words as words
from pages._shared.session import Session
from pages._shared.table_import_model import decide, patients_of, propose, read
from pages._shared.table_import_reading import draft_from_upload, drop_table, read_draft

WIDE_MISSING = "id,OS_months,Death," + ",".join(f"m{k}" for k in range(6)) + "\n" + "".join(
    f"{i},{i + 1},{i % 2}," + ",".join("1.5" if i < 5 else "" for _ in range(6)) + "\n"
    for i in range(30)
)  # fmt: skip


def lines_of(data: bytes) -> list[dict[str, str]]:
    """A CSV as a spreadsheet would read it."""
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


# --- findings ---


def test_many_columns_with_one_problem_are_one_thing_to_look_at():
    draft = draft_of(WIDE_MISSING)
    (finding,) = [f for f in draft.now.to_look_at if f.kind == "mostly_missing"]
    assert finding.problem.startswith("6 columns are missing")
    assert len(finding.groups) == 6
    decide(draft, finding.groups[:1], "drop_column")
    (finding,) = [f for f in draft.now.to_look_at if f.kind == "mostly_missing"]
    assert finding.action == findings.MIXED
    assert findings.whole_actions(finding) == ["mixed", "keep", "drop_column"]
    decide(draft, finding.groups, "drop_column")
    assert [c.name for c in draft.now.table.columns] == []


def test_few_columns_with_one_problem_stay_apart():
    text = WIDE_MISSING.replace("m3,m4,m5", "x,y,z").replace(",1.5,1.5,1.5\n", ",1,2,3\n")
    draft = draft_of(text.replace(",,,\n", ",4,5,6\n"))
    found = [f for f in draft.now.to_look_at if f.kind == "mostly_missing"]
    assert [f.key for f in found] == [f"mostly_missing:m{k}" for k in range(3)]
    assert found[0].problem.startswith("m0 is missing in 25 of 30 patients")


def test_what_is_grave_comes_first():
    order = [f.severity for f in draft_of().now.findings]
    assert order == sorted(order, key=("error", "warning", "info").index)
    assert order[0] == "error"


def test_a_right_value_is_not_offered_for_many_rows():
    (finding,) = [f for f in draft_of().now.findings if f.kind == "impossible_value"]
    assert "fix" in finding.actions
    assert "fix" not in findings.whole_actions(finding)
    assert findings.action_words("fix") == "Enter the right value"


def test_every_row_of_every_finding_is_in_the_csv():
    draft = draft_of()
    everything = draft.now.findings
    rows = sorted({int(r) for f in everything for g in f.groups for r in g.rows})
    lines = lines_of(
        findings.findings_csv(everything, dict(zip(rows, patients_of(draft, rows), strict=True)))
    )
    assert len(lines) == sum(g.count for f in everything for g in f.groups)
    (age,) = [line for line in lines if line["about"] == "Age"]
    assert (age["row"], age["patient"], age["value"], age["done"]) == (
        "6", "P004", "0", "set missing",
    )  # fmt: skip


def test_every_row_left_out_is_in_the_csv_with_its_reason():
    draft = draft_of()
    decide(draft, [draft.now.table.report.group("zero_time:OS")], "exclude")
    (line,) = lines_of(findings.exclusions_csv(draft.now.table))
    assert line["row"] == str(N_PATIENTS + 1)
    assert line["patient"] == f"P{N_PATIENTS - 1:03d}"
    assert "time of zero" in line["reason"]


# --- cells ---


def cell(draft, column, name):
    """One cell of the table of columns."""
    frame = grid.column_frame(draft)
    return frame.loc[frame[grid.NAME] == column, name].item()


def row_of(draft, column):
    return [c.name for c in draft.mapping.columns].index(column)


def test_the_cells_say_what_is_guessed():
    draft = draft_of()
    assert cell(draft, "Patient ID", grid.ROLE) == "Patient ID"
    assert cell(draft, "Full name", grid.ROLE) == "Personal, not kept"
    assert cell(draft, "AFP (ng/mL)", grid.UNIT) == "ng/mL"
    assert cell(draft, "OS_months", grid.UNIT) == "months"
    assert cell(draft, "Marker", grid.MISSING) == "27 (68%)"
    assert cell(draft, "Gender", grid.EXAMPLES) == "0 (20), 1 (20)"


def test_edits_of_cells_change_the_mapping():
    draft = draft_of()
    edits = {
        row_of(draft, "Marker"): {grid.ROLE: "Leave out"},
        row_of(draft, "AFP (ng/mL)"): {grid.LABEL: "AFP", grid.TARGET: "IU/mL"},
        row_of(draft, "OS_months"): {grid.UNIT: "weeks"},
    }
    mapping, told = grid.apply_edits(draft, edits)
    assert told == "used as of Marker and convert to of AFP (ng/mL) and more"
    assert mapping.column("Marker").role == "ignored"
    assert mapping.column("AFP (ng/mL)").target_unit == "IU/mL"
    assert mapping.endpoints[0].time_unit == "weeks"
    assert mapping.endpoints[0].time_unit_from == "user"
    propose(draft, told, mapping=mapping)
    assert draft.now.table.column("AFP (ng/mL)").unit == "IU/mL"
    assert grid.overlay_agrees(grid.column_frame(draft), edits)


def test_an_edit_that_something_else_has_overruled_is_noticed():
    draft = draft_of()
    edits = {row_of(draft, "Age"): {grid.LABEL: "Years"}}
    assert not grid.overlay_agrees(grid.column_frame(draft), edits)
    cleared = {row_of(draft, "Age"): {grid.LABEL: None}}
    assert grid.overlay_agrees(grid.column_frame(draft), cleared)


def test_a_time_needs_a_unit_of_time():
    draft = draft_of()
    with pytest.raises(TableError, match="a time is not measured in mm"):
        grid.apply_edits(draft, {row_of(draft, "OS_months"): {grid.UNIT: "mm"}})


def test_cells_keep_one_type_so_that_the_editor_keeps_its_place():
    for text in (patients_csv(), "a,OS,Death\n1,2,1\n2,3,0\n"):
        assert set(map(str, grid.column_frame(draft_of(text)).dtypes)) == {"string"}


# --- words ---


def test_the_outcome_in_one_line():
    draft = draft_of()
    line = words.endpoint_line(draft.now.table.endpoint(), draft.now.follow_up["OS"])
    assert line.startswith("20 deaths, median follow-up ")
    assert line.endswith("times read in months")
    assert "not reached" not in line


def test_a_follow_up_that_nobody_has_is_not_invented():
    draft = draft_of("id,OS_months,Death\n" + "".join(f"{i},{i + 1},1\n" for i in range(9)))
    assert draft.now.follow_up == {"OS": None}
    assert "median follow-up not reached" in words.endpoint_line(draft.now.table.endpoint(), None)


def test_small_examples_in_the_words():
    failed, tried = doctest.testmod(words)
    assert tried >= 4 and failed == 0


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("my_cohort-2.xlsx", "My cohort 2"),
        (".csv", ".csv"),
        ("a.b.csv", "A.b"),
        ("___.csv", "Cohort"),
    ],
)
def test_a_name_is_proposed(source, name):
    assert words.proposed_name(source) == name


# --- reading and keeping ---


class Upload(io.BytesIO):
    """What the upload widget hands out."""

    name = "cohort.csv"


def test_an_upload_is_read_and_leaves_no_file_behind():
    draft = draft_from_upload(Upload(patients_csv().encode()))
    state = Session(table_drafts={None: draft})
    said = []
    read_draft(draft, ReadOptions(), lambda fraction, message: said.append(message))
    assert len(draft.now.table) == N_PATIENTS
    assert "Recognizing columns and outcomes" in said
    folder = draft.file.parents[1]
    assert folder.is_dir()
    drop_table(state)
    assert not folder.exists() and not state.table_drafts


def test_a_file_that_is_no_table_is_told_with_its_name():
    draft = draft_from_upload(Upload(b"%PDF-1.4"))
    read_draft(draft, ReadOptions(), lambda fraction, message: None)
    assert draft.raw is None
    assert "cohort.csv" in draft.error and "PDF" in draft.error
    drop_table(Session(table_drafts={None: draft}))


def test_a_wrong_row_of_names_is_told_and_can_be_corrected():
    draft = draft_from_upload(Upload(patients_csv().encode()))
    read_draft(draft, ReadOptions(), lambda fraction, message: None)
    read_draft(draft, ReadOptions(header_row=99), lambda fraction, message: None)
    assert draft.error is not None
    read_draft(draft, ReadOptions(), lambda fraction, message: None)
    assert draft.error is None and len(draft.now.table) == N_PATIENTS
    drop_table(Session(table_drafts={None: draft}))


def test_names_of_people_never_reach_the_library(tmp_path):
    draft = draft_of()
    library = CohortLibrary(tmp_path)
    entry = library.add(read(draft), draft.mapping, draft.state.decisions, name="Cohort")
    assert "Full name" not in library.raw(entry.id).column_names
    kept = [p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()]
    assert not any(b"Person 3" in data for data in kept)


@pytest.mark.parametrize("sheet", ["cohort.csv", "cohort.tsv"])
def test_how_a_file_was_read_is_told(sheet):
    sign = "\t" if sheet.endswith("tsv") else ","
    raw = raw_of(patients_csv().replace(",", sign), sheet)
    line = words.how_read(raw)
    assert f"separated by {words.DELIMITERS[sign]}" in line
    assert f"{N_PATIENTS} rows, 9 columns" in line


def test_one_of_a_thing_is_said_in_the_singular():
    draft = draft_of("id,visit,OS_months,Death\n1,2015-01-01,5,1\n1,2015-01-01,5,1\n")
    assert "2 rows, 4 columns" in words.how_read(read(draft))
    assert words.counts_line(draft) == "1 patient · OS: 1 death · 1 row left out"
    assert "1 row, 1 column" in words.how_read(raw_of("marker\n1.5\n"))
