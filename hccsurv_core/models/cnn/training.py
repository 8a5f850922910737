"""Training of a convolutional network: weighted cross-entropy, a cosine, an early end, a way back.

All chance comes from the seed and the epoch's number, so a training that was stopped and taken up
again ends where it would have ended; on a GPU up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.imaging.lesion_crop_settings import CropSettings
from hccsurv_core.models.checkpoint import Checkpoint, fingerprint
from hccsurv_core.models.cnn.classifier import CnnClassifier
from hccsurv_core.models.cnn.run import TrainingRun
from hccsurv_core.models.cnn.samples import CnnSamples
from hccsurv_core.models.cnn.settings import CnnSettings
from hccsurv_core.models.cnn.weights_file import PretrainedWeights
from hccsurv_core.models.parts import stratified_parts
from hccsurv_core.progress import Progress, silent

_KEY = "network"


@dataclass(frozen=True, eq=False)
class FittedCnn:
    """A trained network and how it got there.

    Args:
        classifier: as it was at its best epoch.
        settings: it was trained with.
        best_epoch: counted from 1; 0 is the untrained network.
        train_loss, validation_loss: (epochs,) weighted mean cross-entropy per patient; NaN without
            validation patients.
        train, validation: positions of the patients that weights were learned from, and that said
            when to stop.
        n_alive, n_dead, n_unknown: known to be alive beyond the horizon, to have died by then, and
            neither: follow-up ended before. The last are not trained on.
        pretrained: file and hash of the weights it began from, or None.
        seed: of all chance.
    """

    classifier: CnnClassifier
    settings: CnnSettings
    best_epoch: int
    train_loss: np.ndarray
    validation_loss: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    n_alive: int
    n_dead: int
    n_unknown: int
    pretrained: Mapping[str, str] | None
    seed: int

    def describe(self) -> dict[str, Any]:
        """For a bundle: plain values."""
        return {
            **self.classifier.to_json(),
            "settings": self.settings.to_json(),
            "seed": self.seed,
            "best_epoch": self.best_epoch,
            "train_loss": self.train_loss.tolist(),
            "validation_loss": [None if np.isnan(v) else float(v) for v in self.validation_loss],
            "patients": {
                "alive": self.n_alive,
                "dead": self.n_dead,
                "unknown, not trained on": self.n_unknown,
                "of them to stop on": int(self.validation.size),
            },
            "pretrained": None if self.pretrained is None else dict(self.pretrained),
        }


def fit_cnn(
    samples: CnnSamples,
    crop: CropSettings,
    settings: CnnSettings | None = None,
    *,
    horizon_months: float = 36.0,
    pretrained: PretrainedWeights | None = None,
    seed: int = 0,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
    progress: Progress = silent,
) -> FittedCnn:
    """Train a network to tell who is alive beyond the horizon.

    Patients whose weight is 0 take no part. The rest are divided, both outcomes evenly, into those
    who are learned from and those who say when to stop.

    Args:
        samples: crops, labels and weights of the training patients.
        crop: how they were cropped.
        settings: default :class:`CnnSettings`.
        horizon_months: what "alive" means; the labels are the caller's.
        pretrained: weights to begin from; without them the network begins at random.
        seed: of weights, division, order, augmentation and dropout.
        device: "cpu" or "cuda".
        checkpoint: kept there after epochs; a training of the same data, settings and seed goes on.
        progress: told at each step; may cancel.

    Raises:
        InputError: the crops are not of these settings, or the weights of another network.
        StatisticsError: too few patients are known to be alive or dead, or the training diverges.
    """
    settings = settings or CnnSettings()
    _check_crops(samples, crop)
    train, validation = _divided(samples, settings, seed)
    kept = (checkpoint or Checkpoint()).under(
        "cnn", settings.to_json(), crop.to_json(), seed, None if pretrained is None else
        pretrained.sha256, fingerprint(samples.images, samples.alive, samples.weight),
    )  # fmt: skip
    run = TrainingRun(samples, train, validation, crop, settings, pretrained, seed, device)
    run.restore(kept.get(_KEY))
    _train(run, kept, progress)
    progress(1.0, f"trained for {run.epoch} epochs")
    alive, known = samples.alive, samples.known
    return FittedCnn(
        classifier=CnnClassifier(
            settings.architecture, crop, float(horizon_months), run.best_network()
        ),
        settings=settings,
        best_epoch=run.best_epoch,
        train_loss=np.array(run.train_loss),
        validation_loss=np.array(run.validation_loss),
        train=train,
        validation=validation,
        n_alive=int((alive & known).sum()),
        n_dead=int((~alive & known).sum()),
        n_unknown=int((~known).sum()),
        pretrained=None
        if pretrained is None
        else {"file": pretrained.file_name, "sha256": pretrained.sha256},
        seed=seed,
    )


def _train(run: TrainingRun, kept: Checkpoint, progress: Progress) -> None:
    """Epoch after epoch to the end, kept as the settings say."""
    while not run.finished:
        run.run_epoch(progress)
        judged = run.validation_loss[-1] if run.validation.size else None
        kept.note(
            "cnn epoch", epoch=run.epoch, train_loss=run.train_loss[-1], validation_loss=judged
        )
        if run.finished or run.epoch % run.settings.keep_every == 0:
            kept.put(_KEY, run.tensors())


def _check_crops(samples: CnnSamples, crop: CropSettings) -> None:
    wanted = (crop.n_slices, len(crop.channels), crop.pixels, crop.pixels)
    if samples.images.shape[1:] != wanted:
        raise InputError(
            f"crops of these settings have shape {wanted}, got {samples.images.shape[1:]}",
            source="lesion crops",
            remedy="crop all patients with the settings that the network is trained for",
        )


def _divided(
    samples: CnnSamples, settings: CnnSettings, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the patients to learn from and to stop on."""
    known = np.flatnonzero(samples.known)
    alive = samples.alive[known]
    learned = np.ones(known.size, dtype=bool)
    if settings.validation_share > 0 and known.size:
        parts = max(2, round(1 / settings.validation_share))
        learned = stratified_parts(alive, parts, seed) != 0
    counts = int(alive[learned].sum()), int((~alive[learned]).sum())
    if min(counts) < 1:
        raise StatisticsError(
            f"of the patients to learn from {counts[0]} are known to be alive at the horizon and "
            f"{counts[1]} to have died by then",
            source="CNN",
            remedy="choose a horizon at which there are some of both, or give more patients",
        )
    return known[learned], known[~learned]
