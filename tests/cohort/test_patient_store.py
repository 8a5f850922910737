"""The patient store: what goes in comes out, and what cannot go in is refused with a reason."""

from __future__ import annotations

import errno
import os
import stat
import threading
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.errors import CancelledError, InputError, NotFoundError, StoreError
from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.results import BodySegmentation
from hccsurv_core.volume import Volume

FACTS = PatientFacts("female", 61.0, 1.64, 58.5)


def _files_below(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


# -- patients ----------------------------------------------------------------------------------
def test_patient_survives_a_restart(tmp_path: Path) -> None:
    with PatientStore(tmp_path) as store:
        added = store.add_patient("Liver 12", FACTS)
    with PatientStore(tmp_path) as store:
        assert store.get_patient(added.id) == added
        assert added.facts == FACTS


def test_pseudonym_is_made_up_readable_and_unique(store: PatientStore) -> None:
    names = {store.add_patient().pseudonym for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith("P-") and 6 <= len(name) <= 8 for name in names)


@pytest.mark.parametrize(
    ("pseudonym", "message"),
    [
        ("   ", "is empty"),
        ("x" * 33, "33 characters.*at most 32"),
        ("a\x00b", "cannot be used"),
        ("Doe^Jane", "cannot be used"),
        ("a\nb", "cannot be used"),
    ],
)
def test_unusable_pseudonym_is_refused(store: PatientStore, pseudonym: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        store.add_patient(pseudonym)


def test_taken_pseudonym_is_refused_whatever_its_case(store: PatientStore) -> None:
    store.add_patient("Über-1")
    other = store.add_patient()
    with pytest.raises(InputError, match="'ÜBER-1' is taken"):
        store.add_patient("ÜBER-1")
    with pytest.raises(InputError, match="is taken"):
        store.update_patient(other.id, pseudonym="über-1")
    assert store.update_patient(other.id, pseudonym=other.pseudonym.lower()).pseudonym.islower()


def test_impossible_facts_are_refused(store: PatientStore) -> None:
    with pytest.raises(InputError, match="170 m is not between"):
        store.add_patient(facts=PatientFacts(height_m=170.0))
    assert store.list_patients() == []


def test_ages_above_89_become_one_group(store: PatientStore) -> None:
    assert store.add_patient(facts=PatientFacts(age_years=97)).facts.age_years == 90


def test_changed_facts_are_recorded_with_old_and_new(store: PatientStore, patient) -> None:
    store.update_patient(patient.id, facts=FACTS, actor="dr. a")
    store.update_patient(patient.id, facts=PatientFacts("female", 61.0, 1.66, 58.5), actor="dr. b")
    store.update_patient(patient.id, facts=PatientFacts("female", 61.0, 1.66, 58.5), actor="dr. c")
    newest, first, added = store.history(patient.id)
    assert (newest.actor, newest.changes) == ("dr. b", {"height_m": [1.64, 1.66]})
    assert newest.detail == "height 1.64 m → 1.66 m"
    assert first.changes["sex"] == [None, "female"]
    assert added.action == "patient_added"
    assert newest.at >= first.at >= added.at


def test_unknown_keys_say_so(store: PatientStore) -> None:
    with pytest.raises(NotFoundError, match="patient is not in the store"):
        store.get_patient("0" * 32)
    for call in (store.load_volume, store.load_level, store.load_segmentation, store.delete_study):
        with pytest.raises(NotFoundError, match="study is not in the store"):
            call("../../etc/passwd")


# -- studies -----------------------------------------------------------------------------------
def test_volume_comes_back_exactly(store: PatientStore, patient, volume: Volume) -> None:
    study = store.add_study(patient.id, volume, modality="CT", phase="arterial", warnings=["odd"])
    loaded = store.load_volume(study.id)
    assert isinstance(loaded.voxels, np.memmap) and not loaded.voxels.flags.writeable
    np.testing.assert_array_equal(loaded.voxels, volume.voxels)
    np.testing.assert_array_equal(loaded.affine, volume.affine)
    assert loaded.voxels.dtype == np.int16
    assert study.spacing_mm == pytest.approx(volume.spacing_mm)
    assert (study.phase, study.warnings) == ("arterial", ("odd",))


@pytest.mark.parametrize(
    ("given_dtype", "stored"),
    [
        ("int16", "int16"),
        ("uint8", "int16"),
        ("int64", "int16"),
        ("float32", "float32"),
        ("float64", "float32"),
    ],
)
def test_voxel_types(store: PatientStore, patient, given_dtype: str, stored: str) -> None:
    voxels = np.arange(24).reshape(2, 3, 4).astype(given_dtype)
    study = store.add_study(patient.id, Volume(voxels, np.eye(4)), modality="CT")
    loaded = store.load_volume(study.id).voxels
    assert loaded.dtype == stored
    np.testing.assert_array_equal(loaded, voxels)


def test_voxels_that_do_not_fit_are_refused(store: PatientStore, patient) -> None:
    with pytest.raises(InputError, match="16 bits"):
        store.add_study(patient.id, Volume(np.full((1, 2, 2), 40000), np.eye(4)), modality="CT")


def test_intervals_between_studies_remain_while_dates_do_not(
    store: PatientStore, patient, volume: Volume
) -> None:
    first = store.add_study(patient.id, volume, modality="CT", study_date="2024-01-31")
    second = store.add_study(patient.id, volume, modality="CT", study_date="2024-03-01")
    days = [date.fromisoformat(s.study_date) for s in (first, second)]
    assert (days[1] - days[0]).days == 30
    assert days[0] != date(2024, 1, 31) and first.date_is_shifted
    shift = store.deidentification_keys(patient.id).date_shift_days
    assert (days[0] - date(2024, 1, 31)).days == shift
    assert -1095 < shift <= -30


def test_original_dates_on_request_and_for_demo_patients(tmp_path: Path, volume: Volume) -> None:
    with PatientStore(tmp_path, dates="original") as store:
        patient = store.add_patient()
        study = store.add_study(patient.id, volume, modality="CT", study_date="2024-01-31")
        assert (study.study_date, study.date_is_shifted) == ("2024-01-31", False)
    with PatientStore(tmp_path, dates="shifted") as store:
        demo = store.add_patient(simulated=True)
        study = store.add_study(
            demo.id, volume, modality="CT", study_date="2024-01-31", simulated=True
        )
        assert study.study_date == "2024-01-31"
    with pytest.raises(InputError, match="date policy 'secret' is not known"):
        PatientStore(tmp_path, dates="secret")


def test_names_in_descriptions_are_dropped(store: PatientStore, patient, volume: Volume) -> None:
    study = store.add_study(
        patient.id, volume, modality="CT", description="ABD portal venous 5.0 Miller 19481231"
    )
    assert study.description == "ABD portal venous 5.0"


def test_source_files_are_copied_in_order(
    store: PatientStore, patient, volume: Volume, tmp_path: Path
) -> None:
    sources = []
    for n in range(3):
        sources.append(tmp_path / f"{9 - n}.dcm")
        sources[-1].write_bytes(bytes([n]) * (n + 1))
    study = store.add_study(patient.id, volume, modality="CT", dicom_files=sources)
    kept = store.dicom_files(study.id)
    assert [p.read_bytes() for p in kept] == [b"\0", b"\1\1", b"\2\2\2"]
    assert study.n_dicom_files == 3
    store.verify_study(study.id)
    kept[1].write_bytes(b"\1\7")
    with pytest.raises(StoreError, match="a source image is damaged"):
        store.verify_study(study.id)
    kept[1].unlink()
    with pytest.raises(StoreError, match="source image 2 is missing; delete this study"):
        store.dicom_files(study.id)


def test_a_missing_source_file_leaves_nothing_behind(
    store: PatientStore, patient, volume: Volume, tmp_path: Path
) -> None:
    before = _files_below(store.folder / "studies")
    with pytest.raises(StoreError, match=r"nope\.dcm"):
        store.add_study(patient.id, volume, modality="CT", dicom_files=[tmp_path / "nope.dcm"])
    assert store.studies(patient.id) == ()
    assert _files_below(store.folder / "studies") == before


def test_cancelling_leaves_nothing_behind(
    store: PatientStore, patient, volume: Volume, tmp_path: Path
) -> None:
    source = tmp_path / "a.dcm"
    source.write_bytes(b"x")

    def cancel(fraction: float, message: str) -> None:
        if fraction > 0.5:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        store.add_study(patient.id, volume, modality="CT", dicom_files=[source], progress=cancel)
    assert list((store.folder / "studies").iterdir()) == []


def test_study_dates_are_checked(store: PatientStore, patient, volume: Volume) -> None:
    with pytest.raises(InputError, match="'20240131x' is not a date; give it as YYYY-MM-DD"):
        store.add_study(patient.id, volume, modality="CT", study_date="20240131x")


# -- damage ------------------------------------------------------------------------------------
def test_damaged_images_are_never_shown(store: PatientStore, study, tmp_path: Path) -> None:
    path = store.folder / "studies" / study.id / "volume.npy"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-5] ^= 4
    for damaged in (bytes(flipped), whole[:-7], whole[:20], b"", whole + b"\0"):
        path.write_bytes(damaged)
        with (
            PatientStore(store.folder) as again,
            pytest.raises(StoreError, match=r"P-\w+, CT of .*: the images .*; delete this study"),
        ):
            again.load_volume(study.id)
    path.unlink()
    with pytest.raises(StoreError, match="images are missing"):
        store.load_volume(study.id)


def test_a_pickle_in_place_of_the_images_is_not_opened(store: PatientStore, study) -> None:
    path = store.folder / "studies" / study.id / "volume.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(StoreError, match="cannot be read"):
        store.load_volume(study.id)


def test_damaged_outlines_are_never_shown(store: PatientStore, study, make_segmentation) -> None:
    store.save_segmentation(study.id, make_segmentation(), state="automatic")
    (path,) = (store.folder / "studies" / study.id / "masks").iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="outlines in the data folder are damaged"):
        store.load_segmentation(study.id)
    path.unlink()
    with pytest.raises(StoreError, match="outlines are missing"):
        store.load_segmentation(study.id)


