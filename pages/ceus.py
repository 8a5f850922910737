"""CEUS: a clip with its regions, time-intensity curves, peak frame; recurrence, survival, class of four."""

from __future__ import annotations

import streamlit as st

from hccsurv_core.errors import HccsurvError, InputError
from pages._shared import ceus_perfusion, components, formats, routes
from pages._shared.ceus_answer import (
    answer_block,
    answer_patient,
    model_problem,
    no_model,
)
from pages._shared.ceus_clip import clip_chips, clip_settings, editor, notes_of
from pages._shared.ceus_files import clip_download
from pages._shared.ceus_measuring import (
    MeasuredClip,
    NotMeasured,
    active_model,
    forget_measurement,
    measure_clip,
    outlines_of,
)
from pages._shared.ceus_words import HOW_COMPUTED
from pages._shared.clinical_values import clinical_values_card
from pages._shared.frame import require_study
from pages._shared.navigation import require_frame
from pages._shared.views import StudyView, open_store

require_frame()


def not_measured(found: NotMeasured, view: StudyView) -> None:
    """Why there are no curves, and what to do."""
    match found.why:
        case "outline":
            st.info(
                "**Outline the lesion first.** Press “+ Region”, draw “Lesion” on a frame that shows it "
                "well, then “+ Region” again and draw “Reference liver” beside it, at the same depth.",
                icon=":material/draw:",
            )
        case "still":
            st.info(
                "This is a still: it has no curve. A clip of the agent's passage gives one.",
                icon=":material/image:",
            )
        case _ if found.running:
            st.info("Curves are being measured …", icon=":material/hourglass_top:")
        case _:
            text = "The measurement was cancelled."
            if found.error is not None:
                text = formats.error_text(found.error)
            st.warning(text, icon=":material/error:")
            if st.button("Measure again", key="ceus_again", icon=":material/replay:"):
                forget_measurement(view)
                st.rerun()


def at_a_glance(view: StudyView, measured: MeasuredClip | NotMeasured) -> None:
    """The curves with what stands out of them, or why there are none."""
    if isinstance(measured, NotMeasured):
        if measured.why == "begun":
            st.rerun()  # the strip at the top shows how far it is
        not_measured(measured, view)
        return
    with st.container(key="wide_layout_ceus"):
        left, right = st.columns([1.6, 1], gap="large")
    with left:
        ceus_perfusion.curve_block(view, measured.perfusion)
    with right:
        st.html(components.chips(ceus_perfusion.perfusion_chips(measured.perfusion)))
        st.html(ceus_perfusion.leading_numbers(measured.perfusion))
        st.html(f'<p class="hcc-quiet">{measured.perfusion.peak_frame.sentence}</p>')


def more(view: StudyView, measured: MeasuredClip, notes: tuple[str, ...]) -> None:
    """Parameters, phases, motion, and what to check."""
    found = measured.perfusion
    parameters, phases, motion = st.tabs(["Parameters", "Phases and washout", "Motion and frames"])
    with parameters:
        ceus_perfusion.parameters_block(view, found)
    with phases:
        ceus_perfusion.phases_block(view, found)
    with motion:
        ceus_perfusion.motion_block(view, found)
    notes_of((*notes, *found.warnings))


def draw(view: StudyView) -> None:
    """The page."""
    if not view.is_clip:
        components.empty_state(
            "This study is no ultrasound clip",
            "Upload a contrast-enhanced ultrasound clip, or open a patient who has one.",
            routes.WORKLIST,
            "Go to the worklist",
        )
        return
    stored = open_store().load_clip(view.study.id)
    active = active_model()
    model = active[1] if isinstance(active, tuple) else None
    measured = measure_clip(view, stored, model)
    done = measured if isinstance(measured, MeasuredClip) else None
    left, right = st.columns([1.15, 1], vertical_alignment="center")
    left.html(components.chips(clip_chips(stored)))
    with right, st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        with st.popover(
            "How was this computed?", icon=":material/help:", type="tertiary", key="how_ceus"
        ):
            st.markdown(HOW_COMPUTED)
        clip_settings(view, stored, done)
        if done is not None:
            clip_download(view, done)
    editor(view, stored)
    at_a_glance(view, measured)
    outlined, _ = outlines_of(view, stored)
    if done is not None:
        more(view, done, outlined.notes)
    st.subheader("Recurrence and survival", anchor=False)
    if active is None:
        no_model()
    elif isinstance(active, HccsurvError):
        model_problem(active)
    elif isinstance(measured, NotMeasured) and measured.running and active[1].image_names:
        # What clinical values alone tell would stand here for seconds, and then be another answer.
        st.info(
            "The prediction follows when curves and pictures are measured.",
            icon=":material/hourglass_top:",
        )
    else:
        try:
            answered = answer_patient(view, *active, done)
        except InputError as error:
            components.show_error(error)
        else:
            answer_block(view, answered, None if done is None else done.problem)
    clinical_values_card(view)


components.page_title("Contrast-enhanced ultrasound")
view = require_study()
if view is not None:
    try:
        draw(view)
    except HccsurvError as error:
        components.show_error(error)
