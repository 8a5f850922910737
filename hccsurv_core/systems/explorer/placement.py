"""Where one patient stands in a cohort: percentile of a value, and whose curve is theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.design import level_text
from hccsurv_core.systems.explorer.grouping import Grouping


@dataclass(frozen=True)
class Placement:
    """One patient against a cohort.

    Args:
        variable: what is compared.
        value: the patient's.
        percentile: share of the cohort below, ties counted half, 0 to 100; None for a category.
        n: cohort patients with a value.
        lowest, highest: of the cohort.
        outside: the value lies beyond anything in the cohort: what follows is extrapolated.
        group: label of the patient's group, or None.
    """

    variable: str
    value: float | str
    percentile: float | None
    n: int
    lowest: float | None
    highest: float | None
    outside: bool
    group: str | None


def place_patient(value: float | str, values: ArrayLike, grouping: Grouping) -> Placement:
    """Where ``value`` lies among the cohort's ``values``, and in which group.

    Args:
        value: a number, or a category's level where the groups are categories.
        values: (n,) of the cohort; NaN and None are missing.
        grouping: of the same variable.

    Raises:
        InputError: the value is not a finite number (for numbers).
        StatisticsError: nobody in the cohort has the value, or no such category.
    """
    if isinstance(value, str) or not grouping.cutoffs:
        return _by_category(value, grouping)
    if not np.isfinite(value):
        raise InputError("the patient's value is missing", source=grouping.variable)
    numbers = np.asarray(values, dtype=np.float64)
    seen = numbers[~np.isnan(numbers)]
    if seen.size == 0:
        raise StatisticsError("is missing in everybody", source=grouping.variable)
    below = float((seen < value).mean() + (seen == value).mean() / 2)
    group = grouping.labels[int(np.searchsorted(grouping.cutoffs, value, side="left"))]
    low, high = float(seen.min()), float(seen.max())
    return Placement(
        grouping.variable, float(value), 100 * below, int(seen.size), low, high,
        not low <= value <= high, group,
    )  # fmt: skip


def _by_category(value: float | str, grouping: Grouping) -> Placement:
    label = level_text(value)
    n = int(grouping.known.sum())
    if label not in grouping.labels:
        raise StatisticsError(
            f"nobody in the cohort is {label!r}",
            source=grouping.variable,
            remedy=f"known are {', '.join(grouping.labels)}",
        )
    return Placement(grouping.variable, label, None, n, None, None, False, label)
