"""What was understood of a table, at a glance, and the button that keeps it."""

from __future__ import annotations

import streamlit as st

from hccsurv_core.cohort.library import CohortEntry
from hccsurv_core.errors import HccsurvError
from hccsurv_core.wording import count_of
from pages._shared import components, formats, routes
from pages._shared import table_import_words as words
from pages._shared.cohorts import open_library
from pages._shared.formats import html
from pages._shared.session import session
from pages._shared.table_import_issues import ANCHOR
from pages._shared.table_import_model import TableDraft
from pages._shared.table_import_reading import drop_table

NAME_LENGTH = 80


def show_summary(draft: TableDraft) -> None:
    """Patients, outcomes, what to look at; name and save beside them."""
    with st.container(key="card_summary"), st.container(key="wide_layout_summary"):
        told, save = st.columns([2.6, 1], gap="large", vertical_alignment="center")
        told.html(_summary(draft))
        with save:
            _save(draft)


def _summary(draft: TableDraft) -> str:
    built = draft.now
    n = len(built.table)
    lines = "".join(
        f"<div><b>{html(e.label)}</b>: "
        f"{html(words.endpoint_line(e, built.follow_up[e.name]))}</div>"
        for e in built.table.endpoints
    )
    return (
        f"<div class='hcc-headline'>{count_of(n, 'patient')}"
        f"<small>{html(words.rows_line(draft))}</small></div>"
        f"<div class='hcc-understood'>{lines or '<div>No outcome yet: add one below.</div>'}</div>"
        f"{components.chips(_chips(draft))}"
    )


def _chips(draft: TableDraft) -> list[str]:
    built = draft.now
    n = len(built.to_look_at)
    if n:
        errors = any(f.severity == "error" for f in built.to_look_at)
        text = f"{count_of(n, 'thing')} to look at"
        look = components.chip(text, kind="bad" if errors else "look", sign="▲")
        look = f"<a class='hcc-jump' href='#{ANCHOR}' target='_self'>{look}</a>"
    else:
        look = components.chip("Nothing odd", kind="good", sign="✓")
    parts = [look, components.chip(count_of(len(built.table.columns), "variable"))]
    gone = [c for c in draft.mapping.columns if c.role in ("personal", "ignored")]
    if gone:
        names = ", ".join(c.name for c in gone[:8])
        text = f"{count_of(len(gone), 'column')} not kept"
        parts.append(components.chip(text, title=names))
    return parts


def _save(draft: TableDraft) -> None:
    key = f"{draft.token}_name"
    if key not in st.session_state:
        st.session_state[key] = draft.name
    draft.name = st.text_input("Name of the cohort", key=key, max_chars=NAME_LENGTH)
    if draft.cohort_id is None:
        draft.simulated = st.checkbox(
            "Simulated patients", draft.simulated, key=f"{draft.token}_simulated",
            help="Every page and figure of this cohort then says so.",
        )  # fmt: skip
    elif draft.changed:
        st.caption(f"{count_of(len(draft.states) - 1, 'change')} not saved yet")
    save_button(draft, "top")


def save_button(draft: TableDraft, place: str) -> None:
    """The one button that matters; it stands at the top and at the end."""
    label = "Save cohort" if draft.cohort_id is None else "Save changes"
    unchanged = draft.cohort_id is not None and not draft.changed
    if st.button(
        label, type="primary", icon=":material/check:", key=f"save_{place}", width="stretch",
        disabled=not draft.name.strip() or (unchanged and not _renamed(draft)),
    ):  # fmt: skip
        save(draft)


def _renamed(draft: TableDraft) -> bool:
    return draft.base is not None and draft.name.strip() != draft.base[2]


def save(draft: TableDraft) -> None:
    """Keep the table, and open it in the explorer."""
    state = session()
    try:
        entry = _keep(draft, state.actor)
    except HccsurvError as error:
        components.show_error(error)
        return
    drop_table(state, draft.cohort_id)
    state.editing_cohort_id, state.cohort_id = None, entry.id
    state.notice = ("success", f"{formats.plain(entry.name)} is saved.")
    st.switch_page(routes.EXPLORER)


def _keep(draft: TableDraft, actor: str) -> CohortEntry:
    library, state = open_library(), draft.state
    if draft.cohort_id is None:
        from pages._shared.table_import_model import read

        return library.add(
            read(draft), state.mapping, state.decisions,
            name=draft.name, simulated=draft.simulated, actor=actor,
        )  # fmt: skip
    entry = library.entry(draft.cohort_id)
    if draft.changed:
        entry = library.change(draft.cohort_id, state.mapping, state.decisions, actor=actor)
    if _renamed(draft):
        entry = library.rename(draft.cohort_id, draft.name)
    return entry
