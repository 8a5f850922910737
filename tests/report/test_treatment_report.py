"""Figures, tables, card and files of an evaluation of system 2, and of a training."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from treatment_folders import write_clinical_folder

from hccsurv_core.errors import InputError
from hccsurv_core.outcome import SurvivalOutcome
from hccsurv_core.report.figures.agreement_charts import (
    agreement_chart,
    balance_chart,
    imbalance_words,
    recommended_chart,
    within_arm_chart,
)
from hccsurv_core.report.figures.arm_charts import (
    arm_auc_chart,
    arm_calibration_panels,
    arm_concordance_forest,
    risk_group_chart,
)
from hccsurv_core.report.figures.arm_training_charts import (
    arm_forest,
    coefficient_forest,
    sd_words,
)
from hccsurv_core.report.figures.drawing import draw_figure_for_print, draw_figure_on_screen
from hccsurv_core.report.figures.kaplan_meier_curves import curves_chart
from hccsurv_core.report.figures.regret_charts import regret_chart
from hccsurv_core.report.treatment_archive import write_treatment
from hccsurv_core.report.treatment_card import card_with_evaluation
from hccsurv_core.report.treatment_figures import treatment_figures
from hccsurv_core.report.treatment_report import TreatmentReport
from hccsurv_core.report.treatment_tables import treatment_tables
from hccsurv_core.stats.kaplan_meier import fit_kaplan_meier
from hccsurv_core.systems.treatment.cohort import read_treatment_folder
from hccsurv_core.systems.treatment.evaluation import evaluate_treatment
from hccsurv_core.systems.treatment.model import TreatmentModel
from hccsurv_core.systems.treatment.recommendation_settings import RecommendationSettings
from hccsurv_core.systems.treatment.settings import TreatmentSettings
from hccsurv_core.systems.treatment.training import train_treatment
from hccsurv_core.systems.treatment.validation import CAVEAT

#: So that many patients have a recommendation, and following it can be judged.
_READILY = RecommendationSettings(min_probability=0.5, min_months=0.0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = write_clinical_folder(tmp_path_factory.mktemp("c") / "c", 700, 5)
    cohort = read_treatment_folder(folder)[0]
    bundle = train_treatment(cohort, TreatmentSettings(n_rounds=1, limits=_READILY)).write(
        tmp_path_factory.mktemp("b") / "bundle"
    )
    return cohort.split("test"), bundle


@pytest.fixture(scope="module")
def report(trained):
    cohort, bundle = trained
    found = evaluate_treatment(TreatmentModel.from_bundle(bundle), cohort, n_resamples=40)
    assert found.validation is not None and found.truth is not None
    return TreatmentReport(
        found, "Our model", "Hospital", simulated=True, warnings=("seen before",),
        settings={"n_resamples": 40},
    )  # fmt: skip


def changed(report, **changes):
    return replace(report, evaluation=replace(report.evaluation, **changes))


def test_every_figure_is_drawn_on_the_screen_and_for_print(report):
    figures = treatment_figures(report)
    assert {
        "concordance", "auc", "calibration", "risk_groups_tace", "recommended",
        "agreement_overlap", "balance", "regret",
    } <= set(figures)  # fmt: skip
    for name, figure in figures.items():
        assert figure.caption.startswith("Simulated patients."), name
        assert draw_figure_on_screen(figure).data, name
        assert draw_figure_for_print(figure).axes or draw_figure_for_print(figure).subfigs, name
    plain = treatment_figures(replace(report, simulated=False))
    assert not any("Simulated" in figure.caption for figure in plain.values())


def test_each_arm_stands_against_its_own_rivals(report):
    forest = arm_concordance_forest(report)
    for arm, title in (("hepatectomy", "Hepatectomy"), ("tace", "TACE")):
        start = next(i for i, r in enumerate(forest.rows) if r.heading and r.name == title)
        found = report.evaluation.arms[arm].rivals
        rows = forest.rows[start + 1 : start + 1 + len(found.scores)]
        assert [r.name.lower() for r in rows] == [n.lower() for n in found.scores]
        assert rows[0].ratio[0] == found.scores["model"].estimate.value
        assert not rows[0].extra and rows[1].extra and rows[1].p


def test_an_arm_without_an_auc_says_why(report):
    one = report.evaluation.arms["tace"]
    bare = replace(
        one,
        performance=replace(
            one.performance, metrics={}, horizons_months=(), left_out={"auc_36m": "nobody followed"}
        ),
    )
    chart = arm_auc_chart(changed(report, arms={"tace": bare}))
    assert chart.message and "TACE, 36m: nobody followed" in chart.caption
    empty = arm_calibration_panels(changed(report, arms={"tace": replace(bare, calibration=())}))
    assert empty.charts[0].message == "Too few deaths."


def test_risk_groups_of_nobody_are_left_out(report):
    one = report.evaluation.arms["tace"]
    alone = replace(one, curves={**one.curves, "high risk": None}, log_rank=None)
    chart = risk_group_chart(changed(report, arms={"tace": alone}), "tace")
    assert [s.label for s in chart.series] == ["low risk"]
    assert "Everybody is in the group of low risk" in chart.caption
    nobody = replace(one, curves={"low risk": None, "high risk": None})
    assert risk_group_chart(changed(report, arms={"tace": nobody}), "tace") is None


def test_recommendations_and_reasons_add_up_to_everybody(report):
    chart = recommended_chart(report)
    assert sum(float(s.x[0]) for s in chart.series) == report.evaluation.n
    assert len(chart.y_tick_labels) == len(chart.series)
    assert chart.y_tick_labels[:2] == ("Hepatectomy", "TACE")


def test_curves_are_the_kaplan_meier_estimates_and_count_patients_not_weights(report):
    validation = report.evaluation.validation
    chart = agreement_chart(report, validation, "overlap")
    curve = validation.comparisons["overlap"].curves["agreed"]
    drawn = next(s for s in chart.series if s.label == "Treated as recommended")
    assert np.array_equal(drawn.y[1:], curve.survival) and drawn.y[0] == 1.0
    table = chart.risk_table
    assert table.title == "At risk, unweighted"
    agreed = validation.comparisons["unweighted"].n["agreed"]
    assert table.counts[0, 0] == agreed
    assert CAVEAT in chart.caption and "Hazard ratio" in chart.caption


def test_a_curve_rests_on_few_patients_from_where_fewer_than_five_are_at_risk():
    outcome = SurvivalOutcome(np.arange(1.0, 11.0), np.ones(10))
    chart = curves_chart(
        {"all": fit_kaplan_meier(outcome)}, {"all": "#000000"}, title="t", endpoint="e", caption=""
    )
    # At 6 months five are still at risk, at 7 only four.
    assert chart.series[0].faint_from == 6.0


def test_within_one_treatment_it_is_said_that_this_tests_no_choice(report):
    validation = report.evaluation.validation
    arm = next(iter(validation.within))
    chart = within_arm_chart(report, validation, arm)
    assert "no test of the choice" in chart.caption
    assert within_arm_chart(report, replace(validation, within={}), arm) is None


def test_the_love_plot_shows_every_difference_the_largest_on_top(report):
    validation = report.evaluation.validation
    chart = balance_chart(report, validation)
    for scheme, series in zip(validation.balance, chart.series, strict=True):
        rows = validation.balance[scheme].rows
        assert sorted(series.x) == pytest.approx(sorted(abs(r.smd_after) for r in rows))
    before = {r.name: abs(r.smd_after) for r in validation.balance["unweighted"].rows}
    assert chart.y_tick_labels[0] == report.label(max(before, key=before.get))
    assert chart.y_ticks[0] == len(before)
    assert all(g.x == (0.1, 0.1) for g in chart.guides)


def test_groups_that_weights_leave_unlike_are_told_with_the_worst_covariate(report):
    validation = report.evaluation.validation
    table = validation.balance["iptw"]
    alike = [replace(row, smd_after=0.02) for row in table.rows]
    balanced = replace(validation, balance={"iptw": replace(table, rows=tuple(alike))})
    assert imbalance_words(report, balanced, "iptw") == ""
    alike[1], alike[3] = replace(alike[1], smd_after=-0.4), replace(alike[3], smd_after=0.2)
    unlike = replace(validation, balance={"iptw": replace(table, rows=tuple(alike))})
    words = imbalance_words(report, unlike, "iptw")
    assert "in 2 measured covariates" in words
    assert f"{report.label(alike[1].name)}: 0.40 SD" in words


def test_a_difference_without_bounds_is_named_and_not_drawn(report):
    validation = report.evaluation.validation
    table = validation.balance["unweighted"]
    endless = replace(table.rows[0], smd_before=math.inf, smd_after=math.inf)
    wild = replace(table, rows=(endless, *table.rows[1:]))
    chart = balance_chart(report, replace(validation, balance={"unweighted": wild}))
    assert f"No finite difference: {report.label(endless.name)}." in chart.caption
    assert len(chart.series[0].x) == len(table.rows) - 1
    assert chart.y_tick_labels[0] == report.label(endless.name)


def test_regret_is_months_lost_and_the_line_half_of_the_best_plain_way(report):
    found = report.evaluation.truth.regret
    chart = regret_chart(report, found)
    values = {w: float(s.x[0]) for w, s in zip(chart.y_tick_labels, chart.series, strict=True)}
    assert values["What was given"] == found.months["given"].value
    assert values["Follow the recommendation"] == found.months["recommendation"].value
    plain = [values[w] for w in ("Hepatectomy for all", "TACE for all", "What was given")]
    assert chart.guides[0].x == (min(plain) / 2, min(plain) / 2)


def test_tables_hold_numbers_and_reasons(report):
    tables = treatment_tables(report)
    c = tables["concordance"].set_index(["arm", "score"]).loc[("tace", "model"), "c"]
    assert c == report.evaluation.arms["tace"].performance.metrics["c_index"].value
    assert tables["recommended"]["n"].sum() == report.evaluation.n
    assert len(tables["balance"]) == 3 * len(report.evaluation.validation.balance["iptw"].rows)
    validation = report.evaluation.validation
    kept = {"unweighted": validation.comparisons["unweighted"]}
    partly = replace(validation, comparisons=kept, unanswered={"iptw": "nobody is left"})
    following = treatment_tables(changed(report, validation=partly))["following"]
    assert list(following["weights"]) == ["As they are", "Inverse probability weights"]
    assert following["reason"].iloc[1] == "nobody is left"
    without = treatment_tables(changed(report, validation=None, truth=None))
    assert not {"following", "balance", "truth", "regret"} & set(without)


def test_the_card_tells_the_evaluation_before_the_limits(report, trained):
    card = card_with_evaluation(trained[1].card, report)
    assert card.index("## On Hospital") < card.index("## Limits")
    assert CAVEAT in card and "**seen before.**" in card
    assert card.count("## Limits") == 1
    bare = changed(report, validation=None, why_not_validated="nobody agrees")
    assert "could not be judged: nobody agrees" in card_with_evaluation("# Card\n", bare)


def test_the_report_folder_holds_everything(report, tmp_path):
    written = write_treatment(tmp_path / "r", report, card="# card", formats=())
    names = {str(path.relative_to(tmp_path / "r")) for path in written}
    assert {"README.txt", "manifest.json", "evaluation.json", "model_card.md"} <= names
    assert "figures/balance.csv" in names and "tables/regret.csv" in names
    numbers = json.loads((tmp_path / "r" / "evaluation.json").read_text())
    assert numbers["n"] == report.evaluation.n and numbers["warnings"] == ["seen before"]
    readme = (tmp_path / "r" / "README.txt").read_text()
    assert CAVEAT in readme and "Note: seen before" in readme
    with pytest.raises(InputError, match="saved as png or svg, not 'gif'"):
        write_treatment(tmp_path / "x", report, formats=("gif",))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_treatment(tmp_path / "file", report, formats=())


def test_coefficients_are_hazard_ratios_per_standard_deviation(trained):
    d = trained[1].description
    forest = coefficient_forest(d, "clinical")
    for arm, start in (("hepatectomy", 1), ("tace", 2 + len(d["covariates"]))):
        found = d["recommenders"]["clinical"]["arms"]["arms"][arm]["coefficients"]
        rows = forest.rows[start : start + len(found)]
        assert [r.ratio[0] for r in rows] == pytest.approx([math.exp(c["per_sd"]) for c in found])
    assert "the other arm may pull them its way" in forest.caption
    assert draw_figure_on_screen(forest).data


@pytest.mark.parametrize(
    ("told", "sd", "words"),
    [
        ({"unit": "years"}, 9.81, "9.81 years"),
        ({"kind": "yes_no"}, 0.5, "yes − no is 2.0 SD"),
        ({"transform": "log10", "unit": "ng/mL"}, 1.0, "× 10"),
        ({"transform": "log2"}, 1.0, "× 2"),
        ({"transform": "log"}, math.log(1.5), "× 1.5"),
        ({}, None, ""),
        ({}, 0.0, ""),
    ],
)
def test_a_standard_deviation_in_a_persons_words(told, sd, words):
    assert sd_words(told, {"sd": sd}) == words


def test_both_versions_of_each_arm_are_told_apart():
    c = {"value": 0.7, "ci_low": 0.6, "ci_high": 0.8}
    results = [
        {"arm": arm, "version": version, "c_index": c, "n": 50, "n_events": 20}
        for version in ("clinical", "combined")
        for arm in ("hepatectomy", "tace")
    ]
    results[0]["c_index"] = {"value": None, "ci_low": None, "ci_high": None}
    forest = arm_forest(results, method="5-fold", simulated=False)
    names = [r.name for r in forest.rows]
    assert names == [
        "Hepatectomy", "Clinical values", "Clinical values and lesion signs",
        "TACE", "Clinical values", "Clinical values and lesion signs",
    ]  # fmt: skip
    assert forest.rows[1].words == "not known" and forest.rows[2].words == "0.700 (0.600–0.800)"
    assert forest.caption.startswith("5-fold.") and "was not tested" in forest.caption
