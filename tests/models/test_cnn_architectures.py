"""The networks are torchvision's, but for the channels they take and the one answer they give."""

import numpy as np
import pytest
import torch

from hccsurv_core.errors import InputError
from hccsurv_core.models.cnn.architectures import (
    ARCHITECTURES,
    architecture,
    build_network,
    seeded,
    stage_modules,
)

#: Parameters that torchvision documents for 1000 classes, and inputs of the last layer.
PUBLISHED = {
    "resnet50": (25_557_032, 2048, 64 * 49),
    "resnet18": (11_689_512, 512, 64 * 49),
    "densenet121": (7_978_856, 1024, 64 * 49),
    "shufflenet_v2_x0_5": (1_366_792, 1024, 24 * 9),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("channels", [2, 3])
def test_they_have_the_published_number_of_weights(name, channels):
    total, width, per_channel = PUBLISHED[name]
    expected = total - 1000 * (width + 1) + (width + 1) + (channels - 3) * per_channel
    network = build_network(name, channels)
    assert sum(p.numel() for p in network.parameters()) == expected


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_stages_grow_coarser_and_the_penultimate_has_as_many_channels_as_said(name):
    network, shape = build_network(name, 2), architecture(name)
    seen = {}
    for stage, module in stage_modules(network, name).items():
        module.register_forward_hook(lambda _m, _i, out, stage=stage: seen.update({stage: out}))
    answer = network(torch.zeros(1, 2, 64, 64))
    assert answer.shape == (1, 1)
    sides = [seen[stage].shape[-1] for stage in shape.stages]
    assert sides == [16, 8, 4, 2]
    assert shape.feature_stage == list(shape.stages)[-2]
    assert seen[shape.feature_stage].shape[1] == shape.n_features


def test_a_seed_fixes_the_weights_and_disturbs_nobody_elses_chance():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first, again, other = (build_network("resnet18", 2, seed=s) for s in (5, 5, 6))
    assert torch.equal(torch.rand(4), expected)
    pairs = zip(first.parameters(), again.parameters(), other.parameters(), strict=True)
    differ = 0
    for a, b, c in pairs:
        assert torch.equal(a, b)
        differ += not torch.equal(a, c)
    assert differ > 10
    with seeded(1, 2):
        inside = torch.rand(2)
    with seeded(2, 1):
        assert not torch.equal(inside, torch.rand(2))


def test_everybody_starts_near_even_odds():
    network = build_network("resnet18", 2, seed=0).train()
    with torch.no_grad():
        odds = network(torch.randn(8, 2, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert np.abs(odds.numpy()).max() < 0.5


def test_an_unknown_network_is_refused():
    with pytest.raises(InputError, match="no network is called 'vgg16'; use resnet50, resnet18"):
        build_network("vgg16", 3)
