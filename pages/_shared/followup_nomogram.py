"""The answering model as a nomogram: the clinical score and the radiology score, points, survival."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components
from pages._shared.figures import show_figure
from pages._shared.followup_answer import manifest_of
from pages._shared.treatment_words import simulated_mark

if TYPE_CHECKING:
    from pages._shared.followup_answer import Answered
    from pages._shared.views import StudyView


def nomogram_block(view: StudyView, found: Answered) -> None:
    """The nomogram with the patient on it, to be printed, too."""
    from hccsurv_core.report.figures.followup_charts import version_nomogram_chart
    from hccsurv_core.systems.immunotherapy.nomogram import version_nomogram

    try:
        nomogram = version_nomogram(found.model, found.answer.version)
    except HccsurvError as error:
        components.show_error(error)
        return
    chart = version_nomogram_chart(nomogram, found.answer.main)
    with st.container(key="nomogram_followup"):
        show_figure(
            chart, manifest_of(view, found, chart.title), "followup_nomogram",
            mark=simulated_mark(found.simulated),
        )  # fmt: skip
