"""A small model of system 2, truly trained on simulated table rows, in a fraction of a second."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from hccsurv_core.features.lesion_signs import SIGNS
from hccsurv_core.models.store import Bundle
from hccsurv_core.simulate.treatment.cohort import spec
from hccsurv_core.systems.treatment.arm_settings import ArmSettings
from hccsurv_core.systems.treatment.cohort import ImageValues, build_cohort
from hccsurv_core.systems.treatment.settings import TreatmentSettings
from hccsurv_core.systems.treatment.signs import SIGN_NAMES, image_values
from hccsurv_core.systems.treatment.training import train_treatment

_PASSED = ("patient_id", "time_months", "event", "split")


def train_small(
    folder: Path, *, n: int = 409, seed: int = 7, n_draws: int = 200, signs: bool = False
) -> Bundle:
    """Train on the training patients of a simulated cohort's table.

    Args:
        signs: with signs of the lesion that are drawn at random, so that images can be asked for.
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
    return train_treatment(cohort, settings).write(folder)


def _drawn_signs(patients: tuple[str, ...], seed: int) -> ImageValues:
    """About as large as lesions have them, and without any meaning."""
    middle = np.array([{"mm": 20.0, "HU": 20.0}.get(sign.unit, 0.5) for sign in SIGNS])
    spread = np.random.default_rng(seed).normal(0.0, 0.8, (len(patients), len(SIGNS)))
    return image_values(patients, SIGN_NAMES, middle * (1.0 + spread))
