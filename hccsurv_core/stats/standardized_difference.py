"""Standardized mean differences: how far groups are apart in units of their spread.

Unlike a p-value they do not grow with the number of patients. Above 0.1 is usually called an
imbalance (Austin, Statistics in Medicine 2009).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike


def difference_of_numbers(first: ArrayLike, second: ArrayLike) -> float:
    """(mean₁ − mean₂) / √((variance₁ + variance₂)/2), Austin 2009.

    NaN where a group has fewer than two values; infinite where two constant groups differ.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(a.size, b.size) < 2:
        return math.nan
    difference = float(a.mean() - b.mean())
    spread = math.sqrt((float(a.var(ddof=1)) + float(b.var(ddof=1))) / 2.0)
    if spread == 0.0:
        return 0.0 if difference == 0.0 else math.copysign(math.inf, difference)
    return difference / spread


def difference_of_shares(first: ArrayLike, second: ArrayLike) -> float:
    """Mahalanobis distance of two sets of category shares (Yang & Dalton, SAS Global Forum 2012).

    For two categories it is the absolute difference of a share over its spread.

    Args:
        first, second: (c,) counts of each category in the two groups.

    Returns:
        ≥ 0; NaN where a group is empty, infinite where the groups differ in categories that
        neither of them spreads over (all of one kind here, all of another there).
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.sum() == 0 or b.sum() == 0:
        return math.nan
    occurring = (a + b) > 0
    shares = [x[occurring] / x.sum() for x in (a, b)]
    # One category follows from the others.
    difference = (shares[0] - shares[1])[1:]
    if not np.abs(difference).max(initial=0.0) > 0.0:
        return 0.0
    spread = sum(np.diag(p[1:]) - np.outer(p[1:], p[1:]) for p in shares) / 2.0
    inverse = np.linalg.pinv(spread, rcond=1e-12, hermitian=True)
    explained = spread @ inverse @ difference
    if not np.allclose(explained, difference, atol=1e-9):
        return math.inf
    return math.sqrt(max(0.0, float(difference @ inverse @ difference)))


def largest_pairwise(differences: Sequence[float]) -> float:
    """The largest absolute one of several differences; NaN where there is none."""
    known = [abs(d) for d in differences if not math.isnan(d)]
    return max(known) if known else math.nan


def pairs_of(n_groups: int) -> list[tuple[int, int]]:
    """Which groups are compared with which."""
    return list(combinations(range(n_groups), 2))
