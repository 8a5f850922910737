"""BCLC and CNLC: each rule on and beside its bound, edge cases, and missing findings."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.features.clinical_scores.bclc import BCLC, bclc
from hccsurv_core.features.clinical_scores.cnlc import CNLC, cnlc

EARLY = {
    "tumor_number": 1,
    "tumor_diameter_mm": 25.0,
    "macrovascular_invasion": False,
    "extrahepatic_spread": False,
    "ecog": 0,
    "child_pugh_class": "A",
}
#: Values that together reach every rule of both systems.
GRID = {
    "tumor_number": (1, 2, 3, 4),
    "tumor_diameter_mm": (20, 20.1, 30, 30.1, 50, 50.1),
    "macrovascular_invasion": (False, True),
    "extrahepatic_spread": (False, True),
    "ecog": (0, 1, 2, 3, 4),
    "child_pugh_class": ("A", "B", "C"),
}


def case(number, diameter, invasion=False, spread=False, ecog=0, liver="A"):
    return dict(zip(EARLY, (number, diameter, invasion, spread, ecog, liver), strict=True))


@pytest.mark.parametrize(
    ("values", "barcelona", "china"),
    [
        # One tumor: BCLC 0 up to 2 cm, else A at any size; CNLC Ia up to 5 cm, else Ib.
        (case(1, 19.9), "0", "Ia"),
        (case(1, 20), "0", "Ia"),
        (case(1, 20.1), "A", "Ia"),
        (case(1, 50), "A", "Ia"),
        (case(1, 50.1), "A", "Ib"),
        (case(1, 180), "A", "Ib"),
        # Two or three: A and Ib while none exceeds 3 cm.
        (case(2, 12), "A", "Ib"),
        (case(3, 30), "A", "Ib"),
        (case(2, 30.1), "B", "IIa"),
        (case(3, 80), "B", "IIa"),
        # Four or more, of any size.
        (case(4, 10), "B", "IIb"),
        (case(9, 90), "B", "IIb"),
        # Spread, whatever the tumors are.
        (case(1, 15, invasion=True), "C", "IIIa"),
        (case(1, 15, spread=True), "C", "IIIb"),
        (case(5, 90, invasion=True, spread=True), "C", "IIIb"),
        # Performance status: 1 and 2 are C in Barcelona and nothing in China.
        (case(1, 15, ecog=1), "C", "Ia"),
        (case(3, 40, ecog=2), "C", "IIa"),
        (case(1, 15, ecog=3), "D", "IV"),
        (case(1, 15, spread=True, ecog=4), "D", "IV"),
        # Liver function.
        (case(1, 15, liver="B"), "0", "Ia"),
        (case(1, 15, liver="C"), "D", "IV"),
        (case(4, 15, invasion=True, ecog=1, liver="B"), "C", "IIIa"),
    ],
)
def test_stages(values, barcelona, china):
    assert (bclc(**values).code, cnlc(**values).code) == (barcelona, china)


def independent_bclc(number, diameter, invasion, spread, ecog, liver):
    """Read off the figure of Reig 2022 from the bottom to the top."""
    if liver == "C" or ecog > 2:
        return "D"
    if invasion or spread or ecog > 0:
        return "C"
    if number == 1 and diameter <= 20:
        return "0"
    if number == 1 or (number < 4 and diameter <= 30):
        return "A"
    return "B"


def independent_cnlc(number, diameter, invasion, spread, ecog, liver):
    """Read off the guideline's figure from the left to the right."""
    if ecog <= 2 and liver in "AB":
        if spread:
            return "IIIb"
        if invasion:
            return "IIIa"
        if number >= 4:
            return "IIb"
        if number >= 2:
            return "Ib" if diameter <= 30 else "IIa"
        return "Ia" if diameter <= 50 else "Ib"
    return "IV"


def test_every_combination_agrees_with_a_second_reading_of_the_rules():
    for combination in itertools.product(*GRID.values()):
        values = dict(zip(GRID, combination, strict=True))
        assert bclc(**values).code == independent_bclc(*combination), values
        assert cnlc(**values).code == independent_cnlc(*combination), values


combinations = st.tuples(*(st.sampled_from(options) for options in GRID.values()))


@given(combinations, st.sampled_from(sorted(GRID)), st.sampled_from([(bclc, BCLC), (cnlc, CNLC)]))
def test_a_stage_never_falls_when_a_finding_gets_worse(combination, name, system):
    stage, definition = system
    values = dict(zip(GRID, combination, strict=True))
    options = GRID[name]
    for worse in options[options.index(values[name]) :]:
        place = definition.codes.index
        assert place(stage(**{**values, name: worse}).code) >= place(stage(**values).code)


