"""System 4 on the page Model evaluation under AppTest: patients, every section, failures."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from immunotherapy_studies import evaluated_with_scans
from page_helpers import page_text
from trained_treatment import moved_run, train_study_run

from hccsurv_core.report.archive import zip_contents
from hccsurv_core.report.immunotherapy_archive import immunotherapy_contents
from hccsurv_core.systems.immunotherapy.cohort import read_immunotherapy_folder
from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel
from pages._shared import routes
from pages._shared.evaluation_immunotherapy_choice import ImmunotherapyWish
from pages._shared.evaluation_immunotherapy_result import (
    GAP,
    IMPORTANCE,
    RANKING,
    RECIST,
    RISK,
    TRUTH,
)
from pages._shared.evaluation_immunotherapy_work import described_immunotherapy
from pages._shared.train_immunotherapy_source import ImmunotherapySource


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A data folder with one run of system 4 that is done, without scans."""
    data = tmp_path_factory.mktemp("trained")
    train_study_run(data, "immunotherapy", {"n_rounds": 1}, n=207, name="First score")
    return data


@pytest.fixture
def with_run(trained, tmp_path):
    return moved_run(trained, tmp_path / "data")


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """A model of scans, judged on the test part of its simulated cohort."""
    return evaluated_with_scans(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def described(scanned):
    """What the page shows of an evaluation."""
    judged = SimpleNamespace(
        key="run:x", name="First follow-up", demo=False, simulated=True, read=lambda: scanned.bundle
    )
    table = scanned.cohort.features((), images=False)
    source = ImmunotherapySource(
        "hospital", table, None, True, "overall survival", scanned.cohort, True
    )
    wish = ImmunotherapyWish(judged, source, own=True)
    model = ImmunotherapyModel.from_bundle(scanned.bundle)

    def describe(evaluation=scanned.evaluation):
        return described_immunotherapy(
            wish, scanned.bundle, model, scanned.cohort, evaluation, ()
        )  # fmt: skip

    return describe


@pytest.fixture(scope="module")
def done(described):
    return described()


def show(open_page, done):
    """The page as if this evaluation had been made."""
    at = open_page(routes.MODEL_EVALUATION)
    at.session_state["hccsurv"].evaluation = done
    at.run()
    assert not at.exception, at.exception
    return at


def section(at, name):
    at.segmented_control(key="evaluation_section_4").set_value(name).run()
    assert not at.exception, (name, at.exception)
    return page_text(at)


def test_a_run_is_judged_on_those_it_has_not_learned_from(open_page, finish_job, with_run):
    at = open_page(routes.MODEL_EVALUATION)
    at.session_state["hccsurv"].evaluate_run = with_run.id
    at.run()
    assert not at.exception, at.exception
    assert "First score · immunotherapy · not published" in at.selectbox[0].options
    next(b for b in at.button if b.key == "evaluate_go").click().run()
    finish_job(at)
    at.run()
    assert not at.exception, at.exception
    test = read_immunotherapy_folder(with_run.request.cohort)[0].split("test")
    text = page_text(at)
    assert f"{len(test)} patients, {test.outcome.n_events} deaths from the baseline scan" in text
    assert "CLN: C-index" in text and "Model trained on simulated patients" in text
    for name in at.segmented_control(key="evaluation_section_4").options:
        section(at, name)


def test_every_section_says_what_it_must(open_page, done):
    at = show(open_page, done)
    found, own = done.report.evaluation, done.report.own
    text = page_text(at)
    c = own.performance.metrics["c_index"]
    assert f"RadCLN-D: C-index {c.value:.3f} ({c.ci_low:.3f}" in text
    assert f"{own.n} patients, {own.n_events} deaths from the follow-up scan, of {found.n}" in text
    for version, one in found.versions.items():
        value = one.performance.metrics["c_index"].value
        assert f"<b>{version}</b>" in text and f"{value:.3f} (" in text
    assert f"the {found.n_compared} patients whom all answer" in section(at, RANKING)
    assert "adds; orange-red raises the risk" in section(at, RISK)
    text = section(at, RECIST)
    for category, (low, high) in found.recist.table.items():
        assert f"({category})</b></td><td" in text
        assert f'<td class="num">{low}</td><td class="num">{high}</td>' in text
    assert "In the paper: 2.45 for the model, 1.99 for RECIST" in text
    assert "Fall of C where" in section(at, IMPORTANCE)
    section(at, GAP)
    share = 100 * found.oracle["share_of_margin"]["RadCLN-D"]["value"]
    assert f"{share:.0f} % (" in section(at, TRUTH)


def test_sections_draw_a_figure_for_each_question(open_page, done):
    at = show(open_page, done)
    for name, n in ((RANKING, 3), (RISK, 5), (RECIST, 2), (IMPORTANCE, 2), (GAP, 1), (TRUTH, 1)):
        section(at, name)
        assert len(at.get("plotly_chart")) == n, name


def test_without_a_truth_and_without_readings_it_says_so(open_page, described, scanned):
    at = show(open_page, described(replace(scanned.evaluation, oracle=None, recist=None)))
    assert TRUTH not in at.segmented_control(key="evaluation_section_4").options
    assert "RECIST cannot be looked at" in section(at, RECIST)
    assert not at.get("plotly_chart")


def test_a_cohort_that_is_gone_is_said(open_page, with_run, tmp_path):
    shutil.rmtree(tmp_path / "data" / "cohorts")
    at = open_page(routes.MODEL_EVALUATION)
    at.session_state["hccsurv"].evaluate_run = with_run.id
    at.run()
    assert "not here any more" in page_text(at)
    assert not [b for b in at.button if b.key == "evaluate_go"]


def test_everything_is_taken_away_in_one_file(done):
    content = zip_contents(
        immunotherapy_contents(done.report, source=dict(done.manifest.source), card=done.card),
        formats=("svg",),
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        numbers = json.loads(archive.read("evaluation.json"))
        assert numbers["recist"]["table"] == done.report.evaluation.recist.to_json()["table"]
        card = archive.read("model_card.md").decode()
        assert card.index("## On ") < card.index("## Limits")
        figure = archive.read("figures/risk_groups.svg").decode()
        assert "model trained on simulated patients" in figure
