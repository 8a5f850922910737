"""The page Train under AppTest: sources, what will be used, runs in every state, results."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from page_helpers import page_text
from trained_runs import QUICK, add_run, feature_table, train

from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.systems.training_runs import TrainingRuns
from pages._shared import routes
from pages._shared.train_settings import QUICK as QUICK_LOOK


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A data folder with one run that is done."""
    data = tmp_path_factory.mktemp("trained")
    train(data)
    return data


@pytest.fixture
def data(tmp_path) -> Path:
    """The data folder of this test's server."""
    return tmp_path / "data"


@pytest.fixture
def with_run(trained, data):
    """The trained run in this test's data folder; returns it."""
    shutil.copytree(trained / "training", data / "training", dirs_exist_ok=True)
    return TrainingRuns(data).runs()[0]


def with_table(at, table=None):
    """As if a feature table had been uploaded."""
    at.segmented_control(key="train_source").set_value("Feature table").run()
    at.session_state["hccsurv"].training_table = ("hospital.csv", table or feature_table())
    at.run()
    assert not at.exception, at.exception
    return at


def open_run(open_page, run_id):
    at = open_page(routes.TRAIN)
    at.query_params["run"] = run_id
    at.run()
    assert not at.exception, at.exception
    return at


def button(at, key):
    return next((b for b in at.button if b.key == key), None)


def test_the_first_visit_teaches(open_page):
    at = open_page(routes.TRAIN)
    text = page_text(at)
    assert "No cohort yet" in text
    assert "Close the page if you like" in text
    assert button(at, "train_start") is None
    at.segmented_control(key="train_source").set_value("Feature table").run()
    assert "`time_months` and `event`" in page_text(at)


def test_what_will_be_used_is_said_before_it_begins(open_page):
    at = with_table(open_page(routes.TRAIN))
    text = page_text(at)
    table = feature_table()
    rows = table.where("split", "train")
    events = int(table.outcome.event[rows].sum())
    assert f"{rows.sum()} patients to learn from" in text and f"{events} events" in text
    assert "Held out: internal test" in text
    assert "2 centers" in text
    assert "Training patients come from more than one center" in text
    assert not button(at, "train_start").disabled


def test_another_way_to_hold_out_changes_who_is_learned_from(open_page):
    at = with_table(open_page(routes.TRAIN))
    way = next(r for r in at.radio if r.label == "Held out")
    assert way.options[0] == "As the table says"
    way.set_value("a center").run()
    assert "100 patients to learn from" in page_text(at)
    assert "Held out: south" in page_text(at)
    next(r for r in at.radio if r.label == "Held out").set_value("a share").run()
    assert "140 patients to learn from" in page_text(at)


def test_too_few_events_cannot_be_started_and_the_reason_is_said(open_page):
    full = feature_table()
    few = full.subset([i for i in range(200) if not full.outcome.event[i]][:40])
    at = with_table(open_page(routes.TRAIN), few)
    assert button(at, "train_start").disabled
    assert "at least 20 are needed" in page_text(at)


def test_a_table_without_split_offers_to_hold_out_nobody(open_page):
    full = feature_table()
    plain = FeatureTable(full.patient_ids, full.names, full.values, full.outcome)
    at = with_table(open_page(routes.TRAIN), plain)
    way = next(r for r in at.radio if r.label == "Held out")
    assert way.options == ["A share", "Nobody"]
    way.set_value("nobody").run()
    assert "200 patients to learn from" in page_text(at)
    assert "Nobody is held out" in page_text(at)


