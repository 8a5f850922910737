"""Stop rules and guidelines: each rule fires on its finding alone, and carries its source."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from hccsurv_core.errors import InputError
from hccsurv_core.features.clinical_scores.bclc import BCLC
from hccsurv_core.features.clinical_scores.cnlc import CNLC
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.guidelines import STATEMENTS, guideline_view
from hccsurv_core.systems.treatment.stop_rules import STOP_RULES, check_rules

#: Nothing that any rule asks for.
CLEAR = {
    "child_pugh_class": "A", "child_pugh_score": 5, "bclc_stage": "A", "cnlc_stage": "Ib",
    "ecog": 0, "extrahepatic_spread": False, "portal_invasion": "none", "bilirubin_umol_l": 14.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "rule", "barred"),
    [
        ({"child_pugh_class": "C", "child_pugh_score": None}, "child_pugh_c", set(ARMS)),
        ({"child_pugh_score": 10, "child_pugh_class": None}, "child_pugh_c", set(ARMS)),
        ({"bclc_stage": "D"}, "bclc_d", set(ARMS)),
        ({"ecog": 3}, "bclc_d", set(ARMS)),
        ({"extrahepatic_spread": True}, "extrahepatic_spread", set(ARMS)),
        ({"extrahepatic_spread": "yes"}, "extrahepatic_spread", set(ARMS)),
        ({"extrahepatic_spread": np.bool_(True)}, "extrahepatic_spread", set(ARMS)),
        ({"cnlc_stage": "IIIb"}, "extrahepatic_spread", set(ARMS)),
        ({"portal_invasion": "Main"}, "main_portal_vein", set(ARMS)),
        ({"portal_invasion": "vp4"}, "main_portal_vein", set(ARMS)),
        ({"child_pugh_score": 7, "child_pugh_class": "B"}, "child_pugh_b", {"hepatectomy"}),
        ({"bilirubin_umol_l": 51.3}, "high_bilirubin", {"tace"}),
    ],
)
def test_each_finding_bars_what_it_should(changed, rule, barred):
    assert check_rules(CLEAR).hit == () and check_rules(CLEAR).unknown == ()
    found = check_rules(CLEAR | changed)
    assert [r.name for r in found.hit] == [rule]
    assert found.barred == barred


def test_just_below_a_limit_nothing_happens():
    near = {"child_pugh_score": 6, "ecog": 2, "bilirubin_umol_l": 51.0, "portal_invasion": "branch"}
    assert check_rules(CLEAR | near).hit == ()


def test_what_is_not_known_is_told_and_not_taken_for_a_finding():
    found = check_rules({})
    assert found.hit == () and {r.name for r in found.unknown} == {r.name for r in STOP_RULES}
    some = check_rules({"child_pugh_score": 5.0, "ecog": math.nan, "bclc_stage": "B"})
    assert {r.name for r in some.unknown} == {
        "extrahepatic_spread", "main_portal_vein", "high_bilirubin"
    }  # fmt: skip


def test_a_number_that_is_none_is_refused():
    with pytest.raises(InputError, match="child_pugh_score: must be a number, got 'A5'"):
        check_rules({"child_pugh_score": "A5"})


def test_every_rule_says_what_why_and_where_from():
    assert len({r.name for r in STOP_RULES}) == len(STOP_RULES)
    for rule in STOP_RULES:
        assert rule.what and rule.why and rule.checked
        assert "doi:10." in rule.source or "National Health Commission" in rule.source
        assert set(rule.bars) <= set(ARMS) and rule.bars
        json.dumps(rule.to_json())


def test_every_stage_has_a_statement():
    for system, score in (("bclc_stage", BCLC), ("cnlc_stage", CNLC)):
        told = {stage for s in STATEMENTS if s.system == system for stage in s.stages}
        assert told == set(score.codes)
    for statement in STATEMENTS:
        assert set(statement.first) <= set(statement.open_to) <= set(ARMS)
        assert statement.says and statement.source and statement.checked


def test_one_guideline_alone_cannot_conflict():
    view = guideline_view({"cnlc_stage": "IIb"})
    assert [s.guideline for s in view.statements] == ["China 2026"]
    assert view.conflict == "" and view.open_to == set(ARMS)
    assert view.about("tace") == "TACE is a first choice of China 2026."
    assert (
        view.about("hepatectomy") == "Hepatectomy is possible, but no first choice, at this stage."
    )


def test_conflicts_are_told_not_hidden():
    view = guideline_view({"bclc_stage": "B", "cnlc_stage": "IIa"})
    assert view.conflict.startswith("Guidelines do not agree. BCLC 2022 (BCLC B): TACE for")
    assert "China 2026 (CNLC IIa): resection; TACE or ablation otherwise." in view.conflict
    assert view.open_to == set(ARMS)
    assert view.about("hepatectomy") == (
        "Hepatectomy is a first choice of China 2026 and not what BCLC 2022 would do at this stage."
    )


def test_where_guidelines_agree_nothing_is_said_of_conflict():
    assert guideline_view({"bclc_stage": "A", "cnlc_stage": "Ib"}).conflict == ""
    assert guideline_view({"bclc_stage": "D", "cnlc_stage": "IV"}).open_to == frozenset()


def test_an_advanced_stage_is_closed_unless_another_guideline_opens_it():
    assert guideline_view({"bclc_stage": "C"}).open_to == frozenset()
    # ECOG 1 makes BCLC C, and changes no CNLC stage.
    view = guideline_view({"bclc_stage": "C", "cnlc_stage": "Ia"})
    assert view.open_to == set(ARMS) and "do not agree" in view.conflict


def test_an_unknown_stage_says_nothing():
    for record in ({}, {"bclc_stage": None, "cnlc_stage": math.nan}, {"bclc_stage": "Z"}):
        view = guideline_view(record)
        assert view.statements == () and view.conflict == "" and view.about("tace") == ""
        assert view.open_to == set(ARMS)
