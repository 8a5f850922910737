"""A small model of system 2, truly trained on simulated table rows, in a fraction of a second."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from hccsurv_core.features.lesion_signs import SIGNS
from hccsurv_core.models.store import Bundle
from hccsurv_core.simulate.treatment.cohort import spec
from hccsurv_core.systems.study_cohort import ImageValues
from hccsurv_core.systems.treatment.arm_settings import ArmSettings
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.cohort import build_cohort
from hccsurv_core.systems.treatment.settings import TreatmentSettings
from hccsurv_core.systems.treatment.signs import SIGN_NAMES, image_values
from hccsurv_core.systems.treatment.training import TrainedTreatment, train_treatment

_PASSED = ("patient_id", "time_months", "event", "split")


def train_small(
    folder: Path, *, n: int = 409, seed: int = 7, n_draws: int = 200, signs: bool = False,
    network: bool = False,
) -> Bundle:  # fmt: skip
    """Train on the training patients of a simulated cohort's table.

    Args:
        signs: with signs of the lesion that are drawn at random, so that images can be asked for.
        network: with a network that has learned nothing and that no arm listens to, to be looked at.
    """
    drawn = [spec().draw_patient(seed, i).row for i in range(n)]
    rows = [row for row in drawn if row["split"] == "train"]
    cohort = build_cohort(
        [{k: v for k, v in row.items() if k not in _PASSED} for row in rows],
        patient_ids=[row["patient_id"] for row in rows],
        time_months=[row["time_months"] for row in rows],
        event=[row["event"] for row in rows],
        source="Simulated cohort",
        simulated=True,
    )
    if signs:
        cohort = replace(cohort, images=_drawn_signs(cohort.patient_ids, seed))
    settings = TreatmentSettings(arms=ArmSettings(n_draws=n_draws), n_rounds=1, n_folds=3)
    trained = train_treatment(cohort, settings)
    return (_with_network(trained) if network else trained).write(folder)


def _with_network(trained: TrainedTreatment) -> TrainedTreatment:
    from hccsurv_core.imaging.lesion_crop_settings import CropSettings
    from hccsurv_core.models.cnn.architectures import build_network
    from hccsurv_core.models.cnn.classifier import CnnClassifier
    from hccsurv_core.models.selection_chain import Signature
    from hccsurv_core.systems.treatment.deep_images import DeepImages

    crop = CropSettings()
    network = build_network("resnet18", len(crop.channels), seed=1).eval()
    classifier = CnnClassifier("resnet18", crop, 36.0, network)
    empty = Signature(None, np.empty(0))
    deep = DeepImages(classifier, {arm: empty for arm in ARMS})
    return replace(trained, deep=deep, description={**trained.description, "cnn": deep.describe()})


def _drawn_signs(patients: tuple[str, ...], seed: int) -> ImageValues:
    """About as large as lesions have them, and without any meaning."""
    middle = np.array([{"mm": 20.0, "HU": 20.0}.get(sign.unit, 0.5) for sign in SIGNS])
    spread = np.random.default_rng(seed).normal(0.0, 0.8, (len(patients), len(SIGNS)))
    return image_values(patients, SIGN_NAMES, middle * (1.0 + spread))