# -- findings ----------------------------------------------------------------------------------
def test_level_comes_back_exactly(store: PatientStore, study, location) -> None:
    assert store.load_level(study.id) is None
    store.save_level(study.id, location, state="automatic", actor="program")
    loaded, state, who, when = store.load_level(study.id)
    assert (state, who) == ("automatic", "program") and when.tzinfo is not None
    np.testing.assert_array_equal(loaded.canal, location.canal)
    for name in ("slice_index", "position_mm", "confidence", "method", "vertebrae"):
        assert getattr(loaded, name) == getattr(location, name)
    for name in ("alternatives", "evidence", "warnings"):
        assert getattr(loaded, name) == getattr(location, name)
    store.save_level(study.id, location, state="confirmed", actor="dr. a")
    assert store.load_level(study.id).state == "confirmed"


def test_level_outside_of_the_study_is_refused(store: PatientStore, study, location) -> None:
    from dataclasses import replace

    with pytest.raises(InputError, match="slice 9 is not among the 9"):
        store.save_level(study.id, replace(location, slice_index=9), state="moved")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_masks_come_back_exactly(store: PatientStore, study, data: st.DataObject) -> None:
    slices = data.draw(st.integers(1, 4))
    seed = data.draw(st.integers(0, 2**32 - 1))
    density = data.draw(st.sampled_from([0.0, 0.01, 0.5, 1.0]))
    names = data.draw(st.lists(st.text(max_size=8), min_size=1, max_size=4, unique=True))
    masks = {
        name: np.random.default_rng([seed, i]).random((slices, 16, 12)) < density
        for i, name in enumerate(names)
    }
    stored = BodySegmentation(2, 2, masks, "edited", ("a",))
    store.save_segmentation(study.id, stored, state="edited", note="n")
    loaded = store.load_segmentation(study.id).segmentation
    assert list(loaded.masks) == names
    for name in names:
        assert loaded.masks[name].dtype == bool
        np.testing.assert_array_equal(loaded.masks[name], masks[name])
    assert (loaded.first_slice, loaded.slice_index) == (2, 2)
    assert (loaded.method, loaded.warnings) == ("edited", ("a",))


