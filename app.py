"""hccsurv's dashboard: `streamlit run app.py`.

Only the frame is here. The first page imports nothing heavy; what the others
need is imported in the background once it is out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from pages._shared import components, job_strip, outcomes, warmup  # noqa: E402
from pages._shared.frame import ASSETS, draw_frame  # noqa: E402
from pages._shared.navigation import build_navigation, run_in_frame  # noqa: E402
from pages._shared.session import session  # noqa: E402
from pages._shared.uploads import remove_stale_uploads  # noqa: E402


@st.cache_resource(show_spinner=False)
def clean_up_once() -> int:
    """Once per server: remove what lost sessions left behind."""
    return remove_stale_uploads()


st.set_page_config(
    page_title="hccsurv",
    page_icon=str(ASSETS / "icon.svg"),
    layout="wide",
    initial_sidebar_state=216,
)
chosen, all_pages = build_navigation()
draw_frame()
current = next(path for path, page in all_pages.items() if page == chosen)
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
