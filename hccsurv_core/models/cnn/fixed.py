"""A network that is not trained on the patients: its features of a picture, the same for everybody.

Its weights are a file's (ImageNet's, as a rule), or drawn at random. Features of random weights are
filters that nobody chose: they tell pictures apart, but what is known of pretrained features does not
hold for them. Since no outcome was seen, no patient has to be left out where features are made; what
selects among them must still be cross-fitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import BundleError, InputError
from hccsurv_core.models.cnn.architectures import architecture, build_network
from hccsurv_core.models.cnn.samples import checked_images
from hccsurv_core.models.cnn.stage_features import (
    batches,
    channel_means,
    slice_means,
    stage_feature_names,
)
from hccsurv_core.models.cnn.weights_file import PretrainedWeights, load_pretrained

if TYPE_CHECKING:
    from torch import nn

_SOURCE = "fixed network"
_MAPS = "maps"


@dataclass(frozen=True, eq=False)
class FixedNetwork:
    """A network up to its penultimate stage.

    Args:
        architecture: of :data:`~hccsurv_core.models.cnn.architectures.ARCHITECTURES`.
        n_channels: of its pictures.
        network: in evaluation mode, (n, channels, P, P) → {"maps": (n, features, rows, columns)}.
        weights: file and hash of its weights, or None: drawn at random.
        seed: of random weights.
        device: where it is.
    """

    architecture: str
    n_channels: int
    network: nn.Module
    weights: Mapping[str, str] | None
    seed: int = 0
    device: str = "cpu"

    @property
    def feature_names(self) -> tuple[str, ...]:
        """``resnet50.layer3.0001`` and so on."""
        return stage_feature_names(self.architecture)

    @property
    def statement(self) -> str:
        """Which weights these are, as a sentence without a final full stop."""
        words = architecture(self.architecture).words
        if self.weights is None:
            return (
                f"features of an untrained {words} (random weights, seed {self.seed}): no weights file "
                "was given"
            )
        return (
            f"features of a {words} with the weights of {self.weights['file']} (SHA-256 "
            f"{self.weights['sha256'][:12]}…), not trained on these patients"
        )

    def features(self, images: ArrayLike, regions: ArrayLike | None = None) -> np.ndarray:
        """(n, features): channels of the penultimate stage, averaged over the region and slices.

        Args:
            images: (n, slices, channels, P, P).
            regions: (n, slices, P, P) share of each pixel that counts, 0 to 1; None counts all.

        Raises:
            InputError: another number of channels, or regions that do not fit or are empty.
        """
        import torch

        x = checked_images(images)
        if x.shape[2] != self.n_channels:
            raise InputError(
                f"the network takes {self.n_channels} channels, got {x.shape[2]}", source=_SOURCE
            )
        parts: Iterable[torch.Tensor | None] = repeat(None)
        if regions is not None:
            parts = batches(_checked_regions(regions, x), self.device)
        with torch.inference_mode():
            means = [
                channel_means(self.network(batch)[_MAPS], region)
                for batch, region in zip(batches(x, self.device), parts, strict=False)
            ]
        return slice_means(means, x.shape[0], x.shape[1])

    def tensors(self) -> dict[str, np.ndarray]:
        """For a bundle: a model must see new patients by the very network it learned from."""
        return {k: v.detach().cpu().numpy() for k, v in self.network.state_dict().items()}

    def to_json(self) -> dict[str, Any]:
        """What it is, beside its weights."""
        shape = architecture(self.architecture)
        return {
            "architecture": self.architecture,
            "n_channels": self.n_channels,
            "feature_stage": shape.feature_stage,
            "n_features": shape.n_features,
            "weights": None if self.weights is None else dict(self.weights),
            "seed": self.seed,
            "statement": self.statement,
        }


def _checked_regions(regions: ArrayLike, images: np.ndarray) -> np.ndarray:
    """(n, slices, 1, P, P) float32."""
    found = np.asarray(regions, dtype=np.float32)
    if found.shape != images.shape[:2] + images.shape[3:]:
        raise InputError(
            f"regions of shape {found.shape} do not fit pictures of shape {images.shape}",
            source=_SOURCE,
        )
    if not (found.reshape(*found.shape[:2], -1).sum(-1) > 0).all():
        raise InputError("a region is empty", source=_SOURCE)
    return found[:, :, None]


def fixed_network(
    name: str,
    n_channels: int,
    *,
    pretrained: PretrainedWeights | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> FixedNetwork:
    """Build a network that stays as it is.

    Args:
        name: of :data:`~hccsurv_core.models.cnn.architectures.ARCHITECTURES`.
        n_channels: of its pictures; a file's first convolution is adapted to them (see
            :func:`~hccsurv_core.models.cnn.weights_file.load_pretrained`).
        pretrained: its weights; None draws them.
        seed: of drawn weights.
        device: "cpu" or "cuda".

    Raises:
        InputError: no network has that name, or the weights are of another one.
    """
    whole = build_network(name, n_channels, seed=seed)
    if pretrained is not None:
        load_pretrained(whole, name, pretrained)
    weights = None
    if pretrained is not None:
        weights = {"file": pretrained.file_name, "sha256": pretrained.sha256}
    return FixedNetwork(name, n_channels, _up_to_stage(whole, name).to(device), weights, seed, device)  # fmt: skip


def fixed_network_from_parts(
    data: Mapping[str, Any], tensors: Mapping[str, np.ndarray], *, source: str = _SOURCE
) -> FixedNetwork:
    """A network out of :meth:`FixedNetwork.to_json` and :meth:`FixedNetwork.tensors`.

    Raises:
        BundleError: they are not of such a network.
    """
    from hccsurv_core.models.cnn.classifier import load_arrays

    try:
        name, n_channels = str(data["architecture"]), int(data["n_channels"])
        weights, seed = data["weights"], int(data["seed"])
        kept = None if weights is None else {k: str(weights[k]) for k in ("file", "sha256")}
        network = _up_to_stage(build_network(name, n_channels), name)
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise BundleError(f"describes no network ({error})", source=source) from error
    load_arrays(network, tensors, source)
    return FixedNetwork(name, n_channels, network.eval(), kept, seed)


def _up_to_stage(network: nn.Module, name: str) -> nn.Module:
    """The part of a network that the features are made by; what comes after it is dropped."""
    from torchvision.models.feature_extraction import create_feature_extractor

    shape = architecture(name)
    path = shape.stages[shape.feature_stage]
    part: nn.Module = create_feature_extractor(network, {path: _MAPS})
    return part.eval()
