"""XLSX as spreadsheet programs write it; openpyxl writes what is read here, and reads it for comparison."""

from __future__ import annotations

import datetime
import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.styles.numbers import is_date_format
from table_here import cells, read_here

from hccsurv_core.errors import TableError, UnreadableFileError, UnsafeArchiveError
from hccsurv_core.io.tables import BOOLEAN, DATE, FAULT, NUMBER, TEXT, ReadOptions, TableLimits
from hccsurv_core.io.xlsx_package import shows_date

SHEET = "xl/worksheets/sheet1.xml"


def workbook(path: Path, rows: list[list], **sheets: list[list]) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "Data"
    for row in rows:
        book.active.append(row)
    for name, more in sheets.items():
        sheet = book.create_sheet(name)
        for row in more:
            sheet.append(row)
    book.save(path)
    return path


def patched(path: Path, part: str, old: str, new: str) -> Path:
    """The same file with a text replaced in one part."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        assert old.encode() in source.read(part)
        for info in source.infolist():
            data = source.read(info)
            if info.filename == part:
                data = data.replace(old.encode(), new.encode())
            target.writestr(info.filename, data)
    path.write_bytes(out.getvalue())
    return path


RELATIONS = "xl/_rels/workbook.xml.rels"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def shared(path: Path, strings: str) -> Path:
    """A file whose cell B2 is the first of these shared strings, as Excel writes texts."""
    workbook(path, [["id", "x"], ["a", "PLACE"]])
    inline = 't="inlineStr"><is><t>PLACE</t></is></c>'
    patched(path, SHEET, inline, 't="s"><v>0</v></c>')
    relation = (
        f'<Relationship Id="rId9" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml" />'
    )
    patched(path, RELATIONS, "</Relationships>", f"{relation}</Relationships>")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<sst>{strings}</sst>")
    return path


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn"), exclude_characters="=_\ufffe\uffff"),
    max_size=10,
).map(str.strip)  # fmt: skip
VALUES = st.one_of(
    st.none(),
    st.integers(-(10**9), 10**9),
    st.floats(-1e12, 1e12).map(lambda x: float(f"{x:.9g}")),
    st.booleans(),
    st.dates(datetime.date(1901, 1, 1), datetime.date(2099, 1, 1)),
    st.datetimes(datetime.datetime(1901, 1, 1), datetime.datetime(2099, 1, 1)).map(
        lambda t: t.replace(microsecond=0)
    ),
    TEXTS,
)


def shown(value) -> str | None:
    """A value as the reader is to give it."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.text("xyz", min_size=1), VALUES, VALUES), min_size=1, max_size=10))
