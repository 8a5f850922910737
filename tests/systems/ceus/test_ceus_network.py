"""A model whose signature looks at a network's features keeps that network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ceus_patients import QUICK, patients
from safetensors.torch import save_file

from hccsurv_core.cohort.folder import read_cohort
from hccsurv_core.errors import BundleError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.cnn.architectures import build_network
from hccsurv_core.simulate.ceus.cohort import spec
from hccsurv_core.simulate.cohort_writer import write_simulated_cohort
from hccsurv_core.systems.ceus.deep_images import (
    DeepImageSettings,
    choose_network,
    network_of_bundle,
)
from hccsurv_core.systems.ceus.image_features import (
    ImageFeatureSettings,
    extract_image_features,
    image_tasks,
)
from hccsurv_core.systems.ceus.model import CeusModel
from hccsurv_core.systems.ceus.training import train_ceus

DEEP = DeepImageSettings("resnet18", seed=7)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of weights that no seed draws."""
    network = build_network("resnet18", 3, seed=99)
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory, weights):
    """Two whose features are a network's, drawn or from a file, and tell of death; one of radiomics."""
    cohort = patients(420, seed=5)
    told = cohort.images.matrix(cohort.patient_ids)[:, 4:8]
    found = {}
    for told_by, kind, file in (
        ("deep", "peak.deep.resnet18.layer3", None),
        ("pretrained", "peak.deep.resnet18.layer3", weights),
        ("radiomics", "peak.radiomics.original", None),
    ):
        names = tuple(f"{kind}.{k:04d}" for k in range(4))
        features = FeatureTable(cohort.patient_ids, names, told, cohort.outcome, cohort.labels)
        stills = ImageFeatureSettings(deep=DEEP, weights=file)
        settings = replace(QUICK, signatures=True, stills=stills)
        folder = tmp_path_factory.mktemp("b") / "b"
        train_ceus(cohort, settings, features=features).write(folder)
        found[told_by] = CeusModel.read(folder)
    return found


def test_the_kept_network_gives_the_same_features(models):
    kept = models["deep"].network
    rng = np.random.default_rng(0)
    images = rng.standard_normal((1, 1, 1, 64, 64)).astype(np.float32)
    np.testing.assert_array_equal(kept.features(images), choose_network(DEEP).features(images))
    assert models["deep"].description["network"]["seed"] == 7


def test_only_what_the_signatures_look_at_is_measured(models):
    deep, plain = models["deep"].measured, models["radiomics"].measured
    assert (deep.preset, deep.deep) == (None, DEEP)
    assert plain.deep is None and plain.preset == "ceus-2d"
    assert models["radiomics"].network is None


def test_a_cohort_is_measured_by_the_network_that_came_with_the_model(
    models, weights, tmp_path_factory
):
    """So that nobody needs the weights file again, which may be gone."""
    folder = tmp_path_factory.mktemp("ceus") / "cohort"
    write_simulated_cohort(folder, spec(clips=0), 1, seed=5, workers=1)
    cohort = read_cohort(folder)
    measured = models["pretrained"].measured
    assert measured.weights is None and measured.to_json()["weights"] is None
    (task,) = image_tasks(cohort, measured)
    found = extract_image_features(task)
    (by_file,) = image_tasks(cohort, replace(measured, model=None, weights=weights))
    assert found == extract_image_features(by_file)
    (drawn,) = image_tasks(cohort, models["deep"].measured)
    name = "peak.deep.resnet18.layer3.0001"
    assert found[name] != extract_image_features(drawn)[name]


def test_a_model_without_a_network_has_none_to_give(models):
    with pytest.raises(BundleError, match="came without a network"):
        network_of_bundle(models["radiomics"].folder)
