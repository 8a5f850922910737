"""Figures of an evaluation: they say what was found, and are drawn on screen and for print."""

from __future__ import annotations

import re

import numpy as np
import pytest
from evaluation_examples import example_evaluation, tiny_evaluation

from hccsurv_core.errors import InputError
from hccsurv_core.report.evaluation_figures import evaluation_figures, file_name
from hccsurv_core.report.figures.chart import NEUTRAL
from hccsurv_core.report.figures.ct_print import save_figure
from hccsurv_core.report.figures.definition_charts import (
    component_clouds,
    disagreement_map,
    hazard_forest,
    prevalence_chart,
    survival_panels,
)
from hccsurv_core.report.figures.drawing import draw_figure_for_print, draw_figure_on_screen
from hccsurv_core.report.figures.forest import draw_forest_on_screen
from hccsurv_core.report.figures.model_charts import (
    auc_panels,
    concordance_forest,
    group_forest,
    training_panels,
)
from hccsurv_core.report.figures.palette import BLUE, VERMILION
from hccsurv_core.report.figures.panels import Panels
from hccsurv_core.report.figures.patient_charts import contributions_chart, percentile_strip
from hccsurv_core.report.figures.prediction_charts import calibration_panels, decision_panels
from hccsurv_core.report.figures.scatter_charts import cloud_limits, two_color_cloud

EVALUATION = example_evaluation()
FIGURES = evaluation_figures(EVALUATION)


def texts_of(figure) -> str:
    """All text of a printed figure, its parts included."""
    from matplotlib.text import Text

    return "\n".join(t.get_text() for t in figure.findobj(Text))


def test_every_figure_of_the_paper_is_there():
    expected = {
        "training_curves", "prevalence", "hazard_ratios", "survival_smi", "survival_deep_cox",
        "auc", "auc_verdict", "concordance_external", "disagreement_internal", "prediction_error",
        "calibration_deep_cox", "decision_external", "groups", "components", "components_ma",
    }  # fmt: skip
    assert expected <= set(FIGURES)
    assert "components_true_hazard" not in FIGURES
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in FIGURES)
    assert file_name("Äther/../x") == "äther____x"


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_is_titled_captioned_and_drawn_twice(name):
    figure = FIGURES[name]
    assert figure.title
    assert figure.caption.startswith("Simulated patients.")
    on_screen = draw_figure_on_screen(figure, ink="#17212B")
    assert on_screen.layout.title.text == figure.title
    assert len(on_screen.data) > 0
    drawn = draw_figure_for_print(figure, captions=["Data: Example."])
    said = texts_of(drawn)
    for text in (figure.title, "Data: Example.", "Research use. Not a medical device."):
        assert text in said
    assert not figure.to_frame().empty


def test_real_patients_are_not_called_simulated():
    figures = evaluation_figures(example_evaluation(simulated=False))
    assert not any("imulated" in f.caption + f.title for f in figures.values())


def test_reasons_stand_where_curves_cannot():
    figures = evaluation_figures(tiny_evaluation())
    assert "survival_smi" not in figures and "prevalence" not in figures
    chart = figures["survival_deep_cox"].charts[0]
    assert chart.series == () and chart.message == "no cut-off was learned in training"
    assert "no cut-off was learned" in texts_of(draw_figure_for_print(figures["survival_deep_cox"]))
    notes = [a.text for a in draw_figure_on_screen(figures["survival_deep_cox"]).layout.annotations]
    assert any("no cut-off was learned" in text for text in notes)
    for figure in figures.values():
        save_figure(draw_figure_for_print(figure), "svg")
        draw_figure_on_screen(figure)
        figure.to_frame()


