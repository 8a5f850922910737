"""Figures, tables, card and files of an evaluation of system 3, and of a training."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from ceus_studies import evaluated_with_pictures

from hccsurv_core.report.ceus_archive import ceus_contents
from hccsurv_core.report.ceus_card import card_with_evaluation
from hccsurv_core.report.ceus_figures import ceus_figures
from hccsurv_core.report.ceus_report import CeusReport
from hccsurv_core.report.ceus_tables import ceus_tables
from hccsurv_core.report.figures.ceus_class_charts import (
    class_incidence_chart,
    retreatment_forest,
    retreatment_panels,
)
from hccsurv_core.report.figures.ceus_early_charts import early_roc_chart, version_decision_chart
from hccsurv_core.report.figures.ceus_reclassification import early_reclassification_forest
from hccsurv_core.report.figures.ceus_survival_charts import (
    death_concordance_forest,
    prediction_error_chart,
)
from hccsurv_core.report.figures.ceus_training_charts import (
    MODELS,
    coefficients_forest,
    versions_forest,
)
from hccsurv_core.report.figures.ceus_truth_charts import gaps, truth_chart
from hccsurv_core.report.figures.drawing import draw_figure_for_print, draw_figure_on_screen
from hccsurv_core.systems.ceus.model import CeusModel
from hccsurv_core.systems.ceus.reader_study_cohort import cohort_calls, judge_readers
from hccsurv_core.systems.ceus.retreatment_result import CAVEAT


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    return evaluated_with_pictures(tmp_path_factory.mktemp("ceus"))


@pytest.fixture(scope="module")
def report(judged):
    readers, why = judge_readers(cohort_calls(judged.cohort), judged.cohort)
    assert not why
    return CeusReport(
        judged.evaluation, "Our model", "Hospital", simulated=True, warnings=("seen before",),
        settings={"seed": 0}, readers=readers, readers_source="Hospital",
    )  # fmt: skip


def test_every_figure_is_drawn_on_the_screen_and_for_print(report):
    figures = ceus_figures(report)
    assert {
        "early_roc", "early_calibration", "early_decision", "early_reclassification",
        "death_concordance", "death_auc", "death_calibration", "prediction_error",
        "death_decision", "death_reclassification", "recurrence_incidence", "fine_gray",
        "class_survival", "retreatment", "retreatment_ratios", "training_against_test", "truth",
        "readers", "reader_changes",
    } == set(figures)  # fmt: skip
    for name, figure in figures.items():
        assert draw_figure_on_screen(figure).data, name
        assert draw_figure_for_print(figure).axes, name
        assert figure.caption.startswith("Simulated patients."), name
        assert len(figure.to_frame()), name


def test_the_curve_of_each_version_is_its_area(report):
    series = early_roc_chart(report).series
    versions = report.evaluation.versions.values()
    for drawn, one in zip(series, versions, strict=True):
        assert np.trapezoid(drawn.y, drawn.x) == pytest.approx(one.early.area.value, abs=0.01)
        assert f"AUC {one.early.area.value:.3f}" in drawn.label
    assert len({s.color for s in series}) == len({s.dash for s in series}) == 3


def test_the_first_difference_is_that_of_the_two_values(report):
    rows = {r.name: r for r in death_concordance_forest(report).rows}
    own, clinical = rows["Clinical values and pictures"], rows["Clinical values"]
    ahead = float(clinical.extra.split(" ")[0].replace("−", "-"))
    assert ahead == pytest.approx(own.ratio[0] - clinical.ratio[0], abs=0.001)
    assert own.extra == ""


def test_prediction_error_stands_against_kaplan_meier(report):
    chart = prediction_error_chart(report)
    null = chart.series[0]
    assert "no model" in null.label
    curve = report.evaluation.versions["combined"].error_curve
    np.testing.assert_array_equal(null.y, curve.null)
    assert sum(s.low is not None for s in chart.series) == 1


def test_a_decision_curve_ends_where_nobody_hesitates(report):
    curve = report.evaluation.decision_early
    chart = version_decision_chart(curve)
    assert chart.x_range[1] >= 0.5 and chart.x_range[1] < 0.96
    assert {"Clinical values", "Pictures", "treat all"} <= {s.label for s in chart.series}


def test_reclassification_never_comes_without_its_criticism_and_has_no_p(report):
    forest = early_reclassification_forest(report)
    assert "overstate" in forest.caption
    assert {r.p for r in forest.rows} == {""}
    total, events, others = (forest.rows[k].ratio[0] for k in (2, 0, 1))
    assert total == pytest.approx(events + others)


def test_retreatment_never_comes_without_its_caveat(report):
    assert CAVEAT in retreatment_panels(report).caption
    forest = retreatment_forest(report)
    assert CAVEAT in forest.caption and "differs between classes" in forest.caption
    study = report.evaluation.classes.retreatment
    deaths = sum(e.deaths_retreated + e.deaths_not for e in study.effects)
    assert deaths == study.n_events
    assert len(forest.rows) == 4


def test_incidence_is_faint_where_few_are_at_risk(report):
    chart = class_incidence_chart(report)
    for drawn, curve in zip(
        chart.series, report.evaluation.classes.incidence.values(), strict=True
    ):
        assert curve.at_risk_at(drawn.faint_from) >= 5 or drawn.faint_from == 0
        assert curve.at_risk_at(drawn.faint_from + 1e-6) < 5


def test_the_gap_is_between_the_bundles_folds_and_these_patients(report, judged):
    told = CeusModel.from_bundle(judged.bundle).description["cross_validation"]["results"]
    by_version = {row["version"]: row for row in told}
    found = list(gaps(report))
    assert len(found) == 9
    for key, version, training, _ in found:
        assert training.value == by_version[version][key]["value"]


def test_without_truth_retreatment_and_readers_nothing_is_made_up(report):
    bare = replace(
        report, readers=None, simulated=False,
        evaluation=replace(
            report.evaluation, oracle=None, added=None,
            classes=replace(
                report.evaluation.classes, retreatment=None, why_no_retreatment="nobody knows"
            ),
        ),
    )  # fmt: skip
    figures, tables = ceus_figures(bare), ceus_tables(bare)
    assert truth_chart(bare) is None and retreatment_panels(bare) is None
    assert not {"truth", "retreatment", "readers", "early_reclassification"} & set(figures)
    assert not {"truth", "retreatment", "readers", "reclassification"} & set(tables)
    assert not figures["early_roc"].caption.startswith("Simulated")
    assert "Retreatment was not looked at: nobody knows." in card_with_evaluation("# C", bare)


def test_tables_hold_the_numbers_and_json_has_no_nan(report):
    tables = ceus_tables(report)
    measures = tables["measures"]
    row = measures[
        (measures.version == "clinical values and pictures")
        & (measures.endpoint == "death")
        & (measures.measure == "c_index")
    ].iloc[0]
    c = report.evaluation.versions["combined"].death.metrics["c_index"]
    assert (row.value, row.value_low, row.n_events) == (c.value, c.ci_low, c.n_events)
    classes = tables["classes"]
    assert classes.n.sum() == report.evaluation.n
    assert classes.deaths.sum() == report.evaluation.n_events
    accuracy = tables["accuracy"].drop_duplicates("version")
    known = report.evaluation.versions["combined"].early.n
    assert (accuracy[["tp", "fp", "fn", "tn"]].sum(axis=1) == known).all()
    text = json.dumps(ceus_contents(report).numbers, allow_nan=False)
    assert "reader_study" in text


def test_the_card_keeps_its_limits_last(report):
    card = card_with_evaluation("# Model\n\n## Limits\n\n* few\n", report)
    assert card.index("## On Hospital") < card.index("## Limits")
    assert "**seen before.**" in card and CAVEAT in card and "senior_1" in card


def test_the_training_is_told_by_version_and_by_model(judged):
    d = CeusModel.from_bundle(judged.bundle).description
    results = d["cross_validation"]["results"]
    forest = versions_forest(results, method="3-fold", simulated=True)
    assert [r.name for r in forest.rows if r.heading] == [
        "Early recurrence: AUC", "Death: C-index", "Recurrence: C-index, deaths before it censored",
    ]  # fmt: skip
    assert len(forest.rows) == 3 * (1 + len(results))
    for model in MODELS:
        told = d["models"]["combined"][model]["coefficients"]
        rows = coefficients_forest(d, "combined", model).rows
        assert rows[0].ratio[0] == pytest.approx(np.exp(told[0]["per_sd"]))
        names = [r.name for r in rows]
        assert len(names) == len(told) == len(set(names))  # a value and a sign of one name differ
        assert "Largest diameter, on the pictures" in names


def test_readers_of_the_cohort_are_judged_on_its_own_follow_up(judged):
    calls = cohort_calls(judged.cohort)
    assert calls.patient_ids == judged.cohort.patient_ids
    assert not np.isfinite(calls.truth).any()
    study, _ = judge_readers(calls, judged.cohort)
    assert study.n_known == int(np.isfinite(judged.cohort.early).sum())
    assert study.n_events == int((judged.cohort.early == 1).sum())