def test_what_is_written_reads_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("x") / "t.xlsx"
    workbook(path, [["id", "a", "b"], *[list(row) for row in rows]])
    raw = read_here(path, ReadOptions(header_row=1))
    assert raw.column_names == ("id", "a", "b")
    assert raw.frame.to_numpy().tolist() == [[shown(v) for v in row] for row in rows]
    # And the same as openpyxl, an independent reader, makes of it.
    sheet = openpyxl.load_workbook(path, read_only=True, data_only=True).active
    theirs = [[shown(v) for v in row] for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert [
        [(c and c.strip()) or None for c in row] for row in theirs
    ] == raw.frame.to_numpy().tolist()


def test_cells_know_what_they_are(tmp_path):
    rows = [
        ["id", "x"],
        ["a", 1.5],
        ["b", datetime.date(2015, 3, 4)],
        ["c", True],
        ["d", "1,5"],
        ["e", "#N/A"],
    ]
    raw = read_here(workbook(tmp_path / "t.xlsx", rows))
    column = raw.column("x")
    assert column.texts == ("1.5", "2015-03-04", "TRUE", "1,5", "#N/A")
    assert column.kinds.tolist() == [NUMBER, DATE, BOOLEAN, TEXT, FAULT]


@pytest.mark.parametrize(("number", "text"), [("0.1", "0.1"), ("57", "57"), ("57.0", "57"),
    ("0.30000000000000004", "0.30000000000000004"), ("113.94723820000001", "113.94723820000002"), ("113.947238200000001", "113.9472382"), ("0.10000000000000001", "0.1"), ("12345678901234567", "12345678901234567"), ("1E3", "1000"), ("1e-7", "1e-07"), ("nan", "nan")])  # fmt: skip
def test_numbers_keep_every_bit_in_the_fewest_digits(tmp_path, number, text):
    path = workbook(tmp_path / "t.xlsx", [["id", "x"], ["a", 12345]])
    raw = read_here(patched(path, SHEET, "<v>12345</v>", f"<v>{number}</v>"))
    assert cells(raw)["x"] == [text]


def test_dates_of_1900_and_1904(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [["id", "x"], ["a", datetime.date(2015, 3, 4)]])
    serial = (datetime.date(2015, 3, 4) - datetime.date(1899, 12, 30)).days
    raw = read_here(patched(path, SHEET, f"<v>{serial}</v>", "<v>59</v>"))
    assert cells(raw)["x"] == ["1900-02-28"]  # Excel's day 60 is the 29 February that never was
    raw = read_here(patched(path, SHEET, "<v>59</v>", "<v>61</v>"))
    assert cells(raw)["x"] == ["1900-03-01"]
    patched(path, "xl/workbook.xml", "<workbookPr />", '<workbookPr date1904="1" />')
    assert cells(read_here(path))["x"] == ["1904-03-02"]


@settings(max_examples=200, deadline=None)
@given(st.text('dmyhs0#.,;@-/ "[]General_*\\', max_size=12))
def test_date_formats_are_those_of_openpyxl(code):
    # openpyxl counts a stray bracket or quote differently; only well-formed codes occur.
    first = code.partition(";")[0]
    formed = (
        first.count('"') % 2 == 0 and "\\" not in first and not {"[", "]", "_", "*"} & set(first)
    )
    if formed and "General" not in code:
        assert shows_date(code) == bool(is_date_format(code) and any(c in "dmyhs" for c in first))


@pytest.mark.parametrize(("code", "date"), [("yyyy-mm-dd", True), ("[$-409]d-mmm-yy", True), ("[h]:mm", True),
    ('0.0" days"', False), ("[Red]0.00", False), ("General", False), ("0.00E+00", False), (r"0\ \m", False),
    ("_(* #,##0.00_)", False), ("@", False)])  # fmt: skip
def test_date_formats(code, date):
    assert shows_date(code) is date


def test_formulas_give_their_cached_values_and_tell_where_there_is_none(tmp_path):
    rows = [["id", "x"], ["a", "=1+1"], ["b", "=2+2"], ["c", 9]]
    path = workbook(tmp_path / "t.xlsx", rows)
    patched(path, SHEET, "<f>2+2</f><v />", "<f>2+2</f><v>4</v>")
    raw = read_here(path)
    assert cells(raw)["x"] == [None, "4", "9"]
    assert any(
        "Column B: 1 formula was never calculated (the first in row 2), so this cell is" in n
        for n in raw.notes
    )


def test_merged_cells_fill_the_rows_they_cover(tmp_path):
    path = tmp_path / "t.xlsx"
    book = openpyxl.Workbook()
    for row in [
        ["Visits of our cohort"],
        ["id", "visit", "x"],
        ["p1", 1, 5],
        [None, 2, 6],
        [None, 3, 7],
        ["p2", 1, 8],
    ]:
        book.active.append(row)
    book.active.merge_cells("A1:C1")
    book.active.merge_cells("A3:A5")
    book.active.merge_cells("B6:C6")
    book.save(path)
    raw = read_here(path)
    assert raw.header_row == 2
    assert cells(raw)["id"] == ["p1", "p1", "p1", "p2"]
    assert any("copied to the 2 cells they cover" in note for note in raw.notes)
    assert any("1 cell is merged across columns; its value" in note for note in raw.notes)


def test_sheets_are_chosen_and_told(tmp_path):
    path = workbook(
        tmp_path / "t.xlsx", [], Cohort=[["id", "x"], ["a", 1]], Legend=[["x", "what"], ["y", "z"]]
    )
    raw = read_here(path)  # the first sheet is empty
    assert (raw.sheet, raw.sheet_names) == ("Cohort", ("Data", "Cohort", "Legend"))
    assert "the file also has 'Data', 'Legend'" in raw.notes[0]
    assert read_here(path, ReadOptions(sheet="Legend")).column_names == ("x", "what")
    with pytest.raises(TableError, match="no sheet called 'Nope'; choose one of 'Data', 'Cohort'"):
        read_here(path, ReadOptions(sheet="Nope"))
    with pytest.raises(TableError, match="the sheet is empty"):
        read_here(path, ReadOptions(sheet="Data"))


TABLE = [["id", "age", "OS"], ["a", 50, 1.5], ["b", 60, 2.5]]
TITLE = [["Hepatectomy cohort"], [], ["Department of Surgery"]]
FORM = [["Study", "HCC"], ["Contact", "Dr. X"], ["Version", "2"], ["Sheets", "see tabs"]]
LEGEND = [
    ["Variable", "Meaning", "Values"],
    ["age", "age at surgery", "years"],
    ["OS", "survival", "months"],
]


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ([], "the sheet is empty"),
        ([["id", "age"]], "the table has column names but no rows"),
        (TITLE[:1], "the table has column names but no rows"),
        (TITLE, "it has no column of numbers or dates"),
        (FORM, "it has no column of numbers or dates"),
        (LEGEND, "it has no column of numbers or dates"),
    ],
)  # fmt: skip
def test_what_comes_before_the_table_is_passed_over_and_said(tmp_path, first, why):
    raw = read_here(workbook(tmp_path / "t.xlsx", first, Nothing=[], Patients=TABLE, Other=TABLE))
    assert (raw.sheet, raw.n_rows) == ("Patients", 2)
    assert raw.notes == (
        "The sheet 'Patients' was read; the file also has 'Data', 'Nothing', 'Other'.",
        f"The sheet 'Data' was passed over: {why}.",
        "The sheet 'Nothing' was passed over: the sheet is empty.",
    )


