"""Lesions outlined twice: measured inside the second outline, and what does not repeat takes no part."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from ceus_patients import QUICK, patients, picture_features

from hccsurv_core.batch import BatchSettings
from hccsurv_core.cohort.folder import read_cohort
from hccsurv_core.commands.ceus_images import image_features, repeated_features
from hccsurv_core.errors import InputError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.feature_gate import FeatureGate
from hccsurv_core.simulate.ceus.cohort import spec
from hccsurv_core.simulate.cohort_writer import write_simulated_cohort
from hccsurv_core.systems.ceus.image_features import ImageFeatureSettings, repeat_tasks
from hccsurv_core.systems.ceus.roi_agreement import compare_outlines
from hccsurv_core.systems.ceus.settings import settings_from_json
from hccsurv_core.systems.ceus.training import train_ceus

SIGNS_ALONE = ImageFeatureSettings(preset=None, deep=None)
HERE = BatchSettings(workers=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Seven patients, of whom the last is outlined once."""
    folder = tmp_path_factory.mktemp("ceus") / "cohort"
    write_simulated_cohort(folder, spec(clips=0), 7, seed=5, workers=1)
    last = read_cohort(folder).patient_ids[-1]
    (folder / "rois" / last / "peak_lesion_repeat.nii.gz").unlink()
    return folder


@pytest.fixture(scope="module")
def first(folder, tmp_path_factory):
    work = tmp_path_factory.mktemp("first")
    return image_features(folder, SIGNS_ALONE, work=work, batch=HERE).table


def repeated(folder, first, work, most=60):
    return repeated_features(folder, first, SIGNS_ALONE, most=most, work=work, batch=HERE)


def test_the_second_outline_is_measured_where_there_is_one(folder, first, tmp_path):
    cohort = read_cohort(folder)
    second = repeated(folder, first, tmp_path)
    assert second.patient_ids == tuple(cohort.patient_ids[:-1])
    agreement = compare_outlines(first, second)
    assert agreement.n_patients == 6
    size = first.names.index("sign.diameter_mm")
    assert agreement.absolute.value[size] > 0.9
    assert (first.values[:6, size] != second.values[:, size]).any()


def test_a_task_differs_in_the_lesions_outline_alone(folder):
    cohort = read_cohort(folder)
    one, *_ = repeat_tasks(cohort, SIGNS_ALONE, cohort.patient_ids[2:4])
    assert one.patient_id == cohort.patient_ids[2]
    assert one.files["peak_lesion"].name == "peak_lesion_repeat.nii.gz"
    assert one.files["peak_parenchyma"].name == "peak_parenchyma.nii.gz"
    assert one.files["peak"].name == "peak"


def test_no_more_patients_are_measured_than_asked_and_too_few_tell_nothing(folder, first, tmp_path):
    second = repeated(folder, first, tmp_path, most=5)
    assert second.patient_ids == first.patient_ids[:5]
    assert repeated(folder, first, tmp_path, most=4) is None
    once = tmp_path / "once"
    shutil.copytree(folder, once)
    for path in once.glob("rois/*/grayscale_lesion_repeat.nii.gz"):
        path.unlink()
    assert repeated(once, first, tmp_path) is None


def test_what_does_not_repeat_is_not_selected_from_and_the_card_says_so():
    cohort = patients(400)
    features = picture_features(cohort, p=12)
    kept = frozenset(features.names[:5])
    gate = FeatureGate("repeatability", "ICC(A,1) of 60 patients outlined twice", kept)
    settings = replace(QUICK, signatures=True)
    trained = train_ceus(cohort, settings, features=features, gate=gate)
    signatures = trained.description["signatures"]
    assert {*signatures["early"], *signatures["death"]} <= kept
    assert signatures["report"]["death"]["gate"]["n_kept"] == 5
    assert "ICC(A,1) of 60 patients outlined twice): 5 of them" in trained.card


def test_noise_does_not_pass_the_gate():
    rng = np.random.default_rng(0)
    ids = tuple(map(str, range(40)))
    true = rng.standard_normal((40, 1))
    names = ("repeats", "noise")
    tables = [
        FeatureTable(ids, names, np.hstack([true + 0.1 * rng.standard_normal((40, 1)),
                                            rng.standard_normal((40, 1))]))
        for _ in range(2)
    ]  # fmt: skip
    assert compare_outlines(*tables).gate(0.75).kept == {"repeats"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"least_icc": 1.0}, "least_icc is a correlation from 0 to below 1"),
        ({"n_repeats": -1}, "n_repeats is a number of patients"),
    ],
)
def test_settings_that_cannot_be_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        settings_from_json(given)
    assert settings_from_json({"least_icc": None}).least_icc is None
