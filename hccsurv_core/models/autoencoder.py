"""Autoencoder: many correlated features through a narrow code and back.

Hinton & Salakhutdinov, Science 2006;313:504-507, as a denoising one (Vincent et al., J Mach Learn
Res 2010;11:3371-3408): inputs are disturbed, what is compared is the undisturbed. It sees features
only, never an outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch.nn import functional

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.representation import Representation, encode, scale_of
from hccsurv_core.progress import Progress, silent


@dataclass(frozen=True)
class AutoencoderSettings:
    """Shape and training of the autoencoder.

    Args:
        n_codes: width of the code; the paper's is 100.
        hidden: units of the layers between features and code, mirrored on the way back.
        noise: standard deviation added to the inputs, which have 1.
        weight_decay, learning_rate, batch_size, max_epochs, patience: as for the network.
        stop_share: patients whose reconstruction says when to stop.
    """

    n_codes: int = 100
    hidden: tuple[int, ...] = (256,)
    noise: float = 0.2
    weight_decay: float = 1e-3
    learning_rate: float = 2e-3
    batch_size: int = 64
    max_epochs: int = 150
    patience: int = 15
    stop_share: float = 0.15

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if self.n_codes < 1 or any(units < 1 for units in self.hidden):
            raise InputError("a layer has at least 1 unit", source="autoencoder settings")
        if self.noise < 0 or not 0 <= self.stop_share < 1:
            raise InputError(
                "noise is not negative, and the share to stop on lies between 0 and 1",
                source="autoencoder settings",
            )


@dataclass(frozen=True, eq=False)
class FittedAutoencoder:
    """An encoder, and how well the features come back.

    Args:
        representation: what to apply.
        best_epoch: counted from 1.
        train_loss, stop_loss: (epochs,) mean squared error of scaled features.
        explained: share of the variance of the patients to stop on that comes back.
    """

    representation: Representation
    best_epoch: int
    train_loss: np.ndarray
    stop_loss: np.ndarray
    explained: float

    def tensors(self) -> dict[str, np.ndarray]:
        """For a checkpoint."""
        return {
            **self.representation.tensors(),
            "best_epoch": np.array([self.best_epoch]),
            "train_loss": self.train_loss,
            "stop_loss": self.stop_loss,
            "explained": np.array([self.explained]),
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
    order = rng.permutation(len(part))
    n_stop = max(1, round(settings.stop_share * len(part)))
    x = torch.from_numpy(part[order].astype(np.float32)).to(device)
    stop, train = x[:n_stop], x[n_stop:]
    layers = AutoencoderLayers(part.shape[1], settings, chance, device)
    optimizer = torch.optim.AdamW(
        layers.parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    best, best_loss, best_epoch = layers.snapshot(), np.inf, 0
    train_loss, stop_loss = [], []
    for epoch in range(settings.max_epochs):
        progress(epoch / settings.max_epochs, f"autoencoder, epoch {epoch + 1}")
        shuffled = torch.from_numpy(rng.permutation(len(train)))
        total = 0.0
        for rows in shuffled.split(settings.batch_size):
            clean = train[rows.to(device)]
            noise = settings.noise * torch.randn(clean.shape, generator=chance).to(device)
            loss = functional.mse_loss(layers.decode(layers.encode(clean + noise)), clean)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(rows)
        with torch.no_grad():
            judged = float(functional.mse_loss(layers.decode(layers.encode(stop)), stop))
        if not np.isfinite(judged):
            raise StatisticsError("the autoencoder's training diverged", source="autoencoder")
        train_loss.append(total / len(train))
        stop_loss.append(judged)
        if watch is not None:
            watch(epoch + 1, train_loss[-1], judged)
        if judged < best_loss * (1 - 1e-4):
            best, best_loss, best_epoch = layers.snapshot(), judged, epoch + 1
        elif epoch + 1 - best_epoch >= settings.patience:
            break
    weights, biases = layers.encoder_arrays(best)
    center, scale = scale_of(encode(part, weights, biases, "selu"))
    return FittedAutoencoder(
        Representation("autoencoder", encoded, weights, biases, center, scale),
        best_epoch, np.array(train_loss), np.array(stop_loss),
        1.0 - best_loss / float(stop.var(dim=0, correction=0).mean()),
    )  # fmt: skip


class AutoencoderLayers:
    """Parameters of encoder and decoder."""

    def __init__(
        self, p: int, settings: AutoencoderSettings, chance: torch.Generator, device: str
    ) -> None:
        inward = (p, *settings.hidden, settings.n_codes)
        self.depth = len(inward) - 1
        sizes = (*inward, *inward[-2::-1])
        self.weights = [
            (torch.randn((wide, narrow), generator=chance) / wide**0.5).to(device).requires_grad_()
            for wide, narrow in pairwise(sizes)
        ]
        self.biases = [
            torch.zeros(w.shape[1], device=device).requires_grad_() for w in self.weights
        ]

    @property
    def parameters(self) -> list[torch.Tensor]:
        """Of all layers."""
        return [*self.weights, *self.biases]

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """(n, p) → (n, n_codes)."""
        return self._run(x, 0, self.depth)

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """(n, n_codes) → (n, p)."""
        return self._run(functional.selu(code), self.depth, len(self.weights))

    def _run(self, x: torch.Tensor, begin: int, end: int) -> torch.Tensor:
        for layer in range(begin, end):
            x = x @ self.weights[layer] + self.biases[layer]
            if layer < end - 1:
                x = functional.selu(x)
        return x

    def snapshot(self) -> list[torch.Tensor]:
        """A copy of all parameters."""
        return [p.detach().clone() for p in self.parameters]

    def encoder_arrays(
        self, parameters: list[torch.Tensor]
    ) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        """Weights and biases of the encoder of a snapshot."""
        arrays = [p.cpu().numpy() for p in parameters]
        biases = arrays[len(self.weights) :]
        return tuple(arrays[: self.depth]), tuple(biases[: self.depth])
