"""Predictions with their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.stats.plain import plain_number


@dataclass(frozen=True, eq=False)
class Banded:
    """Numbers of n patients with their intervals.

    Args:
        value, low, high: (n,) or (n, t).
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def of(self, row: int) -> Banded:
        """One patient's."""
        return Banded(self.value[row], self.low[row], self.high[row])

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        parts = (("value", self.value), ("ci_low", self.low), ("ci_high", self.high))
        return {
            name: plain_number(float(v)) if np.ndim(v) == 0 else np.asarray(v).tolist()
            for name, v in parts
        }
