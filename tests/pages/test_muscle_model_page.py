"""The muscle page's model: risk, curve, groups, doubts, what changed, downloads, and why there is none."""

from __future__ import annotations

import csv
import io
import json
import math
import re

import numpy as np
import pytest
from page_helpers import erase, level, page_text, small_segmentation, small_volume

from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.results import BodySegmentation
from hccsurv_core.systems.muscle.settings import MuscleSettings
from hccsurv_core.systems.muscle.training import train_muscle
from hccsurv_core.volume import Volume
from pages._shared import measuring, muscle_model_files, muscle_model_words, routes, views
from pages._shared.muscle_model import survival_chart
from pages._shared.muscle_model_parts import contribution_bars, percent, rank
from pages._shared.muscle_prediction import (
    NotPredicted,
    Predicted,
    PredictionJob,
    keep_prediction,
    predict_study,
    prediction_key,
)
from pages._shared.session import Session

FEATURES = ("sma_cm2", "ma_hu", "male", "clinical.age", "clinical.albi", "clinical.log_afp")
#: The small body of the page tests measures 99 cm² at 35.3 HU.
MEANS, SDS = (100.0, 36.0, 0.5, 60.0, -2.6, 3.5), (8.0, 3.0, 0.5, 9.0, 0.4, 1.5)
WEIGHTS = np.array([-0.6, -0.6, 0.1, 0.3, 0.8, 0.4])
FACTS = PatientFacts(sex="male", age_years=61, height_m=1.75, weight_kg=78)
VALUES = {"albumin_g_l": 40.0, "bilirubin_umol_l": 14.0, "afp_ng_ml": 40.0, "hbsag": True}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A small model, truly trained, whose inputs the small body has."""
    rng = np.random.default_rng(3)
    z = rng.standard_normal((140, len(FEATURES)))
    z[:, 2] = np.where(z[:, 2] > 0, 1.0, -1.0)
    time = rng.exponential(60 * np.exp(-z @ WEIGHTS))
    outcome = SurvivalOutcome(np.minimum(np.maximum(time, 0.1), 90), time < 90)
    values = z * np.array(SDS) + np.array(MEANS)
    ids = tuple(f"p{i}" for i in range(len(z)))
    table = FeatureTable(ids, FEATURES, values, outcome, {}, "drawn for a test")
    settings = MuscleSettings(
        head="linear",
        scaling="normal-score",
        n_members=4,
        n_folds=2,
        n_repeats=1,
        fold_members=1,
        rivals=(),
    )
    trained = train_muscle(table, settings, device="cpu")
    return trained.write(tmp_path_factory.mktemp("model") / "bundle")


def publish_other_model(library, folder, names, name) -> None:
    """Train, publish and activate a model that takes other features."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((80, len(names)))
    outcome = SurvivalOutcome(rng.exponential(50 * np.exp(-z[:, 1])) + 0.1, np.ones(80, bool))
    table = FeatureTable(tuple(map(str, range(80))), names, z, outcome)
    settings = MuscleSettings(
        head="linear", n_members=2, n_folds=2, n_repeats=1, fold_members=1, rivals=()
    )
    written = train_muscle(table, settings, device="cpu").write(folder)
    entry = library.publish(written.folder, by="test", name=name, simulated=True)
    library.activate(entry.id, by="test")


@pytest.fixture
def no_model(tmp_path, monkeypatch):
    """A server without any model, not even one that comes with the program."""
    from pages._shared import model_store

    library = ModelLibrary(shipped=tmp_path / "none shipped")
    monkeypatch.setattr(model_store, "open_models", lambda: library)
    monkeypatch.setattr("pages._shared.muscle_prediction.open_models", lambda: library)
    return library


@pytest.fixture
def library(no_model, bundle):
    """A server whose active model learned from simulated patients."""
    entry = no_model.publish(bundle.folder, by="test", name="Small model", simulated=True)
    no_model.activate(entry.id, by="test")
    return no_model


@pytest.fixture
def study(add_study, store):
    """A measured patient with clinical values."""
    found = add_study(FACTS)
    store.save_clinical_values(found.patient.id, VALUES, can_undo=False)
    return found


@pytest.fixture
def open_predicted(open_page, finish_job, study):
    """Open the muscle page and wait for the prediction."""

    def opened():
        at = open_page(routes.MUSCLE, study.id)
        return finish_job(at)

    return opened


def predicted(at) -> Predicted:
    """What the session predicted last."""
    found = [v for v in at.session_state["hccsurv"].cache.values() if isinstance(v, Predicted)]
    return found[-1]


