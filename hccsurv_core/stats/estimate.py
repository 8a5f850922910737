"""A number with its interval: what every metric returns."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A metric, its interval, and what it rests on.

    Args:
        value: the point estimate; NaN where it cannot be estimated.
        ci_low, ci_high: bounds; NaN where there is none (a median that is not reached).
        level: confidence level.
        method: how the interval was made, in words for a footnote.
        n: patients it rests on; n_events: of whom had the event (None where meaningless).
    """

    value: float
    ci_low: float = math.nan
    ci_high: float = math.nan
    level: float = 0.95
    method: str = ""
    n: int | None = None
    n_events: int | None = None

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not a number becomes None."""

        def plain(x: float) -> float | None:
            return float(x) if math.isfinite(x) else None

        return {
            "value": plain(self.value),
            "ci_low": plain(self.ci_low),
            "ci_high": plain(self.ci_high),
            "level": self.level,
            "method": self.method,
            "n": self.n,
            "n_events": self.n_events,
        }
