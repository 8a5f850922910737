"""Tiny crops whose label can be seen: a bright square in those who lived."""

from __future__ import annotations

import numpy as np

from hccsurv_core.imaging.lesion_crop_settings import CropSettings
from hccsurv_core.models.cnn.samples import CnnSamples
from hccsurv_core.models.cnn.settings import Augmentation, CnnSettings

CROP = CropSettings(pixels=32, channels=("arterial", "portal"))
#: ResNet18, a few steps, nothing left to chance but the order.
QUICK = CnnSettings(
    architecture="resnet18", max_epochs=3, batch_size=6, learning_rate=1e-3, dropout=0.0,
    validation_share=0.25, augmentation=Augmentation(rotate_deg=10),
)  # fmt: skip


def tiny_samples(n: int = 12, slices: int = 1, seed: int = 0) -> CnnSamples:
    """n patients, every other one alive; all count alike."""
    rng = np.random.default_rng(seed)
    images = rng.normal(0, 0.3, (n, slices, 2, 32, 32)).astype(np.float32)
    alive = np.arange(n) % 2 == 0
    images[alive, :, :, 10:22, 10:22] += 2.0
    return CnnSamples(images, alive, np.ones(n))


def tiny_network(name: str, n_channels: int, *, dropout: float = 0.0, seed: int = 0):
    """A network of some thousand weights with the parts of a ResNet18 that a training looks at.

    Training is the same for any network; a real one takes seconds a test.
    """
    from torch import nn

    from hccsurv_core.models.cnn.architectures import seeded

    with seeded(seed):
        network = nn.Sequential()
        for part, module in {
            "conv1": nn.Conv2d(n_channels, 4, 5, stride=2, padding=2, bias=False),
            "bn1": nn.BatchNorm2d(4),
            "relu": nn.ReLU(),
            "layer1": nn.Identity(),
            "layer2": nn.Identity(),
            "layer3": nn.Conv2d(4, 256, 3, stride=2, padding=1),
            "layer4": nn.ReLU(),
            "pool": nn.AdaptiveAvgPool2d(1),
            "flat": nn.Flatten(),
            "fc": nn.Sequential(nn.Dropout(dropout), nn.Linear(256, 1)),
        }.items():
            network.add_module(part, module)
    return network.eval()
