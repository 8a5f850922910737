"""Simulated patients at the tumor board, each with a story, and the truth that it rests on.

Made from causes, not drawn until one fits: what the record says, what the CT shows and what is
true under either treatment follow from the same fields as in the virtual cohort.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hccsurv_core.errors import NotFoundError
from hccsurv_core.simulate.treatment import hazards
from hccsurv_core.simulate.treatment.causes import TreatmentCauses
from hccsurv_core.simulate.treatment.cohort import propensity, recorded
from hccsurv_core.simulate.treatment.images import LiverScan, simulate_liver_scan
from hccsurv_core.simulate.treatment.scanner import draw_scan_settings


@dataclass(frozen=True)
class TreatmentDemo:
    """One demo patient for the choice between hepatectomy and TACE.

    Args:
        key: stable identifier.
        title: a few words for a list.
        story: what a clinician should notice, two or three sentences.
        causes: everything the patient is made of.
        seed: of shapes, textures and noise.
    """

    key: str
    title: str
    story: str
    causes: TreatmentCauses
    seed: int

    def record(self) -> dict[str, Any]:
        """The clinical values by the cohort's column names."""
        return recorded(self.causes)

    def truth(self) -> dict[str, float]:
        """What no clinic knows: propensity of TACE among training patients, and mean survival
        up to :data:`~hccsurv_core.simulate.treatment.hazards.RMST_MONTHS` months by treatment."""
        predictors = hazards.linear_predictors(self.causes)
        means = {
            f"rmst_{arm}": float(hazards.restricted_mean(arm, predictors[arm])[0])
            for arm in hazards.TREATMENTS
        }
        return {
            "propensity_tace": propensity(self.causes, "train"),
            **means,
            "rmst_difference": means["rmst_hepatectomy"] - means["rmst_tace"],
        }


_USUAL: Mapping[str, Any] = {
    "age_years": 58.0, "sex": "male", "height_m": 1.70, "weight_kg": 68.0, "center": "north",
    "hepatitis_b": True, "cirrhosis": True, "fibrosis": 0.6, "albumin_g_l": 41.0,
    "bilirubin_umol_l": 13.0, "inr": 1.05, "platelets_10e9_l": 150.0, "alt_u_l": 38.0,
    "afp_ng_ml": 85.0, "ascites": "none", "encephalopathy": "none", "ecog": 0, "diameter_mm": 60.0,
    "reported_diameter_mm": 60.0, "lesion_count": 1, "segment": "8", "central": False,
    "vascular_invasion": False, "infiltration": 0.4, "corona": 0.4, "capsule": 0.5,
    "necrosis": 0.2, "vascularity": 0.6, "washout": 0.6,
}  # fmt: skip


def _demo(key: str, title: str, story: str, seed: int, **given: Any) -> TreatmentDemo:
    return TreatmentDemo(key, title, story, TreatmentCauses(**{**_USUAL, **given}), seed)


TREATMENT_DEMOS: tuple[TreatmentDemo, ...] = (
    _demo(
        "tace_better",
        "TACE clearly better",
        "Man of 64 with cirrhosis and a borderline liver (ALBI grade 2). The tumor is bright in the "
        "arterial phase, living and encapsulated, an easy target for embolization, but the liver "
        "about it enhances early in patches: tumor cells may have left it already.",
        301,
        age_years=64.0, albumin_g_l=36.0, bilirubin_umol_l=24.0, platelets_10e9_l=104.0, inr=1.16,
        fibrosis=0.85, diameter_mm=55.0, reported_diameter_mm=55.0, lesion_count=2, central=True,
        segment="5", infiltration=0.30, corona=0.98, capsule=0.95, necrosis=0.03, vascularity=0.97,
    ),
    _demo(
        "hepatectomy_better",
        "Hepatectomy clearly better",
        "Woman of 60 with hepatitis B, a healthy liver otherwise, some complaints (ECOG 1), and one "
        "large, sharply outlined tumor that takes up little contrast and is dead in its middle: "
        "embolization would not reach it, a surgeon would.",
        302,
        age_years=60.0, sex="female", height_m=1.60, weight_kg=56.0, cirrhosis=False, fibrosis=0.1,
        albumin_g_l=44.5, bilirubin_umol_l=9.0, platelets_10e9_l=212.0, ecog=1, diameter_mm=74.0,
        reported_diameter_mm=74.0, segment="6", infiltration=0.08, corona=0.05, capsule=0.25,
        necrosis=0.42, vascularity=0.12, washout=0.75,
    ),
    _demo(
        "no_overlap",
        "Never treated both ways",
        "Man of 74 with Child-Pugh B cirrhosis, few platelets, ascites, and five tumors, the largest "
        "of 102 mm at the hilum with tumor in the portal vein. Hardly any patient like him had "
        "surgery, so no model can say what surgery would have done: no recommendation.",
        303,
        age_years=74.0, center="south", fibrosis=0.95, albumin_g_l=33.0, bilirubin_umol_l=36.0,
        inr=1.31, platelets_10e9_l=62.0, afp_ng_ml=5400.0, ascites="slight", ecog=1,
        diameter_mm=102.0, reported_diameter_mm=102.0, lesion_count=5, segment="4", central=True,
        vascular_invasion=True, infiltration=0.35, corona=0.25, capsule=0.6, necrosis=0.12,
        vascularity=0.7,
    ),
)  # fmt: skip


def treatment_demo(key: str) -> TreatmentDemo:
    """The demo patient called ``key``.

    Raises:
        NotFoundError: there is none, naming those there are.
    """
    for demo in TREATMENT_DEMOS:
        if demo.key == key:
            return demo
    known = ", ".join(demo.key for demo in TREATMENT_DEMOS)
    raise NotFoundError(f"no demo patient is called {key!r}", remedy=f"choose one of {known}")


def build_treatment_demo(key: str) -> LiverScan:
    """Draw and scan a demo patient in both phases (about a second).

    Raises:
        NotFoundError: no demo patient has this key.
    """
    demo = treatment_demo(key)
    settings = draw_scan_settings(np.random.default_rng([demo.seed, 1]), demo.causes.center)
    return simulate_liver_scan(demo.causes, settings, np.random.default_rng([demo.seed, 2]))