def risk_text(at) -> str:
    """The block's headline."""
    (found,) = [h.value for h in at.get("html") if 'data-testid="model_risk"' in h.value]
    return re.sub(r"<[^>]+>", " ", found)


# -- what is shown -----------------------------------------------------------------------------
def test_risk_survival_and_place_stand_with_the_mark_of_a_simulated_model(library, open_predicted):
    at = open_predicted()
    case = predicted(at).case
    text = page_text(at)
    word = "Higher risk of death" if case.high_risk else "Lower risk of death"
    assert word in risk_text(at)
    assert f"Percentile  {rank(case.percentile)}" in risk_text(at)
    assert f"× {math.exp(case.risk_score):.2f}" in risk_text(at)
    for i, words in enumerate(("1 year", "3 years", "5 years")):
        told = percent(float(case.survival_probability[i]))
        assert re.search(rf"{words}</td>.*?{told}", text), words
    assert text.count("rained on simulated patients") >= 4  # chip, glance, headline, caption
    assert "Small model" in text
    assert "From the automatic outline (revision 1)" in text
    assert 'data-testid="model_glance"' in text


def test_what_moved_the_risk_sums_to_it_and_is_said_in_words(library, open_predicted):
    at = open_predicted()
    case = predicted(at).case
    moved = sum(c.log_hazard for c in case.contributions)
    assert moved == pytest.approx(case.risk_score - case.baseline, abs=1e-9)
    text = page_text(at)
    for found in case.contributions:
        assert found.title in text and f"× {found.factor:.2f}" in text
    assert case.sentence in text


def test_the_value_that_weighs_most_in_a_group_is_told(library, open_predicted, store, study):
    """The model counts ALBI most: a bad one leads the clinical values."""
    bad = {**VALUES, "albumin_g_l": 28.0}
    store.save_clinical_values(study.patient.id, bad)
    text = page_text(open_predicted())
    assert re.search(r"Most: ALBI score higher than in 9\d of 100 training patients", text)


def test_the_prediction_is_the_models_own_on_what_the_page_measured(library, open_predicted, study):
    """By hand: the small body's area and density, ALBI by its formula, age and sex as known."""
    at = open_predicted()
    found = predicted(at)
    albi = 0.66 * math.log10(14.0) - 0.085 * 40.0
    row = [99.0, found.images.values["ma_hu"], 1.0, 61.0, albi, math.log(40.0)]
    assert found.images.values["ma_hu"] == pytest.approx(35.3, abs=0.05)
    risk = found.model.predict([row], FEATURES).risk_score[0]
    assert found.case.risk_score == pytest.approx(risk, abs=1e-9)


def test_training_patients_are_behind_the_curve(library, open_predicted):
    at = open_predicted()
    chart = survival_chart(predicted(at), color=None)
    assert [s.label for s in chart.series] == [
        "Training, low risk", "Training, high risk", "This patient",
    ]  # fmt: skip
    assert "70 patients" in chart.caption and "says nothing about real ones" in chart.caption
    low, high = (s.y[30] for s in chart.series[:2])
    assert low > high


def test_a_model_of_real_patients_has_no_mark(no_model, bundle, open_predicted):
    entry = no_model.publish(bundle.folder, by="test", name="Ours", simulated=False)
    no_model.activate(entry.id, by="test")
    text = page_text(open_predicted())
    assert "Higher risk" in text or "Lower risk" in text
    assert "simulated patients" not in text


def test_a_simulated_model_is_no_answer_for_a_real_patient(
    library, open_predicted, add_study, open_page, finish_job
):
    warning = "Do not use these numbers for this patient"
    assert warning in page_text(open_predicted())
    drawn = add_study(FACTS, simulated=True)
    at = finish_job(open_page(routes.MUSCLE, drawn.id))
    assert risk_text(at) and warning not in page_text(at)


def test_an_edited_outline_is_said(library, open_predicted, store, study):
    erase(store, study.id, "psoas_right", slice(20, 25), slice(20, 27))
    assert "From an edited outline (revision 2)" in page_text(open_predicted())


# -- doubts ------------------------------------------------------------------------------------
def test_what_is_missing_is_named_and_marked_in_the_form(library, open_predicted, store, study):
    store.save_clinical_values(study.patient.id, {"bilirubin_umol_l": 14.0, "hbsag": True})
    text = page_text(open_predicted())
    assert "taken as in a typical training patient: ALBI score, AFP" in text
    assert text.count("not known<small>typical assumed</small>") == 2  # albumin, AFP
    assert "unlike those the model learned from" not in text