def test_a_sheet_that_is_named_is_read_whatever_it_holds(tmp_path):
    path = workbook(tmp_path / "t.xlsx", FORM, Patients=TABLE)
    assert read_here(path, ReadOptions(sheet="Data")).column_names == ("Study", "HCC")
    with pytest.raises(TableError, match="the table has column names but no rows"):
        path = workbook(tmp_path / "u.xlsx", [["id", "age"]], Patients=TABLE)
        read_here(path, ReadOptions(sheet="Data"))


def test_a_header_that_is_named_is_looked_for_in_every_sheet(tmp_path):
    path = workbook(tmp_path / "t.xlsx", TITLE[:1], Patients=[["Patients"], [], *TABLE])
    raw = read_here(path, ReadOptions(header_row=3))
    assert (raw.sheet, raw.column_names) == ("Patients", ("id", "age", "OS"))


def test_where_no_sheet_has_numbers_the_first_is_read(tmp_path):
    words = [["id", "stage"], ["a", "B"], ["b", "C"]]
    raw = read_here(workbook(tmp_path / "t.xlsx", [["id"]], Patients=words, Legend=LEGEND))
    assert raw.sheet == "Patients"


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([], [], "the sheet is empty; choose another sheet"),
        ([], [["id", "age"]], "the table has column names but no rows; give a table with patients"),
        ([["id", "age"]], [], "the table has column names but no rows; give a table with patients"),
    ],
)
def test_where_no_sheet_has_rows_that_is_the_error(tmp_path, first, second, message):
    with pytest.raises(TableError, match=message):
        read_here(workbook(tmp_path / "t.xlsx", first, Second=second))


def test_hidden_sheets_come_last(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["secret", "x"])
    book.active.append(["a", 1])
    book.active.sheet_state = "hidden"
    shown_sheet = book.create_sheet("Shown")
    shown_sheet.append(["id", "x"])
    shown_sheet.append(["b", 2])
    book.save(tmp_path / "t.xlsx")
    assert read_here(tmp_path / "t.xlsx").sheet == "Shown"
    shown_sheet.delete_rows(1, 2)
    book.save(tmp_path / "t.xlsx")
    raw = read_here(tmp_path / "t.xlsx")
    assert raw.notes[0] == "The hidden sheet 'Sheet' was read; the file also has 'Shown'."


def test_phonetic_guides_are_no_text_and_runs_are_joined(tmp_path):
    rich = "<si><r><t>東</t></r><r><t>京</t></r><rPh sb='0' eb='1'><t>トウキョウ</t></rPh></si>"
    assert cells(read_here(shared(tmp_path / "t.xlsx", rich)))["x"] == ["東京"]
    assert cells(read_here(shared(tmp_path / "u.xlsx", "")))["x"] == [None]  # points at nothing


