"""Figures and tables of a treatment answer say what the answer says, the arms in their own colors."""

from __future__ import annotations

import numpy as np
import pytest
from small_treatment_model import train_small

from hccsurv_core.report.figures.treatment_charts import (
    ARM_COLORS,
    arm_curves_chart,
    arm_nomogram_charts,
    overlap_chart,
)
from hccsurv_core.simulate.treatment.demo import treatment_demo
from hccsurv_core.systems.patient_profile import profile_of
from hccsurv_core.systems.treatment.answer_table import (
    answer_frame,
    answer_rows,
    curves_frame,
    rules_looked_at,
)
from hccsurv_core.systems.treatment.arm_table import ARMS
from hccsurv_core.systems.treatment.model import TreatmentModel
from hccsurv_core.systems.treatment.stop_rules import STOP_RULES, check_rules


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> TreatmentModel:
    return TreatmentModel.from_bundle(train_small(tmp_path_factory.mktemp("model") / "bundle"))


@pytest.fixture(scope="module")
def profile():
    return profile_of(treatment_demo("tace_better").record())


@pytest.fixture(scope="module")
def answer(model, profile):
    return model.answer(profile)


def arms_of(model):
    return model.description["training"]["arms"]


# -- the table ---------------------------------------------------------------------------------
def test_rows_are_the_contrasts_own_numbers(answer):
    contrast = answer.recommendation.findings.contrast
    rows = answer_rows(contrast)
    assert [(r.what, r.months) for r in rows] == [
        ("survival", 12), ("survival", 24), ("survival", 36), ("months", 36),
    ]  # fmt: skip
    for i, row in enumerate(rows[:3]):
        assert row.difference.value == contrast.survival_difference.value[0, i]
        assert row.arms["tace"].low == contrast.arms["tace"].survival.low[0, i]
    for row in rows:
        first, second = (row.arms[arm].value for arm in ARMS)
        assert row.difference.value == pytest.approx(first - second, abs=1e-9)
        for part in (*row.arms.values(), row.difference):
            assert part.low <= part.value <= part.high
        # One patient may lie farther off than the average of such patients.
        assert row.individual is not None
        assert row.individual.low < row.difference.low and row.difference.high < row.individual.high


def test_months_lived_are_the_area_under_the_curves(answer):
    months = answer_rows(answer.recommendation.findings.contrast)[-1]
    for arm in ARMS:
        area = np.trapezoid(answer.curves[arm].value, answer.months)
        assert months.arms[arm].value == pytest.approx(area, abs=0.35)


def test_frames_hold_every_number_with_its_unit(answer):
    table = answer_frame(answer.recommendation.findings.contrast)
    assert len(table) == 4 * 4 and set(table["unit"]) == {"probability", "months"}
    assert set(table["level"]) == {0.95}
    curves = curves_frame(answer)
    assert curves["months"].iloc[-1] == 36 and (curves["survival_hepatectomy"].iloc[0] == 1)
    assert (curves["low_tace"] <= curves["survival_tace"]).all()


def test_every_rule_is_found_not_found_or_not_checked():
    states = {r.name: s for r, s in rules_looked_at(check_rules({"bilirubin_umol_l": 60.0}))}
    assert set(states) == {rule.name for rule in STOP_RULES}
    assert states["high_bilirubin"] == "hit" and states["child_pugh_c"] == "unknown"
    worse = {r.name: s for r, s in rules_looked_at(check_rules({"child_pugh_class": "C"}))}
    assert worse["child_pugh_c"] == "hit" and "child_pugh_b" not in worse
    good = {r.name: s for r, s in rules_looked_at(check_rules({"child_pugh_class": "A"}))}
    assert good["child_pugh_c"] == good["child_pugh_b"] == "clear"


# -- the curves --------------------------------------------------------------------------------
def test_curves_carry_their_arms_color_number_and_deaths(model, answer):
    chart = arm_curves_chart(answer, arms_of(model), simulated=True)
    assert [s.color for s in chart.series] == [ARM_COLORS[arm] for arm in ARMS]
    assert len(set(ARM_COLORS.values())) == 2
    n = arms_of(model)["hepatectomy"]
    assert f"{n['n']} patients, {n['n_events']} died" in chart.series[0].label
    assert chart.series[1].y == pytest.approx(answer.curves["tace"].value)
    assert chart.series[1].low == pytest.approx(answer.curves["tace"].low)
    assert "months" in chart.x_title and "simulated patients" in chart.caption
    assert "simulated" not in arm_curves_chart(answer, arms_of(model), simulated=False).caption


def test_curves_as_recorded_stay_behind_those_that_are_tried(model, answer, profile):
    other = model.answer(profile_of({**profile.record, "albumin_g_l": 28.0}))
    chart = arm_curves_chart(other, arms_of(model), simulated=True, reference=answer)
    assert [s.dash for s in chart.series] == ["dot", "dot", "solid", "solid"]
    assert chart.series[0].y == pytest.approx(answer.curves["hepatectomy"].value)
    assert chart.series[2].y == pytest.approx(other.curves["hepatectomy"].value)
    assert "Dotted" in chart.caption


# -- overlap -----------------------------------------------------------------------------------
def test_the_overlap_chart_counts_every_training_patient_once(model, answer):
    overlap = answer.recommendation.findings.overlap
    chart = overlap_chart(model.recommenders["clinical"].overlap, overlap, simulated=True)
    for arm, series in zip(ARMS, chart.series, strict=True):
        assert series.y[:-1].sum() == pytest.approx(100.0)
        assert f"{overlap.n[arm]} patients" in series.label
    assert chart.guides[0].x == pytest.approx((100 * overlap.propensity,) * 2)
    assert chart.guides[0].label == "This patient"


# -- nomograms ---------------------------------------------------------------------------------
def test_both_nomograms_share_one_scale_and_say_what_the_table_says(model, answer):
    charts = arm_nomogram_charts(model.nomograms["clinical"], answer)
    assert [c.color for c in charts] == [ARM_COLORS[arm] for arm in ARMS]
    rows = answer_rows(answer.recommendation.findings.contrast)
    for arm, chart in zip(ARMS, charts, strict=True):
        survival = [r for r in chart.rows if r.kind == "survival"]
        for row, told in zip(rows, survival, strict=False):
            assert f"{100 * row.arms[arm].value:.1f} %" in told.mark.hover
            low, high = 100 * row.arms[arm].low, 100 * row.arms[arm].high
            assert told.value == f"{low:.0f}–{high:.0f} %"
    ticks = [[label.text for label in c.rows[0].axes[0].labels] for c in charts]
    assert ticks[0] == ticks[1]


def test_a_moved_value_moves_its_point_and_the_total_by_as_much(model, answer, profile):
    moved = model.answer(profile_of({**profile.record, "platelets_10e9_l": 250.0}))
    for before, after in zip(
        arm_nomogram_charts(model.nomograms["clinical"], answer),
        arm_nomogram_charts(model.nomograms["clinical"], moved),
        strict=True,
    ):

        def points(chart, title):
            return next(
                float(r.points.replace("−", "-").strip("†"))
                for r in chart.rows
                if r.title[0].startswith(title)
            )

        step = points(after, "Platelets") - points(before, "Platelets")
        assert points(after, "Total") - points(before, "Total") == pytest.approx(step, abs=0.11)
        assert points(after, "AFP") == points(before, "AFP")


def test_without_an_answer_the_nomograms_are_empty(model):
    for chart in arm_nomogram_charts(model.nomograms["clinical"], None):
        assert not chart.patient and all(r.mark is None for r in chart.rows)
