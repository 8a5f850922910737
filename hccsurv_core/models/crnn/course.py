"""How a phase of a training went, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Course:
    """How a phase of training went.

    Args:
        best_epoch: whose weights were kept, counted from 1; 0 is where the phase began.
        train_loss: (epochs,) mean over the steps: negative log partial likelihood per event (and
            the weighted error of the targets), or mean squared error of the standardized targets.
        validation_loss: (epochs,) of the patients to stop on, without the targets' error in the
            phase that learns hazards; NaN where there are none.
        validation_c: (epochs,) their Harrell's C; NaN where there are none, or while targets are
            learned.
        explained: (targets,) share of each target's variance that the kept network explains in
            patients whose targets it did not learn; empty while hazards are learned.
    """

    best_epoch: int
    train_loss: np.ndarray
    validation_loss: np.ndarray
    validation_c: np.ndarray
    explained: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def tensors(self) -> dict[str, np.ndarray]:
        """For a checkpoint."""
        return {**vars(self), "best_epoch": np.array([self.best_epoch])}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> Course:
        """Back from a checkpoint."""
        arrays = {name: value for name, value in tensors.items() if name != "best_epoch"}
        return cls(int(tensors["best_epoch"][0]), **arrays)

    def to_json(self) -> dict[str, Any]:
        """Plain values, None where not known."""
        lists = {k: [_plain(v) for v in a] for k, a in vars(self).items() if k != "best_epoch"}
        return {"best_epoch": self.best_epoch, **lists}


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
