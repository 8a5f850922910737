"""Autoencoder: many correlated features through a narrow code and back.

Hinton & Salakhutdinov, Science 2006;313:504-507, as a denoising one (Vincent et al., J Mach Learn
Res 2010;11:3371-3408): inputs are disturbed, what is compared is the undisturbed. It sees features
only, never an outcome.

With a few hundred patients a network that begins anywhere gives back less than principal
components do. So this one begins as them: beside the layers, which begin near zero, runs a direct
path whose weights begin as the principal axes, and training can only add to that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch.nn import functional

from hccsurv_core.errors import StatisticsError
from hccsurv_core.models.autoencoder_settings import AutoencoderSettings
from hccsurv_core.models.representation import (
    Representation,
    encode,
    principal_axes,
    scale_of,
)
from hccsurv_core.progress import Progress, silent

#: The last layer on each way begins this much smaller than usual.
_LAST_LAYER = 0.01


@dataclass(frozen=True, eq=False)
class Decoder:
    """The way back from a code.

    Args:
        weights, biases: of the layers, (inputs, outputs) and (outputs,).
        direct: (q, p) straight from code to features.
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    direct: np.ndarray

    def tensors(self) -> dict[str, np.ndarray]:
        """For a checkpoint."""
        return {
            **{f"decoder_weight_{i}": w for i, w in enumerate(self.weights)},
            **{f"decoder_bias_{i}": b for i, b in enumerate(self.biases)},
            "decoder_direct": self.direct,
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> Decoder:
        """Back from a checkpoint."""
        depth = sum(name.startswith("decoder_weight_") for name in tensors)
        return cls(
            tuple(tensors[f"decoder_weight_{i}"] for i in range(depth)),
            tuple(tensors[f"decoder_bias_{i}"] for i in range(depth)),
            tensors["decoder_direct"],
        )


@dataclass(frozen=True, eq=False)
class FittedAutoencoder:
    """An encoder, and how well the features come back.

    Args:
        representation: what to apply.
        best_epoch: counted from 1.
        train_loss, stop_loss: (epochs,) mean squared error of scaled features.
        explained: share of the variance of the patients to stop on that comes back.
        decoder: the way back.
    """

    representation: Representation
    best_epoch: int
    train_loss: np.ndarray
    stop_loss: np.ndarray
    explained: float
    decoder: Decoder

    def tensors(self) -> dict[str, np.ndarray]:
        """For a checkpoint."""
        return {
            **self.representation.tensors(),
            "best_epoch": np.array([self.best_epoch]),
            "train_loss": self.train_loss,
            "stop_loss": self.stop_loss,
            "explained": np.array([self.explained]),
            **self.decoder.tensors(),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> FittedAutoencoder:
        """Back from a checkpoint."""
        return cls(
            Representation.from_tensors("autoencoder", tensors, "selu"),
            int(tensors["best_epoch"][0]),
            tensors["train_loss"],
            tensors["stop_loss"],
            float(tensors["explained"][0]),
            Decoder.from_tensors(tensors),
        )


def fit_autoencoder(
    scaled: np.ndarray,
    encoded: np.ndarray,
    settings: AutoencoderSettings,
    *,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
    watch: Callable[[int, float, float], None] | None = None,
) -> FittedAutoencoder:
    """Learn to reproduce the training patients' features.

    Args:
        scaled: (n, p) features.
        encoded: (p,) which of them; the others pass by.
        seed: fixes everything.
        watch: told after each epoch: its number, training loss, and loss of those to stop on.

    Raises:
        StatisticsError: the training diverges.
    """
    rng, chance = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    part = scaled[:, encoded]
    mixed = rng.permutation(len(part))
    n_stop = max(1, round(settings.stop_share * len(part)))
    axes = principal_axes(part[mixed[n_stop:]], settings.n_codes)
    x = torch.from_numpy(part[mixed].astype(np.float32)).to(device)
    stop, train = x[:n_stop], x[n_stop:]
    layers = _Layers(axes, settings, chance, device)
    optimizer = torch.optim.AdamW(
        layers.parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    best, best_epoch = layers.snapshot(), 0
    best_loss = layers.error(stop)
    train_loss, stop_loss = [], []
    for epoch in range(settings.max_epochs):
        progress(epoch / settings.max_epochs, f"autoencoder, epoch {epoch + 1}")
        order = torch.from_numpy(rng.permutation(len(train))).to(device)
        train_loss.append(_run_epoch(layers, optimizer, train[order], settings, chance))
        judged = layers.error(stop)
        if not np.isfinite(judged):
            raise StatisticsError("the autoencoder's training diverged", source="autoencoder")
        stop_loss.append(judged)
        if watch is not None:
            watch(epoch + 1, train_loss[-1], judged)
        if judged < best_loss * (1 - 1e-4):
            best, best_loss, best_epoch = layers.snapshot(), judged, epoch + 1
        elif epoch + 1 - best_epoch >= settings.patience:
            break
    representation, decoder = layers.to_numpy(best, encoded, part)
    variance = float(((stop - train.mean(dim=0)) ** 2).mean())
    return FittedAutoencoder(
        representation, best_epoch, np.array(train_loss), np.array(stop_loss),
        1.0 - best_loss / variance, decoder,
    )  # fmt: skip


def _run_epoch(
    layers: _Layers,
    optimizer: torch.optim.Optimizer,
    shuffled: torch.Tensor,
    settings: AutoencoderSettings,
    chance: torch.Generator,
) -> float:
    """One pass over the training patients; their mean squared error."""
    total = 0.0
    for clean in shuffled.split(settings.batch_size):
        noise = settings.noise * torch.randn(clean.shape, generator=chance).to(clean.device)
        loss = functional.mse_loss(layers.decode(layers.encode(clean + noise)), clean)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(clean)
    return total / len(shuffled)


class _Layers:
    """Parameters of encoder and decoder."""

    def __init__(
        self, axes: np.ndarray, settings: AutoencoderSettings, chance: torch.Generator, device: str
    ) -> None:
        p, n_codes = axes.shape
        inward = (p, *settings.hidden, n_codes)
        self.depth = len(inward) - 1 if settings.hidden else 0
        sizes = (*inward, *inward[-2::-1]) if settings.hidden else ()
        self.weights = []
        for layer, (wide, narrow) in enumerate(pairwise(sizes)):
            weight = torch.randn((wide, narrow), generator=chance) / wide**0.5
            if layer in (self.depth - 1, len(sizes) - 2):
                weight *= _LAST_LAYER
            self.weights.append(weight.to(device).requires_grad_())
        self.biases = [
            torch.zeros(w.shape[1], device=device).requires_grad_() for w in self.weights
        ]
        inward_axes = torch.from_numpy(axes.astype(np.float32)).to(device)
        self.direct = [inward_axes.clone().requires_grad_(), inward_axes.T.clone().requires_grad_()]

    @property
    def parameters(self) -> list[torch.Tensor]:
        """Of all layers."""
        return [*self.weights, *self.biases, *self.direct]

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """(n, p) → (n, n_codes)."""
        return x @ self.direct[0] + self._run(x, 0, self.depth)

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """(n, n_codes) → (n, p)."""
        return code @ self.direct[1] + self._run(code, self.depth, len(self.weights))

    def error(self, x: torch.Tensor) -> float:
        """Mean squared error of what comes back."""
        with torch.no_grad():
            return float(functional.mse_loss(self.decode(self.encode(x)), x))

    def _run(self, x: torch.Tensor, begin: int, end: int) -> torch.Tensor | float:
        if begin == end:
            return 0.0
        for layer in range(begin, end):
            x = x @ self.weights[layer] + self.biases[layer]
            if layer < end - 1:
                x = functional.selu(x)
        return x

    def snapshot(self) -> list[torch.Tensor]:
        """A copy of all parameters."""
        return [p.detach().clone() for p in self.parameters]

    def to_numpy(
        self, parameters: list[torch.Tensor], encoded: np.ndarray, part: np.ndarray
    ) -> tuple[Representation, Decoder]:
        """A snapshot; the code is scaled by the training patients' features ``part``."""
        arrays = [p.cpu().numpy() for p in parameters]
        n = len(self.weights)
        weights, biases, direct = arrays[:n], arrays[n : 2 * n], arrays[2 * n :]
        cut = self.depth
        layers = tuple(weights[:cut]), tuple(biases[:cut])
        center, scale = scale_of(encode(part, *layers, direct[0], "selu"))
        return (
            Representation("autoencoder", encoded, *layers, direct[0], center, scale),
            Decoder(tuple(weights[cut:]), tuple(biases[cut:]), direct[1]),
        )
