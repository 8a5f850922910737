"""Survival of groups, compared: curves, medians, hazard ratios, restricted means, tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.models.coxph import CoxModel, fit_cox
from hccsurv_core.models.proportional_hazards import check_proportional_hazards
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.kaplan_meier import KaplanMeier, fit_kaplan_meier, median_follow_up
from hccsurv_core.stats.logrank import (
    LogRankResult,
    PairwiseComparison,
    TrendResult,
    log_rank_test,
    log_rank_trend,
    pairwise_log_rank,
)
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.stats.restricted_mean import (
    RestrictedMean,
    RestrictedMeanComparison,
    compare_restricted_means,
    restricted_mean,
)
from hccsurv_core.systems.explorer.grouping import Grouping
from hccsurv_core.wording import agree, count_of

#: A curve that fewer patients than this still support is marked.
FEW_AT_RISK = 5
#: A test of proportional hazards below this is told.
DOUBTFUL_P = 0.05


@dataclass(frozen=True, eq=False)
class GroupCurve:
    """One group.

    Args:
        label: of the group.
        curve: Kaplan-Meier.
        median: of survival, months.
        survival_at: (n_horizons,) survival probability at each horizon; NaN beyond follow-up.
        restricted_mean: months lived up to the common horizon; None where that has no answer.
        few_from_months: from when on fewer than five are at risk; None if never before the end.
        slot: which color it has.
    """

    label: str
    curve: KaplanMeier
    median: Estimate
    survival_at: tuple[Estimate, ...]
    restricted_mean: RestrictedMean | None
    few_from_months: float | None
    slot: int = 0

    @property
    def n(self) -> int:
        """Patients."""
        return self.curve.n

    @property
    def n_events(self) -> int:
        """Of whom had the event."""
        return self.curve.n_events


@dataclass(frozen=True)
class HazardRatio:
    """A group against the reference group (univariable Cox, Efron ties).

    ``ratio`` has NaN bounds, and ``reason`` says why, where there is no finite estimate.
    """

    label: str
    reference: str
    ratio: Estimate
    p: float
    reason: str = ""


@dataclass(frozen=True, eq=False)
class GroupComparison:
    """Everything under a Kaplan-Meier plot.

    Args:
        groups: in the order drawn.
        horizons_months: of ``survival_at``.
        follow_up: median follow-up, reverse Kaplan-Meier.
        log_rank: None with one group.
        trend: for three or more ordered groups (cut-offs), else None.
        pairs: two by two with Holm's correction, for three groups or more.
        reference: label of the group that the others are compared with.
        hazard_ratios: each other group against it.
        proportional_p: of the test that hazard ratios stay the same over time (all groups
            together); None where there is none.
        restricted_horizon_months: up to where restricted means count.
        restricted_means: each other group against the reference, difference and ratio.
        searched_p: corrected p-value if the cut-off was searched; shown in place of the
            log-rank's.
        notes: sentences a reader must see.
        variable: what the groups are made by; empty for everybody together.
        n_missing: patients in no group because they have no value.
        n_not_shown: patients in no group because theirs is not drawn.
    """

    groups: tuple[GroupCurve, ...]
    horizons_months: tuple[float, ...]
    follow_up: Estimate
    log_rank: LogRankResult | None
    trend: TrendResult | None
    pairs: tuple[PairwiseComparison, ...]
    hazard_ratios: tuple[HazardRatio, ...]
    restricted_horizon_months: float
    restricted_means: tuple[RestrictedMeanComparison, ...]
    searched_p: float | None
    notes: tuple[str, ...]
    n_missing: int
    variable: str = ""
    reference: str = ""
    n_not_shown: int = 0
    proportional_p: float | None = None

    @property
    def n(self) -> int:
        """Patients in any group."""
        return sum(g.n for g in self.groups)

    @property
    def n_events(self) -> int:
        """Events in any group."""
        return sum(g.n_events for g in self.groups)


def compare_groups(
    outcome: SurvivalOutcome,
    grouping: Grouping,
    *,
    horizons_months: Sequence[float] = (12, 36, 60),
    restricted_horizon_months: float | None = None,
    reference: str | None = None,
    level: float = 0.95,
) -> GroupComparison:
    """Compare the survival of groups.

    Args:
        outcome: of n patients.
        grouping: of the same patients; those in no group are left out.
        horizons_months: where survival is read off.
        restricted_horizon_months: of the restricted means; default the shortest of the groups'
            follow-ups.
        reference: label of the group that the others are compared with; default, and where it is
            empty, the first.
        level: of all intervals.

    Raises:
        InputError: sizes differ. StatisticsError: nobody is in a group.
    """
    if grouping.code.size != len(outcome):
        raise InputError(
            f"{len(outcome)} patients but {grouping.code.size} in groups", source="groups"
        )
    known = grouping.known
    if not known.any():
        raise StatisticsError("nobody is in a group", source=grouping.variable)
    kept, code = outcome.subset(known), grouping.code[known]
    present = [k for k in range(len(grouping.labels)) if (code == k).any()]
    labels = [grouping.labels[k] for k in present]
    parts = [kept.subset(code == k) for k in present]
    tau = restricted_horizon_months or float(min(p.time_months.max() for p in parts))
    curves = tuple(
        replace(
            _describe(grouping.labels[k], part, tuple(horizons_months), tau, level),
            slot=grouping.slots[k],
        )
        for k, part in zip(present, parts, strict=True)
    )
    against = labels.index(reference) if reference in labels else 0
    others = [*present[:against], *present[against + 1 :]]
    several = len(curves) > 1
    names = np.asarray(grouping.labels, dtype=object)[code]
    ordered = several and bool(grouping.cutoffs) and len(curves) > 2
    ratios, proportional_p = (
        _hazard_ratios(kept, code, present[against], others, grouping.labels, level)
        if several
        else ((), None)
    )
    return GroupComparison(
        groups=curves,
        horizons_months=tuple(map(float, horizons_months)),
        follow_up=median_follow_up(kept),
        log_rank=_or_none(log_rank_test, kept, names, order=labels) if several else None,
        trend=_or_none(log_rank_trend, kept, names, order=labels) if ordered else None,
        pairs=tuple(pairwise_log_rank(kept, names, order=labels)) if len(curves) > 2 else (),
        hazard_ratios=ratios,
        restricted_horizon_months=tau,
        restricted_means=_mean_differences(
            kept, names, labels[against], [grouping.labels[k] for k in others], tau, level
        ),
        searched_p=grouping.searched_p,
        notes=_notes(curves, grouping, ratios, proportional_p),
        n_missing=grouping.n_missing,
        variable=grouping.variable,
        reference=labels[against],
        n_not_shown=grouping.n_not_shown,
        proportional_p=proportional_p,
    )


def _or_none(test, *arguments, **options):
    """The test's answer; None where the data have none (no event in common follow-up)."""
    try:
        return test(*arguments, **options)
    except StatisticsError:
        return None


