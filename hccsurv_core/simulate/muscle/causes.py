"""The latent causes behind a patient of the muscle cohort: body, muscle, tumour, liver, luck.

Every constant is ours, calibrated once (``benchmarks/calibrate_muscle_cohort.py``) so that the
margins of Liu et al. 2024 (doi:10.1631/jzus.B2300363) hold in the discovery part: 85 % men, age
55.9 ± 11.1 years, BMI 22.9 ± 2.9, and the five prevalences of low muscle. Nothing is refitted to
a drawn sample. Causes are drawn first; images, laboratory values and times follow from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hccsurv_core.simulate.cohort_writer import patient_rng

SYSTEM = "muscle"
#: Streams of a patient's generators: what is drawn from one leaves the others alone.
CAUSES, CLINICAL, OUTCOME, SCAN, READER, MISSING = range(6)
#: Published sizes: 345 + 147 hepatectomies at one centre, 161 at another, 173 transplantations.
SPLIT_SIZES = {"train": 345, "internal": 147, "external": 161, "transplant": 173}
N_PUBLISHED = sum(SPLIT_SIZES.values())

#: Spread of the muscle's causes, by which the hazards count them in standard deviations.
LOG_MUSCLE_SD, LEAN_HU_SD, STREAKS_SD, STREAK_SCALE_SD, ASYMMETRY_SD = 0.125, 5.2, 0.06, 1.2, 0.05
LEAN_HU_MEAN, STREAKS_MEAN, STREAK_SCALE_MEAN = 50.7, 0.18, 4.2
_LOG_MUSCLE_MEAN = {"male": 0.177, "female": 0.102}
_LOG_PSOAS_MEAN = {"male": -0.192, "female": -0.172}
_HEIGHT_M = {"male": (1.69, 0.060), "female": (1.58, 0.055)}


@dataclass(frozen=True)
class MuscleCauses:
    """What a patient is before anyone looks.

    Args:
        split: "train", "internal", "external" or "transplant".
        sex, age_years, height_m, bmi: the body.
        tumor_burden: standard normal among hepatectomies; higher = more.
        liver_damage: standard normal among hepatectomies; higher = worse.
        log_muscle: log of muscle cross-section against a healthy adult's.
        log_psoas: log of the extra factor of the psoas.
        lean_hu: attenuation of the lean muscle, unenhanced.
        fat_streaks: share of muscle replaced by visible fat.
        streak_scale_mm: width of the streaks.
        asymmetry: relative excess of the left side.
    """

    split: str
    sex: str
    age_years: float
    height_m: float
    bmi: float
    tumor_burden: float
    liver_damage: float
    log_muscle: float
    log_psoas: float
    lean_hu: float
    fat_streaks: float
    streak_scale_mm: float
    asymmetry: float

    @property
    def center(self) -> str:
        """The external hepatectomies are another centre's."""
        return "center_b" if self.split == "external" else "center_a"

    @property
    def treatment(self) -> str:
        """What was done."""
        return "transplantation" if self.split == "transplant" else "hepatectomy"


def split_of(i: int) -> str:
    """The split of patient ``i``: interleaved, so that any first n have the published shares."""
    return _INTERLEAVED[i % N_PUBLISHED]


def _interleave() -> tuple[str, ...]:
    given = dict.fromkeys(SPLIT_SIZES, 0)
    order = []
    for position in range(1, N_PUBLISHED + 1):
        owed = {s: size * position / N_PUBLISHED - given[s] for s, size in SPLIT_SIZES.items()}
        chosen = max(owed, key=lambda s: owed[s])
        given[chosen] += 1
        order.append(chosen)
    return tuple(order)


_INTERLEAVED = _interleave()


def draw_causes(seed: int, i: int) -> MuscleCauses:
    """Patient ``i``'s causes."""
    rng = patient_rng(SYSTEM, seed, i, CAUSES)
    z = dict(zip("abcdefghijkl", rng.standard_normal(12), strict=True))
    split = split_of(i)
    transplant = split == "transplant"
    sex = "male" if rng.random() < 0.85 else "female"
    age = float(np.clip(55.9 + 11.2 * z["a"] - 3.0 * transplant, 22, 86))
    bmi = float(np.clip(22.9 + 2.95 * z["b"], 16.0, 34.0))
    mean, sd = _HEIGHT_M[sex]
    height = float(np.clip(mean + sd * z["c"] - 0.0008 * (age - 56), 1.42, 1.92))
    burden = float(z["d"]) - 0.3 * transplant
    liver = float(z["e"]) + 1.3 * transplant
    older, heavier = age - 55.9, bmi - 22.9
    # A failing liver and a large tumour waste muscle.
    wasting = 0.35 * liver + 0.25 * burden
    return MuscleCauses(
        split=split,
        sex=sex,
        age_years=age,
        height_m=height,
        bmi=bmi,
        tumor_burden=burden,
        liver_damage=liver,
        log_muscle=float(
            _LOG_MUSCLE_MEAN[sex]
            + 0.016 * heavier
            - 0.0035 * older
            - 0.022 * wasting
            + 0.095 * z["f"]
        ),
        log_psoas=float(np.clip(_LOG_PSOAS_MEAN[sex] + 0.20 * z["g"], -0.62, 0.42)),
        lean_hu=float(
            np.clip(
                LEAN_HU_MEAN - 0.12 * older - 0.35 * heavier - 0.8 * wasting + 4.8 * z["h"], 24, 68
            )
        ),
        fat_streaks=float(
            np.clip(
                STREAKS_MEAN + 0.0014 * older + 0.003 * heavier + 0.006 * wasting + 0.055 * z["i"],
                0.005,
                0.36,
            )
        ),
        streak_scale_mm=float(np.clip(STREAK_SCALE_MEAN + 1.2 * z["j"], 2.0, 7.5)),
        asymmetry=float(np.clip(ASYMMETRY_SD * z["k"], -0.15, 0.15)),
    )
