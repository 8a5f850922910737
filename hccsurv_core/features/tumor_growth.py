"""How fast tumors grow between two scans: rate, monthly change, doubling time, volumes.

Tumor growth rate: Ferté et al., Clin Cancer Res 2014;20:246-252, doi:10.1158/1078-0432.CCR-13-2098.
A month has 30.4375 days. What vanished has no logarithm: it counts as the 5 mm that RECIST 1.1 gives
to what is too small to measure (a sphere of 0.065 mL), and the rate is then a bound: it shrank at
least so fast. What is new has no rate of its own; it adds to the volume of all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hccsurv_core.checks import checked_number
from hccsurv_core.features.recist_measure import checked_labels
from hccsurv_core.volume import LabelMap

DAYS_PER_MONTH = 30.4375
#: What a vanished tumor counts as: diameter, and volume of such a sphere.
FLOOR_MM = 5.0
FLOOR_ML = math.pi / 6 * FLOOR_MM**3 / 1000
SOURCE = "Ferté C et al. Clin Cancer Res 2014;20(1):246-252. doi:10.1158/1078-0432.CCR-13-2098"
#: A rate beyond has no exponential.
_FASTEST = 700.0
_LONGEST_DAYS = 36_525.0


@dataclass(frozen=True)
class GrowthRate:
    """Growth of one size between two scans; all rates are None where ``reason`` says why.

    Args:
        unit: "mm" of a diameter or a sum of diameters, or "mL" of a volume.
        baseline, followup: in that unit.
        change_percent: of baseline; None where that is 0.
        rate_percent_per_month: tumor growth rate TGR = 100·(exp(TG) − 1), in % of volume per month;
            TG = 3·ln(D₁/D₀)/months, or ln(V₁/V₀)/months. Below 0 it shrinks.
        log_diameter_per_month: monthly change of the natural logarithm of the diameter, TG / 3.
        doubling_days, halving_days: of the volume; the one that applies.
        is_bound: it vanished, and shrank at least so fast.
        reason: why there is no rate, in words.
    """

    unit: str
    baseline: float
    followup: float
    change_percent: float | None
    rate_percent_per_month: float | None = None
    log_diameter_per_month: float | None = None
    doubling_days: float | None = None
    halving_days: float | None = None
    is_bound: bool = False
    reason: str | None = None

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return self.__dict__.copy()


@dataclass(frozen=True, eq=False)
class TumorGrowth:
    """Volumes and growth of all lesions.

    Args:
        interval_days: between the scans; None is not known.
        lesions: number to growth of its volume.
        total: of all lesions together, new and vanished ones included.
        new, vanished: numbers of lesions.
    """

    interval_days: float | None
    lesions: Mapping[int, GrowthRate]
    total: GrowthRate
    new: tuple[int, ...]
    vanished: tuple[int, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "interval_days": self.interval_days,
            "lesions": {str(number): one.to_json() for number, one in self.lesions.items()},
            "total": self.total.to_json(),
            "new": list(self.new),
            "vanished": list(self.vanished),
            "source": SOURCE,
        }


def label_volumes_ml(labels: LabelMap) -> dict[int, float]:
    """Number to volume in mL of every label.

    Raises:
        InputError: a number is negative or above 10,000.
    """
    checked_labels(labels)
    counts = np.bincount(labels.voxels[labels.voxels > 0].astype(np.intp))
    return {
        int(number): float(counts[number]) * labels.voxel_volume_ml
        for number in np.flatnonzero(counts)
    }


def growth_of_diameter(
    baseline_mm: float, followup_mm: float, interval_days: float | None
) -> GrowthRate:
    """Growth of a diameter or of a sum of diameters, as Ferté et al. define it.

    Args:
        baseline_mm, followup_mm: mm; 0 is not there.
        interval_days: 1 or more; None is not known, and gives no rate.

    Raises:
        InputError: a value is not possible.
    """
    return _growth("mm", 3.0, FLOOR_MM, baseline_mm, followup_mm, interval_days)


def growth_of_volume(
    baseline_ml: float, followup_ml: float, interval_days: float | None
) -> GrowthRate:
    """Growth of a volume, mL; as :func:`growth_of_diameter`."""
    return _growth("mL", 1.0, FLOOR_ML, baseline_ml, followup_ml, interval_days)


def tumor_growth(
    baseline_ml: Mapping[int, float],
    followup_ml: Mapping[int, float],
    interval_days: float | None,
) -> TumorGrowth:
    """Growth of every lesion and of all together.

    Args:
        baseline_ml, followup_ml: number to volume, see :func:`label_volumes_ml`.
        interval_days: between the scans; None is not known.

    Raises:
        InputError: a value is not possible.
    """
    numbers = sorted({*baseline_ml, *followup_ml})
    pairs = {n: (baseline_ml.get(n, 0.0), followup_ml.get(n, 0.0)) for n in numbers}
    return TumorGrowth(
        interval_days=interval_days,
        lesions={n: growth_of_volume(*pair, interval_days) for n, pair in pairs.items()},
        total=growth_of_volume(
            sum(before for before, _ in pairs.values()),
            sum(after for _, after in pairs.values()),
            interval_days,
        ),
        new=tuple(n for n, (before, after) in pairs.items() if before == 0 < after),
        vanished=tuple(n for n, (before, after) in pairs.items() if after == 0 < before),
    )


def _growth(
    unit: str, power: float, floor: float, baseline: float, followup: float, days: float | None
) -> GrowthRate:
    """Args: power: of the size that makes a volume. floor: what a vanished size counts as."""
    before = checked_number(baseline, "baseline size", low=0.0)
    after = checked_number(followup, "follow-up size", low=0.0)
    if days is not None:
        days = checked_number(days, "interval in days", low=1.0, high=_LONGEST_DAYS)
    change = 100 * (after - before) / before if before else None
    gone = after == 0
    why = _no_rate(before, gone, floor, days)
    if why is not None or days is None:
        return GrowthRate(unit, before, after, change, reason=why)
    per_month = power * math.log((floor if gone else after) / before) / (days / DAYS_PER_MONTH)
    if per_month > _FASTEST:
        why = "the interval is too short for so large a change"
        return GrowthRate(unit, before, after, change, reason=why)
    days_by_two = DAYS_PER_MONTH * math.log(2) / abs(per_month) if per_month else None
    return GrowthRate(
        unit, before, after, change,
        rate_percent_per_month=100 * math.expm1(per_month),
        log_diameter_per_month=per_month / 3,
        doubling_days=days_by_two if per_month > 0 else None,
        halving_days=days_by_two if per_month < 0 else None,
        is_bound=gone,
    )  # fmt: skip


def _no_rate(before: float, gone: bool, floor: float, days: float | None) -> str | None:
    if before == 0:
        return "not there at either time" if gone else "new: there is nothing to grow from"
    if gone and before <= floor:
        return "it vanished, and was no larger than what is too small to measure"
    return "the interval between the scans is not known" if days is None else None
