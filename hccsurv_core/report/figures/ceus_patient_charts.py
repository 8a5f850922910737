"""One patient's survival and recurrence as the models of system 3 predict them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hccsurv_core.report.figures.chart import Chart
from hccsurv_core.report.figures.palette import ORANGE
from hccsurv_core.report.figures.patient_survival import (
    PRINT_INK,
    PredictedCurve,
    patient_survival_chart,
)
from hccsurv_core.systems.ceus.answer import CeusAnswer


def patient_survival_of(answer: CeusAnswer, color: str = PRINT_INK) -> Chart:
    """Overall survival with its band, in the ink of the theme."""
    s = answer.survival
    curve = PredictedCurve(answer.months, s.value, s.low, s.high)
    return patient_survival_chart(curve, color=color)


def patient_recurrence_chart(answer: CeusAnswer) -> Chart:
    """Cumulative incidence of recurrence with its band; death before it competes."""
    known = np.isfinite(answer.incidence.value)
    months, band = answer.months[known], answer.incidence
    chart = patient_survival_chart(
        PredictedCurve(months, band.value[known], band.low[known], band.high[known]),
        endpoint="Recurrence", title="Recurrence, predicted", color=ORANGE,
        caption="Cumulative incidence; death without recurrence competes (Fine-Gray). The interval "
        "takes the baseline as known. The probability of recurrence within 12 months is told by "
        "another model, so that the curve need not pass through it.",
    )  # fmt: skip
    return replace(chart, y_title="Probability of recurrence", guides=())
