"""A trained network: its features by hand, its way through a bundle, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from cnn_cohorts import CROP, QUICK, tiny_samples

from hccsurv_core.errors import BundleError, InputError
from hccsurv_core.imaging.lesion_crop_settings import CropSettings
from hccsurv_core.models.cnn.architectures import ARCHITECTURES, build_network
from hccsurv_core.models.cnn.bundle import cnn_of, read_cnn, write_cnn
from hccsurv_core.models.cnn.classifier import CnnClassifier, classifier_from_parts
from hccsurv_core.models.cnn.training import fit_cnn


@pytest.fixture(scope="module")
def fitted():
    return fit_cnn(tiny_samples(), CROP, replace(QUICK, max_epochs=1))


def untrained(name):
    return CnnClassifier(name, CROP, 36.0, build_network(name, 2, seed=4))


@pytest.mark.parametrize(
    ("name", "n"),
    [("resnet50", 1024), ("resnet18", 256), ("densenet121", 1024), ("shufflenet_v2_x0_5", 96)],
)
def test_features_are_the_average_of_the_penultimate_stage(name, n):
    classifier = untrained(name)
    images = tiny_samples(3, slices=2).images
    found = classifier.features(images)
    assert found.shape == (3, n) == (3, len(classifier.feature_names))
    x = torch.from_numpy(images[2])
    with torch.no_grad():
        if name.startswith("resnet"):
            for part in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3"):
                x = classifier.network.get_submodule(part)(x)
        elif name.startswith("shufflenet"):
            for part in ("conv1", "maxpool", "stage2", "stage3"):
                x = classifier.network.get_submodule(part)(x)
        else:
            for part, module in classifier.network.features.named_children():
                x = module(x)
                if part == "denseblock3":
                    break
    np.testing.assert_allclose(found[2], x.mean((0, 2, 3)).numpy(), rtol=1e-4, atol=1e-6)
    assert found.std(0).max() > 0
    assert classifier.feature_names[0].endswith(".0001")


def test_a_patient_is_the_mean_of_its_slices_whoever_else_is_asked_about():
    classifier = untrained("resnet18")
    images = tiny_samples(40, slices=2).images
    together = classifier.log_odds(images)
    apart = classifier.log_odds(images.reshape(80, 1, 2, 32, 32)).reshape(40, 2).mean(1)
    np.testing.assert_allclose(together, apart, atol=1e-6)
    np.testing.assert_allclose(classifier.log_odds(images[7:8]), together[7:8], atol=1e-6)
    np.testing.assert_allclose(
        classifier.features(images[7:8]), classifier.features(images)[7:8], atol=1e-5
    )


def test_a_bundle_gives_back_the_same_answers_to_the_last_bit(fitted, tmp_path):
    images = tiny_samples(5, seed=3).images
    bundle = write_cnn(tmp_path / "cnn", fitted, card="# A network\n")
    again = read_cnn(tmp_path / "cnn")
    np.testing.assert_array_equal(again.log_odds(images), fitted.classifier.log_odds(images))
    np.testing.assert_array_equal(again.features(images), fitted.classifier.features(images))
    assert again.crop == CROP
    assert again.horizon_months == 36
    assert bundle.description["cnn"]["patients"]["alive"] == 6
    assert set(bundle.description["versions"]) == {"torch", "torchvision"}


def test_a_bundle_of_something_else_and_a_changed_one_are_refused(fitted, tmp_path):
    bundle = write_cnn(tmp_path / "cnn", fitted, card="")
    with pytest.raises(BundleError, match="describes no network"):
        cnn_of(replace(bundle, description={}))
    path = tmp_path / "cnn" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(BundleError, match=r"weights.safetensors is not what was written"):
        read_cnn(tmp_path / "cnn")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, t: (d | {"architecture": "vgg16"}, t), "no network is called 'vgg16'"),
        (lambda d, t: (d | {"crop": {}}, t), "describes no network"),
        (lambda d, t: (d, dict(list(t.items())[1:])), "array 'conv1.weight' is missing"),
        (lambda d, t: (d, t | {"more": np.ones(1)}), "array 'more' is missing or left over"),
        (
            lambda d, t: (d, t | {"conv1.weight": np.ones((64, 1, 7, 7))}),
            r"array 'conv1.weight' has shape \(64, 1, 7, 7\)",
        ),
        (
            lambda d, t: (d | {"architecture": "densenet121"}, t),
            "is missing or left over",
        ),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(change, message):
    classifier = untrained("resnet18")
    with pytest.raises(BundleError, match=message):
        classifier_from_parts(*change(classifier.to_json(), classifier.tensors()))


def test_other_crops_than_it_was_trained_on_are_refused():
    classifier = untrained("resnet18")
    with pytest.raises(InputError, match=r"takes 2 channels \(arterial, portal\) of 32×32 pixels"):
        classifier.log_odds(np.zeros((1, 1, 3, 32, 32)))
    with pytest.raises(InputError, match=r"crops have shape \(patients, slices, channels, P, P\)"):
        classifier.log_odds(np.zeros((1, 2, 32, 32)))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_comes_back_from_its_parts(name):
    classifier = untrained(name)
    again = classifier_from_parts(classifier.to_json(), classifier.tensors())
    images = tiny_samples(2).images
    np.testing.assert_array_equal(again.log_odds(images), classifier.log_odds(images))
    assert again.feature_names == classifier.feature_names
    assert CropSettings() != again.crop == CROP
