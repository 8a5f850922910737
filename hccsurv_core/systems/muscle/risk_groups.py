"""Low and not low by each definition, high and low risk by each model: curves, and Table 2."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.multiple_testing import adjust_p_values
from hccsurv_core.stats.plain import plain_number
from hccsurv_core.stats.proportions import proportion
from hccsurv_core.systems.explorer.curves import GroupComparison, compare_groups
from hccsurv_core.systems.explorer.grouping import Grouping
from hccsurv_core.systems.muscle.answers import Answer, attempt
from hccsurv_core.systems.muscle.evaluation_input import DefinitionScores, ModelScores

NOT_LOW, LOW = "not low", "low"
LOW_RISK, HIGH_RISK = "low risk", "high risk"
#: Fewer events than this in a group: its hazard ratio is a guess.
FEW_EVENTS = 5

GroupKind = Literal["definition", "model", "rival", "oracle"]


@dataclass(frozen=True, eq=False)
class RiskGroups:
    """Two groups of the patients of one set, and their survival.

    Args:
        name: of the definition or model.
        kind: which of the two it is.
        verdict: (n,) 1 low muscle or high risk, 0 not, NaN not known.
        comparison: survival of the two; with a reason where nobody can be grouped.
        missing_reason: why patients are in no group, empty where all are.
    """

    name: str
    kind: GroupKind
    verdict: np.ndarray
    comparison: Answer[GroupComparison]
    missing_reason: str = ""

    def to_json(self) -> dict[str, object]:
        """Plain values; the curves' points stand in the figure's table."""
        return {
            "name": self.name,
            "kind": self.kind,
            "survival": comparison_json(self.comparison),
        }


@dataclass(frozen=True)
class DefinitionRow:
    """One line of Table 2.

    Args:
        name, kind: of the definition or model.
        n: patients with a verdict; n_missing: without.
        n_low, events_low, events_other: low (at high risk), their events, and the others'.
        prevalence: share that is low, exact interval.
        hazard_ratio: low against not low (univariable Cox, Efron ties); None where there is none.
        p: Wald; p_adjusted: for the number of definitions (of models) tested in the set.
        reason: why there is no ratio, else empty.
        note: what to be careful about, else empty.
        cutoffs: in words.
    """

    name: str
    kind: GroupKind
    n: int
    n_missing: int
    n_low: int
    events_low: int
    events_other: int
    prevalence: Estimate
    hazard_ratio: Estimate | None
    p: float
    p_adjusted: float
    reason: str = ""
    note: str = ""
    cutoffs: str = ""

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "cutoffs": self.cutoffs,
            "n": self.n,
            "n_missing": self.n_missing,
            "n_low": self.n_low,
            "events_low": self.events_low,
            "events_other": self.events_other,
            "prevalence": self.prevalence.to_json(),
            "hazard_ratio": None if self.hazard_ratio is None else self.hazard_ratio.to_json(),
            "p": plain_number(self.p),
            "p_adjusted": plain_number(self.p_adjusted),
            "reason": self.reason,
            "note": self.note,
        }


def group_patients(
    outcome: SurvivalOutcome,
    definitions: Sequence[DefinitionScores],
    models: Sequence[ModelScores],
    *,
    horizons_months: Sequence[float],
    level: float = 0.95,
) -> tuple[RiskGroups, ...]:
    """Survival of low and not low by each definition, of high and low risk by each model.

    Args:
        outcome: of the n patients of one set.
        definitions, models: of the same patients.
        horizons_months: where survival is read off.
    """
    found = []
    for definition in definitions:
        grouping = _grouping(definition.name, definition.positive, (NOT_LOW, LOW))
        grouping = replace(grouping, origin=f"published cut-offs ({definition.cutoffs})")
        answer = attempt(_compare, outcome, grouping, horizons_months, level, definition.reason)
        missing = definition.reason if grouping.n_missing else ""
        found.append(
            RiskGroups(definition.name, "definition", definition.positive, answer, missing)
        )
    for model in models:
        why = "there are no predictions of these patients"
        if model.cutoff is None:
            why = "no cut-off was learned in training"
        grouping = _grouping(model.name, model.high_risk, (LOW_RISK, HIGH_RISK))
        grouping = replace(grouping, origin="cut-off learned in training")
        answer = attempt(_compare, outcome, grouping, horizons_months, level, why)
        found.append(RiskGroups(model.name, model.kind, model.high_risk, answer, why))
    return tuple(found)


def definition_table(
    outcome: SurvivalOutcome,
    groups: Sequence[RiskGroups],
    cutoffs: Mapping[str, str],
    *,
    level: float = 0.95,
    correction: str = "holm",
) -> tuple[DefinitionRow, ...]:
    """Table 2: how many are low, and their hazard against the others'.

    Args:
        outcome: of the n patients of one set.
        groups: of :func:`group_patients`.
        cutoffs: by name, in words.
        correction: for the number of definitions tested, and apart from it of models.
    """
    rows = [_row(outcome, g, cutoffs.get(g.name, ""), level) for g in groups]
    adjusted = np.full(len(rows), np.nan)
    for of_definitions in (True, False):
        family = [i for i, r in enumerate(rows) if (r.kind == "definition") == of_definitions]
        if family:
            adjusted[family] = adjust_p_values([rows[i].p for i in family], method=correction)
    return tuple(replace(r, p_adjusted=float(p)) for r, p in zip(rows, adjusted, strict=True))


def _grouping(name: str, verdict: np.ndarray, labels: tuple[str, str]) -> Grouping:
    code = np.where(np.isnan(verdict), -1, np.nan_to_num(verdict)).astype(np.int64)
    return Grouping(name, labels, code, "")


def _compare(
    outcome: SurvivalOutcome,
    grouping: Grouping,
    horizons: Sequence[float],
    level: float,
    reason: str,
) -> GroupComparison:
    if not grouping.known.any():
        raise StatisticsError(reason or "nobody has a verdict", source=grouping.variable)
    last = [outcome.time_months[grouping.code == k].max(initial=0.0) for k in (0, 1)]
    # A group that is followed for no time at all has no common follow-up with the other.
    longest = (float(max(last)) or 1.0) if min(last) == 0 else None
    return compare_groups(
        outcome, grouping, horizons_months=horizons, restricted_horizon_months=longest, level=level
    )


def _row(outcome: SurvivalOutcome, groups: RiskGroups, cutoffs: str, level: float) -> DefinitionRow:
    known = ~np.isnan(groups.verdict)
    low = groups.verdict == 1
    n, n_low = int(known.sum()), int(low.sum())
    events_low = int(outcome.event[low].sum())
    events_other = int(outcome.event[known & ~low].sum())
    ratio, p, reason = None, math.nan, ""
    comparison = groups.comparison.value
    if comparison is None:
        reason = groups.comparison.reason
    elif n_low in (0, n):
        word = "low" if groups.kind == "definition" else "at high risk"
        reason = f"{'everybody' if n_low else 'nobody'} is {word}"
    elif not (events_low and events_other):
        labels = [g.label for g in comparison.groups if g.n_events == 0]
        reason = f"no event in {' and '.join(labels)}"
    elif not comparison.hazard_ratios:
        reason = "no finite estimate: too few events"
    else:
        hazard = comparison.hazard_ratios[0]
        reason = hazard.reason
        if not reason:
            ratio = replace(hazard.ratio, n=n, n_events=events_low + events_other)
            p = hazard.p
    note = ""
    fewest = min(events_low, events_other)
    if ratio is not None and fewest < FEW_EVENTS:
        note = f"{fewest} events in one group: the ratio is a guess"
    return DefinitionRow(
        groups.name, groups.kind, n, known.size - n, n_low, events_low, events_other,
        proportion(n_low, n, level=level), ratio, p, math.nan, reason, note, cutoffs,
    )  # fmt: skip


def comparison_json(answer: Answer[GroupComparison]) -> dict[str, object]:
    comparison = answer.value
    if comparison is None:
        return {"reason": answer.reason}
    return {
        "groups": [
            {
                "label": g.label,
                "n": g.n,
                "n_events": g.n_events,
                "median_months": g.median.to_json(),
                "survival_at": {
                    f"{h:g}": e.to_json()
                    for h, e in zip(comparison.horizons_months, g.survival_at, strict=True)
                },
            }
            for g in comparison.groups
        ],
        "log_rank": None if comparison.log_rank is None else comparison.log_rank.to_json(),
        "hazard_ratios": [
            {
                "label": r.label, "reference": r.reference, "ratio": r.ratio.to_json(),
                "p": plain_number(r.p), "reason": r.reason,
            }
            for r in comparison.hazard_ratios
        ],
        "proportional_hazards_p": (
            None
            if comparison.proportional_p is None
            else plain_number(comparison.proportional_p)
        ),
        "follow_up_months": comparison.follow_up.to_json(),
        "n_missing": comparison.n_missing,
        "notes": list(comparison.notes),
    }  # fmt: skip
