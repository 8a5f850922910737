"""Gray's test against cmprsk, the log-rank test, and what must always hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hccsurv_core.errors import InputError, StatisticsError
from hccsurv_core.outcome import CompetingOutcome
from hccsurv_core.stats.gray import gray_test
from hccsurv_core.stats.logrank import log_rank_test

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
COMPETING = json.loads((REFERENCE / "competing_risks.json").read_text(encoding="utf-8"))
R = COMPETING["gray"]


def mgus2() -> tuple[CompetingOutcome, pd.DataFrame, pd.Series]:
    data = pd.read_csv(REFERENCE / "data" / "mgus2.csv")
    time = np.where(data.pstat == 0, data.futime, data.ptime)
    cause = np.where(data.pstat == 0, 2 * data.death, 1)
    age = pd.cut(data.age, [0, 60, 70, 80, 200], labels=False)
    return CompetingOutcome(time, cause, ("malignancy", "death")), data, age


def case(name: str):
    outcome, data, age = mgus2()
    if name == "pbc_edema":
        pbc = pd.read_csv(REFERENCE / "data" / "pbc.csv")
        return CompetingOutcome(pbc.time, pbc.status), pbc.edema, {}
    if name == "small":
        small = COMPETING["small"]
        return CompetingOutcome(small["time"], small["cause"]), R["small_groups"], {}
    return {
        "sex": (outcome, data.sex, {}),
        "age": (outcome, age, {}),
        "age_rho": (outcome, age, {"rho": 1.0}),
        "sex_within_age": (outcome, data.sex, {"strata": age}),
        "age_within_sex": (outcome, age, {"strata": data.sex}),
    }[name]


@pytest.mark.parametrize("cause", [1, 2])
@pytest.mark.parametrize(
    "name", ["sex", "age", "age_rho", "sex_within_age", "age_within_sex", "pbc_edema", "small"]
)
def test_cmprsk_cuminc_tests(name, cause):
    outcome, groups, options = case(name)
    result = gray_test(outcome, groups, cause=cause, **options)
    assert result.statistic == pytest.approx(R[name]["statistic"][cause - 1], rel=1e-10)
    assert result.dof == R[name]["dof"][cause - 1]
    # cmprsk takes 1 − pchisq, which loses what is below 1e-16.
    assert result.p == pytest.approx(R[name]["p"][cause - 1], rel=1e-7, abs=1e-14)
    assert result.stratified == ("strata" in options)


def test_without_competing_events_the_score_is_the_log_rank_tests():
    outcome, data, _ = mgus2()
    only = CompetingOutcome(outcome.time_months, outcome.cause > 0)
    gray = gray_test(only, data.sex)
    log_rank = log_rank_test(only.any_cause(), data.sex)
    np.testing.assert_allclose(gray.score, log_rank.observed - log_rank.expected, rtol=1e-10)
    assert gray.statistic == pytest.approx(log_rank.statistic, rel=0.01)


def test_report_is_plain_json():
    outcome, data, _ = mgus2()
    report = json.loads(
        json.dumps(gray_test(outcome, data.sex, cause=2, order=["M", "F"]).to_json())
    )
    assert report["groups"] == ["M", "F"]
    assert report["cause"] == "death"
    assert report["p_text"] == "0.0006"
    assert sum(report["n_events"]) == int((outcome.cause == 2).sum())


@pytest.mark.parametrize(
    ("cause", "groups", "options", "error", "message"),
    [
        ([1, 2, 0, 1], [1, 1, 1, 1], {}, StatisticsError, "only 1 group"),
        ([2, 2, 0, 2], [1, 2, 1, 2], {}, StatisticsError, "nobody had event"),
        ([1, 2, 0, 1], [1, 2, 1, 2], {"cause": 3}, InputError, "there is no cause 3"),
        ([1, 2, 0, 1], [1, 2, 1, 2], {"rho": -1}, InputError, "rho -1 must not be negative"),
        ([1, 2, 0, 1], [1, 2, 1], {}, InputError, "4 patients but labels"),
        (
            [1, 1, 0, 1],
            [1, 2, 1, 2],
            {"strata": [1, 2, 1, 2]},
            StatisticsError,
            "never under observation together",
        ),
    ],
)
def test_what_is_refused(cause, groups, options, error, message):
    with pytest.raises(error, match=message):
        gray_test(CompetingOutcome([1, 2, 3, 4], cause), groups, **options)


rows = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 2), st.integers(0, 2)), min_size=4, max_size=40
)


def result_or_none(outcome, groups, **options):
    try:
        return gray_test(outcome, groups, **options)
    except StatisticsError:
        return None


@settings(deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_names_of_groups_order_of_patients_and_clock_do_not_matter(values, random):
    time, cause, group = (np.array(column) for column in zip(*values, strict=True))
    one = result_or_none(CompetingOutcome(time, cause), group)
    assume(one is not None)
    order = list(range(len(time)))
    random.shuffle(order)
    other = result_or_none(
        CompetingOutcome(np.exp(time[order] / 10.0), cause[order]),
        np.array(["z", "y", "x"])[group[order]],
    )
    np.testing.assert_allclose(other.score[::-1], one.score, atol=1e-10)
    if one.covariance.trace() > 1e-6:
        assert other.statistic == pytest.approx(one.statistic, rel=1e-6, abs=1e-9)


@settings(deadline=None)
@given(rows)
def test_scores_add_up_to_nothing(values):
    time, cause, group = (np.array(column) for column in zip(*values, strict=True))
    result = result_or_none(CompetingOutcome(time, cause), group)
    assume(result is not None)
    assert result.score.sum() == pytest.approx(0, abs=1e-10)
    np.testing.assert_allclose(result.covariance.sum(axis=1), 0, atol=1e-9)
    assert 0 <= result.p <= 1


def test_so_few_patients_that_the_pooled_incidence_runs_over_are_refused():
    """Half of four at the start, then one of the two left: 2/4 + 1/2 = 1 before the last event."""
    outcome = CompetingOutcome([0, 0, 1, 2], [1, 1, 1, 1])
    with pytest.raises(StatisticsError, match="everybody has had the event before the last"):
        gray_test(outcome, [2, 2, 0, 1])


def test_a_competing_event_after_everybody_has_had_the_cause_by_the_pooled_estimate():
    result = gray_test(CompetingOutcome([0, 0, 1, 2], [1, 1, 1, 2]), [1, 2, 0, 0])
    assert np.isfinite(result.covariance).all() and 0 <= result.p <= 1
