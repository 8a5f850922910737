"""The 52 hospitals of the immunotherapy cohort: who sends how many, on what scanner, how ill.

Xia et al. (Insights into Imaging 2024) split 207 patients of 52 centers by center into training,
validation and test; issue 8 of this project takes 161 of them for training and validation. How
many patients a center sends, and how the 161 divide, is our own choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hccsurv_core.simulate.cohort_writer import SYSTEM_NUMBERS

#: Patients by center within each split; 52 centers, 207 patients.
CENTER_SIZES: dict[str, tuple[int, ...]] = {
    "train": (16, 12, 10, 9, 8, 7, 6, 6, 5, 5, 5, 4, 4, 4, 3, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1, 1,
              1, 1, 1),
    "validation": (8, 6, 4, 3, 3, 2, 2, 1, 1, 1),
    "test": (12, 8, 6, 5, 4, 3, 2, 2, 1, 1, 1, 1),
}  # fmt: skip
SPLITS = tuple(CENTER_SIZES)
#: Neutral names: what a vendor's scanner looks like here says nothing about a real one.
MANUFACTURERS = ("A", "B", "C", "D")
N_PATIENTS = sum(map(sum, CENTER_SIZES.values()))
N_CENTERS = sum(map(len, CENTER_SIZES.values()))
#: How strongly a center's noise and hazard go together where models are trained.
_CONFOUNDING = 0.7
_SALT = 5200


@dataclass(frozen=True)
class Center:
    """One hospital.

    Args:
        name: "center_07"; its number says nothing about its split or size.
        split: "train", "validation" or "test".
        manufacturer: of its scanner, one of :data:`MANUFACTURERS`.
        hazard_shift: added to its patients' log hazard (care, case mix that nobody wrote down).
        burden_shift: added to its patients' standardized tumor burden.
        noise_factor: of its images; goes with `hazard_shift` in training and validation only.
        kernel_mm: correlation length of the noise of the soft kernel.
        lung_kernel_mm: of the lung kernel.
        thin: reconstructs thin slices that are averaged to 5 mm: sharper edges along z.
        interval_days: usual time from baseline to follow-up scan.
        chest_at_follow_up: probability that the follow-up includes the chest.
        vein_gain: enhancement of its portal venous phase (dose, delay).
    """

    name: str
    split: str
    manufacturer: str
    hazard_shift: float
    burden_shift: float
    noise_factor: float
    kernel_mm: float
    lung_kernel_mm: float
    thin: bool
    interval_days: float
    chest_at_follow_up: float
    vein_gain: float


@lru_cache(maxsize=8)
def centers(seed: int) -> tuple[Center, ...]:
    """The hospitals of the cohort with this seed, in the order of :data:`CENTER_SIZES`."""
    rng = np.random.default_rng([seed, SYSTEM_NUMBERS["immunotherapy"], _SALT])
    numbers = rng.permutation(N_CENTERS) + 1
    splits = [split for split, sizes in CENTER_SIZES.items() for _ in sizes]
    return tuple(_draw_center(rng, int(n), s) for n, s in zip(numbers, splits, strict=True))


def _draw_center(rng: np.random.Generator, number: int, split: str) -> Center:
    ill, image, burden, interval, vein = rng.standard_normal(5)
    shared = 0.0 if split == "test" else _CONFOUNDING
    noise = shared * ill + np.sqrt(1 - shared**2) * image
    # The confounded scanner: vendors A and B stand where patients do worse.
    vendor = int(np.clip(np.floor(2 - 1.1 * noise + rng.normal(0, 0.8)), 0, 3))
    return Center(
        name=f"center_{number:02d}",
        split=split,
        manufacturer=MANUFACTURERS[vendor],
        hazard_shift=0.2 * ill,
        burden_shift=0.2 * burden,
        noise_factor=float(np.exp(0.25 * noise)),
        kernel_mm=float(0.7 + 0.12 * vendor + rng.uniform(-0.08, 0.08)),
        lung_kernel_mm=float(0.36 + 0.06 * vendor + rng.uniform(-0.04, 0.04)),
        thin=bool(rng.random() < (0.3, 0.5, 0.6, 0.7)[vendor]),
        interval_days=float(np.clip(84 + 14 * interval, 60, 120)),
        chest_at_follow_up=float(rng.uniform(0.82, 1.0)),
        vein_gain=float(np.exp(0.07 * vein)),
    )


def center_of(seed: int, i: int) -> Center:
    """Where patient ``i`` (from 0) is treated.

    Every 207 patients fill the centers exactly, in an order that says nothing.
    """
    block, place = divmod(i, N_PATIENTS)
    return centers(seed)[_seats(seed, block)[place]]


@lru_cache(maxsize=256)
def _seats(seed: int, block: int) -> tuple[int, ...]:
    sizes = [size for split in CENTER_SIZES.values() for size in split]
    seats = np.repeat(np.arange(N_CENTERS), sizes)
    rng = np.random.default_rng([seed, SYSTEM_NUMBERS["immunotherapy"], _SALT, block])
    return tuple(int(s) for s in rng.permutation(seats))
