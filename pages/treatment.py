"""Treatment: hepatectomy or TACE, or no recommendation, with everything that it rests on."""

from __future__ import annotations

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, treatment_reasons, treatment_words
from pages._shared.clinical_values import clinical_values_card
from pages._shared.ct_only import is_ct
from pages._shared.frame import require_study
from pages._shared.navigation import require_frame
from pages._shared.treatment_answer import Answered, NotAnswered, answer_patient
from pages._shared.treatment_files import answer_download
from pages._shared.treatment_glance import answer_card, chips_of, curves, numbers_table
from pages._shared.treatment_heat import heat_block
from pages._shared.treatment_missing import (
    images_line,
    missing_values,
    no_answer,
    real_patient_warning,
)
from pages._shared.treatment_try import try_values
from pages._shared.views import StudyView

require_frame()


def head(view: StudyView, found: Answered) -> None:
    """Which model, from what, how, and everything to take away."""
    left, right = st.columns([1.7, 1], vertical_alignment="center")
    left.html(components.chips(chips_of(view, found)))
    with right, st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        with st.popover(
            "How was this computed?", icon=":material/help:", type="tertiary", key="how_treatment"
        ):
            st.markdown(treatment_words.how_computed(found))
        answer_download(view, found)


def at_a_glance(view: StudyView, found: Answered) -> None:
    """The answer, both curves, and the numbers."""
    answer = found.answer
    with st.container(key="wide_layout_treatment"):
        left, right = st.columns([1, 1.12], gap="large")
        with left:
            st.html(
                answer_card(
                    answer.recommendation, simulated=found.simulated, kicker="Recommendation",
                    test_id="treatment_answer",
                )
            )  # fmt: skip
            st.html(numbers_table(answer, simulated=found.simulated, test_id="treatment_numbers"))
        with right:
            curves(view, found)


def why(view: StudyView, found: Answered) -> None:
    """Reasons beside the overlap, then rules, guidelines and scores."""
    with st.container(key="wide_layout_why"):
        left, right = st.columns([1, 1.12], gap="large")
        with left:
            treatment_reasons.reasons_block(found)
        with right:
            treatment_reasons.overlap_block(view, found)
    st.html('<div class="hcc-block-title">Scores and stages</div>')
    treatment_reasons.scores_row(found)
    titles = ["What guidelines say", "Rules that stop a recommendation"]
    if found.answer.version != "clinical":
        titles.append("Signs of the lesion on CT")
    guidelines, rules, *signs = st.tabs(titles)
    guidelines.html(treatment_reasons.guidelines_table(found))
    rules.html(treatment_reasons.rules_table(found))
    for tab in signs:
        tab.html(treatment_reasons.signs_table(found))


def draw(view: StudyView) -> None:
    """The page."""
    found = answer_patient(view)
    if isinstance(found, NotAnswered):
        no_answer(found)
        clinical_values_card(view)
        return
    head(view, found)
    with st.container():
        if found.simulated and not view.simulated:
            real_patient_warning()
        images_line(found)
    # Where what is missing decides, its form comes first.
    lacking = found.answer.recommendation.reasons[0].kind == "missing"
    if lacking:
        missing_values(view, found)
    at_a_glance(view, found)
    if not lacking:
        missing_values(view, found)
    why(view, found)
    heat_block(view, found)
    st.subheader("Try values", anchor=False)
    try_values(view, found)
    clinical_values_card(view)


view = require_study()
if view is not None and is_ct(view):
    try:
        draw(view)
    except HccsurvError as error:
        components.show_error(error)
