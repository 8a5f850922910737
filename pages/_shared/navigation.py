"""The pages, grouped, and the guard that keeps each inside the frame.

Streamlit 1.67 treats a folder called `pages` beside the main script as the first version of its
multi-page apps until `st.navigation` was called once on the server: a bookmark opened right after
a start would run the page alone, without `app.py`. So each page asks for its frame first.
"""

from __future__ import annotations

import threading

import streamlit as st

from pages._shared import routes

#: Of the thread that runs the script. A run that a click has ended may still be at work beside the one
#: that the click began: what one says must not reach the other.
_run = threading.local()


def build_navigation() -> tuple[st.Page, dict[str, st.Page]]:
    """The pages, grouped; returns the one to run and all by their path."""
    pages = {
        routes.WORKLIST: st.Page(
            routes.WORKLIST, title="Worklist", icon=":material/list_alt:", default=True
        ),
        routes.UPLOAD: st.Page(
            routes.UPLOAD, title="New scan", icon=":material/upload:", visibility="hidden"
        ),
        routes.SCAN: st.Page(routes.SCAN, title="Scan & ROIs", icon=":material/radiology:"),
        routes.MUSCLE: st.Page(routes.MUSCLE, title="Muscle", icon=":material/accessibility_new:"),
        routes.TREATMENT: st.Page(routes.TREATMENT, title="Treatment", icon=":material/balance:"),
        routes.CEUS: st.Page(routes.CEUS, title="CEUS", icon=":material/waves:"),
        routes.FOLLOWUP: st.Page(routes.FOLLOWUP, title="Follow-up", icon=":material/timeline:"),
        routes.EXPLORER: st.Page(routes.EXPLORER, title="Explorer", icon=":material/query_stats:"),
        routes.COHORT_IMPORT: st.Page(
            routes.COHORT_IMPORT,
            title="Import a table",
            icon=":material/table_view:",
            visibility="hidden",
        ),
        routes.MODEL_EVALUATION: st.Page(
            routes.MODEL_EVALUATION, title="Model evaluation", icon=":material/monitoring:"
        ),
        routes.TRAIN: st.Page(routes.TRAIN, title="Train", icon=":material/model_training:"),
        routes.MODEL_LIBRARY: st.Page(
            routes.MODEL_LIBRARY, title="Model library", icon=":material/inventory_2:"
        ),
        routes.EVIDENCE: st.Page(
            routes.EVIDENCE, title="Evidence & limits", icon=":material/menu_book:"
        ),
        routes.SETTINGS: st.Page(routes.SETTINGS, title="Settings", icon=":material/settings:"),
    }
    groups = {
        "Patient": [
            pages[p]
            for p in (
                routes.WORKLIST,
                routes.UPLOAD,
                routes.SCAN,
                routes.MUSCLE,
                routes.TREATMENT,
                routes.CEUS,
                routes.FOLLOWUP,
            )
        ],
        "Cohort": [
            pages[p] for p in (routes.EXPLORER, routes.COHORT_IMPORT, routes.MODEL_EVALUATION)
        ],
        "Models": [pages[p] for p in (routes.TRAIN, routes.MODEL_LIBRARY)],
        "About": [pages[p] for p in (routes.EVIDENCE, routes.SETTINGS)],
    }
    return st.navigation(groups, expanded=True), pages


def run_in_frame(page: st.Page) -> None:
    """Run a page from `app.py`, which has drawn the frame."""
    _run.in_frame = True
    try:
        page.run()
    finally:
        _run.in_frame = False


def require_frame() -> None:
    """First line of every page: if it was started alone, start again with `app.py`."""
    if not getattr(_run, "in_frame", False):
        build_navigation()
        st.rerun()
