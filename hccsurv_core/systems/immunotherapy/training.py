"""Train system 4: the clinical score, one scan, two scans, and each scan with the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hccsurv_core.errors import StatisticsError
from hccsurv_core.models.cox_posterior import CoxPosterior
from hccsurv_core.models.store import Bundle, write_bundle
from hccsurv_core.progress import Progress, part_of, silent
from hccsurv_core.systems.immunotherapy.card import write_card
from hccsurv_core.systems.immunotherapy.cohort import SYSTEM, ImmunotherapyCohort
from hccsurv_core.systems.immunotherapy.description import describe_training
from hccsurv_core.systems.immunotherapy.judgment import Judgment, fit_version, judge_by_folds
from hccsurv_core.systems.immunotherapy.network import (
    NETWORK_PART,
    TrainedNetworks,
    train_networks,
)
from hccsurv_core.systems.immunotherapy.parts import training_part
from hccsurv_core.systems.immunotherapy.settings import ImmunotherapySettings
from hccsurv_core.systems.immunotherapy.signs import SIGN_NAMES
from hccsurv_core.systems.immunotherapy.tables import VersionTable, version_tables
from hccsurv_core.systems.immunotherapy.versions import VERSION_WORDS
from hccsurv_core.systems.study_cohort import ImageValues, joined

if TYPE_CHECKING:
    from hccsurv_core.models.crnn.samples import ScanPictures


@dataclass(frozen=True, eq=False)
class TrainedImmunotherapy:
    """What came out.

    Args:
        models, judgments: by version: the model, and how it ranks patients not seen.
        networks: that look at the slices; None where none do.
        description, card: of the bundle.
    """

    models: Mapping[str, CoxPosterior]
    judgments: Mapping[str, Judgment]
    networks: TrainedNetworks | None
    description: Mapping[str, Any]
    card: str

    def write(self, folder: Path) -> Bundle:
        """Write the bundle.

        Raises:
            BundleError: the folder holds something else or cannot be written.
        """
        tensors = {
            f"{version}.{name}": array
            for version, model in self.models.items()
            for name, array in model.tensors().items()
        }
        if self.networks is not None:
            tensors |= {f"{NETWORK_PART}.{k}": v for k, v in self.networks.tensors().items()}
        return write_bundle(
            folder, system=SYSTEM, description=self.description, tensors=tensors, card=self.card
        )


def train_immunotherapy(
    cohort: ImmunotherapyCohort,
    settings: ImmunotherapySettings | None = None,
    *,
    pictures: ScanPictures | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = silent,
    checkpoint: Path | None = None,
) -> TrainedImmunotherapy:
    """Train on a cohort's training patients.

    Args:
        cohort: with the signs that were measured on the scans, where there are any.
        settings: default :class:`ImmunotherapySettings`.
        pictures: slices of (at least) these patients, for the networks; None asks none.
        seed: fixes everything that is drawn.
        device: where networks are trained.
        progress: may cancel by raising.
        checkpoint: a folder that keeps finished networks; the same training goes on from there.

    Raises:
        StatisticsError: too few deaths; the message says of which model.
        CancelledError: ``progress`` cancelled.
    """
    settings = settings or ImmunotherapySettings()
    part = training_part(cohort)
    mine = part.cohort if settings.images else replace(part.cohort, images=None)
    networks = None
    inner = progress
    if settings.images and settings.network is not None and pictures is not None:
        networks = train_networks(
            mine, pictures, settings.network, n_folds=settings.n_folds, seed=seed, device=device,
            progress=part_of(progress, 0.0, 0.8), checkpoint=checkpoint,
        )  # fmt: skip
        signs = mine.images if settings.signs else None
        mine = replace(mine, images=joined(signs, networks.values))
        inner = part_of(progress, 0.8, 1.0)
    elif not settings.signs:
        mine = replace(mine, images=None)
    tables = version_tables(mine)
    models, judgments = {}, {}
    for number, (version, found) in enumerate(tables.items()):
        own = part_of(inner, number / len(tables), (number + 1) / len(tables))
        _require_follow_up(found, settings, cohort.source)
        judgments[version] = judge_by_folds(found, settings, seed, progress=part_of(own, 0.0, 0.8))
        own(0.8, f"fitting {version}: {VERSION_WORDS[version]}")
        models[version] = fit_version(found.table, found.outcome, settings, seed)
    description = describe_training(
        mine, part.words, tables, models, judgments, networks, settings, seed
    )
    progress(1.0, "done")
    return TrainedImmunotherapy(models, judgments, networks, description, write_card(description))


def of_signs(values: ImageValues | None) -> ImageValues | None:
    """The signs among what was measured; None where there are none."""
    if values is None or not set(SIGN_NAMES) <= set(values.names):
        return None
    at = [values.names.index(name) for name in SIGN_NAMES]
    return replace(
        values, names=SIGN_NAMES, by_patient={p: v[at] for p, v in values.by_patient.items()}
    )


def _require_follow_up(found: VersionTable, settings: ImmunotherapySettings, source: str) -> None:
    last = float(np.max(found.outcome.time_months))
    if last < settings.horizons_months[-1]:
        raise StatisticsError(
            f"follow-up ends at {last:.1f} months, but survival at "
            f"{settings.horizons_months[-1]:g} months is to be told",
            source=source, remedy=f"choose horizons of at most {last:.0f} months",
        )  # fmt: skip
