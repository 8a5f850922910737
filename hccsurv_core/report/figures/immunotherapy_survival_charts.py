"""Survival of patients not seen: risk groups, RECIST beside them, calibration, error, risk in parts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series, month_ticks
from hccsurv_core.report.figures.forest import Forest, ForestAxis, ForestRow
from hccsurv_core.report.figures.immunotherapy_style import (
    HIGH_TITLE,
    LOW_TITLE,
    VERSION_COLORS,
    VERSION_DASHES,
)
from hccsurv_core.report.figures.nomogram_chart import nomogram_chart
from hccsurv_core.report.figures.nomogram_parts import NomogramChart
from hccsurv_core.report.figures.palette import BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE, VERMILION
from hccsurv_core.report.figures.panels import Panels
from hccsurv_core.report.figures.patient_strips import PatientStrips
from hccsurv_core.report.figures.performance_charts import calibration_chart
from hccsurv_core.report.figures.survival_charts import estimate_words, kaplan_meier_chart
from hccsurv_core.report.immunotherapy_report import ImmunotherapyReport
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.systems.explorer.curves import GroupComparison
from hccsurv_core.systems.immunotherapy.answer import PARTS
from hccsurv_core.systems.immunotherapy.evaluation_recist import HIGH_RISK, LOW_RISK
from hccsurv_core.systems.immunotherapy.versions import FOLLOWED, clock_words
from hccsurv_core.systems.muscle.answers import Answer

_GROUP_COLORS = {LOW_RISK: BLUE, HIGH_RISK: VERMILION}
#: Colors of RECIST's categories, from the best.
_CATEGORY_COLORS = {
    "complete response": GREEN, "partial response": SKY_BLUE, "stable disease": ORANGE,
    "progressive disease": PURPLE,
}  # fmt: skip
_NOTHING = (math.nan, math.nan, math.nan)


def strips_figure(report: ImmunotherapyReport) -> PatientStrips:
    """Every patient's risk, and strips of what it is made of."""
    found = report.evaluation.strips
    return PatientStrips(
        title=f"Risks, and what they are made of · {report.own_words}",
        values=found.risk_score,
        value_title="Log hazard",
        cutoff=found.cutoff,
        low_title=LOW_TITLE,
        high_title=HIGH_TITLE,
        marked=np.asarray(found.event, dtype=bool),
        mark_title="Died",
        names=tuple(PARTS[part] for part in found.parts),
        parts=np.array(list(found.parts.values())),
        caption=report.led(
            "A bar a patient: log hazard against the mean training patient. High risk: above "
            f"{found.cutoff:.2f}, the median of the training patients. Strips: what each part adds; "
            "orange-red raises the risk, blue lowers it.",
        ),
    )


def groups_chart(report: ImmunotherapyReport) -> Chart:
    """Kaplan-Meier curves above and below the training median, by the answering model."""
    chart = _curves(report, report.own.groups, _GROUP_COLORS)
    return replace(
        chart,
        title=f"Risk groups by the training median · {report.own_words}",
        caption=report.led("The cut-off was learned in training.", chart.caption),
    )


def recist_chart(report: ImmunotherapyReport) -> Chart | None:
    """Kaplan-Meier curves by RECIST category; None where nobody has one."""
    found = report.evaluation.recist
    if found is None:
        return None
    chart = _curves(report, found.categories, _CATEGORY_COLORS)
    return replace(
        chart,
        title=f"Survival by RECIST 1.1 · {found.n} patients, {found.n_events} deaths "
        f"{clock_words(report.own.version)}",
        caption=report.led("Categories from the target lesions that were read.", chart.caption),
    )


def _curves(
    report: ImmunotherapyReport, answer: Answer[GroupComparison], colors: dict[str, str]
) -> Chart:
    own = report.own.version
    x_title = f"Time {clock_words(own)} (months)"
    comparison = answer.value
    if comparison is None:
        return Chart("", x_title, report.endpoint_title, (), message=answer.reason)
    chart = kaplan_meier_chart(comparison, endpoint=report.endpoint_title, show_medians=False)
    labels = [g.label for g in comparison.groups]
    used = {label: colors.get(label, NEUTRAL) for label in labels}
    series = tuple(replace(s, color=used.get(s.label, s.color)) for s in chart.series)
    table = chart.risk_table
    if table is not None:
        table = replace(table, colors=tuple(used.get(text, NEUTRAL) for text in table.labels))
    return replace(
        chart, series=series, risk_table=table, x_title=x_title, y_title="Alive", guides=()
    )


def recist_forest(report: ImmunotherapyReport) -> Forest | None:
    """Hazard ratios of the model's groups and of RECIST, on the same patients."""
    found = report.evaluation.recist
    if found is None:
        return None
    own = report.own.version
    rows = [
        *_ratio_rows(found.risk, f"{own}: high against low risk", VERSION_COLORS[own]),
        *_ratio_rows(found.progressive, "RECIST 1.1: progressive disease against others", PURPLE),
    ]
    return Forest(
        title=f"Risk groups and RECIST side by side · {found.n} patients, {found.n_events} deaths "
        f"{clock_words(own)}",
        rows=tuple(rows),
        caption=report.led(
            "Univariable Cox regression of death, the same patients from the same day. Both divide "
            "patients by what is known on the day of the follow-up scan. The model's cut-off was "
            "learned in training. In the paper: 2.45 for the model, 1.99 for RECIST.",
        ),
        axis=ForestAxis(),
        name_header="Division",
        count_header="Deaths, both groups",
    )


