"""CLN against its published formula, and both readings of the fusion."""

from __future__ import annotations

import itertools
import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.features.clinical_scores.cln import CLN, cln, rad_cln_d
from hccsurv_core.features.clinical_scores.values import ARGUMENTS
from hccsurv_core.simulate.immunotherapy import causes

FLAGS = ("nash", "surgery", "pvtt", "ebrt", "tace", "rfa")
NOTHING = dict.fromkeys(FLAGS, False)


def test_every_patient_has_the_formulas_value_to_the_last_digit():
    """All 256 kinds of patients, by the formula as it is printed, in decimals."""
    for d, (n, s, p, e, t, r) in itertools.product(
        range(4), itertools.product((0, 1), repeat=len(FLAGS))
    ):
        printed = (
            Decimal("0.3747") * d + Decimal("0.1593") * n - Decimal("0.1801") * s
            + Decimal("0.6732") * p - Decimal("0.8235") * e + Decimal("0.6482") * t
            - Decimal("0.4497") * r
        )  # fmt: skip
        word = ("high", "moderate", "low", "undifferentiated")[d]
        found = cln(differentiation=word, nash=n, surgery=s, pvtt=p, ebrt=e, tace=t, rfa=r)
        assert found.value == float(printed)
        assert sum(Decimal(str(term.product)) for term in found.terms) == printed
        assert found.reason is None and found.missing == ()
        for term in found.terms:
            assert term.product == pytest.approx(term.coefficient * term.value, abs=1e-12)
            assert math.copysign(1, term.product) == 1 or term.product < 0, "no minus zero"


def test_terms_are_named_and_labeled_in_the_formulas_order():
    found = cln(differentiation="low", **{**NOTHING, "ebrt": True})
    assert [term.name for term in found.terms] == ["differentiation", *FLAGS] == list(CLN.arguments)
    assert [term.label for term in found.terms] == [ARGUMENTS[n].label for n in CLN.arguments]
    assert [term.given for term in found.terms] == ["low", "no", "no", "no", "yes", "no", "no"]
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["clinical_score"] == -0.0741
    assert plain["terms"][4] == {
        "name": "ebrt", "label": "external beam radiotherapy before", "given": "yes", "value": 1,
        "coefficient": -0.8235, "product": -0.8235,
    }  # fmt: skip
    assert plain["doi"] in plain["source"]


def test_points_and_tables_zeros_and_ones_are_understood():
    word = cln(differentiation="undifferentiated", **NOTHING)
    for points in (3, 3.0, "3"):
        assert cln(differentiation=points, **dict.fromkeys(FLAGS, 0.0)) == word


def test_a_value_that_is_not_known_makes_the_score_not_known_and_is_named():
    found = cln(differentiation=math.nan, **{**NOTHING, "pvtt": None})
    assert found.value is None
    assert found.missing == ("differentiation", "pvtt")
    assert found.reason == (
        "not known, because the differentiation and the portal vein tumor thrombus are missing"
    )
    assert [t.product for t in found.terms] == [None, 0.0, 0.0, None, 0.0, 0.0, 0.0]
    assert json.loads(json.dumps(found.to_json()))["clinical_score"] is None
    assert cln().missing == CLN.arguments


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"differentiation": "well"}, "'well' is not possible; give one of high, moderate"),
        ({"differentiation": 4}, "'?4'? is not possible"),
        ({"nash": "perhaps"}, "nash: 'perhaps' is neither yes nor no"),
        ({"rfa": 2}, "rfa: 2 is neither yes nor no"),
    ],
)
def test_impossible_values_are_refused(given, says):
    with pytest.raises(InputError, match=says):
        cln(**given)


def test_the_simulated_clinic_has_the_same_coefficients_though_it_shares_no_code():
    found = cln(differentiation="moderate", **dict.fromkeys(FLAGS, True))
    assert {term.name: term.coefficient for term in found.terms} == causes.CLN


# -- the fusion ----------------------------------------------------------------------------------
def test_fusion_by_the_paper_and_by_the_authors_program():
    found = rad_cln_d(0.05, 1.6961)
    assert found.weighted_sum == pytest.approx(9.8834 * 0.05 + 0.5300 * 1.6961, abs=1e-12)
    by_code = 9.883337 * 0.05 + 0.530013 * 1.6961
    assert found.weighted_sum_by_code == pytest.approx(by_code, abs=1e-12)
    assert found.log_of_it == pytest.approx(math.log(by_code), abs=1e-12)
    # 1.39 is above 0.66, its logarithm 0.33 is not: here the two part.
    assert (found.high_risk_by_paper, found.high_risk_by_code) == (True, False)
    assert found.high_risk is True, "the paper's reading is the default"
    assert found.reason is None


def test_a_sum_that_is_not_positive_has_no_logarithm():
    found = rad_cln_d(-0.2, 0.3)
    assert found.weighted_sum < 0 and found.log_of_it is None
    assert (found.high_risk_by_paper, found.high_risk_by_code) == (False, None)
    assert "no logarithm" in found.reason
    assert rad_cln_d(0.0, 0.0).log_of_it is None


def test_the_bound_itself_is_not_high_risk():
    assert rad_cln_d(0.0, 0.66 / 0.53).weighted_sum == 0.66
    assert rad_cln_d(0.0, 0.66 / 0.53).high_risk is False
    assert rad_cln_d(0.0, 0.66 / 0.53 + 1e-9).high_risk is True


@given(st.floats(-2, 2), st.floats(-2, 4))
def test_high_risk_by_the_program_is_a_sum_above_1_935(radiology, clinical):
    found = rad_cln_d(radiology, clinical)
    if found.log_of_it is not None:
        assert found.high_risk_by_code == (found.weighted_sum_by_code > math.exp(0.66))
    if found.high_risk_by_code:
        assert found.high_risk_by_paper, "the program's bound is the higher one"


def test_the_answer_says_which_reading_is_which():
    plain = json.loads(json.dumps(rad_cln_d(0.1, 1.0).to_json()))
    assert plain["default_reading"] == "paper" and plain["cutoff"] == 0.66
    assert plain["readings"]["paper"].startswith("The paper: the weighted sum itself")
    assert "natural logarithm" in plain["readings"]["code"]


def test_without_a_clinical_score_there_is_no_fusion():
    found = rad_cln_d(0.1, None)
    assert (found.weighted_sum, found.high_risk, found.high_risk_by_code) == (None, None, None)
    assert found.reason == "not known, because the clinical score is not known"


@pytest.mark.parametrize("score", [math.nan, math.inf, "0.1", None])
def test_a_radiology_score_must_be_a_number(score):
    with pytest.raises(InputError, match="radiology score: must be a number"):
        rad_cln_d(score, 1.0)