def test_undo_goes_back_one_and_history_stays(
    store: PatientStore, study, make_segmentation
) -> None:
    with pytest.raises(NotFoundError, match="no earlier outline"):
        store.undo_segmentation(study.id)
    for seed, state in enumerate(("automatic", "edited", "confirmed")):
        stored = store.save_segmentation(
            study.id, make_segmentation(seed), state=state, actor=f"a{seed}", note=f"n{seed}"
        )
        assert stored.revision == seed + 1
    assert store.undo_segmentation(study.id).revision == 2
    current = store.load_segmentation(study.id)
    assert (current.state, current.actor, current.note) == ("edited", "a1", "n1")
    np.testing.assert_array_equal(
        current.segmentation.masks["muscle"], make_segmentation(1).masks["muscle"]
    )
    # A save after an undo follows from what was shown, and undo goes back to that.
    store.save_segmentation(study.id, make_segmentation(9), state="edited")
    assert store.undo_segmentation(study.id).revision == 2
    assert store.undo_segmentation(study.id).revision == 1
    assert not store.load_segmentation(study.id).can_undo
    with pytest.raises(NotFoundError, match="no earlier outline"):
        store.undo_segmentation(study.id)
    assert [(r.revision, r.is_current) for r in store.revisions(study.id)] == [
        (4, False), (3, False), (2, False), (1, True),
    ]  # fmt: skip


