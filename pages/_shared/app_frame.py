"""One run of the dashboard: frame, navigation, what ended meanwhile, and the chosen page."""

from __future__ import annotations

import streamlit as st

from pages._shared import components, job_strip, outcomes, warmup
from pages._shared.frame import ASSETS, draw_frame
from pages._shared.late_ticks import drop_late_ticks
from pages._shared.navigation import build_navigation, run_in_frame
from pages._shared.session import session
from pages._shared.uploads import remove_stale_uploads


@st.cache_resource(show_spinner=False)
def clean_up_once() -> int:
    """Once per server: remove what lost sessions left behind."""
    return remove_stale_uploads()


def run_app() -> None:
    """Draw the page that is asked for, in its frame."""
    st.set_page_config(
        page_title="hccsurv",
        page_icon=str(ASSETS / "icon.svg"),
        layout="wide",
        initial_sidebar_state=216,
    )
    drop_late_ticks()
    chosen, all_pages = build_navigation()
    draw_frame()
    current = next(path for path, page in all_pages.items() if page == chosen)
    # A place of its own, there in every run. Without it the page would stand one element lower
    # while something is told here: Streamlit would keep both copies on the screen until the run has
    # ended, and forget what was clicked in the page's fragments, which it knows by their place.
    with st.container(key="frame_notices"):
        ended = job_strip.show_job_strip()
        if ended is not None:
            outcomes.take_up(ended, current)
        state = session()
        if state.notice is not None:
            notice, state.notice = state.notice, None
            components.show_notice(notice)
    run_in_frame(chosen)
    clean_up_once()
    warmup.warm_up()
