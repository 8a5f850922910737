"""The model card of system 4 with how it did on other patients."""

from __future__ import annotations

from collections.abc import Iterator

from hccsurv_core.features.recist_response import CATEGORIES
from hccsurv_core.report.card_part import plain_markdown, with_part
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.report.immunotherapy_report import ImmunotherapyReport
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.systems.explorer.curves import GroupComparison
from hccsurv_core.systems.immunotherapy.versions import VERSION_WORDS, clock_words
from hccsurv_core.systems.muscle.answers import Answer


def card_with_evaluation(card: str, report: ImmunotherapyReport) -> str:
    """The bundle's card with a part about these patients, before its limits.

    Args:
        card: Markdown, as the training wrote it.
        report: of the same model on other patients.
    """
    return with_part(card, _part(report))


def _part(report: ImmunotherapyReport) -> list[str]:
    found = report.evaluation
    kind = "simulated patients" if report.simulated else "patients"
    horizons = tuple(f"{h:g}" for h in found.horizons_months)
    lines = [
        f"## On {plain_markdown(report.source)}",
        "",
        f"{found.n} {kind}, {found.n_events} deaths from the baseline scan.",
        *(f"\n**{plain_markdown(text)}.**" for text in report.warnings),
        "",
        "| model | looks at | death, C-index (95 % CI) | "
        + " | ".join(f"AUC at {h} months" for h in horizons)
        + " |",
        "|---|---|---|" + "---|" * len(horizons),
    ]
    for version, one in found.versions.items():
        metrics = one.performance.metrics
        cells = [_cell(metrics.get("c_index"), counted=True)]
        cells += [_cell(metrics.get(f"auc_{h}m")) for h in horizons]
        words = f"{VERSION_WORDS[version]}, {clock_words(version)}"
        lines.append(f"| {version} | {words} | {' | '.join(cells)} |")
    return [*lines, "", *_differences(report), *_recist(report)]


def _differences(report: ImmunotherapyReport) -> list[str]:
    found = report.evaluation
    told = [
        f"* {first} against {second}: "
        + (answer.reason if answer.estimate is None else estimate_words(answer.estimate, digits=3))
        for (first, second), answer in found.compared.differences.items()
    ]
    if not told:
        return []
    return [
        f"Differences of C on the {found.n_compared} patients whom all models answer "
        f"({found.n_compared_events} deaths):",
        "",
        *told,
        "",
    ]


def _recist(report: ImmunotherapyReport) -> list[str]:
    found = report.evaluation.recist
    if found is None:
        return ["RECIST was not looked at: no target lesion was read at both scans."]
    own = report.own.version
    rows = [
        f"| {CATEGORIES[category]} | {low} | {high} |"
        for category, (low, high) in found.table.items()
    ]
    return [
        f"Beside RECIST 1.1, {found.n} patients, {found.n_events} deaths:",
        "",
        *_ratio(f"{own}, high against low risk", found.risk),
        *_ratio("RECIST 1.1, progressive disease against others", found.progressive),
        "",
        f"| RECIST 1.1 | low risk by {own} | high risk |",
        "|---|---|---|",
        *rows,
    ]


def _ratio(name: str, answer: Answer[GroupComparison]) -> Iterator[str]:
    ratios = () if answer.value is None else answer.value.hazard_ratios
    for ratio in ratios:
        told = ratio.reason or f"hazard ratio {estimate_words(ratio.ratio, digits=2)}"
        yield f"* {name}: {told}"
    if not ratios:
        yield f"* {name}: {answer.reason or 'everybody is in one group'}"


def _cell(e: Estimate | None, *, counted: bool = False) -> str:
    if e is None:
        return "not known"
    told = estimate_words(e, digits=3)
    return f"{told}; {e.n} patients, {e.n_events} deaths" if counted else told
