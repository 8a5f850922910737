"""Train: from patients to a model, watched while it learns, judged on patients it has not seen."""

from __future__ import annotations

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components
from pages._shared.navigation import require_frame
from pages._shared.session import session
from pages._shared.train_live import show_ended_badly, show_head, show_live
from pages._shared.train_result import show_result
from pages._shared.train_runs import open_run, open_runs, show_active, show_list
from pages._shared.train_settings import ask_held_out, held_out_table
from pages._shared.train_systems import MUSCLE, SYSTEMS, TrainingSystem, training_system

require_frame()

NEW, RUNS = "New training", "Runs"


def new_training() -> None:
    """Which system, who to learn from, how, what will be used, and one button."""
    key = st.segmented_control(
        "System", list(SYSTEMS), default=MUSCLE.key, required=True, key="train_system",
        format_func=lambda k: SYSTEMS[k].title, persist_state="session",
        label_visibility="collapsed",
    )  # fmt: skip
    system = training_system(key)
    with st.container(key="wide_layout_train"):
        left, right = st.columns([1.15, 1], gap="medium")
    with left, st.container(border=True, key="card_train_source"):
        st.html('<div class="hcc-block-title">1 · Patients</div>')
        source = system.choose_source()
    if source is None:
        with right:
            how_it_goes(system)
        return
    with left, st.container(border=True, key="card_train_settings"):
        st.html('<div class="hcc-block-title">2 · How</div>')
        choices = ask_held_out(source)
        settings, options = system.ask_settings(source)
    with right, st.container(border=True, key="card_train_preview"):
        st.html('<div class="hcc-block-title">3 · What will be used</div>')
        try:
            table = held_out_table(source, choices, options["seed"])
            ready = system.show_preview(source, table, settings)
            _say_who_joins(source.table, table)
        except HccsurvError as error:
            components.show_error(error)
            return
        name = st.text_input(
            "Name of this run", source.name, key=f"train_name_{source.key}", max_chars=80
        )
        pressed = st.button(
            "Start training", type="primary", icon=":material/play_arrow:", key="train_start",
            width="stretch", disabled=not ready,
        )  # fmt: skip
    if pressed:
        try:
            run = system.start(
                source, table, name=name, options={**options, **choices.options},
                settings=settings, by=session().actor,
            )  # fmt: skip
        except HccsurvError as error:
            components.show_error(error)
            return
        open_run(run.id)


def how_it_goes(system: TrainingSystem) -> None:
    """For who comes for the first time: what happens between the patients and the model."""
    st.html(
        "".join(
            f"<div class='hcc-step'><b>{title}</b><span>{text}</span></div>"
            for title, text in system.steps
        )
    )


def _say_who_joins(before, after) -> None:
    """That patients are learned from whom the table's own split keeps out."""
    from hccsurv_core.systems.training_sources import joining_the_training

    if joined := joining_the_training(before, after):
        st.warning(f"{joined[0].upper()}{joined[1:]}.", icon=":material/info:")


def one_run(run_id: str) -> None:
    """A run: live, ended badly, or its result."""
    try:
        run = open_runs().run(run_id)
    except HccsurvError as error:
        components.show_error(error)
        if st.button("All runs", key="back_to_runs"):
            open_run(None)
        return
    show_head(run)
    if run.state in ("queued", "running"):
        show_live(run)
    elif run.state == "done":
        show_result(run)
    else:
        show_ended_badly(run)


components.page_title("Train")
chosen = st.query_params.get("run")
if chosen:
    one_run(chosen)
else:
    runs = open_runs().runs()
    show_active(runs)
    section = st.segmented_control(
        "Section", [NEW, RUNS], default=NEW, required=True, key="train_section",
        label_visibility="collapsed", persist_state="session",
        format_func=lambda s: f"{s} ({len(runs)})" if s == RUNS and runs else s,
    )  # fmt: skip
    if section == RUNS:
        show_list(runs)
    else:
        new_training()
