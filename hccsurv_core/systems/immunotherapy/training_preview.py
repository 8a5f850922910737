"""What a training of system 4 would use, said before it begins.

Counts only. Nothing here looks at whether a value goes with the outcome: what is found out about the
patients before the training must not guide it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.features.clinical_scores.values import ARGUMENTS
from hccsurv_core.models.crnn.training import validation_parts
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.kaplan_meier import median_follow_up
from hccsurv_core.systems.immunotherapy.clinical import NEEDS, clinical_score
from hccsurv_core.systems.immunotherapy.cohort import ImmunotherapyCohort
from hccsurv_core.systems.immunotherapy.parts import (
    VALIDATION,
    center_parts,
    training_part,
)
from hccsurv_core.systems.immunotherapy.settings import ImmunotherapySettings
from hccsurv_core.systems.immunotherapy.versions import (
    CLN,
    FOLLOWED,
    VERSION_WORDS,
    VERSIONS,
    clock_words,
)
from hccsurv_core.systems.study_preview import count_part, parts_by_label
from hccsurv_core.systems.training_part import TRAIN
from hccsurv_core.systems.training_preview import PartCount
from hccsurv_core.wording import agree, count_of

#: Column that says whether the chest was scanned again.
HAS_FOLLOWUP_CHEST = "has_followup_chest"
#: With fewer deaths C of a model is uncertain by about 0.1 either way.
FEW_DEATHS = 50
#: A larger share of patients whose clinical score is not known may bend what is learned.
_MANY_UNKNOWN = 0.1


@dataclass(frozen=True)
class VersionCount:
    """Whom one of the five models would learn from.

    Args:
        version: of :data:`~hccsurv_core.systems.immunotherapy.versions.VERSIONS`.
        n, n_events: patients, and deaths after the version's own scan.
        last_months: end of follow-up from that scan.
    """

    version: str
    n: int
    n_events: int
    last_months: float

    @property
    def words(self) -> str:
        """What it looks at, and from when it counts."""
        return f"{VERSION_WORDS[self.version]}, {clock_words(self.version)}"


@dataclass(frozen=True)
class ImmunotherapyPreview:
    """What would be used.

    Args:
        n, n_events: of the whole cohort.
        training: those that are learned from, with deaths; words: that in a sentence's part.
        versions: the models that can be trained, in their order.
        n_followup: of these, those with a follow-up scan; n_chest: whose chest was scanned again,
            None where the table does not say.
        n_ended_before: with a follow-up scan, but not followed beyond it.
        interval_months: shortest, median and longest time between the scans; None without any.
        n_scored: of whom the clinical score is known; missing: its value, in words → patients of whom
            that value is not known, only those that anybody lacks.
        held_out: parts that are not looked at, the largest first; empty where everybody is learned from.
        centers, manufacturers: all patients by them; empty where they are not known.
        follow_up: median from the baseline scan, months, of those that are learned from.
        cautions: sentences.
        refusal: why it cannot be trained on, or empty.
    """

    n: int
    n_events: int
    training: PartCount
    words: str
    versions: tuple[VersionCount, ...]
    n_followup: int
    n_chest: int | None
    n_ended_before: int
    interval_months: tuple[float, float, float] | None
    n_scored: int
    missing: Mapping[str, int]
    held_out: tuple[PartCount, ...]
    centers: tuple[PartCount, ...]
    manufacturers: tuple[PartCount, ...]
    follow_up: Estimate
    cautions: tuple[str, ...]
    refusal: str


def preview_immunotherapy(
    cohort: ImmunotherapyCohort, settings: ImmunotherapySettings, *, has_images: bool
) -> ImmunotherapyPreview:
    """What a training would use of a cohort.

    Args:
        cohort: its label "split" says who is learned from, as in
            :func:`~hccsurv_core.systems.immunotherapy.parts.training_part`.
        settings: of the training.
        has_images: whether the cohort has outlined scans.

    Raises:
        InputError: a value of the clinical score is not possible.
    """
    part = training_part(cohort)
    learned = part.cohort
    training = count_part(learned, np.ones(len(learned), dtype=bool), TRAIN)
    versions = _versions(learned, images=has_images and settings.images)
    missing, n_scored = _missing(learned)
    months = learned.interval_months[learned.has_followup]
    held_out = () if len(learned) == len(cohort) else _held_out(cohort)
    return ImmunotherapyPreview(
        len(cohort),
        cohort.outcome.n_events,
        training,
        part.words,
        versions,
        int(learned.has_followup.sum()),
        _n_chest(learned),
        int((learned.outcome.time_months[learned.has_followup] <= months).sum()),
        None if not months.size else _quantiles(months),
        n_scored,
        missing,
        held_out,
        parts_by_label(cohort, "center"),
        parts_by_label(cohort, "manufacturer"),
        median_follow_up(learned.outcome),
        (
            *_event_cautions(versions),
            *_score_cautions(n_scored, training.n),
            *_scan_cautions(learned, settings, has_images),
            *_center_cautions(learned, settings, held_out),
        ),
        _refusal(versions, n_scored, settings) or _networks_refusal(learned, settings, versions),
    )


def _versions(learned: ImmunotherapyCohort, *, images: bool) -> tuple[VersionCount, ...]:
    outcome = learned.outcome
    start = np.where(learned.has_followup, learned.interval_months, np.inf)
    later = outcome.time_months > start
    found = []
    for version in VERSIONS:
        if version != CLN and not images:
            continue
        if version not in FOLLOWED:
            last = float(outcome.time_months.max())
            found.append(VersionCount(version, len(learned), outcome.n_events, last))
        elif later.any():
            last = float((outcome.time_months - start)[later].max())
            events = int(outcome.event[later].sum())
            found.append(VersionCount(version, int(later.sum()), events, last))
    return tuple(found)


def _missing(learned: ImmunotherapyCohort) -> tuple[dict[str, int], int]:
    """By value of the clinical score in words, how many lack it; and how many have the score."""
    found = dict.fromkeys(NEEDS, 0)
    n_scored = 0
    for profile in learned.profiles:
        score = clinical_score(profile.record)
        n_scored += score.value is not None
        for name in score.missing:
            found[name] += 1
    return {ARGUMENTS[name].label: n for name, n in found.items() if n}, n_scored


def _n_chest(learned: ImmunotherapyCohort) -> int | None:
    told = [row[HAS_FOLLOWUP_CHEST] for row in learned.readings if HAS_FOLLOWUP_CHEST in row]
    return sum(bool(value) for value in told) if told else None


def _quantiles(months: np.ndarray) -> tuple[float, float, float]:
    low, middle, high = np.quantile(months, (0.0, 0.5, 1.0))
    return float(low), float(middle), float(high)


def _held_out(cohort: ImmunotherapyCohort) -> tuple[PartCount, ...]:
    return tuple(p for p in parts_by_label(cohort, "split", TRAIN) if p.name != VALIDATION)


def _refusal(
    versions: Sequence[VersionCount], n_scored: int, settings: ImmunotherapySettings
) -> str:
    if not n_scored:
        return (
            "The clinical score is not known of anybody. Fill its seven columns: "
            f"{', '.join(NEEDS)}."
        )
    fewest = settings.cox.min_events
    for one in versions:
        if one.n_events < fewest:
            return (
                f"{count_of(one.n_events, 'death')} among {count_of(one.n, 'patient')} "
                f"{clock_words(one.version)}: {fewest} are needed ({one.version}). Wait for longer "
                "follow-up, or add patients."
            )
        if one.last_months < settings.horizons_months[-1]:
            return (
                f"Follow-up {clock_words(one.version)} ends at {one.last_months:.1f} months, but "
                f"survival at {settings.horizons_months[-1]:g} months is to be told ({one.version}). "
                f"Choose horizons of at most {one.last_months:.0f} months."
            )
    return ""


def _networks_refusal(
    learned: ImmunotherapyCohort, settings: ImmunotherapySettings, versions: Sequence[VersionCount]
) -> str:
    """Why networks have too few patients in a fold, or empty."""
    names = {one.version for one in versions}
    if settings.network is None or names == {CLN}:
        return ""
    cohorts = [learned]
    if names & set(FOLLOWED):
        cohorts.append(learned.from_followup()[0])
    for cohort in cohorts:
        event, centers = cohort.outcome.event, cohort.labels.get("center")
        fold = center_parts(event, centers, settings.n_folds, 0)
        try:
            for k in range(settings.n_folds):
                validation_parts(cohort.outcome.subset(fold != k), settings.network, 0)
        except StatisticsError as error:
            return f"Networks: {error.what}. Add patients, or train without networks."
    return ""


def _event_cautions(versions: Sequence[VersionCount]) -> Iterator[str]:
    few = [one for one in versions if 0 < one.n_events < FEW_DEATHS]
    by_clock = {clock_words(one.version): one for one in few}
    for clock, one in by_clock.items():
        yield (
            f"Only {count_of(one.n_events, 'death')} {clock}: how good these models are will be known "
            "with a wide interval."
        )


def _score_cautions(n_scored: int, n: int) -> Iterator[str]:
    unknown = n - n_scored
    if n_scored and unknown:
        share = f" ({100 * unknown / n:.0f} %)" if unknown / n > _MANY_UNKNOWN else ""
        yield (
            f"The clinical score is not known of {count_of(unknown, 'patient')}{share}: it needs all "
            f"seven values. {agree(unknown, 'Its', 'Their')} score is taken as the training patients' "
            "median."
        )


def _scan_cautions(
    learned: ImmunotherapyCohort, settings: ImmunotherapySettings, has_images: bool
) -> Iterator[str]:
    if not has_images or not settings.images:
        return
    if not learned.has_followup.any():
        yield (
            "Nobody has a follow-up scan: there will be no model of both scans, and nothing is learned "
            "of growth."
        )
    if settings.network is None:
        return
    yield (
        "Networks learn from few patients with difficulty: their scores enter beside what is measured "
        "inside the outlines, and cross-validation tells whether they add anything."
    )


def _center_cautions(
    learned: ImmunotherapyCohort, settings: ImmunotherapySettings, held_out: Sequence[PartCount]
) -> Iterator[str]:
    n_centers = len({c for c in learned.labels.get("center", ()) if c})
    if n_centers < 2 * settings.n_folds:
        known = "No center is known"
        if n_centers:
            known = f"There {agree(n_centers, 'is', 'are')} {count_of(n_centers, 'center')}"
        yield (
            f"{known}, fewer than two a fold: cross-validation divides patients and not centers, and "
            "flatters a model that knows its scanners."
        )
    if not held_out:
        yield (
            "Nobody is held out: the models are judged by cross-validation only. Hold out a center or "
            "a share."
        )