def test_prefixed_elements_and_missing_positions_are_read(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [["id", "x"], ["a", 7]])
    plain = (
        '<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:sheetData>'
        '<x:row><x:c t="inlineStr"><x:is><x:t>id</x:t></x:is></x:c><x:c t="str"><x:v>age</x:v></x:c></x:row>'
        "<x:row><x:c><x:v>1</x:v></x:c><x:c><x:v>50</x:v></x:c></x:row></x:sheetData></x:worksheet>"
    )
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, plain if name == SHEET else data)
    assert cells(read_here(path)) == {"id": ["1"], "age": ["50"]}


def test_row_numbers_skip_empty_rows(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [["id", "x"], ["a", 1], [], ["b", 2]])
    assert read_here(path).row_numbers.tolist() == [2, 4]


# --- what is wrong with it ----------------------------------------------------------------------


@pytest.mark.parametrize("kept", [0.05, 0.3, 0.6, 0.9, 0.99])
def test_truncated_files_are_damaged(tmp_path, kept):
    path = workbook(tmp_path / "t.xlsx", [["id", "x"], ["a", 1]])
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(UnreadableFileError, match="the XLSX file is damaged or incomplete"):
        read_here(path)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=20))
def test_flipped_bytes_are_an_error_that_says_so_or_harmless(tmp_path_factory, flips):
    path = tmp_path_factory.mktemp("x") / "t.xlsx"
    data = bytearray(workbook(path, [["id", "x"], ["a", 1]]).read_bytes())
    for at, value in flips:
        data[at % len(data)] = value
    path.write_bytes(bytes(data))
    try:
        raw = read_here(path)
    except (UnreadableFileError, UnsafeArchiveError, TableError):
        return
    assert cells(raw) == {"id": ["a"], "x": ["1"]}  # the zip's checksums see everything else


def test_entities_are_refused(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [["id", "x"], ["a", 1]])
    patched(path, SHEET, "<worksheet", '<!DOCTYPE w [<!ENTITY a "b">]><worksheet')
    with pytest.raises(UnsafeArchiveError, match="declares XML entities"):
        read_here(path)
    path = workbook(tmp_path / "u.xlsx", [["id", "x"], ["a", 1]])
    patched(path, "xl/workbook.xml", "<workbook ", '<!DOCTYPE w [<!ENTITY a "b">]><workbook ')
    with pytest.raises(UnsafeArchiveError, match="declares XML entities"):
        read_here(path)


def test_bombs_are_refused_before_they_unpack(tmp_path):
    path = shared(tmp_path / "t.xlsx", f"<si><t>{'x' * 40_000_000}</t></si>")
    with pytest.raises(UnsafeArchiveError, match="unpacks to more than 200 times its packed size"):
        read_here(path)
    with pytest.raises(UnsafeArchiveError, match="unpacks to more than 10 MiB"):
        read_here(path, limits=TableLimits(max_unpacked_bytes=10 << 20))
    with pytest.raises(TableError, match="a cell holds more than 131,072 characters"):
        read_here(path, limits=TableLimits(max_ratio=1e6))


def test_a_far_cell_makes_too_many_columns_and_says_which(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [["id", "x"], ["a", 1]])
    patched(path, SHEET, "</sheetData>", '<row r="9"><c r="XFD9"><v>1</v></c></row></sheetData>')
    with pytest.raises(TableError, match="16,384 columns, the last is XFD"):
        read_here(path)


def test_too_many_rows(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [["id", "x"], *[["a", n] for n in range(300)]])
    with pytest.raises(TableError, match="more than 100 rows"):
        read_here(path, limits=TableLimits(max_rows=100))


def test_locked_old_and_other_workbooks_are_told_apart(tmp_path):
    path = tmp_path / "t.xlsx"
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
    path.write_bytes(ole + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(UnreadableFileError, match="locked with a password; open it, remove"):
        read_here(path)
    path.write_bytes(ole)
    with pytest.raises(
        UnreadableFileError, match=r"old Excel format \(\.xls\); save the table as XLSX"
    ):
        read_here(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    with pytest.raises(UnreadableFileError, match="is an OpenDocument file"):
        read_here(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "no workbook")
    with pytest.raises(UnreadableFileError, match="is not an XLSX workbook"):
        read_here(path)
