"""System 3 on the page Model evaluation under AppTest: patients, every section, readers, failures."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from ceus_studies import evaluated_with_pictures
from page_helpers import page_text
from trained_treatment import moved_run, train_study_run

from hccsurv_core.report.archive import zip_contents
from hccsurv_core.report.ceus_archive import ceus_contents
from hccsurv_core.systems.ceus.cohort import read_ceus_folder
from hccsurv_core.systems.ceus.retreatment_result import CAVEAT
from pages._shared import evaluation_ceus_readers, routes
from pages._shared.evaluation_ceus_choice import CeusWish
from pages._shared.evaluation_ceus_readers import _judged, show_agreement, template
from pages._shared.evaluation_ceus_result import (
    CLASSES,
    EARLY,
    GAP,
    READERS,
    SECTIONS,
    SURVIVAL,
    TRUTH,
)
from pages._shared.evaluation_ceus_work import described_ceus
from pages._shared.train_ceus_source import CeusSource


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A data folder with one run of system 3 that is done, without pictures."""
    data = tmp_path_factory.mktemp("trained")
    train_study_run(data, "ceus", {"n_rounds": 1}, n=260, name="First CEUS")
    return data


@pytest.fixture
def with_run(trained, tmp_path):
    return moved_run(trained, tmp_path / "data")


@pytest.fixture(scope="module")
def pictured(tmp_path_factory):
    """A model with pictures, judged on the test part of its simulated cohort."""
    return evaluated_with_pictures(tmp_path_factory.mktemp("ceus"))


@pytest.fixture(scope="module")
def wish(pictured):
    judged = SimpleNamespace(
        key="run:x", name="First CEUS", demo=False, simulated=True, read=lambda: pictured.bundle
    )
    table = pictured.cohort.features((), images=False)
    source = CeusSource("hospital", table, None, True, "overall survival", pictured.cohort)
    return CeusWish(judged, source, own=True)


@pytest.fixture(scope="module")
def done(pictured, wish):
    return described_ceus(wish, pictured.bundle, pictured.cohort, pictured.evaluation, ())


def with_model(open_page, run):
    at = open_page(routes.MODEL_EVALUATION)
    at.session_state["hccsurv"].evaluate_run = run.id
    at.run()
    assert not at.exception, at.exception
    return at


def press(at, key):
    next(b for b in at.button if b.key == key).click().run()
    assert not at.exception, at.exception
    return at


def show(open_page, done):
    """The page as if this evaluation had been made."""
    at = open_page(routes.MODEL_EVALUATION)
    at.session_state["hccsurv"].evaluation = done
    at.run()
    assert not at.exception, at.exception
    return at


def section(at, name):
    at.segmented_control(key="evaluation_section_3").set_value(name).run()
    assert not at.exception, (name, at.exception)
    return page_text(at)


def test_a_run_is_judged_on_those_it_has_not_learned_from(open_page, finish_job, with_run):
    at = with_model(open_page, with_run)
    assert "First CEUS · CEUS · not published" in at.selectbox[0].options
    press(at, "evaluate_go")
    finish_job(at)
    at.run()
    assert not at.exception, at.exception
    test = read_ceus_folder(with_run.request.cohort)[0].split("test")
    text = page_text(at)
    assert f"{len(test)} patients, {test.outcome.n_events} deaths" in text
    assert "Model trained on simulated patients" in text and "Judged on simulated patients" in text
    assert "Answered from clinical values" in text
    for name in SECTIONS:
        section(at, name)
    # Calls that stand in the cohort's own table are judged at once.
    assert "senior_1" in page_text(at)


def test_every_section_says_what_it_must(open_page, done):
    at = show(open_page, done)
    found = done.report.evaluation
    own = found.versions["combined"]
    text = page_text(at)
    area, c = own.early.area, own.death.metrics["c_index"]
    assert f"Early recurrence AUC {area.value:.3f}" in text and f"death C {c.value:.3f}" in text
    assert f"{own.early.n_events} early recurrences of {own.early.n} known" in text
    text = section(at, EARLY)
    told = own.early.accuracy
    assert f"{told.table.tp} / {told.table.fn}" in text and "Negative predictive value" in text
    assert "tests of them are not valid" in text
    text = section(at, SURVIVAL)
    assert "Death: prediction error" in text and "Death: decision curves" in text
    text = section(at, CLASSES)
    assert CAVEAT in text
    for summary in found.classes.summaries:
        assert f"{summary.number} · " in text
    for effect in found.classes.retreatment.effects:
        assert f"{effect.n_retreated} ({effect.deaths_retreated})" in text
    section(at, GAP)
    text = section(at, TRUTH)
    share = 100 * found.oracle["death"]["share_of_margin"]["combined"]
    assert f"{share:.0f} %".replace("-", "−") in text


def test_sections_draw_a_figure_for_each_question(open_page, done):
    at = show(open_page, done)
    for name, n in ((EARLY, 4), (SURVIVAL, 6), (CLASSES, 3), (GAP, 1), (TRUTH, 1), (READERS, 2)):
        section(at, name)
        assert len(at.get("plotly_chart")) == n, name


