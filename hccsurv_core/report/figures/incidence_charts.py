"""Cumulative incidence under competing risks."""

from __future__ import annotations

import numpy as np

from hccsurv_core.report.figures.chart import (
    GROUP_COLORS,
    Chart,
    RiskTable,
    Series,
    month_ticks,
    thinned,
)
from hccsurv_core.report.figures.survival_charts import estimate_words, p_words
from hccsurv_core.stats.cumulative_incidence import CumulativeIncidence
from hccsurv_core.systems.explorer.competing import CompetingComparison


def incidence_chart(
    comparison: CompetingComparison,
    cause: int = 1,
    *,
    variable: str = "",
    last_months: float | None = None,
    show_bands: bool = True,
) -> Chart:
    """Cumulative incidence of one cause by group, the numbers at risk under it.

    Args:
        comparison: of the groups.
        cause: 1, 2, …
        variable: what the groups are made by, for the legend.
        last_months: end of the time axis; default the longest follow-up.
    """
    groups = comparison.groups
    last = last_months or max(float(g.curves.times[-1]) for g in groups)
    places, labels = month_ticks(last)
    colors = GROUP_COLORS[: len(groups)]
    name = comparison.cause_names[cause - 1]
    series = tuple(
        incidence_series(group.label, group.curves, cause, color, last, show_bands)
        for group, color in zip(groups, colors, strict=True)
    )
    top = max(float(np.nanmax(s.y if s.high is None else s.high)) for s in series)
    return Chart(
        title=f"{name[0].upper()}{name[1:]} · {comparison.n} patients, {comparison.n_events(cause)} events",
        x_title="Time (months)",
        y_title=f"Cumulative incidence of {name}",
        series=series,
        caption=_caption(comparison, cause),
        x_range=(0.0, last * 1.015),
        y_range=(0.0, min(1.02, max(0.1, 1.1 * top))),
        x_ticks=places,
        x_tick_labels=labels,
        percent=True,
        risk_table=RiskTable(
            np.array(places), tuple(g.label for g in groups),
            np.array([g.curves.at_risk_at(places) for g in groups]), tuple(colors),
        ),
        legend_title=variable,
    )  # fmt: skip


def incidence_series(
    label: str,
    curves: CumulativeIncidence,
    cause: int,
    color: str,
    last_months: float,
    show_band: bool = True,
) -> Series:
    """One group's curve up to ``last_months``, with its band."""
    shown = np.flatnonzero(curves.times <= last_months)
    shown = shown[thinned(curves.times[shown])] if shown.size else shown
    x = np.concatenate([[0.0], curves.times[shown]])
    value = curves.incidence[cause - 1, shown]
    y = np.concatenate([[0.0], value])
    low, high = (
        np.concatenate([[0.0], np.where(np.isnan(bound), value, bound)])
        for bound in (curves.ci_low[cause - 1, shown], curves.ci_high[cause - 1, shown])
    )
    hover = [
        f"<b>{label}</b><br>{t:.1f} months: {v:.1%} ({a:.1%}–{b:.1%})"
        for t, v, a, b in zip(x, y, low, high, strict=True)
    ]
    return Series(
        label, x, y, low if show_band else None, high if show_band else None,
        color=color, kind="step", hover=hover,
    )  # fmt: skip


def _caption(comparison: CompetingComparison, cause: int) -> str:
    parts = []
    test = comparison.tests[cause - 1]
    if test is not None:
        parts.append(f"Gray's test {p_words(test.p)}.")
    for ratio in comparison.ratios[cause - 1]:
        if not ratio.reason:
            words = estimate_words(ratio.ratio, digits=2)
            parts.append(
                f"{ratio.label} vs {ratio.reference}: subdistribution hazard ratio {words}."
            )
    others = [n for i, n in enumerate(comparison.cause_names, 1) if i != cause]
    parts.append(f"Competing: {', '.join(others)}. Bands: 95 % pointwise intervals.")
    return " ".join([*parts, *comparison.notes])
