"""Does following the recommendation go with longer survival? Who got which, curves, balance."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hccsurv_core.report.figures.chart import NEUTRAL, Chart, Guide, Series, Symbol
from hccsurv_core.report.figures.kaplan_meier_curves import curves_chart
from hccsurv_core.report.figures.palette import GREEN, PURPLE
from hccsurv_core.report.figures.survival_charts import estimate_words, p_words
from hccsurv_core.report.figures.treatment_charts import ARM_COLORS, ARM_TITLES
from hccsurv_core.report.treatment_report import TreatmentReport
from hccsurv_core.systems.treatment.agreement import Scheme
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS
from hccsurv_core.systems.treatment.validation import (
    AGREED,
    GROUP_WORDS,
    OTHERS,
    Comparison,
    Validation,
)
from hccsurv_core.wording import count_of

#: Treated as recommended, and otherwise: other colors than the arms have.
AGREEMENT_COLORS: Mapping[str, str] = {AGREED: GREEN, OTHERS: PURPLE}
#: Scheme → what a legend calls it.
SCHEME_WORDS: Mapping[Scheme, str] = {
    "unweighted": "As they are",
    "iptw": "Inverse probability weights",
    "overlap": "Overlap weights",
}
_SYMBOLS: Mapping[Scheme, tuple[str, Symbol]] = {
    "unweighted": (NEUTRAL, "circle"), "iptw": (GREEN, "square"), "overlap": (PURPLE, "triangle"),
}  # fmt: skip
#: A standardized difference below this is usually called negligible (Austin, Stat Med 2009;28:3083).
SMALL_DIFFERENCE = 0.1
#: First reason → what a figure calls it.
NONE_WORDS: Mapping[str, str] = {
    "rule": "None: a rule stands against it",
    "guideline": "None: no guideline allows it",
    "missing": "None: needed values not known",
    "range": "None: beyond training patients",
    "overlap": "None: hardly treated both ways",
    "uncertain": "None: too uncertain",
    "small": "None: difference too small",
}


def recommended_chart(report: TreatmentReport) -> Chart:
    """How many patients got which answer, and why the others got none."""
    found = report.evaluation
    rows = [(ARM_TITLES[arm], found.recommended.get(arm, 0), ARM_COLORS[arm]) for arm in ARMS]
    rows += [
        (words, found.why_none[kind], NEUTRAL)
        for kind, words in NONE_WORDS.items()
        if found.why_none.get(kind)
    ]
    heights = np.arange(len(rows), 0, -1, dtype=float)
    top = max(n for _, n, _ in rows)
    series = tuple(
        Series(
            "", np.array([float(n)]), np.array([height]), color=color, kind="bars",
            texts=[f"{n} ({100 * n / found.n:.0f} %)"], hover=[f"<b>{name}</b><br>{n} of {found.n}"],
        )
        for (name, n, color), height in zip(rows, heights, strict=True)
    )  # fmt: skip
    return Chart(
        title=f"What is recommended · {found.n} patients",
        x_title="Patients",
        y_title="",
        series=series,
        caption=report.led("Why there is none: the first, gravest reason of each patient."),
        x_range=(0.0, 1.22 * max(top, 1)),
        y_range=(0.4, len(rows) + 0.6),
        y_ticks=tuple(heights),
        y_tick_labels=tuple(name for name, _, _ in rows),
        height=0.2 + 0.09 * len(rows),
    )


def agreement_chart(report: TreatmentReport, validation: Validation, scheme: Scheme) -> Chart:
    """Those treated as recommended against the others, under one scheme of weights."""
    title = f"Following the recommendation, {SCHEME_WORDS[scheme].lower()}"
    counted = validation.comparisons.get("unweighted") if scheme != "unweighted" else None
    lead = imbalance_words(report, validation, scheme)
    return _comparison_chart(
        report, validation, validation.comparisons[scheme], title, counted, lead
    )


def imbalance_words(report: TreatmentReport, validation: Validation, scheme: Scheme) -> str:
    """That the groups are still unlike in something measured; "" where they are alike."""
    rows = [r for r in validation.balance[scheme].rows if _size(r.smd_after) > SMALL_DIFFERENCE]
    if not rows:
        return ""
    worst = max(rows, key=lambda row: _size(row.smd_after))
    size = (
        f"{abs(worst.smd_after):.2f}" if math.isfinite(worst.smd_after) else "no finite number of"
    )
    return (
        f"{SCHEME_WORDS[scheme]}, the groups differ by more than {SMALL_DIFFERENCE:g} standard "
        f"deviations in {count_of(len(rows), 'measured covariate')} (most in "
        f"{report.label(worst.name)}: {size} SD): a difference in survival may be theirs."
    )


def within_arm_chart(report: TreatmentReport, validation: Validation, arm: str) -> Chart | None:
    """Among those given one treatment: those for whom it was recommended against the others."""
    found = validation.within.get(arm)
    if found is None:
        return None
    lead = (
        "Patients of one treatment, and so no test of the choice: those for whom it is recommended "
        "may simply have the better prognosis."
    )
    return _comparison_chart(
        report, validation, found, f"Among those given {ARM_WORDS[arm]}", None, lead
    )


def _comparison_chart(
    report: TreatmentReport,
    validation: Validation,
    found: Comparison,
    title: str,
    counted: Comparison | None,
    lead: str = "",
) -> Chart:
    names = {group: GROUP_WORDS[group].capitalize() for group in (AGREED, OTHERS)}
    return curves_chart(
        {name: found.curves[group] for group, name in names.items()},
        {name: AGREEMENT_COLORS[group] for group, name in names.items()},
        title=f"{title} · {found.n[AGREED]} patients ({found.n_events[AGREED]} died) against "
        f"{found.n[OTHERS]} ({found.n_events[OTHERS]})",
        endpoint=report.endpoint_title,
        caption=report.led(lead, comparison_words(found, validation), validation.caveat),
        counted=None
        if counted is None
        else {name: counted.curves[group] for group, name in names.items()},
    )


def comparison_words(found: Comparison, validation: Validation) -> str:
    """Months, hazard ratio and test of a comparison, in sentences."""
    tau = validation.settings.tau_months
    parts = [
        f"Months lived of {tau:g}: {found.months[AGREED]:.1f} treated as recommended, "
        f"{found.months[OTHERS]:.1f} otherwise; difference "
        f"{estimate_words(found.months_difference)}.",
        f"Hazard ratio {estimate_words(found.hazard_ratio, digits=2)}.",
    ]
    if found.log_rank is not None:
        parts.append(f"Log-rank {p_words(found.log_rank.p)}.")
    if found.e_value is not None:
        parts.append(found.e_value.sentence)
    return " ".join(parts)


def balance_chart(report: TreatmentReport, validation: Validation) -> Chart:
    """A love plot: how unlike both groups are in each covariate, before and after weighting."""
    # Of any scheme: differences before weighting are the same.
    before = next(iter(validation.balance.values())).rows
    order = sorted(before, key=lambda row: -_size(row.smd_before))
    heights = {row.name: float(len(order) - i) for i, row in enumerate(order)}
    series, largest = [], SMALL_DIFFERENCE
    endless: set[str] = set()
    for scheme, table in validation.balance.items():
        shown = [row for row in table.rows if math.isfinite(row.smd_after)]
        endless |= {row.name for row in table.rows if not math.isfinite(row.smd_after)}
        color, symbol = _SYMBOLS[scheme]
        sizes = np.array([abs(row.smd_after) for row in shown])
        largest = max(largest, float(sizes.max(initial=0.0)))
        series.append(
            Series(
                SCHEME_WORDS[scheme], sizes, np.array([heights[row.name] for row in shown]),
                color=color, kind="points", symbol=symbol,
                hover=[
                    f"<b>{report.label(row.name)}</b>, {SCHEME_WORDS[scheme].lower()}<br>"
                    f"standardized difference {row.smd_after:+.2f}"
                    for row in shown
                ],
            )
        )  # fmt: skip
    ends = (0.4, len(order) + 0.6)
    return Chart(
        title="Balance of those treated as recommended and otherwise",
        x_title="Absolute standardized difference",
        y_title="",
        series=tuple(series),
        caption=report.led(
            _balance_words(validation),
            f"No finite difference: {', '.join(report.label(n) for n in sorted(endless))}."
            if endless
            else "",
            f"Below {SMALL_DIFFERENCE:g} a difference is usually called small (Austin 2009). "
            "Differences are in standard deviations of the unweighted groups. What was not "
            "measured is not balanced by any weight.",
        ),
        x_range=(0.0, 1.06 * largest),
        y_range=ends,
        y_ticks=tuple(heights.values()),
        y_tick_labels=tuple(report.label(name) for name in heights),
        guides=(Guide((SMALL_DIFFERENCE, SMALL_DIFFERENCE), ends, "", "dash"),),
        height=0.35 + 0.05 * len(order),
    )


def _size(difference: float) -> float:
    return abs(difference) if math.isfinite(difference) else math.inf


def _balance_words(validation: Validation) -> str:
    parts = []
    for scheme, table in validation.balance.items():
        n = (
            ""
            if scheme == "unweighted"
            else f" (as informative as {table.effective_treated:.0f} and "
            f"{table.effective_untreated:.0f} patients)"
        )
        parts.append(f"{SCHEME_WORDS[scheme].lower()} {table.largest_after:.2f}{n}")
    return f"Largest difference: {'; '.join(parts)}."
