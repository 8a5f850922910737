"""Features of a network's penultimate stage: its channels, averaged over the picture and the slices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from hccsurv_core.models.cnn.architectures import architecture

if TYPE_CHECKING:
    import torch

#: Pictures that go through a network at once.
AT_ONCE = 16


def stage_feature_names(name: str) -> tuple[str, ...]:
    """``resnet50.layer3.0001`` and so on.

    Raises:
        InputError: no network has that name.
    """
    shape = architecture(name)
    start = f"{shape.name}.{shape.feature_stage}"
    return tuple(f"{start}.{k + 1:04d}" for k in range(shape.n_features))


def batches(images: np.ndarray, device: str) -> Iterator[torch.Tensor]:
    """(n, slices, channels, P, P) as (b, channels, P, P), a few pictures at a time, slices in order."""
    import torch

    flat = images.reshape(-1, *images.shape[2:])
    for first in range(0, len(flat), AT_ONCE):
        yield torch.from_numpy(np.ascontiguousarray(flat[first : first + AT_ONCE])).to(device)


def channel_means(maps: torch.Tensor) -> np.ndarray:
    """(b, channels, rows, columns) → (b, channels), mean over the picture."""
    means: np.ndarray = maps.float().mean((2, 3)).cpu().numpy()
    return means


def slice_means(of_pictures: list[np.ndarray], n: int, slices: int) -> np.ndarray:
    """Rows of all pictures, in batches → (n, …) float64, mean over each patient's slices."""
    joined = np.concatenate(of_pictures).astype(np.float64)
    means: np.ndarray = joined.reshape(n, slices, *joined.shape[1:]).mean(1)
    return means