def test_masks_on_another_grid_are_refused(store: PatientStore, study, make_segmentation) -> None:
    with pytest.raises(InputError, match=r"from slice 7 do not fit the study's 9×16×12"):
        store.save_segmentation(study.id, make_segmentation(first_slice=7), state="automatic")
    uneven = BodySegmentation(
        0, 0, {"a": np.zeros((1, 16, 12), bool), "b": np.zeros((2, 16, 12), bool)}, "edited"
    )
    with pytest.raises(InputError, match="share one shape"):
        store.save_segmentation(study.id, uneven, state="edited")
    assert store.load_segmentation(study.id) is None


def test_numbers_hold_only_for_the_outline_and_facts_they_were_made_with(
    store: PatientStore, study, patient, make_segmentation
) -> None:
    store.save_segmentation(study.id, make_segmentation(0), state="automatic")
    store.save_measures(study.id, {"sma_cm2": np.float32(139.5), "smi": None, "n": np.int64(3)})
    assert store.load_measures(study.id) == {"sma_cm2": 139.5, "smi": None, "n": 3}
    store.save_segmentation(study.id, make_segmentation(1), state="edited")
    assert store.load_measures(study.id) is None
    store.save_measures(study.id, {"sma_cm2": 120.0})
    store.undo_segmentation(study.id)
    assert store.load_measures(study.id)["sma_cm2"] == 139.5
    store.update_patient(patient.id, facts=PatientFacts("male", 70.0, 1.8, 80.0))
    assert store.load_measures(study.id) is None
    store.update_patient(patient.id, facts=PatientFacts(None, 70.0, None, 80.0))
    assert store.load_measures(study.id)["sma_cm2"] == 139.5


def test_numbers_that_are_none_are_refused_by_name(store: PatientStore, study) -> None:
    with pytest.raises(InputError, match=r"measures\.a\[1\]: nan is not a number to keep"):
        store.save_measures(study.id, {"a": [1.0, float("nan")]})
    with pytest.raises(InputError, match="a set cannot be stored"):
        store.save_measures(study.id, {"a": {1}})


