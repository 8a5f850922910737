"""Import a clinical table: map its columns, decide what is odd, keep it as a cohort."""

from __future__ import annotations

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, formats, routes
from pages._shared.cohorts import open_library
from pages._shared.navigation import require_frame
from pages._shared.session import session
from pages._shared.table_import_columns import show_columns
from pages._shared.table_import_issues import show_issues
from pages._shared.table_import_left_out import show_left_out
from pages._shared.table_import_model import TableDraft, undo
from pages._shared.table_import_outcomes import show_outcomes
from pages._shared.table_import_reading import draft_from_cohort, drop_table, library_base
from pages._shared.table_import_summary import save_button, show_summary
from pages._shared.table_import_upload import show_how_read, show_upload

require_frame()

_ADDRESS = "edit"
state = session()


def current_draft() -> TableDraft | None:
    """The table being imported or changed; None before anything was dropped."""
    if state.editing_cohort_id is None:
        state.editing_cohort_id = st.query_params.get(_ADDRESS)
    cohort_id = state.editing_cohort_id
    draft = state.table_drafts.get(cohort_id)
    if cohort_id is None:
        # A first reading that was cancelled leaves nothing to show.
        if draft is not None and draft.raw is None and draft.error is None and not busy():
            drop_table(state)
            return None
        return draft
    # The address keeps the cohort, so that a reload comes back to it.
    st.query_params[_ADDRESS] = cohort_id
    if draft is None or (not draft.changed and draft.base != library_base(cohort_id)):
        draft = state.table_drafts[cohort_id] = draft_from_cohort(cohort_id)
    return draft


def busy() -> bool:
    """Whether long work is under way."""
    return state.job is not None and state.job.active


def leave() -> None:
    """Go back to the explorer; what was changed here waits, should somebody come back."""
    state.cohort_id, state.editing_cohort_id = state.editing_cohort_id or state.cohort_id, None
    st.switch_page(routes.EXPLORER)


def start_over(draft: TableDraft) -> None:
    """Forget everything about this table: back to the upload, or to the cohort as saved."""
    drop_table(state, draft.cohort_id)


def undo_saved(draft: TableDraft) -> None:
    """Take the last saved change of the cohort back."""
    try:
        open_library().undo(str(draft.cohort_id))
    except HccsurvError as error:
        state.notice = ("error", formats.error_text(error))
    drop_table(state, draft.cohort_id)


def buttons(draft: TableDraft) -> None:
    """Undo, start over, back."""
    editing = draft.cohort_id is not None
    if draft.changed or (not editing and draft.raw is not None):
        last = draft.state.change if draft.changed else "nothing was changed yet"
        st.button(
            "Undo", icon=":material/undo:", key="import_undo", disabled=not draft.changed,
            on_click=undo, args=(draft,), help=f"Last change: {formats.plain(last)}",
        )  # fmt: skip
    elif editing and open_library().entry(str(draft.cohort_id)).can_undo:
        st.button(
            "Undo last saved change", icon=":material/undo:", key="import_undo_saved",
            on_click=undo_saved, args=(draft,),
        )  # fmt: skip
    if draft.changed or not editing:
        label = "Discard changes" if editing else "Start over" if draft.raw else "Another file"
        st.button(
            label, icon=":material/restart_alt:", key="import_start_over",
            on_click=start_over, args=(draft,),
        )  # fmt: skip
    if st.button("Back", icon=":material/arrow_back:", key="import_back"):
        leave()


def draw(draft: TableDraft) -> None:
    """The table as understood, top to bottom in the order of the eye."""
    if draft.note:
        st.toast(draft.note, icon=":material/info:")
        draft.note = None
    show_summary(draft)
    show_how_read(draft)
    show_outcomes(draft)
    show_columns(draft)
    show_issues(draft)
    show_left_out(draft)
    with st.container(horizontal=True, horizontal_alignment="right"), st.container(width=260):
        save_button(draft, "end")


def page() -> None:
    """Title and buttons, then whatever there is to show."""
    current = current_draft()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with st.container(width="content"):
            title = "Import a table" if state.editing_cohort_id is None else "Change a cohort"
            components.page_title(title)
        st.space("stretch")
        if current is not None and (current.built or current.error):
            buttons(current)
    if current is None:
        show_upload()
    elif current.raw is None and current.error is None:
        st.caption(f"{formats.plain(current.source)} arrived and is being read…")
    elif current.error is not None:
        st.error(current.error, icon=":material/error:")
        show_how_read(current)
    else:
        draw(current)


try:
    page()
except HccsurvError as error:
    components.show_error(error)
    state.editing_cohort_id = None
    st.query_params.pop(_ADDRESS, None)
    if st.button("Go to the explorer", key="import_lost"):
        st.switch_page(routes.EXPLORER)