def test_survival_panels_say_patients_events_ratio_and_test():
    panels = survival_panels(EVALUATION, "MA")
    part = EVALUATION.sets[2]
    row = next(r for r in part.definition_table if r.name == "MA")
    chart = panels.charts[2]
    first, second = chart.title.split("\n")
    assert first == f"External test: {row.n} patients, {row.events_low + row.events_other} events"
    assert second.startswith(f"HR {row.hazard_ratio.value:.2f} (")
    assert "log-rank p" in second
    assert {s.label: s.color for s in chart.series} == {"not low": BLUE, "low": VERMILION}
    assert chart.risk_table.counts[:, 0].sum() == row.n
    assert "Fujiwara" in panels.caption and "≤ 44.4 / ≤ 39.3 HU (men / women)" in panels.caption
    assert "median risk of the training patients" in survival_panels(EVALUATION, "Deep Cox").caption
    # All panels have the same time axis.
    assert len({c.x_range for c in panels.charts}) == 1


def test_the_hazard_forest_is_table_two():
    forest = hazard_forest(EVALUATION)
    headings = [r.name for r in forest.rows if r.heading]
    assert headings[0] == f"Training: 70 patients, {EVALUATION.sets[0].n_events} events"
    row = EVALUATION.sets[1].definition_table[4]
    drawn = next(
        r for r in forest.rows[headings.index(headings[1]) :]
        if r.name == "MA" and r.ratio[0] == row.hazard_ratio.value
    )  # fmt: skip
    assert drawn.count == f"{row.events_low} / {row.events_other}"
    assert drawn.extra == f"{row.n_low} / {row.n} ({100 * row.prevalence.value:.0f} %)"
    assert "Holm's method" in forest.caption
    frame = forest.to_frame()
    assert set(frame["group"]) == set(headings)
    assert len(frame) == sum(len(s.definition_table) for s in EVALUATION.sets)


def test_prevalence_bars_are_the_table():
    chart = prevalence_chart(EVALUATION)
    assert chart.x_tick_labels == ("SMI", "PMA", "PMI", "PD", "MA")
    rows = EVALUATION.sets[0].definition_table[:5]
    np.testing.assert_allclose(chart.series[0].y, [r.prevalence.value for r in rows])
    spread = max(
        max(r.prevalence.value for r in s.definition_table[:5])
        - min(r.prevalence.value for r in s.definition_table[:5])
        for s in EVALUATION.sets
    )
    assert f"by up to {100 * spread:.0f} percentage points" in chart.caption


def test_the_concordance_forest_compares_with_the_first_model():
    part = EVALUATION.sets[2]
    forest = concordance_forest(EVALUATION, part)
    assert [r.name for r in forest.rows if r.heading] == [
        "Models", "Baselines", "Oracle: the true hazard", "Definitions by their measure",
        "Definitions by their verdict",
    ]  # fmt: skip
    by_row = {(r.name, r.ratio[0]): r for r in forest.rows}
    score = next(r for r in part.discrimination.concordance if r.name == "MA (measure)")
    difference = next(
        d for d in part.discrimination.concordance_differences if d.rival == "MA (measure)"
    )
    row = by_row["MA", score.estimate.value]
    assert row.extra.startswith(f"{difference.estimate.value:.3f} (".replace("-", "−"))
    assert row.p and row.color == NEUTRAL
    own = by_row["Deep Cox", part.discrimination.concordance[0].estimate.value]
    assert own.extra == "" and own.color == BLUE
    assert "Deep Cox ahead by" in [
        re.sub("<.*?>", "", a.text) for a in draw_forest_on_screen(forest).layout.annotations
    ]
    # A linear axis around chance.
    figure = draw_forest_on_screen(forest)
    assert figure.layout.xaxis.type == "linear" and 0.5 in figure.layout.xaxis.tickvals


def test_the_caption_does_not_claim_more_than_the_intervals():
    part = EVALUATION.sets[1]
    rows = [d for d in part.discrimination.concordance_differences if d.rival_kind == "definition"]
    ahead = sum(d.estimate.ci_low > 0 for d in rows)
    caption = concordance_forest(EVALUATION, part).caption
    if ahead == len(rows):
        assert "better than every definition" in caption
    else:
        assert f"above {ahead} of {len(rows)} with an interval that excludes 0" in caption
        assert all(d.rival in caption for d in rows if d.estimate.ci_low <= 0)


