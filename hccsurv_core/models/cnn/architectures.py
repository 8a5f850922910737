"""Networks as torchvision has them, with one answer: three of Wei et al., Br J Hosp Med 2026, and a small one.

ResNet: He et al., CVPR 2016; DenseNet: Huang et al., CVPR 2017. ShuffleNet (v2, half width: Ma et al.,
ECCV 2018) has a thirtieth of ResNet18's weights, for a machine without a GPU. The first convolution
takes the crop's channels instead of red, green and blue, and the last layer gives one log odds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hccsurv_core.errors import InputError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Architecture:
    """Where a network has what.

    Args:
        name: as in torchvision.
        words: as papers write it.
        first_convolution, head: paths of the modules that are adapted.
        stages: name → path of the modules whose output is a map, coarser from one to the next.
        feature_stage: the last but one of them. The paper takes "1024 features of the penultimate
            convolutional layer" of ResNet50; its third stage has that many channels, so this is our
            reading. DenseNet121's third block has 1024 too, ResNet18's third stage 256.
        n_features: channels of that stage.
    """

    name: str
    words: str
    first_convolution: str
    head: str
    stages: dict[str, str]
    feature_stage: str
    n_features: int


def _resnet(name: str, words: str, n_features: int) -> Architecture:
    stages = {f"layer{k}": f"layer{k}" for k in (1, 2, 3, 4)}
    return Architecture(name, words, "conv1", "fc", stages, "layer3", n_features)


#: The small one.
SMALL = "shufflenet_v2_x0_5"
ARCHITECTURES: dict[str, Architecture] = {
    "resnet50": _resnet("resnet50", "ResNet50", 1024),
    "resnet18": _resnet("resnet18", "ResNet18", 256),
    "densenet121": Architecture(
        "densenet121",
        "DenseNet121",
        "features.conv0",
        "classifier",
        {f"denseblock{k}": f"features.denseblock{k}" for k in (1, 2, 3, 4)},
        "denseblock3",
        1024,
    ),
    SMALL: Architecture(
        SMALL,
        "ShuffleNet v2 (half width)",
        "conv1.0",
        "fc",
        {"stage1": "maxpool"} | {f"stage{k}": f"stage{k}" for k in (2, 3, 4)},
        "stage3",
        96,
    ),
}


def architecture(name: str) -> Architecture:
    """The architecture of that name.

    Raises:
        InputError: there is none.
    """
    if name not in ARCHITECTURES:
        raise InputError(
            f"no network is called {name!r}",
            source="architecture",
            remedy=f"use {', '.join(ARCHITECTURES)}",
        )
    return ARCHITECTURES[name]


def build_network(name: str, n_channels: int, *, dropout: float = 0.0, seed: int = 0) -> nn.Module:
    """An untrained network: (n, channels, rows, columns) → (n, 1) log odds.

    Args:
        name: key of :data:`ARCHITECTURES`.
        n_channels: of the crops.
        dropout: share of the last layer's inputs left out in training.
        seed: of the initial weights.

    Raises:
        InputError: an unknown name.
    """
    import torch
    from torch import nn
    from torchvision import models

    shape = architecture(name)
    with seeded(seed):
        network: nn.Module = getattr(models, name)(weights=None)
        first: Any = network.get_submodule(shape.first_convolution)
        if n_channels != 3:
            again = nn.Conv2d(
                n_channels, first.out_channels, kernel_size=first.kernel_size,
                stride=first.stride, padding=first.padding, bias=False,
            )  # fmt: skip
            nn.init.kaiming_normal_(again.weight, mode="fan_out", nonlinearity="relu")
            _replace(network, shape.first_convolution, again)
        head: Any = network.get_submodule(shape.head)
        answer = nn.Linear(head.in_features, 1)
        # Everybody starts near the average; the trainer sets the bias to it.
        with torch.no_grad():
            answer.weight.mul_(0.1)
            answer.bias.zero_()
        _replace(network, shape.head, nn.Sequential(nn.Dropout(dropout), answer))
    return network.eval()


def stage_modules(network: nn.Module, name: str) -> dict[str, nn.Module]:
    """Stage name → module, in the order of the data."""
    return {stage: network.get_submodule(path) for stage, path in architecture(name).stages.items()}


@contextmanager
def seeded(*seeds: int) -> Iterator[None]:
    """Torch's own generators start from these numbers inside, and go on undisturbed after."""
    import numpy as np
    import torch

    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(np.random.SeedSequence(seeds).generate_state(1)[0]))
        yield


def _replace(network: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(network.get_submodule(parent), name, module)
