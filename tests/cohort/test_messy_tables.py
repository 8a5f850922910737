"""Tables as hospitals have them: each is understood, or what is wrong with it is said."""

from __future__ import annotations

import datetime
import doctest

import numpy as np
import pytest
from raw_tables import raw_from_text

from hccsurv_core.cohort import cell_values, name_legend, quantities
from hccsurv_core.cohort.clinical_table import ClinicalTable, build_cohort_table
from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.table_issues import Decision
from hccsurv_core.io.tables import RawTable

N = 24
HEADER = "ID;Age;Sex;AFP;OS_months;Death"
START = datetime.date(2015, 1, 1)
EXCEL = datetime.date(1899, 12, 30)


def surgery(k: int) -> datetime.date:
    return START + datetime.timedelta(days=17 * k)


def last_seen(k: int) -> datetime.date:
    return surgery(k) + datetime.timedelta(days=100 + 30 * k)


def rows(line) -> str:
    """One line a patient."""
    return "".join(f"{line(k)}\n" for k in range(N))


def usual(k: int) -> str:
    return f"P{k:03d};{40 + k};{'MF'[k % 2]};{3.5 * k + 1};{3 + 1.5 * k};{k % 2}"


BODY = rows(usual)


def read(text: str) -> tuple[RawTable, ClinicalTable]:
    raw = raw_from_text(text)
    return raw, build_cohort_table(raw, guess_mapping(raw))


def kinds(table: ClinicalTable) -> dict[str, str]:
    """What is to be looked at, and how grave it is."""
    return {g.kind: g.severity for g in table.report.groups if g.severity != "info"}


# --- under the table ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("foot", "kind", "n"),
    [
        ("Total;24;;;;12\n", "summary_row", 1),
        ("Mittelwert;51,5;;43;22;0,5\nSD;7;;2;3;\n", "summary_row", 2),
        ("n = 24;;;;;\n", "summary_row", 1),
        (";mean 51.5;;;;\n", "summary_row", 1),
        ("合计;24;;;;12\n", "summary_row", 1),
        ("* AFP measured in the Department of Chemistry;;;;;\n", "remark", 1),
        (";;;;;\nLegend: 1 = dead;;;;;\nLocked on 3 May 2021;;;;;\n", "remark", 2),
    ],
)
def test_what_stands_under_the_table_is_no_patient(foot, kind, n):
    raw, table = read(f"{HEADER}\n{BODY}{foot}")
    group = table.report.group(f"{kind}:")
    assert (len(group.rows), group.severity, group.action) == (n, "warning", "exclude_row")
    assert len(table) == N
    assert table.endpoint("OS").n_events == N // 2
    assert table.report.counts["rows_left_out"] == n
    kept = build_cohort_table(raw, guess_mapping(raw), [Decision(group.key, "keep")])
    assert len(kept) == N + n


@pytest.mark.parametrize(
    "last", ["P024;;;;;", "P024;64;M;5;7;1", "Minerva;64;M;5;7;1", "Sumner;;;;;", "P024;;;;7;1"]
)
def test_a_last_patient_of_whom_little_is_known_is_a_patient(last):
    _, table = read(f"{HEADER}\n{BODY}{last}\n")
    assert len(table) == N + 1


def test_a_table_of_remarks_has_no_foot():
    _, table = read("topic;text\nfirst of all;\nand then;\n")
    assert len(table) == 2


def test_levels_that_sound_like_totals_are_none():
    _, table = read(
        "risk;OS;death\n" + rows(lambda k: f"{'alta' if k < 12 else 'media'};{k + 1};{k % 2}")
    )
    assert len(table) == N


# --- cells ----------------------------------------------------------------------------------------


def test_numbers_that_are_not_known_do_not_make_a_column_of_words():
    text = rows(lambda k: usual(k) if k % 3 else f"P{k:03d};n.a.;unknown;n.d.;{3 + 1.5 * k};1")
    _, table = read(f"{HEADER}\n{text}")
    assert [table.column(name).kind for name in ("Age", "AFP")] == ["number", "number"]
    assert kinds(table) == {"not_a_number": "error"}  # "n.d."; "n.a." is missing in every column
    assert table.groups("Sex")[1] == ("female", "male", "unknown")


def test_percent_signs_are_a_unit():
    _, table = read("ID;Steatosis;OS;Death\n" + rows(lambda k: f"P{k};{k} %;{k + 1};{k % 2}"))
    assert table.numbers("Steatosis").tolist() == list(range(N))
    assert table.column("Steatosis").unit == "%"
    assert kinds(table) == {}


def test_units_that_every_cell_has_are_the_unit_of_the_column():
    _, table = read(
        "ID;Tumor size;Spleen;OS;Death\n"
        + rows(lambda k: f"P{k};{2 + k / 10:.1f} cm;{90 + k} mm;{100 + 30 * k} days;{k % 2}")
    )
    assert (table.column("Tumor size").unit, table.column("Spleen").unit) == ("cm", "mm")
    assert table.numbers("Tumor size")[:2].tolist() == [2.0, 2.1]
    assert table.endpoint("OS").time_months[:2].tolist() == pytest.approx(
        [100 / 30.4375, 130 / 30.4375]
    )


def test_times_with_their_own_units_are_converted():
    _, table = read(
        "ID;OS (months);Death\n" + rows(lambda k: f"P{k};{'2 years' if k % 3 == 0 else f'{k} months'};{k % 2}")
    )  # fmt: skip
    assert table.endpoint("OS").time_months[:3].tolist() == [24, 1, 2]
    assert kinds(table) == {"written_unit": "warning"}


