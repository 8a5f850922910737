"""Scan & ROIs: the slices, the L3 level, the outlines and their first correction."""

from __future__ import annotations

from typing import Any

import streamlit as st

from hccsurv_core.errors import HccsurvError
from pages._shared import (
    components,
    correction,
    downloads,
    formats,
    level_panel,
    routes,
    viewer,
    views,
)
from pages._shared.formats import html
from pages._shared.frame import require_study
from pages._shared.navigation import require_frame
from pages._shared.session import session
from pages._shared.views import StudyView

require_frame()


state = session()
AXIAL_HEIGHT = 520
STRIP_HEIGHT = 268


def slice_controls(view: StudyView) -> int:
    """Slider and step buttons (arrow keys); returns the index of the slice on view."""
    n_slices = view.study.shape[0]
    key = f"slice_{view.study.id}"
    start = view.level.location.slice_index if view.level else n_slices // 2
    st.session_state.setdefault(key, start + 1)
    if state.go_to is not None and state.go_to[0] == view.study.id:
        st.session_state[key] = state.go_to[1] + 1
        state.go_to = None
    if n_slices == 1:
        st.caption("This scan is a single slice.")
        return 0

    def step(by: int) -> None:
        st.session_state[key] = min(n_slices, max(1, st.session_state[key] + by))

    def to_level() -> None:
        st.session_state[key] = start + 1

    slider, down, up, home = st.columns([7, 1, 1, 1], vertical_alignment="bottom", gap="xsmall")
    number = slider.slider(
        f"Slice, 1 (feet) to {n_slices} (head)", 1, n_slices, key=key, label_visibility="collapsed"
    )
    down.button(
        "Prev", key="step_down", on_click=step, args=(-1,),
        shortcut="Down", help="Previous slice, towards the feet (arrow down)", width="stretch",
    )  # fmt: skip
    up.button(
        "Next", key="step_up", on_click=step, args=(1,),
        shortcut="Up", help="Next slice, towards the head (arrow up)", width="stretch",
    )  # fmt: skip
    home.button(
        "L3", key="step_level", on_click=to_level, disabled=view.level is None, shortcut="L",
        help="Back to L3", width="stretch",
    )  # fmt: skip
    return number - 1


def axial_picture(
    view: StudyView, shown: int, window: Any, structures: list[str], opacity: float, editing: bool
) -> None:
    """The axial slice; while drawing is on, a loop on it is a correction."""
    from hccsurv_core.report.figures.ct_screen import plot_axial

    figure = plot_axial(
        views.volume_of(view.study.id),
        shown,
        window,
        segmentation=view.outline.segmentation if view.outline else None,
        structures=structures,
        fill_opacity=opacity,
        height=AXIAL_HEIGHT,
        box=views.view_box(view.study.id),
    )
    alt = f"Axial CT, slice {shown + 1}, with the outlines that are switched on"
    if not editing:
        st.plotly_chart(figure, theme=None, key="axial", config=viewer.PLOT_CONFIG, alt=alt)
        return
    figure.update_layout(dragmode="lasso", newselection={"line": {"color": "#FFFFFF", "width": 2}})
    event = st.plotly_chart(
        figure,
        theme=None,
        key=f"axial_edit_{view.study.id}_{shown}_{state.chart_round}",
        config=viewer.EDIT_CONFIG,
        on_select="rerun",
        selection_mode=("lasso", "box"),
        alt=alt,
    )
    correction.apply_drawing(view, event["selection"], shown)


def strips(view: StudyView, shown: int, window: Any) -> None:
    """Sagittal and coronal planes along the spine, with the level and the vertebra names."""
    from hccsurv_core.report.figures.ct_screen import plot_strip

    for plane in ("sagittal", "coronal"):
        figure = plot_strip(
            views.volume_of(view.study.id),
            plane,
            window,
            location=view.level.location if view.level else None,
            slice_index=shown,
            height=STRIP_HEIGHT,
            box=views.view_box(view.study.id),
        )
        with st.container(key=f"picture_{plane}"):
            st.plotly_chart(
                figure,
                theme=None,
                key=f"strip_{plane}",
                config={"displayModeBar": False},
                alt=f"{plane.capitalize()} CT along the spine with the L3 line",
            )


def numbers_line(view: StudyView) -> None:
    """The measured numbers in one line under the picture, and the way to the verdicts."""
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
    """Tools, pictures and level; reruns by itself when a slice or window changes."""
    try:
        draw_scan(views.load_view(study_id))
    except HccsurvError as error:
        components.show_error(error)


def draw_scan(view: StudyView) -> None:
    """The level on top; tools left, the axial picture in the middle, the spine right."""
    top = st.container()
    with st.container(key="scan_layout"):
        tools, middle, right = st.columns([1.05, 3.1, 1.35], gap="small")
        with tools:
            window = viewer.window_controls()
            st.html('<span class="hcc-kicker">Outlines</span>')
            available = list(view.outline.segmentation.masks) if view.outline else []
            shown_structures = viewer.structure_toggles(available, "show")
            opacity = st.slider("Fill", 0, 100, 22, step=2, format="%d%%", key="fill_opacity")
            editing = correction.correction_toggle(view)
        with middle:
            shown = slice_controls(view)
            if editing or view.edited:
                correction.correction_row(view, editing)
            with st.container(key="picture_axial"):
                axial_picture(view, shown, window, shown_structures, opacity / 100, editing)
        with right:
            strips(view, shown, window)
            keys_popover()
    with top:
        level_panel.draw_level(view, shown)
    numbers_line(view)


def keys_popover() -> None:
    """What the keyboard does."""
    with st.popover("Keys", icon=":material/keyboard:", type="tertiary", key="keys_help"):
        st.markdown(
            "| key | does |\n|---|---|\n| ↑ ↓ | next, previous slice |\n| L | back to L3 |\n"
            "| 1 2 3 4 | soft tissue, liver, lung, bone window |\n| Ctrl+Z | undo a correction |\n"
            "| wheel | zoom the picture; double click resets |"
        )


view = require_study()
if view is not None:
    try:
        scan_view(view.study.id)
        downloads.scan_downloads(view)
    except HccsurvError as error:
        components.show_error(error)
