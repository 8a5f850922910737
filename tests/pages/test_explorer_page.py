"""The explorer under AppTest: every section answers, and what cannot be answered is said."""

import numpy as np
import pandas as pd
import pytest
from page_helpers import page_text

from hccsurv_core.cohort.column_guess import guess_mapping
from hccsurv_core.cohort.library import CohortLibrary
from hccsurv_core.io.tables import read_table
from pages._shared import routes


def write_table(path, n=120, seed=0):
    rng = np.random.default_rng(seed)
    stage = rng.choice(["A", "B", "C"], n)
    age = rng.normal(60, 9, n).round()
    hazard = np.exp(0.7 * (stage == "C") + 0.02 * (age - 60))
    death = rng.exponential(40 / hazard)
    recurrence = rng.exponential(20 / hazard)
    end = rng.uniform(12, 80, n)
    pd.DataFrame(
        {
            "patient_id": [f"P{i:03d}" for i in range(n)],
            "os_months": np.minimum(death, end).round(2),
            "os_event": (death <= end).astype(int),
            "rfs_months": np.minimum(np.minimum(recurrence, death), end).round(2),
            "recurrence": (recurrence <= np.minimum(death, end)).astype(int),
            "stage": stage,
            "age": age,
            "afp": rng.lognormal(3, 2, n).round(1),
            "cirrhosis": rng.choice(["yes", "no"], n),
        }
    ).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return read_table(write_table(tmp_path_factory.mktemp("cohort") / "ours.csv"))


@pytest.fixture
def cohort(raw, tmp_path):
    return CohortLibrary(tmp_path / "data").add(raw, guess_mapping(raw), name="Ours")


def key(cohort, name):
    return f"explorer_{cohort.id}_{name}"


def section(at, name):
    at.segmented_control(key="explorer_section").set_value(name).run()
    assert not at.exception
    return page_text(at)


@pytest.fixture
def explorer(open_page, cohort):
    at = open_page(routes.EXPLORER)
    assert not at.exception
    return at


def test_an_empty_explorer_teaches(open_page):
    at = open_page(routes.EXPLORER)
    text = page_text(at)
    assert "No cohort yet" in text
    assert at.button(key="import_first").label == "Import a table"


def test_a_simulated_cohort_is_one_click_and_says_so(open_page):
    at = open_page(routes.EXPLORER)
    at.button(key="demo_first_muscle").click().run(timeout=60)
    assert not at.exception
    text = page_text(at)
    assert "Simulated patients" in text
    assert "826 patients" in text


def test_the_cohort_is_described(explorer):
    text = page_text(explorer)
    assert "120 patients" in text
    assert "Median follow-up" in text
    assert "Mean survival to" in text


def test_groups_are_compared(explorer, cohort):
    explorer.selectbox(key=key(cohort, "group")).set_value("stage").run()
    text = page_text(explorer)
    assert "Log-rank p" in text
    assert "Hazard ratio" in text
    assert "reference" in text


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("median", "Log-rank p"),
        ("quantiles", "trend p"),
        ("cutoffs", "The cut-off was chosen by hand"),
        ("search", "corrected for the searched cut-off"),
    ],
)
def test_numbers_are_cut_four_ways(explorer, cohort, way, words):
    explorer.selectbox(key=key(cohort, "group")).set_value("age").run()
    explorer.segmented_control(key=key(cohort, "way_age")).set_value(way).run()
    assert not explorer.exception
    assert words in page_text(explorer)


def test_a_cut_off_can_be_moved_and_a_second_added(explorer, cohort):
    explorer.selectbox(key=key(cohort, "group")).set_value("age").run()
    explorer.segmented_control(key=key(cohort, "way_age")).set_value("cutoffs").run()
    explorer.slider(key=key(cohort, "cut_age")).set_value(55.0).run()
    assert "≤ 55 years" in page_text(explorer)
    explorer.number_input(key=key(cohort, "cut2_age")).set_value(65.0).run()
    assert "&gt; 55 to 65 years" in page_text(explorer)


def test_filters_and_landmark_change_who_is_counted(explorer, cohort):
    before = page_text(explorer)
    explorer.multiselect(key=key(cohort, "filters")).set_value(["stage"]).run()
    explorer.multiselect(key=key(cohort, "levels_stage")).set_value(["C"]).run()
    assert page_text(explorer) != before
    explorer.multiselect(key=key(cohort, "levels_stage")).set_value([]).run()
    assert "Nobody is left" in page_text(explorer)
    explorer.multiselect(key=key(cohort, "filters")).set_value([]).run()
    explorer.number_input(key=key(cohort, "landmark")).set_value(1000.0).run()
    assert "Nobody is followed beyond 1000 months" in page_text(explorer)


def test_cox_regression(explorer, cohort):
    text = section(explorer, "Cox regression")
    assert "Multivariable Cox regression" in text
    explorer.multiselect(key=f"cox_{cohort.id}").set_value(["age", "stage"]).run()
    assert "Harrell&#x27;s C" in page_text(explorer)
    assert "Univariable Cox regression" in page_text(explorer)
    explorer.multiselect(key=f"cox_{cohort.id}").set_value([]).run()
    assert "Choose at least one variable" in page_text(explorer)


def test_scores(explorer, cohort):
    text = section(explorer, "Scores")
    assert "Harrell's C" in text
    assert "Net benefit" in text
    assert "turned into one by a Cox model" in text
    kind = explorer.segmented_control(key=f"score_kind_{cohort.id}_age")
    kind.set_value("event_probability").run()
    assert "so it is no probability" in page_text(explorer)


def test_competing_risks(explorer, cohort):
    explorer.selectbox(key=key(cohort, "group")).set_value("stage").run()
    text = section(explorer, "Competing risks")
    assert "Competing:" in text
    assert "subdistribution" in text


def test_table_one(explorer, cohort):
    explorer.selectbox(key=key(cohort, "group")).set_value("stage").run()
    text = section(explorer, "Table 1")
    assert "Table 1 · 120 patients" in text
    assert "SMD" in text


def test_one_patient_has_a_percentile_and_a_curve(explorer, cohort):
    explorer.selectbox(key=key(cohort, "group")).set_value("age").run()
    section(explorer, "This patient")
    explorer.number_input(key="patient_age").set_value(60.0).run()
    text = page_text(explorer)
    assert "Percentile" in text
    assert "Group:" in text
    explorer.number_input(key="patient_age").set_value(109.0).run()
    assert "outside everything seen" in page_text(explorer)


def test_every_figure_and_table_can_be_downloaded(explorer, cohort):
    explorer.selectbox(key=key(cohort, "group")).set_value("stage").run()
    labels = {b.label for b in explorer.get("download_button")}
    assert {
        "Figure (SVG)", "Figure (PNG, 300 dpi)", "Points of the curves (CSV)",
        "Medians and survival (CSV)", "Settings and versions (JSON)",
    } <= labels  # fmt: skip


def test_a_cohort_is_renamed_and_deleted(explorer, cohort):
    explorer.text_input(key=f"rename_{cohort.id}").set_value("Resected").run()
    assert "Resected" in [o for s in explorer.selectbox for o in s.options]
    explorer.button(key="delete_cohort").click().run()
    assert not explorer.exception
    assert "No cohort yet" in page_text(explorer)


def test_a_table_without_an_outcome_says_what_to_do(open_page, raw, tmp_path):
    from dataclasses import replace

    mapping = replace(guess_mapping(raw), endpoints=())
    CohortLibrary(tmp_path / "data").add(raw, mapping, name="No outcome")
    assert "no outcome yet" in page_text(open_page(routes.EXPLORER))
