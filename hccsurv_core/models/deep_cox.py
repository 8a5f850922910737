"""Deep Cox networks: training several at once, each stopped on patients it is not trained on.

Faraggi & Simon, Stat Med 1995;14:73-82; Katzman et al. (DeepSurv), BMC Med Res Methodol
2018;18:24. The members of an ensemble are small, so they are trained side by side as one batched
product: each has its own patients, its own order of them, its own dropout and its own end.
All chance is drawn on the CPU, so a seed gives the same course on every device, up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from hccsurv_core.errors import StatisticsError
from hccsurv_core.models.cox_loss import order_risks, partial_likelihood_loss
from hccsurv_core.models.encoder_layers import EncoderLayers, EncoderStart
from hccsurv_core.models.network import Networks
from hccsurv_core.models.network_settings import NetworkSettings
from hccsurv_core.models.representation import Representation
from hccsurv_core.models.tensor_parts import tensors_of
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress, silent

_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "selu": functional.selu,
    "relu": functional.relu,
    "tanh": torch.tanh,
}
#: The last layer begins this much smaller than usual: everybody starts at the average hazard.
_LAST_LAYER = 0.1
#: An epoch of few patients has this many steps, if a step then has that many patients.
_STEPS, _SMALLEST_BATCH = 5, 32
#: A validation loss must fall by this much to count as better.
_PROGRESS = 1e-5


@dataclass(frozen=True, eq=False)
class Member:
    """Whose data one network learns from.

    Args:
        train: positions of its training patients.
        stop: positions of those who say when to stop; empty trains for all epochs.
    """

    train: np.ndarray
    stop: np.ndarray


@dataclass(frozen=True, eq=False)
class FittedNetworks:
    """Trained networks and how they got there.

    Args:
        networks: K of them, each as it was at its best epoch.
        best_epoch: (K,) counted from 1; 0 is the untrained network.
        train_loss, stop_loss: (epochs, K) negative log partial likelihood per event, as weighted
            in training; NaN where a network has no patients to stop on.
        representation: the encoders that were trained with them, or None.
    """

    networks: Networks
    best_epoch: np.ndarray
    train_loss: np.ndarray
    stop_loss: np.ndarray
    representation: Representation | None = None

    def tensors(self) -> dict[str, np.ndarray]:
        """For a checkpoint."""
        found = {name: getattr(self, name) for name in _COURSE} | self.networks.tensors()
        if self.representation is not None:
            parts = self.representation.tensors()
            found |= {f"{_ENCODER}.{name}": value for name, value in parts.items()}
        return found

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray], activation: str) -> FittedNetworks:
        """Back from a checkpoint."""
        encoder = tensors_of(tensors, _ENCODER)
        own = {
            name: value
            for name, value in tensors.items()
            if name not in _COURSE and not name.startswith(f"{_ENCODER}.")
        }
        representation = None
        if encoder:
            representation = Representation.from_tensors("autoencoder", encoder, "selu")
        best_epoch, train_loss, stop_loss = (tensors[name] for name in _COURSE)
        return cls(
            Networks.from_tensors(own, activation), best_epoch, train_loss, stop_loss,
            representation,
        )  # fmt: skip


_COURSE = ("best_epoch", "train_loss", "stop_loss")
_ENCODER = "encoder"


def fit_networks(
    inputs: np.ndarray,
    outcome: SurvivalOutcome,
    members: Sequence[Member],
    settings: NetworkSettings,
    *,
    start: np.ndarray | None = None,
    encoder: EncoderStart | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
    watch: Callable[[int, np.ndarray, np.ndarray], None] | None = None,
) -> FittedNetworks:
    """Train one network for each member.

    Args:
        inputs: (n, p) finite, on one scale.
        outcome: of the same patients.
        members: K of them.
        start: (K, p) a linear term that stands beside the layers and is trained on.
        encoder: stands before the layers and is trained on; ``inputs`` are what it takes.
        seed: fixes weights, order and dropout.
        device: "cpu" or "cuda".
        progress: told after each epoch; may cancel.
        watch: told after each epoch: its number, and (K,) losses as in :class:`FittedNetworks`.

    Raises:
        StatisticsError: a member has no event to learn from, or the training diverges.
    """
    for member in members:
        if not outcome.event[member.train].any():
            raise StatisticsError("a part of the training patients has no event", source="network")
    training = _Training(inputs, outcome, members, settings, (start, encoder), seed, device)
    train_loss, stop_loss = [], []
    for epoch in range(settings.max_epochs):
        progress(epoch / settings.max_epochs, f"epoch {epoch + 1} of {settings.max_epochs}")
        train_loss.append(training.run_epoch(epoch))
        stop_loss.append(training.judge(epoch + 1))
        if watch is not None:
            watch(epoch + 1, train_loss[-1], stop_loss[-1])
        if training.finished(epoch + 1):
            break
    networks, representation = training.modules.to_numpy(training.best)
    return FittedNetworks(
        networks, training.best_epoch, np.array(train_loss), np.array(stop_loss), representation
    )


class _Training:
    """The state of K networks in training."""

    def __init__(
        self,
        inputs: np.ndarray,
        outcome: SurvivalOutcome,
        members: Sequence[Member],
        settings: NetworkSettings,
        begin: tuple[np.ndarray | None, EncoderStart | None],
        seed: int,
        device: str,
    ) -> None:
        self.settings, self.device = settings, device
        n, k = len(outcome), len(members)
        falling = np.lexsort((outcome.event, -outcome.time_months))
        place = np.empty(n, dtype=np.int64)
        place[falling] = np.arange(n)
        self.time, self.event = outcome.time_months[falling], outcome.event[falling]
        self.inputs = torch.from_numpy(inputs[falling].astype(np.float32)).to(device)
        self.train_places = [np.sort(place[m.train]) for m in members]
        self.stop_weight = torch.zeros((k, n), device=device)
        for row, member in enumerate(members):
            self.stop_weight[row, torch.from_numpy(place[member.stop]).to(device)] = 1.0
        self.stops = np.array([outcome.event[m.stop].any() for m in members])
        self.everybody = order_risks(
            np.broadcast_to(self.time, (k, n)), np.broadcast_to(self.event, (k, n)),
            ties=settings.ties, device=device,
        )  # fmt: skip
        self.rng = np.random.default_rng(seed)
        self.chance = torch.Generator().manual_seed(seed)
        self.modules = _Layers(k, inputs.shape[1], settings, begin, self.chance, device)
        self.optimizer = torch.optim.AdamW(self.modules.groups(), lr=settings.learning_rate)
        self.best = self.modules.snapshot()
        self.best_loss, self.best_epoch = np.full(k, np.inf), np.zeros(k, dtype=np.int64)
        self.judge(0)

    def run_epoch(self, epoch: int) -> np.ndarray:
        """One pass over every member's patients; (K,) mean training loss."""
        largest = max(places.size for places in self.train_places)
        size = min(largest, self.settings.batch_size or largest)
        if self.settings.batch_size:
            size = min(size, max(_SMALLEST_BATCH, largest // _STEPS))
        steps = max(1, round(largest / size))
        order = np.stack(
            [np.resize(self.rng.permutation(places), steps * size) for places in self.train_places]
        )
        total = np.zeros(len(self.train_places))
        for step in range(steps):
            done = (epoch + step / steps) / self.settings.max_epochs
            for group in self.optimizer.param_groups:
                cosine = 0.01 + 0.99 * (1 + np.cos(np.pi * done)) / 2
                group["lr"] = self.settings.learning_rate * cosine * group["share"]
            total += self._step(np.sort(order[:, step * size : (step + 1) * size], axis=1))
        return total / steps

    def _step(self, places: np.ndarray) -> np.ndarray:
        risks = order_risks(
            self.time[places], self.event[places], ties=self.settings.ties, device=self.device
        )
        batch = self.inputs[torch.from_numpy(places).to(self.device)]
        hazards, penalty = self.modules.forward(batch, self.chance)
        losses = partial_likelihood_loss(hazards, risks, at_risk_power=self.settings.at_risk_power)
        self.optimizer.zero_grad(set_to_none=True)
        # Members share nothing, so the sum's gradient is each member's own.
        (losses + penalty).sum().backward()
        self.optimizer.step()
        found = losses.detach().cpu().numpy()
        if not np.isfinite(found).all():
            raise StatisticsError(
                "the training diverged", source="network", remedy="lower the learning rate"
            )
        return found

    def judge(self, epoch: int) -> np.ndarray:
        """(K,) loss on the patients to stop on; keeps each network that is better than before."""
        with torch.no_grad():
            hazards, _ = self.modules.forward(self.inputs)
            losses = partial_likelihood_loss(
                hazards, self.everybody, self.stop_weight,
                at_risk_power=self.settings.at_risk_power,
            )  # fmt: skip
        loss = np.where(self.stops, losses.cpu().numpy().astype(np.float64), np.nan)
        better = np.where(self.stops, loss < self.best_loss - _PROGRESS, True)
        self.best_loss = np.where(better & self.stops, loss, self.best_loss)
        self.best_epoch = np.where(better, epoch, self.best_epoch)
        self.modules.keep(self.best, better)
        return loss

    def finished(self, epoch: int) -> bool:
        """Whether every network that can stop has stopped improving."""
        return bool((self.stops & (epoch - self.best_epoch >= self.settings.patience)).all())


class _Layers:
    """Parameters of K networks."""

    def __init__(
        self,
        k: int,
        p: int,
        settings: NetworkSettings,
        begin: tuple[np.ndarray | None, EncoderStart | None],
        chance: torch.Generator,
        device: str,
    ) -> None:
        self.settings, self.device = settings, device
        start, encoder = begin
        self.encoder = None if encoder is None else EncoderLayers(encoder, k, device)
        if self.encoder is not None:
            p = self.encoder.n_outputs
        sizes = (p, *settings.hidden, 1)
        self.weights, self.biases = [], []
        for depth, (wide, narrow) in enumerate(pairwise(sizes)):
            # LeCun's initialization, as self-normalizing networks need.
            weight = torch.randn((k, wide, narrow), generator=chance) / wide**0.5
            if depth == len(settings.hidden):
                weight *= _LAST_LAYER
            else:
                self.biases.append(torch.zeros((k, 1, narrow), device=device).requires_grad_())
            self.weights.append(weight.to(device).requires_grad_())
        self.linear = None
        if start is not None:
            linear = torch.from_numpy(start.astype(np.float32))[:, :, None]
            self.linear = linear.to(device).requires_grad_()
        self.decayed = [*self.weights, *([] if self.linear is None else [self.linear])]

    def groups(self) -> list[dict[str, Any]]:
        """For the optimizer: parameters with their weight decay and share of the learning rate."""
        found = [
            {"params": self.decayed, "weight_decay": self.settings.weight_decay, "share": 1.0},
            {"params": self.biases, "weight_decay": 0.0, "share": 1.0},
        ]
        if self.encoder is not None:
            share = self.encoder.start.learning_share
            found.append({"params": self.encoder.parameters, "weight_decay": 0.0, "share": share})
        return [group for group in found if group["params"]]

    def forward(
        self, x: torch.Tensor, chance: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, p) or (K, n, p) → (K, n) log hazards and (K,) what the encoder's error costs.

        With ``chance`` hidden units are dropped.
        """
        act, rate = _ACTIVATIONS[self.settings.activation], self.settings.dropout
        penalty = torch.zeros(self.weights[0].shape[0], device=self.device)
        if self.encoder is not None:
            x, error = self.encoder.forward(x)
            penalty = self.encoder.start.reconstruction * error
        z = x
        for weight, bias in zip(self.weights[:-1], self.biases, strict=True):
            z = act(torch.matmul(z, weight) + bias)
            if chance is not None and rate > 0:
                kept = torch.rand(z.shape, generator=chance) >= rate
                z = z * kept.to(self.device) / (1 - rate)
        found = torch.matmul(z, self.weights[-1]).squeeze(-1)
        if self.linear is not None:
            found = found + torch.matmul(x, self.linear).squeeze(-1)
        return found, penalty

    def _all(self) -> list[torch.Tensor]:
        encoder = [] if self.encoder is None else self.encoder.parameters
        return [*self.decayed, *self.biases, *encoder]

    def snapshot(self) -> list[torch.Tensor]:
        """A copy of all parameters."""
        return [parameter.detach().clone() for parameter in self._all()]

    def keep(self, best: list[torch.Tensor], better: np.ndarray) -> None:
        """Copy the parameters of the networks that are ``better``, (K,), into ``best``."""
        chosen = torch.from_numpy(better).to(self.device)
        for kept, parameter in zip(best, self._all(), strict=True):
            kept[chosen] = parameter.detach()[chosen]

    def to_numpy(self, parameters: list[torch.Tensor]) -> tuple[Networks, Representation | None]:
        """A snapshot as networks and, where there are any, their encoders."""
        own = len(self.decayed) + len(self.biases)
        arrays = [p.cpu().numpy() for p in parameters[:own]]
        depth = len(self.weights)
        linear = None if self.linear is None else arrays[depth][:, :, 0]
        biases = tuple(b[:, 0, :] for b in arrays[len(self.decayed) :])
        networks = Networks(tuple(arrays[:depth]), biases, self.settings.activation, linear)
        if self.encoder is None:
            return networks, None
        return networks, self.encoder.to_representation(parameters[own:])
