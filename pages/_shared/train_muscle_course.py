"""System 1: folds and losses of a training that has not ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages._shared import train_words as words
from pages._shared.figures import show_plain

if TYPE_CHECKING:
    from hccsurv_core.systems.training_course import CourseSoFar
    from hccsurv_core.systems.training_runs import TrainingRun


def show_course(run: TrainingRun) -> None:
    """Folds and losses so far."""
    course = read_course_of(run)
    if not course.folds and not course.histories:
        if run.state in ("queued", "running"):
            st.html(
                f'<span class="hcc-quiet">{words.losses_words(run.state, has_folds=False)}</span>'
            )
        return
    simulated = bool(run.request.options.get("simulated"))
    if course.folds:
        from hccsurv_core.report.figures.training_charts import fold_chart

        show_plain(fold_chart(course.folds, simulated=simulated), f"folds_{run.id}")
    if course.histories:
        from hccsurv_core.report.figures.model_charts import training_panels

        show_plain(training_panels(course.histories, simulated=simulated), f"losses_{run.id}")
    else:
        st.html(f'<span class="hcc-quiet">{words.losses_words(run.state, has_folds=True)}</span>')


def read_course_of(run: TrainingRun) -> CourseSoFar:
    """What the run has noted so far."""
    from hccsurv_core.systems.training_course import read_course
    from hccsurv_core.systems.training_record import WORK

    return read_course(run.folder / WORK)
