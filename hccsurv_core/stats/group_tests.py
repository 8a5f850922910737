"""Tests whether groups differ in a number or in categories."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.stats.exact_table import exact_table_p
from hccsurv_core.stats.plain import plain_number

#: Pearson's chi-square is kept where every expected count is at least this (our choice; Cochran's
#: rule lets a fifth of them be smaller).
MIN_EXPECTED = 5.0


@dataclass(frozen=True)
class GroupTest:
    """A test of no difference between groups.

    Args:
        name: which test. p: its p-value, NaN where it could not be done (``name`` says why).
    """

    name: str
    p: float

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {"name": self.name, "p": plain_number(self.p)}


def compare_numbers(groups: Sequence[np.ndarray], *, normal: bool) -> GroupTest:
    """Do the groups differ in a number?

    Args:
        groups: two or more lists of finite numbers.
        normal: the number is declared normal: Welch's t test, or Welch's analysis of variance
            for more than two groups. Otherwise ranks: Mann-Whitney with continuity correction,
            or Kruskal-Wallis; both with the normal and chi-square approximations and tie
            corrections.
    """
    from scipy import stats

    smallest = min(group.size for group in groups)
    if smallest < (2 if normal else 1):
        return GroupTest("no test: a group has too few values", math.nan)
    if np.ptp(np.concatenate(list(groups))) == 0.0:
        return GroupTest("no test: all values are the same", math.nan)
    if normal:
        if any(np.ptp(group) == 0.0 for group in groups):
            return GroupTest("no test: a group has no spread", math.nan)
        if len(groups) == 2:
            return GroupTest("Welch t", float(stats.ttest_ind(*groups, equal_var=False).pvalue))
        return GroupTest("Welch ANOVA", float(stats.f_oneway(*groups, equal_var=False).pvalue))
    if len(groups) == 2:
        found = stats.mannwhitneyu(*groups, use_continuity=True, method="asymptotic")
        return GroupTest("Mann-Whitney", float(found.pvalue))
    return GroupTest("Kruskal-Wallis", float(stats.kruskal(*groups).pvalue))


def compare_categories(table: np.ndarray, *, seed: int = 0) -> GroupTest:
    """Do the groups differ in how often categories occur?

    Pearson's chi-square without continuity correction; where an expected count is below 5, the
    exact test of Fisher or Freeman & Halton.

    Args:
        table: (categories, groups) counts.
        seed: for exact tests that must be drawn; the name says so.
    """
    counts = table[table.sum(axis=1) > 0]
    if counts.shape[0] < 2:
        return GroupTest("no test: all are in one category", math.nan)
    if (counts.sum(axis=0) == 0).any():
        return GroupTest("no test: a group has no values", math.nan)
    from scipy import stats

    expected = stats.contingency.expected_freq(counts)
    if expected.min() >= MIN_EXPECTED:
        return GroupTest("chi-square", float(stats.chi2_contingency(counts, correction=False)[1]))
    p, exact = exact_table_p(counts, seed=seed)
    return GroupTest("Fisher exact" if exact else "Fisher exact, drawn tables", p)
