"""Charts: what they say, and that screen and print draw the same."""

import json

import numpy as np
import pandas as pd
import pytest

from hccsurv_core.outcome import CompetingOutcome, SurvivalOutcome
from hccsurv_core.report.figures.chart import GROUP_COLORS, Chart, Series, month_ticks, thinned
from hccsurv_core.report.figures.chart_print import draw_for_print
from hccsurv_core.report.figures.chart_screen import count_text, draw_on_screen
from hccsurv_core.report.figures.ct_print import save_figure
from hccsurv_core.report.figures.forest import (
    cox_forest,
    draw_forest_for_print,
    draw_forest_on_screen,
)
from hccsurv_core.report.figures.incidence_charts import incidence_chart
from hccsurv_core.report.figures.performance_charts import (
    auc_chart,
    calibration_chart,
    decision_chart,
    distribution_chart,
    roc_chart,
)
from hccsurv_core.report.figures.survival_charts import (
    difference_words,
    estimate_words,
    kaplan_meier_chart,
)
from hccsurv_core.report.manifest import Manifest
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.systems.explorer.competing import compare_competing
from hccsurv_core.systems.explorer.curves import compare_groups
from hccsurv_core.systems.explorer.grouping import (
    everybody,
    group_by_category,
    group_by_cutoffs,
    group_by_search,
)
from hccsurv_core.systems.explorer.performance import (
    assess_calibration,
    assess_decision,
    assess_discrimination,
    read_score,
)
from hccsurv_core.systems.explorer.placement import place_patient
from hccsurv_core.systems.explorer.regression import Term, fit_cox_table

RNG = np.random.default_rng(4)
AGE = RNG.normal(60, 10, 150)
TIME = RNG.exponential(30 * np.exp(-0.05 * (AGE - 60)))
OUTCOME = SurvivalOutcome(np.minimum(TIME, 60), TIME < 60)
STAGE = np.where(AGE > 65, "B", "A")
SCORE = read_score(AGE, OUTCOME, "Age")


def survival_chart(**options):
    comparison = compare_groups(OUTCOME, group_by_category(STAGE, "stage"))
    return kaplan_meier_chart(comparison, variable="stage", **options)


def competing_chart():
    cause = np.where(OUTCOME.event, RNG.choice([1, 2], 150), 0)
    outcome = CompetingOutcome(OUTCOME.time_months, cause, ("recurrence", "death"))
    return incidence_chart(compare_competing(outcome, group_by_category(STAGE, "stage")))


CHARTS = {
    "survival": survival_chart,
    "incidence": competing_chart,
    "roc": lambda: roc_chart(assess_discrimination(SCORE, [12, 36]), "Age"),
    "auc": lambda: auc_chart(assess_discrimination(SCORE, [12, 36]), "Age"),
    "calibration": lambda: calibration_chart(assess_calibration(SCORE, [24])[0], "Age"),
    "decision": lambda: decision_chart(*assess_decision(SCORE, 24)),
    "distribution": lambda: distribution_chart(
        AGE, place_patient(70, AGE, group_by_cutoffs(AGE, "Age", [60])), unit="years", cutoffs=(60,)
    ),
}


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_has_titles_and_is_drawn_twice(name):
    chart = CHARTS[name]()
    assert chart.title and chart.x_title and chart.y_title
    on_screen = draw_on_screen(chart)
    assert on_screen.layout.title.text == chart.title
    svg = save_figure(draw_for_print(chart, captions=["hccsurv"]), "svg").decode()
    assert svg.startswith("<?xml")
    drawn = {s.label for s in chart.series if s.label}
    assert drawn <= {trace.name for trace in on_screen.data}
    assert set(chart.to_frame()["series"]) >= drawn


def test_a_survival_chart_says_how_many_and_how_sure():
    chart = survival_chart()
    assert chart.title == f"Overall survival · 150 patients, {OUTCOME.n_events} events"
    assert "Log-rank p" in chart.caption
    assert "B vs A: hazard ratio" in chart.caption
    assert "Median follow-up" in chart.caption
    assert [s.color for s in chart.series] == list(GROUP_COLORS[:2])
    assert chart.risk_table.counts[:, 0].tolist() == [(STAGE == "A").sum(), (STAGE == "B").sum()]
    assert "Bands" not in survival_chart(show_bands=False).caption


def test_the_curve_is_the_estimate():
    chart = survival_chart()
    curve = compare_groups(OUTCOME, group_by_category(STAGE, "stage")).groups[0].curve
    series = chart.series[0]
    assert (series.x[0], series.y[0]) == (0, 1)
    np.testing.assert_array_equal(series.y[1:], curve.survival)
    assert (series.low <= series.y).all() and (series.high >= series.y).all()


