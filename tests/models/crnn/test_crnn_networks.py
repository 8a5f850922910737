"""The network: what it reads, in which order, and that nothing else has a say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from monai.networks.nets import efficientnet

from hccsurv_core.models.crnn.networks import build_crnn, last_maps
from hccsurv_core.models.crnn.settings import CrnnSettings

SMALL = CrnnSettings(pixels=32)
B0 = CrnnSettings(pixels=64, extractor="efficientnet-b0")


def pictures(n=2, pixels=32, seed=0):
    return torch.randn((n, 2, 2, 3, pixels, pixels), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("times", ["both", "baseline"])
def test_it_gives_one_log_hazard_and_64_features_a_patient(times):
    network = build_crnn(replace(SMALL, times=times))
    x = pictures(3)
    assert network(x).shape == (3,)
    assert network.features(x).shape == (3, 64)
    torch.testing.assert_close(network.hazard_of(network.features(x)), network(x))


@pytest.mark.parametrize(
    ("times", "parts"),
    [
        ("both", {"extractor_liver", "extractor_lung", "LSTM_liver", "LSTM_lung"}),
        ("baseline", {"extractor_liver", "extractor_lung"}),
    ],
)
def test_parts_are_called_as_in_the_reference_code(times, parts):
    names = build_crnn(replace(SMALL, times=times)).state_dict()
    assert {name.split(".")[0] for name in names} == parts | {"cls_1", "cls_2"}


def test_a_patient_is_told_the_same_alone_and_among_others():
    network = build_crnn(SMALL).train()
    network.drop.p = 0.0
    x = pictures(4)
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]), rtol=1e-5, atol=1e-6)


def test_every_slice_of_both_organs_and_times_has_a_say_at_both_times():
    network, x = build_crnn(SMALL), pictures(1).requires_grad_()
    network(x).sum().backward()
    assert (x.grad.abs().amax((-2, -1)) > 0).all()


def test_at_baseline_the_follow_up_is_not_looked_at():
    network, x = build_crnn(replace(SMALL, times="baseline")), pictures(1).requires_grad_()
    network(x).sum().backward()
    reach = x.grad.abs().amax((-2, -1))[0]
    assert (reach[0] > 0).all()
    assert (reach[1] == 0).all()
    torch.testing.assert_close(network(x[:, :1]), network(x))


def test_the_order_of_times_counts_and_that_of_slices_does_not():
    network, x = build_crnn(SMALL), pictures()
    torch.testing.assert_close(network(x.flip(3)), network(x), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(network.features(x.flip(1)), network.features(x), atol=1e-4)


def test_the_seed_gives_the_weights_and_leaves_other_chance_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first, again, other = (build_crnn(SMALL, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(2), expected)
    assert all(torch.equal(v, again[k]) for k, v in first.items())
    assert not torch.equal(first["cls_1.weight"], other["cls_1.weight"])


def test_nothing_is_downloaded(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("weights were asked for on the net")

    monkeypatch.setattr(efficientnet, "_load_state_dict", refuse)
    network = build_crnn(B0)
    assert network(pictures(1, 64)).shape == (1,)


@pytest.mark.parametrize(("settings", "channels", "cells"), [(SMALL, 48, 4), (B0, 320, 2)])
def test_heat_maps_are_made_of_the_coarsest_maps(settings, channels, cells):
    network, seen = build_crnn(settings), []
    handle = last_maps(network, "lung").register_forward_hook(lambda _m, _i, out: seen.append(out))
    network(pictures(1, settings.pixels))
    handle.remove()
    assert [tuple(maps.shape) for maps in seen] == [(6, channels, cells, cells)]
