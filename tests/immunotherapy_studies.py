"""A model of system 4 with scans, trained and judged on a simulated table in a few seconds.

Signs are made by hand, from the patients' true causes and noise: no slice is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from treatment_folders import write_clinical_folder

from hccsurv_core.cohort.folder import TRUTH_TABLE_FILE
from hccsurv_core.models.store import Bundle
from hccsurv_core.systems.immunotherapy.cohort import (
    ImmunotherapyCohort,
    read_immunotherapy_folder,
)
from hccsurv_core.systems.immunotherapy.evaluation import (
    ImmunotherapyEvaluation,
    evaluate_immunotherapy,
)
from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel
from hccsurv_core.systems.immunotherapy.settings import ImmunotherapySettings
from hccsurv_core.systems.immunotherapy.signs import BY_NAME, sign_values
from hccsurv_core.systems.immunotherapy.training import train_immunotherapy

#: Group of signs → the simulated cause that they show.
_CAUSES = {
    "load": "cause_burden", "lung": "cause_lung", "infiltration": "cause_infiltration",
    "liver": "cause_cirrhosis", "growth": "cause_growth", "necrosis": "cause_necrosis",
    "new": "cause_new_lesions",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class JudgedModel:
    """The model, and the test patients that it was judged on."""

    bundle: Bundle
    cohort: ImmunotherapyCohort
    evaluation: ImmunotherapyEvaluation


def with_signs(cohort: ImmunotherapyCohort, seed: int) -> ImmunotherapyCohort:
    """The same patients with signs that tell of their causes, with noise."""
    truth = pd.read_csv(cohort.folder / TRUTH_TABLE_FILE).set_index("patient_id")
    truth = truth.loc[list(cohort.patient_ids)]
    rng = np.random.default_rng(seed)
    found = {}
    for name, sign in BY_NAME.items():
        cause = truth[_CAUSES[sign.group]].to_numpy(float)
        value = cause + 0.4 * cause.std() * rng.normal(size=len(cohort))
        found[name] = np.where(cohort.has_followup | ~np.bool_(sign.followed), value, np.nan)
    rows = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
    by_patient = dict(zip(cohort.patient_ids, rows, strict=True))
    return replace(cohort, images=sign_values(by_patient))


def evaluated_with_scans(place: Path, *, n: int = 400, seed: int = 3) -> JudgedModel:
    """Draw a cohort's table, train on its training part, judge on its test part."""
    folder = write_clinical_folder(place / "cohort", n, seed, "immunotherapy")
    cohort = with_signs(read_immunotherapy_folder(folder)[0], seed)
    settings = ImmunotherapySettings(network=None, n_rounds=1, n_folds=3)
    bundle = train_immunotherapy(cohort, settings, seed=seed).write(place / "bundle")
    test = cohort.split("test")
    model = ImmunotherapyModel.from_bundle(bundle)
    return JudgedModel(bundle, test, evaluate_immunotherapy(model, test))
