"""A simulated demo patient's record as the store keeps one."""

from __future__ import annotations

from typing import Any

from hccsurv_core.cohort.clinical_values import BY_NAME
from hccsurv_core.patient import PatientFacts
from hccsurv_core.simulate.treatment.demo import TreatmentDemo
from hccsurv_core.systems.case_record import checked_record
from hccsurv_core.systems.patient_profile import ALIASES

_FACTS = ("sex", "age_years", "height_m", "weight_kg")


def demo_facts(demo: TreatmentDemo) -> PatientFacts:
    """Sex, age, height and weight."""
    record = demo.record()
    return PatientFacts(**{name: record[name] for name in _FACTS})


def demo_values(demo: TreatmentDemo) -> dict[str, Any]:
    """Clinical values.

    The simulator has no metastases, and its vascular invasion is tumor in a portal branch: both
    are what staging the patient would have told.
    """
    record = demo.record()
    given = {k: v for k, v in record.items() if ALIASES.get(k, k) in BY_NAME}
    portal = "branch" if record["vascular_invasion"] else "none"
    told = {"extrahepatic_spread": False, "portal_invasion": portal}
    return checked_record({k: v for k, v in given.items() if k not in _FACTS} | told)