# --- dates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        lambda day: f"{day.year}-{day.month}-{day.day}", lambda day: day.strftime("%d.%m.%y"),
        lambda day: day.strftime("%d/%m/%Y"), lambda day: day.strftime("%d %b %Y"), lambda day: str((day - EXCEL).days),
        lambda day: f"{(day - EXCEL).days}.75", lambda day: day.strftime("%Y%m%d"),
    ],
)  # fmt: skip
def test_dates_however_they_are_written(written):
    text = rows(lambda k: f"P{k};{written(surgery(k))};{written(last_seen(k))};{k % 2}")
    raw, table = read(f"ID;surgery;last follow-up;dead\n{text}")
    expected = [(100 + 30 * k) / 30.4375 for k in range(N)]
    assert table.endpoint("OS").time_months.tolist() == pytest.approx(expected)
    serial = guess_mapping(raw).column("surgery").date_order == "serial"
    assert serial == any(g.kind == "serial_dates" for g in table.report.groups)


def test_numbers_of_days_among_dates_are_suggestions():
    def day(k: int) -> str:
        return str((surgery(k) - EXCEL).days) if k % 8 == 0 else surgery(k).isoformat()

    raw, table = read(
        "ID;surgery;last seen;dead\n" + rows(lambda k: f"P{k};{day(k)};{last_seen(k)};{k % 2}")
    )
    group = table.report.group("not_a_date:surgery")
    assert group.suggestions.tolist() == [str(surgery(k)) for k in (0, 8, 16)]
    decided = build_cohort_table(raw, guess_mapping(raw), [Decision(group.key, "use_suggestion")])
    assert np.isfinite(decided.endpoint("OS").time_months).all()


def test_the_living_may_stand_in_a_column_of_dates_of_death():
    def death(k: int) -> str:
        return last_seen(k).strftime("%d.%m.%Y") if k % 2 else "lebt"

    text = rows(lambda k: f"P{k};{surgery(k):%d.%m.%Y};{last_seen(k):%d.%m.%Y};{death(k)}")
    _, table = read(f"Pat-Nr;OP-Datum;Letzter Kontakt;Todesdatum\n{text}")
    assert (table.endpoint("OS").n_events, int(table.endpoint("OS").known.sum())) == (N // 2, N)
    assert kinds(table)["not_a_date"] == "error"


def test_numbers_of_days_are_times_where_the_name_says_no_date():
    raw, _ = read("ID;marker;OS;Death\n" + rows(lambda k: f"P{k};{42000 + k};{k + 1};{k % 2}"))
    assert guess_mapping(raw).column("marker").kind == "number"


# --- codes that the name explains -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dead", "alive"),
    [
        ("Status (0=dead, 1=alive)", 0, 1), ("Status (1 = alive; 2 = dead)", 2, 1), ("vital status [1 dead / 2 alive]", 1, 2),
        ("生存状态（0：存活，1：死亡）", 1, 0), ("Status: verstorben=1, lebt=2", 1, 2), ("alive (1=yes, 0=no)", 0, 1),
        ("Death (1=no, 2=yes)", 2, 1),
    ],
)  # fmt: skip
def test_a_name_that_explains_its_codes_is_believed(name, dead, alive):
    raw = raw_from_text(
        f"ID|OS|{name}\n" + rows(lambda k: f"P{k}|{k + 1}|{dead if k % 3 else alive}"),
        delimiter="|",
    )
    table = build_cohort_table(raw, guess_mapping(raw))
    assert table.endpoint("OS").event.tolist() == [k % 3 != 0 for k in range(N)]


def test_codes_of_sex_and_of_classes_are_explained_too():
    raw, table = read(
        "ID;Sex (1=male, 2=female);lobe (0=left, 1=right);cirrhosis (0=yes, 1=no);OS;Death\n"
        + rows(lambda k: f"P{k};{k % 2 + 1};{k % 2};{k % 2};{k + 1};{k % 2}")
    )
    sex, lobe, cirrhosis = (column.name for column in table.columns)
    assert guess_mapping(raw).with_role("sex").name == sex
    assert table.groups(sex)[1] == ("male", "female")
    assert table.groups(lobe)[1] == ("left", "right")
    assert table.numbers(cirrhosis)[:2].tolist() == [1, 0]


def test_a_code_for_not_known_beside_two_codes_is_shown():
    _, table = read("ID;OS;status\n" + rows(lambda k: f"P{k};{k + 1};{(1, 2, 9)[k % 3]}"))
    assert table.endpoint("OS").n_events == N // 3
    assert table.report.group("unknown_event:OS").values.tolist() == ["9"] * (N // 3)


# --- everything at once ---------------------------------------------------------------------------


def test_a_german_table_needs_no_editing():
    text = rows(
        lambda k: f"P{k};Hans;01.02.19{50 + k};{'mw'[k % 2]};{surgery(k):%d.%m.%Y};{last_seen(k):%d.%m.%Y};"
        f"{['lebt', 'verstorben'][k % 2]};{1000 + k}.{k:03d},5;{2 + k / 10:.1f}".replace(f"{1000 + k}.", "1.")
    )  # fmt: skip
    header = "Pat-Nr;Vorname;Geb.-Datum;Geschlecht;OP-Datum;Letzter Kontakt;Status;AFP (ng/ml);Tumorgröße (cm)"
    raw, table = read(f"{header}\n{text}")
    assert [c.role for c in guess_mapping(raw).columns] == [
        "patient_id", "personal", "personal", "sex", "outcome", "outcome", "outcome", "variable", "variable",
    ]  # fmt: skip
    assert table.endpoint("OS").n_events == N // 2
    assert table.numbers("AFP (ng/ml)")[3] == 1003.5
    assert {g.kind for g in table.report.groups if g.severity == "error"} == set()


def test_examples():
    for module in (cell_values, name_legend, quantities):
        assert doctest.testmod(module).failed == 0
