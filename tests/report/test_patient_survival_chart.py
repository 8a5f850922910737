"""One patient's predicted curve before the training cohort's: what is drawn, on screen and in print."""

from __future__ import annotations

import numpy as np
import pytest

from hccsurv_core.report.figures.chart_print import draw_for_print
from hccsurv_core.report.figures.chart_screen import draw_on_screen
from hccsurv_core.report.figures.patient_survival import (
    PredictedCurve,
    ReferenceCurve,
    patient_survival_chart,
)

TIMES = np.arange(3.0, 73.0, 3.0)
CURVE = PredictedCurve(
    TIMES, np.exp(-0.01 * TIMES), np.exp(-0.014 * TIMES), np.exp(-0.007 * TIMES), known_until=48.0
)
HIGH = ReferenceCurve(
    "Training, high risk", np.array([5.0, 20.0, 90.0]), np.array([0.9, 0.6, 0.2]), "#D55E00"
)


def test_the_patient_begins_alive_and_stands_in_front_with_a_band() -> None:
    chart = patient_survival_chart(CURVE, [HIGH])
    reference, patient = chart.series
    assert (patient.x[0], patient.y[0], patient.low[0], patient.high[0]) == (0, 1, 1, 1)
    np.testing.assert_array_equal(patient.x[1:], TIMES)
    assert (patient.low <= patient.y).all() and (patient.y <= patient.high).all()
    assert patient.faint_from == 48.0
    assert "36 months: 70% (60%–78%)" in patient.hover[12]
    assert reference.faint_from == 0.0 and reference.low is None


def test_curves_end_with_the_axis() -> None:
    chart = patient_survival_chart(CURVE, [HIGH], last_months=60)
    reference, patient = chart.series
    assert patient.x[-1] == 60
    assert reference.x.tolist() == [0, 5, 20]  # the step at 90 months lies outside
    assert chart.x_range[1] == pytest.approx(60, rel=0.02)


def test_years_are_marked_at_the_height_of_the_curve_and_only_within_it() -> None:
    guides = patient_survival_chart(CURVE).guides
    assert [g.x[0] for g in guides] == [12, 36, 60]
    assert guides[1].y[1] == pytest.approx(np.exp(-0.36))
    short = PredictedCurve(TIMES[:6], *(v[:6] for v in (CURVE.survival, CURVE.low, CURVE.high)))
    assert [g.x[0] for g in patient_survival_chart(short).guides] == [12]


def test_a_curve_that_begins_at_0_is_taken_as_it_is() -> None:
    whole = PredictedCurve(
        np.array([0.0, 12.0]), np.array([1.0, 0.8]), np.array([1.0, 0.7]), np.array([1.0, 0.9])
    )
    assert patient_survival_chart(whole).series[0].x.tolist() == [0, 12]


def test_the_caption_says_what_is_drawn() -> None:
    alone = patient_survival_chart(CURVE, caption="Trained on simulated patients.").caption
    assert "95 % interval" in alone and alone.endswith("Trained on simulated patients.")
    assert "Kaplan-Meier" not in alone
    assert (
        "by predicted risk, as observed (Kaplan-Meier)"
        in patient_survival_chart(CURVE, [HIGH]).caption
    )


def test_screen_and_print_show_every_curve() -> None:
    chart = patient_survival_chart(CURVE, [HIGH])
    names = {trace.name for trace in draw_on_screen(chart).data}
    assert {"This patient", "Training, high risk"} <= names
    figure = draw_for_print(chart, captions=["Trained on simulated patients"])
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["Training, high risk", "This patient"]
