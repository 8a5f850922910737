"""The page Treatment: the answer and why, values that are tried, and what is missing."""

from __future__ import annotations

import re

import pytest
from page_helpers import page_text
from small_treatment_model import train_small
from treatment_pages import answered, element, library_of_tests, publish, widget

from hccsurv_core.patient import PatientFacts
from hccsurv_core.simulate.treatment.demo import TREATMENT_DEMOS, treatment_demo
from hccsurv_core.systems.treatment.demo_record import demo_facts, demo_values
from hccsurv_core.systems.treatment.recommendation import CAVEAT
from pages._shared import routes, treatment_words, views
from pages._shared.treatment_answer import Answered

WARNING = "Do not use this answer for this patient"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A small model, truly trained on simulated rows."""
    return train_small(tmp_path_factory.mktemp("model") / "bundle")


@pytest.fixture
def no_model(tmp_path, monkeypatch):
    """A server without any model."""
    return library_of_tests(tmp_path, monkeypatch)


@pytest.fixture
def library(no_model, bundle):
    """A server whose active model of system 2 learned from simulated patients."""
    return publish(no_model, bundle, "Small model")


@pytest.fixture
def add_patient(store, add_study):
    """A patient with the record of a demo patient, real or simulated."""

    def add(key="tace_better", *, simulated=True, changes=None):
        demo = treatment_demo(key)
        found = add_study(demo_facts(demo), measured=False, simulated=simulated)
        values = demo_values(demo) | (changes or {})
        kept = {name: value for name, value in values.items() if value is not None}
        store.save_clinical_values(found.patient.id, kept, can_undo=False)
        return found

    return add


def answer_of(study) -> Answered:
    return answered(views.load_view(study.id))


# -- at a glance -------------------------------------------------------------------------------
def test_the_answer_stands_with_its_word_first_reason_caveat_and_mark(
    library, open_page, add_patient
):
    study = add_patient()
    recommendation = answer_of(study).answer.recommendation
    told = element(open_page(routes.TREATMENT, study.id), "treatment_answer")
    assert treatment_words.ANSWERS[recommendation.recommendation][0] in told
    assert recommendation.reasons[0].text in told and CAVEAT in told
    assert "trained on simulated patients" in told


def test_survival_differences_and_months_stand_with_intervals(library, open_page, add_patient):
    study = add_patient()
    contrast = answer_of(study).answer.recommendation.findings.contrast
    told = element(open_page(routes.TREATMENT, study.id), "treatment_numbers")
    for i, months in enumerate((12, 24, 36)):
        arm = contrast.arms["tace"].survival
        assert f"Alive at {months} months" in told
        assert f"{100 * arm.value[0, i]:.0f} ({100 * arm.low[0, i]:.0f}–" in told
    band = contrast.months_difference
    value, low, high = (
        f"{float(x[0]):+.1f}".replace("-", "−") for x in (band.value, band.low, band.high)
    )
    assert f"{value} ({low} to {high})" in told
    assert told.count("◇") == 3 and "95 % intervals" in told


def test_model_and_version_are_named(library, open_page, add_patient):
    text = page_text(open_page(routes.TREATMENT, add_patient().id))
    assert "Model: Small model" in text and "From clinical values alone" in text
    assert "10.31083/BJHM50380" in text and "C-index" in text
    assert library.active("treatment").sha256[:12] in text


def test_a_model_of_real_patients_has_no_mark(
    no_model, bundle, open_page, add_patient, monkeypatch
):
    from hccsurv_core.systems.treatment.model import TreatmentModel

    entry = no_model.publish(bundle.folder, by="test", name="Ours", simulated=False)
    no_model.activate(entry.id, by="test")
    # The bundle says that it is simulated, whatever it was published as.
    study = add_patient()
    assert "trained on simulated patients" in page_text(open_page(routes.TREATMENT, study.id))
    monkeypatch.setattr(TreatmentModel, "simulated", property(lambda self: False))
    monkeypatch.setattr(Answered, "simulated", property(lambda self: False))
    assert "trained on simulated" not in element(
        open_page(routes.TREATMENT, study.id), "treatment_answer"
    )


def test_a_simulated_model_is_no_answer_for_a_real_patient(library, open_page, add_patient):
    assert WARNING in page_text(open_page(routes.TREATMENT, add_patient(simulated=False).id))
    assert WARNING not in page_text(open_page(routes.TREATMENT, add_patient().id))


# -- why ---------------------------------------------------------------------------------------
def test_every_reason_and_caution_is_on_the_page_with_its_source(library, open_page, add_patient):
    for demo in TREATMENT_DEMOS:
        study = add_patient(demo.key)
        recommendation = answer_of(study).answer.recommendation
        text = page_text(open_page(routes.TREATMENT, study.id))
        for reason in (*recommendation.reasons, *recommendation.cautions):
            assert reason.text in text, reason
        for rule in recommendation.findings.rules.hit:
            assert rule.what in text


def test_who_was_never_treated_both_ways_gets_no_recommendation(library, open_page, add_patient):
    at = open_page(routes.TREATMENT, add_patient("no_overlap").id)
    assert "No recommendation" in element(at, "treatment_answer")
    assert "Hardly any patient like this one was treated both ways" in page_text(at)


def test_rules_and_guidelines_are_listed_with_what_became_of_them(library, open_page, add_patient):
    at = open_page(routes.TREATMENT, add_patient("no_overlap").id)
    rules = element(at, "treatment_rules")
    assert re.search(r"▲ found Child-Pugh B", rules) and re.search(
        r"✓ not found Child-Pugh C", rules
    )
    guidelines = element(at, "treatment_guidelines")
    assert "BCLC C" in guidelines and "CNLC IIIa" in guidelines and "★ first choice" in guidelines
    unknown = add_patient(
        "tace_better", changes={"extrahepatic_spread": None, "portal_invasion": None}
    )
    rules = element(open_page(routes.TREATMENT, unknown.id), "treatment_rules")
    assert "? not checked Tumor in the main portal vein" in rules


def test_scores_say_their_formula_and_source(library, open_page, add_patient):
    at = open_page(routes.TREATMENT, add_patient().id)
    text = page_text(at).replace("\\", "")
    assert "0.66" in text and "0.085" in text  # ALBI, Johnson 2015
    # By hand: 0.66 · log10(24) − 0.085 · 36 = −2.149.
    assert "−2.15" in " ".join(p.proto.popover.label for p in at.get("popover"))
    assert "Not known, because the AST is missing." in text


# -- trying values -----------------------------------------------------------------------------
def test_a_value_that_is_moved_moves_answer_and_numbers_and_stores_nothing(
    library, open_page, add_patient, store
):
    study = add_patient()
    at = open_page(routes.TREATMENT, study.id)
    before = element(at, "treatment_tried_numbers")
    assert (
        before.split("In brackets")[0] == element(at, "treatment_numbers").split("In brackets")[0]
    )
    assert "With the patient's own values" in element(at, "treatment_tried")
    kept = dict(store.load_clinical_values(study.patient.id).values)
    widget(at, "slider", "albumin_g_l").set_value(28.0).run()
    assert not at.exception
    assert "Albumin 36 g/L → 28 g/L" in element(at, "treatment_changes")
    assert element(at, "treatment_tried_numbers") != before
    assert element(at, "treatment_numbers").split()[:20] == before.split()[:20]
    assert store.load_clinical_values(study.patient.id).values == kept
    at.button(key="try_reset").click().run()
    assert element(at, "treatment_tried_numbers") == before


def test_a_rule_that_a_moved_value_meets_stops_the_recommendation(library, open_page, add_patient):
    at = open_page(routes.TREATMENT, add_patient().id)
    assert "TACE" in element(at, "treatment_answer")
    widget(at, "slider", "bilirubin_umol_l").set_value(60.0).run()
    tried = element(at, "treatment_tried")
    assert "With the values tried" in tried and "No recommendation" in tried
    assert "Bilirubin above 51" in tried + element(at, "treatment_tried_reasons")


def test_values_that_are_not_known_start_empty(library, open_page, add_patient):
    study = add_patient(changes={"albumin_g_l": None, "cirrhosis": None, "ecog": None})
    at = open_page(routes.TREATMENT, study.id)
    assert widget(at, "number_input", "albumin_g_l").value is None
    assert (
        element(at, "treatment_tried_numbers").split("In")[0]
        == element(at, "treatment_numbers").split("In")[0]
    )
    widget(at, "number_input", "albumin_g_l").set_value(30.0).run()
    assert "Albumin not known → 30 g/L" in element(at, "treatment_changes")


def test_an_impossible_value_is_refused_in_words(library, open_page, add_patient):
    at = open_page(routes.TREATMENT, add_patient(changes={"albumin_g_l": None}).id)
    widget(at, "number_input", "albumin_g_l").set_value(3.8).run()
    assert not at.exception and "multiply by 10" in page_text(at).lower()


def test_values_saved_elsewhere_are_what_is_tried_next(library, open_page, add_patient, store):
    study = add_patient()
    at = open_page(routes.TREATMENT, study.id)
    widget(at, "slider", "albumin_g_l").set_value(28.0).run()
    store.save_clinical_values(
        study.patient.id, demo_values(treatment_demo("tace_better")) | {"albumin_g_l": 44.0}
    )
    at.run()
    assert widget(at, "slider", "albumin_g_l").value == 44.0


# -- what is missing ---------------------------------------------------------------------------
def test_without_a_patient_or_a_model_the_page_says_where_to_go(no_model, open_page, add_patient):
    assert "No patient is open" in page_text(open_page(routes.TREATMENT))
    at = open_page(routes.TREATMENT, add_patient().id)
    assert "No model answers this question yet" in page_text(at)
    assert at.button(key=f"go_{routes.MODEL_LIBRARY}").label == "Open the model library"


def test_a_changed_model_is_refused(library, open_page, add_patient):
    path = library.active("treatment").folder / "model.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"seed": 0', '"seed": 1'), encoding="utf-8"
    )
    text = page_text(open_page(routes.TREATMENT, add_patient().id))
    assert "The active model cannot be used" in text


def test_a_patient_without_values_is_asked_for_those_the_models_need(
    library, open_page, add_study, store
):
    study = add_study(PatientFacts(sex="male", age_years=61.0), measured=False, simulated=True)
    at = open_page(routes.TREATMENT, study.id)
    text = page_text(at)
    assert "No recommendation" in element(at, "treatment_answer")
    assert "Not known, and needed" in text and "Largest diameter" in text
    assert "The age is entered at the top" not in text
    (albumin,) = [
        t
        for t in at.text_input
        if t.key.startswith("treatment_ask") and t.key.endswith("albumin_g_l")
    ]
    albumin.set_value("3.9 g/dL")
    (save,) = [
        b for b in at.button if b.key.startswith("treatment_ask") and b.key.endswith("_save")
    ]
    save.click().run()
    assert store.load_clinical_values(study.patient.id).values["albumin_g_l"] == pytest.approx(39.0)
    assert not [
        t
        for t in at.text_input
        if t.key.startswith("treatment_ask") and t.key.endswith("albumin_g_l")
    ]


def test_the_form_keeps_what_it_does_not_ask_for(library, open_page, add_patient, store):
    study = add_patient(changes={"platelets_10e9_l": None})
    before = dict(store.load_clinical_values(study.patient.id).values)
    at = open_page(routes.TREATMENT, study.id)
    (field,) = [t for t in at.text_input if t.key.startswith("treatment_ask")]
    field.set_value("150")
    (save,) = [b for b in at.button if b.key.startswith("treatment_ask")]
    save.click().run()
    assert store.load_clinical_values(study.patient.id).values == before | {
        "platelets_10e9_l": 150.0
    }
    assert "Not known, and needed" not in page_text(at)
