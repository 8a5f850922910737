"""Comparisons of the explorer on data with known answers."""

import json

import numpy as np
import pandas as pd
import pytest

from hccsurv_core.cohort.clinical_table import build_cohort_table
from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.io.tables import read_table
from hccsurv_core.models.design import Term, build_design
from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.systems.explorer.competing import compare_competing
from hccsurv_core.systems.explorer.curves import compare_groups
from hccsurv_core.systems.explorer.grouping import (
    everybody,
    group_by_category,
    group_by_cutoffs,
    group_by_search,
)
from hccsurv_core.systems.explorer.question import (
    GroupRule,
    Question,
    make_groups,
    select_patients,
)
from hccsurv_core.systems.explorer.regression import fit_cox_table, scaled
from hccsurv_core.systems.explorer.selection import Filter, after_landmark, apply_filters


def cohort(n=120, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(60, 10, n).round(),
            "stage": rng.choice(["A", "B", "C"], n),
            "afp": rng.lognormal(3, 2, n),
        }
    )
    hazard = np.exp(0.03 * (frame["age"] - 60) + 0.6 * (frame["stage"] == "C"))
    time = rng.exponential(30 / hazard)
    return frame, SurvivalOutcome(np.minimum(time, 60), time < 60)


def test_the_real_cohort_gives_the_known_numbers(shared_data):
    frame = pd.read_csv(shared_data / "cohorts" / "hepatocellular_resected_227.csv")
    outcome = SurvivalOutcome(frame["OS"], frame["Death"])
    whole = compare_groups(outcome, everybody(227))
    assert whole.n_events == 97
    assert [round(s.value, 4) for s in whole.groups[0].survival_at] == [0.8270, 0.6184, 0.5122]
    assert whole.log_rank is None
    by_bclc = compare_groups(outcome, group_by_category(frame["BCLC"], "BCLC"))
    assert by_bclc.log_rank.statistic == pytest.approx(21.2389, abs=5e-5)
    table = fit_cox_table(
        frame, outcome, [Term(c) for c in ("Age", "AFP", "Tumorsize", "Vascularinvasion")]
    )
    assert table.concordance.value == pytest.approx(0.6628, abs=5e-5)


def test_three_ordered_groups_have_a_trend_pairs_and_ratios():
    frame, outcome = cohort()
    grouping = group_by_cutoffs(frame["age"], "Age", [55, 65])
    comparison = compare_groups(outcome, grouping)
    assert comparison.trend is not None
    assert len(comparison.pairs) == 3
    assert [r.label for r in comparison.hazard_ratios] == ["> 55 to 65", "> 65"]
    assert all(r.reference == "≤ 55" for r in comparison.hazard_ratios)
    assert [c.groups for c in comparison.restricted_means] == [
        ("≤ 55", "> 55 to 65"), ("≤ 55", "> 65"),
    ]  # fmt: skip
    assert any("chosen by hand" in note for note in comparison.notes)


def test_any_group_can_be_the_reference():
    frame, outcome = cohort()
    grouping = group_by_category(frame["stage"], "stage")
    first, last = (compare_groups(outcome, grouping, reference=r) for r in (None, "C"))
    assert (first.reference, last.reference) == ("A", "C")
    assert [r.label for r in last.hazard_ratios] == ["A", "B"]
    turned = {r.label: r.ratio.value for r in first.hazard_ratios}
    assert last.hazard_ratios[0].ratio.value == pytest.approx(1 / turned["C"])
    assert [c.groups for c in last.restricted_means] == [("C", "A"), ("C", "B")]
    assert compare_groups(outcome, grouping, reference="gone").reference == "A"
    cause = np.where(outcome.event, np.random.default_rng(1).choice([1, 2], 120), 0)
    risks = CompetingOutcome(outcome.time_months, cause, ("recurrence", "death"))
    by_first, by_last = (compare_competing(risks, grouping, reference=r) for r in (None, "C"))
    assert by_last.ratios[0][0].ratio.value == pytest.approx(
        1 / by_first.ratios[0][1].ratio.value, rel=1e-6
    )


def test_hazards_that_are_not_proportional_are_told(shared_data):
    frame = pd.read_csv(shared_data / "cohorts" / "hepatocellular_resected_227.csv")
    outcome = SurvivalOutcome(frame["OS"], frame["Death"])
    grouping = group_by_category(frame["BCLC"], "BCLC")
    comparison = compare_groups(outcome, grouping)
    check = fit_cox_table(frame, outcome, [Term("BCLC")]).proportional_hazards
    assert comparison.proportional_p == pytest.approx(check.tests[-1].p)
    assert any(note.startswith("Hazards are not proportional (p = ") for note in comparison.notes)


def test_a_question_tells_itself_to_readers_and_to_machines(tmp_path):
    frame, outcome = cohort()
    frame["months"], frame["died"] = outcome.time_months, outcome.event.astype(int)
    frame["patient"] = [f"P{i}" for i in range(len(frame))]
    frame.to_csv(tmp_path / "c.csv", index=False)
    raw = read_table(tmp_path / "c.csv")
    table = build_cohort_table(raw, guess_mapping(raw).with_column("stage", label="BCLC stage"))
    name = table.endpoint().name
    question = Question(
        name, (Filter("age", low=40, high=60),), 6.0,
        group=GroupRule("stage", "levels", shown=("A", "B"), reference="B"),
    )  # fmt: skip
    words = question.describe(table)
    assert words.startswith(f"{table.endpoint().label} by BCLC stage: A, B; only age 40 to 60")
    assert words.endswith("followed at least 6 months, time from there")
    told = json.loads(json.dumps(question.settings()))
    assert told["filters"] == [{"column": "age", "low": 40, "high": 60}]
    assert (told["reference"], told["landmark_months"]) == ("B", 6.0)
    selection = select_patients(table, question)
    grouping = make_groups(selection, question.group)
    assert grouping.n_not_shown == (selection.frame["stage"] == "C").sum()
    part = compare_groups(selection.outcome, grouping)
    assert any(f"{grouping.n_not_shown} patients with other values" in n for n in part.notes)


