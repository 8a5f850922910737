"""Training pictures flipped, turned, moved and brightened by chance that a seed fixes.

What happens to a picture depends on the seed, the epoch and the picture's number alone, so that a
training that is resumed sees what it would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hccsurv_core.models.cnn.settings import Augmentation

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Draws:
    """What happens to each of n pictures.

    Args:
        turn: (n, 2, 3) takes places in the new picture to places in the old one; both run from −1
            to 1 from edge to edge, (column, row).
        gain, offset: (n,) of the tissue channels.
    """

    turn: np.ndarray
    gain: np.ndarray
    offset: np.ndarray


def draw_augmentations(n: int, chosen: Augmentation, *, seed: int, epoch: int) -> Draws:
    """Draw for n pictures of an epoch."""
    rng = np.random.default_rng((seed, epoch, 0xA06))
    angle = np.deg2rad(chosen.rotate_deg) * rng.uniform(-1, 1, n)
    flips = 1.0 - 2.0 * (rng.random((n, 2)) < 0.5 * chosen.flip)
    moved = 2 * chosen.shift * rng.uniform(-1, 1, (n, 2))
    gain = 1 + chosen.gain * rng.uniform(-1, 1, n)
    offset = chosen.offset * rng.uniform(-1, 1, n)
    rotation = np.stack(
        [np.stack([np.cos(angle), -np.sin(angle)], 1), np.stack([np.sin(angle), np.cos(angle)], 1)],
        axis=1,
    )
    turn = np.concatenate([rotation * flips[:, None, :], moved[:, :, None]], axis=2)
    return Draws(turn.astype(np.float32), gain.astype(np.float32), offset.astype(np.float32))


def augment(
    pictures: torch.Tensor, draws: Draws, rows: np.ndarray, tissue_channels: list[int]
) -> torch.Tensor:
    """Apply the draws of ``rows`` to as many pictures.

    Args:
        pictures: (b, channels, P, P).
        rows: (b,) number of each picture among the draws.
        tissue_channels: those whose brightness varies; a mask's does not.

    Returns:
        new pictures; what comes in from outside repeats the edge.
    """
    import torch
    from torch.nn import functional

    device = pictures.device
    turn = torch.from_numpy(draws.turn[rows]).to(device)
    grid = functional.affine_grid(turn, list(pictures.shape), align_corners=False)
    found = functional.grid_sample(
        pictures, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    gain = torch.from_numpy(draws.gain[rows]).to(device)[:, None, None, None]
    offset = torch.from_numpy(draws.offset[rows]).to(device)[:, None, None, None]
    found[:, tissue_channels] = found[:, tissue_channels] * gain + offset
    return found