@given(
    combinations,
    st.sets(st.sampled_from(sorted(GRID)), min_size=1, max_size=3),
    st.sampled_from([bclc, cnlc]),
)
def test_what_is_possible_without_findings_is_what_they_can_make(combination, names, stage):
    values = dict(zip(GRID, combination, strict=True))
    without = stage(**{**values, **dict.fromkeys(names)})
    tried = {
        stage(**{**values, **dict(zip(names, given_, strict=True))}).code
        for given_ in itertools.product(*(GRID[name] for name in names))
    }
    assert set(without.possible) == tried
    assert set(without.missing) == names
    if len(tried) > 1:
        assert (without.value, without.code) == (None, None)
    else:
        assert without.code in tried and "whatever" in without.notes[-1]


def test_a_missing_finding_is_named_and_its_stages_told():
    # Up to three tumors of 25 mm are A, more are B.
    assert bclc(**{**EARLY, "tumor_number": None}).possible == ("A", "B")
    found = bclc(**{**EARLY, "tumor_number": math.nan, "tumor_diameter_mm": 45.0})
    assert found.reason == (
        "not known, because the number of tumors is missing; "
        "stage A (early) or stage B (intermediate) is possible"
    )
    burden = found.parts[0]
    assert burden.given == "an unknown number of tumors, 45 mm"
    assert burden.reason == "could make stage A or B"


def test_nothing_known_is_nothing_said():
    found = bclc()
    assert found.code is None and found.possible == ("0", "A", "B", "C", "D")
    assert len(found.missing) == 6


def test_a_stage_that_is_decided_without_the_rest_is_given_and_says_so():
    found = cnlc(ecog=4)
    assert (found.code, found.word, found.value) == ("IV", "stage IV", 6.0)
    assert found.notes[0].startswith("stage IV whatever the number of tumors, ")


def test_a_single_large_tumor_is_early_and_says_that_others_say_b():
    found = bclc(**{**EARLY, "tumor_diameter_mm": 50.1})
    assert found.code == "A"
    assert "some centers say B" in found.notes[-1]
    assert bclc(**{**EARLY, "tumor_diameter_mm": 50}).notes == ()


def test_symptoms_of_another_illness_make_no_bclc_stage():
    assert bclc(**{**EARLY, "ecog": 1}).code == "C"
    found = bclc(**{**EARLY, "ecog": 2}, ecog_from_tumor=False)
    assert found.code == "A"
    reasons = {part.name: part.reason for part in found.parts}
    assert reasons["ecog"] == "put down to another illness, makes no stage"
    assert bclc(**{**EARLY, "ecog": 3}, ecog_from_tumor=False).code == "D"


def test_end_stage_liver_function_makes_d_unless_transplantation_is_open():
    assert bclc(**{**EARLY, "child_pugh_class": "C"}).code == "D"
    found = bclc(**{**EARLY, "child_pugh_class": "C"}, transplant_candidate=True)
    assert found.code == "A"
    assert bclc(**{**EARLY, "child_pugh_class": None}, transplant_candidate=True).code == "A"


def test_the_value_is_the_place_of_the_stage():
    assert [bclc(**case(1, d)).value for d in (10, 40)] == [0.0, 1.0]
    assert cnlc(**case(4, 10)).value == 3.0


def test_values_of_tables_are_understood():
    found = bclc(
        tumor_number=np.int64(2), tumor_diameter_mm=np.float32(25), macrovascular_invasion=0.0,
        extrahepatic_spread=np.bool_(False), ecog=0.0, child_pugh_class="B",
    )  # fmt: skip
    assert found.code == "A"
    assert found.notes == (
        "Child-Pugh B: the treatments of stages 0 to C ask for preserved liver function",
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"tumor_number": 0}, r"tumor_number: 0 is not possible, it must be 1 to 200"),
        ({"tumor_number": 1.5}, r"tumor_number: 1.5 is not a whole number"),
        ({"tumor_diameter_mm": 0}, r"tumor_diameter_mm: 0 mm .* above 0 and up to 300 mm"),
        ({"tumor_diameter_mm": 945}, r"tumor_diameter_mm: 945 mm is not possible"),
        ({"ecog": 5}, r"ecog: 5 is not possible, it must be 0 to 4"),
        ({"macrovascular_invasion": "no"}, r"macrovascular_invasion: 'no' is neither yes nor no"),
        ({"extrahepatic_spread": 2}, r"extrahepatic_spread: 2 is neither yes nor no"),
        ({"child_pugh_class": "D"}, r"child_pugh_class: 'D' is not possible; give one of A, B, C"),
    ],
)
@pytest.mark.parametrize("stage", [bclc, cnlc])
def test_impossible_findings_are_refused(stage, change, match):
    with pytest.raises(InputError, match=match):
        stage(**{**EARLY, **change})
