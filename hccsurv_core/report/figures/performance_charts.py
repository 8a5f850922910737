"""Charts of a score's performance: ROC, AUC over time, calibration, decision curve, distribution."""

from __future__ import annotations

import numpy as np

from hccsurv_core.report.figures.chart import (
    GROUP_COLORS,
    NEUTRAL,
    Chart,
    Guide,
    Series,
    month_ticks,
    thinned,
)
from hccsurv_core.report.figures.palette import BLUE, VERMILION
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.stats.decision_curve import TREAT_ALL, DecisionCurve
from hccsurv_core.systems.explorer.performance import CalibrationAt, Discrimination
from hccsurv_core.systems.explorer.placement import Placement

_CHANCE = Guide((0.0, 1.0), (0.0, 1.0), "chance", "dot", NEUTRAL)


def roc_chart(discrimination: Discrimination, name: str) -> Chart:
    """ROC curves at the horizons, weighted for censoring."""
    auc = discrimination.auc
    by_horizon = {float(h): e for h, e in zip(auc.eval_times, auc.estimates(), strict=True)}
    series = []
    for (horizon, curve), color in zip(discrimination.curves, GROUP_COLORS, strict=False):
        false_positive = 1 - curve.specificity
        shown = thinned(false_positive, 600)
        area = estimate_words(by_horizon[horizon], digits=3)
        series.append(
            Series(
                f"{horizon:g} months: AUC {area}", false_positive[shown],
                curve.sensitivity[shown], color=color,
            )
        )  # fmt: skip
    return Chart(
        title=f"{name}: time-dependent ROC · {auc.n} patients, {auc.n_events} events",
        x_title="1 − specificity",
        y_title="Sensitivity",
        series=tuple(series),
        caption=f"Cumulative cases, dynamic controls, weighted for censoring. Harrell's C "
        f"{estimate_words(discrimination.harrell, digits=3)} ({discrimination.harrell.method}).",
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.01),
        guides=(_CHANCE,),
        square=True,
    )


def calibration_chart(calibration: CalibrationAt, name: str) -> Chart:
    """Predicted against observed risk by a horizon."""
    groups, smooth = calibration.grouped, calibration.curve
    known = np.isfinite(groups.observed)
    low = np.where(np.isnan(groups.ci_low), groups.observed, groups.ci_low)[known]
    high = np.where(np.isnan(groups.ci_high), groups.observed, groups.ci_high)[known]
    series = [
        Series(
            "observed in groups (Kaplan-Meier)", groups.predicted[known], groups.observed[known],
            low, high, color=BLUE, kind="points",
            hover=[
                f"predicted {p:.1%}, observed {o:.1%} ({a:.1%}–{b:.1%})<br>"
                f"{n} patients, {e} events"
                for p, o, a, b, n, e in zip(
                    groups.predicted[known], groups.observed[known], low, high,
                    groups.n[known], groups.n_events[known], strict=True,
                )
            ],
        )
    ]  # fmt: skip
    words = [f"Observed / expected {estimate_words(calibration.observed_expected, digits=2)}."]
    if calibration.weak is not None:
        words.append(
            f"Slope {estimate_words(calibration.weak.slope, digits=2)}, intercept "
            f"{estimate_words(calibration.weak.intercept, digits=2)} (complementary log-log)."
        )
    if smooth is not None:
        series.append(
            Series("smoothed", smooth.predicted, smooth.observed, smooth.ci_low, smooth.ci_high,
                   color=VERMILION)
        )  # fmt: skip
        words.append(f"Mean distance (ICI) {smooth.ici:.3f}.")
    top = max(float(np.max(np.concatenate([s.x, s.y]))) for s in series)
    top = min(1.0, 1.08 * max([top, *high.tolist()]))
    return Chart(
        title=f"{name}: calibration at {calibration.horizon_months:g} months",
        x_title="Predicted risk of the event",
        y_title="Observed risk",
        series=tuple(series),
        caption=" ".join([*words, calibration.note]).strip(),
        x_range=(0.0, top),
        y_range=(0.0, top),
        percent=True,
        guides=(Guide((0.0, 1.0), (0.0, 1.0), "perfect", "dot", NEUTRAL),),
        square=True,
    )


