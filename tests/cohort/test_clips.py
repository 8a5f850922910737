"""Ultrasound clips in the store: what comes back, what is never stored, and changes that can be undone."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageDraw

from hccsurv_core.clip import Clip, Panels, Region
from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.errors import (
    CancelledError,
    GeometryError,
    InputError,
    NotFoundError,
    StoreError,
)
from hccsurv_core.imaging.ultrasound_panels import fan_mask, find_panels
from hccsurv_core.imaging.ultrasound_text import text_mask
from hccsurv_core.io.ultrasound_clip import LoadedClip, read_clip
from hccsurv_core.patient import PatientFacts
from hccsurv_core.simulate.ceus.clip import write_clip

TIMES_S = np.array([0.0, 6.0, 14.5, 25.0, 90.0])
SEED, PATIENT = 5, 3
#: The gray level in which this machine writes.
SCREEN_TEXT = 225


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> LoadedClip:
    """A simulated color clip of five frames with two panels, as it is read from DICOM."""
    folder = tmp_path_factory.mktemp("clip")
    write_clip(folder, SEED, PATIENT, times_s=TIMES_S)
    return read_clip([next(folder.glob("images/*/clip/*.dcm"))])


@pytest.fixture(scope="module")
def panels(loaded) -> Panels:
    return find_panels(loaded.clip)


@pytest.fixture
def clip_study(store: PatientStore, patient, loaded, panels):
    return store.add_clip(patient.id, loaded, panels=panels, dynamic_range_db=50.0)


def with_text(loaded: LoadedClip, text: str, level: int, at=(30, 4)) -> LoadedClip:
    """The clip with a line of text drawn onto every frame."""
    frames = np.array(loaded.clip.frames)
    for n, frame in enumerate(frames):
        picture = Image.fromarray(frame)
        ImageDraw.Draw(picture).text(at, text, fill=(level,) * 3, font_size=18)
        frames[n] = np.asarray(picture)
    return replace(loaded, clip=replace(loaded.clip, frames=frames))


# -- round trip ----------------------------------------------------------------------------------
def test_everything_about_a_clip_comes_back(store, patient, loaded, panels, clip_study):
    stored = store.load_clip(clip_study.id)
    clip = loaded.clip
    assert clip_study.modality == "US"
    assert clip_study.shape == stored.clip.frames.shape == (5, *clip.screen)
    assert_array_equal(stored.clip.time_s, clip.time_s)
    assert_allclose(stored.clip.time_s, TIMES_S)
    assert stored.clip.regions == clip.regions
    assert stored.clip.time_zero == "first frame"
    assert stored.panels == panels
    assert stored.dynamic_range_db == 50.0
    assert stored.machine == {"manufacturer": loaded.manufacturer, "model": loaded.model}
    assert (stored.excluded, stored.peak_frame, stored.outline_frame) == ((), None, None)
    assert (stored.revision, stored.can_undo) == (1, False)
    assert_array_equal(stored.marks, text_mask(clip))
    for known in (clip_study, *store.studies(patient.id)):
        assert known.spacing_mm == pytest.approx((1.0, *panels.contrast.spacing_mm))
    assert store.history(patient.id)[0].detail == "US added: 5 frames"


def test_frames_are_the_brightness_of_the_screen_in_eight_bits(store, loaded, panels, clip_study):
    """ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B, to the nearest level."""
    stored = store.load_clip(clip_study.id)
    assert stored.clip.frames.dtype == np.uint8 and isinstance(stored.clip.frames, np.memmap)
    weights = np.array([0.299, 0.587, 0.114])
    for panel in (panels.grayscale, panels.contrast):
        fan = fan_mask(loaded.clip, panel)
        for n in range(len(TIMES_S)):
            color = np.asarray(loaded.clip.frames[n])[panel.box][fan]
            gray = np.asarray(stored.clip.frames[n])[panel.box][fan]
            assert np.abs(color @ weights - gray).max() <= 0.501
    size = (store.folder / "studies" / clip_study.id / "volume.npy").stat().st_size
    assert 0 <= size - 5 * np.prod(loaded.clip.screen) <= 256


def test_the_fan_of_the_stored_picture_is_the_one_that_was_read(store, loaded, panels, clip_study):
    stored = store.load_clip(clip_study.id)
    for panel in (panels.grayscale, panels.contrast):
        before, after = (fan_mask(clip, panel) for clip in (loaded.clip, stored.clip))
        assert (before & after).sum() >= 0.97 * (before | after).sum()


def test_a_gray_still_and_a_clip_from_the_injection(store, patient, loaded, panels):
    gray = Clip(
        frames=np.stack([loaded.clip.brightness(3)]).astype(np.uint8),
        time_s=np.array([25.0]),
        regions=loaded.clip.regions,
        time_zero="injection",
    )
    study = store.add_clip(patient.id, replace(loaded, clip=gray), panels=panels, outline_frame=0)
    stored = store.load_clip(study.id)
    assert study.shape[0] == 1
    assert stored.clip.time_zero == "injection"
    assert_array_equal(stored.clip.time_s, [25.0])
    assert (stored.dynamic_range_db, stored.outline_frame) == (None, 0)
    fan = fan_mask(gray, panels.contrast)
    box = panels.contrast.box
    assert_array_equal(stored.clip.frames[0][box][fan], gray.frames[0][box][fan])


def test_without_a_pixel_size_a_pixel_is_a_millimeter_and_that_is_told(store, patient, loaded):
    clip = replace(loaded.clip, regions=())
    study = store.add_clip(patient.id, replace(loaded, clip=clip), panels=find_panels(clip))
    assert study.spacing_mm == (1.0, 1.0, 1.0)
    assert any("taken as 1 mm" in warning for warning in study.warnings)


def test_date_and_description_are_those_of_any_study(store, patient, loaded, panels):
    told = {"study_date": "2024-05-03", "description": "Liver ultrasound DOE 19500101"}
    study = store.add_clip(patient.id, loaded, panels=panels, **told)
    assert study.date_is_shifted and study.study_date != "2024-05-03"
    assert study.description == "Liver ultrasound"
    demo = store.add_patient("demo", PatientFacts(), simulated=True)
    study = store.add_clip(demo.id, loaded, panels=panels, simulated=True, **told)
    assert (study.study_date, study.description) == tuple(told.values())


# -- de-identification ---------------------------------------------------------------------------
@pytest.mark.parametrize("level", [255, 19])
def test_no_pixel_beside_the_picture_is_stored(store, patient, loaded, panels, level):
    """Also letters too dim for a detector: outside the fans everything is black."""
    named = with_text(loaded, "DOE^JANE 1950-01-01", level)
    study = store.add_clip(patient.id, named, panels=panels)
    lit = np.asarray(store.load_clip(study.id).clip.frames).max(axis=0) > 0
    assert lit.any()
    for panel in (panels.grayscale, panels.contrast):
        lit[panel.box] &= ~_grown(fan_mask(loaded.clip, panel))
    assert not lit.any()


def _grown(mask):
    """One pixel more: fan masks leave marks out, which may be kept."""
    from scipy.ndimage import binary_fill_holes

    return binary_fill_holes(mask)


def test_a_word_that_reaches_into_the_picture_goes_whole(store, patient, loaded, panels):
    box = panels.contrast
    fan = fan_mask(loaded.clip, box)
    row = box.top + int(np.median(np.flatnonzero(fan.any(axis=1))))
    edge = box.left + int(np.flatnonzero(fan[row - box.top + 8])[0])
    named = with_text(loaded, "DOE JANE", SCREEN_TEXT, (edge - 40, row))
    study = store.add_clip(patient.id, named, panels=panels)
    drawn = (np.asarray(named.clip.frames).min(axis=(0, 3)) == SCREEN_TEXT)[row : row + 22]
    stored = np.asarray(store.load_clip(study.id).clip.frames)[:, row : row + 22]
    assert drawn.any()
    assert stored[:, drawn].max() == 0


def test_text_is_told_and_names_of_other_files_are_not(store, patient, loaded, panels):
    odd = replace(loaded.clip, warnings=("Doe_Jane.txt was left out: it is empty", "dim gain"))
    study = store.add_clip(
        patient.id, replace(loaded, clip=odd), panels=panels, warnings=("one more",)
    )
    told = " | ".join(study.warnings)
    assert "Doe" not in told
    assert "1 other file of the upload could not be used" in told
    assert "text is burned into the picture" in told
    assert "dim gain" in told and "one more" in told
    assert store.load_clip(study.id).clip.warnings == study.warnings
    assert study.n_dicom_files == 0


def test_nothing_of_a_real_clip_is_kept_beside_its_fan(store, patient, shared_data):
    path = shared_data / "ultrasound" / "fo-dicom_DIRW0007_65f.dcm"
    if not path.is_file():
        pytest.skip(f"{path.name} is not among the shared scans")
    loaded = read_clip([path])
    panels = find_panels(loaded.clip)
    study = store.add_clip(patient.id, loaded, panels=panels)
    stored = store.load_clip(study.id)
    assert study.shape == (65, 456, 576)
    assert stored.machine == {"manufacturer": "ACUSON", "model": "SEQUOIA"}
    # The hospital's and the patient's lines stand in the upper left; the heart in the middle.
    assert np.asarray(stored.clip.frames)[:, :60, :200].max() == 0
    assert np.asarray(loaded.clip.frames)[:, :60, :200].max() > 200
    assert np.asarray(stored.clip.frames)[:, 150:300, 200:350].max() > 200
    assert any("text is burned into the picture" in w for w in study.warnings)


# -- changes -------------------------------------------------------------------------------------
def test_a_change_is_a_revision_and_is_undone(store, patient, panels, clip_study):
    changed = store.change_clip(clip_study.id, panels=panels.swapped(), actor="Dr. Who")
    assert (changed.revision, changed.actor, changed.can_undo) == (2, "Dr. Who", True)
    assert changed.panels.contrast == panels.grayscale
    assert changed.panels.found == panels.found
    more = store.change_clip(clip_study.id, dynamic_range_db=None, excluded=[4, 0, 4], peak_frame=2)
    assert (more.excluded, more.peak_frame, more.dynamic_range_db) == ((0, 4), 2, None)
    assert more.panels == changed.panels
    told = [entry.detail for entry in store.history(patient.id)[:2]]
    assert told == [
        "dynamic range 50 dB → not known; frames 0, 4 left out; peak frame from the curve → 2",
        "grayscale and contrast panel swapped",
    ]
    back = store.undo_clip(clip_study.id, actor="Dr. Who")
    assert (back.excluded, back.peak_frame, back.dynamic_range_db) == ((), None, 50.0)
    assert (back.revision, back.can_undo) == (4, True)
    first = store.undo_clip(clip_study.id)
    assert (first.panels, first.can_undo) == (panels, False)
    with pytest.raises(NotFoundError, match="no change of this clip to take back"):
        store.undo_clip(clip_study.id)
    assert store.history(patient.id)[0].action == "clip_undone"


def test_the_time_of_injection_is_kept_and_told(store, patient, clip_study):
    assert store.load_clip(clip_study.id).injection_s is None
    assert store.change_clip(clip_study.id, injection_s=-10).injection_s == -10.0
    assert store.history(patient.id)[0].detail == "injection the clip's 0 s → -10 s"


def test_what_changes_nothing_is_not_stored(store, patient, panels, clip_study):
    before = store.history(patient.id)
    same = store.change_clip(
        clip_study.id, panels=panels, dynamic_range_db=50, excluded=(), peak_frame=None
    )
    assert same.revision == 1
    assert store.history(patient.id) == before


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"excluded": [5]}, InputError, "from 0 to 4"),
        ({"excluded": range(5)}, InputError, "all 5 frames are left out"),
        ({"excluded": [1], "peak_frame": 1}, InputError, "frame 1 is the peak frame and left out"),
        ({"peak_frame": -1}, InputError, "from 0 to 4"),
        ({"peak_frame": 1.5}, InputError, "1.5 is no frame"),
        ({"outline_frame": 9}, InputError, "from 0 to 4"),
        ({"dynamic_range_db": 5}, InputError, "dynamic range.*from 10 to 120"),
        ({"injection_s": 9000}, InputError, "injection.*from -600 to 600"),
        ({"dynamic_range_db": float("nan")}, InputError, "dynamic range"),
        ({"panels": Panels(None, Region(0, 0, 9999, 20))}, GeometryError, "row 9999"),
        (
            {"panels": Panels(Region(0, 0, 20, 20), Region(0, 0, 20, 20))},
            GeometryError,
            "cannot be grayscale and contrast",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(store, clip_study, change, error, words):
    with pytest.raises(error, match=words):
        store.change_clip(clip_study.id, **change)
    assert store.load_clip(clip_study.id).revision == 1


def test_a_peak_frame_cannot_be_left_out_later(store, clip_study):
    store.change_clip(clip_study.id, peak_frame=2)
    with pytest.raises(InputError, match="take it in, or choose another"):
        store.change_clip(clip_study.id, excluded=[2])


def test_a_ct_is_no_clip(store, study):
    for call in (store.load_clip, store.change_clip, store.undo_clip):
        with pytest.raises(NotFoundError, match="no ultrasound clip"):
            call(study.id)
        with pytest.raises(NotFoundError, match="not in the store"):
            call("nobody")


# -- what may go wrong ---------------------------------------------------------------------------
def test_panels_that_hold_no_picture_are_refused(store, patient, loaded):
    clip = replace(loaded.clip, frames=np.zeros_like(loaded.clip.frames), regions=())
    with pytest.raises(GeometryError, match="beyond the screen"):
        store.add_clip(
            patient.id, replace(loaded, clip=clip), panels=Panels(None, Region(0, 0, 9999, 9))
        )
    assert store.studies(patient.id) == ()


@pytest.mark.parametrize("at", [0.0, 0.3, 0.7])
def test_a_cancelled_clip_leaves_nothing(store, patient, loaded, panels, at):
    def cancel(fraction: float, message: str) -> None:
        if fraction >= at:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        store.add_clip(patient.id, loaded, panels=panels, progress=cancel)
    assert store.studies(patient.id) == ()
    assert list((store.folder / "studies").iterdir()) == []


def test_damaged_frames_name_the_patient_and_what_to_do(store, patient, clip_study):
    path = store.folder / "studies" / clip_study.id / "volume.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="damaged") as caught:
        PatientStore(store.folder).load_clip(clip_study.id)
    assert patient.pseudonym in str(caught.value) and "US of" in str(caught.value)
    path.unlink()
    with pytest.raises(StoreError, match="missing"):
        store.load_clip(clip_study.id)


def test_a_clip_goes_with_its_study(store, patient, clip_study):
    store.change_clip(clip_study.id, peak_frame=3)
    store.delete_study(clip_study.id)
    with pytest.raises(NotFoundError, match="not in the store"):
        store.load_clip(clip_study.id)
    assert all("peak frame" not in entry.detail for entry in store.history(patient.id))
    with sqlite3.connect(store.folder / "hccsurv.sqlite3") as connection:
        for table in ("clips", "clip_settings"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    connection.close()


def test_a_store_of_version_3_takes_clips(tmp_path: Path, volume, loaded, panels):
    """What was there stays; afterwards the file is as this version would have made it."""
    with PatientStore(tmp_path / "old") as store:
        patient = store.add_patient("kept")
        study = store.add_study(patient.id, volume, modality="CT")
        tables = _tables(store.folder)
    with sqlite3.connect(tmp_path / "old" / "hccsurv.sqlite3") as connection:
        connection.executescript(
            "DROP TABLE clips; DROP TABLE clip_settings; DROP TABLE followup_readings; "
            "PRAGMA user_version = 3;"
        )
    connection.close()
    with PatientStore(tmp_path / "old") as store:
        assert_array_equal(store.load_volume(study.id).voxels, volume.voxels)
        new = store.add_clip(patient.id, loaded, panels=panels)
        assert store.load_clip(new.id).panels == panels
        assert _tables(store.folder) == tables
    assert (tmp_path / "old" / "hccsurv.sqlite3.v3.bak").is_file()


def _tables(folder: Path) -> dict[str, str]:
    with sqlite3.connect(folder / "hccsurv.sqlite3") as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        found = {name: "".join(sql.split()).lower() for name, sql in rows}
    connection.close()
    return found
