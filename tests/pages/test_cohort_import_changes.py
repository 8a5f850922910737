"""What follows from each choice of a column's meaning or of an outcome."""

from __future__ import annotations

import pytest
from cohort_import_tables import draft_of, patients_csv, raw_of

from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.column_kinds import as_kind
from hccsurv_core.cohort.column_mapping import ColumnMapping, EndpointSpec, check_mapping
from hccsurv_core.errors import TableError
from pages._shared import table_import_changes as changes
from pages._shared import table_import_endpoints as outcomes
from pages._shared import table_import_words as words

DATES = """id,operation,last contact,death date,sex
1,2015-04-03,2018-06-05,2018-06-05,m
2,2015-05-03,2019-06-05,,f
3,2015-04-13,2018-07-05,2018-07-05,m
4,2015-04-23,2020-06-15,,f
"""


@pytest.fixture
def table():
    raw = raw_of(patients_csv())
    return raw, guess_mapping(raw)


def changed(table, name, **wish) -> ColumnMapping:
    """The mapping after a change, which the core must accept."""
    raw, mapping = table
    new = changes.change_column(mapping, raw, name, **wish)
    check_mapping(raw, new)
    return new


# --- columns ---


def test_a_number_made_a_category_gets_levels_in_numeric_order():
    raw = raw_of("id,score,t,status\n" + "".join(f"{i},{i % 11},{i + 1},1\n" for i in range(40)))
    new = changes.change_column(guess_mapping(raw), raw, "score", kind="category")
    assert new.column("score").levels == tuple(str(k) for k in range(11))


def test_a_category_made_a_number_gets_its_unit(table):
    raw, mapping = table
    category = changes.change_column(mapping, raw, "AFP (ng/mL)", kind="text")
    assert category.column("AFP (ng/mL)").quantity is None
    number = changes.change_column(category, raw, "AFP (ng/mL)", kind="number")
    spec = number.column("AFP (ng/mL)")
    assert (spec.quantity, spec.unit, spec.unit_from) == ("afp", "ng/mL", "name")


def test_too_many_values_are_no_category():
    raw = raw_of("id,x,t,status\n" + "".join(f"{i},{i}.5,{i + 1},1\n" for i in range(60)))
    with pytest.raises(TableError, match=r"60 different values.*keep it as a number"):
        changes.change_column(guess_mapping(raw), raw, "x", kind="category")


@pytest.mark.parametrize(
    ("texts", "codes"),
    [
        (("yes", "no", "NA"), {"no": 0, "yes": 1}),
        (("2", "1", "2"), {"1": 1}),
        (("B", "A", "B"), {"A": 0, "B": 1}),
    ],
)
def test_yes_and_no_are_told_where_something_tells(texts, codes):
    raw = raw_of("id,x\n" + "".join(f"{i},{text}\n" for i, text in enumerate(texts)))
    spec = guess_mapping(raw).column("x")
    assert as_kind(raw.column("x"), spec, "boolean").codes == codes


def test_three_unknown_words_are_not_yes_or_no(table):
    with pytest.raises(TableError, match="3 different values, not two"):
        changed(table, "BCLC", kind="boolean")


def test_a_role_that_one_column_may_have_is_taken_from_the_other(table):
    new = changed(table, "Full name", role="patient_id")
    assert new.column("Full name").role == "patient_id"
    assert new.column("Full name").kind == "identifier"
    assert new.column("Patient ID").role == "variable"


def test_the_role_of_an_outcome_is_given_elsewhere(table):
    with pytest.raises(TableError, match="chosen under “Outcomes”"):
        changed(table, "Marker", role="outcome")


def test_a_sex_that_is_made_a_number_is_no_sex_any_more(table):
    new = changed(table, "Gender", kind="number")
    assert new.with_role("sex") is None


def test_a_unit_must_be_one_of_its_quantity(table):
    assert changed(table, "AFP (ng/mL)", unit="IU/mL").column("AFP (ng/mL)").unit_from == "user"
    with pytest.raises(TableError, match=r"alpha-fetoprotein is not measured in mm; choose ng/mL"):
        changed(table, "AFP (ng/mL)", unit="mm")
    with pytest.raises(TableError, match="cannot be converted to mm"):
        changed(table, "Marker", target_unit="mm")


def test_converting_to_the_unit_it_has_is_no_conversion(table):
    assert (
        changed(table, "AFP (ng/mL)", target_unit="ng/mL").column("AFP (ng/mL)").target_unit is None
    )


def test_any_unit_may_be_given_to_what_is_not_known(table):
    assert changed(table, "Marker", unit="a.u.").column("Marker").unit == "a.u."


