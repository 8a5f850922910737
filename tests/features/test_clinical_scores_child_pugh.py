"""Child-Pugh points: the table's bounds, units that differ at the edge, and missing parts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.features.clinical_scores.child_pugh import child_pugh, child_pugh_class

HEALTHY = {
    "albumin_g_l": 42.0,
    "bilirubin_umol_l": 12.0,
    "inr": 1.0,
    "ascites": "none",
    "encephalopathy": "none",
}
#: One value for 1, 2 and 3 points.
VALUES = {
    "albumin_g_l": (40.0, 30.0, 20.0),
    "bilirubin_umol_l": (10.0, 40.0, 90.0),
    "inr": (1.0, 2.0, 3.0),
    "ascites": ("none", "slight", "moderate"),
    "encephalopathy": ("none", "grade_1_2", "grade_3_4"),
}


def points_of(name: str, value: object) -> float | None:
    parts = {part.name: part for part in child_pugh(**{**HEALTHY, name: value}).parts}
    return parts[name].points


# As printed in the MSD manual and in Cleve Clin J Med: <34, 34–51, >51 µmol/L; >35, 28–35, <28 g/L;
# <1.7, 1.7–2.3, >2.3; <4, 4–6, >6 s.
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("bilirubin_umol_l", (33.9, 34.0, 51.0, 51.1)),
        ("albumin_g_l", (35.1, 35.0, 28.0, 27.9)),
        ("inr", (1.69, 1.7, 2.3, 2.31)),
    ],
)
def test_points_on_and_beside_each_bound(name, values):
    assert [points_of(name, value) for value in values] == [1, 2, 2, 3]


def test_points_of_the_prothrombin_time_where_there_is_no_inr():
    given_ = {**HEALTHY, "inr": None}
    found = [child_pugh(**given_, prothrombin_prolonged_s=s) for s in (0, 3.9, 4.0, 6.0, 6.1)]
    assert [score.value for score in found] == [5, 5, 6, 6, 7]
    assert all(score.missing == () for score in found)


def test_the_inr_counts_before_the_prothrombin_time_and_a_difference_is_told():
    found = child_pugh(**{**HEALTHY, "inr": 1.8}, prothrombin_prolonged_s=2.0)
    assert found.value == 6
    assert found.notes == (
        "by the prothrombin time clotting would have 1 point, by the INR it has 2 points",
    )
    assert child_pugh(**HEALTHY, prothrombin_prolonged_s=2.0).notes == ()


@pytest.mark.parametrize(
    ("word", "points"),
    [("none", 1), ("slight", 2), ("mild", 2), ("moderate", 3), ("severe", 3)],
)
def test_points_of_ascites(word, points):
    assert points_of("ascites", word) == points


def test_every_combination_is_the_sum_of_its_points_and_has_its_class():
    seen = set()
    for points in itertools.product((1, 2, 3), repeat=5):
        values = {n: VALUES[n][p - 1] for n, p in zip(VALUES, points, strict=True)}
        found = child_pugh(**values)
        assert found.value == sum(points)
        assert found.code == ("A" if sum(points) <= 6 else "B" if sum(points) <= 9 else "C")
        seen.add(found.value)
    assert seen == set(range(5, 16))


def test_classes_of_recorded_points():
    assert [child_pugh_class(p) for p in range(5, 16)] == list("AABBBCCCCCC")
    for wrong in (4, 16, 6.5, float("nan")):
        with pytest.raises(InputError, match="child_pugh_score"):
            child_pugh_class(wrong)


@pytest.mark.parametrize(
    ("bilirubin", "words"),
    [
        (34.1, "between 34 µmol/L and 2 mg/dL: the table in mg/dL gives 1 point"),
        (51.31, "between 51 µmol/L and 3 mg/dL: the table in mg/dL gives 2 points"),
        (3 * 17.1, "between 51 µmol/L and 3 mg/dL"),
    ],
)
def test_where_the_tables_in_the_two_units_differ_it_is_said(bilirubin, words):
    assert any(
        words in note for note in child_pugh(**{**HEALTHY, "bilirubin_umol_l": bilirubin}).notes
    )


@pytest.mark.parametrize("bilirubin", [33.9, 34.3, 51.0, 51.5])
def test_elsewhere_nothing_is_said(bilirubin):
    assert child_pugh(**{**HEALTHY, "bilirubin_umol_l": bilirubin}).notes == ()


def test_a_missing_part_leaves_the_points_unknown_and_tells_their_range():
    found = child_pugh(**{**HEALTHY, "encephalopathy": None})
    assert (found.value, found.code, found.possible) == (None, None, ("A", "B"))
    assert found.missing == ("encephalopathy",)
    assert found.notes == ("5 to 7 points, depending on the encephalopathy",)
    assert found.reason == (
        "not known, because the encephalopathy is missing; class A or class B is possible"
    )


def test_a_class_that_is_decided_without_the_missing_part_is_given():
    found = child_pugh(
        albumin_g_l=25, bilirubin_umol_l=90, ascites="moderate", encephalopathy="none"
    )
    assert (found.value, found.code, found.word) == (None, "C", "class C")
    assert found.notes == (
        "11 to 13 points, depending on the INR",
        "class C whatever the INR would be",
    )


@given(st.sampled_from(sorted(VALUES)), st.tuples(*[st.sampled_from((1, 2, 3))] * 5))
def test_what_is_possible_without_a_part_is_what_its_values_can_make(name, points):
    values = {n: VALUES[n][p - 1] for n, p in zip(VALUES, points, strict=True)}
    without = child_pugh(**{**values, name: None})
    tried = {child_pugh(**{**values, name: value}).code for value in VALUES[name]}
    assert set(without.possible) == tried
    assert without.code == (tried.pop() if len(tried) == 1 else None)


@given(
    st.floats(8, 70), st.floats(0.5, 1500), st.floats(0.5, 20),
    st.floats(0, 30), st.floats(0, 300), st.floats(0, 10),
)  # fmt: skip
def test_points_never_fall_when_a_value_gets_worse(albumin, bilirubin, inr, a, b, c):
    values = {**HEALTHY, "albumin_g_l": albumin, "bilirubin_umol_l": bilirubin, "inr": inr}
    start = child_pugh(**values).value
    for name, worse in (
        ("albumin_g_l", max(8.0, albumin - a)),
        ("bilirubin_umol_l", min(1500.0, bilirubin + b)),
        ("inr", min(20.0, inr + c)),
    ):
        assert child_pugh(**{**values, name: worse}).value >= start


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"inr": 0.1}, r"inr: 0.1 is not possible, it must be 0.5 to 20"),
        ({"ascites": "much"}, r"ascites: 'much' is not possible; give one of none, slight, mod"),
        ({"encephalopathy": 1}, r"encephalopathy: 1 is not possible; give one of none, grade_1_2"),
        ({"bilirubin_umol_l": 2000}, r"2000 µmol/L .* 0.5 to 1500 µmol/L"),
    ],
)
def test_impossible_parts_are_refused(change, match):
    with pytest.raises(InputError, match=match):
        child_pugh(**{**HEALTHY, **change})
