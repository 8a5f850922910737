"""The causes behind a simulated abdomen: one patient's build, muscle, skeleton and disease.

Every number is drawn from a seed with plausible human spread (`draw_anatomy`) or given.
Nothing here knows about outcomes, segmentation or measurement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hccsurv_core.errors import InputError
from hccsurv_core.patient import PatientFacts

PHASES = ("noncontrast", "arterial", "portal_venous", "delayed")


@dataclass(frozen=True)
class Anatomy:
    """One simulated patient.

    Args:
        sex: "male" or "female".
        age_years, height_m, weight_kg: facts as a clinic would write them.
        frame: lateral scale of the skeleton; 1 is the average of the sex.
        waist_half_width_mm: midline to the outer fascia of the flank at mid lumbar level.
        belly_depth_mm: middle of the lumbar spine to the front of the abdominal wall.
        subcutaneous_mm: typical thickness of subcutaneous fat at the flank.
        visceral_fat: 0 (bowel fills the belly) to 1 (bowel floats in fat).
        muscle: muscle cross-section relative to a healthy adult of that sex and height.
        psoas: extra factor for the psoas alone.
        muscle_hu: attenuation of the lean muscle, unenhanced, HU.
        fat_streaks: share of muscle replaced by visible fat streaks.
        streak_scale_mm: typical width of the streaks.
        asymmetry: relative excess of the left side's muscle.
        lordosis: lumbar lordosis; 1 is average.
        scoliosis_deg: largest lateral tilt of a vertebra, degrees, signed.
        n_lumbar: lumbar vertebrae, 4 to 6.
        rib12_mm: length of the twelfth rib; 0 is absent.
        crest_shift_mm: iliac crest above (+) or below its usual level.
        vertebra_scale: size of the vertebrae; 1 is average for sex and height.
        bone_hu: trabecular bone, HU.
        calcification: 0 to 1, atheroma of the aorta.
        phase: contrast phase, one of :data:`PHASES`.
        lesion_mm: diameter of a liver tumour; 0 is none.
        ascites_mm: depth of free fluid in the flanks.
        arms_down: forearms beside the body.
        metal_hip: a prosthesis in the left hip (shows only where the hips are in view).
    """

    sex: str = "male"
    age_years: float = 60.0
    height_m: float = 1.72
    weight_kg: float = 70.0
    frame: float = 1.0
    waist_half_width_mm: float = 140.0
    belly_depth_mm: float = 105.0
    subcutaneous_mm: float = 14.0
    visceral_fat: float = 0.4
    muscle: float = 1.0
    psoas: float = 1.0
    muscle_hu: float = 52.0
    fat_streaks: float = 0.05
    streak_scale_mm: float = 4.0
    asymmetry: float = 0.0
    lordosis: float = 1.0
    scoliosis_deg: float = 0.0
    n_lumbar: int = 5
    rib12_mm: float = 110.0
    crest_shift_mm: float = 0.0
    vertebra_scale: float = 1.0
    bone_hu: float = 150.0
    calcification: float = 0.3
    phase: str = "portal_venous"
    lesion_mm: float = 0.0
    ascites_mm: float = 0.0
    arms_down: bool = False
    metal_hip: bool = False

    def __post_init__(self) -> None:
        if self.sex not in ("male", "female"):
            raise InputError(f"sex must be male or female, got {self.sex!r}", source="anatomy")
        if self.phase not in PHASES:
            raise InputError(
                f"phase must be one of {', '.join(PHASES)}, got {self.phase!r}", source="anatomy"
            )
        if self.n_lumbar not in (4, 5, 6):
            raise InputError(f"4 to 6 lumbar vertebrae, got {self.n_lumbar}", source="anatomy")

    @property
    def facts(self) -> PatientFacts:
        """What the clinic knows of this patient."""
        return PatientFacts(self.sex, self.age_years, self.height_m, self.weight_kg)

    @property
    def long_scale(self) -> float:
        """Scale along the body relative to an average man of 1.72 m."""
        return self.height_m / 1.72 * self.vertebra_scale

    @property
    def cross_scale(self) -> float:
        """Scale of the bones across the body relative to an average man."""
        size = 1.0 if self.sex == "male" else 0.92
        return size * self.frame * (self.height_m / 1.72) ** 0.3

    @property
    def muscle_scale(self) -> float:
        """Linear scale of muscle cross-sections relative to a healthy man of 1.72 m."""
        area = 1.12 * (1.0 if self.sex == "male" else 0.98) * (self.height_m / 1.72) ** 2
        area *= self.muscle
        return float(np.sqrt(area))


def draw_anatomy(seed: int, **given: object) -> Anatomy:
    """Draw a patient from ``seed``; any field of :class:`Anatomy` can be ``given`` instead.

    What depends on a given field (belly on body-mass index, muscle on age) follows it.
    The same seed gives the same remaining draws whatever is given.
    """
    rng = np.random.default_rng([seed, 11])
    u = dict(zip("abcdefghijklmnopqrstuvwxyz", rng.standard_normal(26), strict=True))
    p = rng.random(12)
    sex = str(given.get("sex", "male" if p[0] < 0.7 else "female"))
    male = sex == "male"
    age = float(given.get("age_years", np.clip(60 + 11 * u["a"], 25, 89)))  # type: ignore[arg-type]
    height = float(
        given.get("height_m", np.clip((1.72 if male else 1.60) + 0.068 * u["b"], 1.42, 1.98))  # type: ignore[arg-type]
    )
    bmi = float(np.clip(24.5 + 3.6 * u["c"] + 0.6 * max(u["c"], 0) ** 2, 16.5, 42))
    weight = float(given.get("weight_kg", bmi * height**2))  # type: ignore[arg-type]
    bmi = weight / height**2
    streaks = 0.02 + 0.0016 * (age - 30) + 0.004 * (bmi - 23) + 0.03 * u["d"]
    drawn: dict[str, object] = {
        "sex": sex,
        "age_years": round(age),
        "height_m": round(height, 2),
        "weight_kg": round(weight, 1),
        **_habitus(bmi, male, u),
        "muscle": float(
            np.clip(1.0 - 0.004 * (age - 50) + 0.012 * (bmi - 24) + 0.1 * u["e"], 0.5, 1.4)
        ),
        "psoas": float(np.clip(1 + 0.1 * u["f"], 0.7, 1.3)),
        "muscle_hu": float(np.clip(54 - 0.12 * (age - 50) - 0.5 * (bmi - 24) + 5 * u["g"], 25, 65)),
        "fat_streaks": float(np.clip(streaks, 0.0, 0.3)),
        "streak_scale_mm": float(np.clip(4 + 1.2 * u["h"], 2, 8)),
        "asymmetry": float(np.clip(0.04 * u["i"], -0.12, 0.12)),
        "frame": float(np.clip(1 + 0.04 * u["j"], 0.9, 1.12)),
        **_skeleton(age, male, u, p),
        "phase": PHASES[int(np.searchsorted((0.25, 0.45, 0.9), p[4]))],
        "lesion_mm": float(15 + 50 * p[6] ** 2) if p[5] < 0.4 else 0.0,
        "ascites_mm": float(4 + 14 * p[8]) if p[7] < 0.1 else 0.0,
        "arms_down": bool(p[9] < 0.04),
        "metal_hip": bool(p[10] < 0.03),
    }
    return replace(Anatomy(), **{**drawn, **given})  # type: ignore[arg-type]


def _habitus(bmi: float, male: bool, u: dict[str, float]) -> dict[str, object]:
    """Belly and fat that go with a body-mass index; men carry it inside, women outside."""
    excess = bmi - 23
    return {
        "waist_half_width_mm": float(
            np.clip((138 if male else 122) + 2.6 * excess + 4 * u["k"], 100, 190)
        ),
        "belly_depth_mm": float(
            np.clip((104 if male else 92) + (4.2 if male else 3.2) * excess + 7 * u["l"], 70, 190)
        ),
        "subcutaneous_mm": float(
            np.clip((11 if male else 17) + (1.3 if male else 2.0) * excess + 3 * u["m"], 2.5, 60)
        ),
        "visceral_fat": float(np.clip(0.4 + 0.04 * excess + 0.12 * u["n"], 0.02, 1.0)),
    }


def _skeleton(age: float, male: bool, u: dict[str, float], p: np.ndarray) -> dict[str, object]:
    return {
        "lordosis": float(np.clip(1 + 0.2 * u["o"], 0.5, 1.4)),
        "scoliosis_deg": float(np.clip(3 * u["q"], -9, 9)),
        "n_lumbar": 5 if p[1] < 0.92 else (4 if p[1] < 0.95 else 6),
        "rib12_mm": 0.0 if p[2] < 0.03 else float(np.clip(105 + 30 * u["r"], 15, 160)),
        "crest_shift_mm": float(np.clip(7 * u["s"], -16, 16)),
        "vertebra_scale": float(np.clip(1 + 0.035 * u["t"], 0.9, 1.1)),
        "bone_hu": float(
            np.clip(165 - 2.0 * (age - 50) - (0 if male else 8) + 25 * u["v"], 55, 260)
        ),
        "calcification": float(np.clip(0.02 * (age - 45) + 0.2 * u["w"], 0, 1)),
    }
