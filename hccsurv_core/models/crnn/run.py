"""One member of an ensemble in training: first to measure what is given, then to tell hazards.

All chance comes from the seed, the phase and the epoch's number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from hccsurv_core.errors import StatisticsError
from hccsurv_core.models.cnn.architectures import seeded
from hccsurv_core.models.cnn.augmentation import Draws, augment, draw_augmentations
from hccsurv_core.models.cnn.run import repeatable
from hccsurv_core.models.cox_loss import order_risks, partial_likelihood_loss
from hccsurv_core.models.crnn.course import Course
from hccsurv_core.models.crnn.networks import N_PATIENT_FEATURES, build_crnn
from hccsurv_core.models.crnn.settings import CrnnSettings
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.models.univariate_concordance import univariate_concordance
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.progress import Progress

#: The learning rate of a cosine ends at this share of its start.
_LAST_RATE = 0.01
#: A validation loss must fall by this much to count as lower.
_LOWER = 1e-5
#: Patients that are read at once where nothing is learned.
AT_ONCE = 8
#: Steps no longer than this: the LSTM and small batches now and then make very large ones.
_LARGEST_STEP = 5.0


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What is learned from.

    Args:
        pictures: (n, times, organs, slices, P, P) float32.
        outcome: of the same patients.
        targets: (n, q) standardized measurements, NaN where missing; q may be 0.
    """

    pictures: np.ndarray
    outcome: SurvivalOutcome
    targets: np.ndarray


@dataclass(frozen=True, eq=False)
class _Phase:
    """What is done in the epochs of a phase.

    Args:
        number: tells its chance from that of the others.
        extractor_share: of the learning rate, for extractors and LSTM.
        spread: (n,) what batches are spread by.
        loss: of the features of scans of the patients at some positions, for a step.
        judge: the same for (loss, C) of patients to stop on.
    """

    number: int
    words: str
    epochs: int
    rate: float
    patience: int
    extractor_share: float
    spread: np.ndarray
    loss: Callable[[torch.Tensor, np.ndarray], torch.Tensor]
    judge: Callable[[torch.Tensor, np.ndarray], tuple[float, float]]


class _Measure(nn.Module):
    """Linear layers that tell q targets: from the features of a patient, and from those of scans.

    The second stands before the LSTM, which at first lets little through: what reads pictures
    learns through it (deep supervision: Lee et al., AISTATS 2015). Only the first is asked after.
    """

    def __init__(self, n_times: int, n_targets: int) -> None:
        super().__init__()
        width = max(n_targets, 1)  # without targets it is never asked
        self.patient = nn.Linear(N_PATIENT_FEATURES, width)
        self.scans = nn.Linear(N_PATIENT_FEATURES * n_times, width)


