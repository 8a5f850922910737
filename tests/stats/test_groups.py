"""Group labels of any kind become codes, in a stated order."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.stats.groups import read_groups


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["b", "a", "b"], ("a", "b")),
        (np.array([2.5, 1.0, 2.5]), (1.0, 2.5)),
        (pd.Series([True, False, True], index=[7, 8, 9]), (False, True)),
        (pd.Series(["x", "w", "x"], dtype="category"), ("w", "x")),
        ([np.int64(10), np.int64(9), np.int64(10)], (9, 10)),
    ],
)
def test_labels_are_sorted_plain_values(values, labels):
    groups = read_groups(values, 3)
    assert groups.labels == labels
    assert json.loads(json.dumps(groups.labels)) == list(labels)
    assert groups.code.tolist() == [1, 0, 1]
    assert groups.sizes.tolist() == [1, 2]


def test_order_can_be_given():
    groups = read_groups(["low", "high", "low"], 3, order=["low", "middle", "high"])
    assert groups.labels == ("low", "high")
    assert groups.code.tolist() == [0, 1, 0]


def test_missing_labels_are_counted_and_placed():
    for missing in (None, np.nan, pd.NA, pd.NaT):
        with pytest.raises(InputError, match=r"bclc: 1 of 3 labels are missing, the first at posi"):
            read_groups(["a", missing, "b"], 3, source="bclc")


def test_what_is_refused():
    with pytest.raises(InputError, match="labels mix text and numbers"):
        read_groups([1, "1", 2], 3)
    with pytest.raises(InputError, match="2 patients but labels of shape"):
        read_groups([1, 2, 3], 2)
    with pytest.raises(InputError, match="group 'c' is not in the given order"):
        read_groups(["a", "c"], 2, order=["a", "b"])
    with pytest.raises(StatisticsError, match="only 1 group: a; compare at least 2 groups"):
        read_groups(["a", "a"], 2, at_least=2)
