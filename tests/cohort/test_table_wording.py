"""What is said about a table agrees with its number: one value *is*, two values *are*."""

from __future__ import annotations

import re

import pytest
from raw_tables import raw_from_columns, raw_from_text

from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.column_mapping import EndpointSpec
from hccsurv_core.cohort.table_checks import check_table
from hccsurv_core.wording import agree, count_of

N = 20
ONE_OF_MANY = re.compile(
    r"\b1 (\w+ )?(values|patients|rows|cells|visits)\b|\b1 \w+ .*\b(are|have)\b"
)
MANY_OF_ONE = re.compile(r"\b([02-9]|\d\d+) (\w+ )?(value|patient|row|cell|visit)\b")


def test_one_and_many():
    assert [count_of(n, "row") for n in (0, 1, 2, 1000)] == [
        "0 rows",
        "1 row",
        "2 rows",
        "1,000 rows",
    ]
    assert count_of(2, "child", "children") == "2 children"
    assert (agree(1, "is", "are"), agree(0, "is", "are")) == ("is", "are")


def put(values: list, odd: object, n: int) -> list:
    """The values with the first n replaced."""
    return [odd] * n + values[n:]


def odd_table(n: int):
    """A table with n of everything that can be odd."""
    days = [f"{k % 28 + 1:02d}.03.2015" for k in range(N)]
    measured = [k + 0.5 for k in range(N)]
    return raw_from_columns(
        id=[None] * n + [f"P{k}" for k in range(n, N)],
        age=put([40 + k for k in range(N)], 0, n),
        height=put([1.5 + k / 50 for k in range(N)], 172, n),
        marker=put(measured, "n.d.", n), other=put(measured, "<2", n),
        tumor_size_mm=put(measured, "5 cm", n), count=put(measured, "1,234.5", n), grade=put(measured, -9, n),
        strange=put(measured, "5 bananas", n), nines=put([5] * N, 999, n + 1),
        seen=put(days, "soon", n), long_ago=put(days, "01.01.1815", n),
        cirrhosis=put(["yes", "no"] * 10, "maybe", n), stage=put(["A", "B"] * 10, "a ", n),
        OS=put([10.5 + k for k in range(N)], 700, n), death=put([k % 2 for k in range(N)], "?", n),
        RFS=put([9.5 + k for k in range(N)], 0, n), recurrence=[k % 2 for k in range(N)],
        PFS=put([9.5 + k for k in range(N)], -0.5, n), progression=[k % 2 for k in range(N)],
    )  # fmt: skip


@pytest.mark.parametrize("n", [1, 2])
def test_sentences_agree_with_their_number(n):
    raw = odd_table(n)
    mapping = guess_mapping(raw)
    for endpoint in mapping.endpoints:
        mapping = mapping.with_endpoint(
            EndpointSpec(
                endpoint.name, endpoint.label, time=endpoint.time, time_unit="months",
                event=endpoint.event, event_codes={"0": 0, "1": 1},
            )
        )  # fmt: skip
    report = check_table(raw, mapping)
    kinds = {group.kind for group in report.groups}
    assert kinds >= {
        "missing_id", "impossible_value", "other_unit", "not_a_number", "limit", "written_unit",
        "unknown_unit", "missing_code", "all_nines", "not_a_date", "impossible_date", "unknown_code",
        "spelling", "thousands", "long_time", "unknown_event", "zero_time", "negative_time", "missing_outcome",
    }  # fmt: skip
    wrong = ONE_OF_MANY if n == 1 else MANY_OF_ONE
    for group in report.groups:
        if group.kind != "all_nines":
            assert not wrong.search(group.problem), group.problem


@pytest.mark.parametrize(
    ("extra", "key", "problem"),
    [
        ("P1,50\n", "duplicate_row:id", "1 row repeats an earlier row cell by cell."),
        ("P9,50,1\n", "row_too_long:", "1 row has more cells than the header has names: cells may be shifted"),
        ("P9\n", "row_too_short:", "1 row has fewer cells than the header has names: the last are empty."),
    ],
)  # fmt: skip
def test_sentences_about_one_row(extra, key, problem):
    lines = "".join(f"P{k},{49 + k}\n" for k in range(1, 9))
    raw = raw_from_text("id,age\n" + lines + extra)
    found = check_table(raw, guess_mapping(raw)).group(key)
    assert found.problem.startswith(problem)


def test_sentences_about_one_visit():
    raw = raw_from_text(
        "ID;Date;Age\n" + "".join(f"1;2015-01-{k:02d};57\n" for k in range(1, 9)) + "1;soon;57\n"
    )
    report = check_table(raw, guess_mapping(raw))
    assert (
        "9 visits of 1 patient: each patient's first visit by Date is taken, 8 other visits are left out."
        in report.notes
    )
    assert report.group("no_visit_date:Date").problem == (
        "1 row has no readable Date; kept, it counts as the last visit."
    )
