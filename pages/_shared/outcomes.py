"""What happens when long work ends: where to go, what to say."""

from __future__ import annotations

import streamlit as st

from pages._shared import formats, routes
from pages._shared.ceus_measuring import ClipJob, keep_clip
from pages._shared.evaluation_work import KIND as EVALUATION_KIND
from pages._shared.followup_measuring import FollowupJob, keep_followup
from pages._shared.importing import Imported
from pages._shared.jobs import Job
from pages._shared.muscle_prediction import PredictionJob, keep_prediction
from pages._shared.session import session
from pages._shared.train_cohorts import COHORT_KIND
from pages._shared.train_store import STORE_KIND
from pages._shared.uploads import drop_draft


def take_up(job: Job, current_page: str) -> None:
    """React to a job that has ended; may switch the page.

    Args:
        job: the ended job.
        current_page: where the user is now; only who still waits on the job's page is moved.
    """
    state = session()
    if isinstance(job, PredictionJob):
        keep_prediction(state, job)
        return
    if isinstance(job, ClipJob):
        keep_clip(state, job)
        return
    if isinstance(job, FollowupJob):
        keep_followup(state, job)
        return
    if job.state == "failed" and job.error is not None:
        if job.kind == "inspect" and state.draft is not None:
            state.draft.error = formats.error_text(job.error)
        else:
            state.notice = ("error", formats.error_text(job.error))
        return
    if job.state == "cancelled":
        if job.kind == "inspect":
            drop_draft(state)
        state.notice = ("info", f"{job.title} was cancelled. Nothing was stored.")
        return
    if job.kind == "measure" and job.result is not None:
        state.go_to = job.result
        state.go_round += 1
    if job.kind == COHORT_KIND and job.result is not None:
        state.training_cohort = job.result
        state.notice = (
            "success",
            f"The cohort “{formats.plain(job.result)}” is ready to train on.",
        )
    if job.kind == STORE_KIND:
        state.training_store = job.result
    if job.kind == EVALUATION_KIND:
        state.evaluation = job.result
        if current_page != job.page:
            state.notice = ("success", "The evaluation is ready: see Model evaluation.")
    if isinstance(job.result, Imported):
        _open_imported(job, job.result, current_page)


def _open_imported(job: Job, imported: Imported, current_page: str) -> None:
    state = session()
    if job.kind == "import":
        drop_draft(state)
    if imported.problem is not None:
        state.notice = (
            "warning",
            "The scan is stored, but it was not measured by itself. "
            + formats.error_text(imported.problem),
        )
    elif job.kind == "import":
        took = formats.duration(job.elapsed_s)
        state.notice = ("success", f"{imported.told} in {took}.")
    if current_page in (job.page, routes.WORKLIST):
        state.study_id = imported.study_id
        st.switch_page(imported.page)
    else:
        state.notice = ("success", "The scan is ready: open it from the worklist.")
