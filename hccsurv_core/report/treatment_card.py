"""The model card of system 2 with how it did on other patients."""

from __future__ import annotations

from hccsurv_core.report.card_part import plain_markdown, with_part
from hccsurv_core.report.figures.agreement_charts import NONE_WORDS, SCHEME_WORDS
from hccsurv_core.report.figures.survival_charts import estimate_words
from hccsurv_core.report.figures.treatment_charts import ARM_TITLES
from hccsurv_core.report.treatment_report import TreatmentReport
from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS


def card_with_evaluation(card: str, report: TreatmentReport) -> str:
    """The bundle's card with a part about these patients, before its limits.

    Args:
        card: Markdown, as the training wrote it.
        report: of the same model on other patients.
    """
    return with_part(card, _part(report))


def _part(report: TreatmentReport) -> list[str]:
    found = report.evaluation
    kind = "simulated patients" if report.simulated else "patients"
    lines = [
        f"## On {plain_markdown(report.source)}",
        "",
        f"{found.n} {kind}, {found.n_events} deaths; answered by the {found.version} version.",
        *(f"\n**{plain_markdown(text)}.**" for text in report.warnings),
        "",
        "| | C-index (95 % CI) | patients | deaths |",
        "|---|---|---|---|",
    ]
    for arm, one in found.arms.items():
        for name, answer in one.rivals.scores.items():
            c = answer.reason if answer.estimate is None else estimate_words(answer.estimate, digits=3)  # fmt: skip
            lines.append(f"| {ARM_TITLES[arm]}: {name} | {c} | {answer.n} | {answer.n_events} |")
    told = [f"{ARM_WORDS[arm]} {found.recommended[arm]}" for arm in ARMS]
    told += [
        f"{NONE_WORDS.get(kind, kind).lower()} {n}" for kind, n in found.why_none.items()
    ]  # fmt: skip
    lines += ["", f"Recommended: {', '.join(told)}.", ""]
    validation = found.validation
    if validation is None:
        return [*lines, f"Following it could not be judged: {found.why_not_validated}."]
    lines += [
        "| Treated as recommended against otherwise | months gained (95 % CI) | hazard ratio (95 % CI) |",
        "|---|---|---|",
        *(
            f"| {SCHEME_WORDS[scheme]} | {estimate_words(one.months_difference)} | "
            f"{estimate_words(one.hazard_ratio, digits=2)} |"
            for scheme, one in validation.comparisons.items()
        ),
        *(
            f"| {SCHEME_WORDS[scheme]} | {plain_markdown(why)} | |"
            for scheme, why in validation.unanswered.items()
        ),
        "",
        validation.caveat,
    ]
    return lines
