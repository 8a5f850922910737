"""A column read as another kind gets what the kind needs, from its values."""

from __future__ import annotations

import pytest
from raw_tables import one_column

from hccsurv_core.cohort.column_kinds import as_kind, level_order
from hccsurv_core.cohort.column_mapping import KINDS, ColumnSpec
from hccsurv_core.errors import TableError


def test_levels_are_in_order_and_in_their_usual_spelling():
    column = one_column(["10", "9.0", "low", "Low", "Low", "none", None, "NA"])
    spec = ColumnSpec("x", label="grade", missing=("none",))
    assert as_kind(column, spec, "category").levels == ("9", "10", "Low")
    assert as_kind(column, spec, "category").label == "grade"
    comma = one_column(["1,5", "10", "2"])
    assert as_kind(comma, ColumnSpec("x", decimal=","), "category").levels == ("1,5", "2", "10")


def test_each_spelling_of_yes_and_no_is_coded_once():
    column = one_column(["Yes", "yes", "yes ", "NO", "maybe"])
    assert as_kind(column, ColumnSpec("x"), "boolean").codes == {"NO": 0, "yes": 1}


def test_a_measured_number_gets_the_unit_of_its_name_or_its_range():
    column = one_column([3.5, 4.0, 4.5])
    number = as_kind(column, ColumnSpec("albumin"), "number")
    assert (number.quantity, number.unit, number.unit_from) == ("albumin", "g/dL", "range")
    number = as_kind(column, ColumnSpec("albumin (g/L)"), "number")
    assert (number.unit, number.unit_from) == ("g/L", "name")
    number = as_kind(one_column(["a"]), ColumnSpec("albumin"), "number")
    assert (number.unit, number.unit_from) == ("g/L", "assumed")


def test_dates_get_their_order():
    assert as_kind(one_column(["01/13/2015"]), ColumnSpec("x"), "date").date_order == "mdy"


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_former_kind_stays(kind):
    former = ColumnSpec(
        "x", kind="number", quantity="afp", unit="ng/mL", unit_from="user", target_unit="IU/mL"
    )
    spec = as_kind(one_column(["1", "0"]), former, kind)
    assert (spec.kind, spec.quantity, spec.unit, spec.target_unit) == (kind, None, None, None)


def test_what_a_column_cannot_be_is_said():
    with pytest.raises(TableError, match="x: it has 60 different values, too many for a category"):
        as_kind(one_column([f"v{k}" for k in range(60)]), ColumnSpec("x"), "category")
    with pytest.raises(TableError, match="x: it has 3 different values, not two"):
        as_kind(one_column(["a", "b", "c"]), ColumnSpec("x"), "boolean")


def test_numbers_come_before_texts():
    texts = ["b", "10", "A", "9,5"]
    assert sorted(texts, key=lambda t: level_order(t, ",")) == ["9,5", "10", "A", "b"]
