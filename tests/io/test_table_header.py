"""Names in two rows, rows of units, names that come again: what is above and among the patients."""

from __future__ import annotations

import openpyxl
import pytest
from table_here import cells, read_here, read_text

HEADER = "ID;Age;Sex;AFP;OS_months;Death"
BODY = "".join(f"P{k};{40 + k};{'MF'[k % 2]};{k + 0.5};{k + 3};{k % 2}\n" for k in range(8))


@pytest.mark.parametrize(
    ("units", "names", "left_out"),
    [
        (";years;;ng/mL;months;0/1", ("ID", "Age (years)", "Sex", "AFP (ng/mL)", "OS_months", "Death"), "'0/1'"),
        ("-;Jahre;m/w;ng/ml;;ja/nein", ("ID", "Age (Jahre)", "Sex (m/w)", "AFP (ng/ml)", "OS_months", "Death"), "'-', 'ja/nein'"),
        (";岁;;µg/L;月;", ("ID", "Age (岁)", "Sex", "AFP (µg/L)", "OS_months (月)", "Death"), None),
    ],
)  # fmt: skip
def test_a_row_of_units_is_no_patient(tmp_path, units, names, left_out):
    raw = read_text(tmp_path, f"{HEADER}\n{units}\n{BODY}")
    assert raw.column_names == names
    assert (raw.header_row, raw.row_numbers.tolist()) == (1, list(range(3, 11)))
    told = f" Left out: {left_out}." if left_out else ""
    assert raw.notes == (
        "Row 2 holds units, no patient: what it says was added to the column names." + told,
    )


def test_names_in_two_rows_are_joined(tmp_path):
    body = "".join(f"P{k};{40 + k};{k + 0.5};{k + 1.5};{k + 3};{k % 2}\n" for k in range(8))
    raw = read_text(tmp_path, f"ID;Age;AFP;;OS_months;Death\n;;pre;post;;\n{body}")
    assert raw.column_names == ("ID", "Age", "AFP pre", "AFP post", "OS_months", "Death")
    assert raw.n_rows == 8
    assert "Row 2 holds a second line of names, no patient" in raw.notes[0]


def test_names_below_merged_headings_are_joined(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["ID", "Age", "AFP", None, "Death"])
    sheet.append([None, None, "before", "after", None])
    for k in range(8):
        sheet.append([f"P{k}", 40 + k, k + 0.5, k + 1.5, k % 2])
    for block in ("A1:A2", "B1:B2", "C1:D1", "E1:E2"):
        sheet.merge_cells(block)
    book.save(tmp_path / "t.xlsx")
    raw = read_here(tmp_path / "t.xlsx")
    assert raw.column_names == ("ID", "Age", "AFP before", "AFP after", "Death")
    assert cells(raw)["ID"] == [f"P{k}" for k in range(8)]


def test_names_below_headings_that_come_again_are_the_names(tmp_path):
    raw = read_text(tmp_path, f"Patient;Patient;Patient;Lab;Outcome;Outcome\n{HEADER}\n{BODY}")
    assert raw.column_names == tuple(HEADER.split(";"))
    assert raw.header_row == 2
    assert raw.notes == ("The column names were found in row 2; rows above are left out.",)


@pytest.mark.parametrize(
    "first",
    [
        "P99;NA;M;n.d.;?;1", "P99;unknown;M;not done;;", "P99;45;M;low;7;1", "P99;;M;<5;7;1", "P99;old;M;5;7;1",
        ";n.d.;;;;", "P99;>80;F;>1000;-;",
    ],
)  # fmt: skip
def test_a_first_patient_of_whom_little_is_known_is_a_patient(tmp_path, first):
    raw = read_text(tmp_path, f"{HEADER}\n{first}\n{BODY}")
    assert raw.n_rows == 9
    assert raw.column_names == tuple(HEADER.split(";"))


def test_a_table_of_words_has_no_second_header(tmp_path):
    body = "".join(f"P{k};{'MF'[k % 2]};stage {k}\n" for k in range(8))
    assert read_text(tmp_path, f"ID;Sex;Stage\n;male;early\n{body}").n_rows == 9


def test_where_a_person_names_the_header_nothing_is_added_to_it(tmp_path):
    raw = read_text(tmp_path, f"{HEADER}\n;years;;ng/mL;months;0/1\n{BODY}", header_row=1)
    assert (raw.column_names, raw.n_rows) == (tuple(HEADER.split(";")), 9)


def test_names_that_come_again_are_no_patient(tmp_path):
    first, last = BODY[: BODY.index("P4")], BODY[BODY.index("P4") :]
    raw = read_text(tmp_path, f"{HEADER}\n{first}{HEADER}\n{last}{HEADER}\n")
    assert cells(raw)["ID"] == [f"P{k}" for k in range(8)]
    assert raw.row_numbers.tolist() == [2, 3, 4, 5, 7, 8, 9, 10]
    assert raw.notes == ("2 rows repeat the column names and are left out (rows 6, 11).",)
    # In a single column a value may be called like the column.
    assert read_text(tmp_path, "marker\nmarker\nother\n").n_rows == 2
