"""hccsurv's dashboard: `streamlit run app.py`.

Only the frame is here. The first page imports nothing heavy; what the others
need is imported in the background once it is out.

The pages lie in `app_pages/`, not `pages/`: beside a folder of that name Streamlit
1.67 runs a page that is opened first by its address without this file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from app_pages._shared import components, job_strip, outcomes, routes, warmup  # noqa: E402
from app_pages._shared.frame import ASSETS, draw_frame  # noqa: E402
from app_pages._shared.session import session  # noqa: E402
from app_pages._shared.uploads import remove_stale_uploads  # noqa: E402


@st.cache_resource(show_spinner=False)
def clean_up_once() -> int:
    """Once per server: remove what lost sessions left behind."""
    return remove_stale_uploads()


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
        routes.EVIDENCE: st.Page(
            routes.EVIDENCE, title="Evidence & limits", icon=":material/menu_book:"
        ),
        routes.SETTINGS: st.Page(routes.SETTINGS, title="Settings", icon=":material/settings:"),
    }
    groups = {
        "Patient": [pages[p] for p in (routes.WORKLIST, routes.UPLOAD, routes.SCAN, routes.MUSCLE)],
        "About": [pages[p] for p in (routes.EVIDENCE, routes.SETTINGS)],
    }
    return st.navigation(groups, expanded=True), pages


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
chosen.run()
clean_up_once()
warmup.warm_up()
