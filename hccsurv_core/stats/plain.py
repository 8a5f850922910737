"""Results as plain JSON values: what is not a finite number becomes None."""

from __future__ import annotations

import math
from collections.abc import Iterable


def plain_number(value: float) -> float | None:
    """The number, or None where it is infinite or not a number."""
    return float(value) if math.isfinite(value) else None


def plain_numbers(values: Iterable[float]) -> list[float | None]:
    """A list of them."""
    return [plain_number(value) for value in values]
