"""Reader studies: both layouts of the table, each reader by hand, pooled readers, agreement."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from hccsurv_core.errors import StatisticsError, TableError
from hccsurv_core.simulate.ceus.cohort import draw_patients
from hccsurv_core.systems.ceus.reader_study import ReaderStudySettings, study_readers
from hccsurv_core.systems.ceus.reader_study_table import (
    ReaderCalls,
    read_reader_table,
    reader_calls_from_columns,
)

QUICK = ReaderStudySettings(n_resamples=200)


@cache
def simulated(n=414, seed=3):
    patients = draw_patients(seed, range(n))
    return {name: [p.row[name] for p in patients] for name in patients[0].row}


def calls(before, after, truth, readers=("A",), seniority=None):
    """(n, r) calls as a study."""
    first, second = np.array(before, dtype=float), np.array(after, dtype=float)
    return ReaderCalls(
        tuple(f"P{k}" for k in range(len(first))), tuple(readers),
        tuple(seniority or ("",) * len(readers)),
        first.reshape(len(first), -1), second.reshape(len(second), -1),
        np.array(truth, dtype=float),
    )  # fmt: skip


def test_one_reader_counted_by_hand():
    truth_ = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, np.nan]
    before = [1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1]
    after_ = [1, 0, 1, 1, 0, 0, 1, 0, 1, np.nan, 0]
    study = study_readers(calls(before, after_, truth_), QUICK)
    reader = study.readers[0]
    assert (reader.n, reader.n_events, reader.n_left_out) == (9, 5, 1)
    assert reader.before.sensitivity.value == pytest.approx(2 / 5)
    assert reader.after.sensitivity.value == pytest.approx(3 / 5)
    assert reader.before.specificity.value == reader.after.specificity.value == 2 / 4
    assert reader.sensitivity.difference.value == pytest.approx(1 / 5)
    assert (reader.sensitivity.only_first, reader.sensitivity.only_second) == (2, 1)
    assert reader.sensitivity.p == 1.0  # 2 against 1, exact binomial
    changes = reader.changes
    assert (changes.to_right_of_events, changes.to_wrong_of_events) == (2, 1)
    assert (changes.to_right_of_others, changes.to_wrong_of_others) == (1, 1)
    assert changes.changed.value == pytest.approx(5 / 9)
    assert changes.rightly.value == pytest.approx(3 / 5)
    assert changes.p == 1.0  # 3 against 2
    assert "5 calls of 9 changed, 3 to right and 2 to wrong" in reader.words
    assert study.before is None and study.comparison is None
    assert (study.n, study.n_known) == (11, 10)


def test_pooled_readers_are_means_and_their_intervals_those_of_resampled_patients():
    rng = np.random.default_rng(0)
    truth = rng.random(150) < 0.4
    before = (truth[:, None] + rng.normal(size=(150, 4)) > 0.6).astype(float)
    after = (truth[:, None] + 0.6 * rng.normal(size=(150, 4)) > 0.5).astype(float)
    kinds = ("senior", "senior", "junior", "junior")
    study = study_readers(calls(before, after, truth, "ABCD", kinds), QUICK)
    assert [g.name for g in study.groups] == ["all", "senior", "junior"]
    sensitivity = study.group("senior").metric("sensitivity")
    assert sensitivity.before.value == pytest.approx(before[truth][:, :2].mean())
    specificity = study.group("junior").metric("specificity")
    assert specificity.after.value == pytest.approx(1 - after[~truth][:, 2:].mean())
    both = study.group("all").metric("balanced accuracy")
    mean = (after[truth].mean() + 1 - after[~truth].mean()) / 2
    assert both.after.value == pytest.approx(mean)
    assert both.change.value == pytest.approx(both.after.value - both.before.value)
    gap = study.comparison.metric("sensitivity")
    assert gap.before.value == pytest.approx(
        before[truth][:, 2:].mean() - before[truth][:, :2].mean()
    )
    # The standard error of the mean over readers is that over patients: calls of a patient go together.
    error = before[truth].mean(axis=1).std(ddof=1) / np.sqrt(truth.sum())
    pooled = study.group("all").metric("sensitivity").before
    assert (pooled.ci_high - pooled.ci_low) / 3.92 == pytest.approx(error, rel=0.2)
    json.dumps(study.to_json(), allow_nan=False)


def test_a_patients_calls_go_together_copies_of_a_reader_add_nothing():
    rng = np.random.default_rng(1)
    truth = rng.random(120) < 0.5
    one = (truth + rng.normal(size=120) > 0.5).astype(float)
    two = (truth + 0.7 * rng.normal(size=120) > 0.5).astype(float)
    alone = study_readers(calls(one, two, truth), QUICK).group("all")
    copies = np.repeat(one[:, None], 5, axis=1), np.repeat(two[:, None], 5, axis=1)
    five = study_readers(calls(*copies, truth, "ABCDE"), QUICK).group("all")
    for first, second in zip(alone.metrics, five.metrics, strict=True):
        assert first.change.ci_low == pytest.approx(second.change.ci_low)
        assert first.change.ci_high == pytest.approx(second.change.ci_high)


def test_agreement_is_cohens_and_fleiss_kappa_before_and_after():
    study_of = reader_calls_from_columns(simulated())
    study = study_readers(study_of, QUICK)
    a, b = study_of.before[:, 0], study_of.before[:, 2]
    found = study.before.pairs["senior_1", "junior_1"]
    assert found.value == pytest.approx(cohen_kappa_score(a, b))
    assert len(study.after.pairs) == 6
    change, p = study.fleiss_change
    assert change.value == pytest.approx(study.after.fleiss.value - study.before.fleiss.value)
    # All move towards one model: they agree more. Whether they are right more is another question.
    assert change.ci_low > 0.1 and p < 0.05
    assert study.after.percent.value > study.before.percent.value


def test_readers_who_all_give_one_call_have_no_kappa_and_the_rest_is_told():
    truth = np.arange(20) % 2
    ones = np.ones((20, 2))
    study = study_readers(calls(ones, ones, truth, "AB"), QUICK)
    assert study.before.fleiss is None
    assert study.before.pairs["A", "B"] is None
    assert study.before.percent.value == 1.0
    assert study.fleiss_change is None
    assert study.readers[0].changes.changed.value == 0
    json.dumps(study.to_json(), allow_nan=False)


def test_the_simulated_study_is_read_from_a_cohort_and_juniors_gain_more():
    study_of = reader_calls_from_columns(simulated(2000))
    assert study_of.readers == ("senior_1", "senior_2", "junior_1", "junior_2")
    assert study_of.seniority == ("senior", "senior", "junior", "junior")
    study = study_readers(study_of, QUICK)
    gain = study.comparison.metric("balanced accuracy")
    assert gain.change.ci_low > 0 > gain.before.ci_high
    p = [r.sensitivity.p for r in study.readers]
    assert max(r.sensitivity_p_corrected for r in study.readers) >= max(p)
    assert study.readers[int(np.argmin(p))].sensitivity_p_corrected == pytest.approx(
        min(1, 4 * min(p))
    )
    assert len(study.words()) == 4 + 3 + 1


WIDE = """patient_id,early_recurrence,reader_a_before,reader_a_after,junior_b_before,note
P1,1,yes,1,no,x
P2,0,No,TRUE,no,y
P3,,,0,no,
"""
LONG = """Patient;Reader;When;Call;Seniority;early_recurrence
P1;a;before;yes;senior;1
P1;a;after;yes;senior;
P2;a;before;no;Senior;0
P2;a;after;yes;senior;0
P3;a;after;no;senior;
P1;b;before;0;junior;1
"""


def test_the_wide_layout_is_read(tmp_path):
    path = tmp_path / "readers.csv"
    path.write_text(WIDE, encoding="utf-8")
    found = read_reader_table(path, seniority={"a": "Senior"})
    assert (found.patient_ids, found.readers, found.seniority) == (
        ("P1", "P2", "P3"), ("a",), ("senior",),
    )  # fmt: skip
    np.testing.assert_array_equal(found.before[:, 0], [1, 0, np.nan])
    np.testing.assert_array_equal(found.after[:, 0], [1, 1, 0])
    np.testing.assert_array_equal(found.truth, [1, 0, np.nan])
    told = found.with_truth({"P1": False, "P3": True, "P9": True})
    np.testing.assert_array_equal(told.truth, [0, np.nan, 1])


def test_the_long_layout_is_read(tmp_path):
    path = tmp_path / "readers.csv"
    path.write_text(LONG, encoding="utf-8")
    found = read_reader_table(path)
    assert (found.readers, found.seniority) == (("a", "b"), ("senior", "junior"))
    np.testing.assert_array_equal(found.before, [[1, 0], [0, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(found.after, [[1, np.nan], [1, np.nan], [0, np.nan]])
    np.testing.assert_array_equal(found.truth, [1, 0, np.nan])


@pytest.mark.parametrize(
    ("text", "change", "message"),
    [
        (WIDE, ("P2,0,No,", "P2,0,maybe,"), "'reader_a_before' holds 'maybe' in row 3, which is"),
        (WIDE, ("P2,0", "P1,0"), "patient P1 stands in row 2 and in row 3; keep one"),
        (WIDE, ("P2,0", ",0"), "row 3 has no patient_id"),
        (WIDE, ("reader_a_after", "other"), "reader a has no column for the calls after"),
        (WIDE, ("patient_id", "number"), "there is no column patient_id"),
        (WIDE, ("early_recurrence", "x_before"), None),
        (LONG, ("P2;a;before", "P2;a;later"), "'when' holds 'later' in row 4; write before or"),
        (LONG, ("P2;a;before", "P1;a;before"), "the call of P1, a, before stands in row 2 and in"),
        (LONG, ("P1;b;before;0;junior;1", "P1;b;before;0;junior;0"), "of patient P1 in row 7 is n"),
        (LONG, ("P2;a;before;no;Senior", "P2;a;before;no;junior"), "reader a is 'senior' above"),
        (LONG, ("junior", "trainee"), "reader b is 'trainee'; write senior or junior"),
        (LONG, (";Call;", ";Verdict;"), "there are no readers' calls; give columns"),
    ],
)
def test_a_bad_table_is_refused_with_its_row(tmp_path, text, change, message):
    path = tmp_path / "bad.csv"
    assert change[0] in text
    path.write_text(text.replace(*change), encoding="utf-8")
    if message is None:
        # With reader_ columns there, no other column is taken for a call.
        assert read_reader_table(path).readers == ("a",)
        return
    with pytest.raises(TableError, match=message) as caught:
        read_reader_table(path)
    assert caught.value.source == "bad.csv"


def test_without_both_outcomes_nothing_is_evaluated():
    with pytest.raises(StatisticsError, match="of 0 patients it is known what happened"):
        study_readers(calls([1, 0], [1, 0], [np.nan, np.nan]), QUICK)
    with pytest.raises(StatisticsError, match="reader A has both calls of 2 patients, 0 of whom"):
        study_readers(calls([1, 0, np.nan], [1, 0, 1], [0, 0, 1]), QUICK)
    with pytest.raises(TableError, match="need calls of shape"):
        calls([[1, 0]], [[1, 0]], [1], "A")
