"""Delimited text in every dialect that hospitals export; faults are told by row."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_here import cells, read_here, read_text

from hccsurv_core.errors import TableError, UnreadableFileError
from hccsurv_core.io.tables import ReadOptions, TableLimits

# What a cell may hold: no space at its ends (they are dropped), no control characters.
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufeff"),
    max_size=12,
).map(str.strip)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """A header of two to five names, and rows of which none is empty."""
    width = draw(st.integers(2, 5))
    header = [f"name {letter}" for letter in "abcde"[:width]]
    row = st.tuples(st.text("xyz", min_size=1, max_size=3), *[TEXTS] * (width - 1)).map(list)
    return [header, *draw(st.lists(row, min_size=1, max_size=8))]


def written(table: list[list[str]], delimiter: str, **how) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, **how).writerows(table)
    return out.getvalue()


def expected(table: list[list[str]]) -> dict[str, list[str | None]]:
    return {name: [row[at] or None for row in table[1:]] for at, name in enumerate(table[0])}


@settings(max_examples=60, deadline=None)
@given(
    tables(),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
)
def test_any_delimiter_and_unicode_encoding_reads_back(
    tmp_path_factory, table, delimiter, encoding
):
    # Marked encodings are told by their mark; UTF-16 without one needs mostly Latin letters.
    if encoding in ("utf-16-le", "utf-16-be"):
        table = [[cell.encode("ascii", "ignore").decode().strip() for cell in row] for row in table]
    folder = tmp_path_factory.mktemp("t")
    text = written(table, delimiter, quoting=csv.QUOTE_ALL)
    raw = read_text(folder, text.encode(encoding))
    assert cells(raw) == expected(table)
    assert raw.delimiter == delimiter
    assert raw.row_numbers.tolist() == list(range(2, len(table) + 1))


@settings(max_examples=30, deadline=None)
@given(tables(), st.sampled_from(",;\t|"))
def test_quotes_only_where_needed_read_back_when_the_delimiter_is_given(
    tmp_path_factory, table, delimiter
):
    text = written(table, delimiter)
    raw = read_text(tmp_path_factory.mktemp("t"), text, delimiter=delimiter)
    assert cells(raw) == expected(table)


@pytest.mark.parametrize(
    ("encoding", "word", "found"),
    [
        ("latin-1", "männlich", "cp1252"),
        ("cp1252", "naïve “x” 5 €", "cp1252"),
        ("gbk", "男性患者", "gb18030"),
        ("utf-8", "男", "utf-8"),
    ],
)
def test_encoding_is_found_without_a_mark(tmp_path, encoding, word, found):
    raw = read_text(tmp_path, f"id;sex\np1;{word}\np2;{word}\n".encode(encoding))
    assert raw.encoding == found
    assert cells(raw)["sex"] == [word, word]
    assert any("not UTF-8" in note for note in raw.notes) == (found != "utf-8")


def test_an_encoding_that_is_given_is_used(tmp_path):
    raw = read_text(tmp_path, "id,x\np1,ж\n".encode("cp1251"), encoding="cp1251")
    assert cells(raw)["x"] == ["ж"]
    with pytest.raises(UnreadableFileError, match="not text in the encoding ascii"):
        read_text(tmp_path, "id,x\np1,ж\n", encoding="ascii")
    with pytest.raises(TableError, match="there is no encoding 'utf-88'"):
        read_text(tmp_path, "id,x\np1,2\n", encoding="utf-88")


def test_semicolons_with_decimal_commas_are_no_commas(tmp_path):
    raw = read_text(tmp_path, "id;size;afp\np1;1,5;3,2\np2;2,5;4\n")
    assert raw.delimiter == ";"
    assert cells(raw)["size"] == ["1,5", "2,5"]


def test_the_line_that_tells_excel_the_delimiter_is_no_row(tmp_path):
    raw = read_text(tmp_path, "sep=|\r\nid|x\r\np1|2\r\n")
    assert cells(raw) == {"id": ["p1"], "x": ["2"]}
    assert raw.header_row == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end(tmp_path, end):
    assert cells(read_text(tmp_path, end.join(["id,x", "p1,2", "p2,3"]))) == {
        "id": ["p1", "p2"],
        "x": ["2", "3"],
    }


def test_rows_are_counted_as_a_spreadsheet_does(tmp_path):
    # A line break inside quotes is no row; an empty line is one.
    raw = read_text(tmp_path, 'id,note\np1,"two\nlines"\n\np2,x\n')
    assert raw.row_numbers.tolist() == [2, 4]


def test_title_lines_above_the_header_are_left_out_and_told(tmp_path):
    raw = read_text(tmp_path, "Our cohort\n\nid,age,sex\np1,50,m\np2,60,f\n", delimiter=",")
    assert raw.header_row == 3
    assert raw.row_numbers.tolist() == [4, 5]
    assert any("found in row 3" in note for note in raw.notes)


def test_a_table_without_a_header_is_numbered_and_told(tmp_path):
    raw = read_text(tmp_path, "1,50,12.5\n2,60,3\n")
    assert raw.column_names == ("column A", "column B", "column C")
    assert raw.row_numbers.tolist() == [1, 2]
    assert any("no header row" in note for note in raw.notes)


def test_the_header_row_can_be_given(tmp_path):
    text = "id,age\nthe id,the age\np1,50\n"
    assert read_text(tmp_path, text, header_row=2).column_names == ("the id", "the age")
    assert read_text(tmp_path, text, header_row=0).n_rows == 3
    with pytest.raises(TableError, match="row 9 cannot be the header"):
        read_text(tmp_path, text, header_row=9)


def test_r_row_names_become_a_column(tmp_path):
    raw = read_text(tmp_path, '"age","os"\n"1",50,3\n"2",60,4\n')
    assert cells(raw) == {"column A": ["1", "2"], "age": ["50", "60"], "os": ["3", "4"]}


def test_a_decimal_comma_without_quotes_is_no_row_name(tmp_path):
    with pytest.raises(TableError, match="row 2 has 3 cells but the header has 2, and so for 5"):
        read_text(tmp_path, "size,os\n" + "7,5,3\n" * 5)


def test_doubled_and_missing_names_are_told(tmp_path):
    raw = read_text(tmp_path, "AFP,AFP,,AFP,AFP (2)\n1,2,3,4,5\n6,7,8,9,x\n", header_row=1)
    assert raw.column_names == ("AFP", "AFP (2)", "column C", "AFP (3)", "AFP (2) (2)")
    assert raw.notes == (
        "Two columns are called 'AFP': the later one (column B) is called 'AFP (2)'.",
        "Column C has no name: it is called 'column C'.",
        "Two columns are called 'AFP': the later one (column D) is called 'AFP (3)'.",
        "Two columns are called 'AFP (2)': the later one (column E) is called 'AFP (2) (2)'.",
    )


def test_a_trailing_delimiter_makes_no_column(tmp_path):
    raw = read_text(tmp_path, "a,b,\nx,2,\ny,4,\n")
    assert raw.column_names == ("a", "b")
    assert raw.ragged == ()


def test_uneven_rows_are_listed(tmp_path):
    good = "p,1,2\n" * 20
    raw = read_text(tmp_path, f"id,a,b\n{good}p,1\np,1,2,3\n")
    assert raw.ragged == ((22, 2), (23, 4))
    assert cells(raw)["b"][-2:] == [None, "2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        ("a,b\n", "has column names but no rows"),
        (
            'a,b\nx,"never closed\ny,2\n',
            "row 2 cannot be read: a quotation mark is opened and never",
        ),
        ('a,b\nx,2\ny,"q"r\n', "row 3 cannot be read: a quotation mark inside"),
    ],
)
def test_broken_text_names_the_row(tmp_path, text, message):
    with pytest.raises(TableError, match=message):
        read_text(tmp_path, text)


@pytest.mark.parametrize(
    "data", [bytes(range(256)) * 20, b"a,b\n1,\x00\n", b"\x01\x02\x03\x04" * 99]
)
def test_binary_data_is_refused(tmp_path, data):
    with pytest.raises(UnreadableFileError, match="not a text table"):
        read_text(tmp_path, data)


@pytest.mark.parametrize(
    ("head", "what"),
    [(b"%PDF-1.7", "is a PDF"), (b"<html><table>", "is a web page"), (b"$FL2@(#)", "an SPSS file"),
     (b"PAR1", "a Parquet file"), (b"SQLite format 3\x00", "a database")],
)  # fmt: skip
def test_other_files_are_named_for_what_they_are(tmp_path, head, what):
    with pytest.raises(UnreadableFileError, match=what):
        read_text(tmp_path, head + b"\n1,2,3" * 50)


def test_bounds(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n" + "x,2,3\n" * 5000)
    with pytest.raises(TableError, match="more than 100 rows"):
        read_here(path, limits=TableLimits(max_rows=100))
    with pytest.raises(TableError, match="or 9,000 cells"):
        read_here(path, limits=TableLimits(max_cells=9000))
    with pytest.raises(TableError, match="the table has 3 columns, the last is C; at most 2"):
        read_here(path, limits=TableLimits(max_columns=2))
    with pytest.raises(TableError, match="larger than 0 MiB"):
        read_here(path, limits=TableLimits(max_bytes=1000))
    path.write_text("a,b\nx," + "y" * 2000 + "\n")
    with pytest.raises(TableError, match="row 2 cannot be read"):
        read_here(path, limits=TableLimits(max_cell_chars=1000))


def test_a_hundred_thousand_columns_are_refused(tmp_path):
    names = ",".join(f"c{n}" for n in range(100_000))
    with pytest.raises(TableError, match="the table has 100,000 columns, the last is EQXD"):
        read_text(tmp_path, f"{names}\n{',' * 99_999}1\n")


def test_a_delimiter_must_be_one_character(tmp_path):
    with pytest.raises(TableError, match="cannot be a delimiter"):
        read_text(tmp_path, "a,b\n1,2\n", delimiter="::")


def test_distinct_texts_are_shared(tmp_path):
    raw = read_text(tmp_path, "id,x\np1, yes\np2,yes\np3,\n")
    column = raw.column("x")
    assert column.texts == ("yes",)
    assert column.codes.tolist() == [0, 0, -1]
    assert (column.counts().tolist(), column.n_empty) == ([2], 1)
    assert raw.frame.loc[4].tolist() == ["p3", None]
    assert ReadOptions(**raw.to_json()["options"]) == raw.options
