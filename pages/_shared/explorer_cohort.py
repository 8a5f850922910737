"""The explorer's first line: which cohort, what is in it, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, formats, routes
from pages._shared.cohorts import load_table, open_library
from pages._shared.formats import html
from pages._shared.session import session

if TYPE_CHECKING:
    from hccsurv_core.cohort.clinical_table import ClinicalTable
    from hccsurv_core.cohort.library import CohortEntry


def choose_cohort() -> tuple[CohortEntry, ClinicalTable] | None:
    """Draw the cohort line; the cohort on view and its table, or None where there is none yet."""
    state, library = session(), open_library()
    entries = library.entries()
    if not entries:
        _no_cohort_yet()
        return None
    wanted = state.cohort_id or st.query_params.get("cohort")
    ids = [entry.id for entry in entries]
    entry = entries[ids.index(wanted)] if wanted in ids else entries[0]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        names = {e.id: e.name for e in entries}
        chosen = st.selectbox(
            "Cohort", ids, index=ids.index(entry.id), format_func=lambda i: names[i],
            key=f"cohort_choice_{entry.id}_{len(ids)}", width=360,
        )  # fmt: skip
        if st.button("Import a table", icon=":material/upload_file:", key="import_table"):
            state.editing_cohort_id = None
            st.switch_page(routes.COHORT_IMPORT)
        _demo_popover()
        st.space("stretch")
        _manage_popover(entry)
    if chosen != entry.id:
        state.cohort_id = chosen
        st.rerun()
    state.cohort_id = entry.id
    # The address keeps the cohort, so that a reload comes back to it.
    st.query_params["cohort"] = entry.id
    try:
        table = load_table(entry)
    except HccsurvError as error:
        components.show_error(error)
        return None
    _chips(entry, table)
    return entry, table


def _no_cohort_yet() -> None:
    with st.container(border=True):
        st.subheader("No cohort yet", anchor=False)
        st.write(
            "Import the hospital's own table (CSV or Excel, any column names), or look at a "
            "simulated cohort first."
        )
        with st.container(horizontal=True, gap="small"):
            if st.button(
                "Import a table", type="primary", icon=":material/upload_file:", key="import_first"
            ):
                session().editing_cohort_id = None
                st.switch_page(routes.COHORT_IMPORT)
            _demo_buttons(prefix="first")


def _demo_popover() -> None:
    with st.popover("Simulated cohort", icon=":material/science:", key="demo_cohorts"):
        st.caption("Drawn by a computer from the published margins, not observed.")
        _demo_buttons(prefix="more")


def _demo_buttons(prefix: str) -> None:
    from hccsurv_core.systems.explorer.demo import DEMO_COHORTS, add_demo_cohort

    systems = DEMO_COHORTS if prefix == "more" else {"muscle": "simulated cohort"}
    for system, title in systems.items():
        label = title if prefix == "more" else f"Open the {title}"
        if st.button(label, key=f"demo_{prefix}_{system}"):
            state = session()
            try:
                with st.spinner("Drawing patients …"):
                    entry = add_demo_cohort(open_library(), system, actor=state.actor)
            except HccsurvError as error:
                components.show_error(error)
                return
            state.cohort_id = entry.id
            st.rerun()


def _manage_popover(entry: CohortEntry) -> None:
    state, library = session(), open_library()
    with st.popover("Manage", icon=":material/tune:", type="tertiary", key="manage_cohort"):
        if st.button(
            "Columns and decisions", icon=":material/edit:", key="edit_cohort", width="stretch"
        ):
            state.editing_cohort_id = entry.id
            st.switch_page(routes.COHORT_IMPORT)
        name = st.text_input("Name", entry.name, key=f"rename_{entry.id}")
        if name != entry.name and name.strip():
            library.rename(entry.id, name)
            st.rerun()
        if entry.can_undo and st.button(
            "Undo the last change", icon=":material/undo:", key="undo_cohort", width="stretch"
        ):
            _try(lambda: library.undo(entry.id))
        st.divider()
        st.markdown("**Delete this cohort?** This cannot be undone.")
        if st.button("Delete", icon=":material/delete:", type="primary", key="delete_cohort"):
            _try(lambda: library.delete(entry.id))


def _try(action) -> None:
    try:
        action()
    except HccsurvError as error:
        components.show_error(error)
        return
    st.rerun()


def _chips(entry: CohortEntry, table: ClinicalTable) -> None:
    parts = [components.chip("Simulated patients", kind="sim", sign="◇")] if entry.simulated else []
    parts.append(components.chip(formats.plural(len(table), "patient")))
    parts += [
        components.chip(f"{e.label}: {formats.plural(e.n_events, 'event')}")
        for e in table.endpoints
    ]
    if table.exclusions:
        parts.append(
            components.chip(f"{formats.plural(len(table.exclusions), 'row')} left out", sign="▲")
        )
    open_issues = sum(g.severity != "info" for g in table.report.groups)
    if open_issues:
        parts.append(
            components.chip(
                f"{formats.plural(open_issues, 'thing')} to look at", kind="look", sign="▲"
            )
        )
    st.html(components.chips([*parts, f'<span class="hcc-quiet">{html(entry.source)}</span>']))
