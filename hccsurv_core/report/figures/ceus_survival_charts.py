"""Death on patients not seen: ranking by version, AUC, calibration, prediction error, decisions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hccsurv_core.report.ceus_report import CeusReport
from hccsurv_core.report.figures.ceus_early_charts import version_decision_chart
from hccsurv_core.report.figures.ceus_style import (
    VERSION_COLORS,
    VERSION_DASHES,
    VERSION_OF_WORDS,
    VERSION_SYMBOLS,
    VERSION_TITLES,
)
from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series, month_ticks
from hccsurv_core.report.figures.forest import Forest, ForestAxis, ForestRow
from hccsurv_core.report.figures.palette import GREEN
from hccsurv_core.report.figures.panels import Panels
from hccsurv_core.report.figures.performance_charts import calibration_chart
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.stats.p_values import format_p

_AXIS = ForestAxis("Harrell's C", "C", False, 0.5, (0.45, 0.85), (0.0, 1.0))
#: Months by which the versions' points stand apart.
_APART = 1.2


def death_concordance_forest(report: CeusReport) -> Forest:
    """C of each version, and by how much the answering one is ahead."""
    found = report.evaluation
    differences = {rival: a for (_, rival), a in found.c_index.differences.items()}
    rows = []
    for words, answer in found.c_index.scores.items():
        version = VERSION_OF_WORDS[words]
        count = f"{answer.n_events} / {answer.n}"
        e = answer.estimate
        if e is None:
            nothing = (math.nan, math.nan, math.nan)
            rows.append(
                ForestRow(VERSION_TITLES[version], count, nothing, answer.reason, "", NEUTRAL)
            )
            continue
        against, extra, p = differences.get(words), "", ""
        if against is not None and against.estimate is not None:
            extra = estimate_words(against.estimate, digits=3)
            p = "" if math.isnan(against.p) else format_p(against.p)
        rows.append(
            ForestRow(
                VERSION_TITLES[version], count, (e.value, e.ci_low, e.ci_high),
                estimate_words(e, digits=3), p, VERSION_COLORS[version], extra,
            )
        )  # fmt: skip
    return Forest(
        title=f"Death: concordance of the versions · {found.n} patients, {found.n_events} deaths",
        rows=tuple(rows),
        caption=report.led(
            "Intervals and differences: percentile bootstrap with the same resamples for all "
            f"versions. Ahead: {VERSION_TITLES[found.version].lower()} against each. p: of no "
            "difference, not corrected.",
        ),
        axis=_AXIS,
        name_header="The model looks at",
        count_header="Deaths / n",
        extra_header="Ahead by",
    )


def death_auc_chart(report: CeusReport) -> Chart:
    """AUC at each horizon by version."""
    versions = report.evaluation.versions
    months = report.evaluation.versions[report.evaluation.version].death.horizons_months
    series = []
    for number, (version, one) in enumerate(versions.items()):
        found = [
            (h, one.death.metrics[f"auc_{h:g}m"])
            for h in months if f"auc_{h:g}m" in one.death.metrics
        ]  # fmt: skip
        if not found:
            continue
        value, low, high = (
            np.array([getattr(e, what) for _, e in found])
            for what in ("value", "ci_low", "ci_high")
        )
        title = VERSION_TITLES[version]
        x = np.array([h + (number - (len(versions) - 1) / 2) * _APART for h, _ in found])
        series.append(
            Series(
                title, x, value, low, high, color=VERSION_COLORS[version], kind="points",
                symbol=VERSION_SYMBOLS[version],
                hover=[
                    f"<b>{title}</b>, {h:g} months<br>AUC {estimate_words(e, digits=3)}"
                    f"<br>{e.n_events} deaths of {e.n}"
                    for h, e in found
                ],
            )
        )  # fmt: skip
    own = report.evaluation.versions[report.evaluation.version].death
    missing = [why for name, why in own.left_out.items() if name.startswith("auc_")]
    ends = (min(months, default=12) - 6.0, max(months, default=36) + 6.0)
    lowest = min((float(np.nanmin(s.low)) for s in series if s.low is not None), default=0.5)
    return Chart(
        title=f"Death: time-dependent AUC · {report.evaluation.n} patients, "
        f"{report.evaluation.n_events} deaths",
        x_title="Death by (months)",
        y_title="AUC",
        series=tuple(series),
        caption=report.led(
            "Cumulative cases, dynamic controls, weighted for censoring; bars: 95 % intervals.",
            *(f"Left out: {why}." for why in missing),
        ),
        x_range=ends,
        y_range=(max(0.0, min(0.35, lowest - 0.03)), 1.0),
        x_ticks=tuple(months),
        guides=(Guide(ends, (0.5, 0.5), "", "dot"),),
        message="" if series else "Too few deaths for an AUC.",
    )


def death_calibration_panels(report: CeusReport) -> Panels:
    """Predicted against observed risk of death of the answering version at each horizon."""
    version = report.evaluation.version
    charts = []
    for at in report.evaluation.versions[version].calibration:
        chart = calibration_chart(at, "")
        series = tuple(
            replace(s, color=NEUTRAL if s.kind == "points" else GREEN) for s in chart.series
        )
        ratio = estimate_words(at.observed_expected, digits=2)
        second = "" if at.weak is None else f"\nslope {estimate_words(at.weak.slope, digits=2)}"
        title = f"{at.horizon_months:g} months\nO/E {ratio}{second}"
        charts.append(replace(chart, title=title, series=series))
    if not charts:
        charts = [Chart("", "Predicted risk", "Observed risk", (), message="Too few deaths.")]
    return Panels(
        title=f"Death: calibration · {VERSION_TITLES[version].lower()}",
        charts=tuple(charts),
        columns=min(3, len(charts)),
        caption=report.led(
            "O/E: observed by expected deaths, 1 is right, above it the risk is underestimated. "
            "Slope: 1 is right, below it predictions are too extreme. Points: groups of equal size "
            "by predicted risk, Kaplan-Meier. Line: smoothed, with its 95 % interval.",
        ),
    )


def prediction_error_chart(report: CeusReport) -> Chart | None:
    """Brier score over time against a Kaplan-Meier curve for all; None where nobody died."""
    curves = {
        name: one.error_curve
        for name, one in report.evaluation.versions.items()
        if one.error_curve is not None
    }
    if not curves:
        return None
    null = next(reversed(curves.values()))
    series = [
        Series(
            "Kaplan-Meier of all, no model", null.eval_times, null.null, color=NEUTRAL, dash="dash"
        )
    ]  # fmt: skip
    for version, curve in curves.items():
        # Three bands over each other would hide the curves.
        own = version == report.evaluation.version
        series.append(
            Series(
                VERSION_TITLES[version], curve.eval_times, curve.brier,
                curve.ci_low if own else None, curve.ci_high if own else None,
                color=VERSION_COLORS[version], dash=VERSION_DASHES[version],
            )
        )  # fmt: skip
    places, labels = month_ticks(float(null.eval_times[-1]))
    top = max(float(np.nanmax(s.y if s.high is None else s.high)) for s in series)
    integrated = []
    for version, one in report.evaluation.versions.items():
        if (ibs := one.death.metrics.get("integrated_brier")) is not None:
            words = estimate_words(ibs, digits=3)
            integrated.append(f"{VERSION_TITLES[version].lower()} {words}")
    return Chart(
        title=f"Death: prediction error · {null.n} patients, {null.n_events} deaths by "
        f"{null.eval_times[-1]:.1f} months",
        x_title="Time since resection (months)",
        y_title="Prediction error (Brier score)",
        series=tuple(series),
        caption=report.led(
            "Weighted for censoring; lower is better, 0.25 is what always saying 50 % gets. Band: "
            f"95 % pointwise interval of {VERSION_TITLES[report.evaluation.version].lower()}.",
            f"Mean over time: {'; '.join(integrated)}." if integrated else "",
        ),
        x_range=(0.0, float(null.eval_times[-1]) * 1.015),
        y_range=(0.0, 1.1 * top),
        x_ticks=places,
        x_tick_labels=labels,
    )


def death_decision_panels(report: CeusReport) -> Panels | None:
    """Net benefit of acting on the predicted risk of death, a panel for each horizon."""
    charts = [
        replace(
            version_decision_chart(curve),
            title=f"By {horizon:g} months\n{curve.n_events} deaths of {curve.n}",
            x_title="Threshold probability",
        )
        for horizon, curve in report.evaluation.decision_death.items()
    ]
    if not charts:
        return None
    return Panels(
        title="Death: decision curves",
        charts=tuple(charts),
        columns=min(3, len(charts)),
        caption=report.led(
            "Net benefit per patient: true positives minus false positives weighted by the odds of "
            "the threshold; treating nobody is 0. Weighted for censoring.",
        ),
    )