def _describe(
    label: str, part: SurvivalOutcome, horizons: tuple[float, ...], tau: float, level: float
) -> GroupCurve:
    curve = fit_kaplan_meier(part, level=level)
    survival = curve.survival_at(horizons)
    low, high = curve.ci_at(horizons)
    estimates = tuple(
        Estimate(float(s), float(a), float(b), level, "Kaplan-Meier, log-log interval", curve.n, curve.n_events)
        for s, a, b in zip(survival, low, high, strict=True)
    )  # fmt: skip
    few = curve.times[curve.at_risk < FEW_AT_RISK]
    last_crowded = (
        float(curve.times[curve.at_risk >= FEW_AT_RISK][-1]) if few.size < curve.times.size else 0.0
    )
    return GroupCurve(
        label, curve, curve.median(), estimates,
        _or_none(restricted_mean, part, tau, level=level),
        # At risk falls after the last time at which five or more were there.
        last_crowded if few.size else None,
    )  # fmt: skip


def _hazard_ratios(
    outcome: SurvivalOutcome,
    code: np.ndarray,
    reference: int,
    others: list[int],
    labels: Sequence[str],
    level: float,
) -> tuple[tuple[HazardRatio, ...], float | None]:
    """The ratios, and the p-value of the test that they stay the same over time."""
    indicators = np.column_stack([code == k for k in others]).astype(float)
    try:
        model = fit_cox(indicators, outcome, names=[labels[k] for k in others])
    except StatisticsError:
        return (), None
    low, high = model.ci(level)
    rows = []
    for i, k in enumerate(others):
        empty = [labels[g] for g in (k, reference) if not outcome.event[code == g].any()]
        finite = not empty and labels[k] not in model.infinite
        ratio = Estimate(
            float(model.hazard_ratio[i]) if finite else float("nan"),
            float(low[i]) if finite else float("nan"), float(high[i]) if finite else float("nan"),
            level, "Cox, Efron ties, Wald interval", model.n, model.n_events,
        )  # fmt: skip
        reason = "" if finite else f"no event in {' and '.join(empty) or labels[k]}"
        p = float(model.p[i]) if finite else float("nan")
        rows.append(HazardRatio(labels[k], labels[reference], ratio, p, reason))
    return tuple(rows), _proportional_p(model, indicators, outcome)


