"""Table 1: R's descriptions and tests, exact tests of larger tables, layout, and what is refused."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError, TableError
from hccsurv_core.stats.exact_table import exact_table_p
from hccsurv_core.stats.group_tests import compare_categories, compare_numbers
from hccsurv_core.stats.standardized_difference import (
    difference_of_numbers,
    difference_of_shares,
)
from hccsurv_core.stats.table_one import ALL, build_table_one

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


@pytest.fixture(scope="module")
def from_r() -> dict:
    """What tests/reference/table_one.R wrote."""
    return json.loads((REFERENCE / "table_one.json").read_text())


@pytest.fixture(scope="module")
def pbc() -> pd.DataFrame:
    """Mayo's trial and the patients who were not in it."""
    return pd.read_csv(REFERENCE / "data" / "pbc.csv")


def variable(table, name):
    """One column of a table."""
    return next(v for v in table.variables if v.name == name)


def test_numbers_are_described_and_tested_as_by_r(from_r, pbc):
    by_rank = build_table_one(pbc, groups="trt")
    by_mean = build_table_one(pbc, groups="trt", normal=["age", "bili", "chol"])
    for name in ("age", "bili", "chol"):
        expected = from_r["two"][name]
        found = variable(by_rank, name)
        for group, key in ((ALL, "all"), ("1", "first")):
            for field, value in expected[key].items():
                assert getattr(found.summaries[group], field) == pytest.approx(value, rel=1e-10)
        assert found.smd == pytest.approx(expected["smd"], rel=1e-10)
        assert found.test.name == "Mann-Whitney"
        assert found.test.p == pytest.approx(expected["mann_whitney"], rel=1e-9)
        welch = variable(by_mean, name).test
        assert (welch.name, welch.p) == ("Welch t", pytest.approx(expected["welch"], rel=1e-9))


def test_categories_are_tested_as_by_r(from_r, pbc):
    table = build_table_one(pbc, groups="trt", kinds={"stage": "category"})
    for name in ("stage", "sex"):
        found, expected = variable(table, name), from_r["two"][name]
        assert found.test.name == "chi-square"
        assert found.test.p == pytest.approx(expected["chisq"], rel=1e-9)
        assert found.smd == pytest.approx(expected["smd"], rel=1e-9)


def test_three_groups_are_tested_as_by_r(from_r):
    colon = pd.read_csv(REFERENCE / "data" / "colon.csv")
    by_rank = build_table_one(colon, groups="rx")
    by_mean = build_table_one(colon, groups="rx", normal=["age", "nodes"])
    for name in ("age", "nodes"):
        expected = from_r["three"][name]
        assert variable(by_rank, name).test.name == "Kruskal-Wallis"
        assert variable(by_rank, name).test.p == pytest.approx(expected["kruskal"], rel=1e-9)
        assert variable(by_mean, name).test.name == "Welch ANOVA"
        assert variable(by_mean, name).test.p == pytest.approx(expected["welch"], rel=1e-9)
        assert variable(by_rank, name).smd == pytest.approx(expected["smd"], rel=1e-9)


def test_a_table_too_large_to_enumerate_is_drawn(from_r):
    colon = pd.read_csv(REFERENCE / "data" / "colon.csv")
    p, exact = exact_table_p(pd.crosstab(colon.extent, colon.rx).to_numpy())
    assert not exact
    error = 3 * math.sqrt(0.26 * 0.74 / 20_000)
    assert p == pytest.approx(from_r["three"]["extent"]["p"], abs=error)


def test_exact_tests_are_those_of_fisher_test(from_r):
    enumerated = 0
    for case in from_r["fisher"]:
        p, exact = exact_table_p(np.array(case["table"]))
        enumerated += exact
        tolerance = {"rel": 1e-9} if exact else {"abs": 0.01}
        assert p == pytest.approx(case["p"], **tolerance)
        if exact:
            assert exact_table_p(np.array(case["table"]).T)[0] == pytest.approx(p, rel=1e-9)
    assert enumerated >= 6


@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=2, max_size=3))
@settings(max_examples=40, deadline=None)
def test_an_exact_p_value_is_a_probability_and_ignores_empty_lines(rows):
    table = np.array(rows)
    p, exact = exact_table_p(table)
    assert exact and 0.0 < p <= 1.0
    padded = np.vstack((table, np.zeros((1, 3), int)))
    assert exact_table_p(padded)[0] == pytest.approx(p, rel=1e-9)


