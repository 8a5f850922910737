"""What the active model of system 4 says of the patient on view: scores, survival, what moved them."""

from __future__ import annotations

from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.report.manifest import Manifest
from pages._shared import components, formats, treatment_words
from pages._shared.figures import ink, show_figure, show_table
from pages._shared.followup_measuring import Measured, image_values
from pages._shared.formats import html

if TYPE_CHECKING:
    from pandas import DataFrame

    from hccsurv_core.cohort.model_library import ModelEntry
    from hccsurv_core.systems.immunotherapy.answer import ImmunotherapyAnswer, VersionAnswer
    from hccsurv_core.systems.immunotherapy.model import ImmunotherapyModel
    from hccsurv_core.systems.immunotherapy.response import PatientResponse
    from pages._shared.views import StudyView

_RISKS = {True: ("▲", "High risk", "low"), False: ("▼", "Low risk", "ok")}


@dataclass(frozen=True, eq=False)
class Answered:
    """An answer with what it rests on."""

    answer: ImmunotherapyAnswer
    model: ImmunotherapyModel
    entry: ModelEntry

    @property
    def simulated(self) -> bool:
        """Whether the model learned from simulated patients."""
        return self.entry.simulated or self.model.simulated


def answer_patient(
    view: StudyView, entry: ModelEntry, model: ImmunotherapyModel, measured: Measured | None
) -> Answered:
    """The answer for the patient on view.

    Args:
        measured: both scans; None answers from the clinical score alone.

    Raises:
        InputError: nothing is known that a model takes, or a value is not possible.
    """
    from hccsurv_core.systems.patient_profile import profile_of
    from hccsurv_core.systems.treatment.stored_patient import record_of_patient

    profile = profile_of(record_of_patient(view.patient.facts, view.clinical_values))
    usable = measured is not None and measured.patient.has_lesions
    values = None
    if measured is not None and usable and "baseline_liver" in measured.patient.slices:
        values = image_values(measured, model, measured.stored.reading)
    followed = measured is not None and values is not None and measured.patient.followed
    return Answered(model.answer(profile, values, followup=followed), model, entry)


def model_chips(found: Answered) -> list[str]:
    """Which model answered, from what."""
    from hccsurv_core.systems.immunotherapy.versions import VERSION_WORDS

    parts = []
    if found.simulated:
        parts.append(components.chip(treatment_words.SIMULATED, kind="sim", sign="◇"))
    parts.append(components.chip(f"Model: {found.entry.name}", title=found.entry.trained_on))
    words = VERSION_WORDS[found.answer.version]
    parts.append(components.chip(f"From {words}", sign="●", kind="good"))
    return parts


def answer_notes(view: StudyView, found: Answered) -> None:
    """What to mind before believing it."""
    if found.simulated and not view.simulated:
        st.warning(
            "**Do not use this answer for this patient.** The model learned from patients drawn by a "
            "computer. It shows how this page works until a model of your own patients is published.",
            icon=":material/science:",
        )
    if found.answer.warnings:
        told = "\n".join(f"- {formats.plain(formats.sentence(w))}" for w in found.answer.warnings)
        st.warning(f"**Check before believing it:**\n\n{told}", icon=":material/warning:")
    for text in found.answer.notes:
        st.html(f'<p class="hcc-quiet" style="margin:0">{html(text)}</p>')


def verdict_cards(found: Answered | None, response: PatientResponse | None) -> None:
    """The model's risk group beside RECIST 1.1 and mRECIST."""
    with st.container(key="wide_layout_followup_verdicts"):
        columns = st.columns(3, gap="small")
    with columns[0]:
        st.html(_risk_card(found))
    for column, criterion in zip(columns[1:], ("recist", "mrecist"), strict=True):
        with column:
            st.html(response_card(response, criterion))


def _risk_card(found: Answered | None) -> str:
    if found is None:
        return _card("Model", "?", "No answer", "No model answers: see below.", "followup_risk", "")
    main = found.answer.main
    sign, word, kind = _RISKS[main.high_risk]
    mark = treatment_words.simulated_mark(found.simulated)
    alive = main.survival_at.value[0]
    text = (
        f"{main.version}: a higher score than {100 * main.percentile:.0f} % of the training patients. "
        f"Alive {main.horizons_months[0]:g} months {main.clock}: "
        f"{unescape(treatment_words.percent(alive))} %."
    )
    return _card("Model's risk group", sign, word, text, "followup_risk", kind, mark)


def response_card(response: PatientResponse | None, criterion: str) -> str:
    """One criterion's category and its reason (HTML)."""
    from pages._shared.followup_words import CATEGORY_SIGNS

    title = {"recist": "RECIST 1.1", "mrecist": "mRECIST"}[criterion]
    test_id = f"followup_{criterion}"
    if response is None:
        text = "Needs lesions outlined at baseline, and a follow-up scan that was read."
        return _card(title, "?", "Not judged", text, test_id, "unknown")
    told = response.recist if criterion == "recist" else response.mrecist
    reason = formats.sentence(told.reason.removeprefix("not known, because ").replace("(-", "(−"))
    if told.category is None:
        return _card(title, "?", "Not known", reason, test_id, "unknown")
    sign, kind = CATEGORY_SIGNS[told.category]
    word = f"{(told.word or '').capitalize()} ({told.category})"
    return _card(title, sign, word, reason, test_id, kind)


_EDGES = {"low": "#D55E00", "ok": "#0072B2"}


