"""The paper's image signature inside a training: out of fold for the arms, kept for new patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from treatment_folders import write_clinical_folder

from hccsurv_core.errors import InputError
from hccsurv_core.systems.study_cohort import ImageValues, joined
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.cohort import read_treatment_folder
from hccsurv_core.systems.treatment.deep_settings import DEEP_NAMES, DeepSettings
from hccsurv_core.systems.treatment.model import TreatmentModel
from hccsurv_core.systems.treatment.settings import TreatmentSettings
from hccsurv_core.systems.treatment.training import train_treatment

DEEP = DeepSettings(networks=("resnet18",), max_epochs=1, n_folds=2)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = write_clinical_folder(tmp_path_factory.mktemp("cohort") / "c", 150, 11)
    return read_treatment_folder(folder)[0]


@pytest.fixture(scope="module")
def crops(cohort):
    """Noise; all but two patients have any."""
    rng = np.random.default_rng(0)
    shape = (1, len(DEEP.crop.channels), DEEP.crop.pixels, DEEP.crop.pixels)
    return {p: rng.standard_normal(shape).astype(np.float32) for p in cohort.patient_ids[2:]}


@pytest.fixture(scope="module")
def trained(cohort, crops):
    settings = TreatmentSettings(n_rounds=1, cnn=DEEP)
    return train_treatment(cohort, settings, seed=4, crops=crops)


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    return TreatmentModel.from_bundle(trained.write(tmp_path_factory.mktemp("b") / "bundle"))


def test_scores_of_both_arms_are_covariates_of_the_combined_version(model):
    assert model.image_names == DEEP_NAMES
    assert model.versions == ("clinical", "combined")
    assert model.recommenders["combined"].names[-2:] == DEEP_NAMES
    # Which treatment was chosen never depends on a network that nobody had.
    assert not set(DEEP_NAMES) & set(model.recommenders["combined"].overlap.names)


def test_a_bundle_s_network_says_what_the_trained_one_says(trained, model, crops):
    images = np.stack([crops[p] for p in list(crops)[:3]])
    np.testing.assert_allclose(
        model.deep.values(images), trained.deep.values(images), rtol=1e-6, atol=1e-9
    )


def test_the_report_judges_each_network_out_of_fold_and_lists_the_chain(trained, cohort, crops):
    learned = [p for p in cohort.split("train").patient_ids if p in crops]
    report = trained.description["cnn"]["report"]
    told = report["networks"]["resnet18"]
    assert report["best"] == "resnet18"
    assert told["n_alive"] + told["n_dead"] <= told["n"] == len(learned)
    for name in ("accuracy", "sensitivity", "specificity"):
        estimate = told["accuracy"][name]
        assert 0 <= estimate["ci_low"] <= estimate["ci_high"] <= 1
    assert told["area"]["ci_low"] < told["area"]["value"] < told["area"]["ci_high"]
    for arm in ARMS:
        steps = [step["name"] for step in report["chain"][arm]["steps"]]
        assert len(steps) >= 3
        assert len(report["selected_in_folds"][arm]) == 2


def test_networks_without_crops_are_refused(cohort):
    settings = TreatmentSettings(n_rounds=1, cnn=DEEP)
    with pytest.raises(InputError, match="no patient has lesion crops"):
        train_treatment(cohort, settings)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"networks": ()}, "named once each"),
        ({"networks": ("resnet18", "resnet18")}, "named once each"),
        ({"networks": ("vgg",)}, "vgg"),
        ({"n_folds": 1}, "at least 2 folds"),
    ],
)
def test_settings_of_networks_are_checked(given, message):
    with pytest.raises(InputError, match=message):
        DeepSettings(**given)


def test_joining_keeps_who_has_only_one_kind():
    first = ImageValues(("a",), {"P": np.array([1.0]), "Q": np.array([2.0])})
    second = ImageValues(("b", "c"), {"Q": np.array([3.0, 4.0]), "R": np.array([5.0, 6.0])})
    both = joined(first, second)
    assert both.names == ("a", "b", "c")
    np.testing.assert_array_equal(
        both.matrix(("P", "Q", "R")),
        [[1.0, np.nan, np.nan], [2.0, 3.0, 4.0], [np.nan, 5.0, 6.0]],
    )
    assert joined(None, second) is second
    assert replace(both).labels == {}
