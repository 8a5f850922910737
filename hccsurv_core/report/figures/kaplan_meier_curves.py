"""Kaplan-Meier curves that are fitted already, weighted or not, as one chart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hccsurv_core.report.figures.chart import Chart, RiskTable, month_ticks
from hccsurv_core.report.figures.survival_charts import curve_series
from hccsurv_core.stats.kaplan_meier import KaplanMeier
from hccsurv_core.systems.explorer.curves import FEW_AT_RISK, GroupCurve


def curves_chart(
    curves: Mapping[str, KaplanMeier],
    colors: Mapping[str, str],
    *,
    title: str,
    endpoint: str,
    caption: str,
    counted: Mapping[str, KaplanMeier] | None = None,
    last_months: float | None = None,
) -> Chart:
    """Curves with bands, censoring marks, and the numbers at risk under them.

    Args:
        curves: by label, at least one.
        colors: by label.
        counted: the same patients without weights, where the curves are weighted: numbers at risk
            are patients, whatever these weigh.
        last_months: end of the time axis; default the longest follow-up.
    """
    last = last_months or max(float(c.times[-1]) for c in curves.values())
    places, labels = month_ticks(last)
    plain = counted or curves
    groups = [_group(label, curve, plain[label]) for label, curve in curves.items()]
    table = RiskTable(
        np.array(places),
        tuple(curves),
        np.array([plain[label].at_risk_at(places) for label in curves]),
        tuple(colors[label] for label in curves),
        FEW_AT_RISK,
        "At risk, unweighted" if counted else "Number at risk",
    )
    return Chart(
        title=title,
        x_title="Time since treatment (months)",
        y_title=endpoint,
        series=tuple(curve_series(g, colors[g.label], last, True) for g in groups),
        caption=caption,
        x_range=(0.0, last * 1.015),
        y_range=(0.0, 1.02),
        x_ticks=places,
        x_tick_labels=labels,
        percent=True,
        risk_table=table,
    )


def _group(label: str, curve: KaplanMeier, plain: KaplanMeier) -> GroupCurve:
    crowded = plain.times[plain.at_risk >= FEW_AT_RISK]
    few_from = None
    if crowded.size < plain.times.size:
        few_from = float(crowded[-1]) if crowded.size else 0.0
    return GroupCurve(label, curve, curve.median(), (), None, few_from)
