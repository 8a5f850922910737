"""One model of the library as a card, with what can be decided about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, formats, routes
from pages._shared import library_words as words
from pages._shared.formats import html
from pages._shared.model_store import foreign_features, open_models
from pages._shared.session import DEFAULT_ACTOR, session

if TYPE_CHECKING:
    from hccsurv_core.cohort.model_library import ModelEntry
    from hccsurv_core.models.store import Bundle


def show_model(entry: ModelEntry) -> None:
    """Draw the card."""
    bundle = _read(entry)
    description: Mapping[str, Any] = {} if bundle is None else bundle.description
    with st.container(border=True, key=f"card_model_{entry.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.html(
                f'<div class="hcc-block-title" data-testid="model">{html(entry.name)}</div>',
                width="content",
            )
            st.html(components.chips(words.chips(entry)), width="stretch")
        if entry.problem:
            st.error(
                f"**It is not used:** {formats.plain(_sentence(entry.problem))}",
                icon=":material/gpp_bad:",
            )
        st.html(words.facts(entry, description))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.html(f'<span class="hcc-quiet">{html(words.origin(entry))}</span>', width="stretch")
            _actions(entry, bundle)


def _sentence(problem: str) -> str:
    what, _, remedy = problem.partition("; ")
    return f"{what}. {formats.sentence(remedy)}" if remedy else f"{what}."


def _read(entry: ModelEntry) -> Bundle | None:
    """The bundle, kept for the session; None for one that is refused."""
    if entry.problem:
        return None
    state = session()
    key = ("library bundle", entry.id, entry.sha256)
    if key not in state.cache:
        try:
            state.remember(key, open_models().bundle(entry.id))
        except HccsurvError:
            return None
    return state.cache[key]


def _actions(entry: ModelEntry, bundle: Bundle | None) -> None:
    if bundle is not None:
        if st.button(
            "Model card", icon=":material/badge:", key=f"model_card_{entry.id}", type="tertiary"
        ):
            _card_dialog(entry, bundle)
        _download(entry, bundle)
        if st.button(
            "Evaluate", icon=":material/monitoring:", key=f"evaluate_{entry.id}", type="tertiary"
        ):
            session().evaluate_model = entry.id
            st.switch_page(routes.MODEL_EVALUATION)
    if entry.state != "retired" and st.button(
        "Retire", icon=":material/archive:", key=f"retire_{entry.id}", type="tertiary",
        help="Take it out of use. Its files stay, and it can be activated again.",
    ):  # fmt: skip
        session().asked_about_model = ("Retire", entry.id)
    can_answer = bundle is not None and not foreign_features(bundle.description)
    if entry.state != "active" and can_answer and st.button(
        "Activate", icon=":material/check_circle:", key=f"activate_{entry.id}", type="primary",
        help="Let it answer on every patient's page.",
    ):  # fmt: skip
        session().asked_about_model = ("Activate", entry.id)
    if entry.problem and st.button(
        "Check again", icon=":material/refresh:", key=f"verify_{entry.id}"
    ):
        open_models().verify(entry.id)
        st.rerun()


def file_stem(entry: ModelEntry) -> str:
    """A file name from the model's, safe on every system."""
    stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in entry.name).strip("-")
    return f"hccsurv_{stem[:48] or 'model'}_{entry.sha256[:8]}"


def _download(entry: ModelEntry, bundle: Bundle) -> None:
    def make() -> bytes:
        from hccsurv_core.cohort.model_exchange import zip_bundle

        return zip_bundle(bundle, file_stem(entry))

    st.download_button(
        "Bundle", data=make, file_name=f"{file_stem(entry)}.zip", mime="application/zip",
        key=f"get_bundle_{entry.id}", on_click="ignore", type="tertiary",
        icon=":material/download:", help="Weights, description and card, as one zip",
    )  # fmt: skip


@st.dialog("Model card", width="large")
def _card_dialog(entry: ModelEntry, bundle: Bundle) -> None:
    st.download_button(
        "Download (Markdown)", data=bundle.card, file_name=f"{file_stem(entry)}_card.md",
        mime="text/markdown", key=f"get_card_{entry.id}", on_click="ignore",
        icon=":material/download:",
    )  # fmt: skip
    st.markdown(bundle.card)


_CONSEQUENCES = {
    "Activate": "It will answer on every patient's page of its system, in place of {active}.",
    "Retire": "It will no longer answer on any page. Its files and its history stay.",
}


def stop_asking() -> None:
    """The question was closed without an answer, or answered."""
    session().asked_about_model = None


def ask_if_asked(entries: Sequence[ModelEntry]) -> None:
    """Draw the question that waits for an answer, if there is one."""
    asked = session().asked_about_model
    for entry in entries:
        if asked is not None and entry.id == asked[1]:
            _decide_dialog(entry, asked[0])


def _decide_dialog(entry: ModelEntry, verb: str) -> None:
    """Ask who decides and why, and say what follows."""

    @st.dialog(f"{verb} this model?", on_dismiss=stop_asking)
    def ask() -> None:
        st.markdown(f"**{formats.plain(entry.name)}** · {formats.plain(entry.trained_on)}.")
        st.markdown(_consequence(entry, verb))
        if verb == "Activate" and entry.simulated:
            st.warning(
                "It learned from simulated patients: its numbers on real patients mean nothing. "
                "They will be marked as such everywhere.",
                icon=":material/warning:",
            )
        _decide_form(entry, verb)

    ask()


def _consequence(entry: ModelEntry, verb: str) -> str:
    if verb == "Activate":
        active = open_models().active(entry.system)
        instead = "no model" if active is None else f"“{formats.plain(active.name)}”"
        return _CONSEQUENCES[verb].format(active=instead)
    if entry.state == "active":
        return (
            _CONSEQUENCES[verb] + " Another published model, or the demonstration model, takes its "
            "place."
        )
    return _CONSEQUENCES[verb]


def _decide_form(entry: ModelEntry, verb: str) -> None:
    state, library = session(), open_models()
    action: Callable[..., ModelEntry] = library.activate if verb == "Activate" else library.retire
    with st.form(f"decide_{verb}_{entry.id}", border=False):
        by = st.text_input(
            "Decided by", "" if state.actor == DEFAULT_ACTOR else state.actor, max_chars=80,
            placeholder="Your name or initials", key=f"decide_by_{verb}_{entry.id}",
        )  # fmt: skip
        note = st.text_input(
            "Why", placeholder="optional, kept in the history", max_chars=200,
            key=f"decide_note_{verb}_{entry.id}",
        )  # fmt: skip
        if not st.form_submit_button(
            verb, type="primary", key=f"decide_go_{verb}_{entry.id}", width="stretch"
        ):
            return
    try:
        changed = action(entry.id, by, note=note.strip())
    except HccsurvError as error:
        components.show_error(error)
        return
    stop_asking()
    state.actor = by.strip() or state.actor
    done = "active" if verb == "Activate" else "retired"
    state.notice = ("success", f"“{formats.plain(changed.name)}” is {done}.")
    st.rerun()
