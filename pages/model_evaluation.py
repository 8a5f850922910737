"""Model evaluation: how a model does on patients it has not seen, against what else there is."""

from __future__ import annotations

from functools import partial

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, job_strip
from pages._shared.evaluation_choice import choose_model, choose_patients, show_choice
from pages._shared.evaluation_systems import SYSTEMS
from pages._shared.evaluation_work import evaluation_job
from pages._shared.navigation import require_frame
from pages._shared.session import session

require_frame()


def ask() -> None:
    """Which model, on whom, and the button."""
    state = session()
    judged = choose_model()
    if judged is None:
        return
    system = SYSTEMS[judged.system]
    chosen = choose_patients(judged, system.ways, system.own_patients)
    if chosen is None:
        return
    patients, own = chosen
    wish = system.ask_wish(judged, patients, own)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        show_choice(patients)
        st.space("stretch")
        busy = state.job is not None and state.job.active
        if st.button(
            "Evaluate", type="primary", icon=":material/monitoring:", key="evaluate_go",
            disabled=busy,
        ):  # fmt: skip
            state.evaluation = None
            job = evaluation_job(judged, partial(system.evaluate, wish))
            job_strip.start_job(job, wait_s=1.0)
            st.rerun()


components.page_title("Model evaluation")
try:
    done = session().evaluation
    if done is None:
        with st.container(border=True, key="card_evaluate"):
            ask()
    else:
        with st.expander(
            "Another model, other patients", icon=":material/tune:", key="evaluate_again"
        ):
            ask()
    if session().evaluation is not None:
        SYSTEMS[session().evaluation.system].show(session().evaluation)
except HccsurvError as error:
    components.show_error(error)