def test_auc_panels_draw_models_over_definitions_on_one_scale():
    panels = auc_panels(EVALUATION)
    assert len({c.y_range for c in panels.charts}) == 1
    labels = [s.label for s in panels.charts[0].series]
    assert labels[-1] == "Deep Cox" and set(labels[:-1]) == {"SMI", "PMA", "PMI", "PD", "MA"}
    model = panels.charts[0].series[-1]
    assert model.low is not None and model.wide
    assert all(s.low is None and s.dash != "solid" for s in panels.charts[0].series[:-1])
    # One legend for all panels: every label once.
    screen = draw_figure_on_screen(panels)
    shown = [t.name for t in screen.data if t.showlegend]
    assert sorted(shown) == sorted(set(shown)) and set(labels) <= set(shown)
    assert "AUC of Deep Cox" in panels.caption


def test_disagreement_is_written_into_its_cells():
    part = EVALUATION.sets[0]
    heat = disagreement_map(EVALUATION, part)
    pair = part.disagreement.value.pairs[0]
    assert (pair.first, pair.second) == ("SMI", "PMA")
    assert heat.texts[0][1] == heat.texts[1][0]
    assert heat.texts[0][1].startswith(f"{100 * pair.share.value:.0f} %")
    assert f"κ {pair.kappa.value.value:.2f}".replace("-", "−") in heat.texts[0][1]
    assert heat.divide_after == 5 and heat.names[5] == "Deep Cox"
    assert np.isnan(np.diag(heat.values)).all()
    assert disagreement_map(tiny_evaluation(), tiny_evaluation().sets[0]) is None


def test_components_are_colored_by_each_verdict():
    clouds = component_clouds(EVALUATION)
    assert list(clouds) == ["SMI", "PMA", "PMI", "PD", "MA", "Deep Cox"]
    verdict = EVALUATION.verdicts["SMI"]
    cloud = clouds["SMI"]
    assert sum(len(g.places) for g in cloud.groups) == 210
    by_label = {g.label.split(" (")[0]: g for g in cloud.groups}
    assert len(by_label["low"].places) == (verdict == 1).sum()
    assert len(by_label["not known"].places) == np.isnan(verdict).sum() > 0
    assert "%" in cloud.axes[0]
    panels = cloud.views()
    assert [(c.x_title[:4], c.y_title[:4]) for c in panels.charts] == [
        ("PC 1", "PC 2"), ("PC 1", "PC 3"), ("PC 2", "PC 3"),
    ]  # fmt: skip
    assert draw_figure_on_screen(cloud).data[0].type == "scatter3d"


def test_separated_groups_are_called_apart_and_mixed_ones_not():
    rng = np.random.default_rng(0)
    places = rng.normal(size=(100, 3))
    places[:50, 0] += 6
    from hccsurv_core.report.figures.definition_charts import _mixing

    apart = _mixing(places, np.repeat([1.0, 0.0], 50))
    assert "clearly apart" in apart and "1.00" in apart
    assert "hardly apart" in _mixing(rng.normal(size=(400, 3)), np.tile([1.0, 0.0], 200))
    assert _mixing(places, np.ones(100)) == "Everybody has the same verdict."


def test_one_patient_far_away_does_not_squeeze_the_cloud():
    places = np.random.default_rng(0).normal(size=(200, 3))
    near = cloud_limits(places)
    places[0] = 1e4
    np.testing.assert_allclose(cloud_limits(places), near, atol=0.5)
    cloud = two_color_cloud("t", ("a", "b", "c"), places, np.zeros(200), ("not low", "low"))
    assert len(cloud.to_frame()) == 200  # the table keeps them all


