"""What a training of system 2 would use, said before it begins.

Counts only. Nothing here looks at whether a covariate goes with the outcome: what is found out about
the patients before the training must not guide it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.kaplan_meier import median_follow_up
from hccsurv_core.systems.covariates import Covariate
from hccsurv_core.systems.study_preview import (
    count_part,
    error_sentence,
    parts_by_label,
    try_choice,
)
from hccsurv_core.systems.training_part import TRAIN, training_part
from hccsurv_core.systems.training_preview import EVENTS_PER_VARIABLE, PartCount
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS
from hccsurv_core.systems.treatment.arms import arm_members
from hccsurv_core.systems.treatment.cohort import TreatmentCohort
from hccsurv_core.systems.treatment.covariates import CLINICAL_COVARIATES
from hccsurv_core.systems.treatment.settings import TreatmentSettings
from hccsurv_core.systems.treatment.training import choose_covariates
from hccsurv_core.wording import count_of

#: With fewer deaths in an arm, C of its model is uncertain by about 0.1 either way.
FEW_DEATHS = 50
#: A center that gave one treatment to everybody cannot be told from the treatment; with fewer
#: patients that may be chance.
_TELLING_CENTER = 10


@dataclass(frozen=True)
class TreatmentPreview:
    """What would be used.

    Args:
        n, n_events: of the whole cohort.
        training: those that are learned from; words: that in a sentence's part.
        arms: these by treatment.
        held_out: parts that are not looked at, the largest first; empty where everybody is
            learned from.
        centers: all patients by center; empty where it is not known.
        follow_up: median, months, of those that are learned from.
        used: clinical covariates that will be used.
        left_out: label → why it is not.
        n_elsewhere: why → patients of the source who are not in the cohort.
        cautions: sentences.
        refusal: why it cannot be trained on, or empty.
    """

    n: int
    n_events: int
    training: PartCount
    words: str
    arms: Mapping[str, PartCount]
    held_out: tuple[PartCount, ...]
    centers: tuple[PartCount, ...]
    follow_up: Estimate
    used: tuple[Covariate, ...]
    left_out: Mapping[str, str]
    n_elsewhere: Mapping[str, int]
    cautions: tuple[str, ...]
    refusal: str


def preview_treatment(cohort: TreatmentCohort, settings: TreatmentSettings) -> TreatmentPreview:
    """What a training would use of a cohort.

    Args:
        cohort: its label "split" says who is learned from, as in
            :func:`~hccsurv_core.systems.training_part.training_part`.
        settings: of the training.
    """
    part = training_part(cohort)
    learned = part.cohort
    arms = {arm: count_part(learned, _given(learned, arm), ARM_WORDS[arm]) for arm in ARMS}
    used, left_out, refusal = try_choice(
        lambda: choose_covariates(learned, settings), CLINICAL_COVARIATES
    )
    held_out = () if len(learned) == len(cohort) else parts_by_label(cohort, "split", TRAIN)
    training = count_part(learned, np.ones(len(learned), dtype=bool), TRAIN)
    refusal = refusal or _refused_arm(learned, settings)
    return TreatmentPreview(
        len(cohort),
        cohort.outcome.n_events,
        training,
        part.words,
        arms,
        held_out,
        parts_by_label(cohort, "center"),
        median_follow_up(learned.outcome),
        used,
        left_out,
        dict(cohort.left_out),
        tuple(_cautions(learned, arms, held_out, used, left_out)),
        refusal,
    )


def _refused_arm(learned: TreatmentCohort, settings: TreatmentSettings) -> str:
    for arm in ARMS:
        try:
            arm_members(learned.table(()), arm, settings.arms)
        except StatisticsError as error:
            whom = "" if ARM_WORDS[arm] in error.what else f"Of those given {ARM_WORDS[arm]}: "
            return whom + error_sentence(error, first=not whom)
    return ""


def _given(cohort: TreatmentCohort, arm: str) -> np.ndarray:
    return np.array([t == arm for t in cohort.treatment], dtype=bool)


def _cautions(
    learned: TreatmentCohort,
    arms: Mapping[str, PartCount],
    held_out: Sequence[PartCount],
    used: Sequence[Covariate],
    left_out: Mapping[str, str],
) -> Iterator[str]:
    for part in arms.values():
        if part.n_events < FEW_DEATHS:
            yield (
                f"Only {count_of(part.n_events, 'death')} among those given {part.name}: how good "
                "that model is will be known with a wide interval."
            )
        if used and 0 < part.n_events / len(used) < EVENTS_PER_VARIABLE:
            yield (
                f"{part.n_events / len(used):.2g} deaths per covariate among those given "
                f"{part.name}, where a plain regression asks for about {EVENTS_PER_VARIABLE}. Effects "
                "are pulled towards none, and intervals are wide."
            )
    if left_out:
        yield (
            f"The models will know nothing of {', '.join(left_out)}: where the "
            "choice of the treatment rested on these, the difference may be theirs."
        )
    yield from _one_sided_centers(learned)
    if not held_out:
        yield (
            "Nobody is held out: the models are judged by cross-validation only, and what they "
            "recommend cannot be judged at all. Hold out a center or a share."
        )


def _one_sided_centers(learned: TreatmentCohort) -> Iterator[str]:
    centers = sorted(set(learned.labels.get("center", ())) - {""})
    if len(centers) < 2:
        return
    for center in centers:
        rows = learned.where("center", center)
        given = {t for t, mine in zip(learned.treatment, rows, strict=True) if mine}
        if rows.sum() >= _TELLING_CENTER and len(given) == 1:
            yield (
                f"Everybody of center {center} was given {ARM_WORDS[given.pop()]}: the center "
                "cannot be told from the treatment."
            )
