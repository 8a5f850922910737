"""From the store to system 2: the record, and which scans and regions the lesion is measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from hccsurv_core.cohort.drawn_regions import StoredRegions
from hccsurv_core.patient import PatientFacts
from hccsurv_core.roi.regions import region_of
from hccsurv_core.simulate.treatment.demo import TREATMENT_DEMOS
from hccsurv_core.systems.patient_profile import profile_of
from hccsurv_core.systems.treatment.demo_record import demo_facts, demo_values
from hccsurv_core.systems.treatment.stored_patient import (
    find_outlines,
    lesion_phases,
    record_of_patient,
)
from hccsurv_core.volume import Volume

SHAPE = (3, 8, 8)


@dataclass(frozen=True)
class Study:
    """What is looked at of a study."""

    id: str
    phase: str | None
    study_date: str = "2024-01-01"
    shape: tuple[int, int, int] = SHAPE


def region(name: str, n: int = 2):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[1, :n, :2] = True
    return region_of(f"id {name}", name, mask)


BOTH = StoredRegions((region("Lesion"), region("Liver", 6)), revision=3)


def find(studies, regions):
    return find_outlines(studies, lambda study_id: regions.get(study_id, StoredRegions()))


def test_facts_and_values_become_one_record_without_what_is_not_known():
    facts = PatientFacts(sex="male", age_years=61.0)
    record = record_of_patient(facts, {"albumin_g_l": 40.0})
    assert record == {"sex": "male", "age_years": 61.0, "albumin_g_l": 40.0}


def test_both_phases_with_lesion_and_liver_are_complete():
    found = find([Study("a", "arterial"), Study("p", "portal_venous")], {"a": BOTH, "p": BOTH})
    assert found.complete and not found.notes
    assert found.key == (("a", 3), ("p", 3))


@pytest.mark.parametrize(
    ("studies", "regions", "lacking"),
    [
        ([], {}, ("no scan of the arterial phase", "no scan of the portal venous phase")),
        ([Study("a", "arterial")], {"a": BOTH}, ("no scan of the portal venous phase",)),
        (
            [Study("a", "arterial"), Study("p", "portal_venous")],
            {"a": BOTH, "p": StoredRegions((region("Liver"),))},
            ("no outline of the lesion in the portal venous phase",),
        ),
        (
            [Study("a", "arterial"), Study("p", "portal_venous")],
            {"a": BOTH},
            ("no outline of the lesion and liver in the portal venous phase",),
        ),
    ],
)
def test_what_is_lacking_is_said(studies, regions, lacking):
    found = find(studies, regions)
    assert found.lacking == lacking and not found.complete


def test_names_are_read_generously_and_of_several_lesions_the_largest_counts():
    drawn = StoredRegions(
        (region("HCC 1", 2), region("tumor, segment 8", 5), region(" liver "), region("Vessel", 7))
    )
    found = find([Study("a", "arterial"), Study("p", "portal_venous")], {"a": drawn, "p": BOTH})
    assert found.phases["arterial"].lesion.name == "tumor, segment 8"
    assert found.phases["arterial"].liver.name == " liver "


def test_an_empty_region_is_no_outline():
    empty = region_of("x", "Lesion", np.zeros(SHAPE, dtype=bool))
    found = find(
        [Study("a", "arterial"), Study("p", "portal_venous")],
        {"a": StoredRegions((empty, region("Liver"))), "p": BOTH},
    )
    assert found.lacking == ("no outline of the lesion in the arterial phase",)


def test_phases_of_one_day_go_together_before_newer_ones_of_two_days():
    studies = [
        Study("a2", "arterial", "2024-06-01"),
        Study("a1", "arterial", "2024-01-01"),
        Study("p1", "portal_venous", "2024-01-01"),
    ]
    found = find(studies, {"a2": BOTH, "a1": BOTH, "p1": BOTH})
    assert found.phases["arterial"].study.id == "a1" and not found.notes
    without = find([studies[0], studies[2]], {"a2": BOTH, "p1": BOTH})
    assert without.complete and without.notes == ("The two phases were scanned on different days.",)


def test_outlines_come_on_the_grid_of_their_own_phase():
    found = find([Study("a", "arterial"), Study("p", "portal_venous")], {"a": BOTH, "p": BOTH})
    volumes = {k: Volume(np.full(SHAPE, i, dtype=np.int16), np.eye(4)) for i, k in enumerate("ap")}
    arterial, portal = lesion_phases(found, volumes.__getitem__)
    assert arterial.volume is volumes["a"] and portal.volume is volumes["p"]
    assert arterial.lesion.shape == SHAPE and arterial.lesion.sum() == 4
    assert arterial.liver is not None and arterial.liver.sum() == 12


@pytest.mark.parametrize("demo", TREATMENT_DEMOS, ids=lambda d: d.key)
def test_a_demo_patients_record_can_be_stored_and_staged(demo):
    record = record_of_patient(demo_facts(demo), demo_values(demo))
    profile = profile_of(record)
    # Stages by their parts are what the simulator recorded.
    assert profile.scores["bclc"].code == demo.record()["bclc_stage"]
    assert profile.scores["child_pugh"].value == demo.record()["child_pugh_score"]
    assert profile.scores["cnlc"].code is not None
    assert profile.disagreements == ()
