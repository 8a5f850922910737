"""One patient's predicted survival, with the curves of the training cohort's risk groups behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series, month_ticks

#: The patient's curve in print; on the screen it takes the ink of the theme.
PRINT_INK = "#17212B"
#: Years that are read off a curve.
HORIZONS_MONTHS = (12.0, 36.0, 60.0)


@dataclass(frozen=True, eq=False)
class ReferenceCurve:
    """Kaplan-Meier curve of a group of training patients.

    Args:
        label: who they are.
        times: (m,) months of the steps.
        survival: (m,) after each step.
        color: of the group, the same on every page.
    """

    label: str
    times: np.ndarray
    survival: np.ndarray
    color: str = NEUTRAL


@dataclass(frozen=True, eq=False)
class PredictedCurve:
    """A patient's survival as a model predicts it.

    Args:
        times: (m,) rising months.
        survival, low, high: (m,) probability and its interval.
        known_until: months up to which the training cohort bears the curve; beyond it is faint.
        level: of the interval.
    """

    times: np.ndarray
    survival: np.ndarray
    low: np.ndarray
    high: np.ndarray
    known_until: float | None = None
    level: float = 0.95


def patient_survival_chart(
    curve: PredictedCurve,
    references: Sequence[ReferenceCurve] = (),
    *,
    endpoint: str = "Overall survival",
    title: str = "",
    color: str = PRINT_INK,
    last_months: float | None = None,
    caption: str = "",
) -> Chart:
    """The patient's curve with its band in front of faint curves of the training cohort.

    Args:
        endpoint: what the curve is the probability of.
        title: default names the endpoint.
        color: of the patient's curve.
        last_months: end of the time axis; default the curve's.
        caption: what to be careful about, after what is drawn.
    """
    last = last_months or float(curve.times[-1])
    places, labels = month_ticks(last)
    percent = f"{curve.level:.0%}".replace("%", " %")
    words = [f"Thick: this patient, with the {percent} interval of the prediction."]
    if references:
        words.append("Dotted: training patients by predicted risk, as observed (Kaplan-Meier).")
    return Chart(
        title=title or f"{endpoint}, predicted",
        x_title="Time (months)",
        y_title=endpoint,
        series=(*(_reference(r, last) for r in references), _patient(curve, color, last)),
        caption=" ".join([*words, caption]).strip(),
        x_range=(0.0, last * 1.015),
        y_range=(0.0, 1.02),
        x_ticks=places,
        x_tick_labels=labels,
        percent=True,
        guides=tuple(
            Guide((t, t), (0.0, value), color=NEUTRAL)
            for t in HORIZONS_MONTHS
            if t <= last and np.isfinite(value := _at(curve, t))
        ),
    )


def _patient(curve: PredictedCurve, color: str, last: float) -> Series:
    shown = curve.times <= last
    start = 0.0 if curve.times[0] > 0 else None

    def column(values: np.ndarray, first: float) -> np.ndarray:
        kept = np.asarray(values, dtype=np.float64)[shown]
        return kept if start is None else np.concatenate([[first], kept])

    times = column(curve.times, 0.0)
    survival, low, high = (column(v, 1.0) for v in (curve.survival, curve.low, curve.high))
    hover = [
        f"<b>This patient</b><br>{t:.0f} months: {s:.0%} ({a:.0%}–{b:.0%})"
        for t, s, a, b in zip(times, survival, low, high, strict=True)
    ]
    return Series(
        "This patient", times, survival, low, high, color=color, kind="line",
        faint_from=curve.known_until, hover=hover,
    )  # fmt: skip


def _reference(group: ReferenceCurve, last: float) -> Series:
    shown = group.times <= last
    times = np.concatenate([[0.0], group.times[shown]])
    survival = np.concatenate([[1.0], group.survival[shown]])
    hover = [
        f"{group.label}<br>{t:.0f} months: {s:.0%}" for t, s in zip(times, survival, strict=True)
    ]
    return Series(
        group.label, times, survival, color=group.color, kind="step", dash="dot",
        faint_from=0.0, hover=hover,
    )  # fmt: skip


def _at(curve: PredictedCurve, months: float) -> float:
    if months > curve.times[-1]:
        return float("nan")
    return float(np.interp(months, [0.0, *curve.times], [1.0, *curve.survival]))
