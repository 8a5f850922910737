"""What a training would use, said before it begins: who, how many events, what is missing.

Counts only. Nothing here looks at whether a feature goes with the outcome: what is found out about
the patients before the training must not guide it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hccsurv_core.features.feature_table import LABELS, FeatureTable
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.kaplan_meier import median_follow_up
from hccsurv_core.wording import agree, count_of

if TYPE_CHECKING:
    from hccsurv_core.cohort.folder import Cohort

#: Those that are learned from, where a table says who that is.
TRAIN = "train"
#: The training refuses fewer (:data:`hccsurv_core.systems.muscle.training.FEWEST_EVENTS`).
FEWEST_EVENTS = 20
#: With fewer events, what cross-validation says is uncertain by more than 0.1 either way.
FEW_EVENTS = 60
#: Events for each coefficient that a plain Cox regression asks for (Peduzzi et al. 1995).
EVENTS_PER_VARIABLE = 10
#: A feature of which more is missing tells little.
_MOSTLY_MISSING = 0.5


@dataclass(frozen=True)
class PartCount:
    """A part of the cohort: its name, patients, and events."""

    name: str
    n: int
    n_events: int


@dataclass(frozen=True)
class TrainingPreview:
    """What would be used.

    Args:
        n, n_events: of the whole cohort.
        training: those that are learned from.
        held_out: parts that are not looked at, the largest first; empty where everybody is
            learned from.
        centers: all patients by center; empty where it is not known.
        follow_up: median, months, of those that are learned from.
        n_features: None where they are still to be measured on images.
        missing_share: of all cells of those that are learned from; None without features.
        mostly_missing: features of which more than half is missing.
        constant: features that do not vary, and so say nothing.
        events_per_feature: None without features.
        cautions: sentences.
        refusal: why it cannot be trained on, or empty.
    """

    n: int
    n_events: int
    training: PartCount
    held_out: tuple[PartCount, ...]
    centers: tuple[PartCount, ...]
    follow_up: Estimate
    n_features: int | None
    missing_share: float | None
    mostly_missing: tuple[str, ...]
    constant: tuple[str, ...]
    events_per_feature: float | None
    cautions: tuple[str, ...]
    refusal: str


def preview_table(table: FeatureTable) -> TrainingPreview:
    """What a training on a feature table would use.

    Args:
        table: with an outcome; without features they are still to be measured.

    Raises:
        TableError: the table has no outcome.
    """
    split, center = table.labels.get("split"), table.labels.get("center")
    rows = _training_rows(split, len(table))
    if not table.names:
        return _preview(table.require_outcome(), split, center, rows)
    values = table.values[rows]
    missing = np.isnan(values).mean(axis=0) if len(values) else np.zeros(len(table.names))
    varies = np.array([np.unique(v[~np.isnan(v)]).size > 1 for v in values.T], dtype=bool)
    return _preview(
        table.require_outcome(),
        split,
        center,
        rows,
        n_features=len(table.names),
        missing_share=float(np.isnan(values).mean()) if values.size else 0.0,
        mostly_missing=_named(table.names, missing > _MOSTLY_MISSING),
        constant=_named(table.names, ~varies),
    )


def without_features(cohort: Cohort) -> FeatureTable:
    """A cohort folder's patients, outcome, split and centers, before its images are measured.

    Raises:
        InputError: an outcome is missing.
    """
    labels = {name: _texts(cohort, name) for name in LABELS if name in cohort.table}
    return FeatureTable(
        tuple(cohort.patient_ids),
        (),
        np.empty((len(cohort), 0)),
        cohort.outcome(),
        labels,
        cohort.info.name,
        simulated=cohort.info.simulated,
    )


def _training_rows(split: Sequence[str] | None, n: int) -> np.ndarray:
    if split is None:
        return np.ones(n, dtype=bool)
    return np.array([name == TRAIN for name in split], dtype=bool)


def _texts(cohort: Cohort, name: str) -> tuple[str, ...]:
    return tuple("" if x is None or x != x else str(x) for x in cohort.table[name])


def _named(names: Sequence[str], which: np.ndarray) -> tuple[str, ...]:
    return tuple(name for name, yes in zip(names, which, strict=True) if yes)


def _preview(
    outcome: SurvivalOutcome,
    split: Sequence[str] | None,
    center: Sequence[str] | None,
    rows: np.ndarray,
    *,
    n_features: int | None = None,
    missing_share: float | None = None,
    mostly_missing: tuple[str, ...] = (),
    constant: tuple[str, ...] = (),
) -> TrainingPreview:
    training = PartCount(TRAIN, int(rows.sum()), int(outcome.event[rows].sum()))
    per_feature = training.n_events / n_features if n_features else None
    held_out = tuple(p for p in _count(outcome, split) if p.name != TRAIN)
    centers = _count(outcome, center)
    learned_centers = {c for c, yes in zip(center or (), rows, strict=False) if yes and c}
    return TrainingPreview(
        n=len(outcome),
        n_events=outcome.n_events,
        training=training,
        held_out=held_out,
        centers=centers,
        follow_up=median_follow_up(outcome.subset(rows) if rows.any() else outcome),
        n_features=n_features,
        missing_share=missing_share,
        mostly_missing=mostly_missing,
        constant=constant,
        events_per_feature=per_feature,
        cautions=tuple(
            _cautions(training, held_out, learned_centers, per_feature, mostly_missing, constant)
        ),
        refusal=_refusal(training),
    )


def _count(outcome: SurvivalOutcome, labels: Sequence[str] | None) -> tuple[PartCount, ...]:
    """Patients and events by label, the largest part first."""
    if labels is None:
        return ()
    found = []
    for name in sorted(set(labels)):
        member = np.array([label == name for label in labels], dtype=bool)
        found.append(
            PartCount(name or "not known", int(member.sum()), int(outcome.event[member].sum()))
        )
    return tuple(sorted(found, key=lambda p: -p.n))


def _refusal(training: PartCount) -> str:
    if training.n == 0:
        return (
            f"Nobody is in split “{TRAIN}”. Name the training patients so, or leave the column out."
        )
    if training.n_events < FEWEST_EVENTS:
        return (
            f"{count_of(training.n_events, 'event')} among {count_of(training.n, 'patient')} "
            f"{agree(training.n_events, 'is', 'are')} too few to learn from: at least "
            f"{FEWEST_EVENTS} are needed. Use a larger cohort, or an outcome that happened more "
            "often."
        )
    return ""


def _cautions(
    training: PartCount,
    held_out: Sequence[PartCount],
    learned_centers: set[str],
    per_feature: float | None,
    mostly_missing: Sequence[str],
    constant: Sequence[str],
) -> list[str]:
    found = []
    if FEWEST_EVENTS <= training.n_events < FEW_EVENTS:
        found.append(
            f"Only {training.n_events} events to learn from: how good the model is will be known "
            "with a wide interval, and a plain Cox model may do as well."
        )
    if per_feature is not None and per_feature < EVENTS_PER_VARIABLE:
        found.append(
            f"{_short(per_feature)} events per feature, where a plain regression asks for about "
            f"{EVENTS_PER_VARIABLE}. The features are compressed before they are used, and what "
            "counts is how the model does on patients it has not seen."
        )
    if mostly_missing:
        found.append(
            f"{count_of(len(mostly_missing), 'feature')} "
            f"{agree(len(mostly_missing), 'is', 'are')} missing in more than half of the "
            f"patients ({_listed(mostly_missing)}); gaps are filled with the training median."
        )
    if constant:
        found.append(
            f"{count_of(len(constant), 'feature')} {agree(len(constant), 'does', 'do')} not vary "
            f"({_listed(constant)}) and will not be used."
        )
    if not held_out:
        found.append(
            "Nobody is held out: the model is judged by cross-validation only, on patients of the "
            "same cohort. Hold out a center or a share to see how it does elsewhere."
        )
    elif len(learned_centers) > 1:
        found.append(
            "Training patients come from more than one center: differences between the centers "
            "can be taken for differences between patients."
        )
    return found


def _short(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _listed(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
