"""What the active model of system 3 says of the patient on view: recurrence, survival, class of four."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import HccsurvError, InputError
from hccsurv_core.report.manifest import Manifest
from pages._shared import components, formats, routes, treatment_words
from pages._shared.figures import ink, show_figure, show_table
from pages._shared.formats import html

if TYPE_CHECKING:
    from pandas import DataFrame

    from hccsurv_core.cohort.model_library import ModelEntry
    from hccsurv_core.systems.ceus.answer import CeusAnswer
    from hccsurv_core.systems.ceus.model import CeusModel
    from hccsurv_core.systems.patient_profile import Profile
    from pages._shared.ceus_measuring import MeasuredClip
    from pages._shared.views import StudyView

_GROUPS = {
    "liver": "Liver", "tumor": "Tumor, clinical", "patient": "Patient", "image": "Pictures",
}  # fmt: skip
#: Contributions shown at once; all are in the download.
_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Answered:
    """An answer with what it rests on.

    Args:
        from_clip: what of the record the clip told, as a sentence; empty where it told nothing.
    """

    answer: CeusAnswer
    model: CeusModel
    entry: ModelEntry
    profile: Profile
    from_clip: str = ""

    @property
    def simulated(self) -> bool:
        """Whether the model learned from simulated patients."""
        return self.entry.simulated or self.model.simulated


def answer_patient(
    view: StudyView, entry: ModelEntry, model: CeusModel, measured: MeasuredClip | None
) -> Answered:
    """The answer for the patient on view.

    Raises:
        InputError: a value of the record is not possible.
    """
    from hccsurv_core.systems.ceus.clip_case import record_with_clip
    from hccsurv_core.systems.ceus.covariates import PORTAL_WASHOUT
    from hccsurv_core.systems.patient_profile import profile_of
    from hccsurv_core.systems.treatment.stored_patient import record_of_patient

    values = None if measured is None else measured.image_values
    record, note = record_with_clip(
        record_of_patient(view.patient.facts, view.clinical_values),
        None if measured is None else measured.perfusion,
    )
    profile = profile_of(record)
    if not any(c.name == PORTAL_WASHOUT for c in model.covariates):
        note = ""
    return Answered(model.answer(profile, values), model, entry, profile, note)


def no_model() -> None:
    """Nobody activated a model."""
    components.empty_state(
        "No model of recurrence and survival is active",
        "Train one on a CEUS cohort, or activate one in the library; the curves need none.",
        routes.MODEL_LIBRARY,
        "Open the model library",
    )


def model_problem(error: HccsurvError) -> None:
    """The active model cannot be used."""
    st.error(
        f"**The active model cannot be used.** {formats.error_text(error)}", icon=":material/error:"
    )


def answer_block(view: StudyView, found: Answered, problem: InputError | None) -> None:
    """Class, recurrence and survival, and what moved them."""
    if found.simulated and not view.simulated:
        st.warning(
            "**Do not use this answer for this patient.** The model learned from patients drawn by a "
            "computer. It shows how this page works until a model of your own patients is published.",
            icon=":material/science:",
        )
    st.html(components.chips(_chips(found)))
    _notes(found, problem)
    with st.container(key="wide_layout_ceus_answer"):
        left, right = st.columns([1, 1.15], gap="large")
    with left:
        st.html(class_card(found))
        st.html(numbers_html(found))
    with right:
        _curves(view, found)
    _contributions(view, found)
    _classes(view, found)


def _chips(found: Answered) -> list[str]:
    from hccsurv_core.systems.ceus.settings import VERSION_WORDS

    parts = []
    if found.simulated:
        parts.append(components.chip(treatment_words.SIMULATED, kind="sim", sign="◇"))
    parts.append(components.chip(f"Model: {found.entry.name}", title=found.entry.trained_on))
    words = VERSION_WORDS[found.answer.version]
    parts.append(components.chip(f"From {words}", sign="●", kind="good"))
    return parts


def _notes(found: Answered, problem: InputError | None) -> None:
    if problem is not None:
        st.info(
            f"**The pictures could not be used.** {formats.error_text(problem)}",
            icon=":material/image_not_supported:",
        )
    for text in found.answer.warnings:
        st.warning(formats.plain(formats.sentence(text)), icon=":material/warning:")
    for text in (found.from_clip, *found.answer.notes):
        if not text:
            continue
        st.html(f'<p class="hcc-quiet" style="margin:0">{html(text)}</p>')


def class_card(found: Answered) -> str:
    """The class, how sure it is, and what that means (HTML)."""
    from hccsurv_core.report.figures.ceus_style import CLASS_COLORS

    answer = found.answer
    number = answer.class_number
    chances = " · ".join(f"class {k + 1}: {100 * c:.0f} %" for k, c in enumerate(answer.chances))
    mark = treatment_words.simulated_mark(found.simulated)
    words = answer.class_words[:1].upper() + answer.class_words[1:]
    return (
        f'<div class="hcc-answer" style="border-left-color:{CLASS_COLORS[number]}" '
        'data-testid="ceus_class">'
        '<span class="hcc-kicker">Class of four</span>'
        f'<div class="word">Class {number} {mark}</div><p>{html(words)}.</p>'
        f'<p class="caveat">Share of equally likely models: {html(chances)}. Cut-offs were learned '
        "from training patients; a class is a coarse word for two numbers.</p></div>"
    )


def numbers_html(found: Answered) -> str:
    """Probabilities with intervals and places among the training patients (HTML)."""
    answer = found.answer
    mark = treatment_words.small_mark(found.simulated)
    early = answer.early
    rows = [
        (
            "Recurrence within 12 months",
            _percent(float(early.value), float(early.low), float(early.high)),
            f"{100 * answer.percentiles['early_recurrence']:.0f} %",
        )
    ]
    at = answer.survival_at
    for i, h in enumerate(answer.horizons_months):
        place = f"{100 * answer.percentiles['death']:.0f} %" if i == 0 else ""
        rows.append((f"Alive at {h:g} months", _percent(at.value[i], at.low[i], at.high[i]), place))
    body = "".join(
        f'<tr><td>{html(name)}</td><td class="num">{value}</td><td class="num">{place}</td></tr>'
        for name, value, place in rows
    )
    return (
        '<div class="hcc-scroll"><table class="hcc-table tight hcc-numbers" data-testid="ceus_numbers">'
        f'<thead><tr><th></th><th class="num">Probability{mark}</th>'
        '<th class="num" title="Share of the training patients with a lower predicted risk">'
        f"Risk above{mark}</th></tr></thead><tbody>{body}</tbody></table></div>"
        '<p class="hcc-quiet" style="margin:0.2rem 0 0">In brackets: 95 % intervals. Risk above: share '
        "of the training patients with a lower predicted risk, of recurrence and of death.</p>"
    )


def _percent(value: float, low: float, high: float) -> str:
    return f"{100 * value:.0f} % ({100 * low:.0f}–{100 * high:.0f})"


def _curves(view: StudyView, found: Answered) -> None:
    from hccsurv_core.report.figures.ceus_patient_charts import (
        patient_recurrence_chart,
        patient_survival_of,
    )

    survival, recurrence = st.tabs(["Survival", "Recurrence"])
    mark = treatment_words.simulated_mark(found.simulated)
    for tab, chart, key in (
        (survival, patient_survival_of(found.answer, ink()), "survival"),
        (recurrence, patient_recurrence_chart(found.answer), "recurrence"),
    ):
        with tab:
            show_figure(chart, manifest_of(view, found, chart.title), f"ceus_{key}", mark=mark)


def _contributions(view: StudyView, found: Answered) -> None:
    show_table(
        contributions_html(found), contributions_frame(found),
        manifest_of(view, found, "What moved the prediction"), "ceus_contributions",
        title="What moved the prediction", mark=treatment_words.simulated_mark(found.simulated),
    )  # fmt: skip


def contributions_frame(found: Answered) -> DataFrame:
    """Every covariate with what it adds."""
    import pandas as pd

    return pd.DataFrame([c.to_json() for c in found.answer.contributions])


def contributions_html(found: Answered) -> str:
    """The covariates that matter most for this patient (HTML)."""
    rows = "".join(
        f"<tr><td>{html(c.label)}</td><td>{_GROUPS.get(c.group, c.group)}</td>"
        f'<td class="num">{html(c.text.replace("-", "−"))}</td><td class="num">{_arrow(c.early_log_odds)}</td>'
        f'<td class="num">{_arrow(c.death_log_hazard)}</td></tr>'
        for c in found.answer.contributions[:_SHOWN]
    )
    return (
        '<div class="hcc-scroll"><table class="hcc-table tight" data-testid="ceus_contributions">'
        '<thead><tr><th>Value</th><th>About</th><th class="num">This patient</th>'
        '<th class="num">Odds of early recurrence</th><th class="num">Hazard of death</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
        '<p class="hcc-quiet" style="margin:0">Factors against the average training patient; ▲ is '
        "worse. All covariates are in the download.</p>"
    )


def _arrow(logarithm: float) -> str:
    import math

    factor = math.exp(logarithm)
    sign = "▲" if factor > 1.005 else "▼" if factor < 0.995 else "●"
    return f"{sign} × {factor:.2f}"


def _classes(view: StudyView, found: Answered) -> None:
    """How the training patients of each class fared."""
    with st.expander("The four classes", icon=":material/grid_view:", key="ceus_four_classes"):
        st.html(classes_html(found))
        rule = found.model.rules[found.answer.version]
        st.html(
            f'<p class="hcc-quiet">Likely to recur: {html(rule.recurrence.words)}. High risk of death: '
            f"{html(rule.survival.words)}. Learned from scores of training patients by models that had "
            "not seen them.</p>"
        )


def classes_html(found: Answered) -> str:
    """The training patients of each class, as observed (HTML)."""
    from hccsurv_core.report.figures.ceus_style import CLASS_COLORS
    from hccsurv_core.systems.ceus.risk_classes import class_of

    answer = found.answer
    mark = treatment_words.small_mark(found.simulated)
    heads = "".join(
        f'<th class="num">Alive at {h:g} months{mark}</th>' for h in answer.horizons_months
    )
    rows = []
    for row in answer.training_classes:
        told = class_of(row["class"])
        own = ' class="chosen"' if row["class"] == answer.class_number else ""
        early = row["early_recurrence"]
        alive = "".join(f'<td class="num">{_interval(s)}</td>' for s in row["survival"])
        rows.append(
            f'<tr{own}><td><span class="hcc-swatch" style="background:{CLASS_COLORS[row["class"]]}"></span>'
            f"<b>Class {row['class']}</b><span class='sub'>{html(told.words)}</span>"
            f'</td><td class="num">{row["n"]} ({row["n_events"]})</td>'
            f'<td class="num">{_interval(early)}</td>{alive}</tr>'
        )
    return (
        '<div class="hcc-scroll"><table class="hcc-table" data-testid="ceus_classes"><thead><tr>'
        f'<th>Class</th><th class="num">Training patients (deaths){mark}</th>'
        f'<th class="num">Recurred within 12 months{mark}</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{_published()}"
    )


def _published() -> str:
    """What the paper says of its own classes (HTML)."""
    from hccsurv_core.systems.ceus.risk_classes import CLASSES

    return "".join(
        f'<p class="hcc-quiet" style="margin:0.2rem 0 0">Published of class {c.number}: '
        f"{html(c.published)}.</p>"
        for c in CLASSES
        if c.published
    )


def _interval(e: Mapping[str, float | None]) -> str:
    value, low, high = e["value"], e["ci_low"], e["ci_high"]
    if value is None or value != value:
        return "–"
    if low is None or high is None or low != low:
        return f"{100 * value:.0f} %"
    return f"{100 * value:.0f} % ({100 * low:.0f}–{100 * high:.0f})"


def manifest_of(view: StudyView, found: Answered, result: str) -> Manifest:
    """What stands behind a figure or a table."""
    entry = found.entry
    settings = {"patient": view.patient.pseudonym, "version": found.answer.version}
    source = {
        "name": f"model {entry.name} ({entry.sha256[:12]}), {entry.trained_on}",
        "sha256": entry.sha256,
    }
    return Manifest(result, source, settings, found.simulated)
