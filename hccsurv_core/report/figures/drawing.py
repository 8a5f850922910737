"""Any figure of an evaluation, drawn by what it is: on the screen, and for print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hccsurv_core.report.figures.chart import Chart
from hccsurv_core.report.figures.forest import (
    Forest,
    draw_forest_for_print,
    draw_forest_on_screen,
)
from hccsurv_core.report.figures.heat_map import (
    HeatMap,
    draw_heat_map_for_print,
    draw_heat_map_on_screen,
)
from hccsurv_core.report.figures.nomogram_parts import NomogramChart
from hccsurv_core.report.figures.panels import Panels
from hccsurv_core.report.figures.patient_strips import (
    PatientStrips,
    draw_strips_for_print,
    draw_strips_on_screen,
)
from hccsurv_core.report.figures.scatter_charts import (
    Cloud,
    draw_cloud_for_print,
    draw_cloud_on_screen,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure as PrintFigure
    from plotly.graph_objects import Figure

#: What a figure can be. Each has a ``title``, a ``caption`` and ``to_frame()``.
AnyFigure = Chart | Panels | Forest | HeatMap | Cloud | NomogramChart | PatientStrips


def draw_figure_on_screen(figure: AnyFigure, *, ink: str | None = None) -> Figure:
    """Draw with Plotly.

    Args:
        ink: color of text; default the theme's.
    """
    if isinstance(figure, Panels):
        from hccsurv_core.report.figures.panels_screen import draw_panels_on_screen

        return draw_panels_on_screen(figure, ink=ink)
    if isinstance(figure, Forest):
        return draw_forest_on_screen(figure, ink=ink)
    if isinstance(figure, HeatMap):
        return draw_heat_map_on_screen(figure, ink=ink)
    if isinstance(figure, Cloud):
        return draw_cloud_on_screen(figure, ink=ink)
    if isinstance(figure, PatientStrips):
        return draw_strips_on_screen(figure, ink=ink)
    if isinstance(figure, NomogramChart):
        from hccsurv_core.report.figures.nomogram_screen import draw_nomogram_on_screen

        return draw_nomogram_on_screen(figure, ink=ink)
    from hccsurv_core.report.figures.chart_screen import draw_on_screen

    return draw_on_screen(figure, ink=ink)


def draw_figure_for_print(figure: AnyFigure, *, captions: Sequence[str] = ()) -> PrintFigure:
    """Draw with Matplotlib, on white, with its caption under it.

    Args:
        captions: more lines (settings, versions).
    """
    if isinstance(figure, Panels):
        from hccsurv_core.report.figures.panels_print import draw_panels_for_print

        return draw_panels_for_print(figure, captions=captions)
    if isinstance(figure, Forest):
        return draw_forest_for_print(figure, captions=captions)
    if isinstance(figure, HeatMap):
        return draw_heat_map_for_print(figure, captions=captions)
    if isinstance(figure, Cloud):
        return draw_cloud_for_print(figure, captions=captions)
    if isinstance(figure, PatientStrips):
        return draw_strips_for_print(figure, captions=captions)
    if isinstance(figure, NomogramChart):
        from hccsurv_core.report.figures.nomogram_print import draw_nomograms_for_print

        return draw_nomograms_for_print([figure], captions=captions)
    from hccsurv_core.report.figures.chart_print import draw_for_print

    return draw_for_print(figure, captions=captions)
