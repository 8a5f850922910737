"""Follow-up: baseline and follow-up CT under immunotherapy, scores, response, and what moved them."""

from __future__ import annotations

import streamlit as st

from hccsurv_core.errors import HccsurvError, InputError
from pages._shared import components, followup_answer, followup_missing, followup_words
from pages._shared.clinical_values import clinical_values_card
from pages._shared.ct_only import is_ct
from pages._shared.followup_answer import Answered
from pages._shared.followup_clinical import clinical_block
from pages._shared.followup_files import followup_downloads
from pages._shared.followup_films import films
from pages._shared.followup_heat import heat_block
from pages._shared.followup_measuring import (
    Measured,
    Task,
    active_model,
    measure_followup,
    task_of,
)
from pages._shared.followup_nomogram import nomogram_block
from pages._shared.followup_reading import scans_popover
from pages._shared.followup_response import response_block
from pages._shared.frame import require_study
from pages._shared.navigation import require_frame
from pages._shared.views import StudyView

require_frame()


def answer_of(view: StudyView, measured: Measured) -> Answered | HccsurvError | None:
    """The model's answer; what is wrong; None without a model."""
    active = active_model()
    if active is None or isinstance(active, HccsurvError):
        return active
    try:
        return followup_answer.answer_patient(view, *active, measured)
    except InputError as error:
        return error


def head(view: StudyView, task: Task, measured: Measured, found: Answered | None) -> None:
    """Which model, which scans, how, and everything to take away."""
    from hccsurv_core.systems.immunotherapy.response import judge_patient

    left, right = st.columns([1.2, 1], vertical_alignment="center")
    if found is not None:
        left.html(components.chips(followup_answer.model_chips(found)))
    with right, st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        with st.popover(
            "How was this computed?", icon=":material/help:", type="tertiary", key="how_followup"
        ):
            st.markdown(followup_words.HOW_COMPUTED)
            if found is not None:
                st.markdown(followup_words.model_words(found))
        scans_popover(view, task)
        response = judge_patient(measured.patient, measured.stored.reading)
        followup_downloads(view, measured, found, response)


def no_answer(found: HccsurvError | None) -> None:
    """Why no model answers."""
    active = active_model()
    if found is None:
        followup_missing.no_model()
    elif isinstance(active, HccsurvError):
        followup_missing.model_problem(found)
    else:
        st.info(
            "**No score yet.** Fill in the seven values of the clinical score, or outline lesions on the "
            "baseline scan.",
            icon=":material/edit:",
        )


def at_a_glance(view: StudyView, found: Answered) -> None:
    """Every score beside the curve of the one that answers."""
    with st.container(key="wide_layout_followup_scores"):
        left, right = st.columns([1.08, 1], gap="large")
    with left:
        st.html(followup_answer.scores_table(found))
    with right:
        followup_answer.survival_curve(view, found)


def more(view: StudyView, measured: Measured, found: Answered) -> None:
    """What moved the score, the nomogram, and where the network looked."""
    followup_answer.what_moved(view, found)
    nomogram_block(view, found)
    if measured.patient.has_lesions:
        heat_block(found, measured)


def draw(view: StudyView) -> None:
    """The page."""
    from hccsurv_core.systems.immunotherapy.response import judge_patient

    try:
        task = task_of(view)
    except InputError as error:
        followup_missing.no_scan(error)
        return
    measured = measure_followup(task)
    if not isinstance(measured, Measured):
        if measured.why == "begun":
            st.rerun()  # the strip at the top shows how far it is
        scans_popover(view, task)
        followup_missing.not_measured(measured)
        clinical_block(view)
        return
    answer = answer_of(view, measured)
    found = answer if isinstance(answer, Answered) else None
    response = judge_patient(measured.patient, measured.stored.reading)
    head(view, task, measured, found)
    followup_missing.lesions_line(measured)
    followup_missing.notes_of(measured)
    films(view, measured)
    followup_answer.verdict_cards(found, response)
    if isinstance(answer, Answered):
        followup_answer.answer_notes(view, answer)
        at_a_glance(view, answer)
    else:
        no_answer(answer)
    response_block(view, measured, response)
    clinical_block(view)
    if found is not None:
        more(view, measured, found)
    clinical_values_card(view)


components.page_title("Follow-up under immunotherapy")
view = require_study()
if view is not None and is_ct(view):
    try:
        draw(view)
    except HccsurvError as error:
        components.show_error(error)
