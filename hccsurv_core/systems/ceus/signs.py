"""Signs of the two stills as covariates: names, labels, and the trait that each is a view of."""

from __future__ import annotations

import numpy as np

from hccsurv_core.features.feature_table import FeatureTable
from hccsurv_core.features.ultrasound_signs import SIGNS
from hccsurv_core.systems.study_cohort import ImageValues

#: Prefix of the covariates.
SIGN = "sign."
SIGN_NAMES: tuple[str, ...] = tuple(SIGN + sign.name for sign in SIGNS)
LABELS = {SIGN + sign.name: sign.label for sign in SIGNS}
UNITS = {SIGN + sign.name: sign.unit for sign in SIGNS}
ENHANCEMENT = SIGN + "enhancement_db"
#: Models take a tumor that is less bright against the liver as just so bright, dB: what does not
#: hyperenhance is one kind, and how far below the liver it lies says no more of it. As in
#: :data:`hccsurv_core.features.perfusion.phases.DIFFERENT_DB`.
LEAST_ENHANCEMENT_DB = 2.0
#: The trait that a sign is a view of.
GROUP_OF: dict[str, str] = {SIGN + sign.name: sign.group for sign in SIGNS}


def sign_values(table: FeatureTable) -> ImageValues:
    """What was measured on pictures, as covariates of a cohort.

    Raises:
        TableError: a sign is not in the table.
    """
    values = table.columns(SIGN_NAMES).values.copy()
    column = SIGN_NAMES.index(ENHANCEMENT)
    values[:, column] = np.maximum(values[:, column], LEAST_ENHANCEMENT_DB)
    by_patient: dict[str, np.ndarray] = dict(zip(table.patient_ids, values, strict=True))
    return ImageValues(SIGN_NAMES, by_patient, LABELS, UNITS)


def without_signs(table: FeatureTable) -> FeatureTable | None:
    """Radiomics and deep features; None where there are none."""
    others = [name for name in table.names if not name.startswith(SIGN)]
    return table.columns(others) if others else None
