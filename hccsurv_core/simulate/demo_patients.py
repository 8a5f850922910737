"""Simulated patients that show the dashboard to a newcomer, each with a story.

Every one is made from causes (build, muscle, attenuation), not fitted to any
segmentation; tests check on the true masks that the story holds. Laboratory
values and staging are drawn from the same body and two more causes, the tumor's
burden and the liver's damage, as in the simulated muscle cohort.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from hccsurv_core.errors import NotFoundError
from hccsurv_core.patient import PatientFacts
from hccsurv_core.progress import Progress, silent
from hccsurv_core.simulate.phantom.abdomen import SimulatedScan, simulate_abdomen
from hccsurv_core.simulate.phantom.acquisition import Acquisition, draw_acquisition
from hccsurv_core.simulate.phantom.anatomy import Anatomy, draw_anatomy


@dataclass(frozen=True)
class DemoPatient:
    """One demo patient.

    Args:
        key: stable identifier.
        title: a few words for a list.
        story: what a clinician should notice, one or two sentences.
        facts: what the record holds; None is not known.
        study_date: ISO date.
        anatomy, acquisition, seed: what the scan is made of.
        tumor_burden, liver_damage: causes of the laboratory values, standard normal in the
            simulated cohort; higher is worse.
        not_recorded: clinical values that the record lacks.
        expected: definition (SMI, PMA, PMI, PD, MA) to the true verdict; None where the
            record lacks what the definition needs; left out where it is a close call.
    """

    key: str
    title: str
    story: str
    facts: PatientFacts
    study_date: str
    anatomy: Anatomy
    acquisition: Acquisition
    seed: int
    expected: dict[str, bool | None] = field(default_factory=dict)
    tumor_burden: float = 0.0
    liver_damage: float = 0.0
    not_recorded: tuple[str, ...] = ()

    def clinical_values(self) -> dict[str, float | bool | str]:
        """What the record holds besides the scan: column of the muscle cohort to value.

        Drawn as for a patient of the simulated cohort before hepatectomy; what the scan shows
        (the tumor's size, no ascites) is as the scan shows it.
        """
        from hccsurv_core.simulate.muscle.clinical import (
            bclc_stage,
            child_pugh_score,
            draw_clinical,
        )

        drawn: dict[str, Any] = draw_clinical(self._causes(), self.seed, 0)
        drawn["ascites"] = "none"
        if self.anatomy.lesion_mm:
            drawn["tumor_diameter_mm"] = round(self.anatomy.lesion_mm)
        drawn["child_pugh_score"] = child_pugh_score(drawn)
        drawn["bclc_stage"] = bclc_stage(drawn)
        drawn["treatment"] = "hepatectomy"
        facts = ("age_years", "sex", "height_m", "weight_kg")
        left_out = (*facts, *self.not_recorded)
        return {
            name: float(value) if isinstance(value, float) else value
            for name, value in drawn.items()
            if name not in left_out
        }

    def _causes(self) -> Any:
        from hccsurv_core.simulate.muscle.causes import MuscleCauses

        body = self.anatomy
        return MuscleCauses(
            split="internal",
            sex=body.sex,
            age_years=body.age_years,
            height_m=body.height_m,
            bmi=body.weight_kg / body.height_m**2,
            tumor_burden=self.tumor_burden,
            liver_damage=self.liver_damage,
            log_muscle=math.log(body.muscle),
            log_psoas=math.log(body.psoas),
            lean_hu=body.muscle_hu,
            fat_streaks=body.fat_streaks,
            streak_scale_mm=body.streak_scale_mm,
            asymmetry=body.asymmetry,
        )


def _demo(
    key: str, title: str, story: str, study_date: str, seed: int,
    expected: dict[str, bool | None], causes: tuple[float, float], height_known: bool = True,
    not_recorded: tuple[str, ...] = (), **given: object,
) -> DemoPatient:  # fmt: skip
    """``causes`` are the tumor's burden and the liver's damage; ``given`` is the anatomy's."""
    usual = {
        "n_lumbar": 5, "rib12_mm": 110.0, "arms_down": False, "metal_hip": False, "lesion_mm": 0.0,
        "ascites_mm": 0.0,
    }  # fmt: skip
    anatomy = draw_anatomy(seed, **{**usual, **given})
    facts = anatomy.facts if height_known else replace(anatomy.facts, height_m=None)
    acquisition = draw_acquisition(seed, rows=400, slice_mm=3.0, circular_fov=False)
    return DemoPatient(
        key, title, story, facts, study_date, anatomy, acquisition, seed, expected, *causes,
        not_recorded,
    )  # fmt: skip


DEMO_PATIENTS: tuple[DemoPatient, ...] = (
    _demo(
        "clear_sarcopenia",
        "Low muscle by every definition",
        "Thin woman of 74 with a hepatocellular carcinoma. Little muscle, and fatty: all five "
        "definitions call it low.",
        "2024-03-12",
        101,
        {"SMI": True, "PMA": True, "PMI": True, "PD": True, "MA": True},
        (0.2, 0.8),
        sex="female", age_years=74.0, height_m=1.60, weight_kg=47.0, muscle=0.88, psoas=0.66,
        muscle_hu=24.0, fat_streaks=0.14, phase="portal_venous", lesion_mm=32.0, bone_hu=95.0,
    ),
    _demo(
        "definitions_disagree",
        "Enough muscle, but fatty",
        "Obese man of 62. The area of muscle is normal, its attenuation is low: the area "
        "definitions say no, the attenuation definitions say yes.",
        "2024-05-21",
        102,
        {"SMI": False, "PMA": False, "PMI": False, "PD": True, "MA": True},
        (-0.2, -0.2),
        sex="male", age_years=62.0, height_m=1.74, weight_kg=103.0, muscle=1.14, psoas=1.08,
        muscle_hu=18.0, fat_streaks=0.13, phase="portal_venous", lesion_mm=45.0,
    ),
    _demo(
        "not_sarcopenic",
        "Well-muscled",
        "Man of 48 in good condition: none of the five definitions is met.",
        "2024-02-06",
        103,
        {"SMI": False, "PMA": False, "PMI": False, "PD": False, "MA": False},
        (-0.8, -0.9),
        sex="male", age_years=48.0, height_m=1.78, weight_kg=80.0, muscle=1.1, psoas=1.1,
        muscle_hu=57.0, fat_streaks=0.02, phase="portal_venous", lesion_mm=24.0,
    ),
    _demo(
        "height_missing",
        "Height not recorded",
        "Man of 66 whose record lacks the height: SMI and PMI are not known until someone "
        "enters it. The other definitions do not need it.",
        "2024-06-18",
        104,
        {"SMI": None, "PMA": True, "PMI": None, "PD": False, "MA": True},
        (0.1, 0.3),
        height_known=False,
        not_recorded=("inr", "child_pugh_score", "microvascular_invasion"),
        sex="male", age_years=66.0, height_m=1.71, weight_kg=64.0, muscle=0.9, psoas=0.74,
        muscle_hu=40.0, fat_streaks=0.06, phase="portal_venous", lesion_mm=38.0,
    ),
    _demo(
        "borderline",
        "Close to the cut-offs",
        "Woman of 58 whose muscle index, psoas area and muscle attenuation lie within a few percent "
        "of their cut-offs: a slice up or down, or a corrected outline, may turn a verdict.",
        "2024-04-09",
        105,
        {},
        (-0.4, 0.0),
        sex="female", age_years=58.0, height_m=1.63, weight_kg=60.0, muscle=0.98, psoas=1.0,
        muscle_hu=51.0, fat_streaks=0.07, phase="noncontrast",
    ),
    _demo(
        "streaky_muscle",
        "Coarsely streaked muscle",
        "Man of 57, plain CT before a hepatectomy. None of the five definitions is met; what sets "
        "his muscle apart is its texture, coarse streaks of fat.",
        "2024-07-02",
        106,
        {"SMI": False, "PMA": False, "PMI": False, "PD": False, "MA": False},
        (0.4, 0.2),
        sex="male", age_years=57.0, height_m=1.70, weight_kg=67.0, muscle=1.36, psoas=0.92,
        muscle_hu=56.0, fat_streaks=0.25, streak_scale_mm=5.8, phase="noncontrast", lesion_mm=48.0,
    ),
)  # fmt: skip


def demo_patient(key: str) -> DemoPatient:
    """The demo patient called ``key``.

    Raises:
        NotFoundError: there is none, naming those there are.
    """
    for patient in DEMO_PATIENTS:
        if patient.key == key:
            return patient
    known = ", ".join(p.key for p in DEMO_PATIENTS)
    raise NotFoundError(f"no demo patient is called {key!r}", remedy=f"choose one of {known}")


def build_demo_patient(
    key: str, progress: Progress = silent, rows: int | None = None
) -> SimulatedScan:
    """Draw and scan a demo patient (seconds); ``rows`` makes a smaller image for tests.

    Raises:
        NotFoundError: no demo patient has this key.
    """
    patient = demo_patient(key)
    acquisition = patient.acquisition if rows is None else replace(patient.acquisition, rows=rows)
    scan = simulate_abdomen(patient.anatomy, acquisition, patient.seed, progress)
    return replace(scan, facts=patient.facts)
