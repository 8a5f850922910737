"""The first manual correction: a loop on the picture adds to a structure or removes from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from hccsurv_core.errors import HccsurvError
from hccsurv_core.report.figures.palette import STRUCTURE_TITLES
from hccsurv_core.roi.results import STRUCTURES
from pages._shared import formats, job_strip, measuring, routes
from pages._shared.jobs import Job
from pages._shared.session import session
from pages._shared.views import StudyView

#: What a revision that went back to the automatic outline is called.
RESET_NOTE = "reset to automatic"


def correction_toggle(view: StudyView) -> bool:
    """The switch of the manual correction; returns True while drawing is on."""
    st.html('<span class="hcc-kicker">Correct</span>')
    if view.outline is None:
        st.caption("There is no outline to correct yet.")
        return False
    return st.toggle(
        "Draw on the picture",
        key="edit_on",
        help="Draw a loop round a region to add it to a structure or remove it. "
        "Only pixels of the tissue's attenuation are added.",
    )


def correction_row(view: StudyView, editing: bool) -> None:
    """What a loop does, undo and reset, right above the picture."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="edit_row"):
        if editing:
            st.selectbox(
                "Structure",
                STRUCTURES,
                format_func=lambda name: STRUCTURE_TITLES[name],
                key="edit_structure",
                label_visibility="collapsed",
                width=185,
            )
            st.segmented_control(
                "What the loop does",
                ["add", "remove"],
                default="add",
                required=True,
                format_func=str.capitalize,
                key="edit_action",
                label_visibility="collapsed",
            )
        if st.button(
            "Undo",
            key="edit_undo",
            shortcut="Mod+Z",
            icon=":material/undo:",
            disabled=not _can_undo(view),
        ):
            measuring.undo_correction(view.study.id, actor=session().actor)
            after_edit("The last change was undone.")
        if st.button(
            "Reset",
            key="edit_reset",
            disabled=not view.edited,
            help="Back to the automatic outline at this level",
        ):
            reset_outline(view)


def _can_undo(view: StudyView) -> bool:
    """True after a correction or a reset; an outline made at a new level has nothing before it."""
    outline = view.outline
    if outline is None or not outline.can_undo:
        return False
    return view.edited or outline.note == RESET_NOTE


def reset_outline(view: StudyView) -> None:
    """Outline anew at the same level."""
    state = session()
    study_id, actor, backend = view.study.id, state.actor, state.backend
    location, level_state, *_ = view.require_level()
    job = Job(
        "Outlining again",
        lambda progress: measuring.measure_study(
            study_id,
            location=location,
            level_state=level_state,
            backend=backend,
            actor=actor,
            note=RESET_NOTE,
            progress=progress,
        ),
        kind="measure",
        page=routes.SCAN,
    )
    job_strip.start_job(job, wait_s=job_strip.QUICK_S)
    after_edit("Back to the automatic outline.")


def after_edit(message: str) -> None:
    """Forget what was drawn, say what happened, draw everything anew."""
    state = session()
    state.chart_round += 1
    state.notice = ("success", message)
    st.rerun()


def apply_drawing(view: StudyView, selection: Mapping[str, Any], shown: int) -> None:
    """Turn what was drawn into a correction."""
    state = session()
    shape = view.study.shape[1:]
    region = measuring.lasso_region(selection, shape)
    if region is None:
        return
    structure = st.session_state["edit_structure"]
    action = st.session_state["edit_action"]
    try:
        outcome = measuring.correct_outline(
            view.study.id, structure, region, action=action, slice_index=shown, actor=state.actor
        )
    except HccsurvError as error:
        state.chart_round += 1
        state.notice = ("warning", formats.error_text(error))
        st.rerun()
        return
    verb = "added to" if action == "add" else "removed from"
    left_out = (
        f" {outcome.n_outside_hu} drawn pixels of other attenuation were left out."
        if outcome.n_outside_hu
        else ""
    )
    after_edit(
        f"{outcome.n_changed} pixels {verb} {STRUCTURE_TITLES[structure].lower()}.{left_out}"
    )
