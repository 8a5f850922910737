"""What the muscle page draws of a CT: the window in force, the legend, the chart's buttons."""

from __future__ import annotations

from collections.abc import Iterable

from hccsurv_core.imaging.windows import WINDOW_PRESETS, IntensityWindow
from hccsurv_core.report.figures.palette import STRUCTURE_COLORS, STRUCTURE_TITLES
from pages._shared.session import session

PLOT_CONFIG = {
    "displaylogo": False,
    "scrollZoom": True,
    "modeBarButtonsToRemove": ["autoScale2d", "toImage", "select2d", "zoomIn2d", "zoomOut2d"],
}


def current_window() -> IntensityWindow:
    """The window that the editor was left with, or soft tissue."""
    chosen = session().window
    return WINDOW_PRESETS["Soft tissue"] if chosen is None else IntensityWindow(*chosen)


def legend(structures: Iterable[str]) -> str:
    """The colors and names of structures (HTML)."""
    return " &nbsp; ".join(
        f'<span style="white-space:nowrap"><span class="hcc-swatch" '
        f'style="background:{STRUCTURE_COLORS[name]}"></span>{STRUCTURE_TITLES[name]}</span>'
        for name in structures
    )
