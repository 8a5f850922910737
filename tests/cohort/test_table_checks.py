"""Everything odd in a table is shown with its row, decided, and logged; nothing vanishes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from raw_tables import raw_from_columns, raw_from_text

from hccsurv_core.cohort.clinical_table import ClinicalTable, build_cohort_table
from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.column_mapping import EndpointSpec
from hccsurv_core.cohort.table_checks import check_table
from hccsurv_core.cohort.table_issues import Decision, IssueGroup, TableReport
from hccsurv_core.errors import TableError
from hccsurv_core.io.tables import RawTable

N = 20
IDS = [f"P{n:02d}" for n in range(N)]
AGES = [40 + n for n in range(N)]
OS = [10.5 + n for n in range(N)]
DEATH = [n % 2 for n in range(N)]


def cohort(**columns) -> RawTable:
    """Twenty flawless patients, with these columns added or replaced."""
    return raw_from_columns(**{"id": IDS, "age": AGES, "OS": OS, "death": DEATH, **columns})


def put(values: list, **at: object) -> list:
    """The values with some replaced: ``put(AGES, _3=0)``."""
    values = list(values)
    for key, value in at.items():
        values[int(key[1:])] = value
    return values


def report(raw: RawTable, *decisions: Decision) -> TableReport:
    return check_table(raw, guess_mapping(raw), decisions)


def build(raw: RawTable, *decisions: Decision) -> ClinicalTable:
    return build_cohort_table(raw, guess_mapping(raw), decisions)


def told(group: IssueGroup) -> tuple:
    return group.severity, group.rows.tolist(), group.values.tolist(), group.action


def test_a_flawless_table_has_no_errors_and_no_warnings():
    found = report(cohort())
    assert [g.key for g in found.groups] == ["event_code:OS", "time_unit:OS"]
    assert (found.counts["errors"], found.counts["warnings"]) == (0, 0)
    assert found.endpoints["OS"] == {
        "patients": 20, "events": 10, "competing_events": 0, "median_time_months": 20.0,
    }  # fmt: skip


# --- cells ------------------------------------------------------------------------------------


def test_what_is_no_number_is_set_missing_by_default():
    raw = cohort(marker=put(OS, _0="n.d.", _5="7,5"))
    group = report(raw).group("not_a_number:marker")
    assert told(group) == ("error", [2, 7], ["n.d.", "7,5"], "set_missing")
    assert group.suggestions.tolist() == [None, "7.5"]
    assert build(raw).numbers("marker")[[0, 5]].tolist() == pytest.approx(
        [np.nan, np.nan], nan_ok=True
    )


def test_decisions_can_be_for_all_rows_or_for_some():
    raw = cohort(marker=put(OS, _0="n.d.", _5="7,5", _6="8,5"))
    key = "not_a_number:marker"
    table = build(
        raw, Decision(key, "use_suggestion"), Decision(key, "fix", rows=(2,), value="3.25")
    )
    assert table.numbers("marker")[[0, 5, 6]].tolist() == [3.25, 7.5, 8.5]
    group = table.report.group(key)
    assert group.action == "mixed"
    assert [issue.action for issue in group.issues()] == ["fix", "use_suggestion", "use_suggestion"]
    # Leaving a patient out leaves all of the patient out.
    table = build(raw, Decision(key, "exclude", rows=(8,)))
    assert len(table) == 19
    assert [(e.row, e.patient_id) for e in table.exclusions] == [(8, "P06")]
    assert "are no numbers" in table.exclusions[0].reason
    assert len(build(raw)) == 20  # undone by leaving the decision away


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        (Decision("not_a_number:marker", "keep"), "'keep' cannot be decided here; choose one of set_missing"),
        (Decision("not_a_number:marker", "fix"), "no value is given"),
        (Decision("not_a_number:marker", "fix", value="x"), "marker: 'x' is no number"),
    ],
)  # fmt: skip
def test_impossible_decisions_are_refused(decision, message):
    with pytest.raises(TableError, match=message):
        build(cohort(marker=put(OS, _0="n.d.")), decision)


def test_decisions_about_what_is_not_there_are_named():
    found = report(cohort(), Decision("not_a_number:marker", "keep"))
    assert found.unused == ("not_a_number:marker",)


def test_limits_of_measurement_are_used_and_told():
    raw = cohort(CEA=put(OS, _0="<2", _1="> 1000"))
    group = report(raw).group("limit:CEA")
    assert told(group) == ("warning", [2, 3], ["<2", "> 1000"], "use_suggestion")
    assert build(raw).numbers("CEA")[:2].tolist() == [2, 1000]


def test_written_units_are_converted_to_that_of_the_column():
    sizes = put([30 + n for n in range(N)], _0="4.5 cm", _1="33mm", _2="3 bananas")
    raw = cohort(**{"tumor size mm": sizes})
    found = report(raw)
    assert told(found.group("written_unit:tumor size mm"))[1:] == (
        [2, 3],
        ["4.5 cm", "33mm"],
        "use_suggestion",
    )
    assert told(found.group("unknown_unit:tumor size mm"))[1:] == (
        [4],
        ["3 bananas"],
        "set_missing",
    )
    values = build(raw).numbers("tumor size mm")
    assert values[:2].tolist() == [45, 33]
    assert np.isnan(values[2])


def test_formula_errors_are_no_values():
    raw = cohort(marker=put(OS, _3="#DIV/0!"))
    assert report(raw).group("not_a_number:marker").values.tolist() == ["#DIV/0!"]


def test_impossible_values_name_the_range_and_that_it_is_ours():
    raw = cohort(
        age=put(AGES, _0=0, _1=140), **{"tumor size mm": put([50] * 10 + [60] * 10, _4=945, _5=0)}
    )
    found = report(raw)
    group = found.group("impossible_value:age")
    assert told(group) == ("error", [2, 3], ["0", "140"], "set_missing")
    assert group.problem == (
        "2 values of age cannot be: possible is above 0 and up to 110 years "
        "(possible range: ours, wide on purpose)."
    )
    assert found.group("impossible_value:tumor size mm").values.tolist() == ["945", "0"]
    assert np.isnan(build(raw).numbers("age")[:2]).all()
    kept = build(raw, Decision("impossible_value:age", "keep"))
    assert kept.numbers("age")[:2].tolist() == [0, 140]
    fixed = build(raw, Decision("impossible_value:age", "fix", rows=(3,), value="41"))
    assert fixed.numbers("age")[1] == 41


def test_heights_in_another_unit_are_converted_because_they_cannot_be_anything_else():
    heights = put([1.5 + n / 50 for n in range(N)], _0=172, _1=17)
    raw = cohort(height=heights)
    found = report(raw)
    assert told(found.group("other_unit:height")) == ("warning", [2], ["172"], "use_suggestion")
    assert found.group("other_unit:height").suggestions.tolist() == ["1.72"]
    assert told(found.group("impossible_value:height"))[1:] == ([3], ["17"], "set_missing")
    assert build(raw).numbers("height")[0] == pytest.approx(1.72)


def test_codes_for_missing_are_pointed_at():
    raw = cohort(marker=put(OS, _0=-9, _1=-99), other=put(OS, _2=999, _3=999))
    found = report(raw)
    assert told(found.group("missing_code:marker")) == (
        "warning",
        [2, 3],
        ["-9", "-99"],
        "set_missing",
    )
    assert told(found.group("all_nines:other")) == ("warning", [4, 5], ["999", "999"], "keep")
    assert "missing_code:change" not in [
        g.key for g in report(cohort(change=put(OS, _0=-9, _1=-3.5))).groups
    ]


def test_thousands_separators_are_told():
    raw = cohort(AFP=put([1200 + n for n in range(N)], _0="1,234"))
    assert (
        "'1,234', is read with a thousands separator (1234)"
        in report(raw).group("thousands:AFP").problem
    )
    assert build(raw).numbers("AFP")[0] == 1234


def test_dates_that_are_none_and_dates_that_cannot_be():
    days = put(
        [f"{n + 1:02d}.03.2015" for n in range(N)],
        _0="31.02.2015",
        _1="soon",
        _2="03.14.2015",
        _3="01.01.1815",
    )
    raw = cohort(seen=days)
    found = report(raw)
    group = found.group("not_a_date:seen")
    assert told(group) == ("error", [2, 3, 4], ["31.02.2015", "soon", "03.14.2015"], "set_missing")
    assert group.suggestions.tolist() == [None, None, "2015-03-14"]
    assert told(found.group("impossible_date:seen")) == (
        "error",
        [5],
        ["01.01.1815"],
        "set_missing",
    )
    table = build(raw, Decision("not_a_date:seen", "fix", rows=(3,), value="02.03.2015"))
    assert table.frame["seen"].astype(str).tolist()[:5] == [
        "NaT",
        "2015-03-02",
        "NaT",
        "NaT",
        "2015-03-05",
    ]


def test_day_or_month_first_is_told_where_nothing_tells():
    raw = cohort(seen=["01/02/2015", "03/04/2016"] * (N // 2))
    assert "read as day/month/year" in report(raw).group("date_order:seen").problem
    mapping = guess_mapping(raw).with_column("seen", date_order="mdy")
    assert build_cohort_table(raw, mapping).frame["seen"].astype(str)[0] == "2015-01-02"


def test_booleans_and_categories_with_strangers():
    raw = cohort(
        cirrhosis=put(["yes", "no"] * 10, _0="maybe"), stage=put(["A", "B"] * 10, _1="b ", _2="C")
    )
    mapping = guess_mapping(raw).with_column("stage", levels=("A", "B"))
    found = check_table(raw, mapping)
    assert told(found.group("unknown_code:cirrhosis")) == ("error", [2], ["maybe"], "set_missing")
    assert told(found.group("unknown_level:stage")) == ("warning", [4], ["C"], "keep")
    assert found.group("spelling:stage").suggestions.tolist() == ["B"]
    table = build_cohort_table(raw, mapping)
    assert table.groups("stage")[1] == ("A", "B", "C")
    assert table.groups("cirrhosis")[0][:3].tolist() == [-1, 0, 1]
    fixed = build_cohort_table(raw, mapping, [Decision("unknown_level:stage", "fix", value="A")])
    assert fixed.groups("stage")[1] == ("A", "B")
    with pytest.raises(TableError, match="stage: 'D' is none of its levels"):
        build_cohort_table(raw, mapping, [Decision("unknown_level:stage", "fix", value="D")])


# --- rows -------------------------------------------------------------------------------------


def test_repeated_rows_are_left_out_and_contradicting_ones_keep_the_first():
    lines = [f"{i},{a},{t},{d}" for i, a, t, d in zip(IDS, AGES, OS, DEATH, strict=True)]
    lines += [lines[0], "P01,99,11.5,1"]
    raw = raw_from_text("id,age,OS,death\n" + "\n".join(lines) + "\n")
    found = report(raw)
    assert told(found.group("duplicate_row:id")) == ("warning", [22], ["P00"], "exclude_row")
    assert told(found.group("duplicate_patient:id")) == (
        "error",
        [3, 23],
        ["P01", "P01"],
        "keep_first",
    )
    table = build(raw)
    assert (len(table), table.numbers("age")[1]) == (20, 41)
    assert [e.row for e in table.exclusions] == [22, 23]
    last = build(raw, Decision("duplicate_patient:id", "keep_last"))
    assert (len(last), sorted(last.numbers("age"))[-1]) == (20, 99)
    both = build(
        raw, Decision("duplicate_patient:id", "keep"), Decision("duplicate_row:id", "keep")
    )
    assert len(both) == 22
    assert both.frame["patient_id"].tolist()[-2:] == ["P00 (row 22)", "P01 (row 23)"]
    assert len(build(raw, Decision("duplicate_patient:id", "exclude"))) == 19


def test_the_same_data_under_another_name_is_pointed_at():
    markers = {f"m{k}": put([n * k + 0.5 for n in range(N)], _7=3 * k + 0.5) for k in range(1, 9)}
    raw = cohort(age=put(AGES, _7=43), OS=put(OS, _7=13.5), death=put(DEATH, _7=1), **markers)
    assert told(report(raw).group("same_data:id")) == ("warning", [9], ["P07"], "keep")


def test_rows_without_a_name_are_patients_of_their_own():
    raw = cohort(id=put(IDS, _4=None))
    assert told(report(raw).group("missing_id:id"))[1:] == ([6], [None], "keep")
    assert build(raw).frame["patient_id"][4] == "row 6"
    assert len(build(raw, Decision("missing_id:id", "exclude_row"))) == 19


def test_identifiers_lose_the_noise_of_a_float_and_nothing_else():
    assert (
        build(cohort(id=[f"{10**9 + n}.0" for n in range(N)])).frame["patient_id"][0]
        == "1000000000"
    )
    codes = [f"{n}.{n % 3}" for n in range(N)]
    raw = cohort(id=codes)
    mapping = guess_mapping(raw).with_column("id", role="patient_id", kind="identifier")
    assert build_cohort_table(raw, mapping).frame["patient_id"].tolist() == codes
    assert build(cohort(id=[f"00{n}" for n in range(N)])).frame["patient_id"][0] == "000"


def test_uneven_rows_are_left_out_if_too_long_and_kept_if_too_short():
    lines = [f"{i},{a},{t},{d}" for i, a, t, d in zip(IDS, AGES, OS, DEATH, strict=True)]
    lines[3] += ",7"
    lines[5] = "P05,45,15.5"
    raw = raw_from_text("id,age,OS,death\n" + "\n".join(lines) + "\n")
    found = report(raw)
    assert told(found.group("row_too_long:")) == ("error", [5], ["5 cells, not 4"], "exclude_row")
    assert told(found.group("row_too_short:")) == ("warning", [7], ["3 cells, not 4"], "keep")
    table = build(raw)
    assert "P03" not in table.frame["patient_id"].tolist()
    assert found.group("missing_outcome:OS").rows.tolist() == [7]
    assert len(build(raw, Decision("row_too_long:", "keep"))) == 20
    # Columns that are not kept do not make other rows too long.
    mapping = guess_mapping(raw)
    slim = replace(raw, columns=(raw.columns[0], *raw.columns[2:]))
    fewer = replace(mapping, columns=(mapping.columns[0], *mapping.columns[2:]))
    assert check_table(slim, fewer).group("row_too_long:").rows.tolist() == [5]


# --- columns ----------------------------------------------------------------------------------


def test_columns_that_say_nothing_are_pointed_at():
    raw = cohort(
        same=["x"] * N, sparse=[None] * 11 + list(range(9)), none=[None] * N, phone=range(N)
    )
    found = report(raw)
    assert (
        found.group("constant_column:same").severity,
        found.group("constant_column:same").action,
    ) == ("info", "keep")
    assert "missing in 11 of 20 patients (55%)" in found.group("mostly_missing:sparse").problem
    assert found.group("empty_column:none").action == "drop_column"
    assert found.group("personal:phone").action == "drop_column"
    assert [c.name for c in build(raw).columns] == ["age", "same", "sparse"]
    slim = build(raw, Decision("constant_column:same", "drop_column"))
    assert [c.name for c in slim.columns] == ["age", "sparse"]


def test_units_that_were_guessed_are_told_and_can_be_converted():
    raw = cohort(albumin=[3.0 + n / 20 for n in range(N)])
    group = report(raw).group("unit:albumin")
    assert (
        group.problem == "albumin is read in g/dL by its values (median 3.48). Usual here is g/L."
    )
    assert build(raw).column("albumin").unit == "g/dL"
    table = build(raw, Decision("unit:albumin", "convert"))
    assert (table.column("albumin").unit, table.numbers("albumin")[0]) == ("g/L", 30)
    mapping = guess_mapping(raw).with_column("albumin", target_unit="g/L")
    again = build_cohort_table(raw, mapping)
    assert again.numbers("albumin").tolist() == table.numbers("albumin").tolist()
    assert "albumin was converted from g/dL to g/L." in again.report.notes


# --- outcomes ---------------------------------------------------------------------------------


def test_times_that_cannot_be():
    raw = cohort(OS=put(OS, _0=-3, _1=0, _2=700, _3=None, _4="soon"))
    mapping = guess_mapping(raw)
    assert mapping.endpoints[0].time_unit == "days"  # because 700 months would be 58 years
    mapping = mapping.with_endpoint(months(mapping.endpoints[0]))
    found = check_table(raw, mapping)
    assert told(found.group("negative_time:OS")) == ("error", [2], ["-3 months"], "set_missing")
    assert told(found.group("zero_time:OS")) == ("warning", [3], ["0 months"], "keep")
    assert told(found.group("long_time:OS"))[1:] == ([4], ["700 months"], "set_missing")
    assert found.group("missing_outcome:OS").rows.tolist() == [2, 4, 5, 6]
    assert found.group("not_a_number:OS").values.tolist() == ["soon"]
    table = build_cohort_table(raw, mapping)
    outcome, rows = table.outcome("OS")
    assert (len(table), len(outcome)) == (20, 16)
    assert rows.tolist() == [1, *range(5, 20)]
    decided = build_cohort_table(
        raw, mapping,
        [Decision("zero_time:OS", "half_day"), Decision("negative_time:OS", "fix", value="3"), Decision("missing_outcome:OS", "exclude")],
    )  # fmt: skip
    assert len(decided) == 17
    assert decided.outcome("OS")[0].time_months[:2].tolist() == pytest.approx([3, 0.5 / 30.4375])


def months(endpoint: EndpointSpec) -> EndpointSpec:
    return EndpointSpec(
        endpoint.name, endpoint.label, time=endpoint.time, time_unit="months",
        event=endpoint.event, event_codes=endpoint.event_codes,
    )  # fmt: skip


def test_unknown_events_are_shown_and_not_counted():
    raw = cohort(death=put(DEATH, _0="?", _1=None))
    found = report(raw)
    assert told(found.group("unknown_event:OS")) == ("error", [2], ["?"], "set_missing")
    assert found.group("missing_outcome:OS").rows.tolist() == [2, 3]
    fixed = build(raw, Decision("unknown_event:OS", "fix", value="1"))
    assert fixed.endpoint("OS").event[0]
    with pytest.raises(
        TableError, match=r"death: 'x' is not said to be an event or none; enter one of 0, 1"
    ):
        build(raw, Decision("unknown_event:OS", "fix", value="x"))


def test_conventions_that_are_only_conventions_are_to_be_checked():
    group = report(cohort(death=[n % 2 + 1 for n in range(N)])).group("event_code:OS")
    assert (group.severity, group.problem) == (
        "warning",
        "Overall survival: death is read as 1 = censored, 2 = death. Check this, and change what a "
        "value means if it is wrong.",
    )  # fmt: skip


def test_an_outcome_without_events_is_an_error():
    found = report(cohort(death=[0] * N))
    assert (
        found.group("no_events:OS").problem == "Overall survival: no patient has the event (death)."
    )


def dated(**columns) -> RawTable:
    base = {
        "id": IDS,
        "surgery_date": [f"2015-01-{n + 1:02d}" for n in range(N)],
        "last_follow_up": [f"2017-01-{n + 1:02d}" for n in range(N)],
        "death_date": [f"2016-01-{n + 1:02d}" if n % 2 else None for n in range(N)],
    }
    return raw_from_columns(**{**base, **columns})


def test_dates_give_times_in_months_and_events():
    table = build(dated())
    outcome, rows = table.outcome("OS")
    assert len(rows) == 20
    assert outcome.event.tolist() == [n % 2 == 1 for n in range(N)]
    assert outcome.time_months[:2].tolist() == pytest.approx([731 / 30.4375, 365 / 30.4375])


def test_an_end_before_the_start_and_missing_dates():
    raw = dated(
        last_follow_up=put([f"2017-01-{n + 1:02d}" for n in range(N)], _0="2014-01-01", _2=None)
    )
    found = report(raw)
    assert told(found.group("end_before_start:OS"))[1:] == ([2], ["-365 days"], "set_missing")
    assert found.group("missing_outcome:OS").rows.tolist() == [2, 4]


def test_a_date_of_death_of_a_patient_said_to_be_alive():
    raw = dated(dead=put([n % 2 for n in range(N)], _1=0))
    group = report(raw).group("event_contradiction:OS")
    assert told(group) == ("error", [3], ["2016-01-02"], "keep")
    assert not build(raw).endpoint("OS").event[1]
    counted = build(raw, Decision("event_contradiction:OS", "use_suggestion"))
    assert counted.endpoint("OS").event[1]
    assert counted.endpoint("OS").time_months[1] == pytest.approx(365 / 30.4375)


def test_recurrence_after_the_end_of_survival_is_a_contradiction():
    raw = cohort(RFS=put([5.5 + n for n in range(N)], _3=99), recurrence=DEATH)
    group = report(raw).group("beyond_survival:RFS")
    assert told(group) == ("warning", [5], ["99 after 13.5 months"], "keep")


# --- visits -----------------------------------------------------------------------------------

VISITS = """ID;Date;Age;AFP;OS_days;death
1.0;2015-03-01;57;20;100;1
1.0;2015-01-01;0;10;159;1
1.0;2015-02-01;57;15;128;1
2.0;2015-01-05;60;9;80;0
2.0;2015-01-05;61;8;80;0
3.0;soon;50;7;70;1
3.0;2015-05-01;50;6;60;1
4.0;?;44;5;50;0
5.0;2015-01-01;44;5;50;0
5.0;2015-01-02;44;5;49;0
5.0;2015-01-03;44;5;48;0
"""


def test_the_first_visit_of_each_patient_is_taken():
    raw = raw_from_text(VISITS)
    table = build(raw)
    assert table.frame["patient_id"].tolist() == ["1", "2", "3", "4", "5"]
    assert table.source_rows.tolist() == [3, 5, 8, 9, 10]
    assert table.numbers("AFP").tolist() == [10, 9, 6, 5, 5]
    assert table.report.counts["visits_left_out"] == 6
    assert (
        "11 visits of 5 patients: each patient's first visit by Date is taken, 6 other visits are left out."
        in table.report.notes
    )
    assert told(table.report.group("no_visit_date:Date"))[:3] == ("warning", [7, 9], ["soon", "?"])
    assert table.report.group("same_day_visits:Date").rows.tolist() == [6]
    assert table.endpoint("OS").time_months[0] == pytest.approx(159 / 30.4375)
    fixed = build(raw, Decision("no_visit_date:Date", "fix", rows=(7,), value="2015-04-01"))
    assert fixed.source_rows.tolist() == [3, 5, 7, 9, 10]
    without = build(raw, Decision("no_visit_date:Date", "exclude_row"))
    assert without.frame["patient_id"].tolist() == ["1", "2", "3", "5"]


def test_the_last_visit_can_be_taken_instead():
    raw = raw_from_text(VISITS)
    mapping = guess_mapping(raw)
    last = type(mapping)(mapping.columns, mapping.endpoints, mapping.layout, visit_rule="last")
    assert build_cohort_table(raw, last).source_rows.tolist() == [2, 5, 8, 9, 12]


def test_an_impossible_value_is_known_from_another_visit():
    raw = raw_from_text(VISITS)
    group = report(raw).group("impossible_value:Age")
    assert (group.rows.tolist(), group.suggestions.tolist(), group.action) == (
        [3], ["57 (another visit)"], "set_missing",
    )  # fmt: skip
    used = build(raw, Decision("impossible_value:Age", "use_suggestion"))
    assert used.numbers("Age")[0] == 57


# --- what is told -----------------------------------------------------------------------------


def test_every_issue_has_its_row_column_value_and_what_is_done():
    raw = cohort(age=put(AGES, _2=0))
    [issue] = [i for i in report(raw).issues if i.severity == "error"]
    assert (issue.row, issue.column, issue.value, issue.kind, issue.action) == (
        4, "age", "0", "impossible_value", "set_missing",
    )  # fmt: skip


def test_what_was_done_is_logged_and_becomes_json():
    raw = cohort(age=put(AGES, _2=0), marker=put(OS, _1="x"))
    table = build(raw, Decision("not_a_number:marker", "exclude", rows=(3,)))
    log = {entry.key: entry for entry in table.log}
    assert (log["impossible_value:age"].action, log["impossible_value:age"].rows) == (
        "set_missing",
        (4,),
    )
    assert not log["impossible_value:age"].decided
    assert log["not_a_number:marker"].decided
    assert log["not_a_number:marker"].text.endswith("Done: leave the patient out.")
    provenance = json.loads(json.dumps(table.to_json(), allow_nan=False))
    assert provenance["decisions"] == [
        {"key": "not_a_number:marker", "action": "exclude", "rows": [3], "value": None}
    ]
    again = [Decision.from_json(d) for d in provenance["decisions"]]
    mapping = type(table.mapping).from_json(provenance["mapping"])
    assert build_cohort_table(raw, mapping, again).frame.equals(table.frame)
    json.dumps(table.report.to_json(), allow_nan=False)
    with pytest.raises(TableError, match="this is not a decision"):
        Decision.from_json({"key": 1})


def test_a_table_of_which_nobody_is_left_is_an_error():
    raw = cohort(death=["?"] * N)
    mapping = guess_mapping(raw).with_endpoint(
        EndpointSpec("OS", time="OS", event="death", event_codes={"1": 1})
    )
    with pytest.raises(TableError, match="every patient was left out"):
        build_cohort_table(raw, mapping, [Decision("unknown_event:OS", "exclude")])


def test_braces_in_names_are_only_braces():
    raw = cohort(**{"{n} {0}": put(OS, _0="x")})
    assert report(raw).group("not_a_number:{n} {0}").count == 1