def test_drawn_tables_repeat_with_their_seed():
    table = np.array([[30, 22, 5, 17], [28, 30, 9, 2], [25, 14, 21, 15], [3, 18, 11, 12]])
    p, exact = exact_table_p(table, seed=1)
    assert not exact and exact_table_p(table, seed=1)[0] == p


def test_missing_values_are_counted_and_left_out(pbc):
    found = variable(build_table_one(pbc, groups="trt"), "chol")
    trial = pbc[pbc.trt.notna()]
    assert found.summaries[ALL].missing == trial.chol.isna().sum() == 28
    assert found.summaries["1"].missing + found.summaries["2"].missing == 28
    assert found.summaries["1"].n + found.summaries["1"].missing == (pbc.trt == 1).sum()


def test_patients_without_a_group_are_left_out_and_counted(pbc):
    table = build_table_one(pbc, groups="trt")
    assert table.n_without_group == 106
    assert table.group_sizes == {ALL: 312, "1": 158, "2": 154}
    everybody = build_table_one(pbc)
    assert everybody.group_sizes == {ALL: 418} and everybody.n_without_group == 0
    assert variable(everybody, "age").test is None


def test_tidy_rows_are_numbers(pbc):
    frame = build_table_one(pbc, groups="trt", kinds={"id": "identifier"}).to_frame()
    assert "id" not in set(frame.variable)
    for column in ("n", "missing", "mean", "q1", "count", "percent", "p_value", "smd"):
        assert pd.api.types.is_numeric_dtype(frame[column])
    sex = frame[(frame.variable == "sex") & (frame.group == "1")].set_index("level")
    assert sex.loc["f", "count"] == 137
    assert sex.loc["f", "percent"] == pytest.approx(100 * 137 / 158)
    assert frame[frame.group != ALL].p_value.isna().all()
    assert frame[(frame.variable == "age") & (frame.group == ALL)].test.item() == "Mann-Whitney"


def test_the_printed_table_reads_like_a_paper(pbc):
    printed = build_table_one(pbc, groups="trt", normal=["age"]).formatted().set_index("variable")
    assert list(printed.columns) == [
        "all patients (n = 312)", "1 (n = 158)", "2 (n = 154)", "p", "test", "SMD", "missing",
    ]  # fmt: skip
    age = printed.loc["age, mean ± SD"]
    assert age["1 (n = 158)"] == "51.4 ± 11.0" and age["p"] == "0.018" and age["SMD"] == "0.27"
    assert printed.loc["albumin, median [Q1, Q3]", "all patients (n = 312)"] == "3.55 [3.31, 3.80]"
    assert printed.loc["sex, f", "2 (n = 154)"] == "139 (90.3%)"
    assert printed.loc["ascites, yes", "1 (n = 158)"] == "14 (8.9%)"
    assert printed.loc["chol, mean ± SD", "missing"] == "28"
    assert printed.loc["chol, median [Q1, Q3]", "p"] == ""
    alone = build_table_one(pbc[["age"]]).formatted()
    assert list(alone.columns) == ["variable", "all patients (n = 418)", "missing"]


def test_json_is_plain(pbc):
    plain = json.loads(json.dumps(build_table_one(pbc, groups="trt").to_json()))
    assert plain["n_without_group"] == 106 and plain["grouped_by"] == "trt"
    assert all(row["mean"] is None for row in plain["rows"] if row["kind"] == "category")


def test_kinds_are_guessed_from_the_values():
    frame = pd.DataFrame(
        {
            "flag": [0, 1, None, 1],
            "truth": [True, False, True, None],
            "size": [1.5, 2, 3, 4],
            "class": pd.Categorical(["B", "A", "B", "C"], categories=["C", "B", "A"]),
            "name": ["x", "y", "x", None],
        }
    )
    table = build_table_one(frame)
    kinds = {v.name: v.kind for v in table.variables}
    assert kinds == {
        "flag": "boolean",
        "truth": "boolean",
        "size": "number",
        "class": "category",
        "name": "category",
    }
    assert variable(table, "flag").summaries[ALL].counts == {"no": 1, "yes": 2}
    # The order of a categorical is its own, not the alphabet's.
    assert list(variable(table, "class").summaries[ALL].counts) == ["C", "B", "A"]
    free_text = pd.DataFrame({"note": [f"seen {i}" for i in range(60)]})
    assert build_table_one(free_text).variables == ()


