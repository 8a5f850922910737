"""The causes behind a simulated patient who could have hepatectomy or TACE.

Everything else — laboratory values, stage, images, the treatment given, survival under either
treatment — follows from the fields of :class:`TreatmentCauses`. Shares (0 to 1) are about
uniform in the population, so that an image feature that shows a share is linear in it.

Margins other than the arms' numbers, deaths and median survival (see `hazards`) are
plausible values of our own: the source (Wei et al., Br J Hosp Med 2026, doi
10.31083/BJHM50380) was not at hand beyond these. Extent of disease is in the range of an
open cohort of resected and embolized patients (SurvivalPath, 2360 patients).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hccsurv_core.simulate.treatment.staging import (
    albi_score,
    bclc_stage,
    child_pugh_score,
)

#: Where patients are treated. Burden: mean of the latent tumor burden of those who come there.
CENTERS = ("north", "south", "east")
CENTER_BURDEN = {"north": -0.10, "south": 0.35, "east": -0.20}
#: Who is in a split: east is a stranger to training. South has more advanced disease and, in
#: training, the sharp-kernel scanner; east has that scanner and mild disease.
CENTER_SHARE = {"train": (0.60, 0.40, 0.0), "test": (0.35, 0.25, 0.40)}
SEGMENTS = ("1", "2", "3", "4", "5", "6", "7", "8")
_SEGMENT_SHARE = (0.02, 0.07, 0.09, 0.14, 0.18, 0.15, 0.15, 0.20)


@dataclass(frozen=True)
class TreatmentCauses:
    """One simulated patient before treatment.

    Args:
        age_years, sex, height_m, weight_kg: who.
        center: where; see :data:`CENTERS`.
        hepatitis_b, cirrhosis: liver disease.
        fibrosis: 0 (smooth, homogeneous liver) to 1 (nodular, shrunken right lobe).
        albumin_g_l, bilirubin_umol_l, inr, platelets_10e9_l, alt_u_l, afp_ng_ml: laboratory.
        ascites, encephalopathy: as `staging` names them.
        ecog: performance status, 0 to 2.
        diameter_mm: longest diameter of the index tumor.
        reported_diameter_mm: as the radiologist wrote it.
        lesion_count: tumors in the liver, index tumor included.
        segment, central: where the index tumor lies; central is near the hilum.
        vascular_invasion: tumor in a portal branch.
        infiltration: share, 0 expansive with a sharp edge to 1 infiltrative and heterogeneous.
        corona: share, enhancement of the liver about the tumor in the arterial phase.
        capsule: share of the circumference that has a capsule.
        necrosis: share of the tumor that does not enhance, 0 to 0.6.
        vascularity: share, how much brighter than liver in the arterial phase.
        washout: share, how much darker than liver in the portal venous phase; no effect on survival.
    """

    age_years: float
    sex: str
    height_m: float
    weight_kg: float
    center: str
    hepatitis_b: bool
    cirrhosis: bool
    fibrosis: float
    albumin_g_l: float
    bilirubin_umol_l: float
    inr: float
    platelets_10e9_l: float
    alt_u_l: float
    afp_ng_ml: float
    ascites: str
    encephalopathy: str
    ecog: int
    diameter_mm: float
    reported_diameter_mm: float
    lesion_count: int
    segment: str
    central: bool
    vascular_invasion: bool
    infiltration: float
    corona: float
    capsule: float
    necrosis: float
    vascularity: float
    washout: float

    @property
    def albi(self) -> float:
        """Albumin-bilirubin score."""
        return albi_score(self.albumin_g_l, self.bilirubin_umol_l)

    @property
    def child_pugh(self) -> int:
        """Child-Pugh points."""
        return child_pugh_score(
            self.albumin_g_l, self.bilirubin_umol_l, self.inr, self.ascites, self.encephalopathy
        )

    @property
    def bclc(self) -> str:
        """BCLC stage from what is reported."""
        return bclc_stage(
            self.reported_diameter_mm,
            self.lesion_count,
            self.vascular_invasion,
            self.ecog,
            self.child_pugh,
        )


def draw_center(rng: np.random.Generator, split: str) -> str:
    """A center for a patient of ``split`` ("train" or "test")."""
    return CENTERS[int(np.searchsorted(np.cumsum(CENTER_SHARE[split]), rng.random()))]


def draw_causes(rng: np.random.Generator, center: str) -> TreatmentCauses:
    """Draw one candidate whom either treatment could be offered to (Child-Pugh A or B)."""
    while True:
        causes = _draw(rng, center)
        if causes.child_pugh <= 9:
            return causes


def _draw(rng: np.random.Generator, center: str) -> TreatmentCauses:
    z = rng.standard_normal(24)
    p = rng.random(10)
    male = p[0] < 0.84
    height = float(np.clip((1.69 if male else 1.58) + 0.06 * z[0], 1.42, 1.95))
    bmi = float(np.clip(23.2 + 3.0 * z[1], 16.5, 36))
    fields: dict[str, object] = {
        "age_years": float(round(np.clip(57 + 10.5 * z[2], 24, 84))),
        "sex": "male" if male else "female",
        "height_m": round(height, 2),
        "weight_kg": round(bmi * height**2, 1),
        "center": center,
    }
    burden = CENTER_BURDEN[center] + z[3]
    fields |= _liver(z[4:10], p[1:5])
    fields |= _tumor(burden, z[10:20], p[5:9], rng)
    ecog = 0.25 * burden + z[20]
    fields["ecog"] = 0 if ecog < 1.05 else 1 if ecog < 2.2 else 2
    return TreatmentCauses(**fields)  # type: ignore[arg-type]


def share(z: float) -> float:
    """A standard normal score as a share of about uniform distribution."""
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def _liver(z: np.ndarray, p: np.ndarray) -> dict[str, object]:
    """Liver disease: one latent severity behind cirrhosis, laboratory values and ascites."""
    hepatitis_b = p[0] < 0.82
    severity = z[0]
    scarring = 0.65 * severity + 0.76 * z[1] + (0.2 if hepatitis_b else -0.4)
    cirrhosis = scarring > -0.25
    ascites = severity + 0.7 * z[2] + 0.4 * cirrhosis
    albumin = float(np.clip(40.3 - 3.4 * severity + 2.6 * z[3], 22, 52))
    bilirubin = float(np.clip(math.exp(math.log(14.5) + 0.36 * severity + 0.33 * z[4]), 3, 120))
    inr = float(np.clip(1.06 + 0.06 * severity + 0.05 * z[5], 0.85, 2.2))
    return {
        "hepatitis_b": bool(hepatitis_b),
        "cirrhosis": bool(cirrhosis),
        "fibrosis": share(scarring / 1.02),
        "albumin_g_l": round(albumin, 1),
        "bilirubin_umol_l": round(bilirubin, 1),
        "inr": round(inr, 2),
        "platelets_10e9_l": float(round(np.clip(172 - 46 * scarring + 38 * z[2], 28, 480))),
        "alt_u_l": float(round(np.clip(math.exp(3.6 + 0.2 * severity + 0.5 * z[5]), 6, 600))),
        "ascites": "moderate" if ascites > 2.65 else "slight" if ascites > 1.85 else "none",
        "encephalopathy": "grade_1_2" if severity > 2.0 and p[1] < 0.25 else "none",
    }


def _tumor(
    burden: float, z: np.ndarray, p: np.ndarray, rng: np.random.Generator
) -> dict[str, object]:
    """Extent and make-up of the tumor; the shares are correlated as biology has it."""
    infiltration = 0.35 * burden + 0.94 * z[0]
    corona = 0.40 * infiltration + 0.92 * z[1]
    capsule = -0.35 * infiltration + 0.94 * z[2]
    necrosis = 0.40 * burden + 0.15 * infiltration + 0.90 * z[3]
    vascularity = -0.20 * infiltration - 0.15 * necrosis + 0.96 * z[4]
    diameter = float(np.clip(math.exp(math.log(58) + 0.40 * burden + 0.34 * z[5]), 14.0, 150.0))
    more = rng.poisson(math.exp(-0.95 + 0.45 * burden + 0.25 * infiltration))
    invasion = 0.6 * burden + 0.45 * infiltration + z[6]
    afp = math.exp(4.0 + 0.7 * burden + 0.6 * infiltration + 2.0 * z[7])
    return {
        "diameter_mm": round(diameter, 1),
        "reported_diameter_mm": float(max(8, round(diameter * (1 + 0.03 * z[8])))),
        "lesion_count": 1 + min(int(more), 6),
        "segment": SEGMENTS[int(np.searchsorted(np.cumsum(_SEGMENT_SHARE), p[0] * 0.999))],
        "central": bool(p[1] < 0.30 + 0.06 * np.clip(burden, -2, 2)),
        "vascular_invasion": bool(invasion > 1.75),
        "afp_ng_ml": round(float(np.clip(afp, 0.8, 121000)), 1),
        "infiltration": share(infiltration / 1.003),
        "corona": share(corona),
        "capsule": share(capsule),
        "necrosis": 0.6 * share(necrosis),
        "vascularity": share(vascularity),
        "washout": share(z[9]),
    }
