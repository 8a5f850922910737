"""A network that says how likely a patient is alive beyond a horizon, and the features it sees by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import BundleError, InputError
from hccsurv_core.imaging.lesion_crop_settings import CropSettings, crop_settings_from_json
from hccsurv_core.models.cnn.architectures import architecture, build_network, stage_modules
from hccsurv_core.models.cnn.samples import checked_images
from hccsurv_core.models.cnn.stage_features import (
    batches,
    channel_means,
    slice_means,
    stage_feature_names,
)

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, eq=False)
class CnnClassifier:
    """A trained network.

    Args:
        architecture: of :data:`~hccsurv_core.models.cnn.architectures.ARCHITECTURES`.
        crop: how its pictures are cropped.
        horizon_months: it answers whether a patient is alive beyond this.
        network: in evaluation mode, (n, channels, P, P) → (n, 1) log odds of being alive.
        device: where it is.
    """

    architecture: str
    crop: CropSettings
    horizon_months: float
    network: nn.Module
    device: str = "cpu"

    @property
    def feature_names(self) -> tuple[str, ...]:
        """``resnet50.layer3.0001`` and so on."""
        return stage_feature_names(self.architecture)

    @property
    def stages(self) -> dict[str, nn.Module]:
        """Stage name → module: what heat maps can be made of."""
        return stage_modules(self.network, self.architecture)

    def log_odds(self, images: ArrayLike) -> np.ndarray:
        """Log odds of being alive beyond the horizon, (n,), mean of a patient's slices.

        Args:
            images: (n, slices, channels, P, P).

        Raises:
            InputError: other channels or another shape than it was trained on.
        """
        return self._run(images, features=False)[0]

    def probability_alive(self, images: ArrayLike) -> np.ndarray:
        """(n,) the same as probabilities."""
        return 1.0 / (1.0 + np.exp(-self.log_odds(images)))

    def risk_score(self, images: ArrayLike) -> np.ndarray:
        """(n,) higher is worse: the log odds of having died by the horizon."""
        return -self.log_odds(images)

    def features(self, images: ArrayLike) -> np.ndarray:
        """(n, n_features): channels of the penultimate stage, averaged over picture and slices."""
        return self._run(images, features=True)[1]

    def _run(self, images: ArrayLike, *, features: bool) -> tuple[np.ndarray, np.ndarray]:
        import torch

        x = checked_images(images)
        wanted = (len(self.crop.channels), self.crop.pixels, self.crop.pixels)
        if x.shape[2:] != wanted:
            raise InputError(
                f"the network takes {wanted[0]} channels ({', '.join(self.crop.channels)}) of "
                f"{wanted[1]}×{wanted[2]} pixels, got shape {x.shape[2:]}",
                source="lesion crops",
                remedy="crop with the network's own settings",
            )
        n, slices = x.shape[:2]
        maps: list[torch.Tensor] = []
        found, means = [], []
        stage = self.stages[architecture(self.architecture).feature_stage]
        handle = stage.register_forward_hook(lambda _m, _i, out: maps.append(out))
        try:
            with torch.inference_mode():
                for batch in batches(x, self.device):
                    maps.clear()
                    found.append(self.network(batch)[:, 0].float().cpu().numpy())
                    if features:
                        means.append(channel_means(maps[0]))
        finally:
            handle.remove()
        odds = slice_means(found, n, slices)
        return odds, slice_means(means, n, slices) if features else np.empty((n, 0))

    def tensors(self) -> dict[str, np.ndarray]:
        """For a bundle or a checkpoint."""
        return {k: v.detach().cpu().numpy() for k, v in self.network.state_dict().items()}

    def to_json(self) -> dict[str, Any]:
        """What it is, beside its weights."""
        shape = architecture(self.architecture)
        return {
            "architecture": self.architecture,
            "horizon_months": self.horizon_months,
            "answers": f"log odds of being alive beyond {self.horizon_months:g} months",
            "crop": self.crop.to_json(),
            "feature_stage": shape.feature_stage,
            "n_features": shape.n_features,
        }


def classifier_from_parts(
    data: Mapping[str, Any], tensors: Mapping[str, np.ndarray], *, source: str = "CNN"
) -> CnnClassifier:
    """A classifier out of :meth:`CnnClassifier.to_json` and :meth:`CnnClassifier.tensors`.

    Raises:
        BundleError: they are not of such a classifier.
    """
    try:
        crop = crop_settings_from_json(data["crop"])
        name, horizon = str(data["architecture"]), float(data["horizon_months"])
        network = build_network(name, len(crop.channels))
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise BundleError(f"describes no network ({error})", source=source) from error
    load_arrays(network, tensors, source)
    return CnnClassifier(name, crop, horizon, network.eval())


def load_arrays(network: nn.Module, tensors: Mapping[str, np.ndarray], source: str) -> None:
    """Put a classifier's own arrays into its network, all of them.

    Raises:
        BundleError: one lacks, is left over or has another shape.
    """
    import torch

    own = network.state_dict()
    odd = sorted(set(own) ^ set(tensors))
    if odd:
        raise BundleError(f"array {odd[0]!r} is missing or left over", source=source)
    ready = {}
    for key, value in own.items():
        given = np.asarray(tensors[key])
        # A number on its own comes back from a file as a list of one.
        if given.size != value.numel() or (given.ndim and given.shape != (value.shape or (1,))):
            raise BundleError(f"array {key!r} has shape {given.shape}", source=source)
        ready[key] = torch.from_numpy(np.array(given)).reshape(value.shape).to(value.dtype)
    network.load_state_dict(ready)
