"""A simulated demo patient of system 4 as the store keeps one: facts and clinical values."""

from __future__ import annotations

from typing import Any

from hccsurv_core.cohort.clinical_values import BY_NAME
from hccsurv_core.patient import PatientFacts
from hccsurv_core.simulate.immunotherapy.demo import FollowupDemo
from hccsurv_core.systems.case_record import checked_record


def demo_facts(demo: FollowupDemo) -> PatientFacts:
    """Sex and age."""
    record = demo.record()
    return PatientFacts(sex=record["sex"], age_years=record["age_years"])


def demo_values(demo: FollowupDemo) -> dict[str, Any]:
    """Clinical values, the seven of the clinical score among them; what was lost is not known."""
    return checked_record({k: v for k, v in demo.record().items() if k in BY_NAME})
