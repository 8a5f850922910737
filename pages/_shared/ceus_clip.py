"""The clip itself on the page CEUS: the editor with its regions, and what a person says about the clip."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import streamlit as st

from hccsurv_core.errors import HccsurvError, InputError
from pages._shared import components, formats
from pages._shared.session import session
from pages._shared.views import StudyView, open_store

if TYPE_CHECKING:
    from hccsurv_core.cohort.clips import StoredClip
    from pages._shared.ceus_measuring import MeasuredClip

_PANELS = {"grayscale": "Grayscale", "contrast": "Contrast"}


@st.fragment
def editor(view: StudyView, stored: StoredClip) -> None:
    """The clip, to be played and drawn on; a fragment, so that playing draws nothing else anew."""
    from pages._shared.roi_editor.component import roi_editor

    roi_editor(view, open_store().load_regions(view.study.id), stored)


def clip_chips(stored: StoredClip) -> list[str]:
    """What is known of the clip."""
    panels = stored.panels
    shown = " and ".join(
        word.lower() for name, word in _PANELS.items() if getattr(panels, name) is not None
    )
    span = stored.dynamic_range_db
    parts = [components.chip(f"{len(stored.clip)} frames"), components.chip(f"Panels: {shown}")]
    if not panels.sure:
        parts.append(components.chip("Check the panels", kind="look", sign="▲"))
    if span is None:
        parts.append(components.chip("Dynamic range not known", kind="look", sign="▲"))
    else:
        parts.append(components.chip(f"Dynamic range {span:g} dB"))
    machine = " ".join(v for v in stored.machine.values() if v)
    if machine:
        parts.append(components.chip(machine))
    return parts


def clip_settings(view: StudyView, stored: StoredClip, measured: MeasuredClip | None) -> None:
    """Panels, dynamic range, frames and peak frame, each to be corrected and undone."""
    with st.popover("Clip settings", icon=":material/tune:", key="clip_settings"):
        _ask_panels(view, stored)
        _ask_numbers(view, stored, measured)
        if stored.can_undo and st.button(
            "Undo the last change", icon=":material/undo:", key="clip_undo", type="tertiary"
        ):
            open_store().undo_clip(view.study.id, actor=session().actor)
            st.rerun()


def _ask_panels(view: StudyView, stored: StoredClip) -> None:
    panels = stored.panels
    two = panels.grayscale is not None and panels.contrast is not None
    found = f"Found by {panels.found_by}." if panels.found_by else ""
    words = "Swap grayscale and contrast" if two else "The picture shows the other one"
    st.caption(found)
    if st.button(words, icon=":material/swap_horiz:", key="clip_swap"):
        _change(view, panels=panels.swapped())


def _ask_numbers(view: StudyView, stored: StoredClip, measured: MeasuredClip | None) -> None:
    chosen = None if measured is None else measured.perfusion.peak_frame.frame
    with st.form(f"clip_numbers_{stored.revision}", border=False):
        span = st.number_input(
            "Dynamic range of the contrast picture (dB)", 10.0, 120.0, stored.dynamic_range_db,
            step=1.0, format="%g", key=f"clip_range_{stored.revision}",
            help="What the machine squeezes between black and white; it stands on the screen as DR. "
            "Without it 50 dB are taken, and intensities are off by a factor.",
        )  # fmt: skip
        injection = st.number_input(
            "Injection (s on the clip's clock)", -600.0, 600.0, stored.injection_s, step=1.0,
            format="%g", placeholder="the clip's 0 s", key=f"clip_injection_{stored.revision}",
            help="Times and phases count from here. A clip that starts 10 s after the injection has "
            "it at −10.",
        )  # fmt: skip
        frames = st.text_input(
            "Frames to leave out", frames_text(stored.excluded), placeholder="3, 10-20",
            key=f"clip_frames_{stored.revision}",
            help="Beside those that were left out because the lesion could not be found again.",
        )  # fmt: skip
        peak = st.number_input(
            "Peak frame", 0, len(stored.clip) - 1, stored.peak_frame, step=1,
            placeholder="from the curve" if chosen is None else f"from the curve: {chosen}",
            key=f"clip_peak_{stored.revision}", help="Empty: chosen from the curve.",
        )  # fmt: skip
        if st.form_submit_button("Save", type="primary", key=f"clip_save_{stored.revision}"):
            try:
                excluded = read_frames(frames, len(stored.clip))
            except InputError as error:
                components.show_error(error)
                return
            _change(
                view, dynamic_range_db=span, injection_s=injection, excluded=excluded,
                peak_frame=None if peak is None else int(peak),
            )  # fmt: skip


def _change(view: StudyView, **changes: object) -> None:
    try:
        open_store().change_clip(view.study.id, actor=session().actor, **changes)  # type: ignore[arg-type]
    except HccsurvError as error:
        components.show_error(error)
        return
    st.rerun()


def read_frames(text: str, n_frames: int) -> tuple[int, ...]:
    """Frames out of "3, 10-20".

    Raises:
        InputError: a part is no frame of the clip.
    """
    found: set[int] = set()
    for part in filter(None, (p.strip() for p in text.split(","))):
        match = re.fullmatch(r"(\d{1,6})(?:\s*[-–]\s*(\d{1,6}))?", part)
        if match is None:
            raise InputError(f"{part!r} is no frame", source="frames", remedy="write 3, 10-20")
        first = int(match[1])
        last = int(match[2] or first)
        if not first <= last < n_frames:
            raise InputError(
                f"{part} is not among frames 0 to {n_frames - 1}", source="frames",
                remedy="count from 0, as the player does",
            )  # fmt: skip
        found |= set(range(first, last + 1))
    return tuple(sorted(found))


def frames_text(frames: tuple[int, ...]) -> str:
    """As :func:`read_frames` reads it."""
    parts: list[str] = []
    start = previous = None
    for frame in (*frames, None):
        if previous is not None and frame != previous + 1:
            parts.append(f"{start}" if start == previous else f"{start}-{previous}")
            start = frame
        elif previous is None:
            start = frame
        previous = frame
    return ", ".join(parts)


def notes_of(texts: tuple[str, ...]) -> None:
    """What to check, each in a line."""
    for text in dict.fromkeys(texts):
        st.markdown(f":orange[:material/warning:] {formats.plain(formats.sentence(text))}")
