"""The simulated clinic stages patients by the published definitions."""

from __future__ import annotations

import pytest

from hccsurv_core.simulate.treatment.staging import (
    albi_grade,
    albi_score,
    bclc_stage,
    child_pugh_class,
    child_pugh_score,
)


@pytest.mark.parametrize(
    ("albumin", "bilirubin", "score", "grade"),
    [
        # By hand from Johnson et al. 2015: 0.66 log10(bilirubin µmol/L) − 0.085 albumin g/L.
        (40.0, 10.0, -2.74, 1),
        (35.0, 17.0, -2.162904, 2),
        (25.0, 60.0, -0.951420, 3),
    ],
)
def test_albi(albumin: float, bilirubin: float, score: float, grade: int) -> None:
    assert albi_score(albumin, bilirubin) == pytest.approx(score, abs=5e-6)
    assert albi_grade(albi_score(albumin, bilirubin)) == grade


def test_albi_grades_end_where_they_were_published() -> None:
    assert [albi_grade(s) for s in (-2.60, -2.599, -1.39, -1.389)] == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("values", "score", "letter"),
    [
        ((41.0, 12.0, 1.0, "none", "none"), 5, "A"),
        ((35.0, 33.9, 1.69, "none", "none"), 6, "A"),
        ((28.0, 34.0, 1.7, "none", "none"), 8, "B"),
        ((27.9, 51.0, 2.3, "slight", "none"), 10, "C"),
        ((27.9, 51.1, 2.31, "moderate", "grade_3_4"), 15, "C"),
    ],
)
def test_child_pugh(values: tuple, score: int, letter: str) -> None:
    assert child_pugh_score(*values) == score
    assert child_pugh_class(score) == letter


@pytest.mark.parametrize(
    ("diameter", "count", "invasion", "ecog", "child_pugh", "stage"),
    [
        (20, 1, False, 0, 5, "0"),
        (21, 1, False, 0, 5, "A"),
        (140, 1, False, 0, 8, "A"),  # single, whatever its size
        (30, 3, False, 0, 5, "A"),
        (31, 2, False, 0, 5, "B"),
        (20, 4, False, 0, 5, "B"),
        (20, 1, True, 0, 5, "C"),
        (20, 1, False, 1, 5, "C"),
        (20, 1, False, 0, 10, "D"),
        (20, 1, True, 3, 5, "D"),
    ],
)
def test_bclc(diameter, count, invasion, ecog, child_pugh, stage) -> None:
    assert bclc_stage(diameter, count, invasion, ecog, child_pugh) == stage
