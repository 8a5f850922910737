"""A network that is not trained: whose weights, which features, and its way through a bundle."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from hccsurv_core.errors import BundleError, InputError
from hccsurv_core.imaging.lesion_crop_settings import CropSettings
from hccsurv_core.models.cnn.architectures import ARCHITECTURES, build_network
from hccsurv_core.models.cnn.classifier import CnnClassifier
from hccsurv_core.models.cnn.fixed import fixed_network, fixed_network_from_parts
from hccsurv_core.models.cnn.stage_features import AT_ONCE, stage_feature_names
from hccsurv_core.models.cnn.weights_file import read_weights

IMAGES = np.random.default_rng(0).standard_normal((3, 2, 1, 64, 64)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "n"),
    [("resnet50", 1024), ("resnet18", 256), ("densenet121", 1024), ("shufflenet_v2_x0_5", 96)],
)
def test_features_are_those_of_the_whole_network(name, n):
    """What comes after the penultimate stage is dropped, and changes nothing."""
    network = fixed_network(name, 1, seed=4)
    whole = CnnClassifier(
        name, CropSettings(pixels=64, channels=("arterial",)), 36.0, build_network(name, 1, seed=4)
    )
    found = network.features(IMAGES)
    assert found.shape == (3, n)
    np.testing.assert_allclose(found, whole.features(IMAGES), rtol=1e-4, atol=1e-5)
    assert network.feature_names == whole.feature_names == stage_feature_names(name)
    assert (len(network.feature_names), network.feature_names[0][-5:]) == (n, ".0001")
    n_kept = sum(v.size for v in network.tensors().values())
    assert n_kept < 0.7 * sum(v.size for v in whole.tensors().values())


def test_slices_are_averaged():
    network = fixed_network("resnet18", 1)
    each = [network.features(IMAGES[:, k : k + 1]) for k in (0, 1)]
    np.testing.assert_allclose(
        network.features(IMAGES), (each[0] + each[1]) / 2, rtol=1e-4, atol=1e-5
    )


def test_more_pictures_than_fit_at_once_come_in_order():
    network = fixed_network("resnet18", 1)
    many = np.random.default_rng(1).standard_normal((AT_ONCE + 3, 1, 1, 32, 32))
    found = network.features(many)
    for k in (0, AT_ONCE - 1, AT_ONCE, AT_ONCE + 2):
        np.testing.assert_allclose(
            found[k], network.features(many[k : k + 1])[0], rtol=1e-4, atol=1e-5
        )


def test_only_the_region_counts():
    """Coarse maps of 64×64 pixels have 4×4 cells of 16 pixels each."""
    network = fixed_network("resnet18", 1)
    left = np.zeros((3, 2, 64, 64))
    left[..., :32] = 1
    whole, right = np.ones_like(left), 1 - left
    np.testing.assert_allclose(
        network.features(IMAGES, whole), network.features(IMAGES), rtol=1e-4, atol=1e-5
    )
    halves = (network.features(IMAGES, left) + network.features(IMAGES, right)) / 2
    np.testing.assert_allclose(halves, network.features(IMAGES), rtol=1e-4, atol=1e-5)
    # A quarter of a cell counts as much as a whole one where it is all there is.
    some = np.zeros_like(left)
    some[..., 16:24, 0:8] = 0.5
    cell = np.zeros_like(left)
    cell[..., 16:32, 0:16] = 1
    np.testing.assert_allclose(
        network.features(IMAGES, some), network.features(IMAGES, cell), rtol=1e-4, atol=1e-5
    )


def test_random_weights_are_the_seeds():
    first, again, other = (fixed_network("resnet18", 1, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.features(IMAGES), again.features(IMAGES))
    assert not np.allclose(first.features(IMAGES), other.features(IMAGES))
    assert first.statement == (
        "features of an untrained ResNet18 (random weights, seed 1): no weights file was given"
    )


def test_a_weights_file_is_used_and_named(tmp_path):
    donor = build_network("resnet18", 3, seed=8)
    path = tmp_path / "resnet18.pth"
    torch.save(donor.state_dict(), path)
    weights = read_weights(path)
    network = fixed_network("resnet18", 1, pretrained=weights)
    # One channel in place of three: the kernels' sum, so a gray picture is seen as it was.
    gray = np.repeat(IMAGES, 3, axis=2)
    theirs = fixed_network("resnet18", 3, pretrained=weights).features(gray)
    np.testing.assert_allclose(network.features(IMAGES), theirs, rtol=1e-3, atol=1e-5)
    assert network.statement == (
        f"features of a ResNet18 with the weights of resnet18.pth (SHA-256 {weights.sha256[:12]}…), "
        "not trained on these patients"
    )


def test_a_bundle_keeps_the_network():
    network = fixed_network("resnet18", 1, seed=3)
    told = json.loads(json.dumps(network.to_json()))
    back = fixed_network_from_parts(told, network.tensors())
    np.testing.assert_array_equal(back.features(IMAGES), network.features(IMAGES))
    assert back.statement == network.statement
    assert told["n_features"] == ARCHITECTURES["resnet18"].n_features


def test_what_does_not_fit_is_refused():
    network = fixed_network("resnet18", 1)
    with pytest.raises(InputError, match="the network takes 1 channels, got 2"):
        network.features(np.zeros((1, 1, 2, 32, 32)))
    with pytest.raises(InputError, match=r"regions of shape \(3, 64, 64\) do not fit"):
        network.features(IMAGES, np.ones((3, 64, 64)))
    with pytest.raises(InputError, match="a region is empty"):
        network.features(IMAGES, np.zeros((3, 2, 64, 64)))
    with pytest.raises(InputError, match="no network is called 'vgg'"):
        fixed_network("vgg", 1)
    with pytest.raises(BundleError, match="describes no network"):
        fixed_network_from_parts({"architecture": "vgg"}, {})
    with pytest.raises(BundleError, match="is missing or left over"):
        fixed_network_from_parts(network.to_json(), {})
