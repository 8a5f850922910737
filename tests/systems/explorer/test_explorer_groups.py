"""Groups of the explorer: who is in which, under what name, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.systems.explorer.grouping import (
    everybody,
    group_by_category,
    group_by_cutoffs,
    group_by_quantiles,
    group_by_search,
)
from hccsurv_core.systems.explorer.placement import place_patient


def test_categories_are_ordered_as_people_would():
    grouping = group_by_category([10.0, 2.0, None, 2, float("nan"), True], "class")
    assert grouping.labels == ("2", "10", "yes")
    assert grouping.code.tolist() == [1, 0, -1, 0, -1, 2]
    assert grouping.n_missing == 2


def test_an_order_of_levels_is_kept():
    assert group_by_category(["B", "0", "A"], "BCLC", levels=("0", "A", "B")).labels == (
        "0", "A", "B",
    )  # fmt: skip


def test_a_group_keeps_its_color_when_a_filter_empties_another():
    levels = ("0", "A", "B")
    assert group_by_category(["0", "A", "B"], "BCLC", levels=levels).slots == (0, 1, 2)
    assert group_by_category(["B", "A"], "BCLC", levels=levels).slots == (1, 2)
    many = [f"L{i}" for i in range(9)]
    assert group_by_category(many, "site", levels=many, shown=("L7", "L2")).slots == (0, 1)


def test_some_of_many_values_are_drawn_and_the_others_counted():
    grouping = group_by_category([*list("abcdefg"), None], "site", shown=("a", "f"))
    assert grouping.labels == ("a", "f")
    assert (grouping.n_not_shown, grouping.n_missing) == (5, 1)
    assert grouping.only(np.array([0, 5, 7])).code.tolist() == [0, 1, -1]


def test_the_median_leaves_somebody_above_it():
    grouping = group_by_quantiles([0, 2, 3, 3, 3], "score", 2)
    assert grouping.labels == ("≤ 2", "> 2")
    assert np.bincount(grouping.code).tolist() == [2, 3]


@pytest.mark.parametrize(
    ("cuts", "labels"),
    [
        ([42.4], ("≤ 42.4", "> 42.4")),
        ([200_000], ("≤ 200000", "> 200000")),
        ([2_345_678.0], ("≤ 2345678", "> 2345678")),
        ([1.123456789, 1.123456999], None),
    ],
)
def test_labels_are_short_and_different(cuts, labels):
    values = np.concatenate([np.array(cuts) - 1e-9, np.array(cuts) + 1e-8, [0.0, 1e9]])
    found = group_by_cutoffs(values, "x", cuts).labels
    assert len(set(found)) == len(found)
    assert labels is None or found == labels


def test_a_cut_off_belongs_to_the_lower_group():
    grouping = group_by_cutoffs([1, 5, 5.1, np.nan, 9], "Size", [5, 7], unit="cm")
    assert grouping.labels == ("≤ 5 cm", "> 5 to 7 cm", "> 7 cm")
    assert grouping.code.tolist() == [0, 0, 1, -1, 2]


@given(st.lists(st.floats(-1e3, 1e3), min_size=12, unique=True), st.integers(2, 6))
def test_quantiles_make_groups_of_about_the_same_size(values, k):
    sizes = np.bincount(group_by_quantiles(values, "x", k).code)
    assert sizes.sum() == len(values)
    assert sizes.max() - sizes.min() <= 2


def test_the_median_is_told_as_the_origin():
    grouping = group_by_quantiles([1, 2, 3, 4], "AFP", 2, unit="ng/mL")
    assert grouping.origin == "median of these patients"
    assert grouping.labels == ("≤ 2.5 ng/mL", "> 2.5 ng/mL")


def test_a_searched_cut_off_brings_its_corrected_p_value():
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    outcome = SurvivalOutcome(rng.exponential(np.where(x > 0.5, 5, 20)), np.ones(200))
    grouping = group_by_search(np.append(x, np.nan), "score", SurvivalOutcome(
        np.append(outcome.time_months, 3), np.append(outcome.event, False)
    ))  # fmt: skip
    assert grouping.cutoffs[0] == pytest.approx(0.5, abs=0.2)
    assert grouping.searched_p > grouping.details["p_uncorrected"]
    assert "searched among" in grouping.origin
    assert grouping.n_missing == 1


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: group_by_category(range(7), "ID"), StatisticsError, "ID: has 7 different values"),
        (lambda: group_by_category([None], "BCLC"), StatisticsError, "missing in everybody"),
        (lambda: group_by_cutoffs([1, 2], "x", [5]), StatisticsError, "nobody is in the group > 5"),
        (lambda: group_by_cutoffs([1, 2], "x", [1, 1]), InputError, "must be different numbers"),
        (lambda: group_by_cutoffs(["a"], "x", [1]), InputError, "x: holds text"),
        (lambda: group_by_cutoffs(range(9), "x", range(1, 7)), StatisticsError, "make 7 groups"),
        (lambda: group_by_quantiles([1, 1, 1], "x"), StatisticsError, "x: is 1 in everybody"),
        (
            lambda: group_by_category("ab", "x", shown=["c"]),
            StatisticsError,
            "is any of the values",
        ),
        (
            lambda: group_by_search([1, 2, 3], "AFP", SurvivalOutcome([1, 2, 3], [1, 0, 1])),
            StatisticsError,
            "AFP: no cut-off can be searched: 2 events are too few",
        ),
        (lambda: group_by_quantiles([1, 2], "x", 7), InputError, "2 to 6 groups, not 7"),
    ],
)
def test_groups_that_make_no_sense_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_patient_is_placed_by_percentile_and_group():
    values = [10, 20, 20, 40, np.nan]
    grouping = group_by_cutoffs(values, "Age", [20])
    placed = place_patient(20, values, grouping)
    assert placed.percentile == pytest.approx(100 * (1 / 4 + 2 / 8))
    assert (placed.group, placed.n, placed.outside) == ("≤ 20", 4, False)
    beyond = place_patient(90, values, grouping)
    assert (beyond.percentile, beyond.group, beyond.outside) == (100, "> 20", True)


def test_a_category_nobody_has_is_told():
    grouping = group_by_category(["A", "B"], "BCLC")
    assert place_patient("A", ["A", "B"], grouping).group == "A"
    with pytest.raises(StatisticsError, match="nobody in the cohort is 'D'; known are A, B"):
        place_patient("D", ["A", "B"], grouping)


def test_everybody_is_one_group():
    assert everybody(3).labels == ("All patients",)
