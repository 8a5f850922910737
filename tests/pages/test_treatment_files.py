"""The page Treatment: what is taken away, demo patients, and lesions that are measured."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from page_helpers import page_text
from small_treatment_model import train_small
from treatment_pages import answered, element, library_of_tests, publish, widget

from hccsurv_core.simulate.treatment.demo import TREATMENT_DEMOS
from pages._shared import routes, treatment_files, views
from pages._shared.treatment_demo import open_treatment_demo


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A small model, truly trained on simulated rows."""
    return train_small(tmp_path_factory.mktemp("model") / "bundle")


@pytest.fixture
def library(bundle, tmp_path, monkeypatch):
    """A server whose active model of system 2 it is."""
    return publish(library_of_tests(tmp_path, monkeypatch), bundle, "Small model")


@pytest.fixture
def opened(store):
    """A demo patient, simulated and stored."""
    return open_treatment_demo("tace_better", actor="local", progress=lambda *_: None)


# -- to take away ------------------------------------------------------------------------------
@pytest.fixture
def taken(library, opened):
    """The view and its answer."""
    view = views.load_view(opened.study_id)
    return view, answered(view)


def test_json_holds_answer_inputs_model_and_settings(taken):
    view, found = taken
    told = json.loads(treatment_files.answer_json(view, found))
    assert told["answer"]["recommendation"] == found.answer.recommendation.recommendation
    assert told["model"]["sha256"] == found.entry.sha256
    assert told["model"]["settings"]["limits"]["min_probability"] == 0.7
    assert told["inputs"]["record"]["albumin_g_l"] == 36.0
    assert told["trained_on_simulated_patients"] is True and told["note"].startswith("Research use")
    assert len(told["answer"]["curves"]["months"]) == len(told["answer"]["curves"]["tace"]["value"])


def test_json_holds_no_number_that_json_does_not_have(library, add_study):
    """Of a patient of whom nothing is known, most is not known."""
    view = views.load_view(add_study(simulated=True).id)

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    told = json.loads(treatment_files.answer_json(view, answered(view)), parse_constant=refuse)
    assert told["answer"]["recommendation"] == "none" and told["answer"]["missing"]


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


# -- images ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def image_bundle(tmp_path_factory):
    """A small model that takes signs of the lesion as well."""
    return train_small(tmp_path_factory.mktemp("model") / "bundle", signs=True)


@pytest.fixture
def image_model(image_bundle, tmp_path, monkeypatch):
    """A server whose active model it is."""
    return publish(library_of_tests(tmp_path, monkeypatch), image_bundle, "With images")


def test_outlines_are_looked_for_only_by_a_model_that_takes_images(library, opened):
    found = answered(views.load_view(opened.study_id))
    assert found.signs is None and found.image_values is None


def test_outlined_lesions_are_measured_and_can_be_tried(image_model, opened, open_page):
    at = open_page(routes.TREATMENT, opened.study_id)
    text = page_text(at)
    assert (
        "From clinical values and CT" in text and "Answered from clinical values alone" not in text
    )
    signs = element(at, "treatment_signs")
    # The demo patient's tumor measures 55 mm, and takes up contrast.
    assert re.search(r"Largest diameter in view .*? 5\d(\.\d)? mm", signs), signs
    assert "Arterial hyperenhancement" in signs
    before = element(at, "treatment_tried_numbers")
    slider = widget(at, "slider", "sign.washout_hu")
    slider.set_value(slider.min).run()
    assert not at.exception
    assert "Washout" in element(at, "treatment_changes")
    assert element(at, "treatment_tried_numbers") != before


def test_the_nomogram_of_a_model_with_images_has_their_score(image_model, opened):
    view = views.load_view(opened.study_id)
    found = answered(view)
    assert found.answer.version == "combined"
    picture = treatment_files.nomogram_pages(view, found, found.answer, "", "svg").decode()
    assert "Image score" in picture
    told = json.loads(treatment_files.answer_json(view, found))
    assert told["inputs"]["lesion_signs"]["sign.diameter_mm"] > 50
    assert {o["phase"] for o in told["inputs"]["outlines"]} == {"arterial", "portal_venous"}


def test_without_outlines_the_answer_says_what_to_draw(image_model, open_page, add_study):
    at = open_page(routes.TREATMENT, add_study(simulated=True).id)
    text = page_text(at)
    assert "Answered from clinical values alone" in text
    assert "no scan of the arterial phase and no scan of the portal venous phase" in text
    assert at.button(key="treatment_to_scan").label == "Go to Scan & ROIs"


def test_an_outline_that_was_taken_back_is_missed(image_model, opened, store):
    view = views.load_view(opened.study_id)
    store.undo_regions(view.study.id)
    found = answered(view)
    assert found.answer.version == "clinical" and found.signs.scan.lacking == (
        "no outline of the lesion and liver in the arterial phase",
    )
