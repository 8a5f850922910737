"""Virtual patients whose hazard can be seen: a bright disk in the liver that grows, or does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.models.crnn.samples import ScanPictures
from hccsurv_core.models.crnn.settings import CrnnSettings
from hccsurv_core.outcome import SurvivalOutcome

PIXELS = 32
#: Seconds for what takes minutes on real pictures.
QUICK = CrnnSettings(
    pixels=PIXELS, n_members=2, max_epochs=2, pretraining_epochs=2, batch_size=6, patience=2,
    validation_share=0.5,
)  # fmt: skip
#: Enough to learn what a disk is.
LEARNING = CrnnSettings(
    pixels=PIXELS, n_members=1, max_epochs=30, learning_rate=3e-3, batch_size=8,
    pretraining_epochs=15, pretraining_rate=5e-3, extractor_share=0.0,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class DiskCohort:
    """Patients.

    Args:
        samples: their pictures. outcome: their survival.
        radius: (n, times) of the disks, pixels.
        hazard: (n,) true log hazard.
        disks: (n, times, 3, P, P) where the disks are on the liver slices.
    """

    samples: ScanPictures
    outcome: SurvivalOutcome
    radius: np.ndarray
    hazard: np.ndarray
    disks: np.ndarray

    @property
    def targets(self) -> np.ndarray:
        """(n, 2) logarithm of the disk's area at each time."""
        return 2 * np.log(self.radius)


def disk_cohort(n: int = 60, seed: int = 0, strength: float = 1.5, times: int = 2) -> DiskCohort:
    """n patients; the hazard is of the disk's size at baseline and, as much, of its growth."""
    rng = np.random.default_rng(seed)
    size, growth = rng.standard_normal((2, n))
    radius = np.exp(np.log(5.0) + 0.25 * size)[:, None] * np.exp(
        0.25 * growth[:, None] * np.array([0.0, 1.0])
    )
    hazard = strength * (size + growth) / np.sqrt(2)
    y, x = np.mgrid[:PIXELS, :PIXELS]
    place = 16 + rng.uniform(-4, 4, (n, 1, 3, 2))
    shrink = np.array([1.0, 0.9, 0.8])[None, None, :, None, None]
    distance = np.hypot(y - place[..., 0, None, None], x - place[..., 1, None, None])
    disks = distance <= radius[:, :, None, None, None] * shrink
    pictures = rng.normal(0, 0.5, (n, 2, 2, 3, PIXELS, PIXELS))
    pictures[:, :, 0] += 2.0 * disks
    pictures -= pictures.mean((-2, -1), keepdims=True)
    pictures /= pictures.std((-2, -1), keepdims=True)
    death = rng.exponential(20 * np.exp(-hazard))
    end = rng.uniform(10, 60, n)
    outcome = SurvivalOutcome(np.minimum(death, end), death <= end)
    names = tuple(f"P{i:03d}" for i in range(n))
    samples = ScanPictures(names, pictures[:, :times], np.ones((n, times, 2), bool))
    return DiskCohort(samples, outcome, radius, hazard, disks[:, :times])
