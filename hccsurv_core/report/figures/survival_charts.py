"""Kaplan-Meier charts of compared groups."""

from __future__ import annotations

import math

import numpy as np

from hccsurv_core.report.figures.chart import (
    GROUP_COLORS,
    NEUTRAL,
    Chart,
    Guide,
    RiskTable,
    Series,
    month_ticks,
    thinned,
)
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.stats.p_values import format_p
from hccsurv_core.systems.explorer.curves import FEW_AT_RISK, GroupComparison, GroupCurve

#: More marks than this hide the curve; then only every so many are drawn.
_MOST_TICKS = 250


def kaplan_meier_chart(
    comparison: GroupComparison,
    *,
    endpoint: str = "Overall survival",
    variable: str = "",
    last_months: float | None = None,
    show_bands: bool = True,
    show_medians: bool = True,
    highlight: str | None = None,
) -> Chart:
    """Curves with bands, censoring marks, medians, and the numbers at risk.

    Args:
        comparison: of the groups.
        endpoint: what the curve is the probability of.
        variable: what the groups are made by, for the legend.
        last_months: end of the time axis; default the longest follow-up.
        highlight: the only group that keeps its color and its band (a patient's own).
    """
    groups = comparison.groups
    last = last_months or max(float(g.curve.times[-1]) for g in groups)
    places, labels = month_ticks(last)
    colors = GROUP_COLORS[: len(groups)] if len(groups) > 1 else GROUP_COLORS[:1]
    if highlight is not None:
        colors = tuple(
            c if g.label == highlight else NEUTRAL for g, c in zip(groups, colors, strict=True)
        )
    series = [
        curve_series(group, color, last, show_bands or group.label == highlight)
        for group, color in zip(groups, colors, strict=True)
    ]
    return Chart(
        title=f"{endpoint} · {comparison.n} patients, {comparison.n_events} events",
        x_title="Time (months)",
        y_title=endpoint if "survival" in endpoint.lower() else f"{endpoint}: free of it",
        series=tuple(series),
        caption=_caption(comparison, show_bands),
        x_range=(0.0, last * 1.015),
        y_range=(0.0, 1.02),
        x_ticks=places,
        x_tick_labels=labels,
        percent=True,
        guides=_median_guides(groups, colors, last) if show_medians else (),
        risk_table=RiskTable(
            np.array(places), tuple(g.label for g in groups),
            np.array([g.curve.at_risk_at(places) for g in groups]), tuple(colors), FEW_AT_RISK,
        ),
        legend_title=variable,
    )  # fmt: skip


def difference_words(comparison: GroupComparison) -> str:
    """The difference between the groups in words, with the p-value that applies."""
    if comparison.searched_p is not None:
        return f"{p_words(comparison.searched_p)} (corrected for the searched cut-off)"
    if comparison.log_rank is None:
        return ""
    return f"log-rank {p_words(comparison.log_rank.p)}"


def estimate_words(estimate: Estimate, *, percent: bool = False, digits: int = 1) -> str:
    """ "61.8 % (54.8–68.1)", "24.0 (18.0–not reached)"."""

    def text(value: float) -> str:
        if math.isnan(value):
            return "not reached"
        shown = f"{100 * value:.{digits}f}" if percent else f"{value:.{digits}f}"
        return shown.replace("-", "−")

    if math.isnan(estimate.value):
        return "not reached" if not percent else "not known"
    unit = " %" if percent else ""
    if math.isnan(estimate.ci_low) and math.isnan(estimate.ci_high):
        return f"{text(estimate.value)}{unit}"
    # A dash between negative numbers reads as another sign.
    to = " to " if min(estimate.ci_low, estimate.value) < 0 else "–"
    return f"{text(estimate.value)}{unit} ({text(estimate.ci_low)}{to}{text(estimate.ci_high)})"


def p_words(p: float) -> str:
    """ "p = 0.034", "p < 0.0001"."""
    words = format_p(p)
    return f"p {words}" if words[0] in "<>" else f"p = {words}"


def curve_series(group: GroupCurve, color: str, last: float, show_band: bool) -> Series:
    """One group's curve up to ``last`` months, with its censoring marks and band."""
    curve = group.curve
    shown = np.flatnonzero(curve.times <= last)
    shown = shown[thinned(curve.times[shown])] if shown.size else shown
    times = np.concatenate([[0.0], curve.times[shown]])
    survival = np.concatenate([[1.0], curve.survival[shown]])
    low = np.concatenate([[1.0], _known(curve.ci_low[shown], curve.survival[shown])])
    high = np.concatenate([[1.0], _known(curve.ci_high[shown], curve.survival[shown])])
    at_risk = np.concatenate([[curve.at_risk[0]], curve.at_risk[shown]])
    hover = [
        f"<b>{group.label}</b><br>{t:.1f} months: {s:.1%} ({a:.1%}–{b:.1%})<br>at risk {r:g}"
        for t, s, a, b, r in zip(times, survival, low, high, at_risk, strict=True)
    ]
    return Series(
        group.label, times, survival,
        low if show_band else None, high if show_band else None,
        color=color, kind="step", ticks=_ticks(group, last),
        faint_from=group.few_from_months, hover=hover,
    )  # fmt: skip


def _known(bound: np.ndarray, survival: np.ndarray) -> np.ndarray:
    """Where the interval has no bound (before the first event, at 0) the curve itself."""
    return np.where(np.isnan(bound), survival, bound)


def _ticks(group: GroupCurve, last: float) -> np.ndarray:
    curve = group.curve
    censored = np.flatnonzero((curve.n_censored > 0) & (curve.times <= last))
    if censored.size > _MOST_TICKS:
        censored = censored[np.linspace(0, censored.size - 1, _MOST_TICKS).astype(int)]
    return np.column_stack([curve.times[censored], curve.survival[censored]])


def _median_guides(
    groups: tuple[GroupCurve, ...], colors: tuple[str, ...], last: float
) -> tuple[Guide, ...]:
    reached = [
        (g.median.value, c)
        for g, c in zip(groups, colors, strict=True)
        if g.median.value <= last  # NaN (not reached) compares false
    ]
    if not reached:
        return ()
    furthest = max(value for value, _ in reached)
    down = tuple(Guide((value, value), (0.0, 0.5), color=color) for value, color in reached)
    return (Guide((0.0, furthest), (0.5, 0.5), color=NEUTRAL), *down)


def _caption(comparison: GroupComparison, bands: bool) -> str:
    parts = []
    if words := difference_words(comparison):
        parts.append(words[0].upper() + words[1:] + ".")
    for ratio in comparison.hazard_ratios:
        if not ratio.reason:
            parts.append(
                f"{ratio.label} vs {ratio.reference}: hazard ratio "
                f"{estimate_words(ratio.ratio, digits=2)}."
            )
    parts.append(f"Median follow-up {estimate_words(comparison.follow_up)} months.")
    if bands:
        parts.append("Bands: 95 % pointwise intervals (log-log).")
    parts.append(
        f"Marks: end of follow-up. Dotted, and numbers with *: fewer than {FEW_AT_RISK} at risk."
    )
    return " ".join([*parts, *comparison.notes])
