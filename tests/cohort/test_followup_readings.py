"""What a person says of two scans is kept, undone step by step, and goes with the patient."""

from __future__ import annotations

import sqlite3

import pytest

from hccsurv_core.cohort.followup_readings import FollowupReading, reading_from_json
from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.errors import InputError, NotFoundError


@pytest.fixture
def store(tmp_path):
    with PatientStore(tmp_path / "data") as opened:
        yield opened


READING = FollowupReading(
    {"baseline_liver": "s1", "followup_lung": None}, {"baseline_liver": (3, 4, 9)},
    {"Lesion 1": {"followup_mm": 31.5}}, new_lesion=True,
)  # fmt: skip


def test_it_comes_back_and_is_undone(store):
    patient = store.add_patient("P")
    assert store.load_followup_reading(patient.id).reading == FollowupReading()
    store.save_followup_reading(patient.id, READING, told="slices", actor="Dr. A")
    second = READING.with_diameter("Lesion 1", "followup_mm", None)
    store.save_followup_reading(patient.id, second, told="as measured")
    assert store.load_followup_reading(patient.id).reading.diameters == {}
    assert store.undo_followup_reading(patient.id).reading == READING
    last = store.undo_followup_reading(patient.id)
    assert last.reading == FollowupReading() and not last.can_undo
    with pytest.raises(NotFoundError, match="no change of the follow-up"):
        store.undo_followup_reading(patient.id)
    assert "Follow-up: slices" in [entry.detail for entry in store.history(patient.id)]


def test_the_same_again_is_no_change(store):
    patient = store.add_patient("P")
    first = store.save_followup_reading(patient.id, READING, told="x")
    assert store.save_followup_reading(patient.id, READING, told="x").revision == first.revision


def test_it_goes_with_the_patient(store):
    patient = store.add_patient("P")
    store.save_followup_reading(patient.id, READING, told="x")
    store.delete_patient(patient.id)
    with pytest.raises(NotFoundError, match="not in the store"):
        store.load_followup_reading(patient.id)
    with sqlite3.connect(store.folder / "hccsurv.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM followup_readings").fetchone() == (0,)


def test_plain_values_and_back():
    assert reading_from_json(READING.to_json()) == READING
    with pytest.raises(InputError, match="'sizes' is not known"):
        reading_from_json({"sizes": {}})


def test_another_scan_drops_the_slices_that_were_chosen_on_the_first():
    moved = READING.with_study("baseline_liver", "s2")
    assert moved.studies["baseline_liver"] == "s2" and moved.slices == {}
    assert READING.with_slices("baseline_liver", None).slices == {}
