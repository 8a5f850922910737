"""Heat maps: analytic networks whose answer depends on a known square, and the package's own maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pytorch_grad_cam import GradCAM, LayerCAM
from torch import nn

from hccsurv_core.errors import InputError
from hccsurv_core.models.cnn.architectures import ARCHITECTURES, build_network, stage_modules
from hccsurv_core.models.gradcam import METHODS, TOWARD, heat_maps, heat_shares

SIZE = 32
SQUARE = np.zeros((SIZE, SIZE), bool)
SQUARE[6:14, 18:26] = True


class SquareNetwork(nn.Module):
    """Log odds of being alive fall with the mean brightness of one square, and of nothing else."""

    def __init__(self, weight: float = -1.0) -> None:
        super().__init__()
        self.window = nn.Conv2d(2, 3, 1, bias=False)
        self.elsewhere = nn.Conv2d(2, 3, 1)
        with torch.no_grad():
            self.window.weight.fill_(0.5)
        self.head = nn.Linear(3, 1)
        with torch.no_grad():
            self.head.weight.fill_(weight)
            self.head.bias.fill_(0.3)
        self.masked = nn.ReLU()
        self.register_buffer("square", torch.from_numpy(SQUARE.astype(np.float32)))

    def forward(self, x):
        self.elsewhere(x)
        seen = self.masked(self.window(x) * self.square)
        return self.head(seen.mean((2, 3)))


def pictures(n=2, seed=0):
    found = np.random.default_rng(seed).normal(0, 0.2, (n, 2, SIZE, SIZE)).astype(np.float32)
    found[:, :, SQUARE] += 1.0
    return found


@pytest.mark.parametrize("method", METHODS)
def test_the_heat_lies_in_the_square_that_the_answer_depends_on(method):
    network = SquareNetwork().eval()
    (found,) = heat_maps(network, pictures(), {"masked": network.masked}, method=method)
    assert found.heat.shape == (2, SIZE, SIZE)
    assert found.heat.max() == 1
    assert found.cells == (SIZE, SIZE)
    lesion = np.broadcast_to(SQUARE, found.heat.shape)
    shares = heat_shares(found.heat, lesion, None)
    assert shares.lesion == pytest.approx(1.0, abs=1e-6)
    assert shares.lesion_area == pytest.approx(64 / SIZE**2)


def test_grad_cam_is_the_gradient_weighted_sum_of_the_layer():
    """With one linear head the weights are the head's, so the map is known in closed form."""
    network = SquareNetwork().eval()
    x = pictures()
    (found,) = heat_maps(network, x, {"masked": network.masked}, toward="death")
    bright = np.maximum(0.5 * x.sum(1), 0) * SQUARE
    np.testing.assert_allclose(found.heat, bright / bright.max(), atol=1e-6)


@pytest.mark.parametrize("method", ["grad-cam", "grad-cam++", "layer-cam"])
def test_what_speaks_for_death_does_not_speak_for_survival(method):
    network = SquareNetwork().eval()
    (found,) = heat_maps(
        network, pictures(), {"masked": network.masked}, method=method, toward="survival"
    )
    assert found.is_empty
    assert "nothing in this layer speaks for survival" in found.notes


@pytest.mark.parametrize("method", METHODS)
def test_a_network_that_always_answers_the_same_has_no_heat_of_its_score(method):
    network = SquareNetwork(weight=0.0).eval()
    (found,) = heat_maps(network, pictures(), {"masked": network.masked}, method=method)
    assert found.is_empty == METHODS[method].follows_score
    said = "shows what the layer responds to most, whatever the answer" in found.notes
    assert said != METHODS[method].follows_score


