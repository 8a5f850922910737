"""What the causes do: who gets which treatment, and how long one lives under either.

All constants are fixed numbers; `benchmarks/calibrate_treatment_cohort.py` shows how those
marked *calibrated* were found and finds them again. Nothing is fitted to a drawn cohort.

There is no unmeasured confounding: the treatment depends on nothing but columns of the table
(size, number, vascular invasion, location, Child-Pugh score, platelets, performance status,
age, center), before values went missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hccsurv_core.simulate.survival_times import true_survival
from hccsurv_core.simulate.treatment.causes import TreatmentCauses
from hccsurv_core.simulate.treatment.staging import child_pugh_class

TREATMENTS = ("hepatectomy", "tace")
#: Survival is compared up to here.
RMST_MONTHS = 36.0

#: Log hazard per unit of `standardized` causes. The story: surgery fails where tumor cells have
#: left the tumor (infiltration, corona) and where the liver left behind is poor; embolization
#: fails where it cannot reach (little arterial supply, no capsule, dead tissue).
LOG_HAZARD: Mapping[str, Mapping[str, float]] = {
    "hepatectomy": {
        "size": 0.30, "multiple": 0.35, "infiltration": 0.90, "corona": 0.75, "capsule": -0.15,
        "necrosis": 0.20, "vascularity": 0.0, "albi": 0.45, "cirrhosis": 0.50, "central": 0.15,
        "invasion": 0.40, "afp": 0.15, "ecog": 0.10, "age": 0.10, "south": 0.15,
    },
    "tace": {
        "size": 0.25, "multiple": 0.10, "infiltration": 0.50, "corona": 0.10, "capsule": -0.85,
        "necrosis": 0.80, "vascularity": -0.85, "albi": 0.25, "cirrhosis": 0.35, "central": 0.30,
        "invasion": 0.35, "afp": 0.15, "ecog": 0.10, "age": 0.0, "south": 0.15,
    },
}  # fmt: skip
#: Weibull shape, and (calibrated) the scale in months of a patient whose standardized causes are 0.
SHAPE = 1.35
SCALE_MONTHS = {"hepatectomy": 30.5, "tace": 23.9}
#: Follow-up in months, shortest and longest by date of entry, of those treated lately and long ago,
#: and the share treated lately (calibrated). Nothing but the treatment moves it: the published
#: medians and shares of deaths leave no follow-up common to both arms.
FOLLOW_UP_MONTHS = {"recent": (0.5, 15.0), "past": (36.0, 84.0)}
RECENT_SHARE = {"hepatectomy": 0.574, "tace": 0.044}
DROPOUT_PER_MONTH = 0.003

#: Log odds of embolization.
LOG_ODDS: Mapping[str, float] = {
    "size": 0.45, "multiple": 0.60, "invasion": 0.70, "central": 1.10, "child_pugh_b": 1.10,
    "few_platelets": 1.00, "ecog": 0.50, "age": 0.40, "south": 0.30,
}  # fmt: skip
#: Calibrated: 131 of 409 candidates.
LOG_ODDS_INTERCEPT = -1.99
#: Calibrated: share of each split's candidates who would be embolized (their centers differ).
CANDIDATE_TACE_SHARE = {"train": 0.3263, "test": 0.3067}


def standardized(causes: TreatmentCauses) -> dict[str, float]:
    """The causes on the scale of :data:`LOG_HAZARD`: about mean 0 and spread 1, or 0 and 1."""
    spread = math.sqrt(12)  # of a uniform share
    return {
        "size": _size(causes.diameter_mm),
        "multiple": math.log2(causes.lesion_count),
        "infiltration": spread * (causes.infiltration - 0.5),
        "corona": spread * (causes.corona - 0.5),
        "capsule": spread * (causes.capsule - 0.5),
        "necrosis": spread * (causes.necrosis / 0.6 - 0.5),
        "vascularity": spread * (causes.vascularity - 0.5),
        "albi": (causes.albi + 2.60) / 0.42,
        "cirrhosis": float(causes.cirrhosis),
        "central": float(causes.central),
        "invasion": float(causes.vascular_invasion),
        "afp": (math.log10(causes.afp_ng_ml) - 1.75) / 0.95,
        "ecog": float(causes.ecog),
        "age": (causes.age_years - 57) / 10.5,
        "south": float(causes.center == "south"),
    }


def linear_predictors(causes: TreatmentCauses) -> dict[str, float]:
    """True log hazard ratio under each treatment, higher = worse."""
    values = standardized(causes)
    return {
        arm: sum(weight * values[name] for name, weight in weights.items())
        for arm, weights in LOG_HAZARD.items()
    }


def tace_log_odds(causes: TreatmentCauses) -> float:
    """Log odds that a candidate is given TACE, from what the table reports."""
    values = {
        "size": _size(causes.reported_diameter_mm),
        "multiple": math.log2(causes.lesion_count),
        "invasion": float(causes.vascular_invasion),
        "central": float(causes.central),
        "child_pugh_b": float(child_pugh_class(causes.child_pugh) == "B"),
        "few_platelets": float(causes.platelets_10e9_l < 100),
        "ecog": float(causes.ecog),
        "age": (causes.age_years - 57) / 10.5,
        "south": float(causes.center == "south"),
    }
    return LOG_ODDS_INTERCEPT + sum(LOG_ODDS[name] * value for name, value in values.items())


def survival(arm: str, linear_predictor: NDArray | float, times: NDArray | float) -> NDArray:
    """True survival probabilities (n_samples, n_times) under ``arm``, averaged over luck."""
    return true_survival(
        np.atleast_1d(linear_predictor), SHAPE, SCALE_MONTHS[arm], np.atleast_1d(times)
    )


def restricted_mean(arm: str, linear_predictor: NDArray | float) -> NDArray:
    """True restricted mean survival time up to :data:`RMST_MONTHS`, months, (n_samples,)."""
    from scipy.special import gamma, gammainc

    scale = SCALE_MONTHS[arm] * np.exp(-np.atleast_1d(linear_predictor) / SHAPE)
    power = 1 / SHAPE
    return scale * power * gamma(power) * gammainc(power, (RMST_MONTHS / scale) ** SHAPE)


def _size(diameter_mm: float) -> float:
    return math.log(diameter_mm / 58) / 0.52