def test_a_patient_unlike_the_training_patients_is_warned_about(
    library, open_predicted, store, study
):
    store.update_patient(study.patient.id, facts=PatientFacts("male", 90, 1.75, 78))
    at = open_predicted()
    (warning,) = [w.value for w in at.warning if "unlike" in w.value]
    assert "unlike those the model learned from" in warning
    assert "Age lies above that of every training patient" in warning
    assert "heck the value" in warning
    assert "unlike the training patients" in page_text(at)


# -- what changes ------------------------------------------------------------------------------
def test_a_clinical_value_moves_the_number_and_undo_brings_it_back(
    library, open_predicted, finish_job, store, study
):
    at = open_predicted()
    before = predicted(at)
    store.save_clinical_values(study.patient.id, {**VALUES, "albumin_g_l": 28.0})
    at.run()
    finish_job(at)
    after = predicted(at)
    assert after.case.risk_score > before.case.risk_score
    assert after.images is before.images  # the picture was not measured again
    text = page_text(at)
    assert "Recomputed after Albumin 40 g/L → 28 g/L" in text
    assert f"{rank(before.case.percentile)} → {rank(after.case.percentile)}" in text
    at.button(key="clinical_undo").click().run()
    finish_job(at)
    assert predicted(at).case.risk_score == before.case.risk_score
    assert "Recomputed after Albumin 28 g/L → 40 g/L" in page_text(at)


def test_a_corrected_outline_is_measured_and_predicted_anew(
    library, open_predicted, finish_job, store, study
):
    at = open_predicted()
    before = predicted(at)
    erase(store, study.id, "muscle", slice(34, 42), slice(16, 32))
    at.run()
    finish_job(at)
    after = predicted(at)
    assert after.images.values["sma_cm2"] < before.images.values["sma_cm2"]
    assert "Recomputed after another outline" in page_text(at)


def test_facts_are_part_of_what_a_prediction_rests_on(library, study, store):
    entry = library.active("muscle")
    first = prediction_key(views.load_view(study.id), entry)
    assert prediction_key(views.load_view(study.id), entry) == first
    store.update_patient(study.patient.id, facts=PatientFacts("male", 62, 1.75, 78))
    assert prediction_key(views.load_view(study.id), entry) != first


# -- why there is none -------------------------------------------------------------------------
def test_without_a_model_the_page_says_so_and_links_to_the_library(no_model, open_page, study):
    at = open_page(routes.MUSCLE, study.id)
    assert "No model answers on this server yet" in page_text(at)
    assert at.button(key=f"model_to_{routes.MODEL_LIBRARY}").label == "Open the model library"
    assert "definitions call it low" in page_text(at)  # the rest of the page is there


def test_a_changed_model_is_refused(library, open_page, study):
    entry = library.active("muscle")
    card = entry.folder / "card.md"
    card.chmod(0o600)
    card.write_text("another")
    at = open_page(routes.MUSCLE, study.id)
    (error,) = [e.value for e in at.error]
    assert "**The active model cannot be used.** **Small model**" in error
    assert "hash does not match" in error


def test_a_model_that_takes_other_features_is_named_not_its_folder(
    no_model, tmp_path, open_predicted
):
    publish_other_model(no_model, tmp_path / "other", ("weather", "sma_cm2"), "Weather")
    at = open_predicted()
    (error,) = [e.value for e in at.error]
    assert "**Weather**" in error and "were not extracted" in error
    assert str(tmp_path) not in error


def test_an_outline_that_is_too_thin_for_radiomics_says_what_to_do(
    no_model, tmp_path, open_page, finish_job, store
):
    """A model that takes a radiomic feature needs four slices; this patient has one."""
    takes = ("sma_cm2", "original_firstorder_Mean")
    publish_other_model(no_model, tmp_path / "radiomic", takes, "Radiomic")
    patient = store.add_patient(facts=FACTS)
    whole = small_volume()
    one = Volume(whole.voxels[6:7].copy(), whole.affine)
    study = store.add_study(patient.id, one, modality="CT")
    masks = {name: mask[2:3] for name, mask in small_segmentation().masks.items()}
    found = level()
    store.save_level(
        study.id,
        type(found)(0, 0.0, 1.0, "manual", (), {0: 1.0}, (), (), None),
        state="confirmed",
    )
    store.save_segmentation(
        study.id, BodySegmentation(0, 0, masks, "classical", ()), state="automatic"
    )
    measuring.refresh_measures(study.id, actor="local")
    at = finish_job(open_page(routes.MUSCLE, study.id))
    text = page_text(at)
    assert "**No prediction for this scan.**" in text
    assert "4 are needed" in text and "utline muscle and psoas on" in text
    assert at.button(key=f"model_to_{routes.SCAN}").label == "Go to Scan & ROIs"


