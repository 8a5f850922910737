"""Patients of this server as a source: measured here, their outcome in an imported table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages._shared import formats, job_strip, routes
from pages._shared.cohorts import open_library
from pages._shared.jobs import Job
from pages._shared.session import session
from pages._shared.views import open_store

if TYPE_CHECKING:
    from hccsurv_core.progress import Progress
    from hccsurv_core.systems.muscle.store_table import StoreContents, StoreOutcome, StoreTable

#: Jobs whose result is a :class:`StoreTable`.
STORE_KIND = "training_store"
_WAIT_S = 1.0


def gathering_job(outcome: StoreOutcome) -> Job:
    """Measure every patient who has the outcome; the result is a :class:`StoreTable`."""
    store, library = open_store(), open_library()

    def work(progress: Progress) -> StoreTable:
        from hccsurv_core.systems.muscle.store_table import store_feature_table

        return store_feature_table(store, library, outcome, progress=progress)

    return Job("Measuring the patients of this server", work, kind=STORE_KIND, page=routes.TRAIN)


def choose_store() -> StoreTable | None:
    """Draw what the store has; the table once it was gathered."""
    from hccsurv_core.systems.muscle.store_table import look_at_store

    state = session()
    if state.training_store is not None:
        return _gathered(state.training_store)
    found = look_at_store(open_store(), open_library())
    if not found.n_measured or not found.outcomes:
        _what_is_missing(found)
        return None
    labels = {o: _title(o) for o in found.outcomes}
    outcome = st.selectbox(
        "Outcome", found.outcomes, format_func=lambda o: labels[o], key="train_store_outcome",
        help="Of a table in the Explorer whose patient column holds the pseudonyms used here.",
    )  # fmt: skip
    st.html(
        f'<span class="hcc-quiet">{formats.plural(found.n_measured, "patient")} measured here; '
        f"{outcome.n} of them have this outcome.</span>"
    )
    if st.button("Gather their features", icon=":material/straighten:", key="train_store_go"):
        job_strip.start_job(gathering_job(outcome), wait_s=_WAIT_S)
        st.rerun()
    return None


def _title(outcome: StoreOutcome) -> str:
    events = formats.plural(outcome.n_events, "event")
    patients = formats.plural(outcome.n, "patient")
    return f"{outcome.label} ({outcome.cohort}): {patients}, {events}"


def _what_is_missing(found: StoreContents) -> None:
    """One sentence and one button for what is missing."""
    if not found.n_measured:
        patients = formats.plural(found.n_patients, "patient")
        st.markdown(
            f"**Nobody is measured here yet** ({patients} in the worklist). Upload scans and "
            "confirm the level; every patient with an outline can be learned from."
        )
        if st.button("Go to the worklist", key="train_to_worklist"):
            st.switch_page(routes.WORKLIST)
        return
    tables = formats.plural(found.n_tables, "imported table")
    st.markdown(
        f"**{formats.plural(found.n_measured, 'patient')} measured here, and no outcome for any of "
        f"them** ({tables} looked through). Import a table that says what became of them: its "
        "patient column must hold the pseudonyms used here, beside a time and an event."
    )
    if st.button("Import a table", icon=":material/upload_file:", key="train_to_import"):
        session().editing_cohort_id = None
        st.switch_page(routes.COHORT_IMPORT)


def _gathered(found: StoreTable) -> StoreTable:
    """The table that was gathered, who is not in it, and a way to another one."""
    table = found.table
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f":material/groups: **{formats.plain(table.source[:1].upper() + table.source[1:])}** · "
            f"{formats.plural(len(table), 'patient')}",
            width="content",
        )
        if st.button("Gather anew", key="train_store_again", type="tertiary"):
            session().training_store = None
            st.rerun()
    if found.failures:
        left_out = formats.plural(len(found.failures), "patient")
        with st.expander(f"{left_out} without features", icon=":material/warning:"):
            for name, why in found.failures.items():
                st.markdown(f"- **{formats.plain(name)}**: {formats.plain(why)}")
    return found
