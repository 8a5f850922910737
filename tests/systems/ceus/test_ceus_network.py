"""A model whose signature looks at a network's features keeps that network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ceus_patients import QUICK, patients

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.systems.ceus.deep_images import DeepImageSettings, choose_network
from hccsurv_core.systems.ceus.image_features import ImageFeatureSettings
from hccsurv_core.systems.ceus.model import CeusModel
from hccsurv_core.systems.ceus.training import train_ceus

DEEP = DeepImageSettings("resnet18", seed=7)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One whose features are the network's, and tell of death; one of radiomics alone."""
    cohort = patients(420, seed=5)
    told = cohort.images.matrix(cohort.patient_ids)[:, 4:8]
    found = {}
    for kind in ("peak.deep.resnet18.layer3", "peak.radiomics.original"):
        names = tuple(f"{kind}.{k:04d}" for k in range(4))
        features = FeatureTable(cohort.patient_ids, names, told, cohort.outcome, cohort.labels)
        settings = replace(QUICK, signatures=True, stills=ImageFeatureSettings(deep=DEEP))
        folder = tmp_path_factory.mktemp("b") / "b"
        train_ceus(cohort, settings, features=features).write(folder)
        found[kind.split(".")[1]] = CeusModel.read(folder)
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
