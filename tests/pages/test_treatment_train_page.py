"""System 2 on the page Train under AppTest: sources, preview, settings, runs, results."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from page_helpers import page_text
from trained_treatment import moved_run, train_treatment_run
from treatment_folders import write_clinical_folder

from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.systems.training_record import RunSettings, RunState, write_settings, write_state
from hccsurv_core.systems.training_runs import TrainingRequest, TrainingRuns
from hccsurv_core.systems.treatment.clinical_file import read_clinical_file
from hccsurv_core.systems.treatment.cohort import read_treatment_folder
from hccsurv_core.systems.treatment.settings import settings_from_json
from pages._shared import routes
from pages._shared.session import ClinicalUpload

_N = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A cohort of system 2 without images."""
    return write_clinical_folder(tmp_path_factory.mktemp("cohort") / "hospital", _N, 5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A data folder with the cohort and one run of it that is done."""
    data = tmp_path_factory.mktemp("trained")
    train_treatment_run(data, n=_N)
    return data


@pytest.fixture
def data(tmp_path) -> Path:
    """The data folder of this test's server."""
    return tmp_path / "data"


@pytest.fixture
def with_folder(folder, data) -> Path:
    """The cohort in this test's data folder."""
    return Path(shutil.copytree(folder, data / "cohorts" / "hospital"))


@pytest.fixture
def with_run(trained, data):
    """The trained run in this test's data folder; returns it."""
    return moved_run(trained, data)


def clinical_table(folder: Path, path: Path, **changes) -> Path:
    """The cohort's rows as a table of its own."""
    frame = pd.read_csv(folder / "cohort.csv").drop(columns=["split"])
    frame.assign(**changes).to_csv(path, index=False)
    return path


def choose_system(at):
    at.segmented_control(key="train_system").set_value("treatment").run()
    assert not at.exception, at.exception
    return at


def with_table(at, path):
    """As if a clinical table had been uploaded."""
    choose_system(at)
    at.segmented_control(key="train_source_treatment").set_value("Clinical table").run()
    at.session_state["hccsurv"].training_clinical = ClinicalUpload(
        path.name, path.read_bytes(), read_clinical_file(path)
    )
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


def test_the_first_visit_teaches_and_nothing_can_be_started(open_page):
    at = choose_system(open_page(routes.TRAIN))
    text = page_text(at)
    assert "No cohort yet" in text and "Patients who had hepatectomy or TACE" in text
    assert "Observational data cannot prove it" in text
    assert button(at, "train_start") is None
    at.segmented_control(key="train_source_treatment").set_value("Clinical table").run()
    assert "`treatment` (hepatectomy or tace)" in page_text(at)


def test_patients_deaths_and_covariates_are_said_before_it_begins(open_page, with_folder):
    at = choose_system(open_page(routes.TRAIN))
    text = page_text(at)
    cohort = read_treatment_folder(with_folder)[0]
    learned = cohort.split("train")
    assert f"{len(learned)} patients to learn from" in text
    for arm, word in (("hepatectomy", "hepatectomy"), ("tace", "TACE")):
        rows = [t == arm for t in learned.treatment]
        events = int(learned.outcome.event[rows].sum())
        row = f'Given {word}</td><td class="num">{sum(rows)}</td><td class="num">{events}</td>'
        assert row in text
    assert "Held out: test" in text and "3 centers" in text and "Simulated patients" in text
    assert "no images: from clinical values alone" in text.lower()
    assert "11 clinical covariates" in text and "Macrovascular invasion" in text
    assert not button(at, "train_start").disabled


def test_a_value_that_is_not_known_is_left_out_with_its_reason(open_page, with_folder, tmp_path):
    path = clinical_table(with_folder, tmp_path / "own.csv", afp_ng_ml=None, ecog=1)
    at = with_table(open_page(routes.TRAIN), path)
    text = page_text(at)
    assert "9 clinical covariates" in text
    assert "AFP</td><td>not known of anybody given hepatectomy" in text
    assert "ECOG status</td><td>the same in everybody given hepatectomy" in text
    assert "The models will know nothing of AFP, ECOG status" in text


def test_an_arm_with_too_few_deaths_cannot_be_started(open_page, with_folder, tmp_path):
    frame = pd.read_csv(with_folder / "cohort.csv")
    path = clinical_table(
        with_folder, tmp_path / "few.csv", event=frame.event.where(frame.treatment != "tace", 0)
    )
    at = with_table(open_page(routes.TRAIN), path)
    assert button(at, "train_start").disabled
    assert "Of those given TACE\\: 0 of" in page_text(at) and "10 deaths are needed" in page_text(
        at
    )


def test_follow_up_that_ends_before_the_last_horizon_is_refused(open_page, with_folder, tmp_path):
    frame = pd.read_csv(with_folder / "cohort.csv")
    path = clinical_table(
        with_folder, tmp_path / "s.csv", time_months=frame.time_months.clip(0, 30)
    )
    at = with_table(open_page(routes.TRAIN), path)
    assert button(at, "train_start").disabled
    assert "follow-up ends at 30.0 months, but 36 months are to be told" in page_text(at)
    at.multiselect(key="train_horizons").set_value([12, 24]).run()
    at.number_input(key="train_counted_24").set_value(30).run()
    assert not button(at, "train_start").disabled


def test_a_covariate_that_was_asked_for_and_is_not_there_is_refused(
    open_page, with_folder, tmp_path
):
    path = clinical_table(with_folder, tmp_path / "own.csv", afp_ng_ml=None)
    at = with_table(open_page(routes.TRAIN), path)
    at.multiselect(key="train_covariates").set_value(["albi", "afp_ng_ml"]).run()
    assert "AFP cannot be used" in page_text(at)
    assert button(at, "train_start").disabled


def test_a_center_with_one_treatment_only_is_told(open_page, with_folder, tmp_path):
    frame = pd.read_csv(with_folder / "cohort.csv")
    alone = frame.center.where(frame.treatment != "tace", "tace clinic")
    at = with_table(
        open_page(routes.TRAIN), clinical_table(with_folder, tmp_path / "c.csv", center=alone)
    )
    next(r for r in at.radio if r.label == "Held out").set_value("a share").run()
    assert "Everybody of center tace clinic was given TACE" in page_text(at)


def test_start_keeps_the_table_and_says_who_is_held_out(
    open_page, with_folder, data, tmp_path, monkeypatch
):
    monkeypatch.setattr(TrainingRuns, "_launch", lambda self, folder, alive: None)
    path = clinical_table(with_folder, tmp_path / "own.csv")
    at = with_table(open_page(routes.TRAIN), path)
    at.checkbox(key="train_clinical_simulated").check().run()
    next(r for r in at.radio if r.label == "Held out").set_value("a center").run()
    at.slider(key="train_probability").set_value(0.9).run()
    at.toggle(key="train_spread").set_value(True).run()
    at.number_input(key="train_seed_treatment").set_value(7).run()
    next(t for t in at.text_input if t.label == "Name of this run").set_value("First try").run()
    button(at, "train_start").click().run()
    assert not at.exception
    (run,) = TrainingRuns(data).runs()
    assert run.request.system == "treatment" and run.request.name == "First try"
    assert run.request.cohort.read_bytes() == path.read_bytes()
    assert run.request.cohort.name == "own.csv"
    assert dict(run.request.options) == {
        "seed": 7, "hold-out-center": "south", "simulated": True, "endpoint": "overall survival",
    }  # fmt: skip
    settings = settings_from_json(run.request.settings)
    assert settings.limits.min_probability == 0.9
    assert settings.unexplained is not None


def test_a_small_simulated_cohort_is_learned_from_as_a_whole(open_page, data):
    write_clinical_folder(data / "cohorts" / "small", 110, 5)
    at = choose_system(open_page(routes.TRAIN))
    way = next(r for r in at.radio if r.label == "Held out")
    assert "As the table says" not in way.options
    way.set_value("nobody").run()
    assert not at.exception
    assert "110 patients to learn from" in page_text(at)
    assert "what they recommend cannot be judged" in page_text(at)


def test_a_cohort_is_drawn_without_images_in_a_moment(open_page, finish_job, data):
    at = choose_system(open_page(routes.TRAIN))
    at.number_input(key="train_simulate_n_treatment").set_value(120)
    button(at, "train_simulate_go").click().run()
    finish_job(at)
    at.run()
    assert "patients to learn from" in page_text(at)
    (made,) = (data / "cohorts").iterdir()
    cohort, folder = read_treatment_folder(made)
    assert len(cohort) == 120 and cohort.simulated and not folder.info.images


def test_a_damaged_cohort_says_what_is_wrong(open_page, with_folder):
    table = with_folder / "cohort.csv"
    table.write_text(table.read_text().replace("hepatectomy", "surgery").replace("tace", "embolus"))
    at = choose_system(open_page(routes.TRAIN))
    assert button(at, "train_start") is None
    assert "treatment" in page_text(at)


def test_a_result_says_how_good_each_arm_is_and_what_is_in_it(open_page, with_run):
    at = open_run(open_page, with_run.id)
    text = page_text(at)
    assert "C-index Hepatectomy 0." in text and "TACE 0." in text
    assert "says nothing about whether the right treatment is recommended" in text
    # The forest of both arms, what is in the models, one nomogram.
    assert len(at.get("plotly_chart")) == 3
    shown = at.segmented_control(key=f"result_nomogram_{with_run.id}")
    shown.set_value("tace").run()
    assert not at.exception
    assert "Hepatectomy or TACE (system 2)" in page_text(at)  # the card


def test_a_treatment_model_is_published_and_stands_in_the_library(open_page, with_run, data):
    at = open_run(open_page, with_run.id)
    at.text_input(key=f"publish_by_{with_run.id}").set_value("Dr. Berg")
    button(at, "publish_go").click().run()
    assert not at.exception
    (entry,) = [e for e in ModelLibrary(data).models("treatment") if not e.shipped]
    assert (entry.name, entry.by, entry.simulated) == ("First choice", "Dr. Berg", True)
    assert "In the library as **First choice**" in page_text(at)


def test_runs_of_both_systems_stand_in_one_list(open_page, with_run, data):
    at_time = "2026-01-02T03:04:05.000000+00:00"
    folder = data / "training" / "20260102T030405-failed"
    folder.mkdir()
    request = TrainingRequest("muscle", "Muscle run", None, {"features-table": "/gone/t.csv"})
    write_settings(folder, RunSettings(request, "Dr. Berg", at_time))
    write_state(folder, RunState("failed", 1, at_time, at_time, at_time, "the table is gone"))
    at = open_page(routes.TRAIN)
    at.segmented_control(key="train_section").set_value("Runs").run()
    text = page_text(at)
    assert "Muscle run" in text and "t.csv · muscle" in text
    assert "First choice" in text and "hospital · hepatectomy or TACE" in text
    assert "Hepatectomy 0." in text


@pytest.mark.parametrize("state", ["failed", "running"])
def test_a_run_that_ended_badly_can_be_resumed(open_page, with_run, data, monkeypatch, state):
    monkeypatch.setattr(TrainingRuns, "_launch", lambda self, folder, alive: None)
    ended = None if state == "running" else "2026-01-02T03:04:06.000000+00:00"
    began = "2026-01-02T03:04:05.000000+00:00"
    write_state(with_run.folder, RunState(state, 1, began, began, ended, "an arm has no deaths"))
    at = open_run(open_page, with_run.id)
    button(at, "resume_run").click().run()
    assert not at.exception
    assert TrainingRuns(data).run(with_run.id).attempt == 2


def test_the_usual_settings_on_the_page_are_those_of_the_core():
    from hccsurv_core.systems.treatment.settings import TreatmentSettings
    from pages._shared import train_treatment_settings as shown

    usual = TreatmentSettings()
    assert tuple(usual.arms.horizons_months) == shown.USUAL_HORIZONS
    assert usual.arms.rmst_months == shown.USUAL_COUNTED
    assert usual.limits.min_probability == shown.USUAL_PROBABILITY
    assert usual.limits.min_months == shown.USUAL_MONTHS
