"""A CEUS cohort: three endpoints of the same patients that cannot contradict each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, TableError
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.simulate.cohort_writer import cohort_spec, draw_tables
from hccsurv_core.systems.ceus.cohort import build_cohort, early_recurrence
from hccsurv_core.systems.ceus.covariates import (
    BY_NAME,
    CLINICAL_COVARIATES,
    PORTAL_PHASE,
    PORTAL_WASHOUT,
)
from hccsurv_core.systems.patient_profile import profile_of


def _rows(**columns):
    n = len(next(iter(columns.values())))
    return [{name: values[i] for name, values in columns.items()} for i in range(n)]


def _cohort(rows, time=(30.0, 40.0, 50.0), event=(1, 0, 1)):
    return build_cohort(
        rows, patient_ids=["a", "b", "c"][: len(rows)],
        outcome=SurvivalOutcome(np.array(time), np.array(event)), source="my table",
    )  # fmt: skip


def _simulated(n=60):
    table, _ = draw_tables(cohort_spec("ceus"), n, 3)
    passed = ("patient_id", "time_months", "event")
    rows = [{k: v for k, v in r.items() if k not in passed} for r in table.to_dict("records")]
    outcome = SurvivalOutcome(table["time_months"].to_numpy(float), table["event"].to_numpy(float))
    return table, rows, outcome


def test_early_recurrence_is_what_the_simulated_table_says() -> None:
    table, rows, outcome = _simulated()
    cohort = build_cohort(
        rows, patient_ids=list(table["patient_id"]), outcome=outcome, source="simulated"
    )
    np.testing.assert_array_equal(cohort.early, table["early_recurrence"].to_numpy(float))


def test_causes_follow_from_the_event_where_no_cause_is_given() -> None:
    table, rows, outcome = _simulated()
    ids = list(table["patient_id"])
    without = [{k: v for k, v in row.items() if k != "recurrence_cause"} for row in rows]
    built = build_cohort(without, patient_ids=ids, outcome=outcome, source="simulated")
    np.testing.assert_array_equal(built.recurrence.cause, table["recurrence_cause"].to_numpy())


def test_what_happened_later_is_no_covariate() -> None:
    table, rows, outcome = _simulated()
    cohort = build_cohort(
        rows, patient_ids=list(table["patient_id"]), outcome=outcome, source="simulated"
    )
    later = {"recurrence_time_months", "recurrence_cause", "recurrence_event", "retreated"}
    for profile in cohort.profiles:
        assert not later & set(profile.record)
        assert not any(name.startswith("reader_") for name in profile.record)
    assert not later & set(cohort.features(CLINICAL_COVARIATES).names)


@pytest.mark.parametrize(
    ("told", "washed_out"),
    [("hypoenhancement", 1.0), ("Hypo", 1.0), ("isoenhancement", 0.0), ("hyperenhancement", 0.0)],
)
def test_washout_is_read_off_the_report(told, washed_out) -> None:
    assert BY_NAME[PORTAL_WASHOUT].value(profile_of({PORTAL_PHASE: told})) == washed_out


def test_a_report_that_says_nothing_of_the_portal_phase_is_missing_and_another_word_refused() -> (
    None
):
    assert np.isnan(BY_NAME[PORTAL_WASHOUT].value(profile_of({"age_years": 61})))
    with pytest.raises(InputError, match=r"portal_phase: 'washed' is no degree of enhancement"):
        BY_NAME[PORTAL_WASHOUT].value(profile_of({PORTAL_PHASE: "washed"}))


def test_a_table_with_such_a_word_is_refused_with_the_patient() -> None:
    rows = [
        {"recurrence_time_months": 9.0, "recurrence_cause": 1, "portal_phase": word}
        for word in ("hypo", "washed", "iso")
    ]
    with pytest.raises(InputError) as told:
        _cohort(rows)
    assert str(told.value).startswith("my table, patient b, portal_phase: 'washed' is no degree")


def test_a_subset_keeps_every_endpoint_beside_its_patient() -> None:
    table, rows, outcome = _simulated()
    ids = list(table["patient_id"])
    cohort = build_cohort(rows, patient_ids=ids, outcome=outcome, source="simulated")
    chosen = np.array([7, 3, 41])
    part = cohort.subset(chosen)
    assert part.patient_ids == tuple(ids[i] for i in chosen)
    np.testing.assert_array_equal(part.outcome.time_months, outcome.time_months[chosen])
    np.testing.assert_array_equal(part.recurrence.cause, cohort.recurrence.cause[chosen])
    np.testing.assert_array_equal(part.retreated, cohort.retreated[chosen])
    assert len(cohort.split("train")) + len(cohort.split("test")) == len(cohort)


@given(
    st.lists(
        st.tuples(st.floats(0.03, 60, allow_nan=False), st.integers(0, 2)), min_size=1, max_size=30
    )
)
def test_nobody_is_called_free_of_recurrence_who_was_not_followed_for_a_year(patients) -> None:
    time, cause = (np.array(v) for v in zip(*patients, strict=True))
    early = early_recurrence(CompetingOutcome(time, cause))
    assert np.isnan(early[(cause == 0) & (time < 12)]).all()
    assert (early[(cause == 1) & (time <= 12)] == 1).all()
    # Death without recurrence, late recurrence, a year of follow-up: none.
    rest = ~((cause == 0) & (time < 12)) & ~((cause == 1) & (time <= 12))
    assert (early[rest] == 0).all()


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        (
            {"recurrence_time_months": [10.0, 60.0, 50.0], "recurrence_cause": [1, 0, 2]},
            "patient b has a recurrence_time_months after the end",
        ),
        (
            {"recurrence_time_months": [10.0, 40.0, 50.0], "recurrence_cause": [1, 2, 2]},
            "patient b died without recurrence, but is alive",
        ),
        ({"age_years": [50, 60, 70]}, "recurrence_time_months of patient a is not known"),
        (
            {"recurrence_time_months": [10.0, 40.0, 50.0], "recurrence_cause": [1, None, 2]},
            "recurrence_cause of patient b is not known",
        ),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(columns, match) -> None:
    with pytest.raises(TableError, match=match):
        _cohort(_rows(**columns))


def test_an_impossible_value_names_the_patient() -> None:
    rows = _rows(
        recurrence_time_months=[10.0, 40.0, 50.0], recurrence_cause=[1, 0, 2],
        cirrhosis=[1, "perhaps", 0],
    )  # fmt: skip
    with pytest.raises(InputError, match="my table, patient b, cirrhosis"):
        _cohort(rows)
