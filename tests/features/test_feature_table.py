"""Feature tables: what is read, what comes back, and what is refused with column and row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hccsurv_core.errors import TableError
from hccsurv_core.features.feature_table import (
    FeatureTable,
    read_feature_table,
    write_feature_table,
)
from hccsurv_core.outcome import SurvivalOutcome

GOOD = """patient_id,split,center,age,afp,time_months,event
a,train,x,60,1.5,12,1
b,train,y,,2e3,3.5,0
c,test,x,70,NA,0,1
"""


def table(n=3, p=2, **changes):
    given = {
        "patient_ids": tuple(f"p{i}" for i in range(n)),
        "names": tuple(f"f{i}" for i in range(p)),
        "values": np.arange(n * p, dtype=float).reshape(n, p),
        "outcome": SurvivalOutcome(np.arange(1.0, n + 1), np.arange(n) % 2 == 0),
    }
    return FeatureTable(**{**given, **changes})


def read(tmp_path, text, **options):
    path = tmp_path / "features.csv"
    path.write_text(text)
    return read_feature_table(path, **options)


def test_columns_labels_outcome_and_missing_values_are_told_apart(tmp_path):
    found = read(tmp_path, GOOD)
    assert found.patient_ids == ("a", "b", "c")
    assert found.names == ("age", "afp")
    np.testing.assert_array_equal(found.values, [[60, 1.5], [np.nan, 2000], [70, np.nan]])
    np.testing.assert_array_equal(found.outcome.time_months, [12, 3.5, 0])
    assert found.outcome.event.tolist() == [True, False, True]
    assert found.labels == {"split": ("train", "train", "test"), "center": ("x", "y", "x")}
    assert found.where("split", "train").tolist() == [True, True, False]
    assert not found.where("hospital", "x").any()
    assert found.named


def test_true_and_false_are_one_and_zero(tmp_path):
    found = read(tmp_path, "sex,time_months,event\nTrue,1,true\nfalse,2,FALSE\n")
    np.testing.assert_array_equal(found.values[:, 0], [1, 0])
    assert found.outcome.event.tolist() == [True, False]


def test_patients_without_names_are_numbered_and_known_to_be_so(tmp_path):
    found = read(tmp_path, "x,time_months,event\n1,1,1\n2,2,0\n")
    assert found.patient_ids == ("row 1", "row 2")
    assert not found.named
    assert not found.subset([1]).named


@given(
    arrays(
        np.float64,
        (4, 3),
        elements=st.floats(allow_nan=True, allow_infinity=False, width=64),
    )
)
@settings(max_examples=15, deadline=None)
def test_what_is_written_comes_back_to_the_last_bit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("table") / "t.csv"
    before = table(4, 3, values=values, labels={"split": ("train", "", "test", "train")})
    write_feature_table(path, before)
    after = read_feature_table(path)
    np.testing.assert_array_equal(after.values, before.values)
    np.testing.assert_array_equal(after.outcome.time_months, before.outcome.time_months)
    assert (after.patient_ids, after.names) == (before.patient_ids, before.names)
    assert after.labels == before.labels


def test_without_an_outcome_patients_can_still_be_predicted(tmp_path):
    assert read(tmp_path, "x\n1\n2\n", with_outcome=False).outcome is None
    assert read(tmp_path, "x,time_months,event\n1,,\n2,,\n", with_outcome=False).outcome is None
    with pytest.raises(TableError, match=r"no outcome.*add time_months"):
        read(tmp_path, "x\n1\n2\n", with_outcome=False).require_outcome()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("70,NA", "old,NA"), r"column 'age' holds 'old' in row 4, which is no number"),
        (GOOD.replace("1.5", "1,5"), r"row 2 has 8 cells, the header 7"),
        (GOOD.replace("1.5", "inf"), r"column 'afp' holds 'inf' in row 2"),
        (GOOD.replace("12,1", "-12,1"), r"time_months in row 2 is not a time of 0 or more"),
        (GOOD.replace("12,1", "12,2"), r"event in row 2 is not 0 or 1"),
        (GOOD.replace("12,1", "12,"), r"event in row 2 is not 0 or 1"),
        (GOOD.replace("\nb,", "\na,"), r"patient 'a' comes more than once"),
        (GOOD.replace("\nb,", "\n,"), r"row 3 has no patient_id"),
        (GOOD.replace("time_months", "months"), r"there is no column time_months; add time_months"),
        ("time_months,event\n1,1\n", r"there are no feature columns"),
        ("60,1.5,12,1\n61,1.5,13,0\n", r"first row holds numbers, not the names"),
    ],
)
def test_a_bad_table_is_refused_by_column_and_row(tmp_path, text, message):
    with pytest.raises(TableError, match=message) as caught:
        read(tmp_path, text)
    assert caught.value.source == "features.csv"


def test_features_are_found_by_name_whatever_their_order():
    found = table(3, 3).columns(["f2", "f0"])
    np.testing.assert_array_equal(found.values, [[2, 0], [5, 3], [8, 6]])
    with pytest.raises(TableError, match=r"2 of 3 features are not in the table: x, y"):
        table().columns(["x", "f0", "y"])


def test_a_part_keeps_rows_together():
    whole = table(4, labels={"split": ("a", "b", "c", "d")})
    by_mask = whole.subset(np.array([False, True, False, True]))
    by_place = whole.subset([1, 3])
    for part in (by_mask, by_place):
        assert part.patient_ids == ("p1", "p3")
        assert part.labels["split"] == ("b", "d")
        np.testing.assert_array_equal(part.values, whole.values[[1, 3]])
        np.testing.assert_array_equal(part.outcome.time_months, [2, 4])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros((2, 2))}, r"3 patients and 2 features need shape \(3, 2\)"),
        ({"names": ("f", "f")}, r"feature 'f' comes more than once"),
        ({"outcome": SurvivalOutcome([1.0], [True])}, r"3 patients but 1 outcomes"),
        ({"labels": {"split": ("train",)}}, r"3 patients but 1 of split"),
        (
            {"values": np.array([[0, 1], [2, np.inf], [4, 5]])},
            r"'f1' of patient p1 is infinite; leave the cell empty",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(TableError, match=message):
        table(**changes)
