"""Features of a network's penultimate stage: its channels, averaged over a picture or a part of it."""

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


def channel_means(maps: torch.Tensor, regions: torch.Tensor | None = None) -> np.ndarray:
    """(b, channels, rows, columns) → (b, channels), mean over the picture or over a region of it.

    Args:
        maps: of the stage.
        regions: (b, 1, P, P) share of each pixel that counts; None counts the whole picture. A
            region that is empty gives 0.
    """
    from torch.nn.functional import adaptive_avg_pool2d

    if regions is None:
        means = maps.float().mean((2, 3))
    else:
        share = adaptive_avg_pool2d(regions.float(), (maps.shape[2], maps.shape[3]))
        means = (maps.float() * share).sum((2, 3)) / share.sum((2, 3)).clamp_min(1e-6)
    found: np.ndarray = means.cpu().numpy()
    return found


def slice_means(of_pictures: list[np.ndarray], n: int, slices: int) -> np.ndarray:
    """Rows of all pictures, in batches → (n, …) float64, mean over each patient's slices."""
    joined = np.concatenate(of_pictures).astype(np.float64)
    means: np.ndarray = joined.reshape(n, slices, *joined.shape[1:]).mean(1)
    return means
