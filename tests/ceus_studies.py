"""A model of system 3 with pictures, trained and judged on a simulated table in a few seconds.

Signs are made by hand, from the patients' true causes and noise: no picture is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from treatment_folders import write_clinical_folder

from hccsurv_core.cohort.folder import TRUTH_TABLE_FILE
from hccsurv_core.models.store import Bundle
from hccsurv_core.systems.ceus.cohort import CeusCohort, read_ceus_folder
from hccsurv_core.systems.ceus.evaluation import CeusEvaluation, evaluate_ceus
from hccsurv_core.systems.ceus.model import CeusModel
from hccsurv_core.systems.ceus.settings import CeusSettings
from hccsurv_core.systems.ceus.signs import LABELS, SIGN_NAMES, UNITS
from hccsurv_core.systems.ceus.training import train_ceus
from hccsurv_core.systems.study_cohort import ImageValues

_CAUSES = ("heterogeneity", "mosaic", "irregularity", "vascularity", "satellites", "necrosis")


@dataclass(frozen=True, eq=False)
class JudgedModel:
    """The model, and the test patients that it was judged on."""

    bundle: Bundle
    cohort: CeusCohort
    evaluation: CeusEvaluation


def with_signs(cohort: CeusCohort, seed: int) -> CeusCohort:
    """The same patients with signs that tell of their causes, with noise."""
    truth = pd.read_csv(cohort.folder / TRUTH_TABLE_FILE).set_index("patient_id")
    causes = truth.loc[list(cohort.patient_ids), list(_CAUSES)].to_numpy(float)
    noise = np.random.default_rng(seed).normal(size=(len(cohort), len(SIGN_NAMES)))
    columns = np.arange(len(SIGN_NAMES)) % len(_CAUSES)
    values = causes[:, columns] + 0.4 * causes.std(axis=0)[columns] * noise
    by_patient = dict(zip(cohort.patient_ids, values, strict=True))
    return replace(cohort, images=ImageValues(SIGN_NAMES, by_patient, LABELS, UNITS))


def evaluated_with_pictures(place: Path, *, n: int = 420, seed: int = 3) -> JudgedModel:
    """Draw a cohort's table, train on its training part, judge on its test part."""
    folder = write_clinical_folder(place / "cohort", n, seed, "ceus")
    cohort = with_signs(read_ceus_folder(folder)[0], seed)
    settings = CeusSettings(n_rounds=1, n_folds=3)
    bundle = train_ceus(cohort, settings, seed=seed).write(place / "bundle")
    test = cohort.split("test")
    return JudgedModel(bundle, test, evaluate_ceus(CeusModel.from_bundle(bundle), test))
