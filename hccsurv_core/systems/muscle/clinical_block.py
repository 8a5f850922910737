"""What the model takes from a patient's record, and in which form.

Few columns, each known to matter after surgery for hepatocellular carcinoma, so that some hundred
events can carry them. All are coded so that higher is worse. What is missing stays missing: the
model fills it with the training median and says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hccsurv_core.features.clinical_scores.albi import albi_value

#: Prefix of the features made here.
CLINICAL = "clinical."
_TRANSPLANTED = "transplantation"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ClinicalFeature:
    """One feature.

    Args:
        name: with the prefix.
        columns: of the cohort table that it is made of.
        label: in words.
        reason: why it is here and in this form.
        make: the feature of known column values, in the order of ``columns``.
        of_old_liver: it tells the function of the liver that a transplantation removes.
    """

    name: str
    columns: tuple[str, ...]
    label: str
    reason: str
    make: Callable[..., float]
    of_old_liver: bool = False


def _log(value: float) -> float:
    """Logarithm of a positive laboratory value; not known where it is not positive."""
    return math.log(value) if value > 0 else math.nan


def _minus_log(value: float) -> float:
    return -_log(value)


CLINICAL_FEATURES: tuple[ClinicalFeature, ...] = (
    ClinicalFeature(
        CLINICAL + "age", ("age_years",), "Age",
        "in years; part of every published score of survival after hepatectomy", float,
    ),
    ClinicalFeature(
        CLINICAL + "log_diameter", ("tumor_diameter_mm",), "Tumor diameter",
        "logarithm: from 2 to 4 cm matters like from 5 to 10", _log,
    ),
    ClinicalFeature(
        CLINICAL + "log_number", ("tumor_number",), "Number of tumors",
        "logarithm: the second tumor matters more than the fourth", _log,
    ),
    ClinicalFeature(
        CLINICAL + "macrovascular_invasion", ("macrovascular_invasion",),
        "Macrovascular invasion", "makes stage C of BCLC (Reig 2022)", float,
    ),
    ClinicalFeature(
        CLINICAL + "microvascular_invasion", ("microvascular_invasion",),
        "Microvascular invasion", "the strongest finding of the specimen (Erstad 2019)", float,
    ),
    ClinicalFeature(
        CLINICAL + "log_afp", ("afp_ng_ml",), "AFP",
        "logarithm: values spread over five powers of ten", _log,
    ),
    ClinicalFeature(
        CLINICAL + "albi", ("bilirubin_umol_l", "albumin_g_l"), "ALBI score",
        "one published number for two values (Johnson 2015, doi:10.1200/JCO.2014.57.9151)",
        albi_value, of_old_liver=True,
    ),
    ClinicalFeature(
        CLINICAL + "log_inr", ("inr",), "INR",
        "what the liver makes of clotting, which ALBI leaves out", _log, of_old_liver=True,
    ),
    ClinicalFeature(
        CLINICAL + "low_platelets", ("platelets_10e9_l",), "Low platelets",
        "minus logarithm: portal hypertension", _minus_log, of_old_liver=True,
    ),
)  # fmt: skip
CLINICAL_NAMES = tuple(feature.name for feature in CLINICAL_FEATURES)
BY_NAME = {feature.name: feature for feature in CLINICAL_FEATURES}


def clinical_block(row: Row) -> dict[str, float]:
    """The features of one patient, NaN where they are not known.

    Once a new liver is in, the old one's function says little about what follows, whatever it
    said on the waiting list: after transplantation those features are not known on purpose.

    Args:
        row: columns of a cohort table, in the units that their names say; others are passed over.
            None and NaN are missing.
    """
    transplanted = row.get("treatment") == _TRANSPLANTED
    found = {}
    for feature in CLINICAL_FEATURES:
        values = [_number(row.get(column)) for column in feature.columns]
        unknown = any(math.isnan(v) for v in values) or (feature.of_old_liver and transplanted)
        found[feature.name] = math.nan if unknown else feature.make(*values)
    return found


def left_out(row: Row) -> tuple[str, ...]:
    """Features that are not known of this patient on purpose: nobody need look for them."""
    if row.get("treatment") != _TRANSPLANTED:
        return ()
    return tuple(feature.name for feature in CLINICAL_FEATURES if feature.of_old_liver)


def missing_columns(row: Row) -> tuple[str, ...]:
    """Columns that the model would use and that are not known of this patient, without those of
    a liver that was removed."""
    transplanted = row.get("treatment") == _TRANSPLANTED
    return tuple(
        column
        for feature in CLINICAL_FEATURES
        if not (feature.of_old_liver and transplanted)
        for column in feature.columns
        if math.isnan(_number(row.get(column)))
    )


def _number(value: Any) -> float:
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan
