"""Clinical values in the store: kept, told, taken back, gone with the patient; older stores follow."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.errors import InputError, NotFoundError

ALBUMIN, MORE = {"albumin_g_l": 38.0}, {"albumin_g_l": 31.0, "hbsag": True}


def test_nothing_is_known_of_a_new_patient(store: PatientStore, patient) -> None:
    assert store.load_clinical_values(patient.id) is None


def test_values_survive_a_restart_with_who_and_when(tmp_path: Path) -> None:
    with PatientStore(tmp_path) as store:
        patient = store.add_patient()
        saved = store.save_clinical_values(patient.id, MORE, actor="Dr. Who")
    with PatientStore(tmp_path) as store:
        assert store.load_clinical_values(patient.id) == saved
        row = store.list_patients()[0]
    assert saved.values == MORE and saved.actor == "Dr. Who" and saved.can_undo
    assert saved.at == row.last_activity


def test_a_value_left_out_is_not_known_any_more(store: PatientStore, patient) -> None:
    store.save_clinical_values(patient.id, MORE)
    saved = store.save_clinical_values(patient.id, {"albumin_g_l": None, "hbsag": True})
    assert saved.values == {"hbsag": True}


def test_every_change_is_told_with_old_and_new_value(store: PatientStore, patient) -> None:
    store.save_clinical_values(patient.id, ALBUMIN, actor="one")
    store.save_clinical_values(patient.id, MORE, actor="two")
    entry = store.history(patient.id)[0]
    assert (entry.actor, entry.action) == ("two", "values_changed")
    assert entry.detail == "Albumin 38 g/L → 31 g/L, HBsAg not known → yes"
    assert entry.changes == {"albumin_g_l": [38.0, 31.0], "hbsag": [None, True]}


def test_the_same_values_again_are_no_change(store: PatientStore, patient) -> None:
    first = store.save_clinical_values(patient.id, ALBUMIN, actor="one")
    n_entries = len(store.history(patient.id))
    assert store.save_clinical_values(patient.id, ALBUMIN, actor="two") == first
    assert store.save_clinical_values(store.add_patient().id, {}) is None
    assert len(store.history(patient.id)) == n_entries


def test_changes_are_taken_back_one_by_one(store: PatientStore, patient) -> None:
    store.save_clinical_values(patient.id, ALBUMIN)
    store.save_clinical_values(patient.id, MORE)
    back = store.undo_clinical_values(patient.id, actor="Dr. Who")
    assert back.values == ALBUMIN and back.can_undo and back.actor == "Dr. Who"
    assert store.load_clinical_values(patient.id) == back
    assert store.history(patient.id)[0].detail.startswith("Taken back: Albumin 31 g/L → 38 g/L")
    assert store.undo_clinical_values(patient.id).values == {}
    with pytest.raises(NotFoundError, match="no change of the clinical values to take back"):
        store.undo_clinical_values(patient.id)


def test_a_change_after_an_undo_is_taken_back_to_where_it_began(store, patient) -> None:
    store.save_clinical_values(patient.id, ALBUMIN)
    store.save_clinical_values(patient.id, MORE)
    store.undo_clinical_values(patient.id)
    store.save_clinical_values(patient.id, {"inr": 1.1})
    assert store.undo_clinical_values(patient.id).values == ALBUMIN
    assert store.undo_clinical_values(patient.id).values == {}


def test_what_came_with_the_patient_stays_under_every_undo(store: PatientStore, patient) -> None:
    store.save_clinical_values(patient.id, ALBUMIN, can_undo=False)
    store.save_clinical_values(patient.id, MORE)
    back = store.undo_clinical_values(patient.id)
    assert back.values == ALBUMIN and not back.can_undo
    with pytest.raises(NotFoundError, match="to take back"):
        store.undo_clinical_values(patient.id)


def test_every_state_has_a_revision_of_its_own(store: PatientStore, patient) -> None:
    states = [
        store.save_clinical_values(patient.id, ALBUMIN),
        store.save_clinical_values(patient.id, MORE),
        store.undo_clinical_values(patient.id),
    ]
    assert len({state.revision for state in states}) == 3
    assert store.load_clinical_values(patient.id) == states[-1]


def test_impossible_values_change_nothing(store: PatientStore, patient) -> None:
    store.save_clinical_values(patient.id, ALBUMIN)
    with pytest.raises(InputError, match=r"Albumin: 4\.1 g/L is not possible"):
        store.save_clinical_values(patient.id, {"albumin_g_l": 4.1})
    assert store.load_clinical_values(patient.id).values == ALBUMIN


def test_an_unknown_patient_has_no_values(store: PatientStore) -> None:
    for call in (store.load_clinical_values, store.undo_clinical_values):
        with pytest.raises(NotFoundError, match="this patient is not in the store"):
            call("gone")
    with pytest.raises(NotFoundError, match="this patient is not in the store"):
        store.save_clinical_values("gone", ALBUMIN)


def test_values_go_with_the_patient_and_with_them_what_the_history_told(tmp_path: Path) -> None:
    with PatientStore(tmp_path) as store:
        patient, other = store.add_patient(), store.add_patient()
        store.save_clinical_values(patient.id, {"afp_ng_ml": 987654.25})
        store.save_clinical_values(other.id, ALBUMIN)
        store.delete_patient(patient.id)
        assert all(not e.changes and "987654" not in e.detail for e in store.history(patient.id))
        assert store.load_clinical_values(other.id).values == ALBUMIN
    assert b"987654.25" not in (tmp_path / "hccsurv.sqlite3").read_bytes()


def _tables(path: Path) -> dict[str, str]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        found = {name: "".join(sql.split()).lower() for name, sql in rows}
    connection.close()
    return found


def test_a_store_of_version_1_takes_clinical_values(tmp_path: Path) -> None:
    """The file is as version 1 wrote it; afterwards it is as this version would have made it."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    path = old / "hccsurv.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.executescript((Path(__file__).parent / "store_v1.sql").read_text())
    connection.close()
    with PatientStore(old) as store:
        assert store.load_clinical_values("7f0c") is None
        store.save_clinical_values("7f0c", MORE)
        patient = store.get_patient("7f0c")
    assert (patient.pseudonym, patient.facts.age_years) == ("kept", 61.0)
    PatientStore(new).close()
    assert _tables(path) == _tables(new / "hccsurv.sqlite3")
    assert (old / "hccsurv.sqlite3.v1.bak").is_file()
