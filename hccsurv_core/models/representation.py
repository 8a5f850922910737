"""From many features to few: an encoder's output or principal components, evaluated in numpy.

Columns that bypass the encoder (clinical values among radiomics) stand behind its output as they
are. The output is on the scale of z-scores of the training patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.network import ACTIVATIONS

KINDS = ("none", "pca", "autoencoder")


@dataclass(frozen=True, eq=False)
class Representation:
    """A learned map from p scaled features to q inputs of a network.

    Args:
        kind: "none" (q = p), "pca" or "autoencoder".
        encoded: (p,) True for columns that are encoded; the others pass by.
        weights: of the encoder's layers, (inputs, outputs), or (K, inputs, outputs) where each
            of K networks has its own encoder; none for principal components.
        biases: (outputs,) or (K, outputs) each.
        direct: (inputs, q) or (K, inputs, q), straight from features to code, beside the layers.
        center, scale: of the code over the training patients, (…, outputs of the last layer).
        activation: between layers, none after the last.
    """

    kind: str
    encoded: np.ndarray
    weights: tuple[np.ndarray, ...] = ()
    biases: tuple[np.ndarray, ...] = ()
    direct: np.ndarray | None = None
    center: np.ndarray | None = None
    scale: np.ndarray | None = None
    activation: str = "selu"

    @property
    def n_codes(self) -> int:
        """Outputs of the encoder; 0 where there is none."""
        return 0 if self.direct is None else self.direct.shape[-1]

    def apply(self, scaled: np.ndarray) -> np.ndarray:
        """(n, p) scaled features → (n, q) inputs of the networks, or (K, n, q).

        Raises:
            InputError: another number of features.
        """
        z = np.asarray(scaled, dtype=np.float64)
        if z.ndim != 2 or z.shape[1] != self.encoded.size:
            raise InputError(
                f"{self.encoded.size} scaled features are needed, got shape {z.shape}",
                source="representation",
            )
        if self.direct is None or self.center is None or self.scale is None:
            return z
        code = encode(z[:, self.encoded], self.weights, self.biases, self.direct, self.activation)
        code = (code - self.center[..., None, :]) / self.scale[..., None, :]
        beside = np.broadcast_to(
            z[:, ~self.encoded], (*code.shape[:-1], int((~self.encoded).sum()))
        )
        return np.concatenate([code, beside], axis=-1)

    def naturally_scaled(self) -> Representation:
        """The same with one scale for all codes: that of the widest."""
        if self.scale is None:
            return self
        return replace(self, scale=np.full_like(self.scale, self.scale.max()))

    def tensors(self) -> dict[str, np.ndarray]:
        """For a bundle, in single precision."""
        found: dict[str, np.ndarray] = {"encoded": self.encoded}
        found |= {f"weight_{i}": w.astype(np.float32) for i, w in enumerate(self.weights)}
        found |= {f"bias_{i}": b.astype(np.float32) for i, b in enumerate(self.biases)}
        if self.direct is not None and self.center is not None and self.scale is not None:
            found |= {"direct": self.direct.astype(np.float32)}
            found |= {"center": self.center, "scale": self.scale}
        return found

    @classmethod
    def from_tensors(
        cls, kind: str, tensors: Mapping[str, np.ndarray], activation: str
    ) -> Representation:
        """Back from a bundle."""
        depth = sum(name.startswith("weight_") for name in tensors)
        return cls(
            kind,
            tensors["encoded"],
            tuple(tensors[f"weight_{i}"] for i in range(depth)),
            tuple(tensors[f"bias_{i}"] for i in range(depth)),
            tensors.get("direct"),
            tensors.get("center"),
            tensors.get("scale"),
            activation,
        )


def encode(
    z: np.ndarray,
    weights: tuple[np.ndarray, ...],
    biases: tuple[np.ndarray, ...],
    direct: np.ndarray,
    activation: str,
) -> np.ndarray:
    """The encoder's output before it is scaled, (n, q) or (K, n, q)."""
    act = ACTIVATIONS[activation]
    code = z @ direct
    for depth, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        z = z @ weight + bias[..., None, :]
        if depth < len(weights) - 1:
            z = act(z)
    return code + z if weights else code


def scale_of(code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of the training patients' code; a constant has spread 1."""
    spread = code.std(axis=-2)
    return code.mean(axis=-2), np.where(spread > 1e-8, spread, 1.0)


def join_representations(parts: list[Representation]) -> Representation:
    """Encoders of K networks each, side by side."""
    first = parts[0]
    return Representation(
        first.kind,
        first.encoded,
        tuple(np.concatenate(ws) for ws in zip(*(p.weights for p in parts), strict=True)),
        tuple(np.concatenate(bs) for bs in zip(*(p.biases for p in parts), strict=True)),
        None if first.direct is None else np.concatenate([p.direct for p in parts]),  # type: ignore[misc]
        first.center,
        first.scale,
        first.activation,
    )


def no_representation(p: int) -> Representation:
    """Features as they are."""
    return Representation("none", np.zeros(p, dtype=bool))


def fit_pca(scaled: np.ndarray, n_codes: int, encoded: np.ndarray) -> Representation:
    """Principal components of the training patients.

    Args:
        scaled: (n, p).
        n_codes: at most this many components; those without variance are left out.
        encoded: (p,) which columns.

    Raises:
        StatisticsError: nothing varies.
    """
    part = scaled[:, encoded]
    axes = principal_axes(part, n_codes)
    center, scale = scale_of(part @ axes)
    return Representation("pca", encoded, direct=axes, center=center, scale=scale)


def principal_axes(part: np.ndarray, n_codes: int) -> np.ndarray:
    """(n, p) features → (p, q) directions of largest variance, q <= n_codes.

    Raises:
        StatisticsError: nothing varies.
    """
    _, spread, axes = np.linalg.svd(part - part.mean(axis=0), full_matrices=False)
    kept = int((spread > 1e-6 * spread[0]).sum()) if spread.size and spread[0] > 0 else 0
    if kept == 0:
        raise StatisticsError("the features do not vary", source="principal components")
    axes = axes[: min(n_codes, kept)]
    # A component's sign is arbitrary; fixed here, so that a fit can be repeated elsewhere.
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    return axes.T
