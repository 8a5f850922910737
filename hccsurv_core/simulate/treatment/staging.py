"""Liver function and stage from their parts, as the simulated clinic writes them down.

The simulator's own restatement: it shares no code with the features that are tested on it.

Sources: ALBI, Johnson et al., J Clin Oncol 2015 (grades at −2.60 and −1.39); Child-Pugh,
Pugh et al., Br J Surg 1973, with the INR of present-day tables in place of prothrombin time
and bilirubin bounds of 34 and 51 µmol/L (2 and 3 mg/dL); BCLC, Reig et al., J Hepatol 2022.
"""

from __future__ import annotations

import math

ASCITES = ("none", "slight", "moderate")
ENCEPHALOPATHY = ("none", "grade_1_2", "grade_3_4")
BCLC_STAGES = ("0", "A", "B", "C", "D")


def albi_score(albumin_g_l: float, bilirubin_umol_l: float) -> float:
    """Albumin-bilirubin score; higher is worse."""
    return 0.66 * math.log10(bilirubin_umol_l) - 0.085 * albumin_g_l


def albi_grade(score: float) -> int:
    """1 (best) to 3."""
    return 1 if score <= -2.60 else 2 if score <= -1.39 else 3


def child_pugh_score(
    albumin_g_l: float, bilirubin_umol_l: float, inr: float, ascites: str, encephalopathy: str
) -> int:
    """Five parts of 1 to 3 points: 5–6 is class A, 7–9 B, 10–15 C."""
    albumin = 1 if albumin_g_l > 35 else 2 if albumin_g_l >= 28 else 3
    bilirubin = 1 if bilirubin_umol_l < 34 else 2 if bilirubin_umol_l <= 51 else 3
    clotting = 1 if inr < 1.7 else 2 if inr <= 2.3 else 3
    return (
        albumin
        + bilirubin
        + clotting
        + 1
        + ASCITES.index(ascites)
        + 1
        + ENCEPHALOPATHY.index(encephalopathy)
    )


def child_pugh_class(score: int) -> str:
    """A, B or C."""
    return "A" if score <= 6 else "B" if score <= 9 else "C"


def bclc_stage(
    diameter_mm: float, lesion_count: int, vascular_invasion: bool, ecog: int, child_pugh: int
) -> str:
    """Barcelona Clinic Liver Cancer stage without extrahepatic spread (nobody here has it).

    A single tumor is A whatever its size; up to three are A while none exceeds 30 mm.
    Child-Pugh C stands for end-stage liver function: no one here is a transplant candidate.
    """
    if child_pugh >= 10 or ecog >= 3:
        return "D"
    if vascular_invasion or ecog >= 1:
        return "C"
    if lesion_count == 1:
        return "0" if diameter_mm <= 20 else "A"
    return "A" if lesion_count <= 3 and diameter_mm <= 30 else "B"
