"""Guesses of what columns mean: right on tables as people make them, and never certain."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from raw_tables import one_column, raw_from_columns, raw_from_file, raw_from_text

from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.column_mapping import (
    ColumnMapping,
    ColumnSpec,
    EndpointSpec,
    check_mapping,
)
from hccsurv_core.cohort.endpoint_guess import guess_event_codes, guess_time_unit
from hccsurv_core.cohort.table_checks import check_table
from hccsurv_core.errors import TableError

DATASETS = Path(__file__).resolve().parents[1] / "reference" / "data"
N = 24
IDS = [f"P{n:03d}" for n in range(N)]
ZERO_ONE = [n % 2 for n in range(N)]
MONTHS = [n + 0.5 for n in range(N)]


def guessed(**columns) -> ColumnMapping:
    raw = raw_from_columns(**columns)
    mapping = guess_mapping(raw)
    check_mapping(raw, mapping)
    return mapping


def endpoints(mapping: ColumnMapping) -> list[tuple]:
    return [(e.name, e.time, e.time_unit, e.event) for e in mapping.endpoints]


# --- kinds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("marker", [n * 1.7 for n in range(N)], "number"),
        ("marker", [f"{n},5" for n in range(N)], "number"),
        ("marker", ["<2", *range(1, N)], "number"),
        ("stage", [n % 3 + 1 for n in range(N)], "category"),
        ("stage", [f"{n % 3 + 1}.0" for n in range(N)], "category"),
        ("stage", ["A", "B", "C"] * (N // 3), "category"),
        ("AFP", [n % 2 + 1 for n in range(N)], "category"),
        ("AFP", [n * 7 for n in range(N)], "number"),
        ("tumor number", [n % 5 for n in range(N)], "number"),
        ("Child-Pugh score", [5 + n % 4 for n in range(N)], "number"),
        ("cirrhosis", ZERO_ONE, "boolean"),
        ("cirrhosis", ["yes", "no"] * (N // 2), "boolean"),
        ("HBsAg", ["+", "-"] * (N // 2), "boolean"),
        ("HBsAg", ["阳性", "阴性"] * (N // 2), "boolean"),
        ("cirrhosis", ["TRUE", "FALSE"] * (N // 2), "boolean"),
        ("died of", ["no", "hcc", "liver failure"] * (N // 3), "category"),
        ("when", [f"2015-01-{n + 1:02d}" for n in range(N)], "date"),
        ("when", [f"{n + 1:02d}.01.2015" for n in range(N)], "date"),
        ("when", [f"201501{n + 1:02d}" for n in range(N)], "date"),
        ("barcode", [f"X-{n}" for n in range(N)], "identifier"),
        ("remark", [f"seen by doctor {n}" for n in range(N)], "text"),
        ("empty", [None] * N, "text"),
    ],
)  # fmt: skip
def test_kinds(name, values, kind):
    assert guessed(patient_id=IDS, **{name.replace(".", "__"): values}).columns[1].kind == kind


def test_few_rows_are_not_taken_for_codes():
    assert guessed(id=["a", "b", "c"], nodes=[1, 2, 4]).columns[1].kind == "number"


def test_levels_are_in_order_and_one_spelling_each():
    mapping = guessed(id=IDS, grade=["Low", "low ", "LOW", "high", "10", "9"] * 4)
    assert mapping.columns[1].levels == ("9", "10", "high", "Low")


def test_names_telephones_and_birth_dates_are_personal():
    mapping = guessed(
        patient_name=[f"N {n}" for n in range(N)],
        phone=range(100, 100 + N),
        dob=[f"1950-01-{n + 1:02d}" for n in range(N)],
        ID=IDS,
    )
    assert [c.role for c in mapping.columns] == ["personal"] * 3 + ["patient_id"]


# --- roles ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["ID", "patient_id", "PatientID", "Number", "住院号", "MRN", "Case No", "study id"]
)
def test_the_patient_is_found_by_name(name):
    mapping = guessed(age=range(40, 40 + N), **{name: range(1000, 1000 + N)})
    assert mapping.with_role("patient_id").name == name
    assert mapping.with_role("patient_id").kind == "identifier"
    assert mapping.with_role("age").name == "age"


def test_a_first_column_that_counts_is_the_patient_and_a_measurement_is_not():
    assert guessed(x=range(1, N + 1), y=MONTHS).with_role("patient_id").name == "x"
    assert guessed(CXCL17=MONTHS, y=MONTHS).with_role("patient_id") is None


def test_height_weight_age_and_sex_are_found_once():
    mapping = guessed(
        id=IDS, age=[50 + n for n in range(N)], age_at_death=[60 + n for n in range(N)],
        height=[150 + n for n in range(N)], weight=[60 + n for n in range(N)], sex=["M", "F"] * (N // 2),
    )  # fmt: skip
    assert [c.role for c in mapping.columns] == [
        "patient_id",
        "age",
        "variable",
        "height",
        "weight",
        "sex",
    ]
    assert (mapping.column("height").unit, mapping.column("height").unit_from) == ("cm", "range")
    assert (mapping.column("weight").unit, mapping.column("weight").unit_from) == ("kg", "assumed")


@pytest.mark.parametrize(
    ("name", "values", "labels"),
    [
        ("Sex", ["M", "F"], {"F": "female", "M": "male"}),
        ("gender", ["male", "FEMALE"], {"FEMALE": "female", "male": "male"}),
        ("性别", ["男", "女"], {"男": "male", "女": "female"}),
        ("Geschlecht", ["m", "w"], {"m": "male", "w": "female"}),
        ("male", [1, 0], {"0": "female", "1": "male"}),
        ("female", ["yes", "no"], {"yes": "female", "no": "male"}),
        ("sex", [0, 1], {}),
        ("sex", [1, 2], {}),
    ],
)
def test_sex_is_read_where_the_table_tells_and_left_open_where_not(name, values, labels):
    spec = guessed(id=IDS, **{name: values * (N // 2)}).with_role("sex")
    assert spec.name == name
    assert dict(spec.level_labels) == labels


@pytest.mark.parametrize(
    "name", ["arm", "Treatment", "BCLC", "center", "BCLC stage", "study group"]
)
def test_groups(name):
    assert guessed(id=IDS, **{name: ["a", "b"] * (N // 2)}).columns[1].role == "group"


@pytest.mark.parametrize(
    ("name", "values", "quantity", "unit", "source"),
    [
        ("albumin (g/dL)", [35 + n for n in range(N)], "albumin", "g/dL", "name"),
        ("albumin", [3.5 + n / 50 for n in range(N)], "albumin", "g/dL", "range"),
        ("albumin", [35 + n / 5 for n in range(N)], "albumin", "g/L", "range"),
        ("tumor size", [2.5 + n / 5 for n in range(N)], "tumor_size", "cm", "range"),
        ("tumor size", [25 + n for n in range(N)], "tumor_size", "mm", "range"),
        ("AFP", [25 + n for n in range(N)], "afp", "ng/mL", "assumed"),
        ("bilirubin", [4.5 + n / 100 for n in range(N)], "bilirubin", "µmol/L", "assumed"),
    ],
)
def test_units(name, values, quantity, unit, source):
    spec = guessed(id=IDS, **{name: values}).columns[1]
    assert (spec.quantity, spec.unit, spec.unit_from) == (quantity, unit, source)


def test_the_decimal_sign_is_that_of_the_table_unless_the_column_tells():
    mapping = guessed(
        id=IDS, a=[f"{n},25" for n in range(N)], d=[f"{n},7" for n in range(N)], b=[f"{n + 1}.234" for n in range(N)],
        c=[f"{n}.5" for n in range(N)],
    )  # fmt: skip
    assert [c.decimal for c in mapping.columns] == [",", ",", ",", ",", "."]


# --- outcomes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"OS": MONTHS, "Death": ZERO_ONE}, ("OS", "OS", "months", "Death")),
        ({"OStime_day": MONTHS, "Status_of_death": ZERO_ONE}, ("OS", "OStime_day", "days", "Status_of_death")),
        ({"OS_MONTHS": MONTHS, "OS_STATUS": ["0:LIVING", "1:DECEASED"] * (N // 2)}, ("OS", "OS_MONTHS", "months", "OS_STATUS")),
        ({"overall survival (years)": MONTHS, "vital status": ["alive", "dead"] * (N // 2)}, ("OS", "overall survival (years)", "years", "vital status")),
        ({"Survival time (months)": MONTHS, "dead": ZERO_ONE}, ("OS", "Survival time (months)", "months", "dead")),
        ({"futime": MONTHS, "fustat": ZERO_ONE}, ("OS", "futime", "months", "fustat")),
        ({"time_months": MONTHS, "event": ZERO_ONE}, ("Survival", "time_months", "months", "event")),
        ({"time": MONTHS, "status": ZERO_ONE}, ("Survival", "time", "months", "status")),
        ({"follow up months": MONTHS, "death": ZERO_ONE}, ("OS", "follow up months", "months", "death")),
        ({"RFS (mo)": MONTHS, "recurrence": ["yes", "no"] * (N // 2)}, ("RFS", "RFS (mo)", "months", "recurrence")),
        ({"PFS_days": MONTHS, "progression": ZERO_ONE}, ("PFS", "PFS_days", "days", "progression")),
        ({"生存时间": MONTHS, "死亡": ZERO_ONE}, ("OS", "生存时间", "months", "死亡")),
    ],
)  # fmt: skip
def test_a_time_finds_its_event(columns, found):
    mapping = guessed(id=IDS, age=[40 + n for n in range(N)], **columns)
    assert endpoints(mapping) == [found]
    assert [c.role for c in mapping.columns] == ["patient_id", "age", "outcome", "outcome"]


def test_the_columns_of_a_cohort_folder():
    mapping = guessed(
        patient_id=IDS, time_months=MONTHS, event=ZERO_ONE, recurrence_time_months=MONTHS,
        recurrence_event=ZERO_ONE, tumor_diameter_mm=[20 + n for n in range(N)], center=["a", "b"] * (N // 2),
    )  # fmt: skip
    assert endpoints(mapping) == [
        ("Survival", "time_months", "months", "event"),
        ("RFS", "recurrence_time_months", "months", "recurrence_event"),
    ]


def test_a_covariate_that_sounds_like_an_event_is_none_without_a_time():
    assert guessed(id=IDS, recurrence=ZERO_ONE, metastasis=ZERO_ONE).endpoints == ()
    mapping = guessed(id=IDS, OS=MONTHS, Death=ZERO_ONE, recurrence=ZERO_ONE)
    assert mapping.column("recurrence").role == "variable"


def days(month: int) -> list[str]:
    return [f"2015-{month:02d}-{n + 1:02d}" for n in range(N)]


def test_two_dates_make_an_outcome():
    dead = [day if n % 2 else None for n, day in enumerate(days(9))]
    mapping = guessed(id=IDS, surgery_date=days(1), last_follow_up=days(10), death_date=dead)
    [endpoint] = mapping.endpoints
    assert (endpoint.start, endpoint.end, endpoint.event_date, endpoint.event) == (
        "surgery_date", "last_follow_up", "death_date", None,
    )  # fmt: skip
    mapping = guessed(id=IDS, date_of_diagnosis=days(1), last_contact_date=days(10), dead=ZERO_ONE)
    [endpoint] = mapping.endpoints
    assert (endpoint.start, endpoint.end, endpoint.event_date, endpoint.event) == (
        "date_of_diagnosis", "last_contact_date", None, "dead",
    )  # fmt: skip


def test_dates_that_say_nothing_of_an_end_make_none():
    assert guessed(id=IDS, surgery_date=days(1), discharge=days(2)).endpoints == ()


@pytest.mark.parametrize(
    ("name", "texts", "codes"),
    [
        ("death", ["1", "0"], {"0": 0, "1": 1}),
        ("death", ["1.0", "0.0"], {"0": 0, "1": 1}),
        ("death", ["TRUE", "FALSE"], {"FALSE": 0, "TRUE": 1}),
        ("vital", ["Dead", "Alive"], {"Alive": 0, "Dead": 1}),
        ("status", ["1", "2"], {"1": 0, "2": 1}),
        ("status", ["0", "1", "2"], {"0": 0, "1": 1, "2": 2}),
        ("censored", ["1", "0"], {"1": 0, "0": 1}),
        ("alive", ["yes", "no"], {"yes": 0, "no": 1}),
        ("alive", ["dead", "alive"], {"alive": 0, "dead": 1}),
        ("OS_STATUS", ["0:LIVING", "1:DECEASED"], {"0:LIVING": 0, "1:DECEASED": 1}),
        ("state", ["死亡", "存活"], {"存活": 0, "死亡": 1}),
        ("status", ["lost to follow-up", "Death", "NA"], {"lost to follow-up": 0, "Death": 1}),
        ("status", ["green", "blue"], {}),
    ],
)
def test_event_codes(name, texts, codes):
    assert guess_event_codes(one_column(texts, name))[0] == codes


@pytest.mark.parametrize(
    ("name", "values", "unit"),
    [("time", [100, 700], ("days", "range")), ("time", [12, 60], ("months", "assumed")),
     ("time", [0.5, 1.25, 4.7], ("years", "assumed")), ("time (d)", [1, 2], ("days", "name")), ("time", ["x"], ("months", "assumed"))],
)  # fmt: skip
def test_the_unit_of_time(name, values, unit):
    assert guess_time_unit(one_column(values, name)) == unit


# --- visits -----------------------------------------------------------------------------------


def test_rows_are_visits_where_patients_return_on_other_days():
    ids = [n // 3 for n in range(N)]
    mapping = guessed(ID=ids, Date=days(1), AFP=MONTHS)
    assert (mapping.layout, mapping.with_role("visit").name) == ("visits", "Date")
    # A date of surgery that stays the same, or no date at all, makes no visits.
    assert guessed(ID=ids, surgery=[days(1)[n // 3] for n in range(N)]).layout == "patients"
    assert guessed(ID=ids, AFP=MONTHS).layout == "patients"
    assert guessed(ID=IDS, Date=days(1)).layout == "patients"


# --- published tables -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "found", "codes"),
    [
        ("lung", [("Survival", "time", "days", "status")], {"1": 0, "2": 1}),
        ("pbc", [("Survival", "time", "days", "status")], {"0": 0, "1": 1, "2": 2}),
        ("ovarian", [("OS", "futime", "days", "fustat")], {"0": 0, "1": 1}),
        ("veteran", [("Survival", "time", "days", "status")], {"0": 0, "1": 1}),
        ("mgus2", [("OS", "futime", "months", "death"), ("PFS", "ptime", "months", "pstat")], {"0": 0, "1": 1}),
    ],
)  # fmt: skip
def test_the_tables_of_r_survival(name, found, codes):
    mapping = guess_mapping(raw_from_file(DATASETS / f"{name}.csv"))
    assert endpoints(mapping) == found
    assert dict(mapping.endpoints[0].event_codes) == codes


# --- the mapping itself -----------------------------------------------------------------------


def test_a_mapping_survives_json():
    mapping = guessed(id=IDS, sex=["M", "F"] * (N // 2), OS=MONTHS, Death=ZERO_ONE)
    assert ColumnMapping.from_json(json.loads(json.dumps(mapping.to_json()))) == mapping
    with pytest.raises(TableError, match="has version 9, not 1"):
        ColumnMapping.from_json({**mapping.to_json(), "schema_version": 9})
    with pytest.raises(TableError, match="this is not a mapping"):
        ColumnMapping.from_json({"schema_version": 1})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "colour"}, "x: 'colour' is no kind; choose one of 'number', 'category'"),
        ({"role": "boss"}, "x: 'boss' is no role"),
        ({"role": "patient_id"}, "'id' and 'x' both have the role patient_id"),
        ({"decimal": ";"}, "x: ';' is no decimal sign"),
        ({"quantity": "charm"}, "x: 'charm' is no quantity"),
        ({"quantity": "height", "unit": "miles"}, "x: 'miles' is no unit; choose one of 'm', 'cm', 'in'"),
        ({"target_unit": "mm"}, "x: a conversion to 'mm' needs a known quantity"),
        ({"codes": {"yes": 2}}, "x: a boolean is coded 0 or 1"),
    ],
)  # fmt: skip
def test_a_mapping_that_makes_no_sense_names_the_column(changes, message):
    raw = raw_from_columns(id=IDS, x=MONTHS)
    with pytest.raises(TableError, match=message):
        check_mapping(raw, guess_mapping(raw).with_column("x", **changes))


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        (EndpointSpec("OS", event="x", event_codes={"1": 1}), "OS: it has neither a time nor a start"),
        (EndpointSpec("OS", time="x"), "OS: no column says whether the event happened"),
        (EndpointSpec("OS", time="y", event="x", event_codes={"1": 1}), "OS: there is no column called 'y'"),
        (EndpointSpec("OS", time="x", event="x", event_codes={"1": -1}), "OS: an event is coded 0"),
        (EndpointSpec("OS", time="x", time_unit="eons", event="x", event_codes={"1": 1}), "OS: 'eons' is no unit of time"),
        (EndpointSpec("", time="x", event="x", event_codes={"1": 1}), "one has no name"),
    ],
)  # fmt: skip
def test_an_outcome_that_makes_no_sense_is_named(endpoint, message):
    raw = raw_from_columns(id=IDS, x=MONTHS)
    with pytest.raises(TableError, match=message):
        check_mapping(raw, guess_mapping(raw).with_endpoint(endpoint))


def test_a_mapping_of_another_table_is_refused():
    raw = raw_from_columns(id=IDS, x=MONTHS)
    other = guess_mapping(raw_from_columns(id=IDS, y=MONTHS))
    with pytest.raises(TableError, match="the mapping lacks the column 'x'"):
        check_mapping(raw, other)
    extra = guess_mapping(raw)
    extra = ColumnMapping((*extra.columns, ColumnSpec("z")))
    with pytest.raises(TableError, match="the table has no column 'z'"):
        check_mapping(raw, extra)
    with pytest.raises(TableError, match="rows are visits, but no column says"):
        check_mapping(raw, ColumnMapping(guess_mapping(raw).columns, layout="visits"))


def test_an_event_whose_values_say_nothing_is_left_to_a_person():
    raw = raw_from_columns(id=IDS, OS=MONTHS, death=["green", "blue"] * (N // 2))
    mapping = guess_mapping(raw)
    assert dict(mapping.endpoints[0].event_codes) == {}
    assert check_table(raw, mapping).group("unknown_event:OS").count == N


def test_any_table_can_be_guessed_and_no_row_vanishes():
    generator = np.random.default_rng(4)
    pool = ["", "NA", "1", "0", "2.5", "1,5", "x", "2015-01-01", "<3", "yes", "#N/A", "男", "1e9"]
    for _ in range(60):
        width, height = generator.integers(1, 6), generator.integers(1, 30)
        names = generator.choice(["id", "OS", "death", "age", "sex", "date", "q", "AFP"], width)
        rows = [";".join(generator.choice(pool, width)) for _ in range(height)]
        text = "\n".join([";".join(names), "k" + ";k" * (width - 1), *rows])
        raw = raw_from_text(text, delimiter=";", header_row=1)
        mapping = guess_mapping(raw)
        check_mapping(raw, mapping)
        counts = check_table(raw, mapping).counts
        accounted = counts["patients"] + counts["rows_left_out"] + counts["visits_left_out"]
        assert accounted == raw.n_rows
