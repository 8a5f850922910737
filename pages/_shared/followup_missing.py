"""What keeps the page Follow-up from an answer, or from a better one, and where to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, formats, routes
from pages._shared.followup_measuring import NotMeasured, forget_measurement

if TYPE_CHECKING:
    from pages._shared.followup_measuring import Measured


def no_scan(error: HccsurvError) -> None:
    """No CT that could be a baseline."""
    st.info(f"**{formats.sentence(error.what)}** {formats.plain(formats.sentence(error.remedy or ''))}",
            icon=":material/radiology:")  # fmt: skip
    if st.button("Go to the worklist", key=f"go_{routes.WORKLIST}"):
        st.switch_page(routes.WORKLIST)


def no_model() -> None:
    """Nobody activated a model."""
    components.empty_state(
        "No model of survival under immunotherapy is active",
        "Slices, lesions, response and growth need none. Train one on your own patients on the page Train "
        "and publish it, or activate one in the model library.",
        routes.MODEL_LIBRARY,
        "Open the model library",
    )


def model_problem(error: HccsurvError) -> None:
    """The active model cannot be used."""
    st.error(
        f"**The active model cannot be used.** {formats.error_text(error)}",
        icon=":material/gpp_bad:",
    )
    if st.button("Open the model library", key="followup_to_library"):
        st.switch_page(routes.MODEL_LIBRARY)


def not_measured(found: NotMeasured) -> None:
    """Why there is nothing measured yet, and what to do."""
    if found.running:
        st.info(
            "Both scans are being prepared: organs that nobody outlined are outlined, slices are chosen.",
            icon=":material/hourglass_top:",
        )
        return
    text = "The measurement was cancelled."
    if found.error is not None:
        text = formats.error_text(found.error)
    st.warning(text, icon=":material/error:")
    if st.button("Measure again", key="followup_again", icon=":material/replay:"):
        forget_measurement()
        st.rerun()


def lesions_line(measured: Measured) -> None:
    """No lesion is outlined, at baseline or at follow-up: what to do."""
    patient = measured.patient
    if not patient.has_lesions:
        text = (
            "**No lesion is outlined at baseline.** Outline each lesion in both scans on Scan & ROIs, or grow "
            "it from a click, under the same name (“Lesion 1”) at both times. Until then the slices show the "
            "organs at their largest, and only the clinical score answers."
        )
    elif patient.examinations.has_followup and not patient.read:
        text = (
            "**No lesion is outlined at follow-up.** Open the follow-up scan and outline each lesion under the "
            "name that it has at baseline; or say below that all are gone."
        )
    else:
        return
    left, right = st.columns([5, 1.1], vertical_alignment="center")
    left.info(text, icon=":material/draw:")
    if right.button("Go to Scan & ROIs", key="followup_to_scan", width="stretch"):
        st.switch_page(routes.SCAN)


def notes_of(measured: Measured) -> None:
    """What a reader should know of the scans."""
    told = [n for n in measured.patient.notes if not n.startswith("No lesion is outlined")]
    for text in told:
        st.html(
            f'<p class="hcc-quiet" style="margin:0" data-testid="followup_note">'
            f'<i class="hcc-sign look" aria-hidden="true">▲</i> {formats.html(text)}</p>'
        )
