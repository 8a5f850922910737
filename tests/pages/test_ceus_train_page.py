"""System 3 on the page Train under AppTest: cohort folder, preview, settings, results, publication."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from page_helpers import page_text
from trained_treatment import moved_run, train_study_run
from treatment_folders import write_clinical_folder

from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.models.store import read_bundle
from hccsurv_core.systems.ceus.cohort import read_ceus_folder
from hccsurv_core.systems.ceus.settings import CeusSettings, settings_from_json
from hccsurv_core.systems.training_runs import TrainingRuns
from pages._shared import routes

_N = 260


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A data folder with a cohort of system 3 without pictures and one run of it that is done."""
    data = tmp_path_factory.mktemp("trained")
    train_study_run(data, "ceus", {"n_rounds": 1}, n=_N, name="First CEUS")
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


def choose_system(at):
    at.segmented_control(key="train_system").set_value("ceus").run()
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
    assert "No cohort yet" in text and "recurrence_cause" in text
    assert "four classes" in text
    assert button(at, "train_start") is None


def test_every_endpoint_is_counted_before_it_begins(open_page, with_folder):
    at = choose_system(open_page(routes.TRAIN))
    text = page_text(at)
    learned = read_ceus_folder(with_folder)[0].split("train")
    known = np.isfinite(learned.early)
    first = int((learned.recurrence.cause == 2).sum())
    recurred = int((learned.recurrence.cause == 1).sum())
    assert f"{len(learned)} patients to learn from" in text
    for n, events in (
        (known.sum(), int((learned.early == 1).sum())),
        (len(learned), learned.outcome.n_events),
        (len(learned), recurred),
    ):
        assert f'<td class="num">{n}</td><td class="num">{events}</td>' in text
    assert f"{first} deaths without one compete" in text
    assert "no outlined stills: from clinical values alone" in text.lower()
    assert "Held out: test" in text and "4 centers" in text and "Simulated patients" in text
    assert "Microvascular invasion</td><td>known only after the resection" in text
    # Pictures cannot be asked for where there are none.
    assert not [t for t in at.toggle if t.key == "train_signs_ceus"]
    assert not button(at, "train_start").disabled


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"event": lambda t: 0, "recurrence_cause": lambda t: t.recurrence_cause.replace(2, 0)},
         "0 deaths among"),
        ({"recurrence_cause": lambda t: t.recurrence_cause.replace(1, 0)}, "0 early recurrences"),
    ],
)  # fmt: skip
def test_too_few_events_cannot_be_started(open_page, with_folder, changes, said):
    change_table(with_folder, **changes, retreated=lambda t: None)
    at = choose_system(open_page(routes.TRAIN))
    assert said in page_text(at)
    assert button(at, "train_start").disabled


def test_follow_up_that_ends_before_the_last_horizon_is_refused(open_page, with_folder):
    change_table(
        with_folder, time_months=lambda t: t.time_months.clip(0, 40),
        recurrence_time_months=lambda t: t.recurrence_time_months.clip(0, 40),
    )  # fmt: skip
    at = choose_system(open_page(routes.TRAIN))
    assert "Follow-up ends at 40.0 months, but survival at 60 months" in page_text(at)
    assert button(at, "train_start").disabled
    at.multiselect(key="train_horizons_ceus").set_value([12, 36]).run()
    assert not button(at, "train_start").disabled


def test_a_value_that_is_not_known_is_left_out_with_its_reason(open_page, with_folder):
    change_table(with_folder, afp_ng_ml=lambda t: None)
    text = page_text(choose_system(open_page(routes.TRAIN)))
    assert "9 clinical covariates" in text
    assert "AFP</td><td>not known of anybody" in text
    assert "The models will know nothing of AFP, Microvascular invasion" in text


def test_what_only_the_specimen_tells_is_taken_if_asked_for_and_warned_of(open_page, with_folder):
    at = choose_system(open_page(routes.TRAIN))
    asked = ["microvascular_invasion", "age_years"]
    at.multiselect(key="train_covariates_ceus").set_value(asked).run()
    text = page_text(at)
    assert "2 clinical covariates" in text and "known from the specimen only" in text


def test_start_passes_on_what_was_chosen(open_page, with_folder, data, monkeypatch):
    monkeypatch.setattr(TrainingRuns, "_launch", lambda self, folder, alive: None)
    at = choose_system(open_page(routes.TRAIN))
    at.selectbox(key="train_cutoff_recurrence").set_value("youden").run()
    at.selectbox(key="train_cutoff_survival").set_value("median").run()
    at.multiselect(key="train_covariates_ceus").set_value(["albi", "afp_ng_ml"]).run()
    at.number_input(key="train_seed_ceus").set_value(7).run()
    next(r for r in at.radio if r.label == "Held out").set_value("a center").run()
    button(at, "train_start").click().run()
    assert not at.exception, at.exception
    (run,) = TrainingRuns(data).runs()
    assert run.request.system == "ceus" and run.request.cohort == with_folder
    assert dict(run.request.options) == {"seed": 7, "hold-out-center": "valley"}
    settings = settings_from_json(run.request.settings)
    assert (settings.cutoffs.recurrence, settings.cutoffs.survival) == ("youden", "median")
    assert settings.covariates == ("albi", "afp_ng_ml")


def test_stills_are_offered_and_a_weights_file_must_be_there(open_page, with_folder, monkeypatch):
    from hccsurv_core.systems.ceus import cohort

    monkeypatch.setattr(cohort, "has_images", lambda folder: True)
    at = choose_system(open_page(routes.TRAIN))
    text = page_text(at)
    assert "signs are measured on both stills" in text.lower()
    assert "0.819 in training and 0.568" in text and "random weights" in text
    at.text_input(key="train_weights_ceus").set_value("/nowhere/net.safetensors").run()
    assert "There is no weights file net" in page_text(at)
    assert button(at, "train_start").disabled
    at.toggle(key="train_signatures_ceus").set_value(False).run()
    assert not button(at, "train_start").disabled
    assert "0.819" not in page_text(at)
    at.toggle(key="train_signs_ceus").set_value(False).run()
    assert "stills are there and not measured" in page_text(at).lower()


