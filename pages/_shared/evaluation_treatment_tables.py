"""System 2: tables of an evaluation as the page shows them (HTML); the downloads hold every number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages._shared.evaluation_tables import p_words, words
from pages._shared.formats import html, plural
from pages._shared.tables import html_table
from pages._shared.train_words import ARM_TITLES

if TYPE_CHECKING:
    from hccsurv_core.report.treatment_report import TreatmentReport
    from hccsurv_core.systems.treatment.evaluation import ArmEvaluation
    from hccsurv_core.systems.treatment.simulated_truth import NearTruth
    from hccsurv_core.systems.treatment.validation import Validation


def headline(report: TreatmentReport) -> str:
    """C of each arm's model (HTML)."""
    found = report.evaluation
    told = " · ".join(
        f"{ARM_TITLES[arm]} {words(one.performance.metrics.get('c_index'))}"
        for arm, one in found.arms.items()
    )
    where = f"{plural(found.n, 'patient')}, {plural(found.n_events, 'death')}"
    return (
        f'<div class="hcc-headline" data-testid="evaluation">C-index {html(told)}'
        f"<small>{html(where)}</small></div>"
    )


def overview(report: TreatmentReport) -> str:
    """Each arm in a line (HTML)."""
    arms = report.evaluation.arms
    horizons = sorted({h for one in arms.values() for h in one.performance.horizons_months})
    heads = ["Arm", "Patients", "Deaths", "C-index", *(f"AUC, {h:g} months" for h in horizons)]
    last = f", {horizons[-1]:g} months" if horizons else ""
    heads += [f"Observed / expected{last}", "Calibration slope"]
    return html_table(heads, [_arm_row(arm, one, horizons) for arm, one in arms.items()], "arms")


def _arm_row(arm: str, one: ArmEvaluation, horizons: list[float]) -> list[str]:
    metrics = one.performance.metrics
    last = f"observed_expected_{horizons[-1]:g}m" if horizons else ""
    return [
        ARM_TITLES[arm], f"{one.n}", f"{one.n_events}", words(metrics.get("c_index")),
        *(words(metrics.get(f"auc_{h:g}m"), 2) for h in horizons),
        words(metrics.get(last), 2), words(metrics.get("calibration_slope"), 2),
    ]  # fmt: skip


def following(validation: Validation) -> str:
    """Those treated as recommended against the others, under each scheme of weights (HTML)."""
    from hccsurv_core.report.figures.agreement_charts import SCHEME_WORDS
    from hccsurv_core.systems.treatment.validation import AGREED, OTHERS

    heads = [
        "Weights", "As recommended (deaths)", "Otherwise (deaths)", f"Months gained of {validation.settings.tau_months:g}",
        "Hazard ratio", "Log-rank p", "E-value", "Largest difference",
    ]  # fmt: skip
    rows = []
    for scheme, found in validation.comparisons.items():
        e_value = found.e_value
        rows.append(
            [
                SCHEME_WORDS[scheme],
                f"{found.n[AGREED]} ({found.n_events[AGREED]})",
                f"{found.n[OTHERS]} ({found.n_events[OTHERS]})",
                words(found.months_difference, 1),
                words(found.hazard_ratio, 2),
                "–" if found.log_rank is None else p_words(found.log_rank.p),
                "–" if e_value is None else f"{e_value.point:.2f}, interval {e_value.limit:.2f}",
                f"{validation.balance[scheme].largest_after:.2f} SD",
            ]
        )
    for scheme, why in validation.unanswered.items():
        rows.append([SCHEME_WORDS[scheme], why, *([""] * (len(heads) - 2))])
    return html_table(heads, rows, "following")


def balance(report: TreatmentReport, validation: Validation) -> str:
    """Means of both groups and standardized differences, under each scheme (HTML)."""
    from hccsurv_core.report.figures.agreement_charts import SCHEME_WORDS

    tables = {scheme: {r.name: r for r in t.rows} for scheme, t in validation.balance.items()}
    heads = ["Covariate", "As recommended", "Otherwise", *(SCHEME_WORDS[s] for s in tables)]
    rows = [
        [
            report.label(name), f"{plain.mean_treated:.3g}", f"{plain.mean_untreated:.3g}",
            *(f"{t[name].smd_after:+.2f}".replace("-", "−") for t in tables.values()),
        ]
        for name, plain in next(iter(tables.values())).items()
    ]  # fmt: skip
    return html_table(heads, rows, "balance")


def truth(found: NearTruth) -> str:
    """How near the model comes to the simulated truth (HTML)."""
    rows = []
    for arm, share in found.share_of_margin.items():
        rows.append(
            [f"{ARM_TITLES[arm]}: share of the C above 0.5 that the true hazard has",
             _told(share["share"], 100.0, " %")]
        )  # fmt: skip
        rows.append(
            [f"{ARM_TITLES[arm]}: C of the true hazard", _told(share["c_index_of_truth"], 1.0, "")]
        )
    heads = ("Intervals of the average", "Intervals of one patient")
    for title, covered in zip(heads, (found.covered, found.covered_individual or {}), strict=True):
        if covered:
            told = ", ".join(f"{100 * s:.0f} %" for s in covered.values())
            months = ", ".join(name.removesuffix("m") for name in covered)
            rows.append([f"{title} that hold a patient's truth, at {months} months", told])
    rows.append(
        ["Intervals of the average months gained that hold a patient's truth",
         f"{100 * found.covered_months:.0f} %"]
    )  # fmt: skip
    return html_table(["Against the truth", "Model"], rows, "truth")


def _told(estimate: dict | None, factor: float, unit: str) -> str:
    if estimate is None or estimate["value"] is None:
        return "not known"
    digits = 0 if unit else 3
    value, low, high = (
        "not known" if estimate[k] is None else f"{factor * estimate[k]:.{digits}f}"
        for k in ("value", "ci_low", "ci_high")
    )
    return f"{value}{unit} ({low}–{high})"
