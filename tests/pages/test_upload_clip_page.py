"""Ultrasound through the upload page: offered beside CT, looked at, asked about, stored, never half."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pydicom
import pytest
from page_helpers import page_text
from PIL import Image
from test_upload_page import nifti_bytes, upload

from hccsurv_core.errors import StoreError
from hccsurv_core.simulate.ceus.clip import write_clip
from pages._shared import routes, upload_clips
from pages._shared.upload_clip_view import CONTRAST_COLOR, GRAYSCALE_COLOR, panels_picture

TIMES_S = np.array([0.0, 8.0, 20.0, 60.0])
#: Of the page that a clip is opened on.
TITLE = "Contrast-enhanced ultrasound"


@pytest.fixture(scope="module")
def dicom_clip(tmp_path_factory) -> bytes:
    """A simulated clip of four frames with two panels."""
    folder = tmp_path_factory.mktemp("clip")
    write_clip(folder, 5, 3, times_s=TIMES_S)
    return next(folder.glob("images/*/clip/*.dcm")).read_bytes()


@pytest.fixture(scope="module")
def timeless_clip(dicom_clip) -> bytes:
    """The same clip without a word on when its frames were taken."""
    ds = pydicom.dcmread(io.BytesIO(dicom_clip))
    for keyword in ("FrameTime", "FrameTimeVector", "CineRate", "RecommendedDisplayFrameRate"):
        if keyword in ds:
            del ds[keyword]
    if "FrameIncrementPointer" in ds:
        del ds["FrameIncrementPointer"]
    out = io.BytesIO()
    ds.save_as(out)
    return out.getvalue()


@pytest.fixture(scope="module")
def still(dicom_clip) -> bytes:
    """A frame of the clip as PNG."""
    frames = pydicom.dcmread(io.BytesIO(dicom_clip)).pixel_array
    out = io.BytesIO()
    Image.fromarray(frames[2]).save(out, format="PNG")
    return out.getvalue()


def key(at, start: str):
    """The widget whose key begins so."""
    found = [
        w
        for kind in ("toggle", "number_input", "button", "multiselect")
        for w in getattr(at, kind)
        if str(w.key).startswith(start)
    ]
    assert len(found) == 1, [w.key for w in found]
    return found[0]


def test_a_clip_is_offered_looked_at_and_stored(open_page, finish_job, store, dicom_clip):
    at = upload(open_page(), ("clip.dcm", dicom_clip), finish_job=finish_job)
    assert at.radio(key="upload_series").options == ["clip.dcm"]
    text = page_text(at)
    assert "2 · Check the picture" in text and "3 · Whose scan" in text
    assert "body composition needs a CT" not in text
    assert "First of 4 frames, 60 s long" in text
    folder = at.session_state["hccsurv"].draft.folder
    key(at, "upload_range").set_value(50.0)
    at.text_input(key="upload_pseudonym").set_value("Echo")
    at.run()
    at.button(key="upload_go").click().run()
    finish_job(at)
    (row,) = store.list_patients()
    assert row.patient.pseudonym == "Echo"
    assert row.patient.facts.sex is not None  # from the header
    stored = store.load_clip(row.latest_study.id)
    np.testing.assert_allclose(stored.clip.time_s, TIMES_S)
    assert stored.dynamic_range_db == 50.0
    assert stored.panels.contrast is not None
    assert row.latest_study.n_dicom_files == 0
    assert not folder.exists()
    text = page_text(at)
    assert TITLE in text and "Ultrasound clip" in text


def test_panels_are_swapped_by_a_toggle(open_page, finish_job, store, dicom_clip):
    at = upload(open_page(), ("clip.dcm", dicom_clip), finish_job=finish_job)
    (seen,) = at.session_state["hccsurv"].draft.seen.values()
    key(at, "upload_swap").set_value(True)
    at.run()
    at.button(key="upload_go").click().run()
    finish_job(at)
    (row,) = store.list_patients()
    stored = store.load_clip(row.latest_study.id)
    assert stored.panels.contrast == seen.panels.grayscale
    assert stored.panels.grayscale == seen.panels.contrast
    assert stored.dynamic_range_db is None


def slider(at, start: str):
    """The slider whose key begins so."""
    (found,) = [w for w in at.slider if str(w.key).startswith(start)]
    return found


def test_panels_are_marked_by_hand_and_stored_so(open_page, finish_job, store, dicom_clip):
    at = upload(open_page(), ("clip.dcm", dicom_clip), finish_job=finish_job)
    (seen,) = at.session_state["hccsurv"].draft.seen.values()
    found = seen.panels
    key(at, "upload_by_hand").set_value(True)
    at.run()
    assert "Panels as you say" in page_text(at)
    assert not at.checkbox  # fans are seen: nothing but picture is stored
    # Begins where the panels were found; here both are made 30 rows lower.
    columns, rows = slider(at, "upload_grayscale_columns"), slider(at, "upload_grayscale_rows")
    assert columns.value[0] == found.grayscale.left
    assert rows.value == (found.grayscale.top, found.grayscale.top + found.grayscale.rows)
    rows.set_value((found.grayscale.top, found.grayscale.top + found.grayscale.rows - 30))
    slider(at, "upload_frame").set_value(2)
    at.run()
    assert "Frame 2 of 4, from 0" in page_text(at)
    at.button(key="upload_go").click().run()
    finish_job(at)
    (row,) = store.list_patients()
    stored = store.load_clip(row.latest_study.id)
    assert stored.panels.found_by == "by hand"
    assert stored.panels.contrast.rows == stored.panels.grayscale.rows == found.grayscale.rows - 30
    assert stored.panels.contrast.spacing_mm == found.contrast.spacing_mm
    assert (stored.panels.contrast.left, stored.panels.contrast.top) == (
        found.contrast.left, found.contrast.top,
    )  # fmt: skip
    # What is outside the boxes is not stored.
    assert not stored.clip.frames[:, found.grayscale.top + found.grayscale.rows - 30 :].any()


def test_panels_that_lie_on_each_other_are_said_so_and_nothing_can_be_stored(
    open_page, finish_job, dicom_clip
):
    at = upload(open_page(), ("clip.dcm", dicom_clip), finish_job=finish_job)
    key(at, "upload_by_hand").set_value(True)
    at.run()
    first = slider(at, "upload_grayscale_columns").value[0]
    slider(at, "upload_contrast_left").set_value(first + 5)
    at.run()
    assert "lie on each other" in page_text(at)
    assert at.button(key="upload_go").disabled


def test_one_panel_alone_may_be_marked(open_page, finish_job, store, dicom_clip):
    at = upload(open_page(), ("clip.dcm", dicom_clip), finish_job=finish_job)
    (seen,) = at.session_state["hccsurv"].draft.seen.values()
    key(at, "upload_by_hand").set_value(True)
    at.run()
    (shows,) = [w for w in at.segmented_control if str(w.key).startswith("upload_shows")]
    shows.set_value("Contrast alone").run()
    at.button(key="upload_go").click().run()
    finish_job(at)
    (row,) = store.list_patients()
    panels = store.load_clip(row.latest_study.id).panels
    assert panels.grayscale is None and panels.contrast == seen.panels.contrast


def test_where_no_panel_is_found_they_are_marked_by_hand(open_page, finish_job, store):
    picture = np.zeros((120, 260), np.uint8)
    picture[20:100:3, 10:250:3] = 200  # dots, as of no fan
    out = io.BytesIO()
    Image.fromarray(picture).save(out, format="PNG")
    at = upload(open_page(), ("dots.png", out.getvalue()), finish_job=finish_job)
    text = page_text(at)
    assert "No ultrasound picture was found on the screen" in text
    assert "Mark the panels by hand" in text
    # All inside the boxes would be stored, whatever it is: a person must have looked.
    assert "but for what looks like text" in text
    assert at.button(key="upload_go").disabled
    (looked,) = [c for c in at.checkbox if str(c.key).startswith("upload_looked")]
    looked.check().run()
    assert not at.button(key="upload_go").disabled
    at.button(key="upload_go").click().run()
    finish_job(at)
    (row,) = store.list_patients()
    panels = store.load_clip(row.latest_study.id).panels
    assert (panels.grayscale.columns, panels.contrast.left) == (130, 130)


def test_of_two_panels_that_look_alike_a_person_says_which_shows_contrast(
    open_page, finish_job, store, shared_data
):
    path = shared_data / "ultrasound" / "gdcm-US-ALOKA-16.dcm"
    if not path.is_file():
        pytest.skip(f"{path.name} is not among the shared scans")
    at = upload(open_page(), (path.name, path.read_bytes()), finish_job=finish_job)
    assert "check which panel shows contrast" in page_text(at)
    at.segmented_control(key=f"upload_which_{path.name}").set_value("Contrast right").run()
    assert "check which panel shows contrast" not in page_text(at)
    at.button(key="upload_go").click().run()
    finish_job(at)
    (row,) = store.list_patients()
    panels = store.load_clip(row.latest_study.id).panels
    assert (panels.grayscale, panels.contrast) == panels.found
    assert panels.grayscale.left < panels.contrast.left and panels.found_by == "by hand"


def test_the_picture_shows_each_panel_in_its_color(open_page, finish_job, dicom_clip):
    at = upload(open_page(), ("clip.dcm", dicom_clip), finish_job=finish_job)
    (seen,) = at.session_state["hccsurv"].draft.seen.values()
    for panels in (seen.panels, seen.panels.swapped()):
        shown = panels_picture(seen.loaded.clip, panels)
        for panel, color in (
            (panels.grayscale, GRAYSCALE_COLOR),
            (panels.contrast, CONTRAST_COLOR),
        ):
            edge = shown[panel.top + panel.rows - 1, panel.left : panel.left + panel.columns]
            assert (edge == color).all()


def test_seconds_between_frames_are_asked_where_the_file_does_not_tell(
    open_page, finish_job, store, timeless_clip
):
    at = upload(open_page(), ("clip.dcm", timeless_clip), finish_job=finish_job)
    assert "Give the seconds between frames" in page_text(at)
    assert at.button(key="upload_go").disabled
    key(at, "upload_interval").set_value(0.5)
    at.run()
    at.button(key="upload_go").click().run()
    finish_job(at)
    (row,) = store.list_patients()
    np.testing.assert_allclose(
        store.load_clip(row.latest_study.id).clip.time_s, [0.0, 0.5, 1.0, 1.5]
    )


def test_a_ct_stays_preselected_and_a_clip_beside_it_is_read_on_demand(
    open_page, finish_job, store, dicom_clip, monkeypatch
):
    at = upload(
        open_page(), ("body.nii.gz", nifti_bytes()), ("clip.dcm", dicom_clip), finish_job=finish_job
    )
    draft = at.session_state["hccsurv"].draft
    radio = at.radio(key="upload_series")
    assert radio.value == draft.inspection.preselected
    assert radio.options[-1] == "clip.dcm" and len(radio.options) == 2
    assert at.button(key="upload_go").label == "Read and measure"
    radio.set_value("clip:clip.dcm").run()
    assert not [b for b in at.button if b.key == "upload_go"]
    key(at, "upload_look").click().run()
    finish_job(at)
    assert at.button(key="upload_go").label == "Read and store"
    at.button(key="upload_go").click().run()
    finish_job(at)
    (row,) = store.list_patients()
    assert row.latest_study.modality == "US"


def test_a_clip_in_a_zip_and_a_known_patient(open_page, finish_job, store, add_study, dicom_clip):
    known = add_study(pseudonym="Known")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("liver/clip.dcm", dicom_clip)
        archive.writestr("liver/readme.txt", "nothing to see")
    at = upload(open_page(), ("exam.zip", packed.getvalue()), finish_job=finish_job)
    at.segmented_control(key="upload_whose").set_value("known").run()
    at.button(key="upload_go").click().run()
    finish_job(at)
    assert [s.modality for s in store.studies(known.patient.id)].count("US") == 1
    assert len(store.list_patients()) == 1
    newest = next(s for s in store.studies(known.patient.id) if s.modality == "US")
    assert not any("readme" in warning for warning in newest.warnings)


def test_stills_that_are_pictures_become_studies_of_one_patient(
    open_page, finish_job, store, still
):
    at = upload(open_page(), ("gray.png", still), ("peak.png", still), finish_job=finish_job)
    assert at.radio(key="upload_series").options == ["gray.png", "peak.png"]
    assert "not used" not in page_text(at)
    assert key(at, "upload_others").value == ["peak.png"]
    at.button(key="upload_go").click().run()
    finish_job(at)
    (row,) = store.list_patients()
    assert [s.shape[0] for s in row.studies] == [1, 1]


def test_a_damaged_video_is_one_message_that_names_it(open_page, finish_job, store):
    broken = b"RIFF\x10\x00\x00\x00AVI LIST" + bytes(200)
    at = upload(open_page(), ("liver.avi", broken), finish_job=finish_job)
    text = page_text(at)
    assert "liver.avi" in text and at.error
    assert "Traceback" not in text
    assert not [b for b in at.button if b.key == "upload_go"]
    assert store.list_patients() == []


def test_a_failed_import_leaves_nothing_and_the_upload_stays(
    open_page, finish_job, store, still, monkeypatch
):
    """The second still cannot be stored: the first one goes, too, and the page asks again."""
    kept = type(store).add_clip
    stored = []

    def full(self, *args, **kwargs):
        if stored:
            raise StoreError("the disk is full", remedy="free some space")
        stored.append(kept(self, *args, **kwargs))
        return stored[-1]

    monkeypatch.setattr(type(store), "add_clip", full)
    at = upload(open_page(), ("gray.png", still), ("peak.png", still), finish_job=finish_job)
    at.button(key="upload_go").click().run()
    finish_job(at)
    assert len(stored) == 1
    assert "The disk is full" in page_text(at) and "Free some space" in page_text(at)
    assert store.list_patients() == []
    assert at.session_state["hccsurv"].draft.folder.is_dir()
    assert not at.button(key="upload_go").disabled


def test_a_cancelled_import_leaves_nothing_of_a_clip(
    open_page, finish_job, store, dicom_clip, monkeypatch
):
    at = upload(open_page(), ("clip.dcm", dicom_clip), finish_job=finish_job)

    def cancel_soon(path, clip, kept, progress):
        at.session_state["hccsurv"].job.cancel()
        progress(0.5, "Frame 2 of 4")

    monkeypatch.setattr("hccsurv_core.cohort.clips.write_brightness", cancel_soon)
    at.button(key="upload_go").click().run()
    finish_job(at)
    assert "was cancelled. Nothing was stored" in page_text(at)
    assert store.list_patients() == []
    assert at.button(key="upload_go").label == "Read and store"


def test_a_shared_clip_opens(open_page, finish_job, store, shared_data):
    path = shared_data / "ultrasound" / "fo-dicom_DIRW0007_65f.dcm"
    if not path.is_file():
        pytest.skip(f"{path.name} is not among the shared scans")
    at = upload(open_page(), (path.name, path.read_bytes()), finish_job=finish_job)
    assert "First of 65 frames" in page_text(at)
    at.button(key="upload_go").click().run()
    finish_job(at)
    (row,) = store.list_patients()
    assert row.latest_study.shape == (65, 456, 576)


@pytest.mark.parametrize(
    ("texts", "range_db"),
    [
        (["clip_DR50.avi"], 50.0),
        (["clip.dcm", "Liver CEUS DR 60 dB"], 60.0),
        (["dr-45dB.mp4", "DR: 45"], 45.0),
        (["DR50.avi", "DR 60 dB"], None),
        (["DR 500", "DR7", "address 55", "Dr. Miller"], None),
    ],
)
def test_a_dynamic_range_is_taken_from_names_that_agree(texts, range_db):
    assert upload_clips.told_range_db(texts) == range_db


# -- the pages of CT -----------------------------------------------------------------------------
@pytest.fixture
def stored_clip(store, dicom_clip, tmp_path):
    from hccsurv_core.imaging.ultrasound_panels import find_panels
    from hccsurv_core.io.ultrasound_clip import read_clip

    path = tmp_path / "clip.dcm"
    path.write_bytes(dicom_clip)
    loaded = read_clip([path])
    patient = store.add_patient("Echo")
    return store.add_clip(patient.id, loaded, panels=find_panels(loaded.clip))


@pytest.mark.parametrize("page", [routes.SCAN, routes.MUSCLE, routes.TREATMENT])
def test_pages_of_ct_lead_to_the_clip(open_page, stored_clip, page):
    at = open_page(page, stored_clip.id)
    text = page_text(at)
    assert "This study is an ultrasound clip" in text
    assert "4 frames" in text and "L3 level" not in text
    at.button(key=f"go_{routes.CEUS}").click().run()
    assert TITLE in page_text(at)


def test_the_worklist_opens_a_clip_on_its_page(open_page, stored_clip):
    at = open_page()
    text = page_text(at)
    assert "Regions" in text and "Outline" not in text
    at.button(key=f"open_{stored_clip.patient_id}").click().run()
    assert TITLE in page_text(at)


def test_a_ct_is_no_clip_on_the_page_of_clips(open_page, add_study):
    assert "This study is no ultrasound clip" in page_text(open_page(routes.CEUS, add_study().id))


def test_a_demo_patient_with_a_clip_is_made_once(open_page, finish_job, store, monkeypatch):
    monkeypatch.setattr(
        "hccsurv_core.systems.ceus.demo_record.DEMO_SAMPLING", ((20.0, 5.0), (60.0, 20.0))
    )
    for _ in range(2):
        at = open_page()
        at.button(key="open_demo_typical").click().run()
        finish_job(at)
    (row,) = store.list_patients()
    assert row.patient.simulated and row.patient.pseudonym == "DEMO-C1"
    study = row.latest_study
    stored = store.load_clip(study.id)
    assert study.simulated and len(stored.clip) == 7 and stored.clip.time_zero == "injection"
    regions = {r.name: r for r in store.load_regions(study.id).regions}
    assert list(regions) == ["Lesion", "Reference parenchyma"]
    for region in regions.values():
        assert list(region.slices) == [stored.outline_frame]
        row0, column0 = region.offset[1:]
        panel = stored.panels.contrast
        assert panel.top <= row0 and panel.left <= column0
        assert row0 + region.mask.shape[1] <= panel.top + panel.rows
        assert column0 + region.mask.shape[2] <= panel.left + panel.columns
    values = store.load_clinical_values(row.patient.id).values
    # The story says a nodule of 37 mm; a reader measured it.
    assert values["tumor_diameter_mm"] == pytest.approx(37, abs=5)
    width = regions["Lesion"].mask.any(axis=(0, 1)).sum() * study.spacing_mm[2]
    assert width == pytest.approx(37, abs=8)
    assert TITLE in page_text(at)
