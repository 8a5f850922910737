"""The strip at the top of every page while long work runs: what, how far, how long, cancel."""

from __future__ import annotations

import streamlit as st

from pages._shared import formats
from pages._shared.jobs import Job
from pages._shared.session import session

POLL_S = 0.4
#: Work that ends within this needs no strip: the click just takes a moment.
QUICK_S = 2.5


def start_job(job: Job, *, wait_s: float = 0.0) -> None:
    """Start long work; the strip shows it from the next run on.

    Args:
        job: the work; only one at a time per session.
        wait_s: wait so long for its end before the page goes on.
    """
    state = session()
    if state.job is not None and state.job.active:
        state.notice = ("warning", "Other work is under way. Wait for it, or cancel it first.")
        return
    state.job = job.start()
    if wait_s:
        job.join(wait_s)


def show_job_strip() -> Job | None:
    """Draw the strip while work is under way; return a job that has ended, once."""
    state = session()
    if state.job is None:
        return None
    if not state.job.active:
        ended, state.job = state.job, None
        return ended
    _strip()
    return None


@st.fragment(run_every=POLL_S)
def _strip() -> None:
    job = session().job
    if job is None:
        return
    if not job.active:
        st.rerun(scope="app")
    with st.container(border=True, key="job_strip"):
        bar, button = st.columns([6, 1], vertical_alignment="center")
        left = job.time_left_s()
        timing = formats.duration(job.elapsed_s)
        if left is not None:
            timing += f", about {formats.duration(max(1.0, left))} left"
        doing = "Cancelling" if job.cancelling else job.message
        bar.progress(job.fraction, text=f"**{job.title}** — {doing} ({timing})")
        button.button(
            "Cancel",
            key="cancel_job",
            disabled=job.cancelling,
            width="stretch",
            on_click=job.cancel,
        )