def test_a_highlighted_group_alone_keeps_its_color():
    chart = survival_chart(highlight="B", show_bands=False)
    assert chart.series[1].color == GROUP_COLORS[1]
    assert chart.series[0].color not in GROUP_COLORS
    assert chart.series[0].low is None and chart.series[1].low is not None


def test_a_searched_cut_off_shows_the_corrected_p_value():
    comparison = compare_groups(OUTCOME, group_by_search(AGE, "Age", OUTCOME))
    words = difference_words(comparison)
    assert "corrected for the searched cut-off" in words
    assert "log-rank" not in words
    assert difference_words(compare_groups(OUTCOME, everybody(150))) == ""


def test_few_at_risk_are_marked():
    assert [count_text(n, 5) for n in (0, 1, 4, 5, 12.5)] == ["0", "1*", "4*", "5", "12.5"]
    outcome = SurvivalOutcome(np.arange(1.0, 21.0), np.ones(20))
    chart = kaplan_meier_chart(compare_groups(outcome, everybody(20)))
    assert chart.series[0].faint_from == 16  # five are at risk then, four at 17
    dotted = [t for t in draw_on_screen(chart).data if t.line.dash == "dot" and t.opacity]
    assert [t.x.min() for t in dotted] == [16]


def test_months_have_years_under_them():
    places, labels = month_ticks(60)
    assert places == (0, 12, 24, 36, 48, 60)
    assert labels[:2] == ("0", "12\n1 y")
    assert len(month_ticks(3)[0]) <= 9 and len(month_ticks(500)[0]) <= 10


def test_long_curves_are_thinned_without_losing_their_end():
    x = np.sort(RNG.uniform(0, 100, 20_000))
    kept = thinned(x)
    assert len(kept) <= 1202
    assert kept[0] == 0 and kept[-1] == len(x) - 1
    assert np.diff(x[kept]).max() < 0.3
    assert thinned(x[:500]).tolist() == list(range(500))


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        ((0.618, 0.548, 0.681), {"percent": True}, "61.8 % (54.8–68.1)"),
        ((24.0, 18.0, np.nan), {}, "24.0 (18.0–not reached)"),
        ((np.nan, np.nan, np.nan), {}, "not reached"),
        ((-2.0, -14.3, 5.7), {}, "−2.0 (−14.3 to 5.7)"),
        ((1.0, np.nan, np.nan), {"percent": True}, "100.0 %"),
    ],
)
def test_estimates_in_words(values, options, words):
    assert estimate_words(Estimate(*values), **options) == words


def test_a_forest_plot_names_numbers_and_what_has_no_estimate():
    frame = pd.DataFrame({"age": AGE, "stage": STAGE})
    table = fit_cox_table(frame, OUTCOME, [Term("age", per=10), Term("stage", "category")])
    forest = cox_forest(table)
    assert [r.name for r in forest.rows] == ["age (per 10)", "stage: B vs A"]
    assert forest.rows[1].count.endswith(f"/ {(STAGE == 'B').sum()}")
    assert "Harrell's C" in forest.caption
    texts = [a.text for a in draw_forest_on_screen(forest).layout.annotations]
    assert forest.rows[0].words in texts
    assert save_figure(draw_forest_for_print(forest), "png").startswith(b"\x89PNG")
    censored = np.flatnonzero(~OUTCOME.event)[:8]
    frame["none"] = np.where(np.isin(np.arange(150), censored), "y", "x")
    forest = cox_forest(fit_cox_table(frame, OUTCOME, [Term("none", "category")]))
    assert forest.rows[0].words == "no finite estimate"
    assert "No finite estimate for none: y vs x" in forest.caption


def test_the_manifest_tells_data_question_and_versions():
    manifest = Manifest(
        "Curves", {"name": "Ours"}, {"endpoint": "OS", "landmark": ""}, simulated=True
    )
    told = json.loads(manifest.to_text())
    assert told["settings"]["endpoint"] == "OS"
    assert {"hccsurv", "python", "numpy"} <= set(told["versions"])
    caption = " ".join(manifest.caption())
    assert caption.startswith("Simulated patients")
    assert "Data: Ours" in caption and "landmark" not in caption
    assert manifest.csv_comment().splitlines()[-1] == "# Research use. Not a medical device."


def test_a_chart_without_an_interval_is_drawn():
    chart = Chart("t", "x", "y", (Series("a", np.array([0.0, 1]), np.array([0.0, 1])),))
    assert len(draw_on_screen(chart).data) == 1
    assert chart.to_frame()["low"].isna().all()