# -- deletion ----------------------------------------------------------------------------------
def test_deleting_a_study_removes_its_files(
    store: PatientStore, study, patient, make_segmentation
) -> None:
    store.save_segmentation(study.id, make_segmentation(), state="automatic")
    store.delete_study(study.id, actor="dr. a")
    assert store.studies(patient.id) == ()
    assert not (store.folder / "studies" / study.id).exists()
    entry = store.history(patient.id)[0]
    assert (entry.actor, entry.action) == ("dr. a", "study_deleted")


def test_deleting_a_patient_leaves_no_trace_of_who_it_was(store: PatientStore, volume) -> None:
    patient = store.add_patient("Zebra-Quagga", PatientFacts(height_m=1.7312))
    store.update_patient(patient.id, facts=PatientFacts(height_m=1.9471))
    study = store.add_study(patient.id, volume, modality="CT", study_date="2024-05-03")
    store.save_measures(study.id, {"note": "Okapi"})
    store.delete_patient(patient.id, actor="dr. a")
    with pytest.raises(NotFoundError):
        store.get_patient(patient.id)
    newest, *earlier = store.history(patient.id)
    assert (newest.action, newest.actor) == ("patient_deleted", "dr. a")
    assert newest.detail == "Patient and 1 studies deleted"
    assert all(entry.detail == "" and entry.changes == {} for entry in earlier)
    assert list((store.folder / "studies").iterdir()) == []
    store.close()
    raw = b"".join(p.read_bytes() for p in store.folder.iterdir() if p.is_file())
    for word in (b"Zebra", b"zebra", b"1.7312", b"1.9471", b"Okapi", b"2024-05-03"):
        assert word not in raw


# -- worklist ----------------------------------------------------------------------------------
def test_worklist_shows_what_is_done(
    store: PatientStore, patient, volume, location, make_segmentation
) -> None:
    old = store.add_study(
        patient.id, volume, modality="CT", study_date="2023-01-01", warnings=["a"]
    )
    new = store.add_study(
        patient.id, volume, modality="CT", study_date="2024-01-01", warnings=["a", "b"]
    )
    store.save_level(new.id, location, state="automatic")
    store.save_level(new.id, location, state="confirmed")
    store.save_segmentation(new.id, make_segmentation(), state="edited")
    store.save_measures(new.id, {"smi": 50.0})
    (row,) = store.list_patients()
    assert [s.id for s in row.studies] == [new.id, old.id]
    assert row.latest_study == new
    assert row.done == {
        "level": "confirmed",
        "segmentation": "edited",
        "measures": True,
        "regions": False,
    }
    assert row.done_by_study[old.id] == {
        "level": None,
        "segmentation": None,
        "measures": False,
        "regions": False,
    }
    assert row.n_warnings == 2 + 1 + 1


def test_patient_without_studies_is_listed(store: PatientStore, patient) -> None:
    (row,) = store.list_patients()
    assert (row.patient, row.studies, row.latest_study) == (patient, (), None)
    assert row.done == {"level": None, "segmentation": None, "measures": False, "regions": False}


@pytest.mark.parametrize(
    ("search", "found"),
    [("", 4), ("p-", 2), ("ÄRZ", 1), ("100%", 1), ("%", 1), ("_", 0), (" p-1 ", 1), ("'; --", 0)],
)
def test_search_takes_characters_literally(store: PatientStore, search: str, found: int) -> None:
    for name in ("P-1", "P-2", "ärzte", "100% liver"):
        store.add_patient(name)
    assert len(store.list_patients(search)) == found


def test_orders_of_the_worklist(store: PatientStore, volume) -> None:
    b, a, c = (store.add_patient(name, simulated=True) for name in ("b", "A", "c"))
    for patient, day in ((a, "2024-01-01"), (b, "2024-06-01")):
        store.add_study(patient.id, volume, modality="CT", study_date=day, simulated=True)
    store.update_patient(c.id, facts=FACTS)

    def names(order: str) -> str:
        return "".join(row.patient.pseudonym for row in store.list_patients(order=order))

    assert names("recent") == "cbA"
    assert names("pseudonym") == "Abc"
    assert names("study_date") == "bAc"
    with pytest.raises(ValueError, match="order must be one of"):
        store.list_patients(order="random")


