"""The cohort library as the pages use it: one per server, tables kept per session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages._shared.session import session

if TYPE_CHECKING:
    from hccsurv_core.cohort.clinical_table import ClinicalTable
    from hccsurv_core.cohort.library import CohortEntry, CohortLibrary


@st.cache_resource(show_spinner=False)
def open_library() -> CohortLibrary:
    """The one cohort library of this server."""
    from hccsurv_core.cohort.library import CohortLibrary

    return CohortLibrary()


def load_table(entry: CohortEntry) -> ClinicalTable:
    """The entry's table, as its state in force says; built once per session and state.

    Raises:
        HccsurvError: the cohort is gone or damaged, or its table can no longer be built.
    """
    state = session()
    key = ("cohort", entry.id, len(entry.states), entry.state.at)
    if key not in state.cache:
        state.remember(key, open_library().table(entry.id))
    return state.cache[key]
