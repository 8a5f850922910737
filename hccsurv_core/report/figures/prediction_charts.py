"""Figures about predicted survival: prediction error, calibration, net benefit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Series, month_ticks
from hccsurv_core.report.figures.panels import Panels
from hccsurv_core.report.figures.performance_charts import calibration_chart, decision_chart
from hccsurv_core.report.figures.score_style import led, model_color, same_y, set_words
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.stats.decision_curve import TREAT_ALL
from hccsurv_core.systems.muscle.evaluation import MuscleEvaluation, SetEvaluation
from hccsurv_core.systems.muscle.prediction_quality import NULL_MODEL


def prediction_error_panels(evaluation: MuscleEvaluation) -> Panels:
    """Brier score over time against the null model, a panel for every part of the study."""
    charts = same_y(tuple(_error_chart(evaluation, part) for part in evaluation.sets))
    words = []
    for part in evaluation.test_sets:
        quality = part.predictions.value
        error = None if quality is None else quality.errors.get(evaluation.main_model)
        if error is not None and error.value is not None:
            found = error.value
            words.append(
                f"{part.title}: integrated Brier score of {evaluation.main_model} "
                f"{estimate_words(found.integrated, digits=3)}, of the null model "
                f"{found.integrated_null:.3f}."
            )
    return Panels(
        title="Prediction error (Brier score) over time",
        charts=charts,
        columns=2 if len(charts) > 1 else 1,
        caption=led(
            evaluation, *words, f"Lower is better. {NULL_MODEL}: the same curve for all patients, "
            "from these very patients, which favors it. Weighted for censoring.",
        ),
    )  # fmt: skip


def calibration_panels(evaluation: MuscleEvaluation, model: str) -> Panels:
    """Predicted against observed risk of one model: a row of horizons for every test part."""
    charts = []
    for part in evaluation.test_sets or evaluation.sets:
        quality = part.predictions.value
        if quality is None or model not in quality.calibration:
            continue
        for horizon, answer in zip(
            quality.horizons_months, quality.calibration[model], strict=True
        ):
            if answer.value is None:
                continue
            chart = calibration_chart(answer.value, model)
            ratio = estimate_words(answer.value.observed_expected, digits=2)
            slope = answer.value.weak
            second = "" if slope is None else f"\nslope {estimate_words(slope.slope, digits=2)}"
            title = f"{part.title}, {horizon:g} months\nO/E {ratio}{second}"
            charts.append(replace(chart, title=title))
    if not charts:
        charts = [
            Chart("", "Predicted risk", "Observed risk", (), message="No predicted survival.")
        ]
    return Panels(
        title=f"Calibration of {model}",
        charts=tuple(charts),
        columns=min(3, len(charts)),
        caption=led(
            evaluation,
            "O/E: observed by expected events, 1 is right, above it the risk is underestimated. "
            "Slope: 1 is right, below it predictions are too extreme. Points: fifths of predicted "
            "risk, Kaplan-Meier. Line: smoothed, with its 95 % interval.",
        ),
    )


def decision_panels(evaluation: MuscleEvaluation, part: SetEvaluation) -> Panels | None:
    """Net benefit at every horizon; None where no model predicts survival."""
    quality = part.predictions.value
    curves = [d.value for d in quality.decision if d.value is not None] if quality else []
    if not curves:
        return None
    charts = []
    for curve in curves:
        chart = decision_chart(curve)
        series = tuple(
            s if s.label == TREAT_ALL else _decision_series(s, evaluation) for s in chart.series
        )
        top = max(float(np.nanmax(s.y if s.high is None else s.high)) for s in series)
        charts.append(
            replace(
                chart, series=series, y_range=(-0.12 * top, 1.1 * top),
                title=f"By {curve.horizon_months:g} months: {curve.n_events} events",
            )
        )  # fmt: skip
    return Panels(
        title=f"Decision curves · {set_words(part)}",
        charts=tuple(charts),
        columns=min(3, len(charts)),
        caption=led(
            evaluation,
            "Net benefit: true positives minus false positives weighted by the odds of the "
            "threshold, per patient; a model is useful where it lies above treating all and "
            "treating none (0). Bands of the first model: 95 % bootstrap intervals.",
        ),
    )


def _error_chart(evaluation: MuscleEvaluation, part: SetEvaluation) -> Chart:
    quality = part.predictions.value
    series: list[Series] = []
    reason = part.predictions.reason
    for name, answer in ({} if quality is None else quality.errors).items():
        error = answer.value
        if error is None:
            reason = answer.reason
            continue
        if error.kind == "oracle":
            continue
        if not series:
            series.append(
                Series(NULL_MODEL, error.curve.eval_times, error.curve.null, color=NEUTRAL,
                       dash="dash")
            )  # fmt: skip
        is_main = name == evaluation.main_model
        series.append(
            Series(
                name, error.curve.eval_times, error.curve.brier,
                error.curve.ci_low if is_main else None, error.curve.ci_high if is_main else None,
                color=model_color(name, evaluation.models), wide=is_main,
            )
        )  # fmt: skip
    last = max((float(s.x[-1]) for s in series), default=60.0)
    places, labels = month_ticks(last)
    top = max((float(np.max(s.y if s.high is None else s.high)) for s in series), default=0.25)
    return Chart(
        title=set_words(part),
        x_title="Time (months)",
        y_title="Brier score",
        series=tuple(series),
        x_range=(0.0, last * 1.02),
        y_range=(0.0, 1.06 * top),
        x_ticks=places,
        x_tick_labels=labels,
        message="" if series else f"No curve: {reason}.",
    )


def _decision_series(series: Series, evaluation: MuscleEvaluation) -> Series:
    main = series.label == evaluation.main_model
    return replace(
        series, color=model_color(series.label, evaluation.models), wide=main,
        low=series.low if main else None, high=series.high if main else None,
    )  # fmt: skip
