"""System 2 on the page Model evaluation under AppTest: patients, every section, failures."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from page_helpers import page_text
from trained_treatment import moved_run, train_treatment_run

from hccsurv_core.models.store import read_bundle
from hccsurv_core.report.treatment_archive import zip_treatment
from hccsurv_core.systems.treatment.clinical_file import read_clinical_file
from hccsurv_core.systems.treatment.cohort import read_treatment_folder
from hccsurv_core.systems.treatment.validation import CAVEAT
from pages._shared import routes
from pages._shared.evaluation_treatment_choice import TreatmentWish
from pages._shared.evaluation_treatment_result import FOLLOWING, SECTIONS, TRUTH
from pages._shared.evaluation_treatment_work import described_treatment, evaluate_wish
from pages._shared.session import ClinicalUpload
from pages._shared.train_treatment_source import TreatmentSource


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A data folder with one run of system 2 that is done."""
    data = tmp_path_factory.mktemp("trained")
    train_treatment_run(data, n=700)
    return data


@pytest.fixture(scope="module")
def cohort(trained):
    return read_treatment_folder(trained / "cohorts" / "hospital")[0]


@pytest.fixture(scope="module")
def wish(trained, cohort):
    """Judge the run on the part that it has not learned from."""
    bundle = read_bundle(next(trained.glob("training/*/bundle")))
    judged = SimpleNamespace(
        key="run:x", name="First choice", demo=False, simulated=True, read=lambda: bundle
    )
    table = cohort.table(()).features
    source = TreatmentSource("hospital", table, None, True, cohort.endpoint, cohort)
    return TreatmentWish(judged, source, own=True, part="unseen", n_resamples=40)


@pytest.fixture(scope="module")
def done(wish):
    return evaluate_wish(wish, lambda fraction, message: None)


@pytest.fixture
def with_run(trained, tmp_path):
    return moved_run(trained, tmp_path / "data")


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
    at.segmented_control(key="evaluation_section_2").set_value(name).run()
    assert not at.exception, (name, at.exception)
    return page_text(at)


def test_a_run_is_judged_on_those_it_has_not_learned_from(open_page, finish_job, with_run, cohort):
    at = with_model(open_page, with_run)
    assert "First choice · hepatectomy or TACE · not published" in at.selectbox[0].options
    at.select_slider(key="evaluation_resamples_2").set_value(100).run()
    press(at, "evaluate_go")
    finish_job(at)
    at.run()
    assert not at.exception, at.exception
    text = page_text(at)
    test = cohort.split("test")
    assert f"{len(test)} patients, {test.outcome.n_events} deaths" in text
    assert "Model trained on simulated patients" in text and "Judged on simulated patients" in text
    assert "names of training patients" not in text
    assert CAVEAT in text
    for name in SECTIONS:
        section(at, name)


def test_every_section_says_what_it_must(open_page, done):
    at = show(open_page, done)
    found = done.report.evaluation
    text = page_text(at)
    for arm, one in found.arms.items():
        title = {"hepatectomy": "Hepatectomy", "tace": "TACE"}[arm]
        c = one.performance.metrics["c_index"]
        assert f"{title} {c.value:.3f}" in text
        assert f'<b>{title}</b></td><td class="num">{one.n}</td>' in text
    text = section(at, FOLLOWING)
    for words in ("As they are", "Inverse probability weights", "Overlap weights"):
        assert words in text
    assert "E-value" in text and "To explain the association away" in text
    assert f"{found.validation.n_none} patients without a recommendation are left out" in text
    for scheme in found.validation.comparisons:
        at.segmented_control(key="evaluation_scheme").set_value(scheme).run()
        assert not at.exception
        assert CAVEAT in page_text(at)
    text = section(at, TRUTH)
    assert "share of the C above 0.5 that the true hazard has" in text
    assert "average of patients with the same values" in text


def test_patients_that_it_has_learned_from_are_told(open_page, finish_job, with_run, cohort):
    at = with_model(open_page, with_run)
    at.select_slider(key="evaluation_resamples_2").set_value(100).run()
    part = next(s for s in at.selectbox if s.label == "Which of them")
    part.set_value("all").run()
    press(at, "evaluate_go")
    finish_job(at)
    at.run()
    n = len(cohort.split("train"))
    assert f"{n} of {len(cohort)} patients have the names of training patients" in page_text(at)


def test_nobody_left_to_judge_on_is_said(open_page, finish_job, with_run, tmp_path):
    frame = pd.read_csv(tmp_path / "data" / "cohorts" / "hospital" / "cohort.csv")
    path = tmp_path / "known.csv"
    frame[frame.split == "train"].drop(columns=["split"]).to_csv(path, index=False)
    at = with_model(open_page, with_run)
    at.session_state["hccsurv"].training_clinical = ClinicalUpload(
        path.name, path.read_bytes(), read_clinical_file(path)
    )
    next(c for c in at.segmented_control if c.label == "Patients").set_value("Clinical table").run()
    next(s for s in at.selectbox if s.label == "Which of them").set_value("unseen").run()
    press(at, "evaluate_go")
    finish_job(at)
    assert "has learned from every patient" in page_text(at)
    assert at.session_state["hccsurv"].evaluation is None


def test_a_cohort_that_is_gone_is_said(open_page, with_run, tmp_path):
    import shutil

    shutil.rmtree(tmp_path / "data" / "cohorts")
    at = with_model(open_page, with_run)
    assert "not here any more" in page_text(at)
    assert not [b for b in at.button if b.key == "evaluate_go"]


def test_a_recommendation_that_cannot_be_judged_says_why_and_keeps_the_caveat(
    open_page, done, wish, cohort
):
    bare = replace(
        done.report.evaluation, validation=None, truth=None,
        why_not_validated="0 of 40 patients with a recommendation were treated in agreement with it",
    )  # fmt: skip
    shown = described_treatment(wish, wish.judged.read(), cohort, bare, ())
    at = show(open_page, shown)
    assert TRUTH not in at.segmented_control(key="evaluation_section_2").options
    text = section(at, FOLLOWING)
    assert "cannot be judged" in text and "0 of 40 patients" in text
    assert CAVEAT in text


def test_everything_is_taken_away_in_one_file(done):
    content = zip_treatment(
        done.report, source=dict(done.manifest.source), card=done.card, formats=("svg",)
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        assert {"README.txt", "manifest.json", "evaluation.json", "model_card.md"} <= names
        assert {"figures/balance.svg", "figures/regret.svg", "tables/following.csv"} <= names
        numbers = json.loads(archive.read("evaluation.json"))
        assert numbers["validation"]["caveat"] == CAVEAT
        assert CAVEAT in archive.read("README.txt").decode()
        card = archive.read("model_card.md").decode()
        assert CAVEAT in card and card.index("## On ") < card.index("## Limits")
        figure = archive.read("figures/agreement_overlap.svg").decode()
        assert "model trained on simulated patients" in figure
        rows = list(
            csv.DictReader(
                line
                for line in archive.read("tables/following.csv").decode().splitlines()
                if not line.startswith("#")
            )
        )
    validation = done.report.evaluation.validation
    overlap = next(row for row in rows if row["weights"] == "Overlap weights")
    expected = validation.comparisons["overlap"].hazard_ratio.value
    assert float(overlap["hazard_ratio"]) == pytest.approx(expected)
