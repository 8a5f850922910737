"""The frame round every page: style, the quiet line, and the patient bar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from hccsurv_core.errors import HccsurvError, NotFoundError
from hccsurv_core.patient import PatientFacts
from pages._shared import components, formats, measuring, routes, views
from pages._shared.facts_form import facts_inputs, missing_facts
from pages._shared.formats import html
from pages._shared.session import session
from pages._shared.views import StudyView

ASSETS = Path(__file__).resolve().parents[2] / "assets"
#: Entries shown; the store keeps them all.
HISTORY_LENGTH = 40
RESEARCH_USE = "Research use. Not a medical device."


def draw_frame() -> None:
    """Style and the quiet line; called once per run, before the page."""
    st.html(ASSETS / "style.css")
    st.logo(str(ASSETS / "logo.svg"), icon_image=str(ASSETS / "icon.svg"), size="large")
    st.html(f'<div class="hcc-footer" role="note">{RESEARCH_USE}</div>')


def require_study() -> StudyView | None:
    """The study on view, with the patient bar drawn; without one, say so and return None."""
    state = session()
    if state.study_id is None:
        state.study_id = st.query_params.get("study")
    if state.study_id is not None:
        try:
            view = views.load_view(state.study_id)
        except NotFoundError:
            state.study_id = None
        except HccsurvError as error:
            components.show_error(error)
            return None
        else:
            # The address keeps the study, so that a reload comes back to it.
            st.query_params["study"] = str(state.study_id)
            patient_bar(view)
            return view
    components.empty_state(
        "No patient is open",
        "Open a patient from the worklist, upload a scan, or look at a demo patient first.",
        routes.WORKLIST,
        "Go to the worklist",
    )
    return None


def patient_bar(view: StudyView) -> None:
    """Who is on view, which scan, how far it is, and what to check."""
    with st.container(key="patient_bar"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.html(_patient_line(view), width="content")
            _facts_popover(view)
            st.space("stretch")
            _study_select(view)
            _delete_study_popover(view)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.html(components.chips(_chips(view)), width="content")
            _warnings_popover(view)
            _history_popover(view)


def _patient_line(view: StudyView) -> str:
    facts = view.patient.facts
    entries: list[tuple[str, str | None]] = [
        ("Sex", formats.sex_word(facts.sex)),
        ("Age", None if facts.age_years is None else f"{facts.age_years:.0f} y"),
        ("Height", None if facts.height_m is None else f"{facts.height_m * 100:.0f} cm"),
        ("Weight", None if facts.weight_kg is None else f"{facts.weight_kg:.0f} kg"),
    ]
    needed = set() if view.is_clip else {"Sex", "Height"}
    parts = [f'<b class="hcc-name">{html(view.patient.pseudonym)}</b>']
    for label, value in entries:
        missing = '<b class="hcc-missing">missing</b>' if label in needed else "–"
        parts.append(
            f'<span class="hcc-fact"><span>{label}</span>{html(value) if value else missing}</span>'
        )
    return f'<div class="hcc-patient">{"".join(parts)}</div>'


def _chips(view: StudyView) -> list[str]:
    parts = [components.simulated_chip()] if view.simulated else []
    if view.is_clip:
        return [*parts, components.chip("Ultrasound clip", sign="◌")]
    level = view.level
    if level is None:
        parts.append(components.state_chip("L3 level", None))
    elif view.level_needs_a_look:
        parts.append(
            components.chip(
                f"L3 level: please confirm ({level[0].confidence:.0%})", kind="look", sign="▲"
            )
        )
    else:
        parts.append(components.state_chip("L3 level", level[1], level[2]))
    outline = view.outline
    parts.append(
        components.state_chip(
            "Outline", outline.state if outline else None, outline.actor if outline else ""
        )
    )
    return parts


def _facts_popover(view: StudyView) -> None:
    missing = [] if view.is_clip else missing_facts(view.patient.facts)
    with st.popover(
        f"Add {' and '.join(missing)}" if missing else "Edit",
        icon=":material/edit:",
        type="secondary" if missing else "tertiary",
        help="Sex, age, height and weight",
        key="facts_popover",
    ):
        facts_form(view)


def facts_form(view: StudyView) -> None:
    """The form that edits the pseudonym and the patient's facts."""
    prefix = f"bar_{view.patient.id}"
    with st.form(f"{prefix}_form", border=False):
        pseudonym = st.text_input("Pseudonym", view.patient.pseudonym, key=f"{prefix}_pseudonym")
        facts = facts_inputs(view.patient.facts, prefix)
        if st.form_submit_button("Save", type="primary", key=f"{prefix}_save"):
            save_facts(view, facts, pseudonym)