def decision_chart(curve: DecisionCurve, note: str = "") -> Chart:
    """Net benefit over threshold probabilities."""
    names = [name for name in curve.net_benefit if name != TREAT_ALL]
    series = [
        Series(
            name, curve.thresholds, curve.net_benefit[name],
            curve.ci_low.get(name), curve.ci_high.get(name), color=color,
        )
        for name, color in zip(names, GROUP_COLORS, strict=False)
    ]  # fmt: skip
    everybody = curve.net_benefit[TREAT_ALL]
    series.append(Series("treat all", curve.thresholds, everybody, color=NEUTRAL, dash="dash"))
    top = float(np.nanmax([np.nanmax(s.y) for s in series]))
    by = "" if curve.horizon_months is None else f" by {curve.horizon_months:g} months"
    return Chart(
        title=f"Decision curve{by} · {curve.n} patients, {curve.n_events} events",
        x_title="Threshold probability",
        y_title="Net benefit",
        series=tuple(series),
        caption="Net benefit: true positives minus false positives weighted by the odds of the "
        f"threshold, per patient; treating nobody is 0. {note}".strip(),
        y_range=(-0.15 * top, 1.08 * top),
        guides=(
            Guide((0.0, float(curve.thresholds[-1])), (0.0, 0.0), "treat none", "dot", NEUTRAL),
        ),
    )


def auc_chart(discrimination: Discrimination, name: str) -> Chart:
    """AUC at each horizon, with its interval."""
    auc = discrimination.auc
    ticks, labels = month_ticks(float(auc.eval_times[-1]))
    return Chart(
        title=f"{name}: AUC over time · {auc.n} patients, {auc.n_events} events",
        x_title="Time (months)",
        y_title="AUC (cumulative/dynamic)",
        series=(
            Series("AUC", auc.eval_times, auc.auc, auc.ci_low, auc.ci_high, color=BLUE),
        ),
        x_ticks=ticks,
        x_tick_labels=labels,
        y_range=(0.3, 1.0),
        guides=(Guide((0.0, float(auc.eval_times[-1])), (0.5, 0.5), "chance"),),
    )  # fmt: skip


def distribution_chart(
    values: np.ndarray, placement: Placement, *, unit: str = "", cutoffs: tuple[float, ...] = ()
) -> Chart:
    """How a value is spread over the cohort, and where the patient stands.

    Args:
        values: (n,) of the cohort; NaN is missing.
        placement: the patient's.
    """
    seen = np.asarray(values, float)
    seen = seen[np.isfinite(seen)]
    counts, edges = np.histogram(seen, bins=min(40, max(8, int(np.sqrt(seen.size)) * 2)))
    top = float(counts.max()) * 1.12
    x = np.concatenate([edges, edges[-1:]])
    y = np.concatenate([counts, counts[-1:], [0]]).astype(float)
    value = float(placement.value)
    here = "" if placement.percentile is None else f", percentile {placement.percentile:.0f}"
    suffix = f" ({unit})" if unit else ""
    return Chart(
        title=f"{placement.variable} in {placement.n} patients",
        x_title=f"{placement.variable}{suffix}",
        y_title="Patients",
        series=(Series("cohort", x, y, np.zeros(y.size), y, color=BLUE, kind="step"),),
        caption="The value lies outside everything seen in the cohort."
        if placement.outside
        else "",
        y_range=(0.0, top),
        guides=(
            Guide((value, value), (0.0, top), f"this patient: {value:g}{here}", "solid", VERMILION),
            *(Guide((c, c), (0.0, top * 0.94), "", "dash", NEUTRAL) for c in cutoffs),
        ),
    )
