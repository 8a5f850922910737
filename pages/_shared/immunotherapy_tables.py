"""System 4: tables of an evaluation as the page shows them (HTML)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages._shared.evaluation_tables import words
from pages._shared.formats import html, plural
from pages._shared.tables import html_table

if TYPE_CHECKING:
    from hccsurv_core.report.immunotherapy_report import ImmunotherapyReport


def headline(report: ImmunotherapyReport) -> str:
    """C of the answering model, and on whom (HTML)."""
    from hccsurv_core.systems.immunotherapy.versions import VERSION_WORDS, clock_words

    found, own = report.evaluation, report.own
    told = f"{own.version}: C-index {words(own.performance.metrics.get('c_index'))}"
    where = (
        f"{VERSION_WORDS[own.version]}; {plural(own.n, 'patient')}, {plural(own.n_events, 'death')} "
        f"{clock_words(own.version)}"
    )
    if own.n != found.n:
        where += f", of {plural(found.n, 'patient')} with {plural(found.n_events, 'death')}"
    return (
        f'<div class="hcc-headline" data-testid="evaluation">{html(told)}'
        f"<small>{html(where)}</small></div>"
    )


def overview(report: ImmunotherapyReport) -> str:
    """Each model in a line, from its own scan (HTML)."""
    from hccsurv_core.systems.immunotherapy.versions import clock_words

    versions = report.evaluation.versions
    horizons = sorted({h for one in versions.values() for h in one.performance.horizons_months})
    heads = ["Model", "Counts", "Deaths / n", "C-index"]
    heads += [f"AUC, {h:g} months" for h in horizons]
    heads += [f"O/E, {h:g} months" for h in horizons]
    rows = []
    for version, one in versions.items():
        metrics = one.performance.metrics
        rows.append(
            [
                version, clock_words(version), f"{one.n_events} / {one.n}",
                words(metrics.get("c_index")),
                *(words(metrics.get(f"auc_{h:g}m"), 2) for h in horizons),
                *(words(metrics.get(f"observed_expected_{h:g}m"), 2) for h in horizons),
            ]
        )  # fmt: skip
    return html_table(heads, rows, "versions", first_rem=6)


def recist(report: ImmunotherapyReport) -> str:
    """Who is in which category of RECIST and in which risk group (HTML)."""
    from hccsurv_core.features.recist_response import CATEGORIES

    found = report.evaluation.recist
    if found is None:
        return ""
    rows = [
        [f"{CATEGORIES[category].capitalize()} ({category})", str(low), str(high), str(low + high)]
        for category, (low, high) in found.table.items()
    ]
    heads = ["RECIST 1.1", f"Low risk by {report.own.version}", "High risk", "Patients"]
    return html_table(heads, rows, "recist", first_rem=12)


def truth(report: ImmunotherapyReport) -> str:
    """What each model reaches of the truth's own margin (HTML)."""
    oracle = report.evaluation.oracle or {}
    scores = report.evaluation.compared.scores
    best = oracle.get("c_index")
    rows = [
        [
            version, words(scores[version].estimate),
            "–" if best is None else f"{best['value']:.3f}",
            f"{100 * share['value']:.0f} % ({100 * share['ci_low']:.0f}–{100 * share['ci_high']:.0f})",
        ]
        for version, share in oracle.get("share_of_margin", {}).items()
        if share is not None
    ]  # fmt: skip
    return html_table(
        ["Model", "C-index", "The truth itself", "Share of its margin"], rows, "truth"
    )
