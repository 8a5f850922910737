"""System 4 on the page Train under AppTest: cohort folder, preview, settings, results, publication."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from page_helpers import page_text
from trained_treatment import moved_run, train_study_run
from treatment_folders import write_clinical_folder

from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.models.store import read_bundle
from hccsurv_core.systems.immunotherapy.cohort import read_immunotherapy_folder
from hccsurv_core.systems.immunotherapy.parts import training_part
from hccsurv_core.systems.immunotherapy.settings import (
    ImmunotherapySettings,
    settings_from_json,
)
from hccsurv_core.systems.training_record import WORK
from hccsurv_core.systems.training_runs import TrainingRuns
from pages._shared import routes

_N = 207


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A data folder with a cohort of system 4 without scans and one run of it that is done."""
    data = tmp_path_factory.mktemp("trained")
    train_study_run(data, "immunotherapy", {"n_rounds": 1}, n=_N, name="First score")
    return data


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def with_folder(trained, data) -> Path:
    """The cohort in this test's data folder."""
    place = data / "cohorts" / "hospital"
    return Path(shutil.copytree(trained / "cohorts" / "hospital", place))


@pytest.fixture
def with_run(trained, data):
    return moved_run(trained, data)


@pytest.fixture
def with_scans(monkeypatch):
    """As if the folder's scans were there and outlined."""
    from hccsurv_core.systems.immunotherapy import cohort

    monkeypatch.setattr(cohort, "has_images", lambda folder: True)


def choose_system(at):
    at.segmented_control(key="train_system").set_value("immunotherapy").run()
    assert not at.exception, at.exception
    return at


def button(at, key):
    return next((b for b in at.button if b.key == key), None)


def change_table(folder: Path, **changes) -> None:
    table = pd.read_csv(folder / "cohort.csv")
    table.assign(**{k: f(table) for k, f in changes.items()}).to_csv(
        folder / "cohort.csv", index=False
    )


def test_the_first_visit_teaches_and_nothing_can_be_started(open_page):
    text = page_text(choose_system(at := open_page(routes.TRAIN)))
    assert "No cohort yet" in text and "scan_interval_days" in text
    assert "the clinical score, the baseline scan, both scans" in text
    assert button(at, "train_start") is None


def test_patients_deaths_scans_and_parts_are_counted_before_it_begins(open_page, with_folder):
    at = choose_system(open_page(routes.TRAIN))
    text = page_text(at)
    cohort = read_immunotherapy_folder(with_folder)[0]
    learned = training_part(cohort).cohort
    assert f"{len(learned)} patients to learn from" in text
    assert (
        f"{learned.outcome.n_events} deaths, {learned.has_followup.sum()} follow-up scans" in text
    )
    test = cohort.split("test")
    assert (
        f'Held out: test</td><td class="num">{len(test)}</td><td class="num">'
        f"{test.outcome.n_events}</td>" in text
    )  # fmt: skip
    # Split "validation" is learned from, and is no part held out.
    assert "Held out: validation" not in text
    assert "no outlined scans: from the clinical score alone" in text.lower()
    assert "Rad-S" not in text and "centers" in text and "Simulated patients" in text
    assert not [t for t in at.toggle if t.key == "train_images_immunotherapy"]
    assert not button(at, "train_start").disabled


def test_models_of_two_scans_count_their_own_patients(open_page, with_folder, with_scans):
    text = page_text(choose_system(open_page(routes.TRAIN)))
    learned = training_part(read_immunotherapy_folder(with_folder)[0]).cohort
    later, _ = learned.from_followup()
    assert len(later) < len(learned)
    for n, events in (
        (len(learned), learned.outcome.n_events),
        (len(later), later.outcome.n_events),
    ):
        assert f'<td class="num">{n}</td><td class="num">{events}</td>' in text
    assert "clinical score, baseline and follow-up scan, from the follow-up scan" in text
    without = int(learned.has_followup.sum()) - sum(
        bool(row.get("has_followup_chest")) for row in learned.readings
    )
    assert f"{without} without the chest at follow-up" in text.lower()


