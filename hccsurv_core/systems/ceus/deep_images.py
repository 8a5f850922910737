"""Deep features of a CEUS patient's stills: crops of the lesion through a network that stays as it is.

The paper (Huang et al., World J Gastrointest Oncol 2022;14(12):2380-2392, doi
10.4251/wjgo.v14.i12.2380) joins deep features of both frames with radiomics and selects among them
all. Here they are the channels of a network's penultimate stage
(:mod:`~hccsurv_core.models.cnn.fixed`), averaged over the lesion: 1024 a frame of DenseNet121. With a
weights file the network comes pretrained; without, its weights are random, and a model says so.

Averaged over the whole crop they tell of the liver and the fan. On 150 simulated patients a ridge
regression on an untrained DenseNet121's features told, out of fold, 20 % of the variance of the
tumor's heterogeneity from the whole crop and 60 % from the lesion (mosaic: none, and 59 %); an
untrained ResNet18 tells less. So that is the choice here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccsurv_core.errors import BundleError, InputError
from hccsurv_core.imaging.ultrasound_crops import (
    StillCropSettings,
    crop_still,
    still_crop_settings_from_json,
)
from hccsurv_core.imaging.ultrasound_still import Still
from hccsurv_core.models.cnn.architectures import architecture

if TYPE_CHECKING:
    from hccsurv_core.models.cnn.fixed import FixedNetwork

#: Where a bundle keeps the network whose features its signatures look at.
NETWORK_PART = "network"
_SOURCE = "deep feature settings"


@dataclass(frozen=True)
class DeepImageSettings:
    """Which network sees which crops.

    Args:
        network: of :data:`~hccsurv_core.models.cnn.architectures.ARCHITECTURES`.
        crop: how lesions are cropped.
        seed: of random weights, where no weights file is given.
    """

    network: str = "densenet121"
    crop: StillCropSettings = field(default_factory=StillCropSettings)
    seed: int = 0

    def __post_init__(self) -> None:
        architecture(self.network)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"network": self.network, "crop": self.crop.to_json(), "seed": self.seed}


def deep_settings_from_json(data: Mapping[str, Any]) -> DeepImageSettings:
    """What :meth:`DeepImageSettings.to_json` gave.

    Raises:
        InputError: it is not such a thing.
    """
    try:
        crop = still_crop_settings_from_json(data["crop"])
        return DeepImageSettings(str(data["network"]), crop, int(data["seed"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"cannot be read ({error!r})", source=_SOURCE) from error


def choose_network(settings: DeepImageSettings, weights: Path | None = None) -> FixedNetwork:
    """The network; built once in a process.

    Args:
        settings: which one.
        weights: a local file of its weights; None draws them at random.

    Raises:
        InputError: the file cannot be read, or is of another network.
    """
    changed = 0
    if weights is not None and weights.is_file():
        changed = weights.stat().st_mtime_ns
    return _built(settings.network, len(settings.crop.channels), weights, changed, settings.seed)


def network_of_bundle(folder: Path) -> FixedNetwork:
    """The network that a model came with; read once in a process.

    Args:
        folder: the model's bundle.

    Raises:
        BundleError: it is no bundle, was changed, or came without a network.
    """
    changed = 0
    if folder.is_dir():
        changed = max(file.stat().st_mtime_ns for file in (folder, *folder.iterdir()))
    return _of_bundle(folder, changed)


@lru_cache(maxsize=2)
def _of_bundle(folder: Path, changed: int) -> FixedNetwork:
    """``changed``: so that a bundle that was replaced is read again."""
    from hccsurv_core.models.cnn.fixed import fixed_network_from_parts
    from hccsurv_core.models.store import read_bundle

    bundle = read_bundle(folder)
    if not bundle.description.get(NETWORK_PART):
        raise BundleError("came without a network", source=str(folder))
    tensors = bundle.tensors_of(NETWORK_PART)
    return fixed_network_from_parts(bundle.description[NETWORK_PART], tensors, source=str(folder))


@lru_cache(maxsize=2)
def _built(
    name: str, n_channels: int, weights: Path | None, changed: int, seed: int
) -> FixedNetwork:
    """``changed``: so that a file that was replaced is read again."""
    from hccsurv_core.models.cnn.fixed import fixed_network
    from hccsurv_core.models.cnn.weights_file import read_weights

    pretrained = None if weights is None else read_weights(weights)
    return fixed_network(name, n_channels, pretrained=pretrained, seed=seed)


def deep_features(
    still: Still, settings: DeepImageSettings, network: FixedNetwork
) -> dict[str, float]:
    """A still's deep features by name (``densenet121.denseblock3.0001`` and so on).

    Raises:
        InputError: the network takes other channels.
    """
    crop = crop_still(still, settings.crop)
    found = network.features(crop.image[None, None], crop.lesion[None, None])[0]
    return dict(zip(network.feature_names, found.tolist(), strict=True))
