"""Train system 2: two arms, what was given to whom, and how good all that is on patients not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.models.checkpoint import Checkpoint
from hccsurv_core.models.nomogram import Nomogram
from hccsurv_core.models.nomogram_json import nomogram_to_json
from hccsurv_core.models.store import Bundle, write_bundle
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.systems.covariates import Covariate
from hccsurv_core.systems.training_part import choose_covariates as choose
from hccsurv_core.systems.training_part import training_part
from hccsurv_core.systems.treatment.arm_settings import ArmSettings
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS, TreatmentTable
from hccsurv_core.systems.treatment.cohort import SYSTEM, TreatmentCohort
from hccsurv_core.systems.treatment.covariates import (
    BY_NAME,
    CLINICAL_COVARIATES,
    clinical_covariates,
)
from hccsurv_core.systems.treatment.cross_validation import ArmJudgment, judge_by_folds
from hccsurv_core.systems.treatment.description import describe_training, write_card
from hccsurv_core.systems.treatment.nomograms import nomograms_of
from hccsurv_core.systems.treatment.recommender import Recommender, fit_recommender
from hccsurv_core.systems.treatment.settings import (
    CLINICAL,
    COMBINED,
    DEEP_PART,
    TreatmentSettings,
)

if TYPE_CHECKING:
    from hccsurv_core.systems.treatment.deep_images import DeepImages, TrainedDeep


@dataclass(frozen=True, eq=False)
class TrainedTreatment:
    """What came out.

    Args:
        recommenders: "clinical", and "combined" where images were measured.
        nomograms: by version and arm.
        judgments: by version and arm: how they rank patients not seen.
        description, card: of the bundle.
        deep: the network that was kept; None without.
    """

    recommenders: Mapping[str, Recommender]
    nomograms: Mapping[str, Mapping[str, Nomogram]]
    judgments: Mapping[str, Mapping[str, ArmJudgment]]
    description: Mapping[str, Any]
    card: str
    deep: DeepImages | None = None

    def write(self, folder: Path) -> Bundle:
        """Write the bundle.

        Raises:
            BundleError: the folder holds something else or cannot be written.
        """
        tensors = {
            f"{version}.{name}": array
            for version, recommender in self.recommenders.items()
            for name, array in recommender.tensors().items()
        }
        if self.deep is not None:
            tensors |= {f"{DEEP_PART}.{name}": v for name, v in self.deep.tensors().items()}
        return write_bundle(
            folder, system=SYSTEM, description=self.description, tensors=tensors, card=self.card
        )


def choose_covariates(
    cohort: TreatmentCohort, settings: TreatmentSettings
) -> tuple[tuple[Covariate, ...], dict[str, str]]:
    """The clinical covariates to be used, and by name why others are not.

    Looks at how many patients have a value and whether it varies, never at the outcome.

    Raises:
        StatisticsError: none can be used, or one that was asked for cannot.
    """
    asked = settings.covariates
    return choose(
        cohort,
        CLINICAL_COVARIATES if asked is None else clinical_covariates(asked),
        settings.min_known,
        groups={
            f"given {ARM_WORDS[arm]}": np.array([t == arm for t in cohort.treatment])
            for arm in ARMS
        },
        asked=asked is not None,
    )


def train_treatment(
    cohort: TreatmentCohort,
    settings: TreatmentSettings | None = None,
    *,
    seed: int = 0,
    crops: Mapping[str, np.ndarray] | None = None,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
    progress: Progress = silent,
) -> TrainedTreatment:
    """Train on a cohort's training patients.

    Args:
        cohort: with what was measured on images, where there are any.
        settings: default :class:`TreatmentSettings`.
        seed: fixes everything that is drawn.
        crops: patient → (slices, channels, P, P) for the networks of ``settings.cnn``.
        device: where these are trained, "cpu" or "cuda".
        checkpoint: keeps what is finished of them.
        progress: may cancel by raising.

    Raises:
        StatisticsError: an arm has too few deaths or too short a follow-up, or no covariate can be
            used; the message says which.
        CancelledError: ``progress`` cancelled.
    """
    settings = settings or TreatmentSettings()
    part = training_part(cohort)
    if not settings.images:
        part = replace(part, cohort=replace(part.cohort, images=None))
    covariates, left_out = choose_covariates(part.cohort, settings)
    trained = None
    if settings.cnn is not None:
        from hccsurv_core.systems.study_cohort import joined
        from hccsurv_core.systems.treatment.deep_images import train_deep

        trained = train_deep(
            part.cohort, crops or {}, settings.cnn,
            horizon_months=settings.arms.horizons_months[-1], seed=seed, device=device,
            checkpoint=checkpoint, progress=part_of(progress, 0.0, 0.9),
        )  # fmt: skip
        seen = joined(part.cohort.images, trained.values)
        part = replace(part, cohort=replace(part.cohort, images=seen))
        progress = part_of(progress, 0.9, 1.0)
    tables = _tables(part.cohort, covariates, settings)
    recommenders, judgments = _fit_versions(
        tables, covariates, part.cohort, settings, seed, progress
    )
    nomograms = {
        version: nomograms_of(
            found.arms, covariates,
            {arm: tables[version].subset(tables[version].given(arm)).values for arm in ARMS},
            cohort=part.cohort.source, simulated=part.cohort.simulated,
        )
        for version, found in recommenders.items()
    }  # fmt: skip
    description = describe_training(
        part.cohort,
        part.words,
        covariates,
        left_out,
        tables,
        recommenders,
        judgments,
        settings,
        seed,
    ) | _described(nomograms, trained)
    progress(1.0, "done")
    return TrainedTreatment(
        recommenders, nomograms, judgments, description, write_card(description),
        None if trained is None else trained.deep,
    )  # fmt: skip


def _fit_versions(
    tables: Mapping[str, TreatmentTable],
    covariates: Sequence[Covariate],
    cohort: TreatmentCohort,
    settings: TreatmentSettings,
    seed: int,
    progress: Progress,
) -> tuple[dict[str, Recommender], dict[str, Mapping[str, ArmJudgment]]]:
    """Each version's model, and how it ranks patients not seen."""
    recommenders: dict[str, Recommender] = {}
    judgments: dict[str, Mapping[str, ArmJudgment]] = {}
    for number, (version, table) in enumerate(tables.items()):
        own = part_of(progress, number / len(tables), (number + 1) / len(tables))
        recommenders[version] = _fit(
            version, table, covariates, cohort, settings, seed, part_of(own, 0.0, 0.3)
        )
        judgments[version] = judge_by_folds(
            table, _with_prior(settings.arms, table), settings.n_folds, settings.n_rounds, seed,
            progress=part_of(own, 0.3, 1.0),
        )  # fmt: skip
    return recommenders, judgments


