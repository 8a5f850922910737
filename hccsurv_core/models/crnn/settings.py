"""How a CNN + LSTM is built and trained; the paper's way, and one for small cohorts on a CPU."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hccsurv_core.checks import checked_count, checked_number
from hccsurv_core.errors import InputError
from hccsurv_core.models.cnn.settings import Augmentation
from hccsurv_core.settings_json import read_settings

_SOURCE = "CNN + LSTM settings"
#: Which scans are read → dropout of the reference code (github EstelleXIA/ProgHCC, model.py).
DROPOUTS = {"both": 0.1, "baseline": 0.25}
EXTRACTORS = {"efficientnet-b0": "EfficientNet-b0", "small": "four-block CNN"}
SCHEDULES = ("cosine", "constant")
#: Five halvings of the picture leave EfficientNet a map of one cell.
SMALLEST_PIXELS = 32


@dataclass(frozen=True)
class CrnnSettings:
    """Shape and training of a CNN + LSTM. The defaults are for some hundred patients on a CPU.

    Args:
        times: "both" (Rad-D) or "baseline" (Rad-S), which has no LSTM.
        extractor: "efficientnet-b0", as published, or "small".
        pixels: rows and columns of a picture.
        dropout: share of the eight hidden units left out; None takes the reference code's.
        n_members: networks whose mean log hazard is the answer.
        max_epochs: passes over the patients to learn hazards.
        learning_rate: of AdamW, which without weight decay is Adam.
        schedule: "cosine" lets the rate fall to a hundredth (Loshchilov & Hutter, ICLR 2017,
            without restarts), "constant" does not.
        weight_decay: decoupled; not on biases and norms.
        batch_size: patients per step, about: each step has an event.
        patience: epochs without a lower validation loss after which training ends.
        validation_share: part of the training patients that says when to stop; 0 trains to the end.
        flips: pictures are mirrored left-right by chance, all of a patient alike.
        rotate_deg, shift, brightness: pictures are turned and moved by up to this (degrees; share
            of the picture), multiplied by 1 ± up to this and raised or lowered by up to this many
            standard deviations, all of a patient alike; not while extractors rest.
        pretraining_epochs: passes to learn measured targets, before any outcome is looked at; 0
            leaves this out. It takes place only where targets are given.
        pretraining_rate: learning rate of these passes.
        pretrain_each: every member is pretrained on its own; otherwise all begin at the same
            pretrained weights, which takes a fraction of the time.
        extractor_share: after pretraining, extractors and LSTM learn at this share of the rate. At 0
            extractors rest, which makes an epoch take no time, and the LSTM learns at the rate.
        target_weight: after pretraining, what the targets' squared error counts beside the partial
            likelihood, so that they are not forgotten.
        mixed_precision: half precision on a GPU; a CPU always computes in single.
    """

    times: str = "both"
    extractor: str = "small"
    pixels: int = 96
    dropout: float | None = None
    n_members: int = 5
    max_epochs: int = 40
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    weight_decay: float = 1e-2
    batch_size: int = 16
    patience: int = 12
    validation_share: float = 0.2
    flips: bool = True
    rotate_deg: float = 10.0
    shift: float = 0.04
    brightness: float = 0.1
    pretraining_epochs: int = 40
    pretraining_rate: float = 2e-3
    pretrain_each: bool = False
    extractor_share: float = 0.0
    target_weight: float = 0.5
    mixed_precision: bool = True

    def __post_init__(self) -> None:
        _check_choice(self.times, tuple(DROPOUTS), "times")
        _check_choice(self.extractor, tuple(EXTRACTORS), "extractor")
        _check_choice(self.schedule, SCHEDULES, "schedule")
        checked_count(self.pixels, f"{_SOURCE}, pixels", at_least=SMALLEST_PIXELS)
        for name in ("n_members", "max_epochs", "patience"):
            checked_count(getattr(self, name), f"{_SOURCE}, {name}", at_least=1)
        checked_count(self.batch_size, f"{_SOURCE}, batch_size", at_least=2)
        checked_count(self.pretraining_epochs, f"{_SOURCE}, pretraining_epochs")
        shares = {"validation_share": 0.5, "extractor_share": 1.0, "target_weight": math.inf}
        for name, high in {**shares, "weight_decay": math.inf}.items():
            checked_number(getattr(self, name), f"{_SOURCE}, {name}", low=0.0, high=high)
        for name in ("learning_rate", "pretraining_rate"):
            checked_number(getattr(self, name), f"{_SOURCE}, {name}", low=1e-8, high=1.0)
        # Checks its own numbers.
        _ = self.augmentation
        checked_number(self.hidden_dropout, f"{_SOURCE}, dropout", low=0.0, high=0.95)

    @property
    def hidden_dropout(self) -> float:
        """Share of hidden units left out."""
        return DROPOUTS[self.times] if self.dropout is None else self.dropout

    @property
    def augmentation(self) -> Augmentation:
        """How pictures are varied, but for flips."""
        return Augmentation(False, self.rotate_deg, self.shift, self.brightness, self.brightness)

    @property
    def varies(self) -> bool:
        """Whether pictures are varied by more than flips."""
        return bool(self.rotate_deg or self.shift or self.brightness)

    @property
    def n_times(self) -> int:
        """Scans that are read."""
        return 2 if self.times == "both" else 1

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


def paper_settings(times: str = "both") -> CrnnSettings:
    """As published, but for two things: the end is chosen by validation loss, not by C, and
    pictures are flipped left-right only.

    MONAI's EfficientNet of the reference code begins with ImageNet's weights, which it downloads;
    here it begins at random.
    """
    return CrnnSettings(
        times=times, extractor="efficientnet-b0", pixels=224, n_members=1, max_epochs=200,
        learning_rate=5e-5, schedule="constant", weight_decay=0.0, batch_size=16, patience=200,
        rotate_deg=0.0, shift=0.0, brightness=0.0, pretraining_epochs=0,
    )  # fmt: skip


def crnn_settings_from_json(data: Mapping[str, Any]) -> CrnnSettings:
    """What :meth:`CrnnSettings.to_json` gave; what is not named keeps its default.

    Raises:
        InputError: a name is unknown, or a value cannot be used.
    """
    return read_settings(CrnnSettings, data, _SOURCE)


def _check_choice(value: object, choices: tuple[str, ...], name: str) -> None:
    if value not in choices:
        raise InputError(
            f"{name} cannot be {value!r}", source=_SOURCE, remedy=f"use {' or '.join(choices)}"
        )
