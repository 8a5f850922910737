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
#: The trait that a sign is a view of.
GROUP_OF: dict[str, str] = {SIGN + sign.name: sign.group for sign in SIGNS}


def sign_values(table: FeatureTable) -> ImageValues:
    """What was measured on pictures, as covariates of a cohort.

    Raises:
        TableError: a sign is not in the table.
    """
    chosen = table.columns(SIGN_NAMES)
    by_patient: dict[str, np.ndarray] = dict(zip(table.patient_ids, chosen.values, strict=True))
    return ImageValues(SIGN_NAMES, by_patient, LABELS, UNITS)


def without_signs(table: FeatureTable) -> FeatureTable | None:
    """Radiomics and deep features; None where there are none."""
    others = [name for name in table.names if not name.startswith(SIGN)]
    return table.columns(others) if others else None
