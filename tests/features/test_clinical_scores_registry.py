"""All scores together: what a page lists, and one patient's."""

from __future__ import annotations

import json

import pytest

from hccsurv_core.cohort.quantities import BY_KEY
from hccsurv_core.features.clinical_scores.registry import COMPUTE, DEFINITIONS, score_patient
from hccsurv_core.features.clinical_scores.values import ARGUMENTS
from hccsurv_core.simulate.treatment import staging as simulated

PATIENT = {
    "albumin_g_l": 33.0,
    "bilirubin_umol_l": 40.0,
    "inr": 1.2,
    "ascites": "none",
    "encephalopathy": "none",
    "age_years": 58.0,
    "ast_u_l": 44.0,
    "alt_u_l": 49.0,
    "platelets_10e9_l": 130.0,
    "tumor_number": 2,
    "tumor_diameter_mm": 34.0,
    "macrovascular_invasion": False,
    "extrahepatic_spread": False,
    "ecog": 0,
    "center": "north",
}


def test_every_score_has_formula_levels_and_a_source_with_its_doi():
    assert list(COMPUTE) == list(DEFINITIONS)
    for key, definition in DEFINITIONS.items():
        assert definition.key == key and definition.formula and definition.about
        assert definition.doi in definition.source
        assert len(set(definition.codes)) == len(definition.levels) >= 3
        assert set(definition.arguments) <= set(ARGUMENTS)
    plain = json.loads(json.dumps([d.to_json() for d in DEFINITIONS.values()]))
    assert plain[0]["arguments"][0] == {"name": "albumin_g_l", "label": "albumin", "unit": "g/L"}


@pytest.mark.parametrize("key", list(COMPUTE))
def test_nothing_known_gives_nothing_and_names_what_is_missing(key):
    found = COMPUTE[key]()
    assert (found.value, found.code, found.word) == (None, None, None)
    assert found.possible == found.definition.codes
    # The prothrombin time is asked for only where there is no INR, and then the INR is named.
    assert set(found.missing) == set(found.definition.arguments) - {"prothrombin_prolonged_s"}
    assert json.loads(json.dumps(found.to_json()))["reason"].startswith("not known, because")


def test_one_patient():
    found = score_patient(PATIENT)
    assert {key: score.code for key, score in found.items()} == {
        "albi": "2", "modified_albi": "2b", "child_pugh": "B", "fib4": "indeterminate",
        "bclc": "B", "cnlc": "IIa",
    }  # fmt: skip
    plain = json.loads(json.dumps(found["child_pugh"].to_json()))
    assert (plain["value"], plain["word"], plain["unit"]) == (7.0, "class B", "points")
    assert plain["parts"][0]["reason"] == "28 to 35: 2 points"


def test_recorded_child_pugh_points_stand_in_for_missing_parts_and_it_is_said():
    found = score_patient({**PATIENT, "inr": None, "ascites": None, "child_pugh_score": 11})
    assert found["child_pugh"].possible == ("B", "C")
    assert found["bclc"].code == "D"
    assert found["bclc"].notes[-1] == "Child-Pugh class C by the recorded points"


def test_parts_that_decide_go_before_the_record_and_a_difference_is_told():
    found = score_patient({**PATIENT, "child_pugh_class": "C"})
    assert found["bclc"].code == "B"
    assert found["bclc"].notes[-1] == (
        "Child-Pugh class B by its parts; the recorded class would make C"
    )


def test_possible_values_are_those_of_the_cohort_tables():
    for name, key in (
        ("albumin_g_l", "albumin"),
        ("bilirubin_umol_l", "bilirubin"),
        ("inr", "inr"),
        ("age_years", "age"),
        ("ast_u_l", "ast"),
        ("alt_u_l", "alt"),
        ("platelets_10e9_l", "platelets"),
        ("tumor_diameter_mm", "tumor_size"),
        ("child_pugh_score", "child_pugh"),
    ):
        argument, quantity = ARGUMENTS[name], BY_KEY[key]
        assert (argument.low, argument.high) == (quantity.low, quantity.high), name
        if argument.unit != "points":
            assert argument.unit == quantity.unit, name


def test_the_simulated_clinic_stages_alike_though_it_shares_no_code():
    for diameter in (20.0, 25.0, 31.0, 60.0):
        for number in (1, 2, 4):
            for invasion in (False, True):
                for ecog in (0, 1, 3):
                    for points in (6, 8, 11):
                        found = score_patient(
                            {
                                "tumor_diameter_mm": diameter,
                                "tumor_number": number,
                                "macrovascular_invasion": invasion,
                                "extrahepatic_spread": False,
                                "ecog": ecog,
                                "child_pugh_score": points,
                            }
                        )
                        expected = simulated.bclc_stage(diameter, number, invasion, ecog, points)
                        assert found["bclc"].code == expected
    for albumin in (25.0, 28.0, 35.0, 41.0):
        for bilirubin in (10.0, 34.0, 51.0, 80.0):
            for inr in (1.0, 1.7, 2.4):
                values = {
                    "albumin_g_l": albumin, "bilirubin_umol_l": bilirubin, "inr": inr,
                    "ascites": "slight", "encephalopathy": "none",
                }  # fmt: skip
                found = score_patient(values)
                points = simulated.child_pugh_score(albumin, bilirubin, inr, "slight", "none")
                assert found["child_pugh"].value == points
                score = simulated.albi_score(albumin, bilirubin)
                assert found["albi"].value == pytest.approx(score)
                assert found["albi"].code == str(simulated.albi_grade(score))
