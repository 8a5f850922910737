"""Early recurrence on patients not seen: ROC, calibration, decision curve, what pictures add."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hccsurv_core.report.ceus_report import CeusReport
from hccsurv_core.report.figures.ceus_style import (
    VERSION_COLORS,
    VERSION_DASHES,
    VERSION_OF_WORDS,
    VERSION_TITLES,
)
from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series, thinned
from hccsurv_core.report.figures.palette import GREEN
from hccsurv_core.report.figures.panels import Panels
from hccsurv_core.report.figures.performance_charts import decision_chart
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.stats.decision_curve import DecisionCurve
from hccsurv_core.systems.ceus.evaluation_early import EarlyEvaluation

_DIAGONAL = ((0.0, 1.0), (0.0, 1.0))
_CHANCE = Guide(*_DIAGONAL, "chance", "dot", NEUTRAL)
KNOWN = (
    "Early: within 12 months of resection. Patients followed for less time without a recurrence are "
    "left out; death without one counts as none."
)
#: Beyond this threshold, or this often the share of events, nobody hesitates.
_LAST_THRESHOLD, _TIMES_PREVALENCE = 0.5, 1.8


def early_roc_chart(report: CeusReport) -> Chart:
    """ROC curve of each version."""
    series = []
    for version, one in report.evaluation.versions.items():
        curve = one.early.roc
        false_positive = 1 - curve.specificity
        shown = thinned(false_positive, 600)
        area = estimate_words(one.early.area, digits=3)
        series.append(
            Series(
                f"{VERSION_TITLES[version]}: AUC {area}", false_positive[shown],
                curve.sensitivity[shown], color=VERSION_COLORS[version],
                dash=VERSION_DASHES[version],
            )
        )  # fmt: skip
    own = report.evaluation.versions[report.evaluation.version].early
    return Chart(
        title=f"Early recurrence: ROC · {own.n} patients, {own.n_events} early recurrences",
        x_title="1 − specificity",
        y_title="Sensitivity",
        series=tuple(series),
        caption=report.led(f"Intervals: 95 %, {own.area.method}.", KNOWN),
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.01),
        guides=(_CHANCE,),
        square=True,
    )


def early_calibration_panels(report: CeusReport) -> Panels:
    """Predicted against observed share of early recurrences, a panel for each version."""
    versions = report.evaluation.versions
    charts = tuple(_calibration(VERSION_TITLES[name], one.early) for name, one in versions.items())
    return Panels(
        title="Early recurrence: calibration",
        charts=charts,
        columns=min(3, len(charts)),
        caption=report.led(
            "O/E: observed by expected early recurrences, 1 is right, above it the risk is "
            "underestimated. Slope: 1 is right, below it predictions are too extreme. Points: groups "
            "of equal size, Wilson intervals. Line: logistic spline, with its 95 % interval.",
            KNOWN,
        ),
    )


def _calibration(title: str, early: EarlyEvaluation) -> Chart:
    groups, found = early.groups, early.calibration
    x_title, y_title = "Predicted probability", "Observed share"
    if groups is None or found is None:
        return Chart(title, x_title, y_title, (), message="Too few early recurrences.", square=True)
    hover = [
        f"predicted {p:.1%}, observed {o:.1%} ({a:.1%}–{b:.1%})<br>{n} patients, {e} recurred early"
        for p, o, a, b, n, e in zip(
            groups.predicted, groups.observed, groups.ci_low, groups.ci_high, groups.n,
            groups.n_events, strict=True,
        )
    ]  # fmt: skip
    curve = found.curve
    series = (
        Series(
            "observed in groups", groups.predicted, groups.observed, groups.ci_low, groups.ci_high,
            color=NEUTRAL, kind="points", hover=hover,
        ),
        Series(
            "smoothed", curve.predicted, curve.observed, curve.ci_low, curve.ci_high, color=GREEN
        ),
    )  # fmt: skip
    top = float(max(groups.ci_high.max(), curve.observed.max(), curve.predicted.max()))
    top = min(1.0, 1.08 * top)
    ratio = estimate_words(found.observed_expected, digits=2)
    slope = estimate_words(found.slope, digits=2)
    return Chart(
        title=f"{title}\nO/E {ratio}\nslope {slope}",
        x_title=x_title,
        y_title=y_title,
        series=series,
        x_range=(0.0, top),
        y_range=(0.0, top),
        percent=True,
        guides=(Guide(*_DIAGONAL, "perfect", "dot", NEUTRAL),),
        square=True,
    )


def early_decision_chart(report: CeusReport) -> Chart | None:
    """Net benefit of acting on a predicted early recurrence; None where it cannot be told."""
    curve = report.evaluation.decision_early
    if curve is None:
        return None
    chart = version_decision_chart(curve)
    title = (
        f"Early recurrence: decision curve · {curve.n} patients, {curve.n_events} early recurrences"
    )
    return replace(chart, title=title, caption=report.led(chart.caption))


def version_decision_chart(curve: DecisionCurve) -> Chart:
    """A decision curve with each version in its own color, up to thresholds somebody could have."""
    chart = decision_chart(curve)
    series = tuple(
        replace(
            s, label=VERSION_TITLES[VERSION_OF_WORDS[s.label]],
            color=VERSION_COLORS[VERSION_OF_WORDS[s.label]],
            dash=VERSION_DASHES[VERSION_OF_WORDS[s.label]],
        )
        if s.label in VERSION_OF_WORDS
        else s
        for s in chart.series
    )  # fmt: skip
    share = curve.prevalence if np.isfinite(curve.prevalence) else 0.0
    last = min(0.95, max(_LAST_THRESHOLD, _TIMES_PREVALENCE * share))
    return replace(
        chart,
        series=series,
        x_title="Threshold probability (from which one would act)",
        y_title="Net benefit (per patient)",
        x_range=(0.0, last),
    )
