"""From a dropped table to a cohort in the library, and back to change it."""

from __future__ import annotations

import io

import openpyxl
import pytest
from cohort_import_tables import N_PATIENTS, patients_csv
from page_helpers import page_text

from pages._shared import routes
from pages._shared.cohorts import open_library
from pages._shared.jobs import Job

ZERO = "zero_time:OS"


def state_of(at):
    """The typed session of a page under test."""
    return at.session_state["hccsurv"]


def draft_on(at):
    """The table being imported or changed."""
    state = state_of(at)
    return state.table_drafts[state.editing_cohort_id]


@pytest.fixture
def dropped(open_page, finish_job):
    """The import page with the small cohort just read."""

    def drop(name: str = "our_cohort.csv", data: bytes | None = None):
        at = open_page(routes.COHORT_IMPORT)
        at.file_uploader[0].set_value([(name, data or patients_csv().encode(), "text/csv")])
        at.run()
        finish_job(at)
        draft = draft_on(at)
        assert draft.built or draft.error, page_text(at)
        return at

    return drop


@pytest.fixture
def saved():
    """A cohort in the library."""
    from cohort_import_tables import draft_of

    from pages._shared.table_import_model import read

    draft = draft_of()
    return open_library().add(read(draft), draft.mapping, (), name="Saved cohort")


def edit(open_page, entry):
    """The import page with a cohort to change."""
    at = open_page()
    state_of(at).editing_cohort_id = entry.id
    at.switch_page(routes.COHORT_IMPORT).run()
    assert not at.exception, at.exception
    return at


def press(at, key: str):
    at.button(key=key).click().run()
    assert not at.exception, at.exception
    return at


def choose(at, key: str, value):
    """Choose in the widget whose key ends so."""
    (box,) = [b for b in at.selectbox if b.key and b.key.endswith(key)]
    box.set_value(value).run()
    assert not at.exception, at.exception
    return at


def test_before_anything_is_dropped_the_page_teaches(open_page):
    at = open_page(routes.COHORT_IMPORT)
    text = page_text(at)
    assert "Drop a clinical table" in text and "one row a visit" in text
    assert "Nothing is dropped silently" in text


def test_upload_and_save_are_enough(dropped):
    at = dropped()
    text = page_text(at)
    assert f"{N_PATIENTS} patients" in text
    assert "20 deaths, median follow-up" in text
    assert "5 things to look at" in text
    press(at, "save_top")
    (entry,) = open_library().entries()
    assert entry.name == "Our cohort" and entry.n_patients == N_PATIENTS
    state = state_of(at)
    assert state.cohort_id == entry.id
    assert not state.table_drafts


def test_a_decision_counts_at_once_and_is_undone(dropped):
    at = dropped()
    choose(at, f"decide_{ZERO}", "exclude")
    text = page_text(at)
    assert f"{N_PATIENTS - 1} patients" in text and "1 row left out" in text
    assert "1 row</b>, listed below" in text
    press(at, "import_undo")
    assert "1 row left out" not in page_text(at)
    (box,) = [b for b in at.selectbox if b.key and b.key.endswith(f"decide_{ZERO}")]
    assert box.value == "keep", "the widget follows the undo"
    assert at.button(key="import_undo").disabled


def test_saying_one_sex_says_the_other(dropped):
    at = dropped()
    choose(at, "_sex_Gender_0", "female")
    spec = draft_on(at).mapping.column("Gender")
    assert spec.level_labels == {"0": "female", "1": "male"}
    assert "Nothing tells which value of Gender" not in page_text(at)


def test_what_an_event_means_can_be_turned_round(dropped):
    at = dropped()
    choose(at, "_OS_means_1", 0)
    assert "no patient has the event (death)" in page_text(at)
    choose(at, "_OS_means_0", 1)
    assert draft_on(at).now.table.endpoint().n_events == N_PATIENTS // 2


def test_a_competing_event_gets_a_name(dropped):
    at = dropped()
    choose(at, "_OS_means_0", 2)
    (name,) = [t for t in at.text_input if t.key and t.key.endswith("_competing_0")]
    name.set_value("transplant").run()
    endpoint = draft_on(at).mapping.endpoints[0]
    assert endpoint.competing == ("transplant",)
    assert "20 competing events" in page_text(at)


def test_the_unit_of_time_changes_the_times(dropped):
    at = dropped()
    before = draft_on(at).now.table.endpoint().time_months.max()
    choose(at, "_OS_time_unit", "years")
    assert draft_on(at).now.table.endpoint().time_months.max() == pytest.approx(12 * before)
    assert "times read in years" in page_text(at)


