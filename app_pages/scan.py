"""Scan & ROIs: the slices, the L3 level, the outlines and their first correction."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app_pages._shared import components, downloads, formats, job_strip, routes, services, viewer
from app_pages._shared.formats import html
from app_pages._shared.frame import require_study
from app_pages._shared.jobs import Job
from app_pages._shared.services import StudyView
from app_pages._shared.session import session
from hccsurv_core.errors import HccsurvError
from hccsurv_core.report.figures.palette import STRUCTURE_TITLES
from hccsurv_core.roi.results import STRUCTURES

state = session()
AXIAL_HEIGHT = 520
STRIP_HEIGHT = 268


# --- level ----------------------------------------------------------------------------------


def remeasure_at(view: StudyView, **move: Any) -> None:
    """Move the level and measure there; short work ends within the click."""
    study_id, actor, backend = view.study.id, state.actor, state.backend

    def work(progress):
        location = services.moved_level(study_id, **move)
        services.measure_study(
            study_id,
            location=location,
            level_state="moved",
            backend=backend,
            actor=actor,
            progress=progress,
        )
        return study_id, location.slice_index

    job = Job("Measuring at the new level", work, kind="measure", page=routes.SCAN)
    job_strip.start_job(job, wait_s=job_strip.QUICK_S)
    st.rerun()


def confirm(view: StudyView) -> None:
    """A person agrees with the level."""
    services.confirm_level(view.study.id, actor=state.actor)
    st.rerun()


def level_panel(view: StudyView, shown: int) -> None:
    """Where L3 is, how sure that is, and the buttons that confirm or move it."""
    if view.level is None:
        st.warning(
            "**There is no L3 level yet.** Scroll to the middle of L3 — the sagittal view helps — "
            "and press “L3 is the slice on view”.",
            icon=":material/warning:",
        )
        if st.button("L3 is the slice on view", type="primary", key="level_here"):
            remeasure_at(view, to=shown)
        return
    location, level_state, who, _ = view.level
    if view.level_needs_a_look:
        reasons = " ".join(formats.plain(text) for text in view.level_reasons)
        st.warning(
            f"**Is this L3?** The evidence gives {location.confidence:.0%}. {reasons} Look at the "
            "sagittal view, then confirm the level or move it.",
            icon=":material/warning:",
        )
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="level_row"):
        st.html(level_words(location, level_state, who), width="content")
        if level_state == "automatic" and st.button(
            "Confirm L3",
            key="level_confirm",
            type="primary",
            icon=":material/check:",
        ):
            confirm(view)
        single = view.study.shape[0] == 1
        moves = (
            ("Vertebra", ":material/keyboard_double_arrow_up:", {"vertebrae": 1}, "vertebra_up"),
            (
                "Vertebra",
                ":material/keyboard_double_arrow_down:",
                {"vertebrae": -1},
                "vertebra_down",
            ),
            ("Slice", ":material/keyboard_arrow_up:", {"slices": 1}, "slice_up"),
            ("Slice", ":material/keyboard_arrow_down:", {"slices": -1}, "slice_down"),
        )
        for label, icon, move, key in moves:
            way = "up (towards the head)" if key.endswith("up") else "down (towards the feet)"
            if not single and st.button(
                label,
                icon=icon,
                key=f"level_{key}",
                help=f"Move the level one {label.lower()} {way}",
            ):
                remeasure_at(view, **move)
        if (
            not single
            and shown != location.slice_index
            and st.button(
                f"L3 is slice {shown + 1}", key="level_here", icon=":material/my_location:"
            )
        ):
            remeasure_at(view, to=shown)
        evidence_popover(location)


def level_words(location: Any, level_state: str, who: str) -> str:
    """The level in words (HTML)."""
    sure = (
        f"confidence {location.confidence:.0%}"
        if level_state == "automatic"
        else f"{formats.STEP_NAMES[level_state]} by {html(who)}"
    )
    return (
        f"<span><b>L3 · slice {location.slice_index + 1}</b> "
        f'<span class="hcc-quiet">{location.position_mm:.0f} mm · {sure}</span></span>'
    )


def evidence_popover(location: Any) -> None:
    """What the level rests on."""
    with st.popover("Evidence", icon=":material/fact_check:", type="tertiary"):
        st.markdown("**What the level rests on**")
        for text in location.evidence or ("A person chose this slice.",):
            st.markdown(f"- {formats.plain(text)}")
        for text in location.warnings:
            st.markdown(f"- :orange[Check:] {formats.plain(text)}")
        others = {k: p for k, p in location.alternatives.items() if k and p >= 0.005}
        if others:
            st.markdown("**Other readings**")
            for shift, probability in sorted(others.items(), key=lambda item: -item[1]):
                way = "above" if int(shift) > 0 else "below"
                count = formats.plural(abs(int(shift)), "vertebra", "vertebrae")
                st.markdown(f"- L3 is {count} {way} the marked one: {probability:.0%}")


# --- correction -----------------------------------------------------------------------------


def correction_toggle(view: StudyView) -> bool:
    """The switch of the manual correction; returns True while drawing is on."""
    st.html('<span class="hcc-kicker">Correct</span>')
    if view.outline is None:
        st.caption("There is no outline to correct yet.")
        return False
    return st.toggle(
        "Draw on the picture",
        key="edit_on",
        help="Draw a loop round a region to add it to a structure or remove it. "
        "Only pixels of the tissue's attenuation are added.",
    )


def correction_row(view: StudyView, editing: bool) -> None:
    """What a loop does, undo and reset, right above the picture."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="edit_row"):
        if editing:
            st.selectbox(
                "Structure",
                STRUCTURES,
                format_func=STRUCTURE_TITLES.get,
                key="edit_structure",
                label_visibility="collapsed",
                width=185,
            )
            st.segmented_control(
                "What the loop does",
                ["add", "remove"],
                default="add",
                required=True,
                format_func=str.capitalize,
                key="edit_action",
                label_visibility="collapsed",
            )
        if st.button(
            "Undo",
            key="edit_undo",
            shortcut="Mod+Z",
            icon=":material/undo:",
            disabled=not (view.outline.can_undo and view.edited),
        ):
            services.undo_correction(view.study.id, actor=state.actor)
            after_edit("The last correction was undone.")
        if st.button(
            "Reset",
            key="edit_reset",
            disabled=not view.edited,
            help="Back to the automatic outline at this level",
        ):
            reset_outline(view)


