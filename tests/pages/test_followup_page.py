"""The page Follow-up: two scans to slices, scores, response; corrected, undone, and taken away."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from followup_scans import small_scan
from immunotherapy_studies import evaluated_with_scans
from page_helpers import page_text
from treatment_pages import element

from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.features.clinical_scores.cln import COEFFICIENTS
from hccsurv_core.patient import PatientFacts
from pages._shared import followup_files, followup_measuring, routes, views
from pages._shared.followup_answer import answer_patient
from pages._shared.followup_measuring import Measured
from pages._shared.session import Session

BEFORE = {"Lesion 1": 56.0, "Lesion 2": 30.0, "Lesion 3": 28.0}
AFTER = {"Lesion 1": 60.0, "Lesion 2": 30.0, "Lesion 3": 28.0}
KNOWN = dict.fromkeys(COEFFICIENTS, False) | {"differentiation": "low", "pvtt": True}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A small model, truly trained on simulated rows."""
    return evaluated_with_scans(tmp_path_factory.mktemp("study"), n=260).bundle


@pytest.fixture
def no_model(tmp_path, monkeypatch):
    library = ModelLibrary(shipped=tmp_path / "none shipped")
    monkeypatch.setattr(followup_measuring, "open_models", lambda: library)
    return library


@pytest.fixture
def model(no_model, bundle):
    entry = no_model.publish(bundle.folder, by="test", name="Small model", simulated=True)
    no_model.activate(entry.id, by="test")
    return no_model


@pytest.fixture
def add_patient(store):
    """A patient with scans of these lesions; returns the newest study."""

    def add(*scans, values=KNOWN, simulated=True):
        patient = store.add_patient(
            "Follow", PatientFacts(sex="male", age_years=61), simulated=simulated
        )
        if values:
            store.save_clinical_values(patient.id, values, can_undo=False)
        for month, lesions in enumerate(scans):
            volume, regions = small_scan(lesions, seed=month)
            study = store.add_study(
                patient.id, volume, modality="CT", study_date=f"2024-0{1 + 2 * month}-10",
                phase="portal_venous", description="Chest and abdomen", simulated=simulated,
            )  # fmt: skip
            store.save_regions(study.id, regions)
        return study

    return add


@pytest.fixture
def measured(open_page, finish_job):
    def open_it(study):
        return finish_job(open_page(routes.FOLLOWUP, study.id))

    return open_it


def button(at, key):
    return at.button(key=key)


def widgets(at, kind, beginning):
    return [w for w in at.get(kind) if (w.key or "").startswith(beginning)]


# -- empty states -------------------------------------------------------------------------------
def test_without_a_patient_it_says_where_to_go(open_page):
    assert "No patient is open" in page_text(open_page(routes.FOLLOWUP))


def test_without_a_model_everything_but_scores_is_there(no_model, add_patient, measured):
    at = measured(add_patient(BEFORE, AFTER))
    text = page_text(at)
    assert "No model of survival under immunotherapy is active" in text
    assert "Stable disease (SD)" in element(at, "followup_recist")
    assert "No answer" in element(at, "followup_risk")


def test_one_scan_is_answered_from_the_baseline(model, add_patient, measured):
    at = measured(add_patient(BEFORE))
    assert "Only one scan" in page_text(at)
    assert "Not judged" in element(at, "followup_recist")
    scores = element(at, "followup_scores")
    assert "RadCLN-S answers" in scores and "RadCLN-D" not in scores
    assert "Answered without a follow-up scan" in page_text(at)


def test_without_lesions_it_says_what_to_outline(model, add_patient, measured):
    at = measured(add_patient({}, {}))
    assert "No lesion is outlined at baseline" in page_text(at)
    assert "CLN answers" in element(at, "followup_scores")
    assert button(at, "followup_to_scan").label == "Go to Scan & ROIs"


def test_without_anything_known_no_score_is_told(model, add_patient, measured):
    at = measured(add_patient({}, {}, values=None))
    assert "No score yet" in page_text(at)
    assert "differentiation" in element(at, "followup_cln").lower()


def test_a_chest_alone_is_no_baseline(no_model, store, open_page):
    patient = store.add_patient("Chest")
    volume, _ = small_scan({})
    study = store.add_study(patient.id, volume, modality="CT", description="Thorax")
    assert "No CT shows the liver at baseline" in page_text(open_page(routes.FOLLOWUP, study.id))


