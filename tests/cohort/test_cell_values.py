"""Numbers, dates and codes as people write them."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_tables import one_column

from hccsurv_core.cohort.cell_values import (
    Reading,
    code_key,
    decimal_votes,
    guess_date_order,
    plain_code,
    read_date,
    read_dates,
    read_number,
    read_numbers,
)
from hccsurv_core.io.tables import RawColumn

FINITE = st.floats(-1e99, 1e99)


def column_of(*texts: str) -> RawColumn:
    """A column with one row for each text."""
    return RawColumn(
        "x", texts, np.zeros(len(texts), np.uint8), np.arange(len(texts), dtype=np.int32)
    )


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("57", ".", 57), ("1.5", ".", 1.5), ("-1.5e3", ".", -1500), (".5", ".", 0.5), ("5.", ".", 5),
        ("1,234", ".", 1234), ("1,234,567.8", ".", 1234567.8), ("12 345.6", ".", 12345.6), ("1'234", ".", 1234),
        ("−3", ".", -3), ("007", ".", 7),
        ("1,5", ",", 1.5), ("1.234", ",", 1234), ("1.234,5", ",", 1234.5), ("1 234,5", ",", 1234.5), ("57", ",", 57),
    ],
)  # fmt: skip
def test_numbers_with_either_decimal_sign(text, decimal, value):
    assert read_number(text, decimal) == value
    column = one_column([text])
    assert read_numbers(column, decimal).values.tolist() == [value]


@pytest.mark.parametrize(
    ("text", "decimal"),
    [("1,5", "."), ("1.5", ","), ("1,23,4", "."), ("abc", "."), ("1e999", "."), ("1e100", "."), ("inf", "."), ("1 2", "."),
     ("2015-03-04", "."), ("5 5 5", ","), ("0x1F", "."), ("1_000", "."), ("--5", "."), ("", ".")],
)  # fmt: skip
def test_what_is_no_number(text, decimal):
    assert math.isnan(read_number(text, decimal))
    if text:
        numbers = read_numbers(one_column([text]), decimal)
        assert numbers.readings.tolist() == [Reading.UNREADABLE]
        assert np.isnan(numbers.values).all()


@given(FINITE, st.sampled_from(".,"))
def test_any_number_reads_back(value, decimal):
    text = repr(value).replace(".", decimal)
    assert read_number(text, decimal) == value
    assert read_numbers(column_of(text, "no number"), decimal).values[0] == value
    assert read_numbers(column_of(text), decimal).values.tolist() == [value]


@given(st.integers(-(10**12), 10**12), st.sampled_from([".", ","]))
def test_thousands_separators_change_nothing(value, decimal):
    grouped = f"{value:,}".replace(",", "," if decimal == "." else ".")
    assert read_number(grouped, decimal) == value


def test_limits_units_and_missing_are_told_apart():
    texts = ["<20", "≥ 1.5", "45 mm", "5%", "NA", "n/a", ".", "#N/A", "none", "12.5"]
    numbers = read_numbers(one_column(texts), ".")
    L, U, M, X, F = (
        Reading.LIMIT,
        Reading.WITH_UNIT,
        Reading.MISSING,
        Reading.UNREADABLE,
        Reading.FINE,
    )
    assert numbers.readings.tolist() == [L, L, U, U, M, M, M, M, X, F]
    assert numbers.values[:4].tolist() == [20, 1.5, 45, 5]
    assert numbers.units == {2: "mm", 3: "%"}


def test_a_column_can_have_missing_texts_of_its_own():
    column = one_column(["-9", "none", "3"])
    readings = read_numbers(column, ".", missing=("-9", "none")).readings
    assert readings.tolist() == [Reading.MISSING, Reading.MISSING, Reading.FINE]


# "1,234" and "1.234" may be either: the rest of the table decides.
@pytest.mark.parametrize(
    ("texts", "votes"),
    [(["1,5", "2,25"], (0, 2)), (["1.5"], (1, 0)), (["1,234"], (0, 0)), (["1.234"], (0, 0)),
     (["0,123"], (0, 1)), (["0.123"], (1, 0)), (["1.234,5"], (0, 1)), (["1,234.5"], (1, 0)), (["5", "x"], (0, 0))],
)  # fmt: skip
def test_what_the_decimal_sign_is(texts, votes):
    assert decimal_votes(one_column(texts)) == votes


# --- dates ------------------------------------------------------------------------------------

DAY = st.dates(datetime.date(1950, 1, 1), datetime.date(2049, 12, 31))
FORMATS = {
    "%Y-%m-%d": "dmy", "%Y/%m/%d": "dmy", "%Y.%m.%d": "dmy", "%Y%m%d": "dmy", "%d.%m.%Y": "dmy", "%d/%m/%Y": "dmy",
    "%d-%m-%y": "dmy", "%m/%d/%Y": "mdy", "%m/%d/%y": "mdy", "%d-%b-%Y": "dmy", "%d %B %Y": "dmy", "%d%b%Y": None,
    "%B %d, %Y": "dmy", "%Y年%m月%d日": "dmy", "%Y-%m-%d 13:05": "dmy", "%Y-%m-%dT13:05:00Z": "dmy",
    "%d.%m.%Y 08:00:01": "dmy", "%m/%d/%Y 1:05 PM": "mdy",
}  # fmt: skip


@pytest.mark.parametrize("style", [style for style, order in FORMATS.items() if order])
@given(day=DAY)
def test_dates_in_every_style_read_back(style, day):
    assert read_date(day.strftime(style), FORMATS[style]) == np.datetime64(day)


@pytest.mark.parametrize(
    "text",
    [
        "2015-02-30",
        "31.04.2015",
        "13/13/2015",
        "2015",
        "42370",
        "soon",
        "12-Foo-2015",
        "1.2.3",
        "99999999",
    ],
)
def test_what_is_no_date(text):
    assert np.isnat(read_date(text))
    assert read_dates(one_column([text])).readings.tolist() == [Reading.UNREADABLE]


@pytest.mark.parametrize(
    ("texts", "order"),
    [(["13.01.2015"], ("dmy", True)), (["01/13/2015"], ("mdy", True)), (["01/02/2015"], ("dmy", False)),
     (["2015-01-02"], ("ymd", True)), (["13/01/2015", "14/01/2015", "01/13/2015"], ("dmy", True))],
)  # fmt: skip
def test_day_or_month_first(texts, order):
    assert guess_date_order(texts) == order


def test_codes_without_noise():
    assert [plain_code(t) for t in ("2.0", "2.00", "2.5", "-1.0", "1.0.0", "B")] == [
        "2",
        "2",
        "2.5",
        "-1",
        "1.0.0",
        "B",
    ]
    assert code_key(" Male ") == code_key("MALE") == "male"
    assert code_key("1.0") == "1"