def reset_outline(view: StudyView) -> None:
    """Outline anew at the same level."""
    study_id, actor, backend = view.study.id, state.actor, state.backend
    location, level_state, *_ = view.level
    job = Job(
        "Outlining again",
        lambda progress: services.measure_study(
            study_id,
            location=location,
            level_state=level_state,
            backend=backend,
            actor=actor,
            progress=progress,
        ),
        kind="measure",
        page=routes.SCAN,
    )
    job_strip.start_job(job, wait_s=job_strip.QUICK_S)
    after_edit("Back to the automatic outline.")


def after_edit(message: str) -> None:
    """Forget what was drawn, say what happened, draw everything anew."""
    state.chart_round += 1
    state.notice = ("success", message)
    st.rerun()


def apply_drawing(view: StudyView, selection: Any, shown: int) -> None:
    """Turn what was drawn into a correction."""
    shape = view.study.shape[1:]
    region = services.lasso_region(selection, shape)
    if region is None:
        return
    structure = st.session_state["edit_structure"]
    action = st.session_state["edit_action"]
    try:
        outcome = services.correct_outline(
            view.study.id, structure, region, action=action, slice_index=shown, actor=state.actor
        )
    except HccsurvError as error:
        state.chart_round += 1
        state.notice = ("warning", formats.error_text(error))
        st.rerun()
        return
    verb = "added to" if action == "add" else "removed from"
    left_out = (
        f" {outcome.n_outside_hu} drawn pixels of other attenuation were left out."
        if outcome.n_outside_hu
        else ""
    )
    after_edit(
        f"{outcome.n_changed} pixels {verb} {STRUCTURE_TITLES[structure].lower()}.{left_out}"
    )


# --- pictures -------------------------------------------------------------------------------


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
        services.volume_of(view.study.id),
        shown,
        window,
        segmentation=view.outline.segmentation if view.outline else None,
        structures=structures,
        fill_opacity=opacity,
        height=AXIAL_HEIGHT,
        box=services.view_box(view.study.id),
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
    apply_drawing(view, event["selection"], shown)


def strips(view: StudyView, shown: int, window: Any) -> None:
    """Sagittal and coronal planes along the spine, with the level and the vertebra names."""
    from hccsurv_core.report.figures.ct_screen import plot_strip

    for plane in ("sagittal", "coronal"):
        figure = plot_strip(
            services.volume_of(view.study.id),
            plane,
            window,
            location=view.level.location if view.level else None,
            slice_index=shown,
            height=STRIP_HEIGHT,
            box=services.view_box(view.study.id),
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
    source = f"from the outline edited by {view.outline.actor}" if view.edited else "measured"
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
        draw_scan(services.load_view(study_id))
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
            editing = correction_toggle(view)
        with middle:
            shown = slice_controls(view)
            if editing or view.edited:
                correction_row(view, editing)
            with st.container(key="picture_axial"):
                axial_picture(view, shown, window, shown_structures, opacity / 100, editing)
        with right:
            strips(view, shown, window)
            keys_popover()
    with top:
        level_panel(view, shown)
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
