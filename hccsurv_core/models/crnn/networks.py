"""The network of Xia et al.: slices → 32 features an organ → LSTM over times → log hazard.

Insights into Imaging 2024, doi 10.1186/s13244-024-01784-8. The parts are called as in the reference
code (github EstelleXIA/ProgHCC, model.py), so that its weights fit. EfficientNet: Tan & Le, ICML
2019; LSTM: Hochreiter & Schmidhuber, Neural Comput 1997.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import nn

from hccsurv_core.models.cnn.architectures import seeded
from hccsurv_core.models.crnn.samples import ORGANS
from hccsurv_core.models.crnn.settings import CrnnSettings

#: Features of an organ, before and after the LSTM; hidden units of the answer.
N_FEATURES, N_HIDDEN = 32, 8
#: Features of a patient: both organs.
N_PATIENT_FEATURES = N_FEATURES * len(ORGANS)
#: Channels of the small extractor, from the picture on.
_CHANNELS = (1, 16, 32, 48, 64)
#: Of a channel's mean over a picture; a channel that varies less says nothing.
_SMALLEST_SPREAD = 1e-4
#: The last layer begins this much smaller than usual: everybody starts at the average hazard.
_LAST_LAYER = 0.1


class ScanNetwork(nn.Module):
    """(n, times, organs, slices, P, P) → (n,) log hazard, higher is worse.

    With times "baseline" only the first time is read and there is no LSTM.
    """

    def __init__(self, settings: CrnnSettings) -> None:
        super().__init__()
        self.n_times = settings.n_times
        self.extractor_liver = _extractor(settings.extractor)
        self.extractor_lung = _extractor(settings.extractor)
        if settings.times == "both":
            self.LSTM_liver = nn.LSTM(N_FEATURES, N_FEATURES, num_layers=2, batch_first=True)
            self.LSTM_lung = nn.LSTM(N_FEATURES, N_FEATURES, num_layers=2, batch_first=True)
        self.cls_1 = nn.Linear(N_PATIENT_FEATURES, N_HIDDEN)
        self.cls_2 = nn.Linear(N_HIDDEN, 1)
        self.drop = nn.Dropout(settings.hidden_dropout)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.hazard_of(self.features(pictures))

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """(n, 64) what is known of each patient: 32 of the liver, then 32 of the lungs."""
        return self.course_of(self.scan_features(pictures))

    def calibrate(self, batches: Sequence[torch.Tensor]) -> None:
        """Fit small extractors to the range of the pictures of these batches of patients."""
        for k, organ in enumerate(ORGANS):
            extractor = self.get_submodule(f"extractor_{organ}")
            if isinstance(extractor, SmallExtractor):
                extractor.calibrate(x[:, : self.n_times, k].flatten(0, 2)[:, None] for x in batches)

    def scan_features(self, pictures: torch.Tensor) -> torch.Tensor:
        """(n, times, organs, 32) of each scan, the mean of its slices.

        All slices of an organ pass its extractor at once; in training, batch statistics are thus
        of all of them, where the reference code takes each slice's own.
        """
        found = []
        for k, organ in enumerate(ORGANS):
            x = pictures[:, : self.n_times, k]
            seen = self.get_submodule(f"extractor_{organ}")(x.flatten(0, 2)[:, None])
            found.append(seen.unflatten(0, x.shape[:3]).mean(dim=2))
        return torch.stack(found, dim=2)

    def course_of(self, scans: torch.Tensor) -> torch.Tensor:
        """(n, times, organs, 32) features of scans → (n, 64): the LSTM's answer at the last one."""
        if self.n_times == 1:
            return scans[:, 0].flatten(1)
        found = [
            self.get_submodule(f"LSTM_{organ}")(scans[:, :, k])[0][:, -1]
            for k, organ in enumerate(ORGANS)
        ]
        return torch.cat(found, dim=1)

    def hazard_of(self, features: torch.Tensor) -> torch.Tensor:
        """(n, 64) features → (n,) log hazard."""
        hidden = torch.relu(self.drop(self.cls_1(features)))
        found: torch.Tensor = self.cls_2(hidden)
        return found[:, 0]


class SmallExtractor(nn.Module):
    """(b, 1, P, P) → (b, 32): four convolutions, the mean over the picture, a linear layer.

    Each convolution is followed by GroupNorm (Wu & He, ECCV 2018) with one channel a group, which
    looks at one picture alone. Batch statistics would be of few patients, whose slices are alike,
    would differ between training and use, and would let a patient's features depend on who else is
    in the batch.

    The mean over a whole slice hardly varies between patients (a tumor is a few hundredths of it),
    too little to learn from. So it is standardized by numbers that :meth:`calibrate` fixes once
    (after Salimans & Kingma, NIPS 2016, data-dependent initialization).
    """

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        strides = (2, 2, 2, 1)
        blocks = [
            nn.Sequential(
                nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
                nn.GroupNorm(after, after),
                nn.ReLU(),
            )
            for stride, (before, after) in zip(strides, pairwise(_CHANNELS), strict=True)
        ]
        self.blocks = nn.Sequential(*blocks)
        self.register_buffer("mean", torch.zeros(_CHANNELS[-1]))
        self.register_buffer("spread", torch.ones(_CHANNELS[-1]))
        self.answer = nn.Linear(_CHANNELS[-1], N_FEATURES)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        pooled = self.blocks(pictures).mean((2, 3))
        found: torch.Tensor = self.answer((pooled - self.mean) / self.spread)
        return found

    @torch.no_grad()
    def calibrate(self, batches: Iterable[torch.Tensor]) -> None:
        """Make what the linear layer gets of these (b, 1, P, P) have mean 0 and spread 1."""
        pooled = torch.cat([self.blocks(batch).mean((2, 3)) for batch in batches])
        self.mean.copy_(pooled.mean(0))
        self.spread.copy_(pooled.std(0, correction=0).clamp_min(_SMALLEST_SPREAD))


def build_crnn(settings: CrnnSettings, seed: int = 0) -> ScanNetwork:
    """An untrained network, in evaluation mode.

    Args:
        settings: which times it reads, its extractors and its dropout.
        seed: of the initial weights.
    """
    with seeded(seed):
        network = ScanNetwork(settings)
    with torch.no_grad():
        network.cls_2.weight.mul_(_LAST_LAYER)
        network.cls_2.bias.zero_()
    return network.eval()


def last_maps(network: ScanNetwork, organ: str) -> nn.Module:
    """The block of an organ's extractor whose output heat maps are made of.

    EfficientNet: its last block. Small: what goes into its last convolution, as fine as what comes
    out of it. Behind it stand a norm and a mean, both over the whole picture: there every place
    has the same gradient, and the map would show the background as much as what changed it.
    """
    extractor = network.get_submodule(f"extractor_{organ}")
    if isinstance(extractor, SmallExtractor):
        return extractor.blocks[-2]
    stages = extractor.get_submodule("_blocks")
    # Stages hold blocks: the last block of the last stage.
    return list(list(stages.children())[-1].children())[-1]


def _extractor(name: str) -> nn.Module:
    """(b, 1, P, P) → (b, 32)."""
    if name == "small":
        return SmallExtractor()
    from monai.networks.nets import EfficientNetBN

    # Its default would download ImageNet's weights.
    return EfficientNetBN(
        name, pretrained=False, spatial_dims=2, in_channels=1, num_classes=N_FEATURES
    )
