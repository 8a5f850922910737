"""What a training of system 3 would use, said before it begins.

Counts only. Nothing here looks at whether a covariate goes with the outcome: what is found out about
the patients before the training must not guide it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.imaging.ultrasound_still import ASSUMED_RANGE_DB, CONTRAST
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.kaplan_meier import median_follow_up
from hccsurv_core.systems.ceus.cohort import EARLY_MONTHS, CeusCohort
from hccsurv_core.systems.ceus.covariates import (
    AFTER_RESECTION,
    CLINICAL_COVARIATES,
    choose_clinical,
)
from hccsurv_core.systems.ceus.settings import CeusSettings
from hccsurv_core.systems.covariates import Covariate
from hccsurv_core.systems.study_preview import count_part, parts_by_label, try_choice
from hccsurv_core.systems.training_part import TRAIN, training_part
from hccsurv_core.systems.training_preview import EVENTS_PER_VARIABLE, PartCount
from hccsurv_core.wording import agree, count_of

#: With fewer events AUC or C of a model is uncertain by about 0.1 either way.
FEW_EVENTS = 50
#: A larger share of patients of whom early recurrence is not known may bend what is learned.
_MANY_UNKNOWN = 0.1


@dataclass(frozen=True)
class CeusPreview:
    """What would be used.

    Args:
        n, n_events: of the whole cohort.
        training: those that are learned from, with deaths; words: that in a sentence's part.
        early: of these, those of whom early recurrence is known, and who had one.
        recurrence: these with all recurrences; n_deaths_first: deaths without one.
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
    early: PartCount
    recurrence: PartCount
    n_deaths_first: int
    held_out: tuple[PartCount, ...]
    centers: tuple[PartCount, ...]
    follow_up: Estimate
    used: tuple[Covariate, ...]
    left_out: Mapping[str, str]
    n_elsewhere: Mapping[str, int]
    cautions: tuple[str, ...]
    refusal: str


def preview_ceus(cohort: CeusCohort, settings: CeusSettings, *, has_images: bool) -> CeusPreview:
    """What a training would use of a cohort.

    Args:
        cohort: its label "split" says who is learned from, as in
            :func:`~hccsurv_core.systems.training_part.training_part`.
        settings: of the training.
        has_images: whether the cohort has outlined stills.
    """
    part = training_part(cohort)
    learned = part.cohort
    used, left_out, refusal = try_choice(
        lambda: choose_clinical(learned, settings.covariates, settings.min_known),
        CLINICAL_COVARIATES,
    )
    known = np.isfinite(learned.early)
    causes = learned.recurrence.cause
    early = PartCount("early recurrence known", int(known.sum()), int((learned.early == 1).sum()))
    recurrence = PartCount("recurrence", len(learned), int((causes == 1).sum()))
    training = count_part(learned, np.ones(len(learned), dtype=bool), TRAIN)
    held_out = () if len(learned) == len(cohort) else parts_by_label(cohort, "split", TRAIN)
    counts = (training, early, recurrence)
    return CeusPreview(
        len(cohort),
        cohort.outcome.n_events,
        training,
        part.words,
        early,
        recurrence,
        int((causes == 2).sum()),
        held_out,
        parts_by_label(cohort, "center"),
        median_follow_up(learned.outcome),
        used,
        left_out,
        dict(cohort.left_out),
        (
            *_event_cautions(counts, len(used)),
            *_choice_cautions(used, left_out, held_out),
            *_image_cautions(learned, settings, has_images),
        ),
        refusal or _refusal(learned, counts, settings),
    )


def _refusal(
    learned: CeusCohort, counts: tuple[PartCount, PartCount, PartCount], settings: CeusSettings
) -> str:
    training, early, recurrence = counts
    longer = "Wait for longer follow-up, or add patients."
    if not training.n:
        return f"Nobody is in split “{TRAIN}”. Name the training patients so, or leave it out."
    if training.n_events < settings.death.min_events:
        return (
            f"{count_of(training.n_events, 'death')} among {count_of(training.n, 'patient')}: "
            f"{settings.death.min_events} are needed. {longer}"
        )
    rarer = min(early.n_events, early.n - early.n_events)
    if rarer < settings.early.min_events:
        return (
            f"{count_of(early.n_events, 'early recurrence')} among the {early.n} of whom it is "
            f"known: {settings.early.min_events} patients of either kind are needed. {longer}"
        )
    if not recurrence.n_events:
        return f"Nobody recurred. {longer}"
    last, wanted = float(learned.outcome.time_months.max()), settings.horizons_months[-1]
    if last < wanted:
        return (
            f"Follow-up ends at {last:.1f} months, but survival at {wanted:g} months is to be told. "
            f"Choose horizons of at most {last:.0f} months."
        )
    return ""


def _event_cautions(
    counts: tuple[PartCount, PartCount, PartCount], n_covariates: int
) -> Iterator[str]:
    training, early, _ = counts
    for n, what in (
        (training.n_events, "death"),
        (early.n_events, "early recurrence"),
    ):
        if 0 < n < FEW_EVENTS:
            yield (
                f"Only {count_of(n, what)}: how good that model is will be known with a wide "
                "interval."
            )
        if n_covariates and 0 < n / n_covariates < EVENTS_PER_VARIABLE:
            more = "deaths" if what == "death" else "early recurrences"
            yield (
                f"{n / n_covariates:.2g} {more} per clinical covariate, where a plain regression "
                f"asks for about {EVENTS_PER_VARIABLE}. Effects are pulled towards none, and "
                "intervals are wide."
            )
    unknown = training.n - early.n
    if training.n and unknown / training.n > _MANY_UNKNOWN:
        yield (
            f"Early recurrence is not known of {count_of(unknown, 'patient')} ({100 * unknown / training.n:.0f} %), "
            f"followed for less than {EARLY_MONTHS:g} months without one. They are left out of that "
            "model: it is right only if they were lost by chance."
        )


def _choice_cautions(
    used: Sequence[Covariate], left_out: Mapping[str, str], held_out: Sequence[PartCount]
) -> Iterator[str]:
    if any(c.name in AFTER_RESECTION for c in used):
        yield (
            "Microvascular invasion is known from the specimen only: a model with it answers after "
            "the resection. Leave it out for answers before."
        )
    if left_out:
        yield f"The models will know nothing of {', '.join(left_out)}."
    if not held_out:
        yield (
            "Nobody is held out: the models are judged by cross-validation only. Hold out a center "
            "or a share."
        )


def _image_cautions(learned: CeusCohort, settings: CeusSettings, has_images: bool) -> Iterator[str]:
    if not has_images or not settings.images:
        return
    unknown = int(np.isnan(learned.dynamic_range_db).sum())
    if unknown:
        yield (
            f"The dynamic range of the contrast picture is not known of "
            f"{count_of(unknown, 'patient')}: {ASSUMED_RANGE_DB[CONTRAST]:g} dB are assumed, and "
            f"{agree(unknown, 'its', 'their')} signs in dB are wrong as far as that is."
        )
    if settings.signatures:
        yield (
            "Signatures select a handful among thousands of features. In the paper the area under "
            "the curve of early recurrence was 0.819 in training and 0.568 in the test patients: "
            "believe patients held out, not the training."
        )
        if settings.stills.deep is not None and settings.stills.weights is None:
            yield (
                "Without a weights file the network of the deep features has random weights: its "
                "features describe texture, and nothing that a network has learned."
            )
