"""The state of a network in training: one epoch after the other, into a checkpoint and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from hccsurv_core.errors import BundleError, StatisticsError
from hccsurv_core.imaging.lesion_crop_settings import CT_CHANNELS, CropSettings
from hccsurv_core.models.cnn.architectures import architecture, build_network, seeded
from hccsurv_core.models.cnn.augmentation import augment, draw_augmentations
from hccsurv_core.models.cnn.classifier import load_arrays
from hccsurv_core.models.cnn.samples import CnnSamples
from hccsurv_core.models.cnn.settings import CnnSettings
from hccsurv_core.models.cnn.weights_file import PretrainedWeights, load_pretrained
from hccsurv_core.progress import Progress

#: The learning rate ends at this share of its start.
_LAST_RATE = 0.01
#: A validation loss must fall by this much to count as lower.
_LOWER = 1e-5
_AT_ONCE = 32
_NOW, _BEST, _OPTIMIZER = "now.", "best.", "optimizer."


class TrainingRun:
    """A network in training.

    Args:
        samples: of all patients.
        train, validation: positions of those to learn from and to stop on.
        pretrained: weights to begin from, or None.
    """

    def __init__(
        self,
        samples: CnnSamples,
        train: np.ndarray,
        validation: np.ndarray,
        crop: CropSettings,
        settings: CnnSettings,
        pretrained: PretrainedWeights | None,
        seed: int,
        device: str,
    ) -> None:
        self.samples, self.train, self.validation = samples, train, validation
        self.settings, self.seed, self.device = settings, seed, device
        self.tissue = [k for k, name in enumerate(crop.channels) if name in CT_CHANNELS]
        weight = samples.weight / samples.weight[train].mean()
        self.weight = torch.from_numpy(weight.astype(np.float32))
        self.alive = torch.from_numpy(samples.alive.astype(np.float32))
        self.network = build_network(
            settings.architecture, len(crop.channels), dropout=settings.dropout, seed=seed
        )
        if pretrained is not None:
            load_pretrained(self.network, settings.architecture, pretrained)
        self._begin_at_the_average()
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(self._groups(), lr=settings.learning_rate)
        self.half = device == "cuda" and settings.mixed_precision
        self.scaler = torch.amp.GradScaler(device, enabled=self.half)
        self.epoch, self.best_epoch, self.best_loss = 0, 0, math.inf
        self.train_loss: list[float] = []
        self.validation_loss: list[float] = []
        self.best = self._snapshot()

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        waited = (
            bool(self.validation.size) and self.epoch - self.best_epoch >= self.settings.patience
        )
        return waited or self.epoch >= self.settings.max_epochs

    def run_epoch(self, progress: Progress) -> None:
        """One pass over the patients to learn from, then a look at those to stop on."""
        epochs = self.settings.max_epochs
        batches = self._batches()
        total = 0.0
        draws = draw_augmentations(
            len(self.samples.images), self.settings.augmentation, seed=self.seed, epoch=self.epoch
        )
        slices = self._slices()
        with seeded(self.seed, self.epoch, 0xD0), repeatable(self.device):
            for number, rows in enumerate(batches):
                done = (self.epoch + number / len(batches)) / epochs
                progress(done, f"epoch {self.epoch + 1} of {epochs}")
                for group in self.optimizer.param_groups:
                    cosine = (1 + math.cos(math.pi * done)) / 2
                    group["lr"] = self.settings.learning_rate * (
                        _LAST_RATE + (1 - _LAST_RATE) * cosine
                    )
                pictures = torch.from_numpy(self.samples.images[rows, slices[rows]])
                pictures = augment(pictures.to(self.device), draws, rows, self.tissue)
                total += self._step(pictures, rows) * rows.size
        self.train_loss.append(total / self.train.size)
        self.epoch += 1
        self._judge(progress)

    def best_network(self) -> nn.Module:
        """The network as it was at its best epoch, on the CPU, for use."""
        self.network.load_state_dict(self.best)
        network = self.network.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
        return network.requires_grad_(False)

    def tensors(self) -> dict[str, np.ndarray]:
        """For a checkpoint: all that is needed to go on; a finished run keeps only its result."""
        found = {
            "train_loss": np.array(self.train_loss),
            "validation_loss": np.array(self.validation_loss),
            "state": np.array(
                [self.epoch, self.best_epoch, self.best_loss, self.scaler.get_scale()]
            ),
        }
        found |= _numpy(self.best, _BEST)
        if not self.finished:
            found |= _numpy(self.network.state_dict(), _NOW)
            for key, state in self.optimizer.state_dict()["state"].items():
                found |= _numpy(state, f"{_OPTIMIZER}{key}.")
        return found

    def restore(self, tensors: Mapping[str, np.ndarray] | None) -> None:
        """Go on from a checkpoint; one that does not fit is one that was not written."""
        if tensors is None:
            return
        try:
            load_arrays(self.network, _under(tensors, _BEST), "checkpoint")
            best = self._snapshot()
            epoch, best_epoch, best_loss, scale = map(float, tensors["state"])
            now = _under(tensors, _NOW)
            load_arrays(self.network, now or _under(tensors, _BEST), "checkpoint")
        except (BundleError, KeyError, ValueError):
            self.network.load_state_dict(self.best)
            return
        self.best, self.best_loss = best, best_loss
        self.epoch, self.best_epoch = int(epoch), int(best_epoch)
        self.train_loss = tensors["train_loss"].tolist()
        self.validation_loss = tensors["validation_loss"].tolist()
        if now:
            self._restore_optimizer(_under(tensors, _OPTIMIZER))
            if self.half:
                self.scaler.load_state_dict({**self.scaler.state_dict(), "scale": scale})

    def _restore_optimizer(self, tensors: Mapping[str, np.ndarray]) -> None:
        state: dict[int, dict[str, torch.Tensor]] = {}
        shapes = [p.shape for g in self.optimizer.param_groups for p in g["params"]]
        for key, value in tensors.items():
            number, name = key.split(".")
            shape = shapes[int(number)] if name != "step" else ()
            state.setdefault(int(number), {})[name] = torch.from_numpy(value).reshape(shape)
        whole = self.optimizer.state_dict()
        self.optimizer.load_state_dict({**whole, "state": state})

    def _begin_at_the_average(self) -> None:
        """The last layer's bias becomes the log odds of the patients to learn from."""
        weight = self.weight[self.train]
        share = float((weight * self.alive[self.train]).sum() / weight.sum())
        head = self.network.get_submodule(architecture(self.settings.architecture).head)
        with torch.no_grad():
            for bias in (p for p in head.parameters() if p.ndim == 1):
                bias.fill_(math.log(share / (1 - share)))

    def _groups(self) -> list[dict[str, Any]]:
        parameters = list(self.network.parameters())
        return [
            {
                "params": [p for p in parameters if p.ndim > 1],
                "weight_decay": self.settings.weight_decay,
            },
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]

    def _batches(self) -> list[np.ndarray]:
        """Patients in a new order; no batch of one, whose spread no normalization could take."""
        rng = np.random.default_rng((self.seed, self.epoch, 0x0B))
        order = rng.permutation(self.train)
        n_batches = max(1, round(order.size / self.settings.batch_size))
        return list(np.array_split(order, min(n_batches, max(1, order.size // 2))))

    def _slices(self) -> np.ndarray:
        """(n,) which slice of each patient this epoch shows."""
        n, slices = self.samples.images.shape[:2]
        rng = np.random.default_rng((self.seed, self.epoch, 0x51))
        return np.asarray(rng.integers(0, slices, n))

    def _step(self, pictures: torch.Tensor, rows: np.ndarray) -> float:
        self.network.train()
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device, dtype=torch.float16, enabled=self.half):
            odds = self.network(pictures)[:, 0]
        loss = self._loss(odds.float(), rows)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        found = float(loss.detach())
        if not math.isfinite(found):
            raise StatisticsError(
                "the training diverged", source="CNN", remedy="lower the learning rate"
            )
        return found

    def _loss(self, odds: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        at = torch.from_numpy(rows)
        return functional.binary_cross_entropy_with_logits(
            odds, self.alive[at].to(odds.device), weight=self.weight[at].to(odds.device)
        )

    @torch.no_grad()
    def _judge(self, progress: Progress) -> None:
        """Loss on the patients to stop on; keeps the network where it is lower than ever."""
        rows = self.validation
        if not rows.size:
            self.validation_loss.append(math.nan)
            self.best, self.best_epoch = self._snapshot(), self.epoch
            return
        self.network.eval()
        images = self.samples.images[rows]
        n, slices = images.shape[:2]
        flat = torch.from_numpy(images.reshape(n * slices, *images.shape[2:]))
        odds = []
        for part in flat.split(_AT_ONCE):
            progress(self.epoch / self.settings.max_epochs, f"epoch {self.epoch} is judged")
            part = part.to(self.device).contiguous(memory_format=torch.channels_last)
            odds.append(self.network(part)[:, 0].float().cpu())
        mean = torch.cat(odds).reshape(n, slices).mean(1)
        loss = float(self._loss(mean, rows) / self.weight[torch.from_numpy(rows)].mean())
        self.validation_loss.append(loss)
        if loss < self.best_loss - _LOWER:
            self.best, self.best_epoch, self.best_loss = self._snapshot(), self.epoch, loss

    def _snapshot(self) -> dict[str, torch.Tensor]:
        return {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()}


@contextmanager
def repeatable(device: str) -> Iterator[None]:
    """On a GPU the same convolutions each time, where there is a choice."""
    cudnn = torch.backends.cudnn
    if device != "cuda":
        yield
        return
    before = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before


def _numpy(tensors: Mapping[str, torch.Tensor], start: str) -> dict[str, np.ndarray]:
    return {f"{start}{k}": v.detach().cpu().numpy() for k, v in tensors.items()}


def _under(tensors: Mapping[str, np.ndarray], start: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
