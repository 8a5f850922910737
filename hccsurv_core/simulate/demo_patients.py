"""Simulated patients that show the dashboard to a newcomer, each with a story.

Every one is made from causes (build, muscle, attenuation), not fitted to any
segmentation; tests check on the true masks that the story holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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


def _demo(
    key: str, title: str, story: str, study_date: str, seed: int,
    expected: dict[str, bool | None], height_known: bool = True, **given: object,
) -> DemoPatient:  # fmt: skip
    usual = {
        "n_lumbar": 5, "rib12_mm": 110.0, "arms_down": False, "metal_hip": False, "lesion_mm": 0.0,
        "ascites_mm": 0.0,
    }  # fmt: skip
    anatomy = draw_anatomy(seed, **{**usual, **given})
    facts = anatomy.facts if height_known else replace(anatomy.facts, height_m=None)
    acquisition = draw_acquisition(seed, rows=400, slice_mm=3.0, circular_fov=False)
    return DemoPatient(key, title, story, facts, study_date, anatomy, acquisition, seed, expected)


DEMO_PATIENTS: tuple[DemoPatient, ...] = (
    _demo(
        "clear_sarcopenia",
        "Low muscle by every definition",
        "Thin woman of 74 with a hepatocellular carcinoma. Little muscle, and fatty: all five "
        "definitions call it low.",
        "2024-03-12",
        101,
        {"SMI": True, "PMA": True, "PMI": True, "PD": True, "MA": True},
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
        height_known=False,
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
        sex="female", age_years=58.0, height_m=1.63, weight_kg=60.0, muscle=0.98, psoas=1.0,
        muscle_hu=51.0, fat_streaks=0.07, phase="noncontrast",
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