def test_values_of_the_score_that_are_not_known_are_counted(open_page, with_folder):
    change_table(with_folder, nash=lambda t: t.nash.where(t.index >= 30))
    learned = training_part(read_immunotherapy_folder(with_folder)[0]).cohort
    missing = sum(profile.record.get("nash") is None for profile in learned.profiles)
    text = page_text(choose_system(open_page(routes.TRAIN)))
    assert f"{missing} of {len(learned)}</td>" in text
    assert f"The clinical score is not known of {missing} patients" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"event": lambda t: 0}, "0 deaths among 161 patients from the baseline scan"),
        ({"nash": lambda t: None}, "clinical score is not known of anybody"),
    ],
)
def test_what_cannot_be_learned_from_cannot_be_started(open_page, with_folder, changes, said):
    change_table(with_folder, **changes)
    at = choose_system(open_page(routes.TRAIN))
    assert said in page_text(at)
    assert button(at, "train_start").disabled


def test_follow_up_that_ends_before_the_last_horizon_is_refused_by_its_own_clock(
    open_page, with_folder, with_scans
):
    # 25 months from the baseline scan are fewer than 24 from the follow-up scan.
    change_table(with_folder, time_months=lambda t: t.time_months.clip(0, 25))
    at = choose_system(open_page(routes.TRAIN))
    text = page_text(at)
    assert "Follow-up from the follow-up scan ends at" in text and "(Rad-D)" in text
    assert button(at, "train_start").disabled
    at.multiselect(key="train_horizons_immunotherapy").set_value([6, 12]).run()
    assert not button(at, "train_start").disabled


def test_start_passes_on_what_was_chosen(open_page, with_folder, with_scans, data, monkeypatch):
    monkeypatch.setattr(TrainingRuns, "_launch", lambda self, folder, alive: None)
    at = choose_system(open_page(routes.TRAIN))
    at.select_slider(key="train_pixels_immunotherapy").set_value(128).run()
    at.number_input(key="train_members_immunotherapy").set_value(3).run()
    at.number_input(key="train_epochs_immunotherapy").set_value(20).run()
    at.number_input(key="train_folds_immunotherapy").set_value(4).run()
    at.multiselect(key="train_horizons_immunotherapy").set_value([6, 12]).run()
    at.number_input(key="train_seed_immunotherapy").set_value(7).run()
    next(r for r in at.radio if r.label == "Held out").set_value("a center").run()
    center = next(s for s in at.selectbox if s.label == "Center held out").value
    button(at, "train_start").click().run()
    assert not at.exception, at.exception
    (run,) = TrainingRuns(data).runs()
    assert run.request.system == "immunotherapy" and run.request.cohort == with_folder
    assert dict(run.request.options) == {"seed": 7, "device": "auto", "hold-out-center": center}
    settings = settings_from_json(run.request.settings)
    network = settings.network
    assert (network.pixels, network.n_members, network.max_epochs) == (128, 3, 20)
    assert network.extractor == ImmunotherapySettings().network.extractor
    assert (settings.n_folds, settings.horizons_months) == (4, (6.0, 12.0))


@pytest.mark.parametrize(
    ("toggle", "expected", "said"),
    [
        ("train_images_immunotherapy", {"images": False}, "scans are there and not looked at"),
        ("train_networks_immunotherapy", {"network": None}, "the slices are measured when"),
        ("train_measures_immunotherapy", {"signs": False}, "networks see slices of 96×96 pixels"),
    ],
)  # fmt: skip
def test_scans_signs_and_networks_can_be_left_out(
    open_page, with_folder, with_scans, data, monkeypatch, toggle, expected, said
):
    monkeypatch.setattr(TrainingRuns, "_launch", lambda self, folder, alive: None)
    at = choose_system(open_page(routes.TRAIN))
    at.toggle(key=toggle).set_value(False).run()
    assert said in page_text(at).lower()
    button(at, "train_start").click().run()
    assert not at.exception, at.exception
    (run,) = TrainingRuns(data).runs()
    assert dict(run.request.settings) == expected
    settings_from_json(run.request.settings)


