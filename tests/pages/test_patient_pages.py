"""Scan and muscle pages: level, outline, five definitions, missing facts, provenance."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from page_helpers import erase, page_text, small_segmentation, small_volume

from hccsurv_core.errors import SegmentationError
from hccsurv_core.patient import PatientFacts
from hccsurv_core.systems.roi_edits import apply_command
from pages._shared import downloads, routes, views
from pages._shared.roi_editor import access


@pytest.mark.parametrize("page", [routes.SCAN, routes.MUSCLE])
def test_without_a_patient_the_page_says_so_and_links_home(open_page, page):
    at = open_page(page)
    assert "No patient is open" in page_text(at)
    at.button(key=f"go_{routes.WORKLIST}").click().run()
    assert "Upload a scan" in page_text(at)


@pytest.mark.parametrize("page", [routes.SCAN, routes.MUSCLE])
def test_a_study_that_is_gone_is_no_crash(open_page, page):
    assert "No patient is open" in page_text(open_page(page, study_id="gone"))


def test_five_definitions_stand_with_cutoffs_verdicts_and_sources(open_page, add_study):
    at = open_page(routes.MUSCLE, add_study().id)
    text = page_text(at)
    for name in ("SMI", "PMA", "PMI", "PD", "MA"):
        assert f"<b>{name}</b>" in text
    for cutoff in ("≤ 50", "&lt; 15.61", "&lt; 6.36", "&lt; 38.5", "≤ 44.4"):
        assert cutoff in text or cutoff.replace("&lt;", "<") in text
    assert "https://doi.org/10.1002/lt.24750" in text
    # 2 × 70 psoas pixels of 45 HU at 0.25 cm²; 256 pixels of back muscle at 30 HU.
    assert "35.00" in text  # PMA
    assert "99.0" in text  # SMA
    assert "45.0" in text and "35.3" in text  # PD, MA
    assert "2 of 5 definitions call it low" in text
    assert "Look twice" in text
    assert "automatic outline (revision 1)" in text


def test_missing_height_is_asked_for_and_then_used(open_page, add_study, store):
    study = add_study(PatientFacts(sex="male"))
    at = open_page(routes.MUSCLE, study.id)
    assert "because the height is missing" in page_text(at)
    assert "2 not known" in page_text(at)
    at.number_input(key="ask_height").set_value(175.0)
    at.button(key="ask_save").click().run()
    assert not at.exception
    assert store.get_patient(study.patient.id).facts.height_m == 1.75
    assert "because the height" not in page_text(at)
    assert store.load_measures(study.id)["measures"]["smi"] == pytest.approx(99 / 1.75**2)


def test_missing_sex_leaves_the_psoas_density_only(open_page, add_study):
    text = page_text(open_page(routes.MUSCLE, add_study(PatientFacts(height_m=1.7)).id))
    assert "4 not known" in text
    assert "because the sex is missing" in text


def test_facts_are_edited_in_the_patient_bar(open_page, add_study, store):
    study = add_study()
    at = open_page(routes.MUSCLE, study.id)
    prefix = f"bar_{study.patient.id}"
    at.number_input(key=f"{prefix}_height").set_value(180.0)
    at.text_input(key=f"{prefix}_pseudonym").set_value("Renamed")
    at.button(key=f"{prefix}_save").click().run()
    patient = store.get_patient(study.patient.id)
    assert (patient.pseudonym, patient.facts.height_m) == ("Renamed", 1.8)
    assert patient.facts.age_years == 61


def test_a_thin_level_asks_before_it_gives_verdicts(open_page, add_study, store):
    study = add_study(confidence=0.55)
    assert "Confirm the level first" in page_text(open_page(routes.MUSCLE, study.id))
    at = open_page(routes.SCAN, study.id)
    assert "Is this L3?" in page_text(at) and "Ribs and pelvis disagree" in page_text(at)
    at.button(key="level_confirm").click().run()
    assert store.load_level(study.id).state == "confirmed"
    assert "Is this L3?" not in page_text(at)
    assert "confirmed by local" in page_text(at)


def test_the_editor_is_told_of_the_study_and_not_of_its_voxels(open_page, add_study, store):
    study = add_study()
    at = open_page(routes.SCAN, study.id)
    state = at.session_state["hccsurv"]
    assert state.roi_token[0] == study.id
    assert "outline edited by" not in page_text(at)
    erase(store, study.id, "psoas_right", slice(20, 25), slice(20, 27))
    at.run()
    assert "outline edited by Dr. Who" in page_text(at)
    other = add_study()
    state.study_id = other.id
    token = state.roi_token[1]
    at.query_params["study"] = other.id
    at.run()
    assert at.session_state["hccsurv"].roi_token[0] == other.id
    assert access.GRANTS.check(token, study.id, None) is None  # the leave for the first one ended


def test_the_muscle_page_leads_to_the_editor_at_the_measured_slice(open_page, add_study):
    study = add_study()
    at = open_page(routes.MUSCLE, study.id)
    at.button(key="to_editor").click().run()
    assert not at.exception
    state = at.session_state["hccsurv"]
    assert state.go_to == (study.id, 6) and state.go_round == 1
    assert state.roi_token[0] == study.id  # the editor was drawn


def test_moving_by_a_slice_measures_there(open_page, add_study, store, finish_job):
    study = add_study()
    at = open_page(routes.SCAN, study.id)
    at.button(key="level_slice_up").click().run()
    finish_job(at)
    level = store.load_level(study.id)
    assert (level.location.slice_index, level.state) == (7, "moved")
    assert store.load_segmentation(study.id).segmentation.slice_index == 7
    state = at.session_state["hccsurv"]
    assert (state.go_to, state.go_round) == ((study.id, 7), 1)


def test_a_failing_move_is_one_message_and_keeps_everything(
    open_page, add_study, store, finish_job, monkeypatch
):
    def fail(*_, **__):
        raise SegmentationError("no muscle was found on slice 7", remedy="check the level")

    study = add_study()
    at = open_page(routes.SCAN, study.id)
    monkeypatch.setattr("hccsurv_core.roi.segmentation.segment_body", fail)
    at.button(key="level_slice_up").click().run()
    finish_job(at)
    assert [error.value for error in at.error] == [
        "No muscle was found on slice 7. Check the level."
    ]
    assert store.load_level(study.id).location.slice_index == 6
    assert store.load_segmentation(study.id).revision == 1


def test_corrections_change_numbers_are_undone_and_remember_who(open_page, add_study, store):
    study = add_study()
    erase(store, study.id, "psoas_right", slice(20, 25), slice(20, 27))
    at = open_page(routes.MUSCLE, study.id)
    text = page_text(at)
    assert "edited by Dr. Who" in text and "26.25" in text
    assert "<td>Dr. Who</td>" in text  # the history
    apply_command(store, study.id, {"do": "undo", "target": "body"}, actor="Dr. Who")
    assert "26.25" not in page_text(open_page(routes.MUSCLE, study.id))
    assert store.load_segmentation(study.id).state == "automatic"
    assert store.load_measures(study.id)["measures"]["pma_cm2"] == pytest.approx(35.0)
    actors = {entry.actor for entry in store.history(study.patient.id)}
    assert "Dr. Who" in actors


def test_simulated_patients_are_marked_everywhere(open_page, add_study):
    study = add_study(simulated=True, pseudonym="DEMO-9")
    for page in (None, routes.SCAN, routes.MUSCLE):
        assert "Simulated patient" in page_text(open_page(page, study.id))


def test_downloads_hold_table_masks_and_figure(add_study, tmp_path):
    study = add_study(simulated=True)
    view = views.load_view(study.id)
    table = downloads.definitions_csv(view)
    assert table.count("doi:") == 5 and "simulated patient" in table
    everything = json.loads(downloads.result_json(view))
    assert everything["areas_cm2"]["psoas_left"] == pytest.approx(17.5)
    assert everything["outline_state"] == "automatic"
    assert len(everything["definitions"]) == 5
    assert downloads.file_stem(view).isascii()


def test_masks_leave_as_nifti_and_dicom_seg(add_study, tmp_path):
    import nibabel
    import pydicom

    view = views.load_view(add_study().id)
    files = {
        kind: downloads.masks_file(view, kind, volume=small_volume(), source_files=())
        for kind in ("nifti", "seg", "zip")
    }
    path = tmp_path / "masks.nii.gz"
    path.write_bytes(files["nifti"])
    labels = np.asarray(nibabel.load(path).dataobj)
    assert labels.shape == (64, 48, 12)
    assert np.count_nonzero(labels) == sum(
        np.count_nonzero(mask)
        for name, mask in small_segmentation().masks.items()
        if not name.startswith("psoas")
    )
    assert pydicom.dcmread(io.BytesIO(files["seg"])).Modality == "SEG"
    names = zipfile.ZipFile(io.BytesIO(files["zip"])).namelist()
    assert {"labels.nii.gz", "psoas_left.nii.gz", "segmentation.dcm"} <= set(names)


def test_a_study_with_warnings_lists_them_in_the_bar(open_page, add_study):
    at = open_page(routes.SCAN, add_study().id)
    assert "Look twice" in page_text(at)


def test_a_reload_comes_back_to_the_study(open_page, add_study):
    study = add_study()
    at = open_page(routes.MUSCLE, study.id)
    assert at.query_params["study"] in (study.id, [study.id])


def test_one_of_two_studies_can_be_deleted_the_only_one_cannot(open_page, add_study, store):
    first = add_study()
    at = open_page(routes.SCAN, first.id)
    assert not [button for button in at.button if button.key == "delete_study_yes"]
    second = store.add_study(
        first.patient.id,
        small_volume(),
        modality="CT",
        study_date="2024-09-01",
        description="Later",
    )
    at = open_page(routes.SCAN, second.id)
    assert "This cannot be undone" in page_text(at)
    at.button(key="delete_study_yes").click().run()
    assert not at.exception
    assert [study.id for study in store.studies(first.patient.id)] == [first.id]
    assert at.toast[0].value == "The study was deleted."
    assert "35.0" in page_text(open_page(routes.MUSCLE, first.id))
