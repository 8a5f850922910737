"""What a person says about the two scans is stored at once, and can be taken back: scans, slices, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import HccsurvError, NotFoundError
from pages._shared import formats
from pages._shared.session import session
from pages._shared.views import StudyView, open_store

if TYPE_CHECKING:
    from hccsurv_core.cohort.followup_readings import FollowupReading, StoredReading
    from pages._shared.followup_measuring import Task

#: In a list of scans: the rule chooses, or nothing is taken.
_BY_RULE, _NONE = "rule", "none"


def change_reading(view: StudyView, reading: FollowupReading, told: str) -> None:
    """Store a reading; a callback of widgets, so that the page that follows shows it.

    Args:
        told: what was changed, for the history.
    """
    state = session()
    try:
        open_store().save_followup_reading(view.patient.id, reading, told=told, actor=state.actor)
    except HccsurvError as error:
        state.notice = ("error", formats.error_text(error))


def undo_button(view: StudyView, stored: StoredReading) -> None:
    """Take back the last change of scans, slices, diameters or new lesions."""
    st.button(
        "Undo", key="followup_undo", icon=":material/undo:", type="tertiary",
        disabled=not stored.can_undo, on_click=_undo, args=(view,),
        help="Take back the last change of scans, slices, diameters or new lesions",
    )  # fmt: skip


def _undo(view: StudyView) -> None:
    state = session()
    try:
        open_store().undo_followup_reading(view.patient.id, actor=state.actor)
    except NotFoundError as error:
        state.notice = ("info", formats.error_text(error))
        return
    state.notice = ("success", "The last change of the follow-up was taken back.")


def scans_popover(view: StudyView, task: Task) -> None:
    """Which scans are compared, each to be chosen by hand."""
    from hccsurv_core.systems.immunotherapy.cohort import ROLES
    from hccsurv_core.systems.immunotherapy.examinations import role_words

    scans = {study.id: study for study in view.studies if study.modality == "CT"}
    with st.popover("Scans", icon=":material/compare:", key="followup_scans"):
        st.caption(
            "Found by date, phase and body part. Choose others where they are not the right ones."
        )
        for role in ROLES:
            said = task.stored.reading.studies
            current = _BY_RULE if role not in said else said[role] or _NONE
            found = task.examinations.studies.get(role)
            words = "nothing" if found is None else _scan_words(found)
            options = [_BY_RULE, *scans, _NONE]
            labels = {_BY_RULE: f"As found: {words}", _NONE: "None"}
            if current not in (_BY_RULE, _NONE):
                labels[_BY_RULE] = "As found"
            labels |= {key: _scan_words(study) for key, study in scans.items()}
            key = f"followup_scan_{role}_{task.stored.revision}"
            st.selectbox(
                role_words(role).capitalize(), options,
                index=options.index(current if current in options else _BY_RULE),
                format_func=labels.__getitem__, key=key, on_change=_choose_scan,
                args=(view, task.stored, role, key),
            )  # fmt: skip


def _choose_scan(view: StudyView, stored: StoredReading, role: str, key: str) -> None:
    from dataclasses import replace

    from hccsurv_core.systems.immunotherapy.examinations import role_words

    chosen = st.session_state[key]
    reading = stored.reading
    if chosen == _BY_RULE:
        kept = {r: s for r, s in reading.studies.items() if r != role}
        reading = replace(reading.with_slices(role, None), studies=kept)
    else:
        reading = reading.with_study(role, None if chosen == _NONE else chosen)
    change_reading(view, reading, f"another scan for the {role_words(role)}")


def _scan_words(study) -> str:
    phase = f", {study.phase.replace('_', ' ')}" if study.phase else ""
    text = f" · {study.description}" if study.description else ""
    return (
        f"{study.study_date or 'no date'}{phase}{text} · {formats.plural(study.shape[0], 'slice')}"
    )