def test_start_makes_a_run_with_what_was_chosen(open_page, data, monkeypatch):
    monkeypatch.setattr(TrainingRuns, "_launch", lambda self, folder, alive: None)
    at = with_table(open_page(routes.TRAIN))
    at.checkbox(key="train_table_simulated").check().run()
    at.segmented_control(key="train_effort").set_value("quick").run()
    next(r for r in at.radio if r.label == "Held out").set_value("a center").run()
    at.number_input(key="train_seed").set_value(7).run()
    next(t for t in at.text_input if t.label == "Name of this run").set_value("First try").run()
    button(at, "train_start").click().run()
    assert not at.exception
    (run,) = TrainingRuns(data).runs()
    assert at.query_params["run"] == run.id
    assert run.request.name == "First try"
    assert run.request.settings == QUICK_LOOK
    options = dict(run.request.options)
    kept = Path(options.pop("features-table"))
    assert options == {
        "seed": 7, "device": "auto", "simulated": True, "endpoint": "overall survival",
    }  # fmt: skip
    # Who is held out stands in the kept table.
    from hccsurv_core.features.feature_table import read_feature_table

    assert read_feature_table(kept).where("split", "south").sum() == 100


def test_runs_are_listed_with_their_state_and_result(open_page, with_run, data):
    add_run(data, "failed", name="Broken", message="the table is gone")
    add_run(data, "running", name="Killed")
    at = open_page(routes.TRAIN)
    at.segmented_control(key="train_section").set_value("Runs").run()
    text = page_text(at)
    assert "Hospital 2026" in text and "Done" in text and "133 patients" in text
    assert "Broken" in text and "Failed" in text and "The table is gone" in text
    assert "Killed" in text and "Interrupted" in text


def test_runs_are_compared(open_page, with_run, trained, data):
    other = data / "training" / "20990101T000000-aaaaaa"
    shutil.copytree(with_run.folder, other)
    at = open_page(routes.TRAIN)
    at.segmented_control(key="train_section").set_value("Runs").run()
    for run in TrainingRuns(data).runs():
        at.checkbox(key=f"compare_{run.id}").check().run()
    text = page_text(at)
    assert "Compared" in text and "Best baseline" in text
    assert "ridge Cox regression 0." in text
    assert "learned from different patients" not in text


def test_a_result_says_how_good_on_whom_and_who_won(open_page, with_run):
    at = open_run(open_page, with_run.id)
    text = page_text(at)
    assert "C-index 0." in text and "cross-validated, on patients not seen" in text
    assert "133 patients" in text
    assert "ranked patients" in text  # the model, or the baseline
    assert "Started by Dr. Berg" in text
    assert len(at.get("plotly_chart")) == 2
    assert "Simulated patients" not in text


def test_a_model_is_published_once_and_by_somebody(open_page, with_run, data):
    at = open_run(open_page, with_run.id)
    button(at, "publish_go").click().run()
    assert "Somebody must be named" in page_text(at)
    at.text_input(key=f"publish_by_{with_run.id}").set_value("Dr. Berg")
    button(at, "publish_go").click().run()
    assert not at.exception
    (entry,) = [e for e in ModelLibrary(data).models() if not e.shipped]
    assert (entry.name, entry.by, entry.simulated) == ("Hospital 2026", "Dr. Berg", False)
    text = page_text(at)
    assert "In the library as **Hospital 2026**" in text
    assert button(at, "publish_go") is None
    assert at.session_state["hccsurv"].actor == "Dr. Berg"


def test_from_a_result_to_its_evaluation(open_page, with_run):
    at = open_run(open_page, with_run.id)
    button(at, "to_evaluation").click().run()
    assert not at.exception
    assert "Model evaluation" in [h.value for h in at.header]
    assert "Its own cohort" in [o for c in at.segmented_control for o in c.options]


@pytest.mark.parametrize(
    ("state", "message", "words", "resumes"),
    [
        ("failed", "the table is gone", "The training failed.** The table is gone", True),
        ("cancelled", "cancelled", "The training was cancelled", True),
        ("running", "", "The training was interrupted", True),
    ],
)
def test_a_run_that_ended_badly_says_why_and_can_be_resumed(
    open_page, data, monkeypatch, state, message, words, resumes
):
    monkeypatch.setattr(TrainingRuns, "_launch", lambda self, folder, alive: None)
    run_id = add_run(data, state, message=message)
    at = open_run(open_page, run_id)
    assert words in page_text(at)
    assert button(at, "cancel_run") is None
    button(at, "resume_run").click().run()
    assert not at.exception
    assert TrainingRuns(data).run(run_id).attempt == 2


