"""Tables of a nomogram, and how far whole points can lead astray."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError
from hccsurv_core.models.nomogram import Horizon, TrainingCohort, build_nomogram
from hccsurv_core.models.nomogram_curves import Line
from hccsurv_core.models.nomogram_tables import points_table, rounding_error, survival_table
from hccsurv_core.models.nomogram_values import (
    linear_values,
    log_values,
    multiples,
    number_text,
    round_values,
)
from hccsurv_core.models.nomogram_variables import AxisRange, CategoryVariable, NumberVariable


def nomogram(*variables, hazards=(0.2, 0.5, 0.9)):
    return build_nomogram(
        variables,
        title="Survival",
        horizons=[Horizon(12.0 * (i + 1), h) for i, h in enumerate(hazards)],
        training=TrainingCohort("a cohort", 200, 120, 60.0),
    )


def number(slope=0.02, low=10.0, high=110.0, **options):
    return NumberVariable("x", "Diameter", Line(slope), AxisRange(low, high), "mm", **options)


def category(name, *effects):
    return CategoryVariable(name, name, tuple("abcdefgh"[: len(effects)]), effects)


def test_the_points_table_lists_values_levels_and_ends():
    rows = points_table(nomogram(number(), category("Stage", 0.0, 0.313)))
    assert [r["value"] for r in rows if r["variable"] == "Stage"] == ["a", "b"]
    sizes = [r for r in rows if r["variable"] == "Diameter"]
    assert [r["value"] for r in sizes] == [str(v) for v in range(10, 111, 10)]
    assert [r["points"] for r in sizes] == list(range(0, 101, 10))
    assert all(r["unit"] == "mm" for r in sizes)
    assert rows[-1] == {"variable": "Stage", "value": "b", "unit": "", "points": 16,
                        "exact_points": pytest.approx(15.65)}  # fmt: skip


def test_the_survival_table_is_the_model():
    found = nomogram(number(), category("Stage", 0.0, 0.313))
    rows = survival_table(found, step=10)
    assert [r["total_points"] for r in rows] == list(range(0, 121, 10))  # 115.65 rounded up
    for row in rows:
        survival = [row[f"survival_{m}_months"] for m in (12, 24, 36)]
        assert survival == pytest.approx(found.survival_at(row["total_points"]))
    with pytest.raises(InputError, match="step: must be a whole number of 1 or more"):
        survival_table(found, step=0)


@given(
    st.lists(st.lists(st.floats(-2, 2), min_size=2, max_size=4), min_size=1, max_size=3),
    st.lists(st.floats(0.01, 3), min_size=1, max_size=1),
)
@settings(deadline=None)
def test_no_patient_is_farther_off_than_stated(effects, hazards):
    variables = [category(f"c{i}", 0.0, 1.0, *e) for i, e in enumerate(effects)]
    found = nomogram(*variables, hazards=hazards)
    worst = rounding_error(found)
    for levels in itertools.product(*(v.levels for v in variables)):
        patient = {v.name: level for v, level in zip(variables, levels, strict=True)}
        exact, whole = found.points(patient), found.points(patient, whole=True)
        assert abs(exact.total - whole.total) <= worst.points + 1e-9
        off = abs(exact.linear_predictor - whole.linear_predictor)
        assert off <= worst.linear_predictor + 1e-9
        assert abs(exact.survival[0] - whole.survival[0]) <= worst.survival[0] + 1e-9
        assert all(p == round(p) for p in whole.points.values()) and whole.whole


def test_the_bound_is_reached():
    found = nomogram(number(slope=0.04, low=0.0, high=100.0), hazards=(0.05,))
    worst = rounding_error(found)
    assert (worst.points, worst.linear_predictor) == (0.5, pytest.approx(0.02))
    values = [k + 0.4999 for k in range(100)] + [k + 0.5001 for k in range(100)]
    off = [
        abs(found.points({"x": v}).survival[0] - found.points({"x": v}, whole=True).survival[0])
        for v in values
    ]
    assert max(off) <= worst.survival[0]
    assert max(off) > 0.99 * worst.survival[0]
    # The steepest a survival can be is 1/e per unit of log hazard.
    assert worst.survival[0] == pytest.approx(0.02 / math.e, rel=0.02)


def test_where_the_steepest_part_is_not_reached_the_bound_is_smaller():
    few_deaths = nomogram(number(), hazards=(0.001,))
    assert rounding_error(few_deaths).survival[0] < 0.0005 < 0.01 / math.e


def test_levels_at_whole_points_lose_nothing():
    worst = rounding_error(nomogram(category("Stage", 0.0, 0.5, 1.0)))
    assert worst.points == pytest.approx(0, abs=1e-12)
    assert worst.survival == pytest.approx((0, 0, 0), abs=1e-12)


# ---------------------------------------------------------------- round values


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e5), st.integers(2, 15))
def test_round_values_lie_on_the_axis_and_are_not_too_many(low, span, n):
    high = low + span
    found = linear_values(low, high, n)
    assert 1 <= len(found) <= n
    assert all(low - 1e-6 * span <= v <= high + 1e-6 * span for v in found)
    if len(found) > 2:
        assert np.ptp(np.diff(found)) < 1e-6 * span


def test_logarithmic_values_are_multiples_of_powers_of_ten():
    assert log_values(0.2, 40, (1, 3)) == [0.3, 1, 3, 10, 30]
    assert round_values(12, 150, 4, log=True) == [20, 50, 100]
    assert round_values(1, 1e6, 4, log=True) == [1, 100, 10_000, 1e6]
    assert round_values(40, 60, 5, log=True) == [40, 45, 50, 55, 60]  # less than a factor of 3


def test_whole_variables_have_whole_values():
    assert linear_values(5, 7, 12, whole=True) == [5, 6, 7]
    assert multiples(0, 1, 0.25) == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1 + 0.2, "0.3"), (-2.5, "−2.5"), (45.0, "45"), (1200.0, "1,200"), (1234.5, "1,234.5"),
     (1e6, "10⁶"), (3e6, "3×10⁶"), (0.0, "0")],
)  # fmt: skip
def test_numbers_are_written_shortly(value, text):
    assert number_text(value) == text
