"""The published network of system 4, written from the paper and the names of its weights."""

from __future__ import annotations

import torch
from monai.networks.nets import EfficientNetBN
from torch import nn


class Published(nn.Module):
    """The network as the paper and the names of its weights describe it, slice by slice."""

    def __init__(self, followed: bool) -> None:
        super().__init__()
        self.followed = followed
        for organ in ("liver", "lung"):
            net = EfficientNetBN(
                "efficientnet-b0", pretrained=False, in_channels=1, spatial_dims=2, num_classes=32
            )
            setattr(self, f"extractor_{organ}", net)
            if followed:
                setattr(self, f"LSTM_{organ}", nn.LSTM(32, 32, num_layers=2, batch_first=True))
        self.cls_1, self.cls_2 = nn.Linear(64, 8), nn.Linear(8, 1)

    def forward(self, x):
        found = []
        for k, organ in enumerate(("liver", "lung")):
            extract = getattr(self, f"extractor_{organ}")
            course = []
            for t in range(2 if self.followed else 1):
                slices = [extract(x[:, t, k, [s]]) for s in range(3)]
                course.append((slices[0] + slices[1] + slices[2]) / 3)
            if self.followed:
                hidden, _ = getattr(self, f"LSTM_{organ}")(torch.stack(course, 1))
                found.append(hidden[:, 1])
            else:
                found.append(course[0])
        return self.cls_2(nn.functional.relu(self.cls_1(torch.cat(found, 1))))[:, 0]