def test_a_cancelled_prediction_waits_for_a_click(library, open_page, finish_job, study):
    view = views.load_view(study.id)
    key = prediction_key(view, library.active("muscle"))
    at = open_page(None, study.id)
    job = PredictionJob("Predicting", lambda progress: None, kind="predict", page="", key=key)
    job.state = "cancelled"
    keep_prediction(at.session_state["hccsurv"], job)
    at.switch_page(routes.MUSCLE).run()
    assert "The prediction was cancelled" in page_text(at)
    at.button(key="predict_again").click().run()
    finish_job(at)
    assert risk_text(at)


def test_other_work_is_waited_for(library, study, monkeypatch):
    from pages._shared.jobs import Job

    state = Session()
    state.job = Job("Measuring", lambda progress: None, kind="measure", page="", state="running")
    monkeypatch.setattr("pages._shared.muscle_prediction.session", lambda: state)
    found = predict_study(views.load_view(study.id))
    assert isinstance(found, NotPredicted) and found.why == "busy"


def test_an_unmeasured_scan_shows_the_pages_own_empty_state(library, open_page, add_study):
    text = page_text(open_page(routes.MUSCLE, add_study(FACTS, measured=False).id))
    assert "This scan is not measured yet" in text and "Survival model" not in text


# -- to take away ------------------------------------------------------------------------------
@pytest.fixture
def taken(library, open_predicted, study):
    """The view and what was predicted of it."""
    return views.load_view(study.id), predicted(open_predicted())


def test_json_holds_prediction_inputs_and_origin(taken):
    view, found = taken
    told = json.loads(muscle_model_files.prediction_json(view, found))
    assert told["trained_on_simulated_patients"] is True
    assert told["prediction"]["percentile"] == found.case.percentile
    assert told["model"]["sha256"] == found.entry.sha256
    assert told["inputs"]["record"]["albumin_g_l"] == 40.0
    assert told["inputs"]["features"]["sma_cm2"] == pytest.approx(99.0)
    assert set(told["inputs"]["features"]) == {"sma_cm2", "ma_hu"}
    assert "10.1631/jzus.B2300363" in told["source"]
    assert told["note"] == "Research use. Not a medical device."


def test_csv_names_the_simulated_model_in_every_line(taken):
    view, found = taken
    rows = list(csv.reader(io.StringIO(muscle_model_files.prediction_csv(view, found))))
    header, numbers = rows[0], [r for r in rows[1:] if r and not r[0].startswith("#")]
    assert {r[-1] for r in numbers} == {"trained on simulated patients"}
    at_36 = next(r for r in numbers if r[0] == "survival" and r[1] == "36")
    assert float(at_36[2]) == pytest.approx(found.case.survival_probability[1], abs=1e-5)
    assert header[:5] == ["what", "months", "value", "ci_low", "ci_high"]
    assert any("# Research use" in r[0] for r in rows if r)
    assert any("automatic outline (revision 1)" in r[0] for r in rows if r)


@pytest.mark.parametrize("moved", [False, True])
def test_figures_for_print_carry_the_mark(taken, moved):
    view, found = taken
    chart = None if moved else survival_chart(found, color=None)
    picture = muscle_model_files.figure_file(view, found, chart, "svg").decode()
    assert "Trained on simulated patients" in picture
    assert "Research use. Not a medical device." in picture
    assert "Small model" in picture
    png = muscle_model_files.figure_file(view, found, chart, "png")
    assert png.startswith(b"\x89PNG")


def test_how_it_was_computed_names_model_source_and_versions(taken):
    view, found = taken
    words = muscle_model_words.how_predicted(view, found)
    assert found.entry.sha256[:12] in words
    assert "10.1631/jzus.B2300363" in words
    assert "C-index" in words and "Shapley" in words
    assert "5 slices of 4 mm" in words
    assert "numpy" in words


# -- pieces ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("probability", "text"),
    [(0.0, "0 %"), (0.004, "<1 %"), (0.616, "62 %"), (0.996, ">99 %"), (1.0, "100 %")],
)
def test_probabilities_are_whole_and_never_falsely_certain(probability, text):
    assert percent(probability) == text


def test_bars_point_to_the_side_of_their_effect(taken):
    _, found = taken
    rows = contribution_bars(found.case.contributions, {}).split('<div class="row">')[1:]
    for row, c in zip(rows, found.case.contributions, strict=True):
        left, width = (float(x) for x in re.search(r"left:([\d.]+)%;width:([\d.]+)%", row).groups())
        assert ('class="up"' in row) == (c.log_hazard >= 0)
        assert (left, left + width)[c.log_hazard < 0] == pytest.approx(50.0, abs=0.11)
        assert left >= 0 and left + width <= 100.1
