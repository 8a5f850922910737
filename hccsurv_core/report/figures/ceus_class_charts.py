"""The four classes on patients not seen: survival, recurrence, and after recurrence by retreatment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hccsurv_core.report.ceus_report import CeusReport
from hccsurv_core.report.figures.ceus_style import CLASS_COLORS, CLASS_TITLES, CLASSES_CAPTION
from hccsurv_core.report.figures.chart import NEUTRAL, Chart, RiskTable, month_ticks
from hccsurv_core.report.figures.forest import Forest, ForestAxis, ForestRow
from hccsurv_core.report.figures.incidence_charts import incidence_series
from hccsurv_core.report.figures.kaplan_meier_curves import curves_chart
from hccsurv_core.report.figures.palette import BLUE, ORANGE, VERMILION
from hccsurv_core.report.figures.panels import Panels
from hccsurv_core.report.figures.survival_charts import estimate_words, p_words
from hccsurv_core.stats.cumulative_incidence import CumulativeIncidence
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.fine_gray import FineGrayModel
from hccsurv_core.stats.kaplan_meier import KaplanMeier
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.systems.ceus.retreatment_effect import NOT_RETREATED, RETREATED, ClassEffect
from hccsurv_core.systems.ceus.retreatment_result import CAVEAT
from hccsurv_core.systems.explorer.curves import FEW_AT_RISK

#: Whether a recurrence was treated; no class has these colors with these names.
RETREATMENT_COLORS: Mapping[str, str] = {RETREATED: BLUE, NOT_RETREATED: ORANGE}
_RATIO = ForestAxis("Subdistribution hazard ratio", "SHR")
_WAITING = ForestAxis(widest=(0.1, 10.0))


def class_survival_chart(report: CeusReport) -> Chart:
    """Kaplan-Meier curves of the four classes."""
    found = report.evaluation.classes
    curves = {CLASS_TITLES[c]: curve for c, curve in found.curves.items()}
    colors = {CLASS_TITLES[c]: CLASS_COLORS[c] for c in found.curves}
    tested = (
        f"Log-rank {p_words(found.log_rank.p)}."
        if found.log_rank is not None
        else "Everybody is in one class, or too few died for a test."
    )
    chart = curves_chart(
        curves, colors,
        title=f"{report.endpoint_title} by class · {report.evaluation.n} patients, "
        f"{report.evaluation.n_events} deaths",
        endpoint=report.endpoint_title,
        caption=report.led(
            tested, CLASSES_CAPTION, "Bands: 95 % pointwise intervals. Dotted, and numbers with *: "
            "fewer than 5 at risk.",
        ),
    )  # fmt: skip
    return replace(chart, x_title="Time since resection (months)")


def class_incidence_chart(report: CeusReport) -> Chart:
    """Cumulative incidence of recurrence by class, death before it competing."""
    found = report.evaluation.classes
    last = max(float(c.times[-1]) for c in found.incidence.values())
    places, labels = month_ticks(last)
    series = tuple(
        replace(
            incidence_series(CLASS_TITLES[c], curves, 1, CLASS_COLORS[c], last),
            faint_from=_few_from(curves),
        )
        for c, curves in found.incidence.items()
    )
    top = max(float(np.nanmax(s.y if s.high is None else s.high)) for s in series)
    events = sum(c.n_events[0] for c in found.incidence.values())
    first = sum(c.n_events[1] for c in found.incidence.values())
    tested = "" if found.gray is None else f"Gray's test {p_words(found.gray.p)}."
    return Chart(
        title=f"Recurrence by class · {report.evaluation.n} patients, {events} recurrences, {first} "
        "deaths without one",
        x_title="Time since resection (months)",
        y_title="Cumulative incidence of recurrence",
        series=series,
        caption=report.led(
            tested, "Death without recurrence competes. Bands: 95 % pointwise intervals. Dotted, "
            "and numbers with *: fewer than 5 at risk.", CLASSES_CAPTION,
        ),
        x_range=(0.0, last * 1.015),
        y_range=(0.0, min(1.02, max(0.1, 1.1 * top))),
        x_ticks=places,
        x_tick_labels=labels,
        percent=True,
        risk_table=RiskTable(
            np.array(places), tuple(CLASS_TITLES[c] for c in found.incidence),
            np.array([c.at_risk_at(places) for c in found.incidence.values()]),
            tuple(CLASS_COLORS[c] for c in found.incidence),
        ),
    )  # fmt: skip


def _few_from(curves: CumulativeIncidence) -> float | None:
    """From when on fewer than five are at risk; None where that never comes."""
    crowded = curves.times[curves.at_risk >= FEW_AT_RISK]
    if crowded.size == curves.times.size:
        return None
    return float(crowded[-1]) if crowded.size else 0.0


def fine_gray_forest(report: CeusReport) -> Forest | None:
    """Fine-Gray regressions of recurrence on what was predicted; None where none could be fitted."""
    found = report.evaluation.classes.fine_gray
    if not found:
        return None
    rows = tuple(_fine_gray_row(name, model) for name, model in found.items())
    model = next(iter(found.values()))
    return Forest(
        title=f"Recurrence: Fine-Gray regression · {model.n} patients, {model.n_events} recurrences, "
        f"{model.n_competing} deaths without one",
        rows=rows,
        caption=report.led(
            "Each alone. Above 1: more recur. Likely to recur early: above the cut-off of the "
            "classes against below. Log odds: per unit. A ratio orders incidences; it is not a rate "
            "among those still free of recurrence. Wald intervals.",
        ),
        axis=_RATIO,
        name_header="Predicted",
    )


def _fine_gray_row(name: str, model: FineGrayModel) -> ForestRow:
    low, high = model.ci()
    ratio = Estimate(float(model.hazard_ratio[0]), float(low[0]), float(high[0]))
    title = name[:1].upper() + name[1:]
    count = f"{model.n_events} / {model.n}"
    if model.infinite:
        nothing = (math.nan, math.nan, math.nan)
        return ForestRow(title, count, nothing, "no finite estimate", "", NEUTRAL)
    return ForestRow(
        title, count, (ratio.value, ratio.ci_low, ratio.ci_high), estimate_words(ratio, digits=2),
        format_p(float(model.p[0])), _color(ratio),
    )  # fmt: skip


def retreatment_panels(report: CeusReport) -> Panels | None:
    """Survival after a recurrence by retreatment, a panel for each class; None without a study."""
    study = report.evaluation.classes.retreatment
    if study is None:
        return None
    return Panels(
        title=f"After recurrence, by retreatment · {study.n} patients, {study.n_events} deaths",
        charts=tuple(_after_recurrence(report, effect) for effect in study.effects),
        columns=2,
        caption=report.led(
            "The clock starts at the recurrence.",
            f"Starts {study.landmark_months:g} months later, for those still alive."
            if study.landmark_months
            else "",
            CAVEAT,
        ),
    )


def _after_recurrence(report: CeusReport, effect: ClassEffect) -> Chart:
    parts = (
        (RETREATED, effect.curve_retreated, effect.n_retreated, effect.deaths_retreated),
        (NOT_RETREATED, effect.curve_not, effect.n_not, effect.deaths_not),
    )
    counted = "; ".join(f"{name} {n} ({deaths} died)" for name, _, n, deaths in parts)
    title = f"{CLASS_TITLES[effect.number]}\n{counted}"
    curves: dict[str, KaplanMeier] = {name: c for name, c, *_ in parts if c is not None}
    x_title = "Time since recurrence (months)"
    if not curves:
        return Chart(
            title, x_title, "Alive", (), message="No patient of this class after a recurrence."
        )
    chart = curves_chart(curves, RETREATMENT_COLORS, title=title, endpoint="Alive", caption="")
    return replace(chart, x_title=x_title, risk_table=None)


def retreatment_forest(report: CeusReport) -> Forest | None:
    """Hazard ratio of those not retreated, class by class; None without a study."""
    study = report.evaluation.classes.retreatment
    if study is None:
        return None
    test = study.interaction_adjusted or study.interaction
    words = (
        f"Whether the effect differs between classes could not be tested: {test.reason}."
        if test.reason
        else f"Test whether the effect differs between classes (likelihood ratio, "
        f"{test.n_events} deaths): {p_words(test.p)}."
    )
    return Forest(
        title=f"After recurrence: not retreated against retreated · {study.n} patients, "
        f"{study.n_events} deaths",
        rows=tuple(_effect_row(effect) for effect in study.effects),
        caption=report.led(
            "Above 1: those not retreated died sooner. p corrected for the number of classes (Holm).",
            words, CAVEAT,
        ),
        axis=_WAITING,
        name_header="Class",
        count_header="Deaths / n",
        p_header="p, corrected",
    )  # fmt: skip


def _effect_row(effect: ClassEffect) -> ForestRow:
    ratio = effect.adjusted or effect.hazard_ratio
    p = effect.p_adjusted_corrected if effect.adjusted is not None else effect.p_corrected
    n = effect.n_retreated + effect.n_not
    count = f"{effect.deaths_retreated + effect.deaths_not} / {n}"
    title = CLASS_TITLES[effect.number]
    if ratio is None:
        nothing = (math.nan, math.nan, math.nan)
        return ForestRow(title, count, nothing, effect.reason or "–", "", NEUTRAL)
    return ForestRow(
        title, count, (ratio.value, ratio.ci_low, ratio.ci_high), estimate_words(ratio, digits=2),
        "" if p is None else format_p(p), _color(ratio),
    )  # fmt: skip


def _color(ratio: Estimate) -> str:
    if ratio.ci_low > 1:
        return VERMILION
    return BLUE if ratio.ci_high < 1 else NEUTRAL