def test_a_layer_that_the_answer_does_not_pass_through_is_cold():
    network = SquareNetwork().eval()
    (found,) = heat_maps(network, pictures(), {"elsewhere": network.elsewhere})
    assert found.is_empty


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_method_works_on_every_stage_of_every_network(name):
    network = build_network(name, 2, seed=3).requires_grad_(False)
    x = np.random.default_rng(0).normal(size=(2, 2, 64, 64)).astype(np.float32)
    for method in METHODS:
        found = heat_maps(network, x, stage_modules(network, name), method=method)
        assert [m.cells for m in found] == [(16, 16), (8, 8), (4, 4), (2, 2)]
        for made in found:
            assert np.isfinite(made.heat).all()
            assert made.heat.min() >= 0
            assert made.heat.max() in (0.0, 1.0)
            assert made.notes[0].startswith(f"made of {made.cells[0]}×")
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize(("method", "peer"), [("grad-cam", GradCAM), ("layer-cam", LayerCAM)])
@pytest.mark.parametrize("toward", TOWARD)
def test_maps_are_the_packages_own(method, peer, toward):
    network = build_network("resnet18", 2, seed=3)
    x = np.random.default_rng(0).normal(size=(1, 2, 96, 96)).astype(np.float32)
    ours = heat_maps(network, x, stage_modules(network, "resnet18"), method=method, toward=toward)
    for made in ours:
        layer = stage_modules(network, "resnet18")[made.layer]
        theirs = peer(network, [layer])(
            torch.from_numpy(x).requires_grad_(), [lambda out: TOWARD[toward] * out[0]]
        )[0]
        if made.is_empty:
            assert theirs.max() < 1e-6
            continue
        # The package takes the smallest value away before it stretches; ours is kept as it is.
        mine = made.heat[0] - made.heat[0].min()
        np.testing.assert_allclose(mine / mine.max(), theirs / theirs.max(), atol=5e-3)


def test_slices_of_a_patient_share_one_scale():
    x = pictures()
    x[1] *= 0.25
    network = SquareNetwork().eval()
    (found,) = heat_maps(network, x, {"masked": network.masked})
    assert found.heat[0].max() == 1
    assert found.heat[1].max() == pytest.approx(0.25, abs=0.1)


@settings(max_examples=50, deadline=None)
@given(
    arrays(np.float32, (2, 6, 6), elements=st.floats(0, 1, width=32)),
    arrays(bool, (2, 6, 6)), arrays(bool, (2, 6, 6)),
)  # fmt: skip
def test_shares_add_up_to_one(heat, lesion, liver):
    found = heat_shares(heat, lesion, liver)
    assert found.lesion_area + found.liver_area + found.outside_area == pytest.approx(1)
    if heat.sum() > 0:
        assert found.lesion + found.liver + found.outside == pytest.approx(1)
        assert found.lesion == pytest.approx(heat[lesion].sum() / heat.sum(), abs=1e-5)
    else:
        assert found.lesion is found.liver is found.outside is None


def test_even_heat_has_the_shares_of_the_areas_and_without_a_liver_it_is_outside():
    lesion, liver = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    lesion[:2, :5], liver[:5] = True, True
    even = heat_shares(np.full((10, 10), 0.4), lesion, liver)
    assert (even.lesion, even.liver, even.outside) == pytest.approx((0.1, 0.4, 0.5))
    assert (even.lesion_area, even.liver_area, even.outside_area) == pytest.approx((0.1, 0.4, 0.5))
    unknown = heat_shares(np.full((10, 10), 0.4), lesion, None)
    assert (unknown.lesion, unknown.outside) == pytest.approx((0.1, 0.9))
    assert unknown.liver is None
    assert unknown.liver_area is None
    assert unknown.to_json()["outside"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda: heat_maps(SquareNetwork(), pictures(), {}, method="cam"),
            "no map is called 'cam'",
        ),
        (lambda: heat_maps(SquareNetwork(), pictures(), {}, toward="cure"), "toward 'cure'"),
        (lambda: heat_maps(SquareNetwork(), pictures()[0], {}), "slices have shape"),
        (
            lambda: heat_shares(np.ones((4, 4)), np.ones((4, 5), bool), None),
            r"lesion: heat of shape \(4, 4\) but an outline of \(4, 5\)",
        ),
        (
            lambda: heat_shares(np.ones((4, 4)), np.ones((4, 4), bool), np.ones((4, 5), bool)),
            "liver: heat of shape",
        ),
        (
            lambda: heat_shares(-np.ones((4, 4)), np.ones((4, 4), bool), None),
            "heat is 0 or more",
        ),
    ],
)
def test_what_cannot_be_mapped_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        change()