def test_an_outcome_is_removed_and_added_again(dropped):
    at = dropped()
    (remove,) = [b for b in at.button if b.key and b.key.endswith("_OS_remove")]
    press(at, remove.key)
    assert "No outcome was recognized" in page_text(at)
    press(at, "add_outcome")
    at.button(key="new_outcome_add").click().run()
    endpoint = draft_on(at).mapping.endpoints[0]
    assert (endpoint.name, endpoint.time, endpoint.event) == ("OS", "OS_months", "Death")
    assert endpoint.event_codes == {"0": 0, "1": 1}


def test_an_outcome_is_added_from_dates_alone(dropped):
    text = "id,operated,seen,gone,sex\n" + "".join(
        f"{i},2015-01-{i + 1:02d},2019-02-{i + 1:02d},{'2017-01-05' if i % 3 else ''},{'mf'[i % 2]}\n"
        for i in range(20)
    )
    at = dropped(data=text.encode())
    assert "No outcome was recognized" in page_text(at)
    press(at, "add_outcome")
    at.segmented_control(key="new_outcome_how").set_value("Two dates").run()
    assert at.button(key="new_outcome_add").disabled, "nothing says from when until when"
    for key, column in (("start", "operated"), ("end", "seen"), ("event_date", "gone")):
        choose(at, f"new_outcome_{key}_None", column)
    press(at, "new_outcome_add")
    endpoint = draft_on(at).now.table.endpoint("OS")
    assert endpoint.n_events == 13
    assert endpoint.time_months[0] == pytest.approx(1492 / 30.4375), "2015-01-01 to 2019-02-01"
    assert "times from dates" in page_text(at)


def test_what_is_refused_is_told_and_nothing_changes(dropped):
    at = dropped()
    (rows,) = [s for s in at.segmented_control if s.key and s.key.endswith("_layout")]
    rows.set_value("visits").run()
    assert any("no column says when a visit was" in e.value.lower() for e in at.error)
    assert draft_on(at).mapping.layout == "patients"
    assert not draft_on(at).changed
    choose(at, f"decide_{ZERO}", "exclude")
    assert not at.error


def test_details_of_a_column_are_applied(dropped):
    at = dropped()
    draft_on(at).detail = "AFP (ng/mL)"
    at.run()
    choose(at, "_target_afp", "IU/mL")
    (apply,) = [b for b in at.button if b.key and b.key.endswith("_apply")]
    press(at, apply.key)
    draft = draft_on(at)
    assert draft.detail is None
    assert draft.now.table.column("AFP (ng/mL)").unit == "IU/mL"


def test_rows_are_drawn_only_where_somebody_looks(dropped):
    at = dropped()
    n = len(at.dataframe)
    key = f"{draft_on(at).token}_open_impossible_value:Age"
    at.session_state[key] = True
    at.run()
    shown = at.dataframe[-1].value if len(at.dataframe) > n else None
    assert shown is not None
    assert shown["Patient"].tolist() == ["P004"]
    assert shown["In the file"].tolist() == ["0"]


def test_a_file_that_is_no_table_is_one_message(dropped):
    at = dropped("scan.csv", b"%PDF-1.4 nothing here")
    assert any("scan.csv" in e.value and "PDF" in e.value for e in at.error)
    assert not [b for b in at.button if b.key == "save_top"]
    press(at, "import_start_over")
    assert "Drop a clinical table" in page_text(at)


def test_a_wrong_row_of_names_can_be_read_again(dropped, finish_job):
    text = "Our study 2015\n\n" + patients_csv()
    at = dropped(data=text.encode())
    token = draft_on(at).token
    at.number_input(key=f"{token}_read_header").set_value(1).run()
    press(at, f"{token}_again")
    finish_job(at)
    assert draft_on(at).options.header_row == 1
    at.number_input(key=f"{token}_read_header").set_value(3).run()
    press(at, f"{token}_again")
    finish_job(at)
    assert f"{N_PATIENTS} patients" in page_text(at)


def workbook_bytes(notes: list[str], patients: str) -> bytes:
    """A workbook with a sheet of notes, and one of patients."""
    workbook = openpyxl.Workbook()
    workbook.active.title = "Notes"
    workbook.active.append(notes)
    sheet = workbook.create_sheet("Patients")
    for line in patients.splitlines():
        sheet.append(line.split(","))
    data = io.BytesIO()
    workbook.save(data)
    return data.getvalue()