def test_categories_have_no_trend():
    frame, outcome = cohort()
    assert compare_groups(outcome, group_by_category(frame["stage"], "stage")).trend is None


def test_a_hazard_ratio_without_events_is_not_shown():
    outcome = SurvivalOutcome([1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 1, 1, 0, 0, 0, 0])
    comparison = compare_groups(outcome, group_by_category(list("aaaabbbb"), "arm"))
    ratio = comparison.hazard_ratios[0]
    assert np.isnan(ratio.ratio.value)
    assert ratio.reason == "no event in b"
    assert any(note.startswith("No hazard ratio for b") for note in comparison.notes)
    assert any("Fewer than 5 patients in: a, b." in note for note in comparison.notes)


def test_curves_on_few_patients_are_marked_from_where_they_begin():
    outcome = SurvivalOutcome(np.arange(1.0, 11.0), np.ones(10))
    group = compare_groups(outcome, everybody(10)).groups[0]
    # Five are at risk at 6 months, four at 7.
    assert group.few_from_months == 6


def test_a_searched_cut_off_says_what_its_p_value_is():
    frame, outcome = cohort()
    comparison = compare_groups(outcome, group_by_search(frame["age"], "Age", outcome))
    assert comparison.searched_p > comparison.log_rank.p
    assert any("corrected for the search" in note for note in comparison.notes)


def test_patients_without_a_group_are_counted():
    _, outcome = cohort(10)
    comparison = compare_groups(outcome, group_by_category([None] * 4 + list("ababab"), "arm"))
    assert (comparison.n, comparison.n_missing) == (6, 4)
    with pytest.raises(InputError, match="10 patients but 2 in groups"):
        compare_groups(outcome, everybody(2))


def test_filters_and_landmark():
    frame, outcome = cohort()
    kept = apply_filters(frame, [Filter("age", low=60), Filter("stage", levels=("A", "B"))])
    assert kept.sum() == ((frame["age"] >= 60) & frame["stage"].isin(["A", "B"])).sum()
    later, who = after_landmark(outcome, 12)
    assert len(later) == who.sum() == (outcome.time_months > 12).sum()
    with pytest.raises(StatisticsError, match="nobody is left with age 200 to 300"):
        apply_filters(frame, [Filter("age", low=200, high=300)])
    with pytest.raises(StatisticsError, match="nobody is followed beyond 60 months"):
        after_landmark(outcome, 60)
    with pytest.raises(InputError, match="stage: holds text"):
        apply_filters(frame, [Filter("stage", low=1)])


def test_cox_rows_name_levels_reference_and_counts():
    frame, outcome = cohort()
    table = fit_cox_table(
        frame, outcome, [Term("age", unit="years", per=10), Term("stage", "category", "B")]
    )
    assert [row.name for row in table.multivariable] == [
        "age (per 10 years)", "stage: A vs B", "stage: C vs B",
    ]  # fmt: skip
    assert table.multivariable[1].level_n == (frame["stage"] == "A").sum()
    assert [t.name for t in table.proportional_hazards.tests] == ["age", "stage", "global"]
    one = fit_cox_table(frame, outcome, [Term("age", per=1)])
    assert table.univariable[0].coef == pytest.approx(10 * one.univariable[0].coef)


def test_missing_values_are_left_out_and_told():
    frame, outcome = cohort()
    frame.loc[:29, "afp"] = np.nan
    table = fit_cox_table(frame, outcome, [Term("age"), Term("afp")])
    assert (table.n, table.n_left_out, table.missing) == (90, 30, {"age": 0, "afp": 30})
    assert table.univariable[0].n == 120
    assert any("because of afp (30 missing)" in note for note in table.notes)


def test_a_term_that_cannot_stand_alone_is_told():
    frame, outcome = cohort()
    frame["sex"] = "male"
    with pytest.raises(StatisticsError, match="sex: everybody is 'male'"):
        fit_cox_table(frame, outcome, [Term("age"), Term("sex", "category")])


def test_few_events_per_variable_are_warned_of():
    frame, outcome = cohort(40)
    terms = [Term("age"), Term("afp"), Term("stage", "category")]
    assert any("Peduzzi" in note for note in fit_cox_table(frame, outcome, terms).notes)


@pytest.mark.parametrize(
    ("term", "message"),
    [
        (Term("weight"), "weight: the table has no such column"),
        (Term("stage"), "stage: holds text"),
        (Term("stage", "category", "D"), "stage: nobody is 'D'; use one of A, B, C"),
    ],
)
def test_terms_that_cannot_be_used_are_named(term, message):
    with pytest.raises(InputError, match=message):
        build_design(cohort()[0], [term])


def test_hazard_ratios_are_per_round_numbers():
    assert scaled(Term("age"), np.random.default_rng(0).normal(60, 11, 500)).per == 10
    assert scaled(Term("ratio"), np.array([0.1, 0.2, 0.15])).per == pytest.approx(0.05, rel=0.9)
    assert scaled(Term("points"), np.array([1.0, 3.0, 2.0, 5.0])).per == 1
