"""How a convolutional network is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hccsurv_core.errors import InputError
from hccsurv_core.models.cnn.architectures import architecture

_SOURCE = "CNN settings"


@dataclass(frozen=True)
class Augmentation:
    """What is varied by chance in training pictures, anew in each epoch.

    Args:
        flip: left-right and front-back, each in half of the pictures.
        rotate_deg: turned by up to this, either way.
        shift: moved by up to this share of the crop, along rows and along columns.
        gain: tissue channels are multiplied by 1 ± up to this.
        offset: and up to this is added to or taken from them, in standard deviations.
    """

    flip: bool = True
    rotate_deg: float = 20.0
    shift: float = 0.04
    gain: float = 0.1
    offset: float = 0.1

    def __post_init__(self) -> None:
        shares = (self.shift, self.gain)
        if not all(math.isfinite(v) and 0 <= v < 1 for v in shares):
            raise InputError("shift and gain lie from 0 to below 1", source="augmentation")
        if not 0 <= self.rotate_deg <= 180 or not 0 <= self.offset < math.inf:
            raise InputError(
                "a turn lies from 0 to 180 degrees, an offset is 0 or more", source="augmentation"
            )


@dataclass(frozen=True)
class CnnSettings:
    """How a network is trained.

    Args:
        architecture: of :data:`~hccsurv_core.models.cnn.architectures.ARCHITECTURES`.
        learning_rate: of AdamW at the start; falls to a hundredth along a cosine (Loshchilov &
            Hutter, ICLR 2017, without restarts).
        weight_decay: decoupled (Loshchilov & Hutter, ICLR 2019); not on biases and norms.
        dropout: share of the last layer's inputs left out.
        batch_size: patients per step.
        max_epochs: passes over the patients; each shows one slice of every patient.
        patience: epochs without a lower validation loss after which training ends.
        validation_share: part of the training patients that says when to stop; 0 trains to the end.
        augmentation: of training pictures.
        mixed_precision: half precision on a GPU; a CPU always computes in single.
        keep_every: epochs between checkpoints.
    """

    architecture: str = "resnet50"
    learning_rate: float = 1e-4
    weight_decay: float = 1e-2
    dropout: float = 0.2
    batch_size: int = 16
    max_epochs: int = 40
    patience: int = 10
    validation_share: float = 0.2
    augmentation: Augmentation = field(default_factory=Augmentation)
    mixed_precision: bool = True
    keep_every: int = 1

    def __post_init__(self) -> None:
        architecture(self.architecture)
        if not (0 < self.learning_rate < 1 and 0 <= self.weight_decay < math.inf):
            raise InputError(
                "the learning rate lies between 0 and 1, weight decay is 0 or more", source=_SOURCE
            )
        if not (0 <= self.dropout < 1 and 0 <= self.validation_share <= 0.5):
            raise InputError(
                "dropout lies from 0 to below 1, the validation share from 0 to 0.5", source=_SOURCE
            )
        if min(self.max_epochs, self.patience, self.keep_every) < 1 or self.batch_size < 2:
            raise InputError(
                "epochs, patience and checkpoints are at least 1, a batch has 2 patients or more",
                source=_SOURCE,
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "augmentation": dict(vars(self.augmentation))}


def cnn_settings_from_json(data: Mapping[str, Any]) -> CnnSettings:
    """What :meth:`CnnSettings.to_json` gave.

    Raises:
        InputError: it is not such a thing.
    """
    try:
        return CnnSettings(**{**data, "augmentation": Augmentation(**data["augmentation"])})
    except (KeyError, TypeError) as error:
        raise InputError(f"cannot be read ({error!r})", source=_SOURCE) from error
