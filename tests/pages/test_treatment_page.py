"""The page Treatment: the answer and why, values that are tried, what is missing, files, demo patients."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape

import pytest
from page_helpers import page_text
from small_treatment_model import train_small

from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.patient import PatientFacts
from hccsurv_core.simulate.treatment.demo import TREATMENT_DEMOS, treatment_demo
from hccsurv_core.systems.treatment.demo_record import demo_facts, demo_values
from hccsurv_core.systems.treatment.recommendation import CAVEAT
from pages._shared import routes, treatment_answer, treatment_files, treatment_words, views
from pages._shared.treatment_answer import Answered, answer_patient
from pages._shared.treatment_demo import open_treatment_demo

WARNING = "Do not use this answer for this patient"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A small model, truly trained on simulated rows."""
    return train_small(tmp_path_factory.mktemp("model") / "bundle")


@pytest.fixture
def no_model(tmp_path, monkeypatch):
    """A server without any model, not even one that comes with the program."""
    from pages._shared import model_store

    library = ModelLibrary(shipped=tmp_path / "none shipped")
    monkeypatch.setattr(model_store, "open_models", lambda: library)
    monkeypatch.setattr(treatment_answer, "open_models", lambda: library)
    return library


@pytest.fixture
def library(no_model, bundle):
    """A server whose active model of system 2 learned from simulated patients."""
    entry = no_model.publish(bundle.folder, by="test", name="Small model", simulated=True)
    no_model.activate(entry.id, by="test")
    return no_model


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


def element(at, test_id: str) -> str:
    """The plain text of one block."""
    (found,) = [h.value for h in at.get("html") if f'data-testid="{test_id}"' in h.value]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", found)))


def answered(study) -> Answered:
    found = answer_patient(views.load_view(study.id))
    assert isinstance(found, Answered)
    return found


def widget(at, kind: str, name: str):
    """A control of the area "Try values"."""
    (found,) = [w for w in at.get(kind) if w.key.startswith("try_") and w.key.endswith(f"_{name}")]
    return found


# -- at a glance -------------------------------------------------------------------------------
def test_the_answer_stands_with_its_word_first_reason_caveat_and_mark(
    library, open_page, add_patient
):
    study = add_patient()
    recommendation = answered(study).answer.recommendation
    told = element(open_page(routes.TREATMENT, study.id), "treatment_answer")
    assert treatment_words.ANSWERS[recommendation.recommendation][0] in told
    assert recommendation.reasons[0].text in told and CAVEAT in told
    assert "trained on simulated patients" in told


def test_survival_differences_and_months_stand_with_intervals(library, open_page, add_patient):
    study = add_patient()
    contrast = answered(study).answer.recommendation.findings.contrast
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
    assert "Model: Small model" in text and "Answered from clinical values alone" in text
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
        recommendation = answered(study).answer.recommendation
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
    assert "Not known, because the AST and the ALT are missing." in text


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


# -- to take away ------------------------------------------------------------------------------
@pytest.fixture
def taken(library, add_patient):
    """The view and its answer."""
    study = add_patient()
    return views.load_view(study.id), answered(study)


def test_json_holds_answer_inputs_model_and_settings(taken):
    view, found = taken
    told = json.loads(treatment_files.answer_json(view, found))
    assert told["answer"]["recommendation"] == found.answer.recommendation.recommendation
    assert told["model"]["sha256"] == found.entry.sha256
    assert told["model"]["settings"]["limits"]["min_probability"] == 0.8
    assert told["inputs"]["record"]["albumin_g_l"] == 36.0
    assert told["trained_on_simulated_patients"] is True and told["note"].startswith("Research use")
    assert len(told["answer"]["curves"]["months"]) == len(told["answer"]["curves"]["tace"]["value"])


@pytest.mark.parametrize(
    ("file_format", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")]
)
def test_nomograms_are_printed_with_patient_and_origin(taken, file_format, start):
    view, found = taken
    page = treatment_files.nomogram_pages(view, found, found.answer, "", file_format)
    assert page.startswith(start)
    if file_format == "svg":
        text = page.decode()
        assert "Survival after hepatectomy" in text and "Survival after TACE" in text
        assert view.patient.pseudonym in text and "Small model" in text
        assert "Trained on simulated patients" in text


def test_values_that_were_tried_are_said_in_print_and_empty_nomograms_name_nobody(taken):
    view, found = taken
    tried = treatment_files.nomogram_pages(
        view, found, found.answer, "Albumin 36 → 28", "svg"
    ).decode()
    assert "VALUES TRIED, not recorded: Albumin 36 → 28" in tried
    empty = treatment_files.nomogram_pages(view, found, None, "", "svg").decode()
    assert view.patient.pseudonym not in empty and "Points" in empty


def test_points_of_every_value_are_those_of_the_drawn_scale(taken):
    view, found = taken
    text = treatment_files.points_csv(view, found, "clinical")
    rows = list(
        csv.DictReader(
            io.StringIO("".join(line for line in text.splitlines(True) if not line.startswith("#")))
        )
    )
    assert {r["treatment"] for r in rows} == {"hepatectomy", "tace"}
    assert max(float(r["exact_points"]) for r in rows) == pytest.approx(100.0)
    assert "# Research use" in text


# -- demo patients -----------------------------------------------------------------------------
@pytest.fixture
def opened(store):
    """A demo patient, simulated and stored."""
    return open_treatment_demo("tace_better", actor="local", progress=lambda *_: None)


def test_a_demo_patient_comes_with_both_phases_outlined_and_its_record(store, opened):
    view = views.load_view(opened.study_id)
    assert view.simulated and view.patient.simulated
    assert {s.phase for s in view.studies} == {"arterial", "portal_venous"}
    for study in view.studies:
        regions = store.load_regions(study.id).regions
        assert [r.name for r in regions] == ["Lesion", "Liver"]
        lesion, liver = (r.whole(study.shape) for r in regions)
        assert lesion.any() and (lesion & ~liver).sum() == 0
    assert view.clinical_values["albumin_g_l"] == 36.0
    assert view.patient.facts.age_years == 64.0
    again = open_treatment_demo("tace_better", actor="local", progress=lambda *_: None)
    assert again.study_id in [s.id for s in view.studies]
    assert len(store.list_patients()) == 1


def test_the_worklist_offers_the_demo_patients_and_opens_them_here(library, open_page, finish_job):
    at = open_page()
    for demo in TREATMENT_DEMOS:
        assert at.button(key=f"open_demo_{demo.key}").label == demo.title
    at.button(key="open_demo_hepatectomy_better").click().run()
    finish_job(at)
    assert element(at, "treatment_answer")
    at.switch_page(routes.WORKLIST).run()
    (row,) = views.open_store().list_patients()
    assert row.done["regions"] and "Regions" in page_text(at)
    at.button(key=f"open_{row.patient.id}").click().run()
    assert element(at, "treatment_answer")


def test_a_demo_patients_other_pages_stay_usable(opened, open_page):
    for page in (routes.SCAN, routes.MUSCLE):
        assert not open_page(page, opened.study_id).exception


def test_outlines_are_looked_for_only_by_a_model_that_takes_images(library, opened):
    found = answer_patient(views.load_view(opened.study_id))
    assert isinstance(found, Answered) and found.signs is None and found.image_values is None
