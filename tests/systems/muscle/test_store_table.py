"""Measured patients of the store are joined with an imported outcome by their pseudonym."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.library import CohortLibrary
from hccsurv_core.cohort.store import PatientStore
from hccsurv_core.errors import CancelledError, TableError
from hccsurv_core.io.tables import read_table
from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.results import BodySegmentation
from hccsurv_core.systems.muscle.store_table import (
    StoreOutcome,
    look_at_store,
    store_feature_table,
)
from hccsurv_core.volume import Volume

SHAPE = (6, 40, 60)


def scan(hu: int) -> tuple[Volume, BodySegmentation]:
    """A muscle with two psoas in it, on every slice; 5 mm slices."""
    rng = np.random.default_rng(hu)
    voxels = np.full(SHAPE, -100, dtype=np.int16)
    muscle, left, right = (np.zeros(SHAPE, dtype=bool) for _ in range(3))
    muscle[:, 5:35, 5:55] = True
    left[:, 10:20, 32:42] = True
    right[:, 10:20, 18:28] = True
    voxels[muscle] = rng.integers(hu - 12, hu + 12, int(muscle.sum()))
    volume = Volume(voxels, np.diag([2.0, 2.0, 5.0, 1.0]))
    masks = {"muscle": muscle, "psoas_left": left, "psoas_right": right}
    return volume, BodySegmentation(
        first_slice=0, slice_index=3, masks=masks, method="classical", warnings=()
    )


@pytest.fixture
def store(tmp_path):
    opened = PatientStore(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def add(store):
    def add_patient(name, hu=40, *, measured=True, simulated=False, sex="male", height=1.75):
        facts = PatientFacts(sex=sex, age_years=60, height_m=height)
        patient = store.add_patient(name, facts, simulated=simulated)
        volume, segmentation = scan(hu)
        study = store.add_study(patient.id, volume, modality="CT")
        if measured:
            store.save_segmentation(study.id, segmentation, state="automatic")
        return patient

    return add_patient


def import_table(tmp_path, frame, name="Outcomes"):
    path = tmp_path / f"{name}.csv"
    frame.to_csv(path, index=False)
    raw = read_table(path)
    library = CohortLibrary(tmp_path / "data")
    library.add(raw, guess_mapping(raw), name=name)
    return library


def outcomes(names, months, events, **more):
    return pd.DataFrame(
        {"patient_id": names, "os_months": months, "os_event": events, **more}
    )  # fmt: skip


def test_who_is_measured_and_has_an_outcome_is_counted(store, add, tmp_path):
    add("A-1")
    add("A-2")
    add("A-3", measured=False)
    add("A-4")  # nobody knows what became of them
    frame = outcomes(["A-1", "A-2", "A-3", "Z-9"], [12.0, 30.5, 8.0, 5.0], [1, 0, 1, 1])
    library = import_table(tmp_path, frame)
    found = look_at_store(store, library)
    assert (found.n_patients, found.n_measured, found.n_tables) == (4, 3, 1)
    (outcome,) = found.outcomes
    assert (outcome.cohort, outcome.n, outcome.n_events) == ("Outcomes", 2, 1)


def test_the_table_holds_what_was_measured_and_what_became_of_them(store, add, tmp_path):
    add("A-1", hu=35)
    add("A-2", hu=55, sex="female", height=1.6)
    store.save_clinical_values(
        add("A-3", hu=45).id, {"albumin_g_l": 41.0, "bilirubin_umol_l": 17.0}
    )
    frame = outcomes(
        ["A-3", "A-1", "A-2"], [12.0, 30.5, 8.0], [1, 0, 1], centre=["north", "south", "north"],
        split=["train", "test", "train"],
    )  # fmt: skip
    library = import_table(tmp_path, frame)
    (outcome,) = look_at_store(store, library).outcomes
    found = store_feature_table(store, library, outcome, preset=None)
    table = found.table
    assert found.failures == {}
    assert table.patient_ids == ("A-1", "A-2", "A-3")
    assert table.outcome.time_months.tolist() == [30.5, 8.0, 12.0]
    assert table.outcome.event.tolist() == [False, True, True]
    assert table.labels["center"] == ("south", "north", "north")
    assert table.labels["split"] == ("test", "train", "train")
    assert table.simulated is False
    value = dict(zip(table.names, table.values.T, strict=True))
    assert np.allclose(value["ma_hu"], [35, 55, 45], atol=1.0)
    assert np.allclose(value["sma_cm2"], 30 * 50 * 0.04)
    assert np.allclose(value["pma_cm2"], 2 * 100 * 0.04)
    assert value["male"].tolist() == [1, 0, 1]
    assert np.allclose(value["smi"], value["sma_cm2"] / np.array([1.75, 1.6, 1.75]) ** 2)
    # ALBI of the one patient whose laboratory is known (Johnson 2015).
    assert np.isnan(value["clinical.albi"][:2]).all()
    assert value["clinical.albi"][2] == pytest.approx(0.66 * np.log10(17.0) - 0.085 * 41.0)
    assert not any(name.startswith("scan.") for name in table.names)


def test_a_patient_who_gives_no_features_is_named_and_left_out(store, add, tmp_path):
    add("A-1")
    bad = store.add_patient("A-2", PatientFacts())
    volume, segmentation = scan(40)
    study = store.add_study(bad.id, volume, modality="CT")
    empty = {name: np.zeros_like(mask) for name, mask in segmentation.masks.items()}
    store.save_segmentation(
        study.id,
        BodySegmentation(
            first_slice=0, slice_index=3, masks=empty, method="classical", warnings=()
        ),
        state="automatic",
    )
    library = import_table(tmp_path, outcomes(["A-1", "A-2"], [12.0, 3.0], [1, 1]))
    (outcome,) = look_at_store(store, library).outcomes
    found = store_feature_table(store, library, outcome, preset=None)
    assert found.table.patient_ids == ("A-1",)
    assert "not outlined" in found.failures["A-2"]


def test_row_numbers_are_nobodys_pseudonym(store, add, tmp_path):
    add("1")
    add("2")
    frame = pd.DataFrame(
        {"os_months": [12.0, 30.5, 4.0], "os_event": [1, 0, 1], "age": [50, 60, 70]}
    )
    library = import_table(tmp_path, frame)
    assert look_at_store(store, library).outcomes == ()


def test_demo_patients_make_a_simulated_table(store, add, tmp_path):
    add("D-1", simulated=True)
    add("D-2", simulated=True)
    library = import_table(tmp_path, outcomes(["D-1", "D-2"], [12.0, 3.0], [1, 0]))
    found = look_at_store(store, library)
    assert found.n_simulated == 2
    assert store_feature_table(store, library, found.outcomes[0], preset=None).table.simulated


def test_nobody_is_an_error_and_a_cancel_stops(store, add, tmp_path):
    add("A-1")
    library = import_table(tmp_path, outcomes(["A-1"], [12.0], [1]))
    (outcome,) = look_at_store(store, library).outcomes
    other = StoreOutcome(outcome.cohort_id, "Outcomes", "nothing", "Nothing", 0, 0)
    with pytest.raises(TableError, match="nobody has the outcome"):
        store_feature_table(store, library, other, preset=None)

    def cancel(fraction, message):
        raise CancelledError("enough")

    with pytest.raises(CancelledError):
        store_feature_table(store, library, outcome, preset=None, progress=cancel)


def test_an_empty_store_says_so(store, tmp_path):
    found = look_at_store(store, CohortLibrary(tmp_path / "data"))
    assert (found.n_patients, found.n_measured, found.outcomes, found.n_tables) == (0, 0, (), 0)
