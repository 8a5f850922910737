"""Pointwise confidence intervals for a probability from its standard error, on three scales."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from hccsurv_core.checks import normal_quantile
from hccsurv_core.errors import InputError

#: The scale on which an interval is symmetric. ``log-log`` stays within (0, 1) by itself.
IntervalKind = Literal["log-log", "log", "plain"]


def probability_interval(
    probability: np.ndarray,
    std_error: np.ndarray,
    *,
    kind: IntervalKind = "log-log",
    level: float = 0.95,
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of a confidence interval, as R's ``survfit(conf.type=)`` defines them.

    ``log-log`` is p^exp(±z·se/(p·ln p)), ``log`` p·exp(±z·se/p) and ``plain`` p ± z·se, the
    last two cut off at 0 and 1. Where a scale has no image of p there is no interval but NaN:
    p = 0 and p = 1 for ``log-log`` (R gives NA, some programs print 0 or 1), p = 0 for ``log``.

    Args:
        probability: (n,) in [0, 1].
        std_error: (n,) standard error of ``probability`` itself.
        kind: the scale.
        level: confidence level.

    Returns:
        lower and upper bounds, both (n,).

    Raises:
        InputError: unknown kind, or a level outside (0, 1).
    """
    if kind not in get_args(IntervalKind):
        raise InputError(
            f"unknown interval {kind!r}", source="ci", remedy=f"use {_or(get_args(IntervalKind))}"
        )
    z = normal_quantile(level)
    p = np.asarray(probability, dtype=np.float64)
    se = np.asarray(std_error, dtype=np.float64)
    if kind == "plain":
        return np.maximum(p - z * se, 0.0), np.minimum(p + z * se, 1.0)
    usable = (p > 0) if kind == "log" else (p > 0) & (p < 1)
    inside = np.where(usable, p, np.nan)
    relative = z * se / inside
    if kind == "log":
        return inside * np.exp(-relative), np.minimum(inside * np.exp(relative), 1.0)
    spread = np.exp(relative / np.log(inside))
    # ln p < 0: the larger exponent belongs to the lower bound.
    return inside ** (1.0 / spread), inside**spread


def _or(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
