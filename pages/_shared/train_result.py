"""What came out of a training: how good, which candidate won, the card, and its publication."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, formats, routes
from pages._shared import train_words as words
from pages._shared.formats import html
from pages._shared.model_store import (
    foreign_features,
    learned_from_simulated,
    open_models,
    publish_model,
)
from pages._shared.session import DEFAULT_ACTOR, session
from pages._shared.train_runs import bundle_of
from pages._shared.train_systems import training_system

if TYPE_CHECKING:
    from hccsurv_core.models.store import Bundle
    from hccsurv_core.systems.training_runs import TrainingRun


def show_result(run: TrainingRun) -> None:
    """The whole result of a run that is done."""
    try:
        bundle = bundle_of(run)
    except HccsurvError as error:
        components.show_error(error)
        return
    if bundle is None:
        return
    simulated = is_simulated(run, bundle)
    description = bundle.description
    system = training_system(run.request.system)
    system.show_headline(description, simulated)
    with st.container(key="wide_layout_result"):
        left, right = st.columns([1.7, 1], gap="medium")
        with left:
            system.show_figures(run, bundle, simulated)
        with right:
            _publish_card(run, bundle, simulated)
            _held_out(run)
            _card(bundle)
            _settings(description)
    system.show_more(run, bundle, simulated)


def is_simulated(run: TrainingRun, bundle: Bundle) -> bool:
    """Whether the patients were drawn by a computer, as the bundle or the run says."""
    said = learned_from_simulated(bundle.description)
    return bool(run.request.options.get("simulated")) if said is None else said


def _publish_card(run: TrainingRun, bundle: Bundle, simulated: bool) -> None:
    """Publish to the library, or say that it is there."""
    with st.container(border=True, key="card_publish"):
        st.html('<div class="hcc-block-title">Publish</div>')
        known = next((e for e in open_models().models() if e.sha256 == bundle.sha256), None)
        if known is not None:
            when = "" if known.published_at is None else f", {words.when(known.published_at)}"
            st.markdown(
                f":material/check_circle: In the library as **{formats.plain(known.name)}**, "
                f"published by {formats.plain(known.by)}{when}: {known.state}."
            )
            if st.button("Open the model library", key="to_library", width="stretch"):
                st.query_params.clear()
                st.switch_page(routes.MODEL_LIBRARY)
            return
        st.markdown(
            "A published model can be activated in the model library; the active one answers on "
            "every patient's page."
            if not foreign_features(bundle.description)
            else "Its features are not measured on scans here: a published model can be evaluated "
            "and passed on, and answers on no patient's page."
        )
        _publish_form(run, bundle, simulated)


def _publish_form(run: TrainingRun, bundle: Bundle, simulated: bool) -> None:
    state = session()
    with st.form("publish_form", border=False):
        name = st.text_input("Name", run.request.name, key=f"publish_name_{run.id}", max_chars=80)
        by = st.text_input(
            "Published by", "" if state.actor == DEFAULT_ACTOR else state.actor,
            key=f"publish_by_{run.id}", placeholder="Your name or initials", max_chars=80,
        )  # fmt: skip
        note = st.text_input(
            "Why", key=f"publish_note_{run.id}", placeholder="optional", max_chars=200
        )
        if not st.form_submit_button(
            "Publish", type="primary", icon=":material/publish:", key="publish_go", width="stretch"
        ):
            return
    try:
        entry = publish_model(
            bundle.folder, by=by, name=name, simulated=simulated, note=note.strip()
        )
    except HccsurvError as error:
        components.show_error(error)
        return
    state.actor = by.strip() or state.actor
    answers = "published, and answers on the patients' pages"
    if foreign_features(bundle.description):
        answers = "published"
    elif entry.state != "active":
        answers = "published. Activate it in the model library to let it answer"
    state.notice = ("success", f"“{formats.plain(entry.name)}” is {answers}.")
    st.rerun()


def _held_out(run: TrainingRun) -> None:
    """The way to patients that the model has not seen."""
    with st.container(border=True, key="card_held_out"):
        st.html('<div class="hcc-block-title">Evaluate</div>')
        st.markdown(
            "Cross-validation tells how the model does on patients like those it learned from; "
            "patients held out, or another cohort, how it does on others."
        )
        if st.button(
            "Evaluate this model", icon=":material/monitoring:", key="to_evaluation",
            width="stretch",
        ):  # fmt: skip
            session().evaluate_run = run.id
            st.query_params.clear()
            st.switch_page(routes.MODEL_EVALUATION)


def _card(bundle: Bundle) -> None:
    with st.expander("Model card", icon=":material/badge:", key="run_card"):
        st.markdown(bundle.card)
    st.download_button(
        "Download the model card", data=bundle.card, file_name="model_card.md",
        mime="text/markdown", key="get_run_card", on_click="ignore", width="stretch",
        icon=":material/download:",
    )  # fmt: skip


def _settings(description: Mapping[str, Any]) -> None:
    with st.expander("Settings and versions", icon=":material/tune:", key="run_settings"):
        rows = [
            *((k.replace("_", " "), _plain(v)) for k, v in description["settings"].items()),
            ("seed", description["seed"]),
            ("device", description["device"]),
            *description["versions"].items(),
        ]
        body = "".join(
            f'<tr><td>{html(name)}</td><td class="num" style="white-space:normal">'
            f"{html(value)}</td></tr>"
            for name, value in rows
            if value != ""
        )
        st.html(f'<table class="hcc-table"><tbody>{body}</tbody></table>')


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k.replace('_', ' ')} {_plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(v) for v in value)
    return str(value)