def _proportional_p(model: CoxModel, x: np.ndarray, outcome: SurvivalOutcome) -> float | None:
    if model.infinite:
        return None
    check = _or_none(check_proportional_hazards, model, x, outcome)
    # The last test is of all groups together.
    return None if check is None else float(check.tests[-1].p)


def _mean_differences(
    outcome: SurvivalOutcome,
    names: np.ndarray,
    reference: str,
    others: Sequence[str],
    tau: float,
    level: float,
) -> tuple[RestrictedMeanComparison, ...]:
    found = []
    for label in others:
        two = (names == label) | (names == reference)
        found.append(
            _or_none(
                compare_restricted_means, outcome.subset(two), names[two], tau_months=tau,
                level=level, order=(reference, label),
            )
        )  # fmt: skip
    return tuple(c for c in found if c is not None)


def _notes(
    curves: Sequence[GroupCurve],
    grouping: Grouping,
    ratios: Sequence[HazardRatio],
    proportional_p: float | None,
) -> tuple[str, ...]:
    notes = []
    if grouping.n_missing:
        notes.append(
            f"{count_of(grouping.n_missing, 'patient')} without a value of {grouping.variable} "
            f"{agree(grouping.n_missing, 'is', 'are')} left out."
        )
    if grouping.n_not_shown:
        notes.append(
            f"{count_of(grouping.n_not_shown, 'patient')} with other values of "
            f"{grouping.variable} {agree(grouping.n_not_shown, 'is', 'are')} not shown."
        )
    if grouping.searched_p is not None:
        notes.append(
            "The cut-off was searched in these same patients: the p-value is corrected for the "
            "search; the hazard ratio is not and is too far from 1. Confirm the cut-off elsewhere."
        )
    elif grouping.origin == "cut-off chosen by hand":
        notes.append(
            "The cut-off was chosen by hand: trying several until one is significant makes "
            "p-values too small. Use the searched cut-off for a corrected one."
        )
    tiny = [c.label for c in curves if c.n < FEW_AT_RISK]
    if tiny:
        notes.append(f"Fewer than {FEW_AT_RISK} patients in: {', '.join(tiny)}.")
    notes += [f"No hazard ratio for {r.label}: {r.reason}." for r in ratios if r.reason]
    if proportional_p is not None and proportional_p < DOUBTFUL_P:
        notes.append(
            f"Hazards are not proportional (p {_of(format_p(proportional_p))}): a hazard ratio is "
            "only an average over time. Look at the curves and at the mean survival."
        )
    return tuple(notes)


def _of(p: str) -> str:
    return p if p[0] in "<>" else f"= {p}"