def test_what_cannot_be_tested_says_why():
    group = ["a"] * 4 + ["b"] * 4
    frame = pd.DataFrame(
        {
            "group": group,
            "constant": [2.5] * 8,
            "one_sided": [1.5, 2, 3, 4] + [np.nan] * 4,
            "same": ["x"] * 8,
            "empty": [np.nan] * 8,
        }
    )
    table = build_table_one(frame, groups="group", kinds={"empty": "number"})
    names = {v.name: v.test.name for v in table.variables}
    assert names == {
        "constant": "no test: all values are the same",
        "one_sided": "no test: a group has too few values",
        "same": "no test: all are in one category",
        "empty": "no test: a group has too few values",
    }
    assert all(math.isnan(v.test.p) for v in table.variables)
    assert variable(table, "constant").smd == 0.0
    assert math.isnan(variable(table, "one_sided").smd)
    printed = table.formatted().set_index("variable")
    assert printed.loc["empty, mean ± SD", "a (n = 4)"] == "–"


def test_standardized_differences_of_extremes():
    assert difference_of_numbers([1.0, 1, 1], [2.0, 2, 2]) == -math.inf
    assert math.isnan(difference_of_numbers([1.0], [2.0, 3]))
    assert difference_of_shares([5, 0], [0, 5]) == math.inf
    assert difference_of_shares([5, 5, 0], [10, 10, 0]) == 0.0
    assert math.isnan(difference_of_shares([0, 0], [1, 2]))


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_two_categories_differ_as_their_indicator_does(a, b, c, d):
    p, q = a / (a + b), c / (c + d)
    expected = abs(p - q) / math.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    found = difference_of_shares([a, b], [c, d])
    assert found == pytest.approx(expected, rel=1e-9)
    assert difference_of_shares([b, a], [d, c]) == pytest.approx(found, rel=1e-9)


@given(st.integers(0, 500))
@settings(max_examples=20, deadline=None)
def test_the_order_of_patients_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "group": rng.choice(["a", "b", "c"], 40),
            "x": rng.normal(size=40).round(1),
            "k": rng.choice(["u", "v"], 40),
        }
    )
    before = build_table_one(frame, groups="group").to_frame()
    after = build_table_one(frame.sample(frac=1, random_state=seed), groups="group").to_frame()
    pd.testing.assert_frame_equal(before, after)


def test_tests_choose_by_declared_normality_and_expected_counts():
    a, b = np.array([1.0, 2, 3, 9]), np.array([4.0, 5, 6, 7])
    assert compare_numbers([a, b], normal=True).name == "Welch t"
    assert compare_numbers([a, b], normal=False).name == "Mann-Whitney"
    assert (
        compare_numbers([a, np.full(4, 2.0)], normal=True).name == "no test: a group has no spread"
    )
    assert compare_categories(np.array([[10, 10], [10, 10]])).name == "chi-square"
    assert compare_categories(np.array([[4, 10], [5, 10]])).name == "Fisher exact"
    assert compare_categories(np.array([[4, 0], [5, 0]])).name == "no test: a group has no values"


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda f: build_table_one(f.iloc[:0]), TableError, "no patients"),
        (lambda f: build_table_one(f, groups="arm"), TableError, "no column 'arm'; check"),
        (lambda f: build_table_one(f, kinds={"x": "text"}), InputError, "x: unknown kind 'text'"),
        (lambda f: build_table_one(f, kinds={"k": "number"}), TableError, "k: 4 values are no"),
        (lambda f: build_table_one(f, groups="one"), StatisticsError, "one: 1 groups cannot"),
        (
            lambda f: build_table_one(
                pd.concat([f] * 4, ignore_index=True).assign(i=range(16)), groups="i"
            ),
            StatisticsError,
            "16 groups",
        ),
        (lambda f: build_table_one(f, kinds={"x": "boolean"}), TableError, "other than yes and no"),
        (lambda f: build_table_one(f.assign(x=np.inf)), TableError, "x: a value is infinite"),
        (lambda f: build_table_one(f.set_axis(["x", "x", "k"], axis=1)), TableError, "same name"),
        (lambda f: exact_table_p(np.array([[1, -1]])), InputError, "table of counts"),
    ],
)
def test_wrong_input_is_refused(call, error, match):
    frame = pd.DataFrame({"x": [1.5, 2, 3, 4], "k": list("abab"), "one": ["z"] * 4})
    with pytest.raises(error, match=match):
        call(frame)