class MemberRun:
    """A network in training, with linear layers that tell the targets from its features."""

    def __init__(
        self, data: TrainingData, settings: CrnnSettings, *, seed: int, device: str
    ) -> None:
        self.data, self.settings, self.seed, self.device = data, settings, seed, device
        self.pictures = torch.from_numpy(data.pictures).to(device)
        self.targets = torch.from_numpy(data.targets.astype(np.float32)).to(device)
        self.network = build_crnn(settings, seed)
        with seeded(seed, 0x7A):
            self.measure = _Measure(settings.n_times, data.targets.shape[1])
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.measure.to(device)
        self.half = device == "cuda" and settings.mixed_precision
        self.pretrained = False
        #: (2, n, times, organs, 32) scan features without and with a flip, where extractors rest.
        self.resting: torch.Tensor | None = None

    def learn_targets(self, train: np.ndarray, validation: np.ndarray, told: Progress) -> Course:
        """Learn to tell the targets; no outcome is looked at."""
        chosen = self.settings
        self._calibrate(train)
        phase = _Phase(
            1, "measuring", chosen.pretraining_epochs, chosen.pretraining_rate,
            chosen.pretraining_epochs, 1.0, np.zeros(len(self.data.targets)),
            self._measuring_loss, self._judge_targets,
        )  # fmt: skip
        course = self._run(phase, train, validation, told)
        self.pretrained = True
        judged = validation if validation.size else train
        return replace(course, explained=self._explained(judged))

    def learn_hazards(self, train: np.ndarray, validation: np.ndarray, told: Progress) -> Course:
        """Learn log hazards by the partial likelihood."""
        chosen = self.settings
        share = chosen.extractor_share if self.pretrained else 1.0
        if not self.pretrained:
            self._calibrate(train)
        if share == 0:
            everybody = np.arange(len(self.pictures))
            self.resting = torch.stack([self._read(everybody), self._read(everybody, flip=True)])
        phase = _Phase(
            2, "hazards", chosen.max_epochs, chosen.learning_rate, chosen.patience, share,
            self.data.outcome.event, self._hazard_and_target_loss, self._judge_hazards,
        )  # fmt: skip
        return self._run(phase, train, validation, told)

    def tensors(self) -> dict[str, np.ndarray]:
        """Weights of the network and of the linear layer, for a checkpoint or another member."""
        return {k: v.numpy() for k, v in self._snapshot().items()}

    def begin_at(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Take over what reads pictures from a member that has learned the targets.

        What answers stays as this member's seed made it.
        """
        taken = {
            k: torch.from_numpy(np.array(v))
            for k, v in tensors.items()
            if not k.startswith("network.cls_")
        }
        self._restore({**self._snapshot(), **taken})
        self.pretrained = True

    @torch.no_grad()
    def log_hazard(self) -> np.ndarray:
        """(n,) of all patients."""
        found = self._hazard(self._read(np.arange(len(self.pictures))))
        return found.float().cpu().numpy().astype(np.float64)

    def _run(
        self, phase: _Phase, train: np.ndarray, validation: np.ndarray, told: Progress
    ) -> Course:
        optimizer = torch.optim.AdamW(self._groups(phase.extractor_share), lr=phase.rate)
        scaler = torch.amp.GradScaler(self.device, enabled=self.half)
        best, best_epoch, best_loss = self._snapshot(), 0, math.inf
        course: list[tuple[float, float, float]] = []
        for epoch in range(phase.epochs):
            told(epoch / phase.epochs, f"{phase.words}, epoch {epoch + 1} of {phase.epochs}")
            loss = self._run_epoch(phase, epoch, train, optimizer, scaler, told)
            judged = (math.nan, math.nan)
            if validation.size:
                judged = phase.judge(self._read(validation), validation)
            course.append((loss, *judged))
            if not validation.size or judged[0] < best_loss - _LOWER:
                best, best_epoch, best_loss = self._snapshot(), epoch + 1, judged[0]
            if epoch + 1 - best_epoch >= phase.patience:
                break
        self._restore(best)
        return Course(best_epoch, *np.array(course).reshape(-1, 3).T)

    def _run_epoch(
        self, phase: _Phase, epoch: int, train: np.ndarray, optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler, told: Progress,
    ) -> float:  # fmt: skip
        drawn = np.random.SeedSequence((self.seed, phase.number, epoch, 0x0B)).generate_state(1)
        batches = deal_batches(phase.spread, train, self.settings.batch_size, int(drawn[0]))
        rng = np.random.default_rng((self.seed, phase.number, epoch, 0xF1))
        flips = (rng.random(len(self.pictures)) < 0.5) & self.settings.flips
        draws = draw_augmentations(
            len(self.pictures), self.settings.augmentation, seed=int(drawn[0]), epoch=epoch
        )
        total = 0.0
        with seeded(self.seed, phase.number, epoch), repeatable(self.device):
            self.network.train()
            for number, rows in enumerate(batches):
                done = (epoch + number / len(batches)) / phase.epochs
                told(done, f"{phase.words}, epoch {epoch + 1} of {phase.epochs}")
                for group in optimizer.param_groups:
                    group["lr"] = phase.rate * group["share"] * self._rate_share(done)
                with torch.autocast(self.device, dtype=torch.float16, enabled=self.half):
                    scans = self._seen(rows, flips[rows], draws)
                loss = phase.loss(scans.float(), rows)
                self._step(loss, optimizer, scaler)
                total += float(loss.detach())
            self.network.eval()
        return total / len(batches)

    def _step(
        self, loss: torch.Tensor, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
    ) -> None:
        if not math.isfinite(float(loss.detach())):
            raise StatisticsError(
                "the training diverged", source="CNN + LSTM", remedy="lower the learning rate"
            )
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        learned = [p for group in optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(learned, _LARGEST_STEP)
        scaler.step(optimizer)
        scaler.update()

    def _rate_share(self, done: float) -> float:
        if self.settings.schedule == "constant":
            return 1.0
        return _LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * done)) / 2

    def _seen(
        self, rows: np.ndarray, flips: np.ndarray, draws: Draws | None = None
    ) -> torch.Tensor:
        """(b, times, organs, 32) features of scans whose pictures are flipped or not, and varied.

        All slices of a patient are varied alike.
        """
        at = torch.from_numpy(rows).to(self.device)
        flipped = torch.from_numpy(flips).to(self.device)
        if self.resting is not None:
            return self.resting[flipped.long(), at]
        x = self.pictures[at]
        x = torch.where(flipped[:, None, None, None, None, None], x.flip(-1), x)
        if draws is not None and self.settings.varies:
            slices = x.flatten(1, 3)
            x = augment(slices, draws, rows, list(range(slices.shape[1]))).reshape(x.shape)
        return self.network.scan_features(x)

    def _calibrate(self, train: np.ndarray) -> None:
        batches = torch.from_numpy(train).to(self.device).split(AT_ONCE)
        self.network.calibrate([self.pictures[part] for part in batches])

    @torch.no_grad()
    def _read(self, rows: np.ndarray, flip: bool = False) -> torch.Tensor:
        """(b, times, organs, 32) features of scans, as they are without dropout."""
        at = torch.from_numpy(rows).to(self.device)
        if self.resting is not None:
            return self.resting[int(flip), at]
        found = []
        for part in at.split(AT_ONCE):
            x = self.pictures[part]
            found.append(self.network.scan_features(x.flip(-1) if flip else x))
        return torch.cat(found)

    def _error(self, told: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        """Mean squared error of the targets that are there."""
        wanted = self.targets[torch.from_numpy(rows).to(self.device)]
        known = ~torch.isnan(wanted)
        error = torch.where(known, told - torch.nan_to_num(wanted), 0.0)
        return error.square().sum() / known.sum().clamp_min(1)

    def _target_loss(self, scans: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        return self._error(self.measure.patient(self.network.course_of(scans)), rows)

    def _measuring_loss(self, scans: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        before = self._error(self.measure.scans(scans.flatten(1)), rows)
        return (self._target_loss(scans, rows) + before) / 2

    def _hazard_loss(self, scans: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        time, event = self.data.outcome.time_months[rows], self.data.outcome.event[rows]
        falling = np.lexsort((event, -time))
        order = order_risks(time[falling][None], event[falling][None], device=self.device)
        hazard = self._hazard(scans)[torch.from_numpy(falling).to(self.device)]
        return partial_likelihood_loss(hazard[None], order)[0]

    def _hazard_and_target_loss(self, scans: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        loss = self._hazard_loss(scans, rows)
        if self.pretrained and self.settings.target_weight > 0:
            loss = loss + self.settings.target_weight * self._target_loss(scans, rows)
        return loss

    def _hazard(self, scans: torch.Tensor) -> torch.Tensor:
        return self.network.hazard_of(self.network.course_of(scans))

    @torch.no_grad()
    def _judge_targets(self, scans: torch.Tensor, rows: np.ndarray) -> tuple[float, float]:
        return float(self._target_loss(scans, rows)), math.nan

    @torch.no_grad()
    def _judge_hazards(self, scans: torch.Tensor, rows: np.ndarray) -> tuple[float, float]:
        hazard = self._hazard(scans).cpu().numpy()
        try:
            found = univariate_concordance(hazard[:, None], self.data.outcome.subset(rows))
            c = float(found.c_index[0])
        except StatisticsError:
            c = math.nan
        return float(self._hazard_loss(scans, rows)), c

    @torch.no_grad()
    def _explained(self, rows: np.ndarray) -> np.ndarray:
        features = self.network.course_of(self._read(rows))
        told = self.measure.patient(features).cpu().numpy().astype(np.float64)
        wanted = self.data.targets[rows]
        known = np.isfinite(wanted)
        count = np.maximum(known.sum(0), 1)
        mean = np.where(known, wanted, 0).sum(0) / count
        spread = np.where(known, wanted - mean, 0.0)
        error = np.where(known, told - np.nan_to_num(wanted), 0.0)
        total = np.square(spread).sum(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(total > 0, 1 - np.square(error).sum(0) / total, np.nan)

    def _groups(self, share: float) -> list[dict[str, Any]]:
        """For the optimizer: what reads pictures and what answers, with and without decay."""
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in [*self.network.named_parameters(), *self.measure.named_parameters()]:
            reads = name.startswith("extractor_")
            own = share if reads or name.startswith("LSTM_") else 1.0
            if reads and share == 0:
                continue
            decay = self.settings.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((own or 1.0, decay), []).append(parameter)
        return [
            {"params": found, "share": own, "weight_decay": decay}
            for (own, decay), found in groups.items()
        ]

    def _snapshot(self) -> dict[str, torch.Tensor]:
        whole = (("network", self.network), ("measure", self.measure))
        return {
            f"{part}.{name}": value.detach().cpu().contiguous().clone()
            for part, module in whole
            for name, value in module.state_dict().items()
        }

    def _restore(self, kept: Mapping[str, torch.Tensor]) -> None:
        for part, module in (("network", self.network), ("measure", self.measure)):
            own = {k[len(part) + 1 :]: v for k, v in kept.items() if k.startswith(f"{part}.")}
            shapes = module.state_dict()
            module.load_state_dict({k: v.reshape(shapes[k].shape) for k, v in own.items()})


def deal_batches(
    event: np.ndarray, rows: np.ndarray, batch_size: int, seed: int
) -> list[np.ndarray]:
    """Patients in batches of about one size, events dealt out evenly, so that each has one.

    A step's risk sets are of its own patients, as in the reference code: they are a cohort too,
    only smaller. Risk sets of all patients would need all their pictures in memory at once. A
    batch without an event would have no risk set.

    Args:
        event: (n,) whether it happened; where it did to nobody, only size counts.
        rows: positions of those to deal.
        batch_size: wanted; batches are larger where there are fewer events than batches.
        seed: of the order.
    """
    own = event[rows]
    most = int(own.sum()) if own.any() else rows.size // 2
    count = max(1, min(round(rows.size / batch_size), most))
    part = stratified_parts(own, count, seed)
    return [rows[part == k] for k in range(count)]
