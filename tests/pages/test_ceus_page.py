"""The page CEUS: a clip with its regions, curves, settings with undo, and the model's answer."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ceus_patients import QUICK, patients
from page_helpers import page_text
from treatment_pages import element

from hccsurv_core.cohort.model_library import ModelLibrary
from hccsurv_core.errors import InputError
from hccsurv_core.imaging.ultrasound_panels import find_panels
from hccsurv_core.io.outline_file import read_screen_outline
from hccsurv_core.io.ultrasound_clip import read_clip
from hccsurv_core.models.store import read_bundle
from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.regions import region_of
from hccsurv_core.simulate.ceus.clip import write_clip
from hccsurv_core.simulate.ceus.demo import DEMO_SEED, ceus_demo
from hccsurv_core.systems.ceus.training import train_ceus
from pages._shared import ceus_measuring, routes
from pages._shared.ceus_clip import frames_text, read_frames

TIMES_S = np.concatenate([np.arange(0, 60, 3.0), np.arange(60, 200, 20.0)])


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A clip of 27 frames with its outlines."""
    folder = tmp_path_factory.mktemp("clip")
    truth = write_clip(folder, DEMO_SEED, ceus_demo("typical").index, times_s=TIMES_S)
    rois = folder / "rois" / truth.patient_id
    loaded = read_clip([folder / "images" / truth.patient_id / "clip"])
    outlines = [
        read_screen_outline(rois / f"clip_{part}.nii.gz", loaded.clip.screen)[0]
        for part in ("lesion", "parenchyma")
    ]
    frame = json.loads((rois / "clip_truth.json").read_text())["reference_frame"]
    return loaded, outlines, frame, truth.dynamic_range_db


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A small model, truly trained on simulated rows."""
    folder = tmp_path_factory.mktemp("model") / "b"
    train_ceus(patients(420, seed=8), QUICK).write(folder)
    return read_bundle(folder)


@pytest.fixture
def no_model(tmp_path, monkeypatch):
    library = ModelLibrary(shipped=tmp_path / "none shipped")
    monkeypatch.setattr(ceus_measuring, "open_models", lambda: library)
    return library


@pytest.fixture
def model(no_model, bundle):
    entry = no_model.publish(bundle.folder, by="test", name="Small model", simulated=True)
    no_model.activate(entry.id, by="test")
    return no_model


@pytest.fixture
def add_clip(store, drawn):
    def add(*, outlined=True, reference=True, simulated=True):
        loaded, (lesion, liver), frame, range_db = drawn
        patient = store.add_patient(
            "Echo", PatientFacts(sex="male", age_years=61), simulated=simulated
        )
        study = store.add_clip(
            patient.id, loaded, panels=find_panels(loaded.clip), dynamic_range_db=range_db,
            outline_frame=frame, simulated=simulated,
        )  # fmt: skip
        regions = [region_of("l", "Lesion", lesion[None], (frame, 0, 0))]
        if reference:
            regions.append(region_of("r", "Reference liver", liver[None], (frame, 0, 0)))
        if outlined:
            store.save_regions(study.id, regions)
        return study

    return add


@pytest.fixture
def measured(open_page, finish_job):
    def open_it(study):
        return finish_job(open_page(routes.CEUS, study.id))

    return open_it


def test_curves_peak_frame_and_phases_stand_beside_the_clip(no_model, add_clip, measured):
    at = measured(add_clip())
    leading = element(at, "ceus_leading")
    assert "Time to peak" in leading and " s" in leading
    assert "Arterial phase Hyperenhancement" in leading
    assert "Peak frame" in page_text(at)
    parameters = element(at, "ceus_parameters")
    assert "Mean transit time" in parameters and "dB below white" in parameters
    assert "No model of recurrence and survival is active" in page_text(at)


def test_without_an_outline_it_says_what_to_draw(no_model, add_clip, open_page):
    text = page_text(open_page(routes.CEUS, add_clip(outlined=False).id))
    assert "Outline the lesion first" in text and "Reference liver" in text


def test_the_model_answers_with_class_recurrence_survival_and_marks(model, add_clip, measured):
    at = measured(add_clip())
    card = element(at, "ceus_class")
    assert "Class" in card and "trained on simulated patients" in card
    numbers = element(at, "ceus_numbers")
    assert "Recurrence within 12 months" in numbers and "Alive at 60 months" in numbers
    assert "From clinical values and pictures" in page_text(at)
    assert "Patchiness of the enhancement" in element(at, "ceus_contributions")
    assert "Class 4" in element(at, "ceus_classes")


def test_washout_is_taken_from_the_clip_unless_it_was_reported(model, add_clip, measured, store):
    study = add_clip()
    text = page_text(measured(study))
    assert "enhancement from 60 to 120 s" in text and "as this clip shows it" in text
    store.save_clinical_values(study.patient_id, {"portal_phase": "hyperenhancement"})
    text = page_text(measured(study))
    assert "Portal phase: hyperenhancement is reported and taken; this clip shows" in text
    assert "as this clip shows it" not in text


def test_no_answer_stands_there_while_pictures_are_being_measured(
    model, add_clip, open_page, monkeypatch
):
    """It would be that of clinical values alone, and change in seconds."""
    busy = ceus_measuring.NotMeasured("busy")
    monkeypatch.setattr(ceus_measuring, "measure_clip", lambda *_: busy)
    text = page_text(open_page(routes.CEUS, add_clip().id))
    assert "The prediction follows when curves and pictures are measured" in text
    assert "From clinical values" not in text and "not outlined" not in text


def test_without_a_reference_pictures_are_not_used(model, add_clip, measured):
    at = measured(add_clip(reference=False))
    assert "From clinical values" in page_text(at)
    assert "the pictures are not outlined" in page_text(at)


def test_a_real_patient_is_warned_of_a_model_of_simulated_ones(model, add_clip, measured):
    at = measured(add_clip(simulated=False))
    assert "Do not use this answer for this patient" in page_text(at)


def test_settings_are_kept_measured_again_and_undone(
    no_model, add_clip, measured, finish_job, store
):
    study = add_clip()
    at = measured(study)
    revision = store.load_clip(study.id).revision
    at.text_input(key=f"clip_frames_{revision}").set_value("3, 5-6")
    at.number_input(key=f"clip_peak_{revision}").set_value(9)
    at.button(key=f"clip_save_{revision}").click().run()
    finish_job(at)
    stored = store.load_clip(study.id)
    assert stored.excluded == (3, 5, 6) and stored.peak_frame == 9
    assert "chosen by" in page_text(at)
    at.button(key="clip_undo").click().run()
    finish_job(at)
    assert store.load_clip(study.id).excluded == ()


def test_times_count_from_the_injection(no_model, add_clip, measured, finish_job, store):
    study = add_clip()
    at = measured(study)
    (key,) = [k for k in at.session_state["hccsurv"].cache if k[0] == "clip"]
    before = at.session_state["hccsurv"].cache[key].perfusion.peak_frame
    store.change_clip(study.id, injection_s=4.0)
    finish_job(at.run())
    newest = [k for k in at.session_state["hccsurv"].cache if k[0] == "clip"][-1]
    after = at.session_state["hccsurv"].cache[newest].perfusion.peak_frame
    assert after.frame == before.frame
    assert after.time_s == pytest.approx(before.time_s - 4.0)


def test_a_cancelled_measurement_can_be_begun_again(no_model, add_clip, open_page, finish_job):
    study = add_clip()
    at = open_page(routes.CEUS, study.id)
    session = at.session_state["hccsurv"]
    finish_job(at)
    (key,) = [k for k in session.cache if k[0] == "clip"]
    session.cache[key] = ceus_measuring.NotMeasured("cancelled")
    at.run()
    assert "The measurement was cancelled." in page_text(at)
    at.button(key="ceus_again").click().run()
    finish_job(at)
    assert "Time to peak" in element(at, "ceus_leading")


@pytest.mark.parametrize(
    ("text", "frames"), [("", ()), ("3", (3,)), ("9, 2-4", (2, 3, 4, 9)), ("1–2", (1, 2))]
)
def test_frames_are_written_as_people_do(text, frames):
    assert read_frames(text, 20) == frames
    assert read_frames(frames_text(frames), 20) == frames


@pytest.mark.parametrize(("text", "why"), [("x", "'x' is no frame"), ("19-20", "not among")])
def test_what_is_no_frame_is_refused(text, why):
    with pytest.raises(InputError, match=why):
        read_frames(text, 20)
