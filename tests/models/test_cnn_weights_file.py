"""Weights files: torchvision's own are taken over exactly, others are refused, nothing in them runs."""

import hashlib
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from hccsurv_core.errors import InputError, UnreadableFileError
from hccsurv_core.models.cnn.architectures import ARCHITECTURES, architecture, build_network
from hccsurv_core.models.cnn.weights_file import load_pretrained, read_weights


@pytest.fixture(scope="module")
def peers():
    torch.manual_seed(1)
    return {name: getattr(models, name)(weights=None).eval() for name in ARCHITECTURES}


def stage_output(network, path, pictures):
    seen = []
    handle = network.get_submodule(path).register_forward_hook(lambda _m, _i, out: seen.append(out))
    with torch.no_grad():
        network(pictures)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_torchvisions_weights_are_taken_over_exactly(name, peers, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(peers[name].state_dict(), path)
    read = read_weights(path)
    assert read.file_name == "weights.pth"
    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    network, shape = build_network(name, 3, seed=9), architecture(name)
    before = [p.clone() for p in network.get_submodule(shape.head).parameters()]
    load_pretrained(network, name, read)
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    stage = list(shape.stages.values())[-1]
    assert torch.equal(
        stage_output(network, stage, pictures), stage_output(peers[name], stage, pictures)
    )
    after = network.get_submodule(shape.head).parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_with_other_channels_a_gray_picture_looks_the_same(channels, peers, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(peers["resnet18"].state_dict(), path)
    network = build_network("resnet18", channels)
    load_pretrained(network, "resnet18", read_weights(path))
    gray = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        stage_output(network, "conv1", gray.repeat(1, channels, 1, 1)),
        stage_output(peers["resnet18"], "conv1", gray.repeat(1, 3, 1, 1)),
    )


def test_wrapped_prefixed_and_older_files_are_understood(peers, tmp_path):
    state = peers["densenet121"].state_dict()
    old = OrderedDict(
        (f"module.{k.replace('norm1', 'norm.1').replace('conv2', 'conv.2')}", v)
        for k, v in state.items()
        if "num_batches_tracked" not in k
    )
    path = tmp_path / "old.pth"
    torch.save({"epoch": 3, "state_dict": old}, path, _use_new_zipfile_serialization=False)
    network = build_network("densenet121", 3)
    load_pretrained(network, "densenet121", read_weights(path))
    key = "features.denseblock1.denselayer2.norm1.weight"
    assert torch.equal(network.state_dict()[key], state[key])
    key = "features.denseblock4.denselayer16.conv2.weight"
    assert torch.equal(network.state_dict()[key], state[key])


def test_weights_of_another_network_are_refused_by_name(peers, tmp_path):
    path = tmp_path / "resnet18.pth"
    torch.save(peers["resnet18"].state_dict(), path)
    network = build_network("resnet50", 3)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with pytest.raises(InputError, match=r"resnet18.pth: is not of a ResNet50: .* layer1.0.conv1"):
        load_pretrained(network, "resnet50", read_weights(path))
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    with pytest.raises(InputError, match=r"not of a DenseNet121: lacks features.conv0.weight"):
        load_pretrained(build_network("densenet121", 3), "densenet121", read_weights(path))


class _Trap:
    """Unpickled, it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_file_that_would_run_something_is_refused_and_nothing_runs(tmp_path):
    made, path = tmp_path / "made", tmp_path / "trap.pth"
    torch.save({"conv1.weight": _Trap(made)}, path)
    with pytest.raises(
        UnreadableFileError, match=r"trap.pth: is damaged or holds more than arrays"
    ):
        read_weights(path)
    assert not made.exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pth", b"", "is damaged or holds more"),
        ("a.pth", b"not a file of torch", "is damaged or holds more"),
        ("a.safetensors", b"\x08\0\0\0\0\0\0\0{}", "is no safetensors file"),
    ],
)
def test_damaged_files_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=message):
        read_weights(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [({"conv1.weight": 3}, "'conv1.weight' is no array"), ([1, 2], "holds no arrays by name")],
)
def test_a_file_without_arrays_is_refused(tmp_path, content, message):
    path = tmp_path / "a.pth"
    torch.save(content, path)
    with pytest.raises(UnreadableFileError, match=message):
        read_weights(path)


def test_a_truncated_file_and_a_missing_one_are_refused(peers, tmp_path):
    path = tmp_path / "cut.pth"
    torch.save(peers["resnet18"].state_dict(), path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(UnreadableFileError, match=r"cut.pth: is damaged"):
        read_weights(path)
    with pytest.raises(InputError, match=r"cannot be read .* or train without pretrained weights"):
        read_weights(tmp_path / "none.pth")
