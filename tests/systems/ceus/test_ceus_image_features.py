"""A cohort folder's stills as one table: names, counts, resuming, what fails alone and what is said."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from hccsurv_core.batch import BatchSettings
from hccsurv_core.cohort.folder import read_cohort
from hccsurv_core.cohort.patient_task import PatientTask
from hccsurv_core.commands.ceus_images import image_features
from hccsurv_core.errors import InputError, TableError
from hccsurv_core.features.radiomics.presets import feature_names
from hccsurv_core.features.ultrasound_radiomics import still_radiomics
from hccsurv_core.features.ultrasound_signs import SIGNS, measure_signs
from hccsurv_core.imaging.ultrasound_crops import StillCropSettings, crop_still
from hccsurv_core.models.cnn.fixed import fixed_network
from hccsurv_core.models.cnn.stage_features import stage_feature_names
from hccsurv_core.simulate.ceus.cohort import spec
from hccsurv_core.simulate.cohort_writer import write_simulated_cohort
from hccsurv_core.systems.ceus.cohort import read_ceus_folder
from hccsurv_core.systems.ceus.deep_images import (
    DeepImageSettings,
    choose_network,
    deep_settings_from_json,
)
from hccsurv_core.systems.ceus.image_features import (
    ImageFeatureSettings,
    extract_image_features,
    image_settings_from_json,
    image_table,
    image_tasks,
    measure_images,
    read_still,
    read_stills,
    still_files,
)

SETTINGS = ImageFeatureSettings(deep=DeepImageSettings("resnet18"))
HERE = BatchSettings(workers=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ceus") / "cohort"
    write_simulated_cohort(folder, spec(clips=0), 2, seed=5, workers=1)
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def measured(folder, work):
    return image_features(folder, SETTINGS, work=work, batch=HERE)


@pytest.fixture(scope="module")
def stills(folder):
    cohort = read_cohort(folder)
    patient, span = cohort.table.iloc[0][["patient_id", "contrast_dynamic_range_db"]]
    return read_stills(still_files(folder, patient), span)


# -- the table ---------------------------------------------------------------------------------
def test_there_are_as_many_features_as_are_stated(measured):
    per_frame = {"radiomics": 1311, "deep": 256}
    assert len(measured.table.names) == len(SIGNS) + 2 * sum(per_frame.values())
    assert [n for n in measured.table.names if n.startswith("sign.")] == [
        f"sign.{sign.name}" for sign in SIGNS
    ]
    for frame in ("grayscale", "peak"):
        for kind, n in per_frame.items():
            assert sum(name.startswith(f"{frame}.{kind}.") for name in measured.table.names) == n
    assert np.isfinite(measured.table.values).all()
    whole = 2 * (
        len(feature_names("ceus-2d")) + len(stage_feature_names(DeepImageSettings().network))
    )
    assert whole == 4670


def test_a_row_is_what_its_stills_are_measured_to(folder, measured, stills):
    """By hand from the files: the peak's dynamic range is the table's, the other one is assumed."""
    span = read_cohort(folder).table["contrast_dynamic_range_db"][0]
    assert (stills.peak.dynamic_range_db, stills.grayscale.dynamic_range_db) == (span, 60)
    assert stills.warnings == (
        "the dynamic range of the grayscale still is not known: 60 dB are assumed",
    )
    row = dict(zip(measured.table.names, measured.table.values[0], strict=True))
    by_hand = measure_signs(stills.grayscale, stills.peak).values
    assert [row[f"sign.{sign.name}"] for sign in SIGNS] == [by_hand[sign.name] for sign in SIGNS]
    expected = still_radiomics(stills.peak).features
    assert {n: row[f"peak.radiomics.{n}"] for n in expected} == expected
    crop = crop_still(stills.grayscale)
    network = fixed_network("resnet18", 1)
    found = [row[f"grayscale.deep.{n}"] for n in network.feature_names]
    np.testing.assert_allclose(
        found,
        network.features(crop.image[None, None], crop.lesion[None, None])[0],
        rtol=1e-4,
        atol=1e-6,
    )


def test_the_table_has_outcome_and_labels_of_its_patients(folder, measured):
    patients, _ = read_ceus_folder(folder)
    table = measured.table
    assert table.patient_ids == patients.patient_ids
    np.testing.assert_array_equal(table.outcome.time_months, patients.outcome.time_months)
    assert table.labels["split"] == patients.labels["split"]
    assert table.simulated


def test_patients_who_were_not_measured_are_left_out(folder, measured):
    patients, _ = read_ceus_folder(folder)
    last = patients.patient_ids[1]
    table = image_table(patients, [last], measured.table.names, measured.table.values[1:])
    assert table.patient_ids == (last,)
    assert table.require_outcome().time_months == patients.outcome.time_months[1:]
    with pytest.raises(TableError, match="the pictures of no patient could be measured"):
        image_table(patients, ["somebody else"], measured.table.names, measured.table.values[:1])


# -- running -----------------------------------------------------------------------------------
def test_what_was_measured_is_not_measured_again(folder, work, measured):
    again = image_features(folder, SETTINGS, work=work, batch=HERE)
    assert (measured.n_reused, again.n_reused) == (0, 2)
    np.testing.assert_array_equal(again.table.values, measured.table.values)


def test_a_missing_outline_fails_its_patient_and_is_named(folder, tmp_path):
    broken = tmp_path / "cohort"
    shutil.copytree(folder, broken)
    patient = read_cohort(folder).patient_ids[0]
    (broken / "rois" / patient / "grayscale_lesion.nii.gz").unlink()
    task = image_tasks(read_cohort(broken), SETTINGS)[0]
    with pytest.raises(
        InputError, match=r"grayscale_lesion.nii.gz: is missing; outline lesion and"
    ):
        extract_image_features(task)


def test_a_missing_still_is_named(folder):
    files = still_files(folder, "nobody")
    with pytest.raises(InputError, match="there is no peak still; give the grayscale still and"):
        read_still(files, "peak", 50.0)


def test_settings_are_part_of_a_task(folder):
    cohort = read_cohort(folder)
    task = image_tasks(cohort, SETTINGS)[0]
    assert task.settings["dynamic_range_db"] == cohort.table["contrast_dynamic_range_db"][0]
    assert task.settings["images"]["deep"]["network"] == "resnet18"
    unknown = replace(cohort, table=cohort.table.drop(columns="contrast_dynamic_range_db"))
    assert image_tasks(unknown)[0].settings["dynamic_range_db"] is None


def test_a_weights_file_is_a_file_of_the_task(folder, tmp_path):
    """So that patients are measured again when it is another one."""
    weights = tmp_path / "resnet18.safetensors"
    chosen = replace(SETTINGS, weights=weights)
    task = image_tasks(read_cohort(folder), chosen)[0]
    assert task.files["weights"] == weights
    assert task.settings["images"]["weights"] == "resnet18.safetensors"
    assert str(tmp_path) not in str(task.settings)
    with pytest.raises(InputError, match=r"resnet18.safetensors: cannot be read"):
        choose_network(DeepImageSettings("resnet18"), weights)
    lost = PatientTask(task.patient_id, {}, task.settings)
    with pytest.raises(InputError, match=r"weights resnet18.safetensors are not here; give the"):
        extract_image_features(lost)


# -- settings ----------------------------------------------------------------------------------
def test_parts_can_be_left_out(stills):
    radiomics = measure_images(stills, replace(SETTINGS, deep=None))
    assert len(radiomics) == len(SIGNS) + 2 * 1311
    deep = measure_images(stills, replace(SETTINGS, preset=None))
    assert len(deep) == len(SIGNS) + 2 * 256
    signs = measure_images(stills, ImageFeatureSettings(None, None))
    assert set(radiomics) & set(deep) == set(signs) == {f"sign.{s.name}" for s in SIGNS}


def test_settings_come_back_from_plain_values():
    crop = StillCropSettings(96, channels=("decibels", "mask"))
    for given in (SETTINGS, ImageFeatureSettings(None, None)):
        assert image_settings_from_json(given.to_json()) == given
    own = DeepImageSettings("densenet121", crop, seed=3)
    assert deep_settings_from_json(own.to_json()) == own
    with pytest.raises(InputError, match="deep feature settings: cannot be read"):
        deep_settings_from_json({"network": "resnet18"})
    with pytest.raises(InputError, match="image settings: cannot be read"):
        image_settings_from_json({})


def test_a_folder_without_stills_is_refused(folder, tmp_path):
    bare = tmp_path / "bare"
    write_simulated_cohort(bare, spec(clips=0), 2, seed=5, workers=1, images=False)
    with pytest.raises(InputError, match="holds no stills with lesion and parenchyma outlined"):
        image_features(bare, SETTINGS, work=tmp_path / "w", batch=HERE)
