"""Where L3 is, how sure that is, and the buttons that confirm or move it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from hccsurv_core.progress import Progress
from hccsurv_core.roi.results import L3Location
from pages._shared import formats, job_strip, measuring, routes
from pages._shared.formats import html
from pages._shared.jobs import Job
from pages._shared.session import session
from pages._shared.views import StudyView


def remeasure_at(view: StudyView, **move: Any) -> None:
    """Move the level and measure there; short work ends within the click."""
    state = session()
    study_id, actor, backend = view.study.id, state.actor, state.backend

    def work(progress: Progress) -> tuple[Any, int]:
        location = measuring.moved_level(study_id, **move)
        measuring.measure_study(
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
    measuring.confirm_level(view.study.id, actor=session().actor)
    st.rerun()


def draw_level(view: StudyView, shown: int) -> None:
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
    # A place of its own, so that the buttons below stay where they are when it goes.
    with st.container():
        if view.level_needs_a_look:
            reasons = " ".join(formats.plain(text) for text in view.level_reasons)
            st.warning(
                f"**Is this L3?** The evidence gives {location.confidence:.0%}. {reasons} Look at "
                "the sagittal view, then confirm the level or move it.",
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
        moves: tuple[tuple[str, str, dict[str, int], str], ...] = (
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


def level_words(location: L3Location, level_state: str, who: str) -> str:
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


def evidence_popover(location: L3Location) -> None:
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