# --- rows ---


def test_rows_become_visits_if_something_says_whose_and_when():
    raw = raw_of("id,day,t,status\n" + "".join(f"{i},2020-01-{i + 1:02d},5,1\n" for i in range(9)))
    mapping = guess_mapping(raw)
    assert mapping.layout == "patients"
    new = changes.change_layout(mapping, raw, "visits")
    check_mapping(raw, new)
    assert new.with_role("visit").name == "day"
    assert changes.change_column(new, raw, "day", role="variable").layout == "patients"


def test_rows_cannot_be_visits_without_a_date(table):
    raw, mapping = table
    with pytest.raises(TableError, match="no column says when a visit was"):
        changes.change_layout(mapping, raw, "visits")


# --- outcomes ---


def test_another_time_column_brings_its_unit_and_frees_the_old_one():
    raw = raw_of(
        "id,OS_months,OS_days,death\n" + "".join(f"{i},{i},{30 * i},1\n" for i in range(9))
    )
    mapping = guess_mapping(raw)
    new = outcomes.change_endpoint(mapping, raw, "OS", time="OS_days")
    endpoint = new.endpoints[0]
    assert (endpoint.time_unit, endpoint.time_unit_from) == ("days", "name")
    assert new.column("OS_days").role == "outcome"
    assert new.column("OS_months").role == "variable"


def test_another_event_column_brings_a_meaning(table):
    raw, mapping = table
    new = outcomes.change_endpoint(mapping, raw, "OS", event="Gender")
    assert new.endpoints[0].event_codes == {"0": 0, "1": 1}
    new = outcomes.change_endpoint(mapping, raw, "OS", event="BCLC")
    assert new.endpoints[0].event_codes == {"A": 0, "B": 0, "C": 0}, "nothing tells: no event"


def test_a_value_becomes_a_competing_event_and_back():
    endpoint = EndpointSpec("OS", event_label="death", event_codes={"0": 0, "1": 1, "2": 0})
    competing = outcomes.change_meaning(endpoint, "2", 2)
    assert competing.event_codes == {"0": 0, "1": 1, "2": 2}
    assert competing.competing == ("competing event",)
    unknown = outcomes.change_meaning(competing, "2", None)
    assert unknown.event_codes == {"0": 0, "1": 1}
    assert unknown.competing == ()


def test_what_a_value_may_mean_is_never_said_twice():
    codes = {"0": 0, "1": 1, "2": 2, "3": 3}
    for competing in ((), ("transplant", "transplant"), ("competing event", "other death")):
        endpoint = EndpointSpec("OS", event_label="death", event_codes=codes, competing=competing)
        said = list(words.meanings(endpoint).values())
        assert len(said) == len(set(said)), said
        assert said[:2] == ["Censored", "Death"] and said[-1] == "Not known"


def test_an_outcome_from_dates_is_added_and_removed():
    raw = raw_of(DATES)
    mapping = guess_mapping(raw)
    for name in [e.name for e in mapping.endpoints]:
        mapping = outcomes.remove_endpoint(mapping, name)
    assert all(c.role != "outcome" for c in mapping.columns)
    new = outcomes.add_endpoint(mapping, EndpointSpec("OS", "Overall survival", "death"))
    new = outcomes.change_endpoint(
        new, raw, "OS", start="operation", end="last contact", event_date="death date",
        time_unit="days",
    )  # fmt: skip
    draft = draft_of(DATES)
    from pages._shared.table_import_model import propose

    propose(draft, "dates", mapping=new)
    assert draft.now.table.endpoint("OS").n_events == 2


def test_names_of_outcomes_stay_distinct(table):
    raw, mapping = table
    two = outcomes.add_endpoint(mapping, mapping.endpoints[0])
    assert [e.name for e in two.endpoints] == ["OS", "OS 2"]
    assert [e.name for e in outcomes.make_main(two, "OS 2").endpoints] == ["OS 2", "OS"]
    with pytest.raises(TableError, match="another outcome is called 'OS'"):
        outcomes.change_endpoint(two, raw, "OS 2", name="OS")


def test_likely_columns_are_those_whose_name_speaks_of_the_outcome():
    raw = raw_of(
        "id,OS,Death,RFS,Recurrence,x\n" + "".join(f"{i},{i},1,{i},0,{i % 2}\n" for i in range(9))
    )
    bare = ColumnMapping(guess_mapping(raw).columns)
    assert outcomes.likely_columns(bare, raw, "Recurrence-free survival") == ("RFS", "Recurrence")
    assert outcomes.likely_columns(bare, raw, "My own outcome") == (None, None)
