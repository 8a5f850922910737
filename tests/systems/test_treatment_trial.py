"""Trying values: which can be tried, that scores and stages follow, and that nothing else moves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.systems.patient_profile import profile_of
from hccsurv_core.systems.treatment.covariates import CLINICAL_COVARIATES
from hccsurv_core.systems.treatment.ranges import TrainingRanges
from hccsurv_core.systems.treatment.trial import (
    VESSELS,
    sign_trials,
    trial_values,
    tried_profile,
    values_to_ask,
)

RECORD = {
    "age_years": 61.0, "albumin_g_l": 41.3, "bilirubin_umol_l": 14.0, "inr": 1.07,
    "ascites": "none", "encephalopathy": "none", "cirrhosis": True, "platelets_10e9_l": 163.0,
    "tumor_diameter_mm": 57.0, "tumor_number": 2.0, "tumor_location": "central",
    "portal_invasion": "none", "macrovascular_invasion": False, "afp_ng_ml": 85.0,
    "extrahepatic_spread": False, "ecog": "0",
}  # fmt: skip


def by_name(record):
    return {v.name: v for v in trial_values(CLINICAL_COVARIATES, profile_of(record))}


def test_every_value_starts_at_the_patients_own():
    values = by_name(RECORD)
    for name, value in values.items():
        if name != VESSELS:
            assert value.known == RECORD[name], name
        if value.kind == "number":
            assert value.low <= value.known <= value.high
        if value.kind == "steps":
            assert value.known in value.steps and list(value.steps) == sorted(value.steps)
    assert values[VESSELS].known == "none"
    assert values["albumin_g_l"].title == "Albumin (g/L)"


def test_a_value_beyond_the_slider_widens_it():
    values = by_name({**RECORD, "bilirubin_umol_l": 260.0, "age_years": 16.0})
    assert values["bilirubin_umol_l"].high == 260.0 and values["age_years"].low == 16.0


def test_the_parts_of_child_pugh_are_tried_where_they_are_known_else_the_sum():
    assert "child_pugh_score" not in by_name(RECORD) and "inr" in by_name(RECORD)
    without = {k: v for k, v in RECORD.items() if k != "inr"} | {"child_pugh_score": 6.0}
    assert by_name(without)["child_pugh_score"].known == 6.0 and "inr" not in by_name(without)


def test_only_what_the_models_stages_and_rules_look_at_is_offered():
    few = tuple(c for c in CLINICAL_COVARIATES if c.name in ("tumor_diameter_mm", "age_years"))
    names = {v.name for v in trial_values(few, profile_of(RECORD))}
    assert "afp_ng_ml" not in names and "platelets_10e9_l" not in names
    assert {"tumor_diameter_mm", "age_years", "extrahepatic_spread", "ecog", VESSELS} <= names


def test_nothing_moved_is_the_same_patient():
    profile = profile_of(RECORD)
    assert tried_profile(profile, {}) is profile


def test_albumin_moves_albi_by_its_formula_and_child_pugh_by_its_points():
    profile = profile_of(RECORD)
    tried = tried_profile(profile, {"albumin_g_l": 27.0})
    # ALBI = 0.66 log10(bilirubin) - 0.085 albumin (Johnson 2015); below 28 g/L are 3 points.
    assert tried.scores["albi"].value == pytest.approx(0.66 * math.log10(14.0) - 0.085 * 27.0)
    assert profile.facts["child_pugh_score"] == 5 and tried.facts["child_pugh_score"] == 7
    assert tried.facts["child_pugh_class"] == "B"
    assert profile.record["albumin_g_l"] == 41.3


def test_a_recorded_sum_or_stage_does_not_outlive_its_parts():
    profile = profile_of({**RECORD, "child_pugh_score": 5.0, "bclc_stage": "A"})
    tried = tried_profile(profile, {"albumin_g_l": 27.0, "tumor_number": 4.0})
    assert tried.facts["child_pugh_score"] == 7 and tried.facts["bclc_stage"] == "B"
    assert tried.disagreements == ()


def test_a_recorded_stage_stays_where_its_parts_do_not_decide_it():
    record = {"bclc_stage": "B", "tumor_diameter_mm": 57.0}
    tried = tried_profile(profile_of(record), {"tumor_diameter_mm": 90.0})
    assert tried.facts["bclc_stage"] == "B"


@pytest.mark.parametrize(
    ("level", "portal", "invaded", "bclc"),
    [("none", "none", False, "B"), ("branch", "branch", True, "C"), ("main", "main", True, "C")],
)
def test_vessels_are_one_thing_said_once(level, portal, invaded, bclc):
    start = {
        **RECORD,
        "portal_invasion": "branch",
        "macrovascular_invasion": True,
        "tumor_number": 4.0,
    }
    tried = tried_profile(profile_of(start), {VESSELS: level})
    assert tried.record["portal_invasion"] == portal
    assert tried.record["macrovascular_invasion"] is invaded
    assert tried.facts["bclc_stage"] == bclc


def test_large_vessels_other_than_the_portal_vein_count():
    record = {**RECORD, "portal_invasion": "none", "macrovascular_invasion": True}
    assert by_name(record)[VESSELS].known == "branch"
    unknown = {k: v for k, v in RECORD.items() if "invasion" not in k}
    assert by_name(unknown)[VESSELS].known is None


def test_a_value_can_be_made_unknown():
    tried = tried_profile(profile_of(RECORD), {"cirrhosis": None, VESSELS: None})
    assert "cirrhosis" not in tried.record and "macrovascular_invasion" not in tried.record


def test_an_impossible_value_is_refused_by_name():
    with pytest.raises(InputError, match="not possible"):
        tried_profile(profile_of(RECORD), {"albumin_g_l": 4.0})


def test_what_is_asked_for_is_what_the_models_and_stages_lack():
    assert values_to_ask(CLINICAL_COVARIATES, profile_of(RECORD)) == ()
    asked = values_to_ask(CLINICAL_COVARIATES, profile_of({"age_years": 60.0}))
    assert {"albumin_g_l", "bilirubin_umol_l", "tumor_diameter_mm", "child_pugh_score"} <= set(
        asked
    )
    assert "extrahepatic_spread" in asked and "age_years" not in asked
    few = tuple(c for c in CLINICAL_COVARIATES if c.name == "afp_ng_ml")
    staged = {"bclc_stage": "A", "child_pugh_score": 5.0}
    assert values_to_ask(few, profile_of(staged)) == ("afp_ng_ml",)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("albumin_g_l", 38.5, "38.5 g/L"), ("cirrhosis", False, "no"), ("ecog", "2", "2"),
     (VESSELS, "main", "portal trunk"), ("afp_ng_ml", 20000.0, "20,000 ng/mL"), ("inr", None, "not known")],
)  # fmt: skip
def test_values_are_told_with_their_units(name, value, text):
    assert by_name(RECORD)[name].text(value) == text


# -- signs of the lesion -----------------------------------------------------------------------
RANGES = TrainingRanges(
    ("sign.size", "sign.share"),
    np.array([[20.0, 0.1], [35.0, 0.0]]),
    np.array([[110.0, 0.8], [140.0, 0.7]]),
    np.array([25.0, 0.2]),
)
DESCRIBED = [
    {"name": "sign.share", "label": "Capsule", "unit": ""},
    {"name": "sign.size", "label": "Diameter", "unit": "mm"},
]


def test_signs_go_from_end_to_end_of_both_arms_and_start_where_they_were_measured():
    share, size = sign_trials(DESCRIBED, RANGES, {"sign.size": 57.3, "sign.share": 0.42})
    assert (size.low, size.high, size.known, size.step) == (20.0, 140.0, 57.3, 1.0)
    assert share.low == 0.0 and share.high == pytest.approx(0.8) and share.step == 0.01
    assert size.title == "Diameter (mm)" and size.text(57.345) == "57.3 mm"


def test_a_sign_beyond_the_training_patients_widens_its_slider():
    (size,) = sign_trials(DESCRIBED[1:], RANGES, {"sign.size": 171.0})
    assert size.high == 171.0


def test_a_sign_that_was_not_measured_cannot_be_tried():
    assert sign_trials(DESCRIBED, RANGES, {"sign.size": math.nan}) == ()
