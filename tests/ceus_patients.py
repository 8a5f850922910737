"""CEUS patients for tests: the simulator's tables, and signs as they might have been measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.simulate.ceus.causes import causes_of, draw
from hccsurv_core.simulate.ceus.outcomes import futures_of
from hccsurv_core.simulate.ceus.table import rows_of
from hccsurv_core.systems.ceus.cohort import CeusCohort, build_cohort
from hccsurv_core.systems.ceus.settings import CeusSettings
from hccsurv_core.systems.ceus.signs import LABELS, SIGN_NAMES, UNITS
from hccsurv_core.systems.study_cohort import ImageValues

#: Which cause stands behind which sign; the other signs are noise.
CAUSES = {
    "sign.heterogeneity_log2": "heterogeneity", "sign.mosaic_log2": "mosaic",
    "sign.lobulation_log2": "irregularity", "sign.enhancement_db": "vascularity",
    "sign.necrosis_share": "necrosis",
}  # fmt: skip
QUICK = CeusSettings(n_rounds=1, n_folds=4, signatures=False)


def patients(n: int = 400, seed: int = 1, *, signs: bool = True) -> CeusCohort:
    """n patients of the simulator, in the proportion of training and test part of the paper."""
    index = np.arange(n)
    draws = draw(seed, index)
    causes = causes_of(draws)
    table = pd.DataFrame(rows_of(draws, causes, futures_of(causes, draws)))
    ids = [f"P{i:04d}" for i in index]
    found = build_cohort(
        table.drop(columns=["time_months", "event"]).to_dict("records"),
        patient_ids=ids,
        outcome=SurvivalOutcome(
            table.time_months.to_numpy(float), table.event.to_numpy().astype(bool)
        ),
        source="simulated patients",
        simulated=True,
    )
    return replace(found, images=measured(causes, ids, seed)) if signs else found


def measured(causes, ids: list[str], seed: int) -> ImageValues:
    """Signs with the noise of a measurement."""
    rng = np.random.default_rng((seed, 9))
    values = rng.standard_normal((len(ids), len(SIGN_NAMES)))
    for name, cause in CAUSES.items():
        true = np.asarray(getattr(causes, cause), dtype=float)
        column = SIGN_NAMES.index(name)
        values[:, column] = true + 0.4 * true.std() * values[:, column]
    size = SIGN_NAMES.index("sign.diameter_mm")
    values[:, size] = causes.diameter_mm * (1 + 0.03 * values[:, size])
    return ImageValues(SIGN_NAMES, dict(zip(ids, values, strict=True)), LABELS, UNITS)


def picture_features(cohort: CeusCohort, p: int = 120, seed: int = 4) -> FeatureTable:
    """Features of both stills, none of which means anything."""
    rng = np.random.default_rng(seed)
    names = tuple(f"{'peak' if k % 2 else 'grayscale'}.radiomics.f{k}" for k in range(p))
    return FeatureTable(
        cohort.patient_ids, names, rng.standard_normal((len(cohort), p)), cohort.outcome,
        cohort.labels, simulated=True,
    )  # fmt: skip