def test_another_sheet_of_a_workbook_is_read(dropped, finish_job):
    at = dropped("cohort.xlsx", workbook_bytes(["Our cohort of 2015"], patients_csv()))
    token = draft_on(at).token
    assert f"{N_PATIENTS} patients" in page_text(at)
    assert any("'Notes' was passed over" in note for note in draft_on(at).raw.notes)
    sheets = f"{token}_read_sheet"
    assert at.selectbox(key=sheets).options[1:] == ["Notes", "Patients"]
    at.selectbox(key=sheets).set_value("Notes").run()
    finish_job(press(at, f"{token}_again"))
    assert any("no rows" in e.value for e in at.error), "that sheet is no table"
    at.selectbox(key=sheets).set_value("Patients").run()
    finish_job(press(at, f"{token}_again"))
    assert f"{N_PATIENTS} patients" in page_text(at)


def test_a_sheet_can_be_named_before_any_was_read(dropped, finish_job):
    at = dropped("cohort.xlsx", workbook_bytes(["Our cohort of 2015"], "ID,Age"))
    token = draft_on(at).token
    assert any("no rows" in e.value for e in at.error), "no sheet is a table"
    at.text_input(key=f"{token}_read_sheet_name").set_value("patients").run()
    finish_job(press(at, f"{token}_again"))
    assert any("Patients" in e.value and "Notes" in e.value for e in at.error), "both are named"


def test_going_back_loses_nothing(dropped):
    at = dropped()
    choose(at, f"decide_{ZERO}", "exclude")
    press(at, "import_back")
    at.switch_page(routes.COHORT_IMPORT).run()
    assert "1 row left out" in page_text(at)
    press(at, "issues_undo")
    assert "1 row left out" not in page_text(at)


def test_the_address_keeps_the_cohort_that_is_changed(open_page, saved):
    at = open_page(routes.COHORT_IMPORT)
    at.query_params["edit"] = saved.id
    at.run()
    assert "Change a cohort" in page_text(at)
    assert state_of(at).editing_cohort_id == saved.id


def test_a_cancelled_reading_leaves_nothing(open_page):
    from pages._shared.table_import_model import TableDraft

    at = open_page(routes.COHORT_IMPORT)
    state = state_of(at)
    state.table_drafts[None] = TableDraft(source="big.csv")
    job = Job("Reading the table", lambda progress: None, kind="table", page=routes.COHORT_IMPORT)
    job.cancel()
    job.state = "cancelled"
    state.job = job
    at.run()
    assert "was cancelled. Nothing was stored" in page_text(at)
    assert "Drop a clinical table" in page_text(at)
    assert not state_of(at).table_drafts


def test_a_saved_cohort_is_changed_and_the_change_is_undone(open_page, saved):
    at = edit(open_page, saved)
    assert "Change a cohort" in page_text(at)
    assert at.button(key="save_top").disabled, "nothing has changed yet"
    choose(at, f"decide_{ZERO}", "exclude")
    press(at, "save_top")
    assert open_library().entry(saved.id).n_patients == N_PATIENTS - 1
    assert state_of(at).cohort_id == saved.id
    at = edit(open_page, saved)
    assert "1 row left out" in page_text(at)
    press(at, "import_undo_saved")
    assert open_library().entry(saved.id).n_patients == N_PATIENTS
    assert "1 row left out" not in page_text(at)


def test_changes_of_a_saved_cohort_can_be_dropped(open_page, saved):
    at = edit(open_page, saved)
    choose(at, f"decide_{ZERO}", "exclude")
    press(at, "import_start_over")
    assert "1 row left out" not in page_text(at)
    press(at, "import_back")
    assert state_of(at).editing_cohort_id is None
    assert open_library().entry(saved.id).can_undo is False


def test_a_saved_cohort_gets_another_name(open_page, saved):
    at = edit(open_page, saved)
    (name,) = [t for t in at.text_input if t.label == "Name of the cohort"]
    name.set_value("Another name").run()
    press(at, "save_top")
    entry = open_library().entry(saved.id)
    assert entry.name == "Another name" and not entry.can_undo


def test_a_cohort_that_is_gone_is_told(open_page, saved):
    open_library().delete(saved.id)
    at = edit(open_page, saved)
    assert any("there is no cohort" in e.value.lower() for e in at.error)
    assert state_of(at).editing_cohort_id is None


def test_both_real_cohorts_are_taken_as_they_are(dropped, shared_data):
    folder = shared_data / "cohorts"
    for name, n, deaths in (
        ("hepatocellular_resected_227.csv", 227, 97),
        ("intermediate_hcc_visits_2360.csv", 2360, 1346),
    ):
        at = dropped(name, (folder / name).read_bytes())
        assert f"{n:,} patients" in page_text(at)
        press(at, "save_top")
        table = open_library().table(state_of(at).cohort_id)
        assert (len(table), table.endpoint("OS").n_events) == (n, deaths)
