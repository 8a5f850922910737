"""Model library: which models there are, how good they are, for whom not, and which one answers."""

from __future__ import annotations

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, formats, routes
from pages._shared import library_words as words
from pages._shared.library_card import ask_if_asked, show_model
from pages._shared.library_upload import upload_popover
from pages._shared.model_store import open_models
from pages._shared.navigation import require_frame

require_frame()


def top_line() -> None:
    """Which models answer now, and the ways to more."""
    library = open_models()
    active = {system: library.active(system) for system in words.ANSWERS_ABOUT}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(words.answering(active), width="stretch")
        if st.button("Train a model", icon=":material/model_training:", key="to_train"):
            st.switch_page(routes.TRAIN)
        upload_popover()


def history() -> None:
    """Who published, activated and retired what when."""
    library = open_models()
    decisions = library.history()
    if not decisions:
        return
    names = {entry.id: entry.name for entry in library.models()}
    with st.expander(
        f"History · {formats.plural(len(decisions), 'decision')}", icon=":material/history:",
        key="model_history",
    ):  # fmt: skip
        st.html(words.decision_rows(decisions, names))


components.page_title("Model library")
try:
    top_line()
    entries = open_models().models()
    if not entries:
        components.empty_state(
            "No model yet",
            "Train one on your own patients and publish it, or upload a bundle from another "
            "server.",
            routes.TRAIN,
            "Train a model",
        )
    for model in entries:
        show_model(model)
    ask_if_asked(entries)
    history()
except HccsurvError as error:
    components.show_error(error)
