"""Values that no training patient of an arm had: there a model extrapolates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.errors import BundleError
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS, TreatmentTable

#: A value may lie this share of the covariate's standard deviation beyond an arm's range: of some
#: eighty patients the next one's largest value is often a little larger (our choice).
TOLERANCE_SD = 0.5
_ARRAYS = ("low", "high", "spread")


@dataclass(frozen=True)
class OutOfRange:
    """One value beyond what an arm's patients had.

    Args:
        name: covariate. value: the patient's.
        arms: whose training patients all lie on the same side of it.
        low, high: range of those arms together.
        beyond: more than the tolerance away.
    """

    name: str
    value: float
    arms: tuple[str, ...]
    low: float
    high: float
    beyond: bool

    def sentence(self, label: str, text: Callable[[float], str] = "{:g}".format) -> str:
        """In words, with the covariate's own label.

        Args:
            text: a value as a person reads it.
        """
        whom = " or ".join(ARM_WORDS[arm] for arm in self.arms)
        return (
            f"{label} of {text(self.value)}: patients given {whom} had {text(self.low)} to "
            f"{text(self.high)}"
        )


@dataclass(frozen=True, eq=False)
class TrainingRanges:
    """What the training patients of each arm had.

    Args:
        names: (p,) covariates.
        low, high: (2, p) by arm in the order of ARMS; NaN where no patient has a value.
        spread: (p,) standard deviation over both arms.
    """

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    spread: np.ndarray

    def check(self, values: np.ndarray) -> tuple[OutOfRange, ...]:
        """(p,) covariates, NaN where missing → those that an arm has no patient for."""
        found = []
        for i, name in enumerate(self.names):
            value = float(values[i])
            gap = np.fmax(self.low[:, i] - value, value - self.high[:, i])
            outside = gap > 0
            if not outside.any():
                continue
            found.append(
                OutOfRange(
                    name,
                    value,
                    tuple(arm for arm, out in zip(ARMS, outside, strict=True) if out),
                    float(self.low[outside, i].min()),
                    float(self.high[outside, i].max()),
                    bool((gap[outside] > TOLERANCE_SD * self.spread[i]).any()),
                )
            )
        return tuple(found)

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a bundle."""
        return {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def from_parts(
        cls, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
    ) -> TrainingRanges:
        """Back from a description with "names" and :meth:`tensors`.

        Raises:
            BundleError: a part is missing.
        """
        try:
            return cls(tuple(description["names"]), *(tensors[name] for name in _ARRAYS))
        except (KeyError, TypeError) as error:
            raise BundleError(
                f"lacks the training ranges ({error})", source="ranges",
                remedy="train it again with this version",
            ) from error  # fmt: skip


def training_ranges(table: TreatmentTable) -> TrainingRanges:
    """Of the training patients; missing values are passed over."""
    ends = []
    for arm in ARMS:
        values = table.values[table.given(arm)]
        known = np.isfinite(values)
        some = known.any(axis=0)
        low = np.where(some, np.where(known, values, np.inf).min(axis=0), np.nan)
        high = np.where(some, np.where(known, values, -np.inf).max(axis=0), np.nan)
        ends.append((low, high))
    filled = np.where(np.isfinite(table.values), table.values, np.nan)
    known_any = np.isfinite(filled).any(axis=0)
    spread = np.zeros(len(table.names))
    spread[known_any] = np.nanstd(filled[:, known_any], axis=0)
    return TrainingRanges(
        table.names,
        np.stack([e[0] for e in ends]),
        np.stack([e[1] for e in ends]),
        spread,
    )
