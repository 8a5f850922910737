"""Small fully connected networks, several at once, evaluated in numpy.

Training happens elsewhere (:mod:`~hccsurv_core.models.deep_cox`); a trained network is a few
matrices, and predicting with them needs nothing that takes seconds to import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import InputError

#: Klambauer et al., Self-normalizing neural networks, 2017: mean 0 and variance 1 are kept.
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _selu(x: np.ndarray) -> np.ndarray:
    return _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0.0)))


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0.0)


ACTIVATIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "selu": _selu,
    "relu": _relu,
    "tanh": np.tanh,
}


@dataclass(frozen=True, eq=False)
class Networks:
    """K networks of one shape that map p inputs to one log hazard.

    Args:
        weights: of each layer, (K, inputs, outputs).
        biases: of each hidden layer, (K, outputs); the last layer has none, because a Cox model
            has no intercept.
        linear: (K, p) a linear term beside the layers, or None.
        activation: between layers: "selu", "relu" or "tanh".
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    activation: str = "selu"
    linear: np.ndarray | None = None

    @property
    def n_members(self) -> int:
        """K."""
        return self.weights[0].shape[0]

    def log_hazard(self, inputs: np.ndarray) -> np.ndarray:
        """(n, p) inputs, or (K, n, p) one for each network → (K, n) log hazards.

        Raises:
            InputError: another number of inputs.
        """
        x = np.asarray(inputs, dtype=np.float64)
        if x.shape[-1] != self.weights[0].shape[1]:
            raise InputError(
                f"the network takes {self.weights[0].shape[1]} inputs, got {x.shape[-1]}",
                source="network",
            )
        act = ACTIVATIONS[self.activation]
        z = x
        for weight, bias in zip(self.weights[:-1], self.biases, strict=True):
            z = act(z @ weight + bias[:, None, :])
        found = (z @ self.weights[-1])[..., 0]
        if self.linear is not None:
            found = found + (x @ self.linear[:, :, None])[..., 0]
        return found

    def tensors(self) -> dict[str, np.ndarray]:
        """For a bundle, in single precision."""
        found = {f"weight_{i}": w.astype(np.float32) for i, w in enumerate(self.weights)}
        found |= {f"bias_{i}": b.astype(np.float32) for i, b in enumerate(self.biases)}
        if self.linear is not None:
            found["linear"] = self.linear.astype(np.float32)
        return found

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray], activation: str) -> Networks:
        """Back from a bundle."""
        depth = sum(name.startswith("weight_") for name in tensors)
        return cls(
            tuple(tensors[f"weight_{i}"] for i in range(depth)),
            tuple(tensors[f"bias_{i}"] for i in range(depth - 1)),
            activation,
            tensors.get("linear"),
        )


def join_networks(parts: list[Networks]) -> Networks:
    """Networks of one shape side by side."""
    first = parts[0]
    return Networks(
        tuple(np.concatenate(ws) for ws in zip(*(p.weights for p in parts), strict=True)),
        tuple(np.concatenate(bs) for bs in zip(*(p.biases for p in parts), strict=True)),
        first.activation,
        None if first.linear is None else np.concatenate([p.linear for p in parts]),  # type: ignore[misc]
    )