def save_facts(view: StudyView, facts: PatientFacts, pseudonym: str | None = None) -> None:
    """Store the facts, measure again with them, and draw the page anew."""
    state = session()
    try:
        measuring.change_facts(
            view.patient,
            view.study.id,
            facts,
            actor=state.actor,
            pseudonym=pseudonym or view.patient.pseudonym,
        )
    except HccsurvError as error:
        components.show_error(error)
        return
    st.rerun()


def _study_label(study: Any) -> str:
    date = study.study_date or "no date"
    if study.study_date and getattr(study, "date_is_shifted", False):
        date += " (shifted)"
    phase = f", {study.phase.replace('_', ' ')}" if study.phase else ""
    extent = formats.plural(study.shape[0], "frame" if study.modality == "US" else "slice")
    return f"{date} · {study.modality}{phase} · {extent}"


def _study_select(view: StudyView) -> None:
    state = session()
    ids = [study.id for study in view.studies]
    labels = {study.id: _study_label(study) for study in view.studies}
    if len(ids) == 1:
        words = f'<span class="hcc-fact"><span>Study</span>{html(labels[ids[0]])}</span>'
        st.html(words, width="content")
        return
    chosen = st.selectbox(
        "Study",
        ids,
        index=ids.index(view.study.id),
        format_func=lambda study_id: labels[study_id],
        key=f"study_of_{view.patient.id}_{view.study.id}",
        label_visibility="collapsed",
        width=330,
    )
    if chosen != view.study.id:
        state.study_id = chosen
        st.rerun()


def _delete_study_popover(view: StudyView) -> None:
    """One of several studies can go alone; the last one goes with the patient, on the worklist."""
    others = [study for study in view.studies if study.id != view.study.id]
    if not others:
        return
    with st.popover(
        "Delete study", icon=":material/delete:", type="tertiary", key="delete_study_popover"
    ):
        st.markdown(
            f"**Delete this study?** {_study_label(view.study)}, with its outlines and "
            "measurements, will be removed from this data folder. This cannot be undone."
        )
        if st.button("Delete", type="primary", key="delete_study_yes", icon=":material/delete:"):
            state = session()
            views.open_store().delete_study(view.study.id, actor=state.actor)
            state.study_id = others[0].id
            state.notice = ("success", "The study was deleted.")
            st.rerun()


def _warnings_popover(view: StudyView) -> None:
    warnings = view.warnings
    if not warnings and view.outline is None and not view.is_clip:
        return
    if not warnings:
        st.html(components.chip("No warnings", kind="good", sign="✓"), width="content")
        return
    with st.popover(
        formats.plural(len(warnings), "warning"),
        icon=":material/warning:",
        type="tertiary",
        key="warnings_popover",
    ):
        st.markdown("**What to check**")
        for text in warnings:
            st.markdown(f"- {formats.plain(text)}")


def _history_popover(view: StudyView) -> None:
    """Who did what when, newest first."""
    with st.popover("History", icon=":material/history:", type="tertiary", key="history_popover"):
        rows = "".join(
            f"<tr><td style='white-space:nowrap'>{entry.at:%Y-%m-%d %H:%M} UTC</td>"
            f"<td>{html(entry.actor)}</td><td>{html(entry.detail or entry.action)}</td></tr>"
            for entry in views.open_store().history(view.patient.id)[:HISTORY_LENGTH]
        )
        st.html(
            '<table class="hcc-table"><thead><tr><th>When</th><th>Who</th><th>What</th></tr>'
            f"</thead><tbody>{rows}</tbody></table>"
        )