def test_a_run_is_deleted_after_a_question(open_page, data):
    run_id = add_run(data, "failed", name="Useless")
    at = open_run(open_page, run_id)
    assert "Delete this run?" in page_text(at)
    button(at, "delete_run_yes").click().run()
    assert not at.exception
    assert TrainingRuns(data).runs() == ()


def test_a_run_that_is_not_there_is_said(open_page):
    at = open_run(open_page, "20200101T000000-nobody")
    assert "There is no training run" in page_text(at)
    at = open_run(open_page, "../../etc")
    assert "There is no training run" in page_text(at)


def test_the_log_can_be_read_and_taken_away(open_page, data):
    run_id = add_run(data, "failed", message="x")
    (data / "training" / run_id / "log.txt").write_text("first line\nlast line\n")
    at = open_run(open_page, run_id)
    assert any("last line" in c.value for c in at.code)


def test_the_settings_on_the_page_are_settings_of_the_model():
    from hccsurv_core.models.rivals import RIVALS
    from hccsurv_core.systems.muscle.settings import MuscleSettings, settings_from_json
    from pages._shared import train_settings

    assert settings_from_json(QUICK_LOOK).n_members == QUICK_LOOK["n_members"]
    assert settings_from_json(QUICK).n_folds == 2
    usual = MuscleSettings()
    assert usual.n_members == train_settings.USUAL_MEMBERS
    assert usual.n_codes == train_settings.USUAL_CODES
    assert set(train_settings._RIVALS) == set(RIVALS)


def test_without_measured_patients_the_server_says_how_to_get_them(open_page):
    at = open_page(routes.TRAIN)
    at.segmented_control(key="train_source").set_value("Patients of this server").run()
    assert "Nobody is measured here yet" in page_text(at)
    assert button(at, "train_to_worklist") is not None


def test_measured_patients_without_an_outcome_need_a_table(open_page, add_study):
    add_study(pseudonym="A-1")
    at = open_page(routes.TRAIN)
    at.segmented_control(key="train_source").set_value("Patients of this server").run()
    text = page_text(at)
    assert "1 patient measured here, and no outcome" in text
    assert "must hold the pseudonyms used here" in text
    assert button(at, "train_to_import") is not None


def test_measured_patients_with_an_outcome_are_gathered(open_page, add_study, data, monkeypatch):
    import pandas as pd

    from hccsurv_core.cohort.column_guess import guess_mapping
    from hccsurv_core.cohort.library import CohortLibrary
    from hccsurv_core.io.tables import read_table
    from hccsurv_core.systems.muscle.store_table import StoreTable, look_at_store
    from pages._shared import views

    for name in ("A-1", "A-2"):
        add_study(pseudonym=name)
    path = data / "outcomes.csv"
    frame = {"patient_id": ["A-2", "A-1"], "os_months": [5.0, 9.0], "os_event": [1, 0]}
    pd.DataFrame(frame).to_csv(path, index=False)
    raw = read_table(path)
    library = CohortLibrary(data)
    library.add(raw, guess_mapping(raw), name="Follow-up 2026")
    assert look_at_store(views.open_store(), library).outcomes[0].n == 2
    at = open_page(routes.TRAIN)
    at.segmented_control(key="train_source").set_value("Patients of this server").run()
    assert "2 of them have this outcome" in page_text(at)
    assert "Follow-up 2026" in at.selectbox(key="train_store_outcome").options[0]
    # What was gathered is what will be used; a patient without features is named.
    table = feature_table()
    at.session_state["hccsurv"].training_store = StoreTable(
        table, "Death", {"A-9": "muscle and psoas are not outlined"}
    )
    at.run()
    text = page_text(at)
    assert "133 patients to learn from" in text and "Death" in text
    assert "A-9" in text and "not outlined" in text