def test_a_cohort_is_drawn_without_pictures_in_a_moment(open_page, finish_job, data):
    at = choose_system(open_page(routes.TRAIN))
    at.number_input(key="train_simulate_n_ceus").set_value(120)
    button(at, "train_simulate_go").click().run()
    finish_job(at)
    at.run()
    assert "patients to learn from" in page_text(at)
    (made,) = (data / "cohorts").iterdir()
    cohort, folder = read_ceus_folder(made)
    assert len(cohort) == 120 and cohort.simulated and not folder.info.images


def test_a_cohort_that_contradicts_itself_says_so(open_page, with_folder):
    change_table(with_folder, recurrence_time_months=lambda t: t.time_months + 5)
    at = choose_system(open_page(routes.TRAIN))
    assert button(at, "train_start") is None
    assert "after the end of follow-up" in page_text(at)


def test_a_result_says_how_good_it_is_what_is_in_it_and_spells_the_classes_out(open_page, with_run):
    at = open_page(routes.TRAIN)
    at.query_params["run"] = with_run.id
    at.run()
    assert not at.exception, at.exception
    text = page_text(at)
    d = read_bundle(with_run.bundle).description
    own = d["cross_validation"]["results"][-1]
    area, c = own["early_recurrence_auc"], own["c_index"]
    assert f"Early recurrence AUC {area['value']:.3f} ({area['ci_low']:.3f}" in text
    assert f"death C {c['value']:.3f}" in text
    assert (
        f"{d['training']['n_early']} early recurrences of {d['training']['n_early_known']}" in text
    )
    rule = d["classes"]["clinical"]["rule"]
    assert f"above {100 * rule['recurrence']['value']:.1f} %" in text
    assert f"log hazard above {rule['survival']['value']:.2f}" in text
    searched = rule["survival"]["p_corrected"] is not None
    assert ("corrected for the search" in text) == searched and "2 to 4 are ours" in text
    for row in d["classes"]["clinical"]["training"]:
        assert f"{row['class']} · {row['words']}" in text
    assert len(at.get("plotly_chart")) == 2  # versions, coefficients of one model
    at.segmented_control(key=f"result_model_{with_run.id}").set_value("death").run()
    assert not at.exception
    assert "model of death is made of" in page_text(at)


def test_a_model_is_published_and_the_run_says_its_measures(open_page, with_run, data):
    at = open_page(routes.TRAIN)
    at.query_params["run"] = with_run.id
    at.run()
    at.text_input(key=f"publish_by_{with_run.id}").set_value("Dr. Berg")
    button(at, "publish_go").click().run()
    assert not at.exception
    (entry,) = [e for e in ModelLibrary(data).models("ceus") if not e.shipped]
    assert (entry.name, entry.by, entry.simulated) == ("First CEUS", "Dr. Berg", True)
    at = open_page(routes.TRAIN)
    at.segmented_control(key="train_section").set_value("Runs").run()
    text = page_text(at)
    assert "hospital · CEUS" in text and "Early recurrence AUC 0." in text


def test_the_usual_settings_on_the_page_are_those_of_the_core():
    from pages._shared import train_ceus_settings as shown

    usual = CeusSettings()
    assert tuple(usual.horizons_months) == shown.USUAL_HORIZONS
    assert usual.cutoffs.recurrence == shown.USUAL_RECURRENCE
    assert usual.cutoffs.survival == shown.USUAL_SURVIVAL
    assert usual.images and usual.signatures


def test_a_signature_table_says_how_often_each_feature_was_selected():
    from pages._shared.ceus_tables import signature, signature_frame, signature_words

    step = {"name": "univariate", "before": 4670, "after": 90}
    told = {
        "features": [{"name": "peak.deep.resnet50.layer3.0007", "coef": -0.25}],
        "in_folds": {
            "frequency": {"peak.deep.resnet50.layer3.0007": 0.8, "grayscale.radiomics.x_Mean": 0.2},
            "n_folds": 5,
        },
        "steps": [step], "words": "1 of 4670 features",
    }  # fmt: skip
    empty = {"features": [], "in_folds": {"frequency": {}, "n_folds": 5}, "steps": [step],
             "words": "The signature is empty: none was left."}  # fmt: skip
    found = {
        "early": ["peak.deep.resnet50.layer3.0007"], "death": [],
        "report": {"n_features": 4670, "n_by_kind": {"peak.deep": 1024}, "early": told,
                   "death": empty},
    }  # fmt: skip
    shown = signature(found, "early")
    assert "4 of 5" in shown and "−0.25" in shown and "1 other feature" in shown
    assert "4670 → 1" in shown
    assert signature_frame(found, "early")["folds_that_selected_it"].tolist() == [4, 1]
    assert "The signature is empty" in signature(found, "death")
    assert "1 of 4670" in signature_words(found) and "0 of 4670" in signature_words(found)


def test_a_small_simulated_cohort_is_learned_from_as_a_whole(open_page, data):
    write_clinical_folder(data / "cohorts" / "small", 110, 5, "ceus")
    at = choose_system(open_page(routes.TRAIN))
    next(r for r in at.radio if r.label == "Held out").set_value("nobody").run()
    assert not at.exception
    text = page_text(at)
    assert "110 patients to learn from" in text
    assert "judged by cross-validation only" in text
