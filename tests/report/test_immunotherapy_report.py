"""Figures, tables, card and files of an evaluation of system 4, and of a training."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from immunotherapy_studies import evaluated_with_scans

from hccsurv_core.report.archive import zip_contents
from hccsurv_core.report.figures.drawing import draw_figure_for_print, draw_figure_on_screen
from hccsurv_core.report.figures.immunotherapy_ranking_charts import (
    concordance_forest,
    difference_forest,
    gaps,
    importance_forest,
    label_forest,
    roc_panels,
)
from hccsurv_core.report.figures.immunotherapy_survival_charts import (
    groups_chart,
    nomogram_figure,
    prediction_error_chart,
    recist_chart,
    recist_forest,
    strips_figure,
    truth_chart,
)
from hccsurv_core.report.figures.immunotherapy_training_charts import (
    coefficients_forest,
    training_groups_chart,
    versions_forest,
)
from hccsurv_core.report.figures.patient_strips import PatientStrips
from hccsurv_core.report.immunotherapy_archive import (
    immunotherapy_contents,
    immunotherapy_report,
    write_immunotherapy_report,
)
from hccsurv_core.report.immunotherapy_card import card_with_evaluation
from hccsurv_core.report.immunotherapy_figures import immunotherapy_figures
from hccsurv_core.report.immunotherapy_tables import immunotherapy_tables
from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    return evaluated_with_scans(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def model(judged):
    return ImmunotherapyModel.from_bundle(judged.bundle)


@pytest.fixture(scope="module")
def report(judged, model):
    return immunotherapy_report(
        judged.evaluation, model, judged.cohort, name="Our model", warnings=("seen before",),
        settings={"seed": 0},
    )  # fmt: skip


def test_every_figure_is_drawn_on_the_screen_and_for_print(report):
    figures = immunotherapy_figures(report)
    assert set(figures) == {
        "concordance", "concordance_differences", "roc", "risk_strips", "risk_groups", "nomogram",
        "calibration", "prediction_error", "recist_ratios", "recist", "importance",
        "by_scanner_and_center", "training_against_test", "truth",
    }  # fmt: skip
    for name, figure in figures.items():
        assert draw_figure_on_screen(figure, ink="#17212B").data, name
        assert draw_figure_for_print(figure).axes, name
        assert len(figure.to_frame()), name
        if name != "nomogram":
            assert figure.caption.startswith("Simulated patients."), name


def test_parts_of_the_strips_add_up_to_each_risk(report):
    strips = strips_figure(report)
    assert (np.diff(strips.values) >= 0).all()
    np.testing.assert_allclose(strips.parts.sum(axis=0), strips.values, atol=1e-9)
    assert strips.names == ("Clinical score", "Baseline scan", "Change between the scans")
    assert strips.marked.sum() == report.own.n_events
    frame = strips.to_frame()
    assert frame["place"].tolist() == list(range(1, report.own.n + 1))
    assert not frame.astype(str).stack().str.contains("IMM-").any()  # nobody is named


def test_strips_show_parts_on_both_sides_of_nothing_by_one_scale():
    strips = PatientStrips(
        "Risks", np.array([-1.0, 0.5]), "Log hazard", 0.0, "low", "high", np.array([False, True]),
        "Died", ("one", "other"), np.array([[-2.0, 0.25], [1.0, 0.25]]),
    )  # fmt: skip
    heat = next(t for t in draw_figure_on_screen(strips).data if t.type == "heatmap")
    assert heat.zmin == -heat.zmax == -strips.top
    low, high = (t for t in draw_figure_on_screen(strips).data if t.name in ("low", "high"))
    assert (list(low.x), list(high.x)) == ([1], [2])


def test_the_curve_of_each_model_is_its_area(report):
    panels = roc_panels(report)
    assert len(panels.charts) == 2
    for chart, horizon in zip(panels.charts, (12.0, 24.0), strict=True):
        for drawn, (version, one) in zip(
            chart.series, report.evaluation.versions.items(), strict=True
        ):
            area = one.performance.metrics[f"auc_{horizon:g}m"].value
            assert np.trapezoid(drawn.y, drawn.x) == pytest.approx(area, abs=0.01)
            assert drawn.label == version and f"{version} {area:.2f}" in chart.title
        assert chart.title.startswith(f"Within {horizon:g} months, AUC")
    assert len({s.color for s in panels.charts[0].series}) == 5


def test_differences_are_those_of_the_two_values_on_the_same_patients(report):
    rows = {r.name.split(":")[0]: r for r in concordance_forest(report).rows}
    for row in difference_forest(report).rows:
        first, second = row.name.split(" against ")
        assert row.ratio[0] == pytest.approx(rows[first].ratio[0] - rows[second].ratio[0])
    counts = {r.count for r in rows.values()}
    assert counts == {f"{report.evaluation.n_compared_events} / {report.evaluation.n_compared}"}


def test_risk_groups_are_divided_by_the_cut_off_of_the_training(report, model):
    cutoff = model.description["versions_of"]["RadCLN-D"]["cutoff"]
    n_high = int((report.own.risk_score > cutoff).sum())
    table = groups_chart(report).risk_table
    at_start = dict(zip(table.labels, table.counts[:, 0], strict=True))
    assert at_start == {"low risk": report.own.n - n_high, "high risk": n_high}
    assert groups_chart(report).x_title == "Time from the follow-up scan (months)"
    assert int((strips_figure(report).values > cutoff).sum()) == n_high


def test_recist_and_risk_divide_the_same_patients(report):
    found = report.evaluation.recist
    model_row, recist_row = recist_forest(report).rows
    assert "against others" in recist_row.name and model_row.name.startswith("RadCLN-D")
    for row in (model_row, recist_row):
        worse, better = (part.split(" of ") for part in row.count.split(" / "))
        assert int(worse[1]) + int(better[1]) == found.n
        assert int(worse[0]) + int(better[0]) == found.n_events
        assert row.ratio[0] == pytest.approx(float(row.words.split(" ")[0]), abs=0.005)
    # High risk stands first, and it dies more.
    risk = found.risk.value.hazard_ratios[0]
    assert (risk.label, risk.reference) == ("high risk", "low risk")
    assert sum(recist_chart(report).risk_table.counts[:, 0]) == found.n


def test_parts_with_too_few_deaths_are_counted_and_not_ranked(report):
    rows = label_forest(report).rows
    headings = [r.name for r in rows if r.heading]
    assert headings == ["By manufacturer of the scanner", "By center"]
    found = report.evaluation.by_label["manufacturer"]
    first = rows[1 : rows.index(next(r for r in rows if r.name == "By center"))]
    told = sum(int(r.count.split(" / ")[1]) for r in first)
    assert told == sum(part["n"] for part in found.values()) == report.own.n


def test_importance_keeps_its_order_and_its_part(report):
    rows = importance_forest(report).rows
    drops = [r.ratio[0] for r in rows]
    assert drops == sorted(drops, reverse=True)
    assert {r.count for r in rows} == {
        "Clinical score", "Baseline scan", "Change between the scans",
    }  # fmt: skip


def test_only_models_of_the_same_clock_share_an_error_chart(report):
    labels = [s.label for s in prediction_error_chart(report).series]
    assert labels == ["Kaplan-Meier of all, no model", "Rad-D", "RadCLN-D"]


def test_the_gap_is_between_the_bundles_folds_and_these_patients(report, model):
    told = {r["version"]: r for r in model.description["cross_validation"]["results"]}
    found = list(gaps(report))
    assert len(found) == 5
    for version, training, here in found:
        assert training.value == told[version]["c_index"]["value"]
        own = report.evaluation.versions[version]
        assert here.value == own.performance.metrics["c_index"].value


def test_without_truth_recist_and_labels_nothing_is_made_up(report):
    bare = replace(
        report, simulated=False, nomogram=None,
        evaluation=replace(report.evaluation, oracle=None, recist=None, by_label={}),
    )  # fmt: skip
    figures, tables = immunotherapy_figures(bare), immunotherapy_tables(bare)
    assert truth_chart(bare) is None and nomogram_figure(bare) is None
    gone = {"truth", "recist", "recist_ratios", "by_scanner_and_center", "nomogram"}
    assert not gone & set(figures) and not {*gone, "recist_against_risk"} & set(tables)
    assert not figures["roc"].caption.startswith("Simulated")
    assert "RECIST was not looked at" in card_with_evaluation("# C", bare)


def test_tables_hold_the_numbers_and_json_has_no_nan(report):
    tables = immunotherapy_tables(report)
    measures = tables["measures"].set_index(["model", "measure"])
    for version, one in report.evaluation.versions.items():
        c = one.performance.metrics["c_index"]
        row = measures.loc[version, "c_index"]
        assert (row.value, row.value_low, row.n_events) == (c.value, c.ci_low, c.n_events)
        assert row.clock == ("from the follow-up scan" if version.endswith("-D") else "from the baseline scan")  # fmt: skip
    cross = tables["recist_against_risk"]
    assert cross[["low_risk", "high_risk"]].to_numpy().sum() == report.evaluation.recist.n
    assert tables["by_scanner_and_center"].groupby("label").n.sum().eq(report.own.n).all()
    json.dumps(immunotherapy_contents(report).numbers, allow_nan=False)


def test_the_card_keeps_its_limits_last(report):
    card = card_with_evaluation("# Model\n\n## Limits\n\n* few\n", report)
    assert card.index("## On ") < card.index("## Limits")
    assert "**seen before.**" in card and "RadCLN-D against CLN: " in card
    ratio = report.evaluation.recist.risk.value.hazard_ratios[0].ratio
    assert f"high against low risk: hazard ratio {ratio.value:.2f}" in card


def test_everything_is_written_as_one_zip_and_as_a_folder(report, judged, model, tmp_path):
    content = zip_contents(immunotherapy_contents(report, card="# C"), formats=("svg",))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
    assert {"README.txt", "evaluation.json", "model_card.md", "figures/risk_strips.svg",
            "figures/nomogram.svg", "tables/recist_against_risk.csv"} <= names  # fmt: skip
    quick = replace(judged.evaluation, recist=None)
    write_immunotherapy_report(
        tmp_path / "report", quick, model, judged.bundle, judged.cohort, ["seen before"],
        settings={"seed": 0},
    )  # fmt: skip
    text = (tmp_path / "report" / "README.txt").read_text()
    assert "Note: seen before" in text and "RadCLN-D (clinical score, baseline and" in text
    svg = (tmp_path / "report" / "figures" / "importance.svg").read_text()
    assert "trained on simulated patients" in svg


def test_the_training_is_told_by_model(model):
    d = model.description
    results = d["cross_validation"]["results"]
    forest = versions_forest(results, method="3-fold", simulated=True)
    assert [r.ratio[0] for r in forest.rows] == [r["c_index"]["value"] for r in results]
    assert "time before it could not have ended in death" in forest.caption
    for version in d["models"]:
        rows = coefficients_forest(d, version).rows
        told = d["models"][version]["coefficients"]
        assert [r.ratio[0] for r in rows] == pytest.approx([np.exp(c["per_sd"]) for c in told])
        chart = training_groups_chart(d, version)
        own = d["versions_of"][version]
        assert chart.x_title == f"Time {own['clock']} (months)"
        assert {s.label for s in chart.series} == {
            f"{g['group'].capitalize()} risk: {g['n']} patients, {g['n_events']} deaths"
            for g in own["groups"]
        }