# -- the answer -----------------------------------------------------------------------------------
def test_both_scans_give_every_score_with_its_clock(model, add_patient, measured):
    at = measured(add_patient(BEFORE, AFTER))
    scores = element(at, "followup_scores")
    assert re.search(
        r"from the baseline scan CLN .* Rad-S .* from the follow-up scan Rad-D", scores
    )
    assert "RadCLN-D answers" in scores
    risk = element(at, "followup_risk")
    assert "trained on simulated patients" in risk and "RadCLN-D" in risk
    text = page_text(at)
    assert "Overall survival from the follow-up scan (RadCLN-D)" in text
    assert "What moved the score (RadCLN-D)" in text
    assert "Growth of diameters" in element(at, "followup_contributions")
    assert "has no network" in text
    assert page_text(at).count("class='hcc-film-caption'") == 12


def test_a_real_patient_is_warned_of_a_model_of_simulated_ones(model, add_patient, measured):
    at = measured(add_patient(BEFORE, AFTER, simulated=False))
    assert "Do not use this answer for this patient" in page_text(at)


def test_lesions_stand_there_with_sizes_volumes_and_growth(no_model, add_patient, measured):
    table = element(measured(add_patient(BEFORE, AFTER)), "followup_lesions")
    assert re.search(r"Lesion 1 target Liver \d+\.\d mm \d+\.\d mm \+\d+ %", table)
    assert "doubles in" in table and "Sum of targets" in table


# -- what a person says ---------------------------------------------------------------------------
def test_a_typed_diameter_changes_the_category_and_undo_brings_it_back(
    no_model, add_patient, measured, store
):
    study = add_patient(BEFORE, AFTER)
    at = measured(study)
    button(at, "followup_edit").click().run()
    (field,) = [
        w for w in widgets(at, "number_input", "followup_mm_") if w.key.endswith("_1_followup_mm")
    ]
    field.set_value(95.0)
    (save,) = [b for b in at.button if b.key.startswith("followup_mm_") and b.key.endswith("_save")]
    save.click().run()
    assert not at.exception
    assert "Progressive disease (PD)" in element(at, "followup_recist")
    assert "95.0 mm ✎" in element(at, "followup_lesions")
    patient = store.get_study(study.id).patient_id
    assert store.load_followup_reading(patient).reading.diameters == {
        "Lesion 1": {"followup_mm": 95.0}
    }
    button(at, "followup_undo").click().run()
    assert "Stable disease (SD)" in element(at, "followup_recist")


def test_a_new_lesion_that_was_seen_is_progression_and_moves_the_score(
    model, add_patient, measured
):
    at = measured(add_patient(BEFORE, AFTER))
    assert re.search(
        r"A new tumor Change between the scans no", element(at, "followup_contributions")
    )
    widgets(at, "checkbox", "followup_new_")[0].check().run()
    assert "new lesion: seen by the reader" in element(at, "followup_recist").lower()
    assert re.search(
        r"A new tumor Change between the scans yes", element(at, "followup_contributions")
    )


def test_nothing_outlined_at_follow_up_waits_for_a_word(model, add_patient, measured, finish_job):
    at = measured(add_patient(BEFORE, {}))
    assert "No lesion is outlined at follow-up" in page_text(at)
    assert "RadCLN-S answers" in element(at, "followup_scores")
    widgets(at, "checkbox", "followup_gone_")[0].check().run()
    finish_job(at)
    assert "Complete response (CR)" in element(at, "followup_recist")
    assert "RadCLN-D answers" in element(at, "followup_scores")


def test_a_slice_is_replaced_by_hand_and_reset(no_model, add_patient, measured, finish_job, store):
    study = add_patient(BEFORE, AFTER)
    at = measured(study)
    at.toggle(key="followup_choose").set_value(True).run()
    first = widgets(at, "number_input", "followup_slice_baseline_liver_0_")[0]
    first.set_value(first.value - 3).run()
    finish_job(at)
    assert "Chosen by hand" in page_text(at)
    patient = store.get_study(study.id).patient_id
    assert "baseline_liver" in store.load_followup_reading(patient).reading.slices
    button(at, "followup_reset_baseline_liver").click().run()
    finish_job(at)
    assert "Chosen by hand" not in page_text(at)


def test_another_scan_is_chosen_by_hand(no_model, add_patient, measured, finish_job):
    at = measured(add_patient(BEFORE, AFTER))
    choice = widgets(at, "selectbox", "followup_scan_followup_lung_")[0]
    choice.set_value("none").run()
    finish_job(at)
    assert "the baseline lungs are carried forward" in page_text(at)


