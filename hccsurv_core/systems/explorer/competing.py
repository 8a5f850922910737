"""Competing risks of groups: cumulative incidence, Gray's test, Fine-Gray subdistribution hazards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import CompetingOutcome
from hccsurv_core.stats.cumulative_incidence import (
    CumulativeIncidence,
    fit_cumulative_incidence,
)
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.fine_gray import fit_fine_gray
from hccsurv_core.stats.gray import GrayTestResult, gray_test
from hccsurv_core.systems.explorer.curves import HazardRatio
from hccsurv_core.systems.explorer.grouping import Grouping


@dataclass(frozen=True, eq=False)
class GroupIncidence:
    """One group: curves of every cause, and their values at the horizons.

    Args:
        label: of the group.
        curves: cumulative incidence.
        incidence_at: by cause, an estimate for each horizon.
    """

    label: str
    curves: CumulativeIncidence
    incidence_at: tuple[tuple[Estimate, ...], ...]


@dataclass(frozen=True, eq=False)
class CompetingComparison:
    """Competing risks compared between groups.

    Args:
        groups: in the order drawn.
        cause_names: what cause 1, 2, … is.
        horizons_months: of ``incidence_at``.
        tests: Gray's test for each cause; None with one group or without an event of the cause.
        ratios: for each cause, subdistribution hazard ratios against the first group.
        notes: sentences a reader must see.
    """

    groups: tuple[GroupIncidence, ...]
    cause_names: tuple[str, ...]
    horizons_months: tuple[float, ...]
    tests: tuple[GrayTestResult | None, ...]
    ratios: tuple[tuple[HazardRatio, ...], ...]
    notes: tuple[str, ...]

    @property
    def n(self) -> int:
        """Patients in any group."""
        return sum(g.curves.n for g in self.groups)

    def n_events(self, cause: int) -> int:
        """Events of cause 1, 2, … in any group."""
        return sum(int(g.curves.n_events[cause - 1]) for g in self.groups)


def compare_competing(
    outcome: CompetingOutcome,
    grouping: Grouping,
    *,
    horizons_months: Sequence[float] = (12, 36, 60),
    level: float = 0.95,
) -> CompetingComparison:
    """Cumulative incidence by group, for every cause.

    Args:
        outcome: of n patients.
        grouping: of the same patients; those in no group are left out.

    Raises:
        InputError: sizes differ. StatisticsError: nobody is in a group.
    """
    if grouping.code.size != len(outcome):
        raise InputError(
            f"{len(outcome)} patients but {grouping.code.size} in groups", source="groups"
        )
    if not grouping.known.any():
        raise StatisticsError("nobody is in a group", source=grouping.variable)
    kept, code = outcome.subset(grouping.known), grouping.code[grouping.known]
    present = [k for k in range(len(grouping.labels)) if (code == k).any()]
    labels = [grouping.labels[k] for k in present]
    horizons = tuple(map(float, horizons_months))
    groups = tuple(
        _describe(grouping.labels[k], kept.subset(code == k), horizons, level) for k in present
    )
    causes = range(1, len(outcome.cause_names) + 1)
    names = np.asarray(grouping.labels, dtype=object)[code]
    several = len(groups) > 1
    notes = [
        "Hazard ratios are of the subdistribution (Fine-Gray): they compare risks, not causes."
    ]
    if grouping.n_missing:
        notes.append(
            f"{grouping.n_missing} patients without a value of {grouping.variable} are left out."
        )
    if grouping.searched_p is not None:
        notes.append(
            "The cut-off was searched in these same patients: p-values here are too small."
        )
    return CompetingComparison(
        groups, tuple(outcome.cause_names), horizons,
        tuple(_gray(kept, names, cause, labels) if several else None for cause in causes),
        tuple(_ratios(kept, code, present, labels, cause, level) if several else () for cause in causes),
        tuple(notes),
    )  # fmt: skip


def _describe(
    label: str, part: CompetingOutcome, horizons: tuple[float, ...], level: float
) -> GroupIncidence:
    curves = fit_cumulative_incidence(part, level=level)
    by_cause = []
    for cause in range(1, len(part.cause_names) + 1):
        values = curves.incidence_at(horizons, cause=cause)
        low, high = curves.ci_at(horizons, cause=cause)
        by_cause.append(
            tuple(
                Estimate(float(v), float(a), float(b), level, "Aalen-Johansen, log-log interval",
                         curves.n, int(curves.n_events[cause - 1]))
                for v, a, b in zip(values, low, high, strict=True)
            )
        )  # fmt: skip
    return GroupIncidence(label, curves, tuple(by_cause))


def _gray(
    outcome: CompetingOutcome, names: np.ndarray, cause: int, labels: list[str]
) -> GrayTestResult | None:
    try:
        return gray_test(outcome, names, cause=cause, order=labels)
    except StatisticsError:
        return None


def _ratios(
    outcome: CompetingOutcome,
    code: np.ndarray,
    present: list[int],
    labels: list[str],
    cause: int,
    level: float,
) -> tuple[HazardRatio, ...]:
    indicators = np.column_stack([code == k for k in present[1:]]).astype(float)
    try:
        model = fit_fine_gray(indicators, outcome, cause=cause, names=labels[1:])
    except StatisticsError:
        return ()
    low, high = model.ci(level)
    rows = []
    for i, label in enumerate(labels[1:]):
        finite = label not in model.infinite
        value, below, above = (
            float(v[i]) if finite else float("nan") for v in (model.hazard_ratio, low, high)
        )
        words = "Fine-Gray, Wald interval"
        ratio = Estimate(value, below, above, level, words, model.n, model.n_events)
        reason = "" if finite else f"no event of {outcome.cause_names[cause - 1]} in a group"
        p = float(model.p[i]) if finite else float("nan")
        rows.append(HazardRatio(label, labels[0], ratio, p, reason))
    return tuple(rows)
