"""The page Treatment, why: reasons and cautions, overlap, rules, guidelines, and the scores behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pages._shared import treatment_words
from pages._shared.figures import show_figure
from pages._shared.formats import html, plain, sentence
from pages._shared.treatment_glance import manifest_of
from pages._shared.treatment_words import linked

if TYPE_CHECKING:
    from hccsurv_core.features.clinical_scores.result import ClinicalScore
    from hccsurv_core.systems.treatment.recommendation_words import Reason
    from pages._shared.treatment_answer import Answered
    from pages._shared.views import StudyView

_STATES = {"hit": ("▲", "found"), "clear": ("✓", "not found"), "unknown": ("?", "not checked")}
_SCORES = ("albi", "child_pugh", "bclc", "cnlc", "fib4")


def reasons_block(found: Answered) -> None:
    """Reasons and cautions as lists, each with its source."""
    recommendation = found.answer.recommendation
    # What is said of overlap stands under its chart.
    further = [r for r in recommendation.reasons[1:] if r.kind != "overlap"]
    if further:
        none = recommendation.recommendation == "none"
        title = "What else, and what is expected all the same" if none else "Further reasons"
        st.html(f'<div class="hcc-block-title">{title}</div>')
        st.html(reason_list(further, "treatment_reasons"))
    cautions = [r for r in recommendation.cautions if r.kind != "overlap"]
    if cautions or found.answer.notes:
        st.html('<div class="hcc-block-title">What to mind</div>')
        notes = "".join(f"<li><p>{html(note)}</p></li>" for note in found.answer.notes)
        st.html(reason_list(cautions, "treatment_cautions", notes))


def reason_list(reasons: Sequence[Reason], test_id: str, more: str = "") -> str:
    """Reasons with what they are about and their sources (HTML)."""
    items = "".join(
        f"<li><b>{treatment_words.REASON_TITLES[r.kind]}</b><p>{html(r.text)}"
        + (f'<span class="sub">{linked(r.source)}</span>' if r.source else "")
        + "</p></li>"
        for r in reasons
    )
    return f'<ol class="hcc-reasons" data-testid="{test_id}">{items}{more}</ol>'


def overlap_block(view: StudyView, found: Answered) -> None:
    """Whether patients like this one were treated both ways, as a chart and in words."""
    from hccsurv_core.report.figures.treatment_charts import overlap_chart

    findings = found.answer.recommendation.findings
    overlap = findings.overlap
    models = found.model.recommenders[found.answer.version]
    chart = overlap_chart(models.overlap, overlap, simulated=found.simulated)
    if len(findings.missing) > models.settings.max_missing * len(models.names):
        word = ("?", "Too little is known of this patient: what follows is of a typical one")
    elif overlap.supported:
        word = ("✓", "Both treatments were given to patients like this one")
    else:
        word = ("▲", "Hardly any patient like this one was treated both ways")
    st.html(
        f'<p class="hcc-says"><i class="hcc-sign {"ok" if word[0] == "✓" else "look"}" '
        f'aria-hidden="true">{word[0]}</i> <b>{word[1]}.</b></p>'
    )
    show_figure(
        chart, manifest_of(view, found, "Overlap of the treatment arms"), "treatment_overlap",
        mark=treatment_words.simulated_mark(found.simulated),
    )  # fmt: skip


def rules_table(found: Answered) -> str:
    """Each rule: found, not found, or not checked (HTML)."""
    from hccsurv_core.systems.treatment.answer_table import rules_looked_at
    from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS

    rows = []
    for rule, state in rules_looked_at(found.answer.recommendation.findings.rules):
        sign, word = _STATES[state]
        bars = "both treatments" if len(rule.bars) == len(ARMS) else ARM_WORDS[rule.bars[0]]
        rows.append(
            f'<tr class="{"hcc-low" if state == "hit" else ""}"><td><span class="hcc-verdict '
            f'{"low" if state == "hit" else "ok" if state == "clear" else "unknown"}">'
            f'<i aria-hidden="true">{sign}</i>{word}</span></td><td><b>{html(rule.what)}</b>'
            f'<span class="sub">{html(rule.why)}</span></td><td>{bars}</td>'
            f'<td><span class="sub">{linked(rule.source)}</span></td></tr>'
        )
    return (
        '<div class="hcc-scroll"><table class="hcc-table tight" data-testid="treatment_rules"><thead>'
        "<tr><th>State</th><th>Finding</th><th>Stands against</th><th>Source</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def guidelines_table(found: Answered) -> str:
    """What guidelines say of the patient's stage (HTML)."""
    from hccsurv_core.systems.treatment.arm_table import ARM_WORDS, ARMS
    from hccsurv_core.systems.treatment.guidelines import SYSTEM_WORDS

    facts = found.profile.facts
    rows = []
    for s in found.answer.recommendation.findings.guidelines.statements:
        places = "".join(
            f"<td class='name'>{'★ first choice' if arm in s.first else '✓ possible' if arm in s.open_to else '✕ not named'}</td>"
            for arm in ARMS
        )
        rows.append(
            f"<tr><td class='name'><b>{html(s.guideline)}</b><span class='sub'>{SYSTEM_WORDS[s.system]} "
            f"{html(facts[s.system])}</span></td><td>{html(s.says)}"
            f'<span class="sub">{linked(s.source)}; {html(s.checked)}</span></td>{places}</tr>'
        )
    if not rows:
        return '<p class="hcc-quiet">No stage is known, so no guideline can be looked up.</p>'
    heads = "".join(
        f"<th>{ARM_WORDS[arm].capitalize() if arm != 'tace' else 'TACE'}</th>" for arm in ARMS
    )
    return (
        '<div class="hcc-scroll"><table class="hcc-table tight" data-testid="treatment_guidelines">'
        f"<thead><tr><th>Guideline</th><th>Says of this stage</th>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def signs_table(found: Answered) -> str:
    """What was measured on the lesion, and what the training patients had (HTML)."""
    from hccsurv_core.systems.treatment.signs import SIGN, SIGNS
    from hccsurv_core.systems.treatment.trial import sign_trials

    if found.image_values is None:
        return ""
    ranges = found.model.recommenders[found.answer.version].ranges
    values = sign_trials(found.model.description["image_covariates"], ranges, found.image_values)
    meanings = {SIGN + sign.name: sign.meaning for sign in SIGNS}
    rows = []
    for value in values:
        column = ranges.names.index(value.name)
        low, high = ranges.low[:, column].min(), ranges.high[:, column].max()
        rows.append(
            f"<tr><td><b>{html(value.label)}</b><span class='sub'>"
            f"{html(meanings.get(value.name, ''))}</span></td>"
            f'<td class="num"><span class="big">{_number(value.known)}</span> '
            f'<span class="unit">{html(value.unit)}</span></td>'
            f'<td class="num">{_number(low)} to {_number(high)}</td></tr>'
        )
    return (
        '<div class="hcc-scroll"><table class="hcc-table tight" data-testid="treatment_signs"><thead>'
        '<tr><th>Sign</th><th class="num">This lesion</th><th class="num">Training patients</th></tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def scores_row(found: Answered) -> None:
    """Scores and stages, each with its parts, formula and source in a popover."""
    with st.container(horizontal=True, gap="small", key="treatment_scores"):
        for key in _SCORES:
            score = found.profile.scores[key]
            with st.popover(_score_label(score), key=f"score_{key}"):
                st.markdown(_score_words(score, found.profile.facts.get(f"{key}_stage")))


def _score_label(score: ClinicalScore) -> str:
    # "ALBI", not "ALBI score": buttons are small.
    title = score.definition.title.rsplit(" ", 1)[0]
    if score.value is None and score.code is None:
        return f"{title}: not known"
    word = score.word or ""
    if score.value is None or score.definition.key in ("bclc", "cnlc"):
        return f"{title}: {word}"
    unit = f" {score.unit}" if score.unit else ""
    return f"{title}: {_number(score.value)}{unit}" + (f", {word}" if word else "")


def _score_words(score: ClinicalScore, recorded: str | None) -> str:
    definition = score.definition
    lines = [f"**{plain(definition.title)}**: {plain(definition.about)}", ""]
    if score.reason is not None:
        lines += [plain(sentence(score.reason)), ""]
        if recorded is not None and score.code is None:
            lines += [f"Stage {plain(str(recorded))} as recorded is taken.", ""]
    lines += ["| Value | This patient | Counts |", "|---|---|---|"]
    for part in score.parts:
        counts = part.reason
        if part.points is not None:
            counts = _number(part.points)
        if part.points is not None and part.reason:
            counts += f" ({part.reason})"
        lines.append(f"| {plain(part.label)} | {plain(part.given)} | {plain(counts)} |")
    lines += ["", f"**Formula**: {plain(definition.formula)}"]
    lines += [f"- {plain(note)}" for note in score.notes]
    lines += ["", f"Source: {plain(definition.source)}"]
    return "\n".join(lines)
