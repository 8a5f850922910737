"""Regions in the store: kept as revisions, undone and redone, whole or not at all."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.errors import InputError, NotFoundError, StoreError
from hccsurv_core.roi.regions import MOST_REGIONS, region_of


def region(id="r1", name="Lesion", seed=1, shape=(9, 16, 12)):
    mask = np.zeros(shape, bool)
    mask[2:5, 3:9, 4:8] = np.random.default_rng(seed).random((3, 6, 4)) > 0.4
    return region_of(id, name, mask)


def same(stored, *expected):
    assert [(r.id, r.name, r.method, r.offset) for r in stored.regions] == [
        (r.id, r.name, r.method, r.offset) for r in expected
    ]
    for one, other in zip(stored.regions, expected, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask)


def test_regions_outlive_the_process(store, study):
    assert store.load_regions(study.id).revision == 0
    one, two = region(), region("r2", "Vessel", seed=2)
    saved = store.save_regions(study.id, [one, two], actor="Dr. Who", note="drawn")
    assert (saved.revision, saved.actor, saved.note, saved.can_undo) == (
        1,
        "Dr. Who",
        "drawn",
        True,
    )
    store.close()
    with PatientStore(store.folder) as again:
        same(again.load_regions(study.id), one, two)
        # Sweeping what nobody names leaves them alone.
        same(PatientStore(store.folder).load_regions(study.id), one, two)


def test_every_step_back_and_forth(store, study):
    steps = [[region(seed=k)] for k in range(52)]
    for step in steps:
        store.save_regions(study.id, step)
    for step in reversed(steps[:-1]):
        same(store.undo_regions(study.id), *step)
    empty = store.undo_regions(study.id)
    assert empty.revision == 0 and not empty.can_undo and empty.can_redo
    with pytest.raises(NotFoundError, match="nothing to undo"):
        store.undo_regions(study.id)
    for step in steps:
        same(store.redo_regions(study.id), *step)
    with pytest.raises(NotFoundError, match="nothing to do again"):
        store.redo_regions(study.id)


def test_a_new_step_after_an_undo_is_what_redo_leads_to(store, study):
    store.save_regions(study.id, [region(seed=1)])
    store.save_regions(study.id, [region(seed=2)])
    store.undo_regions(study.id)
    other = region(seed=3)
    assert not store.save_regions(study.id, [other]).can_redo
    store.undo_regions(study.id)
    assert store.load_regions(study.id).can_redo
    same(store.redo_regions(study.id), other)


def test_who_did_what_is_kept(store, study, patient):
    store.save_regions(study.id, [region()], actor="Dr. Who", note="Lesion: painted")
    store.undo_regions(study.id, actor="Dr. No")
    told = [(e.actor, e.action, e.detail) for e in store.history(patient.id)[:2]]
    assert told == [
        ("Dr. No", "regions_undone", "Regions undone: back at revision 0"),
        ("Dr. Who", "regions_edited", "Regions, revision 1: Lesion: painted"),
    ]


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ([region_of("a", "A", np.ones((2, 2, 2), bool), (8, 0, 0))], "beyond the study's 9×16×12"),
        ([region(), region()], "two regions have one id"),
        ([region(f"r{k}") for k in range(MOST_REGIONS + 1)], f"at most {MOST_REGIONS} are kept"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(store, study, regions, words):
    store.save_regions(study.id, [region()])
    with pytest.raises(InputError, match=words):
        store.save_regions(study.id, regions)
    assert store.load_regions(study.id).revision == 1
    with pytest.raises(NotFoundError, match="not in the store"):
        store.save_regions("nobody", [region()])


def test_a_damaged_file_names_the_study(store, study):
    store.save_regions(study.id, [region()])
    (path,) = (store.folder / "studies" / study.id / "masks").glob("*.npz")
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(StoreError, match=r"damaged|patient store|CT of"):
        store.load_regions(study.id)


def test_a_store_of_the_version_before_gets_the_tables(store, study):
    store.close()
    path = store.folder / "hccsurv.sqlite3"
    connection = sqlite3.connect(path)
    connection.executescript(
        "DROP TABLE region_sets; DROP TABLE region_heads; DROP TABLE clips; "
        "DROP TABLE clip_settings; DROP TABLE followup_readings; PRAGMA user_version = 2;"
    )
    connection.close()
    with PatientStore(store.folder) as upgraded:
        assert upgraded.load_regions(study.id).regions == ()
        one = region()
        upgraded.save_regions(study.id, [one])
        same(upgraded.load_regions(study.id), one)
        upgraded.delete_study(study.id)
        with pytest.raises(NotFoundError):
            upgraded.load_regions(study.id)


def test_an_outline_is_redone_and_its_automatic_one_is_found(store, study, make_segmentation):
    automatic = make_segmentation(1)
    store.save_segmentation(study.id, automatic, state="automatic")
    for seed in (2, 3):
        store.save_segmentation(study.id, make_segmentation(seed), state="edited")
    assert not store.load_segmentation(study.id).can_redo
    store.undo_segmentation(study.id)
    assert store.load_segmentation(study.id).can_redo
    redone = store.redo_segmentation(study.id)
    assert redone.revision == 3
    with pytest.raises(NotFoundError, match="nothing to do again"):
        store.redo_segmentation(study.id)
    found = store.automatic_segmentation(study.id)
    assert found.revision == 1
    for name, mask in automatic.masks.items():
        np.testing.assert_array_equal(found.segmentation.masks[name], mask)
