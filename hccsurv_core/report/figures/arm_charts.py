"""How good each arm's model is on patients not seen: ranking, calibration, risk groups."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series
from hccsurv_core.report.figures.forest import Forest, ForestAxis, ForestRow, forest_heading
from hccsurv_core.report.figures.kaplan_meier_curves import curves_chart
from hccsurv_core.report.figures.palette import GREEN, ORANGE, SKY_BLUE
from hccsurv_core.report.figures.panels import Panels
from hccsurv_core.report.figures.performance_charts import calibration_chart
from hccsurv_core.report.figures.survival_charts import estimate_words, p_words
from hccsurv_core.report.figures.treatment_charts import ARM_COLORS, ARM_TITLES
from hccsurv_core.report.treatment_report import TreatmentReport
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.systems.treatment.evaluation import ArmEvaluation

_AXIS = ForestAxis("Harrell's C", "C", False, 0.5, (0.45, 0.85), (0.0, 1.0))
#: The same in both arms, and other colors than the arms have.
RISK_COLORS: Mapping[str, str] = {"low risk": SKY_BLUE, "high risk": ORANGE}
#: Months by which the arms' points stand apart.
_APART = 0.5


def arm_words(arm: str, one: ArmEvaluation) -> str:
    """ "Hepatectomy: 121 patients, 59 deaths"."""
    return f"{ARM_TITLES[arm]}: {one.n} patients, {one.n_events} deaths"


def arm_concordance_forest(report: TreatmentReport) -> Forest:
    """C of each arm's model and of its rivals, among those who were given that treatment."""
    rows: list[ForestRow] = []
    for arm, one in report.evaluation.arms.items():
        rows.append(forest_heading(ARM_TITLES[arm]))
        main = next(iter(one.rivals.scores), "")
        differences = {rival: a for (_, rival), a in one.rivals.differences.items()}
        for name, answer in one.rivals.scores.items():
            count = f"{answer.n_events} / {answer.n}"
            title = f"{name[:1].upper()}{name[1:]}"
            color = ARM_COLORS[arm] if name == main else NEUTRAL
            e = answer.estimate
            if e is None:
                nothing = (math.nan, math.nan, math.nan)
                rows.append(ForestRow(title, count, nothing, answer.reason, "", NEUTRAL))
                continue
            against, extra, p = differences.get(name), "", ""
            if against is not None and against.estimate is not None:
                extra = estimate_words(against.estimate, digits=3)
                p = "" if math.isnan(against.p) else format_p(against.p)
            bounds = (e.value, e.ci_low, e.ci_high)
            words = estimate_words(e, digits=3)
            rows.append(ForestRow(title, count, bounds, words, p, color, extra))
    return Forest(
        title="Concordance in each arm, against stages and scores",
        rows=tuple(rows),
        caption=report.led(
            "Each arm among those who were given it. Intervals and differences: percentile "
            "bootstrap with the same resamples for all scores; differences among patients who have "
            "both. p: of no difference, not corrected for the number of rivals.",
        ),
        axis=_AXIS,
        name_header="Score",
        extra_header="Model ahead by",
    )


def arm_auc_chart(report: TreatmentReport) -> Chart:
    """AUC at each horizon, an arm in its color."""
    series, missing = [], []
    for number, (arm, one) in enumerate(report.evaluation.arms.items()):
        metrics, months = one.performance.metrics, one.performance.horizons_months
        found = [(h, metrics[f"auc_{h:g}m"]) for h in months if f"auc_{h:g}m" in metrics]
        missing += [
            f"{ARM_TITLES[arm]}, {name.removeprefix('auc_')}: {why}"
            for name, why in one.performance.left_out.items()
            if name.startswith("auc_")
        ]
        if not found:
            continue
        value, low, high = (
            np.array([getattr(e, what) for _, e in found])
            for what in ("value", "ci_low", "ci_high")
        )
        series.append(
            Series(
                arm_words(arm, one), np.array([h + (number - 0.5) * 2 * _APART for h, _ in found]),
                value, low, high, color=ARM_COLORS[arm], kind="points",
                symbol="square" if number else "circle",
                hover=[
                    f"<b>{ARM_TITLES[arm]}</b>, {h:g} months<br>AUC {estimate_words(e, digits=3)}"
                    f"<br>{e.n_events} deaths of {e.n}"
                    for h, e in found
                ],
            )
        )  # fmt: skip
    horizons = sorted({h for a in report.evaluation.arms.values() for h in a.performance.horizons_months})  # fmt: skip
    ends = (min(horizons, default=12) - 6.0, max(horizons, default=36) + 6.0)
    lowest = min((float(np.nanmin(s.low)) for s in series if s.low is not None), default=0.5)
    return Chart(
        title="Time-dependent AUC of each arm's model",
        x_title="Death by (months)",
        y_title="AUC",
        series=tuple(series),
        caption=report.led(
            "Cumulative cases, dynamic controls, weighted for censoring; bars: 95 % intervals.",
            *(f"{text}." for text in missing),
        ),
        x_range=ends,
        y_range=(max(0.0, min(0.35, lowest - 0.03)), 1.0),
        x_ticks=tuple(horizons),
        guides=(Guide(ends, (0.5, 0.5), "", "dot"),),
        message="" if series else "Too few deaths for an AUC.",
    )


def arm_calibration_panels(report: TreatmentReport) -> Panels:
    """Predicted against observed risk: a row of horizons for each arm."""
    charts = []
    columns = 1
    for arm, one in report.evaluation.arms.items():
        columns = max(columns, len(one.calibration))
        for at in one.calibration:
            chart = calibration_chart(at, ARM_TITLES[arm])
            # The arms' own colors would say something that is not meant here.
            series = tuple(
                replace(s, color=NEUTRAL if s.kind == "points" else GREEN) for s in chart.series
            )
            ratio = estimate_words(at.observed_expected, digits=2)
            second = "" if at.weak is None else f"\nslope {estimate_words(at.weak.slope, digits=2)}"
            title = f"{ARM_TITLES[arm]}, {at.horizon_months:g} months\nO/E {ratio}{second}"
            charts.append(replace(chart, title=title, series=series))
    if not charts:
        charts = [Chart("", "Predicted risk", "Observed risk", (), message="Too few deaths.")]
    return Panels(
        title="Calibration of each arm's model",
        charts=tuple(charts),
        columns=min(3, columns),
        caption=report.led(
            "O/E: observed by expected deaths, 1 is right, above it the risk is underestimated. "
            "Slope: 1 is right, below it predictions are too extreme. Points: groups of equal size "
            "by predicted risk, Kaplan-Meier. Line: smoothed, with its 95 % interval.",
        ),
    )


def risk_group_chart(report: TreatmentReport, arm: str) -> Chart | None:
    """Kaplan-Meier curves above and below the training cut-off; None where nobody is in one."""
    one = report.evaluation.arms[arm]
    curves = {name: curve for name, curve in one.curves.items() if curve is not None}
    if not curves:
        return None
    tested = (
        f"Log-rank {p_words(one.log_rank.p)}."
        if one.log_rank is not None
        else f"Everybody is in the group of {next(iter(curves))}."
    )
    return curves_chart(
        curves, RISK_COLORS,
        title=f"{report.endpoint_title} by the model's risk · {arm_words(arm, one)}",
        endpoint=report.endpoint_title,
        caption=report.led(
            tested, "Cut-off: median risk of the arm's training patients. Bands: 95 % pointwise "
            "intervals. Dotted, and numbers with *: fewer than 5 at risk.",
        ),
    )  # fmt: skip
