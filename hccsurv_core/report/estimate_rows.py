"""Estimates as cells of tables for people and spreadsheets."""

from __future__ import annotations

import math
from typing import Any

from hccsurv_core.stats.estimate import Estimate

Row = dict[str, Any]


def numbers(estimate: Estimate | None, name: str) -> Row:
    """Value and bounds under one name; empty cells where there is no estimate."""
    return {
        name: None if estimate is None else plain(estimate.value),
        f"{name}_low": None if estimate is None else plain(estimate.ci_low),
        f"{name}_high": None if estimate is None else plain(estimate.ci_high),
    }


def plain(value: float) -> float | None:
    """The number; None where it is not finite."""
    return value if math.isfinite(value) else None


def measure(name: str, estimate: Estimate) -> Row:
    """A measure with what it rests on."""
    return {
        "measure": name, **numbers(estimate, "value"), "n": estimate.n,
        "n_events": estimate.n_events, "method": estimate.method,
    }  # fmt: skip