def test_training_curves_show_mean_range_and_the_best_epoch():
    panels = training_panels(EVALUATION.histories)
    assert [c.title for c in panels.charts] == ["Autoencoder", "Cox network"]
    alone, several = panels.charts
    assert alone.series[0].low is None
    training, validation = several.series
    assert training.label == "training" and validation.label == "validation"
    assert validation.y[0] == pytest.approx(np.mean([4 + 0.02 * 16, 4 + 0.02 * 25]))
    assert (validation.low[0], validation.high[0]) == pytest.approx((4.32, 4.5))
    assert training.faint_from == 10  # then one of the two stopped
    assert several.guides[0].x == (5.5, 5.5)  # best at 5 and 6
    empty = training_panels({"Step": ()})
    assert empty.charts[0].message == "No training curve was kept."
    draw_figure_for_print(empty)


def test_calibration_and_decision_panels_hold_every_test_set_and_horizon():
    panels = calibration_panels(EVALUATION, "Deep Cox")
    titles = [c.title.split("\n")[0] for c in panels.charts]
    assert titles[:3] == [f"Internal test, {h} months" for h in (12, 36, 60)]
    assert len(titles) == 6 and not any("Training" in t for t in titles)
    assert all("O/E" in c.title and "slope" in c.title for c in panels.charts)
    decision = decision_panels(EVALUATION, EVALUATION.sets[2])
    series = {s.label: s for s in decision.charts[0].series}
    assert set(series) == {"Deep Cox", "Ridge Cox", "treat all"}
    assert series["Deep Cox"].low is not None and series["Ridge Cox"].low is None
    assert decision_panels(tiny_evaluation(), tiny_evaluation().sets[0]) is None


def test_groups_and_training_stand_in_one_forest():
    forest = group_forest(EVALUATION)
    names = [r.name for r in forest.rows]
    assert names[:4] == [
        "Training and test", "Training patients, seen by the model",
        "Training patients, out-of-bag", "All test patients",
    ]  # fmt: skip
    assert {"By center", "center a", "center b", "By sex"} <= set(names)
    assert next(r for r in forest.rows if r.name == "By center").p
    assert EVALUATION.gaps[0].words in forest.caption


def test_contributions_read_as_multiplied_hazards():
    chart = contributions_chart({"size": -0.1, "texture": np.log(2), "clinical": 0.0})
    by_label = {s.label: s for s in chart.series}
    assert by_label["raises the risk"].texts == ["× 2.00"]
    assert chart.y_tick_labels[-1] == "Muscle texture"  # the largest on top
    assert chart.caption.startswith("Muscle texture raises the risk most (× 2.00).")
    assert 0.0 in chart.x_ticks and "× 1" in chart.x_tick_labels
    bars = [t for t in draw_figure_on_screen(chart).data if t.type == "bar"]
    assert [t.orientation for t in bars] == ["h", "h"]
    assert "× 2.00" in texts_of(draw_figure_for_print(chart))
    assert "simulated" in contributions_chart({"size": 1.0}, simulated=True).caption
    with pytest.raises(InputError, match="contributions must be finite numbers"):
        contributions_chart({"size": float("nan")})


def test_the_percentile_strip_places_the_patient():
    cohort = np.append(np.arange(100.0), np.nan)
    chart = percentile_strip(77.5, cohort, cutoff=49.0)
    assert chart.title == "Percentile 78 of 100 training patients (high risk)"
    assert {s.label: float(s.x[0]) for s in chart.series} == {
        "high risk": 100.0, "low risk": 50.0, "this patient": 78.0,
    }  # fmt: skip
    assert "outside" not in chart.caption
    beyond = percentile_strip(1e3, cohort)
    assert "Percentile 100" in beyond.title and "outside all of theirs" in beyond.caption
    draw_figure_on_screen(chart)
    with pytest.raises(InputError, match="a patient's risk and a cohort's are needed"):
        percentile_strip(float("nan"), cohort)


def test_panels_name_the_panel_of_every_point():
    panels = FIGURES["auc"]
    assert isinstance(panels, Panels)
    frame = panels.to_frame()
    assert set(frame["panel"]) == {c.title for c in panels.charts}
    assert frame.columns[0] == "panel"
    letters = texts_of(draw_figure_for_print(panels))
    assert all(f"{letter}  " in letters for letter in "ABC")
