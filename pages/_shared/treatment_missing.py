"""What keeps the page Treatment from an answer, or from a better one, and where to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages._shared import components, formats, routes
from pages._shared.clinical_values import values_form
from pages._shared.treatment_answer import Answered, NotAnswered

if TYPE_CHECKING:
    from pages._shared.views import StudyView


def no_answer(found: NotAnswered) -> None:
    """Why there is none at all."""
    if found.why == "no_model":
        components.empty_state(
            "No model answers this question yet",
            "A model of system 2 tells what hepatectomy and TACE would each be expected to bring. "
            "Train one on your own patients and publish it, or activate one in the model library.",
            routes.MODEL_LIBRARY,
            "Open the model library",
        )
    elif found.why == "model" and found.error is not None:
        st.error(
            f"**The active model cannot be used.** {formats.error_text(found.error)}",
            icon=":material/gpp_bad:",
        )
        if st.button("Open the model library", key="treatment_to_library"):
            st.switch_page(routes.MODEL_LIBRARY)
    elif found.error is not None:
        st.error(
            f"**A clinical value cannot be used.** {formats.error_text(found.error)}",
            icon=":material/error:",
        )


def real_patient_warning() -> None:
    """A model of simulated patients is asked about a real one."""
    st.warning(
        "**Do not use this answer for this patient.** The model learned from patients drawn by a "
        "computer. It shows how this page works until a model of your own patients is published.",
        icon=":material/science:",
    )


def missing_values(view: StudyView, found: Answered) -> None:
    """Which values the models need and do not have, with their form right there."""
    from hccsurv_core.cohort.clinical_values import BY_NAME
    from hccsurv_core.systems.treatment.trial import values_to_ask

    asked = values_to_ask(found.model.covariates, found.profile)
    if not asked:
        return
    labels = [BY_NAME[name].label if name in BY_NAME else "Age" for name in asked]
    with st.container(border=True, key="treatment_missing"):
        st.markdown(
            f":material/edit: **Not known, and needed: {formats.plain(', '.join(labels))}.** The "
            "models take a typical value instead, stages and rules stay open."
        )
        if "age_years" in asked:
            st.caption("The age is entered at the top, beside the patient's name.")
        names = tuple(name for name in asked if name in BY_NAME)
        if names:
            values_form(view, names, "treatment_ask")


def images_line(found: Answered) -> None:
    """Why images were not used, where the model could."""
    signs = found.signs
    if signs is None or found.answer.version != "clinical":
        if signs is not None:
            for text in (*signs.scan.notes, *signs.warnings):
                st.markdown(f":orange[:material/warning:] {formats.plain(formats.sentence(text))}")
        return
    if signs.problem is not None:
        why = formats.error_text(signs.problem)
    elif signs.scan.lacking:
        why = f"There is {formats.plain(' and '.join(signs.scan.lacking))}."
    else:
        why = "Too few signs of the lesion could be measured."
    left, right = st.columns([5, 1.1], vertical_alignment="center")
    left.info(
        f"**Answered from clinical values alone.** {why} Outline “Lesion” and “Liver” in both "
        "phases, and the signs of the lesion count as well.",
        icon=":material/draw:",
    )
    if right.button("Go to Scan & ROIs", key="treatment_to_scan", width="stretch"):
        st.switch_page(routes.SCAN)
