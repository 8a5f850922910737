"""The explorer's survival curves: the figure, and under it what the groups differ by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages._shared.figures import show_chart
from pages._shared.formats import html
from pages._shared.tables import html_table

if TYPE_CHECKING:
    from pandas import DataFrame

    from hccsurv_core.report.manifest import Manifest
    from hccsurv_core.systems.explorer.curves import GroupComparison
    from hccsurv_core.systems.explorer.grouping import Grouping
    from hccsurv_core.systems.explorer.question import Question, Selection


def show_survival(
    selection: Selection, question: Question, grouping: Grouping, manifest: Manifest
) -> None:
    """Kaplan-Meier curves of the groups with everything under them."""
    from hccsurv_core.report.figures.survival_charts import kaplan_meier_chart
    from hccsurv_core.systems.explorer.curves import compare_groups

    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        bands = st.toggle("Bands", value=len(grouping.labels) <= 3, key="km_bands")
        medians = st.toggle("Medians", value=True, key="km_medians")
    comparison = compare_groups(
        selection.outcome, grouping, horizons_months=question.horizons_months,
        restricted_horizon_months=question.restricted_months or None,
    )  # fmt: skip
    endpoint = selection.table.endpoint(question.endpoint).label
    chart = kaplan_meier_chart(
        comparison, endpoint=endpoint, variable=grouping.variable, show_bands=bands,
        show_medians=medians,
    )  # fmt: skip
    show_chart(
        chart, manifest, "survival", headline=_headline(comparison),
        tables={"Medians and survival": _numbers(comparison)},
    )  # fmt: skip
    st.html(_survival_table(comparison))
    st.html(_effect_table(comparison))
    if len(comparison.pairs) > 1:
        with st.expander("Two by two (Holm's correction)", icon=":material/compare_arrows:"):
            st.html(_pairs(comparison))


def _headline(comparison: GroupComparison) -> str:
    """The test in large letters (HTML)."""
    from hccsurv_core.report.figures.survival_charts import difference_words, p_words

    words = difference_words(comparison)
    if not words:
        return ""
    extra = []
    if comparison.log_rank is not None and comparison.searched_p is None:
        extra.append(
            f"chi-square {comparison.log_rank.statistic:.4f}, {comparison.log_rank.dof} df"
        )
    if comparison.trend is not None:
        extra.append(f"trend {p_words(comparison.trend.p)}")
    small = f"<small>{html('; '.join(extra))}</small>" if extra else ""
    return (
        f'<div class="hcc-headline" data-testid="difference">{html(words[0].upper() + words[1:])}'
        f"{small}</div>"
    )


def _survival_table(comparison: GroupComparison) -> str:
    """Groups, medians and survival at the horizons (HTML)."""
    from hccsurv_core.report.figures.survival_charts import estimate_words

    heads = ["Group", "Patients", "Events", "Median (months)"]
    heads += [f"{h:g} months" for h in comparison.horizons_months]
    rows = [
        [
            group.label, f"{group.n}", f"{group.n_events}", estimate_words(group.median),
            *(estimate_words(s, percent=True) for s in group.survival_at),
        ]
        for group in comparison.groups
    ]  # fmt: skip
    return html_table(heads, rows, "groups")


def _effect_table(comparison: GroupComparison) -> str:
    """Hazard ratios and restricted means (HTML)."""
    from hccsurv_core.report.figures.survival_charts import estimate_words, p_words

    several = len(comparison.groups) > 1
    heads = ["Group", f"Mean survival to {comparison.restricted_horizon_months:.4g} months"]
    heads += ["Difference (months)", "Hazard ratio"] if several else []
    ratios = {r.label: r for r in comparison.hazard_ratios}
    contrasts = {c.groups[1]: c.difference for c in comparison.restricted_means}
    rows = []
    for i, group in enumerate(comparison.groups):
        mean = group.restricted_mean
        row = [
            group.label,
            "not known" if mean is None
            else f"{mean.value:.1f} ({mean.ci_low:.1f}–{mean.ci_high:.1f})",
        ]  # fmt: skip
        if several and i == 0:
            row += ["reference", "reference"]
        elif several:
            gap, ratio = contrasts.get(group.label), ratios.get(group.label)
            row.append(
                "not known" if gap is None else f"{estimate_words(gap.estimate)}, {p_words(gap.p)}"
            )
            if ratio is None or ratio.reason:
                row.append(ratio.reason if ratio else "not known")
            else:
                row.append(f"{estimate_words(ratio.ratio, digits=2)}, {p_words(ratio.p)}")
        rows.append(row)
    return html_table(heads, rows, "effects")


def _pairs(comparison: GroupComparison) -> str:
    from hccsurv_core.stats.p_values import format_p

    rows = "".join(
        f"<tr><td>{html(str(p.first))}</td><td>{html(str(p.second))}</td>"
        f'<td class="num">{format_p(p.p)}</td><td class="num">{format_p(p.p_adjusted)}</td></tr>'
        for p in comparison.pairs
    )
    return (
        '<table class="hcc-table"><thead><tr><th>Group</th><th>against</th><th class="num">p</th>'
        f'<th class="num">p, corrected</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _numbers(comparison: GroupComparison) -> DataFrame:
    """The table under the curves as numbers."""
    import pandas as pd

    rows = []
    for group in comparison.groups:
        row: dict[str, object] = {
            "group": group.label, "n": group.n, "events": group.n_events,
            "median_months": group.median.value, "median_low": group.median.ci_low,
            "median_high": group.median.ci_high,
        }  # fmt: skip
        for horizon, s in zip(comparison.horizons_months, group.survival_at, strict=True):
            row |= {f"survival_{horizon:g}": s.value, f"survival_{horizon:g}_low": s.ci_low,
                    f"survival_{horizon:g}_high": s.ci_high}  # fmt: skip
        ratio = next((r for r in comparison.hazard_ratios if r.label == group.label), None)
        if ratio is not None:
            row |= {"hazard_ratio": ratio.ratio.value, "hazard_ratio_low": ratio.ratio.ci_low,
                    "hazard_ratio_high": ratio.ratio.ci_high, "p": ratio.p}  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows)