def test_a_cohort_is_drawn_without_scans_in_a_moment(open_page, finish_job, data):
    at = choose_system(open_page(routes.TRAIN))
    at.number_input(key="train_simulate_n_immunotherapy").set_value(80)
    button(at, "train_simulate_go").click().run()
    finish_job(at)
    at.run()
    (made,) = (data / "cohorts").iterdir()
    cohort, folder = read_immunotherapy_folder(made)
    assert len(cohort) == 80 and cohort.simulated and not folder.info.images
    # Its own split is cut short; the center that is proposed to be held out is.
    center = next(s for s in at.selectbox if s.label == "Center held out").value
    n = 80 - cohort.labels["center"].count(center)
    assert n < 80 and f"{n} patients to learn from" in page_text(at)


def test_a_result_says_how_good_it_is_and_draws_groups_and_coefficients(open_page, with_run):
    at = open_page(routes.TRAIN)
    at.query_params["run"] = with_run.id
    at.run()
    assert not at.exception, at.exception
    text = page_text(at)
    d = read_bundle(with_run.bundle).description
    c = d["cross_validation"]["results"][-1]["c_index"]
    assert f"CLN: C-index {c['value']:.3f} ({c['ci_low']:.3f}" in text
    assert "from the baseline scan; cross-validated" in text
    assert f"{d['training']['n_followup']} follow-up scans" in text
    assert f"above {d['versions_of']['CLN']['cutoff']:.2f}, the median" in text
    assert len(at.get("plotly_chart")) == 3  # C of the models, risk groups, coefficients


def test_a_model_is_published_and_the_run_says_its_measure(open_page, with_run, data):
    at = open_page(routes.TRAIN)
    at.query_params["run"] = with_run.id
    at.run()
    at.text_input(key=f"publish_by_{with_run.id}").set_value("Dr. Berg")
    button(at, "publish_go").click().run()
    assert not at.exception
    (entry,) = [e for e in ModelLibrary(data).models("immunotherapy") if not e.shipped]
    assert (entry.name, entry.by, entry.simulated) == ("First score", "Dr. Berg", True)
    at = open_page(routes.TRAIN)
    at.segmented_control(key="train_section").set_value("Runs").run()
    assert "hospital · immunotherapy" in page_text(at)


def test_the_networks_of_a_training_that_was_stopped_are_drawn_so_far(open_page, with_run, data):
    state = with_run.folder / "state.json"
    told = json.loads(state.read_text())
    state.write_text(json.dumps(told | {"state": "cancelled", "message": "cancelled"}))
    shutil.rmtree(with_run.bundle)
    work = with_run.folder / WORK
    work.mkdir(exist_ok=True)
    lines = [
        {"what": "crnn pretraining 0", "of": "a", "train_loss": [1.0, 0.8], "validation_loss": [1, 1]},
        {"what": "crnn member 0", "of": "a", "train_loss": [3.0, 2.8], "validation_loss": [3, None]},
    ]  # fmt: skip
    (work / "course.jsonl").write_text(
        "\n".join(json.dumps(line) for line in lines) + '\n{"what": "c'
    )
    at = open_page(routes.TRAIN)
    at.query_params["run"] = with_run.id
    at.run()
    assert not at.exception, at.exception
    assert len(at.get("plotly_chart")) == 1


def test_the_usual_settings_on_the_page_are_those_of_the_core():
    from pages._shared import train_immunotherapy_settings as shown

    usual = ImmunotherapySettings()
    assert tuple(usual.horizons_months) == shown.USUAL_HORIZONS
    assert (usual.n_folds, usual.n_rounds) == (shown.USUAL_FOLDS, shown.USUAL_ROUNDS)
    assert usual.images and usual.signs
    network = usual.network
    assert (network.pixels, network.n_members, network.max_epochs, network.extractor) == (
        shown.USUAL_SIZE, shown.USUAL_MEMBERS, shown.USUAL_EPOCHS, shown.USUAL_EXTRACTOR,
    )  # fmt: skip


def test_a_small_simulated_cohort_is_learned_from_as_a_whole(open_page, data):
    write_clinical_folder(data / "cohorts" / "small", 80, 5, "immunotherapy")
    at = choose_system(open_page(routes.TRAIN))
    next(r for r in at.radio if r.label == "Held out").set_value("nobody").run()
    assert not at.exception
    text = page_text(at)
    assert "80 patients to learn from" in text
    assert "judged by cross-validation only" in text