def _card(
    kicker: str, sign: str, word: str, text: str, test_id: str, kind: str, mark: str = ""
) -> str:
    """A verdict by sign and word, with its reason (HTML)."""
    edge = _EDGES.get(kind, "#8793A0")
    return (
        f'<div class="hcc-answer hcc-verdict-card" style="border-left-color:{edge}" data-testid="{test_id}">'
        f'<span class="hcc-kicker">{html(kicker)}</span>'
        f'<div class="word"><i aria-hidden="true">{sign}</i>{html(word)} {mark}</div>'
        f"<p>{html(text)}</p></div>"
    )


def scores_table(found: Answered) -> str:
    """Every version that could answer: group, percentile, survival, clock (HTML)."""
    mark = treatment_words.small_mark(found.simulated)
    horizons = found.answer.main.horizons_months
    heads = "".join(f'<th class="num">{h:g} months{mark}</th>' for h in horizons)
    versions = list(found.answer.versions.values())
    rows = ""
    for clock in dict.fromkeys(v.clock for v in versions):
        rows += f'<tr class="hcc-group"><td colspan="{3 + len(horizons)}">Survival {html(clock)}</td></tr>'
        rows += "".join(_score_row(v, found.answer.version) for v in versions if v.clock == clock)
    return (
        '<div class="hcc-scroll"><table class="hcc-table tight hcc-numbers" data-testid="followup_scores">'
        f'<thead><tr><th>Score</th><th>Risk</th><th class="num">Percentile{mark}</th>{heads}</tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
        '<p class="hcc-quiet" style="margin:0.2rem 0 0">Alive at 12 and 24 months, 95 % intervals in '
        "brackets. Percentile: share of the training patients with a lower score. "
        "Compare survival only between scores with one clock.</p>"
    )


def _score_row(version: VersionAnswer, chosen: str) -> str:
    from hccsurv_core.systems.immunotherapy.versions import VERSION_WORDS

    sign, word, kind = _RISKS[version.high_risk]
    s = version.survival_at
    cells = "".join(
        f'<td class="num">{treatment_words.percent(s.value[i])} % <span class="iv">'
        f"({100 * s.low[i]:.0f}–{100 * s.high[i]:.0f})</span></td>"
        for i in range(len(version.horizons_months))
    )
    answers = ' <span class="hcc-chip good">answers</span>' if version.version == chosen else ""
    return (
        f"<tr><td><b>{html(version.version)}</b>{answers}<span class='sub'>"
        f"{html(VERSION_WORDS[version.version])}</span></td>"
        f'<td><span class="hcc-verdict {kind}"><i aria-hidden="true">{sign}</i>{word.split()[0]}</span></td>'
        f'<td class="num">{100 * version.percentile:.0f}</td>{cells}</tr>'
    )


def survival_curve(view: StudyView, found: Answered) -> None:
    """The answering version's curve with its band."""
    from hccsurv_core.report.figures.followup_charts import version_survival_chart

    chart = version_survival_chart(found.answer.main, ink())
    show_figure(
        chart, manifest_of(view, found, chart.title), "followup_survival",
        mark=treatment_words.simulated_mark(found.simulated),
    )  # fmt: skip


def what_moved(view: StudyView, found: Answered) -> None:
    """Parts of the score as bars, and every covariate as a table."""
    from hccsurv_core.report.figures.followup_charts import parts_chart

    chart = parts_chart(found.answer.main)
    mark = treatment_words.simulated_mark(found.simulated)
    with st.container(key="wide_layout_followup_moved"):
        left, right = st.columns([1, 1.15], gap="large")
    with left:
        show_figure(chart, manifest_of(view, found, chart.title), "followup_parts", mark=mark)
    with right:
        show_table(
            contributions_html(found), contributions_frame(found),
            manifest_of(view, found, "Contributions to the score"), "followup_contributions",
            title="Value by value", mark=mark,
        )  # fmt: skip


def contributions_frame(found: Answered) -> DataFrame:
    """Every covariate with what it adds."""
    import pandas as pd

    return pd.DataFrame([c.to_json() for c in found.answer.main.contributions])


def contributions_html(found: Answered) -> str:
    """Covariates, the strongest first (HTML)."""
    import math

    from hccsurv_core.systems.immunotherapy.answer import PARTS

    rows = []
    for c in found.answer.main.contributions:
        factor = math.exp(c.log_hazard)
        sign = "▲" if factor > 1.005 else "▼" if factor < 0.995 else "●"
        rows.append(
            f"<tr><td>{html(c.label)}</td><td>{PARTS[c.part]}</td>"
            f'<td class="num">{html(c.text.replace("-", "−"))}</td>'
            f'<td class="num">{sign} × {factor:.2f}</td></tr>'
        )
    return (
        '<div class="hcc-scroll"><table class="hcc-table tight" data-testid="followup_contributions">'
        '<thead><tr><th>Value</th><th>Part</th><th class="num">This patient</th>'
        f'<th class="num">Hazard</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        '<p class="hcc-quiet" style="margin:0">Factors against the average training patient; ▲ is '
        "worse.</p>"
    )


def manifest_of(view: StudyView, found: Answered, result: str) -> Manifest:
    """What stands behind a figure or a table."""
    entry = found.entry
    settings = {"patient": view.patient.pseudonym, "version": found.answer.version}
    source = {
        "name": f"model {entry.name} ({entry.sha256[:12]}), {entry.trained_on}",
        "sha256": entry.sha256,
    }
    return Manifest(result, source, settings, found.simulated)
