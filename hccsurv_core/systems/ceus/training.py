"""Train system 3: early recurrence, death and recurrence, from clinical values, pictures and both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.models.feature_gate import FeatureGate
from hccsurv_core.models.store import Bundle, write_bundle
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.systems.ceus.card import write_card
from hccsurv_core.systems.ceus.cohort import SYSTEM, CeusCohort
from hccsurv_core.systems.ceus.covariates import choose_clinical
from hccsurv_core.systems.ceus.cross_validation import Judgment, judge_by_folds
from hccsurv_core.systems.ceus.deep_images import NETWORK_PART, choose_network
from hccsurv_core.systems.ceus.description import describe_training
from hccsurv_core.systems.ceus.dlr import DLR_PART, DlrSignatures, TrainedDlr, train_dlr
from hccsurv_core.systems.ceus.endpoints import EndpointModels, fit_death, fit_early
from hccsurv_core.systems.ceus.recurrence import fit_recurrence
from hccsurv_core.systems.ceus.risk_classes import RiskClassRule, learn_classes
from hccsurv_core.systems.ceus.settings import CLINICAL, COMBINED, DLR, VERSION_WORDS, CeusSettings
from hccsurv_core.systems.covariates import Covariate
from hccsurv_core.systems.study_cohort import joined
from hccsurv_core.systems.training_part import training_part

if TYPE_CHECKING:
    from hccsurv_core.models.cnn.fixed import FixedNetwork


@dataclass(frozen=True, eq=False)
class TrainedCeus:
    """What came out.

    Args:
        models, rules, judgments: by version: the models, how patients are put into classes, and how
            they rank patients not seen.
        signatures: of the pictures' features; None where none were selected from.
        network: whose features the signatures look at; None where they look at none.
        description, card: of the bundle.
    """

    models: Mapping[str, EndpointModels]
    rules: Mapping[str, RiskClassRule]
    judgments: Mapping[str, Judgment]
    signatures: DlrSignatures | None
    description: Mapping[str, Any]
    card: str
    network: FixedNetwork | None = None

    def write(self, folder: Path) -> Bundle:
        """Write the bundle.

        Raises:
            BundleError: the folder holds something else or cannot be written.
        """
        tensors = {
            f"{version}.{name}": array
            for version, found in self.models.items()
            for name, array in found.tensors().items()
        }
        if self.signatures is not None:
            tensors |= {f"{DLR_PART}.{k}": v for k, v in self.signatures.tensors().items()}
        if self.network is not None:
            tensors |= {f"{NETWORK_PART}.{k}": v for k, v in self.network.tensors().items()}
        return write_bundle(
            folder, system=SYSTEM, description=self.description, tensors=tensors, card=self.card
        )


def train_ceus(
    cohort: CeusCohort,
    settings: CeusSettings | None = None,
    *,
    features: FeatureTable | None = None,
    gate: FeatureGate | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> TrainedCeus:
    """Train on a cohort's training patients.

    Args:
        cohort: with the signs that were measured on pictures, where there are any.
        settings: default :class:`CeusSettings`.
        features: radiomics and deep features of (at least) these patients, to select from.
        gate: features that may take part, decided without outcomes.
        seed: fixes everything that is drawn.
        progress: may cancel by raising.

    Raises:
        StatisticsError: too few events, or no covariate can be used; the message says which.
        CancelledError: ``progress`` cancelled.
    """
    settings = settings or CeusSettings()
    part = training_part(cohort)
    mine = part.cohort if settings.images else replace(part.cohort, images=None)
    covariates, left_out = choose_clinical(mine, settings.covariates, settings.min_known)
    selected = None
    if settings.images and settings.signatures and features is not None:
        selected = train_dlr(
            _of_patients(features, mine), mine.early, settings, gate=gate, seed=seed,
            progress=part_of(progress, 0.0, 0.5),
        )  # fmt: skip
        mine = replace(mine, images=joined(mine.images, selected.values))
        progress = part_of(progress, 0.5, 1.0)
    tables = version_tables(mine, covariates)
    models, rules, judgments = {}, {}, {}
    for number, (version, table) in enumerate(tables.items()):
        inner = part_of(progress, number / len(tables), (number + 1) / len(tables))
        judgments[version] = judge_by_folds(
            table, mine, settings, seed, progress=part_of(inner, 0.0, 0.8)
        )
        inner(0.8, f"fitting: {VERSION_WORDS[version]}")
        models[version], rules[version] = _fit(table, mine, judgments[version], settings, seed)
    network = _network(selected, settings)
    description = describe_training(
        mine, part.words, covariates, left_out, tables, models, rules, judgments, selected, settings,
        seed,
    ) | {NETWORK_PART: None if network is None else network.to_json()}  # fmt: skip
    progress(1.0, "done")
    return TrainedCeus(
        models, rules, judgments, None if selected is None else selected.signatures, description,
        write_card(description), network,
    )  # fmt: skip


def _network(selected: TrainedDlr | None, settings: CeusSettings) -> FixedNetwork | None:
    """What new patients' pictures must be seen by: a bundle keeps it where its features are used."""
    deep = settings.stills.deep
    if selected is None or deep is None or not selected.signatures.is_deep:
        return None
    return choose_network(deep, settings.stills.weights)


def version_tables(cohort: CeusCohort, covariates: Sequence[Covariate]) -> dict[str, FeatureTable]:
    """What each version takes; versions with pictures only where they were measured."""
    tables = {CLINICAL: cohort.features(covariates, images=False)}
    if cohort.images is not None:
        tables[DLR] = cohort.features(())
        tables[COMBINED] = cohort.features(covariates)
    return tables


def _fit(
    table: FeatureTable, cohort: CeusCohort, judged: Judgment, settings: CeusSettings, seed: int
) -> tuple[EndpointModels, RiskClassRule]:
    """Models of all training patients; classes and recurrence from scores of patients not seen."""
    last = float(cohort.outcome.time_months.max())
    if last < settings.horizons_months[-1]:
        raise StatisticsError(
            f"follow-up ends at {last:.1f} months, but survival at "
            f"{settings.horizons_months[-1]:g} months is to be told",
            source=cohort.source, remedy=f"choose horizons of at most {last:.0f} months",
        )  # fmt: skip
    models = EndpointModels(
        fit_early(table, cohort.early, settings, seed),
        fit_death(table, cohort.outcome, settings, seed),
        fit_recurrence(judged.scores, cohort.recurrence),
    )
    rule = learn_classes(
        judged.probability, cohort.early, judged.scores[:, 1], cohort.outcome, settings.cutoffs
    )
    return models, rule


def _of_patients(features: FeatureTable, cohort: CeusCohort) -> FeatureTable:
    """The training patients' features with their outcome; patients without have missing values.

    Raises:
        StatisticsError: fewer than half of them have features.
    """
    at = {patient: i for i, patient in enumerate(features.patient_ids)}
    values = np.full((len(cohort), len(features.names)), np.nan)
    there = np.array([p in at for p in cohort.patient_ids])
    if 2 * there.sum() < len(cohort):
        raise StatisticsError(
            f"{int(there.sum())} of {len(cohort)} patients have features of their pictures",
            source=cohort.source, remedy="measure the pictures of all, or train without signatures",
        )  # fmt: skip
    values[there] = features.values[[at[p] for p in cohort.patient_ids if p in at]]
    return FeatureTable(
        cohort.patient_ids, features.names, values, cohort.outcome, cohort.labels, cohort.source,
        simulated=cohort.simulated,
    )  # fmt: skip
