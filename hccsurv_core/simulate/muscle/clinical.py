"""Clinical columns of the muscle cohort: measured from the causes, with error, as a record has them.

All distributions are ours: plausible for hepatectomy in hepatitis-B country, not published for
this cohort. Staging follows the published rules on the measured values (Child-Pugh: Pugh, British
Journal of Surgery 1973; BCLC: Reig, Journal of Hepatology 2022).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hccsurv_core.simulate.cohort_writer import patient_rng
from hccsurv_core.simulate.muscle.causes import (
    CLINICAL,
    MISSING,
    SYSTEM,
    MuscleCauses,
)

#: Chance that a value is not in the record, by centre; at random within a centre.
_MISSING = {
    "center_a": {"height_m": 0.06, "weight_kg": 0.03, "afp_ng_ml": 0.03, "inr": 0.03},
    "center_b": {"height_m": 0.18, "weight_kg": 0.08, "afp_ng_ml": 0.04, "inr": 0.10},
}


def draw_clinical(causes: MuscleCauses, seed: int, i: int) -> dict[str, Any]:
    """Every clinical value as it truly was measured; see `as_recorded` for what the table holds."""
    rng = patient_rng(SYSTEM, seed, i, CLINICAL)
    z = dict(zip("abcdefghijkl", rng.standard_normal(12), strict=True))
    u = rng.random(8)
    burden, liver = causes.tumor_burden, causes.liver_damage
    row: dict[str, Any] = {
        "age_years": round(causes.age_years),
        "sex": causes.sex,
        "height_m": round(causes.height_m, 2),
        "weight_kg": round(causes.bmi * causes.height_m**2, 1),
        "tumor_diameter_mm": round(_clip(math.exp(3.76 + 0.52 * burden + 0.28 * z["a"]), 8, 190)),
        "tumor_number": 1 + int(np.searchsorted((0.85, 1.45, 2.0), 0.5 * burden + 0.87 * z["b"])),
        "macrovascular_invasion": bool(u[0] < _logistic(-2.9 + 1.3 * burden)),
        "afp_ng_ml": round(_clip(10 ** (1.75 + 0.45 * burden + 1.0 * z["c"]), 1, 121000), 1),
        "albumin_g_l": round(_clip(40.8 - 2.9 * liver + 2.8 * z["d"], 21, 54), 1),
        "bilirubin_umol_l": round(_clip(math.exp(2.66 + 0.34 * liver + 0.32 * z["e"]), 3, 420), 1),
        "inr": round(_clip(math.exp(0.07 + 0.055 * liver + 0.05 * z["f"]), 0.8, 3.5), 2),
        "platelets_10e9_l": round(_clip(math.exp(5.02 - 0.30 * liver + 0.33 * z["g"]), 18, 620)),
        "cirrhosis": bool(u[1] < _logistic(0.9 + 1.2 * liver)),
        "hbsag": bool(u[2] < 0.86),
        "ascites": _ascites(liver + 0.6 * z["h"]),
        "microvascular_invasion": bool(u[3] < _logistic(-0.75 + 0.75 * burden)),
    }
    row["child_pugh_score"] = child_pugh_score(row)
    row["bclc_stage"] = bclc_stage(row)
    return row


def as_recorded(row: dict[str, Any], causes: MuscleCauses, seed: int, i: int) -> dict[str, Any]:
    """The row with values missing as in life: by centre at random, and not at random.

    Pathology says less of small tumours' vessels and of explanted livers. Without an INR there is
    no Child-Pugh score.
    """
    rng = patient_rng(SYSTEM, seed, i, MISSING)
    recorded = dict(row)
    for name, chance in _MISSING[causes.center].items():
        if rng.random() < chance:
            recorded[name] = None
    chance = 0.03 + 0.12 * (row["tumor_diameter_mm"] < 25) + 0.10 * (causes.split == "transplant")
    if rng.random() < chance:
        recorded["microvascular_invasion"] = None
    if recorded["inr"] is None or rng.random() < 0.01:
        recorded["child_pugh_score"] = None
    return recorded


def child_pugh_score(row: dict[str, Any]) -> int:
    """Points 5 to 14 (no one here is encephalopathic)."""
    points = 1 + {"none": 1, "mild": 2, "moderate": 3}[row["ascites"]]
    points += 1 + int(np.searchsorted((34.0, 50.0), row["bilirubin_umol_l"], side="right"))
    points += 1 + int(row["albumin_g_l"] <= 35) + int(row["albumin_g_l"] < 28)
    return points + 1 + int(np.searchsorted((1.7, 2.3), row["inr"], side="right"))


def bclc_stage(row: dict[str, Any]) -> str:
    """Barcelona stage by size, number, large vessels and Child-Pugh class C."""
    number, size = row["tumor_number"], row["tumor_diameter_mm"]
    if row["child_pugh_score"] >= 10:
        return "D"
    if row["macrovascular_invasion"]:
        return "C"
    if number == 1:
        return "0" if size <= 20 else "A"
    return "A" if number <= 3 and size <= 30 else "B"


def _ascites(severity: float) -> str:
    return ("none", "mild", "moderate")[int(np.searchsorted((1.9, 3.0), severity))]


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))
