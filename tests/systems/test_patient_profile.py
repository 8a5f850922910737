"""A patient's record under one set of names, the scores that follow, and what models take of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.systems.covariates import covariate_values
from hccsurv_core.systems.patient_profile import profile_of
from hccsurv_core.systems.treatment.covariates import (
    BY_NAME,
    CLINICAL_COVARIATES,
    clinical_covariates,
)

FULL = {
    "age_years": 61.0, "ecog": 0.0, "albumin_g_l": 38.0, "bilirubin_umol_l": 15.0, "inr": 1.1,
    "ascites": "none", "encephalopathy": "none", "platelets_10e9_l": 140.0, "afp_ng_ml": 250.0,
    "tumor_diameter_mm": 43.0, "lesion_count": 2.0, "tumor_location": "central",
    "vascular_invasion": 0.0, "cirrhosis": 1.0, "extrahepatic_spread": 0.0,
}  # fmt: skip


def test_a_cohort_s_own_names_become_those_of_the_form():
    record = profile_of(FULL).record
    assert record["tumor_number"] == 2.0
    assert record["macrovascular_invasion"] is False
    assert record["cirrhosis"] is True
    assert "lesion_count" not in record


def test_scores_and_stages_follow_from_their_parts():
    profile = profile_of(FULL)
    # 0.66 · log10(15) − 0.085 · 38 (Johnson 2015).
    assert profile.scores["albi"].value == pytest.approx(0.66 * math.log10(15) - 0.085 * 38)
    facts = profile.facts
    assert (facts["child_pugh_score"], facts["child_pugh_class"]) == (5, "A")
    # Two tumors, one over 3 cm: BCLC B (Reig 2022).
    assert facts["bclc_stage"] == "B"


def test_what_the_parts_decide_goes_before_what_was_recorded_and_is_told():
    profile = profile_of({**FULL, "bclc_stage": "A", "child_pugh_score": 7})
    assert profile.facts["bclc_stage"] == "B"
    assert profile.facts["child_pugh_score"] == 5
    told = " ".join(profile.disagreements)
    assert "B by its parts, but A was recorded" in told
    assert "5 points by its parts, but 7 were recorded" in told


def test_a_recorded_stage_stands_where_the_parts_are_not_known():
    profile = profile_of({"bclc_stage": "C", "child_pugh_score": 6})
    assert profile.facts["bclc_stage"] == "C"
    assert profile.facts["child_pugh_score"] == 6
    assert profile.facts["child_pugh_class"] == "A"
    assert profile.disagreements == ()


@pytest.mark.parametrize("missing", [None, math.nan, ""])
def test_what_is_missing_is_absent(missing):
    profile = profile_of({**FULL, "albumin_g_l": missing})
    assert "albumin_g_l" not in profile.record
    assert profile.scores["albi"].value is None
    assert math.isnan(BY_NAME["albi"].value(profile))


def test_tumor_in_the_portal_vein_is_macrovascular_invasion():
    assert profile_of({"portal_invasion": "branch"}).record["macrovascular_invasion"] is True
    assert "macrovascular_invasion" not in profile_of({"portal_invasion": "none"}).record


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"cirrhosis": "perhaps"}, "cirrhosis: 'perhaps' is neither yes nor no"),
        ({"ecog": 1.5}, "ecog: 1.5 is not a whole number"),
        ({"ecog": "x"}, "ecog: 'x' is no whole number"),
        ({"albumin_g_l": 3.8}, "albumin_g_l: .*multiply by 10"),
    ],
)
def test_impossible_values_are_named(row, message):
    with pytest.raises(InputError, match=message):
        profile_of(row)


def test_covariates_are_what_the_paper_and_the_choice_rest_on_in_their_own_units():
    values = covariate_values(profile_of(FULL), CLINICAL_COVARIATES)
    assert values["tumor_diameter_mm"] == pytest.approx(math.log(43))
    assert values["tumor_number"] == 1.0  # log2 of two
    assert values["afp_ng_ml"] == pytest.approx(math.log10(250))
    assert values["central"] == 1.0
    assert values["child_pugh_score"] == 5
    assert BY_NAME["tumor_diameter_mm"].text(math.log(43)) == "43 mm"
    assert BY_NAME["cirrhosis"].text(1.0) == "yes"
    assert all(c.reason for c in CLINICAL_COVARIATES)


@given(st.floats(0, 1))
def test_afp_below_what_assays_tell_apart_is_one(afp):
    assert BY_NAME["afp_ng_ml"].value(profile_of({"afp_ng_ml": afp})) == 0.0


def test_a_covariate_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"no covariate is called 'weight'.*albi"):
        clinical_covariates(["weight"])


@pytest.mark.parametrize(
    ("given", "stage"), [(0.0, "0"), (0, "0"), ("0", "0"), ("A", "A"), (" B ", "B")]
)
def test_the_very_early_stage_is_called_0_whether_text_or_number(given, stage):
    assert profile_of({"bclc_stage": given}).facts["bclc_stage"] == stage


def test_a_stage_that_only_spread_leaves_open_is_taken_as_without_and_it_is_said():
    """As the rules do, which take spread that nobody mentions as absent."""
    left = {k: v for k, v in FULL.items() if k != "extrahepatic_spread"}
    profile = profile_of({**left, "vascular_invasion": 1.0, "bclc_stage": "C"})
    assert profile.scores["cnlc"].code is None
    assert profile.facts["cnlc_stage"] == "IIIa"
    assert any("CNLC stage IIIa if there is no extrahepatic spread" in t for t in profile.assumed)
    # What was recorded is not guessed over.
    assert not any("BCLC" in text for text in profile.assumed)
    known = profile_of({**FULL, "vascular_invasion": 1.0})
    assert known.facts["cnlc_stage"] == "IIIa"
    assert known.assumed == ()
    # Without a number of tumors nothing can be said.
    assert "cnlc_stage" not in profile_of({"ecog": 0}).facts
