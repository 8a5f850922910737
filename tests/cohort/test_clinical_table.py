"""What statistics get from a table: outcomes, competing causes, groups and numbers."""

from __future__ import annotations

import datetime
import io

import numpy as np
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_tables import raw_from_columns, raw_from_file, raw_from_text

from hccsurv_core.cohort.clinical_table import ClinicalTable, build_cohort_table
from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.column_mapping import ColumnMapping, ColumnSpec, EndpointSpec
from hccsurv_core.errors import StatisticsError, TableError

N = 20
COLUMNS = {
    "id": [f"P{n:02d}" for n in range(N)],
    "age": [40 + n for n in range(N)],
    "stage": ["A", "B", None, "C"] * (N // 4),
    "cirrhosis": ["no", "yes", None, "no"] * (N // 4),
    "seen": [f"2015-01-{n + 1:02d}" for n in range(N)],
    "OS": [10.5 + n for n in range(N)],
    "death": [n % 2 for n in range(N)],
}


def build(**columns) -> ClinicalTable:
    raw = raw_from_columns(**{**COLUMNS, **columns})
    return build_cohort_table(raw, guess_mapping(raw))


def test_the_frame_has_a_type_for_every_kind():
    table = build()
    assert table.frame.dtypes.astype(str).to_dict() == {
        "patient_id": "object", "age": "float64", "stage": "category", "cirrhosis": "boolean",
        "seen": "datetime64[s]", "OS_months": "float64", "OS_event": "Int64",
    }  # fmt: skip
    assert [(c.name, c.kind, c.unit, c.levels, c.n_missing) for c in table.columns] == [
        ("age", "number", "years", (), 0),
        ("stage", "category", None, ("A", "B", "C"), 5),
        ("cirrhosis", "boolean", None, ("no", "yes"), 5),
        ("seen", "date", None, (), 0),
    ]
    assert table.source_rows.tolist() == list(range(2, N + 2))


def test_numbers_and_groups():
    table = build()
    assert table.numbers("age").tolist() == list(range(40, 60))
    assert table.numbers("cirrhosis")[:4].tolist() == pytest.approx([0, 1, np.nan, 0], nan_ok=True)
    codes, levels = table.groups("stage")
    assert (codes[:4].tolist(), levels) == ([0, 1, -1, 2], ("A", "B", "C"))
    assert table.groups("cirrhosis")[0][:4].tolist() == [0, 1, -1, 0]
    with pytest.raises(TableError, match="'stage' is a category, not a number"):
        table.numbers("stage")
    with pytest.raises(TableError, match="'age' is a number, not a category; choose cut-offs"):
        table.groups("age")
    with pytest.raises(TableError, match="no variable called 'Age'; choose one of age, stage"):
        table.numbers("Age")


def test_labels_replace_codes_and_may_join_levels():
    raw = raw_from_columns(**{**COLUMNS, "stage": [n % 4 for n in range(N)]})
    mapping = guess_mapping(raw).with_column(
        "stage", label="BCLC", level_labels={"0": "early", "1": "early", "2": "late", "3": "late"}
    )
    table = build_cohort_table(raw, mapping)
    assert table.column("stage").label == "BCLC"
    assert table.groups("stage")[1] == ("early", "late")
    assert table.groups("stage")[0][:4].tolist() == [0, 0, 1, 1]


def test_outcomes_are_in_months_whatever_the_file_has():
    days = build(OS=[100 * (n + 1) for n in range(N)])
    assert days.endpoint().original_unit == "days"
    assert days.outcome()[0].time_months[0] == pytest.approx(100 / 30.4375)
    with pytest.raises(TableError, match="no endpoint called 'RFS'; choose one of OS"):
        days.outcome("RFS")
    with pytest.raises(TableError, match="the table has no endpoint; say which columns"):
        build(OS=["x"] * N).outcome()
    with pytest.raises(StatisticsError, match="OS: no patient has this outcome"):
        mapping = ColumnMapping(
            tuple(
                ColumnSpec(name, "outcome" if name in ("OS", "death") else "ignored")
                for name in COLUMNS
            )
        ).with_endpoint(EndpointSpec("OS", time="OS", event="death", event_codes={"dead": 1}))
        build_cohort_table(raw_from_columns(**COLUMNS), mapping).outcome("OS")


def competing(rfs, recurrence, os, death, **how):
    pad = N - len(rfs)  # the rest: censored long after
    table = build(
        OS=[*os, *[90.5] * pad], death=[*death, *[0] * pad],
        RFS=[*rfs, *[90.5] * pad], recurrence=[*recurrence, *[0] * pad],
    )  # fmt: skip
    outcome, rows, notes = table.competing("RFS", "OS", **how)
    assert len(rows) == N
    return (
        outcome.time_months[: len(rfs)].tolist(),
        outcome.cause[: len(rfs)].tolist(),
        notes,
        outcome,
    )


def test_death_competes_with_recurrence():
    times, causes, notes, outcome = competing(
        # recurs | dies at the last look | dies soon after | censored | recurs and dies the same day
        rfs=[5, 10, 10, 12, 7], recurrence=[1, 0, 0, 0, 1], os=[20, 10, 14, 12, 7], death=[1, 1, 1, 0, 1],
    )  # fmt: skip
    assert times == [5, 10, 14, 12, 7]
    assert causes == [1, 2, 2, 0, 1]
    assert outcome.cause_names == ("recurrence", "death")
    assert notes == (
        "1 patient has recurrence and death at the same time; it is counted as recurrence.",
    )


def test_death_long_after_the_last_look_is_not_said_to_have_come_first():
    times, causes, notes, _ = competing(rfs=[10], recurrence=[0], os=[40], death=[1])
    assert (times, causes) == ([10], [0])
    assert notes[0].startswith("1 patient had death more than 6 months after the patient was last")
    times, causes, _, _ = competing([10], [0], [40], [1], max_gap_months=100)
    assert (times, causes) == ([40], [2])


def test_an_endpoint_can_have_competing_causes_of_its_own():
    table = build(OS=[10.5 + n for n in range(N)], death=[n % 3 for n in range(N)])
    outcome, rows, _ = table.competing("OS")
    assert outcome.cause_names == ("death", "competing event")
    assert outcome.cause.tolist() == [n % 3 for n in range(N)]
    assert len(rows) == N
    # For the event alone, competing events end the follow-up.
    assert table.outcome("OS")[0].n_events == sum(n % 3 == 1 for n in range(N))


# --- the same table whatever file it came in ----------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(-1e6, 1e6).map(lambda x: float(f"{x:.6g}")),
            st.sampled_from(["A", "B", None]),
            st.booleans(),
            st.dates(datetime.date(1901, 1, 1), datetime.date(2099, 12, 31)),
            st.integers(1, 300),
            st.sampled_from([0, 1]),
        ),
        min_size=2,
        max_size=12,
    )
)
def test_text_and_spreadsheet_give_the_same_table(tmp_path_factory, rows):
    header = ["id", "marker", "stage", "flag", "seen", "OS", "death"]
    table = [[f"P{n}", *row] for n, row in enumerate(rows)]
    book = openpyxl.Workbook()
    book.active.append(header)
    for row in table:
        book.active.append(row)
    path = tmp_path_factory.mktemp("x") / "t.xlsx"
    book.save(path)
    german = io.StringIO()
    german.write(";".join(header) + "\n")
    for row in table:
        seen = row[4].strftime("%d.%m.%Y")
        german.write(
            ";".join([row[0], repr(row[1]).replace(".", ","), row[2] or "", str(row[3]).upper(), seen, str(row[5]), str(row[6])]) + "\n"
        )  # fmt: skip
    kinds = ("identifier", "number", "category", "boolean", "date", "number", "boolean")
    roles = ("patient_id", *["variable"] * 4, "outcome", "outcome")
    built = []
    for raw, decimal in (
        (raw_from_file(path, header_row=1), "."),
        (raw_from_text(german.getvalue(), header_row=1, delimiter=";"), ","),
    ):
        specs = [
            ColumnSpec(
                name,
                role,
                kind,
                decimal=decimal,
                levels=("A", "B") if kind == "category" else (),
                codes={"TRUE": 1, "FALSE": 0} if name == "flag" else {},
            )
            for name, role, kind in zip(header, roles, kinds, strict=True)
        ]
        endpoint = EndpointSpec("OS", time="OS", event="death", event_codes={"0": 0, "1": 1})
        built.append(build_cohort_table(raw, ColumnMapping(tuple(specs), (endpoint,))))
    assert built[0].frame.equals(built[1].frame)
    assert built[0].numbers("marker").tolist() == [row[0] for row in rows]
    assert built[0].frame["seen"].dt.date.tolist() == [row[3] for row in rows]


def test_formula_errors_of_a_spreadsheet_are_set_missing(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(list(COLUMNS))
    for n, row in enumerate(zip(*COLUMNS.values(), strict=True)):
        book.active.append([*row[:1], "#DIV/0!" if n == 3 else row[1], *row[2:]])
    book.save(tmp_path / "t.xlsx")
    raw = raw_from_file(tmp_path / "t.xlsx")
    table = build_cohort_table(raw, guess_mapping(raw))
    assert table.report.group("formula_error:age").rows.tolist() == [5]
    assert np.isnan(table.numbers("age")[3])
