"""One training run: its head, and while it trains how far it is, with curves as they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, formats
from pages._shared import train_words as words
from pages._shared.formats import html
from pages._shared.session import session
from pages._shared.train_runs import open_run, open_runs, progress_words
from pages._shared.train_systems import training_system

if TYPE_CHECKING:
    from hccsurv_core.systems.training_runs import TrainingRun

POLL_S = 2.0
_LOG_LINES = 200


def show_head(run: TrainingRun) -> None:
    """Name, state, who and when, and what can be done with the run."""
    state = session()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button("All runs", icon=":material/arrow_back:", type="tertiary", key="to_runs"):
            open_run(None)
        st.html(
            f'<div class="hcc-headline">{html(run.request.name)}</div>', width="content"
        )  # fmt: skip
        st.html(components.chips([words.state_chip(run)]), width="content")
        st.space("stretch")
        # In callbacks: the page is drawn anew every other second, and no click may fall between.
        if run.can_resume:
            st.button(
                "Resume", icon=":material/play_arrow:", type="primary", key="resume_run",
                help="Goes on where it was: what was finished is kept.",
                on_click=_try, args=(lambda: open_runs().resume(run.id, by=state.actor),),
            )  # fmt: skip
        if run.can_cancel:
            st.button(
                "Cancel", icon=":material/stop:", key="cancel_run",
                on_click=_try, args=(lambda: open_runs().cancel(run.id),),
            )  # fmt: skip
        _log_popover(run)
        if not (run.can_cancel or run.is_ending):
            _delete_popover(run)
    again = f" · attempt {run.attempt}" if run.attempt > 1 else ""
    took = f" · {words.how_long(run)}" if run.ended_at is not None and run.started_at else ""
    st.html(
        f'<span class="hcc-quiet">Started by {html(run.by)}, {words.when(run.created_at)}'
        f"{again}{took}</span>"
    )


def _try(action: Callable[[], object]) -> None:
    """Do it, or say at the next run of the page why not."""
    try:
        action()
    except HccsurvError as error:
        session().notice = ("error", formats.error_text(error))


def _log_popover(run: TrainingRun) -> None:
    with st.popover("Log", icon=":material/receipt_long:", type="tertiary", key="run_log"):
        text = run.log.read_text(encoding="utf-8", errors="replace") if run.log.is_file() else ""
        lines = text.splitlines()
        if not lines:
            st.caption("Nothing was logged yet.")
            return
        st.code("\n".join(lines[-_LOG_LINES:]), language=None, height=320)
        st.download_button(
            "Download the log", data=text, file_name=f"hccsurv_training_{run.id}.txt",
            mime="text/plain", key="get_run_log", on_click="ignore", width="stretch",
        )  # fmt: skip


def _delete_popover(run: TrainingRun) -> None:
    with st.popover("Delete", icon=":material/delete:", type="tertiary", key="delete_run"):
        st.markdown(
            "**Delete this run?** Its model, log and curves are removed. A model that was "
            "published stays in the library. This cannot be undone."
        )
        if st.button("Delete", type="primary", icon=":material/delete:", key="delete_run_yes"):
            try:
                open_runs().delete(run.id)
            except HccsurvError as error:
                components.show_error(error)
                return
            session().notice = ("success", f"“{formats.plain(run.request.name)}” was deleted.")
            open_run(None)


def show_ended_badly(run: TrainingRun) -> None:
    """Why there is no model, and what to do."""
    said = formats.plain(run.message[:1].upper() + run.message[1:]).rstrip(".")
    if run.state == "failed":
        st.error(
            f"**The training failed.** {said}. Correct what is wrong and resume it, or look into "
            "the log.",
            icon=":material/error:",
        )
    else:
        word = {"cancelled": "cancelled", "interrupted": "interrupted"}[run.state]
        more = f" ({said[:1].lower() + said[1:]})" if run.state == "interrupted" and said else ""
        st.info(
            f"**The training was {word}**{more}. What was finished is kept: *Resume* goes on from "
            "there.",
            icon=":material/info:",
        )
    training_system(run.request.system).show_course(run)


@st.fragment(run_every=POLL_S)
def show_live(shown: TrainingRun) -> None:
    """Progress and curves, drawn anew every two seconds until the run ends.

    Args:
        shown: the run as its head says; where that changes the whole page is drawn anew.
    """
    try:
        run = open_runs().run(shown.id)
    except HccsurvError:
        st.rerun(scope="app")
    if (run.state, run.is_ending) != (shown.state, shown.is_ending):
        st.rerun(scope="app")
    fraction = 0.0 if run.progress is None or run.state == "queued" else run.progress.fraction
    st.progress(fraction, text=progress_words(run))
    st.caption(
        "You can close this page: the training goes on, and you find it here again. One run trains "
        "at a time."
    )
    training_system(run.request.system).show_course(run)
