"""ALBI, modified ALBI and FIB-4: published formulas, bounds, and what is missing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.features.clinical_scores.albi import (
    albi,
    albi_grade,
    albi_value,
    modified_albi,
    modified_albi_grade,
)
from hccsurv_core.features.clinical_scores.fib4 import fib4

ALBUMIN, BILIRUBIN = st.floats(8, 70), st.floats(0.5, 1500)


@pytest.mark.parametrize(
    ("albumin", "bilirubin", "score", "grade", "modified"),
    [
        # By hand, 0.66 log10(bilirubin) − 0.085 albumin, with logarithms from a table.
        (40, 10, 0.66 - 3.4, "1", "1"),
        (38, 10, 0.66 - 3.23, "2", "2a"),
        (30, 100, 1.32 - 2.55, "3", "3"),
        (25, 1000, 1.98 - 2.125, "3", "3"),
        # 3.5 g/dL and 1.2 mg/dL, the example of a public calculator (−2.1, grade 2):
        # log10(20.52) = 1.31218.
        (35, 20.52, 0.66 * 1.31218 - 2.975, "2", "2b"),
    ],
)
def test_albi_is_the_published_formula(albumin, bilirubin, score, grade, modified):
    found = albi(albumin_g_l=albumin, bilirubin_umol_l=bilirubin)
    assert found.value == pytest.approx(score, abs=5e-6)
    assert (found.code, found.word) == (grade, f"grade {grade}")
    refined = modified_albi(albumin_g_l=albumin, bilirubin_umol_l=bilirubin)
    assert (refined.value, refined.code) == (found.value, modified)
    assert sum(part.points for part in found.parts) == pytest.approx(found.value)


def test_grades_end_where_they_were_published():
    # Johnson 2015: 1 up to −2.60, 2 up to −1.39. Hiraoka 2017: 2a up to −2.27.
    assert [albi_grade(s) for s in (-2.601, -2.60, -2.599, -1.39, -1.389)] == list("11223")
    assert [modified_albi_grade(s) for s in (-2.60, -2.599, -2.27, -2.269, -1.39, -1.38)] == [
        "1", "2a", "2a", "2b", "2b", "3",
    ]  # fmt: skip


def test_a_score_that_is_a_bound_on_paper_is_one_here():
    # 0.66 − 0.085 · 34.4705882… is −2.27 on paper and may miss it by one bit here.
    for bound, grade in ((-2.60, "1"), (-2.27, "2a"), (-1.39, "2b")):
        albumin = (0.66 - bound) / 0.085
        assert modified_albi(albumin_g_l=albumin, bilirubin_umol_l=10).code == grade


@given(ALBUMIN, BILIRUBIN, st.floats(0, 30), st.floats(0, 300))
def test_albi_rises_with_bilirubin_and_falls_with_albumin(albumin, bilirubin, less, more):
    start = albi(albumin_g_l=albumin, bilirubin_umol_l=bilirubin)
    lower = albi(albumin_g_l=max(8.0, albumin - less), bilirubin_umol_l=bilirubin)
    higher = albi(albumin_g_l=albumin, bilirubin_umol_l=min(1500.0, bilirubin + more))
    for worse in (lower, higher):
        assert worse.value >= start.value and worse.code >= start.code
    assert modified_albi_grade(start.value)[0] == start.code


@given(ALBUMIN, BILIRUBIN)
def test_the_bare_value_is_that_of_the_score(albumin, bilirubin):
    assert (
        albi_value(bilirubin, albumin)
        == albi(albumin_g_l=albumin, bilirubin_umol_l=bilirubin).value
    )


@pytest.mark.parametrize("bilirubin", [0.0, -3.0, math.nan])
def test_the_bare_value_is_not_known_where_bilirubin_has_no_logarithm(bilirubin):
    assert math.isnan(albi_value(bilirubin, 40.0))


def test_albi_without_a_part_is_not_guessed():
    for missing in (None, math.nan, np.float32("nan")):
        found = albi(albumin_g_l=missing, bilirubin_umol_l=12.0)
        assert (found.value, found.code, found.word) == (None, None, None)
        assert found.missing == ("albumin_g_l",)
        assert found.reason == "not known, because the albumin is missing"
        assert [part.given for part in found.parts] == ["not known", "12 µmol/L"]
    both = albi()
    assert both.reason == "not known, because the albumin and the bilirubin are missing"


@pytest.mark.parametrize(
    ("age", "ast", "alt", "platelets", "value", "code"),
    [
        # The example of a public explanation: 50 · 40 / (200 · √36) = 1.67.
        (50, 40, 36, 200, 2000 / 1200, "indeterminate"),
        (40, 20, 25, 250, 0.64, "low"),
        (60, 120, 64, 90, 10.0, "high"),
    ],
)
def test_fib4_is_the_published_formula(age, ast, alt, platelets, value, code):
    found = fib4(age_years=age, ast_u_l=ast, alt_u_l=alt, platelets_10e9_l=platelets)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert found.code == code and found.notes == ()


def test_fib4_on_and_beside_its_bounds():
    def code(value):
        # 50 · AST / (50 · √100) = AST / 10
        return fib4(age_years=50, ast_u_l=value * 10, alt_u_l=100, platelets_10e9_l=50).code

    assert [code(v) for v in (1.449, 1.45, 3.25, 3.251)] == [
        "low", "indeterminate", "indeterminate", "high",
    ]  # fmt: skip


@given(st.floats(1, 110), st.floats(1, 3e3), st.floats(1, 3e3), st.floats(1, 3e3), st.floats(1, 2))
def test_fib4_rises_with_age_and_ast_and_falls_with_platelets_and_alt(age, ast, alt, plt, factor):
    def value(a=age, s=ast, l=alt, p=plt):  # noqa: E741
        return fib4(age_years=a, ast_u_l=s, alt_u_l=l, platelets_10e9_l=p).value

    assert value(a=min(110.0, age * factor)) >= value()
    assert value(s=ast * factor) >= value()
    assert value(l=alt * factor) <= value()
    assert value(p=min(3000.0, plt * factor)) <= value()


def test_fib4_says_where_its_bounds_mislead():
    assert (
        "at 72 years" in fib4(age_years=72, ast_u_l=40, alt_u_l=36, platelets_10e9_l=200).notes[0]
    )
    found = fib4(age_years=50, ast_u_l=40)
    assert found.reason == "not known, because the ALT and the platelets are missing"


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda: albi(albumin_g_l=3.9, bilirubin_umol_l=10),
            r"albumin_g_l: 3.9 g/L is not possible, it must be 8 to 70 g/L; if it is in g/dL",
        ),
        (lambda: albi(albumin_g_l=40, bilirubin_umol_l=0), r"bilirubin_umol_l: 0 µmol/L is not"),
        (lambda: albi(albumin_g_l="40"), r"albumin_g_l: '40' is not a number"),
        (lambda: albi(albumin_g_l=True), r"albumin_g_l: True is not a number"),
        (lambda: albi(albumin_g_l=math.inf), r"albumin_g_l: inf g/L is not possible"),
        (lambda: fib4(age_years=0), r"age_years: 0 years .* above 0 and up to 110 years"),
        (lambda: fib4(alt_u_l=0), r"alt_u_l: 0 U/L is not possible"),
        (lambda: fib4(platelets_10e9_l=150_000), r"150000 10⁹/L .*; if they are per µL, divide"),
    ],
)
def test_impossible_values_are_refused_with_the_possible_range(call, match):
    with pytest.raises(InputError, match=match):
        call()