def _described(
    nomograms: Mapping[str, Mapping[str, Nomogram]], trained: TrainedDeep | None
) -> dict[str, Any]:
    """Nomograms and network as a bundle describes them."""
    return {
        "nomograms": {
            version: {arm: nomogram_to_json(n) for arm, n in found.items()}
            for version, found in nomograms.items()
        },
        DEEP_PART: None
        if trained is None
        else {**trained.deep.describe(), "report": dict(trained.report)},
    }


def _tables(
    cohort: TreatmentCohort, covariates: Sequence[Covariate], settings: TreatmentSettings
) -> dict[str, TreatmentTable]:
    """What each version learns from."""
    tables = {CLINICAL: replace(cohort, images=None).table(covariates)}
    if cohort.images is not None:
        tables[COMBINED] = cohort.table(covariates)
    return tables


def _with_prior(arms: ArmSettings, table: TreatmentTable) -> ArmSettings:
    """The settings with what is believed of what images show, unless they say it themselves."""
    if not any(name not in BY_NAME for name in table.names):
        return arms
    from hccsurv_core.systems.treatment.image_prior import WIDENING, image_prior

    prior = image_prior(table.names) if arms.prior is None else arms.prior
    return replace(arms, prior=prior, widening=arms.widening or WIDENING)


def _fit(
    version: str,
    table: TreatmentTable,
    covariates: Sequence[Covariate],
    cohort: TreatmentCohort,
    settings: TreatmentSettings,
    seed: int,
    progress: Progress,
) -> Recommender:
    images = cohort.images
    arms = _with_prior(settings.arms, table)
    labels = {c.name: c.label for c in covariates}
    scales = {c.name: (c.transform, c.unit) for c in covariates}
    if images is not None:
        labels |= dict(images.labels)
        scales |= {name: ("identity", unit) for name, unit in images.units.items()}
    found = fit_recommender(
        table, arms, seed,
        propensity=[c.name for c in covariates if c.chosen_by],
        limits=settings.limits, labels=labels, scales=scales, progress=progress,
    )  # fmt: skip
    return replace(found, arms=replace(found.arms, spread=settings.unexplained(version)))
