"""The clinical score CLN as the one clinical covariate of the five models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hccsurv_core.features.clinical_scores.cln import CLN, COEFFICIENTS, ClnScore, cln
from hccsurv_core.systems.covariates import Covariate
from hccsurv_core.systems.immunotherapy.prior import CLINICAL_SCORE
from hccsurv_core.systems.patient_profile import Profile

#: Values of the record that the score is made of.
NEEDS = tuple(COEFFICIENTS)


def clinical_score(record: Mapping[str, Any]) -> ClnScore:
    """CLN of a record; its value is None where one of the seven is not known.

    Raises:
        InputError: a value is not possible.
    """
    return cln(**{name: record.get(name) for name in NEEDS})


def _read(profile: Profile) -> float:
    value = clinical_score(profile.record).value
    return math.nan if value is None else value


SCORE = Covariate(
    CLINICAL_SCORE, CLN.title, "tumor", _read, NEEDS,
    reason=f"histology and earlier treatment, as published ({CLN.source})",
)  # fmt: skip
