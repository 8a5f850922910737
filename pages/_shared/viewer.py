"""What the scan and muscle pages draw of a CT: pictures, legend, window controls."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from hccsurv_core.imaging.windows import WINDOW_PRESETS, IntensityWindow
from hccsurv_core.report.figures.palette import STRUCTURE_COLORS, STRUCTURE_TITLES
from pages._shared.session import session

MANUAL = "Manual"
PLOT_CONFIG = {
    "displaylogo": False,
    "scrollZoom": True,
    "modeBarButtonsToRemove": ["autoScale2d", "toImage", "select2d", "zoomIn2d", "zoomOut2d"],
}
EDIT_CONFIG = PLOT_CONFIG | {"modeBarButtonsToRemove": ["autoScale2d", "toImage"]}


def window_controls() -> IntensityWindow:
    """Preset buttons (keys 1 to 4) and manual level and width; returns the window in force."""
    state = session()
    st.html('<span class="hcc-kicker">Window</span>')
    for row in (("Soft tissue", "Liver"), ("Lung", "Bone")):
        for column, name in zip(st.columns(2, gap="xsmall"), row, strict=True):
            number = list(WINDOW_PRESETS).index(name) + 1
            column.button(
                name,
                key=f"window_{number}",
                shortcut=str(number),
                type="primary" if state.window == name else "secondary",
                width="stretch",
                on_click=_to_preset,
                args=(name,),
            )
    start = WINDOW_PRESETS.get(state.window, WINDOW_PRESETS["Soft tissue"])
    st.session_state.setdefault("window_level", int(start.center_hu))
    st.session_state.setdefault("window_width", int(start.width_hu))
    level, width = st.columns(2, gap="xsmall")
    center = level.number_input(
        "Level (HU)", -1000, 3000, step=10, key="window_level", on_change=_to_manual
    )
    span = width.number_input(
        "Width (HU)", 1, 4000, step=10, key="window_width", on_change=_to_manual
    )
    return IntensityWindow(center, span)


def _to_preset(name: str) -> None:
    session().window = name
    st.session_state["window_level"] = int(WINDOW_PRESETS[name].center_hu)
    st.session_state["window_width"] = int(WINDOW_PRESETS[name].width_hu)


def _to_manual() -> None:
    session().window = MANUAL


def current_window() -> IntensityWindow:
    """The window in force, for pages without the controls."""
    level = st.session_state.get("window_level")
    width = st.session_state.get("window_width")
    if level is None or width is None:
        return WINDOW_PRESETS["Soft tissue"]
    return IntensityWindow(level, width)


def legend(structures: Iterable[str]) -> str:
    """The colors and names of structures (HTML)."""
    return " &nbsp; ".join(
        f'<span style="white-space:nowrap"><span class="hcc-swatch" '
        f'style="background:{STRUCTURE_COLORS[name]}"></span>{STRUCTURE_TITLES[name]}</span>'
        for name in structures
    )


def structure_toggles(available: Iterable[str], key: str) -> list[str]:
    """One checkbox per structure, with its color; returns what is on."""
    shown = []
    for name in available:
        swatch, box = st.columns([1, 9], gap="xsmall", vertical_alignment="center")
        swatch.html(f'<span class="hcc-swatch" style="background:{STRUCTURE_COLORS[name]}"></span>')
        if box.checkbox(
            STRUCTURE_TITLES[name], value=not name.endswith("_fat"), key=f"{key}_{name}"
        ):
            shown.append(name)
    return shown