def test_without_a_truth_and_without_retreatment_it_says_so(open_page, done, pictured, wish):
    bare = replace(
        pictured.evaluation, oracle=None,
        classes=replace(
            pictured.evaluation.classes, retreatment=None,
            why_no_retreatment="whether recurrences were retreated is not known",
        ),
    )  # fmt: skip
    shown = described_ceus(wish, pictured.bundle, pictured.cohort, bare, ())
    at = show(open_page, shown)
    assert TRUTH not in at.segmented_control(key="evaluation_section_3").options
    assert "whether recurrences were retreated is not known" in section(at, CLASSES)


def test_without_a_reader_study_the_page_says_what_the_table_must_look_like(open_page, done):
    none = replace(done, report=replace(done.report, readers=None))
    text = section(show(open_page, none), READERS)
    assert "No reader study yet" in text and "reader_<name>_before" in text
    lines = template(["A, B", "C"]).splitlines()
    assert lines[0].split(",")[:2] == ["patient_id", "reader_senior_1_before"]
    read = pd.read_csv(io.StringIO(template(["A, B", "C"])))
    assert read.patient_id.tolist() == ["A, B", "C"] and read.iloc[:, 1:].isna().all(axis=None)


def upload(frame: pd.DataFrame, name: str = "calls.csv"):
    file = io.BytesIO(frame.to_csv(index=False).encode())
    file.name = name
    return file


def test_an_uploaded_table_replaces_the_reader_study(open_page, done):
    cohort = done.cohort
    right = np.where(np.isfinite(cohort.early), cohort.early, 0.0).astype(int)
    frame = pd.DataFrame(
        {"patient_id": cohort.patient_ids, "reader_ann_before": 0, "reader_ann_after": right}
    )
    judged = _judged(done, upload(frame))
    (ann,) = judged.report.readers.readers
    assert (ann.before.sensitivity.value, ann.after.sensitivity.value) == (0.0, 1.0)
    assert (ann.before.specificity.value, ann.after.specificity.value) == (1.0, 1.0)
    assert judged.report.readers.n_known == int(np.isfinite(cohort.early).sum())
    assert "calls.csv" in section(show(open_page, judged), READERS)
    assert judged.tables["readers"].reader.tolist() == ["ann"]
    assert "ann: sensitivity 0.00 before and 1.00 after" in judged.card


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"patient_id": ["A"], "age": [3]}), "no readers' calls"),
        (
            pd.DataFrame({"patient_id": ["A"], "r_before": ["maybe"], "r_after": [1]}),
            "neither yes nor no",
        ),
        (
            pd.DataFrame({"patient_id": ["nobody"], "r_before": [0], "r_after": [1]}),
            "names no patient of this evaluation",
        ),
    ],
)
def test_a_table_that_cannot_be_judged_says_why(done, frame, said):
    from hccsurv_core.errors import TableError

    with pytest.raises(TableError, match=re.escape(said)):
        _judged(done, upload(frame))


def test_repeated_outlines_are_compared_from_two_tables(done, monkeypatch):
    from hccsurv_core.features.feature_table import FeatureTable
    from hccsurv_core.systems.ceus.roi_agreement import compare_outlines

    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 2))
    ids = tuple(f"P{i}" for i in range(40))
    names = ("steady", "noise")
    again = np.column_stack([values[:, 0] + 0.01, rng.normal(size=40)])
    found = compare_outlines(FeatureTable(ids, names, values), FeatureTable(ids, names, again))
    seen = []
    monkeypatch.setattr(
        evaluation_ceus_readers, "show_table", lambda shown, *a, **k: seen.append((shown, a[0]))
    )
    show_agreement(done, found)
    (shown, table) = seen[0]
    assert "1 of 2" in shown and "absolute agreement" in shown
    assert table.set_index("name").icc_a1["steady"] > 0.99


def test_a_cohort_that_is_gone_is_said(open_page, with_run, tmp_path):
    import shutil

    shutil.rmtree(tmp_path / "data" / "cohorts")
    at = with_model(open_page, with_run)
    assert "not here any more" in page_text(at)
    assert not [b for b in at.button if b.key == "evaluate_go"]


def test_everything_is_taken_away_in_one_file(done):
    content = zip_contents(
        ceus_contents(done.report, source=dict(done.manifest.source), card=done.card),
        formats=("svg",),
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        assert {"README.txt", "evaluation.json", "model_card.md"} <= names
        assert {"figures/early_roc.svg", "figures/retreatment.svg", "tables/readers.csv"} <= names
        numbers = json.loads(archive.read("evaluation.json"))
        assert numbers["classes"]["retreatment"]["caveat"] == CAVEAT
        assert numbers["reader_study"]["readers"][0]["name"] == "senior_1"
        card = archive.read("model_card.md").decode()
        assert CAVEAT in card and card.index("## On ") < card.index("## Limits")
        figure = archive.read("figures/class_survival.svg").decode()
        assert "model trained on simulated patients" in figure
