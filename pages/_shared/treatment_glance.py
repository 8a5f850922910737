"""The page Treatment at a glance: the answer with its first reason, both curves, and the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hccsurv_core.report.manifest import Manifest
from pages._shared import components, treatment_words
from pages._shared.figures import show_figure
from pages._shared.formats import html

if TYPE_CHECKING:
    from hccsurv_core.systems.treatment.model import TreatmentAnswer
    from hccsurv_core.systems.treatment.recommendation import Recommendation
    from pages._shared.treatment_answer import Answered
    from pages._shared.views import StudyView


def answer_card(
    recommendation: Recommendation, *, simulated: bool, kicker: str, test_id: str
) -> str:
    """The answer by word and sign, its first reason, and the sentence that goes with every answer (HTML)."""
    answer = recommendation.recommendation
    word, sign = treatment_words.ANSWERS[answer]
    first = recommendation.reasons[0]
    source = (
        f'<span class="sub">{treatment_words.linked(first.source)}</span>' if first.source else ""
    )
    return (
        f'<div class="hcc-answer {answer}" data-testid="{test_id}">'
        f'<span class="hcc-kicker">{html(kicker)}</span>'
        f'<div class="word"><i aria-hidden="true">{sign}</i>{word} '
        f"{treatment_words.simulated_mark(simulated)}</div>"
        f'<p><b class="about">{treatment_words.REASON_TITLES[first.kind]}</b>{html(first.text)}{source}</p>'
        f'<p class="caveat">{html(recommendation.caveat)}</p></div>'
    )


def chips_of(view: StudyView, found: Answered) -> list[str]:
    """Which model answered, from what."""
    parts = []
    if found.simulated:
        parts.append(components.chip(treatment_words.SIMULATED, kind="sim", sign="◇"))
    parts.append(components.chip(f"Model: {found.entry.name}", title=found.entry.trained_on))
    words = treatment_words.SHORT_VERSIONS[found.answer.version]
    parts.append(components.chip(f"From {words}", sign="●", kind="good"))
    if view.clinical is None:
        parts.append(components.chip("No clinical values yet", kind="look", sign="▲"))
    return parts


def numbers_table(answer: TreatmentAnswer, *, simulated: bool, test_id: str) -> str:
    """Survival of both arms, differences and months lived (HTML)."""
    from hccsurv_core.report.figures.treatment_charts import ARM_COLORS, ARM_TITLES
    from hccsurv_core.systems.treatment.answer_table import answer_rows
    from hccsurv_core.systems.treatment.arm_table import ARMS

    contrast = answer.recommendation.findings.contrast
    mark = treatment_words.small_mark(simulated)
    heads = "".join(
        f'<th class="num"><span class="hcc-swatch" style="background:{ARM_COLORS[arm]}"></span>'
        f"{ARM_TITLES[arm]}{mark}</th>"
        for arm in ARMS
    )
    rows = []
    for row in answer_rows(contrast):
        arms = "".join(
            f'<td class="num">{treatment_words.arm_words(row, row.arms[arm])}</td>' for arm in ARMS
        )
        more = ""
        if row.individual is not None:
            more = f'<span class="sub">{treatment_words.individual_words(row)}</span>'
        rows.append(
            f"<tr><td>{treatment_words.row_title(row)}</td>{arms}"
            f'<td class="num">{treatment_words.difference_words(row, row.difference)}{more}</td></tr>'
        )
    rows.append(_risk_row(answer))
    return (
        f'<div class="hcc-scroll"><table class="hcc-table tight hcc-numbers" data-testid="{test_id}">'
        f'<thead><tr><th></th>{heads}<th class="num">Difference{mark}</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div><p class='hcc-quiet' style='margin:0.2rem 0 0'>"
        f"In brackets: {100 * contrast.level:.0f} % intervals. Difference: hepatectomy minus TACE, in "
        f"percentage points and months.{treatment_words.individual_note(contrast)}</p>"
    )


def _risk_row(answer: TreatmentAnswer) -> str:
    """Where the patient stands against the median of each arm (HTML)."""
    from hccsurv_core.systems.treatment.arm_table import ARMS

    cells = "".join(
        f'<td class="num">{"▲ higher" if answer.high_risk[arm] else "▼ lower"}</td>' for arm in ARMS
    )
    return f"<tr><td>Risk against that arm's median</td>{cells}<td></td></tr>"


def manifest_of(view: StudyView, found: Answered, result: str, **more: Any) -> Manifest:
    """What stands behind a figure or a table."""
    entry = found.entry
    settings = {
        "patient": view.patient.pseudonym,
        "study_date": view.study.study_date or "no date",
        "answered_from": treatment_words.VERSIONS[found.answer.version],
        "recommendation": found.answer.recommendation.recommendation,
        "caveat": found.answer.recommendation.caveat,
        **more,
        "record": dict(found.profile.record),
        "limits": dict(found.model.description["settings"]["limits"]),
        "seed": found.model.description["seed"],
    }
    source = {
        "name": f"model {entry.name} ({entry.sha256[:12]}), {entry.trained_on}",
        "sha256": entry.sha256,
    }
    return Manifest(result, source, settings, found.simulated)


def curves(view: StudyView, found: Answered) -> None:
    """Both curves with their downloads."""
    from hccsurv_core.report.figures.treatment_charts import arm_curves_chart
    from hccsurv_core.systems.treatment.answer_table import answer_frame, curves_frame

    chart = arm_curves_chart(found.answer, found.training_arms, simulated=found.simulated)
    show_figure(
        chart,
        manifest_of(view, found, "Survival after hepatectomy and after TACE"),
        "treatment_curves",
        tables={
            "Both curves": curves_frame(found.answer),
            "Survival and months lived": answer_frame(
                found.answer.recommendation.findings.contrast
            ),
        },
        mark=treatment_words.simulated_mark(found.simulated),
    )
