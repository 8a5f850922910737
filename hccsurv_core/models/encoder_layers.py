"""An autoencoder's layers inside Cox networks, so that features and hazard are learned together.

Each of K networks goes on from the same trained autoencoder. What the code must still be able to
give back keeps it from forgetting the features for the few deaths (as in supervised autoencoders:
Le, Patterson & White, NeurIPS 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from hccsurv_core.models.autoencoder import Decoder
from hccsurv_core.models.representation import Representation


@dataclass(frozen=True, eq=False)
class EncoderStart:
    """Where the joint training begins.

    Args:
        representation: of the trained autoencoder.
        decoder: its way back.
        reconstruction: weight of the mean squared error beside the partial likelihood.
        learning_share: of the network's learning rate.
    """

    representation: Representation
    decoder: Decoder
    reconstruction: float = 1.0
    learning_share: float = 0.1


class EncoderLayers:
    """Parameters of K encoders and decoders in training."""

    def __init__(self, start: EncoderStart, k: int, device: str) -> None:
        self.start, self.device = start, device
        old = start.representation
        self.depth = len(old.weights)
        back = start.decoder
        self.weights = [_copies(w, k, device) for w in (*old.weights, *back.weights)]
        self.biases = [_copies(b[None, :], k, device) for b in (*old.biases, *back.biases)]
        self.direct = [_copies(np.asarray(d), k, device) for d in (old.direct, back.direct)]
        self.encoded = torch.from_numpy(np.flatnonzero(old.encoded)).to(device)
        self.beside = torch.from_numpy(np.flatnonzero(~old.encoded)).to(device)
        # Fixed, so that the network's inputs keep their meaning while the encoder moves.
        self.center = torch.from_numpy(np.asarray(old.center, dtype=np.float32)).to(device)
        self.scale = torch.from_numpy(np.asarray(old.scale, dtype=np.float32)).to(device)

    @property
    def n_outputs(self) -> int:
        """Inputs of the network behind it."""
        return self.center.numel() + self.beside.numel()

    @property
    def parameters(self) -> list[torch.Tensor]:
        """Of all layers, (K, …)."""
        return [*self.weights, *self.biases, *self.direct]

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, p) or (K, n, p) → (K, n, q) inputs of the network and (K,) reconstruction error."""
        clean = x[..., self.encoded]
        code = torch.matmul(clean, self.direct[0]) + self._run(clean, 0, self.depth)
        again = torch.matmul(code, self.direct[1])
        again = again + self._run(code, self.depth, len(self.weights))
        error = ((again - clean) ** 2).mean(dim=(1, 2))
        scaled = (code - self.center) / self.scale
        beside = x[..., self.beside].expand(*scaled.shape[:-1], self.beside.numel())
        return torch.cat([scaled, beside], dim=-1), error

    def _run(self, x: torch.Tensor, begin: int, end: int) -> torch.Tensor | float:
        if begin == end:
            return 0.0
        for layer in range(begin, end):
            x = torch.matmul(x, self.weights[layer]) + self.biases[layer]
            if layer < end - 1:
                x = functional.selu(x)
        return x

    def to_representation(self, parameters: list[torch.Tensor]) -> Representation:
        """K encoders as a numpy representation."""
        arrays = [p.cpu().numpy() for p in parameters]
        old = self.start.representation
        n = len(self.weights)
        biases = [b[:, 0, :] for b in arrays[n : 2 * n]]
        return Representation(
            old.kind, old.encoded, tuple(arrays[: self.depth]), tuple(biases[: self.depth]),
            arrays[2 * n], old.center, old.scale, old.activation,
        )  # fmt: skip


def _copies(array: np.ndarray, k: int, device: str) -> torch.Tensor:
    """K trainable copies of a parameter."""
    single = torch.from_numpy(np.asarray(array, dtype=np.float32))
    return single.expand(k, *single.shape).clone().to(device).requires_grad_()