def _ratio_rows(answer: Answer[GroupComparison], name: str, color: str) -> list[ForestRow]:
    comparison = answer.value
    if comparison is None:
        return [ForestRow(name, "", _NOTHING, answer.reason, "", NEUTRAL)]
    counts = " / ".join(f"{g.curve.n_events} of {g.n}" for g in reversed(comparison.groups))
    if not comparison.hazard_ratios:
        return [ForestRow(name, counts, _NOTHING, "everybody is in one group", "", NEUTRAL)]
    return [
        ForestRow(
            name, counts, _NOTHING if r.reason else (r.ratio.value, r.ratio.ci_low, r.ratio.ci_high),
            r.reason or estimate_words(r.ratio, digits=2), "" if math.isnan(r.p) else format_p(r.p),
            color,
        )
        for r in comparison.hazard_ratios
    ]  # fmt: skip


def calibration_panels(report: ImmunotherapyReport) -> Panels:
    """Predicted against observed risk of the answering model at each horizon."""
    charts = []
    for at in report.own.calibration:
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
        title=f"Calibration · {report.own_words}",
        charts=tuple(charts),
        columns=min(2, len(charts)),
        caption=report.led(
            "O/E: observed by expected deaths, 1 is right, above it the risk is underestimated. "
            "Slope: 1 is right, below it predictions are too extreme. Points: groups of equal size "
            "by predicted risk, Kaplan-Meier. Line: smoothed, with its 95 % interval.",
        ),
    )


def prediction_error_chart(report: ImmunotherapyReport) -> Chart | None:
    """Brier score over time of the models with the answering one's clock; None where nobody died."""
    late = report.evaluation.version in FOLLOWED
    curves = {
        version: one.error_curve.value
        for version, one in report.evaluation.versions.items()
        if (version in FOLLOWED) == late and one.error_curve.value is not None
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
        own = version == report.evaluation.version
        series.append(
            Series(
                version, curve.eval_times, curve.brier, curve.ci_low if own else None,
                curve.ci_high if own else None, color=VERSION_COLORS[version],
                dash=VERSION_DASHES[version],
            )
        )  # fmt: skip
    places, labels = month_ticks(float(null.eval_times[-1]))
    top = max(float(np.nanmax(s.y if s.high is None else s.high)) for s in series)
    return Chart(
        title=f"Prediction error · {null.n} patients, {null.n_events} deaths by "
        f"{null.eval_times[-1]:.1f} months",
        x_title=f"Time {clock_words(report.evaluation.version)} (months)",
        y_title="Prediction error (Brier score)",
        series=tuple(series),
        caption=report.led(
            "Weighted for censoring; lower is better, 0.25 is what always saying 50 % gets. Band: "
            f"95 % pointwise interval of {report.evaluation.version}.",
        ),
        x_range=(0.0, float(null.eval_times[-1]) * 1.015),
        y_range=(0.0, 1.1 * top),
        x_ticks=places,
        x_tick_labels=labels,
    )


def nomogram_figure(report: ImmunotherapyReport) -> NomogramChart | None:
    """The answering model by hand: radiology score and clinical score; None where there is none."""
    if report.nomogram is None:
        return None
    title = f"{report.own.version}: survival {clock_words(report.own.version)}"
    return nomogram_chart(replace(report.nomogram, title=title))


def truth_chart(report: ImmunotherapyReport) -> Chart | None:
    """Share of the truth's own margin above chance; None of patients whose truth is not known."""
    oracle = report.evaluation.oracle
    if oracle is None or oracle["c_index"] is None:
        return None
    shares = {v: s for v, s in oracle["share_of_margin"].items() if s is not None}
    heights = [float(len(shares) - i) for i in range(len(shares))]
    series = tuple(
        Series(
            "", np.array([100 * share["value"]]), np.array([height]),
            color=VERSION_COLORS[version], kind="bars",
            texts=[f"{100 * share['value']:.0f} %".replace("-", "−")],
            hover=[
                f"<b>{version}</b>: {100 * share['value']:.1f} % "
                f"({100 * share['ci_low']:.1f} to {100 * share['ci_high']:.1f})"
            ],
        )
        for (version, share), height in zip(shares.items(), heights, strict=True)
    )  # fmt: skip
    ends = (0.4, len(heights) + 1.1)  # above the bars stands the legend
    values = [100 * share["value"] for share in shares.values()]
    return Chart(
        title="How near the models come to the simulated truth",
        x_title="Share of the truth's margin above chance (%)",
        y_title="",
        series=series,
        caption=report.led(
            f"The truth itself ranks these {report.evaluation.n_compared} patients with a C-index of "
            f"{oracle['c_index']['value']:.3f}: who dies is partly chance, and no model can be "
            "expected to do better. 0 %: chance. Of real patients nobody knows it.",
        ),
        x_range=(min(0.0, 1.2 * min(values, default=0.0)), 1.15 * max(100.0, *values)),
        y_range=ends,
        y_ticks=tuple(heights),
        y_tick_labels=tuple(shares),
        guides=(Guide((100.0, 100.0), ends, "the truth itself", "dash"),),
        height=0.3 + 0.09 * len(shares),
    )
