"""The oracle's check: Harrell's C as R's survival counts it, and rivals that are judged honestly."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.simulate.truth_check import (
    Margin,
    concordance,
    cox_concordance,
    report,
    share_of_skill,
)

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


def _data(name: str) -> dict[str, np.ndarray]:
    with (REFERENCE / "data" / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {
        key: np.array([r[key] for r in rows])
        for key in rows[0]
        if key in ("time", "status", "karno", "age", "sex")
    }


@pytest.mark.parametrize(
    ("case", "table", "column", "sign", "died"),
    [
        ("veteran_karno", "veteran", "karno", -1, "1"),
        ("veteran_age", "veteran", "age", 1, "1"),
        ("lung_age", "lung", "age", 1, "2"),
        ("lung_sex", "lung", "sex", -1, "2"),
    ],
)
def test_concordance_and_its_error_equal_rs_survival(case, table, column, sign, died) -> None:
    data = _data(table)
    expected = json.loads((REFERENCE / "truth_check.json").read_text())["cases"][case]
    outcome = SurvivalOutcome(data["time"].astype(float), data["status"] == died)
    found = concordance(outcome, sign * data[column].astype(float))
    assert found.c_index == pytest.approx(expected["c_index"], rel=1e-9)
    assert found.std_error == pytest.approx(expected["std_error"], rel=1e-6)


def test_a_perfect_score_is_one_and_its_negative_zero() -> None:
    outcome = SurvivalOutcome(np.arange(1.0, 700.0), np.ones(699, bool))  # more than one block
    assert concordance(outcome, -outcome.time_months).c_index == 1.0
    assert concordance(outcome, outcome.time_months).c_index == 0.0
    assert concordance(outcome, np.zeros(699)).c_index == 0.5


def test_a_patient_censored_when_another_dies_lived_longer() -> None:
    outcome = SurvivalOutcome([5.0, 5.0], [True, False])
    assert concordance(outcome, [2.0, 1.0]).c_index == 1.0


def test_two_deaths_at_one_time_are_not_comparable() -> None:
    nothing = concordance(SurvivalOutcome([5.0, 5.0], [True, True]), [2.0, 1.0])
    assert np.isnan(nothing.c_index)
    assert nothing.to_json()["c_index"] is None


def _simulated(n: int = 600) -> tuple[pd.DataFrame, SurvivalOutcome]:
    rng = np.random.default_rng(4)
    table = pd.DataFrame(
        {
            "dose": rng.standard_normal(n),
            "noise": rng.standard_normal(n),
            "arm": np.where(rng.random(n) < 0.5, "a", "b"),
        }
    ).astype({"arm": object})
    table.loc[:20, "dose"] = np.nan
    risk = 1.2 * table["dose"].fillna(0) + 0.8 * (table["arm"] == "b")
    time = rng.exponential(20, n) * np.exp(-risk)
    return table, SurvivalOutcome(time.to_numpy(), rng.random(n) < 0.7)


def test_cox_rival_is_judged_on_those_it_did_not_see() -> None:
    table, outcome = _simulated()
    train = np.arange(600) < 400
    good = cox_concordance(table, ["dose", "arm"], outcome, "both", train=train)
    none = cox_concordance(table, ["noise"], outcome, "noise", train=train)
    assert good is not None and none is not None
    assert good.n == 200 and good.c_index > 0.75
    assert abs(none.c_index - 0.5) < 4 * none.std_error


def test_cox_rival_agrees_with_lifelines_own_score() -> None:
    from lifelines import CoxPHFitter

    table, outcome = _simulated()
    table = table.iloc[30:].assign(arm=(table["arm"] == "b").astype(float))
    outcome = outcome.subset(np.arange(30, 600))
    frame = table.assign(t=outcome.time_months, e=outcome.event)
    theirs = CoxPHFitter().fit(frame, "t", "e").concordance_index_
    ours = cox_concordance(table, ["dose", "noise", "arm"], outcome, "all")
    assert ours is not None and ours.c_index == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("columns", [["dose", "noise", "arm"], ["constant"]])
def test_data_that_cannot_answer_give_none(columns: list[str]) -> None:
    table, outcome = _simulated()
    table, outcome = table.assign(constant=1.0).iloc[:3], outcome.subset([0, 1, 2])
    assert cox_concordance(table, columns, outcome, "too few") is None


def test_report_leaves_out_what_is_not_known_and_sorts_oracles_from_rivals() -> None:
    outcome = SurvivalOutcome([1.0, 2.0, 3.0], [True, True, False])
    oracle = concordance(outcome, [3, 2, 1], "truth", kind="oracle")
    found = report([oracle, None], [Margin("men", float("nan"), 0.85, "a paper")], extra=1)
    assert [c["name"] for c in found["oracle"]] == ["truth"]
    assert found["rivals"] == [] and found["extra"] == 1
    assert found["margins"][0]["value"] is None and found["margins"][0]["published"] == 0.85


def test_share_of_skill_runs_from_chance_to_the_oracle() -> None:
    assert share_of_skill(0.5, 0.8) == 0.0
    assert share_of_skill(0.8, 0.8) == 1.0
