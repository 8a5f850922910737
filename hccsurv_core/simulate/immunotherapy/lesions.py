"""Tumors of one simulated patient at two times, and how they answer to treatment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Below this a lesion is not seen on 5 mm slices: it counts as gone.
SMALLEST_LIVER_MM, SMALLEST_LUNG_MM = 6.0, 4.0
#: No tumor outgrows the organ it is drawn in.
LARGEST_MM = {"liver": 140.0, "lung": 60.0}
#: RECIST 1.1: smallest target, targets in all and by organ, and the two thresholds.
TARGET_MM, MOST_TARGETS, MOST_BY_ORGAN = 10.0, 5, 2
PARTIAL, PROGRESSION, PROGRESSION_MM = -0.30, 0.20, 5.0
CATEGORIES = ("complete", "partial", "stable", "progressive")


@dataclass(frozen=True)
class Lesion:
    """One tumor, an ellipsoid whose longest diameter lies in the slice.

    Args:
        number: its label in the outlines, the same at both times.
        organ: "liver" or "lung".
        baseline_mm, followup_mm: longest diameter; 0 where it is not there.
        flatness, height: the other in-plane axis and the axis along z, relative to the longest.
        turn_deg: of the longest axis in the slice.
        necrosis_baseline, necrosis_followup: share of the volume that does not enhance.
    """

    number: int
    organ: str
    baseline_mm: float
    followup_mm: float
    flatness: float
    height: float
    turn_deg: float
    necrosis_baseline: float
    necrosis_followup: float

    def diameter(self, time: int) -> float:
        """Longest diameter at ``time`` 0 (baseline) or 1 (follow-up), mm."""
        return self.followup_mm if time else self.baseline_mm

    def necrosis(self, time: int) -> float:
        """Share that does not enhance at ``time``."""
        return self.necrosis_followup if time else self.necrosis_baseline

    def volume_ml(self, time: int) -> float:
        """Volume at ``time``."""
        return float(np.pi / 6 * self.diameter(time) ** 3 * self.flatness * self.height / 1000)


@dataclass(frozen=True)
class Growth:
    """What decides the sizes at follow-up.

    Args:
        rate: monthly change of the logarithm of the diameters.
        spread: the lesions' own deviation from it, per month.
        months: between the scans.
        necrosis_shift: rise of the logit of the necrotic share.
        complete: everything vanishes and nothing new appears.
    """

    rate: float
    spread: float
    months: float
    necrosis_shift: float
    complete: bool = False


def draw_lesions(
    rng: np.random.Generator,
    organ: str,
    diameters: Sequence[float],
    n_new: int,
    necrosis_logit: float,
    growth: Growth,
    first_number: int,
) -> tuple[Lesion, ...]:
    """Lesions of one organ, first those of baseline (largest first), then the new ones."""
    smallest = SMALLEST_LIVER_MM if organ == "liver" else SMALLEST_LUNG_MM
    round_ = organ == "lung"
    found = []
    for k in range(len(diameters) + n_new):
        noise, flat, tall, turn, necrosis, new_size = rng.standard_normal(6)
        d0 = float(diameters[k]) if k < len(diameters) else 0.0
        change = np.exp((growth.rate + growth.spread * noise) * growth.months)
        d1 = (
            d0 * change
            if d0
            else (1.7 if organ == "liver" else 1.5) * smallest * np.exp(0.35 * new_size)
        )
        gone = growth.complete or d1 < smallest
        # Small nodules hardly ever have a core that one could see.
        core = necrosis_logit + 0.5 * necrosis - (2.0 if max(d0, d1) < 20 else 0.0)
        found.append(
            Lesion(
                number=first_number + k,
                organ=organ,
                baseline_mm=d0,
                followup_mm=0.0 if gone else float(min(d1, LARGEST_MM[organ])),
                flatness=float(np.clip((0.95 if round_ else 0.86) + 0.06 * flat, 0.7, 1.0)),
                height=float(np.clip((0.95 if round_ else 0.9) + 0.07 * tall, 0.7, 1.05)),
                turn_deg=float(90 * turn),
                necrosis_baseline=_sigmoid(core),
                necrosis_followup=_sigmoid(core + growth.necrosis_shift),
            )
        )
    return tuple(found)


def _sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def choose_targets(lesions: Sequence[Lesion]) -> tuple[Lesion, ...]:
    """RECIST 1.1 target lesions: the largest at baseline, at most five, two by organ."""
    targets: list[Lesion] = []
    for lesion in sorted(lesions, key=lambda one: -one.baseline_mm):
        same = sum(t.organ == lesion.organ for t in targets)
        if lesion.baseline_mm >= TARGET_MM and same < MOST_BY_ORGAN:
            targets.append(lesion)
    return tuple(targets[:MOST_TARGETS])


def recist_category(
    baseline_mm: Sequence[float], followup_mm: Sequence[float], new_lesion: bool, rest_gone: bool
) -> str:
    """RECIST 1.1 category at the first follow-up, whose nadir is the baseline.

    Args:
        baseline_mm, followup_mm: diameters of the targets.
        new_lesion: one appeared.
        rest_gone: no other lesion is left.
    """
    before, after = sum(baseline_mm), sum(followup_mm)
    if new_lesion or (after - before >= PROGRESSION_MM and after >= (1 + PROGRESSION) * before):
        return "progressive"
    if after == 0 and rest_gone:
        return "complete"
    return "partial" if after <= (1 + PARTIAL) * before else "stable"