def test_worklist_takes_two_queries_however_many_patients(store: PatientStore, volume) -> None:
    for _ in range(12):
        store.add_study(store.add_patient().id, volume, modality="CT")
    queries = []
    event.listen(store._engine, "before_cursor_execute", lambda *a: queries.append(a[2]))
    assert len(store.list_patients()) == 12
    assert sum(q.startswith("SELECT") for q in queries) == 2


# -- the folder --------------------------------------------------------------------------------
def test_folder_from_argument_then_variable_then_user_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hccsurv_core.cohort.settings import data_folder

    monkeypatch.setenv("HCCSURV_DATA", str(tmp_path / "variable"))
    assert data_folder(tmp_path / "argument") == tmp_path / "argument"
    assert data_folder() == tmp_path / "variable"
    monkeypatch.delenv("HCCSURV_DATA")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    assert data_folder().name == "hccsurv"


def test_only_the_owner_may_read(store: PatientStore, study, make_segmentation) -> None:
    store.save_segmentation(study.id, make_segmentation(), state="automatic")
    for path in (store.folder, *store.folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    import sqlite3

    PatientStore(tmp_path).close()
    with sqlite3.connect(tmp_path / "hccsurv.sqlite3") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreError, match=r"newer hccsurv \(schema 99.*update hccsurv"):
        PatientStore(tmp_path)


def test_an_older_store_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hccsurv_core.cohort import schema

    now = schema.SCHEMA_VERSION
    with PatientStore(tmp_path) as store:
        patient = store.add_patient("kept")
    steps = []

    def second(connection) -> None:
        connection.exec_driver_sql("ALTER TABLE patients ADD COLUMN extra TEXT DEFAULT 'x'")
        steps.append(2)

    def third(connection) -> None:
        connection.exec_driver_sql("UPDATE patients SET extra = 'y'")
        steps.append(3)
        if len(steps) < 4:
            raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(schema, "SCHEMA_VERSION", now + 2)
    monkeypatch.setattr(schema, "MIGRATIONS", {now: second, now + 1: third})
    with pytest.raises(OSError, match="no space"):
        PatientStore(tmp_path)
    with PatientStore(tmp_path) as store:  # nothing of the failed try is left
        assert store.get_patient(patient.id) == patient
    assert steps == [2, 3, 2, 3]
    with PatientStore(tmp_path) as store:
        assert steps == [2, 3, 2, 3]
    assert (tmp_path / f"hccsurv.sqlite3.v{now}.bak").is_file()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, None])
def test_foreign_or_damaged_database_is_refused(tmp_path: Path, content: bytes | None) -> None:
    import sqlite3

    path = tmp_path / "hccsurv.sqlite3"
    if content is None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE recipes (name TEXT)")
        connection.close()
    else:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=r"not a patient store|database is damaged"):
        PatientStore(tmp_path)


def test_a_full_disk_leaves_nothing_half_written(
    store: PatientStore, study, volume, make_segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save_segmentation(study.id, make_segmentation(0), state="automatic")
    before = _files_below(store.folder / "studies")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("hccsurv_core.cohort.files.os.fsync", full)
    with pytest.raises(StoreError, match="disk is full, nothing was stored; free some space"):
        store.add_study(study.patient_id, volume, modality="CT")
    with pytest.raises(StoreError, match="disk is full"):
        store.save_segmentation(study.id, make_segmentation(1), state="edited")
    monkeypatch.undo()
    assert _files_below(store.folder / "studies") == before
    assert len(store.studies(study.patient_id)) == 1
    assert store.load_segmentation(study.id).revision == 1


def test_many_threads_may_write_at_once(store: PatientStore, volume, make_segmentation) -> None:
    patient = store.add_patient()
    study = store.add_study(patient.id, volume, modality="CT")
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for n in range(4):
                store.save_segmentation(study.id, make_segmentation(seed * 10 + n), state="edited")
                store.list_patients()
        except BaseException as error:  # noqa: BLE001 - a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [r.revision for r in store.revisions(study.id)] == list(range(24, 0, -1))