# -- clinical score -------------------------------------------------------------------------------
def test_the_seven_values_are_filled_in_right_there(model, add_patient, measured, store):
    study = add_patient(BEFORE, AFTER, values=None)
    at = measured(study)
    assert "not known" in element(at, "followup_cln")
    next(c for c in at.selectbox if c.key.endswith("_differentiation")).set_value("moderate")
    for name in set(COEFFICIENTS) - {"differentiation"}:
        next(c for c in at.segmented_control if c.key.endswith(f"_{name}")).set_value("No")
    saves = [b for b in at.button if b.key.startswith("followup_cln") and b.key.endswith("_save")]
    saves[0].click()
    at.run()
    assert "CLN score 0.3747" in element(at, "followup_cln")
    assert store.load_clinical_values(store.get_study(study.id).patient_id).values["pvtt"] is False


def test_the_published_fusion_tells_both_readings(no_model, add_patient, measured):
    at = measured(add_patient(BEFORE, AFTER))
    assert "the authors' own network" in page_text(at)
    at.number_input(key="followup_radiology").set_value(0.1).run()
    # 9.8834 × 0.1 + 0.53 × (3 × … ) by hand: CLN is 2 × 0.3747 + 0.6732 = 1.4226.
    fusion = element(at, "followup_fusion")
    assert "1.742 high risk" in fusion and "0.555 not high risk" in fusion


# -- organs that nobody outlined ------------------------------------------------------------------
def test_organs_are_outlined_once_kept_and_said(
    no_model, add_patient, measured, store, monkeypatch
):
    study = add_patient(BEFORE, AFTER)
    for one in store.studies(store.get_study(study.id).patient_id):
        kept = [r for r in store.load_regions(one.id).regions if r.name != "Liver"]
        store.save_regions(one.id, kept)
    calls = []

    def outline(organ, volume, progress, *, backend):
        from hccsurv_core.roi.regions import region_of
        from hccsurv_core.systems.immunotherapy.stored_outlines import AUTOMATIC

        assert backend == Session().backend == "classical"  # Settings chooses another
        calls.append(organ)
        mask = next(r for r in small_scan({})[1] if r.name == "Liver").whole(volume.shape)
        return region_of("liver-automatic", "Liver", mask, method=f"{AUTOMATIC} (test)"), ()

    from hccsurv_core.systems.immunotherapy import stored_outlines

    monkeypatch.setattr(stored_outlines, "outline_organ", outline)
    at = measured(study)
    assert calls == ["liver", "liver"]
    assert "Outlined by the program, to be checked" in page_text(at)
    assert "Liver" in {r.name for r in store.load_regions(study.id).regions}
    at.run()
    assert calls == ["liver", "liver"]


# -- to take away ---------------------------------------------------------------------------------
@pytest.fixture
def taken(model, add_patient, monkeypatch):
    """View, measurement, answer and response outside of a page."""
    from hccsurv_core.systems.immunotherapy.response import judge_patient

    state = Session()
    monkeypatch.setattr(followup_measuring, "session", lambda: state)
    view = views.load_view(add_patient(BEFORE, AFTER).id)
    task = followup_measuring.task_of(view)
    found = followup_measuring.measure_followup(task)
    while not isinstance(found, Measured):
        state.job.join(60)
        followup_measuring.keep_followup(state, state.job)
        state.job = None
        found = followup_measuring.measure_followup(task)
    answer = answer_patient(view, *followup_measuring.active_model(), found)
    return view, found, answer, judge_patient(found.patient, found.stored.reading)


def test_files_hold_what_the_page_shows(taken):
    from hccsurv_core.report.figures.filmstrip import body_frame, slice_picture
    from hccsurv_core.report.followup_report import report_html, report_pdf

    told = json.loads(followup_files.followup_json(*taken))
    assert told["answer"]["version"] == "RadCLN-D"
    assert told["response"]["recist"]["category"] == "SD"
    assert len(told["scans"]["followup_lung"]["slices"]) == 3
    table = followup_files.lesions_csv(*taken)
    assert table.splitlines()[0].startswith("lesion,organ,baseline_mm,followup_mm")
    assert "Trained on simulated patients" in table
    _, measured, _, _ = taken
    pictures = {
        role: [slice_picture(s, k, role.split("_")[1], body_frame(s), width=60) for k in range(3)]
        for role, s in measured.patient.slices.items()
    }
    report = followup_files._report(*taken, pictures)
    page = report_html(report)
    # Three slices of both organs at both times, the curve, and what moved the score.
    assert page.count("data:image/png;base64,") == 12 + 2
    assert "Overall survival" in page and "What moved the score" in page
    assert "RECIST 1.1: SD" in page and "Research use. Not a medical device." in page
    printed = report_pdf(report)
    assert printed.startswith(b"%PDF") and printed == report_pdf(report)
    assert printed.count(b"/Type /Page ") == 2
    without = report_pdf(replace(report, answer=None))
    assert without.count(b"/Type /Page ") == 1
