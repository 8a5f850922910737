"""From the upload widget to a stored study, or to one message that says what to do."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest
from page_helpers import page_text, small_volume

from hccsurv_core.errors import LevelNotFoundError
from pages._shared import routes, uploads, views
from pages._shared.session import Session


def nifti_bytes() -> bytes:
    """The small body as a gzipped NIfTI (axes in RAS)."""
    volume = small_volume()
    affine = np.diag([-1, -1, 1, 1]) @ volume.affine
    image = nibabel.Nifti1Image(np.transpose(volume.voxels, (2, 1, 0)), affine)
    return gzip.compress(image.to_bytes())


def upload(at, *files, finish_job):
    """Put files into the first upload widget and wait until they are looked through."""
    at.file_uploader[0].set_value(
        [(name, data, "application/octet-stream") for name, data in files]
    )
    at.run()
    return finish_job(at)


def test_without_an_upload_the_page_links_home(open_page):
    assert "Nothing uploaded yet" in page_text(open_page(routes.UPLOAD))


def test_a_file_that_is_no_scan_is_one_message(open_page, finish_job):
    at = upload(open_page(), ("notes.txt", b"not an image"), finish_job=finish_job)
    text = page_text(at)
    assert "notes.txt" in text
    assert "Traceback" not in text
    assert at.error
    assert not [b for b in at.button if b.key == "upload_go"]
    at.button(key="upload_other").click().run()
    assert "Upload a scan" in page_text(at)
    assert at.session_state["hccsurv"].draft is None


def test_a_nifti_is_listed_asked_about_and_stored(open_page, finish_job, store, monkeypatch):
    """The toy body has no spine to find: it is stored, and a person is asked for the level."""

    def no_level(*_, **__):
        raise LevelNotFoundError("no spine is in view", remedy="mark L3 by hand")

    monkeypatch.setattr("hccsurv_core.roi.spine.locate_l3", no_level)
    at = upload(open_page(), ("body.nii.gz", nifti_bytes()), finish_job=finish_job)
    text = page_text(at)
    assert "Without sex and height some definitions stay" in text
    folder = at.session_state["hccsurv"].draft.folder
    key = at.session_state["hccsurv"].draft.inspection.preselected
    at.text_input(key="upload_pseudonym").set_value("Omega")
    at.number_input(key=f"upload_{key}_height").set_value(171.0)
    at.run()
    at.button(key="upload_go").click().run()
    finish_job(at)
    (row,) = store.list_patients()
    assert row.patient.pseudonym == "Omega"
    assert row.patient.facts.height_m == pytest.approx(1.71)
    assert row.latest_study.modality == "CT"
    assert row.latest_study.shape == small_volume().shape
    assert not folder.exists()
    text = page_text(at)
    assert "No spine is in view" in text and "There is no L3 level yet" in text


def test_a_second_scan_joins_a_known_patient(open_page, finish_job, store, add_study, monkeypatch):
    def no_level(*_, **__):
        raise LevelNotFoundError("no spine is in view", remedy="mark L3 by hand")

    monkeypatch.setattr("hccsurv_core.roi.spine.locate_l3", no_level)
    known = add_study(pseudonym="Known")
    at = upload(open_page(), ("body.nii.gz", nifti_bytes()), finish_job=finish_job)
    at.segmented_control(key="upload_whose").set_value("known").run()
    at.button(key="upload_go").click().run()
    finish_job(at)
    assert len(store.studies(known.patient.id)) == 2
    assert len(store.list_patients()) == 1


def test_a_taken_pseudonym_is_refused_and_nothing_is_stored(
    open_page, finish_job, store, add_study
):
    add_study(pseudonym="Taken")
    at = upload(open_page(), ("body.nii.gz", nifti_bytes()), finish_job=finish_job)
    at.text_input(key="upload_pseudonym").set_value("taken").run()
    at.button(key="upload_go").click().run()
    finish_job(at)
    assert any("pseudonym" in error.value for error in at.error)
    assert len(store.list_patients()) == 1


def test_a_cancelled_import_leaves_nothing(open_page, finish_job, store, monkeypatch):
    at = upload(open_page(), ("body.nii.gz", nifti_bytes()), finish_job=finish_job)

    def cancel_soon(volume, *, progress):
        at.session_state["hccsurv"].job.cancel()
        progress(0.5, "Finding L3")

    monkeypatch.setattr("hccsurv_core.roi.spine.locate_l3", cancel_soon)
    at.button(key="upload_go").click().run()
    finish_job(at)
    assert "was cancelled. Nothing was stored" in page_text(at)
    assert store.list_patients() == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b/c.dcm", "a/b/c.dcm"),
        ("../../etc/passwd", "etc/passwd"),
        ("/abs/x", "abs/x"),
        ("C:\\scans\\1.dcm", "C_/scans/1.dcm"),
        ("a\x00b", "a_b"),
        ("..", "file"),
        ("x" * 300 + ".dcm", "x" * 116 + ".dcm"),
    ],
)
def test_names_stay_inside_the_folder(name, safe):
    assert str(uploads.safe_relative_name(name)) == safe


def test_files_of_the_same_name_are_both_kept():
    import io

    class File(io.BytesIO):
        name = "1.dcm"

    draft = uploads.spool([File(b"one"), File(b"two")])
    try:
        files = sorted(p for p in (draft.folder / "files").rglob("*") if p.is_file())
        assert sorted(p.read_bytes() for p in files) == [b"one", b"two"]
        assert draft.folder.stat().st_mode & 0o077 == 0
    finally:
        state = Session(draft=draft)
        uploads.drop_draft(state)
    assert state.draft is None and not draft.folder.exists()


def test_what_lost_sessions_left_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    old = tmp_path / f"{uploads.PREFIX}old"
    old.mkdir()
    other = tmp_path / "other"
    other.mkdir()
    later = old.stat().st_mtime + uploads.STALE_AFTER_S + 1
    assert uploads.remove_stale_uploads(now=later - 2) == 0
    assert uploads.remove_stale_uploads(now=later) == 1
    assert not old.exists() and other.exists()


def test_a_demo_patient_is_made_once(open_page, finish_job, store, monkeypatch):
    from types import SimpleNamespace

    built = []

    def small(key, progress):
        built.append(key)
        return SimpleNamespace(volume=small_volume())

    monkeypatch.setattr("hccsurv_core.simulate.demo_patients.build_demo_patient", small)
    for _ in range(2):
        at = open_page()
        at.button(key="open_demo_clear_sarcopenia").click().run()
        finish_job(at)
    assert built == ["clear_sarcopenia"]
    (row,) = store.list_patients()
    assert row.patient.simulated and row.patient.pseudonym == "DEMO-1"
    assert views.load_view(row.latest_study.id).simulated
