"""The page Model evaluation under AppTest: choices, a whole evaluation, every section."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from page_helpers import page_text
from trained_runs import feature_table, train

from hccsurv_core.systems.training_runs import TrainingRuns
from pages._shared import evaluation_tables as tables
from pages._shared import routes
from pages._shared.evaluation_result import SECTIONS
from pages._shared.evaluation_work import DoneEvaluation, described, note_of


def examples():
    """The report's example evaluations, by the place of their file."""
    path = Path(__file__).parents[1] / "report" / "evaluation_examples.py"
    spec = importlib.util.spec_from_file_location("evaluation_examples", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A data folder with one run that is done, on patients that are marked as simulated."""
    data = tmp_path_factory.mktemp("trained")
    train(data, "First model", simulated=True)
    return data


@pytest.fixture
def with_run(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "data", dirs_exist_ok=True)
    return TrainingRuns(tmp_path / "data").runs()[0]


@pytest.fixture(scope="module")
def example():
    """An evaluation with definitions, rivals and an oracle, without the work of one."""
    return examples().example_evaluation()


def with_model(open_page, run):
    """The page with this run's model chosen."""
    at = open_page(routes.MODEL_EVALUATION)
    at.session_state["hccsurv"].evaluate_run = run.id
    at.run()
    assert not at.exception, at.exception
    return at


def evaluated(open_page, finish_job, run):
    at = with_model(open_page, run)
    at.select_slider(key="evaluation_resamples").set_value(200).run()
    next(b for b in at.button if b.key == "evaluate_go").click().run()
    finish_job(at)
    at.run()
    assert not at.exception, at.exception
    return at


def test_without_a_model_the_page_says_where_to_get_one(open_page):
    at = open_page(routes.MODEL_EVALUATION)
    if "No model to evaluate yet" in page_text(at):
        assert next(b for b in at.button if b.key == f"go_{routes.TRAIN}").label == "Train a model"
    else:  # a demonstration model comes with the program
        assert "comes with the program" in at.selectbox[0].options[0]


def test_a_run_is_judged_on_the_patients_it_was_not_trained_on(
    open_page, finish_job, with_run
):  # fmt: skip
    at = evaluated(open_page, finish_job, with_run)
    text = page_text(at)
    table = feature_table()
    held_out = table.where("split", "internal")
    events = int(table.outcome.event[held_out].sum())
    assert f"internal test, {held_out.sum()} patients, {events} events" in text
    assert "seen by the model, flatters it" in text
    assert "Model trained on simulated patients" in text
    assert "Judged on simulated patients" in text
    assert "ridge Cox regression" in text
    done = at.session_state["hccsurv"].evaluation
    assert [s.name for s in done.evaluation.test_sets] == ["internal"]
    for section in SECTIONS:
        at.segmented_control(key="evaluation_section").set_value(section).run()
        assert not at.exception, (section, at.exception)
    assert "No patient occurs twice" in page_text(at)


def test_what_is_taken_away_says_whose_model_it_is(open_page, finish_job, with_run):
    at = evaluated(open_page, finish_job, with_run)
    done = at.session_state["hccsurv"].evaluation
    from hccsurv_core.report.evaluation_archive import zip_evaluation

    content = zip_evaluation(
        done.evaluation, source=dict(done.manifest.source), card=done.card, formats=("svg",)
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        assert {"README.txt", "manifest.json", "evaluation.json", "model_card.md"} <= names
        concordance = archive.read("tables/concordance.csv").decode()
        assert "model trained on simulated patients" in concordance
        figure = archive.read("figures/auc.svg").decode()
        assert "simulated patients" in figure
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["source"]["model_sha256"]
        assert manifest["simulated"] is True
        card = archive.read("model_card.md").decode()
        assert "Internal test" in card


def test_a_model_that_lacks_its_features_is_told_which(open_page, finish_job, with_run):
    at = with_model(open_page, with_run)
    full = feature_table()
    at.session_state["hccsurv"].training_table = ("other.csv", full.columns(("age", "afp")))
    next(c for c in at.segmented_control if c.label == "Patients").set_value("Feature table").run()
    next(b for b in at.button if b.key == "evaluate_go").click().run()
    finish_job(at)
    assert "3 of 5 features are not in the table" in page_text(at)
    assert at.session_state["hccsurv"].evaluation is None


def test_another_evaluation_can_be_asked_for_without_losing_the_first(
    open_page, finish_job, with_run
):
    at = evaluated(open_page, finish_job, with_run)
    assert next(b for b in at.button if b.key == "evaluate_go") is not None
    other = at.switch_page(routes.SETTINGS).run()
    back = other.switch_page(routes.MODEL_EVALUATION).run()
    assert "C-index" in page_text(back)


def with_example(open_page, example, note=""):
    """The page as if this evaluation had been made."""
    wish = SimpleNamespace(
        judged=SimpleNamespace(
            key="model:x", name="Deep Cox", demo=bool(note), simulated=bool(note)
        )
    )
    done = described(wish, {"training": {}, "cross_validation": {}}, "ab" * 32, example)
    at = open_page(routes.MODEL_EVALUATION)
    at.session_state["hccsurv"].evaluation = done
    at.run()
    assert not at.exception, at.exception
    return at, done


def test_the_definitions_stand_beside_the_model(open_page, example):
    at, done = with_example(open_page, example, note="demo")
    assert isinstance(done, DoneEvaluation)
    text = page_text(at)
    assert "Best definition" in text and "Ahead by" in text
    assert text.count("Demonstration model, trained on simulated patients") >= 3
    for part in example.sets:
        assert part.title in text
    at.segmented_control(key="evaluation_section").set_value("Definitions").run()
    text = page_text(at)
    for definition in example.definitions:
        assert definition.name in text
    assert "above the training median" in text
    at.segmented_control(key="evaluation_section").set_value("Survival").run()
    groups = at.segmented_control(key="evaluation_groups")
    assert groups.options == ["Risk by Deep Cox", "SMI", "PMA", "PMI", "PD", "MA"]
    for name in ("Deep Cox", "SMI", "MA"):
        at.segmented_control(key="evaluation_groups").set_value(name).run()
        assert not at.exception
    at.segmented_control(key="evaluation_section").set_value("Feature space").run()
    clouds = at.segmented_control(key="evaluation_cloud")
    assert clouds.options == ["SMI", "PMA", "PMI", "PD", "MA", "Deep Cox"]


def test_too_few_patients_get_reasons_instead_of_numbers(open_page):
    at, _ = with_example(open_page, examples().tiny_evaluation())
    for section in SECTIONS:
        at.segmented_control(key="evaluation_section").set_value(section).run()
        assert not at.exception, (section, at.exception)


def test_the_part_with_most_events_among_the_tests_makes_the_headline(example):
    part = tables.main_part(example)
    assert not part.training
    assert part.n_events == max(s.n_events for s in example.test_sets)
    only_training = replace(example, sets=tuple(s for s in example.sets if s.training))
    assert "it was trained on them" in tables.headline(only_training)


@pytest.mark.parametrize(
    ("demo", "simulated", "words"),
    [
        (True, True, "Demonstration model, trained on simulated patients."),
        (False, True, "Model trained on simulated patients."),
        (False, False, ""),
    ],
)
def test_what_stands_beside_every_number(demo, simulated, words):
    wish = SimpleNamespace(judged=SimpleNamespace(demo=demo, simulated=simulated))
    assert note_of(wish) == words
