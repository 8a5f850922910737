"""The verb ``survival``: the contract's numbers, its options, and what it refuses."""

import json

import pandas as pd
import pytest

from hccsurv_core.__main__ import main


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "cohort.csv"
    pd.DataFrame(
        {
            "patient": [f"P{i}" for i in range(60)],
            "days": [30 * (i % 20 + 1) for i in range(60)],
            "status": ["dead" if i % 3 else "alive" for i in range(60)],
            "stage": ["A", "B", "C"] * 20,
            "age": [40 + i % 30 for i in range(60)],
            "odd": ["x"] + ["q"] * 59,
        }
    ).to_csv(path, index=False)
    return path


def ask(capsys, *arguments):
    assert main(["survival", *map(str, arguments), "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def refuse(capsys, *arguments):
    assert main(["survival", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.strip().splitlines()[-1].startswith("error: ")
    return captured.err


def test_the_resected_cohort(capsys, shared_data):
    answer = ask(
        capsys, shared_data / "cohorts" / "hepatocellular_resected_227.csv", "--time", "OS",
        "--event", "Death", "--covariates", "Age,AFP,Tumorsize,Vascularinvasion",
    )  # fmt: skip
    assert (answer["n"], answer["n_events"]) == (227, 97)
    survival = answer["kaplan_meier"]["all"]["survival_at"]
    assert [round(survival[h]["value"], 4) for h in ("12", "36", "60")] == [0.8270, 0.6184, 0.5122]
    assert answer["concordance"] == pytest.approx(0.6628, abs=5e-5)
    assert [row["name"] for row in answer["cox"]] == ["Age", "AFP", "Tumorsize", "Vascularinvasion"]
    assert answer["logrank"] is None


def test_the_resected_cohort_by_stage(capsys, shared_data):
    answer = ask(
        capsys, shared_data / "cohorts" / "hepatocellular_resected_227.csv", "--time", "OS",
        "--event", "Death", "--group", "BCLC",
    )  # fmt: skip
    assert answer["logrank"]["statistic"] == pytest.approx(21.2389, abs=5e-5)
    assert set(answer["kaplan_meier"]) == {"1", "2"}
    one = answer["kaplan_meier"]["2"]
    assert len(one["times"]) == len(one["survival"]) == len(one["ci"]) == len(one["at_risk"])
    assert one["median"] == 25


def test_a_long_table_takes_first_visits_and_days_become_months(capsys, shared_data):
    answer = ask(
        capsys, shared_data / "cohorts" / "intermediate_hcc_visits_2360.csv",
        "--time", "OStime_day", "--event", "Status_of_death",
    )  # fmt: skip
    assert (answer["n"], answer["source_time_unit"]) == (2360, "days")
    assert any("9,324 other visits are left out" in w for w in answer["warnings"])


def test_words_of_the_event_are_understood_and_units_told(capsys, table):
    answer = ask(capsys, table, "--time", "days", "--event", "status", "--group", "stage")
    assert (answer["n"], answer["n_events"], answer["source_time_unit"]) == (60, 40, "days")
    assert answer["kaplan_meier"]["A"]["times"][0] == pytest.approx(30 / 30.4375)
    other = ask(capsys, table, "--time", "days", "--event", "status", "--event-value", "alive")
    assert other["n_events"] == 20


def test_cut_offs_given_median_and_searched(capsys, table):
    base = (table, "--time", "days", "--event", "status", "--group", "age")
    assert set(ask(capsys, *base, "--cutoff", 50)["kaplan_meier"]) == {"≤ 50", "> 50"}
    assert len(ask(capsys, *base, "--cutoff", "50", "--cutoff", "60")["kaplan_meier"]) == 3
    assert ask(capsys, *base, "--cutoff", "median")["searched_p"] is None
    searched = ask(capsys, *base, "--cutoff", "search")
    assert searched["searched_p"] > searched["logrank"]["p"]


def test_categories_get_a_row_for_each_level(capsys, table):
    answer = ask(capsys, table, "--time", "days", "--event", "status", "--covariates", "stage,age")
    assert [r["name"] for r in answer["cox"]] == ["stage: B vs A", "stage: C vs A", "age"]


def test_a_landmark_leaves_out_the_early(capsys, table):
    answer = ask(capsys, table, "--time", "days", "--event", "status", "--landmark", 6)
    assert answer["n"] == sum(30 * (i % 20 + 1) / 30.4375 > 6 for i in range(60))


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_figure_is_drawn(capsys, table, tmp_path, suffix):
    target = tmp_path / f"km.{suffix}"
    ask(
        capsys, table, "--time", "days", "--event", "status", "--group", "stage", "--figure", target
    )
    start = {"svg": b"<?xml", "png": b"\x89PNG"}[suffix]
    assert target.read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--time", "weeks", "--event", "status"), "'weeks'"),
        (("--time", "days", "--event", "odd"), "is the event is not clear; say so with"),
        (("--time", "days", "--event", "status", "--event-value", "gone"), "nobody has 'gone'"),
        (("--time", "days", "--event", "status", "--cutoff", "5"), "a cut-off needs --group"),
        (
            ("--time", "days", "--event", "status", "--group", "age", "--cutoff", "low"),
            "low is no cut-off",
        ),
        (("--time", "days", "--event", "status", "--group", "age"), "age: has 30 different values"),
        (("--time", "days", "--event", "status", "--landmark", "99"), "nobody is followed beyond"),
        (("--time", "days", "--event", "status", "--figure", "a.pdf"), "saved as png or svg"),
    ],
)
def test_bad_questions_get_one_line(capsys, table, arguments, message):
    assert message in refuse(capsys, table, *arguments)


def test_a_file_that_is_no_table_is_refused(capsys, tmp_path):
    path = tmp_path / "cohort.csv"
    path.write_bytes(bytes(range(256)) * 20)
    assert "cohort.csv" in refuse(capsys, path, "--time", "t", "--event", "e")
    assert "nothing.csv" in refuse(capsys, tmp_path / "nothing.csv", "--time", "t", "--event", "e")
