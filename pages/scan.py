"""Scan & ROIs: the editor with the slices and outlines, the L3 level, and what is measured."""

from __future__ import annotations

from typing import Any

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import components, downloads, formats, level_panel, routes, views
from pages._shared.ct_only import is_ct
from pages._shared.formats import html
from pages._shared.frame import require_study
from pages._shared.navigation import require_frame
from pages._shared.roi_editor.component import roi_editor
from pages._shared.views import StudyView

require_frame()


def numbers_line(view: StudyView) -> None:
    """The measured numbers in one line under the editor, and the way to the verdicts."""
    measures = view.body_measures
    if measures is None:
        return
    entries = (
        ("Muscle", measures.sma_cm2, "cm²"),
        ("Psoas", measures.pma_cm2, "cm²"),
        ("Psoas density", measures.pd_hu, "HU"),
        ("Muscle attenuation", measures.ma_hu, "HU"),
    )
    source = (
        f"from the outline edited by {view.require_outline().actor}" if view.edited else "measured"
    )
    words = " &nbsp;·&nbsp; ".join(
        f'<span class="hcc-quiet">{label}</span> <b class="hcc-num">'
        f"{html(formats.number(value, unit))}</b>"
        for label, value, unit in entries
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'{words} <span class="hcc-quiet">({html(source)})</span>', width="content")
        if st.button("Five definitions", icon=":material/arrow_forward:", key="to_muscle"):
            st.switch_page(routes.MUSCLE)


@st.fragment
def scan_view(study_id: Any) -> None:
    """Level and editor; reruns by itself when another slice is looked at."""
    try:
        draw_scan(views.load_view(study_id))
    except HccsurvError as error:
        components.show_error(error)


def draw_scan(view: StudyView) -> None:
    """The level on top, the editor under it, the numbers at the foot."""
    top = st.container()
    shown = roi_editor(view, views.open_store().load_regions(view.study.id))
    with top:
        level_panel.draw_level(view, _start(view) if shown is None else shown)
    numbers_line(view)


def _start(view: StudyView) -> int:
    return view.study.shape[0] // 2 if view.level is None else view.level.location.slice_index


view = require_study()
if view is not None and is_ct(view):
    try:
        scan_view(view.study.id)
        downloads.scan_downloads(view)
    except HccsurvError as error:
        components.show_error(error)
