"""Hazards of the muscle cohort: death depends on muscle and tumour, recurrence on the tumour.

The published study (Liu et al. 2024, doi:10.1631/jzus.B2300363) ranks patients by the texture of
their muscle, better than by its area or mean attenuation. So here quantity counts a little,
attenuation more, texture most; age and tumour burden besides; recurrence takes next to nothing
from muscle. Coefficients and baselines are ours: the paper gives no coefficients, and survival of
about 0.88, 0.70 and 0.58 at 1, 3 and 5 years after hepatectomy is an ordinary result of such
series, not this one's.
"""

from __future__ import annotations

import math
from typing import Any

from hccsurv_core.simulate import survival_times
from hccsurv_core.simulate.cohort_writer import patient_rng
from hccsurv_core.simulate.muscle.causes import (
    ASYMMETRY_SD,
    LEAN_HU_MEAN,
    LEAN_HU_SD,
    LOG_MUSCLE_SD,
    OUTCOME,
    STREAK_SCALE_MEAN,
    STREAK_SCALE_SD,
    STREAKS_MEAN,
    STREAKS_SD,
    SYSTEM,
    MuscleCauses,
)

DEATH_SHAPE, DEATH_SCALE_MONTHS = 1.15, 118.0
RECURRENCE_SHAPE, RECURRENCE_SCALE_MONTHS = 0.85, 48.0
#: Log hazard per standard deviation of each cause of death.
QUANTITY, ATTENUATION, STREAKS, STREAK_SCALE, ASYMMETRY = 0.17, 0.36, 0.61, 0.62, 0.15
AGE, BURDEN, LIVER, AFP, MICROVASCULAR, MACROVASCULAR = 0.20, 0.38, 0.28, 0.12, 0.30, 0.55
#: What centre B adds for reasons nobody recorded.
CENTER_B = 0.25
#: Luck that recurrence and death share (on the normal scale).
SHARED_LUCK = 0.5
FOLLOW_UP_MONTHS = (14.0, 92.0)
DROPOUT_PER_MONTH = 0.003


def muscle_predictor(causes: MuscleCauses) -> float:
    """Log hazard of death from muscle alone, 0 for an average patient."""
    quantity = (causes.log_muscle + 0.3 * causes.log_psoas - 0.10) / LOG_MUSCLE_SD
    return (
        -QUANTITY * quantity
        + ATTENUATION * (LEAN_HU_MEAN - causes.lean_hu) / LEAN_HU_SD
        + STREAKS * (causes.fat_streaks - STREAKS_MEAN) / STREAKS_SD
        + STREAK_SCALE * (causes.streak_scale_mm - STREAK_SCALE_MEAN) / STREAK_SCALE_SD
        + ASYMMETRY * (abs(causes.asymmetry) / ASYMMETRY_SD - 0.8)
    )


def clinical_predictor(causes: MuscleCauses, clinical: dict[str, Any]) -> float:
    """Log hazard of death from age, tumour, liver and centre."""
    # A new liver makes the old one's function count for less, and the tumour for more.
    transplant = causes.treatment == "transplantation"
    afp = (math.log10(clinical["afp_ng_ml"]) - 1.75) / 1.1
    return (
        AGE * (causes.age_years - 55.9) / 11.1
        + BURDEN * causes.tumor_burden * (1.2 if transplant else 1.0)
        + LIVER * causes.liver_damage * (0.3 if transplant else 1.0)
        + AFP * afp
        + MICROVASCULAR * (float(clinical["microvascular_invasion"]) - 0.34)
        + MACROVASCULAR * (float(clinical["macrovascular_invasion"]) - 0.09)
        + CENTER_B * (causes.center == "center_b")
    )


def recurrence_predictor(causes: MuscleCauses, clinical: dict[str, Any]) -> float:
    """Log hazard of recurrence: the tumour's, with a trace of muscle."""
    afp = (math.log10(clinical["afp_ng_ml"]) - 1.75) / 1.1
    return (
        0.50 * causes.tumor_burden
        + 0.15 * afp
        + 0.45 * (float(clinical["microvascular_invasion"]) - 0.34)
        + 0.60 * (float(clinical["macrovascular_invasion"]) - 0.09)
        + 0.10 * causes.liver_damage * (causes.treatment != "transplantation")
        - 0.50 * (causes.treatment == "transplantation")
        + 0.10 * muscle_predictor(causes)
    )


def draw_outcome(
    causes: MuscleCauses, clinical: dict[str, Any], seed: int, i: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The endpoints' columns, and what is true behind them.

    Recurrence is counted until death or the end of follow-up, whichever comes first.
    """
    rng = patient_rng(SYSTEM, seed, i, OUTCOME)
    luck = survival_times.correlated_uniforms(rng.standard_normal((1, 3)), SHARED_LUCK)[0]
    entry, dropout = rng.uniform(1e-9, 1 - 1e-9, 2)
    muscle, clinical_part = muscle_predictor(causes), clinical_predictor(causes, clinical)
    recurrence = recurrence_predictor(causes, clinical)
    death_at = survival_times.draw_event_times(
        muscle + clinical_part, DEATH_SHAPE, DEATH_SCALE_MONTHS, luck[0]
    )
    recurs_at = survival_times.draw_event_times(
        recurrence, RECURRENCE_SHAPE, RECURRENCE_SCALE_MONTHS, luck[1]
    )
    shortest, longest = FOLLOW_UP_MONTHS
    follow_up = survival_times.draw_follow_up(
        entry, dropout, shortest_months=shortest, longest_months=longest,
        dropout_per_month=DROPOUT_PER_MONTH,
    )  # fmt: skip
    time, died = survival_times.observe(death_at, follow_up)
    free, recurred = survival_times.observe(recurs_at, time)
    row = {
        "time_months": max(round(float(time), 2), 0.03),
        "event": bool(died),
        "recurrence_time_months": max(round(float(free), 2), 0.03),
        "recurrence_event": bool(recurred),
    }
    truth = {
        "linear_predictor": muscle + clinical_part,
        "muscle_predictor": muscle,
        "clinical_predictor": clinical_part,
        "recurrence_predictor": recurrence,
        "death_months": float(death_at),
        "recurrence_months": float(recurs_at),
        "follow_up_months": float(follow_up),
    }
    return row, truth
