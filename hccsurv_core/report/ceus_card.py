"""The model card of system 3 with how it did on other patients."""

from __future__ import annotations

from hccsurv_core.report.card_part import plain_markdown, with_part
from hccsurv_core.report.ceus_report import CeusReport
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.stats.estimate import Estimate
from hccsurv_core.systems.ceus.retreatment_result import CAVEAT
from hccsurv_core.systems.ceus.risk_classes import class_of
from hccsurv_core.systems.ceus.settings import VERSION_WORDS


def card_with_evaluation(card: str, report: CeusReport) -> str:
    """The bundle's card with a part about these patients, before its limits.

    Args:
        card: Markdown, as the training wrote it.
        report: of the same model on other patients.
    """
    return with_part(card, _part(report))


def _part(report: CeusReport) -> list[str]:
    found = report.evaluation
    kind = "simulated patients" if report.simulated else "patients"
    lines = [
        f"## On {plain_markdown(report.source)}",
        "",
        f"{found.n} {kind}, {found.n_events} deaths; answered from {VERSION_WORDS[found.version]}.",
        *(f"\n**{plain_markdown(text)}.**" for text in report.warnings),
        "",
        "| | early recurrence, AUC (95 % CI) | death, C-index (95 % CI) | recurrence, C-index (95 % CI) |",
        "|---|---|---|---|",
    ]
    for version, one in found.versions.items():
        cells = (one.early.area, one.death.metrics.get("c_index"), one.recurrence)
        lines.append(f"| {VERSION_WORDS[version]} | {' | '.join(_cell(e) for e in cells)} |")
    horizons = " / ".join(f"{h:g}" for h in found.horizons_months)
    lines += [
        "",
        f"| class | patients | deaths | recurred early | alive at {horizons} months |",
        "|---|---|---|---|---|",
    ]
    for s in found.classes.summaries:
        alive = " / ".join(_percent(e) for e in s.survival)
        lines.append(
            f"| {s.number} ({class_of(s.number).words}) | {s.n} | {s.n_events} | "
            f"{_percent(s.early_recurrence)} | {alive} |"
        )
    lines.append("")
    study = found.classes.retreatment
    if study is None:
        lines.append(f"Retreatment was not looked at: {found.classes.why_no_retreatment}.")
    else:
        lines += [*(f"* {text}" for text in study.words()), "", CAVEAT]
    if report.readers is not None:
        lines += ["", "Reader study:", "", *(f"* {text}" for text in report.readers.words())]
    return lines


def _cell(e: Estimate | None) -> str:
    if e is None:
        return "not known"
    return f"{estimate_words(e, digits=3)}; {e.n} patients, {e.n_events} events"


def _percent(e: Estimate) -> str:
    return "–" if e.value != e.value else f"{100 * e.value:.0f} %"
