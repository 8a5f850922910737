"""Competing risks of groups: cumulative incidence, Gray's test, Fine-Gray subdistribution hazards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from hccsurv_core.wording import agree, count_of


@dataclass(frozen=True, eq=False)
class GroupIncidence:
    """One group: curves of every cause, and their values at the horizons.

    Args:
        label: of the group.
        curves: cumulative incidence.
        incidence_at: by cause, an estimate for each horizon.
        slot: which color it has.
    """

    label: str
    curves: CumulativeIncidence
    incidence_at: tuple[tuple[Estimate, ...], ...]
    slot: int = 0


@dataclass(frozen=True, eq=False)
class CompetingComparison:
    """Competing risks compared between groups.

    Args:
        groups: in the order drawn.
        cause_names: what cause 1, 2, … is.
        horizons_months: of ``incidence_at``.
        tests: Gray's test for each cause; None with one group or without an event of the cause.
        ratios: for each cause, subdistribution hazard ratios against the reference group.
        notes: sentences a reader must see.
        variable: what the groups are made by.
        reference: label of the group the others are compared with.
    """

    groups: tuple[GroupIncidence, ...]
    cause_names: tuple[str, ...]
    horizons_months: tuple[float, ...]
    tests: tuple[GrayTestResult | None, ...]
    ratios: tuple[tuple[HazardRatio, ...], ...]
    notes: tuple[str, ...]
    variable: str = ""
    reference: str = ""

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
    reference: str | None = None,
    level: float = 0.95,
) -> CompetingComparison:
    """Cumulative incidence by group, for every cause.

    Args:
        outcome: of n patients.
        grouping: of the same patients; those in no group are left out.
        reference: label of the group the others are compared with; default, and where it is
            empty, the first.

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
        replace(_describe(grouping.labels[k], kept.subset(code == k), horizons, level),
                slot=grouping.slots[k])
        for k in present
    )  # fmt: skip
    causes = range(1, len(outcome.cause_names) + 1)
    names = np.asarray(grouping.labels, dtype=object)[code]
    several = len(groups) > 1
    against = labels.index(reference) if reference in labels else 0
    others = [k for k in present if k != present[against]]
    indicators = np.column_stack([code == k for k in others]).astype(float) if several else None
    compared = [grouping.labels[k] for k in others]
    return CompetingComparison(
        groups, tuple(outcome.cause_names), horizons,
        tuple(_gray(kept, names, cause, labels) if several else None for cause in causes),
        tuple(
            () if indicators is None
            else _ratios(kept, indicators, compared, labels[against], cause, level)
            for cause in causes
        ),
        _notes(grouping, several), grouping.variable, labels[against],
    )  # fmt: skip


def _notes(grouping: Grouping, several: bool) -> tuple[str, ...]:
    notes = []
    if several:
        notes.append(
            "Hazard ratios are of the subdistribution (Fine-Gray): they compare risks, not causes."
        )
    if grouping.n_missing:
        notes.append(
            f"{count_of(grouping.n_missing, 'patient')} without a value of {grouping.variable} "
            f"{agree(grouping.n_missing, 'is', 'are')} left out."
        )
    if grouping.searched_p is not None:
        notes.append(
            "The cut-off was searched in these same patients: p-values here are too small."
        )
    return tuple(notes)


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
    indicators: np.ndarray,
    compared: list[str],
    reference: str,
    cause: int,
    level: float,
) -> tuple[HazardRatio, ...]:
    try:
        model = fit_fine_gray(indicators, outcome, cause=cause, names=compared)
    except StatisticsError:
        return ()
    low, high = model.ci(level)
    rows = []
    for i, label in enumerate(compared):
        finite = label not in model.infinite
        value, below, above = (
            float(v[i]) if finite else float("nan") for v in (model.hazard_ratio, low, high)
        )
        words = "Fine-Gray, Wald interval"
        ratio = Estimate(value, below, above, level, words, model.n, model.n_events)
        reason = "" if finite else f"no event of {outcome.cause_names[cause - 1]} in a group"
        p = float(model.p[i]) if finite else float("nan")
        rows.append(HazardRatio(label, reference, ratio, p, reason))
    return tuple(rows)
